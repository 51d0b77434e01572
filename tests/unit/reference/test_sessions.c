/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reference evaluator's sessions: epochs, deadlines, idle time, and what their end does to flows. */
#include "lab.h"

#define SYN "100.64.0.7:1000 > 10.30.1.1:22 tcp S"
#define ACK "100.64.0.7:1000 > 10.30.1.1:22 tcp A"
#define BACK "10.30.1.1:22 > 100.64.0.7:1000 tcp A eth"
#define YES "allow policy eng-servers"
#define REPLY "allow reply eng-servers"
#define NO "deny default default"
#define NO_FLOW "deny no-flow -"
#define EXPIRED "deny expired -"
#define REVOKED "deny revoked -"
#define NOBODY "deny no-identity -"

static void an_ended_session_is_revoked_a_removed_one_is_nobody(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	sp_reference_end_session(lab.reference, ANA);
	expect(&lab, VPN_IN, SYN, REVOKED);
	expect(&lab, VPN_IN, "[fd00:64::7]:1 > [2001:db8:30::1]:22 tcp", REVOKED);
	expect(&lab, INSIDE_IN, "10.20.0.5:1 > 100.64.0.7:22 tcp eth", REVOKED);
	expect(&lab, VPN_OUT, "10.20.0.5:1 > 100.64.0.7:22 tcp", REVOKED);
	expect(&lab, VPN_OUT, "100.64.0.7:1 > 100.64.0.9:22 tcp", REVOKED);
	/* sender first */
	expect(&lab, VPN_IN, "100.64.0.7:1 > 100.64.0.99:22 tcp", REVOKED);
	expect(&lab, VPN_IN, "100.64.0.99:1 > 100.64.0.7:22 tcp", NOBODY);
	sp_reference_remove_session(lab.reference, ANA);
	expect(&lab, VPN_IN, SYN, NOBODY);
	expect(&lab, VPN_IN, "[fd00:64::7]:1 > [2001:db8:30::1]:22 tcp", NOBODY);
	expect(&lab, VPN_IN, "100.64.0.8:1 > 10.30.1.1:80 tcp", "allow policy bob-web");
	/* twice, and one that never was */
	sp_reference_remove_session(lab.reference, ANA);
	sp_reference_end_session(lab.reference, ANA);
	sp_reference_end_session(lab.reference, 4711);
	lab_open(&lab, ANA, "ana", ENGINEER, "100.64.0.7", NULL, 0, 0);
	expect(&lab, VPN_IN, SYN, YES);
	expect(&lab, VPN_IN, "[fd00:64::7]:1 > [2001:db8:30::1]:22 tcp", NOBODY);
	lab_done(&lab);
}

/* Whichever packet comes first after the end is denied; the next session takes the flow on. */
static void the_end_of_a_session_ends_its_flows(void **state)
{
	static const struct {
		enum sp_hook hook;
		const char *text;
	} rows[] = {
		{ VPN_IN, ACK },
		{ INSIDE_IN, BACK },
		{ VPN_OUT, "10.30.1.1:22 > 100.64.0.7:1000 tcp A" },
		{ INSIDE_IN, "10.30.1.1 > 100.64.0.7 icmp type=3 eth quote " SYN },
		/* denied for its sender, before its flow is looked at */
		{ VPN_IN,
		  "100.64.0.7 > 10.30.1.1 icmp type=3 quote 10.30.1.1:22 > 100.64.0.7:1000 tcp" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct lab lab;

		lab_init(&lab);
		expect(&lab, VPN_IN, SYN, YES);
		expect(&lab, INSIDE_IN, BACK, REPLY);
		sp_reference_end_session(lab.reference, ANA);
		expect(&lab, rows[i].hook, rows[i].text, REVOKED);
		lab_open(&lab, ANA, "ana", ENGINEER, "100.64.0.7", NULL, 0, 0);
		expect(&lab, INSIDE_IN, "10.30.1.1:22 > 100.64.0.7:1000 tcp SA eth", REPLY);
		lab_done(&lab);
	}
}

static void a_flow_goes_on_in_a_new_session_that_allows_it(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, SYN, YES);
	expect(&lab, INSIDE_IN, BACK, REPLY);
	lab_open(&lab, ANA, "ana", ENGINEER, "100.64.0.7", NULL, 0, 0); /* another epoch */
	expect(&lab, INSIDE_IN, BACK, REPLY);
	expect(&lab, VPN_IN, ACK, YES);
	/* with another role it does not */
	lab_open(&lab, ANA, "ana", CONTRACTOR, "100.64.0.7", NULL, 0, 0);
	expect(&lab, INSIDE_IN, BACK, NO);
	expect(&lab, INSIDE_IN, "10.30.1.1:22 > 100.64.0.7:1000 tcp SA eth", NO);
	lab_done(&lab);
}

