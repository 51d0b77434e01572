/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checked policy + gateway + facts -> decision tables (DESIGN section 5), as plain arrays every plane
 * translates. Classes and network sets of sessions are added one by one as people sign in: new
 * rows are only ever appended, so a plane pushes [old count, new count). No I/O. */
#ifndef SALLYPORT_TABLES_TABLES_H
#define SALLYPORT_TABLES_TABLES_H

#include "policy/facts.h"
#include "policy/model.h"

struct sp_src_row {
	struct sp_prefix prefix;
	struct sp_src value;
};

struct sp_dst_row {
	struct sp_prefix prefix;
	struct sp_dst value;
};

struct sp_fwd_row {
	struct sp_fwd_key key;
	struct sp_fwd value;
};

struct sp_pair_row {
	struct sp_pair_key key;
	uint32_t profile;
};

#define SP_TABLES_PROTECT_TUNNEL 0x01u /* some protect entry can match a source in a pool */
#define SP_TABLES_SELF_RULES 0x02u     /* what the gateway itself sends needs an allow */
#define SP_TABLES_REJECT_ICMP 0x04u    /* nobody is told by a TCP reset, */
#define SP_TABLES_REJECT_DROP 0x08u    /* or nobody is told at all */
#define SP_TABLES_REJECT (SP_TABLES_REJECT_ICMP | SP_TABLES_REJECT_DROP) /* one at most */
#define SP_TABLES_FLAGS 0x0fu

struct sp_tables {
	uint8_t generation[32];
	uint32_t flags;
	uint16_t portal_port;   /* TCP, of the gateway, for parked people; 0: none */
	uint32_t self_class;    /* of what the gateway itself sends; 0: no rule is from self */
	uint32_t class_count;   /* class 0 is the source no rule tells apart */
	uint32_t netset_count;  /* set 0 likewise */
	uint32_t svcset_count;  /* >= 1; fixed */
	uint32_t profile_count; /* profile 0 denies by default */
	/* by prefix; always holds both families' default route, so no lookup misses */
	struct sp_src_row *src;
	size_t src_count;
	struct sp_dst_row *dst; /* likewise */
	size_t dst_count;
	struct sp_fwd_row *fwd; /* no two of one key */
	size_t fwd_count;
	uint16_t svc[SP_SVC_SLOTS];
	struct sp_pair_row *pair;
	size_t pair_count;
	/* what a plane makes room for at least, beside what is here: as many as these */
	size_t expected_pairs;
	uint32_t
		expected_profiles; /* tables have by now that stand before this one; 0: not known */
	struct sp_limit_terms *limit; /* by number; 0 is none, and zero */
	uint32_t limit_count;         /* with that: at least 1 */
	struct sp_verdict *verdict;   /* profile_count * svcset_count */
	/* Unix time: the first instant at which some verdict is another; INT64_MAX: none is known.
	 * Rows added for an identity may bring it forward. Tables of that moment are needed then,
	 * and at @again_s at the latest, since the hours of schedules are not looked at for ever. */
	int64_t next_edge_s, again_s;
	struct sp_tables_index *index; /* what adding identities needs; NULL after reading .sptab */
};

/* Bounds, errors beyond: -E2BIG. */
#define SP_TABLES_CLASS_MAX 65536u
#define SP_TABLES_NETSET_MAX 65536u
#define SP_TABLES_SVCSET_MAX 4096u
#define SP_TABLES_PAIR_MAX (1u << 20)
#define SP_TABLES_VERDICT_MAX (1u << 20)
#define SP_TABLES_FWD_MAX 65536u
#define SP_TABLES_LIMIT_MAX (SP_LIMITS_MAX + SP_RULE_MAX) /* and one for each rule */

/* Compile for the moment of @facts. The policy (numbered) and gateway must outlive the tables, which
 * refer to them until sp_tables_free; @facts is copied. Returns 0; -E2BIG a bound; -EINVAL a rule has no number; -ENOMEM. */
int sp_tables_compile(const struct sp_policy *policy, const struct sp_gateway *gateway,
		      const struct sp_facts *facts, struct sp_tables **ret_tables);
/* NULL is allowed. */
void sp_tables_free(struct sp_tables *tables);

/* The class and network sets of a session by family, adding rows when its combination is new.
 * @ret_class,@ret_netset  [0] IPv4, [1] IPv6; class 0 / set 0 where it has no address.
 * @ret_own_netset  likewise, towards it from another device of its person; NULL: not asked for.
 * Returns 0; -E2BIG a bound (nothing was added); -EINVAL tables read from .sptab; -ENOMEM. */
int sp_tables_add_identity(struct sp_tables *tables, const struct sp_identity *identity,
			   uint32_t ret_class[2], uint32_t ret_netset[2],
			   uint32_t ret_own_netset[2]);

/* Both look up the row of the longest prefix that holds @addr, as a plane does; borrowed. A default
 * route is always there, so NULL means tables that were not compiled. */
const struct sp_src *sp_tables_find_src(const struct sp_tables *tables, const struct sp_addr *addr);
const struct sp_dst *sp_tables_find_dst(const struct sp_tables *tables, const struct sp_addr *addr);
/* The verdict of an exact pair, or of profile 0 where the pair is not there; borrowed.
 * @slot: SP_SVC_TCP + port, SP_SVC_ICMP + type, SP_SVC_PROTO + protocol, … */
const struct sp_verdict *sp_tables_decide(const struct sp_tables *tables, uint32_t class_id,
					  uint32_t netset, uint32_t slot);
/* The verdicts of such a pair, svcset_count of them by service set; borrowed. Adding an identity
 * may move them. */
const struct sp_verdict *sp_tables_find_verdicts(const struct sp_tables *tables, uint32_t class_id,
						 uint32_t netset);

/* Both speak .sptab: "SPTAB\0\0\1", sections with lengths, SHA-256 at the end; little endian. The
 * writer returns malloc'ed bytes. The reader trusts nothing: -EBADMSG for anything off; -ENOMEM. */
int sp_sptab_write(const struct sp_tables *tables, uint8_t **ret_bytes, size_t *ret_len);
int sp_sptab_read(const uint8_t *bytes, size_t len, struct sp_tables **ret_tables);

#endif
