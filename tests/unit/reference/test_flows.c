/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reference evaluator's flows: DESIGN section 5 and docs/judgement.md [3], both directions. */
#include "lab.h"

#define SYN "100.64.0.7:1000 > 10.30.1.1:22 tcp S"
#define SYN_ACK "10.30.1.1:22 > 100.64.0.7:1000 tcp SA"
#define ACK "100.64.0.7:1000 > 10.30.1.1:22 tcp A"
#define BACK "10.30.1.1:22 > 100.64.0.7:1000 tcp A eth"
#define ASK "100.64.0.7:1000 > 10.30.1.1:53 udp"
#define TELL "10.30.1.1:53 > 100.64.0.7:1000 udp eth"

#define YES "allow policy eng-servers"
#define REPLY "allow reply eng-servers"
#define NO "deny default default"
#define NO_FLOW "deny no-flow -"

/* ---- what starts one ---- */

static void replies_come_back_and_nothing_else_does(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, INSIDE_IN, BACK, NO); /* mid-stream, judged as new */
	expect(&lab, VPN_IN, SYN, YES);
	expect(&lab, INSIDE_IN, SYN_ACK " eth", REPLY);
	expect(&lab, VPN_IN, ACK, YES);
	expect(&lab, INSIDE_IN, BACK, REPLY);
	expect(&lab, VPN_OUT, "10.30.1.1:22 > 100.64.0.7:1000 tcp A", REPLY);
	expect(&lab, EDGE_IN, "10.30.1.1:22 > 100.64.0.7:1000 tcp A eth", "deny spoofed -");
	/* other ports, another end, another protocol */
	expect(&lab, INSIDE_IN, "10.30.1.1:22 > 100.64.0.7:1001 tcp A eth", NO);
	expect(&lab, INSIDE_IN, "10.30.1.1:23 > 100.64.0.7:1000 tcp A eth", NO);
	expect(&lab, INSIDE_IN, "10.30.1.2:22 > 100.64.0.7:1000 tcp A eth", NO);
	expect(&lab, INSIDE_IN, "10.30.1.1:22 > 100.64.0.8:1000 tcp A eth", NO);
	expect(&lab, INSIDE_IN, "10.30.1.1:22 > 100.64.0.7:1000 udp eth", NO);
	lab_done(&lab);
}

static void both_families_and_every_protocol_keep_flows(void **state)
{
	static const struct {
		const char *out, *back;
	} rows[] = {
		{ ASK, TELL },
		{ "100.64.0.7:1 > 10.30.1.1:9 sctp", "10.30.1.1:9 > 100.64.0.7:1 sctp eth" },
		{ "100.64.0.7 > 10.30.1.1 proto=47 payload=4",
		  "10.30.1.1 > 100.64.0.7 proto=47 eth" },
		{ "100.64.0.7 > 10.30.1.1 icmp id=9",
		  "10.30.1.1 > 100.64.0.7 icmp type=0 id=9 eth" },
		{ "[fd00:64::7]:9 > [2001:db8:30::1]:22 tcp",
		  "[2001:db8:30::1]:22 > [fd00:64::7]:9 tcp SA eth" },
		{ "[fd00:64::7]:9 > [2001:db8:30::1]:53 udp",
		  "[2001:db8:30::1]:53 > [fd00:64::7]:9 udp eth" },
		{ "fd00:64::7 > 2001:db8:30::1 icmp6 id=9",
		  "2001:db8:30::1 > fd00:64::7 icmp6 type=129 id=9 eth" },
		{ "fd00:64::7 > 2001:db8:30::1 proto=47 payload=4",
		  "2001:db8:30::1 > fd00:64::7 proto=47 eth" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct lab lab;
		char got[96];

		lab_init(&lab);
		lab_ask(&lab, INSIDE_IN, rows[i].back, got, sizeof(got));
		assert_int_equal(strncmp(got, "deny", 4), 0);
		expect(&lab, VPN_IN, rows[i].out, YES);
		expect(&lab, INSIDE_IN, rows[i].back, REPLY);
		expect(&lab, VPN_IN, rows[i].out, YES);
		lab_done(&lab);
	}
}

/* The engine's allowed IPs keep such a packet out; should one come through, it has no part in the flow. */
static void an_address_of_no_pool_joins_no_flow_on_the_tunnel(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, INSIDE_IN, "10.20.0.5:1000 > 8.8.8.8:443 tcp S eth",
	       "allow policy office-out");
	expect(&lab, VPN_IN, "8.8.8.8:443 > 10.20.0.5:1000 tcp SA", NO_FLOW);
	expect(&lab, VPN_IN, "8.8.8.8:443 > 10.20.0.5:1000 tcp A", "deny no-identity -");
	expect(&lab, EDGE_IN, "8.8.8.8:443 > 10.20.0.5:1000 tcp SA eth", "allow reply office-out");
	lab_done(&lab);
}

/* Segments that start nothing, whatever the rules say; others are judged as new, mid-stream too. */
static void what_cannot_open_a_flow(void **state)
{
	static const struct lab_row rows[] = {
		{ VPN_IN, "100.64.0.7:1000 > 10.30.1.1:22 tcp A", YES },
		{ VPN_IN, "100.64.0.7:1000 > 10.30.1.1:22 tcp PA", YES },
		{ VPN_IN, "100.64.0.7:1000 > 10.30.1.1:22 tcp FA", YES },
		{ VPN_IN, "100.64.0.7:1000 > 10.30.1.1:22 tcp R", NO_FLOW },
		{ VPN_IN, "100.64.0.7:1000 > 10.30.1.1:22 tcp RA", NO_FLOW },
		{ VPN_IN, "100.64.0.7:1000 > 10.30.1.1:22 tcp SA", NO_FLOW },
		{ VPN_IN, "100.64.0.7 > 10.30.1.1 icmp type=0", NO_FLOW },
		{ INSIDE_IN, "10.20.0.5 > 8.8.8.8 icmp type=14 eth", NO_FLOW },
		{ INSIDE_IN, "10.20.0.5 > 8.8.8.8 icmp type=16 eth", NO_FLOW },
		{ INSIDE_IN, "10.20.0.5 > 8.8.8.8 icmp type=18 eth", NO_FLOW },
		{ VPN_IN, "fd00:64::7 > 2001:db8:30::1 icmp6 type=129", NO_FLOW },
		/* before the session is asked for: order of judgement */
		{ VPN_IN, "100.64.0.6:1 > 10.30.1.1:22 tcp R", NO_FLOW },
		{ VPN_IN, "100.64.0.6:1 > 10.30.1.1:22 tcp A", "deny no-identity -" },
		/* redirects, allowed by no rule */
		{ INSIDE_IN,
		  "10.20.0.5 > 8.8.8.8 icmp type=5 eth quote 8.8.8.8:1 > 10.20.0.5:2 udp",
		  NO_FLOW },
		{ INSIDE_IN, "2001:db8:30:20::5 > 2001:db8::1 icmp6 type=137 eth", NO_FLOW },
	};

	(void)state;
	lab_check_rows(rows, SP_ARRAY_LEN(rows));
}

