/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one end makes, the others take: base/bounds.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/bounds.h"
#include "cli/tunnel/tunnel_file.h"
#include "daemon/control/control.h"
#include "net/addr.h"
#include "portal/gate/gate.h"
#include "portal/providers/kept.h"
#include "portal/signin/signin.h"
#include "yaml/value.h"

/* The longest prefix there is, as text. */
static void longest(char text[SP_PREFIX_TEXT_MAX])
{
	struct sp_prefix prefix = { .prefix_len = 127 };

	memset(prefix.addr, 0xfe, sizeof(prefix.addr));
	sp_prefix_format(&prefix, text);
}

/* As sallyportd writes it, with resolvers and names at their longest besides. */
static char *make_file(void)
{
	static const char head[] = "[Interface]\nPrivateKey = # yours: it never leaves your "
				   "device\n[Peer]\nAllowedIPs = ";
	char prefix[SP_PREFIX_TEXT_MAX];
	char *text = malloc(sizeof(head) + (size_t)SP_ROUTES_MAX * (SP_PREFIX_TEXT_MAX + 2)),
	     *end = text;

	longest(prefix);
	end = stpcpy(end, head);
	for (size_t i = 0; i < SP_ROUTES_MAX; i++)
		end = stpcpy(stpcpy(end, i ? ", " : ""), prefix);
	stpcpy(end, "\n");
	return text;
}

static void a_file_of_all_prefixes_is_taken(void **state)
{
	char *text = make_file();
	struct sp_tunnel_fault fault;

	(void)state;
	assert_true(strlen(text) + SP_TUNNEL_FILE_REST / 2 <= SP_TUNNEL_FILE_MAX);
	assert_int_equal(sp_tunnel_file_check(text, &fault), 0);
	free(text);
}

static void an_answer_with_all_prefixes_is_taken(void **state)
{
	char *file = make_file(), *dumped, prefix[SP_PREFIX_TEXT_MAX];
	json_t *list = json_array(), *answer;

	(void)state;
	longest(prefix);
	for (size_t i = 0; i < SP_ROUTES_MAX; i++)
		json_array_append_new(list, json_string(prefix));
	answer = json_pack("{s:{s:o, s:s}}", "tunnel", "allowed_ips", list, "config", file);
	dumped = json_dumps(answer, JSON_COMPACT);
	assert_true(strlen(dumped) + SP_PORTAL_ANSWER_REST / 2 <= SP_PORTAL_ANSWER_MAX);
	assert_true(strlen(dumped) < SP_GATE_REPLY_MAX);
	json_decref(answer);
	free(dumped);
	free(file);
}

/* What makes most of a text in JSON: two bytes that are six there. */
static char *umlauts(size_t len)
{
	char *text = calloc(len + 1, 1);

	for (size_t i = 0; i + 2 <= len; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	return text;
}

/* One line too long ends the portal's connection, and with it what waits for everybody else. */
static void a_sign_in_with_all_groups_is_a_request_that_is_taken(void **state)
{
	char *group = umlauts(SP_GROUP_TEXT_MAX), *name = umlauts(SP_USER_MAX),
	     *sealed = calloc(SP_SEALED_MAX + 1, 1);
	struct sp_person person = { .idp = name,
				    .subject = name,
				    .user = name,
				    .device_name = name,
				    .challenge = name,
				    .proof = name };
	json_t *groups = json_array(), *request;
	struct sp_addr from = { 0 };
	char *dumped;

	(void)state;
	memset(sealed, 'x', SP_SEALED_MAX);
	memset(person.device_key, '=', sizeof(person.device_key) - 1);
	for (size_t i = 0; i < SP_GROUPS_MAX; i++)
		json_array_append_new(groups, json_string(group));
	request = sp_signin_request(&person, groups, 1700000000, sealed, &from);
	dumped = json_dumps(request, JSON_COMPACT | JSON_ENSURE_ASCII);
	assert_true(strlen(dumped) + SP_REQUEST_REST / 3 <= SP_REQUEST_MAX);
	assert_true(SP_REQUEST_MAX <= SP_CONTROL_LINE_MAX);
	free(dumped);
	json_decref(request);
	json_decref(groups);
	free(sealed);
	free(name);
	free(group);
}

static void fill(void *arg, void *bytes, size_t len)
{
	(void)arg;
	memset(bytes, 7, len);
}

/* What was not kept was never asked with again: groups stayed as they were until the session's end. */
static void the_longest_refresh_token_is_kept(void **state)
{
	const struct sp_sealer sealer = { .key = { 1 }, .random = fill };
	char *token = calloc(SP_PROVIDER_TOKEN_MAX + 1, 1), *sealed = NULL;
	struct sp_kept kept = { .token = token, .asked_s = INT64_MAX, .unconfirmed = INT64_MAX },
		       opened;

	(void)state;
	memset(token, 't', SP_PROVIDER_TOKEN_MAX);
	assert_int_equal(sp_addr_parse("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", &kept.from), 0);
	assert_int_equal(sp_kept_seal(&sealer, &kept, &sealed), 0);
	assert_int_equal(sp_kept_open(&sealer, sealed, &opened), 0);
	assert_string_equal(opened.token, token);
	sp_kept_done(&opened);
	free(sealed);
	free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_of_all_prefixes_is_taken),
		cmocka_unit_test(an_answer_with_all_prefixes_is_taken),
		cmocka_unit_test(a_sign_in_with_all_groups_is_a_request_that_is_taken),
		cmocka_unit_test(the_longest_refresh_token_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
