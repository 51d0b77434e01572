/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Keys and values of the decision tables and of the shared state (docs/judgement.md says how
 * they are read). The same bytes stand in BPF maps, in .sptab files and in the DPDK plane.
 * Addresses are 16 bytes in network order, IPv4 as ::ffff:a.b.c.d: one path for both families.
 * Times are CLOCK_BOOTTIME nanoseconds; 0 means never. Ports are in network order. */
#ifndef SALLYPORT_ABI_TABLES_H
#define SALLYPORT_ABI_TABLES_H

#include <linux/types.h>

#define SP_RULE_DEFAULT 0u       /* the rule named `default` */
#define SP_RULE_NONE 0xffffffffu /* no rule decided */
#define SP_RULE_MAX 16384u       /* rule numbers are below this; counters are sized by it */
#define SP_SESSION_NONE 0xffffffffu
#define SP_SESSION_FLOWS_MAX 4096u
#define SP_PARKED_FLOWS_MAX (SP_SESSION_FLOWS_MAX / 4) /* of a parked session, counted apart */
/* Of the flow table: what a host and its network on the edge and inside may have; each part of it
 * (enum sp_flow_part) has an eighth for itself alone, and half at most. */
#define SP_FLOW_HOST_32NDS 1u
#define SP_FLOW_NETWORK_32NDS 6u
#define SP_FLOW_PART_KEPT 8u
#define SP_FLOW_PART_MOST 2u
#define SP_PORT_DNS 53u

/* Marks of what a program allowed on its way in; the nft table `inet sallyport` drops what has
 * neither. SP_MARK_REPLY: only as the answer to, or the ICMP error about, a flow that went through
 * the gateway. So it has to go on through it, and the hook where it leaves has to know its flow.
 * Everything else allowed is judged: the mark says by an even or an odd revision, whose translations
 * it then gets, or by none (SP_MARK_JUDGED alone). SP_MARK_OWN marks refusals built in place, on
 * their way back out. */
#define SP_MARK_MASK 0xff000000u
#define SP_MARK_REPLY 0x51000000u
#define SP_MARK_JUDGED 0x53000000u
#define SP_MARK_JUDGED_ODD 0x57000000u
#define SP_MARK_JUDGED_EVEN 0x5b000000u
#define SP_MARK_JUDGED_BY(revision) ((revision) & 1 ? SP_MARK_JUDGED_ODD : SP_MARK_JUDGED_EVEN)
/* under it, the three marks of what was judged are SP_MARK_JUDGED */
#define SP_MARK_JUDGED_MASK 0xf3000000u
#define SP_MARK_IS_JUDGED(mark) (((mark) & SP_MARK_JUDGED_MASK) == SP_MARK_JUDGED)
#define SP_MARK_OWN 0x54000000u
/* under it, all marks of what was allowed are SP_MARK_REPLY */
#define SP_MARK_PASSED_MASK 0xf1000000u
#define SP_MARK_IS_PASSED(mark) (((mark) & SP_MARK_PASSED_MASK) == SP_MARK_REPLY)

struct sp_addr {
	union {
		__u8 b[16];
		__be32 w_be[4];
		__u64 q[2];
	};
};

/* Key of the longest-prefix tables; prefix_len 0..128, IPv4 lengths plus 96. */
struct sp_prefix {
	__u32 prefix_len;
	__u8 addr[16];
};

#define SP_SRC_PROTECT 0x01 /* some protect entry has this source: judge it before flows */

/* src[source]: what a source is when no session speaks for it. */
struct sp_src {
	/* by enum sp_zone of the interface it arrived on; tunnel: protect entries only */
	__u32 class_id[3];
	__u8 home;        /* enum sp_zone, SP_HOME_SELF or SP_HOME_UNKNOWN */
	__u8 drop_reason; /* SP_REASON_NONE, _BOGON or _BLOCKLIST: edge-in only */
	__u8 flags;       /* SP_SRC_… */
	__u8 zero;
	__u32 ifindex; /* the one interface it may come by; 0: any of its home */
};

