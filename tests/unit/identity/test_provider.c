/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a good file gives; what is said about bad ones is in tests/golden/idp. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "identity/provider.h"

#define HASH                                                                                       \
	"$argon2id$v=19$m=19456,t=2,p=1$7g5pQJ+PFchmspX8Yaxwjg$DDa7ci0w2UHv9kFUlwfd+"              \
	"2FUkS19XTdDZyICUF+APa4"

static struct sp_idp *load(const char *path, const char *text)
{
	__sp_cleanup(sp_diagnostics_done) struct sp_diagnostics diagnostics = { 0 };
	struct sp_idp *idp = NULL;

	if (sp_idp_load(path, text, strlen(text), &idp, &diagnostics) < 0)
		fail_msg("%s", diagnostics.count ? diagnostics.items[0].message : "refused");
	return idp;
}

static void a_local_provider_has_its_users(void **state)
{
	__sp_cleanup(sp_idp_freep) struct sp_idp *idp =
		load("/etc/sallyport/idp.d/local.yaml",
		     "type: local\n"
		     "users:\n"
		     "  bob: {}\n"
		     "  ana: { password: \"" HASH "\", groups: [eng, \"Domain Users\"] }\n"
		     "  cleo: { groups: eng }\n");
	const struct sp_local_user *user;

	(void)state;
	assert_string_equal(idp->name, "local");
	assert_int_equal(idp->type, SP_IDP_LOCAL);
	assert_int_equal(idp->user_count, 3);
	user = sp_idp_user(idp, "ana");
	assert_non_null(user);
	assert_string_equal(user->password, HASH);
	assert_int_equal(user->group_count, 2);
	assert_string_equal(user->groups[1], "Domain Users");
	assert_int_equal(user->place.line, 4);
	assert_int_equal(user->place.column, 3);
	user = sp_idp_user(idp, "bob");
	assert_true(user && !user->password && user->group_count == 0);
	assert_string_equal(sp_idp_user(idp, "cleo")->groups[0], "eng");
	assert_null(sp_idp_user(idp, "Ana"));
	assert_null(sp_idp_user(idp, ""));
}

static void an_oidc_provider_has_defaults(void **state)
{
	static const char *const scopes[] = { "openid", "profile", "groups", "offline_access" };
	__sp_cleanup(sp_idp_freep) struct sp_idp *idp =
		load("corp.yaml",
		     "{ type: oidc, issuer: \"https://login.example.org/\", client-id: x }");

	(void)state;
	assert_string_equal(idp->name, "corp");
	assert_int_equal(idp->type, SP_IDP_OIDC);
	assert_string_equal(idp->issuer, "https://login.example.org/");
	assert_string_equal(idp->client_id, "x");
	assert_null(idp->client_secret_file);
	assert_null(idp->user_claim);
	assert_null(idp->ca);
	assert_string_equal(idp->groups_claim, "groups");
	assert_int_equal(idp->scope_count, SP_ARRAY_LEN(scopes));
	for (size_t i = 0; i < SP_ARRAY_LEN(scopes); i++)
		assert_string_equal(idp->scopes[i], scopes[i]);
	assert_int_equal(idp->algorithms, 15);
	assert_int_equal(idp->refresh_s, 300);
	assert_null(sp_idp_user(idp, "ana"));
}

static void an_oidc_provider_has_what_it_says(void **state)
{
	__sp_cleanup(sp_idp_freep) struct sp_idp *idp =
		load("idp.d/partner.yaml", "type: oidc\n"
					   "issuer: https://[2001:db8::1]:8443/x\n"
					   "client-id: y\n"
					   "client-secret-file: partner.secret\n"
					   "scopes: [email, openid, email]\n"
					   "groups-claim: https://example.org/groups\n"
					   "user-claim: email\n"
					   "ca: partner-ca.pem\n"
					   "algorithms: EdDSA\n"
					   "refresh: 2m\n");

	(void)state;
	assert_string_equal(idp->name, "partner");
	assert_string_equal(idp->client_secret_file, "partner.secret");
	assert_int_equal(idp->scope_count, 2);
	assert_string_equal(idp->scopes[0], "openid");
	assert_string_equal(idp->scopes[1], "email");
	assert_string_equal(idp->groups_claim, "https://example.org/groups");
	assert_string_equal(idp->user_claim, "email");
	assert_string_equal(idp->ca, "partner-ca.pem");
	assert_int_equal(idp->algorithms, 1u << SP_JWS_EDDSA);
	assert_int_equal(idp->refresh_s, 120);
}

static void a_password_in_the_clear_is_not_repeated(void **state)
{
	static const char text[] = "{ type: local, users: { ana: { password: open-sesame } } }";
	__sp_cleanup(sp_diagnostics_done) struct sp_diagnostics diagnostics = { 0 };
	struct sp_idp *idp = NULL;

	(void)state;
	assert_int_equal(sp_idp_load("local.yaml", text, strlen(text), &idp, &diagnostics),
			 -EINVAL);
	assert_null(idp);
	assert_int_equal(diagnostics.count, 1);
	assert_null(strstr(diagnostics.items[0].message, "sesame"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_local_provider_has_its_users),
		cmocka_unit_test(an_oidc_provider_has_defaults),
		cmocka_unit_test(an_oidc_provider_has_what_it_says),
		cmocka_unit_test(a_password_in_the_clear_is_not_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
