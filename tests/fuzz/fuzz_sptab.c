/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader of .sptab files. What it takes must be exactly what the writer writes, and lookups in
 * it must stay inside. An input is a file in short: u32 where the rows of the service table go
 * (beyond the end: nowhere), u16 the service set of all its slots, u16 a slot (not 0) that has the
 * next one; then the file's bytes without those rows and without the checksum, which is made right
 * here. */
#include <errno.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tables/tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROWS_SIZE (SP_SVC_SLOTS * 2)

static void look_around(const struct sp_tables *tables)
{
	for (uint32_t i = 0; i < 256; i += 5) {
		struct sp_addr addr;

		memset(addr.b, (int)i, sizeof(addr.b));
		if (i % 2) {
			memset(addr.b, 0, 10);
			memset(addr.b + 10, 0xff, 2);
		}
		if (!sp_tables_find_src(tables, &addr) || !sp_tables_find_dst(tables, &addr))
			abort();
	}
	for (uint32_t c = 0; c < tables->class_count && c < 8; c++)
		for (uint32_t n = 0; n < tables->netset_count && n < 8; n++)
			if (sp_tables_decide(tables, c, n, (c * 8 + n) * 3001)->action > SP_ALLOW)
				abort();
}

static void read_file(const uint8_t *file, size_t len)
{
	struct sp_tables *tables = NULL;
	uint8_t *again = NULL;
	size_t again_len = 0;
	int r = sp_sptab_read(file, len, &tables);

	if (r == 0) {
		look_around(tables);
		if (sp_sptab_write(tables, &again, &again_len) < 0 || again_len != len ||
		    memcmp(again, file, len) != 0)
			abort();
	} else if (r != -EBADMSG && r != -ENOMEM) {
		abort();
	}
	free(again);
	sp_tables_free(tables);
}

/* Filled by doubling: slot by slot is what would take most of the time here. */
static void fill_slots(uint8_t *rows, uint16_t svcset)
{
	size_t filled = 2;

	sp_put_le16(rows, svcset);
	while (filled < ROWS_SIZE) {
		size_t more = filled < ROWS_SIZE - filled ? filled : ROWS_SIZE - filled;

		memcpy(rows + filled, rows, more);
		filled += more;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_reader input = sp_reader(data, size);
	uint32_t at = sp_take_le32(&input);
	uint16_t svcset = sp_take_le16(&input), other = sp_take_le16(&input);
	uint8_t *file, *next;

	if (input.failed)
		return 0;
	read_file(input.next, input.left);
	file = next = malloc(input.left + ROWS_SIZE + SHA256_DIGEST_LENGTH);
	if (!file)
		return 0;
	if (at <= input.left) {
		memcpy(next, input.next, at);
		next += at;
		fill_slots(next, svcset);
		sp_put_le16(next + other * 2u, (uint16_t)(svcset + 1));
		sp_put_le16(next, svcset);
		next += ROWS_SIZE;
		input.next += at;
		input.left -= at;
	}
	memcpy(next, input.next, input.left);
	next += input.left;
	SHA256(file, (size_t)(next - file), next);
	read_file(file, (size_t)(next - file) + SHA256_DIGEST_LENGTH);
	free(file);
	return 0;
}
