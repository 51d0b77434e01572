/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a provider's file: no crash, no leak, diagnostics as promised, nothing half there in what was
 * taken; and of a local one every user can be changed and removed without harm to the others. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "identity/accounts/password.h"
#include "identity/accounts/user_edit.h"
#include "identity/tokens/id_token.h"
#include "yaml/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHANGES_MAX 4u

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_diagnostics(const struct sp_diagnostics *diagnostics, int r)
{
	check(r == (diagnostics->error_count ? -EINVAL : 0));
	check(diagnostics->count <= 100 && (diagnostics->count || !diagnostics->error_count));
	for (size_t i = 0; i < diagnostics->count; i++) {
		check(diagnostics->items[i].place.line >= 1 &&
		      diagnostics->items[i].place.column >= 1);
		for (const unsigned char *c = (const unsigned char *)diagnostics->items[i].message;
		     *c; c++)
			check(*c >= 0x20 && *c != 0x7f);
	}
}

static void check_local(const struct sp_idp *idp)
{
	for (size_t i = 0; i < idp->user_count; i++) {
		const struct sp_local_user *user = &idp->users[i];

		check(user->name && *user->name && strlen(user->name) <= 63);
		check(i == 0 || strcmp(user[-1].name, user->name) < 0);
		check(sp_idp_user(idp, user->name) == user);
		check(!user->password || !sp_password_hash_fault(user->password));
		for (size_t k = 0; k < user->group_count; k++)
			check(*user->groups[k] && strlen(user->groups[k]) <= SP_GROUP_TEXT_MAX);
	}
}

static void check_oidc(const struct sp_idp *idp)
{
	check(idp->issuer && strncmp(idp->issuer, "https://", 8) == 0 &&
	      !strpbrk(idp->issuer, "?# "));
	check(idp->client_id && *idp->client_id && idp->groups_claim && *idp->groups_claim);
	check(idp->scope_count > 0 && strcmp(idp->scopes[0], "openid") == 0);
	check(idp->algorithms > 0 && idp->algorithms < 1u << SP_JWS_COUNT);
	check(idp->refresh_s >= 1 && idp->refresh_s <= 86400);
}

/* That nobody else was touched, sp_user_edit has compared itself: here it is that it may refuse only a form,
 * and that what it gives is taken. */
static void change(const char *text, size_t len, const struct sp_user_change *what)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_idp *idp = NULL;
	char *changed = NULL;
	size_t changed_len = 0;
	int r = sp_user_edit("f.yaml", text, len, what, &changed, &changed_len, &diagnostics);

	check(r == 0 || r == -ENOTSUP || r == -EINVAL || r == -EEXIST);
	sp_diagnostics_done(&diagnostics);
	if (r == 0) {
		check(sp_idp_load("f.yaml", changed, changed_len, &idp, &diagnostics) == 0);
		check(!sp_idp_user(idp, what->name) == (what->edit == SP_USER_REMOVE));
	}
	sp_idp_free(idp);
	sp_diagnostics_done(&diagnostics);
	free(changed);
}

static void change_users(const struct sp_idp *idp, const char *text, size_t len)
{
	static const char hash[] = "$argon2id$v=19$m=4096,t=3,p=2$c29tZXNhbHQ$"
				   "BUGq2DcKhbh3SEp6mBawuFIiDHLmRbIV9wjZ+1OPGQQ";
	static const char *const groups[] = { "a", "b c" };

	change(text, len, &(struct sp_user_change){ SP_USER_ADD, "new", hash, groups, 2 });
	for (size_t i = 0; i < idp->user_count && i < CHANGES_MAX; i++) {
		const char *name = idp->users[i].name;

		change(text, len,
		       &(struct sp_user_change){ SP_USER_CHANGE, name, .password = hash });
		change(text, len,
		       &(struct sp_user_change){ SP_USER_CHANGE, name, NULL, groups, 2 });
		change(text, len,
		       &(struct sp_user_change){ SP_USER_CHANGE, name, NULL, groups, 0 });
		change(text, len, &(struct sp_user_change){ SP_USER_REMOVE, name });
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_idp *idp = NULL;
	int r = sp_idp_load("f.yaml", (const char *)data, size, &idp, &diagnostics);

	check_diagnostics(&diagnostics, r);
	if (r == 0 && idp->type == SP_IDP_LOCAL) {
		check_local(idp);
		change_users(idp, (const char *)data, size);
	} else if (r == 0) {
		check_oidc(idp);
	}
	sp_idp_free(idp);
	sp_diagnostics_done(&diagnostics);
	return 0;
}
