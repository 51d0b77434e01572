/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records: what they say, which packets make one, and that not one is lost uncounted. */
#include <pthread.h>
#include <string.h>

#include "steps.h"

#define SSH "100.64.0.7:1000 > 10.30.0.5:22 tcp"
#define PAYROLL "100.64.0.7:1000 > 10.30.9.4:22 tcp"
#define DNS "100.64.0.7:1000 > 10.30.0.5:53 udp"

static int setup_narrow(void **state)
{
	const struct lab_options options = { .events_bytes = 1 << 16 };

	(void)state;
	lab_open(&lab, &options);
	return 0;
}

static struct sp_event only_event(void)
{
	struct sp_event event;

	assert_int_equal(lab_events(&lab, &event, 1), 1);
	return event;
}

static void a_denial_says_who_what_and_why(void **state)
{
	static const uint8_t source[16] = { [10] = 0xff, 0xff, 100, 64, 0, 7 };
	static const uint8_t destination[16] = { [10] = 0xff, 0xff, 10, 30, 9, 4 };
	struct lab_answer answer;
	struct sp_event event;

	(void)state;
	lab_judge(&lab, SP_HOOK_VPN_IN, PAYROLL, &answer);
	event = only_event();
	assert_int_equal(event.kind, SP_EVENT_DENY);
	assert_int_equal(event.hook, SP_HOOK_VPN_IN);
	assert_int_equal(event.verdict, SP_DENY);
	assert_int_equal(event.reason, SP_REASON_POLICY);
	assert_int_equal(event.rule, RULE_PAYROLL);
	assert_int_equal(event.session[0], ANA);
	assert_int_equal(event.epoch[0], EPOCH_OF(ANA));
	assert_int_equal(event.session[1], SP_SESSION_NONE);
	assert_int_equal(event.revision, 1);
	assert_int_equal(event.time_ns, LAB_START);
	assert_int_equal(event.packets, 1);
	assert_int_equal(event.bytes, 40);
	assert_int_equal(event.proto, 6);
	assert_int_equal(event.tcp_flags, 2);
	assert_int_equal(be16toh(event.sport_be), 1000);
	assert_int_equal(be16toh(event.dport_be), 22);
	assert_int_equal(event.is_ip, 1);
	assert_memory_equal(event.saddr.b, source, 16);
	assert_memory_equal(event.daddr.b, destination, 16);
}

static void a_denial_after_its_session_still_has_the_name(void **state)
{
	struct lab_answer answer;
	struct sp_event event;

	(void)state;
	lab.sessions[ANA].epoch = 0;
	lab_judge(&lab, SP_HOOK_VPN_IN, SSH, &answer);
	event = only_event();
	assert_int_equal(event.reason, SP_REASON_EXPIRED);
	assert_int_equal(event.session[0], ANA);
	assert_int_equal(event.epoch[0], EPOCH_OF(ANA));
	lab_judge(&lab, SP_HOOK_VPN_IN, SSH " -", &answer);
	event = only_event();
	assert_int_equal(event.reason, SP_REASON_MALFORMED);
	assert_int_equal(event.session[0], ANA);
	lab_judge(&lab, SP_HOOK_VPN_OUT, "10.30.0.5:22 > 100.64.0.7:9 tcp R", &answer);
	event = only_event();
	assert_int_equal(event.reason, SP_REASON_NO_FLOW);
	assert_int_equal(event.session[1], ANA);
	assert_int_equal(event.session[0], SP_SESSION_NONE);
}

static void new_flows_are_recorded_once_and_every_packet_where_asked(void **state)
{
	static const struct step steps[] = {
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 }, /* log: new */
		{ VPN, SSH " A", ALLOW(POLICY), RULE_SSH, 0 },
		{ INSIDE_OUT, SSH " A", ALLOW(POLICY), RULE_SSH, 0 },
		{ VPN, DNS, ALLOW(POLICY), RULE_DNS, 0 }, /* log: all */
		{ INSIDE_OUT, DNS, ALLOW(POLICY), RULE_DNS, 0 },
		{ INSIDE, "10.30.0.5:53 > 100.64.0.7:1000 udp", ALLOW(REPLY), RULE_DNS, 0 },
		{ OUT, "10.30.0.5:53 > 100.64.0.7:1000 udp", ALLOW(REPLY), RULE_DNS, 0 },
		{ EDGE, "1.2.3.4:9 > 192.0.2.1:51820 udp", ALLOW(EXPOSE), RULE_EXPOSE, 0 }, /* none */
		{ VPN, "100.64.0.7 > 10.30.0.5 icmp type=9", ALLOW(POLICY), RULE_REPORT, 0 },
	};
	struct sp_event events[8];

	(void)state;
	LAB_RUN(&lab, steps);
	assert_int_equal(lab_events(&lab, events, 8), 4);
	assert_int_equal(events[0].rule, RULE_SSH);
	assert_int_equal(events[0].kind, SP_EVENT_ALLOW);
	assert_int_equal(events[1].rule, RULE_DNS);
	assert_int_equal(events[1].hook, SP_HOOK_VPN_IN);
	assert_int_equal(events[2].rule, RULE_DNS);
	assert_int_equal(events[2].hook, SP_HOOK_VPN_OUT); /* the reply, once */
	assert_int_equal(events[2].reason, SP_REASON_REPLY);
	assert_int_equal(events[2].session[1], ANA);
	assert_int_equal(events[3].rule, RULE_REPORT);
}

