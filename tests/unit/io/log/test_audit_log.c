/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "audit/time.h"
#include "base/array.h"
#include "io/files/files.h"
#include "io/log/audit_log.h"
#include "../scratch.h"

struct opened {
	struct sp_audit_log *log;
	struct sp_audit_log_repair repair;
};

static struct opened open_log(const char *path, uint64_t rotate_bytes, unsigned int keep,
			      const struct sp_chain_head *hint)
{
	const struct sp_audit_log_options options = {
		.path = path,
		.boot = "boot-1",
		.gateway = "gate",
		.rotate_bytes = rotate_bytes,
		.keep = keep,
	};
	struct opened opened = { 0 };

	assert_int_equal(sp_audit_log_open(&options, hint, &opened.log, &opened.repair), 0);
	return opened;
}

static void close_log(struct opened *opened)
{
	sp_audit_log_close(opened->log);
	sp_audit_log_repair_done(&opened->repair);
}

static void append(struct sp_audit_log *log, const char *user)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	record.event = SP_AUDIT_DENY;
	record.user = user;
	assert_int_equal(sp_audit_log_append(log, &record, NULL, NULL), 0);
}

/* Verify the whole log; returns how many lines it has. @expected: the findings' kinds, -1 ends them. */
static uint64_t verify(const char *path, const struct sp_chain_head *head, const int *expected)
{
	__sp_cleanup(sp_chain_verifier_freep) struct sp_chain_verifier *verifier = NULL;
	__sp_cleanup(sp_audit_reader_closep) struct sp_audit_reader *reader = NULL;
	const struct sp_chain_finding *findings;
	struct sp_audit_line line;
	uint64_t total, first, last;
	size_t count;

	assert_int_equal(sp_chain_verifier_new(&verifier), 0);
	assert_int_equal(sp_audit_reader_open(path, &reader), 0);
	while (sp_audit_reader_next(reader, &line) == 1)
		assert_int_equal(sp_chain_verifier_feed(verifier, line.file, line.number, line.text,
							line.len, line.has_newline),
				 0);
	if (sp_audit_reader_rest(reader, &line))
		sp_chain_verifier_feed(verifier, line.file, line.number, line.text, line.len,
				       false);
	assert_int_equal(sp_chain_verifier_finish(verifier, head), 0);
	count = sp_chain_verifier_get_findings(verifier, &findings, &total);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(findings[i].kind, expected[i]);
	assert_int_equal(expected[count], -1);
	return sp_chain_verifier_get_range(verifier, &first, &last);
}

static const int nothing[] = { -1 };

static void add_bytes(const char *path, const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_APPEND);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void appended_lines_chain_and_go_on_after_a_restart(void **state)
{
	const char *path = scratch_path(state, "restart/audit.jsonl");
	struct opened log = open_log(path, 0, 0, NULL);
	struct sp_chain_head head;
	struct stat st;

	for (int i = 0; i < 10; i++)
		append(log.log, "ana");
	close_log(&log);
	log = open_log(path, 0, 0, NULL);
	assert_false(log.repair.was_torn || log.repair.was_corrupt);
	append(log.log, "bob");
	sp_audit_log_get_head(log.log, &head);
	assert_int_equal(head.seq, 11);
	assert_int_equal(verify(path, &head, nothing), 11);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	close_log(&log);
}

static void line_lent_out_is_the_line_written(void **state)
{
	const char *path = scratch_path(state, "lent/audit.jsonl");
	struct opened log = open_log(path, 0, 0, NULL);
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	__sp_free char *text = NULL;
	const char *line;
	size_t len, file_len;

	record.event = SP_AUDIT_SESSION_OPEN;
	record.boot = "its-own";
	assert_int_equal(sp_audit_log_append(log.log, &record, &line, &len), 0);
	assert_int_equal(sp_file_read(path, 65536, &text, &file_len), 0);
	assert_int_equal(file_len, len + 1);
	assert_memory_equal(text, line, len);
	assert_int_equal(text[len], '\n');
	assert_non_null(strstr(line, "\"boot\":\"its-own\",\"gateway\":\"gate\""));
	assert_null(strstr(line, "1970"));
	close_log(&log);
}

