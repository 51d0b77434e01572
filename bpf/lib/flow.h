/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tracked flows: finding, opening, renewing and counting them ([3] of docs/judgement.md).
 *
 * All CPUs share the map and nothing is locked. A program copies an element as soon as it has found
 * it. The kernel may reuse the element for another key meanwhile, so the copy counts only if its
 * key_sum, which is read last, is right. Later stores into the element (last_seen, flags, counts)
 * may hit an element that was reused, where they do no harm. Everything that lets packets pass is
 * written by key, as a new element. */
#ifndef SALLYPORT_BPF_FLOW_H
#define SALLYPORT_BPF_FLOW_H

#include "lib/flow_end.h"
#include "lib/session.h"

#define SP_EEXIST 17

/* ICMP errors, redirects and the like open no flow and belong to no flow of their own. */
SP_INLINE int sp_path_makes_flow(const struct sp_path *path)
{
	return path->icmp != SP_ICMP_ERROR && path->icmp != SP_ICMP_OTHER;
}

SP_INLINE int sp_packet_can_open(const struct sp_work *work)
{
	__u32 flags = work->packet.tcp_flags;

	if (!sp_path_makes_flow(&work->path) || work->path.icmp == SP_ICMP_REPLY)
		return 0;
	return !(flags & SP_TCP_RST) &&
	       (flags & (SP_TCP_SYN | SP_TCP_ACK)) != (SP_TCP_SYN | SP_TCP_ACK);
}

/* Is the source the smaller of the two ends? Ends are compared as bytes, word by word, most
 * significant first. Of a query to the sender's own address the asker is the same end in both
 * directions. */
SP_INLINE int sp_path_is_low(const struct sp_path *path)
{
	for (int i = 0; i < 4; i++) {
		__u32 source = bpf_ntohl(path->source.w_be[i]);
		__u32 destination = bpf_ntohl(path->destination.w_be[i]);

		if (source != destination)
			return source < destination;
	}
	return bpf_ntohs(path->source_port_be) + (path->icmp == SP_ICMP_REPLY) <=
	       bpf_ntohs(path->destination_port_be);
}

/* Write the key of @path into work->key. */
SP_SUBPROGRAM int sp_flow_key_of(struct sp_work *work, const struct sp_path *path)
{
	struct sp_flow_key *key = &work->key;
	int is_low = sp_path_is_low(path);

	key->lo = is_low ? path->source : path->destination;
	key->hi = is_low ? path->destination : path->source;
	key->lo_port_be = is_low ? path->source_port_be : path->destination_port_be;
	key->hi_port_be = is_low ? path->destination_port_be : path->source_port_be;
	key->proto = path->proto;
	key->side = 0;
	if (path->icmp) {
		int is_asker = path->icmp == SP_ICMP_QUERY;

		/* If both ends are one address, the asker is the same end in both directions. */
		key->side = !is_asker == !is_low || sp_addr_equal(&key->lo, &key->hi) ? 1 : 2;
	}
	key->zero[0] = 0;
	key->zero[1] = 0;
	work->is_low = is_low;
	return 0;
}

/* Is the entry in work->flow the flow of this path, and not idle for too long? Sets is_reply. */
SP_INLINE int sp_flow_matches(struct sp_work *work, const struct sp_path *path)
{
	const struct sp_flow *flow = &work->flow;

	if (flow->flags & SP_FLOW_GONE)
		return 0;
	if (sp_is_over(flow->last_seen_ns, sp_flow_idle_ns(&work->key, flow->flags), work->now_ns))
		return 0;
	switch (path->icmp) {
	case SP_ICMP_QUERY:
		work->is_reply = 0;
		return flow->icmp_type == path->icmp_type;
	case SP_ICMP_REPLY:
		work->is_reply = 1;
		return flow->icmp_type == sp_icmp_asked(path->icmp_type, path->is_v6);
	}
	work->is_reply = !work->is_low != !!(flow->flags & SP_FLOW_HI_ORIGIN);
	return 1;
}

