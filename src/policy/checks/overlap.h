/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How two rules of a checked policy lie to each other: whether one covers the other, whether some
 * packet matches both. For warnings and checks that go over pairs of rules. */
#ifndef SALLYPORT_POLICY_OVERLAP_H
#define SALLYPORT_POLICY_OVERLAP_H

#include "policy/addresses/ranges.h"
#include "policy/model.h"

struct sp_overlap {
	const struct sp_policy *policy;
	struct sp_ranges *ranges; /* by network, made when first asked for */
	struct sp_ranges pool;    /* addresses of people, as the fixtures have them */
	size_t work;              /* comparisons so far: who goes over all pairs stops somewhere */
	bool no_memory;           /* sticky: answers mean nothing then */
};

/* The caller runs _done in every case. Returns 0; -ENOMEM. */
int sp_overlap_init(struct sp_overlap *overlap, const struct sp_policy *policy);
/* Free what it holds. */
void sp_overlap_done(struct sp_overlap *overlap);

/* The addresses of network @index. Borrowed. */
const struct sp_ranges *sp_overlap_ranges(struct sp_overlap *overlap, uint32_t index);

/* Does every packet @inner matches match @outer too? Item by item: false may also mean that it
 * takes several items of @outer together. */
bool sp_rule_covers(struct sp_overlap *overlap, const struct sp_rule *outer,
		    const struct sp_rule *inner);

/* Can one packet match both? No protect entries. Two roles can be one person's if some provider
 * gives both. */
bool sp_rules_meet(struct sp_overlap *overlap, const struct sp_rule *a, const struct sp_rule *b);

#endif