static void torn_end_is_moved_aside_and_reported(void **state)
{
	const char *path = scratch_path(state, "torn/audit.jsonl");
	struct opened log = open_log(path, 0, 0, NULL);
	__sp_free char *torn = NULL;
	size_t len;

	append(log.log, "ana");
	append(log.log, "ana");
	close_log(&log);
	add_bytes(path, "{\"v\":1,\"seq\":3,\"ti", 18);
	assert_int_equal(verify(path, NULL, (const int[]){ SP_CHAIN_TRUNCATED, -1 }), 2);
	log = open_log(path, 0, 0, NULL);
	assert_true(log.repair.was_torn);
	assert_int_equal(log.repair.torn_len, 18);
	assert_int_equal(sp_file_read(log.repair.moved_to, 100, &torn, &len), 0);
	assert_string_equal(torn, "{\"v\":1,\"seq\":3,\"ti");
	append(log.log, "ana");
	assert_int_equal(verify(path, NULL, nothing), 3);
	close_log(&log);
}

static void log_that_is_all_torn_starts_over(void **state)
{
	const char *path = scratch_path(state, "alltorn.jsonl");
	struct opened log;

	assert_int_equal(sp_file_replace(path, "half a li", 9, 0640, SP_UID_KEEP, SP_GID_KEEP), 0);
	log = open_log(path, 0, 0, NULL);
	assert_true(log.repair.was_torn);
	append(log.log, "ana");
	assert_int_equal(verify(path, NULL, nothing), 1);
	close_log(&log);
}

static void log_that_ends_in_garbage_is_moved_aside(void **state)
{
	const char *path = scratch_path(state, "garbage/audit.jsonl");
	struct opened log = open_log(path, 0, 0, NULL);
	struct sp_chain_head head;

	append(log.log, "ana");
	sp_audit_log_get_head(log.log, &head);
	close_log(&log);
	add_bytes(path, "garbage\n", 8);
	log = open_log(path, 0, 0, &head);
	assert_true(log.repair.was_corrupt);
	assert_non_null(strstr(log.repair.moved_to, ".corrupt-"));
	assert_int_equal(access(log.repair.moved_to, F_OK), 0);
	append(log.log, "ana");
	sp_audit_log_get_head(log.log, &head);
	assert_int_equal(head.seq, 2); /* the numbers go on where the caller knew them to be */
	assert_int_equal(verify(path, &head, nothing), 1);
	close_log(&log);
}

static void records_the_caller_remembers_and_the_file_lost_leave_a_hole_one_sees(void **state)
{
	const char *path = scratch_path(state, "hole/audit.jsonl");
	struct opened log = open_log(path, 0, 0, NULL);
	struct sp_chain_head head;
	struct stat st;

	append(log.log, "ana");
	assert_int_equal(stat(path, &st), 0);
	append(log.log, "ana");
	append(log.log, "ana");
	sp_audit_log_get_head(log.log, &head);
	close_log(&log);
	assert_int_equal(truncate(path, st.st_size), 0); /* whole lines are gone */
	assert_int_equal(verify(path, &head, (const int[]){ SP_CHAIN_TRUNCATED, -1 }), 1);
	log = open_log(path, 0, 0, &head);
	append(log.log, "ana");
	append(log.log, "ana");
	assert_int_equal(verify(path, NULL, (const int[]){ SP_CHAIN_REMOVED, -1 }), 3);
	close_log(&log);
}

