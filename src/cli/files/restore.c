/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport restore: unpack everything beside the present folders and check it; then exchange the
 * folders. */
#include "cli/files/backup.h"

#include <errno.h>
#include <fts.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/time.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/screen/render.h"
#include "io/loop/clock.h"
#include "io/files/files.h"
#include "io/files/paths.h"
#include "config/machine.h"
#include "json/own.h"
#include "plane/planes.h"

#define MANIFEST_MAX (16u << 20)
#define MACHINE_FILE_MAX (1u << 20)

static const char *const folder_names[] = {
#define X(id, name) [SP_BACKUP_##id] = name,
	SP_BACKUP_FOLDERS(X)
#undef X
};

struct place {
	/* the folder, the new one beside it, where the old one is moved to */
	char *is, *staged, *former;
	bool is_staged, is_moved, is_there;
};

struct restore {
	struct sp_paths paths;
	const char *file;
	struct archive *archive, *disk;
	struct place places[SP_BACKUP_FOLDER_COUNT];
	json_t *seen;     /* path -> {size, sha256} of what was unpacked */
	json_t *manifest; /* NULL: not come to yet */
};

static int restore_fail(const char *what, const char *why)
{
	return sp_cli_fail(SP_EXIT_FAILED, "%s: %s", what, why);
}

/* ---- where things go ---- */

static int name_places(struct restore *restore)
{
	char time[SP_TIME_TEXT_MAX];

	sp_time_format_s(sp_clock_realtime_s(), time);
	for (int i = 0; i < SP_BACKUP_FOLDER_COUNT; i++) {
		struct place *place = &restore->places[i];

		if (sp_str_format(&place->is, "%s/%s", restore->paths.root, folder_names[i]) < 0 ||
		    sp_str_format(&place->staged, "%s.restoring", place->is) < 0 ||
		    sp_str_format(&place->former, "%s.before-%s", place->is, time) < 0)
			return restore_fail(restore->file, "out of memory");
		if (access(place->staged, F_OK) == 0)
			return restore_fail(place->staged,
					    "a restore that was interrupted left it: remove it");
	}
	return SP_EXIT_OK;
}

/* The member's path on the disk. Only paths that a backup contains are taken, none that leads out
 * of its folders. NULL: another path. */
static char *find_target(struct restore *restore, const char *name, struct place **ret_place)
{
	char *path = NULL;

	if (strstr(name, "/../") || strstr(name, "//") ||
	    (strlen(name) > 2 && !strcmp(name + strlen(name) - 3, "/..")))
		return NULL;
	for (int i = 0; i < SP_BACKUP_FOLDER_COUNT; i++) {
		const size_t len = strlen(folder_names[i]);

		if (strncmp(name, folder_names[i], len) != 0 ||
		    (name[len] != '/' && name[len] != '\0'))
			continue;
		*ret_place = &restore->places[i];
		return sp_str_format(&path, "%s%s", restore->places[i].staged, name + len) < 0
			       ? NULL
			       : path;
	}
	return NULL;
}

/* ---- unpacking ---- */

static int fail_reading(const struct restore *restore)
{
	const char *why = archive_error_string(restore->archive);

	return restore_fail(restore->file, why ? why : "it is no backup of a gateway");
}

static int take_manifest(struct restore *restore, struct archive_entry *entry)
{
	const int64_t size = archive_entry_size(entry);
	__sp_free char *text =
		size > 0 && size <= (int64_t)MANIFEST_MAX ? malloc((size_t)size) : NULL;

	if (!text || archive_read_data(restore->archive, text, (size_t)size) != size)
		return fail_reading(restore);
	sp_json_replace(&restore->manifest, json_loadb(text, (size_t)size, 0, NULL));
	return restore->manifest ? SP_EXIT_OK
				 : restore_fail(restore->file, "its list of files cannot be read");
}

