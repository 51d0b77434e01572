/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes into people's tunnels: what their rules let them reach, and nothing that cuts the tunnel. */
#include "../policy/loading.h"

#include "base/array.h"
#include "config/reach.h"

#define OUTER "192.0.2.1"

static const char policy_text[] =
	"sallyport: 1\n"
	"roles: { eng: {match: {idp: corp, group: eng}}, dba: {match: {idp: corp, group: dba}},\n"
	"         out: {match: {idp: corp, group: out}}, admin: {match: {idp: corp, group: admin}} "
	"}\n"
	"networks:\n"
	"  git: [10.30.0.0/25, 10.30.0.128/25, 10.30.0.7, \"2001:db8:30::/64\"]\n"
	"  db: {in: 10.40.0.0/30, except: 10.40.0.1}\n"
	"  blocked: [192.0.2.0/26, 198.51.100.0/24]\n"
	"  around: 192.0.2.0/30\n"
	"  office: 10.50.0.0/16\n"
	"  people: 100.64.0.0/16\n"
	"  phones: 10.60.0.0/24\n"
	"rules:\n"
	"  - {name: git, allow: {from: eng, to: git}}\n"
	"  - {name: ana, allow: {from: {user: ana, idp: corp}, to: 10.99.0.1}}\n"
	"  - {name: db, allow: {from: [dba, office], to: [db, around]}}\n"
	"  - {name: no, deny: {from: eng, to: blocked}}\n"
	"  - {name: phones, allow: {from: people, to: phones}}\n"
	"  - {name: out, allow: {from: out, to: internet}}\n"
	"  - {name: all, allow: {from: admin, to: any}}\n"
	"  - {name: dns, allow: {from: out, to: self, services: udp/53}}\n"
	"  - {name: each, allow: {from: dba, to: {role: eng}}}\n"
	"  - {name: no-blocked, deny: {from: blocked, to: self}}\n"
	"protect: [{name: ssh, from: office, to: self, service: tcp/22}]\n";

#define MACHINE "sallyport: 1\ninterfaces: {edge: wan0, inside: lan0}\n"

/* The list of somebody with one role, as text. */
static const char *reach_of(const struct sp_policy *policy, const char *machine_text, uint32_t role,
			    bool has_v6, bool is_outer_known)
{
	static char text[4096];
	const struct sp_addr outer = addr_of(OUTER);
	const struct sp_addr self[] = { outer, addr_of("10.70.0.1"), addr_of("127.0.0.1"),
					addr_of("fe80::1") };
	struct sp_identity identity = { .user = "ana",
					.idp = role == 0 ? "corp" : "other",
					.roles = &role,
					.role_count = 1,
					.addresses = { addr_of("100.64.0.2") },
					.has_address = { true, false } };
	struct sp_reach_scope scope = { .policy = policy,
					.outer = &outer,
					.outer_count = 1,
					.self = self,
					.self_count = SP_ARRAY_LEN(self),
					.is_outer_known = { is_outer_known, is_outer_known },
					.has_family = { true, has_v6 } };
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_machine *machine = NULL;
	struct sp_reach_rules rules;
	struct sp_reach reach;
	char prefix[SP_PREFIX_TEXT_MAX];

	assert_int_equal(
		sp_machine_load("m", machine_text, strlen(machine_text), &machine, &diagnostics),
		0);
	sp_diagnostics_done(&diagnostics);
	scope.machine = machine;
	assert_int_equal(sp_reach_rules_of(policy, &identity, &rules), 0);
	assert_int_equal(sp_reach_make(&scope, &rules, &reach), 0);
	text[0] = 0;
	for (size_t i = 0; i < reach.count; i++) {
		strcat(text, i ? " " : "");
		strcat(text, sp_prefix_format(&reach.items[i], prefix));
	}
	sp_reach_done(&reach);
	sp_reach_rules_done(&rules);
	sp_machine_free(machine);
	return text;
}

#define POOL MACHINE "vpn: {pool: 100.64.0.0/16"

static void a_tunnel_carries_what_its_roles_reach(void **state)
{
	struct sp_policy *policy = load_good(policy_text);

	(void)state;
	/* no source, no deny, nobody else's; halves and what they cover are one; "people" holds the address */
	assert_string_equal(reach_of(policy, POOL "}", 0, false, true),
			    "10.30.0.0/24 10.60.0.0/24 10.99.0.1/32 100.64.0.0/16");
	assert_string_equal(reach_of(policy, POOL ", dns: [10.30.9.53]}", 0, true, true),
			    "10.30.0.0/24 10.30.9.53/32 10.60.0.0/24 10.99.0.1/32 100.64.0.0/16 "
			    "2001:db8:30::/64");
	/* what a network excepts stays out, and so does the way to the gateway itself */
	assert_string_equal(
		reach_of(policy, POOL "}", 1, false, true),
		"10.40.0.0/32 10.40.0.2/31 10.60.0.0/24 100.64.0.0/16 192.0.2.0/32 192.0.2.2/31");
	sp_policy_free(policy);
}

