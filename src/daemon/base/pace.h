/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A limit for work that others can cause. The first time the work is done soon, then with pauses
 * that double, up to a hundred times the cost of the work. After a quiet time it is done soon
 * again. The caller gives the time. */
#ifndef SALLYPORT_DAEMON_PACE_H
#define SALLYPORT_DAEMON_PACE_H

#include <stdint.h>

#define SP_PACE_FIRST_NS 200000000ull /* changes come in bursts */
#define SP_PACE_LONGEST_NS 60000000000ull
#define SP_PACE_QUIET_NS 10000000000ull
#define SP_PACE_SHARE 100

struct sp_pace {
	uint64_t due_ns; /* not before */
	uint64_t pause_ns;
};

/* The work was done at @now_ns and took @cost_ns. */
static inline void sp_pace_spend(struct sp_pace *pace, uint64_t now_ns, uint64_t cost_ns)
{
	uint64_t longest_ns = cost_ns * SP_PACE_SHARE;

	if (longest_ns > SP_PACE_LONGEST_NS)
		longest_ns = SP_PACE_LONGEST_NS;
	if (!pace->pause_ns || now_ns > pace->due_ns + pace->pause_ns + SP_PACE_QUIET_NS)
		pace->pause_ns = SP_PACE_FIRST_NS;
	else
		pace->pause_ns *= 2;
	if (pace->pause_ns > longest_ns)
		pace->pause_ns = longest_ns;
	if (pace->pause_ns < SP_PACE_FIRST_NS)
		pace->pause_ns = SP_PACE_FIRST_NS;
	pace->due_ns = now_ns + pace->pause_ns;
}

#endif
