/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/times/timezone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "policy/times/timezone_rule.h"

#define FIRST_S (INT64_C(-62135596800)) /* 1 January 1 */
#define LAST_S (INT64_C(253402300799))  /* the last second of 9999 */

/* From this instant on the clock is so much before UTC. */
struct change {
	int64_t at_s;
	int32_t offset_s;
};

struct sp_timezone {
	char *name;
	struct change *changes; /* ascending; the first is at INT64_MIN */
	size_t change_count;
	struct sp_timezone_rule rule; /* from the last change on, if there is one */
	bool has_rule;
};

SP_DEFINE_CLEANUP(struct sp_timezone *, sp_timezone_free);

void sp_timezone_free(struct sp_timezone *zone)
{
	if (!zone)
		return;
	free(zone->name);
	free(zone->changes);
	free(zone);
}

/* ---- reading ---- */

struct header {
	uint8_t version;
	uint32_t is_ut, is_standard, leaps, times, types, chars;
};

/* A type's offset, daylight flag and place of its name; a leap second's time and correction */
#define TYPE_BYTES 6
#define V1_TIME_BYTES 4
#define V2_TIME_BYTES 8

static int read_header(struct sp_reader *reader, struct header *ret_header)
{
	const uint8_t *magic = sp_take(reader, 4);
	struct header header;

	if (!magic || memcmp(magic, "TZif", 4) != 0)
		return -EBADMSG;
	header.version = sp_take_u8(reader);
	sp_take(reader, 15);
	header.is_ut = sp_take_be32(reader);
	header.is_standard = sp_take_be32(reader);
	header.leaps = sp_take_be32(reader);
	header.times = sp_take_be32(reader);
	header.types = sp_take_be32(reader);
	header.chars = sp_take_be32(reader);
	if (reader->failed || header.version < '2')
		return -EBADMSG;
	*ret_header = header;
	return 0;
}

/* What follows the times, their types and the types themselves: it says nothing of offsets. */
static void skip_rest(struct sp_reader *reader, const struct header *header, size_t time_bytes)
{
	sp_take(reader, header->chars);
	sp_take(reader, (uint64_t)header->leaps * (time_bytes + 4));
	sp_take(reader, header->is_standard);
	sp_take(reader, header->is_ut);
}

/* The block of version 1, for readers of 32 bits. */
static void skip_block(struct sp_reader *reader, const struct header *header)
{
	sp_take(reader, (uint64_t)header->times * (V1_TIME_BYTES + 1));
	sp_take(reader, (uint64_t)header->types * TYPE_BYTES);
	skip_rest(reader, header, V1_TIME_BYTES);
}

/* The block's three parts, borrowed. */
struct block {
	struct header header;
	const uint8_t *times, *indices, *types;
};

static int read_block(struct sp_reader *reader, struct block *ret_block)
{
	struct block block;
	int r = read_header(reader, &block.header);

	if (r < 0)
		return r;
	block.times = sp_take(reader, (uint64_t)block.header.times * V2_TIME_BYTES);
	block.indices = sp_take(reader, block.header.times);
	block.types = sp_take(reader, (uint64_t)block.header.types * TYPE_BYTES);
	skip_rest(reader, &block.header, V2_TIME_BYTES);
	/* Leap seconds would make every instant another one than the kernel's clock means. */
	if (reader->failed || block.header.types == 0 || block.header.leaps != 0)
		return -EBADMSG;
	*ret_block = block;
	return 0;
}

static int offset_of_type(const struct block *block, uint8_t type, int32_t *ret_offset_s)
{
	int32_t offset_s;

	if (type >= block->header.types)
		return -EBADMSG;
	offset_s = (int32_t)sp_get_be32(block->types + (size_t)type * TYPE_BYTES);
	if (offset_s < SP_TIMEZONE_OFFSET_LEAST || offset_s > SP_TIMEZONE_OFFSET_MOST)
		return -EBADMSG;
	*ret_offset_s = offset_s;
	return 0;
}

static int read_changes(const struct block *block, struct sp_timezone *zone)
{
	int r;

	zone->changes = calloc((size_t)block->header.times + 1, sizeof(*zone->changes));
	if (!zone->changes)
		return -ENOMEM;
	zone->changes[0].at_s = INT64_MIN;
	zone->change_count = 1;
	r = offset_of_type(block, 0, &zone->changes[0].offset_s);
	for (size_t i = 0; r == 0 && i < block->header.times; i++) {
		struct change *change = &zone->changes[zone->change_count++];

		change->at_s = (int64_t)sp_get_be64(block->times + i * V2_TIME_BYTES);
		if (change->at_s <= change[-1].at_s)
			return -EBADMSG;
		r = offset_of_type(block, block->indices[i], &change->offset_s);
	}
	return r;
}

