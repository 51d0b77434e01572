/* SPDX-License-Identifier: GPL-3.0-or-later */
/* People whose session is over while their peer is still there: the portal and the resolvers, nothing else,
 * and no way back to life but signing in. */
#include <stdio.h>
#include <string.h>

#include "steps.h"

#define SSH "100.64.0.7:1000 > 10.30.0.5:22 tcp"
#define PORTAL "100.64.0.7:1000 > 192.0.2.1:8443 tcp"
#define PORTAL_BACK "192.0.2.1:8443 > 100.64.0.7:1000 tcp"
#define NAME "100.64.0.7:1000 > 10.30.0.53:53 udp"
#define NAME_BACK "10.30.0.53:53 > 100.64.0.7:1000 udp"

static void expire(enum lab_session session)
{
	lab.sessions[session].expires_ns = lab.now_ns;
}

/* ---- where they may go ---- */

static void portal_and_resolvers_are_what_the_parked_reach(void **state)
{
	static const struct step steps[] = {
		{ VPN, PORTAL, ALLOW(EXPIRED), NONE, 0 },
		{ VPN, "[fd00:64::7]:9 > [2001:db8:ff::1]:8443 tcp", ALLOW(EXPIRED), NONE, 0 },
		{ VPN, NAME, ALLOW(EXPIRED), NONE, 0 },
		{ VPN, "100.64.0.7:9 > 10.30.0.53:53 tcp", ALLOW(EXPIRED), NONE, 0 },
		{ VPN, "[fd00:64::7]:9 > [2001:db8:30::53]:53 udp", ALLOW(EXPIRED), NONE, 0 },
		{ VPN, "100.64.0.7:9 > 100.64.0.8:53 udp", ALLOW(EXPIRED), NONE, 0 },

		{ VPN, SSH, DENY(EXPIRED), NONE, 0 },
		{ VPN, "100.64.0.7:9 > 10.30.0.5:53 udp", DENY(EXPIRED), NONE, 0 },
		{ VPN, "100.64.0.7:9 > 10.30.0.53:54 udp", DENY(EXPIRED), NONE, 0 },
		{ VPN, "100.64.0.7:9 > 10.30.0.53:53 sctp", DENY(EXPIRED), NONE, 0 },
		{ VPN, "100.64.0.7:9 > 10.30.0.53:8443 tcp", DENY(EXPIRED), NONE, 0 },
		{ VPN, "100.64.0.7:9 > 192.0.2.1:8443 udp", DENY(EXPIRED), NONE, 0 },
		{ VPN, "100.64.0.7:9 > 192.0.2.1:22 tcp", DENY(EXPIRED), NONE, 0 },
		{ VPN, "100.64.0.7:9 > 192.0.2.1:53 udp", DENY(EXPIRED), NONE, 0 },
		{ VPN, "100.64.0.7:9 > 100.64.0.8:22 tcp", DENY(EXPIRED), NONE, 0 },
		{ VPN, "100.64.0.7 > 10.30.0.53 icmp id=3", DENY(EXPIRED), NONE, 0 },
		{ VPN, "100.64.0.7 > 192.0.2.1 icmp id=3", DENY(EXPIRED), NONE, 0 },
	};

	(void)state;
	expire(ANA);
	LAB_RUN(&lab, steps);
}

static void silence_parks_as_a_deadline_does(void **state)
{
	static const struct step steps[] = {
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ AFTER(11, VPN_IN), SSH " A", DENY(EXPIRED), NONE, 0 },
		{ VPN, PORTAL, ALLOW(EXPIRED), NONE, 0 },
		{ VPN, NAME, ALLOW(EXPIRED), NONE, 0 },
	};

	(void)state;
	lab.sessions[ANA].idle_ns = 10 * SECOND;
	LAB_RUN(&lab, steps);
}

