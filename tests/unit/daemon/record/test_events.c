/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a plane saw comes on record exactly: events wait until they are written, and what has no record of its own is
 * counted once. The plane is memory (tests/support/fake_plane.h), the logs are files in a folder. */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../support/fake_plane.h"
#include "../../../support/folder.h"
#include "daemon/daemon.h"

struct fixture {
	char dir[TEST_FOLDER_SIZE];
	char db[96], marks[96], logs[96], people[128], packets[128];
	struct sp_machine machine;
	struct fake_plane *fake;
	struct sp_daemon *daemon;
};

/* A daemon begins, on what the one before left. */
static void begin(struct fixture *fixture)
{
	struct sp_daemon *daemon = fixture->daemon = calloc(1, sizeof(*daemon));
	char error[256];
	char *moved = NULL;
	bool is_new;

	assert_int_equal(sp_store_open(fixture->db, &daemon->store, &moved, &is_new, error), 0);
	assert_int_equal(sp_marks_open(&daemon->marks, fixture->marks, 77), 0);
	assert_int_equal(sp_loop_new(&daemon->loop), 0);
	daemon->machine = &fixture->machine;
	daemon->plane = &fixture->fake->base;
	daemon->paths.audit_log = fixture->people;
	daemon->paths.packets_log = fixture->packets;
	sp_daemon_lend(daemon);
	sp_daemon_lend_plane(daemon);
}

