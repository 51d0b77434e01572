/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/idp/idp_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/files/source.h"
#include "io/files/files.h"
#include "yaml/source.h"
#include "yaml/suggest.h"

#define FILE_MODE 0640 /* hashes: for the portal's group, not for everybody */
#define DIR_MODE 0750
#define LOCK_TRIES 100
#define LOCK_PAUSE_MS 50

static int exit_of(int r)
{
	return r == -EACCES || r == -EPERM ? SP_EXIT_NOT_PERMITTED : SP_EXIT_FAILED;
}

static int fail_invalid(const struct sp_cli *cli, const char *path,
			const struct sp_diagnostics *diagnostics, const char *why)
{
	sp_source_print_diagnostics(cli, diagnostics);
	return sp_cli_fail(SP_EXIT_INVALID, "%s %s", path, why);
}

/* ---- reading ---- */

static int file_find(const struct sp_cli *cli, const char *name, struct sp_idp_file *file)
{
	int r;

	if (!*name || *name == '.' || strchr(name, '/'))
		return sp_cli_fail(SP_EXIT_USAGE,
				   "--idp %s: a provider is named as its file, without .yaml",
				   name);
	file->name = name;
	r = sp_paths_init(&file->paths, cli->root);
	if (r == 0)
		r = sp_str_format(&file->path, "%s/%s.yaml", file->paths.idp_dir, name);
	return r < 0 ? sp_cli_fail(SP_EXIT_FAILED, "--root: %s", sp_err_text(r)) : SP_EXIT_OK;
}

static int file_load(const struct sp_cli *cli, struct sp_idp_file *file)
{
	__sp_cleanup(sp_diagnostics_done) struct sp_diagnostics diagnostics = { 0 };
	int r = sp_file_read(file->path, SP_SOURCE_MAX, &file->text, &file->text_len);

	if (r == -ENOENT)
		return SP_EXIT_OK;
	if (r < 0)
		return sp_cli_fail(exit_of(r), "cannot read %s: %s", file->path,
				   r == -EINVAL ? "it is no regular file" : sp_err_text(r));
	r = sp_idp_load(file->path, file->text, file->text_len, &file->idp, &diagnostics);
	if (r == -EINVAL)
		return fail_invalid(cli, file->path, &diagnostics,
				    "is not valid: put it right first");
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "checking %s: %s", file->path, sp_err_text(r));
	if (file->idp->type != SP_IDP_LOCAL)
		return sp_cli_fail(SP_EXIT_FAILED,
				   "%s is no local provider: its users are the provider's",
				   file->path);
	return SP_EXIT_OK;
}

int sp_idp_file_open(const struct sp_cli *cli, const char *name, struct sp_idp_file *file)
{
	const int r = file_find(cli, name, file);

	return r == SP_EXIT_OK ? file_load(cli, file) : r;
}

void sp_idp_file_done(struct sp_idp_file *file)
{
	sp_idp_free(file->idp);
	free(file->text);
	free(file->path);
	sp_paths_done(&file->paths);
	sp_closep(&file->lock_fd);
}

/* ---- changing ---- */

static int take_lock(struct sp_idp_file *file)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };
	__sp_free char *path = NULL;
	pid_t holder = 0;
	int r = sp_dir_make(file->paths.idp_dir, DIR_MODE);

	if (r == 0)
		r = sp_str_format(&path, "%s/.lock", file->paths.idp_dir);
	if (r < 0)
		return sp_cli_fail(exit_of(r), "cannot make %s: %s", file->paths.idp_dir,
				   sp_err_text(r));
	for (int i = 0; i < LOCK_TRIES; i++) {
		r = sp_lock_take(path, &file->lock_fd, &holder);
		if (r != -EWOULDBLOCK)
			break;
		nanosleep(&pause, NULL);
	}
	if (r == -EWOULDBLOCK)
		return sp_cli_fail(SP_EXIT_FAILED,
				   "process %d is changing users; try again when it is done",
				   (int)holder);
	return r < 0 ? sp_cli_fail(exit_of(r), "cannot lock %s: %s", path, sp_err_text(r))
		     : SP_EXIT_OK;
}

int sp_idp_file_lock(const struct sp_cli *cli, const char *name, struct sp_idp_file *file)
{
	struct stat st;
	int r = file_find(cli, name, file);

	if (r == SP_EXIT_OK)
		r = take_lock(file);
	if (r != SP_EXIT_OK)
		return r;
	if (lstat(file->path, &st) == 0 && S_ISLNK(st.st_mode))
		return sp_cli_fail(
			SP_EXIT_FAILED,
			"%s is a symbolic link, which would be replaced: change the file it names",
			file->path);
	return file_load(cli, file);
}

/* Keep owner and group; a new file gets those of its folder, so that the folder's reader can read
 * it. */
static int file_replace(struct sp_idp_file *file, const char *text, size_t len)
{
	struct stat st;

	if (stat(file->text ? file->path : file->paths.idp_dir, &st) < 0)
		return sp_errno();
	return sp_file_replace(file->path, text, len, FILE_MODE,
			       st.st_uid == geteuid() ? SP_UID_KEEP : st.st_uid,
			       st.st_gid == getegid() ? SP_GID_KEEP : st.st_gid);
}

int sp_idp_file_fail_no_user(const struct sp_idp_file *file, const char *user)
{
	struct sp_nearest near;

	sp_nearest_init(&near, user);
	for (size_t i = 0; file->idp && i < file->idp->user_count; i++)
		sp_nearest_offer(&near, file->idp->users[i].name);
	return sp_cli_fail(SP_EXIT_FAILED, "there is no user %s in %s%s%s%s", user, file->path,
			   near.best ? "; did you mean " : "", near.best ? near.best : "",
			   near.best ? "?" : "");
}

int sp_idp_file_change(const struct sp_cli *cli, struct sp_idp_file *file,
		       const struct sp_user_change *change)
{
	__sp_cleanup(sp_diagnostics_done) struct sp_diagnostics diagnostics = { 0 };
	__sp_free char *text = NULL;
	size_t len;
	int r = sp_user_edit(file->path, file->text ? file->text : "", file->text_len, change,
			     &text, &len, &diagnostics);

	switch (r) {
	case 0:
		break;
	case -EEXIST:
		return sp_cli_fail(
			SP_EXIT_FAILED,
			"user %s is there already: sallyport user passwd %s changes the password",
			change->name, change->name);
	case -ENOENT:
		return sp_idp_file_fail_no_user(file, change->name);
	case -EINVAL:
		return fail_invalid(cli, file->path, &diagnostics,
				    "is unchanged: with this change it would not be valid");
	case -ENOTSUP:
		return sp_cli_fail(
			SP_EXIT_FAILED,
			"%s is unchanged: its form cannot be changed without harm; edit it by hand",
			file->path);
	default:
		return sp_cli_fail(SP_EXIT_FAILED, "%s is unchanged: %s", file->path,
				   sp_err_text(r));
	}
	r = file_replace(file, text, len);
	return r < 0 ? sp_cli_fail(exit_of(r), "%s is unchanged: %s", file->path, sp_err_text(r))
		     : SP_EXIT_OK;
}