static void a_replaced_session_leaves_its_old_address_revoked(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	lab_open(&lab, ANA, "carl", ENGINEER, "100.64.0.70", NULL, 0, 0);
	expect(&lab, VPN_IN, "100.64.0.70:1 > 10.30.1.1:22 tcp", YES);
	expect(&lab, VPN_IN, SYN, REVOKED);
	/* an address given to another number */
	lab_open(&lab, 20, "eve", CONTRACTOR, "100.64.0.70", NULL, 0, 0);
	expect(&lab, VPN_IN, "100.64.0.70:2 > 10.30.1.1:22 tcp", NO);
	lab_done(&lab);
}

static void a_session_expires_at_its_nanosecond(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	lab_open(&lab, ANA, "ana", ENGINEER, "100.64.0.7", NULL, 2000 * SECOND, 0);
	expect(&lab, VPN_IN, SYN, YES);
	expect(&lab, INSIDE_IN, "10.20.0.5:1 > 100.64.0.7:22 tcp eth", "allow policy office-out");
	lab.now_ns = 1990 * SECOND;
	expect(&lab, VPN_IN, SYN, YES);
	expect(&lab, INSIDE_IN, BACK, REPLY);
	lab.now_ns = 2000 * SECOND - 1;
	expect(&lab, INSIDE_IN, BACK, REPLY);
	expect(&lab, VPN_IN, "100.64.0.7:9 > 10.30.1.1:22 tcp", YES);
	lab.now_ns = 2000 * SECOND;
	expect(&lab, INSIDE_IN, BACK, EXPIRED);
	expect(&lab, VPN_IN, "100.64.0.7:9 > 10.30.1.1:22 tcp", EXPIRED);
	expect(&lab, VPN_IN, "100.64.0.7:10 > 10.30.1.1:22 tcp", EXPIRED);
	expect(&lab, INSIDE_IN, "10.20.0.5:1 > 100.64.0.7:22 tcp eth", EXPIRED);
	/* ended all the same: now it is that */
	sp_reference_end_session(lab.reference, ANA);
	expect(&lab, INSIDE_IN, BACK, REVOKED);
	expect(&lab, VPN_IN, "100.64.0.7:10 > 10.30.1.1:22 tcp", REVOKED);
	expect(&lab, INSIDE_IN, "10.20.0.5:1 > 100.64.0.7:22 tcp eth", REVOKED);
	lab_done(&lab);
}

/* Extended: the flow's deadline passes, and it is judged again and renewed. */
static void an_extended_session_renews_its_flows(void **state)
{
	struct sp_identity ana = {
		.user = "ana", .idp = "corp", .role_count = 1, .has_address = { true, false }
	};
	uint32_t role = ENGINEER;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	ana.roles = &role;
	ana.addresses[0] = hand_addr("100.64.0.7");
	assert_int_equal(sp_reference_open_session(lab.reference, ANA, 99, &ana, 1010 * SECOND, 0),
			 0);
	expect(&lab, VPN_IN, SYN, YES);
	assert_int_equal(sp_reference_open_session(lab.reference, ANA, 99, &ana, 1020 * SECOND, 0),
			 0);
	lab.now_ns = 1010 * SECOND;
	expect(&lab, INSIDE_IN, BACK, REPLY);
	lab.now_ns = 1020 * SECOND - 1;
	expect(&lab, INSIDE_IN, BACK, REPLY);
	lab.now_ns = 1020 * SECOND;
	expect(&lab, INSIDE_IN, BACK, EXPIRED);
	lab_done(&lab);
}

static void a_silent_session_is_idle_at_its_nanosecond(void **state)
{
	struct lab lab;

	(void)state;
	for (uint64_t late = 0; late < 2; late++) {
		lab_init(&lab);
		lab_open(&lab, ANA, "ana", ENGINEER, "100.64.0.7", NULL, 0, 100 * SECOND);
		lab.now_ns += 500 * SECOND; /* it has not begun */
		expect(&lab, VPN_IN, SYN, YES);
		lab.now_ns += 100 * SECOND + late;
		expect(&lab, VPN_IN, "100.64.0.7:9 > 10.30.1.1:22 tcp", late ? EXPIRED : YES);
		lab_done(&lab);
	}
}