/* It is killed: nothing is told at the end. */
static void end(struct fixture *fixture)
{
	struct sp_daemon *daemon = fixture->daemon;

	sp_recorder_close(&daemon->recorder);
	sp_loop_free(daemon->loop);
	sp_marks_close(&daemon->marks);
	sp_store_close(daemon->store);
	free(daemon);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(test_folder_make(fixture->dir));
	snprintf(fixture->db, sizeof(fixture->db), "%s/test.db", fixture->dir);
	snprintf(fixture->marks, sizeof(fixture->marks), "%s/accounted", fixture->dir);
	snprintf(fixture->logs, sizeof(fixture->logs), "%s/log", fixture->dir);
	snprintf(fixture->people, sizeof(fixture->people), "%s/audit.jsonl", fixture->logs);
	snprintf(fixture->packets, sizeof(fixture->packets), "%s/packets.jsonl", fixture->logs);
	assert_int_equal(mkdir(fixture->logs, 0700), 0);
	fixture->machine = (struct sp_machine){ .tunnel = "vpn0",
						.audit_rotate_bytes = 100000000,
						.audit_keep = 10,
						.audit_people_rotate_bytes = 100000000,
						.audit_people_keep = 10 };
	fixture->fake = fake_plane_new();
	assert_non_null(fixture->fake);
	begin(fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char command[128];

	end(fixture);
	fake_plane_free(fixture->fake);
	snprintf(command, sizeof(command), "rm -rf %s", fixture->dir);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

/* What is due now, and what is due each second. */
static void pass_second(struct fixture *fixture)
{
	struct sp_daemon *daemon = fixture->daemon;

	sp_events_start(&daemon->events);
	for (int i = 0; i < 2; i++)
		assert_int_equal(sp_loop_round(daemon->loop, 0), 0);
	sp_loop_drop(daemon->loop, &daemon->events.take_timer);
	sp_loop_drop(daemon->loop, &daemon->events.second_timer);
}

/* Of the records of a log with this event and reason (NULL: any): the sum of their packets, and how many. */
static uint64_t recorded(const char *path, enum sp_audit_event event, const char *reason,
			 size_t *ret_count)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	uint64_t packets = 0;

	*ret_count = 0;
	while (file && (len = getline(&line, &room, file)) > 0) {
		__sp_audit_entry struct sp_audit_entry entry = { 0 };

		assert_int_equal(sp_audit_entry_parse(line, (size_t)len - 1, &entry), 0);
		if (entry.record.event != event ||
		    (reason && (!entry.record.reason || strcmp(reason, entry.record.reason) != 0)))
			continue;
		packets += entry.record.packets;
		++*ret_count;
	}
	free(line);
	if (file)
		fclose(file);
	return packets;
}

static void assert_recorded(const char *path, enum sp_audit_event event, const char *reason,
			    size_t count, uint64_t packets)
{
	size_t found;
	const uint64_t sum = recorded(path, event, reason, &found);

	assert_int_equal(found, count);
	assert_int_equal(sum, packets);
}

static void see(struct fake_plane *fake, uint8_t kind, uint16_t port)
{
	fake->events[fake->event_count++] = (struct sp_event){
		.time_ns = 1,
		.packets = 1,
		.session = { SP_SESSION_NONE, SP_SESSION_NONE },
		.rule = SP_RULE_NONE,
		.sport_be = htobe16(port),
		.kind = kind,
		.hook = SP_HOOK_VPN_IN,
		.verdict = SP_DENY,
		.reason = SP_REASON_NO_IDENTITY,
		.proto = 17,
		.is_ip = 1,
	};
}

static void what_the_ring_lost_is_on_record_once(void **state)
{
	struct fixture *fixture = *state;

	fixture->fake->stats.lost = 7;
	pass_second(fixture);
	assert_recorded(fixture->people, SP_AUDIT_GAP, NULL, 1, 7);
	pass_second(fixture);
	assert_recorded(fixture->people, SP_AUDIT_GAP, NULL, 1, 7);
	end(fixture);
	begin(fixture);
	fixture->fake->stats.lost = 9;
	pass_second(fixture);
	assert_recorded(fixture->people, SP_AUDIT_GAP, NULL, 2, 9);
}

static void without_a_log_events_wait_in_the_plane_and_counts_in_its_counters(void **state)
{
	struct fixture *fixture = *state;
	char elsewhere[128];

	snprintf(elsewhere, sizeof(elsewhere), "%s.away", fixture->logs);
	assert_int_equal(rename(fixture->logs, elsewhere), 0);
	fclose(fopen(fixture->logs, "w")); /* no folder */
	for (uint16_t port = 1; port <= 3; port++)
		see(fixture->fake, SP_EVENT_DENY, port);
	fixture->fake->stats.lost = 5;
	fixture->fake->counters[SP_COUNTER_INDEX(SP_HOOK_EDGE_IN, SP_DENY, SP_REASON_BOGON)] =
		(struct sp_counter){ 40, 4000 };
	pass_second(fixture);
	assert_int_equal(fixture->fake->event_count, 3);
	assert_int_equal(fixture->fake->events[0].sport_be, htobe16(1));
	assert_true(sp_warnings_has(&fixture->daemon->warnings, "audit-failed"));
	assert_int_equal(remove(fixture->logs), 0);
	assert_int_equal(rename(elsewhere, fixture->logs), 0);
	pass_second(fixture); /* opens the logs */
	pass_second(fixture);
	assert_int_equal(fixture->fake->event_count, 0);
	assert_false(sp_warnings_has(&fixture->daemon->warnings, "audit-failed"));
	assert_recorded(fixture->packets, SP_AUDIT_DENY, "no-identity", 3, 3);
	assert_recorded(fixture->packets, SP_AUDIT_DENY, "bogon", 1, 40);
	assert_recorded(fixture->people, SP_AUDIT_GAP, NULL, 1, 5);
}

static void what_has_no_record_of_its_own_is_counted_once(void **state)
{
	struct fixture *fixture = *state;
	struct sp_sample *sample = &fixture->fake->samples[SP_SAMPLE_INDEX(
		SP_HOOK_VPN_IN, SP_TALLY_DENY, SP_REASON_NO_IDENTITY)];

	*sample = (struct sp_sample){ .events = 11, .packets = 11, .bytes = 660 };
	fixture->fake->stats.sampled = 11;
	pass_second(fixture);
	pass_second(fixture);
	assert_recorded(fixture->packets, SP_AUDIT_DENY, "no-identity", 1, 11);
	end(fixture);
	begin(fixture);
	*sample = (struct sp_sample){ .events = 13, .packets = 13, .bytes = 780 };
	fixture->fake->stats.sampled = 13;
	pass_second(fixture);
	assert_recorded(fixture->packets, SP_AUDIT_DENY, "no-identity", 2, 13);
}

/* This build goes back to before one whose programs run still. */
static void what_only_a_later_build_has_a_name_for_is_numbered_and_blocks_nothing(void **state)
{
	const unsigned later = SP_REASON_SLOTS - 1;
	struct fixture *fixture = *state;

	see(fixture->fake, SP_EVENT_COUNT, 1);
	see(fixture->fake, SP_EVENT_DENY, 2);
	fixture->fake->events[1].reason = (uint8_t)later;
	fixture->fake->counters[SP_COUNTER_INDEX(SP_HOOK_EDGE_IN, SP_DENY, later)] =
		(struct sp_counter){ 6, 600 };
	pass_second(fixture); /* opens the logs */
	pass_second(fixture);
	assert_int_equal(fixture->fake->event_count, 0);
	assert_recorded(fixture->people, SP_AUDIT_GAP, NULL, 1, 1);
	assert_recorded(fixture->packets, SP_AUDIT_DENY, "reason-63", 2, 7);
}

static void marks_of_a_version_with_less_room_are_continued(void **state)
{
	struct fixture *fixture = *state;
	struct sp_marks marks = { 0 };
	struct stat stat_buf;

	assert_int_equal(sp_marks_open(&marks, fixture->marks, 77), 0);
	marks.file->lost = 5;
	marks.file->former_lock[3] = (struct sp_counter){ 7, 700 };
	marks.file->listed[127].ifindex = 9;
	sp_marks_close(&marks);
	assert_int_equal(truncate(fixture->marks, SP_MARKS_FORMER_SIZE), 0);

	assert_int_equal(sp_marks_open(&marks, fixture->marks, 77), 0);
	assert_int_equal(marks.file->lost, 5);
	assert_int_equal(marks.file->lock[3].packets, 7);
	assert_int_equal(marks.file->lock[3].bytes, 700);
	assert_int_equal(marks.file->lock[4].packets, 0);
	assert_int_equal(marks.file->listed[127].ifindex, 9);
	marks.file->lock[SP_PLANE_DROP_SLOTS - 1].packets = 11; /* a kind of drop to come */
	sp_marks_close(&marks);
	assert_int_equal(stat(fixture->marks, &stat_buf), 0);
	assert_int_equal(stat_buf.st_size, sizeof(struct sp_marks_file));

	assert_int_equal(sp_marks_open(&marks, fixture->marks, 77), 0);
	assert_int_equal(marks.file->lock[3].packets, 7);
	assert_int_equal(marks.file->lock[SP_PLANE_DROP_SLOTS - 1].packets, 11);
	sp_marks_close(&marks);
	assert_int_equal(sp_marks_open(&marks, fixture->marks, 78), 0); /* of another plane */
	assert_int_equal(marks.file->lost + marks.file->lock[3].packets, 0);
	sp_marks_close(&marks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(what_the_ring_lost_is_on_record_once),
		TEST(without_a_log_events_wait_in_the_plane_and_counts_in_its_counters),
		TEST(what_has_no_record_of_its_own_is_counted_once),
		TEST(what_only_a_later_build_has_a_name_for_is_numbered_and_blocks_nothing),
		TEST(marks_of_a_version_with_less_room_are_continued),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
