/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit log on disk: its single writer, its rotation, and a reader over all its files. There
 * are two such logs (docs/audit.md), each with a chain of its own.
 *
 * PATH is the live file, PATH.1 the newest rotated one, PATH.N the oldest. Only the process that
 * holds the daemon's lock writes. Every record is one write(2) behind the last complete line, so a
 * killed writer leaves whole lines or one torn last line, which the next open moves to
 * PATH.torn-<time> and reports.
 *
 * What is on disk when: the page cache at once (a killed daemon loses nothing); the disk before
 * sp_audit_log_append returns for records of what people and administrators did (every event but
 * deny, allow, flow-end, limit, roam); for those after the next sp_audit_log_sync (call it once a
 * second); and always on rotation and close.
 */
#ifndef SALLYPORT_IO_AUDIT_LOG_H
#define SALLYPORT_IO_AUDIT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/chain.h"
#include "audit/record.h"

struct sp_audit_log;

struct sp_audit_log_options {
	const char *path;
	const char *boot; /* fills a record's when NULL; copied, as is gateway */
	const char *gateway;
	uint64_t rotate_bytes; /* 0: default 100 MB */
	unsigned int keep;     /* rotated files kept; 0: default 10 */
};

/* What opening found and did. */
struct sp_audit_log_repair {
	bool was_torn;    /* the last line had no end */
	char *moved_to;   /* where its bytes are now; NULL: nothing was moved */
	size_t torn_len;  /* how many bytes */
	bool was_corrupt; /* the last complete line is no record: the whole file is at moved_to */
};
/* Free the text; empty afterwards. */
void sp_audit_log_repair_done(struct sp_audit_log_repair *repair);

/* Open for writing (0640, the folder made if missing) and go on from the last complete line of the
 * newest file that has one. A live file whose last complete line is no record is moved aside to
 * PATH.corrupt-<time>. @hint: where the caller last saw the head (NULL: nowhere); when it is ahead
 * of the files, records are missing, and the chain goes on behind it so that verifying names the
 * hole. Tell of a repair in the message of a `start` record. Returns 0; -errno.
 */
int sp_audit_log_open(const struct sp_audit_log_options *options, const struct sp_chain_head *hint,
		      struct sp_audit_log **ret_log, struct sp_audit_log_repair *ret_repair);
/* Other bounds, from the next record on; 0: the defaults. */
void sp_audit_log_set_bounds(struct sp_audit_log *log, uint64_t rotate_bytes, unsigned int keep);
void sp_audit_log_close(struct sp_audit_log *log); /* syncs */
SP_DEFINE_CLEANUP(struct sp_audit_log *, sp_audit_log_close);

/* Append one record: seq and prev are set here, boot and gateway if NULL, time_ns if 0. Rotates
 * first when due; a rotation that fails is tried again with the next record. On 0 *@ret_line (if
 * not NULL) is the line as written, without newline, borrowed until the next call: what watchers
 * are sent. On error nothing of the record stays in the file and the chain has not moved: count it,
 * try again, and own up with a `gap` record. A failed sync is no such error: sp_audit_log_sync
 * tells it.
 * Returns 0; -EINVAL no event; -EMSGSIZE longer than 1 MiB; -ENOSPC, -EIO … of the write.
 */
int sp_audit_log_append(struct sp_audit_log *log, const struct sp_audit_record *record,
			const char **ret_line, size_t *ret_len);

/* Write appended records to the disk (fdatasync). Cheap when there are none. Returns 0 or
 * -errno. */
int sp_audit_log_sync(struct sp_audit_log *log);

/* What rotation took away since it was last asked. */
struct sp_audit_drop {
	uint64_t records;  /* 0: nothing */
	int64_t newest_ns; /* when the youngest of them was written */
};
/* What rotation has deleted since the last call; all zero: nothing. */
void sp_audit_log_take_drop(struct sp_audit_log *log, struct sp_audit_drop *ret_drop);

/* How far back the log reaches: the time of the oldest record that is still there, when older ones
 * are gone; 0: none is. */
int64_t sp_audit_log_get_horizon(const struct sp_audit_log *log);

/* How many times it was rotated since it was opened. */
unsigned int sp_audit_log_get_rotations(const struct sp_audit_log *log);

/* Where the log stands: what `audit verify` holds its end against. */
void sp_audit_log_get_head(const struct sp_audit_log *log, struct sp_chain_head *ret_head);

/* ---- reading ---- */

struct sp_audit_reader;

struct sp_audit_line {
	const char *file; /* its name as opened ("…/audit.jsonl.1"), valid as long as the reader */
	uint64_t number;  /* in that file, from 1 */
	const char *text; /* borrowed until the next call */
	size_t len;       /* without the newline */
	bool has_newline; /* false: the torn end of the log */
};

/* Open every file of the log, oldest first. A log that is not there yet reads as empty.
 * Returns 0; -errno.
 */
int sp_audit_reader_open(const char *path, struct sp_audit_reader **ret_reader);
/* NULL is allowed. */
void sp_audit_reader_close(struct sp_audit_reader *reader);
SP_DEFINE_CLEANUP(struct sp_audit_reader *, sp_audit_reader_close);

/* The next line. Returns 1 with it; 0 at the end, for now: later lines are found by calling again,
 * across rotations;
 * -EMSGSIZE a line longer than 1 MiB; -errno.
 * A line without its newline is held back: sp_audit_reader_rest shows it.
 */
int sp_audit_reader_next(struct sp_audit_reader *reader, struct sp_audit_line *ret_line);
/* The torn rest behind the last newline, if any: 1 with it, 0 none. */
int sp_audit_reader_rest(struct sp_audit_reader *reader, struct sp_audit_line *ret_line);

#endif