/* What a person receives, or sends in vain, is not being there. */
static void only_allowed_packets_from_the_person_count(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	lab_open(&lab, ANA, "ana", ENGINEER, "100.64.0.7", NULL, 0, 100 * SECOND);
	expect(&lab, VPN_IN, SYN, YES);
	lab.now_ns += 60 * SECOND;
	expect(&lab, INSIDE_IN, BACK, REPLY);
	expect(&lab, VPN_OUT, "10.30.1.1:22 > 100.64.0.7:1000 tcp A", REPLY);
	expect(&lab, VPN_IN, "100.64.0.7:9 > 10.30.1.1:9 tcp", NO);
	lab.now_ns += 40 * SECOND + 1;
	expect(&lab, INSIDE_IN, BACK, EXPIRED);
	lab_done(&lab);

	/* a packet of a flow does count, and so does an ICMP error */
	lab_init(&lab);
	lab_open(&lab, ANA, "ana", ENGINEER, "100.64.0.7", NULL, 0, 100 * SECOND);
	expect(&lab, VPN_IN, SYN, YES);
	expect(&lab, INSIDE_IN, BACK, REPLY);
	lab.now_ns += 60 * SECOND;
	expect(&lab, VPN_IN, ACK, YES);
	lab.now_ns += 60 * SECOND;
	expect(&lab, VPN_IN,
	       "100.64.0.7 > 10.30.1.1 icmp type=3 quote 10.30.1.1:22 > 100.64.0.7:1000 tcp",
	       "allow related eng-servers");
	lab.now_ns += 100 * SECOND;
	expect(&lab, INSIDE_IN, BACK, REPLY);
	lab.now_ns += 1;
	expect(&lab, INSIDE_IN, BACK, EXPIRED);
	lab_done(&lab);
}

/* last_seen is written once a second: a packet within the second after one is not remembered. */
static void last_seen_moves_once_a_second(void **state)
{
	struct lab lab;

	(void)state;
	for (int late = 0; late < 2; late++) {
		lab_init(&lab);
		lab_open(&lab, ANA, "ana", ENGINEER, "100.64.0.7", NULL, 0, 10 * SECOND);
		expect(&lab, VPN_IN, SYN, YES);
		lab.now_ns += 1 * SECOND - 1 + (uint64_t)late;
		expect(&lab, VPN_IN, SYN, YES);
		lab.now_ns = 1010 * SECOND + 1;
		expect(&lab, VPN_IN, SYN, late ? YES : EXPIRED);
		lab_done(&lab);
	}
}

/* A protect entry lets a tunnel address in without a session, and that is no sign of life. */
static void protect_asks_no_session(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	lab_open(&lab, DORA, "dora", DBA, "100.64.0.9", NULL, 0, 100 * SECOND);
	expect(&lab, VPN_IN, "100.64.0.9:1 > 10.30.8.1:5432 tcp", "allow policy dba-db");
	lab.now_ns += 60 * SECOND;
	expect(&lab, VPN_IN, "100.64.0.9:1 > 192.0.2.1:22 tcp", "allow protect admin-ssh");
	lab.now_ns += 40 * SECOND + 1;
	expect(&lab, VPN_IN, "100.64.0.9:2 > 10.30.8.1:5432 tcp", EXPIRED);
	expect(&lab, VPN_IN, "100.64.0.9:2 > 192.0.2.1:22 tcp", "allow protect admin-ssh");
	sp_reference_remove_session(lab.reference, DORA);
	expect(&lab, VPN_IN, "100.64.0.9:3 > 192.0.2.1:22 tcp", "allow protect admin-ssh");
	lab.is_own = true;
	expect(&lab, VPN_OUT, "192.0.2.1:22 > 100.64.0.9:3 tcp SA", "allow reply admin-ssh");
	lab_done(&lab);
}