/* "\nCET-1CEST,M3.5.0,M10.5.0/3\n"; nothing between the newlines: no rule is known */
static int read_footer(struct sp_reader *reader, struct sp_timezone *zone)
{
	const char *text = (const char *)reader->next;
	const char *end;

	if (reader->left < 2 || text[0] != '\n')
		return -EBADMSG;
	text++;
	end = memchr(text, '\n', reader->left - 1);
	if (!end)
		return -EBADMSG;
	zone->has_rule = end > text;
	return zone->has_rule ? sp_timezone_rule_read(text, (size_t)(end - text), &zone->rule) : 0;
}

static int new_zone(const char *name, struct sp_timezone **ret_zone)
{
	__sp_cleanup(sp_timezone_freep) struct sp_timezone *zone = calloc(1, sizeof(*zone));

	if (!zone || !(zone->name = strdup(name)))
		return -ENOMEM;
	*ret_zone = SP_TAKE_PTR(zone);
	return 0;
}

int sp_timezone_read(const char *name, const uint8_t *bytes, size_t len,
		     struct sp_timezone **ret_zone)
{
	__sp_cleanup(sp_timezone_freep) struct sp_timezone *zone = NULL;
	struct sp_reader reader = sp_reader(bytes, len);
	struct header old;
	struct block block;
	int r = read_header(&reader, &old);

	if (r < 0)
		return r;
	skip_block(&reader, &old);
	r = read_block(&reader, &block);
	if (r == 0)
		r = new_zone(name, &zone);
	if (r == 0)
		r = read_changes(&block, zone);
	if (r == 0)
		r = read_footer(&reader, zone);
	if (r < 0)
		return r;
	*ret_zone = SP_TAKE_PTR(zone);
	return 0;
}

int sp_timezone_utc(struct sp_timezone **ret_zone)
{
	__sp_cleanup(sp_timezone_freep) struct sp_timezone *zone = NULL;
	int r = new_zone("UTC", &zone);

	if (r < 0)
		return r;
	zone->changes = calloc(1, sizeof(*zone->changes));
	if (!zone->changes)
		return -ENOMEM;
	zone->changes[0].at_s = INT64_MIN;
	zone->change_count = 1;
	*ret_zone = SP_TAKE_PTR(zone);
	return 0;
}

/* ---- asking ---- */

const char *sp_timezone_name(const struct sp_timezone *zone)
{
	return zone->name;
}

static int64_t within(int64_t utc_s)
{
	return utc_s < FIRST_S ? FIRST_S : utc_s > LAST_S ? LAST_S : utc_s;
}

/* The last change at or before the instant. */
static size_t find_change(const struct sp_timezone *zone, int64_t utc_s)
{
	size_t low = 0, high = zone->change_count;

	while (high - low > 1) {
		const size_t middle = low + (high - low) / 2;

		if (zone->changes[middle].at_s <= utc_s)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static bool is_ruled(const struct sp_timezone *zone, size_t change)
{
	return zone->has_rule && change == zone->change_count - 1;
}

int32_t sp_timezone_offset(const struct sp_timezone *zone, int64_t utc_s)
{
	const int64_t at_s = within(utc_s);
	const size_t change = find_change(zone, at_s);

	return is_ruled(zone, change) ? sp_timezone_rule_offset(&zone->rule, at_s)
				      : zone->changes[change].offset_s;
}

int64_t sp_timezone_next(const struct sp_timezone *zone, int64_t utc_s)
{
	const int64_t at_s = within(utc_s);
	const size_t change = find_change(zone, at_s);
	int64_t next = INT64_MAX;

	if (is_ruled(zone, change))
		next = sp_timezone_rule_next(&zone->rule, at_s);
	else if (change + 1 < zone->change_count)
		next = zone->changes[change + 1].at_s;
	return next > LAST_S ? INT64_MAX : next;
}

int64_t sp_timezone_instant(const struct sp_timezone *zone, int64_t local_s)
{
	int64_t from_s = within(local_s) - SP_TIMEZONE_OFFSET_MOST;

	for (;;) {
		const int64_t next_s = sp_timezone_next(zone, from_s);
		const int64_t reads_s = within(local_s) - sp_timezone_offset(zone, from_s);
		const int64_t found_s = reads_s > from_s ? reads_s : from_s;

		if (found_s < next_s)
			return found_s;
		from_s = next_s;
	}
}
