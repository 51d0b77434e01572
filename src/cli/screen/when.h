/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times of the API for people. */
#ifndef SALLYPORT_CLI_WHEN_H
#define SALLYPORT_CLI_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SP_WHEN_MAX 64

/* RFC 3339 -> seconds since 1970, rounded down. NULL, "" or no time: INT64_MAX, never. */
int64_t sp_when_parse(const char *text);
/* Write a time in local time: "23:40 (in 7 h 59 min)", "23:40 (5 min ago)", with the date before it
 * when it is not today; "no end" for never (INT64_MAX). Returns @buf. */
const char *sp_when_format(int64_t when_s, int64_t now_s, char buf[SP_WHEN_MAX]);
/* Write a span of seconds: "3 d 7 h", "7 h 59 min", "12 min", "40 s". Returns @buf. */
const char *sp_when_span(int64_t span_s, char buf[SP_WHEN_MAX]);

#endif
