/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The order of judgement (docs/judgement.md), step by step. Each step either answers (1) or lets
 * the next one look (0); the answer is in the work. */
#ifndef SALLYPORT_BPF_JUDGE_H
#define SALLYPORT_BPF_JUDGE_H

#include "lib/account.h"
#include "lib/ban.h"
#include "lib/flow_judge.h"
#include "lib/fragment.h"

/* [0]: parse. Returns 1: the packet is answered. */
SP_INLINE int sp_judge_bytes(SP_CTX *ctx, struct sp_work *work)
{
	int reason = sp_parse(ctx, &work->packet);

	if (!reason)
		return 0;
	sp_answer(work, work->packet.is_arp ? SP_ALLOW : SP_DENY, reason, SP_RULE_NONE);
	return 1;
}

SP_INLINE int sp_is_dhcp_client(__u32 ifindex, int is_v6)
{
	if (sp_test) {
		struct sp_test_input *input = bpf_map_lookup_elem(&sp_test_input, &(__u32){ 0 });

		return input && input->is_dhcp_client;
	}
	for (int i = 0; i < 8; i++) {
		__u32 client = is_v6 ? sp_dhcp6_ifindex[i] : sp_dhcp_ifindex[i];

		if (client && client == ifindex)
			return 1;
	}
	return 0;
}

