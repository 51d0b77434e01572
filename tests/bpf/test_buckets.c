/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The limits of rules in the programs: which packets are asked, and whose bucket. */
#include "steps.h"

#define WEB "100.64.0.7:1000 > 10.30.0.5:443 tcp"
#define WEB_BACK "10.30.0.5:443 > 100.64.0.7:1000 tcp"
#define WEB6 "[fd00:64::7]:1000 > [2001:db8:30::5]:443 tcp"
#define DGRAM "100.64.0.7:1000 > 10.30.0.5:53 udp payload=1000 "
#define DGRAM6 "[fd00:64::7]:1000 > [2001:db8:30::5]:53 udp payload=1000 "

/* @units at once, and one each ten seconds. */
static void limit(enum lab_rule rule, enum sp_limit_unit unit, enum sp_limit_key key,
		  uint64_t units)
{
	const struct sp_limit_terms terms = {
		.period = 10 * SECOND * 64,
		.rate = 1,
		.burst = units * 10 * SECOND * 64,
		.id = 7,
		.slot = key == SP_LIMIT_BY_RULE ? rule : 0,
		.unit = (uint8_t)unit,
		.key = (uint8_t)key,
		.source_bits = key == SP_LIMIT_BY_SOURCE ? 24 : 0,
	};

	lab_set_limit(&lab, rule, 1, &terms);
}

static void a_session_has_one_bucket_for_both_families_and_directions(void **state)
{
	static const struct step steps[] = {
		{ VPN, WEB, ALLOW(POLICY), RULE_WEB, 0 },
		{ INSIDE_OUT, WEB, ALLOW(POLICY), RULE_WEB, 0 }, /* asked where it came in */
		{ INSIDE, WEB_BACK " SA", ALLOW(REPLY), RULE_WEB, 0 },
		{ OUT, WEB_BACK " SA", ALLOW(REPLY), RULE_WEB, 0 },
		{ VPN, WEB6, ALLOW(POLICY), RULE_WEB, 0 },
		{ VPN, WEB6 " A", ALLOW(POLICY), RULE_WEB, 0 },
		{ VPN, WEB " A", DENY(LIMIT), RULE_WEB, 0 },
		{ VPN, WEB6 " A", DENY(LIMIT), RULE_WEB, 0 },
		{ OUT, WEB_BACK " A", DENY(LIMIT), RULE_WEB, 0 },
		{ VPN, "100.64.0.7:1001 > 10.30.0.5:443 tcp", DENY(LIMIT), RULE_WEB, 0 },
		{ VPN, "100.64.0.7:1001 > 10.30.0.5:22 tcp", ALLOW(POLICY), RULE_SSH, 0 },
		{ AFTER(10, VPN_OUT), WEB_BACK " A", ALLOW(REPLY), RULE_WEB, 0 },
		{ VPN, WEB " A", DENY(LIMIT), RULE_WEB, 0 },
	};
	static const struct step again[] = { { VPN, WEB, ALLOW(POLICY), RULE_WEB, 0 } };
	static const uint64_t full = 0;
	const uint32_t bucket = ANA * SP_LIMIT_SESSION_SLOTS;

	(void)state;
	limit(RULE_WEB, SP_LIMIT_PACKETS, SP_LIMIT_BY_SESSION, 4);
	LAB_RUN(&lab, steps);
	assert_int_equal(lab_flow_count(&lab), 3); /* the one beyond it was not opened */
	assert_int_equal(lab_counter(&lab, SP_HOOK_VPN_IN, SP_DENY, SP_REASON_LIMIT).packets, 4);
	assert_int_equal(lab_counter(&lab, SP_HOOK_VPN_OUT, SP_DENY, SP_REASON_LIMIT).packets, 1);
	/* as the plane does for another session */
	assert_int_equal(
		bpf_map_update_elem(lab_map(&lab, "sp_limit_holder"), &bucket, &full, BPF_ANY), 0);
	LAB_RUN(&lab, again);
}

static void a_network_has_one_for_the_connections_it_opens(void **state)
{
	static const struct step steps[] = {
		{ EDGE, "1.2.3.4:9 > 192.0.2.1:51820 udp", ALLOW(EXPOSE), RULE_EXPOSE, 0 },
		{ EDGE, "1.2.3.99:9 > 192.0.2.1:51820 udp", ALLOW(EXPOSE), RULE_EXPOSE, 0 },
		{ EDGE, "1.2.3.7:9 > 192.0.2.1:51820 udp", DENY(LIMIT), RULE_EXPOSE, 0 },
		{ EDGE, "1.2.3.4:9 > 192.0.2.1:51820 udp", ALLOW(EXPOSE), RULE_EXPOSE, 0 },
		{ EDGE, "1.2.4.4:9 > 192.0.2.1:51820 udp", ALLOW(EXPOSE), RULE_EXPOSE, 0 },
		{ EDGE, "[2001:db8:5:aa01::1]:9 > [2001:db8:ff::1]:51820 udp", ALLOW(EXPOSE),
		  RULE_EXPOSE, 0 },
		{ EDGE, "[2001:db8:5:aaff::9]:9 > [2001:db8:ff::1]:51820 udp", ALLOW(EXPOSE),
		  RULE_EXPOSE, 0 },
		{ EDGE, "[2001:db8:5:aa02::1]:9 > [2001:db8:ff::1]:51820 udp", DENY(LIMIT),
		  RULE_EXPOSE, 0 },
		{ EDGE, "[2001:db8:5:ab02::1]:9 > [2001:db8:ff::1]:51820 udp", ALLOW(EXPOSE),
		  RULE_EXPOSE, 0 },
	};

	(void)state;
	limit(RULE_EXPOSE, SP_LIMIT_CONNECTIONS, SP_LIMIT_BY_SOURCE, 2);
	LAB_RUN(&lab, steps);
	assert_int_equal(lab_flow_count(&lab), 6);
}

