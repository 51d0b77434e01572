/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records: what they say, which packets make one, and that not one is lost uncounted. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Neither what a rule denies at once nor what it denies of an open flow; all else has a record. */
static void a_rule_without_a_log_denies_without_a_record(void **state)
{
	struct sp_event events[4];
	struct lab_answer answer;

	(void)state;
	lab_judge(&lab, SP_HOOK_VPN_IN, SSH, &answer);
	assert_int_equal(only_event().kind, SP_EVENT_ALLOW);
	lab_renew(&lab, 2);
	lab_set_verdict(&lab, RULE_PAYROLL, SP_DENY, SP_LOG_NONE, 0);
	lab_set_verdict(&lab, RULE_SSH, SP_DENY, SP_LOG_NONE, 0);
	lab_judge(&lab, SP_HOOK_VPN_IN, PAYROLL, &answer);
	lab_judge(&lab, SP_HOOK_VPN_IN, SSH " A", &answer); /* judged again */
	lab_judge(&lab, SP_HOOK_VPN_IN, SSH " A", &answer); /* and found denied */
	assert_int_equal(answer.verdict, SP_DENY);
	assert_int_equal(lab_counter(&lab, SP_HOOK_VPN_IN, SP_DENY, SP_REASON_POLICY).packets, 3);
	lab_judge(&lab, SP_HOOK_VPN_IN, "100.64.0.8:1000 > 10.30.0.5:22 tcp -", &answer);
	assert_int_equal(lab_events(&lab, events, 4), 2);
	assert_int_equal(events[0].kind, SP_EVENT_FLOW_END);
	assert_int_equal(events[1].kind, SP_EVENT_DENY);
	assert_int_equal(events[1].reason, SP_REASON_MALFORMED);
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
	assert_int_equal(event.reason, SP_REASON_REVOKED);
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
		{ EDGE, "1.2.3.4:9 > 192.0.2.1:51820 udp", ALLOW(EXPOSE), RULE_EXPOSE,
		  0 }, /* none */
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
	assert_int_equal(lab_counter(&lab, SP_HOOK_EDGE_IN, SP_DENY, SP_REASON_DEFAULT).packets,
			 150);
	/* Where the test moves to another CPU, that one samples by itself: the sums hold anyway. */
	assert_int_equal(stats.attempted + stats.sampled, 240);
	assert_true(stats.attempted >= 190);
	lab.now_ns += SECOND;
	lab_repeat(&lab, SP_HOOK_EDGE_IN, denied, 10);
	assert_int_equal(lab_event_stats(&lab).attempted, stats.attempted + 10);
}

/* ---- what got no record of its own ---- */

struct sums {
	uint64_t events, packets, bytes;
};

/* What slots have: of @session, of @source (not NULL), or of everybody. */
static struct sums slot_sums(uint32_t session, const uint8_t *source, enum sp_tally_kind kind)
{
	struct sums sums = { 0 };
	struct sp_tally slot;

	for (uint32_t i = 0; i < SP_TALLY_SLOTS; i++) {
		assert_int_equal(bpf_map_lookup_elem(lab_map(&lab, "sp_tally"), &i, &slot), 0);
		if (slot.key.kind != kind || (session && slot.key.session != session) ||
		    (source && memcmp(slot.key.source.b, source, 16) != 0))
			continue;
		sums.events += slot.events;
		sums.packets += slot.packets;
		sums.bytes += slot.bytes;
	}
	return sums;
}

/* What of @hook and @reason has no slot. */
static struct sums shared_sums(enum sp_hook hook, enum sp_tally_kind kind, enum sp_reason reason)
{
	const uint32_t index = SP_SAMPLE_INDEX(hook, kind, reason);
	int cpus = libbpf_num_possible_cpus();
	struct sp_sample *samples = calloc((size_t)cpus, sizeof(*samples));
	struct sums sums = { 0 };

	assert_non_null(samples);
	assert_int_equal(bpf_map_lookup_elem(lab_map(&lab, "sp_sample"), &index, samples), 0);
	for (int cpu = 0; cpu < cpus; cpu++) {
		sums.events += samples[cpu].events;
		sums.packets += samples[cpu].packets;
		sums.bytes += samples[cpu].bytes;
	}
	free(samples);
	return sums;
}

