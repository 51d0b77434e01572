/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which connections go on under a policy, and which are translated otherwise than it says. */
#include "../policy/loading.h"

#include "base/array.h"
#include "net/addr.h"
#include "plane/ebpf/nat_stands.h"
#include "plane/ebpf/nat_text.h"

#define NATS                                                                                       \
	"sallyport: 1\nnetworks: { office: { in: 10.20.0.0/16, except: 10.20.9.0/24 } }\n"         \
	"nat:\n"                                                                                   \
	"  - { name: cust, netmap: { outside: 10.77.1.0/24, inside: 192.168.5.0/24 } }\n"          \
	"  - { name: cust6, netmap: { outside: \"fd00:77::/64\", inside: \"fd00:5::/64\" } }\n"    \
	"  - { name: out, masquerade: { from: [office, \"fd00:20::/64\"], out: wan0, ports: "      \
	"2000-2999 } }\n"                                                                          \
	"  - { name: web, masquerade: { from: 10.30.0.0/16, out: wan1, to: 8.8.0.0/16 } }\n"

#define DESTINATION SP_EBPF_NAT_DESTINATION_LABEL
#define SOURCE SP_EBPF_NAT_SOURCE_LABEL

struct connection {
	const char *from, *to, *reply_from, *reply_to;
	uint16_t reply_port;
	int label, other_label; /* 0: none */
};

static void set_label(struct sp_conntrack *connection, int label)
{
	if (label)
		connection->labels[label / 8] |= (uint8_t)(1 << label % 8);
}

static bool stands(const char *policy_text, const struct connection *given)
{
	const struct sp_nat_address addresses[] = {
		{ "wan0", addr_of("192.0.2.1") },
		{ "wan0", addr_of("2001:db8::1") },
		{ "wan1", addr_of("198.51.100.1") },
	};
	struct sp_policy *policy = load_good(policy_text);
	const struct sp_nat_today today = { policy, &policy->fixtures.gateway, addresses,
					    SP_ARRAY_LEN(addresses) };
	struct sp_conntrack connection = {
		.original = { addr_of(given->from), addr_of(given->to), 40000, 80 },
		.reply = { addr_of(given->reply_from), addr_of(given->reply_to), 80,
			   given->reply_port },
		.proto = 6,
	};
	bool result;

	set_label(&connection, given->label);
	set_label(&connection, given->other_label);
	result = sp_ebpf_nat_stands(&today, &connection);
	sp_policy_free(policy);
	return result;
}

static void a_netmap_stands_address_by_address(void **state)
{
	const struct connection v4 = { "10.1.1.1", "10.77.1.9", "192.168.5.9",
				       "10.1.1.1", 40000,       DESTINATION };
	const struct connection v6 = { "fd00::1", "fd00:77::9", "fd00:5::9",
				       "fd00::1", 40000,        DESTINATION };
	const struct connection other = { "10.1.1.1", "10.77.1.9", "192.168.5.8",
					  "10.1.1.1", 40000,       DESTINATION };
	const struct connection elsewhere = { "10.1.1.1", "10.77.1.9", "192.168.6.9",
					      "10.1.1.1", 40000,       DESTINATION };

	(void)state;
	assert_true(stands(NATS, &v4));
	assert_true(stands(NATS, &v6));
	assert_false(stands(NATS, &other));
	assert_false(stands(NATS, &elsewhere));
	assert_false(stands("sallyport: 1\n", &v4));
	assert_false(stands("sallyport: 1\n", &v6));
	assert_false(stands("sallyport: 1\nnat:\n  - { name: cust, netmap: { outside: "
			    "10.77.1.0/25, inside: 192.168.5.128/25 } }\n",
			    &v4));
}

static void so_does_what_comes_from_inside(void **state)
{
	const struct connection v4 = { "192.168.5.9", "8.8.8.8", "8.8.8.8",
				       "10.77.1.9",   40000,     SOURCE };
	const struct connection wrong = { "192.168.5.9", "8.8.8.8", "8.8.8.8",
					  "10.77.1.8",   40000,     SOURCE };

	(void)state;
	assert_true(stands(NATS, &v4));
	assert_false(stands(NATS, &wrong));
	assert_false(stands("sallyport: 1\n", &v4));
}

