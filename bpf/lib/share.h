/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shares of the flow table ([8] of docs/judgement.md). The table has parts: one for the gateway's
 * own flows, and one for each hook where others are opened. On edge and inside each source has a
 * share of the part. Which counters count a flow follows from its key and from fields that never
 * change, so the end of a flow subtracts exactly what its opening added. */
#ifndef SALLYPORT_BPF_SHARE_H
#define SALLYPORT_BPF_SHARE_H

#include "lib/bytes.h"
#include "lib/headers.h"
#include "lib/sum.h"
#include "maps.h"

#define SP_FLOW_SOURCE_NONE 0xffffffffu

/* ---- parts ---- */

SP_INLINE __u32 sp_flow_part_of(const struct sp_flow *flow)
{
	if (flow->flags & SP_FLOW_OWN)
		return SP_FLOW_PART_OWN;
	switch (flow->hook) {
	case SP_HOOK_EDGE_IN:
		return SP_FLOW_PART_EDGE;
	case SP_HOOK_VPN_IN:
		return SP_FLOW_PART_TUNNEL;
	case SP_HOOK_INSIDE_IN:
		return SP_FLOW_PART_INSIDE;
	}
	return SP_FLOW_PART_LEAVING;
}

SP_INLINE struct sp_flow_use *sp_flow_uses(void)
{
	return bpf_map_lookup_elem(&sp_flow_use, &(__u32){ 0 });
}

/* Is there room for one more flow in @part, which had @before flows, if one flow of the part @left
 * is removed? */
SP_INLINE int sp_flow_part_has_room(const struct sp_flow_use *use, __u32 part, __u64 before,
				    __u32 left)
{
	__u64 room = sp_flow_max, kept = room / SP_FLOW_PART_KEPT, mine = 0, taken = 0;

	for (__u32 i = 0; i < SP_FLOW_PART_COUNT; i++) {
		__u64 flows = i == part ? before : *(volatile const __u64 *)&use->flows[i];

		flows -= i == left && flows;
		mine = i == part ? flows : mine;
		taken += flows > kept ? flows : kept;
	}
	return mine < kept || (mine < room / SP_FLOW_PART_MOST && taken < room);
}

/* Count @flow for its part. @replaced: the flow that it takes the place of, or NULL. Returns 1; 0:
 * the part is full. */
SP_INLINE int sp_flow_charge_part(const struct sp_flow *flow, const struct sp_flow *replaced)
{
	__u32 part = sp_flow_part_of(flow),
	      left = replaced ? sp_flow_part_of(replaced) : SP_FLOW_PART_COUNT;
	struct sp_flow_use *use = sp_flow_uses();
	__u64 before;

	if (!use)
		return 0;
	before = __sync_fetch_and_add(&use->flows[part], 1);
	if (sp_flow_part_has_room(use, part, before, left))
		return 1;
	__sync_fetch_and_sub(&use->flows[part], 1);
	return 0;
}

SP_INLINE void sp_flow_discharge_part(const struct sp_flow *flow)
{
	struct sp_flow_use *use = sp_flow_uses();

	if (use)
		__sync_fetch_and_sub(&use->flows[sp_flow_part_of(flow)], 1);
}

/* ---- sources ---- */

/* The key of the hash, drawn when the first flow is opened and kept as long as the counts. In test
 * runs it is always the same. */
SP_INLINE __u64 sp_flow_seed(void)
{
	struct sp_flow_use *use = sp_flow_uses();
	__u64 drawn;

	if (!use)
		return 0;
	if (!*(volatile __u64 *)&use->seed) {
		drawn = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32() | 1;
		__sync_val_compare_and_swap(&use->seed, 0, sp_test ? 1 : drawn);
	}
	return *(volatile __u64 *)&use->seed;
}

