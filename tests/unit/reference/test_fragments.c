/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reference evaluator's fragments: DESIGN 4.9 and docs/judgement.md, "Fragments behind the first". */
#include "lab.h"

#define V4(frag) "100.64.0.7:1000 > 10.30.1.1:53 udp payload=4000 frag=" frag
#define V6(frag) "[fd00:64::7]:1000 > [2001:db8:30::1]:53 udp payload=4000 frag=" frag
#define YES "allow policy eng-servers"
#define REPLY "allow reply eng-servers"
#define NO "deny fragment -"

static void later_fragments_follow_an_allowed_first(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, V4("1:48-96+"), NO); /* an orphan */
	expect(&lab, VPN_IN, V4("1:0-48+"), YES);
	expect(&lab, VPN_IN, V4("1:48-96+"), YES);
	expect(&lab, VPN_IN, V4("1:96-100"), YES);
	expect(&lab, VPN_IN, V4("2:96-100"), NO); /* another datagram */
	expect(&lab, VPN_IN, V6("1:48-96+"), NO);
	expect(&lab, VPN_IN, V6("1:0-48+"), YES);
	expect(&lab, VPN_IN, V6("1:96-100"), YES); /* in any order */
	expect(&lab, VPN_IN, V6("1:48-96+"), YES);
	lab_done(&lab);
}

static void the_entry_is_of_one_datagram_on_one_hook(void **state)
{
	static const struct lab_row rows[] = {
		{ VPN_IN, "100.64.0.7 > 10.30.1.1 udp frag=1:48-96+", YES },
		{ VPN_IN, "100.64.0.8 > 10.30.1.1 udp frag=1:48-96+", NO },
		{ VPN_IN, "100.64.0.7 > 10.30.1.2 udp frag=1:48-96+", NO },
		{ VPN_IN, "100.64.0.7 > 10.30.1.1 udp frag=65537:48-96+", YES }, /* 16 bits */
		{ VPN_IN, "100.64.0.7 > 10.30.1.1 tcp frag=1:48-96+", NO },
		{ VPN_OUT, "100.64.0.7 > 10.30.1.1 udp frag=1:48-96+", NO },
		{ EDGE_IN, "100.64.0.7 > 10.30.1.1 udp frag=1:48-96+ eth", "deny spoofed -" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct lab lab;

		lab_init(&lab);
		expect(&lab, VPN_IN, V4("1:0-48+"), YES);
		expect(&lab, rows[i].hook, rows[i].text, rows[i].expected);
		lab_done(&lab);
	}
}

/* RFC 8200 puts the fragments of one id between two addresses together whatever they name next. */
static void ipv6_entries_do_not_know_the_protocol(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, V6("65537:0-48+ fragext=60"), YES);
	expect(&lab, VPN_IN, "fd00:64::7 > 2001:db8:30::1 tcp frag=65537:48-56+", YES);
	expect(&lab, VPN_IN, "fd00:64::7 > 2001:db8:30::1 tcp frag=1:48-56+", NO); /* 32 bits */
	expect(&lab, VPN_IN, "[fd00:64::7]:1 > [2001:db8:30::1]:22 tcp payload=90 frag=65537:0-24+",
	       NO);
	lab_done(&lab);
}

static void a_tiny_or_denied_first_makes_no_entry(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp payload=99 frag=1:0-16+", NO);
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp payload=99 frag=1:16-32+", NO);
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:23 tcp payload=99 frag=2:0-24+",
	       "deny default default");
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:23 tcp payload=99 frag=2:24-32+", NO);
	/* the same datagram may then be allowed */
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp payload=99 frag=2:0-24+", YES);
	expect(&lab, VPN_IN, "100.64.0.7:1 > 10.30.1.1:22 tcp payload=99 frag=2:24-32+", YES);
	lab_done(&lab);
}

