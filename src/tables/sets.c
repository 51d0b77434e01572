/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tables/sets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- chains ---- */

static int chains_grow(struct sp_chains *chains)
{
	uint32_t room = chains->room ? chains->room * 2 : 64;
	uint32_t *bucket, *next;
	uint64_t *hash;

	next = reallocarray(chains->next, room, sizeof(*next));
	if (!next)
		return -ENOMEM;
	chains->next = next;
	hash = reallocarray(chains->hash, room, sizeof(*hash));
	if (!hash)
		return -ENOMEM;
	chains->hash = hash;
	bucket = reallocarray(NULL, room, sizeof(*bucket));
	if (!bucket)
		return -ENOMEM;
	free(chains->bucket);
	chains->bucket = bucket;
	chains->bucket_count = chains->room = room;
	memset(bucket, 0xff, room * sizeof(*bucket));
	/* In ascending order, so that the newest number is first in its chain. sp_chains_truncate
	 * relies on that. */
	for (uint32_t n = 0; n < chains->count; n++) {
		uint32_t *head = &bucket[hash[n] & (room - 1)];

		next[n] = *head;
		*head = n;
	}
	return 0;
}

int sp_chains_add(struct sp_chains *chains, uint64_t hash)
{
	uint32_t *head;

	if (chains->count == chains->room) {
		int r = chains_grow(chains);

		if (r < 0)
			return r;
	}
	head = &chains->bucket[hash & (chains->bucket_count - 1)];
	chains->hash[chains->count] = hash;
	chains->next[chains->count] = *head;
	*head = chains->count++;
	return 0;
}

void sp_chains_truncate(struct sp_chains *chains, uint32_t count)
{
	while (chains->count > count) {
		uint32_t n = --chains->count;

		chains->bucket[chains->hash[n] & (chains->bucket_count - 1)] = chains->next[n];
	}
}

void sp_chains_done(struct sp_chains *chains)
{
	free(chains->bucket);
	free(chains->next);
	free(chains->hash);
	*chains = (struct sp_chains){ 0 };
}

static uint32_t same_hash(const struct sp_chains *chains, uint32_t n, uint64_t hash)
{
	while (n != SP_CHAIN_END && chains->hash[n] != hash)
		n = chains->next[n];
	return n;
}

uint32_t sp_chains_first(const struct sp_chains *chains, uint64_t hash)
{
	if (!chains->bucket_count)
		return SP_CHAIN_END;
	return same_hash(chains, chains->bucket[hash & (chains->bucket_count - 1)], hash);
}

uint32_t sp_chains_next(const struct sp_chains *chains, uint32_t number)
{
	return same_hash(chains, chains->next[number], chains->hash[number]);
}

/* ---- sets ---- */

/* A hash of a set. It only has to spread well, because sets with one hash are compared bit by
 * bit. */
static uint64_t hash_bits(const uint64_t *bits, size_t words)
{
	uint64_t hash = UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < words; i++) {
		hash = (hash ^ bits[i]) * UINT64_C(0xff51afd7ed558ccd);
		hash ^= hash >> 32;
	}
	return hash;
}

void sp_rule_sets_init(struct sp_rule_sets *sets, size_t words, uint32_t max)
{
	*sets = (struct sp_rule_sets){ .words = words, .max = max };
}

void sp_rule_sets_done(struct sp_rule_sets *sets)
{
	free(sets->bits);
	sp_chains_done(&sets->chains);
	*sets = (struct sp_rule_sets){ 0 };
}

static int make_room(struct sp_rule_sets *sets)
{
	uint32_t room = sets->room ? sets->room * 2 : 16;
	uint64_t *bits;

	if (sp_rule_sets_count(sets) < sets->room)
		return 0;
	bits = reallocarray(sets->bits, room, sets->words * sizeof(*bits));
	if (!bits)
		return -ENOMEM;
	sets->bits = bits;
	sets->room = room;
	return 0;
}

int sp_rule_sets_intern(struct sp_rule_sets *sets, const uint64_t *bits, uint32_t *ret_number)
{
	size_t size = sets->words * sizeof(*bits);
	uint64_t hash = hash_bits(bits, sets->words);
	uint32_t n;
	int r;

	for (n = sp_chains_first(&sets->chains, hash); n != SP_CHAIN_END;
	     n = sp_chains_next(&sets->chains, n)) {
		if (memcmp(sp_rule_sets_get(sets, n), bits, size) == 0) {
			*ret_number = n;
			return 0;
		}
	}
	n = sp_rule_sets_count(sets);
	if (n >= sets->max)
		return -E2BIG;
	r = make_room(sets);
	if (r < 0)
		return r;
	r = sp_chains_add(&sets->chains, hash);
	if (r < 0)
		return r;
	memcpy(sets->bits + (size_t)n * sets->words, bits, size);
	*ret_number = n;
	return 0;
}

void sp_rule_sets_truncate(struct sp_rule_sets *sets, uint32_t count)
{
	sp_chains_truncate(&sets->chains, count);
}
