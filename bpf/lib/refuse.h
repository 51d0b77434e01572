/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refusals: they tell a sender that a packet was denied, by a TCP reset or by ICMP
 * "administratively prohibited" (RFC 9293 3.10.7, RFC 1812 5.2.7.1, RFC 4443 3.1). A refusal is
 * built in place of the packet and sent back out of the interface by which the packet came. Its
 * source is the destination that the sender tried. It carries SP_MARK_OWN, which vpn-out and the
 * recorders let pass. Each sender gets a limited number a second. Only people and inner networks
 * get refusals; strangers get silence. */
#ifndef SALLYPORT_BPF_REFUSE_H
#define SALLYPORT_BPF_REFUSE_H

#include "lib/mark.h"
#include "lib/tc.h"

/* The part of the packet that an ICMP refusal quotes. It is checksummed as a whole, padded with
 * zeros. */
#define SP_REFUSE_QUOTE_MAX (__u32)sizeof(((struct sp_work *)0)->quote_bytes)
_Static_assert((SP_REFUSE_QUOTE_MAX & (SP_REFUSE_QUOTE_MAX - 1)) == 0, "one less is a mask");

#define SP_ICMP4_UNREACHABLE 3
#define SP_ICMP4_PROHIBITED 13
#define SP_ICMP6_UNREACHABLE 1
#define SP_ICMP6_PROHIBITED 1
#define SP_REFUSE_TTL 64

/* Headers one behind the other. The padding that C adds at the end is not sent. */
struct sp_refuse_ip4 {
	struct sp_ip4 ip;
	union {
		struct sp_tcp tcp;
		struct sp_icmp icmp;
	};
};

struct sp_refuse_ip6 {
	struct sp_ip6 ip;
	union {
		struct sp_tcp tcp;
		struct sp_icmp icmp;
	};
};

/* The pseudo header: what the checksum of layer 4 covers besides its bytes. One form for both
 * families, because the sum is the same. */
struct sp_pseudo {
	struct sp_addr source, destination;
	__be32 length_be;
	__be32 proto_be;
};

