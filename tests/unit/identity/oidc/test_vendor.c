/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which provider it is, and what is said about a file for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "identity/oidc/vendor.h"

static void providers_are_told_by_their_addresses(void **state)
{
	static const struct {
		const char *issuer, *token_endpoint, *jwks_uri, *name; /* NULL: none */
	} cases[] = {
		{ "https://accounts.google.com", NULL, NULL, "Google" },
		{ "https://login.microsoftonline.com/0a1b/v2.0", NULL, NULL, "Microsoft Entra ID" },
		{ "https://sts.windows.net/0a1b/", NULL, NULL, "Microsoft Entra ID" },
		{ "https://fs.example.org/adfs", NULL, NULL, "AD FS" },
		{ "https://example.okta.com/oauth2/default", NULL, NULL, "Okta" },
		{ "https://login.example.org/oauth2/aus1",
		  "https://login.example.org/oauth2/aus1/v1/token",
		  "https://login.example.org/oauth2/aus1/v1/keys", "Okta" },
		{ "https://sso.example.org/realms/corp", NULL, NULL, "Keycloak" },
		{ "https://sso.example.org/auth/realms/corp", NULL, NULL, "Keycloak" },
		{ "https://auth.example.org/application/o/sallyport/", NULL, NULL, "authentik" },
		{ "https://auth.example.org/", "https://auth.example.org/application/o/token/",
		  "https://auth.example.org/x", "authentik" },
		{ "https://corp-1a2b.zitadel.cloud", NULL, NULL, "Zitadel" },
		{ "https://id.example.org", "https://id.example.org/oauth/v2/token",
		  "https://id.example.org/oauth/v2/keys", "Zitadel" },
		{ "https://gitlab.com", NULL, NULL, "GitLab" },
		{ "https://git.example.org", "https://git.example.org/oauth/token",
		  "https://git.example.org/oauth/discovery/keys", "GitLab" },
		{ "https://example.org/dex", NULL, NULL, "Dex" },
		{ "https://dex.example.org", "https://dex.example.org/token",
		  "https://dex.example.org/keys", "Dex" },
		{ "https://dex.example.org", "https://dex.example.org/token",
		  "https://keys.example.org/keys", NULL },
		{ "https://okta.com.example.org", NULL, NULL, NULL },
		{ "https://login.example.org", "https://login.example.org/token",
		  "https://login.example.org/jwks", NULL },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		const struct sp_discovery discovery = { .token_endpoint =
								(char *)cases[i].token_endpoint,
							.jwks_uri = (char *)cases[i].jwks_uri };
		const struct sp_vendor *vendor =
			sp_vendor_recognise(cases[i].issuer, cases[i].jwks_uri ? &discovery : NULL);

		if (strcmp(vendor ? vendor->name : "", cases[i].name ? cases[i].name : "") != 0)
			fail_msg("%s is %s", cases[i].issuer, vendor ? vendor->name : "none");
	}
}

static void collect(void *arg, const char *text)
{
	char *all = arg;

	strncat(all, text, 2000 - strlen(all));
	strcat(all, "\n");
}

static void files_that_will_not_do_are_told(void **state)
{
	static const struct {
		const char *file, *scopes; /* of the discovery document */
		const char *said[3], *unsaid;
	} cases[] = {
		{ "issuer: https://accounts.google.com\n",
		  NULL,
		  { "\"groups\" is none of Google's; write scopes: [profile, email]",
		    "\"offline_access\" is none of Google's", "groups-claim: email, and roles" },
		  "\"profile\" is none" },
		{ "issuer: https://accounts.google.com\nscopes: [profile, email]\ngroups-claim: "
		  "hd\n",
		  NULL,
		  { NULL },
		  "" },
		{ "issuer: https://login.microsoftonline.com/common/v2.0\nclient-secret-file: "
		  "corp.secret\n",
		  NULL,
		  { "TENANT-ID/v2.0", "AADSTS700025",
		    "\"groups\" is none of Microsoft Entra ID's" },
		  NULL },
		{ "issuer: https://login.microsoftonline.com/0a1b/v2.0\nscopes: [profile, email, "
		  "offline_access]\n",
		  NULL,
		  { NULL },
		  "" },
		{ "issuer: https://sso.example.org/realms/corp\n",
		  " openid profile email offline_access ",
		  { "does not list \"groups\"" },
		  "\"profile\"" },
		{ "issuer: https://sso.example.org/realms/corp\n",
		  " openid profile groups offline_access ",
		  { NULL },
		  "" },
		{ "issuer: https://auth.example.org/application/o/gate\nscopes: [profile]\n",
		  NULL,
		  { "ends in a slash" },
		  NULL },
		{ "issuer: https://corp.zitadel.cloud\n",
		  NULL,
		  { "urn:zitadel:iam:org:project:roles" },
		  NULL },
		{ "issuer: https://login.example.org\n", NULL, { NULL }, "" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		const struct sp_discovery discovery = { .device_endpoint =
								(char *)"https://x/device",
							.jwks_uri = (char *)"https://x/j",
							.token_endpoint = (char *)"https://x/t",
							.scopes = (char *)cases[i].scopes };
		__sp_cleanup(sp_idp_freep) struct sp_idp *idp = NULL;
		struct sp_diagnostics diagnostics = { 0 };
		char text[300], said[2048] = "";

		snprintf(text, sizeof(text), "type: oidc\nclient-id: gate\n%s", cases[i].file);
		assert_int_equal(sp_idp_load("corp.yaml", text, strlen(text), &idp, &diagnostics),
				 0);
		sp_diagnostics_done(&diagnostics);
		sp_vendor_check(sp_vendor_recognise(idp->issuer, NULL), idp, &discovery, collect,
				said);
		for (size_t n = 0; n < 3 && cases[i].said[n]; n++)
			if (!strstr(said, cases[i].said[n]))
				fail_msg("%s: not said: %s; but: %s", cases[i].file,
					 cases[i].said[n], said);
		if (cases[i].unsaid &&
		    (*cases[i].unsaid ? strstr(said, cases[i].unsaid) != NULL : *said != '\0'))
			fail_msg("%s: said: %s", cases[i].file, said);
	}
}

static void a_provider_without_device_authorization_is_told(void **state)
{
	const struct sp_discovery discovery = { .jwks_uri = (char *)"https://x/j",
						.token_endpoint = (char *)"https://x/t" };
	const char *text = "type: oidc\nclient-id: gate\nissuer: https://login.example.org\n";
	__sp_cleanup(sp_idp_freep) struct sp_idp *idp = NULL;
	struct sp_diagnostics diagnostics = { 0 };
	char said[2048] = "";

	(void)state;
	assert_int_equal(sp_idp_load("corp.yaml", text, strlen(text), &idp, &diagnostics), 0);
	sp_diagnostics_done(&diagnostics);
	sp_vendor_check(NULL, idp, &discovery, collect, said);
	assert_non_null(strstr(said, "no device authorization"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(providers_are_told_by_their_addresses),
		cmocka_unit_test(files_that_will_not_do_are_told),
		cmocka_unit_test(a_provider_without_device_authorization_is_told),
	};

	return cmocka_run_group_tests_name("identity-vendor", tests, NULL, NULL);
}
