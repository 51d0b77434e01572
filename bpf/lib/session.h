/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who has a tunnel address, and whether that session is live. User space ends a session by one
 * store of epoch = 0. What is read between two reads of the same epoch belongs to that epoch. */
#ifndef SALLYPORT_BPF_SESSION_H
#define SALLYPORT_BPF_SESSION_H

#include "lib/tables.h"

#define SP_SESSION_TOUCH_NS 1000000000ull

SP_INLINE __u64 sp_session_epoch(const struct sp_session *session)
{
	return *(const volatile __u64 *)&session->epoch;
}

/* Is the session neither past its end nor silent for too long? */
SP_INLINE int sp_session_is_awake(const struct sp_session *session, __u64 now_ns)
{
	if (sp_is_past(session->expires_ns, now_ns))
		return 0;
	return !session->idle_ns || !session->last_seen_ns ||
	       !sp_is_over(session->last_seen_ns, session->idle_ns, now_ns);
}

/* Is the session that a flow recorded for one of its ends still live? Epoch 0: the end has none. */
SP_INLINE int sp_session_is_live(__u32 number, __u64 epoch, __u64 now_ns)
{
	struct sp_session *session;

	if (!epoch)
		return 1;
	if (epoch == SP_EPOCH_NOBODY)
		return 0;
	session = bpf_map_lookup_elem(&sp_session, &number);
	return session && sp_session_is_awake(session, now_ns) &&
	       sp_session_epoch(session) == epoch;
}

SP_INLINE enum sp_end_state sp_session_read(struct sp_end *end, int is_v6, __u64 now_ns)
{
	__u32 slot = sp_revision & 1, family = is_v6 ? 1 : 0;
	__u32 number = end->session; /* on the stack: Linux 6.1 takes a key from nowhere else */
	struct sp_session *session;
	int is_awake;

	session = bpf_map_lookup_elem(&sp_session, &number);
	if (!session || sp_session_epoch(session) != end->epoch)
		return SP_END_DEAD;
	is_awake = sp_session_is_awake(session, now_ns);
	end->expires_ns = session->expires_ns;
	end->class_id = session->class_id[slot][family];
	end->netset = session->netset[slot][family];
	end->own_netset = session->own_netset[slot][family];
	end->person = session->person;
	if (sp_session_epoch(session) != end->epoch)
		return SP_END_RACING;
	return is_awake ? SP_END_LIVE : SP_END_PARKED;
}

/* Read the identity of a tunnel address and the state of its session into @end. */
SP_GLOBAL int sp_end_resolve(const struct sp_addr *addr, int is_v6, __u64 now_ns,
			     struct sp_end *end)
{
	struct sp_ident *ident;
	struct sp_addr key;

	if (!addr || !end)
		return 0;
	key = *addr;
	end->state = SP_END_UNKNOWN;
	end->session = SP_SESSION_NONE;
	end->epoch = 0;
	ident = bpf_map_lookup_elem(&sp_ident, &key);
	if (!ident)
		return 0;
	end->session = ident->session;
	end->epoch = *(const volatile __u64 *)&ident->epoch;
	/* The element was reused for another address while it was read: this address has no
	 * identity. */
	if (!sp_addr_equal(&ident->addr, &key) || !end->epoch) {
		end->session = SP_SESSION_NONE;
		end->epoch = 0;
		return 0;
	}
	end->state = sp_session_read(end, is_v6, now_ns);
	return 0;
}

SP_INLINE void sp_end_resolve_source(struct sp_work *work)
{
	sp_end_resolve(&work->path.source, work->path.is_v6, work->now_ns, &work->end[0]);
}

SP_INLINE void sp_end_resolve_destination(struct sp_work *work)
{
	sp_end_resolve(&work->path.destination, work->path.is_v6, work->now_ns, &work->end[1]);
}

SP_INLINE void sp_end_clear(struct sp_end *end)
{
	end->state = SP_END_OUTSIDE;
	end->session = SP_SESSION_NONE;
	end->epoch = 0;
}

/* Write down an end: a live session; SP_EPOCH_NOBODY for a tunnel address without one; epoch 0 for
 * an address outside the tunnel. */
SP_INLINE void sp_end_record(const struct sp_end *end, __u32 *ret_session, __u64 *ret_epoch)
{
	*ret_session = SP_SESSION_NONE;
	*ret_epoch = end->state == SP_END_OUTSIDE ? 0 : SP_EPOCH_NOBODY;
	if (end->state == SP_END_LIVE) {
		*ret_session = end->session;
		*ret_epoch = end->epoch;
	}
}

/* Resolve both ends of the case, whose row of src[] is known. Returns 0: a table lacks the row;
 * else 1. */
SP_SUBPROGRAM int sp_ends_resolve(struct sp_work *work)
{
	if (!sp_table_dst(work))
		return 0;
	if (work->case_hook == SP_HOOK_VPN_IN || work->src.home == SP_ZONE_TUNNEL)
		sp_end_resolve_source(work);
	else
		sp_end_clear(&work->end[0]);
	if (work->dst.flags & SP_DST_POOL)
		sp_end_resolve_destination(work);
	else
		sp_end_clear(&work->end[1]);
	return 1;
}

/* Is the source of the case on the tunnel, so that it needs a session? */
SP_INLINE int sp_case_has_sender(const struct sp_work *work)
{
	return work->case_hook == SP_HOOK_VPN_IN ||
	       (work->case_hook == SP_HOOK_VPN_OUT && work->src.home == SP_ZONE_TUNNEL);
}

/* [4] for one end. Returns 1: denied. */
SP_INLINE int sp_end_denies(struct sp_work *work, const struct sp_end *end)
{
	switch (end->state) {
	case SP_END_UNKNOWN:
		sp_deny(work, SP_REASON_NO_IDENTITY);
		return 1;
	case SP_END_DEAD:
		sp_deny(work, SP_REASON_REVOKED);
		return 1;
	case SP_END_PARKED:
		sp_deny(work, SP_REASON_EXPIRED);
		return 1;
	case SP_END_RACING:
		sp_deny(work, SP_REASON_RACING);
		return 1;
	}
	return 0;
}

/* The time at which the answer must be judged again: the earliest of @not_after_ns and the ends of
 * both sessions. */
SP_INLINE __u64 sp_ends_deadline(const struct sp_work *work, __u64 not_after_ns)
{
	for (int i = 0; i < 2; i++)
		if (work->end[i].state == SP_END_LIVE)
			not_after_ns = sp_earlier(not_after_ns, work->end[i].expires_ns);
	return not_after_ns;
}

/* Note that the sender of an allowed packet was active. Written at most once a second. A session
 * that has been silent for too long stays so: the packets by which its person reaches the portal
 * must not revive it. */
SP_INLINE void sp_session_touch(const struct sp_work *work)
{
	const struct sp_end *sender = &work->end[work->is_reply ? 1 : 0];
	__u32 number = sender->session;
	struct sp_session *session;

	if (number == SP_SESSION_NONE || work->reason == SP_REASON_PROTECT)
		return;
	session = bpf_map_lookup_elem(&sp_session, &number);
	if (!session || sp_session_epoch(session) != sender->epoch ||
	    !sp_session_is_awake(session, work->now_ns))
		return;
	if (!session->last_seen_ns || work->now_ns >= session->last_seen_ns + SP_SESSION_TOUCH_NS)
		session->last_seen_ns = work->now_ns;
}

#endif
