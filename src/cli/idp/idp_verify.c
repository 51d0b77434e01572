/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport idp verify: the checks of a sign-in on a saved token, without asking any provider. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/files/source.h"
#include "cli/idp/idp.h"
#include "identity/tokens/id_token.h"
#include "io/files/files.h"
#include "io/loop/clock.h"
#include "json/own.h"

/* more than any token or key set may have, so that larger ones are refused by name */
#define FILE_BYTES_MAX (4u << 20)

SP_DEFINE_CLEANUP(struct sp_jwks *, sp_jwks_free);

struct verify {
	const char *name, *token_path, *jwks_path, *nonce;
	int64_t now_s;
};

/* ---- the policy's roles, if it can be read ---- */

/* Their names; NULL: not known, and why was said. */
static json_t *find_roles(const struct sp_paths *paths, const char *idp,
			  const struct sp_claims *claims)
{
	__sp_cleanup(sp_policy_source_done) struct sp_policy_source source = SP_POLICY_SOURCE_INIT;
	const struct sp_person person = { .user = claims->user,
					  .idp = idp,
					  .groups = (const char *const *)claims->groups,
					  .group_count = claims->group_count };
	__sp_free uint32_t *roles = NULL;
	json_t *names;
	size_t count;

	if (access(paths->policy_file, R_OK) < 0) {
		sp_cli_say("sallyport: roles are not known: cannot read %s: %s\n",
			   paths->policy_file, sp_err_text(sp_errno()));
		return NULL;
	}
	if (sp_policy_source_load(paths->policy_file, NULL, &source) != SP_EXIT_OK) {
		sp_cli_say("sallyport: roles are not known: %s has errors\n", paths->policy_file);
		return NULL;
	}
	if (sp_policy_match_roles(source.policy, &person, sp_clock_realtime_s(), &roles, &count) <
	    0)
		return NULL;
	names = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(names, json_string(source.policy->roles[roles[i]].name));
	return names;
}

/* ---- the answer ---- */

static int print_refused(const struct sp_cli *cli, const struct sp_finding *finding)
{
	int r = SP_EXIT_OK;

	if (cli->json)
		r = sp_cli_print_json(json_pack("{s:i, s:b, s:s, s:s}", "v", 1, "accepted", 0,
						"reason", sp_refusal_word(finding->reason),
						"detail", finding->detail));
	else
		sp_cli_print("%srefused%s  %s: %s\n", sp_cli_paint(cli, SP_RED),
			     sp_cli_paint(cli, SP_PLAIN), sp_refusal_word(finding->reason),
			     finding->detail);
	return r == SP_EXIT_OK ? SP_EXIT_DENY : r;
}

static void print_list(const char *title, const json_t *list, const char *none)
{
	const json_t *item;
	size_t i;

	sp_cli_print("  %-8s ", title);
	json_array_foreach(list, i, item)
		sp_cli_print("%s%s", i ? ", " : "", json_string_value(item));
	sp_cli_print("%s\n", json_array_size(list) ? "" : none);
}

/* @roles: NULL: they are not known. */
static int print_accepted(const struct sp_cli *cli, const struct sp_claims *claims, json_t *roles)
{
	__sp_json json_t *groups = json_array();
	char issued[SP_TIME_TEXT_MAX], expires[SP_TIME_TEXT_MAX];

	for (size_t i = 0; i < claims->group_count; i++)
		json_array_append_new(groups, json_string(claims->groups[i]));
	sp_time_format_s(claims->issued_s, issued);
	sp_time_format_s(claims->expires_s, expires);
	if (cli->json)
		return sp_cli_print_json(
			json_pack("{s:i, s:b, s:s, s:s, s:b, s:O, s:I, s:O?, s:s, s:s}", "v", 1,
				  "accepted", 1, "subject", claims->subject, "user", claims->user,
				  "groups_said", claims->has_groups, "groups", groups,
				  "groups_left_out", (json_int_t)claims->odd_group_count, "roles",
				  roles, "issued", issued, "expires", expires));
	sp_cli_print("%saccepted%s\n  subject  %s\n  user     %s\n", sp_cli_paint(cli, SP_GREEN),
		     sp_cli_paint(cli, SP_PLAIN), claims->subject, claims->user);
	print_list("groups", groups,
		   claims->has_groups ? "none" : "none: the token has no such claim");
	if (claims->odd_group_count)
		sp_cli_print("  left out %zu group%s that no role can name, the first: \"%s\"\n",
			     claims->odd_group_count, claims->odd_group_count > 1 ? "s" : "",
			     claims->odd_group);
	print_list("roles", roles,
		   roles ? "none: a sign-in would be refused as no-role" : "not known");
	sp_cli_print("  issued   %s\n  expires  %s\n", issued, expires);
	return SP_EXIT_OK;
}

/* ---- the checks ---- */

/* Read a token or key set. Returns SP_EXIT_OK; SP_EXIT_FAILED, said; SP_EXIT_DENY it is so large
 * that @finding tells it all. */
static int read_input(const char *path, enum sp_refusal_reason too_large, char **ret_text,
		      size_t *ret_len, struct sp_finding *finding)
{
	int r = sp_file_read(path, FILE_BYTES_MAX, ret_text, ret_len);

	if (r == -EFBIG) {
		sp_find(finding, too_large, "more than %u bytes", FILE_BYTES_MAX);
		return SP_EXIT_DENY;
	}
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "cannot read %s: %s", path,
				   r == -EINVAL ? "it is no regular file" : sp_err_text(r));
	return SP_EXIT_OK;
}