static void other_icmp_makes_no_flow(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, INSIDE_IN, "10.20.0.5 > 8.8.8.8 icmp type=9 eth", "allow policy office-out");
	expect(&lab, EDGE_IN, "8.8.8.8 > 10.20.0.5 icmp type=9 eth", NO);
	expect(&lab, EDGE_IN, "8.8.8.8 > 10.20.0.5 icmp type=10 eth", NO);
	lab_done(&lab);
}

static void a_denied_packet_makes_no_flow(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, "100.64.0.7:1000 > 10.30.9.4:22 tcp", "deny policy payroll-closed");
	expect(&lab, INSIDE_IN, "10.30.9.4:22 > 100.64.0.7:1000 tcp SA eth", NO_FLOW);
	expect(&lab, INSIDE_IN, "10.30.9.4:22 > 100.64.0.7:1000 tcp A eth", NO);
	lab_done(&lab);
}

static void icmp_replies_answer_their_own_query(void **state)
{
#define QUERY(type) "10.20.0.5 > 8.8.8.8 icmp id=9 eth type=" #type
#define ANSWER(type) "8.8.8.8 > 10.20.0.5 icmp id=9 eth type=" #type
#define OUT "allow policy office-out"
#define IN "allow reply office-out"
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, INSIDE_IN, QUERY(8), OUT);
	expect(&lab, EDGE_IN, ANSWER(0), IN);
	expect(&lab, EDGE_IN, ANSWER(14), NO_FLOW);
	expect(&lab, EDGE_IN, "8.8.8.8 > 10.20.0.5 icmp id=8 eth type=0", NO_FLOW);
	expect(&lab, EDGE_IN, ANSWER(8), NO); /* their query is not our reply */
	/* a query of another type takes the entry over */
	expect(&lab, INSIDE_IN, QUERY(13), OUT);
	expect(&lab, EDGE_IN, ANSWER(14), IN);
	expect(&lab, EDGE_IN, ANSWER(0), NO_FLOW);
	expect(&lab, INSIDE_IN, QUERY(15), OUT);
	expect(&lab, EDGE_IN, ANSWER(16), IN);
	expect(&lab, INSIDE_IN, QUERY(17), OUT);
	expect(&lab, EDGE_IN, ANSWER(18), IN);
	/* a reply in the asker's direction is none */
	expect(&lab, INSIDE_IN, "10.20.0.5 > 8.8.8.8 icmp id=9 type=18 eth", NO_FLOW);
	lab_done(&lab);
#undef OUT
#undef IN
}

/* An allowed echo must not carry a timestamp request that no rule allows. */
static void an_echo_flow_carries_no_other_query(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, "100.64.0.7 > 10.30.1.1 icmp id=9", YES);
	expect(&lab, VPN_IN, "100.64.0.7 > 10.30.1.1 icmp id=9 type=13", NO);
	expect(&lab, INSIDE_IN, "10.30.1.1 > 100.64.0.7 icmp type=0 id=9 eth", REPLY);
	lab_done(&lab);
}

/* ---- time ---- */

static void idle_flows_end_at_their_nanosecond(void **state)
{
	enum { UNANSWERED, ANSWERED, CLOSING, CLOSED_BACK, RESET };
	static const struct {
		const char *out, *back, *fin, *fin_back, *late;
		int phase;
		uint64_t idle_ns;
		const char *late_no;
	} rows[] = {
#define TCP_ROW                                                                                    \
	SYN, SYN_ACK " eth", "100.64.0.7:1000 > 10.30.1.1:22 tcp FA",                              \
		"10.30.1.1:22 > 100.64.0.7:1000 tcp FA eth", BACK
		{ TCP_ROW, UNANSWERED, 60 * SECOND, NO },
		{ TCP_ROW, ANSWERED, 7200 * SECOND, NO },
		{ TCP_ROW, CLOSING, 30 * SECOND, NO },
		{ TCP_ROW, CLOSED_BACK, 30 * SECOND, NO },
		{ SYN, SYN_ACK " eth", "100.64.0.7:1000 > 10.30.1.1:22 tcp R", NULL, BACK, CLOSING,
		  30 * SECOND, NO },
		{ "100.64.0.7:1000 > 10.30.1.1:22 tcp FA", NULL, NULL, NULL, BACK, UNANSWERED,
		  30 * SECOND, NO }, /* closing goes before unanswered */
		{ ASK, TELL, NULL, NULL, TELL, UNANSWERED, 30 * SECOND, NO },
		{ ASK, TELL, NULL, NULL, TELL, ANSWERED, 180 * SECOND, NO },
		{ "100.64.0.7 > 10.30.1.1 proto=47", "10.30.1.1 > 100.64.0.7 proto=47 eth", NULL,
		  NULL, "10.30.1.1 > 100.64.0.7 proto=47 eth", UNANSWERED, 30 * SECOND, NO },
		{ "100.64.0.7 > 10.30.1.1 proto=47", "10.30.1.1 > 100.64.0.7 proto=47 eth", NULL,
		  NULL, "10.30.1.1 > 100.64.0.7 proto=47 eth", ANSWERED, 180 * SECOND, NO },
		{ "100.64.0.7:1 > 10.30.1.1:9 sctp", "10.30.1.1:9 > 100.64.0.7:1 sctp eth", NULL,
		  NULL, "10.30.1.1:9 > 100.64.0.7:1 sctp eth", ANSWERED, 180 * SECOND, NO },
		{ "100.64.0.7 > 10.30.1.1 icmp id=9", "10.30.1.1 > 100.64.0.7 icmp type=0 id=9 eth",
		  NULL, NULL, "10.30.1.1 > 100.64.0.7 icmp type=0 id=9 eth", UNANSWERED,
		  30 * SECOND, NO_FLOW },
		{ "100.64.0.7 > 10.30.1.1 icmp id=9", "10.30.1.1 > 100.64.0.7 icmp type=0 id=9 eth",
		  NULL, NULL, "10.30.1.1 > 100.64.0.7 icmp type=0 id=9 eth", ANSWERED, 30 * SECOND,
		  NO_FLOW },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++)
		for (uint64_t late = 0; late < 2; late++) {
			struct lab lab;

			lab_init(&lab);
			expect(&lab, VPN_IN, rows[i].out, YES);
			lab.now_ns += 7;
			if (rows[i].phase == UNANSWERED)
				expect(&lab, VPN_IN, rows[i].out, YES); /* asking again renews it */
			if (rows[i].phase >= ANSWERED)
				expect(&lab, INSIDE_IN, rows[i].back, REPLY);
			if (rows[i].phase == CLOSING)
				expect(&lab, VPN_IN, rows[i].fin, YES);
			if (rows[i].phase == CLOSED_BACK)
				expect(&lab, INSIDE_IN, rows[i].fin_back, REPLY);
			lab.now_ns += rows[i].idle_ns + late;
			expect(&lab, INSIDE_IN, rows[i].late, late ? rows[i].late_no : REPLY);
			lab_done(&lab);
		}
}

