/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sp-bench-id-token: what the checks of one id_token cost, on one core, by what signed it.
 *
 *	sp-bench-id-token [--passes N] [--json]
 *
 * Counted is the processor time of this thread from the token's text to its claims: form, key, signature,
 * every claim. The keys are read once, as a portal does.
 */
#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/err.h"
#include "identity/provider.h"
#include "identity/tokens/id_token.h"
#include "json/own.h"
#include "minter.h"
#include "result.h"

#define PASSES_MAX 101
#define TOKENS 200 /* checked in a pass */
#define MUST_US 150

static const struct kind {
	const char *alg, *kid;
	enum minter_key key;
} kinds[] = {
	{ "RS256", "rsa", MINTER_RSA },
	{ "PS256", "rsa-pss", MINTER_RSA },
	{ "ES256", "ec", MINTER_EC },
	{ "EdDSA", "ed", MINTER_ED },
};

struct bench {
	size_t passes;
	struct sp_jwks *keys;
	char *tokens[SP_ARRAY_LEN(kinds)];
	double us[SP_ARRAY_LEN(kinds)][PASSES_MAX];
};

static const char *const issuer = "https://login.example.org";

static char *make_token(const struct kind *kind)
{
	const json_int_t now_s = time(NULL);
	__sp_json json_t *header =
		json_pack("{s:s, s:s, s:s}", "alg", kind->alg, "typ", "JWT", "kid", kind->kid);
	__sp_json json_t *claims =
		json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:[s,s,s]}", "iss", issuer, "sub",
			  "8a7f3c52-ana", "aud", "sallyport", "iat", now_s, "exp", now_s + 3600,
			  "preferred_username", "ana", "groups", "eng", "ops", "everybody");
	char *header_text = json_dumps(header, JSON_COMPACT),
	     *text = json_dumps(claims, JSON_COMPACT);
	char *token = header_text && text ? minter_sign(header_text, text, strlen(text), kind->alg,
							kind->key, NULL)
					  : NULL;

	free(header_text);
	free(text);
	return token;
}

static int start(struct bench *bench)
{
	__sp_json json_t *keys = json_array();
	struct sp_finding finding;
	char *text;
	int r;

	minter_start();
	for (size_t i = 0; i < SP_ARRAY_LEN(kinds); i++) {
		json_array_append_new(keys,
				      minter_jwk(kinds[i].key, kinds[i].kid, kinds[i].alg, "sig"));
		bench->tokens[i] = make_token(&kinds[i]);
		if (!bench->tokens[i])
			return -ENOMEM;
	}
	text = minter_set(SP_TAKE_PTR(keys));
	r = text ? sp_jwks_parse(text, strlen(text), &bench->keys, &finding) : -ENOMEM;
	free(text);
	return r;
}

static void finish(struct bench *bench)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(kinds); i++)
		free(bench->tokens[i]);
	sp_jwks_free(bench->keys);
	minter_stop();
}

/* Check one token; it must be accepted. */
static int check(const struct bench *bench, const char *token)
{
	const struct sp_id_token_want want = {
		.issuer = issuer,
		.client_id = "sallyport",
		.groups_claim = "groups",
		.algorithms = (1u << SP_JWS_COUNT) - 1,
		.now_s = time(NULL),
		.max_age_s = 600,
	};
	struct sp_claims claims;
	struct sp_finding finding = { 0 };
	int r = sp_id_token_check(token, strlen(token), bench->keys, &want, &claims, &finding);

	if (r == 0)
		sp_claims_done(&claims);
	else
		fprintf(stderr, "sp-bench-id-token: refused: %s\n", finding.detail);
	return r;
}

static int run_pass(struct bench *bench, size_t pass)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(kinds); i++) {
		const uint64_t began_ns = bench_cpu_ns();

		for (size_t n = 0; n < TOKENS; n++) {
			int r = check(bench, bench->tokens[i]);

			if (r < 0)
				return r;
		}
		bench->us[i][pass] = (double)(bench_cpu_ns() - began_ns) / 1000 / TOKENS;
	}
	return 0;
}

/* ---- saying it ---- */

static int say(struct bench *bench, bool as_json)
{
	__sp_json json_t *found = json_object(), *goal = NULL;
	const char *alg;
	json_t *one;

	for (size_t i = 0; i < SP_ARRAY_LEN(kinds); i++)
		json_object_set_new(found, kinds[i].alg,
				    bench_summary(bench->us[i], bench->passes));
	goal = bench_goal(
		json_number_value(json_object_get(json_object_get(found, "RS256"), "median")),
		MUST_US, MUST_US, false);
	if (as_json)
		return bench_print(json_pack("{s:i, s:s, s:i, s:o, s:{s:o}, s:o}", "v", 1, "bench",
					     "id-token", "passes", (int)bench->passes, "check_us",
					     SP_TAKE_PTR(found), "goals", "RS256",
					     SP_TAKE_PTR(goal), "machine", bench_machine()));
	json_object_foreach(found, alg, one)
		printf("%-6s %6.1f us (%.1f-%.1f) to check an id_token, one core\n", alg,
		       json_number_value(json_object_get(one, "median")),
		       json_number_value(json_object_get(one, "min")),
		       json_number_value(json_object_get(one, "max")));
	printf("goal: RS256 <= %d us: %s\n", MUST_US, bench_goal_text(goal));
	return 0;
}

static void print_usage(FILE *out)
{
	fprintf(out,
		"usage: sp-bench-id-token [--passes 1..%d] [--json]\n"
		"what the checks of one id_token cost\n",
		PASSES_MAX);
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "passes", required_argument, NULL, 'p' },
		{ 0 },
	};
	static struct bench bench = { .passes = 15 };
	bool as_json = false, is_known = true;
	int option, r;

	while (is_known && (option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (option) {
		case 'j':
			as_json = true;
			break;
		case 'h':
			print_usage(stdout);
			return 0;
		case 'p':
			bench.passes = strtoul(optarg, NULL, 10);
			is_known = bench.passes >= 1 && bench.passes <= PASSES_MAX;
			break;
		default:
			is_known = false;
		}
	}
	if (!is_known || optind < argc) {
		print_usage(stderr);
		return 2;
	}
	r = sodium_init() < 0 ? -EIO : start(&bench);
	if (r == 0)
		r = run_pass(&bench, 0); /* what is made once is not counted */
	for (size_t pass = 0; pass < bench.passes && r == 0; pass++)
		r = run_pass(&bench, pass);
	if (r < 0)
		fprintf(stderr, "sp-bench-id-token: %s\n", sp_err_text(r));
	else
		r = say(&bench, as_json);
	finish(&bench);
	return r ? 1 : 0;
}
