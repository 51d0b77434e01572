/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/oidc/vendor.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"

enum vendor { GOOGLE, ENTRA, ADFS, OKTA, KEYCLOAK, AUTHENTIK, ZITADEL, GITLAB, DEX };

static const struct sp_vendor vendors[] = {
	[GOOGLE] = {
		"Google", "google",
		{ "an OAuth client of type \"TVs and Limited Input devices\"; it has a secret: client-secret-file",
		  "Google sends no groups: give roles by the address (groups-claim: email) or by the Workspace domain (groups-claim: hd), or put a provider with groups before it (Keycloak, Dex)",
		  NULL },
		" openid profile email ", "[profile, email]",
		"groups-claim: email, and roles with group: ana@example.org; or groups-claim: hd, and group: example.org",
	},
	[ENTRA] = {
		"Microsoft Entra ID", "microsoft-entra-id",
		{ "an app registration with \"Allow public client flows\" on, and no client-secret-file here: the device grant is a public client's",
		  "Token configuration, add groups claim, for the ID token, \"Groups assigned to the application\"; groups then come as object ids: policies name the ids",
		  "or app roles, which have names and no limit: groups-claim: roles",
		  "people in more than 200 groups have none in their token and are refused (groups-elsewhere): both ways above avoid that",
		  NULL },
		" openid profile email offline_access ", "[profile, email, offline_access]", NULL,
	},
	[ADFS] = {
		"AD FS", "ad-fs",
		{ "an application group \"Native application accessing a web API\", device flow on (Set-AdfsProperties), scopes openid, profile, allatclaims",
		  "an issuance rule that sends group names as the claim `group` in the id_token: groups-claim: group",
		  NULL },
		" openid profile email allatclaims ", "[profile, allatclaims]",
		"groups-claim: group, or whatever the issuance rule calls the claim",
	},
	[OKTA] = {
		"Okta", "okta",
		{ "an app integration \"Native application\" with the grants Device Authorization and Refresh Token",
		  "a claim `groups` of value type Groups in the ID token: of the org server in the app's Sign On tab, of a custom server under Security, API; a custom server also needs a scope `groups` and an access policy",
		  NULL },
		NULL, NULL, NULL,
	},
	[KEYCLOAK] = {
		"Keycloak", "keycloak",
		{ "a client with \"OAuth 2.0 Device Authorization Grant\" on; with \"Client authentication\" on it has a secret",
		  "a client scope `groups` with a Group Membership mapper: claim name groups, in the ID token, \"Full group path\" off (else policies name /eng), added to the client",
		  "or realm roles, mapper \"realm roles\" with \"Add to ID token\" on: groups-claim: realm_access.roles",
		  NULL },
		NULL, NULL, NULL,
	},
	[AUTHENTIK] = {
		"authentik", "authentik",
		{ "an OAuth2/OpenID provider with a signing key (without one its tokens are HS256, which is not taken)",
		  "a device code flow, chosen in the brand",
		  "the scope mapping offline_access among the provider's, for refresh tokens",
		  "groups come with the scope profile",
		  NULL },
		" openid profile email offline_access ", "[profile, email, offline_access]", NULL,
	},
	[ZITADEL] = {
		"Zitadel", "zitadel",
		{ "an application of type Native with the grants Device Code and Refresh Token",
		  "\"User Roles Inside ID Token\" at the application, \"Assert Roles on Authentication\" at the project",
		  NULL },
		NULL, NULL,
		"groups-claim: \"urn:zitadel:iam:org:project:roles\"; the role keys are then the groups",
	},
	[GITLAB] = {
		"GitLab", "gitlab",
		{ "an application with the scopes openid, profile and email; the device grant came with GitLab 17",
		  "groups are full paths (example/eng), from its userinfo; groups-claim: groups_direct for those people are direct members of",
		  NULL },
		" openid profile email ", "[profile, email]", NULL,
	},
	[DEX] = {
		"Dex", "dex",
		{ "a static client with public: true, or a secret, and the redirect URI /device/callback",
		  "groups are those of the connector (LDAP, GitHub, Google …); the local password database has none",
		  NULL },
		" openid profile email groups offline_access federated:id ", "[profile, email, groups, offline_access]", NULL,
	},
};

/* ---- which one it is ---- */

/* The host of an https URL: @ret_len bytes. */
static const char *host_of(const char *url, size_t *ret_len)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	*ret_len = strcspn(host, "/:");
	return host;
}

static bool host_ends(const char *url, const char *end)
{
	size_t len, end_len = strlen(end);
	const char *host = host_of(url, &len);

	return len >= end_len && strncasecmp(host + len - end_len, end, end_len) == 0;
}

