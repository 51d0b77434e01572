/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a policy's nat entries do with an address. */
#ifndef SALLYPORT_POLICY_TRANSLATION_H
#define SALLYPORT_POLICY_TRANSLATION_H

#include "policy/model.h"

/* The netmap that translates what goes to @addr, and to where. Returns NULL if none does. */
const struct sp_nat *sp_translation_of(const struct sp_policy *policy, const struct sp_addr *addr,
				       struct sp_addr *ret_real);

/* Is this about what goes from @source to @destination, both real, where it leaves by the entry's
 * interface? */
bool sp_masquerade_covers(const struct sp_policy *policy, const struct sp_masquerade *masquerade,
			  const struct sp_addr *source, const struct sp_addr *destination);

/* What of the gateway a netmap may not lie over: "the pool", "an address of the gateway". Returns
 * NULL if it lies over neither; else @ret_prefix is the side of it that does. */
const char *sp_netmap_clash(const struct sp_netmap *netmap, const struct sp_gateway *gateway,
			    const struct sp_prefix **ret_prefix);

#endif
