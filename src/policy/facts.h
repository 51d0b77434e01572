/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a policy is compiled and judged with besides the gateway: what is so at one moment, and may
 * be otherwise at the next. The compiler and the reference evaluator copy it; what it points to
 * outlives them, as the policy does. */
#ifndef SALLYPORT_POLICY_FACTS_H
#define SALLYPORT_POLICY_FACTS_H

#include <stdint.h>

struct sp_facts {
	int64_t now_s;        /* the moment: Unix time, */
	uint64_t now_boot_ns; /* and the same moment by CLOCK_BOOTTIME */
};

#endif
