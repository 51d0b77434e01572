/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "../../../support/folder.h"
#include "daemon/store/store.h"
#include "net/addr.h"

struct fixture {
	char dir[TEST_FOLDER_SIZE];
	char path[96];
	struct sp_store *store;
	char *moved;
	bool is_new;
	char error[256];
};

static void reopen(struct fixture *fixture)
{
	if (fixture->store)
		sp_store_close(fixture->store);
	fixture->store = NULL;
	free(fixture->moved);
	fixture->moved = NULL;
	assert_int_equal(sp_store_open(fixture->path, &fixture->store, &fixture->moved,
				       &fixture->is_new, fixture->error),
			 0);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(test_folder_make(fixture->dir));
	snprintf(fixture->path, sizeof(fixture->path), "%s/test.db", fixture->dir);
	reopen(fixture);
	assert_true(fixture->is_new);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char command[128];

	sp_store_close(fixture->store);
	free(fixture->moved);
	snprintf(command, sizeof(command), "rm -rf '%s'", fixture->dir);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

static struct sp_addr addr(const char *text)
{
	struct sp_addr parsed;

	assert_int_equal(sp_addr_parse(text, &parsed), 0);
	return parsed;
}

static void a_rule_keeps_its_number_for_good(void **state)
{
	struct fixture *fixture = *state;
	uint32_t git, payroll, again;
	char *name = NULL;

	assert_int_equal(sp_store_rule_number(fixture->store, "git", &git), 0);
	assert_int_equal(sp_store_rule_number(fixture->store, "payroll", &payroll), 0);
	assert_int_not_equal(git, payroll);
	assert_true(git >= 1 && payroll < SP_RULE_MAX);
	reopen(fixture);
	assert_false(fixture->is_new);
	assert_int_equal(sp_store_rule_number(fixture->store, "git", &again), 0);
	assert_int_equal(again, git);
	assert_int_equal(sp_store_rule_name(fixture->store, payroll, &name), 0);
	assert_string_equal(name, "payroll");
	free(name);
	assert_int_equal(sp_store_rule_name(fixture->store, 4000, &name), -ENOENT);
}

static void rule_numbers_run_out_by_name(void **state)
{
	struct fixture *fixture = *state;
	uint32_t number = 0, last = 0;
	char name[32];
	int r = 0;

	assert_int_equal(sp_store_begin(fixture->store), 0);
	for (uint32_t i = 0; i < SP_RULE_MAX && r == 0; i++) {
		snprintf(name, sizeof(name), "rule-%u", i);
		r = sp_store_rule_number(fixture->store, name, &number);
		if (r == 0)
			last = number;
	}
	assert_int_equal(sp_store_commit(fixture->store), 0);
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(last, SP_RULE_MAX - 1);
}

static void epochs_are_never_reused(void **state)
{
	struct fixture *fixture = *state;
	uint64_t first, second, third;

	assert_int_equal(sp_store_next_epoch(fixture->store, &first), 0);
	assert_int_equal(sp_store_next_epoch(fixture->store, &second), 0);
	reopen(fixture);
	assert_int_equal(sp_store_next_epoch(fixture->store, &third), 0);
	assert_true(first >
		    1600000000000000000ull); /* a lost database starts later than this one did */
	assert_true(second == first + 1 && third == second + 1);
}

static void put_revision(struct sp_store *store, uint64_t number, uint8_t generation,
			 const char *text, bool is_apply)
{
	struct sp_store_revision row = {
		.number = number, .time_ns = 5, .who = "root (uid 0)", .rules = 3
	};
	const struct sp_file files[] = {
		{ .path = "policy.yaml", .text = (char *)text, .text_len = strlen(text) },
		{ .path = "roles.yaml", .text = "", .text_len = 0 },
		{ .path = "nets/lab.yaml", .text = "a\0b", .text_len = 3 },
	};

	memset(row.generation, generation, 32);
	assert_int_equal(sp_store_put_revision(store, &row, files, is_apply ? 3 : 0), 0);
}

static void check_files(struct sp_store *store, const uint8_t generation[32], const char *text)
{
	struct sp_files files;

	assert_int_equal(sp_store_get_files(store, generation, &files), 0);
	assert_int_equal(files.count, 3);
	assert_string_equal(files.list[0].path, "policy.yaml");
	assert_string_equal(files.list[0].text, text);
	assert_string_equal(files.list[1].path, "roles.yaml");
	assert_int_equal(files.list[1].text_len, 0);
	assert_string_equal(files.list[2].path, "nets/lab.yaml");
	assert_int_equal(files.list[2].text_len, 3);
	assert_memory_equal(files.list[2].text, "a\0b", 4);
	sp_files_done(&files);
}

static int count_apply(void *arg, const struct sp_store_revision *revision)
{
	uint64_t *numbers = arg;

	numbers[++numbers[0]] = revision->number;
	return 0;
}

static void only_a_confirmed_revision_is_what_a_boot_loads(void **state)
{
	struct fixture *fixture = *state;
	struct sp_store_revision row;
	struct sp_files files;
	uint64_t numbers[8] = { 0 };
	uint8_t generation[32];

	assert_int_equal(sp_store_last_confirmed(fixture->store, &row), -ENOENT);
	put_revision(fixture->store, 1, 0xaa, "first", true);
	assert_int_equal(sp_store_confirm_revision(fixture->store, 1), 0);
	put_revision(fixture->store, 2, 0xaa, "", false); /* the machine changed: the same text */
	assert_int_equal(sp_store_confirm_revision(fixture->store, 2), 0);
	put_revision(fixture->store, 3, 0xbb, "second\0", true); /* never switched to */
	reopen(fixture);
	assert_int_equal(sp_store_last_confirmed(fixture->store, &row), 0);
	assert_int_equal(row.number, 2);
	assert_string_equal(row.path, "policy.yaml");
	check_files(fixture->store, row.generation, "first");
	memset(generation, 0xcc, sizeof(generation));
	assert_int_equal(sp_store_get_files(fixture->store, generation, &files), -ENOENT);
	sp_store_revision_done(&row);
	assert_int_equal(sp_store_get_revision(fixture->store, 3, &row), 0);
	assert_false(row.is_switched || row.is_confirmed);
	sp_store_revision_done(&row);
	assert_int_equal(sp_store_each_apply(fixture->store, 20, count_apply, numbers), 0);
	assert_int_equal(numbers[0], 1);
	assert_int_equal(numbers[1], 1);
	assert_int_equal(sp_store_find_generation(fixture->store, "bbbbbbbbbbbb", generation), 0);
	assert_int_equal(generation[31], 0xbb);
	assert_int_equal(sp_store_find_generation(fixture->store, "cccccccccccc", generation),
			 -ENOENT);
}

static struct sp_device device_of(uint8_t key, const char *name, const char *user,
				  const char *address)
{
	struct sp_device device = { .name = (char *)name,
				    .user = (char *)user,
				    .idp = "corp",
				    .subject = (char *)user,
				    .has_address = { true, false } };

	memset(device.public_key, key, 32);
	memset(device.preshared_key, key ^ 0xff, 32);
	device.addresses[0] = addr(address);
	return device;
}

static int keep_device(void *arg, struct sp_device *device)
{
	struct sp_device *kept = arg;

	*kept = *device;
	*device = (struct sp_device){ 0 };
	return 0;
}

static void a_key_and_a_name_and_an_address_belong_to_one_device(void **state)
{
	struct fixture *fixture = *state;
	struct sp_device ana = device_of(1, "laptop", "ana", "100.64.0.2"), kept = { 0 };
	struct sp_device same_key = device_of(1, "phone", "bob", "100.64.0.3");
	struct sp_device same_name = device_of(2, "laptop", "ana", "100.64.0.3");
	struct sp_device same_address = device_of(3, "laptop", "bob", "100.64.0.2");
	struct sp_device bob = device_of(4, "laptop", "bob", "100.64.0.4");

	assert_int_equal(sp_store_add_device(fixture->store, &ana), 0);
	assert_int_equal(sp_store_add_device(fixture->store, &same_key), -EEXIST);
	assert_int_equal(sp_store_add_device(fixture->store, &same_name), -EEXIST);
	assert_int_equal(sp_store_add_device(fixture->store, &same_address), -EEXIST);
	reopen(fixture);
	assert_int_equal(sp_store_each_device(fixture->store, keep_device, &kept), 0);
	assert_string_equal(kept.name, "laptop");
	assert_string_equal(kept.subject, "ana");
	assert_memory_equal(kept.preshared_key, ana.preshared_key, 32);
	assert_true(kept.has_address[0] && !kept.has_address[1]);
	assert_memory_equal(&kept.addresses[0], &ana.addresses[0], 16);
	sp_device_done(&kept);
	assert_int_equal(sp_store_add_device(fixture->store, &bob), 0);
}

static int count_held(void *arg, const struct sp_addr *held)
{
	(void)held;
	++*(int *)arg;
	return 0;
}

static int held_for(struct sp_store *store, int64_t now_ns, const char *subject)
{
	int count = 0;

	assert_int_equal(sp_store_each_held(store, now_ns, "corp", subject, count_held, &count), 0);
	return count;
}

static void a_removed_device_holds_its_address_against_others(void **state)
{
	struct fixture *fixture = *state;
	struct sp_device ana = device_of(1, "laptop", "ana", "100.64.0.2");

	assert_int_equal(sp_store_add_device(fixture->store, &ana), 0);
	assert_int_equal(sp_store_remove_device(fixture->store, &ana, 1000), 0);
	assert_int_equal(held_for(fixture->store, 999, "bob"), 1);
	assert_int_equal(held_for(fixture->store, 999, "ana"), 0);
	assert_int_equal(held_for(fixture->store, 1000, "bob"), 0);
	assert_int_equal(sp_store_forget(fixture->store, 2000), 0);
	assert_int_equal(held_for(fixture->store, 0, "bob"), 0);
}

static struct sp_session_row row_of(uint64_t epoch, uint32_t slot, int64_t opened_ns)
{
	struct sp_session_row row = { .slot = slot,
				      .epoch = epoch,
				      .idp = "corp",
				      .subject = "ana",
				      .user = "ana",
				      .groups = "[\"eng\"]",
				      .roles = "[\"engineer\"]",
				      .device = "laptop",
				      .has_address = { true, true },
				      .opened_ns = opened_ns,
				      .expires_ns = opened_ns + 10 };

	row.addresses[0] = addr("100.64.0.2");
	row.addresses[1] = addr("fd00:64::2");
	return row;
}

static int collect_ids(void *arg, struct sp_session_row *row)
{
	uint64_t *ids = arg;

	ids[++ids[0]] = row->id;
	return 0;
}

static void sessions_are_read_back_and_closed_ones_only_while_asked_for(void **state)
{
	struct fixture *fixture = *state;
	struct sp_session_row first = row_of(100, 1, 10), second = row_of(101, 2, 20), read;
	uint64_t ids[8] = { 0 };

	assert_int_equal(sp_store_add_session(fixture->store, &first), 0);
	assert_int_equal(sp_store_add_session(fixture->store, &second), 0);
	assert_true(second.id > first.id);
	assert_int_equal(sp_store_close_session(fixture->store, first.id, 500, "revoked"), 0);
	reopen(fixture);
	assert_int_equal(sp_store_each_session(fixture->store, 501, collect_ids, ids), 0);
	assert_int_equal(ids[0], 1);
	assert_int_equal(ids[1], second.id);
	ids[0] = 0;
	assert_int_equal(sp_store_each_session(fixture->store, 500, collect_ids, ids), 0);
	assert_int_equal(ids[0], 2);
	assert_int_equal(sp_store_session_of_epoch(fixture->store, 100, &read), 0);
	assert_string_equal(read.why, "revoked");
	assert_string_equal(read.groups, "[\"eng\"]");
	assert_int_equal(read.slot, 1);
	assert_memory_equal(&read.addresses[1], &first.addresses[1], 16);
	sp_session_row_done(&read);
	assert_int_equal(sp_store_session_of_epoch(fixture->store, 99, &read), -ENOENT);
	assert_int_equal(sp_store_forget(fixture->store, 501), 0);
	assert_int_equal(sp_store_session_of_epoch(fixture->store, 100, &read), -ENOENT);
}

static int keep_row(void *arg, struct sp_session_row *row)
{
	struct sp_session_row *kept = arg;

	*kept = *row;
	*row = (struct sp_session_row){ 0 };
	return 0;
}

static void what_changes_while_a_session_is_open_is_kept_and_its_refresh_goes_with_it(void **state)
{
	struct fixture *fixture = *state;
	struct sp_session_row row = row_of(100, 1, 10), read = { 0 };

	row.since_ns = 10;
	row.warn_s = 300;
	row.replaces = 7;
	row.refresh = "sealed";
	assert_int_equal(sp_store_add_session(fixture->store, &row), 0);
	row.groups = "[\"eng\",\"dba\"]";
	row.roles = "[\"dba\"]";
	row.since_ns = 20;
	row.expires_ns = 30;
	row.idle_s = 60;
	row.warn_s = 5;
	row.has_own_max = true;
	row.refresh = "sealed again";
	row.ending = "unconfirmed";
	row.full_ns = 90;
	assert_int_equal(sp_store_change_session(fixture->store, &row), 0);
	reopen(fixture);
	assert_int_equal(sp_store_each_session(fixture->store, 1, keep_row, &read), 0);
	assert_string_equal(read.groups, row.groups);
	assert_string_equal(read.roles, row.roles);
	assert_int_equal(read.since_ns, 20);
	assert_int_equal(read.expires_ns, 30);
	assert_int_equal(read.idle_s, 60);
	assert_int_equal(read.warn_s, 5);
	assert_int_equal(read.replaces, 7);
	assert_true(read.has_own_max && !read.has_own_idle);
	assert_string_equal(read.refresh, "sealed again");
	assert_string_equal(read.ending, "unconfirmed");
	assert_int_equal(read.full_ns, 90);
	sp_session_row_done(&read);
	assert_int_equal(sp_store_close_session(fixture->store, row.id, 40, "revoked"), 0);
	assert_int_equal(sp_store_session_of_epoch(fixture->store, 100, &read), 0);
	assert_null(read.refresh);
	sp_session_row_done(&read);
}

static void run_sql(struct fixture *fixture, const char *sql)
{
	sqlite3 *db = NULL;
	char *error = NULL;

	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
	sqlite3_close(db);
}

/* Of the database with this at the end of its name. */
static int read_version(const struct fixture *fixture, const char *suffix)
{
	sqlite3_stmt *statement = NULL;
	sqlite3 *db = NULL;
	char path[4096];
	int version;

	snprintf(path, sizeof(path), "%s%s", fixture->path, suffix);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	version = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return version;
}

static void a_database_of_a_newer_version_is_refused_and_left_alone(void **state)
{
	struct fixture *fixture = *state;
	__sp_free char *moved = NULL;
	char error[256] = "";
	bool is_new;

	sp_store_close(fixture->store);
	fixture->store = NULL;
	run_sql(fixture, "PRAGMA user_version = 99;");
	assert_int_equal(sp_store_open(fixture->path, &fixture->store, &moved, &is_new, error),
			 -EPROTONOSUPPORT);
	assert_null(moved);
	assert_non_null(strstr(error, "schema 99"));
	assert_non_null(strstr(error, "sallyport restore"));
	assert_int_equal(read_version(fixture, ""), 99);
}

/* Lengths were an administrator's then: no role may shorten them afterwards. */
/* A policy was one text; it is one file of its generation now. */
static void check_brought_up_policy(struct sp_store *store)
{
	struct sp_store_revision row;
	struct sp_files files;

	assert_int_equal(sp_store_last_confirmed(store, &row), 0);
	assert_int_equal(row.number, 7);
	assert_string_equal(row.path, "policy.yaml");
	assert_int_equal(sp_store_get_files(store, row.generation, &files), 0);
	assert_int_equal(files.count, 1);
	assert_string_equal(files.list[0].path, "policy.yaml");
	assert_string_equal(files.list[0].text, "sally");
	sp_files_done(&files);
	sp_store_revision_done(&row);
}

static void a_database_of_the_first_schema_is_brought_up(void **state)
{
	struct fixture *fixture = *state;
	struct sp_device device = device_of(1, "laptop", "ana", "100.64.0.2"), kept = { 0 };
	struct sp_session_row row = row_of(100, 1, 10), read = { 0 };

	device.proven_ns = 5;
	assert_int_equal(sp_store_add_session(fixture->store, &row), 0);
	assert_int_equal(sp_store_add_device(fixture->store, &device), 0);
	sp_store_close(fixture->store);
	fixture->store = NULL;
	run_sql(fixture,
		"DROP TABLE file;"
		"ALTER TABLE generation ADD COLUMN path TEXT NOT NULL DEFAULT '';"
		"ALTER TABLE generation ADD COLUMN text BLOB NOT NULL DEFAULT '';"
		"INSERT INTO generation VALUES(zeroblob(32), 'policy.yaml', x'73616c6c79');"
		"INSERT INTO generation VALUES(randomblob(32), 'empty.yaml', x'');"
		"INSERT INTO revision VALUES(7, zeroblob(32), 5, 'root', 3, 1, 1, 1);"
		"ALTER TABLE device DROP COLUMN proven_ns;"
		"ALTER TABLE session DROP COLUMN since_ns;"
		"ALTER TABLE session DROP COLUMN warn_s;"
		"ALTER TABLE session DROP COLUMN own;"
		"ALTER TABLE session DROP COLUMN replaces;"
		"ALTER TABLE session DROP COLUMN refresh;"
		"ALTER TABLE session DROP COLUMN ending;"
		"ALTER TABLE session DROP COLUMN full_ns;"
		"ALTER TABLE session DROP COLUMN boot_ns;"
		"DROP TABLE ban;DROP TABLE hit;PRAGMA user_version = 1;");
	reopen(fixture);
	assert_false(fixture->is_new);
	assert_null(fixture->moved);
	assert_int_equal(read_version(fixture, ".schema-1"), 1); /* kept for the way back */
	assert_int_equal(sp_store_session_of_epoch(fixture->store, 100, &read), 0);
	assert_int_equal(read.id, row.id);
	assert_int_equal(read.since_ns, row.opened_ns);
	assert_int_equal(read.warn_s, 600);
	assert_true(read.has_own_max && read.has_own_idle);
	assert_int_equal(read.replaces, 0);
	assert_null(read.refresh);
	assert_int_equal(read.boot_ns, 0); /* not known, and so never awaited */
	sp_session_row_done(&read);
	/* nobody had shown to have their private key then */
	assert_int_equal(sp_store_each_device(fixture->store, keep_device, &kept), 0);
	assert_string_equal(kept.name, "laptop");
	assert_int_equal(kept.proven_ns, 0);
	assert_int_equal(sp_store_prove_device(fixture->store, kept.public_key, 7), 0);
	sp_device_done(&kept);
	assert_int_equal(sp_store_each_device(fixture->store, keep_device, &kept), 0);
	assert_int_equal(kept.proven_ns, 7);
	sp_device_done(&kept);
	check_brought_up_policy(fixture->store);
}

static void a_database_of_a_later_version_is_refused_and_left_alone(void **state)
{
	struct fixture *fixture = *state;

	sp_store_close(fixture->store);
	fixture->store = NULL;
	run_sql(fixture, "PRAGMA user_version = 99;");
	assert_int_equal(sp_store_open(fixture->path, &fixture->store, &fixture->moved,
				       &fixture->is_new, fixture->error),
			 -EPROTONOSUPPORT);
	assert_non_null(strstr(fixture->error, "99"));
	assert_null(fixture->moved);
}

static void session_ids_are_not_reused_after_forgetting(void **state)
{
	struct fixture *fixture = *state;
	struct sp_session_row first = row_of(100, 1, 10), second = row_of(101, 1, 20);

	assert_int_equal(sp_store_add_session(fixture->store, &first), 0);
	assert_int_equal(sp_store_close_session(fixture->store, first.id, 5, "revoked"), 0);
	assert_int_equal(sp_store_forget(fixture->store, 10), 0);
	reopen(fixture);
	assert_int_equal(sp_store_add_session(fixture->store, &second), 0);
	assert_true(second.id > first.id);
}

static void a_cancelled_transaction_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct sp_session_row row = row_of(100, 1, 10), read;

	assert_int_equal(sp_store_begin(fixture->store), 0);
	assert_int_equal(sp_store_add_session(fixture->store, &row), 0);
	sp_store_cancel(fixture->store);
	assert_int_equal(sp_store_session_of_epoch(fixture->store, 100, &read), -ENOENT);
	sp_store_cancel(fixture->store); /* none open: no harm */
}

