/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tracked flows: found in both directions, silent for too long, closing, judged again. */
#include "steps.h"

#define SSH "100.64.0.7:1000 > 10.30.0.5:22 tcp"
#define SSH_BACK "10.30.0.5:22 > 100.64.0.7:1000 tcp"
#define DNS "100.64.0.7:1000 > 10.30.0.5:53 udp"
#define DNS_BACK "10.30.0.5:53 > 100.64.0.7:1000 udp"
#define GRE_BACK "10.30.0.5 > 100.64.0.7 proto=47 payload=8"

static void replies_of_an_allowed_flow_come_back_on_every_hook(void **state)
{
	static const struct step steps[] = {
		{ INSIDE, SSH_BACK " SA", DENY(NO_FLOW), NONE, 0 },
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ INSIDE_OUT, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ INSIDE, SSH_BACK " SA", ALLOW(REPLY), RULE_SSH, 0 },
		{ OUT, SSH_BACK " SA", ALLOW(REPLY), RULE_SSH, 0 },
		{ VPN, SSH " A", ALLOW(POLICY), RULE_SSH, 0 },
		{ INSIDE, SSH_BACK " PA payload=900", ALLOW(REPLY), RULE_SSH, 0 },
		{ INSIDE, "10.30.0.5:22 > 100.64.0.7:1001 tcp A", DENY(DEFAULT), SP_RULE_DEFAULT,
		  0 },
		{ INSIDE, "10.30.0.6:22 > 100.64.0.7:1000 tcp A", DENY(DEFAULT), SP_RULE_DEFAULT,
		  0 },
		{ INSIDE, "10.30.0.5:22 > 100.64.0.7:1000 udp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ VPN, "[fd00:64::7]:9 > [2001:db8:30::5]:22 tcp", ALLOW(POLICY), RULE_SSH, 0 },
		{ INSIDE, "[2001:db8:30::5]:22 > [fd00:64::7]:9 tcp SA", ALLOW(REPLY), RULE_SSH,
		  0 },
		{ VPN, "100.64.0.7:7 > 100.64.0.8:22 tcp", ALLOW(POLICY), RULE_PEER, 0 },
		{ OUT, "100.64.0.7:7 > 100.64.0.8:22 tcp", ALLOW(POLICY), RULE_PEER, 0 },
		{ VPN, "100.64.0.8:22 > 100.64.0.7:7 tcp SA", ALLOW(REPLY), RULE_PEER, 0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void a_flow_opened_by_the_gateway_lets_its_answers_in(void **state)
{
	static const struct step steps[] = {
		{ EDGE, "1.2.3.4:80 > 192.0.2.1:999 tcp SA", DENY(NO_FLOW), NONE, 0 },
		{ EDGE_OUT, "192.0.2.1:999 > 1.2.3.4:80 tcp", ALLOW(POLICY), NONE, 1 },
		{ EDGE, "1.2.3.4:80 > 192.0.2.1:999 tcp SA", ALLOW(REPLY), NONE, 0 },
		{ EDGE, "1.2.3.4:80 > 192.0.2.1:999 tcp A", ALLOW(REPLY), NONE, 0 },
		/* by the tunnel it is nobody's, whoever opened the flow */
		{ VPN, "1.2.3.4:80 > 192.0.2.1:999 tcp SA", DENY(NO_FLOW), NONE, 0 },
		{ VPN, "1.2.3.4:80 > 192.0.2.1:999 tcp A", DENY(NO_IDENTITY), NONE, 0 },
		{ EDGE, "1.2.3.4:80 > 192.0.2.1:999 tcp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ EDGE, "1.2.3.5:80 > 192.0.2.1:999 tcp A", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ EDGE_OUT, "10.30.0.5:999 > 1.2.3.4:81 tcp", ALLOW(POLICY), NONE, 0 },
		{ EDGE, "1.2.3.4:81 > 10.30.0.5:999 tcp A", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ EDGE_OUT, "192.0.2.1:999 > 1.2.3.4:80 tcp cut=30", ALLOW(TRUNCATED), NONE, 0 },
		{ EDGE_OUT, "192.0.2.1:9 > 1.2.3.4:8 udp ethertype=0806 eth", ALLOW(ETHERTYPE),
		  NONE, 0 },
		{ OUT, "192.0.2.1:53 > 100.64.0.8:9 udp", ALLOW(POLICY), NONE, true },
		{ VPN, "100.64.0.8:9 > 192.0.2.1:53 udp", ALLOW(REPLY), NONE, 0 },
		{ OUT, "192.0.2.1:53 > 100.64.0.99:9 udp", ALLOW(POLICY), NONE, true },
		{ VPN, "100.64.0.99:9 > 192.0.2.1:53 udp", DENY(NO_IDENTITY), NONE, 0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void tcp_flows_end_after_their_silence(void **state)
{
	static const struct step steps[] = {
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ AFTER(60, INSIDE_IN), SSH_BACK " A", ALLOW(REPLY), RULE_SSH, 0 },
		{ AFTER(7200, INSIDE_IN), SSH_BACK " A", ALLOW(REPLY), RULE_SSH, 0 },
		{ AFTER(7201, INSIDE_IN), SSH_BACK " A", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ AFTER(61, INSIDE_IN), SSH_BACK " SA", DENY(NO_FLOW), NONE, 0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void udp_and_icmp_flows_end_after_their_silence(void **state)
{
	static const struct step steps[] = {
		{ VPN, DNS, ALLOW(POLICY), RULE_DNS, 0 },
		{ AFTER(31, INSIDE_IN), DNS_BACK, DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ VPN, DNS, ALLOW(POLICY), RULE_DNS, 0 },
		{ AFTER(30, INSIDE_IN), DNS_BACK, ALLOW(REPLY), RULE_DNS, 0 },
		{ AFTER(180, INSIDE_IN), DNS_BACK, ALLOW(REPLY), RULE_DNS, 0 },
		{ AFTER(181, INSIDE_IN), DNS_BACK, DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ VPN, "100.64.0.7 > 10.30.0.5 icmp id=7", ALLOW(POLICY), RULE_PING, 0 },
		{ AFTER(30, INSIDE_IN), "10.30.0.5 > 100.64.0.7 icmp type=0 id=7", ALLOW(REPLY),
		  RULE_PING, 0 },
		{ AFTER(31, INSIDE_IN), "10.30.0.5 > 100.64.0.7 icmp type=0 id=7", DENY(NO_FLOW),
		  NONE, 0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void a_closing_flow_ends_soon_and_gives_way_to_a_new_one(void **state)
{
	static const struct step steps[] = {
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ INSIDE, SSH_BACK " SA", ALLOW(REPLY), RULE_SSH, 0 },
		{ INSIDE, SSH_BACK " FA", ALLOW(REPLY), RULE_SSH, 0 },
		{ AFTER(30, VPN_IN), SSH " FA", ALLOW(POLICY), RULE_SSH, 0 },
		{ AFTER(31, INSIDE_IN), SSH_BACK " A", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ VPN, SSH " R", ALLOW(POLICY), RULE_SSH, 0 },
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ AFTER(60, INSIDE_IN), SSH_BACK " SA", ALLOW(REPLY), RULE_SSH, 0 },
		{ AFTER(61, INSIDE_IN), SSH_BACK " A", ALLOW(REPLY), RULE_SSH, 0 },
		{ INSIDE, SSH_BACK, DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void icmp_replies_answer_their_own_query_only(void **state)
{
	static const struct step steps[] = {
		{ VPN, "100.64.0.7 > 10.30.0.5 icmp id=7", ALLOW(POLICY), RULE_PING, 0 },
		{ INSIDE, "10.30.0.5 > 100.64.0.7 icmp type=0 id=8", DENY(NO_FLOW), NONE, 0 },
		{ INSIDE, "10.30.0.5 > 100.64.0.7 icmp type=14 id=7", DENY(NO_FLOW), NONE, 0 },
		{ INSIDE, "10.30.0.5 > 100.64.0.7 icmp type=8 id=7", DENY(DEFAULT), SP_RULE_DEFAULT,
		  0 },
		{ INSIDE, "10.30.0.5 > 100.64.0.7 icmp type=0 id=7", ALLOW(REPLY), RULE_PING, 0 },
		{ VPN, "100.64.0.7 > 10.30.0.5 icmp type=13 id=7", DENY(DEFAULT), SP_RULE_DEFAULT,
		  0 },
		{ VPN, "100.64.0.7 > 10.30.0.5 icmp type=0 id=7", DENY(NO_FLOW), NONE, 0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void icmp_errors_come_back_for_flows_only(void **state)
{
	static const struct step steps[] = {
		{ INSIDE, "10.30.0.1 > 100.64.0.7 icmp type=3 quote " SSH, DENY(NO_FLOW), NONE, 0 },
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ INSIDE, "10.30.0.1 > 100.64.0.7 icmp type=3 quote " SSH, ALLOW(RELATED), RULE_SSH,
		  0 },
		{ INSIDE, "10.30.0.1 > 100.64.0.7 icmp type=5 quote " SSH, DENY(NO_FLOW), NONE, 0 },
		{ INSIDE, "10.30.0.1 > 100.64.0.8 icmp type=3 quote " SSH, DENY(MALFORMED), NONE,
		  0 },
		{ INSIDE, "10.30.0.1 > 100.64.0.7 icmp type=3 quote=7 " SSH, DENY(NO_FLOW), NONE,
		  0 },
		{ VPN, "100.64.0.7 > 10.30.0.5 icmp type=3 quote " SSH_BACK, ALLOW(RELATED),
		  RULE_SSH, 0 },
		{ VPN, "100.64.0.99 > 10.30.0.5 icmp type=3 quote " SSH_BACK, DENY(NO_FLOW), NONE,
		  0 },
		{ VPN, "100.64.0.8 > 10.30.0.5 icmp type=3 quote " SSH_BACK, DENY(NO_FLOW), NONE,
		  0 },
		{ INSIDE, "10.30.0.1 > 10.30.0.5 icmp type=3 quote " SSH_BACK, DENY(NO_FLOW), NONE,
		  0 },
		{ EDGE, "1.2.3.4 > 100.64.0.7 icmp type=3 quote " SSH, DENY(NO_FLOW), NONE, 0 },
		{ OUT, "10.30.0.1 > 100.64.0.7 icmp type=11 quote " SSH, ALLOW(RELATED), RULE_SSH,
		  0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

static void an_ended_session_stops_both_directions_at_once(void **state)
{
	static const struct step before[] = {
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ INSIDE, SSH_BACK " SA", ALLOW(REPLY), RULE_SSH, 0 },
		{ VPN, DNS, ALLOW(POLICY), RULE_DNS, 0 },
		{ OUT, DNS_BACK, ALLOW(REPLY), RULE_DNS, 0 },
	};
	static const struct step ended[] = {
		{ INSIDE, SSH_BACK " A", DENY(REVOKED), NONE, 0 },
		{ VPN, SSH " A", DENY(REVOKED), NONE, 0 },
		{ OUT, DNS_BACK, DENY(REVOKED), NONE, 0 },
		{ INSIDE, "10.30.0.1 > 100.64.0.7 icmp type=3 quote " DNS, DENY(REVOKED), NONE, 0 },
	};

	(void)state;
	LAB_RUN(&lab, before);
	__atomic_store_n(&lab.sessions[ANA].epoch, 0, __ATOMIC_RELEASE);
	LAB_RUN(&lab, ended);
	assert_int_equal(lab_flow_count(&lab), 2); /* denied, and they stay so */
}

static void a_new_session_at_the_same_address_takes_its_flows_on(void **state)
{
	static const struct step before[] = {
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
	};
	static const struct step again[] = {
		{ INSIDE, SSH_BACK " SA", ALLOW(REPLY), RULE_SSH, 0 },
		{ VPN, SSH " A", ALLOW(POLICY), RULE_SSH, 0 },
	};
	struct sp_flow flow;

	(void)state;
	LAB_RUN(&lab, before);
	lab_sign_in(&lab, ANA, 500);
	LAB_RUN(&lab, again);
	flow = lab_flow(&lab);
	assert_int_equal(flow.epoch[0], 500);
	assert_int_equal(flow.packets[0], 2); /* its counters go on */
	assert_int_equal(lab.sessions[ANA].flows, 1);
}

static void another_revision_judges_again_and_denies_or_renews(void **state)
{
	static const struct step before[] = {
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ VPN, DNS, ALLOW(POLICY), RULE_DNS, 0 },
		{ EDGE_OUT, "192.0.2.1:999 > 1.2.3.4:80 tcp", ALLOW(POLICY), NONE, 1 },
	};
	static const struct step after[] = {
		{ INSIDE, SSH_BACK " SA", DENY(POLICY), RULE_SSH, 0 },
		{ INSIDE, SSH_BACK " SA", DENY(POLICY), RULE_SSH, 0 },
		{ OUT, SSH_BACK " A", DENY(POLICY), RULE_SSH, 0 },
		{ INSIDE_OUT, SSH " A", DENY(POLICY), RULE_SSH, 0 },
		{ INSIDE, DNS_BACK, ALLOW(REPLY), RULE_DNS, 0 },
		{ VPN, SSH " A", DENY(POLICY), RULE_SSH, 0 },
		{ EDGE, "1.2.3.4:80 > 192.0.2.1:999 tcp SA", ALLOW(REPLY), NONE, 0 },
	};

	(void)state;
	LAB_RUN(&lab, before);
	lab_renew(&lab, 2);
	lab_set_verdict(&lab, RULE_SSH, SP_DENY, SP_LOG_ALL, 0);
	LAB_RUN(&lab, after);
	assert_int_equal(lab_flow_count(&lab), 3);
	assert_int_equal(lab.sessions[ANA].flows, 2);
}

/* Every packet of either end, wherever it is met, finds the flow denied, as long as one of them goes on. */
static void a_denied_flow_lasts_as_long_as_either_end_goes_on(void **state)
{
	static const struct step before[] = {
		{ VPN, DNS, ALLOW(POLICY), RULE_DNS, 0 },
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ INSIDE, SSH_BACK " SA", ALLOW(REPLY), RULE_SSH, 0 },
	};
	static const struct step denied[] = {
		{ INSIDE, DNS_BACK, DENY(POLICY), RULE_DNS, 0 },
		{ AFTER(170, INSIDE_IN), DNS_BACK, DENY(POLICY), RULE_DNS, 0 },
		{ AFTER(170, VPN_IN), DNS, DENY(POLICY), RULE_DNS, 0 },
		{ AFTER(170, INSIDE_OUT), DNS, DENY(POLICY), RULE_DNS, 0 },
		{ AFTER(170, VPN_OUT), DNS_BACK, DENY(POLICY), RULE_DNS, 0 },
		{ AFTER(170, VPN_OUT), DNS_BACK, DENY(POLICY), RULE_DNS, 1 },
		{ INSIDE, SSH_BACK " A", DENY(POLICY), RULE_SSH, 0 },
		{ AFTER(7300, INSIDE_IN), SSH_BACK " A", DENY(POLICY), RULE_SSH, 0 },
		{ INSIDE, "10.30.0.1 > 100.64.0.7 icmp type=3 quote " SSH, DENY(POLICY), RULE_SSH,
		  0 },
	};
	static const struct step given_back[] = {
		{ INSIDE, SSH_BACK " A", ALLOW(REPLY), RULE_SSH, 0 },
		{ VPN, SSH " A", ALLOW(POLICY), RULE_SSH, 0 },
	};

	(void)state;
	LAB_RUN(&lab, before);
	lab_renew(&lab, 2);
	lab_set_verdict(&lab, RULE_SSH, SP_DENY, SP_LOG_ALL, 0);
	lab_set_verdict(&lab, RULE_DNS, SP_DENY, SP_LOG_ALL, 0);
	LAB_RUN(&lab, denied);
	lab_renew(&lab, 3);
	LAB_RUN(&lab, given_back);
}

/* What the gateway sends on a connection that is no more opens nothing. */
static void only_a_syn_of_the_gateway_opens_a_tcp_flow(void **state)
{
	static const struct step steps[] = {
		{ EDGE_OUT, "192.0.2.1:999 > 1.2.3.4:80 tcp PA", ALLOW(POLICY), NONE, 1 },
		{ EDGE, "1.2.3.4:80 > 192.0.2.1:999 tcp A", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ EDGE_OUT, "192.0.2.1:999 > 1.2.3.4:80 tcp SA", ALLOW(POLICY), NONE, 1 },
		{ EDGE, "1.2.3.4:80 > 192.0.2.1:999 tcp A", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ EDGE_OUT, "192.0.2.1:999 > 1.2.3.4:80 tcp S", ALLOW(POLICY), NONE, 1 },
		{ EDGE, "1.2.3.4:80 > 192.0.2.1:999 tcp A", ALLOW(REPLY), NONE, 0 },
		/* forwarded, and nobody judged it */
		{ EDGE_OUT, "10.30.0.5:9 > 1.2.3.4:53 udp", ALLOW(POLICY), NONE, 0 },
		{ EDGE, "1.2.3.4:53 > 10.30.0.5:9 udp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
	};

	(void)state;
	LAB_RUN(&lab, steps);
}

/* 10.30.0.5 goes out as 192.0.2.1: what comes back to that is an answer, and has to be one of the flow
 * inside too. */
static void a_translated_path_lets_answers_in_and_the_flow_inside_decides(void **state)
{
	static const struct step inside[] = {
		{ INSIDE, "10.30.0.5:7 > 100.64.0.8:22 tcp", ALLOW(POLICY), RULE_OFFICE, 0 },
	};
	static const struct step leaves[] = {
		{ EDGE_OUT, "192.0.2.1:7 > 1.2.3.4:22 tcp", ALLOW(POLICY), NONE, 0 },
		{ EDGE, "1.2.3.4:22 > 192.0.2.1:7 tcp A", ALLOW(REPLY), NONE, 0 },
	};
	static const struct step answers[] = {
		{ INSIDE_OUT, "100.64.0.8:22 > 10.30.0.5:7 tcp A", ALLOW(REPLY), RULE_OFFICE, 0 },
		{ INSIDE_OUT, "1.2.3.4:22 > 10.30.0.5:7 tcp A", DENY(NO_FLOW), NONE, 0 },
		{ OUT, "1.2.3.4:22 > 100.64.0.8:7 tcp A", DENY(NO_FLOW), NONE, 0 },
		{ EDGE_OUT, "1.2.3.4:22 > 192.0.2.1:7 tcp A", DENY(NO_FLOW), NONE, 0 },
	};

	(void)state;
	LAB_RUN(&lab, inside);
	lab.mark = SP_MARK_JUDGED;
	LAB_RUN(&lab, leaves);
	lab.mark = SP_MARK_REPLY;
	LAB_RUN(&lab, answers);
}

static void deadlines_bite_without_user_space(void **state)
{
	static const struct step before[] = {
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ VPN, "100.64.0.8:9 > 192.0.2.1:1 udp", DENY(DEFAULT), SP_RULE_DEFAULT, 0 },
		{ AFTER(9, INSIDE_IN), SSH_BACK " SA", ALLOW(REPLY), RULE_SSH, 0 },
		{ AFTER(1, INSIDE_IN), SSH_BACK " A", DENY(DEADLINE), RULE_SSH, 0 },
		{ VPN, SSH, DENY(DEADLINE), RULE_SSH, 0 },
	};
	static const struct step expiry[] = {
		{ VPN, DNS, ALLOW(POLICY), RULE_DNS, 0 },
		{ AFTER(5, INSIDE_IN), DNS_BACK, DENY(EXPIRED), NONE, 0 },
		{ VPN, DNS, DENY(EXPIRED), NONE, 0 },
	};

	(void)state;
	lab_set_verdict(&lab, RULE_SSH, SP_ALLOW, SP_LOG_NEW, lab.now_ns + 10 * SECOND);
	LAB_RUN(&lab, before);
	lab.sessions[ANA].expires_ns = lab.now_ns + 5 * SECOND;
	LAB_RUN(&lab, expiry);
}

static void a_silent_session_is_over_and_traffic_keeps_it(void **state)
{
	static const struct step steps[] = {
		{ VPN, DNS, ALLOW(POLICY), RULE_DNS, 0 },
		{ AFTER(10, VPN_IN), DNS, ALLOW(POLICY), RULE_DNS, 0 },
		{ AFTER(10, VPN_IN), "100.64.0.7:1 > 10.30.0.5:23 tcp", DENY(DEFAULT),
		  SP_RULE_DEFAULT, 0 },
		{ AFTER(1, INSIDE_IN), DNS_BACK, DENY(EXPIRED), NONE, 0 },
		{ VPN, DNS, DENY(EXPIRED), NONE, 0 },
	};

	(void)state;
	lab.sessions[ANA].idle_ns = 10 * SECOND;
	LAB_RUN(&lab, steps);
}

static void last_seen_is_written_at_most_once_a_second(void **state)
{
	struct lab_answer answer;

	(void)state;
	lab_judge(&lab, SP_HOOK_VPN_IN, DNS, &answer);
	assert_int_equal(lab.sessions[ANA].last_seen_ns, LAB_START);
	lab.now_ns += SECOND - 1;
	lab_judge(&lab, SP_HOOK_VPN_IN, DNS, &answer);
	assert_int_equal(lab.sessions[ANA].last_seen_ns, LAB_START);
	lab.now_ns += 1;
	lab_judge(&lab, SP_HOOK_VPN_IN, DNS, &answer);
	assert_int_equal(lab.sessions[ANA].last_seen_ns, LAB_START + SECOND);
}

static void packets_are_counted_once_on_their_way_through(void **state)
{
	static const struct step steps[] = {
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ INSIDE_OUT, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ INSIDE, SSH_BACK " SA", ALLOW(REPLY), RULE_SSH, 0 },
		{ OUT, SSH_BACK " SA", ALLOW(REPLY), RULE_SSH, 0 },
		{ VPN, SSH " A payload=100", ALLOW(POLICY), RULE_SSH, 0 },
		{ INSIDE_OUT, SSH " A payload=100", ALLOW(POLICY), RULE_SSH, 0 },
	};
	struct sp_flow flow;

	(void)state;
	LAB_RUN(&lab, steps);
	flow = lab_flow(&lab);
	assert_int_equal(flow.packets[0], 2);
	assert_int_equal(flow.bytes[0], 40 + 140);
	assert_int_equal(flow.packets[1], 1);
	assert_int_equal(flow.bytes[1], 40);
	assert_int_equal(lab_rule_counter(&lab, RULE_SSH).packets, 3);
	assert_int_equal(lab_counter(&lab, SP_HOOK_VPN_IN, SP_ALLOW, SP_REASON_POLICY).packets, 2);
	assert_int_equal(lab_counter(&lab, SP_HOOK_VPN_IN, SP_ALLOW, SP_REASON_POLICY).bytes, 180);
}

static void protect_takes_over_a_flow_of_the_gateways_own(void **state)
{
	static const struct step steps[] = {
		{ INSIDE_OUT, "192.0.2.1:22 > 10.20.1.3:9 tcp", ALLOW(POLICY), NONE, 1 },
		{ INSIDE, "10.20.1.3:9 > 192.0.2.1:22 tcp A", ALLOW(PROTECT), RULE_ADMIN, 0 },
		{ INSIDE_OUT, "192.0.2.1:22 > 10.20.1.3:9 tcp A", ALLOW(REPLY), RULE_ADMIN, 0 },
		{ INSIDE, "10.20.1.3:9 > 192.0.2.1:22 tcp A", ALLOW(PROTECT), RULE_ADMIN, 0 },
	};
	struct sp_flow flow;

	(void)state;
	LAB_RUN(&lab, steps);
	flow = lab_flow(&lab);
	assert_int_equal(flow.flags & SP_FLOW_OWN, 0);
	assert_int_equal(flow.packets[0], 2);
	assert_int_equal(flow.rule, RULE_ADMIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(replies_of_an_allowed_flow_come_back_on_every_hook),
		TEST(a_flow_opened_by_the_gateway_lets_its_answers_in),
		TEST(tcp_flows_end_after_their_silence),
		TEST(udp_and_icmp_flows_end_after_their_silence),
		TEST(a_closing_flow_ends_soon_and_gives_way_to_a_new_one),
		TEST(icmp_replies_answer_their_own_query_only),
		TEST(icmp_errors_come_back_for_flows_only),
		TEST(an_ended_session_stops_both_directions_at_once),
		TEST(a_new_session_at_the_same_address_takes_its_flows_on),
		TEST(another_revision_judges_again_and_denies_or_renews),
		TEST(a_denied_flow_lasts_as_long_as_either_end_goes_on),
		TEST(only_a_syn_of_the_gateway_opens_a_tcp_flow),
		TEST(a_translated_path_lets_answers_in_and_the_flow_inside_decides),
		TEST(deadlines_bite_without_user_space),
		TEST(a_silent_session_is_over_and_traffic_keeps_it),
		TEST(last_seen_is_written_at_most_once_a_second),
		TEST(packets_are_counted_once_on_their_way_through),
		TEST(protect_takes_over_a_flow_of_the_gateways_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
