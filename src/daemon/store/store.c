/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The database itself: opening it, what to do with a damaged one, statements, counters and
 * marks. */
#include "daemon/store/store_sql.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "io/files/files.h"
#include "io/loop/clock.h"

/* Each statement turns one version of the schema into the next; a new database runs all of them.
 * Never change one: a database of that version may exist. */
static const char *const SCHEMAS[] = {
	[1] = "CREATE TABLE mark(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT "
	      "ROWID;CREATE TABLE rule(number INTEGER PRIMARY KEY, name TEXT NOT NULL "
	      "UNIQUE);CREATE TABLE generation(id BLOB PRIMARY KEY, path TEXT NOT NULL, text BLOB "
	      "NOT NULL);CREATE TABLE revision(number INTEGER PRIMARY KEY, generation BLOB NOT "
	      "NULL REFERENCES generation, time_ns INTEGER NOT NULL, who TEXT NOT NULL, rules "
	      "INTEGER NOT NULL, switched INTEGER NOT NULL, confirmed INTEGER NOT NULL, is_apply "
	      "INTEGER NOT NULL);CREATE TABLE device(public_key BLOB PRIMARY KEY, preshared_key "
	      "BLOB NOT NULL, name TEXT NOT NULL, user TEXT NOT NULL, idp TEXT, subject TEXT, "
	      "addr4 BLOB UNIQUE, addr6 BLOB UNIQUE, added_ns INTEGER NOT NULL, UNIQUE(idp, "
	      "subject, name));CREATE TABLE held(addr BLOB PRIMARY KEY, until_ns INTEGER NOT NULL, "
	      "idp TEXT, subject TEXT) WITHOUT ROWID;CREATE TABLE session(id INTEGER PRIMARY KEY "
	      "AUTOINCREMENT, slot INTEGER NOT NULL, epoch INTEGER NOT NULL UNIQUE, idp TEXT, "
	      "subject TEXT, user TEXT NOT NULL, groups TEXT NOT NULL, roles TEXT NOT NULL, "
	      "public_key BLOB NOT NULL, device TEXT NOT NULL, addr4 BLOB, addr6 BLOB, opened_ns "
	      "INTEGER NOT NULL, expires_ns INTEGER NOT NULL, idle_s INTEGER NOT NULL, closed_ns "
	      "INTEGER NOT NULL DEFAULT 0, why TEXT);CREATE INDEX session_closed ON "
	      "session(closed_ns);PRAGMA user_version = 1;",
	/* limits by role; limits given before were an administrator's (own: 3) */
	[2] = "ALTER TABLE session ADD COLUMN since_ns INTEGER NOT NULL DEFAULT 0;"
	      "ALTER TABLE session ADD COLUMN warn_s INTEGER NOT NULL DEFAULT 600;"
	      "ALTER TABLE session ADD COLUMN own INTEGER NOT NULL DEFAULT 3;"
	      "ALTER TABLE session ADD COLUMN replaces INTEGER NOT NULL DEFAULT 0;"
	      "ALTER TABLE session ADD COLUMN refresh TEXT;"
	      "UPDATE session SET since_ns = opened_ns;"
	      "PRAGMA user_version = 2;",
	/* an early end: the word for it, and when the session would have ended */
	[3] = "ALTER TABLE session ADD COLUMN ending TEXT;"
	      "ALTER TABLE session ADD COLUMN full_ns INTEGER NOT NULL DEFAULT 0;"
	      "PRAGMA user_version = 3;",
	/* when the holder proved to have the private key; before this version nobody did */
	[4] = "ALTER TABLE device ADD COLUMN proven_ns INTEGER NOT NULL DEFAULT 0;"
	      "PRAGMA user_version = 4;",
	/* a policy may have several files; place 0 is the file that was named */
	[5] = "CREATE TABLE file(generation BLOB NOT NULL REFERENCES generation, place INTEGER NOT "
	      "NULL, path TEXT NOT NULL, text BLOB NOT NULL, PRIMARY KEY(generation, "
	      "place));INSERT INTO file SELECT id, 0, path, text FROM generation;ALTER TABLE "
	      "generation DROP COLUMN path;ALTER TABLE generation DROP COLUMN text;PRAGMA "
	      "user_version = 5;",
	/* when it was opened by a clock that nobody sets; of those from before it is not known */
	[6] = "ALTER TABLE session ADD COLUMN boot_ns INTEGER NOT NULL DEFAULT 0;"
	      "PRAGMA user_version = 6;",
	/* bans; until 0: for good */
	[7] = "CREATE TABLE ban(addr BLOB NOT NULL, length INTEGER NOT NULL, added_ns INTEGER NOT "
	      "NULL, until_ns INTEGER NOT NULL, reason TEXT, who TEXT, PRIMARY KEY(addr, length)) "
	      "WITHOUT ROWID;PRAGMA user_version = 7;",
	/* when each rule decided last, as its counter showed */
	[8] = "CREATE TABLE hit(rule INTEGER PRIMARY KEY, since_ns INTEGER NOT NULL, hit_ns "
	      "INTEGER "
	      "NOT NULL, packets INTEGER NOT NULL);PRAGMA user_version = 8;",
};
#define SCHEMA_VERSION ((int64_t)(sizeof(SCHEMAS) / sizeof(SCHEMAS[0])) - 1)