static void a_rule_has_one_for_everybody(void **state)
{
	static const struct step steps[] = {
		{ INSIDE, "10.30.0.5:9 > 100.64.0.8:22 tcp", ALLOW(POLICY), RULE_OFFICE, 0 },
		{ INSIDE, "10.20.9.9:9 > 100.64.0.8:22 tcp", ALLOW(POLICY), RULE_OFFICE, 0 },
		{ INSIDE, "10.30.0.6:9 > 100.64.0.8:22 tcp", DENY(LIMIT), RULE_OFFICE, 0 },
		{ AFTER(10, INSIDE_IN), "10.30.0.6:9 > 100.64.0.8:22 tcp", ALLOW(POLICY),
		  RULE_OFFICE, 0 },
	};

	(void)state;
	limit(RULE_OFFICE, SP_LIMIT_PACKETS, SP_LIMIT_BY_RULE, 2);
	LAB_RUN(&lab, steps);
}

static void later_fragments_and_errors_are_asked_too(void **state)
{
	static const struct step steps[] = {
		{ VPN, DGRAM "frag=7:0-512+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=7:512-760+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM6 "frag=7:0-512+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM6 "frag=7:512-760+", ALLOW(POLICY), RULE_DNS, 0 },
		{ INSIDE, "10.30.0.1 > 100.64.0.7 icmp type=3 quote " DGRAM, ALLOW(RELATED),
		  RULE_DNS, 0 },
		{ OUT, "10.30.0.1 > 100.64.0.7 icmp type=3 quote " DGRAM, ALLOW(RELATED), RULE_DNS,
		  0 },
		{ VPN, DGRAM "frag=7:760-1008", DENY(LIMIT), RULE_DNS, 0 },
		{ VPN, DGRAM6 "frag=7:760-1008", DENY(LIMIT), RULE_DNS, 0 },
		{ OUT, "10.30.0.1 > 100.64.0.7 icmp type=3 quote " DGRAM, DENY(LIMIT), RULE_DNS,
		  0 },
		{ OUT, "2001:db8:30::1 > fd00:64::7 icmp6 type=1 quote " DGRAM6, DENY(LIMIT),
		  RULE_DNS, 0 },
	};

	(void)state;
	limit(RULE_DNS, SP_LIMIT_PACKETS, SP_LIMIT_BY_SESSION, 5);
	LAB_RUN(&lab, steps);
}

/* 1028 bytes each: of 2500, two; the time a third needs is that of its own bytes. */
static void bytes_are_those_of_the_ip_header(void **state)
{
	static const struct step steps[] = {
		{ VPN, DGRAM, ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM, ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM, DENY(LIMIT), RULE_DNS, 0 },
		{ AFTER(5839, VPN_IN), DGRAM, DENY(LIMIT), RULE_DNS, 0 },
		{ AFTER(1, VPN_IN), DGRAM, ALLOW(POLICY), RULE_DNS, 0 },
	};

	(void)state;
	limit(RULE_DNS, SP_LIMIT_BYTES, SP_LIMIT_BY_SESSION, 2500);
	LAB_RUN(&lab, steps);
}

static void a_limit_that_is_not_there_lets_nothing_pass(void **state)
{
	static const struct step steps[] = {
		{ VPN, WEB, DENY(LIMIT), RULE_WEB, 0 },
		{ VPN, WEB6, DENY(LIMIT), RULE_WEB, 0 },
	};
	static const struct sp_limit_terms none;
	struct sp_event event;

	(void)state;
	lab_set_limit(&lab, RULE_WEB, 2, &none);
	LAB_RUN(&lab, steps);
	assert_int_equal(lab_events(&lab, &event, 1), 2);
	assert_int_equal(event.kind, SP_EVENT_DENY);
	assert_int_equal(event.reason, SP_REASON_LIMIT);
	assert_int_equal(event.rule, RULE_WEB);
	assert_int_equal(event.session[0], ANA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_has_one_bucket_for_both_families_and_directions),
		TEST(a_network_has_one_for_the_connections_it_opens),
		TEST(a_rule_has_one_for_everybody),
		TEST(later_fragments_and_errors_are_asked_too),
		TEST(bytes_are_those_of_the_ip_header),
		TEST(a_limit_that_is_not_there_lets_nothing_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
