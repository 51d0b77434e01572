/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/base/shares.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_BYTES 8u /* a /64 */
#define SITE_BYTES 6u    /* a /48 */
#define ADDRESSES_OF_A_SITE 4u

struct sp_share {
	struct sp_addr prefix;
	size_t len;   /* in bytes */
	size_t count; /* 0: the place is free */
};

int sp_shares_init(struct sp_shares *shares, size_t most)
{
	shares->capacity = 2 * most;
	shares->items = calloc(shares->capacity, sizeof(*shares->items));
	return shares->items ? 0 : -ENOMEM;
}

void sp_shares_done(struct sp_shares *shares)
{
	free(shares->items);
	*shares = (struct sp_shares){ 0 };
}

static struct sp_addr prefix_of(const struct sp_addr *from, size_t len)
{
	struct sp_addr prefix = { 0 };

	memcpy(prefix.b, from->b, len);
	return prefix;
}

/* The place of this key, or else the first free place; the capacity if there is neither. */
static size_t share_find(const struct sp_shares *shares, const struct sp_addr *from, size_t len)
{
	const struct sp_addr prefix = prefix_of(from, len);
	size_t free_place = shares->capacity;

	for (size_t i = 0; i < shares->capacity; i++) {
		const struct sp_share *share = &shares->items[i];

		if (!share->count && free_place == shares->capacity)
			free_place = i;
		if (share->count && share->len == len &&
		    memcmp(&share->prefix, &prefix, sizeof(prefix)) == 0)
			return i;
	}
	return free_place;
}

static size_t take(struct sp_shares *shares, const struct sp_addr *from, size_t len)
{
	const size_t place = share_find(shares, from, len);
	struct sp_share *share = &shares->items[place];

	if (!share->count)
		*share = (struct sp_share){ .prefix = prefix_of(from, len), .len = len };
	share->count++;
	return place;
}

struct sp_holding sp_shares_take(struct sp_shares *shares, const struct sp_addr *from)
{
	const bool is_v4 = sp_addr_is_v4(from);
	struct sp_holding holding = { .address = take(shares, from,
						      is_v4 ? sizeof(from->b) : ADDRESS_BYTES) };

	holding.site = is_v4 ? holding.address : take(shares, from, SITE_BYTES);
	return holding;
}

void sp_shares_drop(struct sp_shares *shares, const struct sp_holding *holding)
{
	shares->items[holding->address].count--;
	if (holding->site != holding->address)
		shares->items[holding->site].count--;
}

static size_t weight(size_t of_address, size_t of_site)
{
	const size_t part = (of_site + ADDRESSES_OF_A_SITE - 1) / ADDRESSES_OF_A_SITE;

	return of_address > part ? of_address : part;
}

size_t sp_shares_weight(const struct sp_shares *shares, const struct sp_holding *holding)
{
	return weight(shares->items[holding->address].count, shares->items[holding->site].count);
}

static size_t count_of(const struct sp_shares *shares, const struct sp_addr *from, size_t len)
{
	const size_t place = share_find(shares, from, len);

	return place < shares->capacity ? shares->items[place].count : 0;
}

size_t sp_shares_weight_of(const struct sp_shares *shares, const struct sp_addr *from)
{
	if (sp_addr_is_v4(from))
		return count_of(shares, from, sizeof(from->b));
	return weight(count_of(shares, from, ADDRESS_BYTES), count_of(shares, from, SITE_BYTES));
}
