/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which target of a forward a source is sent to. A source has one of 1024 slots, by its address
 * alone. Each slot belongs to one target: of the targets that answer, the one that scores highest
 * there (rendezvous hashing). So a target that leaves loses its own slots and no other slot moves, and
 * a target that returns gets the same ones back. The kernel computes the slot of a source by the same
 * hash (nftables' jhash). Pure.
 * Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998. */
#ifndef SALLYPORT_POLICY_SHARES_H
#define SALLYPORT_POLICY_SHARES_H

#include "policy/model.h"

#define SP_SHARES_SLOTS 1024u
#define SP_SHARES_SEED 0x5a11u /* of the hash of a source, in host order */
#define SP_SHARES_NOBODY UINT8_MAX

/* A target that does not answer. */
struct sp_silent {
	struct sp_addr addr;
	uint16_t port; /* host order */
};

/* All of them; @items may be NULL if @count is 0. */
struct sp_silents {
	const struct sp_silent *items;
	size_t count;
};

/* Bit n: target n of the forward does not answer. 0 if the forward is not checked. */
uint32_t sp_shares_silent(const struct sp_forward *forward, const struct sp_silents *silents);
/* The target that each slot belongs to; SP_SHARES_NOBODY in all of them if no target answers. */
void sp_shares_make(const struct sp_forward *forward, uint32_t silent,
		    uint8_t ret_owners[SP_SHARES_SLOTS]);
/* The slot of a source. */
uint32_t sp_shares_slot(const struct sp_addr *source);
/* The target @source is sent to; SP_SHARES_NOBODY if no target answers. */
uint8_t sp_shares_target(const struct sp_forward *forward, uint32_t silent,
			 const struct sp_addr *source);

#endif
