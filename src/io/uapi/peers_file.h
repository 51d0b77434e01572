/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The peers file: what the engine restarts from while sallyportd is away. It is the set=1 text of
 * the userspace API, each peer preceded by `# expires=<unix s> name=<device>` (0: never), 0600,
 * replaced whole, ended by an empty line, so that a cut file is seen and refused.
 */
#ifndef SALLYPORT_IO_PEERS_FILE_H
#define SALLYPORT_IO_PEERS_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "io/uapi/uapi.h"

/* a user of 255 bytes, a slash, a device of 63; with the NUL */
#define SP_PEERS_NAME_MAX 320
#define SP_PEERS_FILE_MAX (32u << 20) /* bytes */

struct sp_peers_entry {
	struct sp_wg_peer peer;
	int64_t expires_s;            /* UTC; the first second it is dead; 0: never */
	char name[SP_PEERS_NAME_MAX]; /* printable; spaces inside are fine, at its ends not */
};

struct sp_peers {
	bool has_private_key;
	struct sp_wg_key private_key;
	uint16_t listen_port;
	struct sp_peers_entry *entries;
	size_t count;
};

void sp_peers_done(struct sp_peers *peers); /* frees, and wipes every key */
#define __sp_peers __sp_cleanup(sp_peers_done)

/* Write it, owned by @uid, @gid (SP_UID_KEEP, SP_GID_KEEP of io/files/files.h: ours).
 * Returns 0; -EINVAL a name has a control character, is empty or too long; -EEXIST a key twice;
 * -errno, old file untouched.
 */
int sp_peers_file_write(const char *path, const struct sp_peers *peers, uid_t uid, gid_t gid);

/* The place and cause of what a strict read refused. */
struct sp_peers_error {
	size_t line; /* 0: the file as a whole */
	const char *text;
};

/* Read it strictly: only what the writer writes. Anything else is corruption: move it aside
 * (sp_file_move_aside), never take half of it. Returns 0; -ENOENT; -EBADMSG with @ret_error (may be
 * NULL); -EFBIG; -EACCES it is readable by others;
 * -errno.
 */
int sp_peers_file_read(const char *path, struct sp_peers *ret_peers,
		       struct sp_peers_error *ret_error);
/* The same for text in memory. Pure. */
int sp_peers_parse(const char *text, size_t len, struct sp_peers *ret_peers,
		   struct sp_peers_error *ret_error);

/* Whether the entry is dead at @now_s. */
static inline int sp_peers_entry_is_expired(const struct sp_peers_entry *entry, int64_t now_s)
{
	return entry->expires_s != 0 && now_s >= entry->expires_s;
}

#endif
