/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 3339 times in UTC with nanoseconds, as the audit log writes them, and their reader. No clock.
 */
#ifndef SALLYPORT_AUDIT_TIME_H
#define SALLYPORT_AUDIT_TIME_H

#include <stdint.h>

#include "base/units.h"

#define SP_TIME_TEXT_MAX 36 /* "2026-11-22T03:10:00.123456789Z" and a NUL */

/* "2026-11-22T03:10:00.123456789Z", always nine decimals: texts sort as times do. Years 0000..9999
 * (int64 ns reach 1677..2262). Returns @buf.
 */
char *sp_time_format(int64_t time_ns, char buf[SP_TIME_TEXT_MAX]);
/* The same without the fraction, for people and for files: "2026-11-22T03:10:00Z". */
char *sp_time_format_s(int64_t time_s, char buf[SP_TIME_TEXT_MAX]);

/* Read RFC 3339: any fraction up to nine digits or none, `Z` or an offset. A leap second (:60)
 * counts as the second after :59. Returns 0; -EINVAL not such a time; -ERANGE outside int64 ns.
 */
int sp_time_parse(const char *text, int64_t *ret_time_ns);

/* Read "90s", "10m", "2h", "7d". Returns 0; -EINVAL not a duration; -ERANGE too long for int64
 * ns. */
int sp_duration_parse(const char *text, int64_t *ret_ns);

#endif
