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
#include "net/addr.h"
#include "portal/gate/gate.h"

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
	static const char head[] = "[Interface]\nPrivateKey = # yours: it never leaves your device\n[Peer]\nAllowedIPs = ";
	char prefix[SP_PREFIX_TEXT_MAX];
	char *text = malloc(sizeof(head) + (size_t)SP_ROUTES_MAX * (SP_PREFIX_TEXT_MAX + 2)), *end = text;

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_of_all_prefixes_is_taken),
		cmocka_unit_test(an_answer_with_all_prefixes_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
