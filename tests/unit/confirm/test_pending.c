/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../io/scratch.h"
#include "confirm/pending.h"
#include "io/files/files.h"

static struct sp_paths paths;

static int make_root(void **state)
{
	if (scratch_make(state) < 0 || sp_paths_init(&paths, *state) < 0)
		return -1;
	return sp_dir_make(paths.run_dir, 0755);
}

static int remove_root(void **state)
{
	sp_paths_done(&paths);
	return scratch_remove(state);
}

/* Each test begins without a file of any state. */
static int forget_all(void **state)
{
	(void)state;
	for (enum sp_pending_state at = SP_PENDING_OPEN; at <= SP_PENDING_CONFIRMED; at++)
		if (sp_pending_end(&paths, at) < 0)
			return -1;
	return 0;
}

static struct sp_pending example(void)
{
	char why[80];
	struct sp_pending pending = {
		.revision = 8,
		.former = 7,
		.generation = "0123456789ab",
		.former_generation = "ba9876543210",
		.begun_ns = 5000000001,
		.deadline_ns = 65000000001,
		.boot_id = "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
		.who = "ana (uid 1000)",
		.target_count = 2,
		.is_confirmed_by_targets = true,
	};

	assert_int_equal(sp_target_parse("tcp:10.30.0.1:443", &pending.targets[0], why), 0);
	assert_int_equal(sp_target_parse("tcp:[2001:db8::1]:22", &pending.targets[1], why), 0);
	return pending;
}

static void assert_state(enum sp_pending_state expected)
{
	enum sp_pending_state found;
	struct sp_pending pending;
	char why[80];

	assert_int_equal(sp_pending_read(&paths, &found, &pending, why), 0);
	assert_string_equal(sp_pending_state_name(found), sp_pending_state_name(expected));
}

static void what_is_written_is_read_again(void **state)
{
	const struct sp_pending written = example();
	enum sp_pending_state found;
	struct sp_pending pending;
	char why[80];

	(void)state;
	assert_state(SP_PENDING_NONE);
	assert_int_equal(sp_pending_begin(&paths, &written), 0);
	assert_int_equal(sp_pending_read(&paths, &found, &pending, why), 0);
	assert_int_equal(found, SP_PENDING_OPEN);
	assert_int_equal(pending.revision, 8);
	assert_int_equal(pending.former, 7);
	assert_string_equal(pending.generation, written.generation);
	assert_string_equal(pending.former_generation, written.former_generation);
	assert_int_equal(pending.begun_ns, written.begun_ns);
	assert_int_equal(pending.deadline_ns, written.deadline_ns);
	assert_string_equal(pending.boot_id, written.boot_id);
	assert_string_equal(pending.who, written.who);
	assert_int_equal(pending.target_count, 2);
	assert_memory_equal(pending.targets, written.targets, sizeof(written.targets));
	assert_true(pending.is_confirmed_by_targets);
}

static void of_two_who_end_it_one_does(void **state)
{
	const struct sp_pending written = example();

	(void)state;
	assert_int_equal(sp_pending_begin(&paths, &written), 0);
	assert_int_equal(sp_pending_move(&paths, SP_PENDING_OPEN, SP_PENDING_CONFIRMED), 0);
	assert_int_equal(sp_pending_move(&paths, SP_PENDING_OPEN, SP_PENDING_REVERTING), -ENOENT);
	assert_state(SP_PENDING_CONFIRMED);
	assert_int_equal(sp_pending_end(&paths, SP_PENDING_CONFIRMED), 0);
	assert_state(SP_PENDING_NONE);
}

static void none_begins_before_the_last_has_ended(void **state)
{
	static const enum sp_pending_state way[] = { SP_PENDING_OPEN, SP_PENDING_REVERTING,
						     SP_PENDING_REVERTED };
	const struct sp_pending written = example();

	(void)state;
	assert_int_equal(sp_pending_begin(&paths, &written), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_state(way[i]);
		assert_int_equal(sp_pending_begin(&paths, &written), -EEXIST);
		if (i < 2)
			assert_int_equal(sp_pending_move(&paths, way[i], way[i + 1]), 0);
	}
	assert_int_equal(sp_pending_end(&paths, SP_PENDING_REVERTED), 0);
	assert_int_equal(sp_pending_begin(&paths, &written), 0);
}

/* A file that is not one of these still tells its state: what it stands for is not forgotten. */
static void assert_refused(const char *text)
{
	enum sp_pending_state found = SP_PENDING_NONE;
	struct sp_pending pending;
	char why[80];

	assert_int_equal(sp_file_replace(paths.pending_file, text, strlen(text), 0600, SP_UID_KEEP,
					 SP_GID_KEEP),
			 0);
	assert_int_equal(sp_pending_read(&paths, &found, &pending, why), -EBADMSG);
	assert_int_equal(found, SP_PENDING_OPEN);
	assert_true(why[0] != '\0');
}

#define HEAD "{\"revision\":8,\"generation\":\"a\",\"former\":"
#define TIMES ",\"former_generation\":\"b\",\"begun_boot_ns\":5,\"deadline_boot_ns\":"
#define TAIL ",\"boot_id\":\"c\",\"who\":\"ana\",\"probes_confirm\":false,\"probes\":"

static void a_file_of_another_kind_is_refused(void **state)
{
	(void)state;
	assert_refused("");
	assert_refused("{}");
	assert_refused(HEAD "0" TIMES "6" TAIL "[]}");
	assert_refused(HEAD "8" TIMES "6" TAIL "[]}");
	assert_refused(HEAD "7" TIMES "4" TAIL "[]}");
	assert_refused(HEAD "7" TIMES "6" TAIL "{}}");
	assert_refused(HEAD "7" TIMES "6" TAIL "[7]}");
	assert_refused(HEAD "7" TIMES "6" TAIL "[\"tcp:here:1\"]}");
	assert_refused(HEAD "7" TIMES "6" TAIL "[],\"more\":1}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_written_is_read_again, forget_all),
		cmocka_unit_test_setup(of_two_who_end_it_one_does, forget_all),
		cmocka_unit_test_setup(none_begins_before_the_last_has_ended, forget_all),
		cmocka_unit_test_setup(a_file_of_another_kind_is_refused, forget_all),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
