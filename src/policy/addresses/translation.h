/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a policy's nat entries do with an address. */
#ifndef SALLYPORT_POLICY_TRANSLATION_H
#define SALLYPORT_POLICY_TRANSLATION_H

#include "net/addr.h"
#include "policy/model.h"

static inline bool sp_forward_is_v4(const struct sp_forward *forward)
{
	return sp_addr_is_v4(&forward->targets[0]);
}

/* Is the address that of one of the targets? */
bool sp_forward_leads_to(const struct sp_forward *forward, const struct sp_addr *addr);

struct sp_destination {
	struct sp_addr addr;
	uint16_t port; /* of TCP and UDP */
	uint8_t proto;
};

/* The entry that translates what goes to @destination, which becomes the one it really goes to: of a
 * forward with several targets the first. Returns NULL if none does, and it stays as it is. */
const struct sp_nat *sp_translation_of(const struct sp_policy *policy,
				       const struct sp_gateway *gateway,
				       struct sp_destination *destination);

/* List the addresses that `to` of a forward means. The caller's: free. Returns 0; -ENOMEM. */
int sp_forward_list(const struct sp_forward *forward, const struct sp_gateway *gateway,
		    struct sp_addr **ret_addrs, size_t *ret_count);

/* What is wrong with an address of the forward, as words behind "is", and which one it is. Returns
 * NULL if neither is wrong. */
const char *sp_forward_clash(const struct sp_forward *forward, const struct sp_gateway *gateway,
			     const struct sp_addr **ret_addr);

/* Is this about what goes from @source to @destination, both real, where it leaves by the entry's
 * interface? */
bool sp_masquerade_covers(const struct sp_policy *policy, const struct sp_masquerade *masquerade,
			  const struct sp_addr *source, const struct sp_addr *destination);

/* What of the gateway a netmap may not lie over: "the pool", "an address of the gateway". Returns
 * NULL if it lies over neither; else @ret_prefix is the side of it that does. */
const char *sp_netmap_clash(const struct sp_netmap *netmap, const struct sp_gateway *gateway,
			    const struct sp_prefix **ret_prefix);

#endif
