/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/record/bucket.h"

bool sp_bucket_take(struct sp_bucket *bucket, uint64_t now_ns, uint64_t period_ns, uint32_t burst)
{
	const uint64_t back_ns = now_ns > bucket->at_ns ? now_ns - bucket->at_ns : 0;

	bucket->spent_ns -= back_ns < bucket->spent_ns ? back_ns : bucket->spent_ns;
	bucket->at_ns = now_ns;
	if (bucket->spent_ns + period_ns > period_ns * burst)
		return false;
	bucket->spent_ns += period_ns;
	return true;
}
