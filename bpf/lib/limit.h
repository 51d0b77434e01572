/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Limits ([9] of docs/judgement.md): which packets are asked, and of whose bucket. Buckets lie in
 * arrays of fixed size; nothing is ever evicted. */
#ifndef SALLYPORT_BPF_LIMIT_H
#define SALLYPORT_BPF_LIMIT_H

#include "lib/bucket.h"
#include "lib/share.h"
#include "lib/work.h"

/* One packet, for the limit of the rule that lets it pass. The originator is that of its flow. */
struct sp_limit_case {
	struct sp_addr source; /* the originator's address */
	__u64 now_ns;
	__u64 length;  /* as the IP header tells */
	__u32 limit;   /* its number, not 0 */
	__u32 session; /* the originator's, live; SP_SESSION_NONE: has none */
	__u8 is_edge;  /* the originator is on the edge */
	__u8 is_first; /* the packet opens the flow */
	__u8 zero[6];
};

/* What the packet takes; 0: it is not asked. */
SP_INLINE __u64 sp_limit_units(const struct sp_limit_case *one, const struct sp_limit_terms *terms)
{
	switch (terms->unit) {
	case SP_LIMIT_BYTES:
		return one->length;
	case SP_LIMIT_CONNECTIONS:
		return one->is_first;
	}
	return 1;
}

/* The leading bits of a source by which it counts; the rest becomes 0. */
SP_INLINE void sp_limit_source_mask(struct sp_addr *addr, __u32 bits, int is_edge)
{
	__u32 dropped = bits ? (32 - bits) & 31 : 0;
	__be32 mask_be = bpf_htonl(0xffffffffu << dropped);

	if (!addr->q[0] && addr->w_be[2] == bpf_htonl(0xffff)) {
		addr->w_be[3] &= mask_be;
		return;
	}
	if (bits || is_edge)
		addr->q[1] = 0;
	addr->w_be[1] &= mask_be;
}

/* The place of a source among the buckets of all limits by source. */
SP_INLINE __u32 sp_limit_source_slot(const struct sp_limit_case *one,
				     const struct sp_limit_terms *terms)
{
	struct {
		struct sp_addr addr;
		__u64 id;
	} source = { .addr = one->source, .id = terms->id };

	sp_limit_source_mask(&source.addr, terms->source_bits, one->is_edge);
	return sp_key_sum_seeded(&source, sizeof(source) / 8, sp_flow_seed()) % SP_LIMIT_SOURCES;
}

SP_INLINE __u64 *sp_limit_bucket(const struct sp_limit_case *one,
				 const struct sp_limit_terms *terms)
{
	__u32 index = terms->slot;

	if (terms->key == SP_LIMIT_BY_RULE)
		return bpf_map_lookup_elem(&sp_limit_rule, &index);
	if (terms->key == SP_LIMIT_BY_SESSION && one->session != SP_SESSION_NONE) {
		index = one->session * SP_LIMIT_SESSION_SLOTS + terms->slot;
		return bpf_map_lookup_elem(&sp_limit_holder, &index);
	}
	index = sp_limit_source_slot(one, terms);
	return bpf_map_lookup_elem(&sp_limit_source, &index);
}

/* Does the packet go beyond its limit? Else it has taken what it needs. A limit that is not there
 * lets nothing pass. */
SP_GLOBAL int sp_limit_denies(const struct sp_limit_case *one)
{
	struct sp_limit_terms *terms;
	__u64 *bucket, units;
	__u32 number;

	if (!one)
		return 1;
	number = one->limit; /* on the stack: 6.1 takes no key from elsewhere */
	terms = bpf_map_lookup_elem(&sp_limit, &number);
	if (!terms || !terms->rate)
		return 1;
	units = sp_limit_units(one, terms);
	if (!units)
		return 0;
	bucket = sp_limit_bucket(one, terms);
	return !bucket || !sp_bucket_take(bucket, sp_bucket_cost(terms, units), terms->burst,
					  one->now_ns * SP_BUCKET_PER_NS);
}

/* ---- who is asked ---- */

/* The answer in @work stands for @one, unless its limit says no. 1: it does. */
SP_INLINE int sp_limit_ask(struct sp_work *work, struct sp_limit_case *one)
{
	one->now_ns = work->now_ns;
	one->length = work->packet.length;
	one->limit = work->limit;
	if (!sp_limit_denies(one))
		return 0;
	sp_answer(work, SP_DENY, SP_REASON_LIMIT, work->rule);
	return 1;
}

/* A packet that rules have just allowed, whose ends are resolved. 1: its limit denies it. On
 * vpn-out what opens no flow was asked where it came in. */
SP_SUBPROGRAM int sp_limit_denies_new(struct sp_work *work, int opens)
{
	struct sp_limit_case one = {
		.source = work->path.source,
		.session =
			work->end[0].state == SP_END_LIVE ? work->end[0].session : SP_SESSION_NONE,
		.is_edge = work->case_zone == SP_ZONE_EDGE,
		.is_first = !!opens,
	};

	if (!opens && !sp_hook_is_ingress(SP_THIS_HOOK))
		work->limit = 0;
	if (!work->limit)
		return 0;
	return sp_limit_ask(work, &one);
}

/* A packet that work->flow, which is fresh, allowed, or an ICMP error about it. 1: its limit denies
 * it. Only the hooks of the zone that opened the flow ask. */
SP_SUBPROGRAM int sp_limit_denies_flow(struct sp_work *work)
{
	const struct sp_flow *flow = &work->flow;
	struct sp_limit_case one = {
		.source = flow->flags & SP_FLOW_HI_ORIGIN ? work->key.hi : work->key.lo,
		.session = flow->epoch[0] ? flow->session[0] : SP_SESSION_NONE,
		.is_edge = flow->zone == SP_ZONE_EDGE,
	};

	if (!work->limit || sp_hook_zone(flow->hook) != sp_hook_zone(SP_THIS_HOOK))
		return 0;
	return sp_limit_ask(work, &one);
}

/* A later fragment that work->frag allowed. 1: the limit of its first one denies it. */
SP_SUBPROGRAM int sp_limit_denies_fragment(struct sp_work *work)
{
	const struct sp_frag *frag = &work->frag;
	const struct sp_path *path = &work->packet.path;
	__u32 originator = frag->is_reply ? 1 : 0;
	struct sp_limit_case one = {
		.source = frag->is_reply ? path->destination : path->source,
		.session = frag->epoch[originator] ? frag->session[originator] : SP_SESSION_NONE,
		.is_edge = frag->is_edge,
	};

	work->limit = frag->limit;
	return work->limit && sp_limit_ask(work, &one);
}

#endif
