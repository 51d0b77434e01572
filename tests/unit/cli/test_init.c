/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport init: from what a machine is to its first two files. Each plan that comes out is read by the loaders
 * the daemon reads with. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "cli/init/init_plan.h"
#include "config/machine.h"
#include "policy/load.h"

struct machine {
	struct sp_init_link links[8];
	struct sp_init_way ways[16];
	struct sp_addr resolvers[2];
	struct sp_init_facts facts;
};

static void has_link(struct machine *machine, const char *name, bool leads_out, bool is_others)
{
	struct sp_init_link *link = &machine->links[machine->facts.link_count++];

	snprintf(link->name, sizeof(link->name), "%s", name);
	link->leads_out = leads_out;
	link->is_others = is_others;
}

/* "10.30.0.1/16 in 10.30.0.0/16" is an address; without an @own it is a route. */
static void has_way(struct machine *machine, const char *iface, const char *to, const char *own)
{
	struct sp_init_way *way = &machine->ways[machine->facts.way_count++];

	snprintf(way->iface, sizeof(way->iface), "%s", iface);
	assert_int_equal(sp_prefix_parse(to, &way->to), 0);
	way->is_address = own != NULL;
	if (own)
		assert_int_equal(sp_addr_parse(own, &way->own), 0);
}

/* wan0 leads out; lan0 is an office of both families. */
static void be_office(struct machine *machine)
{
	*machine = (struct machine){ 0 };
	machine->facts = (struct sp_init_facts){ .links = machine->links,
						 .ways = machine->ways,
						 .resolvers = machine->resolvers,
						 .ssh_port = 22,
						 .tunnel_port = 51820,
						 .portal_port = 443 };
	memcpy(machine->facts.seed, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	has_link(machine, "wan0", true, false);
	has_link(machine, "lan0", false, false);
	has_way(machine, "wan0", "203.0.113.0/24", "203.0.113.7");
	has_way(machine, "lan0", "10.30.0.0/16", "10.30.0.1");
	has_way(machine, "lan0", "fd00:30::/64", "fd00:30::1");
	has_way(machine, "lan0", "fe80::/64", "fe80::1");
}

static const struct sp_init_wishes no_wishes;

static struct sp_init_plan plan_of(const struct machine *machine,
				   const struct sp_init_wishes *wishes)
{
	char problem[SP_INIT_PROBLEM_MAX] = "";
	struct sp_init_plan plan = { 0 };
	const int r = sp_init_plan_make(&machine->facts, wishes, &plan, problem);

	assert_string_equal(problem, "");
	assert_int_equal(r, 0);
	return plan;
}

static void assert_loads(const struct sp_init_plan *plan)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_machine *machine = NULL;
	struct sp_policy *policy = NULL;
	__sp_free char *machine_text = NULL, *policy_text = NULL;

	assert_int_equal(sp_init_write_machine(plan, &machine_text), 0);
	assert_int_equal(sp_init_write_policy(plan, &policy_text), 0);
	if (sp_machine_load("sallyport.yaml", machine_text, strlen(machine_text), &machine,
			    &diagnostics) < 0 ||
	    sp_policy_load("policy.yaml", policy_text, strlen(policy_text), &policy, &diagnostics) <
		    0 ||
	    diagnostics.count)
		fail_msg("%s\n%s\n%s",
			 diagnostics.count ? diagnostics.items[0].message : "no memory",
			 machine_text, policy_text);
	sp_machine_free(machine);
	sp_policy_free(policy);
	sp_diagnostics_done(&diagnostics);
}

static void assert_policy_has(const struct sp_init_plan *plan, const char *words)
{
	__sp_free char *text = NULL;

	assert_int_equal(sp_init_write_policy(plan, &text), 0);
	if (!strstr(text, words))
		fail_msg("%s\nhas no: %s", text, words);
}

static void assert_machine_has(const struct sp_init_plan *plan, const char *words)
{
	__sp_free char *text = NULL;

	assert_int_equal(sp_init_write_machine(plan, &text), 0);
	if (!strstr(text, words))
		fail_msg("%s\nhas no: %s", text, words);
}

static void assert_fails(const struct machine *machine, const struct sp_init_wishes *wishes,
			 const char *words)
{
	char problem[SP_INIT_PROBLEM_MAX] = "";
	struct sp_init_plan plan;

	assert_int_equal(sp_init_plan_make(&machine->facts, wishes, &plan, problem), -EINVAL);
	if (!strstr(problem, words))
		fail_msg("\"%s\" does not say: %s", problem, words);
}

static void office_is_found_by_itself(void **state)
{
	struct machine machine;
	struct sp_init_plan plan;

	(void)state;
	be_office(&machine);
	plan = plan_of(&machine, &no_wishes);
	assert_loads(&plan);
	assert_machine_has(&plan, "edge: [\"wan0\"]\n  inside: [\"lan0\"]\n");
	assert_machine_has(&plan, "endpoint: \"203.0.113.7\"\n");
	assert_machine_has(&plan, "url: \"https://203.0.113.7\"\n");
	assert_policy_has(&plan, "inside: [\"10.30.0.0/16\", \"fd00:30::/64\"]\n");
	assert_policy_has(&plan,
			  "{ name: inside-out, allow: {from: inside, to: [internet, upstream]} }");
	assert_policy_has(&plan, "admins: [\"10.30.0.0/16\", \"fd00:30::/64\"]");
	assert_true(plan.is_admin_guessed);
}