static void peer_to_peer_needs_both(void **state)
{
#define P2P "100.64.0.7:5 > 100.64.0.9:22 tcp S"
#define P2P_BACK "100.64.0.9:22 > 100.64.0.7:5 tcp A"
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, P2P, "allow policy eng-to-dba");
	expect(&lab, VPN_OUT, P2P, "allow policy eng-to-dba");
	expect(&lab, VPN_IN, P2P_BACK, "allow reply eng-to-dba");
	/* the receiver ends: both directions stop, with whose end it was */
	sp_reference_end_session(lab.reference, DORA);
	expect(&lab, VPN_OUT, P2P, REVOKED);
	expect(&lab, VPN_IN, P2P_BACK, REVOKED);
	expect(&lab, VPN_IN, P2P, REVOKED);
	/* the receiver comes back with another role */
	lab_open(&lab, DORA, "dora", DBA, "100.64.0.9", NULL, 0, 0);
	expect(&lab, VPN_IN, P2P, "allow policy eng-to-dba");
	lab_open(&lab, DORA, "dora", CONTRACTOR, "100.64.0.9", NULL, 0, 0);
	expect(&lab, VPN_IN, P2P_BACK, NO);
	expect(&lab, VPN_IN, P2P, NO);
	/* the receiver's deadline is the flow's too */
	lab_open(&lab, DORA, "dora", DBA, "100.64.0.9", NULL, 1030 * SECOND, 0);
	expect(&lab, VPN_IN, P2P, "allow policy eng-to-dba");
	lab.now_ns = 1030 * SECOND - 1;
	expect(&lab, VPN_IN, P2P_BACK, "allow reply eng-to-dba");
	lab.now_ns = 1030 * SECOND;
	expect(&lab, VPN_IN, P2P_BACK, EXPIRED);
	lab_done(&lab);
}

/* Towards a person from the office: the flow hangs on the receiver's session. */
static void a_receiver_that_ends_stops_what_others_opened(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, INSIDE_IN, "10.20.0.5:5 > 100.64.0.7:22 tcp eth", "allow policy office-out");
	expect(&lab, VPN_OUT, "10.20.0.5:5 > 100.64.0.7:22 tcp", "allow policy office-out");
	expect(&lab, VPN_IN, "100.64.0.7:22 > 10.20.0.5:5 tcp SA", "allow reply office-out");
	sp_reference_end_session(lab.reference, ANA);
	expect(&lab, VPN_OUT, "10.20.0.5:5 > 100.64.0.7:22 tcp A", REVOKED);
	expect(&lab, VPN_IN, "100.64.0.7:22 > 10.20.0.5:5 tcp A", REVOKED);
	lab_done(&lab);
}

static void an_own_flow_hangs_on_the_person_it_goes_to(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	lab.is_own = true;
	expect(&lab, VPN_OUT, "100.64.0.1:5 > 100.64.0.7:80 tcp", "allow policy -");
	lab.is_own = false;
	expect(&lab, VPN_IN, "100.64.0.7:80 > 100.64.0.1:5 tcp SA", "allow reply -");
	/* a new session of theirs is as good */
	lab_open(&lab, ANA, "ana", CONTRACTOR, "100.64.0.7", NULL, 0, 0);
	expect(&lab, VPN_IN, "100.64.0.7:80 > 100.64.0.1:5 tcp A", "allow reply -");
	sp_reference_end_session(lab.reference, ANA);
	lab.is_own = true;
	expect(&lab, VPN_OUT, "100.64.0.1:5 > 100.64.0.7:80 tcp A", REVOKED);
	lab.is_own = false;
	expect(&lab, VPN_IN, "100.64.0.7:80 > 100.64.0.1:5 tcp A", REVOKED);
	expect(&lab, VPN_IN, "100.64.0.7:80 > 100.64.0.1:5 tcp SA", REVOKED);
	lab_done(&lab);
}

