/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each hook, packet by packet: what it says, what it does to the packet. */
#include <linux/pkt_cls.h>

#include "steps.h"

static void vpn_in_decides_by_session(void **state)
{
	static const struct step steps[] = {
		{ VPN, "100.64.0.7:1000 > 10.30.0.5:22 tcp", ALLOW(POLICY), RULE_SSH, 0 },
		{ VPN, "[fd00:64::7]:1000 > [2001:db8:30::5]:443 tcp", ALLOW(POLICY), RULE_WEB, 0 },
		{ VPN, "100.64.0.7 > 10.30.0.5 icmp id=7", ALLOW(POLICY), RULE_PING, 0 },
		{ VPN, "fd00:64::7 > 2001:db8:30::5 icmp6 id=7", ALLOW(POLICY), RULE_PING, 0 },
		{ VPN, "100.64.0.7 > 10.30.0.5 icmp type=9", ALLOW(POLICY), RULE_REPORT, 0 },
		{ VPN, "100.64.0.7:1000 > 10.30.9.4:22 tcp", DENY(POLICY), RULE_PAYROLL, 0 },
		{ VPN, "100.64.0.7:1000 > 10.30.0.5:23 tcp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ VPN, "100.64.0.7:1000 > 8.8.8.8:22 tcp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ VPN, "100.64.0.9:1000 > 10.30.0.5:22 tcp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ VPN, "100.64.0.7:1000 > 100.64.0.8:22 tcp", ALLOW(POLICY), RULE_PEER, 0 },
		{ VPN, "100.64.0.7:1000 > 100.64.0.9:22 tcp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ VPN, "100.64.0.7:1000 > 100.64.9.9:22 tcp", DENY(NO_IDENTITY), NONE, 0 },
		{ VPN, "100.64.0.99:1000 > 10.30.0.5:22 tcp", DENY(NO_IDENTITY), NONE, 0 },
		{ VPN, "8.8.8.8:1000 > 10.30.0.5:22 tcp", DENY(NO_IDENTITY), NONE, 0 },
		{ VPN, "10.30.0.9:1000 > 10.30.0.5:22 tcp", DENY(SPOOFED), NONE, 0 },
		{ VPN, "192.0.2.1:1000 > 10.30.0.5:22 tcp", DENY(SPOOFED), NONE, 0 },
		{ VPN, "100.64.0.7 > 10.30.0.5 proto=47 payload=8", DENY(DEFAULT), SP_RULE_DEFAULT,
		  0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void every_hook_drops_what_it_cannot_read(void **state)
{
	static const struct step steps[] = {
		{ VPN, "100.64.0.7:1 > 10.30.0.5:22 tcp ip[0]=75", DENY(MALFORMED), NONE, 0 },
		{ VPN, "100.64.0.7:1 > 10.30.0.5:22 tcp -", DENY(MALFORMED), NONE, 0 },
		{ VPN, "100.64.0.7:1 > 10.30.0.5:22 tcp SF", DENY(MALFORMED), NONE, 0 },
		{ VPN, "100.64.0.7:1 > 10.30.0.5:22 tcp F", DENY(MALFORMED), NONE, 0 },
		{ VPN, "100.64.0.7:1 > 10.30.0.5:22 tcp cut=39", DENY(TRUNCATED), NONE, 0 },
		{ VPN, "100.64.0.7:1 > 10.30.0.5:22 tcp cut=20", DENY(TRUNCATED), NONE, 0 },
		{ VPN, "100.64.0.7:1 > 10.30.0.5:22 tcp options=83040000", DENY(MALFORMED), NONE,
		  0 },
		{ VPN, "100.64.0.7:1 > 10.30.0.5:22 tcp options=07000000", DENY(MALFORMED), NONE,
		  0 },
		{ VPN, "100.64.0.7:1 > 10.30.0.5:22 tcp options=07050000", DENY(MALFORMED), NONE,
		  0 },
		{ VPN, "100.64.0.7:1 > 10.30.0.5:22 tcp options=01010107", DENY(MALFORMED), NONE,
		  0 },
		{ VPN, "100.64.0.7:1 > 10.30.0.5:22 tcp options=07030401", ALLOW(POLICY), RULE_SSH,
		  0 },
		{ VPN, "100.64.0.7:1 > 10.30.0.5:22 tcp pad=9", ALLOW(POLICY), RULE_SSH, 0 },
		{ VPN, "[fd00:64::7]:1 > [2001:db8:30::5]:22 tcp ext=0,60,43,51", ALLOW(POLICY),
		  RULE_SSH, 0 },
		{ VPN, "[fd00:64::7]:1 > [2001:db8:30::5]:22 tcp ext=60,0", DENY(MALFORMED), NONE,
		  0 },
		{ VPN, "[fd00:64::7]:1 > [2001:db8:30::5]:22 tcp ext=60,60,60,60,60,60,60,60",
		  ALLOW(POLICY), RULE_SSH, 0 },
		{ VPN, "[fd00:64::7]:1 > [2001:db8:30::5]:22 tcp ext=60,60,60,60,60,60,60,60,60",
		  DENY(MALFORMED), NONE, 0 },
		{ VPN,
		  "[fd00:64::7]:1 > [2001:db8:30::5]:22 tcp "
		  "ip[24]=00000000000000000000ffff0a1e0005",
		  DENY(MALFORMED), NONE, 0 },
		{ INSIDE, "10.30.0.5:1 > 100.64.0.8:22 tcp eth ethertype=0806", ALLOW(ETHERTYPE),
		  NONE, 0 },
		{ INSIDE, "10.30.0.5:1 > 100.64.0.8:22 tcp eth ethertype=88cc", DENY(ETHERTYPE),
		  NONE, 0 },
		{ INSIDE, "10.30.0.5:1 > 100.64.0.8:22 tcp eth vlan=2", ALLOW(POLICY), RULE_OFFICE,
		  0 },
		{ INSIDE, "10.30.0.5:1 > 100.64.0.8:22 tcp eth vlan=3", DENY(ETHERTYPE), NONE, 0 },
		{ EDGE, "1.2.3.4:1 > 192.0.2.1:51820 udp eth l4[4]=0007", DENY(MALFORMED), NONE,
		  0 },
		{ EDGE, "1.2.3.4:1 > 192.0.2.1:51820 udp eth l4[4]=00ff", DENY(MALFORMED), NONE,
		  0 },
		{ EDGE, "1.2.3.4:1 > 192.0.2.1:51820 udp eth cut=17", DENY(TRUNCATED), NONE, 0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void edge_in_knows_strangers_bogons_and_its_own_neighbours(void **state)
{
	static const struct step steps[] = {
		{ EDGE, "1.2.3.4:9 > 192.0.2.1:51820 udp", ALLOW(EXPOSE), RULE_EXPOSE, 0 },
		{ EDGE, "1.2.3.4:9 > 192.0.2.1:22 tcp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ EDGE, "1.2.3.4:9 > 192.0.2.1:22 tcp SA", DENY(NO_FLOW), NONE, 0 },
		{ EDGE, "1.2.3.4:9 > 192.0.2.1:22 tcp R", DENY(NO_FLOW), NONE, 0 },
		{ EDGE, "1.2.3.4 > 192.0.2.1 icmp type=0 id=1", DENY(NO_FLOW), NONE, 0 },
		{ EDGE, "192.168.7.7:9 > 192.0.2.1:51820 udp", DENY(BOGON), NONE, 0 },
		{ EDGE, "100.64.0.7:9 > 192.0.2.1:51820 udp", DENY(SPOOFED), NONE, 0 },
		{ EDGE, "10.30.0.5:9 > 192.0.2.1:51820 udp", DENY(SPOOFED), NONE, 0 },
		{ EDGE, "192.0.2.1:9 > 192.0.2.1:51820 udp", DENY(SPOOFED), NONE, 0 },
		{ EDGE, "1.2.3.4:9 > 100.64.0.7:22 tcp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ EDGE, "fe80::1 > ff02::1 icmp6 type=135 ttl=255", ALLOW(PROTECT), NONE, 0 },
		{ EDGE, "fe80::1 > ff02::1 icmp6 type=135 ttl=254", DENY(DEFAULT), SP_RULE_DEFAULT,
		  0 },
		{ EDGE, "fe80::1 > ff02::1 icmp6 type=135 code=1 ttl=255", DENY(DEFAULT),
		  SP_RULE_DEFAULT, 0 },
		{ EDGE, "fe80::1 > ff02::16 icmp6 type=143 ttl=1 ext=0", ALLOW(PROTECT), NONE, 0 },
		{ EDGE, "2001:db8::1 > ff02::16 icmp6 type=143 ttl=1", DENY(DEFAULT),
		  SP_RULE_DEFAULT, 0 },
		{ EDGE, "fe80::1 > ff02::1 icmp6 type=137 ttl=255", DENY(NO_FLOW), NONE, 0 },
		{ EDGE, "1.2.3.4:67 > 255.255.255.255:68 udp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
	};
	static const struct step dhcp[] = {
		{ EDGE, "1.2.3.4:67 > 255.255.255.255:68 udp", ALLOW(PROTECT), NONE, 0 },
		{ EDGE, "[fe80::1]:547 > [fe80::2]:546 udp", ALLOW(PROTECT), NONE, 0 },
		{ EDGE, "1.2.3.4:68 > 255.255.255.255:67 udp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
	lab.is_dhcp_client = true;
	LAB_RUN(&lab, dhcp);
}

static void inside_in_decides_by_source_network(void **state)
{
	static const struct step steps[] = {
		{ INSIDE, "10.30.0.5:9 > 100.64.0.8:22 tcp", ALLOW(POLICY), RULE_OFFICE, 0 },
		{ INSIDE, "10.30.0.5:9 > 100.64.0.9:22 tcp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ INSIDE, "10.30.0.5:9 > 100.64.0.99:22 tcp", DENY(NO_IDENTITY), NONE, 0 },
		{ INSIDE, "10.20.1.3:9 > 192.0.2.1:22 tcp", ALLOW(PROTECT), RULE_ADMIN, 0 },
		{ INSIDE, "10.20.1.3:9 > 192.0.2.1:22 tcp R", ALLOW(PROTECT), RULE_ADMIN, 0 },
		{ INSIDE, "10.20.1.3:9 > 192.0.2.1:23 tcp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ INSIDE, "10.20.1.77:9 > 192.0.2.1:22 tcp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ INSIDE, "100.64.0.7:9 > 192.0.2.1:22 tcp", DENY(SPOOFED), NONE, 0 },
		{ INSIDE, "192.168.7.7:9 > 8.8.8.8:22 tcp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void vpn_out_judges_what_is_forwarded_and_passes_its_own(void **state)
{
	static const struct step steps[] = {
		{ OUT, "10.30.0.5:9 > 100.64.0.8:22 tcp", ALLOW(POLICY), RULE_OFFICE, 0 },
		{ OUT, "10.30.0.5:9 > 100.64.0.9:22 tcp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ OUT, "1.2.3.4:9 > 100.64.0.8:22 tcp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ OUT, "100.64.0.7:9 > 100.64.0.8:22 tcp", ALLOW(POLICY), RULE_PEER, 0 },
		{ OUT, "100.64.0.99:9 > 100.64.0.8:22 tcp", DENY(NO_IDENTITY), NONE, 0 },
		{ OUT, "192.0.2.1:443 > 100.64.0.8:2200 tcp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ OUT, "192.0.2.1:443 > 100.64.0.8:2200 tcp", ALLOW(POLICY), NONE, true },
		{ OUT, "192.0.2.1:443 > 100.64.0.99:22 tcp SA", ALLOW(POLICY), NONE, true },
		{ OUT, "192.0.2.1:443 > 100.64.0.99:22 tcp -", ALLOW(MALFORMED), NONE, true },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void what_is_allowed_inwards_carries_the_mark_and_nothing_else_does(void **state)
{
	struct lab_answer answer;

	(void)state;
	lab_judge(&lab, SP_HOOK_VPN_IN, "100.64.0.7:1000 > 10.30.0.5:22 tcp", &answer);
	assert_int_equal(answer.action, (uint32_t)TC_ACT_UNSPEC);
	assert_int_equal(answer.mark & SP_MARK_MASK, SP_MARK_JUDGED);
	lab_judge(&lab, SP_HOOK_INSIDE_IN, "10.30.0.5:9 > 100.64.0.8:22 tcp", &answer);
	assert_int_equal(answer.mark & SP_MARK_MASK, SP_MARK_JUDGED);
	lab_judge(&lab, SP_HOOK_VPN_IN, "100.64.0.7:1000 > 10.30.0.5:23 tcp", &answer);
	assert_int_equal(answer.action, TC_ACT_SHOT);
	assert_int_equal(answer.mark, 0);
	lab_judge(&lab, SP_HOOK_VPN_OUT, "10.30.0.5:9 > 100.64.0.8:22 tcp", &answer);
	assert_int_equal(answer.mark, 0);
}

static void a_source_the_tables_forgot_is_dropped(void **state)
{
	static const struct step steps[] = {
		{ EDGE, "1.2.3.4:9 > 192.0.2.1:51820 udp", DENY(TABLE_FULL), NONE, 0 },
		{ OUT, "1.2.3.4:9 > 100.64.0.8:22 tcp", DENY(TABLE_FULL), NONE, 0 },
	};
	struct sp_prefix root_v4 = { .prefix_len = 96, .addr = { [10] = 0xff, [11] = 0xff } };
	struct sp_prefix root_v6 = { .prefix_len = 0 }; /* holds IPv4 as it is written here too */

	(void)state;
	assert_int_equal(bpf_map_delete_elem(lab_map(&lab, "sp_src"), &root_v4), 0);
	assert_int_equal(bpf_map_delete_elem(lab_map(&lab, "sp_src"), &root_v6), 0);
	LAB_RUN(&lab, steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(vpn_in_decides_by_session),
		TEST(every_hook_drops_what_it_cannot_read),
		TEST(edge_in_knows_strangers_bogons_and_its_own_neighbours),
		TEST(inside_in_decides_by_source_network),
		TEST(vpn_out_judges_what_is_forwarded_and_passes_its_own),
		TEST(what_is_allowed_inwards_carries_the_mark_and_nothing_else_does),
		TEST(a_source_the_tables_forgot_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