static void routes_of_the_machine_choose(void **state)
{
	struct sp_policy *policy = load_good(policy_text);

	(void)state;
	assert_string_equal(reach_of(policy, POOL ", routes: [git, db]}", 0, false, true),
			    "10.30.0.0/24 100.64.0.0/16");
	assert_string_equal(
		reach_of(policy, POOL ", routes: {except: [git, 10.60.0.0/25]}}", 0, false, true),
		"10.60.0.128/25 10.99.0.1/32 100.64.0.0/16");
	assert_string_equal(reach_of(policy, POOL ", routes: {only: git, except: 10.30.0.0/25}}", 0,
				     false, true),
			    "10.30.0.128/25 100.64.0.0/16");
	sp_policy_free(policy);
}

static void the_internet_only_where_it_is_asked_for(void **state)
{
	struct sp_policy *policy = load_good(policy_text);
	const char *list;

	(void)state;
	assert_string_equal(reach_of(policy, POOL "}", 2, true, true),
			    "10.60.0.0/24 10.70.0.1/32 100.64.0.0/16");
	/* every destination of somebody is one of an administrator's; a source alone is none */
	assert_string_equal(reach_of(policy, POOL "}", 3, false, true),
			    "10.30.0.0/24 10.40.0.0/32 10.40.0.2/31 10.60.0.0/24 10.70.0.1/32 "
			    "10.99.0.1/32 100.64.0.0/16 "
			    "192.0.2.0/32 192.0.2.2/31");
	/* a name may stand for another address than ours: wg-quick's mark keeps the way then */
	assert_string_equal(reach_of(policy, POOL ", routes: internet}", 2, true, false),
			    "0.0.0.0/0 ::/0");
	list = reach_of(policy, POOL ", routes: internet}", 2, true, true);
	assert_non_null(strstr(list, "192.0.2.0/32 192.0.2.2/31 "));
	assert_null(strstr(list, "0.0.0.0/0"));
	assert_non_null(strstr(list, " ::/0"));
	assert_string_equal(reach_of(policy, POOL ", routes: internet}", 0, true, false),
			    "100.64.0.0/16");
	sp_policy_free(policy);
}

/* A role with @count prefixes that do not touch. */
static struct sp_policy *load_long(size_t count)
{
	size_t size = 0;
	char *text = NULL;
	FILE *stream = open_memstream(&text, &size);
	struct sp_policy *policy;

	fprintf(stream, "sallyport: 1\nroles: {eng: {match: {idp: corp, group: eng}}}\nnetworks:\n "
			" long: [");
	for (size_t i = 0; i < count; i++)
		fprintf(stream, "%s%zu.%zu.%zu.0/25", i ? ", " : "", 20 + i / 65536, i / 256 % 256,
			i % 256);
	fprintf(stream, "]\nrules: [{name: a, allow: {from: eng, to: long}}]\n");
	fclose(stream);
	policy = load_good(text);
	free(text);
	return policy;
}

static void more_than_a_tunnel_carries_is_said(void **state)
{
	static const size_t counts[] = { SP_ROUTES_MAX, SP_ROUTES_MAX + 1 };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(counts); i++) {
		struct sp_policy *policy = load_long(counts[i]);
		struct sp_diagnostics diagnostics = { 0 };
		uint32_t role = 0;
		const struct sp_identity identity = { .roles = &role, .role_count = 1 };
		const struct sp_reach_scope scope = { .policy = policy,
						      .has_family = { true, true } };
		struct sp_reach_rules rules;
		struct sp_reach reach;

		assert_int_equal(sp_reach_rules_of(policy, &identity, &rules), 0);
		assert_int_equal(sp_reach_make(&scope, &rules, &reach), i ? -E2BIG : 0);
		assert_int_equal(reach.count, counts[i]);
		assert_int_equal(sp_reach_lint(policy, NULL, &diagnostics), 0);
		assert_int_equal(diagnostics.count, i);
		if (i) {
			assert_int_equal(diagnostics.items[0].place.line, 2);
			assert_non_null(strstr(diagnostics.items[0].message,
					       "role \"eng\" reaches 32769 separate prefixes"));
		}
		sp_diagnostics_done(&diagnostics);
		sp_reach_done(&reach);
		sp_reach_rules_done(&rules);
		sp_policy_free(policy);
	}
}

static void what_no_tunnel_carries_is_said(void **state)
{
	static const struct {
		const char *machine;
		size_t count;
	} cases[] = { { POOL "}", 2 },
		      { POOL ", routes: [git, internet]}", 0 },
		      { POOL ", routes: {only: [any, gti], except: hub}}", 2 } };
	struct sp_policy *policy = load_good(policy_text);

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_diagnostics diagnostics = { 0 };
		struct sp_machine *machine = NULL;

		assert_int_equal(sp_machine_load("m", cases[i].machine, strlen(cases[i].machine),
						 &machine, &diagnostics),
				 0);
		assert_int_equal(sp_reach_lint(policy, machine, &diagnostics), 0);
		assert_int_equal(diagnostics.count, cases[i].count);
		if (i == 0)
			assert_non_null(strstr(diagnostics.items[0].message,
					       "rule \"out\" lets people to the "
					       "internet"));
		if (i == 2)
			assert_non_null(strstr(diagnostics.items[0].message, "names \"gti\""));
		sp_diagnostics_done(&diagnostics);
		sp_machine_free(machine);
	}
	sp_policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tunnel_carries_what_its_roles_reach),
		cmocka_unit_test(routes_of_the_machine_choose),
		cmocka_unit_test(the_internet_only_where_it_is_asked_for),
		cmocka_unit_test(more_than_a_tunnel_carries_is_said),
		cmocka_unit_test(what_no_tunnel_carries_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
