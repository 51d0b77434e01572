/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Telling a person's machine that one of its connections is over. A machine that only reads sends
 * nothing that could be refused, and would wait for a timeout. So sallyportd sends it a SYN of the
 * connection in the name of the other end. The machine acknowledges where the connection stands
 * (RFC 9293 3.10.7.4, RFC 5961 4), and the programs deny that packet with a reset that fits. The
 * SYN opens nothing: if the connection is still allowed, the acknowledgment is judged and passes
 * like any other packet of it. */
#ifndef SALLYPORT_DAEMON_FAREWELL_H
#define SALLYPORT_DAEMON_FAREWELL_H

#include "io/loop/loop.h"
#include "net/addr.h"
#include "plane/plane.h"

struct sp_live;
struct sp_machine;

/* How long the peer of a session that was ended stays, so that its machine can be told. */
#define SP_FAREWELL_NS (4 * 1000000000ll)

struct sp_farewell {
	/* what it stands on, lent by the daemon */
	struct sp_loop *loop;
	struct sp_plane *plane;
	struct sp_machine *const *machine; /* sallyport.yaml as it is now */

	int fd; /* a packet socket that receives nothing; -1: there is none, and nobody is told */
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
void sp_farewell_open(struct sp_farewell *farewell);
/* Close the socket, and forget whose connections are over. Safe without _open. */
void sp_farewell_close(struct sp_farewell *farewell);
/* The session has ended and none took its place: all its connections are over. */
void sp_farewell_session(struct sp_farewell *farewell, const struct sp_live *live);
/* Roles or rules changed at @since_ns (boot time) or after: over are the connections that are
 * denied since. */
void sp_farewell_denied(struct sp_farewell *farewell, uint64_t since_ns);

#endif
