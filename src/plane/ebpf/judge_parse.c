/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plane/ebpf/judge_parse.h"

#include <errno.h>
#include <stddef.h>

#include "lib/parse.h"

#include "base/bytes.h"

int sp_ebpf_judge_parse(enum sp_hook hook, const struct sp_frame *frame,
			struct sp_answer *ret_answer)
{
	struct sp_bytes bytes = {
		.bytes = frame->bytes,
		.len = frame->len,
		.is_ethernet = frame->is_ethernet,
	};
	bool is_recorder = hook == SP_HOOK_EDGE_OUT || hook == SP_HOOK_INSIDE_OUT;
	struct sp_parsed parsed;
	int reason = sp_parse(&bytes, &parsed);

	if (reason == 0)
		return -EIO;
	*ret_answer = (struct sp_answer){
		.verdict = parsed.is_arp || is_recorder ? SP_ALLOW : SP_DENY,
		.reason = reason,
		.rule = SP_RULE_NONE,
	};
	return 0;
}

/* Of the headers behind IP, UDP alone repeats the length. */
static void set_lengths(uint8_t *bytes, const struct sp_parsed *parsed, size_t len)
{
	uint8_t *ip = bytes + parsed->network_offset;
	uint8_t *udp = bytes + parsed->l4_offset;
	size_t ip_len = len - parsed->network_offset;
	size_t l4_len = len - parsed->l4_offset;

	if (parsed->path.is_v6)
		sp_put_be16(ip + offsetof(struct sp_ip6, payload_length_be),
			    ip_len - sizeof(struct sp_ip6));
	else
		sp_put_be16(ip + offsetof(struct sp_ip4, length_be), ip_len);
	if (parsed->path.proto == SP_PROTO_UDP && sp_get_be16(udp + 4) > l4_len)
		sp_put_be16(udp + 4, l4_len);
}

int sp_ebpf_shorten(uint8_t *bytes, size_t *len)
{
	struct sp_bytes view = { .bytes = bytes, .len = *len, .is_ethernet = 1 };
	struct sp_parsed parsed;

	if (sp_parse(&view, &parsed) != 0)
		return -EBADMSG;
	if (parsed.end_offset <= SP_EBPF_RUN_MAX) { /* only padding is too long */
		*len = SP_EBPF_RUN_MAX;
		return 0;
	}
	if (parsed.fragment != SP_FRAGMENT_NONE || parsed.path.icmp == SP_ICMP_ERROR ||
	    parsed.l4_offset + 64 > SP_EBPF_RUN_MAX)
		return -EMSGSIZE;
	set_lengths(bytes, &parsed, SP_EBPF_RUN_MAX);
	*len = SP_EBPF_RUN_MAX;
	return 0;
}
