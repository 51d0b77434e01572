/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Full tables: what is refused, exactly when, and that nothing leaks. */
#include <pthread.h>
#include <stdio.h>

#include "steps.h"

#define SMALL 64u
#define HOST (SMALL / 32) /* what one host may have */

static int setup_small(void **state)
{
	const struct lab_options options = { .flows_max = SMALL };

	(void)state;
	lab_open(&lab, &options);
	return 0;
}

static int setup_large(void **state)
{
	const struct lab_options options = { .flows_max = 1 << 14 };

	(void)state;
	lab_open(&lab, &options);
	return 0;
}

/* The answer to the @n-th connection of this form, which has a %u for the port. */
static struct lab_answer open_nth(enum sp_hook hook, const char *form, unsigned n)
{
	struct lab_answer answer;
	char text[128];

	snprintf(text, sizeof(text), form, 1000 + n);
	lab_judge(&lab, hook, text, &answer);
	return answer;
}

/* The first @allowed connections of this form are opened, two more are not, for @reason. */
static void opens(enum sp_hook hook, const char *form, unsigned allowed, enum sp_reason reason)
{
	struct lab_answer answer;

	for (unsigned n = 0; n < allowed + 2; n++) {
		answer = open_nth(hook, form, n);
		if (answer.verdict != (n < allowed ? SP_ALLOW : SP_DENY) ||
		    (n >= allowed && (answer.reason != reason || answer.rule != SP_RULE_NONE)))
			fail_msg("%s: the %u. got verdict %u, reason %u", form, n + 1,
				 answer.verdict, answer.reason);
	}
}

#define ANA_OPENS "100.64.0.7:%u > 10.30.0.5:22 tcp"

static void people_fill_half_of_the_table_at_most(void **state)
{
	(void)state;
	opens(SP_HOOK_VPN_IN, ANA_OPENS, SMALL / 2, SP_REASON_FLOW_FULL);
	assert_int_equal(open_nth(SP_HOOK_VPN_IN, "100.64.0.7:%u > 10.30.0.5:22 tcp A", 5).reason,
			 SP_REASON_POLICY);
	assert_int_equal(lab_flow_count(&lab), SMALL / 2);
	assert_int_equal(lab.sessions[ANA].flows, SMALL / 2);
	assert_int_equal(lab_part_flows(&lab, SP_FLOW_PART_TUNNEL), SMALL / 2);
	assert_int_equal(lab_source_counts(&lab), 0); /* people have their sessions' share */
	assert_int_equal(lab_counter(&lab, SP_HOOK_VPN_IN, SP_DENY, SP_REASON_FLOW_FULL).packets,
			 2);
}

/* Sixteen hosts of as many networks try, more often than one may. */
static unsigned flood(enum sp_hook hook, const char *form)
{
	unsigned opened = 0;
	char text[128];

	for (unsigned n = 0; n < 16 * 6; n++) {
		struct lab_answer answer;

		snprintf(text, sizeof(text), form, n % 16, 1000 + n);
		lab_judge(&lab, hook, text, &answer);
		opened += answer.verdict == SP_ALLOW;
	}
	return opened;
}

static void every_part_has_an_eighth_whoever_fills_the_rest(void **state)
{
	static const struct step full[] = {
		{ INSIDE, "10.20.1.3:9 > 192.0.2.1:22 tcp", ALLOW(PROTECT), RULE_ADMIN,
		  0 }, /* no flow */
		{ INSIDE, "10.30.200.5:9 > 100.64.0.8:22 tcp", DENY(FLOW_FULL), NONE, 0 },
		{ EDGE, "1.2.200.4:9 > 192.0.2.1:51820 udp", DENY(FLOW_FULL), NONE, 0 },
		{ EDGE_OUT, "192.0.2.1:9 > 1.2.3.4:80 tcp", ALLOW(FLOW_FULL), NONE, 1 },
		{ OUT, "192.0.2.1:9 > 100.64.0.8:80 tcp", ALLOW(FLOW_FULL), NONE, true },
		{ OUT, "10.30.0.5:9 > 100.64.0.8:22 tcp", DENY(FLOW_FULL), NONE, 0 },
	};

	(void)state;
	assert_int_equal(flood(SP_HOOK_INSIDE_IN, "10.30.%u.5:%u > 100.64.0.8:22 tcp"), SMALL / 2);
	opens(SP_HOOK_VPN_IN, ANA_OPENS, SMALL / 8, SP_REASON_FLOW_FULL);
	assert_int_equal(flood(SP_HOOK_EDGE_IN, "1.2.%u.4:%u > 192.0.2.1:51820 udp"), SMALL / 8);
	lab.is_own = true;
	for (unsigned n = 0; n < SMALL / 8; n++)
		assert_int_equal(
			open_nth(SP_HOOK_EDGE_OUT, "192.0.2.1:%u > 1.2.3.4:80 tcp", n).reason,
			SP_REASON_POLICY);
	lab.is_own = false;
	opens(SP_HOOK_VPN_OUT, "10.30.0.6:%u > 100.64.0.8:22 tcp", SMALL / 8, SP_REASON_FLOW_FULL);
	LAB_RUN(&lab, full);
}

