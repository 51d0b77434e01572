/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who holds how much of something scarce: a count for each IPv4 address, and for each /64 and each
 * /48 of IPv6 (the holder of a site has all its networks). Fixed memory, exact. */
#ifndef SALLYPORT_PORTAL_SHARES_H
#define SALLYPORT_PORTAL_SHARES_H

#include <stddef.h>

#include "net/addr.h"

struct sp_share;

struct sp_shares {
	struct sp_share *items;
	size_t capacity;
};

/* The place where a held share is counted. */
struct sp_holding {
	size_t address, site; /* of IPv4 the same one */
};

/* @most: how many may be held at once. Returns 0; -ENOMEM. */
int sp_shares_init(struct sp_shares *shares, size_t most);
/* Frees the counts. */
void sp_shares_done(struct sp_shares *shares);
/* Count one more of @from. At most @most times without a drop between. */
struct sp_holding sp_shares_take(struct sp_shares *shares, const struct sp_addr *from);
/* Count one less: @holding, from take, is over. */
void sp_shares_drop(struct sp_shares *shares, const struct sp_holding *holding);
/* How much a holder weighs: what its address has, or a quarter of what its site has, whichever
 * is more. */
size_t sp_shares_weight(const struct sp_shares *shares, const struct sp_holding *holding);
/* The same for an address, which may hold nothing yet. */
size_t sp_shares_weight_of(const struct sp_shares *shares, const struct sp_addr *from);

#endif
