/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/state.h"

/* FNV-1a, with the high bits folded in: the bucket is taken from the low ones. */
static uint64_t hash_bytes(const void *key, size_t len)
{
	const uint8_t *byte = key;
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

static struct sp_ref_node **bucket_of(const struct sp_ref_table *table, uint64_t hash)
{
	return &table->buckets[hash & (table->bucket_count - 1)];
}

void *sp_ref_table_find(const struct sp_ref_table *table, const void *key)
{
	uint64_t hash = hash_bytes(key, table->key_len);

	if (!table->bucket_count)
		return NULL;
	for (struct sp_ref_node *node = *bucket_of(table, hash); node; node = node->next)
		if (node->hash == hash && memcmp(node->key, key, table->key_len) == 0)
			return node;
	return NULL;
}

static int grow(struct sp_ref_table *table)
{
	size_t count = table->bucket_count ? table->bucket_count * 2 : 64;
	struct sp_ref_node **old = table->buckets;
	size_t old_count = table->bucket_count;
	struct sp_ref_node **buckets = calloc(count, sizeof(struct sp_ref_node *));

	if (!buckets)
		return -ENOMEM;
	table->buckets = buckets;
	table->bucket_count = count;
	for (size_t i = 0; i < old_count; i++) {
		struct sp_ref_node *node = old[i], *next;

		for (; node; node = next) {
			struct sp_ref_node **bucket = bucket_of(table, node->hash);

			next = node->next;
			node->next = *bucket;
			*bucket = node;
		}
	}
	free(old);
	return 0;
}

int sp_ref_table_add(struct sp_ref_table *table, struct sp_ref_node *node, const void *key)
{
	struct sp_ref_node **bucket;
	int r;

	if (table->count == table->bucket_count) {
		r = grow(table);
		if (r < 0)
			return r;
	}
	node->key = key;
	node->hash = hash_bytes(key, table->key_len);
	bucket = bucket_of(table, node->hash);
	node->next = *bucket;
	*bucket = node;
	table->count++;
	return 0;
}

void sp_ref_table_remove(struct sp_ref_table *table, struct sp_ref_node *node)
{
	struct sp_ref_node **link = bucket_of(table, node->hash);

	while (*link != node)
		link = &(*link)->next;
	*link = node->next;
	table->count--;
}

void sp_ref_table_sweep(struct sp_ref_table *table, bool (*is_over)(void *arg, void *item),
			void (*release)(void *arg, void *item), void *arg)
{
	for (size_t i = 0; i < table->bucket_count; i++) {
		struct sp_ref_node **link = &table->buckets[i];

		while (*link) {
			struct sp_ref_node *node = *link;

			if (!is_over(arg, node)) {
				link = &node->next;
				continue;
			}
			*link = node->next;
			table->count--;
			release(arg, node);
		}
	}
}

void sp_ref_table_done(struct sp_ref_table *table, void (*release)(void *arg, void *item),
		       void *arg)
{
	for (size_t i = 0; i < table->bucket_count; i++) {
		struct sp_ref_node *node = table->buckets[i], *next;

		for (; node; node = next) {
			next = node->next;
			if (release)
				release(arg, node);
			else
				free(node);
		}
	}
	free(table->buckets);
	*table = (struct sp_ref_table){ .key_len = table->key_len };
}
