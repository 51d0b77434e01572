/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/array.h"
#include "io/files/files.h"
#include "io/uapi/peers_file.h"
#include "net/addr.h"
#include "../scratch.h"

#define KEY_A "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
#define KEY_B "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2"
#define KEY_C "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static const char whole_file[] = "set=1\n"
				 "private_key=" KEY_A "\n"
				 "listen_port=51820\n"
				 "replace_peers=true\n"
				 "# expires=1795230600 name=Ana's laptop name=x\n"
				 "public_key=" KEY_B "\n"
				 "preshared_key=" KEY_C "\n"
				 "endpoint=192.0.2.9:40000\n"
				 "persistent_keepalive_interval=25\n"
				 "replace_allowed_ips=true\n"
				 "allowed_ip=100.64.0.7/32\n"
				 "allowed_ip=fd00:64::7/128\n"
				 "# expires=0 name=backup-bot\n"
				 "public_key=" KEY_C "\n"
				 "preshared_key=" ZEROS "\n"
				 "persistent_keepalive_interval=0\n"
				 "replace_allowed_ips=true\n"
				 "\n";

static void file_is_written_as_it_is_read(void **state)
{
	const char *path = scratch_path(state, "peers.conf");
	__sp_peers struct sp_peers peers = { 0 }, again = { 0 };
	__sp_free char *text = NULL;
	struct stat st;
	size_t len;

	assert_int_equal(sp_peers_parse(whole_file, strlen(whole_file), &peers, NULL), 0);
	assert_int_equal(peers.count, 2);
	assert_true(peers.has_private_key);
	assert_int_equal(peers.listen_port, 51820);
	assert_string_equal(peers.entries[0].name, "Ana's laptop name=x");
	assert_true(peers.entries[0].expires_s == 1795230600);
	assert_int_equal(peers.entries[0].peer.allowed_ip_count, 2);
	assert_true(peers.entries[0].peer.has_endpoint);
	assert_string_equal(peers.entries[1].name, "backup-bot");
	assert_int_equal(sp_peers_file_write(path, &peers, SP_UID_KEEP, SP_GID_KEEP), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(sp_file_read(path, 65536, &text, &len), 0);
	assert_string_equal(text, whole_file);
	assert_int_equal(sp_peers_file_read(path, &again, NULL), 0);
	assert_int_equal(again.count, 2);
}

static void file_without_peers_is_a_file(void **state)
{
	const char *path = scratch_path(state, "empty.conf");
	__sp_peers struct sp_peers none = { 0 }, read_back = { 0 };

	assert_int_equal(sp_peers_file_write(path, &none, SP_UID_KEEP, SP_GID_KEEP), 0);
	assert_int_equal(sp_peers_file_read(path, &read_back, NULL), 0);
	assert_int_equal(read_back.count, 0);
	assert_false(read_back.has_private_key);
}

static void file_cut_anywhere_is_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < strlen(whole_file); len++) {
		struct sp_peers_error error = { 0 };
		struct sp_peers peers = { 0 };

		assert_int_equal(sp_peers_parse(whole_file, len, &peers, &error), -EBADMSG);
		assert_non_null(error.text);
		assert_int_equal(peers.count, 0);
	}
}

/* The text with its first @from replaced by @to. */
static int parse_changed(const char *from, const char *to, struct sp_peers_error *error)
{
	__sp_peers struct sp_peers peers = { 0 };
	const char *at = strstr(whole_file, from);
	char text[4096];

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - whole_file), whole_file, to,
		 at + strlen(from));
	return sp_peers_parse(text, strlen(text), &peers, error);
}

static void what_the_writer_does_not_write_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *from, *to;
		size_t line;
	} rows[] = {
		{ "set=1", "set=2", 1 },
		{ "set=1\n", "", 1 },
		{ KEY_A, "xyz", 2 },
		{ "51820", "65536", 3 },
		{ "replace_peers=true", "replace_peers=false", 4 },
		{ "replace_peers=true\n", "", 4 },
		{ "# expires=1795230600 name=Ana's laptop name=x\n", "", 5 },
		{ "# expires=1795230600", "# expires=-1", 5 },
		{ "# expires=1795230600", "# expires=", 5 },
		{ "# expires=1795230600", "#expires=1795230600", 5 },
		{ " name=Ana's laptop name=x", "", 5 },
		{ "Ana's laptop name=x", "", 5 },
		{ "Ana's laptop name=x", " Ana", 5 },
		{ "Ana's", "Ana\x1b[31m", 5 },
		{ "public_key=" KEY_B "\n", "", 6 },
		{ "preshared_key=" KEY_C "\n", "", 7 },
		{ "192.0.2.9:40000", "192.0.2.9", 8 },
		{ "interval=25", "interval=65536", 9 },
		{ "replace_allowed_ips=true\n", "", 10 },
		{ "100.64.0.7/32", "100.64.0.7/24", 11 },
		{ "100.64.0.7/32", "100.64.0.7", 11 },
		{ "allowed_ip=100", "allowed_ips=100", 11 },
		{ "# expires=0", "remove=true\n# expires=0", 13 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct sp_peers_error error = { 0 };

		assert_int_equal(parse_changed(rows[i].from, rows[i].to, &error), -EBADMSG);
		assert_int_equal(error.line, rows[i].line);
	}
	assert_int_equal(parse_changed(KEY_B, KEY_C, NULL), -EBADMSG); /* one key twice */
	assert_int_equal(parse_changed("backup-bot", "other-bot", NULL), 0);
}

