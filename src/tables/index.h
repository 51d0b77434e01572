/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the compiler: what its parts share. A table's number (class, network set, service set,
 * profile) stands for a set of rules; the sets themselves live here.
 *
 *	tables_marks.c     what makes one address differ from another: marks on prefixes
 *	tables_address.c   src and dst rows: which rules match this source, this destination
 *	translated.c       dst rows that stand for others: netmaps
 *	forward.c          fwd rows: ports that are others'
 *	tables_service.c   svc slots: which rules match this protocol and port
 *	tables_pair.c      pairs, profiles and verdicts: what the rules left over say
 *	tables_limit.c     the terms of limits
 *	tables_identity.c  classes and network sets of sessions
 *	moment.c           which rules are in force, and until when
 *	tables.c           compile, free, look up */
#ifndef SALLYPORT_TABLES_INDEX_H
#define SALLYPORT_TABLES_INDEX_H

#include <stdlib.h>

#include "tables/moment.h"
#include "tables/sets.h"
#include "tables/tables.h"

/* Sets of rules by what they are, made once; each has `words` words. */
struct sp_rule_masks {
	uint64_t *decide; /* allow and deny: sources anywhere */
	uint64_t *deny;   /* that decide: */
	uint64_t *allow;  /* and expose: they rank alike */
	uint64_t *audit;  /* allow and deny that decide nothing */
	uint64_t *audit_deny;
	uint64_t *expose;
	uint64_t *protect;
	uint64_t *log_new; /* new or all */
	uint64_t *log_all;
	uint64_t *from_any;
	uint64_t *to_any;
	uint64_t *to_self;
	uint64_t *to_own; /* own-devices */
	uint64_t *limited;
	uint64_t *timed; /* not always in force */
};
#define SP_RULE_MASK_COUNT (sizeof(struct sp_rule_masks) / sizeof(uint64_t *))

struct sp_tables_index {
	const struct sp_policy *policy;
	const struct sp_gateway *gateway;
	struct sp_facts facts;
	struct sp_moment moment; /* that of the facts */
	size_t words;
	struct sp_rule_masks masks;
	uint64_t *mask_bits;  /* what masks point into */
	uint32_t *rule_limit; /* by place of the rule: what its verdicts say; 0: none */
	struct sp_rule_sets classes, netsets, svcsets, profiles;
	struct sp_chains pairs; /* numbers are places in tables->pair */
	uint64_t *common;       /* scratch: the rules a pair has in common */
	size_t verdict_room;    /* profiles that fit tables->verdict */
};

/* Each fills one part of the tables, in this order. Returns 0; -E2BIG a bound of tables.h is
 * reached; -ENOMEM. */
int sp_tables_compile_src(struct sp_tables *tables);
int sp_tables_compile_dst(struct sp_tables *tables);
int sp_tables_compile_translated(struct sp_tables *tables);
int sp_tables_compile_forwards(struct sp_tables *tables);
int sp_tables_compile_svc(struct sp_tables *tables);
int sp_tables_compile_pairs(struct sp_tables *tables);
int sp_tables_compile_limits(struct sp_tables *tables);

/* Add the pair if some rule is in both sets. Returns 0; -E2BIG; -ENOMEM. */
int sp_tables_add_pair(struct sp_tables *tables, uint32_t class_id, uint32_t netset);
/* The place of a pair in tables->pair, or SP_CHAIN_END. */
uint32_t sp_tables_find_pair(const struct sp_tables *tables, uint32_t class_id, uint32_t netset);

#endif
