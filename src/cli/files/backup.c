/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport backup: one file from which the gateway can be made again, here or on another
 * machine. */
#include "cli/files/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <grp.h>
#include <pwd.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/time.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/cli.h"
#include "io/files/files.h"
#include "io/files/paths.h"
#include "io/loop/clock.h"
#include "json/own.h"

struct backup {
	struct sp_paths paths;
	const char *file;
	struct stat seen; /* the backup file itself, which may lie in a folder that is saved */
	struct archive *archive;
	char *copy; /* of the database */
	json_t *files;
	long long bytes;
};

static int backup_fail(const char *what, const char *why)
{
	return sp_cli_fail(SP_EXIT_FAILED, "%s: %s", what, why);
}

static int fail_writing(const struct backup *backup)
{
	return backup_fail(backup->file, archive_error_string(backup->archive));
}

/* ---- the database ---- */

/* Copy the database as it is between two transactions; sallyportd goes on writing. */
static int copy_database(const char *from, const char *to, char **ret_error)
{
	sqlite3 *db = NULL;
	char *statement = sqlite3_mprintf("VACUUM INTO %Q", to);
	int code =
		statement ? sqlite3_open_v2(from, &db, SQLITE_OPEN_READWRITE, NULL) : SQLITE_NOMEM;

	if (code == SQLITE_OK)
		code = sqlite3_busy_timeout(db, 10000);
	if (code == SQLITE_OK)
		code = sqlite3_exec(db, statement, NULL, NULL, NULL);
	if (code != SQLITE_OK &&
	    sp_str_format(ret_error, "%s", db ? sqlite3_errmsg(db) : "out of memory") < 0)
		*ret_error = NULL;
	sqlite3_free(statement);
	sqlite3_close(db);
	return code == SQLITE_OK ? 0 : -EIO;
}

/* ---- members ---- */

static void describe_owner(struct archive_entry *entry, const struct stat *seen)
{
	const struct passwd *user = getpwuid(seen->st_uid);
	const struct group *group = getgrgid(seen->st_gid);

	if (user)
		archive_entry_set_uname(entry, user->pw_name);
	if (group)
		archive_entry_set_gname(entry, group->gr_name);
}

