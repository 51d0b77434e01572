/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readings of a feed: what is taken, what is kept when the file goes wrong, and what a restart finds. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../support/folder.h"
#include "base/units.h"
#include "daemon/facts/feed.h"

struct fixture {
	char dir[TEST_FOLDER_SIZE], path[96], copy[128];
	bool is_first, has_list;
	struct sp_feed_version known;
	struct sp_feed_reading reading; /* the last one */
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->is_first = true;
	assert_non_null(test_folder_make(fixture->dir));
	snprintf(fixture->path, sizeof(fixture->path), "%s/drop.netset", fixture->dir);
	snprintf(fixture->copy, sizeof(fixture->copy), "%s/kept/drop", fixture->dir);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char kept[96];

	sp_feed_reading_done(&fixture->reading);
	snprintf(kept, sizeof(kept), "%s/kept", fixture->dir);
	unlink(fixture->path);
	unlink(fixture->copy);
	rmdir(kept);
	assert_int_equal(rmdir(fixture->dir), 0);
	free(fixture);
	return 0;
}

/* As whoever fetches a feed does it; @age_s: so long ago. */
static void write_feed(const struct fixture *fixture, const char *text, time_t age_s)
{
	const time_t then = time(NULL) - age_s;
	const struct timespec times[2] = { { .tv_sec = then }, { .tv_sec = then } };
	FILE *file = fopen(fixture->path, "w");

	assert_non_null(file);
	assert_int_equal(fputs(text, file) < 0, 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(utimensat(AT_FDCWD, fixture->path, times, 0), 0);
}

static const struct sp_feed_reading *read_feed(struct fixture *fixture)
{
	struct sp_feed_reading *reading = &fixture->reading;

	sp_feed_reading_done(reading);
	reading->path = strdup(fixture->path);
	reading->copy = strdup(fixture->copy);
	reading->is_first = fixture->is_first;
	reading->has_list = fixture->has_list;
	reading->known = fixture->known;
	assert_int_equal(sp_feed_read(reading), 0);
	fixture->is_first = false;
	fixture->known = reading->version;
	fixture->has_list |= reading->list.count > 0;
	return reading;
}

static void restart(struct fixture *fixture)
{
	fixture->has_list = false;
	fixture->is_first = true;
}

static void a_file_is_read_once(void **state)
{
	const struct sp_feed_reading *reading;

	write_feed(*state, "192.0.2.0/24\n", 100);
	reading = read_feed(*state);
	assert_true(reading->is_new);
	assert_int_equal(reading->state, SP_FEED_GOOD);
	assert_int_equal(reading->list.count, 1);
	assert_string_equal(reading->fault, "");
	reading = read_feed(*state);
	assert_false(reading->is_new);
	assert_int_equal(reading->list.count, 0);
}

static void the_same_list_has_the_same_hash(void **state)
{
	uint8_t hash[32];

	write_feed(*state, "192.0.2.0/24\n10.0.0.0/8\n", 100);
	memcpy(hash, read_feed(*state)->list.hash, sizeof(hash));
	write_feed(*state, "# newer\n10.0.0.0/8\n192.0.2.0/24\n192.0.2.7\n", 50);
	assert_memory_equal(read_feed(*state)->list.hash, hash, sizeof(hash));
	write_feed(*state, "10.0.0.0/8\n192.0.2.0/25\n", 20);
	assert_memory_not_equal(read_feed(*state)->list.hash, hash, sizeof(hash));
}

static void what_goes_wrong_gives_no_list(void **state)
{
	static const struct {
		const char *text;
		enum sp_feed_state state;
		const char *fault;
	} cases[] = {
		{ "# nothing\n", SP_FEED_EMPTIED, "it holds no prefix" },
		{ "", SP_FEED_EMPTIED, "it holds no prefix" },
		{ "<html>\n", SP_FEED_GARBAGE,
		  "1 of 1 lines cannot be read, so it is not taken; line 1: \"<html>\" is neither "
		  "an address nor a prefix" },
	};
	struct fixture *fixture = *state;

	write_feed(fixture, "192.0.2.0/24\n", 100);
	read_feed(fixture);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sp_feed_reading *reading;

		write_feed(fixture, cases[i].text, 50 - (time_t)i);
		reading = read_feed(fixture);
		assert_true(reading->is_new);
		assert_int_equal(reading->state, cases[i].state);
		assert_string_equal(reading->fault, cases[i].fault);
		assert_int_equal(reading->list.count, 0);
	}
	unlink(fixture->path);
	assert_int_equal(read_feed(fixture)->state, SP_FEED_GONE);
	assert_int_equal(fixture->reading.list.count, 0);
	assert_false(read_feed(fixture)->is_new);
}

static void a_few_bad_lines_are_named(void **state)
{
	const struct sp_feed_reading *reading;
	char text[512] = "";

	for (int i = 0; i < 12; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "192.0.2.%d\n", 2 * i);
	strcat(text, "192.0.2.1/24\n");
	write_feed(*state, text, 10);
	reading = read_feed(*state);
	assert_int_equal(reading->state, SP_FEED_GOOD);
	assert_int_equal(reading->list.count, 12);
	assert_int_equal(reading->bad, 1);
	assert_string_equal(reading->fault,
			    "1 of 13 lines cannot be read; line 13: \"192.0.2.1/24\" "
			    "has host bits set: 192.0.2.0/24 is the network");
}

static void a_restart_finds_the_last_good_list(void **state)
{
	struct fixture *fixture = *state;
	const struct sp_feed_reading *reading;
	int64_t modified_ns;

	write_feed(fixture, "192.0.2.0/24\n", 7200);
	modified_ns = read_feed(fixture)->list.modified_ns;
	write_feed(fixture, "<html>\n", 10);
	read_feed(fixture);
	restart(fixture);
	reading = read_feed(fixture);
	assert_int_equal(reading->state, SP_FEED_GARBAGE);
	assert_int_equal(reading->list.count, 1);
	assert_int_equal(reading->list.modified_ns, modified_ns);
	unlink(fixture->path);
	restart(fixture);
	reading = read_feed(fixture);
	assert_int_equal(reading->state, SP_FEED_GONE);
	assert_int_equal(reading->list.count, 1);
	assert_int_equal(reading->list.modified_ns, modified_ns);
}

static void a_folder_is_no_feed(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(mkdir(fixture->path, 0700), 0);
	assert_int_equal(read_feed(fixture)->state, SP_FEED_GONE);
	assert_string_not_equal(fixture->reading.fault, "");
	assert_int_equal(rmdir(fixture->path), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_read_once),
		TEST(the_same_list_has_the_same_hash),
		TEST(what_goes_wrong_gives_no_list),
		TEST(a_few_bad_lines_are_named),
		TEST(a_restart_finds_the_last_good_list),
		TEST(a_folder_is_no_feed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
