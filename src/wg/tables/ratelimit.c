/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wg/tables/ratelimit.h"

#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "net/addr.h"
#include "wg/noise/messages.h"

#define COST_NS (SP_NS_PER_S / SP_WG_RATELIMIT_PER_SECOND)
#define FULL_NS (COST_NS * SP_WG_RATELIMIT_BURST)

/* The number under which a source is counted: an IPv4 address, or the first 64 bits of an IPv6
 * one. */
static uint64_t name_of(const struct sp_wg_ratelimit *limit, const struct sp_addr *source)
{
	uint8_t counted[9] = { sp_addr_is_v4(source) }, hash[crypto_shorthash_BYTES];
	uint64_t name;

	memcpy(counted + 1, sp_addr_is_v4(source) ? source->b + 8 : source->b, 8);
	crypto_shorthash(hash, counted, sizeof(counted), limit->key);
	name = sp_get_le64(hash);
	return name ? name : 1; /* 0 marks a free slot */
}

/* The slot of a source: the one it has, else a free one, else the one unused for the longest
 * time. */
static struct sp_wg_ratelimit_slot *slot_for(struct sp_wg_ratelimit *limit, uint64_t name)
{
	struct sp_wg_ratelimit_slot *set = limit->slots[name % SP_WG_RATELIMIT_SETS], *oldest = set;

	for (unsigned int i = 0; i < SP_WG_RATELIMIT_WAYS; i++) {
		if (set[i].source == name)
			return &set[i];
		if (set[i].source == 0)
			return &set[i];
		if (set[i].last_ns < oldest->last_ns)
			oldest = &set[i];
	}
	return oldest;
}

bool sp_wg_ratelimit_allow(struct sp_wg_ratelimit *limit, const struct sp_addr *source,
			   uint64_t now_ns)
{
	uint64_t name = name_of(limit, source);
	struct sp_wg_ratelimit_slot *slot = slot_for(limit, name);
	uint64_t passed = now_ns - slot->last_ns;

	if (slot->source == 0 || (slot->source != name && passed >= SP_NS_PER_S)) {
		slot->source = name;
		slot->tokens_ns = FULL_NS;
	} else if (passed >= FULL_NS - slot->tokens_ns) {
		slot->tokens_ns = FULL_NS;
	} else {
		slot->tokens_ns += passed;
	}
	slot->last_ns = now_ns;
	if (slot->tokens_ns < COST_NS)
		return false;
	slot->tokens_ns -= COST_NS;
	return true;
}
