/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets of rules as bits (bit n: the rule at place n of the file), and tables that give each
 * distinct set a small number. Classes, network sets, service sets and profiles are all numbers of
 * such sets. Numbers are handed out in order, so what was added last can be taken back. */
#ifndef SALLYPORT_TABLES_SETS_H
#define SALLYPORT_TABLES_SETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bits.h"

/* Chains of numbers 0..count-1 by hash. A number is removed only from the end. */
struct sp_chains {
	uint32_t *bucket; /* head of each chain, SP_CHAIN_END: empty */
	uint32_t *next;
	uint64_t *hash;
	uint32_t bucket_count; /* a power of two, or 0 */
	uint32_t room;
	uint32_t count;
};
#define SP_CHAIN_END UINT32_MAX

/* Append number `count` under @hash. Returns 0; -ENOMEM. */
int sp_chains_add(struct sp_chains *chains, uint64_t hash);
/* Remove the numbers from @count on. */
void sp_chains_truncate(struct sp_chains *chains, uint32_t count);
/* Free the chains; empty afterwards. */
void sp_chains_done(struct sp_chains *chains);
/* Both walk over the numbers whose hash is @hash: start with _first, go on with _next, until
 * SP_CHAIN_END. */
uint32_t sp_chains_first(const struct sp_chains *chains, uint64_t hash);
uint32_t sp_chains_next(const struct sp_chains *chains, uint32_t number);

struct sp_rule_sets {
	size_t words; /* of 64 bits, a set */
	uint32_t max;
	uint64_t *bits;
	uint32_t room;
	struct sp_chains chains;
};

/* An empty table for sets of @words > 0; numbers stay below @max. */
void sp_rule_sets_init(struct sp_rule_sets *sets, size_t words, uint32_t max);
/* Free the sets; empty afterwards, and not to be added to. */
void sp_rule_sets_done(struct sp_rule_sets *sets);
/* The number of this set, which is added if it is not there. Returns 0; -E2BIG beyond @max;
 * -ENOMEM. */
int sp_rule_sets_intern(struct sp_rule_sets *sets, const uint64_t *bits, uint32_t *ret_number);
/* Forget the sets from number @count on. */
void sp_rule_sets_truncate(struct sp_rule_sets *sets, uint32_t count);

static inline const uint64_t *sp_rule_sets_get(const struct sp_rule_sets *sets, uint32_t number)
{
	return sets->bits + (size_t)number * sets->words;
}

static inline uint32_t sp_rule_sets_count(const struct sp_rule_sets *sets)
{
	return sets->chains.count;
}

#endif