static int copy_content(struct restore *restore, int64_t *ret_size, char ret_hash[65])
{
	unsigned char digest[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state hash;
	int64_t size = 0, offset;
	const void *chunk;
	size_t len;
	int code;

	crypto_hash_sha256_init(&hash);
	while ((code = archive_read_data_block(restore->archive, &chunk, &len, &offset)) ==
	       ARCHIVE_OK) {
		if (offset != size)
			return restore_fail(restore->file,
					    "it has a file with holes, which no backup has");
		crypto_hash_sha256_update(&hash, chunk, len);
		if (archive_write_data_block(restore->disk, chunk, len, offset) < 0)
			return restore_fail(restore->file, archive_error_string(restore->disk));
		size += (int64_t)len;
	}
	if (code != ARCHIVE_EOF)
		return fail_reading(restore);
	crypto_hash_sha256_final(&hash, digest);
	sodium_bin2hex(ret_hash, 65, digest, sizeof(digest));
	*ret_size = size;
	return SP_EXIT_OK;
}

static int restore_unpack_one(struct restore *restore, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);
	const bool is_file = archive_entry_filetype(entry) == AE_IFREG;
	struct place *place = NULL;
	__sp_free char *path = NULL, *member = NULL;
	int64_t size = 0;
	char hash[65];
	int r;

	if (name && !strcmp(name, SP_BACKUP_MANIFEST))
		return take_manifest(restore, entry);
	path = name ? find_target(restore, name, &place) : NULL;
	/* a link could lead out of the folders; libarchive calls a hard link a file */
	if (!path || archive_entry_hardlink(entry) || archive_entry_symlink(entry) ||
	    (!is_file && archive_entry_filetype(entry) != AE_IFDIR) ||
	    sp_str_format(&member, "%s", name) < 0)
		return restore_fail(restore->file, "it holds what no backup of a gateway does");
	place->is_staged = true;
	archive_entry_copy_pathname(entry, path);
	if (archive_write_header(restore->disk, entry) < ARCHIVE_WARN)
		return restore_fail(path, archive_error_string(restore->disk));
	r = is_file ? copy_content(restore, &size, hash) : SP_EXIT_OK;
	if (r == SP_EXIT_OK && archive_write_finish_entry(restore->disk) < ARCHIVE_WARN)
		r = restore_fail(path, archive_error_string(restore->disk));
	if (r == SP_EXIT_OK && is_file)
		json_object_set_new(
			restore->seen, member,
			json_pack("{s:I, s:s}", "size", (json_int_t)size, "sha256", hash));
	return r;
}

static int restore_unpack(struct restore *restore)
{
	/* a user other than root owns what is unpacked */
	const int flags = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
			  ARCHIVE_EXTRACT_SECURE_NODOTDOT |
			  (geteuid() == 0 ? ARCHIVE_EXTRACT_OWNER : 0);
	struct archive_entry *entry;
	int code, r = SP_EXIT_OK;

	archive_read_support_format_tar(restore->archive);
	archive_write_disk_set_options(restore->disk, flags);
	archive_write_disk_set_standard_lookup(restore->disk);
	if (archive_read_open_filename(restore->archive, restore->file, SP_BACKUP_CHUNK) !=
	    ARCHIVE_OK)
		return fail_reading(restore);
	while (r == SP_EXIT_OK &&
	       (code = archive_read_next_header(restore->archive, &entry)) == ARCHIVE_OK)
		r = restore_unpack_one(restore, entry);
	if (r == SP_EXIT_OK && code != ARCHIVE_EOF)
		r = fail_reading(restore);
	if (r == SP_EXIT_OK && archive_write_close(restore->disk) != ARCHIVE_OK)
		r = restore_fail(restore->file, archive_error_string(restore->disk));
	return r;
}

/* ---- looking at what was unpacked ---- */

static int check_manifest(const struct restore *restore)
{
	json_t *list = json_object_get(restore->manifest, "files"), *item;
	size_t i;

	if (!restore->manifest)
		return restore_fail(restore->file,
				    "it is cut short: its list of files is not there");
	if (json_integer_value(json_object_get(restore->manifest, "v")) != 1)
		return restore_fail(restore->file, "a newer version made it");
	json_array_foreach(list, i, item) {
		json_t *seen = json_object_get(restore->seen, sp_json_text(item, "path"));

		if (sp_json_integer(seen, "size") != sp_json_integer(item, "size") ||
		    strcmp(sp_json_text(seen, "sha256"), sp_json_text(item, "sha256")) != 0)
			return sp_cli_fail(SP_EXIT_FAILED, "%s: %s is not as it was saved",
					   restore->file, sp_json_text(item, "path"));
	}
	if (!json_array_size(list) || json_array_size(list) != json_object_size(restore->seen))
		return restore_fail(restore->file, "it holds files its list does not name");
	return SP_EXIT_OK;
}