/* Mask @addr to the host, or to the network, for which flows are counted. */
SP_INLINE void sp_flow_source_mask(struct sp_addr *addr, int is_edge, int is_network)
{
	if (!addr->q[0] && addr->w_be[2] == bpf_htonl(0xffff)) {
		if (is_network)
			addr->b[15] = 0;
		return;
	}
	if (is_edge || is_network)
		addr->q[1] = 0;
	if (is_edge && is_network)
		addr->w_be[1] &= bpf_htonl(0xffff0000);
}

/* The counter of the flow's source, as a host or as a network. SP_FLOW_SOURCE_NONE: sources of this
 * part have no share. */
SP_INLINE __u32 sp_flow_source_slot(const struct sp_flow_key *key, const struct sp_flow *flow,
				    int is_network)
{
	__u32 part = sp_flow_part_of(flow);
	struct {
		struct sp_addr addr;
		__u64 what;
	} source = { .what = part * 2 + is_network };

	if (part != SP_FLOW_PART_EDGE && part != SP_FLOW_PART_INSIDE)
		return SP_FLOW_SOURCE_NONE;
	source.addr = flow->flags & SP_FLOW_HI_ORIGIN ? key->hi : key->lo;
	sp_flow_source_mask(&source.addr, part == SP_FLOW_PART_EDGE, is_network);
	return sp_key_sum_seeded(&source, sizeof(source) / 8, sp_flow_seed()) % SP_FLOW_SOURCES;
}

SP_INLINE __u64 sp_flow_source_room(int is_network)
{
	__u64 room =
		(__u64)sp_flow_max * (is_network ? SP_FLOW_NETWORK_32NDS : SP_FLOW_HOST_32NDS) / 32;

	return room ? room : 1;
}

/* Count @flow for its source. Returns 1; 0: the source has its full share already. */
SP_INLINE int sp_flow_charge_source(const struct sp_flow_key *key, const struct sp_flow *flow,
				    const struct sp_flow *replaced, int is_network)
{
	__u32 slot = sp_flow_source_slot(key, flow, is_network);
	__u64 room = sp_flow_source_room(is_network);
	__u32 *count = bpf_map_lookup_elem(&sp_flow_source, &slot);

	if (!count)
		return 1;
	if (replaced && sp_flow_source_slot(key, replaced, is_network) == slot)
		room++;
	if (__sync_fetch_and_add(count, 1) < room)
		return 1;
	__sync_fetch_and_sub(count, 1);
	return 0;
}

SP_INLINE void sp_flow_discharge_source(const struct sp_flow_key *key, const struct sp_flow *flow,
					int is_network)
{
	__u32 slot = sp_flow_source_slot(key, flow, is_network);
	__u32 *count = bpf_map_lookup_elem(&sp_flow_source, &slot);

	if (count)
		__sync_fetch_and_sub(count, 1);
}

/* ---- both ---- */

/* Count @flow for its source and its part. Returns 0; else the reason why there is no room, with
 * nothing counted. */
SP_GLOBAL int sp_flow_charge(const struct sp_flow_key *key, const struct sp_flow *flow,
			     const struct sp_flow *replaced)
{
	if (!key || !flow)
		return SP_REASON_FLOW_FULL;
	if (!sp_flow_charge_source(key, flow, replaced, 0))
		return SP_REASON_FLOW_LIMIT;
	if (!sp_flow_charge_source(key, flow, replaced, 1)) {
		sp_flow_discharge_source(key, flow, 0);
		return SP_REASON_FLOW_LIMIT;
	}
	if (sp_flow_charge_part(flow, replaced))
		return 0;
	sp_flow_discharge_source(key, flow, 1);
	sp_flow_discharge_source(key, flow, 0);
	return SP_REASON_FLOW_FULL;
}

SP_GLOBAL int sp_flow_uncharge(const struct sp_flow_key *key, const struct sp_flow *flow)
{
	if (!key || !flow)
		return 0;
	sp_flow_discharge_part(flow);
	sp_flow_discharge_source(key, flow, 1);
	sp_flow_discharge_source(key, flow, 0);
	return 0;
}

#endif
