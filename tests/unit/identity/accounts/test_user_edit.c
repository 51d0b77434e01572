/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "identity/accounts/user_edit.h"

#define TAIL                                                                                       \
	"$v=19$m=19456,t=2,p=1$7g5pQJ+PFchmspX8Yaxwjg$DDa7ci0w2UHv9kFUlwfd+2FUkS19XTdDZyICUF+APa4"
#define OLD "$argon2id$v=19$m=4096,t=3,p=2$c29tZXNhbHQ$BUGq2DcKhbh3SEp6mBawuFIiDHLmRbIV9wjZ+1OPGQQ"
#define NEW "$argon2id" TAIL

#define GROUPS(...)                                                                                \
	.groups = (const char *const[]){ __VA_ARGS__, NULL },                                      \
	.group_count = SP_ARRAY_LEN(((const char *const[]){ __VA_ARGS__ }))
#define NO_GROUPS .groups = (const char *const[]){ NULL }, .group_count = 0

struct edit_case {
	const char *name, *before;
	struct sp_user_change change;
	const char *after; /* NULL: refused */
	int r;
};

#define BLOCK                                                                                      \
	"# who may sign in — by password\n"                                                        \
	"type: local\n"                                                                            \
	"users:\n"                                                                                 \
	"    # the first one\n"                                                                    \
	"    ana:                       # on call\n"                                               \
	"        password: " OLD "   # täglich\n"                                                  \
	"        groups:\n"                                                                        \
	"            - eng # all of it\n"                                                          \
	"            - \"Domain Users\"\n"                                                         \
	"    # the second one\n"                                                                   \
	"    bob: { groups: [vendors] }   # no password yet\n"                                     \
	"\n"                                                                                       \
	"# the end\n"