static void rules_are_asked_neither_way(void **state)
{
	static const struct step parked[] = {
		{ VPN, NAME, ALLOW(EXPIRED), NONE, 0 },
		{ VPN, "100.64.0.7:9 > 10.30.0.5:443 tcp", DENY(EXPIRED), NONE, 0 },
	};
	static const struct step live[] = {
		{ VPN, "100.64.0.7:9 > 10.30.0.53:53 udp", DENY(POLICY), RULE_DNS, 0 },
		{ VPN, "100.64.0.7:9 > 192.0.2.1:8443 tcp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
	};

	(void)state;
	lab_set_verdict(&lab, RULE_DNS, SP_DENY, SP_LOG_ALL, 0);
	LAB_RUN(&lab, live);
	expire(ANA);
	LAB_RUN(&lab, parked);
}

static void the_revoked_and_the_replaced_reach_nothing(void **state)
{
	static const struct step steps[] = {
		{ VPN, PORTAL, DENY(REVOKED), NONE, 0 },
		{ VPN, NAME, DENY(REVOKED), NONE, 0 },
	};

	(void)state;
	lab.sessions[ANA].epoch = 0;
	LAB_RUN(&lab, steps);
	expire(ANA);
	LAB_RUN(&lab, steps);
	lab.sessions[ANA].epoch = 500; /* another session has the number */
	LAB_RUN(&lab, steps);
}

static void a_parked_receiver_is_nobody(void **state)
{
	static const struct step steps[] = {
		{ INSIDE, "10.30.0.5:9 > 100.64.0.8:22 tcp", DENY(EXPIRED), NONE, 0 },
		{ VPN, "100.64.0.7:9 > 100.64.0.8:22 tcp", DENY(EXPIRED), NONE, 0 },
		{ VPN, "100.64.0.7:9 > 100.64.0.8:53 udp", DENY(EXPIRED), NONE, 0 },
		{ INSIDE, "10.30.0.53:53 > 100.64.0.8:9 udp", DENY(EXPIRED), NONE, 0 },
		{ OUT, "10.30.0.53:53 > 100.64.0.8:9 udp", DENY(EXPIRED), NONE, 0 },
	};

	(void)state;
	expire(BOB);
	LAB_RUN(&lab, steps);
	expire(ANA); /* two parked people do not serve each other either */
	LAB_RUN(&lab, steps);
}

/* ---- what comes back ---- */

static void answers_come_back_and_each_is_judged_again(void **state)
{
	static const struct step before[] = {
		{ VPN, NAME, ALLOW(EXPIRED), NONE, 0 },
		{ INSIDE_OUT, NAME, ALLOW(EXPIRED), NONE, 0 },
		{ INSIDE, NAME_BACK, ALLOW(REPLY), NONE, 0 },
		{ OUT, NAME_BACK, ALLOW(REPLY), NONE, 0 },
		{ VPN, NAME, ALLOW(EXPIRED), NONE, 0 },
		{ VPN, PORTAL, ALLOW(EXPIRED), NONE, 0 },
		{ OUT, PORTAL_BACK " SA", ALLOW(REPLY), NONE, true },
		{ VPN, PORTAL " PA payload=99", ALLOW(EXPIRED), NONE, 0 },
		{ OUT, PORTAL_BACK " PA payload=99", ALLOW(REPLY), NONE, true },
		/* too big for the way back: they are told, so is the resolver */
		{ INSIDE, "10.30.0.254 > 100.64.0.7 icmp type=3 quote " NAME, ALLOW(RELATED), NONE,
		  0 },
		{ INSIDE, "10.30.0.6:53 > 100.64.0.7:1000 udp", DENY(EXPIRED), NONE, 0 },
		/* an error of their own goes nowhere */
		{ VPN, "100.64.0.7 > 10.30.0.53 icmp type=3 quote " NAME_BACK, DENY(EXPIRED), NONE,
		  0 },
	};
	static const struct step after[] = {
		{ INSIDE, NAME_BACK, DENY(REVOKED), NONE, 0 },
		{ OUT, NAME_BACK, DENY(REVOKED), NONE, 0 },
		{ VPN, PORTAL " A", DENY(REVOKED), NONE, 0 },
	};

	(void)state;
	expire(ANA);
	LAB_RUN(&lab, before);
	lab.sessions[ANA].epoch = 0; /* now she is revoked */
	LAB_RUN(&lab, after);
}

static void flows_of_before_end_and_those_to_the_portal_go_on(void **state)
{
	static const struct step live[] = {
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ VPN, NAME, ALLOW(POLICY), RULE_DNS, 0 },
	};
	static const struct step parked[] = {
		{ INSIDE, "10.30.0.5:22 > 100.64.0.7:1000 tcp SA", DENY(EXPIRED), NONE, 0 },
		{ VPN, SSH " A", DENY(EXPIRED), NONE, 0 },
		{ INSIDE, NAME_BACK, ALLOW(REPLY), NONE, 0 },
		{ VPN, NAME, ALLOW(EXPIRED), NONE, 0 },
	};
	static const struct step again[] = {
		{ INSIDE, NAME_BACK, ALLOW(REPLY), RULE_DNS, 0 },
		{ VPN, NAME, ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, SSH " A", ALLOW(POLICY), RULE_SSH, 0 },
	};

	(void)state;
	LAB_RUN(&lab, live);
	expire(ANA);
	LAB_RUN(&lab, parked);
	assert_int_equal(lab.sessions[ANA].flows, 1); /* the denied one */
	assert_int_equal(lab.sessions[ANA].parked_flows, 1);
	lab_sign_in(&lab, ANA, 500);
	LAB_RUN(&lab, again);
	assert_int_equal(lab.sessions[ANA].flows, 2);
	assert_int_equal(lab.sessions[ANA].parked_flows, 0);
}