/* Is this segment the SYN of another connection? Such a SYN belongs neither to a flow in whose
 * reply direction it goes nor to a flow that is closing. */
SP_INLINE int sp_flow_is_over_for(const struct sp_work *work)
{
	return (work->packet.tcp_flags & (SP_TCP_SYN | SP_TCP_ACK)) == SP_TCP_SYN &&
	       (work->is_reply || (work->flow.flags & SP_FLOW_CLOSING));
}

/* Look for the flow of @path, which is the packet's own or the one the packet quotes. Sets key,
 * found, flow and is_reply. Returns the element, for marking; NULL when none was found. */
SP_SUBPROGRAM struct sp_flow *sp_flow_find(struct sp_work *work, const struct sp_path *path,
					   int is_quote)
{
	struct sp_flow *element;

	sp_flow_key_of(work, path);
	work->found = SP_FOUND_NOTHING;
	work->is_reply = 0;
	element = bpf_map_lookup_elem(&sp_flow, &work->key);
	if (!element)
		return NULL;
	work->flow = *element;
	/* Read last: see the top of this file. */
	if (*(volatile __u64 *)&element->key_sum != sp_flow_sum(&work->key))
		return NULL;
	work->found = SP_FOUND_OBSOLETE;
	if (!sp_flow_matches(work, path) || (!is_quote && sp_flow_is_over_for(work))) {
		work->is_reply = 0;
		return NULL;
	}
	work->found = SP_FOUND_FLOW;
	return element;
}

/* May the answer of this flow be used without judging again? Not if it rests on something that may
 * change without a new revision or epoch: an expired session may be extended. */
SP_INLINE int sp_flow_may_be_fresh(const struct sp_flow *flow)
{
	switch (flow->reason) {
	case SP_REASON_EXPIRED:
	case SP_REASON_REVOKED:
	case SP_REASON_NO_IDENTITY:
	case SP_REASON_RACING:
	case SP_REASON_TABLE_FULL:
		return 0;
	}
	return 1;
}

SP_INLINE int sp_flow_is_fresh(const struct sp_work *work)
{
	const struct sp_flow *flow = &work->flow;

	if (!sp_flow_may_be_fresh(flow))
		return 0;
	return flow->revision == sp_revision && !sp_is_past(flow->deadline_ns, work->now_ns) &&
	       sp_session_is_live(flow->session[0], flow->epoch[0], work->now_ns) &&
	       sp_session_is_live(flow->session[1], flow->epoch[1], work->now_ns);
}

/* ---- counting ---- */

SP_INLINE __u32 sp_packet_flow_flags(const struct sp_work *work)
{
	__u32 flags = work->is_reply ? SP_FLOW_ANSWERED : 0;

	if (work->packet.tcp_flags & (SP_TCP_FIN | SP_TCP_RST))
		flags |= SP_FLOW_CLOSING;
	return flags;
}

/* An allowed packet of the flow went by. */
SP_INLINE void sp_flow_mark(struct sp_work *work, struct sp_flow *element)
{
	__u32 flags = sp_packet_flow_flags(work);
	__u32 way = work->is_reply ? 1 : 0;

	work->is_counted = sp_hook_zone(work->flow.hook) == sp_hook_zone(SP_THIS_HOOK);
	*(volatile __u64 *)&element->last_seen_ns = work->now_ns;
	if (flags & ~work->flow.flags)
		__sync_fetch_and_or(&element->flags, flags);
	if (work->is_counted) {
		__sync_fetch_and_add(&element->packets[way], 1);
		__sync_fetch_and_add(&element->bytes[way], work->packet.length);
	}
}

/* ---- writing ---- */

/* Note end @i of the case in the draft. A denied flow keeps the session it had, unless another
 * session has the address now. */
SP_INLINE void sp_draft_end(struct sp_work *work, int i)
{
	struct sp_flow *draft = &work->draft;

	if (work->verdict == SP_ALLOW || work->end[i].state == SP_END_LIVE)
		sp_end_record(&work->end[i], &draft->session[i], &draft->epoch[i]);
}