static void a_masquerade_stands_while_an_entry_would_do_it(void **state)
{
	const struct {
		struct connection connection;
		bool stands;
	} cases[] = {
		{ { "10.20.1.1", "8.8.8.8", "8.8.8.8", "192.0.2.1", 2000, SOURCE }, true },
		{ { "10.20.1.1", "8.8.8.8", "8.8.8.8", "192.0.2.1", 2999, SOURCE }, true },
		{ { "10.20.1.1", "8.8.8.8", "8.8.8.8", "192.0.2.1", 3000, SOURCE }, false },
		{ { "10.20.1.1", "8.8.8.8", "8.8.8.8", "192.0.2.7", 2000, SOURCE }, false },
		{ { "10.20.9.1", "8.8.8.8", "8.8.8.8", "192.0.2.1", 2000, SOURCE }, false },
		{ { "10.21.1.1", "8.8.8.8", "8.8.8.8", "192.0.2.1", 2000, SOURCE }, false },
		{ { "fd00:20::1", "2600::1", "2600::1", "2001:db8::1", 2000, SOURCE }, true },
		{ { "fd00:21::1", "2600::1", "2600::1", "2001:db8::1", 2000, SOURCE }, false },
		{ { "10.30.1.1", "8.8.8.8", "8.8.8.8", "198.51.100.1", 2000, SOURCE }, true },
		{ { "10.30.1.1", "9.9.9.9", "9.9.9.9", "198.51.100.1", 2000, SOURCE }, false },
		/* what a netmap's destination really is counts for `to` */
		{ { "10.20.1.1", "10.77.1.9", "192.168.5.9", "192.0.2.1", 2000, SOURCE,
		    DESTINATION },
		  true },
		{ { "10.20.1.1", "10.78.1.9", "192.168.5.9", "192.0.2.1", 2000, SOURCE,
		    DESTINATION },
		  false },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++)
		if (stands(NATS, &cases[i].connection) != cases[i].stands)
			fail_msg("case %zu", i);
}

static void what_others_translate_is_left_alone(void **state)
{
	const struct connection theirs = { "10.1.1.1",  "192.0.2.1", "10.30.0.9",
					   "192.0.2.1", 40000,       0 };

	(void)state;
	assert_true(stands(NATS, &theirs));
	assert_true(stands("sallyport: 1\n", &theirs));
}

#define FORWARD(to, target)                                                                        \
	"sallyport: 1\nnat: [ { name: web, forward: { to: \"" to "\", target: \"" target           \
	"\" } } ]\nfixtures: { self: [192.0.2.1, \"2001:db8::1\"] }\n"

static void a_forward_stands_while_it_leads_there(void **state)
{
	const struct connection v4 = { "10.1.1.1", "192.0.2.1", "10.30.0.9",
				       "10.1.1.1", 40000,       DESTINATION };
	const struct connection v6 = { "fd00::1", "2001:db8::1", "fd00:5::9",
				       "fd00::1", 40000,         DESTINATION };

	(void)state;
	assert_true(stands(FORWARD("192.0.2.1:tcp/80", "10.30.0.9:80"), &v4));
	assert_true(stands(FORWARD("wan0:tcp/80", "10.30.0.9:80"), &v4));
	assert_true(stands(FORWARD("[2001:db8::1]:tcp/80", "[fd00:5::9]:80"), &v6));
	assert_false(stands(FORWARD("192.0.2.1:tcp/80", "10.30.0.9:81"), &v4));
	assert_false(stands(FORWARD("192.0.2.1:tcp/80", "10.30.0.8:80"), &v4));
	assert_false(stands(FORWARD("192.0.2.1:udp/80", "10.30.0.9:80"), &v4));
	assert_false(stands(FORWARD("192.0.2.1:tcp/81", "10.30.0.9:80"), &v4));
	assert_false(stands(FORWARD("[2001:db8::1]:tcp/80", "[fd00:5::8]:80"), &v6));
	assert_false(stands("sallyport: 1\n", &v6));
}

static void what_is_older_than_a_forward_does_not(void **state)
{
	const struct connection local = { "10.1.1.1", "192.0.2.1", "192.0.2.1", "10.1.1.1", 40000 };
	const struct connection own = { "192.0.2.1", "10.1.1.1", "10.1.1.1", "192.0.2.1", 80 };

	(void)state;
	assert_false(stands(FORWARD("wan0:tcp/80", "10.30.0.9:80"), &local));
	assert_true(stands(FORWARD("wan0:tcp/81", "10.30.0.9:80"), &local));
	assert_true(stands(FORWARD("wan0:udp/80", "10.30.0.9:80"), &local));
	assert_true(stands(FORWARD("wan0:tcp/80", "10.30.0.9:80"), &own));
	assert_true(stands("sallyport: 1\n", &local));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_netmap_stands_address_by_address),
		cmocka_unit_test(so_does_what_comes_from_inside),
		cmocka_unit_test(a_masquerade_stands_while_an_entry_would_do_it),
		cmocka_unit_test(what_others_translate_is_left_alone),
		cmocka_unit_test(a_forward_stands_while_it_leads_there),
		cmocka_unit_test(what_is_older_than_a_forward_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