/* What a SIGKILL leaves: the work of committed transactions, nothing of an open one. */
static void a_killed_writer_leaves_what_was_committed(void **state)
{
	struct fixture *fixture = *state;
	struct sp_session_row read;
	pid_t child;
	int status;

	sp_store_close(fixture->store);
	fixture->store = NULL;
	child = fork();
	if (child == 0) {
		struct sp_session_row first = row_of(100, 1, 10), second = row_of(101, 2, 10);

		reopen(fixture);
		sp_store_add_session(fixture->store, &first);
		sp_store_begin(fixture->store);
		sp_store_add_session(fixture->store, &second);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	reopen(fixture);
	assert_null(fixture->moved);
	assert_int_equal(sp_store_session_of_epoch(fixture->store, 100, &read), 0);
	sp_session_row_done(&read);
	assert_int_equal(sp_store_session_of_epoch(fixture->store, 101, &read), -ENOENT);
}

static void overwrite(const char *path, off_t offset, const char *bytes)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, strlen(bytes), offset), (ssize_t)strlen(bytes));
	close(fd);
}

static void a_damaged_database_is_named_and_moved_aside(void **state)
{
	struct fixture *fixture = *state;
	struct sp_session_row row = row_of(100, 1, 10), read;
	struct stat st;

	assert_int_equal(sp_store_add_session(fixture->store, &row), 0);
	sp_store_close(fixture->store); /* folds the log into the file */
	fixture->store = NULL;
	overwrite(fixture->path, 0, "this is no database at all, it never was one");
	reopen(fixture);
	assert_non_null(fixture->moved);
	assert_true(fixture->is_new);
	assert_true(strlen(fixture->error) > 0);
	assert_int_equal(stat(fixture->moved, &st), 0);
	assert_int_equal(sp_store_session_of_epoch(fixture->store, 100, &read), -ENOENT);
}

