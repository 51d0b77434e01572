/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a backup of a gateway is: a tar archive (pax) of what stands below three folders, ended by a
 * member that names every file with its size and SHA-256. One cut short has no such end, and is
 * refused. */
#ifndef SALLYPORT_CLI_BACKUP_H
#define SALLYPORT_CLI_BACKUP_H

#include <archive.h>
#include <archive_entry.h>
#include <sodium.h>

#include "base/cleanup.h"

#define SP_BACKUP_MANIFEST "sallyport-backup.json"
#define SP_BACKUP_CHUNK (64u << 10)

/* X(identifier, "member, and path below the root") */
#define SP_BACKUP_FOLDERS(X)                                                                       \
	X(ETC, "etc/sallyport")                                                                    \
	X(STATE, "var/lib/sallyport")                                                              \
	X(LOG, "var/log/sallyport")

enum sp_backup_folder {
#define X(id, name) SP_BACKUP_##id,
	SP_BACKUP_FOLDERS(X)
#undef X
		SP_BACKUP_FOLDER_COUNT
};

SP_DEFINE_CLEANUP(struct archive *, archive_free);
SP_DEFINE_CLEANUP(struct archive_entry *, archive_entry_free);

#endif