static void own_devices_are_of_the_same_name_at_the_same_provider(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	hand_rule(&lab.hand, SP_RULE_ALLOW, "mine", "any", "own-devices", "tcp/8000");
	lab_open(&lab, 20, "ana", CONTRACTOR, "100.64.0.20", NULL, 0, 0);
	lab_open(&lab, 21, NULL, ENGINEER, "100.64.0.21", NULL, 0, 0);
	lab_open(&lab, 22, NULL, ENGINEER, "100.64.0.22", NULL, 0, 0);
	expect(&lab, VPN_IN, "100.64.0.7:5 > 100.64.0.20:8000 tcp S", "allow policy mine");
	expect(&lab, VPN_IN, "100.64.0.20:8000 > 100.64.0.7:5 tcp SA", "allow reply mine");
	expect(&lab, VPN_IN, "100.64.0.20:6 > 100.64.0.7:8000 tcp S", "allow policy mine");
	expect(&lab, VPN_IN, "100.64.0.8:5 > 100.64.0.7:8000 tcp S", NO);
	/* machines are nobody's, and from outside nobody is anybody's */
	expect(&lab, VPN_IN, "100.64.0.21:5 > 100.64.0.22:8000 tcp S", NO);
	expect(&lab, INSIDE_IN, "10.30.0.5:5 > 100.64.0.7:8000 tcp S eth", NO);
	/* it hangs on both sessions */
	sp_reference_end_session(lab.reference, 20);
	expect(&lab, VPN_IN, "100.64.0.7:5 > 100.64.0.20:8000 tcp A", REVOKED);
	lab_done(&lab);
}

#define OWN_MAIL "own 192.0.2.1:5 > 8.8.8.8:25 tcp S eth"
#define OWN_NAMES "own 192.0.2.1:5 > 8.8.8.8:53 udp eth"

static void what_the_gateway_sends_is_judged_by_rules_from_self(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	hand_rule(&lab.hand, SP_RULE_DENY, "any-mail", "any", "any", "tcp/25");
	expect(&lab, SP_HOOK_EDGE_OUT, OWN_MAIL, "allow policy -");
	hand_rule(&lab.hand, SP_RULE_DENY, "no-mail", "self", "any", "tcp/25");
	hand_rule(&lab.hand, SP_RULE_ALLOW, "names", "self", "any", "udp/53");
	/* what it opened before ends with the next revision */
	expect(&lab, SP_HOOK_EDGE_OUT, OWN_MAIL, "allow policy -");
	sp_reference_set_policy(lab.reference, &lab.hand.policy, &lab.hand.gateway, &lab.hand.facts,
				2);
	expect(&lab, SP_HOOK_EDGE_OUT, OWN_MAIL, "deny policy no-mail");
	expect(&lab, SP_HOOK_EDGE_OUT, OWN_NAMES, "allow policy names");
	expect(&lab, SP_HOOK_EDGE_OUT, "own 192.0.2.1:5 > 8.8.8.8:80 tcp S eth", "allow policy -");
	lab.hand.policy.settings.self_needs_rules = true;
	sp_reference_set_policy(lab.reference, &lab.hand.policy, &lab.hand.gateway, &lab.hand.facts,
				3);
	expect(&lab, SP_HOOK_EDGE_OUT, "own 192.0.2.1:6 > 8.8.8.8:80 tcp S eth", NO);
	expect(&lab, SP_HOOK_EDGE_OUT, OWN_NAMES, "allow policy names");
	/* nobody's address on the tunnel is meant by no rule */
	expect(&lab, VPN_OUT, "own 192.0.2.1:7 > 100.64.0.99:53 udp", NO);
	/* what answers others opens nothing, and needs no rule */
	expect(&lab, SP_HOOK_EDGE_OUT, "own 192.0.2.1:8 > 8.8.8.8:9 tcp R eth", "allow policy -");
	lab_done(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ended_session_is_revoked_a_removed_one_is_nobody),
		cmocka_unit_test(the_end_of_a_session_ends_its_flows),
		cmocka_unit_test(a_flow_goes_on_in_a_new_session_that_allows_it),
		cmocka_unit_test(a_replaced_session_leaves_its_old_address_revoked),
		cmocka_unit_test(a_session_expires_at_its_nanosecond),
		cmocka_unit_test(an_extended_session_renews_its_flows),
		cmocka_unit_test(a_silent_session_is_idle_at_its_nanosecond),
		cmocka_unit_test(only_allowed_packets_from_the_person_count),
		cmocka_unit_test(last_seen_moves_once_a_second),
		cmocka_unit_test(protect_asks_no_session),
		cmocka_unit_test(peer_to_peer_needs_both),
		cmocka_unit_test(a_receiver_that_ends_stops_what_others_opened),
		cmocka_unit_test(an_own_flow_hangs_on_the_person_it_goes_to),
		cmocka_unit_test(own_devices_are_of_the_same_name_at_the_same_provider),
		cmocka_unit_test(what_the_gateway_sends_is_judged_by_rules_from_self),
	};

	return cmocka_run_group_tests_name("reference-sessions", tests, NULL, NULL);
}
