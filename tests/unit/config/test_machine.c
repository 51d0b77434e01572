/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sallyport.yaml becomes. What is said about one that is wrong: tests/golden/machine. */
#include "../policy/loading.h"

#include "base/array.h"

static struct sp_machine *load(const char *text)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_machine *machine = NULL;
	int r = sp_machine_load("sallyport.yaml", text, strlen(text), &machine, &diagnostics);

	if (r < 0 && diagnostics.count)
		print_error("%s\n", diagnostics.items[0].message);
	sp_diagnostics_done(&diagnostics);
	return r < 0 ? NULL : machine;
}

static void everything_given_is_kept(void **state)
{
	struct sp_machine *machine = load(
		"sallyport: 1\n"
		"plane: ebpf\n"
		"interfaces: { edge: [wan0, wan1], inside: lan0, tunnel: tun7, unmanaged: [guest0, "
		"ppp9] }\n"
		"vpn: { listen: 443, pool: 10.9.0.0/24, endpoint: \"gate.example.org:443\", "
		"dns: [10.0.0.1, \"2001:db8::1\"],\n"
		"       routes: [servers, internet], mtu: 1280, parked: 90s, engine: kernel }\n"
		"audit: { rotate: 2GB, keep: 3, min-age: 7d, people: { rotate: 1GB, keep: 20 } }\n"
		"portal: { listen: \"192.0.2.1:8443\", url: \"https://gate.example.org:8443\",\n"
		"          tls: { cert: gate.pem, key: /etc/ssl/gate.key }, user: gate }\n");

	(void)state;
	assert_non_null(machine);
	assert_string_equal(machine->plane, "ebpf");
	assert_int_equal(machine->gateway.interface_count, 4);
	assert_string_equal(machine->gateway.interfaces[1].name, "wan1");
	assert_int_equal(machine->gateway.interfaces[1].zone, SP_ZONE_EDGE);
	assert_string_equal(machine->gateway.interfaces[2].name, "lan0");
	assert_int_equal(machine->gateway.interfaces[2].zone, SP_ZONE_INSIDE);
	assert_string_equal(machine->gateway.interfaces[3].name, "tun7");
	assert_int_equal(machine->gateway.interfaces[3].zone, SP_ZONE_TUNNEL);
	assert_string_equal(machine->tunnel, "tun7");
	assert_int_equal(machine->unmanaged_count, 2);
	assert_string_equal(machine->unmanaged[1], "ppp9");
	assert_int_equal(machine->listen_port, 443);
	assert_int_equal(machine->gateway.pool_count, 1);
	assert_prefix(&machine->gateway.pool[0], "10.9.0.0/24");
	assert_string_equal(machine->endpoint, "gate.example.org:443");
	assert_int_equal(machine->dns_count, 2);
	assert_addr(&machine->dns[1], "2001:db8::1");
	assert_int_equal(machine->route_name_count, 2);
	assert_string_equal(machine->routes[1], "internet");
	assert_int_equal(machine->mtu, 1280);
	assert_int_equal(machine->engine, SP_VPN_KERNEL);
	assert_int_equal(machine->parked_s, 90);
	assert_int_equal(machine->audit_rotate_bytes, 2000000000);
	assert_int_equal(machine->audit_keep, 3);
	assert_int_equal(machine->audit_min_age_s, 7 * 86400);
	assert_int_equal(machine->audit_people_rotate_bytes, 1000000000);
	assert_int_equal(machine->audit_people_keep, 20);
	assert_true(machine->has_portal);
	assert_addr(&machine->portal_listen, "192.0.2.1");
	assert_int_equal(machine->portal_port, 8443);
	assert_string_equal(machine->portal_url, "https://gate.example.org:8443");
	assert_string_equal(machine->portal_cert, "gate.pem");
	assert_string_equal(machine->portal_key, "/etc/ssl/gate.key");
	assert_string_equal(machine->portal_user, "gate");
	sp_machine_free(machine);
}

