/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of time zones made in memory, and instants written as dates: for tests of what asks
 * clocks. */
#ifndef SALLYPORT_TEST_TZIF_H
#define SALLYPORT_TEST_TZIF_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "policy/times/timezone.h"

struct tzif_file {
	uint8_t bytes[1024];
	size_t len;
};

static inline void tzif_put(struct tzif_file *file, const void *bytes, size_t len)
{
	if (len > sizeof(file->bytes) - file->len)
		abort();
	memcpy(file->bytes + file->len, bytes, len);
	file->len += len;
}

static inline void tzif_put_be32(struct tzif_file *file, uint32_t value)
{
	uint8_t bytes[4];

	sp_put_be32(bytes, value);
	tzif_put(file, bytes, sizeof(bytes));
}

static inline void tzif_put_be64(struct tzif_file *file, uint64_t value)
{
	uint8_t bytes[8];

	sp_put_be64(bytes, value);
	tzif_put(file, bytes, sizeof(bytes));
}

static inline void tzif_put_header(struct tzif_file *file, char version, uint32_t leaps,
				   uint32_t times, uint32_t types)
{
	const uint8_t zero[15] = { 0 };

	tzif_put(file, "TZif", 4);
	tzif_put(file, &version, 1);
	tzif_put(file, zero, sizeof(zero));
	tzif_put_be32(file, 0);
	tzif_put_be32(file, 0);
	tzif_put_be32(file, leaps);
	tzif_put_be32(file, times);
	tzif_put_be32(file, types);
	tzif_put_be32(file, 4);
}

struct tzif {
	char version;
	uint32_t leaps;
	size_t change_count;
	int64_t at_s[4];
	int32_t offset_s[5]; /* [0] before the first change, then from each on */
	const char *footer;
};

/* Each change has a type of its own. */
static inline void tzif_make(const struct tzif *made, struct tzif_file *file)
{
	const uint8_t leaps[12 * 2] = { 0 };

	file->len = 0;
	tzif_put_header(file, made->version, 0, 0, 1);
	tzif_put(file, "\0\0\0\0\0\0UTC", 10);
	tzif_put_header(file, made->version, made->leaps, (uint32_t)made->change_count,
			(uint32_t)made->change_count + 1);
	for (size_t i = 0; i < made->change_count; i++)
		tzif_put_be64(file, (uint64_t)made->at_s[i]);
	for (size_t i = 0; i < made->change_count; i++)
		tzif_put(file, &(uint8_t){ (uint8_t)(i + 1) }, 1);
	for (size_t i = 0; i <= made->change_count; i++) {
		tzif_put_be32(file, (uint32_t)made->offset_s[i]);
		tzif_put(file, "\0\0", 2);
	}
	tzif_put(file, "ABC", 4);
	tzif_put(file, leaps, made->leaps * 12);
	tzif_put(file, made->footer, strlen(made->footer));
}

static inline struct sp_timezone *tzif_read(const struct tzif *made)
{
	struct sp_timezone *zone = NULL;
	struct tzif_file file;

	tzif_make(made, &file);
	if (sp_timezone_read("Test/Zone", file.bytes, file.len, &zone) < 0)
		abort();
	return zone;
}

static inline struct sp_timezone *tzif_ruled(const char *footer)
{
	const struct tzif made = { .version = '2', .footer = footer };

	return tzif_read(&made);
}

static inline int64_t utc(int year, int month, int day, int hour, int minute)
{
	struct tm tm = { .tm_year = year - 1900,
			 .tm_mon = month - 1,
			 .tm_mday = day,
			 .tm_hour = hour,
			 .tm_min = minute };

	return timegm(&tm);
}

#endif