/* After an overlap nothing of the datagram passes, what would have fitted included. */
static void overlaps_poison_the_datagram(void **state)
{
	static const struct {
		const char *first[4]; /* allowed */
		const char *overlap;  /* NULL: none of them */
		const char *next;     /* allowed only if there was no overlap */
	} rows[] = {
		{ { V4("1:0-48+") }, V4("1:40-64+"), V4("1:48-56+") },
		{ { V4("1:0-48+") }, V4("1:8-16+"), V4("1:48-56+") },
		{ { V4("1:0-48+") }, V4("1:40-48+"), V4("1:48-56+") },
		{ { V4("1:0-48+") }, V4("1:0-48+"), V4("1:48-56+") }, /* the first again */
		{ { V4("1:0-48+") }, V4("1:0-56+"), V4("1:48-56+") },
		{ { V4("1:0-48+") }, NULL, V4("1:48-56+") },
		{ { V4("1:0-48+") }, NULL, V4("1:56-64+") },
		{ { V4("1:0-48+"), V4("1:96-144+") }, V4("1:80-104+"), V4("1:48-56+") },
		{ { V4("1:0-48+"), V4("1:96-144+") }, V4("1:88-152+"), V4("1:48-56+") },
		{ { V4("1:0-48+"), V4("1:96-144+") }, V4("1:136-152+"), V4("1:48-56+") },
		{ { V4("1:0-48+"), V4("1:96-144+") }, V4("1:96-144+"), V4("1:48-56+") },
		{ { V4("1:0-48+"), V4("1:96-144+"), V4("1:48-96+") },
		  V4("1:64-72+"),
		  V4("1:144-152+") },
		{ { V4("1:0-48+"), V4("1:96-144+"), V4("1:48-96+") }, NULL, V4("1:144-152+") },
		{ { V6("1:0-48+") }, V6("1:40-64+"), V6("1:48-56+") },
		{ { V6("1:0-48+") }, V6("1:0-48+"), V6("1:48-56+") },
		{ { V6("1:0-48+"), V6("1:96-144+") }, V6("1:48-104+"), V6("1:48-56+") },
		{ { V6("1:0-48+"), V6("1:96-144+") }, NULL, V6("1:48-96+") },
		/* the first fragment judged by another rule overlaps all the same */
		{ { V4("1:0-48+") },
		  "100.64.0.7:1 > 10.30.1.1:9999 udp payload=99 frag=1:0-16+",
		  V4("1:48-56+") },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct lab lab;

		lab_init(&lab);
		for (size_t n = 0; n < 4 && rows[i].first[n]; n++)
			expect(&lab, VPN_IN, rows[i].first[n], YES);
		if (rows[i].overlap)
			expect(&lab, VPN_IN, rows[i].overlap, NO);
		expect(&lab, VPN_IN, rows[i].next, rows[i].overlap ? NO : YES);
		lab_done(&lab);
	}
}

static void a_ninth_hole_counts_as_overlap(void **state)
{
	char text[96];
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, V4("1:0-48+"), YES);
	for (unsigned from = 64; from < 64 + 7 * 16; from += 16) {
		snprintf(text, sizeof(text), V4("1:%u-%u+"), from, from + 8);
		expect(&lab, VPN_IN, text, YES); /* spans two to eight */
	}
	expect(&lab, VPN_IN, V4("1:72-80+"), YES); /* joins two of them: seven */
	expect(&lab, VPN_IN, V4("1:800-808+"), YES);
	expect(&lab, VPN_IN, V4("1:808-816+"), YES); /* grows the last */
	expect(&lab, VPN_IN, V4("1:792-800+"), YES); /* at its front */
	expect(&lab, VPN_IN, V4("1:900-908"), NO);   /* 896, the ninth */
	expect(&lab, VPN_IN, V4("1:816-824+"), NO);
	lab_done(&lab);
}