static void administrator_keeps_the_way_in(void **state)
{
	struct sp_init_wishes wishes = { 0 };
	struct machine machine;
	struct sp_init_plan plan;

	(void)state;
	be_office(&machine);
	machine.facts.has_admin = true;
	machine.facts.ssh_port = 2222;
	assert_int_equal(sp_addr_parse("2001:db8:5::9", &machine.facts.admin), 0);
	plan = plan_of(&machine, &wishes);
	assert_loads(&plan);
	assert_policy_has(&plan, "admins: [\"2001:db8:5::9");
	assert_policy_has(&plan, "{ name: admin-ssh, from: admins, to: self, service: tcp/2222 }");
	wishes.admin_from = "198.51.100.0/28, 2001:db8::/32";
	plan = plan_of(&machine, &wishes);
	assert_loads(&plan);
	assert_policy_has(&plan, "admins: [\"198.51.100.0/28\", \"2001:db8::/32\"]");
}

/* Whatever is in use, the pool lies beside it. */
static void pool_collides_with_nothing(void **state)
{
	static const char *const used[][4] = {
		{ "10.0.0.0/8" },
		{ "10.0.0.0/9", "10.128.0.0/10", "10.192.0.0/11" },
		{ "10.0.0.0/8", "172.16.0.0/12" },
		{ "10.0.0.0/8", "172.16.0.0/13", "172.24.0.0/14" },
		{ "0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1" }, /* a default route in halves */
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(used); i++)
		for (unsigned seed = 0; seed < 256; seed++) {
			struct machine machine;
			struct sp_init_plan plan;

			be_office(&machine);
			machine.facts.seed[1] = (uint8_t)seed;
			machine.facts.seed[3] = (uint8_t)(seed * 7);
			for (size_t k = 0; k < SP_ARRAY_LEN(used[i]) && used[i][k]; k++)
				has_way(&machine, "lan0", used[i][k], NULL);
			plan = plan_of(&machine, &no_wishes);
			assert_int_equal(plan.pool.count, 2);
			assert_null(sp_init_find_overlap(&machine.facts, &plan.pool.net[0]));
			assert_null(sp_init_find_overlap(&machine.facts, &plan.pool.net[1]));
			assert_int_equal(plan.pool.net[1].addr[0], 0xfd);
			assert_loads(&plan);
		}
}

static void shared_range_is_left_to_who_is_in_it(void **state)
{
	struct machine machine;
	struct sp_init_plan plan;

	(void)state;
	be_office(&machine);
	has_way(&machine, "lan0", "10.0.0.0/8", NULL);
	has_way(&machine, "lan0", "172.16.0.0/12", NULL);
	plan = plan_of(&machine, &no_wishes);
	assert_int_equal(plan.pool.net[0].addr[12], 100);
	has_link(&machine, "tailscale0", false, true);
	has_way(&machine, "tailscale0", "100.101.1.1/32", "100.101.1.1");
	plan = plan_of(&machine, &no_wishes);
	assert_int_equal(plan.pool.count, 1); /* IPv6 alone */
	assert_loads(&plan);
	assert_machine_has(&plan, "unmanaged: [\"tailscale0\"]");
}

static void given_pool_is_taken_or_refused(void **state)
{
	struct sp_init_wishes wishes = { .pool = "100.64.0.0/16,fd00:64::/64" };
	struct machine machine;
	struct sp_init_plan plan;

	(void)state;
	be_office(&machine);
	plan = plan_of(&machine, &wishes);
	assert_loads(&plan);
	assert_machine_has(&plan, "pool: [\"100.64.0.0/16\", \"fd00:64::/64\"]");
	wishes.pool = "10.30.128.0/17";
	assert_fails(&machine, &wishes, "10.30.128.0/17 collides with 10.30.0.0/16");
	wishes.pool = "10.30.1.1/16";
	assert_fails(&machine, &wishes, "is 10.30.0.0/16 meant?");
	wishes.pool = "everything";
	assert_fails(&machine, &wishes, "--pool everything: that is no network");
	wishes.pool = " , ";
	assert_fails(&machine, &wishes, "--pool");
}

static void one_interface_alone(void **state)
{
	const struct sp_init_wishes none = { .inside = "none" };
	struct machine machine;
	struct sp_init_plan plan;

	(void)state;
	be_office(&machine);
	machine.facts.link_count = 1;
	assert_fails(&machine, &no_wishes, "--inside none");
	machine.facts.way_count = 1;
	plan = plan_of(&machine, &none);
	assert_loads(&plan);
	assert_policy_has(&plan, "{ name: staff-in, allow: {from: staff, to: upstream} }");
	machine.facts.link_count = 0;
	assert_fails(&machine, &no_wishes, "name it with --edge");
}