static int check_database(const struct restore *restore)
{
	__sp_free char *path = NULL;
	sqlite3_stmt *check = NULL;
	sqlite3 *db = NULL;
	bool is_sound;

	if (sp_str_format(&path, "%s/sallyport.db", restore->places[SP_BACKUP_STATE].staged) < 0)
		return restore_fail(restore->file, "out of memory");
	if (access(path, F_OK) < 0)
		return SP_EXIT_OK;
	is_sound = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
		   sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &check, NULL) ==
			   SQLITE_OK &&
		   sqlite3_step(check) == SQLITE_ROW &&
		   !strcmp((const char *)sqlite3_column_text(check, 0), "ok");
	sqlite3_finalize(check);
	sqlite3_close(db);
	return is_sound ? SP_EXIT_OK : restore_fail(restore->file, "the database in it is damaged");
}

static int check_machine(const struct restore *restore)
{
	struct sp_diagnostics diagnostics = { 0 };
	__sp_free char *path = NULL, *text = NULL;
	struct sp_machine *machine = NULL;
	size_t len;
	int r = sp_str_format(&path, "%s/sallyport.yaml", restore->places[SP_BACKUP_ETC].staged);

	if (r == 0)
		r = sp_file_read(path, MACHINE_FILE_MAX, &text, &len);
	if (r < 0)
		return restore_fail(restore->file, "it has no sallyport.yaml");
	r = sp_machine_load("sallyport.yaml", text, len, &machine, &diagnostics);
	if (r == 0)
		r = sp_plane_check_machine(sp_planes, machine, "sallyport.yaml", &diagnostics);
	for (size_t i = 0; i < diagnostics.count; i++) {
		__sp_free char *line = sp_diagnostic_format(&diagnostics.items[i]);

		sp_cli_say("%s\n", line ? line : "out of memory");
	}
	sp_diagnostics_done(&diagnostics);
	sp_machine_free(machine);
	return r < 0 ? sp_cli_fail(SP_EXIT_INVALID,
				   "%s: this version does not take the sallyport.yaml in it",
				   restore->file)
		     : SP_EXIT_OK;
}

/* ---- changing places ---- */

static void restore_go_back(struct restore *restore)
{
	for (int i = SP_BACKUP_FOLDER_COUNT; i-- > 0;) {
		struct place *place = &restore->places[i];

		if (place->is_there && rename(place->is, place->staged) < 0)
			sp_cli_fail(0, "%s: %s", place->is, sp_err_text(sp_errno()));
		place->is_there = false;
		if (place->is_moved && rename(place->former, place->is) < 0)
			sp_cli_fail(0, "%s: %s; it is now %s", place->is, sp_err_text(sp_errno()),
				    place->former);
	}
}

static int change_place(struct place *place)
{
	if (!place->is_staged)
		return 0;
	place->is_moved = rename(place->is, place->former) == 0;
	if (!place->is_moved && errno != ENOENT)
		return sp_errno();
	place->is_there = rename(place->staged, place->is) == 0;
	return place->is_there ? sp_dir_sync_parent(place->is) : sp_errno();
}

static int change_places(struct restore *restore)
{
	for (int i = 0; i < SP_BACKUP_FOLDER_COUNT; i++) {
		int r = change_place(&restore->places[i]);

		if (r == 0)
			continue;
		restore_go_back(restore);
		return sp_cli_fail(SP_EXIT_FAILED, "%s: %s; all is as it was",
				   restore->places[i].is, sp_err_text(r));
	}
	return SP_EXIT_OK;
}

/* ---- the verb ---- */

static int restore_stage(struct restore *restore)
{
	int r = name_places(restore);

	if (r == SP_EXIT_OK)
		r = restore_unpack(restore);
	if (r == SP_EXIT_OK)
		r = check_manifest(restore);
	if (r == SP_EXIT_OK)
		r = check_machine(restore);
	return r == SP_EXIT_OK ? check_database(restore) : r;
}

static void remove_tree(const char *path)
{
	char *const roots[] = { (char *)path, NULL };
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *at;

	while (tree && (at = fts_read(tree)))
		if (at->fts_info != FTS_D)
			(void)(at->fts_info == FTS_DP ? rmdir(at->fts_path) : unlink(at->fts_path));
	if (tree)
		fts_close(tree);
}

static bool is_judging(const struct sp_paths *paths)
{
	const struct sp_plane_options options = { .paths = paths };
	struct sp_plane_error what;

	for (size_t i = 0; i < sp_planes.count; i++)
		if (sp_planes.items[i]->is_there(&options, &what))
			return true;
	return false;
}

