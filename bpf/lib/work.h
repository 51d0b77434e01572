/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a program knows of the packet that it judges, in per-CPU scratch memory, and the answer that
 * it forms. A program defines SP_THIS_HOOK (an enum sp_hook) before any include. */
#ifndef SALLYPORT_BPF_WORK_H
#define SALLYPORT_BPF_WORK_H

#include "lib/parse.h"
#include "maps.h"

enum sp_end_state {
	SP_END_OUTSIDE, /* no tunnel address: nobody's session speaks for it */
	SP_END_LIVE,
	SP_END_UNKNOWN, /* a tunnel address without identity */
	SP_END_DEAD,    /* its session ended or was replaced */
	SP_END_PARKED,  /* its session has expired or was silent for too long */
	SP_END_RACING,  /* changed while it was read */
};

/* One end of a path, and its session. */
struct sp_end {
	__u64 epoch; /* of its identity, whether the session is live or not */
	__u64 expires_ns;
	__u64 person;  /* 0: a machine */
	__u32 session; /* SP_SESSION_NONE: no identity */
	__u32 class_id;
	__u32 netset;
	__u32 own_netset;
	__u8 state; /* enum sp_end_state */
	__u8 zero[7];
};

enum sp_found {
	SP_FOUND_NOTHING, /* the key has no entry */
	SP_FOUND_FLOW,
	SP_FOUND_OBSOLETE, /* an entry that is no flow for this packet; a new flow replaces it */
};

struct sp_work {
	struct sp_parsed packet;

	/* The case being judged: the packet's own path, or the original one of a flow. */
	struct sp_path path;
	struct sp_end end[2]; /* of source and destination */
	struct sp_src src;
	struct sp_dst dst;
	__u8 case_hook;   /* enum sp_hook it is judged as */
	__u8 case_zone;   /* enum sp_zone of its source */
	__u8 has_dst;     /* dst is that of path */
	__u8 packet_zone; /* enum sp_zone of the packet's own source */

	/* The flow of the packet, or of the packet it quotes. */
	__u8 found;    /* enum sp_found */
	__u8 is_reply; /* the packet goes the other way than `path` and `end` do */
	__u8 is_low;   /* the source of the path looked up is `lo` of the key */

	/* The answer. */
	__u8 verdict;     /* enum sp_verdict_action */
	__u8 reason;      /* enum sp_reason */
	__u8 log;         /* enum sp_log */
	__u8 is_new;      /* decided by rules now, not by a flow */
	__u8 is_counted;  /* this hook is where packets of this flow are counted */
	__u8 is_own_flow; /* the flow that answered was opened by the gateway itself */
	/* allowed only for programs that listen to the interface itself: neither delivered nor
	 * forwarded */
	__u8 is_for_taps;
	__u8 would; /* enum sp_would: what a rule in audit would have answered */
	__u32 rule;
	__u32 audit_rule; /* that would say so */
	__u32 limit;      /* of an allow: what it is still to be asked of; 0: none */
	__u32 ifindex;
	__u64 deadline_ns;

	__u64 now_ns;
	struct sp_flow_key key;
	struct sp_flow flow;  /* a copy of what was found */
	struct sp_flow draft; /* what is about to be written */
	struct sp_frag_key frag_key;
	struct sp_frag frag;
	__u8 quote_bytes[128]; /* of a refusal */
	/* indices, forgotten by the verifier between uses */
	volatile __u32 span_before, span_behind;
};
_Static_assert(sizeof(struct sp_work) <= SP_SCRATCH_BYTES, "sp_work outgrew its scratch memory");

SP_INLINE __u64 sp_now(void)
{
	if (sp_test) {
		struct sp_test_input *input = bpf_map_lookup_elem(&sp_test_input, &(__u32){ 0 });

		if (input && input->now_ns)
			return input->now_ns;
	}
	return bpf_ktime_get_boot_ns();
}

/* Is @instant_ns past? An instant is the first moment that is too late; 0 is never. */
SP_INLINE int sp_is_past(__u64 instant_ns, __u64 now_ns)
{
	return instant_ns && now_ns >= instant_ns;
}

/* Is it longer than @span_ns since @since_ns? A start in the future counts as now. */
SP_INLINE int sp_is_over(__u64 since_ns, __u64 span_ns, __u64 now_ns)
{
	return now_ns > since_ns && now_ns - since_ns > span_ns;
}

SP_INLINE __u64 sp_earlier(__u64 a_ns, __u64 b_ns)
{
	if (!a_ns || !b_ns)
		return a_ns | b_ns;
	return a_ns < b_ns ? a_ns : b_ns;
}

SP_INLINE __u32 sp_hook_zone(__u32 hook)
{
	switch (hook) {
	case SP_HOOK_VPN_IN:
	case SP_HOOK_VPN_OUT:
		return SP_ZONE_TUNNEL;
	case SP_HOOK_INSIDE_IN:
	case SP_HOOK_INSIDE_OUT:
		return SP_ZONE_INSIDE;
	}
	return SP_ZONE_EDGE;
}

SP_INLINE int sp_hook_is_ingress(__u32 hook)
{
	return hook == SP_HOOK_EDGE_IN || hook == SP_HOOK_VPN_IN || hook == SP_HOOK_INSIDE_IN;
}

SP_INLINE void sp_answer(struct sp_work *work, __u32 verdict, __u32 reason, __u32 rule)
{
	work->verdict = verdict;
	work->reason = reason;
	work->rule = rule;
	work->limit = 0;
	work->would = SP_WOULD_NOTHING;
	work->audit_rule = SP_RULE_NONE;
}

/* Did a rule answer, or the default? What they deny has a record if they say so; all else that is
 * denied has one. */
SP_INLINE int sp_answer_is_of_rules(const struct sp_work *work)
{
	return work->reason == SP_REASON_POLICY || work->reason == SP_REASON_DEFAULT;
}

SP_INLINE void sp_deny(struct sp_work *work, __u32 reason)
{
	sp_answer(work, SP_DENY, reason, SP_RULE_NONE);
}

SP_INLINE void sp_allow(struct sp_work *work, __u32 reason, __u32 rule)
{
	sp_answer(work, SP_ALLOW, reason, rule);
}

/* Prepare the scratch memory: reset every field that a step may read before another step wrote it.
 * NULL cannot happen. */
SP_INLINE struct sp_work *sp_work_begin(__u32 ifindex)
{
	struct sp_work *work = bpf_map_lookup_elem(&sp_scratch, &(__u32){ 0 });

	if (!work)
		return NULL;
	work->now_ns = sp_now();
	work->ifindex = ifindex;
	work->deadline_ns = 0;
	work->end[0].state = SP_END_OUTSIDE;
	work->end[0].epoch = 0;
	work->end[0].session = SP_SESSION_NONE;
	work->end[1] = work->end[0];
	work->log = SP_LOG_NONE;
	work->has_dst = 0;
	work->found = SP_FOUND_NOTHING;
	work->is_reply = 0;
	work->is_new = 0;
	work->is_counted = 0;
	work->is_own_flow = 0;
	work->is_for_taps = 0;
	sp_deny(work, SP_REASON_MALFORMED);
	return work;
}

#endif
