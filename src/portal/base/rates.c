/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/base/rates.h"

#include <sodium.h>
#include <string.h>

#include "base/units.h"

#define STEP_NS ((uint64_t)SP_NS_PER_S / SP_RATE_PER_S)

struct sp_rate *sp_rate_of(struct sp_rates *rates, const struct sp_addr *from)
{
	const size_t len = sp_addr_is_v4(from) ? sizeof(from->b) : 8;
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, from->b, len, rates->hash_key);
	return &rates->buckets[hash % SP_RATE_BUCKETS];
}

uint64_t sp_rate_take(struct sp_rate *rate, uint64_t now_ns)
{
	const uint64_t full_ns = rate->full_ns > now_ns ? rate->full_ns : now_ns;

	if (full_ns - now_ns > STEP_NS * (SP_RATE_BURST - 1))
		return full_ns - now_ns - STEP_NS * (SP_RATE_BURST - 1);
	rate->full_ns = full_ns + STEP_NS;
	return 0;
}
