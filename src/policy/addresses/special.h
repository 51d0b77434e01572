/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The special-purpose address ranges of RFC 6890, as the IANA registries it founded stand today. */
#ifndef SALLYPORT_POLICY_SPECIAL_H
#define SALLYPORT_POLICY_SPECIAL_H

#include "policy/model.h"

/* Fill the built-in networks.
 * bogons    every range that is not globally reachable, less the parts of it that are.
 * internet  global unicast: 0.0.0.0/0 and 2000::/3 less every such range, as a whole.
 * Returns 0; -ENOMEM. */
int sp_special_networks(struct sp_network *bogons, struct sp_network *internet);

#endif