static void rotation_keeps_n_files_and_the_chain(void **state)
{
	const char *path = scratch_path(state, "rotate/audit.jsonl");
	struct opened log = open_log(path, 2000, 3, NULL);
	struct sp_chain_head head;
	char name[600];
	uint64_t lines;

	for (int i = 0; i < 50; i++)
		append(log.log, "ana");
	sp_audit_log_get_head(log.log, &head);
	assert_int_equal(head.seq, 50);
	for (int i = 1; i <= 3; i++) {
		struct stat st;

		snprintf(name, sizeof(name), "%s.%d", path, i);
		assert_int_equal(stat(name, &st), 0);
		assert_in_range(st.st_size, 1000, 2000);
	}
	snprintf(name, sizeof(name), "%s.4", path);
	assert_int_equal(access(name, F_OK), -1);
	lines = verify(path, &head, nothing);
	assert_in_range(lines, 10, 30);
	close_log(&log);
	log = open_log(path, 2000, 3, NULL);
	append(log.log, "ana");
	sp_audit_log_get_head(log.log, &head);
	assert_int_equal(head.seq, 51);
	verify(path, &head, nothing);
	close_log(&log);
}

static void append_at(struct sp_audit_log *log, int64_t time_ns)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	record.event = SP_AUDIT_DENY;
	record.time_ns = time_ns;
	assert_int_equal(sp_audit_log_append(log, &record, NULL, NULL), 0);
}

static void rotation_tells_what_it_took_away_and_how_far_back_the_log_reaches(void **state)
{
	const char *path = scratch_path(state, "drop/audit.jsonl");
	struct opened log = open_log(path, 2000, 2, NULL);
	struct sp_chain_head head;
	struct sp_audit_drop drop;
	uint64_t dropped = 0;
	int64_t newest_ns = 0;

	assert_int_equal(sp_audit_log_get_horizon(log.log), 0);
	for (int i = 1; i <= 100; i++) {
		append_at(log.log, i);
		sp_audit_log_take_drop(log.log, &drop);
		if (!drop.records)
			continue;
		dropped += drop.records;
		assert_true(drop.newest_ns > newest_ns);
		newest_ns = drop.newest_ns;
		/* times are numbers here: what went and what stayed is all there was */
		assert_int_equal(newest_ns, dropped);
		assert_int_equal(sp_audit_log_get_horizon(log.log), dropped + 1);
	}
	assert_true(dropped > 50);
	sp_audit_log_take_drop(log.log, &drop);
	assert_int_equal(drop.records, 0);
	sp_audit_log_get_head(log.log, &head);
	assert_int_equal(verify(path, &head, nothing), 100 - dropped);
	close_log(&log);
	/* The next writer knows from the files. */
	log = open_log(path, 2000, 2, NULL);
	assert_int_equal(sp_audit_log_get_horizon(log.log), dropped + 1);
	sp_audit_log_take_drop(log.log, &drop);
	assert_int_equal(drop.records, 0);
	close_log(&log);
}

static void crash_between_the_steps_of_a_rotation_loses_nothing(void **state)
{
	const char *path = scratch_path(state, "midrotate/audit.jsonl");
	struct opened log = open_log(path, 0, 3, NULL);
	struct sp_chain_head head;
	char rotated[600];

	for (int i = 0; i < 5; i++)
		append(log.log, "ana");
	close_log(&log);
	snprintf(rotated, sizeof(rotated), "%s.1", path);
	assert_int_equal(rename(path, rotated), 0); /* … and the live file is not there yet */
	log = open_log(path, 0, 3, NULL);
	append(log.log, "ana");
	sp_audit_log_get_head(log.log, &head);
	assert_int_equal(head.seq, 6);
	assert_int_equal(verify(path, &head, nothing), 6);
	close_log(&log);
}

/* Until the child has appended @count more: a busy machine only takes longer. */
static void await_appended(const volatile unsigned *appended, unsigned count)
{
	const unsigned first = *appended;

	for (int i = 0; i < 600000 && *appended - first < count; i++)
		usleep(100);
	assert_true(*appended - first >= count);
}