static void an_entry_lives_five_seconds_from_its_first(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, V4("1:0-48+"), YES);
	lab.now_ns += 4 * SECOND;
	expect(&lab, VPN_IN, V4("1:48-56+"), YES); /* does not lengthen it */
	lab.now_ns += 1 * SECOND;
	expect(&lab, VPN_IN, V4("1:56-64+"), YES);
	lab.now_ns += 1;
	expect(&lab, VPN_IN, V4("1:64-72+"), NO);
	/* then the number may be used again */
	expect(&lab, VPN_IN, V4("1:0-48+"), YES);
	expect(&lab, VPN_IN, V4("1:48-56+"), YES);
	/* a poisoned entry lives as long */
	expect(&lab, VPN_IN, V4("1:0-48+"), NO);
	lab.now_ns += 5 * SECOND;
	expect(&lab, VPN_IN, V4("1:0-48+"), NO);
	lab.now_ns += 1;
	expect(&lab, VPN_IN, V4("1:0-48+"), YES);
	lab_done(&lab);
}

static void an_apply_orphans_what_is_under_way(void **state)
{
	struct hand next;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, V4("1:0-48+"), YES);
	lab_apply(&lab, &next, 1, "", NULL);
	expect(&lab, VPN_IN, V4("1:48-56+"), NO);
	expect(&lab, VPN_IN, V4("1:0-48+"), NO); /* the same number within 5 s overlaps */
	expect(&lab, VPN_IN, V4("2:0-48+"), YES);
	expect(&lab, VPN_IN, V4("2:48-56+"), YES);
	lab_done(&lab);
	hand_done(&next);
}

static void the_end_of_either_session_orphans_them(void **state)
{
#define P2P(frag) "100.64.0.7:5 > 100.64.0.9:53 udp payload=99 frag=" frag
	static const uint32_t ends[] = { ANA, DORA };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(ends); i++)
		for (int how = 0; how < 4; how++) {
			struct lab lab;

			lab_init(&lab);
			expect(&lab, VPN_IN, P2P("1:0-48+"), "allow policy eng-to-dba");
			expect(&lab, VPN_OUT, P2P("1:0-48+"), "allow policy eng-to-dba");
			expect(&lab, VPN_IN, P2P("1:48-56+"), "allow policy eng-to-dba");
			expect(&lab, VPN_OUT, P2P("1:48-56+"), "allow policy eng-to-dba");
			if (how == 0)
				sp_reference_end_session(lab.reference, ends[i]);
			if (how == 1)
				sp_reference_remove_session(lab.reference, ends[i]);
			if (how >= 2) /* 2: another epoch; 3: its last nanosecond comes */
				lab_open(&lab, ends[i], "same", ends[i] == ANA ? ENGINEER : DBA,
					 ends[i] == ANA ? "100.64.0.7" : "100.64.0.9", NULL,
					 how == 3 ? lab.now_ns : 0, 0);
			expect(&lab, VPN_IN, P2P("1:56-64+"), NO);
			expect(&lab, VPN_OUT, P2P("1:56-64+"), NO);
			lab_done(&lab);
		}
}

static void every_reason_to_allow_the_first_carries_on(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, "100.64.0.7:1000 > 10.30.1.1:53 udp", YES);
	expect(&lab, INSIDE_IN, "10.30.1.1:53 > 100.64.0.7:1000 udp payload=99 frag=1:0-48+ eth",
	       REPLY);
	expect(&lab, INSIDE_IN, "10.30.1.1:53 > 100.64.0.7:1000 udp payload=99 frag=1:48-56 eth",
	       REPLY);
	expect(&lab, EDGE_IN, "8.8.8.8:1 > 192.0.2.1:51820 udp payload=99 frag=1:0-48+ eth",
	       "allow expose tunnel");
	expect(&lab, EDGE_IN, "8.8.8.8:1 > 192.0.2.1:51820 udp payload=99 frag=1:48-56 eth",
	       "allow expose tunnel");
	expect(&lab, INSIDE_IN, "10.20.1.5:1 > 10.30.0.1:22 tcp payload=99 frag=1:0-48+ eth",
	       "allow protect admin-ssh");
	expect(&lab, INSIDE_IN, "10.20.1.5:1 > 10.30.0.1:22 tcp payload=99 frag=1:48-56 eth",
	       "allow protect admin-ssh");
	expect(&lab, INSIDE_IN, "10.20.0.5 > 8.8.8.8 proto=99 payload=99 frag=1:0-8+ eth",
	       "allow policy office-out");
	expect(&lab, INSIDE_IN, "10.20.0.5 > 8.8.8.8 proto=99 payload=99 frag=1:8-16 eth",
	       "allow policy office-out");
	/* ports that no later fragment has: a bogon's orphan is an orphan, spoofed stays spoofed */
	expect(&lab, EDGE_IN, "192.168.1.1:1 > 192.0.2.1:51820 udp payload=99 frag=9:48-56 eth",
	       NO);
	expect(&lab, EDGE_IN, "10.20.0.5:1 > 192.0.2.1:51820 udp payload=99 frag=9:48-56 eth",
	       "deny spoofed -");
	lab_done(&lab);
}