static void a_packet_of_either_direction_keeps_a_flow_alive(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, ASK, YES);
	for (int i = 0; i < 10; i++) {
		expect(&lab, INSIDE_IN, TELL, REPLY);
		lab.now_ns += 180 * SECOND;
	}
	expect(&lab, VPN_IN, ASK, YES);
	lab.now_ns += 180 * SECOND;
	expect(&lab, INSIDE_IN, TELL, REPLY);
	lab.now_ns += 180 * SECOND + 1;
	expect(&lab, INSIDE_IN, TELL, NO);
	lab_done(&lab);
}

/* ICMP errors and denied packets do not. */
static void what_does_not_keep_a_flow_alive(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, ASK, YES);
	lab.now_ns += 29 * SECOND;
	expect(&lab, INSIDE_IN, "10.30.1.1 > 100.64.0.7 icmp type=3 eth quote " ASK,
	       "allow related eng-servers");
	lab.now_ns += 1 * SECOND;
	expect(&lab, INSIDE_IN, "10.30.1.1:53 > 100.64.0.7:1000 udp eth l4[4]=ffff",
	       "deny malformed -");
	expect(&lab, INSIDE_IN, "10.30.1.1 > 100.64.0.7 icmp type=3 eth quote " ASK,
	       "allow related eng-servers");
	lab.now_ns += 1;
	expect(&lab, INSIDE_IN, "10.30.1.1 > 100.64.0.7 icmp type=3 eth quote " ASK, NO_FLOW);
	expect(&lab, INSIDE_IN, TELL, NO);
	lab_done(&lab);
}

static void a_clock_that_seems_to_go_back_ends_nothing(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, ASK, YES);
	lab.now_ns -= 500 * SECOND;
	expect(&lab, INSIDE_IN, TELL, REPLY);
	lab_done(&lab);
}

/* ---- SYN ---- */

static void a_syn_in_the_reply_direction_is_judged_as_new(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, SYN, YES);
	expect(&lab, INSIDE_IN, "10.30.1.1:22 > 100.64.0.7:1000 tcp S eth", NO);
	expect(&lab, INSIDE_IN, SYN_ACK " eth", REPLY); /* the flow is as it was */
	expect(&lab, VPN_IN, SYN, YES);                 /* a SYN again, its own direction */
	/* where a rule allows it, it takes the entry over and turns it round */
	expect(&lab, INSIDE_IN, "10.20.0.5:5 > 100.64.0.9:22 tcp S eth", "allow policy office-out");
	expect(&lab, VPN_IN, "100.64.0.9:22 > 10.20.0.5:5 tcp SA", "allow reply office-out");
	expect(&lab, VPN_IN, "100.64.0.9:22 > 10.20.0.5:5 tcp S", NO);
	expect(&lab, INSIDE_IN, "10.20.0.5:6 > 10.30.1.1:22 tcp S eth", "allow policy office-out");
	lab_done(&lab);

	lab_init_empty(&lab);
	hand_rule(&lab.hand, SP_RULE_ALLOW, "there", "role:0", "servers", "tcp/22");
	hand_rule(&lab.hand, SP_RULE_ALLOW, "back", "servers", "pool", "tcp/1000");
	lab_open(&lab, ANA, "ana", ENGINEER, "100.64.0.7", NULL, 0, 0);
	expect(&lab, VPN_IN, SYN, "allow policy there");
	expect(&lab, INSIDE_IN, "10.30.1.1:22 > 100.64.0.7:1000 tcp S eth", "allow policy back");
	expect(&lab, VPN_IN, "100.64.0.7:1000 > 10.30.1.1:22 tcp SA", "allow reply back");
	lab_done(&lab);
}

static void a_closing_flow_and_a_new_syn(void **state)
{
	struct hand next;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, SYN, YES);
	expect(&lab, INSIDE_IN, SYN_ACK " eth", REPLY);
	expect(&lab, INSIDE_IN, "10.30.1.1:22 > 100.64.0.7:1000 tcp FA eth", REPLY);
	lab.now_ns += 10 * SECOND;
	expect(&lab, VPN_IN, SYN, YES); /* a new flow: neither closing nor answered */
	lab.now_ns += 60 * SECOND;
	expect(&lab, INSIDE_IN, SYN_ACK " eth", REPLY);
	lab.now_ns += 7200 * SECOND;
	expect(&lab, VPN_IN, ACK, YES);
	/* closing: packets that are no SYN go on, a SYN that is denied changes nothing */
	expect(&lab, VPN_IN, "100.64.0.7:1000 > 10.30.1.1:22 tcp FA", YES);
	expect(&lab, VPN_IN, ACK, YES);
	expect(&lab, VPN_IN, "100.64.0.7:1000 > 10.30.1.1:22 tcp R", YES);
	lab_apply(&lab, &next, 1, "eng-servers", NULL);
	expect(&lab, VPN_IN, SYN, NO);
	lab_done(&lab);
	hand_done(&next);
}

/* ---- ICMP errors ---- */

