/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Later fragments. They have no ports, so they get the answer of the first fragment, as long as no
 * two fragments overlap (RFC 1858, 3128, 5722). An entry of the map is a datagram whose first
 * fragment was allowed. */
#ifndef SALLYPORT_BPF_FRAGMENT_H
#define SALLYPORT_BPF_FRAGMENT_H

#include "lib/flow.h"
#include "lib/limit.h"

#define SP_FRAG_LIFE_NS (5 * SP_NS_PER_S)
#define SP_FRAG_LOCK_TRIES 64

/* The entry of the packet's datagram, with a copy in work->frag. NULL: there is none, or it is too
 * old. */
SP_INLINE struct sp_frag *sp_frag_find(struct sp_work *work)
{
	struct sp_frag_key *key = &work->frag_key;
	struct sp_frag *frag;

	key->saddr = work->packet.path.source;
	key->daddr = work->packet.path.destination;
	key->id = work->packet.fragment_id;
	key->proto = work->packet.path.is_v6 ? 0 : work->packet.path.proto;
	key->hook = SP_THIS_HOOK;
	key->zero[0] = 0;
	key->zero[1] = 0;
	frag = bpf_map_lookup_elem(&sp_frag, key);
	if (!frag)
		return NULL;
	work->frag = *frag;
	if (*(volatile __u64 *)&frag->key_sum != sp_key_sum(key, sizeof(*key) / 8) ||
	    sp_is_over(work->frag.first_ns, SP_FRAG_LIFE_NS, work->now_ns))
		return NULL;
	return frag;
}

/* Find the span that ends where [from, to) starts and the span that starts where it ends. Returns
 * 0: a span overlaps [from, to); else 1. */
SP_INLINE int sp_frag_neighbours(struct sp_work *work, const struct sp_frag *frag, __u32 from,
				 __u32 to)
{
	__u32 count = frag->span_count;

	work->span_before = SP_FRAG_SPANS;
	work->span_behind = SP_FRAG_SPANS;
	for (__u32 i = 0; i < SP_FRAG_SPANS; i++) {
		if (i >= count)
			break;
		if (from < frag->span[i].to && frag->span[i].from < to)
			return 0;
		if (frag->span[i].to == from)
			work->span_before = i;
		if (frag->span[i].from == to)
			work->span_behind = i;
	}
	return 1;
}

/* Add [from, to) to the spans, joined with its neighbours. Returns 0: it overlaps a span, or would
 * be a ninth one; else 1. */
SP_INLINE int sp_frag_join(struct sp_work *work, struct sp_frag *frag, __u32 from, __u32 to)
{
	__u32 before, behind, last = frag->span_count;

	if (!sp_frag_neighbours(work, frag, from, to))
		return 0;
	before = work->span_before;
	behind = work->span_behind;
	if (before < SP_FRAG_SPANS && behind < SP_FRAG_SPANS) {
		frag->span[before].to = frag->span[behind].to;
		last = (last - 1) & (SP_FRAG_SPANS - 1);
		frag->span[behind] = frag->span[last];
		frag->span_count = last;
	} else if (before < SP_FRAG_SPANS) {
		frag->span[before].to = to;
	} else if (behind < SP_FRAG_SPANS) {
		frag->span[behind].from = from;
	} else if (last < SP_FRAG_SPANS) {
		frag->span[last].from = from;
		frag->span[last].to = to;
		frag->span_count = last + 1;
	} else {
		return 0;
	}
	return 1;
}

/* Lock the entry: fragments of one datagram may come in on several CPUs at once. Returns 0: another
 * CPU keeps the lock for too long; else 1. */
SP_SUBPROGRAM int sp_frag_lock(struct sp_frag *frag)
{
	for (int i = 0; i < SP_FRAG_LOCK_TRIES; i++)
		if (!__sync_val_compare_and_swap(&frag->lock, 0, 1))
			return 1;
	return 0;
}

/* As sp_frag_join, under the entry's lock. Without the lock the fragment counts as an overlap, so
 * that no fragment passes unchecked. */
SP_SUBPROGRAM int sp_frag_join_locked(struct sp_work *work, struct sp_frag *frag)
{
	__u32 from = work->packet.fragment_from, to = work->packet.fragment_to;
	int joined;

	if (!sp_frag_lock(frag))
		return 0;
	joined = !frag->poisoned && sp_frag_join(work, frag, from, to);
	if (!joined)
		frag->poisoned = 1;
	__sync_lock_test_and_set(&frag->lock, 0);
	return joined;
}

/* A later fragment gets the answer of the first fragment of its datagram. */
SP_SUBPROGRAM int sp_frag_follow(struct sp_work *work)
{
	struct sp_frag *frag = sp_frag_find(work);
	const struct sp_frag *copy = &work->frag;

	sp_deny(work, SP_REASON_FRAGMENT);
	if (!frag || copy->poisoned || copy->revision != sp_revision ||
	    !sp_session_is_live(copy->session[0], copy->epoch[0], work->now_ns) ||
	    !sp_session_is_live(copy->session[1], copy->epoch[1], work->now_ns) ||
	    !sp_frag_join_locked(work, frag))
		return 0;
	for (int i = 0; i < 2; i++) {
		work->end[i].session = copy->session[i];
		work->end[i].epoch = copy->epoch[i];
	}
	sp_allow(work, copy->reason, copy->rule);
	work->would = copy->would;
	work->audit_rule = copy->audit_rule;
	work->log = copy->log;
	work->is_counted = copy->log == SP_LOG_ALL;
	work->is_own_flow = copy->is_own_flow;
	sp_limit_denies_fragment(work);
	return 0;
}

/* Is this a second first fragment of its datagram? It overlaps the one before: it is denied
 * (returns 1), and later fragments of the datagram are denied too. */
SP_SUBPROGRAM int sp_frag_overlaps(struct sp_work *work)
{
	struct sp_frag *frag = sp_frag_find(work);

	if (!frag)
		return 0;
	frag->poisoned = 1;
	sp_deny(work, SP_REASON_FRAGMENT);
	return 1;
}

/* Keep the answer of an allowed first fragment for the later ones. */
SP_SUBPROGRAM int sp_frag_begin(struct sp_work *work)
{
	struct sp_frag *frag = &work->frag;
	int sender = work->is_reply ? 1 : 0;

	__builtin_memset(frag, 0, sizeof(*frag));
	frag->key_sum = sp_key_sum(&work->frag_key, sizeof(work->frag_key) / 8);
	frag->first_ns = work->now_ns;
	frag->revision = sp_revision;
	frag->rule = work->rule;
	frag->would = work->would;
	frag->audit_rule = work->audit_rule;
	frag->reason = work->reason;
	frag->log = work->log;
	frag->is_own_flow = work->is_own_flow;
	sp_end_record(&work->end[sender], &frag->session[0], &frag->epoch[0]);
	sp_end_record(&work->end[!sender], &frag->session[1], &frag->epoch[1]);
	/* where the first one was asked, the others are */
	if (work->is_new || work->is_counted)
		frag->limit = work->limit;
	frag->is_reply = work->is_reply;
	frag->is_edge = (work->is_new ? work->case_zone : work->flow.zone) == SP_ZONE_EDGE;
	frag->span_count = 1;
	frag->span[0].to = work->packet.fragment_to;
	bpf_map_update_elem(&sp_frag, &work->frag_key, frag, BPF_ANY);
	return 0;
}

#endif