/* How many of the records that wait are of @kind and @session. */
static uint64_t count_events(enum sp_event_kind kind, uint32_t session)
{
	static struct sp_event events[4096];
	const size_t taken = lab_events(&lab, events, 4096);
	uint64_t count = 0;

	for (size_t i = 0; i < taken && i < 4096; i++)
		count += events[i].kind == kind && events[i].session[0] == session;
	return count;
}

static void who_floods_has_ten_denials_a_second_on_record_and_others_have_theirs(void **state)
{
	static const struct {
		enum sp_hook hook;
		const char *denied, *other;
		uint32_t session, other_session;
		uint8_t source[16];
	} cases[] = {
		{ SP_HOOK_VPN_IN, PAYROLL, "100.64.0.8:1 > 10.30.9.4:22 tcp", ANA, BOB, { 0 } },
		{ SP_HOOK_VPN_IN,
		  "[fd00:64::7]:9 > [2001:db8:30::9]:9 udp",
		  "100.64.0.8:1 > 10.30.0.9:9 udp",
		  ANA,
		  BOB,
		  { 0 } },
		{ SP_HOOK_INSIDE_IN,
		  "10.30.0.5:9 > 1.2.3.4:9 udp",
		  "10.30.0.6:9 > 1.2.3.4:9 udp",
		  SP_SESSION_NONE,
		  SP_SESSION_NONE,
		  { [10] = 0xff, 0xff, 10, 30, 0, 5 } },
		{ SP_HOOK_INSIDE_IN,
		  "[2001:db8:30::5]:9 > [2001:db8:1::9]:9 udp",
		  "[2001:db8:30::6]:9 > [2001:db8:1::9]:9 udp",
		  SP_SESSION_NONE,
		  SP_SESSION_NONE,
		  { 0x20, 1, 0xd, 0xb8, 0, 0x30, [15] = 5 } },
		{ SP_HOOK_VPN_OUT,
		  "10.30.0.5:9 > 100.64.0.7:9 udp",
		  "10.30.0.6:9 > 100.64.0.7:9 udp",
		  SP_SESSION_NONE,
		  SP_SESSION_NONE,
		  { [10] = 0xff, 0xff, 10, 30, 0, 5 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const bool is_person = cases[i].session != SP_SESSION_NONE;
		struct sums sums;

		lab.now_ns += 10 * SECOND;
		sums = slot_sums(cases[i].session, is_person ? NULL : cases[i].source,
				 SP_TALLY_DENY);
		lab_repeat(&lab, cases[i].hook, cases[i].denied, 1000);
		assert_int_equal(count_events(SP_EVENT_DENY, cases[i].session), 10);
		lab_repeat(&lab, cases[i].hook, cases[i].other, 3);
		assert_int_equal(count_events(SP_EVENT_DENY, cases[i].other_session), 3);
		sums.events = slot_sums(cases[i].session, is_person ? NULL : cases[i].source,
					SP_TALLY_DENY)
				      .events -
			      sums.events;
		assert_int_equal(sums.events, 990);
		lab.now_ns += SECOND; /* and again in the next second */
		lab_repeat(&lab, cases[i].hook, cases[i].denied, 10);
		assert_int_equal(count_events(SP_EVENT_DENY, cases[i].session), 10);
	}
}

/* More sources than their buckets have slots, all at once: nothing is forgotten, nobody's slot is taken away. */
static void a_flood_of_sources_is_counted_to_the_last_packet(void **state)
{
	struct sums told = { 0 }, shared;
	const unsigned sources = 2500, each = 12;
	struct sp_event_stats stats;
	char frame[64];

	(void)state;
	for (unsigned i = 0; i < sources; i++) {
		snprintf(frame, sizeof(frame), "10.30.%u.%u:9 > 1.2.3.4:9 udp payload=10", i / 250,
			 i % 250);
		lab_repeat(&lab, SP_HOOK_INSIDE_IN, frame, each);
	}
	stats = lab_event_stats(&lab);
	told = slot_sums(SP_SESSION_NONE, NULL, SP_TALLY_DENY);
	shared = shared_sums(SP_HOOK_INSIDE_IN, SP_TALLY_DENY, SP_REASON_DEFAULT);
	assert_true(shared.events > 0); /* there was no slot for some */
	assert_true(told.events > 0);
	assert_int_equal(told.events + shared.events, stats.sampled);
	assert_int_equal(told.packets + shared.packets, stats.sampled);
	assert_int_equal(told.bytes + shared.bytes, stats.sampled * 38);
	assert_int_equal(stats.attempted + stats.sampled, sources * each);
	assert_true(stats.attempted <= 100u * (unsigned)libbpf_num_possible_cpus());

	/* People's slots are apart. */
	lab_repeat(&lab, SP_HOOK_VPN_IN, PAYROLL, 20);
	assert_int_equal(slot_sums(ANA, NULL, SP_TALLY_DENY).events, 10);
}

/* As many sessions as all devices of some people have, each at its full rate: none takes another's. */
static void sessions_do_not_use_up_each_others_records(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		lab_sign_in(&lab, ANA, 1000 + i);
		lab_repeat(&lab, SP_HOOK_VPN_IN, PAYROLL, 30);
		lab_repeat(&lab, SP_HOOK_INSIDE_IN, "10.30.0.5:9 > 1.2.3.4:9 udp", 30);
	}
	lab_repeat(&lab, SP_HOOK_VPN_IN, "100.64.0.9:9 > 10.30.9.4:22 tcp", 1);
	assert_int_equal(lab_event_stats(&lab).attempted, 40 * 10 + 10 + 1);
	assert_int_equal(slot_sums(ANA, NULL, SP_TALLY_DENY).events, 40 * 20);
}

static void a_slot_is_given_away_only_when_it_was_told(void **state)
{
	struct sp_tally slot;
	uint32_t mine = SP_TALLY_SLOTS;

	(void)state;
	lab_repeat(&lab, SP_HOOK_INSIDE_IN, "10.30.0.5:9 > 1.2.3.4:9 udp", 15);
	for (uint32_t i = 0; i < SP_TALLY_SLOTS && mine == SP_TALLY_SLOTS; i++) {
		assert_int_equal(bpf_map_lookup_elem(lab_map(&lab, "sp_tally"), &i, &slot), 0);
		if (slot.events)
			mine = i;
	}
	assert_int_equal(slot.events, 5);
	for (int is_told = 0; is_told < 2; is_told++) {
		struct sp_tally after;
		char frame[64];

		lab.now_ns += 10 * SECOND;
		slot.told = is_told ? slot.events : 0;
		assert_int_equal(bpf_map_update_elem(lab_map(&lab, "sp_tally"), &mine, &slot, 0),
				 0);
		for (unsigned i = 0; i < 2500; i++) {
			snprintf(frame, sizeof(frame), "10.30.%u.%u:9 > 1.2.3.4:9 udp",
				 10 + 20 * (unsigned)is_told + i / 250, i % 250);
			lab_repeat(&lab, SP_HOOK_INSIDE_IN, frame, 1);
			assert_int_equal(
				bpf_map_lookup_elem(lab_map(&lab, "sp_tally"), &mine, &after), 0);
			if (memcmp(&after.key, &slot.key, sizeof(slot.key)) != 0)
				break;
		}
		assert_int_equal(memcmp(&after.key, &slot.key, sizeof(slot.key)) != 0, is_told);
		if (!is_told)
			assert_int_equal(after.events, 5);
	}
}

static void beyond_fifty_new_flows_a_second_both_ends_are_counted(void **state)
{
	struct sums opened, ended;
	char frame[64];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(frame, sizeof(frame), "100.64.0.7:%u > 10.30.0.5:22 tcp", 1000 + i);
		lab_repeat(&lab, SP_HOOK_VPN_IN, frame, 1);
	}
	assert_int_equal(lab_flow_count(&lab), 200);
	assert_int_equal(count_events(SP_EVENT_ALLOW, ANA), 50);
	opened = slot_sums(ANA, NULL, SP_TALLY_OPEN);
	assert_int_equal(opened.events, 150);
	assert_int_equal(opened.bytes, 150 * 40);

	/* What is judged again goes on so. */
	lab_renew(&lab, 2);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(frame, sizeof(frame), "100.64.0.7:%u > 10.30.0.5:22 tcp A", 1000 + i);
		lab_repeat(&lab, SP_HOOK_VPN_IN, frame, 1);
	}
	assert_int_equal(count_events(SP_EVENT_ALLOW, ANA), 0);

	/* Their session ends; each flow ends, and stays as a denied one, with its next packet. */
	lab.sessions[ANA].epoch = 0;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(frame, sizeof(frame), "100.64.0.7:%u > 10.30.0.5:22 tcp A", 1000 + i);
		lab_repeat(&lab, SP_HOOK_VPN_IN, frame, 1);
	}
	assert_int_equal(lab_flow_count(&lab), 200);
	assert_int_equal(count_events(SP_EVENT_FLOW_END, ANA), 50);
	ended = slot_sums(ANA, NULL, SP_TALLY_END);
	assert_int_equal(ended.events, 150);
	assert_int_equal(ended.packets, 2 * 150);
	assert_int_equal(ended.bytes, 2 * 150 * 40);
}

