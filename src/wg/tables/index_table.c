/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wg/tables/index_table.h"

#include <errno.h>
#include <stdlib.h>

void sp_wg_index_table_done(struct sp_wg_index_table *table)
{
	free(table->buckets);
	*table = (struct sp_wg_index_table){ 0 };
}

static struct sp_wg_index_entry **bucket_of(const struct sp_wg_index_table *table, uint32_t index)
{
	return &table->buckets[index & (table->bucket_count - 1)];
}

static int grow(struct sp_wg_index_table *table)
{
	struct sp_wg_index_table larger = {
		.bucket_count = table->bucket_count ? table->bucket_count * 2 : 64,
		.count = table->count,
	};

	larger.buckets = calloc(larger.bucket_count, sizeof(struct sp_wg_index_entry *));
	if (!larger.buckets)
		return -ENOMEM;
	for (size_t i = 0; i < table->bucket_count; i++) {
		while (table->buckets[i]) {
			struct sp_wg_index_entry *entry = table->buckets[i];
			struct sp_wg_index_entry **bucket = bucket_of(&larger, entry->index);

			table->buckets[i] = entry->next;
			entry->next = *bucket;
			*bucket = entry;
		}
	}
	free(table->buckets);
	*table = larger;
	return 0;
}

int sp_wg_index_insert(struct sp_wg_index_table *table, struct sp_wg_index_entry *entry,
		       uint32_t index)
{
	struct sp_wg_index_entry **bucket;

	if (sp_wg_index_find(table, index))
		return -EEXIST;
	if (table->count >= table->bucket_count && grow(table) < 0 && !table->bucket_count)
		return -ENOMEM;
	bucket = bucket_of(table, index);
	entry->index = index;
	entry->next = *bucket;
	entry->is_listed = true;
	*bucket = entry;
	table->count++;
	return 0;
}

void sp_wg_index_remove(struct sp_wg_index_table *table, struct sp_wg_index_entry *entry)
{
	struct sp_wg_index_entry **link;

	if (!entry->is_listed)
		return;
	for (link = bucket_of(table, entry->index); *link != entry; link = &(*link)->next)
		;
	*link = entry->next;
	entry->next = NULL;
	entry->is_listed = false;
	table->count--;
}

struct sp_wg_index_entry *sp_wg_index_find(const struct sp_wg_index_table *table, uint32_t index)
{
	struct sp_wg_index_entry *entry;

	if (!table->bucket_count)
		return NULL;
	for (entry = *bucket_of(table, index); entry && entry->index != index; entry = entry->next)
		;
	return entry;
}
