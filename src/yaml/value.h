/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The single values of the language: addresses, prefixes, times, sizes, names, keys. Only the
 * canonical form is taken; for another the message shows the canonical one that was meant. */
#ifndef SALLYPORT_YAML_VALUE_H
#define SALLYPORT_YAML_VALUE_H

#include <sallyport/abi/tables.h>

#include "base/bounds.h"
#include "yaml/schema.h"

/* Each returns 0, or -EINVAL when it was reported. */
int sp_read_address(struct sp_check *check, const struct sp_node *node, const char *what,
		    struct sp_addr *ret_addr);
int sp_read_prefix(struct sp_check *check, const struct sp_node *node, const char *what,
		   struct sp_prefix *ret_prefix);
/* A scalar that can only be meant as an address or prefix, right or wrong. */
bool sp_looks_like_address(const char *text);

/* A date or a time as it is written. */
struct sp_calendar {
	int64_t time_s; /* Unix time; a local one, and a date's first second, as if of UTC */
	bool is_date;
	bool is_local; /* without Z or +01:00; a date always is */
};
/* Returns 0; -EINVAL the text is neither date nor time; -ERANGE there is no such one. */
int sp_calendar_parse(const char *text, struct sp_calendar *ret_calendar);
/* 2026-11-23T10:00, with seconds, Z or +01:00 as you like. */
int sp_read_time(struct sp_check *check, const struct sp_node *node, const char *what,
		 struct sp_calendar *ret_time);
/* The same, or a date alone: 2026-12-31. */
int sp_read_date_or_time(struct sp_check *check, const struct sp_node *node, const char *what,
			 struct sp_calendar *ret_calendar);
/* A time of day in minutes, 00:00 to 24:00. */
int sp_read_clock(struct sp_check *check, const struct sp_node *node, const char *what,
		  uint16_t *ret_minute);
/* 90s, 15m, 10h, 7d; 0 alone needs no unit. */
int sp_read_duration(struct sp_check *check, const struct sp_node *node, const char *what,
		     int64_t *ret_seconds);
/* 4096, 100KB, 100MB, 1GB: powers of ten. */
int sp_read_size(struct sp_check *check, const struct sp_node *node, const char *what,
		 uint64_t *ret_bytes);
struct sp_unit_rate {
	uint64_t units; /* in a period, not 0 */
	uint32_t period_s;
};
/* 200/s, 100/m, 5000/h; of bytes 100KB/s, 50MB/s, 1GB/h. */
int sp_read_rate(struct sp_check *check, const struct sp_node *node, const char *what,
		 bool is_of_bytes, struct sp_unit_rate *ret_rate);
#define SP_RATE_UNITS_MAX UINT64_C(1000000000)
#define SP_RATE_BYTES_MAX UINT64_C(100000000000)
#define SP_USER_MAX 255u
/* Both read what a provider may call a person, or a group of theirs: a token with a longer name, or
 * one with characters that do not print, is not taken. Borrowed from the document; NULL:
 * reported. */
const char *sp_read_user(struct sp_check *check, const struct sp_node *node, const char *what);
const char *sp_read_group(struct sp_check *check, const struct sp_node *node, const char *what);
/* A whole name in the DNS, in lower case and without a dot at its end: labels of letters, digits, -
 * and _, at least two. Borrowed from the document; NULL: reported. */
const char *sp_read_domain(struct sp_check *check, const struct sp_node *node, const char *what);
/* The base64 text of 32 bytes, as `wg` writes keys. */
int sp_read_key(struct sp_check *check, const struct sp_node *node, const char *what,
		uint8_t ret_key[32]);

#endif