#define SP_DST_POOL 0x01     /* a tunnel address: the receiver's session has the network set */
#define SP_DST_SELF 0x02     /* an address of the gateway */
#define SP_DST_RESOLVER 0x04 /* parked people may ask it for names */
#define SP_DST_FORWARD 0x08  /* some of its ports are in fwd[] */

/* dst[destination] */
struct sp_dst {
	__u32 netset;
	__u32 flags; /* SP_DST_… */
};

/* fwd[destination, protocol, port]: a packet for it is judged as one for the target of a forward. */
struct sp_fwd_key {
	struct sp_addr to;
	__be16 port_be;
	__u8 proto; /* TCP or UDP */
	__u8 zero[5];
};

struct sp_fwd {
	__u32 netset;   /* of the target, with the rules about this forward */
	__be16 port_be; /* of the target */
	__u8 zero[2];
};

/* svc[]: service set by direct index (sp_svc_index in bpf/lib, docs/judgement.md). */
#define SP_SVC_TCP 0u
#define SP_SVC_UDP 65536u
#define SP_SVC_SCTP 131072u
#define SP_SVC_ICMP 196608u  /* + type */
#define SP_SVC_ICMP6 196864u /* + type */
#define SP_SVC_PROTO 197120u /* + IP protocol number */
#define SP_SVC_SLOTS 197376u
#define SP_SVC_PER_ELEM 4u /* an ARRAY rounds values to 8 bytes: four slots an element */

struct sp_svc_elem {
	__u16 svcset[SP_SVC_PER_ELEM];
};

struct sp_pair_key {
	__u32 class_id;
	__u32 netset;
};

/* pair[class, network set] -> __u32 profile; absent: profile 0, which denies by default. */

enum sp_log {
	SP_LOG_NONE,
	SP_LOG_NEW,     /* a record for each new flow (an allow) */
	SP_LOG_ALL,     /* a record for each packet */
	SP_LOG_COUNTED, /* of a flow only: its allow was counted without a record, so is its end */
};

/* How people and inner networks are told that a packet was denied. */
enum sp_refusing {
	SP_REFUSE_NOBODY,
	SP_REFUSE_BY_RESET, /* connections; all else by ICMP */
	SP_REFUSE_BY_ICMP,
};

/* What a rule with `mode: audit` would have said of a packet. */
enum sp_would {
	SP_WOULD_NOTHING, /* no such rule matches */
	SP_WOULD_DENY,
	SP_WOULD_ALLOW,
};
#define SP_WOULD_MASK 0x03u
#define SP_WOULD_LOGGED 0x80u /* of a verdict: that gets a record if it would be another answer */

/* verdict[profile * svcset_count + svcset] */
struct sp_verdict {
	__u8 action; /* SP_DENY, SP_ALLOW */
	__u8 reason; /* POLICY, DEFAULT, PROTECT or EXPOSE */
	__u8 log;    /* enum sp_log */
	__u8 would;  /* enum sp_would, and SP_WOULD_LOGGED */
	__u32 rule;
	__u32 audit_rule; /* that would say so; SP_RULE_NONE: none */
	__u32 limit;      /* of an allow: its number in limit[]; 0: none */
	__u64 not_after_ns;
};

enum sp_limit_unit {
	SP_LIMIT_PACKETS,
	SP_LIMIT_BYTES,
	SP_LIMIT_CONNECTIONS, /* packets that open a flow */
};

enum sp_limit_key {
	SP_LIMIT_BY_SESSION, /* of the originator; who has none counts by source */
	SP_LIMIT_BY_SOURCE,
	SP_LIMIT_BY_RULE, /* one for all */
};

/* limit[number]: the terms of a limit ([9] of docs/judgement.md); number 0 is none. Times are 64ths
 * of a nanosecond. */