SP_INLINE int sp_addr_is_link_local(const struct sp_addr *addr)
{
	return (addr->w_be[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

SP_INLINE int sp_addr_is_unspecified(const struct sp_addr *addr)
{
	return !addr->q[0] && !addr->q[1];
}

/* ff02::1:ff00:0/104: the solicited-node multicast addresses (RFC 4291, 2.7.1) */
SP_INLINE int sp_addr_is_solicited(const struct sp_addr *addr)
{
	return addr->w_be[0] == bpf_htonl(0xff020000) && !addr->w_be[1] &&
	       addr->w_be[2] == bpf_htonl(1) && addr->b[12] == 0xff;
}

/* Is this a link-local address, unicast or multicast? Packets to those never leave their link. */
SP_INLINE int sp_addr_is_link_scope(const struct sp_addr *addr)
{
	return sp_addr_is_link_local(addr) ||
	       (addr->w_be[0] & bpf_htonl(0xffff0000)) == bpf_htonl(0xff020000);
}

/* Can a host whose address has this home be on the link of this interface? */
SP_INLINE int sp_home_is_near(__u32 home)
{
	if (home == SP_ZONE_TUNNEL || home == SP_ZONE_INSIDE)
		return home == sp_hook_zone(SP_THIS_HOOK);
	return home != SP_HOME_SELF;
}

SP_INLINE int sp_source_is_near(const struct sp_work *work)
{
	const struct sp_addr *source = &work->packet.path.source;

	return sp_addr_is_link_local(source) || sp_home_is_near(sp_table_home(source));
}

SP_INLINE int sp_destination_is_near(const struct sp_work *work)
{
	const struct sp_addr *destination = &work->packet.path.destination;

	return sp_addr_is_link_scope(destination) || sp_table_home(destination) == SP_HOME_SELF;
}

/* Is this neighbour discovery whose sender and receiver are allowed by RFC 4861, 4.1-4.4? */
SP_INLINE int sp_is_neighbour_discovery(const struct sp_work *work)
{
	const struct sp_path *path = &work->packet.path;

	if (work->packet.icmp_code || work->packet.hop_limit != 255 ||
	    !sp_destination_is_near(work))
		return 0;
	if (path->icmp_type == SP_ICMP6_ROUTER_ADVERTISEMENT)
		return sp_addr_is_link_local(&path->source);
	if (!sp_addr_is_unspecified(&path->source))
		return sp_source_is_near(work);
	if (path->icmp_type == SP_ICMP6_NEIGHBOUR_SOLICITATION)
		return sp_addr_is_solicited(&path->destination);
	return path->icmp_type == SP_ICMP6_ROUTER_SOLICITATION;
}

SP_INLINE int sp_is_multicast_listening(const struct sp_work *work)
{
	const struct sp_path *path = &work->packet.path;

	return work->packet.hop_limit == 1 && sp_addr_is_link_scope(&path->destination) &&
	       (sp_addr_is_link_local(&path->source) || sp_addr_is_unspecified(&path->source));
}

SP_INLINE int sp_is_link_talk(const struct sp_work *work)
{
	switch (work->packet.path.icmp_type) {
	case SP_ICMP6_ROUTER_SOLICITATION:
	case SP_ICMP6_ROUTER_ADVERTISEMENT:
	case SP_ICMP6_NEIGHBOUR_SOLICITATION:
	case SP_ICMP6_NEIGHBOUR_ADVERTISEMENT:
		return sp_is_neighbour_discovery(work);
	case 130:
	case 131:
	case 132:
	case 143:
		return sp_is_multicast_listening(work);
	}
	return 0;
}

/* Is this DHCP to a client on this machine? A message to an address that the client does not have
 * yet is allowed only for a client that reads the interface itself (is_for_taps). */
SP_INLINE int sp_is_dhcp_answer(struct sp_work *work)
{
	const struct sp_path *path = &work->packet.path;
	__u32 home;

	if (path->source_port_be != bpf_htons(path->is_v6 ? 547 : 67) ||
	    path->destination_port_be != bpf_htons(path->is_v6 ? 546 : 68) ||
	    !sp_is_dhcp_client(work->ifindex, path->is_v6))
		return 0;
	home = sp_table_home(&path->destination);
	if (path->is_v6)
		return sp_addr_is_link_local(&path->source) &&
		       (sp_addr_is_link_local(&path->destination) || home == SP_HOME_SELF);
	if (!sp_source_is_near(work))
		return 0;
	if (path->destination.w_be[3] == bpf_htonl(0xffffffff) || home == SP_HOME_SELF)
		return 1;
	work->is_for_taps = sp_home_is_near(home);
	return work->is_for_taps;
}

/* Allow what every interface needs: neighbour discovery, MLD, DHCP to a client. None of it is
 * forwarded. */
SP_SUBPROGRAM int sp_judge_always_passed(struct sp_work *work)
{
	const struct sp_path *path = &work->packet.path;
	int is_passed = 0;

	if (work->packet.fragment)
		return 0;
	if (path->is_v6 && path->icmp)
		is_passed = sp_is_link_talk(work);
	else if (path->proto == SP_PROTO_UDP)
		is_passed = sp_is_dhcp_answer(work);
	if (is_passed)
		sp_allow(work, SP_REASON_PROTECT, SP_RULE_NONE);
	return is_passed;
}

/* Find the sender. On vpn-in the address' identity says so in one exact look-up. Elsewhere, and for
 * a source without identity, the longest prefix says so. Returns 1: the table lacks the row, and
 * the packet is denied. */
SP_INLINE int sp_judge_source(struct sp_work *work)
{
	sp_case_of_packet(work);
	if (SP_THIS_HOOK == SP_HOOK_VPN_IN) {
		sp_end_resolve_source(work);
		work->src.home = SP_ZONE_TUNNEL;
		work->src.flags = 0;
		work->src.ifindex = 0;
		if (work->end[0].state != SP_END_UNKNOWN && !sp_protect_tunnel)
			return 0;
	}
	if (sp_table_src(work))
		return 0;
	sp_deny(work, SP_REASON_TABLE_FULL);
	return 1;
}

/* Did the packet come by an interface of its source's zone that is not the one with the source's
 * network? */
SP_INLINE int sp_is_misplaced(const struct sp_work *work)
{
	if (!work->src.ifindex || work->src.home != sp_hook_zone(SP_THIS_HOOK))
		return 0;
	if (sp_test) {
		struct sp_test_input *input = bpf_map_lookup_elem(&sp_test_input, &(__u32){ 0 });

		return input && input->ifindex && input->ifindex != work->src.ifindex;
	}
	return work->ifindex != work->src.ifindex;
}

/* [1]: is the source address spoofed? Returns 1: denied. */
SP_INLINE int sp_judge_spoofed(struct sp_work *work)
{
	__u32 home = work->src.home;

	if (home != SP_HOME_SELF &&
	    ((home != SP_ZONE_TUNNEL && home != SP_ZONE_INSIDE) ||
	     home == sp_hook_zone(SP_THIS_HOOK)) &&
	    !sp_is_misplaced(work))
		return 0;
	sp_deny(work, SP_REASON_SPOOFED);
	return 1;
}

/* Fragments, between [1] and [2]. Returns 1: answered. */
SP_INLINE int sp_judge_fragment(struct sp_work *work)
{
	if (!work->packet.fragment)
		return 0;
	if (work->packet.fragment == SP_FRAGMENT_FIRST)
		return sp_frag_overlaps(work);
	sp_frag_follow(work);
	return 1;
}

/* Find or open the flow of a packet that a protect entry allowed: its replies and its records need
 * one. */
SP_SUBPROGRAM int sp_protect_flow(struct sp_work *work)
{
	struct sp_flow *element = NULL;

	if (!sp_path_makes_flow(&work->path))
		return 0;
	element = sp_flow_find(work, &work->packet.path, 0);
	if (!element || work->is_reply || (work->flow.flags & SP_FLOW_UNRULED)) {
		work->is_reply = 0;
		work->is_new = 1;
		if (sp_packet_can_open(work))
			sp_flow_open(work, 0);
		return 0;
	}
	if (sp_flow_renew(work, element))
		element = bpf_map_lookup_elem(&sp_flow, &work->key);
	if (element)
		sp_flow_mark(work, element);
	return 0;
}

/* [2]. Returns 1: a protect entry allowed the packet. */
SP_INLINE int sp_judge_protect(struct sp_work *work)
{
	if (!sp_decide_protect(work))
		return 0;
	sp_protect_flow(work);
	return 1;
}

/* [4]-[8]. An allowed packet opens a flow. */
SP_INLINE void sp_judge_rules(struct sp_work *work)
{
	int reason, can_open;

	sp_decide(work);
	if (work->verdict != SP_ALLOW)
		return;
	can_open = sp_packet_can_open(work);
	if (sp_limit_denies_new(work, can_open))
		return;
	work->is_new = 1;
	if (!can_open)
		return;
	reason = sp_flow_open(work, 0);
	if (reason && work->reason != SP_REASON_PROTECT)
		sp_deny(work, reason);
}

/* Apply [0]-[8] to a packet that arrives. */
SP_INLINE void sp_judge_arriving(SP_CTX *ctx, struct sp_work *work)
{
	work->packet_zone = sp_hook_zone(SP_THIS_HOOK);
	if (sp_judge_bytes(ctx, work))
		return;
	if (SP_THIS_HOOK != SP_HOOK_VPN_IN && sp_judge_always_passed(work))
		return;
	if (sp_judge_source(work) || sp_judge_spoofed(work) || sp_judge_fragment(work))
		return;
	if (!sp_judge_protect(work) && !sp_judge_ban(work) && !sp_flows(work))
		sp_judge_rules(work);
	if (work->packet.fragment && work->verdict == SP_ALLOW)
		sp_frag_begin(work);
}

#endif
