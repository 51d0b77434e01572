/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the store about policies: rule numbers, generations and the revisions made of
 * them. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "daemon/store/store_sql.h"

int sp_store_rule_number(void *arg, const char *name, uint32_t *ret_number)
{
	struct sp_store *store = arg;
	__sp_sql sqlite3_stmt *find = NULL, *last = NULL;
	int64_t number;
	int r = sp_sql_start(store, &find, "SELECT number FROM rule WHERE name = ?", "t", name);

	if (r < 0 || (r = sp_sql_step(store, find)) < 0)
		return r;
	if (r == 1) {
		*ret_number = (uint32_t)sqlite3_column_int64(find, 0);
		return 0;
	}
	r = sp_sql_start(store, &last, "SELECT coalesce(max(number), 0) FROM rule", "");
	if (r < 0 || (r = sp_sql_step(store, last)) < 0)
		return r;
	number = sqlite3_column_int64(last, 0) + 1;
	if (number >= (int64_t)SP_RULE_MAX)
		return -ENOSPC;
	r = sp_sql_run(store, "INSERT INTO rule VALUES(?, ?)", "it", number, name);
	if (r < 0)
		return r;
	*ret_number = (uint32_t)number;
	return 0;
}

int sp_store_rule_name(struct sp_store *store, uint32_t number, char **ret_name)
{
	__sp_sql sqlite3_stmt *find = NULL;
	int r = sp_sql_start(store, &find, "SELECT name FROM rule WHERE number = ?", "i",
			     (int64_t)number);

	if (r < 0 || (r = sp_sql_step(store, find)) < 0)
		return r;
	return r ? sp_sql_text(find, 0, ret_name) : -ENOENT;
}

void sp_store_revision_done(struct sp_store_revision *revision)
{
	free(revision->who);
	free(revision->path);
	*revision = (struct sp_store_revision){ 0 };
}

static int put_files(struct sp_store *store, const uint8_t generation[32],
		     const struct sp_file *files, size_t file_count)
{
	int r = sp_sql_run(store, "INSERT OR IGNORE INTO generation VALUES(?)", "k", generation);

	for (size_t i = 0; i < file_count && r == 0; i++)
		r = sp_sql_run(store, "INSERT OR IGNORE INTO file VALUES(?, ?, ?, ?)", "kitb",
			       generation, (int64_t)i, files[i].path, files[i].text,
			       files[i].text_len);
	return r;
}

int sp_store_put_revision(struct sp_store *store, const struct sp_store_revision *revision,
			  const struct sp_file *files, size_t file_count)
{
	int r = file_count ? put_files(store, revision->generation, files, file_count) : 0;

	if (r < 0)
		return r;
	return sp_sql_run(store, "INSERT INTO revision VALUES(?, ?, ?, ?, ?, 0, 0, ?)", "ikitii",
			  (int64_t)revision->number, revision->generation, revision->time_ns,
			  revision->who, (int64_t)revision->rules, (int64_t)(file_count != 0));
}

int sp_store_switch_revision(struct sp_store *store, uint64_t number)
{
	return sp_sql_run(store, "UPDATE revision SET switched = 1 WHERE number = ?", "i",
			  (int64_t)number);
}

int sp_store_confirm_revision(struct sp_store *store, uint64_t number)
{
	return sp_sql_run(store, "UPDATE revision SET switched = 1, confirmed = 1 WHERE number = ?",
			  "i", (int64_t)number);
}

#define REVISION_ROWS                                                                              \
	"revision.number, revision.generation, time_ns, who, path, rules, switched, confirmed "    \
	"FROM revision JOIN file ON file.generation = revision.generation AND place = 0 "

static int read_revision(sqlite3_stmt *row, struct sp_store_revision *ret_revision)
{
	__sp_cleanup(sp_store_revision_done) struct sp_store_revision revision = {
		.number = (uint64_t)sqlite3_column_int64(row, 0),
		.time_ns = sqlite3_column_int64(row, 2),
		.rules = (uint32_t)sqlite3_column_int64(row, 5),
		.is_switched = sqlite3_column_int64(row, 6) != 0,
		.is_confirmed = sqlite3_column_int64(row, 7) != 0,
	};
	int r = sp_sql_bytes(row, 1, revision.generation, sizeof(revision.generation));

	if (r == 0)
		r = sp_sql_text(row, 3, &revision.who);
	if (r == 0)
		r = sp_sql_text(row, 4, &revision.path);
	if (r < 0)
		return r;
	*ret_revision = revision;
	revision.who = revision.path = NULL;
	return 0;
}