static void a_full_part_lets_a_flow_replace_itself(void **state)
{
	(void)state;
	opens(SP_HOOK_VPN_IN, ANA_OPENS, SMALL / 2, SP_REASON_FLOW_FULL);
	lab.now_ns += 61 * SECOND; /* all are over, none is reclaimed */
	assert_int_equal(open_nth(SP_HOOK_VPN_IN, ANA_OPENS, 7).verdict, SP_ALLOW);
	assert_int_equal(open_nth(SP_HOOK_VPN_IN, ANA_OPENS, SMALL).reason, SP_REASON_FLOW_FULL);
	assert_int_equal(lab_flow_count(&lab), SMALL / 2);
	assert_int_equal(lab.sessions[ANA].flows, SMALL / 2);
}

static void a_host_has_its_share_and_its_network_six(void **state)
{
	(void)state;
	for (unsigned host = 1; host <= 6; host++) {
		char form[64];

		snprintf(form, sizeof(form), "10.30.0.%u:%%u > 100.64.0.8:22 tcp", host);
		opens(SP_HOOK_INSIDE_IN, form, HOST, SP_REASON_FLOW_LIMIT);
	}
	opens(SP_HOOK_INSIDE_IN, "10.30.0.7:%u > 100.64.0.8:22 tcp", 0, SP_REASON_FLOW_LIMIT);
	opens(SP_HOOK_INSIDE_IN, "10.30.1.1:%u > 100.64.0.8:22 tcp", HOST, SP_REASON_FLOW_LIMIT);
	assert_int_equal(lab_source_counts(&lab), 2 * 7 * HOST);

	/* A connection opened anew takes its own place; what is over takes none once it is replaced. */
	assert_int_equal(
		open_nth(SP_HOOK_INSIDE_IN, "10.30.0.1:%u > 100.64.0.8:22 tcp FA", 1).verdict,
		SP_ALLOW);
	assert_int_equal(open_nth(SP_HOOK_INSIDE_IN, "10.30.0.1:%u > 100.64.0.8:22 tcp", 1).verdict,
			 SP_ALLOW);
	assert_int_equal(lab_source_counts(&lab), 2 * 7 * HOST);
	assert_int_equal(lab_part_flows(&lab, SP_FLOW_PART_INSIDE), 7 * HOST);
}

static void on_the_edge_a_slash_64_is_a_host(void **state)
{
	(void)state;
	opens(SP_HOOK_EDGE_IN, "1.2.3.4:%u > 192.0.2.1:51820 udp", HOST, SP_REASON_FLOW_LIMIT);
	opens(SP_HOOK_EDGE_IN, "[2001:db8:9:1::1]:%u > [2001:db8:ff::1]:51820 udp", HOST,
	      SP_REASON_FLOW_LIMIT);
	opens(SP_HOOK_EDGE_IN, "[2001:db8:9:1::2]:%u > [2001:db8:ff::1]:51820 udp", 0,
	      SP_REASON_FLOW_LIMIT);
	for (unsigned net = 2; net <= 6; net++) {
		char form[64];

		snprintf(form, sizeof(form), "[2001:db8:9:%u::1]:%%u > [2001:db8:ff::1]:51820 udp",
			 net);
		opens(SP_HOOK_EDGE_IN, form, HOST, SP_REASON_FLOW_LIMIT);
	}
	opens(SP_HOOK_EDGE_IN, "[2001:db8:9:7::1]:%u > [2001:db8:ff::1]:51820 udp", 0,
	      SP_REASON_FLOW_LIMIT);
	opens(SP_HOOK_EDGE_IN, "[2001:db8:a::1]:%u > [2001:db8:ff::1]:51820 udp", HOST,
	      SP_REASON_FLOW_LIMIT);
	assert_int_equal(lab_part_flows(&lab, SP_FLOW_PART_EDGE), 8 * HOST);
}

static void a_denied_flow_keeps_its_place_under_every_revision(void **state)
{
	static const char form[] = "10.30.0.5:%u > 100.64.0.8:22 tcp";

	(void)state;
	opens(SP_HOOK_INSIDE_IN, form, HOST, SP_REASON_FLOW_LIMIT);
	lab_renew(&lab, 2);
	lab_set_verdict(&lab, RULE_OFFICE, SP_DENY, SP_LOG_NONE, 0);
	for (unsigned n = 0; n < HOST; n++)
		assert_int_equal(
			open_nth(SP_HOOK_INSIDE_IN, "10.30.0.5:%u > 100.64.0.8:22 tcp A", n)
				.verdict,
			SP_DENY);
	assert_int_equal(lab_source_counts(&lab), 2 * HOST);
	lab_renew(&lab, 3);
	opens(SP_HOOK_INSIDE_IN, "10.30.0.5:2%u > 100.64.0.8:22 tcp", 0, SP_REASON_FLOW_LIMIT);
	opens(SP_HOOK_INSIDE_IN, form, HOST, SP_REASON_FLOW_LIMIT); /* they live again */
	assert_int_equal(lab_source_counts(&lab), 2 * HOST);
	assert_int_equal(lab_part_flows(&lab, SP_FLOW_PART_INSIDE), HOST);
}