/* Write the present answer to the case into work->draft. */
SP_INLINE void sp_draft_answer(struct sp_work *work)
{
	struct sp_flow *draft = &work->draft;

	draft->revision = sp_revision;
	draft->deadline_ns = work->deadline_ns;
	draft->rule = work->rule;
	draft->reason = work->reason;
	draft->limit = work->limit;
	draft->would = work->would;
	draft->audit_rule = work->audit_rule;
	draft->log = SP_LOG_NONE;
	if (work->verdict == SP_ALLOW || sp_answer_is_of_rules(work))
		draft->log = work->log;
	sp_draft_end(work, 0);
	sp_draft_end(work, 1);
	if (work->verdict == SP_ALLOW && work->reason == SP_REASON_EXPIRED) {
		/* The flow counts for the expired session that opened it. */
		draft->session[0] = work->end[0].session;
		draft->epoch[0] = work->end[0].epoch;
	}
}

/* Do both flows count for the same session, in the same share? The gateway's own flows count for no
 * session. */
SP_INLINE int sp_flow_counts_for(const struct sp_flow *flow, const struct sp_flow *other)
{
	return !(flow->flags & SP_FLOW_UNRULED) && flow->session[0] == other->session[0] &&
	       flow->epoch[0] == other->epoch[0] &&
	       sp_flow_is_parked(flow) == sp_flow_is_parked(other);
}

/* Count the draft for its originator's session. @replaces: the draft takes the place of work->flow.
 * Returns 1; 0: the session has its full share already. */
SP_INLINE int sp_flow_charge_session(const struct sp_work *work, int replaces)
{
	const struct sp_flow *draft = &work->draft;
	__u32 number = draft->session[0], room = SP_SESSION_FLOWS_MAX;
	struct sp_session *session;
	__u32 *share;

	if (number == SP_SESSION_NONE || (draft->flags & SP_FLOW_UNRULED))
		return 1;
	session = bpf_map_lookup_elem(&sp_session, &number);
	if (!session)
		return 0;
	if (draft->reason == SP_REASON_EXPIRED)
		room = SP_PARKED_FLOWS_MAX;
	if (replaces && sp_flow_counts_for(&work->flow, draft))
		room++;
	share = sp_flow_share(session, draft);
	if (__sync_fetch_and_add(share, 1) < room)
		return 1;
	__sync_fetch_and_sub(share, 1);
	return 0;
}

SP_INLINE void sp_draft_new(struct sp_work *work, __u32 flags)
{
	struct sp_flow *draft = &work->draft;

	__builtin_memset(draft, 0, sizeof(*draft));
	sp_draft_answer(work);
	draft->key_sum = sp_flow_sum(&work->key);
	draft->created_ns = work->now_ns;
	draft->last_seen_ns = work->now_ns;
	draft->packets[0] = 1;
	draft->bytes[0] = work->packet.length;
	draft->flags = flags | sp_packet_flow_flags(work) | (work->is_low ? 0 : SP_FLOW_HI_ORIGIN);
	draft->zone = work->case_zone;
	draft->hook = SP_THIS_HOOK;
	draft->icmp_type = work->path.icmp_type;
}

/* Remove the entry of which work->flow is a copy, so that another flow can have work->key. */
SP_INLINE void sp_flow_remove(struct sp_work *work)
{
	struct sp_flow *element = bpf_map_lookup_elem(&sp_flow, &work->key);

	if (element && element->created_ns == work->flow.created_ns)
		sp_flow_end(&work->key, element, &work->flow, work->now_ns);
}

/* Open a flow with the packet's answer, in place of what sp_flow_find left in work->flow. @flags:
 * SP_FLOW_OWN, SP_FLOW_FORWARDED or 0. Returns 0; else the reason why there is no room. */