struct sp_limit_terms {
	__u64 period; /* in which there are `rate` units: a fraction in its lowest terms */
	__u64 rate;   /* 0: lets nothing pass */
	__u64 burst;  /* the time in which a whole burst comes back */
	__u64 id;     /* of its name and terms: the sources of two limits hash apart */
	__u32 slot; /* by session: which of a session's buckets, for the plane to choose; by rule: its number */
	__u8 unit;        /* enum sp_limit_unit */
	__u8 key;         /* enum sp_limit_key */
	__u8 source_bits; /* of an IPv4 source, of an IPv6 one 32 more; 0: a host */
	__u8 zero;
};

#define SP_LIMIT_SESSION_SLOTS 8u /* limits by session that one policy may have */

/* ident[tunnel address]. The value repeats its key: a hash element may be recycled under a
 * reader, and a value whose address differs from the key asked for is no answer. */
struct sp_ident {
	struct sp_addr addr;
	__u64 epoch;
	__u32 session;
	__u32 zero;
};

/* session[number], in an array user space maps: ending a session is one store of epoch = 0. */
struct sp_session {
	__u64 epoch;          /* 0: ended. Never reused. */
	__u64 expires_ns;     /* first instant it is dead; 0: never */
	__u64 idle_ns;        /* longest silence; 0: any */
	__u64 last_seen_ns;   /* written by vpn-in, at most once a second */
	__u32 class_id[2][2]; /* [revision & 1][0: IPv4, 1: IPv6] */
	__u32 netset[2][2];
	__u32 flows;        /* tracked flows it originated, but for */
	__u32 parked_flows; /* those of reason `expired`: of its time as a parked one */
	/* The same number in every session of one person, of their first session; 0: a machine's. */
	__u64 person;
	__u32 own_netset[2][2]; /* as netset, for packets from another device of the person */
};

/* Key of a flow, the same for both directions: `lo` is the end whose (address, port) compares
 * smaller as bytes. ICMP queries have the identifier as both ports and `side` saying who asks. */
struct sp_flow_key {
	struct sp_addr lo, hi;
	__be16 lo_port_be, hi_port_be;
	__u8 proto;
	__u8 side; /* 0, or for ICMP queries 1: lo asks, 2: hi asks */
	__u8 zero[2];
};

#define SP_FLOW_HI_ORIGIN 0x01u /* the originator is `hi` */
#define SP_FLOW_ANSWERED 0x02u  /* a packet of the reply direction was allowed */
#define SP_FLOW_CLOSING 0x04u   /* FIN or RST seen */
#define SP_FLOW_OWN 0x08u       /* sent by the gateway itself: never judged by rules */
/* claimed: whoever set it deletes the entry and settles its counts */
#define SP_FLOW_GONE 0x10u
#define SP_FLOW_RENEWING 0x20u /* claimed: whoever set it writes the renewed value */
#define SP_FLOW_DENIED 0x40u   /* ended: reason and rule say why, to whatever packet finds it */
/* a translated path of what another flow lets through: that one is judged */
#define SP_FLOW_FORWARDED 0x80u
/* no rule speaks for it, nor a session's share */
#define SP_FLOW_UNRULED (SP_FLOW_OWN | SP_FLOW_FORWARDED)

/* The epoch recorded for a tunnel end that had no live session when the flow was recorded (the
 * gateway spoke to it, or a protect entry let it in): equals no session's, so the flow is never
 * fresh. */
#define SP_EPOCH_NOBODY 0xffffffffffffffffull

/* The value repeats what its key hashes to: an element may be recycled under a reader, and one
 * whose key_sum, read last, is not that of the key asked for is no answer. */
struct sp_flow {
	__u64 key_sum;
	__u64 revision;
	__u64 epoch[2]; /* of the originator's and the responder's session; 0: has none */
	__u64 deadline_ns;
	__u64 created_ns;
	__u64 last_seen_ns;
	/* original direction, reply direction; counted on hooks of the zone that */
	__u64 packets[2];
	__u64 bytes[2];   /* opened it (vpn-in and vpn-out, …), so once on its way through */
	__u32 session[2]; /* SP_SESSION_NONE: has none */
	__u32 rule;
	__u32 flags;    /* SP_FLOW_… */
	__u8 zone;      /* enum sp_zone its originator is judged as */
	__u8 reason;    /* of the verdict that opened it, or ended it */
	__u8 log;       /* enum sp_log of that verdict */
	__u8 hook;      /* enum sp_hook that opened it */
	__u8 icmp_type; /* of the query */
	__u8 would;     /* of that verdict: enum sp_would */
	__u8 zero[2];
	__u64 spare[3];   /* zero */
	__u32 limit;      /* of that verdict, in the tables of `revision`; 0: none */
	__u32 audit_rule; /* that would say so */
};

