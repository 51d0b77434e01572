/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The bucket of a limit ([9] of docs/judgement.md): one number, the time at which it is full again,
 * in 64ths of a nanosecond. It fills by itself, and is changed by compare-and-swap: exact over all
 * CPUs, and nothing to lock. */
#ifndef SALLYPORT_BPF_BUCKET_H
#define SALLYPORT_BPF_BUCKET_H

#include "lib/bytes.h"

#include <sallyport/abi/tables.h>

#define SP_BUCKET_PER_NS 64u
/* Each further one means that another CPU has just taken of the same bucket. */
#define SP_BUCKET_TRIES 32

/* The time in which @units come back, rounded up. terms->rate is not 0; @units below 2^26 do not
 * overflow: the period is at most an hour, less where the rate is in thousands of bytes. */
SP_INLINE __u64 sp_bucket_cost(const struct sp_limit_terms *terms, __u64 units)
{
	return (units * terms->period + terms->rate - 1) / terms->rate;
}

/* What a bucket becomes that gives @cost (not 0) at @now; 0: it does not have that. A full bucket
 * gives anything: what the kernel merged may be more than a whole burst. */
SP_INLINE __u64 sp_bucket_after(__u64 full, __u64 cost, __u64 burst, __u64 now)
{
	if (full <= now)
		return now + cost;
	return full - now + cost <= burst ? full + cost : 0;
}

/* Take @cost out of the bucket. 0: it does not have that, and is left as it was. */
SP_INLINE int sp_bucket_take(__u64 *full, __u64 cost, __u64 burst, __u64 now)
{
	__u64 seen = *(volatile __u64 *)full, after, was;

	for (int i = 0; i < SP_BUCKET_TRIES; i++) {
		after = sp_bucket_after(seen, cost, burst, now);
		if (!after)
			return 0;
		was = __sync_val_compare_and_swap(full, seen, after);
		if (was == seen)
			return 1;
		seen = was;
	}
	return 0;
}

#endif