SP_SUBPROGRAM int sp_flow_open(struct sp_work *work, __u32 flags)
{
	int replaces = work->found != SP_FOUND_NOTHING;
	long r;

	work->is_reply = 0;
	sp_draft_new(work, flags);
	if (!sp_flow_charge_session(work, replaces))
		return SP_REASON_FLOW_LIMIT;
	r = sp_flow_charge(&work->key, &work->draft, replaces ? &work->flow : NULL);
	if (r) {
		sp_flow_discharge_session(&work->draft);
		return r;
	}
	if (replaces)
		sp_flow_remove(work);
	r = bpf_map_update_elem(&sp_flow, &work->key, &work->draft, BPF_NOEXIST);
	if (r == 0)
		return 0;
	sp_flow_discharge(&work->key, &work->draft);
	/* -EEXIST: another CPU has just opened the flow, on an answer as good as this one. */
	return r == -SP_EEXIST ? 0 : SP_REASON_FLOW_FULL;
}

/* Count the flow for the session of @to instead of that of @from: its person signed in again. */
SP_INLINE void sp_flow_recharge(const struct sp_flow *from, const struct sp_flow *to)
{
	__u32 number = to->session[0];
	struct sp_session *session;

	if ((to->flags & SP_FLOW_UNRULED) || sp_flow_counts_for(from, to))
		return;
	if (number != SP_SESSION_NONE) {
		session = bpf_map_lookup_elem(&sp_session, &number);
		if (session)
			__sync_fetch_and_add(sp_flow_share(session, to), 1);
	}
	sp_flow_discharge_session(from);
}

/* Make the draft that renews work->flow with the present answer. A flow that stays allowed keeps
 * its counts. A flow that was denied begins anew. If the `allow` of a flow was counted without a
 * record, its end is counted too. */
SP_INLINE void sp_draft_renewed(struct sp_work *work)
{
	struct sp_flow *draft = &work->draft;

	*draft = work->flow;
	sp_draft_answer(work);
	if (work->verdict == SP_DENY) {
		draft->flags |= SP_FLOW_DENIED;
		draft->last_seen_ns = work->now_ns;
	} else if (draft->flags & SP_FLOW_DENIED) {
		draft->flags &= ~SP_FLOW_DENIED;
		draft->created_ns = work->now_ns;
		draft->packets[0] = draft->packets[1] = 0;
		draft->bytes[0] = draft->bytes[1] = 0;
		work->is_new = 1;
	} else if (work->flow.log == SP_LOG_COUNTED && draft->log == SP_LOG_NEW) {
		draft->log = SP_LOG_COUNTED;
	}
}

/* Does the draft differ from the flow found? */
SP_INLINE int sp_draft_differs(const struct sp_work *work)
{
	const struct sp_flow *flow = &work->flow, *draft = &work->draft;

	return draft->revision != flow->revision || draft->rule != flow->rule ||
	       draft->reason != flow->reason || draft->limit != flow->limit ||
	       draft->deadline_ns != flow->deadline_ns || draft->epoch[0] != flow->epoch[0] ||
	       draft->epoch[1] != flow->epoch[1] || draft->flags != flow->flags;
}

/* Write the present answer into the flow that was found. If another CPU does the same, or there is
 * no memory, the element stays stale and the next packet is judged again: what is denied now stays
 * denied. The CPU that makes an allowed flow a denied one writes the record of its end. Returns
 * whether the answer differs from the one found. */
SP_SUBPROGRAM int sp_flow_renew(struct sp_work *work, struct sp_flow *element)
{
	struct sp_flow *draft = &work->draft;
	__u32 flags;

	sp_draft_renewed(work);
	if (!sp_draft_differs(work))
		return 0;
	flags = __sync_fetch_and_or(&element->flags, SP_FLOW_RENEWING);
	if (!(flags & SP_FLOW_RENEWING)) {
		if (bpf_map_update_elem(&sp_flow, &work->key, draft, BPF_EXIST) == 0) {
			sp_flow_recharge(&work->flow, draft);
			if (work->verdict == SP_DENY)
				sp_flow_end_record(&work->key, &work->flow, work->now_ns);
		} else {
			__sync_fetch_and_and(&element->flags, ~SP_FLOW_RENEWING);
		}
	}
	work->flow = *draft;
	return 1;
}

#endif