static void what_is_left_out_has_defaults(void **state)
{
	struct sp_machine *machine = load("sallyport: 1\ninterfaces: { edge: wan0 }\n");

	(void)state;
	assert_non_null(machine);
	assert_string_equal(machine->plane, "auto");
	assert_string_equal(machine->tunnel, "vpn0");
	assert_int_equal(machine->unmanaged_count, 0);
	assert_int_equal(machine->gateway.interface_count, 2);
	assert_int_equal(machine->gateway.interfaces[1].zone, SP_ZONE_TUNNEL);
	assert_int_equal(machine->listen_port, 51820);
	assert_int_equal(machine->gateway.pool_count, 2);
	assert_prefix(&machine->gateway.pool[1], "fd00:64::/64");
	assert_null(machine->endpoint);
	assert_int_equal(machine->dns_count, 0);
	assert_int_equal(machine->route_name_count, 0);
	assert_int_equal(machine->mtu, 1420);
	assert_int_equal(machine->engine, SP_VPN_USERSPACE);
	assert_int_equal(machine->parked_s, 86400);
	assert_int_equal(machine->audit_rotate_bytes, 100000000);
	assert_int_equal(machine->audit_keep, 10);
	assert_int_equal(machine->audit_min_age_s, 86400);
	assert_int_equal(machine->audit_people_rotate_bytes, 100000000);
	assert_int_equal(machine->audit_people_keep, 10);
	assert_false(machine->has_portal);
	sp_machine_free(machine);
}

