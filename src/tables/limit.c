/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The terms of limits, as the programs reckon with them ([9] of docs/judgement.md). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tables/index.h"

#define PERIOD_OF_SECOND UINT64_C(64000000000) /* 64ths of a nanosecond */

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* FNV-1a */
static uint64_t hash_more(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* A limit is what its name and its terms are: with others it begins with full buckets. */
static uint64_t id_of(const struct sp_limit *limit)
{
	const uint64_t terms[] = { limit->unit,  limit->rate, limit->period_s,
				   limit->burst, limit->key,  limit->source_bits };
	uint64_t hash = hash_more(UINT64_C(0xcbf29ce484222325), limit->name, strlen(limit->name));

	return hash_more(hash, terms, sizeof(terms));
}

static struct sp_limit_terms terms_of(const struct sp_limit *limit)
{
	const uint64_t period = limit->period_s * PERIOD_OF_SECOND;
	const uint64_t divisor = common_divisor(period, limit->rate);
	const unsigned __int128 burst = (unsigned __int128)limit->burst * period / limit->rate;

	return (struct sp_limit_terms){
		.period = period / divisor,
		.rate = limit->rate / divisor,
		.burst = (uint64_t)burst, /* at most a day */
		.id = id_of(limit),
		.unit = (uint8_t)limit->unit,
		.key = (uint8_t)limit->key,
		.source_bits = limit->source_bits,
	};
}

static size_t count_by(const struct sp_policy *policy, enum sp_limit_key key)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->limit_count; i++)
		count += policy->limits[i].key == key;
	return count;
}

/* What the verdicts of each rule say. A limit by rule is one of its own for each of them, at the
 * end of the others. */
static void add_rules(struct sp_tables *tables)
{
	const struct sp_policy *policy = tables->index->policy;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *rule = &policy->rules[i];
		const uint64_t number = rule->number;
		struct sp_limit_terms *terms = &tables->limit[tables->limit_count];

		tables->index->rule_limit[i] = rule->limit;
		if (!rule->limit || policy->limits[rule->limit - 1].key != SP_LIMIT_BY_RULE)
			continue;
		*terms = tables->limit[rule->limit];
		terms->id = hash_more(terms->id, &number, sizeof(number));
		terms->slot = rule->number;
		tables->index->rule_limit[i] = tables->limit_count++;
	}
}

int sp_tables_compile_limits(struct sp_tables *tables)
{
	const struct sp_policy *policy = tables->index->policy;

	if (policy->limit_count > SP_LIMITS_MAX ||
	    count_by(policy, SP_LIMIT_BY_SESSION) > SP_LIMIT_SESSION_SLOTS)
		return -E2BIG;
	tables->limit =
		calloc(1 + policy->limit_count + policy->rule_count, sizeof(*tables->limit));
	tables->index->rule_limit = calloc(policy->rule_count + 1, sizeof(uint32_t));
	if (!tables->limit || !tables->index->rule_limit)
		return -ENOMEM;
	for (size_t i = 0; i < policy->limit_count; i++)
		tables->limit[i + 1] = terms_of(&policy->limits[i]);
	tables->limit_count = (uint32_t)policy->limit_count + 1;
	add_rules(tables);
	return 0;
}
