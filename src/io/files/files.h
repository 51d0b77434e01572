/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are either the old one or the new one, never half of each; bounded reads; the lock
 * that keeps a second daemon off a root; and putting a corrupt file aside instead of losing it.
 */
#ifndef SALLYPORT_IO_FILES_H
#define SALLYPORT_IO_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SP_UID_KEEP ((uid_t) - 1)
#define SP_GID_KEEP ((gid_t) - 1)

/* Write @data to a new file beside @path, set mode and owner, fsync, rename it over @path, fsync
 * the folder. After a crash at any instant @path is whole: old or new. A symbolic link at @path is
 * replaced, not followed. @uid, @gid  SP_UID_KEEP, SP_GID_KEEP: the process's own.
 * Returns 0; -errno of the step that failed, @path untouched and nothing left beside it.
 */
int sp_file_replace(const char *path, const void *data, size_t len, mode_t mode, uid_t uid,
		    gid_t gid);

/* Read a whole regular file. *@ret_data is malloc'ed and NUL-terminated behind @ret_len bytes; no
 * other copy of it stays in memory, so that a secret is gone once the caller wiped that one.
 * Returns 0; -EFBIG longer than @max_len; -EINVAL not a regular file; -errno.
 */
int sp_file_read(const char *path, size_t max_len, char **ret_data, size_t *ret_len);

/* Make @path and every missing folder above it. @mode is for the last one, those above get 0755.
 * Existing ones are left as they are. Returns 0; -ENOTDIR; -errno.
 */
int sp_dir_make(const char *path, mode_t mode);
/* Make @path, and give it this owner and mode also if it is there already; a symbolic link is not
 * followed. Returns 0; -ENOTDIR; -errno. */
int sp_dir_make_owned(const char *path, mode_t mode, uid_t uid, gid_t gid);
/* The entries of a folder whose names end in @suffix and do not begin with a dot: their names
 * without it, in order, each malloc'ed like the list. Returns 0; -errno of the folder. */
int sp_dir_list(const char *path, const char *suffix, char ***ret_names, size_t *ret_count);
/* Bring a change of names in the folder that holds @path to the disk. Returns 0 or -errno. */
int sp_dir_sync_parent(const char *path);
/* Make the folder that holds @path. */
int sp_dir_make_parent(const char *path, mode_t mode);

/* Take the lock file (flock, our pid written into it). The lock lasts as long as the descriptor is
 * open and goes with the process, however it ends; the file stays.
 * Returns 0 with the descriptor; -EWOULDBLOCK another process holds it, *@ret_holder (if not NULL)
 * its pid or 0 when it cannot be read; -errno.
 */
int sp_lock_take(const char *path, int *ret_fd, pid_t *ret_holder);
/* Does a process hold it? To find out takes the lock for an instant where nobody does: who must have
 * it tries more than once. False also when it cannot be told. */
bool sp_lock_is_held(const char *path);

/* Rename @path to `@path.corrupt-<UTC time>` (a free name is found if that one is taken).
 * Returns 0 with the malloc'ed new name; -errno.
 */
int sp_file_move_aside(const char *path, int64_t now_s, char **ret_moved_to);

#endif