static void later_fragments_of_the_parked_do_not_pass(void **state)
{
	static const struct step steps[] = {
		{ VPN, NAME " payload=99 frag=7:0-64+", ALLOW(EXPIRED), NONE, 0 },
		{ VPN, NAME " payload=99 frag=7:64-107", DENY(FRAGMENT), NONE, 0 },
		{ VPN, NAME " payload=99 frag=8:0-64+", ALLOW(EXPIRED), NONE, 0 },
		{ VPN, NAME " payload=99 frag=8:64-107", DENY(FRAGMENT), NONE, 0 },
	};

	(void)state;
	expire(ANA);
	LAB_RUN(&lab, steps);
}

/* ---- no way back to life ---- */

static void what_the_parked_send_does_not_wake_their_session(void **state)
{
	static const struct step steps[] = {
		{ AFTER(11, VPN_IN), PORTAL, ALLOW(EXPIRED), NONE, 0 },
		{ VPN, PORTAL " A", ALLOW(EXPIRED), NONE, 0 },
		{ VPN, NAME, ALLOW(EXPIRED), NONE, 0 },
		{ INSIDE, NAME_BACK, ALLOW(REPLY), NONE, 0 },
		{ AFTER(2, VPN_IN), NAME, ALLOW(EXPIRED), NONE, 0 },
		{ VPN, SSH, DENY(EXPIRED), NONE, 0 },
	};

	(void)state;
	lab.sessions[ANA].idle_ns = 10 * SECOND;
	lab.sessions[ANA].last_seen_ns = LAB_START;
	LAB_RUN(&lab, steps);
	assert_int_equal(lab.sessions[ANA].last_seen_ns, LAB_START);
}

static void a_flow_of_the_parked_asks_the_rules_once_the_session_goes_on(void **state)
{
	static const struct step parked[] = {
		{ VPN, PORTAL, ALLOW(EXPIRED), NONE, 0 },
		{ VPN, NAME, ALLOW(EXPIRED), NONE, 0 },
	};
	static const struct step live[] = {
		{ VPN, PORTAL " A", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ VPN, NAME, ALLOW(POLICY), RULE_DNS, 0 },
	};

	(void)state;
	expire(ANA);
	LAB_RUN(&lab, parked);
	lab.sessions[ANA].expires_ns = 0; /* extended at the last moment, with the same epoch */
	LAB_RUN(&lab, live);
	assert_int_equal(lab.sessions[ANA].flows, 2); /* one of them denied */
	assert_int_equal(lab.sessions[ANA].parked_flows, 0);
}

