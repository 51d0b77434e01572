/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A packet on its way through the programs of a hook, and whether what they did with it is what
 * their answer says. */
#ifndef SALLYPORT_TEST_USER_RUN_H
#define SALLYPORT_TEST_USER_RUN_H

#include <sallyport/abi/names.h>

#include "policy/answer.h"

/* The ways of a packet that comes by an outer interface. */
enum user_way {
	USER_WAY_TOKEN, /* edge-in judges, edge-tc reads the token */
	USER_WAY_LATE,  /* the same behind a generic XDP program, which moves the window */
	USER_WAY_FULL,  /* the driver has no room for a token: edge-tc judges */
	USER_WAY_TC,    /* no XDP program: edge-tc judges */
	USER_WAY_COUNT
};

/* What was seen since the start, so that a test can tell that it saw enough. */
struct user_seen {
	uint64_t ways[USER_WAY_COUNT];
	uint64_t resets[2], prohibited[2]; /* refusals, by family: IPv4, IPv6 */
};
extern struct user_seen user_seen;

/* Run the programs of @hook on a copy of @frame; the answer is in the map sp_test_answer. Returns
 * NULL, or what they did with the packet that does not go with the answer. */
const char *user_run(enum sp_hook hook, const struct sp_frame *frame);

#endif