static const struct edit_case cases[] = {
	{ "a new file",
	  "",
	  { SP_USER_ADD, "ana", .password = NEW, GROUPS("eng", "on call") },
	  "type: local\nusers:\n  ana: { password: \"" NEW "\", groups: [eng, \"on call\"] }\n" },
	{ "a new user behind the last",
	  BLOCK,
	  { SP_USER_ADD, "cleo", .password = NEW },
	  "# who may sign in — by password\ntype: local\nusers:\n    # the first one\n"
	  "    ana:                       # on call\n        password: " OLD "   # täglich\n"
	  "        groups:\n            - eng # all of it\n            - \"Domain Users\"\n"
	  "    # the second one\n    bob: { groups: [vendors] }   # no password yet\n"
	  "    cleo: { password: \"" NEW "\" }\n\n# the end\n" },
	{ "a password",
	  BLOCK,
	  { SP_USER_CHANGE, "ana", .password = NEW },
	  "# who may sign in — by password\ntype: local\nusers:\n    # the first one\n"
	  "    ana:                       # on call\n        password: \"" NEW "\"   # täglich\n"
	  "        groups:\n            - eng # all of it\n            - \"Domain Users\"\n"
	  "    # the second one\n    bob: { groups: [vendors] }   # no password yet\n\n# the "
	  "end\n" },
	{ "a first password",
	  BLOCK,
	  { SP_USER_CHANGE, "bob", .password = NEW },
	  "# who may sign in — by password\ntype: local\nusers:\n    # the first one\n"
	  "    ana:                       # on call\n        password: " OLD "   # täglich\n"
	  "        groups:\n            - eng # all of it\n            - \"Domain Users\"\n"
	  "    # the second one\n    bob: { password: \"" NEW
	  "\", groups: [vendors] }   # no password yet\n"
	  "\n# the end\n" },
	{ "groups",
	  BLOCK,
	  { SP_USER_CHANGE, "ana", GROUPS("dba") },
	  "# who may sign in — by password\ntype: local\nusers:\n    # the first one\n"
	  "    ana:                       # on call\n        password: " OLD "   # täglich\n"
	  "        groups: [dba]\n"
	  "    # the second one\n    bob: { groups: [vendors] }   # no password yet\n\n# the "
	  "end\n" },
	{ "no groups",
	  BLOCK,
	  { SP_USER_CHANGE, "ana", NO_GROUPS },
	  "# who may sign in — by password\ntype: local\nusers:\n    # the first one\n"
	  "    ana: { password: \"" OLD "\" }\n"
	  "    # the second one\n    bob: { groups: [vendors] }   # no password yet\n\n# the "
	  "end\n" },
	{ "the first removed",
	  BLOCK,
	  { SP_USER_REMOVE, "ana" },
	  "# who may sign in — by password\ntype: local\nusers:\n    # the first one\n"
	  "    # the second one\n    bob: { groups: [vendors] }   # no password yet\n\n# the "
	  "end\n" },
	{ "the last removed",
	  BLOCK,
	  { SP_USER_REMOVE, "bob" },
	  "# who may sign in — by password\ntype: local\nusers:\n    # the first one\n"
	  "    ana:                       # on call\n        password: " OLD "   # täglich\n"
	  "        groups:\n            - eng # all of it\n            - \"Domain Users\"\n"
	  "    # the second one\n\n# the end\n" },
	{ "users above another key",
	  "users:\n  ana: {}\ntype: local\n",
	  { SP_USER_ADD, "bob", .password = NEW },
	  "users:\n  ana: {}\n  bob: { password: \"" NEW "\" }\ntype: local\n" },
	{ "no line break at the end",
	  "type: local\nusers:\n  ana: {}",
	  { SP_USER_ADD, "bob", GROUPS("x") },
	  "type: local\nusers:\n  ana: {}\n  bob: { groups: [x] }\n" },
	{ "an empty user",
	  "type: local\nusers:\n  ana: {}\n",
	  { SP_USER_CHANGE, "ana", .password = NEW },
	  "type: local\nusers:\n  ana: { password: \"" NEW "\" }\n" },
	{ "a key a line",
	  "type: local\nusers:\n  ana:\n    groups: [a]\n",
	  { SP_USER_CHANGE, "ana", .password = NEW },
	  "type: local\nusers:\n  ana:\n    password: \"" NEW "\"\n    groups: [a]\n" },
	{ "items as far left as their key",
	  "type: local\nusers:\n  ana:\n    groups:\n    - a\n    - b\n",
	  { SP_USER_CHANGE, "ana", GROUPS("c") },
	  "type: local\nusers:\n  ana:\n    groups: [c]\n" },
	{ "a group as a block text",
	  "type: local\nusers:\n  ana:\n    groups:\n    - |-\n      a\nsallyport: 1\n",
	  { SP_USER_ADD, "bob", GROUPS("x") },
	  "type: local\nusers:\n  ana:\n    groups:\n    - |-\n      a\n  bob: { groups: [x] "
	  "}\nsallyport: 1\n" },
	{ "the only one removed",
	  "type: local\nusers:\n  ana: {}\n# end\n",
	  { SP_USER_REMOVE, "ana" },
	  "type: local\nusers: {}\n# end\n" },
	{ "the first of nobody",
	  "type: local\nusers: {} # nobody\n",
	  { SP_USER_ADD, "ana", GROUPS("a") },
	  "type: local\nusers:\n  ana: { groups: [a] } # nobody\n" },
	{ "one line: add",
	  "{ type: local, users: { ana: { groups: [a] } } }\n",
	  { SP_USER_ADD, "bob", .password = NEW },
	  "{ type: local, users: { ana: { groups: [a] }, bob: { password: \"" NEW "\" } } }\n" },
	{ "one line: the first",
	  "{ type: local, users: {} }\n",
	  { SP_USER_ADD, "bob", GROUPS("a") },
	  "{ type: local, users: { bob: { groups: [a] } } }\n" },
	{ "one line: remove",
	  "{ type: local, users: { ana: {}, bob: {}, cleo: {} } }\n",
	  { SP_USER_REMOVE, "bob" },
	  "{ type: local, users: { ana: {}, cleo: {} } }\n" },
	{ "one line: remove the last",
	  "{ type: local, users: { ana: {}, bob: {}, } }\n",
	  { SP_USER_REMOVE, "bob" },
	  "{ type: local, users: { ana: {}, } }\n" },
	{ "JSON",
	  "{\"type\":\"local\",\"users\":{\"ana\":{\"password\":\"" OLD "\"}}}",
	  { SP_USER_CHANGE, "ana", .password = NEW },
	  "{\"type\":\"local\",\"users\":{\"ana\":{\"password\":\"" NEW "\"}}}" },
	{ "there already", BLOCK, { SP_USER_ADD, "bob", .password = NEW }, NULL, -EEXIST },
	{ "nobody of that name",
	  BLOCK,
	  { SP_USER_CHANGE, "cleo", .password = NEW },
	  NULL,
	  -ENOENT },
	{ "nobody to remove", BLOCK, { SP_USER_REMOVE, "Ana" }, NULL, -ENOENT },
	{ "no file to change", "", { SP_USER_REMOVE, "ana" }, NULL, -ENOENT },
	{ "a bad name", BLOCK, { SP_USER_ADD, "a b" }, NULL, -EINVAL },
	{ "a name that would be another key",
	  BLOCK,
	  { SP_USER_ADD, "x: {}\n    y" },
	  NULL,
	  -EINVAL },
	{ "a bad hash", BLOCK, { SP_USER_ADD, "dan", .password = "open-sesame" }, NULL, -EINVAL },
	{ "a bad group", BLOCK, { SP_USER_ADD, "dan", GROUPS("a\x01") }, NULL, -EINVAL },
	{ "a group of two lines", BLOCK, { SP_USER_ADD, "dan", GROUPS("a\nb") }, NULL, -ENOTSUP },
	{ "a file that is wrong already",
	  "type: local\nusers: [ana]\n",
	  { SP_USER_ADD, "dan" },
	  NULL,
	  -ENOTSUP },
	{ "another type",
	  "{ type: oidc, issuer: https://a.example, client-id: x }",
	  { SP_USER_ADD, "dan" },
	  NULL,
	  -ENOTSUP },
};

static void a_change_touches_what_it_is_about_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_cleanup(sp_diagnostics_done) struct sp_diagnostics diagnostics = { 0 };
		const struct edit_case *c = &cases[i];
		__sp_free char *after = NULL;
		size_t len = 0;
		int r = sp_user_edit("local.yaml", c->before, strlen(c->before), &c->change, &after,
				     &len, &diagnostics);

		if (r != c->r)
			fail_msg("%s: %d: %s", c->name, r,
				 diagnostics.count ? diagnostics.items[0].message : "");
		if (r == -EINVAL && diagnostics.count == 0)
			fail_msg("%s: no word", c->name);
		if (r == 0 && (len != strlen(after) || strcmp(after, c->after)))
			fail_msg("%s:\n%s", c->name, after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_touches_what_it_is_about_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