/* ---- bounds ---- */

static struct lab_answer ask_name_from(unsigned port)
{
	struct lab_answer answer;
	char text[128];

	snprintf(text, sizeof(text), "100.64.0.7:%u > 10.30.0.53:53 udp", port);
	lab_judge(&lab, SP_HOOK_VPN_IN, text, &answer);
	return answer;
}

static void a_parked_session_has_a_share_of_the_flows_of_its_own(void **state)
{
	struct lab_answer answer;

	(void)state;
	lab.sessions[ANA].flows =
		SP_SESSION_FLOWS_MAX; /* what was open before does not lock her out */
	expire(ANA);
	for (unsigned n = 0; n < SP_PARKED_FLOWS_MAX; n++)
		assert_int_equal(ask_name_from(1000 + n).reason, SP_REASON_EXPIRED);
	answer = ask_name_from(1000 + SP_PARKED_FLOWS_MAX);
	assert_int_equal(answer.verdict, SP_DENY);
	assert_int_equal(answer.reason, SP_REASON_FLOW_LIMIT);
	assert_int_equal(lab.sessions[ANA].parked_flows, SP_PARKED_FLOWS_MAX);
	assert_int_equal(lab.sessions[ANA].flows, SP_SESSION_FLOWS_MAX);
	assert_int_equal(lab_flow_count(&lab), SP_PARKED_FLOWS_MAX);

	/* what is open goes on; one that is over is opened anew in its own place */
	assert_int_equal(ask_name_from(1007).verdict, SP_ALLOW);
	lab.now_ns += 31 * SECOND;
	assert_int_equal(ask_name_from(1007).verdict, SP_ALLOW);
	assert_int_equal(lab.sessions[ANA].parked_flows, SP_PARKED_FLOWS_MAX);
}

/* ---- on record ---- */

static void the_record_has_their_name(void **state)
{
	struct lab_answer answer;
	struct sp_event event;

	(void)state;
	expire(ANA);
	lab_judge(&lab, SP_HOOK_VPN_IN, NAME, &answer);
	assert_int_equal(answer.mark & SP_MARK_MASK, SP_MARK_JUDGED);
	assert_int_equal(lab_events(&lab, &event, 1), 1);
	assert_int_equal(event.kind, SP_EVENT_ALLOW);
	assert_int_equal(event.reason, SP_REASON_EXPIRED);
	assert_int_equal(event.rule, SP_RULE_NONE);
	assert_int_equal(event.session[0], ANA);
	assert_int_equal(event.epoch[0], EPOCH_OF(ANA));
	lab_judge(&lab, SP_HOOK_VPN_IN, NAME, &answer); /* the flow is on record once */
	lab_judge(&lab, SP_HOOK_INSIDE_IN, NAME_BACK, &answer);
	assert_int_equal(lab_events(&lab, &event, 1), 0);
	lab_judge(&lab, SP_HOOK_VPN_IN, SSH, &answer);
	assert_int_equal(lab_events(&lab, &event, 1), 1);
	assert_int_equal(event.kind, SP_EVENT_DENY);
	assert_int_equal(event.reason, SP_REASON_EXPIRED);
	assert_int_equal(event.session[0], ANA);
	assert_int_equal(lab_flow(&lab).session[0], ANA); /* whose flow-end it will be */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(portal_and_resolvers_are_what_the_parked_reach),
		TEST(silence_parks_as_a_deadline_does),
		TEST(rules_are_asked_neither_way),
		TEST(the_revoked_and_the_replaced_reach_nothing),
		TEST(a_parked_receiver_is_nobody),
		TEST(answers_come_back_and_each_is_judged_again),
		TEST(flows_of_before_end_and_those_to_the_portal_go_on),
		TEST(later_fragments_of_the_parked_do_not_pass),
		TEST(what_the_parked_send_does_not_wake_their_session),
		TEST(a_flow_of_the_parked_asks_the_rules_once_the_session_goes_on),
		TEST(a_parked_session_has_a_share_of_the_flows_of_its_own),
		TEST(the_record_has_their_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
