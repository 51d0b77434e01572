/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Telling a person's own machine that a connection of theirs is over. Who only reads from a
 * connection sends nothing that could be refused, and would wait until some timeout: so they are
 * asked. A SYN of the connection, in the name of its other end, makes their machine acknowledge
 * where the connection is (RFC 9293 3.10.7.4, RFC 5961 4), and the programs answer what they deny
 * with a reset that fits. Nothing of theirs passes by it: what is still allowed is judged as ever,
 * and passes as the acknowledgment it is. */
#ifndef SALLYPORT_DAEMON_FAREWELL_H
#define SALLYPORT_DAEMON_FAREWELL_H

#include "io/loop.h"
#include "net/addr.h"
#include "plane/plane.h"

struct sp_daemon;
struct sp_live;

/* How long the peer of a session that was ended stays, so that its machine can be told. */
#define SP_FAREWELL_NS (4 * 1000000000ll)

struct sp_farewell {
	int fd; /* a packet socket that receives nothing; -1: none, nobody is asked */
	struct sp_timer timer;
	struct sp_plane_walk walk; /* of the pass under way: some flows a round of the loop */
	unsigned int sent;         /* in that pass */
	/* passes since the last change: more than one, in case a packet is lost */
	unsigned int asked;
	uint64_t since_ns;         /* boot time of the first change told of; 0: none */
	struct sp_addr *addresses; /* whose connections are all over */
	size_t address_count;
};

/* Takes CAP_NET_RAW, which is given up afterwards. */
void sp_farewell_open(struct sp_daemon *daemon);
void sp_farewell_close(struct sp_daemon *daemon);
/* The session has ended and none took its place: all its connections are over. */
void sp_farewell_session(struct sp_daemon *daemon, const struct sp_live *live);
/* Roles or rules changed at @since_ns (boot time) or after: over are the connections that are
 * denied since. */
void sp_farewell_denied(struct sp_daemon *daemon, uint64_t since_ns);

#endif
