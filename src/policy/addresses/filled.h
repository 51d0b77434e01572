/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy as it is at one moment, when it is known what the files of its networks hold and which
 * addresses their names have: each network has all its prefixes in `in` and `except`, and no parts. All else it shares with the
 * policy of the text. No I/O. */
#ifndef SALLYPORT_POLICY_FILLED_H
#define SALLYPORT_POLICY_FILLED_H

#include "policy/model.h"

/* What is known of a network by file or DNS. Several of one network add up. */
struct sp_fact_network {
	uint32_t network;
	struct sp_prefix *in;
	size_t count;
};

/* Fill the networks of @given, that of a text or one filled before, anew; a network nothing is
 * known of holds no address. Where the text says all of them, the result is that policy, with one
 * more holder.
 * Returns 0 with *@ret_policy, which the caller frees; -ENOMEM. */
int sp_policy_fill(struct sp_policy *given, const struct sp_fact_network *facts, size_t fact_count,
		   struct sp_policy **ret_policy);
/* Fill them with what the fixtures say the files and names hold. Likewise. */
int sp_policy_fill_fixtures(struct sp_policy *policy, struct sp_policy **ret_policy);

#endif