static void an_ended_flow_says_what_it_carried(void **state)
{
	static const struct step steps[] = {
		{ VPN, SSH, ALLOW(POLICY), RULE_SSH, 0 },
		{ OUT, "10.30.0.5:22 > 100.64.0.7:1000 tcp SA", ALLOW(REPLY), RULE_SSH, 0 },
		{ VPN, SSH " A payload=60", ALLOW(POLICY), RULE_SSH, 0 },
	};
	struct sp_event events[4];
	struct lab_answer answer;

	(void)state;
	LAB_RUN(&lab, steps);
	lab.sessions[ANA].epoch = 0;
	lab_judge(&lab, SP_HOOK_VPN_OUT, "10.30.0.5:22 > 100.64.0.7:1000 tcp A", &answer);
	assert_int_equal(lab_events(&lab, events, 4), 3); /* allow, flow-end, deny */
	assert_int_equal(events[1].kind, SP_EVENT_FLOW_END);
	assert_int_equal(events[1].packets, 3);
	assert_int_equal(events[1].bytes, 40 + 40 + 100);
	assert_int_equal(events[1].session[0], ANA);
	assert_int_equal(be16toh(events[1].sport_be), 1000);
	assert_int_equal(be16toh(events[1].dport_be), 22);
	assert_int_equal(events[1].rule, RULE_SSH);
	assert_int_equal(events[2].kind, SP_EVENT_DENY);
	assert_int_equal(events[2].session[1], ANA);
}

static void the_edge_records_a_hundred_a_second_a_reason_and_counts_the_rest(void **state)
{
	static const char denied[] = "1.2.3.4:9 > 192.0.2.1:22 tcp";
	static const char bogon[] = "192.168.1.1:9 > 192.0.2.1:22 tcp";
	struct sp_event_stats stats;

	(void)state;
	lab_repeat(&lab, SP_HOOK_EDGE_IN, denied, 150);
	lab_repeat(&lab, SP_HOOK_EDGE_IN, bogon, 90);
	stats = lab_event_stats(&lab);
	assert_int_equal(lab_counter(&lab, SP_HOOK_EDGE_IN, SP_DENY, SP_REASON_DEFAULT).packets, 150);
	/* Where the test moves to another CPU, that one samples by itself: the sums hold anyway. */
	assert_int_equal(stats.attempted + stats.sampled, 240);
	assert_true(stats.attempted >= 190);
	lab.now_ns += SECOND;
	lab_repeat(&lab, SP_HOOK_EDGE_IN, denied, 10);
	assert_int_equal(lab_event_stats(&lab).attempted, stats.attempted + 10);
}

static void *deny_many(void *arg)
{
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET((unsigned)(uintptr_t)arg, &cpu);
	pthread_setaffinity_np(pthread_self(), sizeof(cpu), &cpu);
	lab_repeat(&lab, SP_HOOK_VPN_IN, PAYROLL, 50000);
	return NULL;
}

static void with_a_stopped_reader_every_record_is_taken_or_counted(void **state)
{
	struct sp_event_stats stats;
	pthread_t threads[2];
	size_t taken;

	(void)state;
	for (uintptr_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, deny_many, (void *)i), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	taken = lab_events(&lab, NULL, 0);
	stats = lab_event_stats(&lab);
	assert_int_equal(stats.attempted, 100000);
	assert_true(stats.lost > 0);
	assert_int_equal(stats.attempted, taken + stats.lost);
	assert_int_equal(stats.attempted,
			 lab_counter(&lab, SP_HOOK_VPN_IN, SP_DENY, SP_REASON_POLICY).packets);
	assert_int_equal(stats.attempted, lab_rule_counter(&lab, RULE_PAYROLL).packets);

	/* The reader is back: nothing is lost any more. */
	lab_repeat(&lab, SP_HOOK_VPN_IN, PAYROLL, 100);
	assert_int_equal(lab_events(&lab, NULL, 0), 100);
	assert_int_equal(lab_event_stats(&lab).lost, stats.lost);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_denial_says_who_what_and_why),
		TEST(a_denial_after_its_session_still_has_the_name),
		TEST(new_flows_are_recorded_once_and_every_packet_where_asked),
		TEST(an_ended_flow_says_what_it_carried),
		TEST(the_edge_records_a_hundred_a_second_a_reason_and_counts_the_rest),
		cmocka_unit_test_setup_teardown(with_a_stopped_reader_every_record_is_taken_or_counted,
						setup_narrow, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