static bool ends(const char *text, const char *end)
{
	const size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Is @url the issuer's address followed by @path? */
static bool is_below(const char *url, const char *issuer, const char *path)
{
	size_t len = strlen(issuer);

	if (len && issuer[len - 1] == '/')
		len--;
	return url && strncmp(url, issuer, len) == 0 && strcmp(url + len, path) == 0;
}

static bool is_by_issuer(enum vendor vendor, const char *issuer)
{
	switch (vendor) {
	case GOOGLE:
		return host_ends(issuer, "accounts.google.com");
	case ENTRA:
		return host_ends(issuer, "login.microsoftonline.com") ||
		       host_ends(issuer, "login.microsoftonline.us") ||
		       host_ends(issuer, "login.partner.microsoftonline.cn") ||
		       host_ends(issuer, "sts.windows.net");
	case ADFS:
		return ends(issuer, "/adfs");
	case OKTA:
		return host_ends(issuer, ".okta.com") || host_ends(issuer, ".oktapreview.com") ||
		       host_ends(issuer, ".okta-emea.com");
	case KEYCLOAK:
		return strstr(issuer, "/realms/") != NULL;
	case AUTHENTIK:
		return strstr(issuer, "/application/o/") != NULL;
	case ZITADEL:
		return host_ends(issuer, ".zitadel.cloud");
	case GITLAB:
		return host_ends(issuer, "gitlab.com");
	case DEX:
		return ends(issuer, "/dex");
	}
	return false;
}

/* Vendors that customers run under host names of their own. */
static bool is_by_endpoints(enum vendor vendor, const char *issuer,
			    const struct sp_discovery *discovery)
{
	switch (vendor) {
	case ADFS:
		return ends(discovery->token_endpoint, "/adfs/oauth2/token/");
	case OKTA:
		return ends(discovery->token_endpoint, "/v1/token") &&
		       ends(discovery->jwks_uri, "/v1/keys");
	case KEYCLOAK:
		return ends(discovery->token_endpoint, "/protocol/openid-connect/token");
	case AUTHENTIK:
		return ends(discovery->token_endpoint, "/application/o/token/");
	case ZITADEL:
		return is_below(discovery->token_endpoint, issuer, "/oauth/v2/token");
	case GITLAB:
		return is_below(discovery->jwks_uri, issuer, "/oauth/discovery/keys");
	case DEX:
		return is_below(discovery->jwks_uri, issuer, "/keys") &&
		       is_below(discovery->token_endpoint, issuer, "/token");
	default:
		return false;
	}
}

const struct sp_vendor *sp_vendor_recognise(const char *issuer,
					    const struct sp_discovery *discovery)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(vendors); i++)
		if (is_by_issuer((enum vendor)i, issuer))
			return &vendors[i];
	for (size_t i = 0; discovery && i < SP_ARRAY_LEN(vendors); i++)
		if (is_by_endpoints((enum vendor)i, issuer, discovery))
			return &vendors[i];
	return NULL;
}

/* ---- what will not do ---- */

struct check {
	const struct sp_idp *idp;
	void (*take)(void *arg, const char *text);
	void *arg;
};

static void __attribute__((format(printf, 2, 3))) say(const struct check *check, const char *format,
						      ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	check->take(check->arg, text);
}

static bool is_word_of(const char *words, const char *word)
{
	char between[80];

	snprintf(between, sizeof(between), " %.70s ", word);
	return strstr(words, between) != NULL;
}

static void check_scopes(const struct check *check, const struct sp_vendor *vendor,
			 const struct sp_discovery *discovery)
{
	for (size_t i = 0; i < check->idp->scope_count; i++) {
		const char *scope = check->idp->scopes[i];

		if (vendor && vendor->scopes && !is_word_of(vendor->scopes, scope))
			say(check, "scopes: \"%.60s\" is none of %s's; write scopes: %s", scope,
			    vendor->name, vendor->wanted_scopes);
		else if (!(vendor && vendor->scopes) && discovery && discovery->scopes &&
			 !is_word_of(discovery->scopes, scope))
			say(check,
			    "scopes: the provider does not list \"%.60s\" among its scopes (it "
			    "lists%.200s); it may refuse for it, or leave out what goes with it",
			    scope, discovery->scopes);
	}
}

static void check_entra(const struct check *check)
{
	const char *issuer = check->idp->issuer;

	if (strstr(issuer, "/common/") || strstr(issuer, "/organizations/") ||
	    strstr(issuer, "/consumers/"))
		say(check, "issuer: tokens name their tenant: write "
			   "https://login.microsoftonline.com/TENANT-ID/v2.0");
	else if (host_ends(issuer, "sts.windows.net") || !ends(issuer, "/v2.0"))
		say(check, "issuer: the one of version 2 ends in /v2.0: "
			   "https://login.microsoftonline.com/TENANT-ID/v2.0");
	if (check->idp->client_secret_file)
		say(check, "client-secret-file: with public client flows on, Entra ID refuses a "
			   "secret (AADSTS700025); and one it takes expires after at most two "
			   "years: nobody signs in from then on");
}

void sp_vendor_check(const struct sp_vendor *vendor, const struct sp_idp *idp,
		     const struct sp_discovery *discovery,
		     void (*take)(void *arg, const char *text), void *arg)
{
	const struct check check = { idp, take, arg };

	check_scopes(&check, vendor, discovery);
	if (discovery && !discovery->device_endpoint)
		say(&check, "the provider has no device authorization (or has it switched off): "
			    "people cannot sign in by it");
	if (!vendor)
		return;
	if (vendor->no_groups && strcmp(idp->groups_claim, "groups") == 0)
		say(&check,
		    "groups-claim: %s has no claim `groups`, so nobody gets a role; write %s",
		    vendor->name, vendor->no_groups);
	if (vendor == &vendors[ENTRA])
		check_entra(&check);
	if (vendor == &vendors[AUTHENTIK] && !ends(idp->issuer, "/"))
		say(&check,
		    "issuer: authentik's ends in a slash: https://HOST/application/o/SLUG/");
}