static void text_behind_the_end_is_refused(void **state)
{
	struct sp_peers_error error = { 0 };

	(void)state;
	assert_int_equal(parse_changed("true\n\n", "true\n\nset=1\n\n", &error), -EBADMSG);
	assert_non_null(strstr(error.text, "behind"));
}

static void the_longest_name_is_read_back(void **state)
{
	const char *path = scratch_path(state, "long.conf");
	struct sp_peers_entry entry = { .expires_s = INT64_MAX };
	const struct sp_peers peers = { .entries = &entry, .count = 1 };
	__sp_peers struct sp_peers again = { 0 };

	memset(entry.name, 'x', sizeof(entry.name) - 1);
	assert_int_equal(sp_peers_file_write(path, &peers, SP_UID_KEEP, SP_GID_KEEP), 0);
	assert_int_equal(sp_peers_file_read(path, &again, NULL), 0);
	assert_string_equal(again.entries[0].name, entry.name);
}

static void names_that_would_break_the_file_are_not_written(void **state)
{
	static const char *const names[] = { "", "a\nremove=true", " a", "a ", "\x7f" };
	const char *path = scratch_path(state, "names.conf");
	struct sp_peers_entry entry = { .expires_s = 1 };
	struct sp_peers peers = { .entries = &entry, .count = 1 };
	struct stat st;

	for (size_t i = 0; i < SP_ARRAY_LEN(names); i++) {
		snprintf(entry.name, sizeof(entry.name), "%s", names[i]);
		assert_int_equal(sp_peers_file_write(path, &peers, SP_UID_KEEP, SP_GID_KEEP),
				 -EINVAL);
	}
	memset(entry.name, 'x', sizeof(entry.name)); /* no end */
	assert_int_equal(sp_peers_file_write(path, &peers, SP_UID_KEEP, SP_GID_KEEP), -EINVAL);
	snprintf(entry.name, sizeof(entry.name), "ana");
	entry.expires_s = -1;
	assert_int_equal(sp_peers_file_write(path, &peers, SP_UID_KEEP, SP_GID_KEEP), -EINVAL);
	assert_int_equal(stat(path, &st), -1);
}

static void one_key_twice_is_not_written(void **state)
{
	struct sp_peers_entry entries[2] = { { .name = "a" }, { .name = "b" } };
	struct sp_peers peers = { .entries = entries, .count = 2 };

	assert_int_equal(sp_peers_file_write(scratch_path(state, "twice.conf"), &peers, SP_UID_KEEP,
					     SP_GID_KEEP),
			 -EEXIST);
}

static void file_others_can_read_is_refused(void **state)
{
	const char *path = scratch_path(state, "open.conf");
	struct sp_peers peers = { 0 };

	assert_int_equal(sp_file_replace(path, whole_file, strlen(whole_file), 0640, SP_UID_KEEP,
					 SP_GID_KEEP),
			 0);
	assert_int_equal(sp_peers_file_read(path, &peers, NULL), -EACCES);
	assert_int_equal(sp_peers_file_read(scratch_path(state, "absent.conf"), &peers, NULL),
			 -ENOENT);
}

static void deadline_is_the_first_second_it_is_dead(void **state)
{
	const struct sp_peers_entry never = { .expires_s = 0 }, soon = { .expires_s = 100 };

	(void)state;
	assert_false(sp_peers_entry_is_expired(&never, INT64_MAX));
	assert_false(sp_peers_entry_is_expired(&soon, 99));
	assert_true(sp_peers_entry_is_expired(&soon, 100));
}

static void many_peers_are_written_and_read_quickly(void **state)
{
	const char *path = scratch_path(state, "many.conf");
	__sp_peers struct sp_peers peers = { 0 }, again = { 0 };

	for (unsigned int i = 0; i < 20000; i++) {
		struct sp_peers_entry *entry = SP_ARRAY_PUSH(peers.entries, peers.count);

		assert_non_null(entry);
		memcpy(entry->peer.public_key.bytes, &i, sizeof(i));
		snprintf(entry->name, sizeof(entry->name), "device-%u", i);
	}
	assert_int_equal(sp_peers_file_write(path, &peers, SP_UID_KEEP, SP_GID_KEEP), 0);
	assert_int_equal(sp_peers_file_read(path, &again, NULL), 0);
	assert_int_equal(again.count, 20000);
	assert_string_equal(again.entries[19999].name, "device-19999");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_is_written_as_it_is_read),
		cmocka_unit_test(file_without_peers_is_a_file),
		cmocka_unit_test(file_cut_anywhere_is_refused),
		cmocka_unit_test(what_the_writer_does_not_write_is_refused_with_its_line),
		cmocka_unit_test(text_behind_the_end_is_refused),
		cmocka_unit_test(the_longest_name_is_read_back),
		cmocka_unit_test(names_that_would_break_the_file_are_not_written),
		cmocka_unit_test(one_key_twice_is_not_written),
		cmocka_unit_test(file_others_can_read_is_refused),
		cmocka_unit_test(deadline_is_the_first_second_it_is_dead),
		cmocka_unit_test(many_peers_are_written_and_read_quickly),
	};

	return cmocka_run_group_tests_name("io/peers_file", tests, scratch_make, scratch_remove);
}
