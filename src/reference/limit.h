/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Limits of the reference evaluator ([9] of docs/judgement.md): whose bucket a packet takes of, and
 * whether it has enough. */
#ifndef SALLYPORT_REFERENCE_LIMIT_H
#define SALLYPORT_REFERENCE_LIMIT_H

#include "policy/model.h"

struct sp_reference;

/* For whom a packet is counted: the originator of its flow, under the rule that allowed it. */
struct sp_ref_taker {
	uint32_t limit; /* as in sp_rule; 0: it is not asked */
	uint32_t rule;
	uint64_t epoch; /* of the originator's session; 0: has none that is live */
	struct sp_addr source;
	bool is_edge;
};

/* The time @units need by @limit, in 64ths of a nanosecond, rounded up. */
uint64_t sp_ref_limit_cost(const struct sp_limit *limit, uint64_t units);
/* The time that a whole burst needs, rounded down. */
uint64_t sp_ref_limit_burst(const struct sp_limit *limit);

/* Take what a packet of @bytes needs out of the bucket of @taker. @opens: it opens a flow.
 * @ret_denied: there is not enough, and nothing was taken. Returns 0; -ENOMEM. */
int sp_ref_limit_take(struct sp_reference *reference, const struct sp_ref_taker *taker,
		      uint64_t bytes, bool opens, uint64_t now_ns, bool *ret_denied);

/* No bucket yet. */
void sp_ref_limits_init(struct sp_reference *reference);
/* Forget the buckets of sessions and rules whose limit the next policy does not have, with the same
 * terms: should it come back, they are full. */
void sp_ref_limits_switch(struct sp_reference *reference, const struct sp_policy *next);
/* Free every bucket. */
void sp_ref_limits_done(struct sp_reference *reference);

#endif