static int one_revision(struct sp_store *store, sqlite3_stmt *find,
			struct sp_store_revision *ret_revision)
{
	int r = sp_sql_step(store, find);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	return read_revision(find, ret_revision);
}

int sp_store_get_revision(struct sp_store *store, uint64_t number,
			  struct sp_store_revision *ret_revision)
{
	__sp_sql sqlite3_stmt *find = NULL;
	int r = sp_sql_start(store, &find, "SELECT " REVISION_ROWS "WHERE number = ?", "i",
			     (int64_t)number);

	return r < 0 ? r : one_revision(store, find, ret_revision);
}

int sp_store_last_confirmed(struct sp_store *store, struct sp_store_revision *ret_revision)
{
	__sp_sql sqlite3_stmt *find = NULL;
	int r = sp_sql_start(store, &find,
			     "SELECT " REVISION_ROWS "WHERE confirmed ORDER BY number DESC LIMIT 1",
			     "");

	return r < 0 ? r : one_revision(store, find, ret_revision);
}

int sp_store_last_switched(struct sp_store *store, struct sp_store_revision *ret_revision)
{
	__sp_sql sqlite3_stmt *find = NULL;
	int r = sp_sql_start(store, &find,
			     "SELECT " REVISION_ROWS "WHERE switched ORDER BY number DESC LIMIT 1",
			     "");

	return r < 0 ? r : one_revision(store, find, ret_revision);
}

static int read_file(sqlite3_stmt *row, struct sp_files *files)
{
	const char *path = (const char *)sqlite3_column_text(row, 0);

	return path ? sp_files_add(files, path, sqlite3_column_blob(row, 1),
				   (size_t)sqlite3_column_bytes(row, 1))
		    : -EUCLEAN;
}

int sp_store_get_files(struct sp_store *store, const uint8_t generation[32],
		       struct sp_files *ret_files)
{
	__sp_cleanup(sp_files_done) struct sp_files files = { 0 };
	__sp_sql sqlite3_stmt *each = NULL;
	int r = sp_sql_start(store, &each,
			     "SELECT path, text FROM file WHERE generation = ? ORDER BY place", "k",
			     generation);

	while (r >= 0 && (r = sp_sql_step(store, each)) > 0)
		r = read_file(each, &files);
	if (r < 0)
		return r;
	if (!files.count)
		return -ENOENT;
	*ret_files = files;
	files = (struct sp_files){ 0 };
	return 0;
}

int sp_store_find_generation(struct sp_store *store, const char *hex, uint8_t ret_generation[32])
{
	__sp_sql sqlite3_stmt *find = NULL;
	int r = sp_sql_start(store, &find,
			     "SELECT id FROM generation WHERE substr(lower(hex(id)), 1, 12) = ?",
			     "t", hex);

	if (r < 0 || (r = sp_sql_step(store, find)) < 0)
		return r;
	return r ? sp_sql_bytes(find, 0, ret_generation, 32) : -ENOENT;
}

int sp_store_each_apply(struct sp_store *store, uint32_t limit, sp_store_revision_fn take,
			void *arg)
{
	__sp_sql sqlite3_stmt *each = NULL;
	int r = sp_sql_start(store, &each,
			     "SELECT " REVISION_ROWS "WHERE is_apply AND switched"
			     " ORDER BY number DESC LIMIT ?",
			     "i", (int64_t)limit);

	while (r >= 0 && (r = sp_sql_step(store, each)) > 0) {
		__sp_cleanup(sp_store_revision_done) struct sp_store_revision revision = { 0 };

		r = read_revision(each, &revision);
		if (r == 0)
			r = take(arg, &revision);
	}
	return r;
}
