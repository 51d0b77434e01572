/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/user_state.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/state.h"

#define MAPS_MAX 32
#define BUCKETS 1024u

/* Key and value apart, each of its exact size, so that a sanitizer sees what is read beyond. */
struct element {
	struct element *next;
	uint8_t *key, *value;
};

struct map {
	uint32_t room; /* 0: not made yet */
	uint32_t count;
	uint8_t *array;
	struct element **bucket; /* hashes, and prefixes: those by length */
};

struct user_maps {
	struct map map[MAPS_MAX];
};

static struct sp_state_shape shape[MAPS_MAX];
static bool is_table[MAPS_MAX];
static int shape_count;
static struct user_maps *current_tables, *current_state;
static struct element *buried;
static uint64_t record[64];

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* ---- sets ---- */

struct user_maps *user_maps_new(void)
{
	return must(calloc(1, sizeof(struct user_maps)));
}

static void free_elements(struct element *element)
{
	while (element) {
		struct element *next = element->next;

		free(element->key);
		free(element->value);
		free(element);
		element = next;
	}
}

void user_maps_free(struct user_maps *maps)
{
	for (int i = 0; i < MAPS_MAX; i++) {
		for (uint32_t at = 0; maps->map[i].bucket && at < BUCKETS; at++)
			free_elements(maps->map[i].bucket[at]);
		free(maps->map[i].bucket);
		free(maps->map[i].array);
	}
	free(maps);
}

void user_state_use(struct user_maps *tables, struct user_maps *state)
{
	current_tables = tables;
	current_state = state;
}

void user_state_bury(void)
{
	free_elements(buried);
	buried = NULL;
}

/* ---- maps ---- */

static bool names_table(const char *name)
{
	static const char *const tables[] = { "sp_src",  "sp_dst",     "sp_fwd",  "sp_svc",
					      "sp_pair", "sp_verdict", "sp_limit" };

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (strcmp(name, tables[i]) == 0)
			return true;
	return false;
}

int sp_state_number(const struct sp_state_shape *asked)
{
	for (int i = 0; i < shape_count; i++)
		if (strcmp(shape[i].name, asked->name) == 0)
			return i;
	if (shape_count == MAPS_MAX)
		abort();
	is_table[shape_count] = names_table(asked->name);
	shape[shape_count] = *asked;
	return shape_count++;
}

static bool is_array(int number)
{
	return shape[number].type == BPF_MAP_TYPE_ARRAY ||
	       shape[number].type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static struct map *find_map(int number)
{
	struct map *map = &(is_table[number] ? current_tables : current_state)->map[number];

	if (!map->room)
		map->room = shape[number].max_entries;
	if (is_array(number) && !map->array)
		map->array = must(calloc(map->room, shape[number].value_size));
	if (!is_array(number) && !map->bucket)
		map->bucket = must(calloc(BUCKETS, sizeof(*map->bucket)));
	return map;
}

void user_state_size(const char *name, uint32_t entries)
{
	for (int i = 0; i < shape_count; i++)
		if (strcmp(shape[i].name, name) == 0) {
			struct map *map = &(is_table[i] ? current_tables : current_state)->map[i];

			if (map->array || map->count)
				abort();
			map->room = entries;
			return;
		}
	abort();
}

/* ---- elements ---- */

static uint32_t bucket_of(int number, const uint8_t *key)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	if (shape[number].type == BPF_MAP_TYPE_LPM_TRIE) {
		memcpy(&hash, key, sizeof(hash));
		return hash % BUCKETS; /* the length of the prefix */
	}
	for (uint32_t i = 0; i < shape[number].key_size; i++)
		hash = (hash ^ key[i]) * 16777619u;
	return hash % BUCKETS;
}

static struct element **find_same(int number, const void *key)
{
	struct element **at = &find_map(number)->bucket[bucket_of(number, key)];

	while (*at && memcmp((*at)->key, key, shape[number].key_size) != 0)
		at = &(*at)->next;
	return at;
}

static bool has_prefix(const uint8_t *addr, const uint8_t *prefix, uint32_t len)
{
	return memcmp(addr, prefix, len / 8) == 0 &&
	       (len % 8 == 0 || (addr[len / 8] ^ prefix[len / 8]) >> (8 - len % 8) == 0);
}

static void *find_longest(int number, const uint8_t *key)
{
	struct map *map = find_map(number);
	uint32_t len;

	memcpy(&len, key, sizeof(len));
	for (uint32_t at = len + 1; at-- > 0;)
		for (struct element *element = map->bucket[at]; element; element = element->next)
			if (has_prefix(key + sizeof(len), element->key + sizeof(len), at))
				return element->value;
	return NULL;
}

void *sp_state_lookup(int number, const void *key)
{
	struct map *map = find_map(number);
	struct element *element;
	uint32_t index;

	if (shape[number].type == BPF_MAP_TYPE_LPM_TRIE)
		return find_longest(number, key);
	if (is_array(number)) {
		memcpy(&index, key, sizeof(index));
		return index < map->room ? map->array + (size_t)index * shape[number].value_size
					 : NULL;
	}
	element = *find_same(number, key);
	return element ? element->value : NULL;
}

static void bury(struct element **at)
{
	struct element *element = *at;

	*at = element->next;
	element->next = buried;
	buried = element;
}

static uint8_t *copy_of(const void *bytes, uint32_t size)
{
	return memcpy(must(malloc(size)), bytes, size);
}

/* As the kernel does: one that is replaced is another element from then on. */
static long put(int number, const void *key, const void *value, uint64_t flags)
{
	struct element **at = find_same(number, key), *element;
	struct map *map = find_map(number);

	if (*at && flags == BPF_NOEXIST)
		return -EEXIST;
	if (!*at && flags == BPF_EXIST)
		return -ENOENT;
	if (!*at && map->count >= map->room) {
		if (shape[number].type != BPF_MAP_TYPE_LRU_HASH)
			return -E2BIG;
		for (uint32_t i = 0; i < BUCKETS; i++)
			while (map->bucket[i])
				bury(&map->bucket[i]);
		map->count = 0;
		at = find_same(number, key);
	}
	if (*at)
		bury(at);
	else
		map->count++;
	element = must(calloc(1, sizeof(*element)));
	element->key = copy_of(key, shape[number].key_size);
	element->value = copy_of(value, shape[number].value_size);
	element->next = *at;
	*at = element;
	return 0;
}

long sp_state_update(int number, const void *key, const void *value, __u64 flags)
{
	void *element;

	if (!is_array(number))
		return put(number, key, value, flags);
	element = sp_state_lookup(number, key);
	if (!element)
		return -E2BIG;
	memcpy(element, value, shape[number].value_size);
	return 0;
}

long sp_state_delete(int number, const void *key)
{
	struct element **at;

	if (is_array(number))
		return -EINVAL;
	at = find_same(number, key);
	if (!*at)
		return -ENOENT;
	bury(at);
	find_map(number)->count--;
	return 0;
}

/* ---- records, clock ---- */

/* One is written at a time, and nobody reads it. */
void *sp_state_reserve(__u64 size)
{
	return size <= sizeof(record) ? record : NULL;
}

void sp_state_submit(void *submitted)
{
	if (submitted != record)
		abort();
}

__u64 sp_state_boot_ns(void)
{
	abort(); /* who runs the judge says what time it is */
}

__u32 sp_state_random(void)
{
	return 0x9e3779b9u;
}