/* Turn SQLite's last failure into -errno and keep its words. */
static int fail_sql(struct sp_store *store, int code)
{
	snprintf(store->error, sizeof(store->error), "%s", sqlite3_errmsg(store->db));
	switch (code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return -EACCES;
	default:
		return -EIO;
	}
}

static int bind_all(sqlite3_stmt *statement, const char *kinds, va_list args)
{
	int r = SQLITE_OK;

	for (int i = 1; kinds[i - 1] && r == SQLITE_OK; i++) {
		const void *bytes;

		switch (kinds[i - 1]) {
		case 'i':
			r = sqlite3_bind_int64(statement, i, va_arg(args, int64_t));
			break;
		case 't':
			r = sqlite3_bind_text(statement, i, va_arg(args, const char *), -1,
					      SQLITE_TRANSIENT);
			break;
		case 'k':
			r = sqlite3_bind_blob(statement, i, va_arg(args, const void *), 32,
					      SQLITE_TRANSIENT);
			break;
		case 'a':
			r = sqlite3_bind_blob(statement, i, va_arg(args, const struct sp_addr *),
					      sizeof(struct sp_addr), SQLITE_TRANSIENT);
			break;
		case 'b':
			bytes = va_arg(args, const void *);
			r = sqlite3_bind_blob64(statement, i, bytes, va_arg(args, size_t),
						SQLITE_TRANSIENT);
			break;
		default:
			r = SQLITE_MISUSE;
		}
	}
	return r;
}

static int start_list(struct sp_store *store, sqlite3_stmt **ret_statement, const char *sql,
		      const char *kinds, va_list args)
{
	__sp_sql sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);

	if (r == SQLITE_OK)
		r = bind_all(statement, kinds, args);
	if (r != SQLITE_OK)
		return fail_sql(store, r);
	*ret_statement = SP_TAKE_PTR(statement);
	return 0;
}

int sp_sql_start(struct sp_store *store, sqlite3_stmt **ret_statement, const char *sql,
		 const char *kinds, ...)
{
	va_list args;
	int r;

	va_start(args, kinds);
	r = start_list(store, ret_statement, sql, kinds, args);
	va_end(args);
	return r;
}

int sp_sql_step(struct sp_store *store, sqlite3_stmt *statement)
{
	int r = sqlite3_step(statement);

	if (r == SQLITE_ROW)
		return 1;
	return r == SQLITE_DONE ? 0 : fail_sql(store, r);
}