/* Read as many bytes as the file had when it was looked at, because a log grows meanwhile. */
static int put_content(struct backup *backup, int fd, int64_t size, char ret_hash[65])
{
	unsigned char digest[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state hash;
	char chunk[SP_BACKUP_CHUNK];

	crypto_hash_sha256_init(&hash);
	while (size > 0) {
		const size_t wanted = size < (int64_t)sizeof(chunk) ? (size_t)size : sizeof(chunk);
		const ssize_t len = read(fd, chunk, wanted);

		if (len <= 0)
			return len < 0 ? sp_errno() : -EAGAIN;
		crypto_hash_sha256_update(&hash, (unsigned char *)chunk, (unsigned long long)len);
		if (archive_write_data(backup->archive, chunk, (size_t)len) != len)
			return -EIO;
		size -= len;
	}
	sodium_memzero(chunk, sizeof(chunk)); /* keys go through it */
	crypto_hash_sha256_final(&hash, digest);
	sodium_bin2hex(ret_hash, 65, digest, sizeof(digest));
	return 0;
}

static int put_header(struct backup *backup, const char *name, const struct stat *seen)
{
	__sp_cleanup(archive_entry_freep) struct archive_entry *entry = archive_entry_new();

	if (!entry)
		return backup_fail(name, "out of memory");
	archive_entry_set_pathname(entry, name);
	archive_entry_copy_stat(entry, seen);
	describe_owner(entry, seen);
	return archive_write_header(backup->archive, entry) < ARCHIVE_WARN ? fail_writing(backup)
									   : SP_EXIT_OK;
}

static int put_file(struct backup *backup, const char *path, const char *name)
{
	__sp_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat seen;
	char hash[65];
	int r;

	if (fd < 0 && errno == ENOENT) /* replaced by another since the folder was read */
		return SP_EXIT_OK;
	if (fd < 0 || fstat(fd, &seen) < 0)
		return backup_fail(path, sp_err_text(sp_errno()));
	r = put_header(backup, name, &seen);
	if (r != SP_EXIT_OK)
		return r;
	r = put_content(backup, fd, seen.st_size, hash);
	if (r == -EIO)
		return fail_writing(backup);
	if (r < 0)
		return backup_fail(path, r == -EAGAIN
						 ? "it became shorter while it was read; try again"
						 : sp_err_text(r));
	json_array_append_new(backup->files, json_pack("{s:s, s:I, s:s}", "path", name, "size",
						       (json_int_t)seen.st_size, "sha256", hash));
	backup->bytes += seen.st_size;
	return SP_EXIT_OK;
}

/* ---- folders ---- */

/* Leave out what belongs to this run alone, was put aside as damaged, or is saved in another
 * way. */
static bool is_left_out(const struct backup *backup, const FTSENT *at)
{
	const char *name = at->fts_name;
	const size_t len = at->fts_namelen;

	return (at->fts_statp->st_dev == backup->seen.st_dev &&
		at->fts_statp->st_ino == backup->seen.st_ino) ||
	       !strcmp(name, "lock") || !strncmp(name, "sallyport.db", 12) ||
	       strstr(name, ".corrupt-") || strstr(name, ".torn-") ||
	       (len > 4 && !strcmp(name + len - 4, ".tmp"));
}

static int put_one(struct backup *backup, const FTSENT *at)
{
	const char *name = at->fts_path + strlen(backup->paths.root) + 1;

	switch (at->fts_info) {
	case FTS_D:
		return put_header(backup, name, at->fts_statp);
	case FTS_F:
		return is_left_out(backup, at) ? SP_EXIT_OK : put_file(backup, at->fts_path, name);
	case FTS_SLNONE:
		sp_cli_say("sallyport: %s points nowhere and is left out\n", at->fts_path);
		return SP_EXIT_OK;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return backup_fail(at->fts_path, sp_err_text(-at->fts_errno));
	default:
		return SP_EXIT_OK;
	}
}

/* Save a link as the file it points to: on another machine it would point nowhere. */
static int put_folder(struct backup *backup, const char *folder)
{
	char *const roots[] = { (char *)folder, NULL };
	FTS *tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
	int r = tree ? SP_EXIT_OK : backup_fail(folder, sp_err_text(sp_errno()));
	FTSENT *at;

	while (r == SP_EXIT_OK && (at = fts_read(tree)))
		r = put_one(backup, at);
	if (tree)
		fts_close(tree);
	return r;
}

static int put_database(struct backup *backup)
{
	__sp_free char *error = NULL;

	if (access(backup->paths.db_file, F_OK) < 0)
		return SP_EXIT_OK; /* nothing was ever applied */
	if (copy_database(backup->paths.db_file, backup->copy, &error) < 0)
		return backup_fail(backup->paths.db_file, error ? error : "it cannot be copied");
	return put_file(backup, backup->copy, "var/lib/sallyport/sallyport.db");
}

static int put_manifest(struct backup *backup)
{
	const struct stat like = { .st_mode = S_IFREG | 0600, .st_mtime = sp_clock_realtime_s() };
	char time[SP_TIME_TEXT_MAX], host[65] = "";
	__sp_free char *text = NULL;
	struct stat seen = like;
	__sp_json json_t *json = NULL;
	int r;

	sp_time_format_s(like.st_mtime, time);
	(void)gethostname(host, sizeof(host) - 1);
	json = json_pack("{s:i, s:s, s:s, s:s, s:O}", "v", 1, "sallyport", SP_VERSION, "host", host,
			 "time", time, "files", backup->files);
	text = json_dumps(json, JSON_INDENT(1));
	if (!text)
		return backup_fail(backup->file, "out of memory");
	seen.st_size = (off_t)strlen(text);
	r = put_header(backup, SP_BACKUP_MANIFEST, &seen);
	if (r == SP_EXIT_OK && archive_write_data(backup->archive, text, strlen(text)) < 0)
		r = fail_writing(backup);
	return r;
}

/* ---- the verb ---- */

static int write_all(struct backup *backup, int fd, bool with_audit)
{
	int r;

	if (archive_write_set_format_pax_restricted(backup->archive) != ARCHIVE_OK ||
	    archive_write_open_fd(backup->archive, fd) != ARCHIVE_OK)
		return fail_writing(backup);
	r = put_folder(backup, backup->paths.etc_dir);
	if (r == SP_EXIT_OK)
		r = put_folder(backup, backup->paths.state_dir);
	if (r == SP_EXIT_OK)
		r = put_database(backup);
	if (r == SP_EXIT_OK && with_audit)
		r = put_folder(backup, backup->paths.audit_dir);
	if (r == SP_EXIT_OK)
		r = put_manifest(backup);
	if (r == SP_EXIT_OK && archive_write_close(backup->archive) != ARCHIVE_OK)
		r = fail_writing(backup);
	if (r == SP_EXIT_OK && (fsync(fd) < 0 || sp_dir_sync_parent(backup->file) < 0))
		r = backup_fail(backup->file, sp_err_text(sp_errno()));
	return r;
}

static int backup_save(const struct sp_cli *cli, const char *file, bool with_audit,
		       struct backup *backup)
{
	__sp_close int fd = -1;
	int r = sp_paths_init(&backup->paths, cli->root);

	if (r < 0)
		return backup_fail("--root", sp_err_text(r));
	backup->file = file;
	if (sp_str_format(&backup->copy, "%s.database", file) < 0)
		return backup_fail(file, "out of memory");
	if (access(backup->copy, F_OK) == 0)
		return backup_fail(backup->copy,
				   "the copy of the database goes there for a moment: remove it");
	fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return backup_fail(file, errno == EEXIST
						 ? "it is there already, and is not overwritten"
						 : sp_err_text(sp_errno()));
	r = fstat(fd, &backup->seen) < 0 ? backup_fail(file, sp_err_text(sp_errno()))
					 : write_all(backup, fd, with_audit);
	(void)unlink(backup->copy);
	if (r != SP_EXIT_OK)
		(void)unlink(file);
	return r;
}

static void backup_done(struct backup *backup)
{
	archive_write_free(backup->archive);
	json_decrefp(&backup->files);
	free(backup->copy);
	sp_paths_done(&backup->paths);
}

int sp_cli_backup(struct sp_cli *cli, int argc, char **argv)
{
	__sp_cleanup(backup_done) struct backup backup = { .archive = archive_write_new(),
							   .files = json_array() };
	const char *file[1];
	bool with_audit = false;
	const struct sp_option options[] = {
		{ "with-audit", &with_audit, NULL, NULL, "the audit logs too" },
		{ 0 },
	};
	const mode_t mask = umask(0077);
	size_t count;
	int r;

	r = sp_cli_options(cli, "backup", argc, argv, options, file, 1, &count);
	if (r != 0)
		r = sp_cli_options_exit(r);
	else if (count != 1)
		r = sp_cli_fail(SP_EXIT_USAGE, "backup needs the name of the file to make");
	else if ((r = sp_cli_check_output("backup", file[0])) == SP_EXIT_OK)
		r = backup_save(cli, file[0], with_audit, &backup);
	if (r == SP_EXIT_OK && backup.bytes && cli->json)
		r = sp_cli_print_json(json_pack("{s:i, s:s, s:I, s:I}", "v", 1, "file", file[0],
						"files", (json_int_t)json_array_size(backup.files),
						"bytes", (json_int_t)backup.bytes));
	else if (r == SP_EXIT_OK && backup.bytes)
		sp_cli_print("%s: %zu files, %lld bytes. It holds the gateway's keys: keep it as "
			     "you keep those.\n",
			     file[0], json_array_size(backup.files), backup.bytes);
	umask(mask);
	return r;
}
