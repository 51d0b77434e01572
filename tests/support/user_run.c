/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/user_run.h"

#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <string.h>

#include "support/user_packet.h"

#include "lib/token.h"

#include "net/addr.h"
#include "net/checksum.h"
#include "net/packet.h"
#include "support/user_program.h"

#define NO_ANSWER 0xffffffffu
#define QUOTE_MAX 128u

struct user_seen user_seen;

/* ---- the ways ---- */

/* Chosen by the packet itself: when a failing case is made small, its packets keep their ways. */
static enum user_way way_of(const struct sp_frame *frame)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < frame->len; i++)
		sum += frame->bytes[i];
	return sum % USER_WAY_COUNT;
}

/* Both programs of an outer interface, as one: what edge-in drops is TC_ACT_SHOT too. */
static int run_edge(struct user_packet *packet, enum user_way way)
{
	user_seen.ways[way]++;
	packet->has_meta_room = way == USER_WAY_TOKEN || way == USER_WAY_LATE;
	packet->ctx.mark = 0;
	if (way != USER_WAY_TC && sp_edge_in(&packet->ctx) != XDP_PASS)
		return TC_ACT_SHOT;
	if (way == USER_WAY_LATE) {
		packet->ctx.data_meta += sizeof(struct sp_ether);
		packet->ctx.data += sizeof(struct sp_ether);
	}
	return sp_edge_tc(&packet->ctx);
}

static int run(enum sp_hook hook, struct user_packet *packet, enum user_way way)
{
	switch (hook) {
	case SP_HOOK_EDGE_IN:
		return run_edge(packet, way);
	case SP_HOOK_VPN_IN:
		return sp_vpn_in(&packet->ctx);
	case SP_HOOK_VPN_OUT:
		return sp_vpn_out(&packet->ctx);
	case SP_HOOK_INSIDE_IN:
		return sp_inside_in(&packet->ctx);
	case SP_HOOK_EDGE_OUT:
	case SP_HOOK_INSIDE_OUT:
		sp_recorder_hook = hook;
		return sp_edge_out(&packet->ctx);
	default:
		abort();
	}
}

/* ---- refusals ---- */

static bool is_swapped(const struct sp_packet *asked, const struct sp_packet *refusal)
{
	return refusal->kind == SP_PACKET_IP &&
	       sp_addr_compare(&refusal->tuple.source, &asked->tuple.destination) == 0 &&
	       sp_addr_compare(&refusal->tuple.destination, &asked->tuple.source) == 0;
}

static bool is_sum_right(const uint8_t *ip, const struct sp_packet *refusal)
{
	size_t header = refusal->is_v6 ? 40 : 20, addresses_len = refusal->is_v6 ? 32 : 8;
	size_t len = refusal->length - header;
	uint32_t sum = 0;

	if (!refusal->is_v6 && sp_checksum_ipv4(ip) != 0)
		return false;
	if (refusal->is_v6 || !refusal->is_icmp)
		sum = sp_checksum_pseudo(ip + header - addresses_len, addresses_len,
					 refusal->tuple.proto, len);
	return sp_checksum_finish(sp_checksum_add(sum, ip + header, len)) == 0;
}

/* The stations change places, and everything else before IP stays. */
static bool is_link_right(const struct sp_frame *frame, const struct user_packet *packet,
			  size_t link_len)
{
	const uint8_t *link = packet->ctx.bytes;

	if (!frame->is_ethernet)
		return link_len == 0;
	return memcmp(link, frame->bytes + 6, 6) == 0 && memcmp(link + 6, frame->bytes, 6) == 0 &&
	       memcmp(link + 12, frame->bytes + 12, link_len - 12) == 0;
}

static const char *check_reset(const struct sp_packet *asked, const struct sp_packet *refusal)
{
	if (!(refusal->tcp_flags & 0x04) ||
	    refusal->tuple.source_port != asked->tuple.destination_port ||
	    refusal->tuple.destination_port != asked->tuple.source_port)
		return "a reset that is none of this connection";
	user_seen.resets[refusal->is_v6]++;
	return NULL;
}