int sp_sql_run(struct sp_store *store, const char *sql, const char *kinds, ...)
{
	__sp_sql sqlite3_stmt *statement = NULL;
	va_list args;
	int r;

	va_start(args, kinds);
	r = start_list(store, &statement, sql, kinds, args);
	va_end(args);
	if (r < 0)
		return r;
	do
		r = sp_sql_step(store, statement);
	while (r > 0);
	return r;
}

int sp_sql_text(sqlite3_stmt *statement, int column, char **ret_text)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);
	char *copy = NULL;

	if (text && !(copy = strdup(text)))
		return -ENOMEM;
	*ret_text = copy;
	return 0;
}

int sp_sql_bytes(sqlite3_stmt *statement, int column, void *ret_bytes, size_t len)
{
	const void *bytes = sqlite3_column_blob(statement, column);

	if (!bytes || (size_t)sqlite3_column_bytes(statement, column) != len)
		return -EUCLEAN;
	memcpy(ret_bytes, bytes, len);
	return 0;
}

int sp_sql_addr(sqlite3_stmt *statement, int column, struct sp_addr *ret_addr, bool *ret_has)
{
	*ret_has = sqlite3_column_type(statement, column) != SQLITE_NULL;
	return *ret_has ? sp_sql_bytes(statement, column, ret_addr, sizeof(*ret_addr)) : 0;
}

const char *sp_store_error(const struct sp_store *store)
{
	return store->error;
}

void sp_store_close(struct sp_store *store)
{
	if (!store)
		return;
	sqlite3_close(store->db);
	free(store);
}

/* 0 sound; -EUCLEAN damaged; other -errno: cannot tell. */
static int examine(struct sp_store *store, int64_t *ret_version)
{
	__sp_sql sqlite3_stmt *check = NULL, *version = NULL;
	int r = sp_sql_start(store, &check, "PRAGMA quick_check(1)", "");

	if (r < 0 || (r = sp_sql_step(store, check)) < 0)
		return r;
	if (strcmp((const char *)sqlite3_column_text(check, 0), "ok") != 0) {
		snprintf(store->error, sizeof(store->error), "%s", sqlite3_column_text(check, 0));
		return -EUCLEAN;
	}
	r = sp_sql_start(store, &version, "PRAGMA user_version", "");
	if (r < 0 || (r = sp_sql_step(store, version)) < 0)
		return r;
	*ret_version = sqlite3_column_int64(version, 0);
	return 0;
}

/* PATH.schema-3: a copy that the version before can use. */
static int keep_former(struct sp_store *store, const char *path, int64_t version)
{
	__sp_free char *former = NULL;
	int r = sp_str_format(&former, "%s.schema-%lld", path, (long long)version);

	/* left by an upgrade that was undone or did not finish */
	if (r < 0 || access(former, F_OK) == 0)
		return r;
	return sp_sql_run(store, "VACUUM INTO ?", "t", former);
}

