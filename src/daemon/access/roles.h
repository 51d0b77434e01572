/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The roles of open sessions, matched anew after a policy came into force. */
#ifndef SALLYPORT_DAEMON_ROLES_H
#define SALLYPORT_DAEMON_ROLES_H

#include "daemon/people/people.h"

/* How far sessions and devices have followed a policy that came into force. Zeroed: not at all. */
struct sp_follow {
	uint32_t slot;     /* of the session looked at last */
	bool has_sessions; /* all are through */
	bool is_among_devices;
	size_t device_count;         /* that are left: the first ones */
	bool has_opened, lacks_room; /* sessions of machines */
};

/* Match the roles of open sessions by the running policy. A session that is left without a role
 * ends, and @lost, an array, gets it; NULL is allowed. Works until @until_ns (boot time) or a
 * little longer. Returns whether some are left, for the next call. */
bool sp_people_follow_policy(struct sp_people *people, struct sp_follow *follow, uint64_t until_ns,
			     json_t *lost);

#endif