static void icmp_errors_about_a_flow_come_back(void **state)
{
#define E4(quoted) "10.30.0.254 > 100.64.0.7 icmp type=3 code=1 eth quote " quoted
#define E6(quoted) "2001:db8:30::fe > fd00:64::7 icmp6 type=2 eth quote " quoted
#define RELATED "allow related eng-servers"
	static const struct {
		const char *out;
		enum sp_hook hook;
		const char *error, *expected;
	} rows[] = {
		/* about what the asker sent */
		{ SYN, INSIDE_IN, E4(SYN), RELATED },
		{ SYN, INSIDE_IN, "10.30.0.254 > 100.64.0.7 icmp type=11 eth quote " SYN, RELATED },
		{ ASK, INSIDE_IN, E4(ASK), RELATED },
		{ "100.64.0.7 > 10.30.1.1 icmp id=9", INSIDE_IN,
		  E4("100.64.0.7 > 10.30.1.1 icmp id=9"), RELATED },
		{ "100.64.0.7 > 10.30.1.1 proto=47", INSIDE_IN,
		  E4("100.64.0.7 > 10.30.1.1 proto=47"), RELATED },
		{ "[fd00:64::7]:9 > [2001:db8:30::1]:22 tcp", INSIDE_IN,
		  E6("[fd00:64::7]:9 > [2001:db8:30::1]:22 tcp"), RELATED },
		{ "[fd00:64::7]:9 > [2001:db8:30::1]:22 tcp", INSIDE_IN,
		  E6("[fd00:64::7]:9 > [2001:db8:30::1]:22 tcp ext=0,60"), RELATED },
		{ "fd00:64::7 > 2001:db8:30::1 icmp6 id=9", INSIDE_IN,
		  E6("fd00:64::7 > 2001:db8:30::1 icmp6 id=9"), RELATED },
		{ SYN, VPN_OUT, "10.30.0.254 > 100.64.0.7 icmp type=3 quote " SYN, RELATED },
		{ SYN, EDGE_IN, "198.51.100.1 > 100.64.0.7 icmp type=11 eth quote " SYN, NO_FLOW },
		/* about what came back */
		{ SYN, VPN_IN, "100.64.0.7 > 10.30.1.1 icmp type=3 quote " SYN_ACK, RELATED },
		{ ASK, VPN_IN,
		  "100.64.0.7 > 10.30.1.1 icmp type=3 quote 10.30.1.1:53 > 100.64.0.7:1000 udp",
		  RELATED },
		{ "fd00:64::7 > 2001:db8:30::1 icmp6 id=9", VPN_IN,
		  "fd00:64::7 > 2001:db8:30::1 icmp6 type=1 "
		  "quote 2001:db8:30::1 > fd00:64::7 icmp6 type=129 id=9",
		  RELATED },
		/* about no flow */
		{ SYN, INSIDE_IN, E4("100.64.0.7:1001 > 10.30.1.1:22 tcp"), NO_FLOW },
		{ SYN, INSIDE_IN, E4("100.64.0.7:1000 > 10.30.1.1:22 udp"), NO_FLOW },
		{ SYN, INSIDE_IN, E4("100.64.0.7:1000 > 10.30.1.1:22 tcp frag=1:8-16"), NO_FLOW },
		{ SYN, INSIDE_IN, "10.30.0.254 > 100.64.0.7 icmp type=3 eth quote=7 " SYN,
		  NO_FLOW },
		{ SYN, INSIDE_IN, "10.30.0.254 > 100.64.0.7 icmp type=5 eth quote " SYN, NO_FLOW },
		{ "100.64.0.7 > 10.30.1.1 icmp id=9", INSIDE_IN,
		  E4("100.64.0.7 > 10.30.1.1 icmp id=9 type=13"), NO_FLOW },
		{ "100.64.0.7 > 10.30.1.1 icmp id=9", VPN_IN,
		  "100.64.0.7 > 10.30.1.1 icmp type=3 quote 10.30.1.1 > 100.64.0.7 icmp type=14 "
		  "id=9",
		  NO_FLOW },
		{ SYN, INSIDE_IN, E4("10.30.1.1:22 > 100.64.0.7:1000 tcp"), "deny malformed -" },
		/* from a tunnel address that nobody has */
		{ SYN, VPN_IN, "100.64.0.6 > 10.30.1.1 icmp type=3 quote " SYN_ACK, NO_FLOW },
		{ SYN, VPN_IN,
		  "100.64.0.6 > 10.30.1.2 icmp type=3 quote 10.30.1.2:22 > 100.64.0.7:1 tcp",
		  NO_FLOW },
		/* another person's device is no router */
		{ SYN, VPN_IN, "100.64.0.8 > 10.30.1.1 icmp type=3 quote " SYN_ACK, NO_FLOW },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct lab lab;

		lab_init(&lab);
		expect(&lab, VPN_IN, rows[i].out, YES);
		expect(&lab, rows[i].hook, rows[i].error, rows[i].expected);
		lab_done(&lab);
	}
}

static void an_icmp_error_does_not_answer_a_flow(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, SYN, YES);
	expect(&lab, INSIDE_IN, E4(SYN), RELATED);
	lab.now_ns += 60 * SECOND + 1; /* still unanswered */
	expect(&lab, INSIDE_IN, BACK, NO);
	lab_done(&lab);
}

/* ---- revisions ---- */

static void close_all(struct hand *hand)
{
	hand_rule(hand, SP_RULE_DENY, "closed", "any", "any", "");
}

static void move_eng(struct hand *hand)
{
	hand_rule(hand, SP_RULE_ALLOW, "eng-moved", "role:0", "servers", "tcp/22 udp/53 icmp/8");
}

static void an_apply_renews_what_is_still_allowed(void **state)
{
	struct hand next, third;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, SYN, YES);
	expect(&lab, INSIDE_IN, SYN_ACK " eth", REPLY);
	lab_apply(&lab, &next, 1, "eng-servers", move_eng);
	expect(&lab, INSIDE_IN, BACK, "allow reply eng-moved"); /* re-judged by a reply */
	expect(&lab, VPN_IN, ACK, "allow policy eng-moved");
	lab_apply(&lab, &third, 2, "", NULL);
	expect(&lab, INSIDE_IN, "10.30.1.1 > 100.64.0.7 icmp type=3 eth quote " SYN, RELATED);
	expect(&lab, INSIDE_IN, BACK, REPLY);
	/* answered stays answered */
	lab.now_ns += 7200 * SECOND;
	expect(&lab, INSIDE_IN, BACK, REPLY);
	lab_done(&lab);
	hand_done(&next);
	hand_done(&third);
}

/* The packet that finds out, from whichever side, is denied with the rule; then the flow is gone. */
static void a_denied_flow_lives_again_when_rules_allow_it(void **state)
{
	static const struct {
		enum sp_hook hook;
		const char *text;
	} rows[] = {
		{ VPN_IN, ACK },
		{ INSIDE_IN, BACK },
		{ VPN_OUT, "10.30.1.1:22 > 100.64.0.7:1000 tcp A" },
		{ INSIDE_IN, "10.30.1.1 > 100.64.0.7 icmp type=3 eth quote " SYN },
		{ VPN_IN, "100.64.0.7 > 10.30.1.1 icmp type=3 quote " SYN_ACK },
		{ VPN_IN, "100.64.0.7:1000 > 10.30.1.1:22 tcp R" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct hand next, third;
		struct lab lab;

		lab_init(&lab);
		expect(&lab, VPN_IN, SYN, YES);
		lab_apply(&lab, &next, 1, "", close_all);
		expect(&lab, rows[i].hook, rows[i].text, "deny policy closed");
		expect(&lab, INSIDE_IN, SYN_ACK " eth", "deny policy closed");
		expect(&lab, INSIDE_OUT, "judged " ACK " eth", "deny policy closed");
		/* back to the old rules, under a new number */
		lab_apply(&lab, &third, 2, "", NULL);
		expect(&lab, INSIDE_IN, SYN_ACK " eth", REPLY);
		expect(&lab, VPN_IN, "100.64.0.7:1000 > 10.30.1.1:22 tcp R", YES);
		lab_done(&lab);
		hand_done(&next);
		hand_done(&third);
	}
}

/* The flow decides about the error, not the rules: the router's address would be allowed. */
static void an_error_about_a_denied_flow_is_denied(void **state)
{
	struct hand next;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, SYN, YES);
	lab_apply(&lab, &next, 1, "eng-servers", NULL);
	expect(&lab, INSIDE_IN, "10.20.0.254 > 100.64.0.7 icmp type=3 eth quote " SYN, NO);
	expect(&lab, INSIDE_IN, "10.20.0.254 > 100.64.0.7 icmp type=3 eth quote " SYN, NO);
	lab_done(&lab);
	hand_done(&next);
}