static void a_session_has_4096_flows_and_not_one_more(void **state)
{
	static const char form[] = "100.64.0.7:%u > 10.30.0.5:22 tcp";
	struct lab_answer answer;

	(void)state;
	for (unsigned n = 0; n < SP_SESSION_FLOWS_MAX; n++)
		assert_int_equal(open_nth(SP_HOOK_VPN_IN, form, n).verdict, SP_ALLOW);
	answer = open_nth(SP_HOOK_VPN_IN, form, SP_SESSION_FLOWS_MAX);
	assert_int_equal(answer.verdict, SP_DENY);
	assert_int_equal(answer.reason, SP_REASON_FLOW_LIMIT);
	assert_int_equal(lab.sessions[ANA].flows, SP_SESSION_FLOWS_MAX);
	assert_int_equal(lab_flow_count(&lab), SP_SESSION_FLOWS_MAX);

	/* What it already has goes on, its other address counts for the same, others are not touched. */
	assert_int_equal(open_nth(SP_HOOK_VPN_IN, "100.64.0.7:%u > 10.30.0.5:22 tcp A", 9).verdict,
			 SP_ALLOW);
	assert_int_equal(
		open_nth(SP_HOOK_VPN_IN, "[fd00:64::7]:%u > [2001:db8:30::5]:22 tcp", 0).reason,
		SP_REASON_FLOW_LIMIT);
	assert_int_equal(open_nth(SP_HOOK_INSIDE_IN, "10.30.0.5:%u > 100.64.0.8:22 tcp", 0).verdict,
			 SP_ALLOW);

	/* One is closed and opened anew: it takes its own place. */
	assert_int_equal(open_nth(SP_HOOK_VPN_IN, "100.64.0.7:%u > 10.30.0.5:22 tcp FA", 9).verdict,
			 SP_ALLOW);
	assert_int_equal(open_nth(SP_HOOK_VPN_IN, form, 9).verdict, SP_ALLOW);
	assert_int_equal(lab.sessions[ANA].flows, SP_SESSION_FLOWS_MAX);
}

static void *open_many(void *arg)
{
	char text[64];

	for (unsigned n = 0; n < 3000; n++) {
		snprintf(text, sizeof(text), "100.64.0.7:%u > 10.30.0.5:%s tcp", 1000 + n,
			 (const char *)arg);
		lab_repeat(&lab, SP_HOOK_VPN_IN, text, 1);
	}
	return NULL;
}

static void the_cap_of_a_session_holds_on_two_cpus_at_once(void **state)
{
	char ssh[] = "22", web[] = "443";
	pthread_t threads[2];

	(void)state;
	assert_int_equal(pthread_create(&threads[0], NULL, open_many, ssh), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, open_many, web), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(lab_flow_count(&lab), SP_SESSION_FLOWS_MAX);
	assert_int_equal(lab.sessions[ANA].flows, SP_SESSION_FLOWS_MAX);
	assert_int_equal(lab_part_flows(&lab, SP_FLOW_PART_TUNNEL), SP_SESSION_FLOWS_MAX);
	assert_int_equal(lab_counter(&lab, SP_HOOK_VPN_IN, SP_DENY, SP_REASON_FLOW_LIMIT).packets,
			 6000 - SP_SESSION_FLOWS_MAX);
}

static void a_new_session_starts_with_no_flows(void **state)
{
	static const char form[] = "100.64.0.7:%u > 10.30.0.5:22 tcp";

	(void)state;
	for (unsigned n = 0; n < 10; n++)
		open_nth(SP_HOOK_VPN_IN, form, n);
	lab_sign_in(&lab, ANA, 500); /* flows of the old epoch count for nobody */
	lab.now_ns += 61 * SECOND;
	for (unsigned n = 0; n < 10; n++)
		open_nth(SP_HOOK_VPN_IN, form, n);
	assert_int_equal(lab.sessions[ANA].flows, 10);
	assert_int_equal(lab_flow_count(&lab), 10);
	assert_int_equal(lab_part_flows(&lab, SP_FLOW_PART_TUNNEL), 10);
}

#define TEST_WITH(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH(people_fill_half_of_the_table_at_most, setup_small),
		TEST_WITH(every_part_has_an_eighth_whoever_fills_the_rest, setup_small),
		TEST_WITH(a_full_part_lets_a_flow_replace_itself, setup_small),
		TEST_WITH(a_host_has_its_share_and_its_network_six, setup_small),
		TEST_WITH(on_the_edge_a_slash_64_is_a_host, setup_small),
		TEST_WITH(a_denied_flow_keeps_its_place_under_every_revision, setup_small),
		TEST_WITH(a_session_has_4096_flows_and_not_one_more, setup_large),
		TEST_WITH(the_cap_of_a_session_holds_on_two_cpus_at_once, setup_large),
		TEST_WITH(a_new_session_starts_with_no_flows, setup_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
