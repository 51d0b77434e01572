/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every map and every load-time setting of the programs.
 *
 * Tables: made anew, exactly sized and filled by user space for each revision, then handed to each
 * object (bpf_map__reuse_fd); programs only read them.
 * State: made once, pinned under <bpffs>/sallyport/v1/, shared by all revisions.
 * Private: libbpf makes one for each loaded object; neither filled, shared nor pinned. */
#ifndef SALLYPORT_BPF_MAPS_H
#define SALLYPORT_BPF_MAPS_H

#include "lib/state.h"

#include <sallyport/abi/names.h>
#include <sallyport/abi/tables.h>
#include <sallyport/abi/testrun.h>

SP_ABI_ASSERT(SP_HOOK_COUNT <= SP_HOOK_SLOTS && SP_REASON_COUNT <= SP_REASON_SLOTS, "abi");
SP_ABI_ASSERT(SP_COUNTER_SLOTS == 16 * 2 * 64 && SP_SAMPLE_SLOTS == 16 * 4 * 64, "abi");

/* ---- tables of one revision; max_entries are set before load ---- */

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__type(key, struct sp_prefix);
	__type(value, struct sp_src);
} sp_src SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__type(key, struct sp_prefix);
	__type(value, struct sp_dst);
} sp_dst SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__type(key, struct sp_fwd_key);
	__type(value, struct sp_fwd);
} sp_fwd SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SP_SVC_SLOTS / SP_SVC_PER_ELEM);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct sp_svc_elem);
} sp_svc SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, struct sp_pair_key);
	__type(value, __u32);
} sp_pair SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct sp_verdict);
} sp_verdict SEC(".maps");

/* The terms of the policy's limits, by number. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct sp_limit_terms);
} sp_limit SEC(".maps");

/* ---- state, pinned ---- */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 17);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__type(key, struct sp_addr);
	__type(value, struct sp_ident);
} sp_ident SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << 16);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct sp_session);
} sp_session SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 18);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sp_flow_key);
	__type(value, struct sp_flow);
} sp_flow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct sp_frag_key);
	__type(value, struct sp_frag);
} sp_frag SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SP_COUNTER_SLOTS);
	__type(key, __u32);
	__type(value, struct sp_counter);
} sp_counter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SP_RULE_MAX);
	__type(key, __u32);
	__type(value, struct sp_counter);
} sp_rule_counter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} sp_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sp_event_stats);
} sp_event_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SP_SAMPLE_SLOTS);
	__type(key, __u32);
	__type(value, struct sp_sample);
} sp_sample SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SP_TALLY_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct sp_tally);
} sp_tally SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct sp_flow_use);
} sp_flow_use SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SP_BANS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__type(key, struct sp_prefix);
	__type(value, struct sp_ban);
} sp_ban SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct sp_ban_use);
} sp_ban_use SEC(".maps");

/* How many flows the hosts and networks of the edge and the inside have, by what they hash to under
 * a number nobody outside knows: nothing to evict, and nobody can choose whose share they use
 * up. */
#define SP_FLOW_SOURCES 65536u

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SP_FLOW_SOURCES);
	__type(key, __u32);
	__type(value, __u32);
} sp_flow_source SEC(".maps");

/* The buckets of limits: when each is full again, in 64ths of a nanosecond. Those of a session,
 * SP_LIMIT_SESSION_SLOTS of them, lie side by side; user space fills them for a new session, and a
 * slot of them for another limit. By source: where a number nobody outside knows hashes it to; two
 * that meet share a bucket. */
#define SP_LIMIT_SOURCES 65536u

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SP_LIMIT_SESSION_SLOTS << 16);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} sp_limit_holder SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SP_LIMIT_SOURCES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} sp_limit_source SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SP_RULE_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} sp_limit_rule SEC(".maps");

/* Refusals sent in the current second, per CPU, by what the sender's address hashes to and the
 * share of the sender's that each is of (lib/refuse.h): a fixed array, so nothing to evict. */
#define SP_REFUSAL_SLOTS 1024u
#define SP_REFUSALS_PER_S 20u

struct sp_refusal_window {
	__u64 window_ns;
	__u64 taken;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SP_REFUSAL_SLOTS);
	__type(key, __u32);
	__type(value, struct sp_refusal_window);
} sp_refusal SEC(".maps");

/* The timer that reclaims expired flows: armed once by the program in janitor.bpf.c, it goes on as
 * long as this map is pinned, whoever else dies. */
struct sp_janitor {
	struct bpf_timer timer;
	__u64 period_ns; /* 0: SP_JANITOR_PERIOD_NS */
	__u64 sweeps;
	__u64 flows;   /* seen in the last sweep */
	__u64 removed; /* since it was armed */
	__u64 took_ns; /* the last sweep, all its slices together */
};
#define SP_JANITOR_PERIOD_NS 5000000000ull

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sp_janitor);
} sp_janitor SEC(".maps");

/* ---- private ---- */

/* Where a program keeps what it knows of the packet at hand (lib/work.h): the stack has
 * 512 bytes. */
#define SP_SCRATCH_BYTES 1024u

struct sp_scratch {
	__u64 words[SP_SCRATCH_BYTES / 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sp_scratch);
} sp_scratch SEC(".maps");

/* ---- test runs ---- */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sp_test_answer);
} sp_test_answer SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct sp_test_input);
} sp_test_input SEC(".maps");

/* ---- settings, fixed at load ---- */

SP_SETTING __u64 sp_revision = 0;
SP_SETTING __u32 sp_svcset_count = 1;
SP_SETTING __u32 sp_profile_count = 1;    /* capacity of sp_verdict in profiles */
SP_SETTING __u32 sp_protect_tunnel = 0;   /* SP_TABLES_PROTECT_TUNNEL */
SP_SETTING __u32 sp_flow_max = 1 << 18;   /* entries of sp_flow */
SP_SETTING __u32 sp_portal_port = 0;      /* TCP, where people sign in; 0: there is none */
SP_SETTING __u32 sp_self_class = 0;       /* of what the gateway itself sends; 0: no rule is */
SP_SETTING __u32 sp_self_needs_rules = 0; /* SP_TABLES_SELF_RULES */
SP_SETTING __u32 sp_refuse = SP_REFUSE_BY_RESET; /* SP_REFUSE_…: how people are told of denials */
SP_SETTING __u32 sp_dhcp_ifindex[8] = {};        /* interfaces that take an address by DHCP */
SP_SETTING __u32 sp_dhcp6_ifindex[8] = {};       /* and by DHCPv6 */
SP_SETTING __u32 sp_recorder_hook = SP_HOOK_EDGE_OUT; /* edge_out: or SP_HOOK_INSIDE_OUT */
SP_SETTING __u64 sp_seed = 0; /* where keys of sp_tally lie: nobody outside can choose neighbours */
/* What edge-in writes before a packet for edge-tc: random, of one load of both. It says which mark
 * the packet gets: [0] sp_judged_mark, [1] SP_MARK_REPLY, [2] SP_MARK_JUDGED. */
SP_SETTING __u64 sp_token[3] = { 1, 3, 5 };
SP_SETTING __u32 sp_judged_mark = SP_MARK_JUDGED; /* SP_MARK_JUDGED_BY its revision */
SP_SETTING __u32 sp_test = 0;
/* Bytes before IP on the tunnel, where there is no Ethernet header; a test run has one on every
 * hook. */
SP_SETTING __u32 sp_tunnel_link_len = 0;

#endif
