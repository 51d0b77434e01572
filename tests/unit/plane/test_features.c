/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a plane lacks is an error where the policy asks for it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plane/plane.h"
#include "policy/load.h"

static const char text[] =
	"sallyport: 1\n"
	"roles:\n"
	"  eng: { match: [ { idp: corp, group: eng } ], session: { max: 8h, idle: 1h } }\n"
	"edge:\n"
	"  expose: [ { name: tunnel, to: self, service: udp/51820 } ]\n"
	"protect: [ { name: admin, from: 10.20.1.0/28, to: self, services: tcp/22 } ]\n"
	"rules:\n"
	"  - { name: web, allow: { from: eng, to: 10.30.0.1, services: [tcp/443] }, limit: "
	"slow }\n"
	"  - { name: call, allow: { from: eng, to: { role: eng }, services: [udp/5060] }, log: all "
	"}\n"
	"  - { name: shut, deny: { from: eng, to: 10.30.0.2 } }\n"
	"limits: { slow: { packets: 5/s } }\n"
	"nat: [ { name: out, masquerade: { from: 10.20.0.0/16, out: wan0 } } ]\n"
	"settings: { reject: icmp }\n";

/* The errors of a plane without @lacking, one a line. */
static void assert_errors(uint32_t lacking, const char *const *expected, size_t count)
{
	const struct sp_plane_ops ops = { .name = "fake", .features = SP_PLANE_ALL & ~lacking };
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_policy *policy = NULL;
	size_t found = 0;

	assert_int_equal(sp_policy_load("p.yaml", text, strlen(text), &policy, &diagnostics), 0);
	assert_int_equal(sp_plane_check(&ops, policy, &diagnostics), count ? -EINVAL : 0);
	assert_int_equal(diagnostics.error_count, count);
	for (size_t i = 0; i < diagnostics.count; i++) {
		char line[256];

		if (diagnostics.items[i].severity != SP_ERROR)
			continue;
		snprintf(line, sizeof(line), "%s:%u: %s", diagnostics.items[i].path,
			 (unsigned int)diagnostics.items[i].place.line,
			 diagnostics.items[i].message);
		assert_true(found < count);
		assert_string_equal(line, expected[found++]);
	}
	assert_int_equal(found, count);
	sp_policy_free(policy);
	sp_diagnostics_done(&diagnostics);
}

static void a_plane_that_has_everything_takes_every_policy(void **state)
{
	(void)state;
	assert_errors(0, NULL, 0);
}

static void each_thing_it_lacks_is_an_error_where_it_is_asked_for(void **state)
{
	static const char *const expected[] = {
		"p.yaml:3: role \"eng\": the plane fake has no sessions that end by silence "
		"(`idle` of a role)",
		"p.yaml:5: rule \"tunnel\": the plane fake has no `expose` entries",
		"p.yaml:6: rule \"admin\": the plane fake has no `protect` entries",
		"p.yaml:8: rule \"web\": the plane fake has no limits",
		"p.yaml:9: rule \"call\": the plane fake has no rules whose `to` is people (a "
		"role, a list, `signed-in`)",
		"p.yaml:9: rule \"call\": the plane fake has no rules with `log: all` that allow",
		"p.yaml:12: nat entry \"out\": the plane fake has no translations (`nat`)",
		"p.yaml:13: setting \"reject\": the plane fake has no choice how to refuse "
		"(`reject` "
		"of the settings)",
	};

	(void)state;
	assert_errors(SP_PLANE_ALL, expected, sizeof(expected) / sizeof(expected[0]));
	assert_errors(SP_PLANE_EXPOSE, expected + 1, 1);
	assert_errors(SP_PLANE_PROTECT, expected + 2, 1);
	assert_errors(SP_PLANE_LIMIT, expected + 3, 1);
	assert_errors(SP_PLANE_IDLE, expected, 1);
	assert_errors(SP_PLANE_NAT, expected + 6, 1);
	assert_errors(SP_PLANE_REJECT, expected + 7, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plane_that_has_everything_takes_every_policy),
		cmocka_unit_test(each_thing_it_lacks_is_an_error_where_it_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
