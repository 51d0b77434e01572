/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two decision tables laid over each other: the destinations, sources and services that both tell
 * apart, and what one of them allows and the other does not. Nothing is sampled: within an atom all
 * addresses and services have one answer of each table, and the atoms together are every address
 * and every service. No I/O.
 *
 * The answers are those to a packet that opens something new, met by the hook where its source is
 * at home: a reply, an error and what a live flow lets through are not asked about. */
#ifndef SALLYPORT_TABLES_ATOMS_H
#define SALLYPORT_TABLES_ATOMS_H

#include "policy/addresses/ranges.h"
#include "tables/tables.h"

enum { SP_ATOMS_BEFORE, SP_ATOMS_AFTER, SP_ATOMS_SIDES };

/* Service slots (SP_SVC_TCP + port, …), inclusive. No span reaches from one protocol into another.
 */
struct sp_slots {
	uint32_t first, last;
};

/* Can a packet of the family have the slot and open something? Else it is an answer, an error, or
 * nothing there is. */
bool sp_slot_opens(uint32_t slot, bool is_v6);

/* Who sends, to one of the tables. */
struct sp_asker {
	uint32_t class_id;
	uint32_t protect_class; /* of its address, for protect entries; 0: none is for it */
	bool is_shut;           /* only a protect entry lets it in: no session, a bogon */
	bool is_self;    /* the gateway: what no rule means is allowed, unless it needs one */
	uint32_t person; /* whose devices a receiver's own ones are; 0: nobody's */
};

/* Whose addresses are in the pool, and are destinations through their session alone. */
struct sp_receiver {
	/* by side, then [0] IPv4, [1] IPv6 */
	uint32_t netset[SP_ATOMS_SIDES][2];
	bool is_there[SP_ATOMS_SIDES][2]; /* it has a session with an address of the family */
	uint32_t person;                  /* as in sp_asker; 0: there may be many of the kind */
	bool is_own; /* as another device of @person meets it, and nobody else */
};

struct sp_atoms;

/* Lay two tables over each other; they outlive the atoms, and so do @receivers. Both may be the
 * same. Returns 0; -ENOMEM. */
int sp_atoms_new(const struct sp_tables *const tables[SP_ATOMS_SIDES],
		 const struct sp_receiver *receivers, size_t receiver_count,
		 struct sp_atoms **ret_atoms);
/* NULL is allowed. */
void sp_atoms_free(struct sp_atoms *atoms);

/* Every destination of it, with every service of it, is allowed by one of the tables alone. */
struct sp_atoms_block {
	bool is_gained;      /* by the later one; else by the earlier one */
	struct sp_ranges to; /* outside of the pools */
	uint32_t *receivers; /* places of sp_atoms_new's list */
	size_t receiver_count;
	struct sp_slots *slots;
	size_t slot_count;
};

struct sp_atoms_blocks {
	struct sp_atoms_block *items;
	size_t count;
};

/* What the tables decide differently for packets of a family from one sender, @askers by side.
 * Blocks overlap nowhere: no destination has a service in two of them. Returns 0; -ENOMEM. */
int sp_atoms_differ(const struct sp_atoms *atoms, const struct sp_asker askers[SP_ATOMS_SIDES],
		    bool is_v6, struct sp_atoms_blocks *ret_blocks);
/* Free the blocks; empty afterwards. */
void sp_atoms_blocks_done(struct sp_atoms_blocks *blocks);

/* The sender who is a session of this class, of an address in the pool. */
struct sp_asker sp_asker_of_session(const struct sp_tables *tables, uint32_t class_id,
				    const struct sp_addr *address);

/* The sender that is the gateway itself. */
struct sp_asker sp_asker_of_self(const struct sp_tables *tables);

/* Addresses outside of the pools that each table judges in one way where they arrive on a zone, and
 * may arrive there. */
struct sp_atoms_source {
	enum sp_zone zone;
	bool is_v6;
	struct sp_asker askers[SP_ATOMS_SIDES];
	struct sp_ranges from;
};

struct sp_atoms_sources {
	struct sp_atoms_source *items;
	size_t count;
};

/* Every source that is no session's, on the zones edge and inside: at home there, or at home
 * nowhere that is known. (What is at home on the edge may arrive inside as well; it is listed for
 * the edge alone.) Returns 0; -ENOMEM. */
int sp_atoms_find_sources(const struct sp_tables *const tables[SP_ATOMS_SIDES],
			  struct sp_atoms_sources *ret_sources);
/* Free the sources; empty afterwards. */
void sp_atoms_sources_done(struct sp_atoms_sources *sources);

#endif