/* No sallyportd may run and no programs may judge: what runs would differ from what is restored. */
static int take_root(const struct restore *restore, int *ret_lock)
{
	struct stat seen;
	pid_t holder = 0;
	int r;

	if (is_judging(&restore->paths))
		return sp_cli_fail(SP_EXIT_FAILED,
				   "the kernel judges packets by what is here now: first sallyport "
				   "detach --yes, or sallyportd --unload --yes where none runs");
	if (stat(restore->paths.state_dir, &seen) < 0)
		return SP_EXIT_OK;
	r = sp_lock_take(restore->paths.lock_file, ret_lock, &holder);
	if (r == -EWOULDBLOCK)
		return sp_cli_fail(SP_EXIT_FAILED, "sallyportd (pid %d) runs: stop it first",
				   (int)holder);
	return r < 0 ? restore_fail(restore->paths.lock_file, sp_err_text(r)) : SP_EXIT_OK;
}

static bool has_state(const struct restore *restore)
{
	return access(restore->paths.machine_file, F_OK) == 0 ||
	       access(restore->paths.db_file, F_OK) == 0;
}

static void print_done(const struct restore *restore)
{
	sp_cli_print("restored from %s: saved %s on %s\n", restore->file,
		     sp_json_text(restore->manifest, "time"),
		     sp_json_text(restore->manifest, "host"));
	for (int i = 0; i < SP_BACKUP_FOLDER_COUNT; i++)
		if (restore->places[i].is_moved)
			sp_cli_print("  %s as it was is now %s\n", restore->places[i].is,
				     restore->places[i].former);
	sp_cli_say("sessions that were open then are open again: revoke again what was revoked "
		   "since (sallyport session revoke)\nnext: start sallyportd\n");
}

static int put_back(const struct sp_cli *cli, bool yes, struct restore *restore)
{
	__sp_close int lock = -1;
	int r = sp_paths_init(&restore->paths, cli->root);

	if (r < 0)
		return restore_fail("--root", sp_err_text(r));
	r = take_root(restore, &lock);
	if (r == SP_EXIT_OK)
		r = restore_stage(restore);
	if (r == SP_EXIT_OK && has_state(restore) && !yes) {
		r = sp_cli_fail(SP_EXIT_USAGE,
				"there is a gateway here already: with --yes its folders are put "
				"aside (.before-TIME) and the backup of %s takes their place",
				sp_json_text(restore->manifest, "time"));
	} else if (r == SP_EXIT_OK) {
		r = change_places(restore);
	}
	for (int i = 0; i < SP_BACKUP_FOLDER_COUNT; i++)
		if (restore->places[i].is_staged && !restore->places[i].is_there)
			remove_tree(restore->places[i].staged);
	return r;
}

static void restore_done(struct restore *restore)
{
	archive_read_free(restore->archive);
	archive_write_free(restore->disk);
	json_decrefp(&restore->seen);
	json_decrefp(&restore->manifest);
	for (int i = 0; i < SP_BACKUP_FOLDER_COUNT; i++) {
		free(restore->places[i].is);
		free(restore->places[i].staged);
		free(restore->places[i].former);
	}
	sp_paths_done(&restore->paths);
}

int sp_cli_restore(struct sp_cli *cli, int argc, char **argv)
{
	__sp_cleanup(restore_done) struct restore restore = {
		.archive = archive_read_new(),
		.disk = archive_write_disk_new(),
		.seen = json_object(),
	};
	const char *file[1];
	bool yes = false;
	const struct sp_option options[] = {
		{ "yes", &yes, NULL, NULL, "put what is there aside" },
		{ 0 },
	};
	size_t count;
	int r;

	r = sp_cli_options(cli, "restore", argc, argv, options, file, 1, &count);
	if (r != 0) {
		r = sp_cli_options_exit(r);
	} else if (count != 1) {
		r = sp_cli_fail(SP_EXIT_USAGE, "restore needs the file that sallyport backup made");
	} else {
		restore.file = file[0];
		r = put_back(cli, yes, &restore);
		if (r == SP_EXIT_OK && cli->json)
			r = sp_cli_print_json(
				json_pack("{s:i, s:s, s:O, s:O}", "v", 1, "file", file[0], "time",
					  json_object_get(restore.manifest, "time"), "host",
					  json_object_get(restore.manifest, "host")));
		else if (r == SP_EXIT_OK)
			print_done(&restore);
	}
	return r;
}