static void protect_from_nobody_is_not_followed(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	sp_reference_end_session(lab.reference, DORA);
	expect(&lab, VPN_IN, "100.64.0.9:1 > 192.0.2.1:22 tcp payload=99 frag=1:0-48+",
	       "allow protect admin-ssh");
	expect(&lab, VPN_IN, "100.64.0.9:1 > 192.0.2.1:22 tcp payload=99 frag=1:48-56", NO);
	lab_done(&lab);
}

static void a_later_fragment_leaves_the_flow_alone(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, "100.64.0.7:1000 > 10.30.1.1:53 udp", YES);
	lab.now_ns += 26 * SECOND;
	expect(&lab, INSIDE_IN, "10.30.1.1 > 100.64.0.7 proto=17 payload=99 frag=1:48-56 eth", NO);
	lab.now_ns += 4 * SECOND + 1;
	expect(&lab, INSIDE_IN, "10.30.1.1:53 > 100.64.0.7:1000 udp eth", "deny default default");
	/* nor does it open one, or answer one of a protocol without ports */
	expect(&lab, VPN_IN, "100.64.0.7 > 10.30.1.1 proto=47 payload=99 frag=7:0-8+", YES);
	lab.now_ns += 5 * SECOND;
	expect(&lab, VPN_IN, "100.64.0.7 > 10.30.1.1 proto=47 payload=99 frag=7:8-16", YES);
	lab.now_ns += 25 * SECOND + 1;
	expect(&lab, INSIDE_IN, "10.30.1.1 > 100.64.0.7 proto=47 eth", "deny default default");
	lab_done(&lab);
}

static void atomic_fragments_are_whole_packets(void **state)
{
	struct lab lab;

	(void)state;
	lab_init(&lab);
	expect(&lab, VPN_IN, "[fd00:64::7]:1 > [2001:db8:30::1]:53 udp ext=44", YES);
	expect(&lab, VPN_IN, "[fd00:64::7]:1 > [2001:db8:30::1]:53 udp ext=44", YES);
	expect(&lab, VPN_IN, "[fd00:64::7]:1 > [2001:db8:30::1]:54 udp ext=44",
	       "deny default default");
	expect(&lab, VPN_IN, "fd00:64::7 > 2001:db8:30::1 udp frag=0:48-56", NO);
	lab_done(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(later_fragments_follow_an_allowed_first),
		cmocka_unit_test(the_entry_is_of_one_datagram_on_one_hook),
		cmocka_unit_test(ipv6_entries_do_not_know_the_protocol),
		cmocka_unit_test(a_tiny_or_denied_first_makes_no_entry),
		cmocka_unit_test(overlaps_poison_the_datagram),
		cmocka_unit_test(a_ninth_hole_counts_as_overlap),
		cmocka_unit_test(an_entry_lives_five_seconds_from_its_first),
		cmocka_unit_test(an_apply_orphans_what_is_under_way),
		cmocka_unit_test(the_end_of_either_session_orphans_them),
		cmocka_unit_test(every_reason_to_allow_the_first_carries_on),
		cmocka_unit_test(protect_from_nobody_is_not_followed),
		cmocka_unit_test(a_later_fragment_leaves_the_flow_alone),
		cmocka_unit_test(atomic_fragments_are_whole_packets),
	};

	return cmocka_run_group_tests_name("reference-fragments", tests, NULL, NULL);
}
