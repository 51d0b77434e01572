/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The answer is written down: counters, rule counters, records, and the answer of a test run. */
#ifndef SALLYPORT_BPF_ACCOUNT_H
#define SALLYPORT_BPF_ACCOUNT_H

#include "lib/event.h"
#include "lib/session.h"

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
	index = work->rule;
	if (index == SP_RULE_NONE)
		return;
	/* On its way out a packet of a flow was counted where it came in. */
	if (sp_hook_is_ingress(SP_THIS_HOOK) || work->is_new || work->verdict == SP_DENY)
		sp_count(bpf_map_lookup_elem(&sp_rule_counter, &index), work->packet.length);
}

/* One of the first hundred denials of this reason in this second, on this CPU? */
SP_INLINE int sp_account_samples(const struct sp_work *work)
{
	struct sp_event_stats *stats;
	struct sp_sample *sample;
	__u32 reason = work->reason;

	sample = bpf_map_lookup_elem(&sp_sample, &reason);
	if (!sample)
		return 0;
	if (work->now_ns - sample->window_ns >= SP_SESSION_TOUCH_NS) {
		sample->window_ns = work->now_ns;
		sample->taken = 0;
	}
	if (sample->taken < SP_EDGE_SAMPLES_PER_S) {
		sample->taken++;
		return 1;
	}
	stats = bpf_map_lookup_elem(&sp_event_stats, &(__u32){ 0 });
	if (stats)
		stats->sampled++;
	return 0;
}

SP_INLINE int sp_account_is_recorded(const struct sp_work *work)
{
	if (work->verdict == SP_DENY)
		return SP_THIS_HOOK != SP_HOOK_EDGE_IN || sp_account_samples(work);
	if (work->log == SP_LOG_ALL && (work->is_new || work->is_counted))
		return 1;
	return work->log == SP_LOG_NEW && work->is_new;
}

/* Who it was on the tunnel, where no step had to ask: a denial shall say whose it was. */
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

	if (packet->is_ip && work->verdict == SP_DENY)
		sp_account_who(work);
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
	__builtin_memset(event->zero, 0, sizeof(event->zero));
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
		};

		bpf_map_update_elem(&sp_test_answer, &(__u32){ 0 }, &answer, BPF_ANY);
	}
}

#endif