static void allow_the_way_back(struct hand *hand)
{
	hand_rule(hand, SP_RULE_ALLOW, "back", "servers", "pool", "tcp/1000");
}

/* The packet that finds its flow denied is denied, whatever the rules say of its own direction. */
static void a_reply_of_a_denied_flow_is_denied(void **state)
{
	struct hand next;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, SYN, YES);
	lab_apply(&lab, &next, 1, "eng-servers", allow_the_way_back);
	expect(&lab, INSIDE_IN, BACK, NO);
	expect(&lab, INSIDE_IN, BACK, NO);
	lab_done(&lab);
	hand_done(&next);
}

static void a_default_deny_denies_it_too(void **state)
{
	struct hand next;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, SYN, YES);
	lab_apply(&lab, &next, 1, "eng-servers", NULL);
	expect(&lab, INSIDE_IN, BACK, NO);
	expect(&lab, INSIDE_IN, SYN_ACK " eth", NO);
	lab_done(&lab);
	hand_done(&next);
}

/* A new policy that numbers its roles and rules otherwise judges the same people by name. */
static void reorder(struct hand *hand)
{
	struct sp_role swap = hand->policy.roles[0];

	hand->policy.roles[0] = hand->policy.roles[2];
	hand->policy.roles[2] = swap;
	hand_rule(hand, SP_RULE_ALLOW, "eng-now-2", "role:2", "servers", "tcp/22");
}

static void roles_are_carried_over_by_name(void **state)
{
	struct hand next;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, SYN, YES);
	lab_apply(&lab, &next, 1, "eng-servers", reorder);
	expect(&lab, VPN_IN, ACK, "allow policy eng-now-2");
	expect(&lab, VPN_IN, "100.64.0.8:1 > 10.30.1.1:22 tcp", NO);
	lab_done(&lab);
	hand_done(&next);
}

static void distrust(struct hand *hand)
{
	hand_rule(hand, SP_RULE_ALLOW, "all", "any", "any", "");
	hand->gateway.edge_trust_count = 0;
}

/* Re-judged as at the door it came by: an edge flow meets today's drop lists and exposes. */
static void a_stale_flow_is_judged_at_its_own_door(void **state)
{
	struct hand next, third;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, EDGE_IN, "192.0.2.7:5 > 192.0.2.1:443 tcp eth", "allow expose portal");
	expect(&lab, EDGE_IN, "198.51.100.7:5 > 192.0.2.1:443 tcp eth", "allow expose portal");
	expect(&lab, INSIDE_IN, "10.20.0.5:5 > 8.8.8.8:443 tcp eth", "allow policy office-out");
	lab_apply(&lab, &next, 1, "", NULL);
	expect(&lab, EDGE_IN, "198.51.100.7:5 > 192.0.2.1:443 tcp A eth", "allow expose portal");
	lab_apply(&lab, &third, 2, "", distrust);
	expect(&lab, EDGE_IN, "192.0.2.7:5 > 192.0.2.1:443 tcp A eth", "deny bogon -");
	expect(&lab, EDGE_IN, "198.51.100.7:5 > 192.0.2.1:443 tcp A eth", "allow expose portal");
	expect(&lab, EDGE_IN, "8.8.8.8:443 > 10.20.0.5:5 tcp A eth", "allow reply office-out");
	lab_done(&lab);
	hand_done(&next);
	hand_done(&third);
}

/* ---- protect ---- */

static void protect_flows(void **state)
{
#define ADMIN_SYN "10.20.1.5:9 > 10.30.0.1:22 tcp S eth"
#define ADMIN_ACK "10.20.1.5:9 > 10.30.0.1:22 tcp A eth"
#define GATE_ACK "own 10.30.0.1:22 > 10.20.1.5:9 tcp A eth"
	struct hand next, third;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	/* the gateway's answer is a reply of the recorded flow */
	expect(&lab, INSIDE_IN, ADMIN_SYN, "allow protect admin-ssh");
	expect(&lab, INSIDE_OUT, GATE_ACK, "allow reply admin-ssh");
	/* an RST or an answer makes none */
	expect(&lab, INSIDE_IN, "10.20.1.6:9 > 10.30.0.1:22 tcp R eth", "allow protect admin-ssh");
	expect(&lab, INSIDE_OUT, "own 10.30.0.1:22 > 10.20.1.6:9 tcp S eth", "allow policy -");
	/* one recorded as the gateway's own is replaced: now the admin is the originator */
	expect(&lab, INSIDE_IN, "10.20.1.6:9 > 10.30.0.1:22 tcp A eth", "allow protect admin-ssh");
	expect(&lab, INSIDE_OUT, "own 10.30.0.1:22 > 10.20.1.6:9 tcp A eth",
	       "allow reply admin-ssh");
	/* but not by a packet that cannot open one */
	expect(&lab, INSIDE_OUT, "own 10.30.0.1:22 > 10.20.1.7:9 tcp A eth", "allow policy -");
	expect(&lab, INSIDE_IN, "10.20.1.7:9 > 10.30.0.1:22 tcp RA eth", "allow protect admin-ssh");
	expect(&lab, INSIDE_OUT, "own 10.30.0.1:22 > 10.20.1.7:9 tcp A eth", "allow policy -");

	/* protect goes away: the flow is judged by the rest */
	lab_apply(&lab, &next, 1, "admin-ssh", NULL);
	expect(&lab, INSIDE_IN, ADMIN_ACK, "allow policy office-out");
	lab_apply(&lab, &third, 2, "admin-ssh office-out", NULL);
	expect(&lab, INSIDE_IN, ADMIN_ACK, NO);
	expect(&lab, INSIDE_IN, "10.20.1.5:9 > 10.30.0.1:22 tcp R eth", NO);
	expect(&lab, INSIDE_OUT, GATE_ACK, NO);
	lab_done(&lab);
	hand_done(&next);
	hand_done(&third);
}

/* ---- what leaves ---- */