SP_INLINE __u16 sp_checksum(__u64 sum)
{
	for (int i = 0; i < 4; i++)
		sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/* ---- to whom, and how often ---- */

SP_INLINE int sp_refuse_reason(__u32 reason)
{
	switch (reason) {
	case SP_REASON_POLICY:
	case SP_REASON_DEFAULT:
	case SP_REASON_NO_IDENTITY:
	case SP_REASON_EXPIRED:
	case SP_REASON_REVOKED:
	case SP_REASON_DEADLINE:
	case SP_REASON_FLOW_LIMIT:
	case SP_REASON_FLOW_FULL:
		return 1;
	}
	return 0;
}

/* Is this the address of a single host, to which and from which a refusal may go? */
SP_INLINE int sp_refuse_address(const struct sp_addr *addr, int is_v6)
{
	__u32 first = bpf_ntohl(addr->w_be[is_v6 ? 0 : 3]);

	if (is_v6)
		return first >> 24 != 0xff && (addr->q[0] || addr->q[1]);
	/* no multicast, reserved or broadcast, none of 0/8 */
	return first >> 28 < 14 && first >> 24;
}

SP_INLINE int sp_refuse_is_due(const SP_CTX *skb, const struct sp_work *work)
{
	const struct sp_parsed *packet = &work->packet;
	const struct sp_path *path = &packet->path;

	if (sp_refuse == SP_REFUSE_NOBODY || !sp_refuse_reason(work->reason) || packet->fragment)
		return 0;
	if (skb->pkt_type != 0 /* PACKET_HOST */ || skb->gso_segs > 1)
		return 0;
	if ((packet->tcp_flags & SP_TCP_RST) || (path->icmp && path->icmp != SP_ICMP_QUERY))
		return 0;
	return sp_refuse_address(&path->source, path->is_v6) &&
	       sp_refuse_address(&path->destination, path->is_v6);
}

/* Is the refusal a reset? Not if the session has expired: it goes on once its person signs in
 * again, so ICMP tells its connections to wait. The connections of a revoked session are over. */
SP_INLINE int sp_refuse_resets(const struct sp_work *work)
{
	return sp_refuse == SP_REFUSE_BY_RESET && work->packet.path.proto == SP_PROTO_TCP &&
	       work->reason != SP_REASON_EXPIRED && work->reason != SP_REASON_NO_IDENTITY;
}

/* Which of a sender's shares a second this refusal is counted in. Datagrams have a share and
 * attempts to connect have one, so a flood of either leaves room for the resets that end
 * connections. Connections are spread over several shares, so that one of them cannot take the
 * resets of all the others. */
#define SP_REFUSE_CONNECTION_SHARES 16u

SP_INLINE __u32 sp_refuse_share(const struct sp_work *work)
{
	const struct sp_path *path = &work->packet.path;

	if (!sp_refuse_resets(work))
		return 0;
	if (work->packet.tcp_flags & SP_TCP_SYN)
		return 1;
	return 2 + bpf_ntohs(path->source_port_be ^ path->destination_port_be) %
			   SP_REFUSE_CONNECTION_SHARES;
}

SP_INLINE int sp_refuse_is_within_rate(const struct sp_work *work)
{
	__u32 slot = (sp_key_sum(&work->packet.path.source, 2) + sp_refuse_share(work)) %
		     SP_REFUSAL_SLOTS;
	struct sp_refusal_window *sample = bpf_map_lookup_elem(&sp_refusal, &slot);

	if (!sample)
		return 0;
	if (work->now_ns - sample->window_ns >= SP_NS_PER_S) {
		sample->window_ns = work->now_ns;
		sample->taken = 0;
	}
	return sample->taken++ < SP_REFUSALS_PER_S;
}

/* ---- building ---- */

SP_INLINE void sp_refuse_header4(struct sp_ip4 *ip, const struct sp_path *path, __u32 length,
				 __u32 proto)
{
	ip->version_ihl = 0x45;
	ip->service = 0;
	ip->length_be = bpf_htons(length);
	ip->id_be = 0;
	ip->fragment_be = bpf_htons(0x4000);
	ip->ttl = SP_REFUSE_TTL;
	ip->proto = proto;
	ip->checksum = 0;
	ip->source_be = path->destination.w_be[3];
	ip->destination_be = path->source.w_be[3];
	ip->checksum = sp_checksum(bpf_csum_diff(NULL, 0, (void *)ip, sizeof(*ip), 0));
}

SP_INLINE void sp_refuse_header6(struct sp_ip6 *ip, const struct sp_path *path, __u32 payload,
				 __u32 proto)
{
	ip->version_class_flow_be = bpf_htonl(6u << 28);
	ip->payload_length_be = bpf_htons(payload);
	ip->next_header = proto;
	ip->hop_limit = SP_REFUSE_TTL;
	ip->source = path->destination;
	ip->destination = path->source;
}

/* The checksum of a TCP or ICMPv6 header at @l4, followed by bytes whose sum is @rest. The prefix
 * of an IPv4 address written as ::ffff:a.b.c.d adds 0xffff, which does not change the sum. */
SP_INLINE __u16 sp_refuse_l4_sum(const struct sp_path *path, void *l4, __u32 len, __u32 total,
				 __u32 proto, __u32 rest)
{
	struct sp_pseudo pseudo = {
		.source = path->destination,
		.destination = path->source,
		.length_be = bpf_htonl(total),
		.proto_be = bpf_htonl(proto),
	};
	__u64 sum = bpf_csum_diff(NULL, 0, (void *)&pseudo, sizeof(pseudo), rest);

	return sp_checksum(bpf_csum_diff(NULL, 0, l4, len, sum));
}

/* Make the reset that answers this segment. Its sequence number is the one that the segment
 * acknowledges. If the segment acknowledges nothing, the reset acknowledges the segment. */
SP_INLINE int sp_refuse_tcp(SP_CTX *skb, const struct sp_work *work, struct sp_tcp *tcp)
{
	const struct sp_parsed *packet = &work->packet;
	__u32 header_len, len;
	struct sp_tcp asked;

	if (sp_bytes_load(skb, packet->l4_offset, &asked, sizeof(asked)))
		return -1;
	header_len = (asked.data_offset >> 4) * 4;
	len = packet->end_offset - packet->l4_offset - header_len;
	len += !!(asked.flags & SP_TCP_SYN) + !!(asked.flags & SP_TCP_FIN);
	__builtin_memset(tcp, 0, sizeof(*tcp));
	tcp->source_be = asked.destination_be;
	tcp->destination_be = asked.source_be;
	tcp->data_offset = 5 << 4;
	if (asked.flags & SP_TCP_ACK) {
		tcp->sequence_be = asked.acknowledgment_be;
		tcp->flags = SP_TCP_RST;
	} else {
		tcp->acknowledgment_be = bpf_htonl(bpf_ntohl(asked.sequence_be) + len);
		tcp->flags = SP_TCP_RST | SP_TCP_ACK;
	}
	tcp->checksum =
		sp_refuse_l4_sum(&packet->path, tcp, sizeof(*tcp), sizeof(*tcp), SP_PROTO_TCP, 0);
	return 0;
}

/* Write @len bytes of headers where the packet began, in place of all of it. */
SP_INLINE int sp_refuse_replace(SP_CTX *skb, __u32 offset, const void *headers, __u32 len)
{
	if (bpf_skb_change_tail(skb, offset + len, 0))
		return -1;
	return (int)bpf_skb_store_bytes(skb, offset, headers, len, 0);
}

SP_SUBPROGRAM int sp_refuse_reset(SP_CTX *skb, struct sp_work *work)
{
	const struct sp_path *path = &work->packet.path;
	__u32 offset = work->packet.network_offset, len;

	if (path->is_v6) {
		struct sp_refuse_ip6 reply;

		len = sizeof(reply.ip) + sizeof(reply.tcp);
		sp_refuse_header6(&reply.ip, path, sizeof(reply.tcp), SP_PROTO_TCP);
		if (sp_refuse_tcp(skb, work, &reply.tcp))
			return -1;
		return sp_refuse_replace(skb, offset, &reply, len);
	} else {
		struct sp_refuse_ip4 reply;

		len = sizeof(reply.ip) + sizeof(reply.tcp);
		sp_refuse_header4(&reply.ip, path, len, SP_PROTO_TCP);
		if (sp_refuse_tcp(skb, work, &reply.tcp))
			return -1;
		return sp_refuse_replace(skb, offset, &reply, len);
	}
}

/* The sum of the bytes that will be quoted. @quote_len is at most SP_REFUSE_QUOTE_MAX. The compiler
 * may check one copy of a length and pass another, of which the verifier of Linux 6.1 knows no
 * bound. So a mask that changes nothing is the bound, made where the compiler cannot see that it
 * changes nothing. */
SP_INLINE int sp_refuse_quote_sum(SP_CTX *skb, struct sp_work *work, __u32 quote_len,
				  __u32 *ret_sum)
{
	__u8 *quote = work->quote_bytes;

	__builtin_memset(quote, 0, SP_REFUSE_QUOTE_MAX);
	if (quote_len < sizeof(struct sp_ip4) || quote_len > SP_REFUSE_QUOTE_MAX)
		return -1;
	asm volatile("" : "+r"(quote_len));
	quote_len = ((quote_len - 1) & (SP_REFUSE_QUOTE_MAX - 1)) + 1;
	if (sp_bytes_load(skb, work->packet.network_offset, quote, quote_len))
		return -1;
	*ret_sum = bpf_csum_diff(NULL, 0, (void *)quote, SP_REFUSE_QUOTE_MAX, 0);
	return 0;
}

/* Cut the packet to what is quoted, and put @len bytes of headers between it and the link
 * header. */
SP_INLINE int sp_refuse_prepend(SP_CTX *skb, __u32 offset, __u32 quote_len, const void *headers,
				__u32 len)
{
	if (bpf_skb_change_tail(skb, offset + quote_len, 0) ||
	    bpf_skb_adjust_room(skb, (__s32)len, BPF_ADJ_ROOM_MAC, 0))
		return -1;
	return (int)bpf_skb_store_bytes(skb, offset, headers, len, 0);
}

SP_SUBPROGRAM int sp_refuse_prohibited(SP_CTX *skb, struct sp_work *work)
{
	const struct sp_path *path = &work->packet.path;
	__u32 offset = work->packet.network_offset, quote_len = work->packet.length, payload, len,
	      sum;
	struct sp_icmp *icmp;

	if (quote_len > SP_REFUSE_QUOTE_MAX)
		quote_len = SP_REFUSE_QUOTE_MAX;
	if (sp_refuse_quote_sum(skb, work, quote_len, &sum))
		return -1;
	payload = sizeof(*icmp) + quote_len;
	if (path->is_v6) {
		struct sp_refuse_ip6 reply = {};

		len = sizeof(reply.ip) + sizeof(reply.icmp);
		sp_refuse_header6(&reply.ip, path, payload, SP_PROTO_ICMP6);
		icmp = &reply.icmp;
		icmp->type = SP_ICMP6_UNREACHABLE;
		icmp->code = SP_ICMP6_PROHIBITED;
		icmp->checksum =
			sp_refuse_l4_sum(path, icmp, sizeof(*icmp), payload, SP_PROTO_ICMP6, sum);
		return sp_refuse_prepend(skb, offset, quote_len, &reply, len);
	} else {
		struct sp_refuse_ip4 reply = {};

		len = sizeof(reply.ip) + sizeof(reply.icmp);
		sp_refuse_header4(&reply.ip, path, sizeof(reply.ip) + payload, SP_PROTO_ICMP);
		icmp = &reply.icmp;
		icmp->type = SP_ICMP4_UNREACHABLE;
		icmp->code = SP_ICMP4_PROHIBITED;
		icmp->checksum =
			sp_checksum(bpf_csum_diff(NULL, 0, (void *)icmp, sizeof(*icmp), sum));
		return sp_refuse_prepend(skb, offset, quote_len, &reply, len);
	}
}

/* Address the frame back to the station that sent it. On an inner interface this works only if the
 * program can read the Ethernet header, with up to two tags: behind a generic XDP program it may
 * not. */
SP_INLINE int sp_refuse_swap_stations(SP_CTX *skb, __u32 link_len)
{
	struct sp_ether ether;
	__u8 sender[6];

	if (SP_THIS_HOOK == SP_HOOK_VPN_IN)
		return 0; /* a TUN has no link header */
	if (link_len != sizeof(ether) && link_len != sizeof(ether) + 4 &&
	    link_len != sizeof(ether) + 8)
		return -1;
	if (sp_bytes_load(skb, 0, &ether, sizeof(ether)))
		return -1;
	__builtin_memcpy(sender, ether.source, sizeof(sender));
	__builtin_memcpy(ether.source, ether.destination, sizeof(sender));
	__builtin_memcpy(ether.destination, sender, sizeof(sender));
	return (int)bpf_skb_store_bytes(skb, 0, &ether, sizeof(ether), 0);
}

/* Turn a denied packet into its refusal, or drop it. */
SP_INLINE int sp_refuse_or_drop(SP_CTX *skb, struct sp_work *work)
{
	int r;

	if (!sp_refuse_is_due(skb, work) || !sp_refuse_is_within_rate(work))
		return TC_ACT_SHOT;
	r = sp_refuse_resets(work) ? sp_refuse_reset(skb, work) : sp_refuse_prohibited(skb, work);
	if (r || sp_refuse_swap_stations(skb, work->packet.network_offset))
		return TC_ACT_SHOT;
	sp_set_mark(skb, SP_MARK_OWN);
	return (int)bpf_redirect(skb->ifindex, 0);
}

#endif
