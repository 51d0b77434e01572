/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fragments behind the first: only with it, only once each. */
#include "steps.h"

#define DGRAM "100.64.0.7:1000 > 10.30.0.5:53 udp payload=1000 "
#define DGRAM6 "[fd00:64::7]:1000 > [2001:db8:30::5]:443 tcp payload=1000 "
#define PING6 "fd00:64::7 > 2001:db8:30::5 icmp6 payload=1000 "

static void later_fragments_follow_an_allowed_first_one(void **state)
{
	static const struct step steps[] = {
		{ VPN, DGRAM "frag=7:512-1008", DENY(FRAGMENT), NONE, 0 },
		{ VPN, DGRAM "frag=7:0-512+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=8:512-1008", DENY(FRAGMENT), NONE, 0 },
		{ INSIDE, "100.64.0.7:1000 > 10.30.0.5:53 udp payload=1000 frag=7:512-1008",
		  DENY(SPOOFED), NONE, 0 },
		{ VPN, DGRAM "frag=7:512-760+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=7:760-1008", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, PING6 "frag=70000:0-512+", ALLOW(POLICY), RULE_PING, 0 },
		{ VPN, PING6 "frag=70000:512-1008", ALLOW(POLICY), RULE_PING, 0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void denied_first_fragments_open_nothing(void **state)
{
	static const struct step steps[] = {
		{ VPN, "100.64.0.7:1 > 10.30.0.5:99 udp payload=1000 frag=7:0-512+", DENY(DEFAULT),
		  SP_RULE_DEFAULT, 0 },
		{ VPN, "100.64.0.7:1 > 10.30.0.5:99 udp payload=1000 frag=7:512-1008",
		  DENY(FRAGMENT), NONE, 0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void tiny_and_impossible_fragments_are_dropped(void **state)
{
	static const struct step steps[] = {
		{ VPN, DGRAM6 "frag=7:0-16+", DENY(FRAGMENT), NONE, 0 },
		{ VPN, "100.64.0.7:1 > 10.30.0.5:22 tcp payload=100 frag=7:0-16+", DENY(FRAGMENT),
		  NONE, 0 },
		{ VPN, DGRAM "frag=7:0-511+", DENY(MALFORMED), NONE, 0 },
		{ VPN, DGRAM "frag=7:65528-65540", DENY(MALFORMED), NONE, 0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void overlaps_poison_the_datagram(void **state)
{
	static const struct step steps[] = {
		{ VPN, DGRAM "frag=7:0-512+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=7:504-760+", DENY(FRAGMENT), NONE, 0 },
		{ VPN, DGRAM "frag=7:760-1008", DENY(FRAGMENT), NONE, 0 },
		{ VPN, DGRAM "frag=7:0-512+", DENY(FRAGMENT), NONE, 0 },
		{ VPN, DGRAM "frag=8:0-512+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=8:0-512+", DENY(FRAGMENT), NONE, 0 },
		{ VPN, DGRAM "frag=8:512-1008", DENY(FRAGMENT), NONE, 0 },
		{ VPN, DGRAM "frag=9:0-512+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=9:512-520+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=9:512-520+", DENY(FRAGMENT), NONE, 0 },
		{ AFTER(6, VPN_IN), DGRAM "frag=9:0-512+", ALLOW(POLICY), RULE_DNS, 0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void eight_separate_spans_are_remembered_a_ninth_is_too_much(void **state)
{
	static const struct step steps[] = {
		{ VPN, DGRAM "frag=7:0-16+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=7:32-48+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=7:64-80+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=7:96-112+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=7:128-144+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=7:160-176+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=7:192-208+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=7:224-240+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=7:16-32+", ALLOW(POLICY), RULE_DNS, 0 }, /* joins two */
		{ VPN, DGRAM "frag=7:256-272+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=7:24-40+", DENY(FRAGMENT), NONE, 0 },
		{ VPN, DGRAM "frag=8:0-16+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=8:32-48+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=8:64-80+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=8:96-112+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=8:128-144+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=8:160-176+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=8:192-208+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=8:224-240+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=8:256-272+", DENY(FRAGMENT), NONE, 0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void a_datagram_is_over_after_five_seconds_a_revision_or_its_session(void **state)
{
	static const struct step time[] = {
		{ VPN, DGRAM "frag=7:0-512+", ALLOW(POLICY), RULE_DNS, 0 },
		{ AFTER(5, VPN_IN), DGRAM "frag=7:512-760+", ALLOW(POLICY), RULE_DNS, 0 },
		{ AFTER(1, VPN_IN), DGRAM "frag=7:760-1008", DENY(FRAGMENT), NONE, 0 },
		{ VPN, DGRAM "frag=8:0-512+", ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, DGRAM "frag=9:0-512+", ALLOW(POLICY), RULE_DNS, 0 },
	};
	static const struct step revision[] = {
		{ VPN, DGRAM "frag=8:512-1008", DENY(FRAGMENT), NONE, 0 },
		{ VPN, DGRAM "frag=10:0-512+", ALLOW(POLICY), RULE_DNS, 0 },
	};
	static const struct step session[] = {
		{ VPN, DGRAM "frag=10:512-1008", DENY(FRAGMENT), NONE, 0 },
	};

	(void)state;
	LAB_RUN(&lab, time);
	lab_renew(&lab, 2);
	LAB_RUN(&lab, revision);
	lab.sessions[ANA].epoch = 0;
	LAB_RUN(&lab, session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(later_fragments_follow_an_allowed_first_one),
		TEST(denied_first_fragments_open_nothing),
		TEST(tiny_and_impossible_fragments_are_dropped),
		TEST(overlaps_poison_the_datagram),
		TEST(eight_separate_spans_are_remembered_a_ninth_is_too_much),
		TEST(a_datagram_is_over_after_five_seconds_a_revision_or_its_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