static void own_flows_are_answered_and_judged_by_no_rule(void **state)
{
	struct hand next;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, EDGE_IN, "198.51.100.9:80 > 192.0.2.1:4000 tcp SA eth", NO_FLOW);
	expect(&lab, EDGE_OUT, "own 192.0.2.1:4000 > 198.51.100.9:80 tcp S eth", "allow policy -");
	expect(&lab, EDGE_IN, "198.51.100.9:80 > 192.0.2.1:4000 tcp SA eth", "allow reply -");
	expect(&lab, EDGE_OUT, "own 192.0.2.1:4000 > 198.51.100.9:80 tcp A eth", "allow policy -");
	expect(&lab, EDGE_IN, "198.51.100.9:81 > 192.0.2.1:4000 tcp SA eth", NO_FLOW);
	expect(&lab, EDGE_IN,
	       "198.51.100.1 > 192.0.2.1 icmp type=11 eth "
	       "quote 192.0.2.1:4000 > 198.51.100.9:80 tcp",
	       "allow related -");
	/* bogons answer too: flows come before drop lists */
	expect(&lab, EDGE_OUT, "own 192.0.2.1:4000 > 192.168.1.1:53 udp eth", "allow policy -");
	expect(&lab, EDGE_IN, "192.168.1.1:53 > 192.0.2.1:4000 udp eth", "allow reply -");
	/* a stranger's SYN to the port is new */
	expect(&lab, EDGE_IN, "198.51.100.9:80 > 192.0.2.1:4000 tcp S eth", NO);
	lab_apply(&lab, &next, 1, "", close_all);
	expect(&lab, EDGE_IN, "198.51.100.9:80 > 192.0.2.1:4000 tcp A eth", "allow reply -");
	lab.now_ns += 7200 * SECOND + 1;
	expect(&lab, EDGE_IN, "198.51.100.9:80 > 192.0.2.1:4000 tcp A eth", "deny policy closed");
	lab_done(&lab);
	hand_done(&next);
}

static void recorders_pass_everything(void **state)
{
	static const struct lab_row rows[] = {
		{ EDGE_OUT, "own 192.0.2.1:1 > 8.8.8.8:53 udp eth", "allow policy -" },
		{ INSIDE_OUT, "own 10.30.0.1:1 > 10.30.1.1:53 udp eth", "allow policy -" },
		{ EDGE_OUT, "own 192.0.2.1:1 > 8.8.8.8:53 tcp SF eth", "allow malformed -" },
		{ EDGE_OUT, "own 192.0.2.1:1 > 8.8.8.8:53 tcp eth cut=20", "allow truncated -" },
		{ EDGE_OUT, "own 192.0.2.1:1 > 8.8.8.8:53 tcp ethertype=8847",
		  "allow ethertype -" },
		{ EDGE_OUT, "own 192.0.2.1:1 > 8.8.8.8:53 tcp ethertype=0806",
		  "allow ethertype -" },
		{ EDGE_OUT, "own 192.0.2.1:1 > 8.8.8.8:53 tcp eth frag=1:0-16+",
		  "allow fragment -" },
		{ EDGE_OUT, "own 192.0.2.1:1 > 8.8.8.8:53 udp eth frag=1:8-16", "allow policy -" },
		{ EDGE_OUT, "own 192.0.2.1:1 > 8.8.8.8:53 tcp R eth", "allow policy -" },
		{ EDGE_OUT,
		  "own 192.0.2.1 > 8.8.8.8 icmp type=3 eth quote 8.8.8.8:1 > 192.0.2.1:2 udp",
		  "allow policy -" },
		{ EDGE_OUT, "100.64.0.7:1 > 8.8.8.8:53 udp eth", "allow policy -" },
	};

	(void)state;
	lab_check_rows(rows, SP_ARRAY_LEN(rows));
}

/* What leaves opens a flow only if it can, and only if the gateway sent it or a hook judged it. */
static void what_leaves_and_records_nothing(void **state)
{
	static const struct {
		const char *out, *back, *expected;
	} rows[] = {
		{ "own 192.0.2.1:1 > 8.8.8.8:53 udp eth", "8.8.8.8:53 > 192.0.2.1:1 udp eth",
		  "allow reply -" },
		{ "own 192.0.2.1:1 > 8.8.8.8:53 tcp A eth", "8.8.8.8:53 > 192.0.2.1:1 tcp A eth",
		  NO },
		{ "own 192.0.2.1:1 > 8.8.8.8:53 tcp S eth", "8.8.8.8:53 > 192.0.2.1:1 tcp A eth",
		  "allow reply -" },
		{ "judged 192.0.2.1:1 > 8.8.8.8:53 tcp A eth", "8.8.8.8:53 > 192.0.2.1:1 tcp A eth",
		  "allow reply -" },
		{ "192.0.2.1:1 > 8.8.8.8:53 udp eth", "8.8.8.8:53 > 192.0.2.1:1 udp eth", NO },
		{ "judged 203.0.113.9:1 > 8.8.8.8:53 udp eth", "8.8.8.8:53 > 203.0.113.9:1 udp eth",
		  "allow reply -" },
		{ "own 192.0.2.1 > 8.8.8.8 icmp id=3 eth",
		  "8.8.8.8 > 192.0.2.1 icmp id=3 type=0 eth", "allow reply -" },
		{ "own 192.0.2.1:1 > 8.8.8.8:53 udp eth payload=99 frag=1:0-24+",
		  "8.8.8.8:53 > 192.0.2.1:1 udp eth", "allow reply -" },
		{ "own 192.0.2.1:1 > 8.8.8.8:53 udp eth payload=99 frag=1:24-48+",
		  "8.8.8.8:53 > 192.0.2.1:1 udp eth", NO },
		{ "own 192.0.2.1:1 > 8.8.8.8:53 tcp SA eth", "8.8.8.8:53 > 192.0.2.1:1 tcp A eth",
		  NO },
		{ "own 192.0.2.1:1 > 8.8.8.8:53 tcp RA eth", "8.8.8.8:53 > 192.0.2.1:1 tcp A eth",
		  NO },
		{ "own 192.0.2.1 > 8.8.8.8 icmp id=3 type=0 eth",
		  "8.8.8.8 > 192.0.2.1 icmp id=3 eth", NO },
		{ "own 192.0.2.1 > 8.8.8.8 icmp type=9 eth", "8.8.8.8 > 192.0.2.1 icmp type=10 eth",
		  NO },
		{ "10.30.1.1:1 > 8.8.8.8:53 udp eth", "8.8.8.8:53 > 10.30.1.1:1 udp eth", NO },
		{ "100.64.0.7:1 > 8.8.8.8:53 udp eth", "8.8.8.8:53 > 100.64.0.7:1 udp eth", NO },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct lab lab;

		lab_init(&lab);
		expect(&lab, EDGE_OUT, rows[i].out, "allow policy -");
		expect(&lab, EDGE_IN, rows[i].back, rows[i].expected);
		lab_done(&lab);
	}
}

static void recorders_update_the_flow_they_see(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, SYN, YES);
	expect(&lab, INSIDE_OUT, SYN " eth", YES);
	expect(&lab, EDGE_OUT, SYN_ACK " eth", REPLY);
	lab.now_ns += 7200 * SECOND;
	expect(&lab, VPN_IN, ACK, YES); /* answered by what left */
	expect(&lab, EDGE_OUT, "10.30.1.1:22 > 100.64.0.7:1000 tcp FA eth", REPLY);
	lab.now_ns += 30 * SECOND + 1;
	expect(&lab, INSIDE_IN, BACK, NO); /* closed by it */
	lab_done(&lab);
}