/* What the mover is given: a flow of an older build's table. */
struct sp_moved_flow {
	struct sp_flow_key key;
	struct sp_flow flow;
};

/* The parts of the flow table, by where a flow was opened. X(identifier, "name") */
#define SP_FLOW_PARTS(X)                                                                           \
	X(EDGE, "edge")       /* edge-in */                                                        \
	X(TUNNEL, "tunnel")   /* vpn-in */                                                         \
	X(INSIDE, "inside")   /* inside-in */                                                      \
	X(LEAVING, "leaving") /* a hook where it leaves: a path that NAT made */                   \
	X(OWN, "own")         /* by the gateway itself */

enum sp_flow_part {
#define X(id, name) SP_FLOW_PART_##id,
	SP_FLOW_PARTS(X)
#undef X
		SP_FLOW_PART_COUNT
};

#define SP_FLOW_PART_SLOTS 15u

/* flow_use[0]: how many flows each part has, denied ones included. */
struct sp_flow_use {
	__u64 flows[SP_FLOW_PART_SLOTS]; /* by enum sp_flow_part */
	__u64 seed; /* of where a source counts its flows: drawn once; 0: not yet */
};

#define SP_BANS_MAX 65536u

/* ban[source]: who is dropped on the edge by the operator's own word. Of nested prefixes the longest
 * is asked alone: so it holds for as long as any around it. */
struct sp_ban {
	__u64 until_ns;
};

/* ban_use[0]: 0: there is no ban, and nobody is asked for. */
struct sp_ban_use {
	__u64 is_used;
};

#define SP_FRAG_SPANS 8

struct sp_frag_key {
	struct sp_addr saddr, daddr;
	__u32 id;   /* IPv4: 16 bits */
	__u8 proto; /* IPv6: 0, its fragments need not agree on it */
	__u8 hook;
	__u8 zero[2];
};

/* A datagram whose first fragment was allowed. Spans are [from, to) in bytes, merged; a ninth
 * disjoint span, or any overlap, poisons the datagram. */
struct sp_frag {
	__u64 key_sum; /* as in sp_flow */
	__u64 first_ns;
	__u64 revision;
	__u64 epoch[2];
	__u32 session[2];
	__u32 rule;
	__u8 reason;
	__u8 poisoned;
	__u8 span_count;
	__u8 log;
	__u32 lock;        /* taken by compare-and-swap around the spans */
	__u32 is_own_flow; /* its first fragment was of a flow the gateway itself opened */
	struct {
		__u32 from, to;
	} span[SP_FRAG_SPANS];
	/* that later fragments are asked of, in the tables of `revision`; 0: none */
	__u32 limit;
	__u8 is_reply; /* it goes by the receiver: that is the originator of the flow */
	__u8 is_edge;  /* the flow was opened from the edge */
	__u8 would;    /* enum sp_would */
	__u8 zero;
	__u32 audit_rule; /* that would say so */
	__u32 spare;      /* zero */
};

struct sp_counter {
	__u64 packets;
	__u64 bytes;
};

/* Room for hooks and reasons in pinned maps: one more of either changes no shape. A structure of
 * the pinned state has spare bytes, zero, for another field; beyond them it grows at its end, never
 * otherwise (docs/adr/0013-room-in-pinned-maps.md). */
#define SP_HOOK_SLOTS 16u
#define SP_REASON_SLOTS 64u

