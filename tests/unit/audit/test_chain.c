/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/chain.h"
#include "audit/record.h"
#include "base/array.h"

#define LINES 40

/* A log in memory, tampered with by the tests. */
struct log {
	char *lines[3 * LINES];
	size_t count;
	struct sp_chain_head head; /* as the writer left it */
};

static char *make_line(uint64_t seq, const char *prev, const char *user)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	char *line = NULL;
	size_t len;

	record.seq = seq;
	record.event = SP_AUDIT_DENY;
	record.user = user;
	assert_int_equal(sp_audit_record_format(&record, prev, &line, &len), 0);
	return line;
}

static void extend(struct log *log, uint64_t seq, const char *user)
{
	char prev[SP_CHAIN_HEX + 1] = SP_CHAIN_GENESIS;

	if (log->count > 0)
		sp_chain_hash(log->lines[log->count - 1], strlen(log->lines[log->count - 1]), prev);
	log->lines[log->count++] = make_line(seq, prev, user);
}

static int make_log(void **state)
{
	struct log *log = calloc(1, sizeof(*log));
	const char *last;

	for (uint64_t seq = 1; seq <= LINES; seq++)
		extend(log, seq, "ana");
	last = log->lines[LINES - 1];
	log->head.seq = LINES;
	sp_chain_hash(last, strlen(last), log->head.hash);
	*state = log;
	return 0;
}

static int free_log(void **state)
{
	struct log *log = *state;

	for (size_t i = 0; i < log->count; i++)
		free(log->lines[i]);
	free(log);
	return 0;
}

static void put_at(struct log *log, size_t index, char *line)
{
	memmove(&log->lines[index + 1], &log->lines[index],
		(log->count - index) * sizeof(log->lines[0]));
	log->lines[index] = line;
	log->count++;
}

static void take_out(struct log *log, size_t index, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(log->lines[index + i]);
	memmove(&log->lines[index], &log->lines[index + count],
		(log->count - index - count) * sizeof(log->lines[0]));
	log->count -= count;
}

static void edit(struct log *log, size_t index, const char *from, const char *to)
{
	char *at = strstr(log->lines[index], from);

	assert_non_null(at);
	assert_int_equal(strlen(from), strlen(to));
	memcpy(at, to, strlen(to));
}

/* The findings as text: "changed 7; removed 9 x2; …" with line numbers from 1. */
static const char *verdict_of(const struct log *log, size_t first, const struct sp_chain_head *head)
{
	static char text[512];
	__sp_cleanup(sp_chain_verifier_freep) struct sp_chain_verifier *verifier = NULL;
	static const char *const names[] = {
#define X(id, name) [SP_CHAIN_##id] = name,
		SP_CHAIN_FINDINGS(X)
#undef X
	};
	const struct sp_chain_finding *findings;
	uint64_t total;
	size_t count, used = 0;

	assert_int_equal(sp_chain_verifier_new(&verifier), 0);
	for (size_t i = first; i < log->count; i++)
		assert_int_equal(sp_chain_verifier_feed(verifier, "log", i + 1, log->lines[i],
							strlen(log->lines[i]), true),
				 0);
	assert_int_equal(sp_chain_verifier_finish(verifier, head), 0);
	count = sp_chain_verifier_get_findings(verifier, &findings, &total);
	assert_int_equal(count, total);
	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %d", i ? "; " : "",
					 names[findings[i].kind], (int)findings[i].line);
		if (findings[i].count)
			used += (size_t)snprintf(text + used, sizeof(text) - used, " x%d",
						 (int)findings[i].count);
		if (findings[i].or_next)
			used += (size_t)snprintf(text + used, sizeof(text) - used, " or next");
	}
	return text;
}

static void untouched_log_has_no_finding(void **state)
{
	struct log *log = *state;

	assert_string_equal(verdict_of(log, 0, &log->head), "");
	assert_string_equal(verdict_of(log, 0, NULL), "");
}

static void log_whose_oldest_files_are_gone_is_whole(void **state)
{
	struct log *log = *state;

	assert_string_equal(verdict_of(log, 17, &log->head), "");
}

