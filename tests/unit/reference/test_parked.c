/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reference evaluator on people whose session is over but not ended: the portal and the resolvers, and
 * nothing else. */
#include "lab.h"

#define PORTAL "100.64.0.7:1000 > 192.0.2.1:8443 tcp"
#define NAME "100.64.0.7:1000 > 10.30.0.53:53 udp"
#define NAME_BACK "10.30.0.53:53 > 100.64.0.7:1000 udp"
#define YES "allow expired -"
#define NO "deny expired -"
#define REVOKED "deny revoked -"
#define REPLY "allow reply -"

static void lab_init_parked(struct lab *lab)
{
	lab_init(lab);
	hand_parked(&lab->hand, 8443, "10.30.0.53 2001:db8:30::53 100.64.0.9");
	sp_reference_extend_session(lab->reference, ANA, lab->now_ns);
}

static void portal_and_resolvers_are_what_the_parked_reach(void **state)
{
	static const struct lab_row rows[] = {
		{ VPN_IN, PORTAL, YES },
		{ VPN_IN, "100.64.0.7:1 > 10.30.0.1:8443 tcp", YES },
		{ VPN_IN, "100.64.0.7:1 > 100.64.0.1:8443 tcp", YES },
		{ VPN_IN, "[fd00:64::7]:1 > [2001:db8:ffff::1]:8443 tcp", YES },
		{ VPN_IN, NAME, YES },
		{ VPN_IN, "100.64.0.7:1 > 10.30.0.53:53 tcp", YES },
		{ VPN_IN, "[fd00:64::7]:1 > [2001:db8:30::53]:53 udp", YES },
		{ VPN_IN, "100.64.0.7:1 > 100.64.0.9:53 udp", YES },

		{ VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp", NO },
		{ VPN_IN, "100.64.0.7:1 > 10.30.0.2:8443 tcp", NO },
		{ VPN_IN, "100.64.0.7:1 > 192.0.2.1:8443 udp", NO },
		{ VPN_IN, "100.64.0.7:1 > 192.0.2.1:443 tcp", NO },
		{ VPN_IN, "100.64.0.7:1 > 192.0.2.1:53 udp", NO },
		{ VPN_IN, "100.64.0.7:1 > 10.30.0.53:54 udp", NO },
		{ VPN_IN, "100.64.0.7:1 > 10.30.0.53:53 sctp", NO },
		{ VPN_IN, "100.64.0.7:1 > 10.30.0.54:53 udp", NO },
		{ VPN_IN, "100.64.0.7 > 10.30.0.53 icmp id=1", NO },
		{ VPN_IN, "100.64.0.7 > 192.0.2.1 icmp id=1", NO },
		{ VPN_IN, "100.64.0.7 > 10.30.0.53 proto=47", NO },
		{ VPN_OUT, "100.64.0.7:1 > 100.64.0.9:53 udp", NO },
		{ INSIDE_IN, "10.20.0.5:1 > 100.64.0.7:22 tcp eth", NO },
		{ VPN_OUT, "10.20.0.5:1 > 100.64.0.7:22 tcp", NO },
		/* what belongs to no connection is no way in */
		{ VPN_IN, PORTAL " R", "deny no-flow -" },
		{ VPN_IN, PORTAL " SA", "deny no-flow -" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct lab lab;

		lab_init_parked(&lab);
		expect(&lab, rows[i].hook, rows[i].text, rows[i].expected);
		lab_done(&lab);
	}
}

static void without_portal_and_resolvers_nothing_is_reached(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	sp_reference_extend_session(lab.reference, ANA, lab.now_ns);
	expect(&lab, VPN_IN, PORTAL, NO);
	expect(&lab, VPN_IN, "100.64.0.7:1000 > 192.0.2.1:0 tcp", NO);
	expect(&lab, VPN_IN, NAME, NO);
	lab_done(&lab);
}

static void only_the_parked_get_it(void **state)
{
	struct lab lab;

	(void)state;
	lab_init_parked(&lab);
	/* bob is signed in: rules speak for him */
	expect(&lab, VPN_IN, "100.64.0.8:1 > 192.0.2.1:8443 tcp", "deny default default");
	expect(&lab, VPN_IN, "100.64.0.8:1 > 10.30.0.53:53 udp", "deny default default");
	expect(&lab, VPN_IN, "100.64.0.99:1 > 192.0.2.1:8443 tcp", "deny no-identity -");
	/* a receiver has to be live all the same */
	sp_reference_extend_session(lab.reference, DORA, lab.now_ns);
	expect(&lab, VPN_IN, "100.64.0.7:1 > 100.64.0.9:53 udp", NO);
	sp_reference_end_session(lab.reference, ANA);
	expect(&lab, VPN_IN, PORTAL, REVOKED);
	expect(&lab, VPN_IN, NAME, REVOKED);
	lab_done(&lab);
}

static void no_rule_takes_it_away(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	hand_parked(&lab.hand, 8443, "10.30.9.4"); /* payroll is closed to everybody */
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.9.4:53 udp", "deny policy payroll-closed");
	sp_reference_extend_session(lab.reference, ANA, lab.now_ns);
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.9.4:53 udp", YES);
	lab_done(&lab);
}

static void answers_come_back_until_the_session_is_ended(void **state)
{
	struct lab lab;

	(void)state;
	lab_init_parked(&lab);
	expect(&lab, VPN_IN, NAME, YES);
	expect(&lab, INSIDE_IN, NAME_BACK " eth", REPLY);
	expect(&lab, VPN_OUT, NAME_BACK, REPLY);
	expect(&lab, VPN_IN, NAME, YES);
	expect(&lab, INSIDE_IN, "10.30.0.254 > 100.64.0.7 icmp type=3 eth quote " NAME,
	       "allow related -");
	expect(&lab, VPN_IN, "100.64.0.7 > 10.30.0.53 icmp type=3 quote " NAME_BACK, NO);
	sp_reference_end_session(lab.reference, ANA);
	expect(&lab, INSIDE_IN, NAME_BACK " eth", REVOKED);
	expect(&lab, INSIDE_IN, NAME_BACK " eth", REVOKED);
	lab_done(&lab);
}

static void silence_parks_and_what_the_parked_send_does_not_end_it(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	hand_parked(&lab.hand, 8443, "10.30.0.53");
	lab_open(&lab, ANA, "ana", ENGINEER, "100.64.0.7", NULL, 0, 10 * SECOND);
	expect(&lab, VPN_IN, NAME, "allow policy eng-servers");
	lab.now_ns += 10 * SECOND + 1;
	for (int i = 0; i < 3; i++) {
		expect(&lab, VPN_IN, NAME, YES);
		expect(&lab, VPN_IN, PORTAL, YES);
		expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp", NO);
		lab.now_ns += 2 * SECOND;
	}
	lab_done(&lab);
}

static void once_they_are_signed_in_rules_speak_again(void **state)
{
	struct lab lab;

	(void)state;
	lab_init_parked(&lab);
	expect(&lab, VPN_IN, PORTAL, YES);
	expect(&lab, VPN_IN, NAME, YES);
	sp_reference_extend_session(lab.reference, ANA, 0); /* the same session goes on */
	expect(&lab, VPN_IN, PORTAL " A", "deny default default");
	expect(&lab, VPN_IN, NAME, "allow policy eng-servers");
	lab_done(&lab);
}

static void parked_flows_have_a_share_of_their_own(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	hand_parked(&lab.hand, 8443, "10.30.0.53");
	sp_reference_set_flow_bounds(lab.reference, 0, 8);
	for (char text[64], port = 0; port < 8; port++) {
		snprintf(text, sizeof(text), "100.64.0.7:%d > 10.30.1.1:22 tcp", 2000 + port);
		expect(&lab, VPN_IN, text, "allow policy eng-servers");
	}
	expect(&lab, VPN_IN, NAME, "deny flow-limit -");
	sp_reference_extend_session(lab.reference, ANA, lab.now_ns);
	expect(&lab, VPN_IN, NAME, YES);
	expect(&lab, VPN_IN, PORTAL, YES);
	expect(&lab, VPN_IN, "100.64.0.7:1001 > 10.30.0.53:53 udp", "deny flow-limit -");
	expect(&lab, VPN_IN, NAME, YES);
	lab.now_ns += 61 * SECOND; /* idle ones make room */
	expect(&lab, VPN_IN, "100.64.0.7:1001 > 10.30.0.53:53 udp", YES);
	lab_done(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(portal_and_resolvers_are_what_the_parked_reach),
		cmocka_unit_test(without_portal_and_resolvers_nothing_is_reached),
		cmocka_unit_test(only_the_parked_get_it),
		cmocka_unit_test(no_rule_takes_it_away),
		cmocka_unit_test(answers_come_back_until_the_session_is_ended),
		cmocka_unit_test(silence_parks_and_what_the_parked_send_does_not_end_it),
		cmocka_unit_test(once_they_are_signed_in_rules_speak_again),
		cmocka_unit_test(parked_flows_have_a_share_of_their_own),
	};

	return cmocka_run_group_tests_name("reference-parked", tests, NULL, NULL);
}
