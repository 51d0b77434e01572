/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How long a flow may be silent, and its end: shared by the programs, which replace and delete
 * flows, and the janitor, which reclaims those nobody asks for any more. */
#ifndef SALLYPORT_BPF_FLOW_END_H
#define SALLYPORT_BPF_FLOW_END_H

#include "lib/bytes.h"
#include "lib/event.h"
#include "lib/headers.h"
#include "lib/share.h"
#include "lib/tally.h"

#define SP_NS_PER_S 1000000000ull

SP_INLINE __u64 sp_flow_idle_ns(const struct sp_flow_key *key, __u32 flags)
{
	if (key->side) /* ICMP, or ICMPv6 on IPv6 */
		return 30 * SP_NS_PER_S;
	if (key->proto != SP_PROTO_TCP)
		return flags & (SP_FLOW_ANSWERED | SP_FLOW_DENIED) ? 180 * SP_NS_PER_S
								   : 30 * SP_NS_PER_S;
	if (flags & SP_FLOW_DENIED) /* longer than the two hours after which an idle end probes */
		return flags & SP_FLOW_ANSWERED ? 7800 * SP_NS_PER_S : 60 * SP_NS_PER_S;
	if (flags & SP_FLOW_CLOSING)
		return 30 * SP_NS_PER_S;
	return flags & SP_FLOW_ANSWERED ? 7200 * SP_NS_PER_S : 60 * SP_NS_PER_S;
}

SP_INLINE __u64 sp_flow_sum(const struct sp_flow_key *key)
{
	return sp_key_sum(key, sizeof(*key) / 8);
}

/* Does the flow count for the share of an expired session? That share is separate, so that flows
 * opened before cannot take a person's way to sign in again. */
SP_INLINE int sp_flow_is_parked(const struct sp_flow *flow)
{
	return flow->reason == SP_REASON_EXPIRED && !(flow->flags & SP_FLOW_DENIED);
}

/* The counter of @session that counts this flow. */
SP_INLINE __u32 *sp_flow_share(struct sp_session *session, const struct sp_flow *flow)
{
	return sp_flow_is_parked(flow) ? &session->parked_flows : &session->flows;
}

/* The counter of the originator's session that counts this flow. NULL: that session has ended, or
 * there was none. */
SP_INLINE __u32 *sp_flow_share_of(const struct sp_flow *flow)
{
	__u32 number = flow->session[0];
	struct sp_session *session;

	if (number == SP_SESSION_NONE || (flow->flags & SP_FLOW_UNRULED))
		return NULL;
	session = bpf_map_lookup_elem(&sp_session, &number);
	return session && session->epoch == flow->epoch[0] ? sp_flow_share(session, flow) : NULL;
}

/* Take the flow off the count of its originator's session. */
SP_INLINE void sp_flow_discharge_session(const struct sp_flow *flow)
{
	__u32 *share = sp_flow_share_of(flow);

	if (share)
		__sync_fetch_and_sub(share, 1);
}

SP_INLINE void sp_flow_discharge(const struct sp_flow_key *key, const struct sp_flow *flow)
{
	sp_flow_uncharge(key, flow);
	sp_flow_discharge_session(flow);
}

/* Is there room for the record of this flow's end? If not, the end is counted instead. */
SP_INLINE int sp_flow_end_is_recorded(const struct sp_flow_key *key, const struct sp_flow *flow,
				      __u64 now_ns)
{
	struct sp_tally_case one = {
		.key = { .session = flow->session[0],
			 .hook = flow->hook,
			 .kind = SP_TALLY_END,
			 .reason = flow->reason },
		.now_ns = now_ns,
		.packets = flow->packets[0] + flow->packets[1],
		.bytes = flow->bytes[0] + flow->bytes[1],
		.region = SP_TALLY_SESSIONS,
		.is_counted = flow->log == SP_LOG_COUNTED,
	};

	if (flow->session[0] != SP_SESSION_NONE) {
		one.key.epoch = flow->epoch[0];
	} else {
		one.key.source = flow->flags & SP_FLOW_HI_ORIGIN ? key->hi : key->lo;
		one.region = sp_tally_region_of(&one.key);
	}
	return sp_tally_take(&one);
}

/* Write the record of a flow's end, in the flow's original direction. A denied flow has its record
 * since it was denied. */
SP_INLINE void sp_flow_end_record(const struct sp_flow_key *key, const struct sp_flow *flow,
				  __u64 now_ns)
{
	int from_hi = flow->flags & SP_FLOW_HI_ORIGIN;
	struct sp_event *event;

	if (flow->log == SP_LOG_NONE || (flow->flags & SP_FLOW_DENIED) ||
	    !sp_flow_end_is_recorded(key, flow, now_ns))
		return;
	event = sp_event_reserve();
	if (!event)
		return;
	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = now_ns;
	event->revision = flow->revision;
	event->epoch[0] = flow->epoch[0];
	event->epoch[1] = flow->epoch[1];
	event->packets = flow->packets[0] + flow->packets[1];
	event->bytes = flow->bytes[0] + flow->bytes[1];
	event->saddr = from_hi ? key->hi : key->lo;
	event->daddr = from_hi ? key->lo : key->hi;
	event->sport_be = from_hi ? key->hi_port_be : key->lo_port_be;
	event->dport_be = from_hi ? key->lo_port_be : key->hi_port_be;
	if (key->side)
		event->dport_be = 0;
	event->session[0] = flow->session[0];
	event->session[1] = flow->session[1];
	event->rule = flow->rule;
	event->would = flow->would;
	event->audit_rule = flow->audit_rule;
	event->kind = SP_EVENT_FLOW_END;
	event->hook = flow->hook;
	event->verdict = SP_ALLOW;
	event->reason = flow->reason;
	event->proto = key->proto;
	event->icmp_type = flow->icmp_type;
	event->is_ip = 1;
	sp_event_submit(event);
}

/* End the flow of @key. @element is its element and @copy a copy of that. If several CPUs try, only
 * one does it and returns 1. */
SP_SUBPROGRAM int sp_flow_end(struct sp_flow_key *key, struct sp_flow *element,
			      struct sp_flow *copy, __u64 now_ns)
{
	if (element->key_sum != copy->key_sum ||
	    (__sync_fetch_and_or(&element->flags, SP_FLOW_GONE) & SP_FLOW_GONE))
		return 0;
	bpf_map_delete_elem(&sp_flow, key);
	sp_flow_discharge(key, copy);
	sp_flow_end_record(key, copy, now_ns);
	return 1;
}

#endif
