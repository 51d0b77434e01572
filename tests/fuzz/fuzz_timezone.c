/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of time zones: eight bytes of an instant, then the file. Whatever is read as one answers as
 * a clock does: it is constant from change to change, and gives each local time its first instant. */
#include <stdlib.h>

#include "base/bytes.h"
#include "policy/times/timezone.h"

#define LEAST_S INT64_C(-62000000000)
#define MOST_S INT64_C(253000000000)
#define STEPS 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_instant(const struct sp_timezone *zone, int64_t local_s)
{
	const int64_t at_s = sp_timezone_instant(zone, local_s);

	check(at_s + sp_timezone_offset(zone, at_s) >= local_s);
	check(at_s - 1 + sp_timezone_offset(zone, at_s - 1) < local_s);
}

static void walk(const struct sp_timezone *zone, int64_t at_s)
{
	for (int i = 0; i < STEPS && at_s < MOST_S; i++) {
		const int64_t next_s = sp_timezone_next(zone, at_s);
		const int32_t offset_s = sp_timezone_offset(zone, at_s);

		check(next_s > at_s);
		check_instant(zone, at_s);
		if (next_s == INT64_MAX)
			return;
		check(sp_timezone_offset(zone, next_s - 1) == offset_s);
		check(sp_timezone_offset(zone, at_s + (next_s - at_s) / 2) == offset_s);
		at_s = next_s;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_reader input = sp_reader(data, size);
	const uint64_t seed = sp_take_le64(&input);
	struct sp_timezone *zone = NULL;

	if (input.failed || sp_timezone_read("zone", input.next, input.left, &zone) < 0)
		return 0;
	walk(zone, LEAST_S + (int64_t)(seed % (uint64_t)(MOST_S - LEAST_S)));
	walk(zone, 1795435200);
	sp_timezone_free(zone);
	return 0;
}
