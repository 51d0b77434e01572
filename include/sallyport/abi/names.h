/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The closed lists of the product: hooks, zones, verdicts, reasons, record kinds.
 * One X-macro each, read by BPF programs, user space, the command line and the manual.
 * A number, once published, keeps its meaning: append only. */
#ifndef SALLYPORT_ABI_NAMES_H
#define SALLYPORT_ABI_NAMES_H

/* X(identifier, "name", "meaning") */
#define SP_HOOKS(X)                                                                                \
	X(EDGE_IN, "edge-in", "XDP on the outer interface, arriving")                              \
	X(EDGE_OUT, "edge-out", "tcx on the outer interface, leaving: judges and records")         \
	X(VPN_IN, "vpn-in", "tcx on the tunnel, decrypted packets of people")                      \
	X(VPN_OUT, "vpn-out", "tcx on the tunnel, towards people")                                 \
	X(INSIDE_IN, "inside-in", "tcx on an inner interface, arriving")                           \
	X(INSIDE_OUT, "inside-out", "tcx on an inner interface, leaving: judges and records")      \
	X(EDGE_TC, "edge-tc", "tcx on the outer interface, arriving: what edge-in did not judge")  \
	X(LOCK, "lock", "the second lock in nftables: what no hook judged")

/* Hooks a packet can be judged at are below this; edge-tc judges as edge-in. */
#define SP_HOOK_JUDGE_COUNT (SP_HOOK_INSIDE_OUT + 1)
/* Hooks that are a program on an interface are below this. */
#define SP_HOOK_PROGRAM_COUNT (SP_HOOK_EDGE_TC + 1)

#define SP_ZONES(X)                                                                                \
	X(EDGE, "edge", "outer interfaces")                                                        \
	X(INSIDE, "inside", "inner interfaces")                                                    \
	X(TUNNEL, "tunnel", "the VPN interface")

#define SP_VERDICTS(X)                                                                             \
	X(DENY, "deny", "dropped")                                                                 \
	X(ALLOW, "allow", "passed")

#define SP_REASONS(X)                                                                              \
	X(POLICY, "policy", "a rule of the policy decided")                                        \
	X(DEFAULT, "default", "no rule matched")                                                   \
	X(PROTECT, "protect", "a protect entry, or the always-passed table, let it through")       \
	X(EXPOSE, "expose", "an expose entry let it through")                                      \
	X(REPLY, "reply", "reply of a tracked flow")                                               \
	X(RELATED, "related", "ICMP error about a tracked flow")                                   \
	X(MALFORMED, "malformed", "headers contradict themselves or a standard")                   \
	X(TRUNCATED, "truncated", "fewer bytes than the headers promise")                          \
	X(ETHERTYPE, "ethertype", "not IP: ARP passes, everything else does not")                  \
	X(FRAGMENT, "fragment", "tiny first, overlapping or orphaned fragment")                    \
	X(BOGON, "bogon", "source in a special range, on the edge")                                \
	X(BLOCKLIST, "blocklist", "source banned, or in an edge drop list")                        \
	X(SPOOFED, "spoofed", "a pool, inside or own address on the wrong interface")              \
	X(NO_IDENTITY, "no-identity", "tunnel address without a session")                          \
	X(EXPIRED, "expired", "this tunnel address's session is past its time, or was silent")     \
	X(DEADLINE, "deadline", "the verdict's last instant has passed")                           \
	X(NO_FLOW, "no-flow", "belongs to no tracked flow and cannot start one")                   \
	X(FLOW_LIMIT, "flow-limit", "the session or the source has its share of flows")            \
	X(FLOW_FULL, "flow-full", "this part of the flow table is full")                           \
	X(LIMIT, "limit", "a rate limit")                                                          \
	X(TABLE_FULL, "table-full", "a table lacks the row it needs")                              \
	X(RACING, "racing", "the session changed while it was read")                               \
	X(UNJUDGED, "unjudged", "no hook judged it: dropped by the second lock")                   \
	X(REVOKED, "revoked", "the session of this tunnel address was closed before its time")

#define SP_EVENTS(X)                                                                               \
	X(DENY, "deny", "a packet was denied")                                                     \
	X(ALLOW, "allow", "a flow was allowed, or a packet of a rule with log: all")               \
	X(FLOW_END, "flow-end", "a tracked flow ended")

enum sp_hook {
	SP_HOOK_NONE = 0,
#define X(id, name, text) SP_HOOK_##id,
	SP_HOOKS(X)
#undef X
		SP_HOOK_COUNT
};

/* SP_ZONE_COUNT zones index class arrays; homes add two values that are no zone. */
enum sp_zone {
#define X(id, name, text) SP_ZONE_##id,
	SP_ZONES(X)
#undef X
		SP_ZONE_COUNT,
	SP_HOME_SELF = SP_ZONE_COUNT, /* an address of the gateway: never a source on the wire */
	SP_HOME_UNKNOWN,              /* no route says where this source lives */
};

enum sp_verdict_action {
#define X(id, name, text) SP_##id,
	SP_VERDICTS(X)
#undef X
		SP_VERDICT_COUNT
};

enum sp_reason {
	SP_REASON_NONE = 0,
#define X(id, name, text) SP_REASON_##id,
	SP_REASONS(X)
#undef X
		SP_REASON_COUNT
};

enum sp_event_kind {
	SP_EVENT_NONE = 0,
#define X(id, name, text) SP_EVENT_##id,
	SP_EVENTS(X)
#undef X
		SP_EVENT_COUNT
};

#endif