/* counter[]: index of a (hook, verdict, reason). */
#define SP_COUNTER_INDEX(hook, verdict, reason)                                                    \
	(((hook) * SP_VERDICT_COUNT + (verdict)) * SP_REASON_SLOTS + (reason))
#define SP_COUNTER_SLOTS (SP_HOOK_SLOTS * SP_VERDICT_COUNT * SP_REASON_SLOTS)

/* Ring-buffer record: one a denied packet, one a new allowed flow, one an ended flow. A field to
 * come takes spare bytes, or stands at the end: the ring knows how long each record is, and the
 * reader takes shorter ones of a former build, the rest zero, and of longer ones what it knows. */
struct sp_event {
	__u64 time_ns;
	__u64 revision;
	__u64 epoch[2]; /* as in sp_flow: sender's and receiver's session */
	__u64 packets;  /* flow-end: both directions; else 1 */
	__u64 bytes;
	struct sp_addr saddr, daddr;
	__u32 session[2];
	__u32 rule;
	__u32 ifindex;
	__be16 sport_be, dport_be; /* ICMP: identifier, 0 */
	__u8 kind;                 /* enum sp_event_kind */
	__u8 hook;
	__u8 verdict;
	__u8 reason;
	__u8 proto;
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 tcp_flags;
	__u8 is_ip; /* 0: not IP or not parsed: addresses are zero */
	__u8 would; /* enum sp_would */
	__u8 zero[2];
	__u32 audit_rule; /* that would say so */
	__u32 spare_end;  /* zero */
	__u64 spare;      /* zero */
};

#define SP_EVENT_LEAST 112u /* bytes of the shortest record that a build made */

/* event_stats[]: one per-CPU element. attempted = submitted + lost; what is beyond the sampling
 * rates below is counted in `sampled` and is not attempted. */
struct sp_event_stats {
	__u64 attempted;
	__u64 lost;
	__u64 sampled;
	__u64 zero;
};

/* ---- sampling: how many records a second; the others are counted ---- */

enum sp_tally_kind {
	SP_TALLY_DENY,   /* denied packets */
	SP_TALLY_OPEN,   /* new flows */
	SP_TALLY_PACKET, /* further packets of rules with log: all */
	SP_TALLY_END,    /* flows that ended */
	SP_TALLY_KIND_COUNT
};

/* X(kind, of one session or source address, of all addresses, of all sessions); the latter two at
 * one hook for one reason on one CPU. An address is soon made up, a session is not: all devices of
 * a person together do not take what others have. */
#define SP_TALLY_RATES(X)                                                                          \
	X(DENY, 10, 100, 1000)                                                                     \
	X(OPEN, 50, 500, 5000)                                                                     \
	X(PACKET, 200, 1000, 10000)                                                                \
	X(END, 1000, 5000, 20000)

/* Whose records they are. Every byte counts. */
struct sp_tally_key {
	/* zero when a session speaks for it; of strangers with IPv6 their /64 */
	struct sp_addr source;
	__u64 epoch;   /* of that session, 0: none */
	__u32 session; /* SP_SESSION_NONE: none */
	__u8 hook;     /* enum sp_hook */
	__u8 kind;     /* enum sp_tally_kind */
	__u8 reason;   /* enum sp_reason */
	__u8 zero;
};

/* tally[]: what one session or source address did within a second, and what of it got no record
 * since the key took the slot. A slot is given to another key when its second is over and user
 * space has told of everything in it, never before. `told…` are user space's to write, the rest the
 * kernel's, under `lock`. */
struct sp_tally {
	struct sp_tally_key key;
	__u32 lock;
	__u32 taken; /* records in the second that began at window_ns */
	__u64 window_ns;
	__u64 events; /* without a record: flows of `OPEN` and `END`, else packets */
	__u64 packets;
	__u64 bytes;
	__u64 told_packets;
	__u64 told_bytes;
	__u64 told; /* events; written last */
};

