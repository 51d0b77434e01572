/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clock of a time zone: what it reads at an instant, and when it is changed. Made of the bytes
 * of a TZif file (RFC 9636, version 2 and later), which say what was and what is laid down, and in
 * their footer the rule for all years after (POSIX.1-2024, 8.3: the TZ variable). No I/O: the bytes
 * come from src/io/files/zoneinfo.h. libc's own reading of zones is not used: which zone it reads is
 * one setting of the whole process.
 * Instants are seconds of Unix time, of the years 1 to 9999: those beyond count as the nearest. */
#ifndef SALLYPORT_POLICY_TIMEZONE_H
#define SALLYPORT_POLICY_TIMEZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_timezone;

#define SP_TIMEZONE_NAME_MAX 64

/* Where the zones of a policy come from (io/files/zoneinfo.h). */
struct sp_timezone_source {
	/* Read a zone by its name. Returns 0; -ENOENT there is none; -EINVAL the name can be none's;
	 * -EBADMSG its file is no zone's; -errno of the file. */
	int (*read)(const char *name, struct sp_timezone **ret_zone);
	/* The name most like a mistyped one; false: none is near. */
	bool (*find_nearest)(const char *name, char ret_name[SP_TIMEZONE_NAME_MAX]);
};

/* Read a TZif file. Returns 0; -EBADMSG it is none, is of version 1, counts leap seconds, or
 * contradicts itself; -ENOMEM. */
int sp_timezone_read(const char *name, const uint8_t *bytes, size_t len,
		     struct sp_timezone **ret_zone);
/* UTC, which needs no file. Returns 0; -ENOMEM. */
int sp_timezone_utc(struct sp_timezone **ret_zone);
/* NULL is allowed. */
void sp_timezone_free(struct sp_timezone *zone);

/* As it was read; borrowed. */
const char *sp_timezone_name(const struct sp_timezone *zone);

/* Seconds the clock is before UTC at this instant: local time is @utc_s plus this. */
int32_t sp_timezone_offset(const struct sp_timezone *zone, int64_t utc_s);
/* The first instant after @utc_s at which the offset may be another: it is the same up to there.
 * INT64_MAX: it stays. */
int64_t sp_timezone_next(const struct sp_timezone *zone, int64_t utc_s);
/* The first instant at which the clock reads @local_s or later, where @local_s counts seconds as
 * Unix time does in UTC. A time that comes twice is the first of the two, one that never comes is
 * when the clock jumps over it. */
int64_t sp_timezone_instant(const struct sp_timezone *zone, int64_t local_s);

#endif
