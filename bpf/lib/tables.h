/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The decision tables of the revision: one function hides each lookup. */
#ifndef SALLYPORT_BPF_TABLES_H
#define SALLYPORT_BPF_TABLES_H

#include "lib/work.h"

SP_INLINE void sp_table_key(struct sp_prefix *key, const struct sp_addr *addr)
{
	key->prefix_len = 128;
	__builtin_memcpy(key->addr, addr->b, sizeof(key->addr));
}

/* Read src[source] into work->src. Returns 0: the table lacks the row; else 1. */
SP_SUBPROGRAM int sp_table_src(struct sp_work *work)
{
	struct sp_prefix key;
	struct sp_src *src;

	sp_table_key(&key, &work->path.source);
	src = bpf_map_lookup_elem(&sp_src, &key);
	if (!src)
		return 0;
	work->src = *src;
	return 1;
}

/* The home of an address: enum sp_zone, SP_HOME_SELF, or SP_HOME_UNKNOWN. */
SP_SUBPROGRAM int sp_table_home(const struct sp_addr *addr)
{
	struct sp_prefix key;
	struct sp_src *src;

	sp_table_key(&key, addr);
	src = bpf_map_lookup_elem(&sp_src, &key);
	return src ? src->home : SP_HOME_UNKNOWN;
}

/* Read dst[destination] into work->dst, once a case. Returns 0: the table lacks the row; else 1. */
SP_SUBPROGRAM int sp_table_dst(struct sp_work *work)
{
	struct sp_prefix key;
	struct sp_dst *dst;

	if (work->has_dst)
		return 1;
	sp_table_key(&key, &work->path.destination);
	dst = bpf_map_lookup_elem(&sp_dst, &key);
	if (!dst)
		return 0;
	work->dst = *dst;
	work->has_dst = 1;
	return 1;
}

/* The path becomes that to the target of the forward it is for, if there is one. The row of dst[] is
 * known, and is then the target's, which is neither the gateway nor in a pool. */
SP_SUBPROGRAM int sp_table_forward(struct sp_work *work)
{
	struct sp_path *path = &work->path;
	struct sp_fwd_key key = { .port_be = path->destination_port_be, .proto = path->proto };
	struct sp_fwd *fwd;

	if (!(work->dst.flags & SP_DST_FORWARD))
		return 0;
	key.to = path->destination;
	fwd = bpf_map_lookup_elem(&sp_fwd, &key);
	if (!fwd)
		return 0;
	work->dst.netset = fwd->netset;
	work->dst.flags = 0;
	path->destination_port_be = fwd->port_be;
	return 0;
}

/* The slot of svc[] that stands for a protocol and its destination port or type. */
SP_INLINE __u32 sp_table_slot(const struct sp_path *path)
{
	__u32 port = bpf_ntohs(path->destination_port_be);

	switch (path->proto) {
	case SP_PROTO_TCP:
		return SP_SVC_TCP + port;
	case SP_PROTO_UDP:
		return SP_SVC_UDP + port;
	case SP_PROTO_SCTP:
		return SP_SVC_SCTP + port;
	}
	if (path->icmp)
		return (path->is_v6 ? SP_SVC_ICMP6 : SP_SVC_ICMP) + path->icmp_type;
	return SP_SVC_PROTO + path->proto;
}

SP_INLINE int sp_table_svcset(__u32 slot, __u32 *ret_svcset)
{
	__u32 element = slot / SP_SVC_PER_ELEM;
	struct sp_svc_elem *sets = bpf_map_lookup_elem(&sp_svc, &element);

	if (!sets)
		return 0;
	*ret_svcset = sets->svcset[slot % SP_SVC_PER_ELEM];
	return 1;
}

/* The verdict of the rules for a class that sends on @work's path to a network set. NULL: a table
 * lacks the row. */
SP_SUBPROGRAM struct sp_verdict *sp_table_verdict(struct sp_work *work, __u32 class_id,
						  __u32 netset)
{
	struct sp_pair_key key = { .class_id = class_id, .netset = netset };
	__u32 svcset, index, profile = 0;
	__u32 *found;

	if (!sp_table_svcset(sp_table_slot(&work->path), &svcset))
		return NULL;
	found = bpf_map_lookup_elem(&sp_pair, &key);
	if (found)
		profile = *found;
	if (svcset >= sp_svcset_count || profile >= sp_profile_count)
		return NULL;
	index = profile * sp_svcset_count + svcset;
	return bpf_map_lookup_elem(&sp_verdict, &index);
}

#endif