static void hash_is_that_of_sha256(void **state)
{
	char hex[SP_CHAIN_HEX + 1];

	(void)state;
	sp_chain_hash("abc", 3, hex); /* FIPS 180-4's example */
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void any_one_changed_line_is_named(void **state)
{
	struct log *log = *state;

	for (size_t i = 0; i < LINES; i++) {
		char expected[32];

		snprintf(expected, sizeof(expected), "changed %zu", i + 1);
		edit(log, i, "\"user\":\"ana\"", "\"user\":\"bob\"");
		assert_string_equal(verdict_of(log, 0, &log->head), expected);
		edit(log, i, "\"user\":\"bob\"", "\"user\":\"ana\"");
	}
}

static void changed_number_and_changed_link_are_named(void **state)
{
	struct log *log = *state;

	edit(log, 10, "\"seq\":11,", "\"seq\":77,");
	assert_string_equal(verdict_of(log, 0, &log->head), "changed 11");
	edit(log, 10, "\"seq\":77,", "\"seq\":11,");
	log->lines[20][strlen(log->lines[20]) - 3] ^= 1; /* a hex digit of prev */
	assert_string_equal(verdict_of(log, 0, &log->head), "changed 21");
	log->lines[20][strlen(log->lines[20]) - 3] ^= 1;
	assert_string_equal(verdict_of(log, 0, &log->head), "");
}

static void line_replaced_by_garbage_is_a_changed_one(void **state)
{
	static const char *const garbage[] = { "", "{}", "garbage",
					       "{\"v\":1,\"seq\":9,\"prev\":\"\"}" };
	struct log *log = *state;

	for (size_t i = 0; i < SP_ARRAY_LEN(garbage); i++) {
		free(log->lines[8]);
		log->lines[8] = strdup(garbage[i]);
		assert_string_equal(verdict_of(log, 0, &log->head), "changed 9");
	}
}

static void two_changed_neighbours_are_both_named(void **state)
{
	struct log *log = *state;

	free(log->lines[8]);
	log->lines[8] = strdup("x");
	free(log->lines[9]);
	log->lines[9] = strdup("y");
	assert_string_equal(verdict_of(log, 0, &log->head), "changed 9; changed 10");
}

static void removed_lines_are_counted(void **state)
{
	struct log *log = *state;

	take_out(log, 10, 1);
	assert_string_equal(verdict_of(log, 0, &log->head), "removed 11 x1");
	take_out(log, 20, 5);
	assert_string_equal(verdict_of(log, 0, &log->head), "removed 11 x1; removed 21 x5");
}

static void lines_removed_at_the_start_look_rotated_but_for_the_first_number(void **state)
{
	struct log *log = *state;

	edit(log, 0, "\"prev\":\"0000", "\"prev\":\"1111");
	assert_string_equal(verdict_of(log, 0, &log->head), "changed 1");
}

static void copied_lines_are_inserted_ones(void **state)
{
	struct log *log = *state;

	for (int i = 0; i < 3; i++) /* 5, 6, 7 once more behind 20 */
		put_at(log, 20 + (size_t)i, strdup(log->lines[4 + i]));
	assert_string_equal(verdict_of(log, 0, &log->head), "inserted 21 x3");
}

static void forged_line_with_a_right_link_is_found(void **state)
{
	struct log *log = *state;
	char prev[SP_CHAIN_HEX + 1];

	sp_chain_hash(log->lines[11], strlen(log->lines[11]), prev);
	put_at(log, 12, make_line(13, prev, "mallory"));
	assert_string_equal(verdict_of(log, 0, &log->head), "inserted 13 x1");
}

static void forged_chain_of_lines_is_found(void **state)
{
	struct log *log = *state;

	for (size_t i = 12; i < 17; i++) {
		char prev[SP_CHAIN_HEX + 1];

		sp_chain_hash(log->lines[i - 1], strlen(log->lines[i - 1]), prev);
		put_at(log, i, make_line(i + 1, prev, "mallory"));
	}
	assert_string_equal(verdict_of(log, 0, &log->head), "inserted 13 x5");
}

static void garbage_between_lines_is_inserted(void **state)
{
	struct log *log = *state;

	put_at(log, 12, strdup("hello"));
	assert_string_equal(verdict_of(log, 0, &log->head), "inserted 13 x1");
}

static void cut_off_end_is_seen_against_the_head(void **state)
{
	struct log *log = *state;

	take_out(log, LINES - 3, 3);
	assert_string_equal(verdict_of(log, 0, &log->head), "truncated 37 x3");
	assert_string_equal(verdict_of(log, 0, NULL), ""); /* what a chain alone cannot show */
}

static void emptied_log_is_seen_against_the_head(void **state)
{
	struct log *log = *state;

	take_out(log, 0, LINES);
	assert_string_equal(verdict_of(log, 0, &log->head), "truncated 0 x40");
}

static void rewritten_end_is_seen_against_the_head(void **state)
{
	struct log *log = *state;

	take_out(log, LINES - 2, 2); /* and written anew, links and all */
	extend(log, LINES - 1, "mallory");
	extend(log, LINES, "ana");
	assert_string_equal(verdict_of(log, 0, NULL), "");
	assert_string_equal(verdict_of(log, 0, &log->head), "changed 40");
}

static void break_at_the_end_names_both_sides_without_a_head(void **state)
{
	struct log *log = *state;

	edit(log, LINES - 2, "ana", "bob");
	assert_string_equal(verdict_of(log, 0, NULL), "changed 39 or next");
	assert_string_equal(verdict_of(log, 0, &log->head), "changed 39");
}

static void log_that_grew_since_the_head_is_whole(void **state)
{
	struct log *log = *state;

	extend(log, LINES + 1, "bob");
	assert_string_equal(verdict_of(log, 0, &log->head), "");
}

static void torn_last_line_is_named(void **state)
{
	struct log *log = *state;
	__sp_cleanup(sp_chain_verifier_freep) struct sp_chain_verifier *verifier = NULL;
	const struct sp_chain_finding *findings;
	__sp_free char *text = NULL;
	uint64_t total, first, last;

	assert_int_equal(sp_chain_verifier_new(&verifier), 0);
	for (size_t i = 0; i < LINES; i++)
		sp_chain_verifier_feed(verifier, "audit.jsonl", i + 1, log->lines[i],
				       strlen(log->lines[i]), i + 1 < LINES);
	assert_int_equal(sp_chain_verifier_finish(verifier, NULL), 0);
	assert_int_equal(sp_chain_verifier_get_findings(verifier, &findings, &total), 1);
	assert_int_equal(findings[0].kind, SP_CHAIN_TRUNCATED);
	assert_int_equal(findings[0].seq, LINES);
	assert_int_equal(sp_chain_finding_format(&findings[0], &text), 0);
	assert_string_equal(text, "audit.jsonl:40: the log ends in the middle of this line");
	assert_int_equal(sp_chain_verifier_get_range(verifier, &first, &last), LINES - 1);
	assert_int_equal(first, 1);
	assert_int_equal(last, LINES - 1);
}

static const char *verdict_with(const struct log *log, size_t first,
				const struct sp_chain_head *noted, size_t count)
{
	static char text[200];
	__sp_cleanup(sp_chain_verifier_freep) struct sp_chain_verifier *verifier = NULL;
	const struct sp_chain_finding *findings;
	__sp_free char *told = NULL;
	uint64_t total;

	assert_int_equal(sp_chain_verifier_new(&verifier), 0);
	sp_chain_verifier_expect(verifier, noted, count);
	for (size_t i = first; i < log->count; i++)
		assert_int_equal(sp_chain_verifier_feed(verifier, "log", i + 1, log->lines[i],
							strlen(log->lines[i]), true),
				 0);
	assert_int_equal(sp_chain_verifier_finish(verifier, NULL), 0);
	sp_chain_verifier_get_findings(verifier, &findings, &total);
	assert_true(total <= 1);
	if (total)
		assert_int_equal(sp_chain_finding_format(&findings[0], &told), 0);
	snprintf(text, sizeof(text), "%s", told ? told : "");
	return text;
}

static void log_is_held_to_what_was_noted_of_it(void **state)
{
	struct log *log = *state;
	struct sp_chain_head noted[] = { log->head, { .seq = 3 } };
	struct log empty = { 0 };

	sp_chain_hash(log->lines[2], strlen(log->lines[2]), noted[1].hash);
	assert_string_equal(verdict_with(log, 0, noted, 2), "");
	assert_string_equal(verdict_with(log, 10, noted, 2),
			    ""); /* the third went with an old file */
	noted[1].hash[0] ^= 1;
	assert_string_equal(verdict_with(log, 0, noted, 2),
			    "log:3: this is not the record 3 that was noted when it was written");
	assert_string_equal(verdict_with(&empty, 0, noted, 2),
			    "the log is empty, it should have 40 records");
	take_out(log, LINES - 2, 2);
	assert_string_equal(verdict_with(log, 0, noted, 1),
			    "log:38: the log ends here, 2 records too early");
}

static void findings_are_bounded_and_all_counted(void **state)
{
	__sp_cleanup(sp_chain_verifier_freep) struct sp_chain_verifier *verifier = NULL;
	const struct sp_chain_finding *findings;
	uint64_t total;

	(void)state;
	assert_int_equal(sp_chain_verifier_new(&verifier), 0);
	for (uint64_t i = 0; i < 5000; i++) {
		char line[16];

		snprintf(line, sizeof(line), "x%d", (int)i);
		assert_int_equal(
			sp_chain_verifier_feed(verifier, "log", i + 1, line, strlen(line), true),
			0);
	}
	assert_int_equal(sp_chain_verifier_finish(verifier, NULL), 0);
	assert_int_equal(sp_chain_verifier_get_findings(verifier, &findings, &total), 1000);
	assert_int_equal(total, 5000);
}

/* Whatever one does to a line, something is found, and an untouched log stays clean. */
static void every_single_byte_matters(void **state)
{
	struct log *log = *state;
	size_t len = strlen(log->lines[15]);

	for (size_t i = 0; i < len; i++) {
		char before = log->lines[15][i];

		log->lines[15][i] = before == '7' ? '8' : '7';
		assert_string_equal(verdict_of(log, 0, &log->head), "changed 16");
		log->lines[15][i] = before;
	}
	assert_string_equal(verdict_of(log, 0, &log->head), "");
}

#define with_log(test) cmocka_unit_test_setup_teardown(test, make_log, free_log)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_log(untouched_log_has_no_finding),
		with_log(log_whose_oldest_files_are_gone_is_whole),
		cmocka_unit_test(hash_is_that_of_sha256),
		with_log(any_one_changed_line_is_named),
		with_log(changed_number_and_changed_link_are_named),
		with_log(line_replaced_by_garbage_is_a_changed_one),
		with_log(two_changed_neighbours_are_both_named),
		with_log(removed_lines_are_counted),
		with_log(lines_removed_at_the_start_look_rotated_but_for_the_first_number),
		with_log(copied_lines_are_inserted_ones),
		with_log(forged_line_with_a_right_link_is_found),
		with_log(forged_chain_of_lines_is_found),
		with_log(garbage_between_lines_is_inserted),
		with_log(cut_off_end_is_seen_against_the_head),
		with_log(emptied_log_is_seen_against_the_head),
		with_log(rewritten_end_is_seen_against_the_head),
		with_log(break_at_the_end_names_both_sides_without_a_head),
		with_log(log_that_grew_since_the_head_is_whole),
		with_log(torn_last_line_is_named),
		with_log(log_is_held_to_what_was_noted_of_it),
		cmocka_unit_test(findings_are_bounded_and_all_counted),
		with_log(every_single_byte_matters),
	};

	return cmocka_run_group_tests_name("audit/chain", tests, NULL, NULL);
}