/* All steps or none: after a crash in between, the database has the version it had. */
static int bring_up(struct sp_store *store, const char *path, int64_t version)
{
	int code;

	if (version == SCHEMA_VERSION)
		return 0;
	if (version > 0 && (code = keep_former(store, path, version)) < 0)
		return code;
	code = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	while (code == SQLITE_OK && version < SCHEMA_VERSION)
		code = sqlite3_exec(store->db, SCHEMAS[++version], NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : fail_sql(store, code);
}

/* Open the database. Make its tables if it has none, or those of an earlier version. */
static int open_at(const char *path, struct sp_store **ret_store, bool *ret_is_new, char error[256])
{
	__sp_cleanup(sp_store_closep) struct sp_store *store = calloc(1, sizeof(*store));
	int64_t version = 0;
	int r;

	if (!store)
		return -ENOMEM;
	r = sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	if (r != SQLITE_OK) {
		r = fail_sql(store, r);
		snprintf(error, 256, "%s", store->error);
		return r;
	}
	sqlite3_extended_result_codes(store->db, 1);
	sqlite3_busy_timeout(store->db, 2000);
	r = examine(store, &version);
	if (r >= 0 && (version < 0 || version > SCHEMA_VERSION)) {
		snprintf(error, 256,
			 "a newer sallyportd made it what it is (schema %lld; " SP_VERSION
			 " knows %lld at most): run that one, or put back a backup from before the "
			 "upgrade (sallyport restore) or %.60s.schema-%lld",
			 (long long)version, (long long)SCHEMA_VERSION,
			 strrchr(path, '/') ? strrchr(path, '/') + 1 : path,
			 (long long)SCHEMA_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (r >= 0)
		r = sp_sql_run(store, "PRAGMA journal_mode = WAL", "");
	if (r >= 0)
		r = sp_sql_run(store, "PRAGMA synchronous = FULL", "");
	if (r >= 0)
		r = sp_sql_run(store, "PRAGMA foreign_keys = ON", "");
	if (r >= 0)
		r = bring_up(store, path, version);
	if (r < 0) {
		snprintf(error, 256, "%s", store->error);
		return r;
	}
	*ret_is_new = version == 0;
	*ret_store = SP_TAKE_PTR(store);
	return 0;
}

/* Move the database, its log and its shared memory together: a log left behind would be replayed
 * into the new database. */
static int move_aside(const char *path, char **ret_moved)
{
	static const char *const suffixes[] = { "-wal", "-shm" };
	int64_t now_s = sp_clock_realtime_s();
	int r = sp_file_move_aside(path, now_s, ret_moved);

	for (size_t i = 0; i < 2 && r == 0; i++) {
		__sp_free char *beside = NULL, *moved = NULL;

		r = sp_str_format(&beside, "%s%s", path, suffixes[i]);
		if (r == 0)
			r = sp_file_move_aside(beside, now_s, &moved);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

int sp_store_open(const char *path, struct sp_store **ret_store, char **ret_moved, bool *ret_is_new,
		  char error[256])
{
	__sp_free char *moved = NULL;
	mode_t old_mask = umask(0077);
	int r = open_at(path, ret_store, ret_is_new, error);

	if (r == -EUCLEAN || r == -EEXIST) {
		char again[256];

		r = move_aside(path, &moved);
		if (r == 0)
			r = open_at(path, ret_store, ret_is_new, again);
		if (r < 0)
			snprintf(error, 256, "%s", sp_err_text(r));
	}
	umask(old_mask);
	if (r < 0)
		return r;
	*ret_moved = SP_TAKE_PTR(moved);
	return 0;
}

int sp_store_begin(struct sp_store *store)
{
	return sp_sql_run(store, "BEGIN IMMEDIATE", "");
}

int sp_store_commit(struct sp_store *store)
{
	return sp_sql_run(store, "COMMIT", "");
}

void sp_store_cancel(struct sp_store *store)
{
	if (!sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

int sp_store_get_mark(struct sp_store *store, const char *name, uint64_t *ret_value)
{
	__sp_sql sqlite3_stmt *find = NULL;
	int r = sp_sql_start(store, &find, "SELECT value FROM mark WHERE name = ?", "t", name);

	if (r < 0 || (r = sp_sql_step(store, find)) < 0)
		return r;
	*ret_value = r ? (uint64_t)sqlite3_column_int64(find, 0) : 0;
	return 0;
}

int sp_store_set_mark(struct sp_store *store, const char *name, uint64_t value)
{
	return sp_sql_run(store,
			  "INSERT INTO mark VALUES(?, ?) ON CONFLICT DO UPDATE SET value = ?2",
			  "ti", name, (int64_t)value);
}

int sp_store_next_epoch(struct sp_store *store, uint64_t *ret_epoch)
{
	uint64_t last;
	int r = sp_store_get_mark(store, "epoch", &last);

	if (r < 0)
		return r;
	last = last ? last + 1 : (uint64_t)sp_clock_realtime_ns();
	r = sp_store_set_mark(store, "epoch", last);
	if (r < 0)
		return r;
	*ret_epoch = last;
	return 0;
}
