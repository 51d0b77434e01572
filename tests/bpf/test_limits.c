/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Full tables: what is refused, exactly when, and that nothing leaks. */
#include <pthread.h>
#include <stdio.h>

#include "steps.h"

#define SMALL 64u

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

static uint64_t flows_of(enum sp_hook hook)
{
	struct sp_flow_use {
		uint64_t flows[SP_HOOK_SLOTS];
	} use;

	assert_int_equal(bpf_map_lookup_elem(lab_map(&lab, "sp_flow_use"), &(uint32_t){ 0 }, &use), 0);
	return use.flows[hook];
}

static void a_full_table_refuses_new_flows_and_keeps_the_old(void **state)
{
	static const char form[] = "100.64.0.7:%u > 10.30.0.5:22 tcp";
	struct lab_answer answer;

	(void)state;
	for (unsigned n = 0; n < SMALL; n++)
		assert_int_equal(open_nth(SP_HOOK_VPN_IN, form, n).verdict, SP_ALLOW);
	for (unsigned n = SMALL; n < SMALL + 3; n++) {
		answer = open_nth(SP_HOOK_VPN_IN, form, n);
		assert_int_equal(answer.verdict, SP_DENY);
		assert_int_equal(answer.reason, SP_REASON_FLOW_FULL);
		assert_int_equal(answer.rule, SP_RULE_NONE);
	}
	assert_int_equal(open_nth(SP_HOOK_VPN_IN, "100.64.0.7:%u > 10.30.0.5:22 tcp A", 5).reason,
			 SP_REASON_POLICY);
	assert_int_equal(lab_flow_count(&lab), SMALL);
	assert_int_equal(lab.sessions[ANA].flows, SMALL);
	assert_int_equal(flows_of(SP_HOOK_VPN_IN), SMALL);
	assert_int_equal(lab_counter(&lab, SP_HOOK_VPN_IN, SP_DENY, SP_REASON_FLOW_FULL).packets, 3);
}

static void a_full_table_stops_neither_protect_nor_what_leaves(void **state)
{
	static const struct step steps[] = {
		{ INSIDE, "10.20.1.3:9 > 192.0.2.1:22 tcp", ALLOW(PROTECT), RULE_ADMIN, 0 },
		{ EDGE_OUT, "192.0.2.1:9 > 1.2.3.4:80 tcp", ALLOW(FLOW_FULL), NONE, 1 },
		{ OUT, "192.0.2.1:9 > 100.64.0.8:80 tcp", ALLOW(FLOW_FULL), NONE, true },
		{ OUT, "10.30.0.5:9 > 100.64.0.8:22 tcp", DENY(FLOW_FULL), NONE, 0 },
	};

	(void)state;
	for (unsigned n = 0; n < SMALL; n++)
		open_nth(SP_HOOK_VPN_IN, "100.64.0.7:%u > 10.30.0.5:22 tcp", n);
	LAB_RUN(&lab, steps);
	assert_int_equal(lab_flow_count(&lab), SMALL);
}

static void a_full_table_lets_a_flow_replace_itself(void **state)
{
	static const char form[] = "100.64.0.7:%u > 10.30.0.5:22 tcp";

	(void)state;
	for (unsigned n = 0; n < SMALL; n++)
		open_nth(SP_HOOK_VPN_IN, form, n);
	lab.now_ns += 61 * SECOND; /* all are over, none is reclaimed */
	assert_int_equal(open_nth(SP_HOOK_VPN_IN, form, 7).verdict, SP_ALLOW);
	assert_int_equal(open_nth(SP_HOOK_VPN_IN, form, SMALL).reason, SP_REASON_FLOW_FULL);
	assert_int_equal(lab_flow_count(&lab), SMALL);
	assert_int_equal(lab.sessions[ANA].flows, SMALL);
}

static void strangers_fill_half_of_the_table_at_most(void **state)
{
	static const char form[] = "1.2.3.4:%u > 192.0.2.1:51820 udp";

	(void)state;
	for (unsigned n = 0; n < SMALL / 2; n++)
		assert_int_equal(open_nth(SP_HOOK_EDGE_IN, form, n).verdict, SP_ALLOW);
	assert_int_equal(open_nth(SP_HOOK_EDGE_IN, form, SMALL / 2).reason, SP_REASON_FLOW_FULL);
	assert_int_equal(flows_of(SP_HOOK_EDGE_IN), SMALL / 2);
	for (unsigned n = 0; n < SMALL / 2; n++)
		assert_int_equal(open_nth(SP_HOOK_VPN_IN, "100.64.0.7:%u > 10.30.0.5:22 tcp", n).verdict,
				 SP_ALLOW);
	assert_int_equal(open_nth(SP_HOOK_VPN_IN, "100.64.0.7:%u > 10.30.0.5:443 tcp", 0).reason,
			 SP_REASON_FLOW_FULL);
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
	assert_int_equal(open_nth(SP_HOOK_VPN_IN, "100.64.0.7:%u > 10.30.0.5:22 tcp A", 9).verdict, SP_ALLOW);
	assert_int_equal(open_nth(SP_HOOK_VPN_IN, "[fd00:64::7]:%u > [2001:db8:30::5]:22 tcp", 0).reason,
			 SP_REASON_FLOW_LIMIT);
	assert_int_equal(open_nth(SP_HOOK_INSIDE_IN, "10.30.0.5:%u > 100.64.0.8:22 tcp", 0).verdict,
			 SP_ALLOW);

	/* One is closed and opened anew: it takes its own place. */
	assert_int_equal(open_nth(SP_HOOK_VPN_IN, "100.64.0.7:%u > 10.30.0.5:22 tcp FA", 9).verdict, SP_ALLOW);
	assert_int_equal(open_nth(SP_HOOK_VPN_IN, form, 9).verdict, SP_ALLOW);
	assert_int_equal(lab.sessions[ANA].flows, SP_SESSION_FLOWS_MAX);
}

static void *open_many(void *arg)
{
	char text[64];

	for (unsigned n = 0; n < 3000; n++) {
		snprintf(text, sizeof(text), "100.64.0.7:%u > 10.30.0.5:%s tcp", 1000 + n, (const char *)arg);
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
	assert_int_equal(flows_of(SP_HOOK_VPN_IN), SP_SESSION_FLOWS_MAX);
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
	assert_int_equal(flows_of(SP_HOOK_VPN_IN), 10);
}

#define TEST_WITH(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH(a_full_table_refuses_new_flows_and_keeps_the_old, setup_small),
		TEST_WITH(a_full_table_stops_neither_protect_nor_what_leaves, setup_small),
		TEST_WITH(a_full_table_lets_a_flow_replace_itself, setup_small),
		TEST_WITH(strangers_fill_half_of_the_table_at_most, setup_small),
		TEST_WITH(a_session_has_4096_flows_and_not_one_more, setup_large),
		TEST_WITH(the_cap_of_a_session_holds_on_two_cpus_at_once, setup_large),
		TEST_WITH(a_new_session_starts_with_no_flows, setup_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
