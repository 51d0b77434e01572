/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the traffic generator: a conversation, and how to aim one at a rule. */
#ifndef SALLYPORT_EQUIV_TRAFFIC_H
#define SALLYPORT_EQUIV_TRAFFIC_H

#include "world.h"

/* Who talks to whom about what; @hook is where the first packet comes in. */
struct talk {
	enum sp_hook hook;
	struct sp_addr source, destination;
	uint16_t source_port, destination_port;
	uint8_t proto;
	uint8_t icmp_type;
	uint16_t icmp_id;
};

/* A talk that this policy's rules have an opinion about, drawn at the edges of their words. */
void aim_talk(struct rng *rng, const struct world *world, unsigned revision, struct talk *ret_talk);

/* What some rule from self is about, if there is one; else @talk stays as it is. */
void aim_own(struct rng *rng, const struct world *world, unsigned revision, struct talk *talk);

/* A talk of some session with or beside what the parked reach. */
void aim_parked(struct rng *rng, const struct world *world, struct talk *ret_talk);

enum sp_hook hook_into(struct rng *rng, const struct world *world, const struct sp_addr *source);
enum sp_hook hook_out_to(struct rng *rng, const struct world *world,
			 const struct sp_addr *destination);
struct sp_addr addr_of(const char *text);

#endif
