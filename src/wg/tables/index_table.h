/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which handshake or keypair a receiver index stands for. Indices are random, so the index is its
 * own hash; entries are part of what they name, so inserting one allocates only when the table
 * grows. */
#ifndef SALLYPORT_WG_INDEX_TABLE_H
#define SALLYPORT_WG_INDEX_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_wg_engine_peer;
struct sp_wg_keypair;

struct sp_wg_index_entry {
	struct sp_wg_index_entry *next;
	struct sp_wg_engine_peer *peer;
	struct sp_wg_keypair *keypair; /* NULL: the peer's handshake */
	uint32_t index;
	bool is_listed;
};

struct sp_wg_index_table {
	struct sp_wg_index_entry **buckets; /* a power of two of them */
	size_t bucket_count, count;
};

/* Free the buckets; the entries are their owners'. The table is empty afterwards. */
void sp_wg_index_table_done(struct sp_wg_index_table *table);

/* List @entry, which is in no table, under @index. Returns 0; -EEXIST the index is taken;
 * -ENOMEM. */
int sp_wg_index_insert(struct sp_wg_index_table *table, struct sp_wg_index_entry *entry,
		       uint32_t index);
/* Nothing happens if it is not listed. */
void sp_wg_index_remove(struct sp_wg_index_table *table, struct sp_wg_index_entry *entry);
/* The entry of this receiver index, or NULL. */
struct sp_wg_index_entry *sp_wg_index_find(const struct sp_wg_index_table *table, uint32_t index);

#endif