static void what_the_gateway_sends_to_people(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	lab.is_own = true;
	expect(&lab, VPN_OUT, "100.64.0.1:5 > 100.64.0.7:80 tcp", "allow policy -");
	expect(&lab, VPN_OUT, "100.64.0.1:5 > 100.64.0.6:80 tcp", "allow policy -");
	expect(&lab, VPN_OUT, "100.64.0.1:5 > 100.64.0.7:80 tcp SF", "allow malformed -");
	expect(&lab, VPN_OUT, "100.64.0.1 > 100.64.0.7 proto=47 frag=3:8-16", "allow policy -");
	lab.is_own = false;
	expect(&lab, VPN_IN, "100.64.0.7:80 > 100.64.0.1:5 tcp SA", "allow reply -");
	/* an answer from where no person is: the own flow has no live end there */
	expect(&lab, VPN_IN, "100.64.0.6:80 > 100.64.0.1:5 tcp SA", "deny no-identity -");
	expect(&lab, VPN_IN, "100.64.0.6:80 > 100.64.0.1:5 tcp SA", "deny no-identity -");
	/* the same packet forwarded, not its own, is judged */
	expect(&lab, VPN_OUT, "100.64.0.1:6 > 100.64.0.7:80 tcp", NO);
	/* and an answer to a person is one */
	expect(&lab, VPN_IN, "100.64.0.7 > 10.30.0.1 icmp id=4", YES);
	lab.is_own = true;
	expect(&lab, VPN_OUT, "10.30.0.1 > 100.64.0.7 icmp type=0 id=4", REPLY);
	lab_done(&lab);
}

/* vpn-out judges what no door before it has: by the home of the source. */
static void vpn_out_judges_anew(void **state)
{
	struct hand next;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_OUT, "10.20.0.5:5 > 100.64.0.7:80 tcp", "allow policy office-out");
	expect(&lab, VPN_IN, "100.64.0.7:80 > 10.20.0.5:5 tcp SA", "allow reply office-out");
	expect(&lab, VPN_OUT, "10.30.1.1:5 > 100.64.0.7:80 tcp", NO);
	expect(&lab, VPN_OUT, "198.51.100.9:5 > 100.64.0.7:80 tcp", NO);
	expect(&lab, VPN_OUT, "192.0.2.1:5 > 192.0.2.1:443 tcp",
	       "allow expose portal"); /* self: edge */
	expect(&lab, VPN_OUT, "100.64.0.7:5 > 100.64.0.9:53 udp", "allow policy eng-to-dba");
	expect(&lab, VPN_IN, "100.64.0.9:53 > 100.64.0.7:5 udp", "allow reply eng-to-dba");
	/* no bogons here, also when the flow is stale: it came by this door */
	expect(&lab, VPN_OUT, "192.168.1.1:5 > 100.64.0.7:80 tcp", NO);
	lab_apply(&lab, &next, 1, "", distrust);
	expect(&lab, VPN_OUT, "192.168.1.1:5 > 100.64.0.7:80 tcp", "allow policy all");
	sp_reference_set_policy(lab.reference, &next.policy, &next.gateway, &next.facts, 2);
	expect(&lab, VPN_IN, "100.64.0.7:80 > 192.168.1.1:5 tcp SA", "allow reply all");
	lab_done(&lab);
	hand_done(&next);
}

/* ---- bounds ---- */

static void a_session_has_its_share_of_flows(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	sp_reference_set_flow_bounds(lab.reference, 0, 2);
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp", YES);
	expect(&lab, VPN_IN, "100.64.0.7:2 > 10.30.1.1:22 tcp", YES);
	expect(&lab, VPN_IN, "100.64.0.7:3 > 10.30.1.1:22 tcp", "deny flow-limit -");
	expect(&lab, VPN_IN, "[fd00:64::7]:3 > [2001:db8:30::1]:22 tcp", "deny flow-limit -");
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp A", YES);
	expect(&lab, VPN_IN, "100.64.0.9:1 > 10.30.8.1:5432 tcp", "allow policy dba-db");
	/* those that only receive, and those without a session, have no share to use up */
	expect(&lab, INSIDE_IN, "10.20.0.5:1 > 100.64.0.7:22 tcp eth", "allow policy office-out");
	/* what makes no flow needs none; a denial says why, not that there is no room */
	expect(&lab, VPN_IN, "100.64.0.7:3 > 10.30.9.4:22 tcp", "deny policy payroll-closed");
	/* a flow that is replaced leaves its place */
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp FA", YES);
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp S", YES);
	/* idle ones are reclaimed first */
	lab.now_ns += 60 * SECOND;
	expect(&lab, VPN_IN, "100.64.0.7:3 > 10.30.1.1:22 tcp", "deny flow-limit -");
	lab.now_ns += 1;
	expect(&lab, VPN_IN, "100.64.0.7:3 > 10.30.1.1:22 tcp", YES);
	expect(&lab, VPN_IN, "100.64.0.7:4 > 10.30.1.1:22 tcp", YES);
	expect(&lab, VPN_IN, "100.64.0.7:5 > 10.30.1.1:22 tcp", "deny flow-limit -");
	lab_done(&lab);
}

static void a_new_session_starts_with_no_flows(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	sp_reference_set_flow_bounds(lab.reference, 0, 1);
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp", YES);
	expect(&lab, VPN_IN, "100.64.0.7:2 > 10.30.1.1:22 tcp", "deny flow-limit -");
	lab_open(&lab, ANA, "ana", ENGINEER, "100.64.0.7", NULL, 0, 0);
	expect(&lab, VPN_IN, "100.64.0.7:2 > 10.30.1.1:22 tcp", YES);
	/* renewing asks no limit, and the renewed one counts */
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp A", YES);
	expect(&lab, VPN_IN, "100.64.0.7:3 > 10.30.1.1:22 tcp", "deny flow-limit -");
	lab_done(&lab);
}

static void the_default_share_is_4096(void **state)
{
	char text[80];
	struct lab lab;

	(void)state;
	lab_init(&lab);
	for (unsigned port = 1; port <= SP_SESSION_FLOWS_MAX; port++) {
		snprintf(text, sizeof(text), "100.64.0.7:%u > 10.30.1.1:22 tcp", port);
		expect(&lab, VPN_IN, text, YES);
	}
	expect(&lab, VPN_IN, "100.64.0.7:5000 > 10.30.1.1:22 tcp", "deny flow-limit -");
	lab_done(&lab);
}

/* Ports @from to @to, each with what the policy says. */
static void expect_ports(struct lab *lab, enum sp_hook hook, const char *form, unsigned from,
			 unsigned to, const char *answer)
{
	char text[120];

	for (unsigned port = from; port <= to; port++) {
		snprintf(text, sizeof(text), form, port);
		expect(lab, hook, text, answer);
	}
}

#define OFFICE_FORM "10.20.0.5:%u > 8.8.8.8:22 tcp eth"
#define OFFICE_YES "allow policy office-out"

