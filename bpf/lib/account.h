/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Write the answer down: counters, rule counters, records, and the answer of a test run. */
#ifndef SALLYPORT_BPF_ACCOUNT_H
#define SALLYPORT_BPF_ACCOUNT_H

#include "lib/event.h"
#include "lib/flow.h"

SP_INLINE void sp_count(struct sp_counter *counter, __u32 bytes)
{
	if (!counter)
		return;
	counter->packets++;
	counter->bytes += bytes;
}

SP_INLINE void sp_account_counters(const struct sp_work *work)
{
	__u32 index = SP_COUNTER_INDEX(SP_THIS_HOOK, work->verdict, work->reason);

	sp_count(bpf_map_lookup_elem(&sp_counter, &index), work->packet.length);
	/* A packet that leaves and belongs to a flow was counted where it came in. */
	if (!sp_hook_is_ingress(SP_THIS_HOOK) && !work->is_new && work->verdict != SP_DENY)
		return;
	index = work->rule;
	if (index != SP_RULE_NONE)
		sp_count(bpf_map_lookup_elem(&sp_rule_counter, &index), work->packet.length);
	index = work->audit_rule;
	if (work->would)
		sp_count(bpf_map_lookup_elem(&sp_rule_counter, &index), work->packet.length);
}

/* Look up the person on the tunnel where no step had to: the record of a denial names the
 * person. */
SP_INLINE void sp_account_who(struct sp_work *work)
{
	const struct sp_path *path = &work->packet.path;
	struct sp_end *sender = &work->end[work->is_reply ? 1 : 0];
	struct sp_end *receiver = &work->end[work->is_reply ? 0 : 1];

	if (SP_THIS_HOOK == SP_HOOK_VPN_IN && sender->session == SP_SESSION_NONE)
		sp_end_resolve(&path->source, path->is_v6, work->now_ns, sender);
	if (SP_THIS_HOOK == SP_HOOK_VPN_OUT && receiver->session == SP_SESSION_NONE)
		sp_end_resolve(&path->destination, path->is_v6, work->now_ns, receiver);
}

/* Which kind of record this answer gets. Returns an enum sp_tally_kind; SP_TALLY_KIND_COUNT: no
 * record. */
SP_INLINE __u32 sp_account_kind(const struct sp_work *work)
{
	if (work->verdict == SP_DENY)
		return sp_answer_is_of_rules(work) && work->log == SP_LOG_NONE ? SP_TALLY_KIND_COUNT
									       : SP_TALLY_DENY;
	if (work->is_new && (work->log == SP_LOG_NEW || work->log == SP_LOG_ALL))
		return SP_TALLY_OPEN;
	if (work->log == SP_LOG_ALL && work->is_counted)
		return SP_TALLY_PACKET;
	return SP_TALLY_KIND_COUNT;
}

/* The `allow` of the flow that this packet opened was counted instead of recorded, so count its end
 * too. */
SP_INLINE void sp_account_flow_counted(struct sp_work *work)
{
	struct sp_flow *element;

	if (!sp_packet_can_open(work))
		return;
	sp_flow_key_of(work, &work->packet.path);
	element = bpf_map_lookup_elem(&sp_flow, &work->key);
	if (element && element->created_ns == work->now_ns && element->log == SP_LOG_NEW)
		element->log = SP_LOG_COUNTED;
}

/* Is there room for this record within the rates? If not, it is counted instead. Returns 1 or 0. */
SP_SUBPROGRAM int sp_account_takes(struct sp_work *work, __u32 kind)
{
	const struct sp_parsed *packet = &work->packet;
	const struct sp_end *sender = &work->end[work->is_reply ? 1 : 0];
	struct sp_tally_case one = {
		.key = { .session = sender->session,
			 .hook = SP_THIS_HOOK,
			 .kind = kind,
			 .reason = work->reason },
		.now_ns = work->now_ns,
		.packets = 1,
		.bytes = packet->length,
		.region = SP_TALLY_SESSIONS,
	};

	if (sender->session != SP_SESSION_NONE) {
		one.key.epoch = sender->epoch;
	} else {
		if (packet->is_ip)
			one.key.source = packet->path.source;
		one.region = sp_tally_region_of(&one.key);
	}
	if (sp_tally_take(&one))
		return 1;
	if (kind == SP_TALLY_OPEN && work->log == SP_LOG_NEW)
		sp_account_flow_counted(work);
	return 0;
}

/* Does this answer get a record? Denials of strangers share one limit for each reason: strangers
 * choose their source addresses, and a flood of them must cost as little as possible. */
SP_INLINE int sp_account_is_recorded(struct sp_work *work)
{
	__u32 kind = sp_account_kind(work);

	if (kind == SP_TALLY_KIND_COUNT)
		return 0;
	if (SP_THIS_HOOK == SP_HOOK_EDGE_IN && kind == SP_TALLY_DENY)
		return sp_tally_take_nobodys(SP_HOOK_EDGE_IN, SP_TALLY_DENY, work->reason,
					     work->now_ns, work->packet.length);
	if (kind == SP_TALLY_DENY && work->packet.is_ip)
		sp_account_who(work);
	return sp_account_takes(work, kind);
}

SP_INLINE void sp_event_end(struct sp_event *event, int i, const struct sp_end *end)
{
	event->session[i] = end->session;
	event->epoch[i] = end->session == SP_SESSION_NONE ? 0 : end->epoch;
}

SP_SUBPROGRAM int sp_account_record(struct sp_work *work)
{
	const struct sp_parsed *packet = &work->packet;
	int sender = work->is_reply ? 1 : 0;
	struct sp_event *event;

	event = sp_event_reserve();
	if (!event)
		return 0;
	event->time_ns = work->now_ns;
	event->revision = sp_revision;
	event->packets = 1;
	event->bytes = packet->length;
	event->saddr = packet->path.source;
	event->daddr = packet->path.destination;
	sp_event_end(event, 0, &work->end[sender]);
	sp_event_end(event, 1, &work->end[!sender]);
	event->rule = work->rule;
	event->ifindex = work->ifindex;
	event->sport_be = packet->path.source_port_be;
	event->dport_be = packet->path.icmp ? 0 : packet->path.destination_port_be;
	event->kind = work->verdict == SP_DENY ? SP_EVENT_DENY : SP_EVENT_ALLOW;
	event->hook = SP_THIS_HOOK;
	event->verdict = work->verdict;
	event->reason = work->reason;
	event->proto = packet->path.proto;
	event->icmp_type = packet->path.icmp_type;
	event->icmp_code = packet->icmp_code;
	event->tcp_flags = packet->tcp_flags;
	event->is_ip = packet->is_ip;
	event->would = work->would;
	__builtin_memset(event->zero, 0, sizeof(event->zero));
	event->audit_rule = work->audit_rule;
	event->spare_end = 0;
	event->spare = 0;
	sp_event_submit(event);
	return 0;
}

SP_INLINE void sp_account(struct sp_work *work)
{
	sp_account_counters(work);
	if (SP_THIS_HOOK == SP_HOOK_VPN_IN && work->verdict == SP_ALLOW)
		sp_session_touch(work);
	if (sp_account_is_recorded(work))
		sp_account_record(work);
	if (sp_test) {
		struct sp_test_answer answer = {
			.verdict = work->verdict,
			.reason = work->reason,
			.rule = work->rule,
			.would = work->would,
			.audit_rule = work->audit_rule,
		};

		bpf_map_update_elem(&sp_test_answer, &(__u32){ 0 }, &answer, BPF_ANY);
	}
}

#endif