/* Each region has buckets of SP_TALLY_WAYS slots, found by the key and a number drawn at load. */
enum sp_tally_region {
	SP_TALLY_SESSIONS,
	SP_TALLY_ADDRESSES,
	SP_TALLY_STRANGERS, /* edge-in */
	SP_TALLY_REGION_COUNT
};
#define SP_TALLY_WAYS 4u
#define SP_TALLY_BUCKETS 1024u
#define SP_TALLY_SLOTS (SP_TALLY_REGION_COUNT * SP_TALLY_BUCKETS * SP_TALLY_WAYS)

/* sample[]: by hook, kind and reason; per CPU. */
struct sp_sample {
	__u64 window_ns;
	/* records in the second that began at window_ns: of addresses, of sessions */
	__u32 taken[2];
	__u64 events; /* without a record, in no slot of tally[] */
	__u64 packets;
	__u64 bytes;
};
#define SP_SAMPLE_INDEX(hook, kind, reason)                                                        \
	(((hook) * SP_TALLY_KIND_COUNT + (kind)) * SP_REASON_SLOTS + (reason))
#define SP_SAMPLE_SLOTS (SP_HOOK_SLOTS * SP_TALLY_KIND_COUNT * SP_REASON_SLOTS)

#ifdef __cplusplus
#define SP_ABI_ASSERT static_assert
#else
#define SP_ABI_ASSERT _Static_assert
#endif
SP_ABI_ASSERT(sizeof(struct sp_addr) == 16, "abi");
SP_ABI_ASSERT(SP_MARK_IS_JUDGED(SP_MARK_JUDGED_ODD) && SP_MARK_IS_JUDGED(SP_MARK_JUDGED_EVEN) &&
		      !SP_MARK_IS_JUDGED(SP_MARK_REPLY) && !SP_MARK_IS_JUDGED(SP_MARK_OWN),
	      "who judged");
SP_ABI_ASSERT(SP_MARK_IS_PASSED(SP_MARK_JUDGED_ODD) && SP_MARK_IS_PASSED(SP_MARK_JUDGED_EVEN) &&
		      SP_MARK_IS_PASSED(SP_MARK_JUDGED) && !SP_MARK_IS_PASSED(SP_MARK_OWN),
	      "what passed");
SP_ABI_ASSERT(sizeof(struct sp_prefix) == 20, "abi");
SP_ABI_ASSERT(sizeof(struct sp_src) == 20, "abi");
SP_ABI_ASSERT(sizeof(struct sp_dst) == 8, "abi");
SP_ABI_ASSERT(sizeof(struct sp_fwd_key) == 24, "abi");
SP_ABI_ASSERT(sizeof(struct sp_fwd) == 8, "abi");
SP_ABI_ASSERT(sizeof(struct sp_verdict) == 24, "abi");
SP_ABI_ASSERT(sizeof(struct sp_limit_terms) == 40, "abi");
SP_ABI_ASSERT(sizeof(struct sp_ident) == 32, "abi");
SP_ABI_ASSERT(sizeof(struct sp_session) == 96, "abi");
SP_ABI_ASSERT(sizeof(struct sp_flow_key) == 40, "abi");
SP_ABI_ASSERT(sizeof(struct sp_flow) == 144, "abi");
SP_ABI_ASSERT(sizeof(struct sp_flow_use) == 128, "abi");
SP_ABI_ASSERT(SP_FLOW_PART_COUNT <= SP_FLOW_PART_SLOTS, "abi");
SP_ABI_ASSERT(sizeof(struct sp_ban) == 8, "abi");
SP_ABI_ASSERT(sizeof(struct sp_ban_use) == 8, "abi");
SP_ABI_ASSERT(sizeof(struct sp_frag_key) == 40, "abi");
SP_ABI_ASSERT(sizeof(struct sp_frag) == 144, "abi");
SP_ABI_ASSERT(sizeof(struct sp_event) == 128, "abi");
SP_ABI_ASSERT(sizeof(struct sp_tally_key) == 32, "abi");
SP_ABI_ASSERT(sizeof(struct sp_tally) == 96, "abi");
SP_ABI_ASSERT(sizeof(struct sp_sample) == 40, "abi");

#endif