static void packets_of_log_all_have_a_rate_too(void **state)
{
	struct sp_event_stats stats;

	(void)state;
	lab_repeat(&lab, SP_HOOK_VPN_IN, DNS, 1000);
	stats = lab_event_stats(&lab);
	assert_int_equal(stats.attempted, 1 + 200); /* the new flow, and its packets */
	assert_int_equal(slot_sums(ANA, NULL, SP_TALLY_PACKET).events, 799);
	assert_int_equal(stats.sampled, 799);
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
	uint64_t first;

	(void)state;
	for (uintptr_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, deny_many, (void *)i), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	stats = lab_event_stats(&lab);
	first = stats.attempted;
	assert_int_equal(first, 10); /* whoever of the two processors takes them */
	assert_int_equal(stats.attempted + stats.sampled, 100000);
	assert_int_equal(
		slot_sums(ANA, NULL, SP_TALLY_DENY).events +
			shared_sums(SP_HOOK_VPN_IN, SP_TALLY_DENY, SP_REASON_POLICY).events,
		stats.sampled);
	for (int i = 0; i < 100; i++) { /* the ring is too small for these */
		lab.now_ns += SECOND;
		lab_repeat(&lab, SP_HOOK_VPN_IN, PAYROLL, 10);
	}
	taken = lab_events(&lab, NULL, 0);
	stats = lab_event_stats(&lab);
	assert_int_equal(stats.attempted, first + 1000);
	assert_true(stats.lost > 0);
	assert_int_equal(stats.attempted, taken + stats.lost);
	assert_int_equal(stats.attempted + stats.sampled,
			 lab_counter(&lab, SP_HOOK_VPN_IN, SP_DENY, SP_REASON_POLICY).packets);
	assert_int_equal(stats.attempted + stats.sampled,
			 lab_rule_counter(&lab, RULE_PAYROLL).packets);

	/* The reader is back: nothing is lost any more. */
	lab.now_ns += SECOND;
	lab_repeat(&lab, SP_HOOK_VPN_IN, PAYROLL, 10);
	assert_int_equal(lab_events(&lab, NULL, 0), 10);
	assert_int_equal(lab_event_stats(&lab).lost, stats.lost);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_rule_without_a_log_denies_without_a_record),
		TEST(a_denial_says_who_what_and_why),
		TEST(a_denial_after_its_session_still_has_the_name),
		TEST(new_flows_are_recorded_once_and_every_packet_where_asked),
		TEST(an_ended_flow_says_what_it_carried),
		TEST(who_floods_has_ten_denials_a_second_on_record_and_others_have_theirs),
		TEST(a_flood_of_sources_is_counted_to_the_last_packet),
		TEST(sessions_do_not_use_up_each_others_records),
		TEST(a_slot_is_given_away_only_when_it_was_told),
		TEST(beyond_fifty_new_flows_a_second_both_ends_are_counted),
		TEST(packets_of_log_all_have_a_rate_too),
		TEST(the_edge_records_a_hundred_a_second_a_reason_and_counts_the_rest),
		cmocka_unit_test_setup_teardown(
			with_a_stopped_reader_every_record_is_taken_or_counted, setup_narrow,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
