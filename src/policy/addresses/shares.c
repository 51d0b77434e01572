/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/addresses/shares.h"

#include <string.h>

#include "net/addr.h"

/* ---- the kernel's hash ---- */

/* jhash() of the kernel for 4 and for 16 bytes (include/linux/jhash.h; Jenkins, lookup3). Words are
 * read as the machine has them; what nftables hashes is in network order. */
#define JHASH_INITIAL 0xdeadbeefu

static uint32_t rotate(uint32_t word, unsigned int bits)
{
	return word << bits | word >> (32 - bits);
}

static void mix(uint32_t state[3])
{
	static const uint8_t turns[6] = { 4, 6, 8, 16, 19, 4 };

	for (unsigned int i = 0; i < 6; i++) {
		uint32_t *const here = &state[i % 3], *const next = &state[(i + 1) % 3],
				*const last = &state[(i + 2) % 3];

		*here -= *last;
		*here ^= rotate(*last, turns[i]);
		*last += *next;
	}
}

static uint32_t finish(uint32_t state[3])
{
	static const uint8_t turns[7] = { 14, 11, 25, 16, 4, 14, 24 };

	for (unsigned int i = 0; i < 7; i++) {
		uint32_t *const here = &state[(i + 2) % 3];
		const uint32_t before = state[(i + 1) % 3];

		*here ^= before;
		*here -= rotate(before, turns[i]);
	}
	return state[2];
}

static uint32_t hash_of(const uint8_t *bytes, uint32_t size)
{
	const uint32_t initial = JHASH_INITIAL + size + SP_SHARES_SEED;
	uint32_t state[3] = { initial, initial, initial };
	uint32_t words[4] = { 0 };

	memcpy(words, bytes, size);
	if (size > 12) {
		for (unsigned int i = 0; i < 3; i++)
			state[i] += words[i];
		mix(state);
		state[0] += words[3];
	} else {
		state[0] += words[0];
	}
	return finish(state);
}

/* As nftables does it, "mod" is the upper part of a product. */
uint32_t sp_shares_slot(const struct sp_addr *source)
{
	const bool is_v4 = sp_addr_is_v4(source);
	const uint32_t hash = is_v4 ? hash_of(&source->b[12], 4) : hash_of(source->b, 16);

	return (uint32_t)((uint64_t)hash * SP_SHARES_SLOTS >> 32);
}

/* ---- targets ---- */

/* Finaliser of splitmix64: every bit of the result depends on every bit of @value. */
static uint64_t scramble(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

static uint64_t seed_of(const struct sp_addr *target, uint16_t port)
{
	uint64_t seed = port;

	for (unsigned int i = 0; i < sizeof(target->b); i++)
		seed = scramble(seed ^ (uint64_t)target->b[i] << 8 * (i % 8));
	return seed;
}

uint32_t sp_shares_silent(const struct sp_forward *forward, const struct sp_silents *silents)
{
	uint32_t silent = 0;

	for (size_t n = 0; forward->is_checked && n < forward->target_count; n++)
		for (size_t i = 0; i < silents->count; i++)
			if (silents->items[i].port == forward->target_port &&
			    sp_addr_compare(&silents->items[i].addr, &forward->targets[n]) == 0)
				silent |= 1u << n;
	return silent;
}

static uint8_t owner_of(const struct sp_forward *forward, uint32_t silent,
			const uint64_t seeds[SP_FORWARD_TARGETS_MAX], uint32_t slot)
{
	uint8_t owner = SP_SHARES_NOBODY;
	uint64_t highest = 0;

	for (size_t n = 0; n < forward->target_count; n++) {
		const uint64_t score = scramble(seeds[n] + slot);

		if (silent >> n & 1 || (owner != SP_SHARES_NOBODY && score <= highest))
			continue;
		owner = (uint8_t)n;
		highest = score;
	}
	return owner;
}

static void fill_seeds(const struct sp_forward *forward, uint64_t seeds[SP_FORWARD_TARGETS_MAX])
{
	for (size_t n = 0; n < forward->target_count; n++)
		seeds[n] = seed_of(&forward->targets[n], forward->target_port);
}

void sp_shares_make(const struct sp_forward *forward, uint32_t silent,
		    uint8_t ret_owners[SP_SHARES_SLOTS])
{
	uint64_t seeds[SP_FORWARD_TARGETS_MAX];

	fill_seeds(forward, seeds);
	for (uint32_t slot = 0; slot < SP_SHARES_SLOTS; slot++)
		ret_owners[slot] = owner_of(forward, silent, seeds, slot);
}

uint8_t sp_shares_target(const struct sp_forward *forward, uint32_t silent,
			 const struct sp_addr *source)
{
	uint64_t seeds[SP_FORWARD_TARGETS_MAX];

	fill_seeds(forward, seeds);
	return owner_of(forward, silent, seeds, sp_shares_slot(source));
}