static void killed_writer_leaves_a_log_that_verifies(void **state)
{
	const char *path = scratch_path(state, "killed/audit.jsonl");
	volatile unsigned *appended = mmap(NULL, sizeof(*appended), PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t last_seq = 0;

	assert_ptr_not_equal(appended, MAP_FAILED);

	for (int round = 0; round < 20; round++) {
		pid_t child = fork();
		struct opened log;
		struct sp_chain_head head;

		if (child == 0) {
			log = open_log(path, 20000, 1000, NULL);
			for (;; (*appended)++)
				append(log.log, "ana");
		}
		await_appended(appended, 10);
		usleep((unsigned int)round * 70); /* to another step of its work */
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		log = open_log(path, 20000, 1000, NULL);
		append(log.log, "after");
		sp_audit_log_get_head(log.log, &head);
		assert_true(head.seq > last_seq);
		last_seq = head.seq;
		assert_int_equal(verify(path, &head, nothing), head.seq);
		close_log(&log);
	}
	assert_true(last_seq > 200);
	munmap((void *)appended, sizeof(*appended));
}

static void record_that_does_not_fit_leaves_nothing_behind(void **state)
{
	const char *path = scratch_path(state, "full/audit.jsonl");
	struct opened log = open_log(path, 0, 0, NULL);
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	struct rlimit before, small;
	struct sp_chain_head head;
	struct stat st;

	append(log.log, "ana");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = (rlim_t)st.st_size + 100; /* a third of the next line fits */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	record.event = SP_AUDIT_DENY;
	for (int i = 0; i < 3; i++)
		assert_int_equal(sp_audit_log_append(log.log, &record, NULL, NULL), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(verify(path, NULL, nothing), 1);
	append(log.log, "ana");
	sp_audit_log_get_head(log.log, &head);
	assert_int_equal(head.seq, 2);
	assert_int_equal(verify(path, &head, nothing), 2);
	close_log(&log);
}

static void record_without_an_event_is_refused(void **state)
{
	struct opened log = open_log(scratch_path(state, "noevent.jsonl"), 0, 0, NULL);
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	struct sp_chain_head head;

	assert_int_equal(sp_audit_log_append(log.log, &record, NULL, NULL), -EINVAL);
	sp_audit_log_get_head(log.log, &head);
	assert_int_equal(head.seq, 0);
	assert_string_equal(head.hash, SP_CHAIN_GENESIS);
	close_log(&log);
}

/* ---- the reader ---- */

static uint64_t seq_of(const struct sp_audit_line *line)
{
	__sp_audit_entry struct sp_audit_entry entry = { 0 };

	assert_int_equal(sp_audit_entry_parse(line->text, line->len, &entry), 0);
	return entry.record.seq;
}

static void reader_follows_growth_and_rotation_without_a_miss(void **state)
{
	const char *path = scratch_path(state, "follow/audit.jsonl");
	struct opened log = open_log(path, 3000, 50, NULL);
	__sp_cleanup(sp_audit_reader_closep) struct sp_audit_reader *reader = NULL;
	struct sp_audit_line line;
	uint64_t expected = 1, written = 0;
	unsigned int random = 12345;

	assert_int_equal(sp_audit_reader_open(path, &reader), 0);
	assert_int_equal(sp_audit_reader_next(reader, &line), 0);
	while (written < 400) {
		unsigned int burst = (random = random * 1103515245 + 12345) >> 16 & 31;

		for (unsigned int i = 0; i <= burst; i++, written++)
			append(log.log, "ana");
		while (sp_audit_reader_next(reader, &line) == 1) {
			assert_int_equal(seq_of(&line), expected);
			expected++;
		}
		assert_int_equal(expected, written + 1);
	}
	close_log(&log);
}

static void half_a_line_is_held_back_until_it_is_whole(void **state)
{
	const char *path = scratch_path(state, "half.jsonl");
	__sp_cleanup(sp_audit_reader_closep) struct sp_audit_reader *reader = NULL;
	struct sp_audit_line line;

	assert_int_equal(sp_file_replace(path, "one\ntw", 6, 0640, SP_UID_KEEP, SP_GID_KEEP), 0);
	assert_int_equal(sp_audit_reader_open(path, &reader), 0);
	assert_int_equal(sp_audit_reader_next(reader, &line), 1);
	assert_int_equal(line.len, 3);
	assert_int_equal(sp_audit_reader_next(reader, &line), 0);
	assert_int_equal(sp_audit_reader_rest(reader, &line), 1);
	assert_int_equal(line.number, 2);
	assert_false(line.has_newline);
	add_bytes(path, "o\n", 2);
	assert_int_equal(sp_audit_reader_next(reader, &line), 1);
	assert_int_equal(line.number, 2);
	assert_memory_equal(line.text, "two", 3);
	assert_int_equal(sp_audit_reader_rest(reader, &line), 0);
}

static void reader_waits_for_a_log_that_is_not_there_yet(void **state)
{
	const char *path = scratch_path(state, "later.jsonl");
	__sp_cleanup(sp_audit_reader_closep) struct sp_audit_reader *reader = NULL;
	struct sp_audit_line line;
	struct opened log;

	assert_int_equal(sp_audit_reader_open(path, &reader), 0);
	assert_int_equal(sp_audit_reader_next(reader, &line), 0);
	assert_int_equal(sp_audit_reader_rest(reader, &line), 0);
	log = open_log(path, 0, 0, NULL);
	append(log.log, "ana");
	assert_int_equal(sp_audit_reader_next(reader, &line), 1);
	assert_int_equal(seq_of(&line), 1);
	close_log(&log);
}

static void line_without_bound_is_refused(void **state)
{
	const char *path = scratch_path(state, "long.jsonl");
	__sp_cleanup(sp_audit_reader_closep) struct sp_audit_reader *reader = NULL;
	__sp_free char *text = malloc(4 << 20);
	struct sp_audit_line line;

	memset(text, 'x', 4 << 20);
	assert_int_equal(sp_file_replace(path, text, 4 << 20, 0640, SP_UID_KEEP, SP_GID_KEEP), 0);
	assert_int_equal(sp_audit_reader_open(path, &reader), 0);
	assert_int_equal(sp_audit_reader_next(reader, &line), -EMSGSIZE);
}

static void files_of_other_names_are_not_the_log_s(void **state)
{
	static const char *const names[] = { "audit.jsonl.new",    "audit.jsonl.01",
					     "audit.jsonl.torn-x", "audit.jsonl.",
					     "audit.jsonl.1x",     "audit.jsonl.0" };
	const char *path = scratch_path(state, "names/audit.jsonl");
	struct opened log = open_log(path, 0, 0, NULL);

	append(log.log, "ana");
	for (size_t i = 0; i < SP_ARRAY_LEN(names); i++) {
		char name[600];

		snprintf(name, sizeof(name), "%s/names/%s", (const char *)*state, names[i]);
		assert_int_equal(sp_file_replace(name, "x\n", 2, 0640, SP_UID_KEEP, SP_GID_KEEP),
				 0);
	}
	assert_int_equal(verify(path, NULL, nothing), 1);
	close_log(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appended_lines_chain_and_go_on_after_a_restart),
		cmocka_unit_test(line_lent_out_is_the_line_written),
		cmocka_unit_test(torn_end_is_moved_aside_and_reported),
		cmocka_unit_test(log_that_is_all_torn_starts_over),
		cmocka_unit_test(log_that_ends_in_garbage_is_moved_aside),
		cmocka_unit_test(
			records_the_caller_remembers_and_the_file_lost_leave_a_hole_one_sees),
		cmocka_unit_test(rotation_keeps_n_files_and_the_chain),
		cmocka_unit_test(rotation_tells_what_it_took_away_and_how_far_back_the_log_reaches),
		cmocka_unit_test(crash_between_the_steps_of_a_rotation_loses_nothing),
		cmocka_unit_test(killed_writer_leaves_a_log_that_verifies),
		cmocka_unit_test(record_that_does_not_fit_leaves_nothing_behind),
		cmocka_unit_test(record_without_an_event_is_refused),
		cmocka_unit_test(reader_follows_growth_and_rotation_without_a_miss),
		cmocka_unit_test(half_a_line_is_held_back_until_it_is_whole),
		cmocka_unit_test(reader_waits_for_a_log_that_is_not_there_yet),
		cmocka_unit_test(line_without_bound_is_refused),
		cmocka_unit_test(files_of_other_names_are_not_the_log_s),
	};

	umask(022);
	return cmocka_run_group_tests_name("io/audit_log", tests, scratch_make, scratch_remove);
}