static bool is_newline(char c)
{
	return c == '\n' || c == '\r';
}

/* Newlines around a token are an editor's, not the provider's. */
static int check_token(const struct sp_idp *idp, const struct verify *verify, const char *text,
		       size_t len, const struct sp_jwks *keys, struct sp_claims *ret_claims,
		       struct sp_finding *finding)
{
	const struct sp_id_token_want want = {
		.issuer = idp->issuer,
		.client_id = idp->client_id,
		.nonce = verify->nonce,
		.groups_claim = idp->groups_claim,
		.user_claim = idp->user_claim,
		.algorithms = idp->algorithms,
		.now_s = verify->now_s,
		.max_age_s = SP_ID_TOKEN_AGE_MAX_S,
	};

	while (len > 0 && is_newline(text[0]))
		text++, len--;
	while (len > 0 && is_newline(text[len - 1]))
		len--;
	return sp_id_token_check(text, len, keys, &want, ret_claims, finding);
}

static int run_checks(const struct sp_idp *idp, const struct verify *verify,
		      struct sp_claims *ret_claims, struct sp_finding *finding)
{
	__sp_cleanup(sp_jwks_freep) struct sp_jwks *keys = NULL;
	__sp_free char *set = NULL, *token = NULL;
	size_t set_len, token_len;
	int r;

	r = read_input(verify->token_path, SP_REFUSAL_TOO_LARGE, &token, &token_len, finding);
	if (r == SP_EXIT_OK)
		r = read_input(verify->jwks_path, SP_REFUSAL_BAD_KEYS, &set, &set_len, finding);
	if (r != SP_EXIT_OK)
		return r;
	r = sp_jwks_parse(set, set_len, &keys, finding);
	if (r == 0)
		r = check_token(idp, verify, token, token_len, keys, ret_claims, finding);
	if (r == -EACCES)
		return SP_EXIT_DENY;
	return r < 0 ? sp_cli_fail(SP_EXIT_FAILED, "checking the token by the keys given: %s",
				   sp_err_text(r))
		     : SP_EXIT_OK;
}

static int run_verify(const struct sp_cli *cli, const struct verify *verify)
{
	__sp_paths struct sp_paths paths = { 0 };
	__sp_cleanup(sp_idp_freep) struct sp_idp *idp = NULL;
	__sp_cleanup(sp_claims_done) struct sp_claims claims = { 0 };
	struct sp_finding finding = { 0 };
	__sp_json json_t *roles = NULL;
	int r = sp_paths_init(&paths, cli->root);

	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "--root: %s", sp_err_text(r));
	r = sp_cli_idp_load_oidc(cli, &paths, verify->name, &idp);
	if (r != SP_EXIT_OK)
		return r;
	r = run_checks(idp, verify, &claims, &finding);
	if (r == SP_EXIT_DENY)
		return print_refused(cli, &finding);
	if (r != SP_EXIT_OK)
		return r;
	roles = find_roles(&paths, idp->name, &claims);
	return print_accepted(cli, &claims, roles);
}

/* Read a time: RFC 3339, or seconds as tokens have them. */
static int parse_at(const char *text, int64_t *ret_s)
{
	int64_t ns;
	char *end;

	if (strspn(text, "0123456789") == strlen(text) && *text && strlen(text) <= 12) {
		*ret_s = strtoll(text, &end, 10);
		return 0;
	}
	if (sp_time_parse(text, &ns) < 0)
		return sp_cli_fail(-EINVAL,
				   "--at %s: write 2026-11-22T10:00:00Z, or seconds since 1970",
				   text);
	*ret_s = ns / SP_NS_PER_S;
	return 0;
}

int sp_cli_idp_verify(struct sp_cli *cli, int argc, char **argv)
{
	struct verify verify = { .now_s = sp_clock_realtime_s() };
	const char *at = NULL, *name[1];
	const struct sp_option options[] = {
		{ "id-token", NULL, &verify.token_path, "FILE",
		  "the token, as the provider gave it" },
		{ "jwks", NULL, &verify.jwks_path, "FILE",
		  "the provider's keys: what its jwks_uri answers" },
		{ "nonce", NULL, &verify.nonce, "TEXT",
		  "the nonce the token must have (default: any)" },
		{ "at", NULL, &at, "TIME", "judge as of this time (default: now)" },
		{ 0 },
	};
	size_t count;
	int r;

	r = sp_cli_options(cli, "idp verify", argc, argv, options, name, 1, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	if (count != 1 || !verify.token_path)
		return sp_cli_fail(SP_EXIT_USAGE,
				   "idp verify needs a provider's name and --id-token FILE");
	if (!verify.jwks_path)
		return sp_cli_fail(SP_EXIT_USAGE,
				   "idp verify asks nobody, so it needs the keys: save what the "
				   "provider's jwks_uri answers and say --jwks FILE");
	if (at && parse_at(at, &verify.now_s) < 0)
		return SP_EXIT_USAGE;
	verify.name = name[0];
	return run_verify(cli, &verify);
}