static void parked_people_reach_the_portal_and_the_resolvers_if_there_are_any(void **state)
{
	static const struct {
		const char *sections;
		uint16_t portal_port;
		size_t resolver_count;
	} rows[] = {
		{ "", 0, 0 },
		{ "portal: { url: \"https://gate.example.org\" }\n", 443, 0 },
		{ "vpn: { dns: [10.30.0.53, \"2001:db8::53\"] }\n", 0, 2 },
		{ "portal: { url: \"https://gate.example.org\", listen: \"[::]:8443\" }\n"
		  "vpn: { dns: 10.30.0.53, parked: 1s }\n",
		  8443, 1 },
		/* nobody is parked */
		{ "portal: { url: \"https://gate.example.org\" }\n"
		  "vpn: { dns: 10.30.0.53, parked: 0 }\n",
		  0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct sp_machine *machine;
		char text[300];

		snprintf(text, sizeof(text), "sallyport: 1\ninterfaces: { edge: wan0 }\n%s",
			 rows[i].sections);
		machine = load(text);
		assert_non_null(machine);
		assert_int_equal(machine->gateway.portal_port, rows[i].portal_port);
		assert_int_equal(machine->gateway.resolver_count, rows[i].resolver_count);
		if (rows[i].resolver_count)
			assert_addr(&machine->gateway.resolvers[0], "10.30.0.53");
		sp_machine_free(machine);
	}
}

static void a_portal_needs_only_its_url(void **state)
{
	struct sp_machine *machine = load("sallyport: 1\ninterfaces: { edge: wan0 }\n"
					  "portal: { url: \"https://gate.example.org\" }\n");

	(void)state;
	assert_non_null(machine);
	assert_true(machine->has_portal);
	assert_addr(&machine->portal_listen, "::");
	assert_int_equal(machine->portal_port, 443);
	assert_null(machine->portal_cert);
	assert_null(machine->portal_key);
	assert_string_equal(machine->portal_user, "sallyport-portal");
	sp_machine_free(machine);
}

static void spans_sizes_and_endpoints_are_strict(void **state)
{
	static const struct {
		const char *line;
		bool is_good;
	} cases[] = {
		{ "vpn: { unused: 0 }", true },
		{ "vpn: { unused: 90s }", true },
		{ "vpn: { unused: never }", false },
		{ "vpn: { parked: 0 }", true },
		{ "vpn: { parked: 10h }", true },
		{ "vpn: { parked: 3650d }", true },
		{ "vpn: { parked: 3651d }", false },
		{ "vpn: { parked: 5 }", false },
		{ "vpn: { parked: 5w }", false },
		{ "vpn: { parked: 05m }", false },
		{ "vpn: { parked: h }", false },
		{ "vpn: { parked: 99999999999999999h }", false },
		{ "audit: { rotate: 100000 }", true },
		{ "audit: { rotate: 100kb }", false },
		{ "audit: { rotate: 1000GB }", true },
		{ "audit: { rotate: 1001GB }", false },
		{ "audit: { rotate: 1 MB }", false },
		{ "audit: { rotate: 1.5MB }", false },
		{ "audit: { min-age: 0 }", true },
		{ "audit: { min-age: 7 }", false },
		{ "audit: { people: { rotate: 64KB, keep: 1 } }", true },
		{ "audit: { people: { rotate: 1KB } }", false },
		{ "audit: { people: { keep: 0 } }", false },
		{ "audit: { people: { min-age: 7d } }", false },
		{ "vpn: { endpoint: gate }", true },
		{ "vpn: { endpoint: 192.0.2.1 }", true },
		{ "vpn: { endpoint: \"[2001:db8::1]\" }", true },
		{ "vpn: { endpoint: \"[2001:db8::1]:1\" }", true },
		{ "vpn: { endpoint: \"[2001:db8::1\" }", false },
		{ "vpn: { endpoint: \"[2001:db8::1]x\" }", false },
		{ "vpn: { endpoint: \"gate:\" }", false },
		{ "vpn: { endpoint: \"gate:65536\" }", false },
		{ "vpn: { endpoint: \"gate:01\" }", false },
		{ "vpn: { endpoint: \":1\" }", false },
		{ "vpn: { endpoint: \"gate/x\" }", false },
		{ "vpn: { endpoint: \"https://gate\" }", false },
#define PORTAL "portal: { url: \"https://gate\", "
		{ PORTAL "listen: \"0.0.0.0:443\" }", true },
		{ PORTAL "listen: \"[::]:8443\" }", true },
		{ PORTAL "listen: \"[2001:db8::1]:1\" }", true },
		{ PORTAL "listen: 443 }", false },
		{ PORTAL "listen: \":443\" }", false },
		{ PORTAL "listen: \"0.0.0.0\" }", false },
		{ PORTAL "listen: \"0.0.0.0:0\" }", false },
		{ PORTAL "listen: \"0.0.0.0:0443\" }", false },
		{ PORTAL "listen: \"0.0.0.0:65536\" }", false },
		{ PORTAL "listen: \"010.0.0.1:443\" }", false },
		{ PORTAL "listen: \"10.0.0.0/8:443\" }", false },
		{ PORTAL "listen: \"::1:443\" }", false },
		{ PORTAL "listen: \"[::1:443\" }", false },
		{ PORTAL "listen: \"[]:443\" }", false },
		{ PORTAL "listen: \"[192.0.2.1]:443\" }", false },
		{ PORTAL "listen: \"gate:443\" }", false },
		{ PORTAL "user: 65534 }", true },
		{ PORTAL "user: root }", false },
		{ PORTAL "user: 00 }", false },
		{ PORTAL "user: \"a b\" }", false },
		{ PORTAL "user: -x }", false },
		{ PORTAL "tls: { cert: a } }", false },
		{ PORTAL "tls: { key: a } }", false },
		{ PORTAL "tls: { cert: a, key: [b] } }", false },
		{ PORTAL "tls: { cert: a, key: \"\" } }", false },
#undef PORTAL
		{ "portal: { user: gate }", false },
		{ "portal: { url: \"https://gate:8443\" }", true },
		{ "portal: { url: \"https://[2001:db8::1]:8443\" }", true },
		{ "portal: { url: \"http://gate\" }", false },
		{ "portal: { url: \"https://gate/\" }", false },
		{ "portal: { url: \"https://gate/x\" }", false },
		{ "portal: { url: \"https://Gate\" }", false },
		{ "portal: { url: \"https://gate:0\" }", false },
		{ "portal: { url: \"https://ana@gate\" }", false },
		{ "portal: { url: \"https://\" }", false },
		{ "portal: { url: \"https://[]\" }", false },
		{ "portal: { url: \"https://[::1\" }", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_diagnostics diagnostics = { 0 };
		struct sp_machine *machine = NULL;
		char text[256];
		int r;

		snprintf(text, sizeof(text), "sallyport: 1\ninterfaces: { edge: wan0 }\n%s\n",
			 cases[i].line);
		r = sp_machine_load("s", text, strlen(text), &machine, &diagnostics);
		if ((r == 0) != cases[i].is_good)
			fail_msg("%s: %d", cases[i].line, r);
		sp_machine_free(machine);
		sp_diagnostics_done(&diagnostics);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_given_is_kept),
		cmocka_unit_test(what_is_left_out_has_defaults),
		cmocka_unit_test(parked_people_reach_the_portal_and_the_resolvers_if_there_are_any),
		cmocka_unit_test(a_portal_needs_only_its_url),
		cmocka_unit_test(spans_sizes_and_endpoints_are_strict),
	};

	return cmocka_run_group_tests_name("config-machine", tests, NULL, NULL);
}
