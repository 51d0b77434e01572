/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What goes in and comes out beside the packet when a program is run without wires (explain,
 * replay, policy tests): values of the maps sp_test_input and sp_test_answer. */
#ifndef SALLYPORT_ABI_TESTRUN_H
#define SALLYPORT_ABI_TESTRUN_H

#include <linux/types.h>

/* The clock and origin of a test run: a map, so that one loaded program judges a whole capture. */
struct sp_test_input {
	__u64 now_ns; /* 0: the real clock */
	__u32 is_own; /* egress hooks: sent by the gateway itself */
	__u32 is_dhcp_client;
	__u32 ifindex; /* the interface it comes by; 0: whichever its source asks for */
	__u32 mark;    /* egress hooks: what the hook it came by put on it */
};

/* What the last packet got; written only when sp_test is set. */
struct sp_test_answer {
	__u32 verdict;
	__u32 reason;
	__u32 rule;
	__u32 would;      /* enum sp_would */
	__u32 audit_rule; /* that would say so */
	__u32 zero;
};

#endif