static const char *check_prohibited(const struct sp_frame *frame, const struct sp_packet *asked,
				    const uint8_t *ip, size_t link_len,
				    const struct sp_packet *refusal)
{
	size_t header = (refusal->is_v6 ? 40 : 20) + 8;
	size_t quote = asked->length < QUOTE_MAX ? asked->length : QUOTE_MAX;

	if (!refusal->is_icmp_error || refusal->length != header + quote ||
	    memcmp(ip + header, frame->bytes + link_len, quote) != 0)
		return "a refusal that does not quote the packet";
	user_seen.prohibited[refusal->is_v6]++;
	return NULL;
}

static const char *check_refusal(enum sp_hook hook, const struct sp_frame *frame,
				 const struct user_packet *packet)
{
	const struct sp_bytes *ctx = &packet->ctx;
	struct sp_packet asked, refusal;
	size_t link_len;

	sp_packet_parse(frame->bytes, frame->len, frame->is_ethernet, &asked);
	sp_packet_parse(ctx->bytes, ctx->len, ctx->is_ethernet, &refusal);
	if (ctx->mark != SP_MARK_OWN || packet->sent_by != ctx->ifindex)
		return "a refusal that is not sent back as our own packet";
	if (!is_swapped(&asked, &refusal) || refusal.is_v6 != asked.is_v6)
		return "a refusal that goes from elsewhere, or elsewhere";
	link_len = ctx->len - refusal.length;
	/* a test run of the tunnel's program may have an Ethernet header, which a TUN has not */
	if (hook != SP_HOOK_VPN_IN && !is_link_right(frame, packet, link_len))
		return "a refusal with another link header";
	if (!is_sum_right(ctx->bytes + link_len, &refusal))
		return "a refusal with a wrong checksum";
	if (refusal.is_icmp)
		return check_prohibited(frame, &asked, ctx->bytes + link_len, link_len, &refusal);
	return check_reset(&asked, &refusal);
}

/* ---- what became of the packet ---- */

static bool is_unchanged(const struct sp_frame *frame, const struct user_packet *packet)
{
	return packet->ctx.len == frame->len &&
	       (frame->len == 0 || memcmp(packet->ctx.bytes, frame->bytes, frame->len) == 0);
}

static bool has_token(const struct user_packet *packet)
{
	for (int i = 0; i < USER_META_ROOM; i++)
		if (packet->memory[i])
			return true;
	return false;
}

static bool is_arriving(enum sp_hook hook)
{
	return hook == SP_HOOK_EDGE_IN || hook == SP_HOOK_VPN_IN || hook == SP_HOOK_INSIDE_IN;
}

static const char *check_passed(enum sp_hook hook, const struct sp_frame *frame,
				const struct user_packet *packet)
{
	uint32_t mark = packet->ctx.mark;

	if (!is_unchanged(frame, packet))
		return "an allowed packet was changed";
	if (is_arriving(hook) && !SP_MARK_IS_PASSED(mark))
		return "an allowed packet has no mark";
	if (!is_arriving(hook) && mark != frame->mark)
		return "a packet that leaves got another mark";
	return has_token(packet) ? "the token is still before the packet" : NULL;
}

static const char *check(enum sp_hook hook, const struct sp_frame *frame,
			 const struct user_packet *packet, int action)
{
	const struct sp_test_answer *answer = bpf_map_lookup_elem(&sp_test_answer, &(__u32){ 0 });

	if (answer->verdict == NO_ANSWER)
		return "no program judged the packet";
	if ((answer->verdict == SP_ALLOW) != (action == TC_ACT_UNSPEC))
		return "the packet did not get what the answer says";
	if (action == TC_ACT_UNSPEC)
		return check_passed(hook, frame, packet);
	if (action == TC_ACT_REDIRECT && (hook == SP_HOOK_VPN_IN || hook == SP_HOOK_INSIDE_IN))
		return check_refusal(hook, frame, packet);
	return action == TC_ACT_SHOT ? NULL : "a denied packet was not dropped";
}

const char *user_run(enum sp_hook hook, const struct sp_frame *frame)
{
	const struct sp_test_answer none = { .verdict = NO_ANSWER };
	struct user_packet packet;
	const char *wrong;

	bpf_map_update_elem(&sp_test_answer, &(__u32){ 0 }, &none, BPF_ANY);
	user_packet_init(&packet, frame);
	wrong = check(hook, frame, &packet, run(hook, &packet, way_of(frame)));
	user_packet_done(&packet);
	return wrong;
}