static void a_part_has_half_of_the_table_at_most(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	sp_reference_set_flow_bounds(lab.reference, 16, 0);
	expect_ports(&lab, VPN_IN, "100.64.0.7:%u > 10.30.1.1:22 tcp", 1, 8, YES);
	expect(&lab, VPN_IN, "100.64.0.7:9 > 10.30.1.1:22 tcp", "deny flow-full -");
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp A", YES);
	/* in place of one of its own there is room */
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp FA", YES);
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp S", YES);
	/* the limit goes before the full part */
	sp_reference_set_flow_bounds(lab.reference, 16, 1);
	expect(&lab, VPN_IN, "100.64.0.7:9 > 10.30.1.1:22 tcp", "deny flow-limit -");
	sp_reference_set_flow_bounds(lab.reference, 16, 0);
	lab.now_ns += 60 * SECOND + 1;
	expect(&lab, VPN_IN, "100.64.0.7:9 > 10.30.1.1:22 tcp", YES);
	lab_done(&lab);
}

static void every_part_has_an_eighth_of_its_own(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	sp_reference_set_flow_bounds(lab.reference, 16, 0);
	expect_ports(&lab, VPN_IN, "100.64.0.7:%u > 10.30.1.1:22 tcp", 1, 8, YES);
	expect(&lab, EDGE_IN, "8.8.8.8:1 > 192.0.2.1:443 tcp eth", "allow expose portal");
	expect(&lab, EDGE_IN, "8.8.9.8:1 > 192.0.2.1:443 tcp eth", "allow expose portal");
	expect(&lab, EDGE_IN, "8.8.7.8:1 > 192.0.2.1:443 tcp eth", "deny flow-full -");
	expect(&lab, EDGE_IN, "8.8.7.8:2 > 192.0.2.1:443 tcp R eth", NO_FLOW);
	expect(&lab, INSIDE_IN, "10.20.0.5:1 > 8.8.8.8:22 tcp eth", OFFICE_YES);
	expect(&lab, INSIDE_IN, "10.20.3.5:1 > 8.8.8.8:22 tcp eth", OFFICE_YES);
	expect(&lab, INSIDE_IN, "10.20.2.5:1 > 8.8.8.8:22 tcp eth", "deny flow-full -");
	/* protect passes all the same, and what leaves */
	expect(&lab, INSIDE_IN, ADMIN_SYN, "allow protect admin-ssh");
	expect(&lab, INSIDE_OUT, "own 10.30.0.1:22 > 10.20.1.5:9 tcp SA eth", "allow policy -");
	expect_ports(&lab, EDGE_OUT, "own 192.0.2.1:%u > 8.8.8.8:80 tcp eth", 1, 2,
		     "allow policy -");
	expect(&lab, EDGE_OUT, "own 192.0.2.1:3 > 8.8.8.8:80 tcp eth", "allow flow-full -");
	/* ICMP without a flow does not notice */
	expect(&lab, INSIDE_IN, "10.20.0.5 > 8.8.8.8 icmp type=9 eth", OFFICE_YES);
	lab_done(&lab);
}

static void a_host_has_its_share_and_its_network_six(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	sp_reference_set_flow_bounds(lab.reference, 64, 0);
	for (unsigned host = 1; host <= 6; host++) {
		char form[64];

		snprintf(form, sizeof(form), "10.20.0.%u:%%u > 8.8.8.8:22 tcp eth", host);
		expect_ports(&lab, INSIDE_IN, form, 1, 2, OFFICE_YES);
		expect_ports(&lab, INSIDE_IN, form, 3, 3, "deny flow-limit -");
	}
	expect(&lab, INSIDE_IN, "10.20.0.7:1 > 8.8.8.8:22 tcp eth", "deny flow-limit -");
	expect(&lab, INSIDE_IN, "10.20.1.7:1 > 8.8.8.8:22 tcp eth", OFFICE_YES);
	/* strangers have shares of their own, also under such an address */
	expect_ports(&lab, EDGE_IN, "8.8.8.8:%u > 192.0.2.1:443 tcp eth", 1, 2,
		     "allow expose portal");
	expect(&lab, EDGE_IN, "8.8.8.8:3 > 192.0.2.1:443 tcp eth", "deny flow-limit -");
	/* what is over is reclaimed first */
	lab.now_ns += 60 * SECOND + 1;
	expect_ports(&lab, INSIDE_IN, OFFICE_FORM, 1, 2, OFFICE_YES);
	lab_done(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_come_back_and_nothing_else_does),
		cmocka_unit_test(both_families_and_every_protocol_keep_flows),
		cmocka_unit_test(an_address_of_no_pool_joins_no_flow_on_the_tunnel),
		cmocka_unit_test(what_cannot_open_a_flow),
		cmocka_unit_test(other_icmp_makes_no_flow),
		cmocka_unit_test(a_denied_packet_makes_no_flow),
		cmocka_unit_test(icmp_replies_answer_their_own_query),
		cmocka_unit_test(an_echo_flow_carries_no_other_query),
		cmocka_unit_test(idle_flows_end_at_their_nanosecond),
		cmocka_unit_test(a_packet_of_either_direction_keeps_a_flow_alive),
		cmocka_unit_test(what_does_not_keep_a_flow_alive),
		cmocka_unit_test(a_clock_that_seems_to_go_back_ends_nothing),
		cmocka_unit_test(a_syn_in_the_reply_direction_is_judged_as_new),
		cmocka_unit_test(a_closing_flow_and_a_new_syn),
		cmocka_unit_test(icmp_errors_about_a_flow_come_back),
		cmocka_unit_test(an_icmp_error_does_not_answer_a_flow),
		cmocka_unit_test(an_apply_renews_what_is_still_allowed),
		cmocka_unit_test(a_denied_flow_lives_again_when_rules_allow_it),
		cmocka_unit_test(an_error_about_a_denied_flow_is_denied),
		cmocka_unit_test(a_reply_of_a_denied_flow_is_denied),
		cmocka_unit_test(a_default_deny_denies_it_too),
		cmocka_unit_test(roles_are_carried_over_by_name),
		cmocka_unit_test(a_stale_flow_is_judged_at_its_own_door),
		cmocka_unit_test(protect_flows),
		cmocka_unit_test(own_flows_are_answered_and_judged_by_no_rule),
		cmocka_unit_test(recorders_pass_everything),
		cmocka_unit_test(what_leaves_and_records_nothing),
		cmocka_unit_test(recorders_update_the_flow_they_see),
		cmocka_unit_test(what_the_gateway_sends_to_people),
		cmocka_unit_test(vpn_out_judges_anew),
		cmocka_unit_test(a_session_has_its_share_of_flows),
		cmocka_unit_test(a_new_session_starts_with_no_flows),
		cmocka_unit_test(the_default_share_is_4096),
		cmocka_unit_test(a_part_has_half_of_the_table_at_most),
		cmocka_unit_test(every_part_has_an_eighth_of_its_own),
		cmocka_unit_test(a_host_has_its_share_and_its_network_six),
	};

	return cmocka_run_group_tests_name("reference-flows", tests, NULL, NULL);
}