static void a_page_damaged_inside_is_found_too(void **state)
{
	struct fixture *fixture = *state;
	char noise[4097];

	sp_store_close(fixture->store);
	fixture->store = NULL;
	memset(noise, 'x', 4096);
	noise[4096] = '\0';
	overwrite(fixture->path, 4096, noise);
	reopen(fixture);
	assert_non_null(fixture->moved);
	assert_true(fixture->is_new);
}

static void the_database_is_not_readable_by_others(void **state)
{
	struct fixture *fixture = *state;
	struct stat st;

	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_rule_keeps_its_number_for_good),
		TEST(rule_numbers_run_out_by_name),
		TEST(epochs_are_never_reused),
		TEST(only_a_confirmed_revision_is_what_a_boot_loads),
		TEST(a_key_and_a_name_and_an_address_belong_to_one_device),
		TEST(a_removed_device_holds_its_address_against_others),
		TEST(sessions_are_read_back_and_closed_ones_only_while_asked_for),
		TEST(what_changes_while_a_session_is_open_is_kept_and_its_refresh_goes_with_it),
		TEST(a_database_of_the_first_schema_is_brought_up),
		TEST(a_database_of_a_newer_version_is_refused_and_left_alone),
		TEST(a_database_of_a_later_version_is_refused_and_left_alone),
		TEST(session_ids_are_not_reused_after_forgetting),
		TEST(a_cancelled_transaction_leaves_nothing),
		TEST(a_killed_writer_leaves_what_was_committed),
		TEST(a_damaged_database_is_named_and_moved_aside),
		TEST(a_page_damaged_inside_is_found_too),
		TEST(the_database_is_not_readable_by_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