static void interfaces_are_named_or_chosen(void **state)
{
	struct machine machine;
	struct sp_init_plan plan;
	struct sp_init_wishes wishes = { .edge = "lan0", .inside = "wan0, lan1" };

	(void)state;
	be_office(&machine);
	has_link(&machine, "lan1", false, false);
	has_link(&machine, "docker0", false, true);
	has_way(&machine, "lan1", "10.40.0.0/16", "10.40.0.1");
	has_way(&machine, "docker0", "172.17.0.0/16", "172.17.0.1");
	plan = plan_of(&machine, &no_wishes);
	assert_loads(&plan);
	assert_machine_has(&plan, "inside: [\"lan0\", \"lan1\"]\n");
	assert_policy_has(&plan, "name: inside-inside");
	plan = plan_of(&machine, &wishes);
	assert_loads(&plan);
	assert_machine_has(&plan, "edge: [\"lan0\"]\n  inside: [\"wan0\", \"lan1\"]\n");
	wishes.inside = "lan0";
	assert_fails(&machine, &wishes, "lan0 cannot be an outer and an inner interface at once");
	wishes.inside = "lan9";
	assert_fails(&machine, &wishes, "--inside lan9: there is no such interface");
	wishes.inside = "docker0";
	plan = plan_of(&machine, &wishes);
	assert_loads(&plan);
}

static void a_line_that_alone_leads_out_is_the_edge(void **state)
{
	struct machine machine;
	struct sp_init_plan plan;

	(void)state;
	be_office(&machine);
	has_link(&machine, "ppp0", true, true);
	plan = plan_of(&machine, &no_wishes); /* wan0 leads out as well */
	assert_machine_has(&plan, "edge: [\"wan0\"]\n");
	machine.links[0].leads_out = false;
	has_way(&machine, "ppp0", "203.0.113.9/32", "203.0.113.9");
	plan = plan_of(&machine, &no_wishes);
	assert_loads(&plan);
	assert_machine_has(&plan, "edge: [\"ppp0\"]\n");
	assert_machine_has(&plan, "endpoint: \"203.0.113.9\"\n");
}

static void others_interfaces_are_known(void **state)
{
	static const char *const others[] = { "docker0", "br-0123456789ab", "veth12ab", "virbr0",
					      "tailscale0" };
	static const char *const own[] = { "br-lan", "br0",   "br-0123456789xy", "lan0",
					   "enp3s0", "bond0", "eth0.10" };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(others); i++)
		assert_true(sp_init_is_others(others[i], 1));
	for (size_t i = 0; i < SP_ARRAY_LEN(own); i++)
		assert_false(sp_init_is_others(own[i], 1));
	assert_true(sp_init_is_others("wg0", 65534));
}

static void names_of_the_machine(void **state)
{
	struct sp_init_wishes wishes = { .portal_name = "gate.example.org" };
	struct machine machine;
	struct sp_init_plan plan;

	(void)state;
	be_office(&machine);
	machine.facts.portal_port = 8443;
	machine.facts.tunnel_port = 51821;
	plan = plan_of(&machine, &wishes);
	assert_loads(&plan);
	assert_machine_has(&plan, "url: \"https://gate.example.org:8443\"\n");
	assert_policy_has(&plan, "service: udp/51821");
	wishes.portal_name = "2001:db8::1";
	plan = plan_of(&machine, &wishes);
	assert_loads(&plan);
	assert_machine_has(&plan, "endpoint: \"[2001:db8::1]\"\n");
	wishes.portal_name = "gate\"\nevil: 1";
	assert_fails(&machine, &wishes, "--portal-name is a host's name");
	wishes.portal_name = "gate:80:x";
	assert_fails(&machine, &wishes, "--portal-name gate:80:x");
}

static void resolver_is_offered_when_it_is_inside(void **state)
{
	struct machine machine;
	struct sp_init_plan plan;

	(void)state;
	be_office(&machine);
	machine.facts.resolver_count = 2;
	assert_int_equal(sp_addr_parse("9.9.9.9", &machine.resolvers[0]), 0);
	assert_int_equal(sp_addr_parse("10.30.0.53", &machine.resolvers[1]), 0);
	plan = plan_of(&machine, &no_wishes);
	assert_loads(&plan);
	assert_machine_has(&plan, "dns: [\"10.30.0.53\"]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(office_is_found_by_itself),
		cmocka_unit_test(administrator_keeps_the_way_in),
		cmocka_unit_test(pool_collides_with_nothing),
		cmocka_unit_test(shared_range_is_left_to_who_is_in_it),
		cmocka_unit_test(given_pool_is_taken_or_refused),
		cmocka_unit_test(one_interface_alone),
		cmocka_unit_test(interfaces_are_named_or_chosen),
		cmocka_unit_test(a_line_that_alone_leads_out_is_the_edge),
		cmocka_unit_test(others_interfaces_are_known),
		cmocka_unit_test(names_of_the_machine),
		cmocka_unit_test(resolver_is_offered_when_it_is_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
