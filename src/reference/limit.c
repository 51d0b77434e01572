/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reference/limit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/addr.h"
#include "reference/state.h"
#include "yaml/schema.h"

#define PER_NS 64u
#define PER_SECOND UINT64_C(64000000000)

/* A limit is what its name and its terms are, whatever revision it stands in. */
struct bucket_key {
	char limit[SP_NAME_MAX + 1];
	uint64_t rate, burst;
	uint64_t who; /* the rule, or the session's epoch; 0: a source */
	uint32_t period_s;
	uint8_t unit, key, source_bits, zero;
	struct sp_addr source;
};

struct bucket {
	struct sp_ref_node node;
	struct bucket_key key;
	uint64_t full; /* when it is full again, in 64ths of a nanosecond */
};

uint64_t sp_ref_limit_cost(const struct sp_limit *limit, uint64_t units)
{
	const unsigned __int128 time = (unsigned __int128)units * limit->period_s * PER_SECOND;
	const uint64_t whole = (uint64_t)(time / limit->rate);

	return time % limit->rate ? whole + 1 : whole;
}

uint64_t sp_ref_limit_burst(const struct sp_limit *limit)
{
	return (uint64_t)((unsigned __int128)limit->burst * limit->period_s * PER_SECOND /
			  limit->rate);
}

static uint64_t units_of(const struct sp_limit *limit, uint64_t bytes, bool opens)
{
	switch (limit->unit) {
	case SP_LIMIT_PACKETS:
		return 1;
	case SP_LIMIT_BYTES:
		return bytes;
	case SP_LIMIT_CONNECTIONS:
		return opens ? 1 : 0;
	}
	return 0;
}

static void keep_bits(struct sp_addr *addr, unsigned bits)
{
	for (unsigned bit = bits; bit < 128; bit++)
		addr->b[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
}

/* The host or network that a source counts for. */
static struct sp_addr counted_source(const struct sp_limit *limit, const struct sp_ref_taker *taker)
{
	struct sp_addr addr = taker->source;

	if (sp_addr_is_v4(&addr))
		keep_bits(&addr, limit->source_bits ? 96u + limit->source_bits : 128);
	else if (limit->source_bits)
		keep_bits(&addr, 32u + limit->source_bits);
	else
		keep_bits(&addr, taker->is_edge ? 64 : 128);
	return addr;
}

static struct bucket_key key_of(const struct sp_limit *limit, const struct sp_ref_taker *taker)
{
	struct bucket_key key;

	memset(&key, 0, sizeof(key));
	memcpy(key.limit, limit->name, strlen(limit->name));
	key.rate = limit->rate;
	key.burst = limit->burst;
	key.period_s = limit->period_s;
	key.unit = (uint8_t)limit->unit;
	key.key = (uint8_t)limit->key;
	key.source_bits = limit->source_bits;
	if (limit->key == SP_LIMIT_BY_RULE)
		key.who = taker->rule;
	else if (limit->key == SP_LIMIT_BY_SESSION && taker->epoch)
		key.who = taker->epoch;
	else
		key.source = counted_source(limit, taker);
	return key;
}

void sp_ref_limits_init(struct sp_reference *reference)
{
	reference->buckets.key_len = sizeof(struct bucket_key);
}

/* The bucket, made full when it is first asked for. NULL: out of memory. */
static struct bucket *find_bucket(struct sp_reference *reference, const struct sp_limit *limit,
				  const struct sp_ref_taker *taker)
{
	const struct bucket_key key = key_of(limit, taker);
	struct bucket *bucket;

	bucket = sp_ref_table_find(&reference->buckets, &key);
	if (bucket)
		return bucket;
	bucket = calloc(1, sizeof(*bucket));
	if (!bucket)
		return NULL;
	bucket->key = key;
	if (sp_ref_table_add(&reference->buckets, &bucket->node, &bucket->key) < 0) {
		free(bucket);
		return NULL;
	}
	return bucket;
}

int sp_ref_limit_take(struct sp_reference *reference, const struct sp_ref_taker *taker,
		      uint64_t bytes, bool opens, uint64_t now_ns, bool *ret_denied)
{
	const uint64_t now = now_ns * PER_NS;
	const struct sp_limit *limit;
	struct bucket *bucket;
	uint64_t units, from, cost;

	*ret_denied = false;
	if (!taker->limit)
		return 0;
	limit = &reference->policy->limits[taker->limit - 1];
	units = units_of(limit, bytes, opens);
	if (!units)
		return 0;
	bucket = find_bucket(reference, limit, taker);
	if (!bucket)
		return -ENOMEM;
	cost = sp_ref_limit_cost(limit, units);
	from = bucket->full > now ? bucket->full : now;
	if (bucket->full > now && from + cost - now > sp_ref_limit_burst(limit))
		*ret_denied = true;
	else
		bucket->full = from + cost;
	return 0;
}

static bool is_same_limit(const struct bucket_key *key, const struct sp_limit *limit)
{
	return strcmp(key->limit, limit->name) == 0 && key->rate == limit->rate &&
	       key->burst == limit->burst && key->period_s == limit->period_s &&
	       key->unit == limit->unit && key->key == limit->key &&
	       key->source_bits == limit->source_bits;
}

static bool has_limit(const struct sp_policy *policy, const struct bucket_key *key)
{
	for (size_t i = 0; i < policy->limit_count; i++)
		if (is_same_limit(key, &policy->limits[i]))
			return true;
	return false;
}

static bool bucket_is_over(void *arg, void *item)
{
	const struct sp_policy *next = arg;
	const struct bucket *bucket = item;
	const struct sp_rule *rule;

	if (!bucket->key.who)
		return false;
	if (bucket->key.key == SP_LIMIT_BY_SESSION)
		return !has_limit(next, &bucket->key);
	rule = sp_policy_rule(next, (uint32_t)bucket->key.who);
	return !rule || !rule->limit ||
	       !is_same_limit(&bucket->key, &next->limits[rule->limit - 1]);
}

static void free_bucket(void *arg, void *item)
{
	(void)arg;
	free(item);
}

void sp_ref_limits_switch(struct sp_reference *reference, const struct sp_policy *next)
{
	sp_ref_table_sweep(&reference->buckets, bucket_is_over, free_bucket, (void *)next);
}

void sp_ref_limits_done(struct sp_reference *reference)
{
	sp_ref_table_done(&reference->buckets, NULL, NULL);
}
