/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A token bucket: a burst of so many, then one each so long. The caller gives the time; the bucket
 * reads no clock. */
#ifndef SALLYPORT_DAEMON_BUCKET_H
#define SALLYPORT_DAEMON_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: full. */
struct sp_bucket {
	uint64_t spent_ns; /* of the credit, as of at_ns */
	uint64_t at_ns;
};

/* Take one. @burst at once at the most, and one every @period_ns. Returns whether there was one. */
bool sp_bucket_take(struct sp_bucket *bucket, uint64_t now_ns, uint64_t period_ns, uint32_t burst);

#endif
