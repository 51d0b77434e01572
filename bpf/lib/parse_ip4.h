/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* IPv4: header, options, fragment fields (RFC 791). */
#ifndef SALLYPORT_BPF_PARSE_IP4_H
#define SALLYPORT_BPF_PARSE_IP4_H

#include "lib/headers.h"
#include "lib/packet.h"

#define SP_IP4_OPTION_END 0
#define SP_IP4_OPTION_NOP 1
#define SP_IP4_OPTION_LSRR 131
#define SP_IP4_OPTION_SSRR 137
#define SP_IP4_OPTIONS_MAX 40u

/* Check @len (4..40) bytes of options at @offset, all of which are present. Reads byte by byte, so
 * that no index depends on what was read: the verifier then need not follow every way in which the
 * lengths may add up. */
SP_GLOBAL int sp_parse_ip4_options(SP_CTX *ctx, __u32 offset, __u32 len)
{
	__u8 options[SP_IP4_OPTIONS_MAX] = {};
	__u32 skip = 0; /* bytes of this option still to come */
	int is_length = 0;

	if (len < 4 || len > SP_IP4_OPTIONS_MAX || sp_bytes_load(ctx, offset, options, len))
		return SP_REASON_MALFORMED;
	for (__u32 i = 0; i < SP_IP4_OPTIONS_MAX; i++) {
		__u32 byte = options[i];

		if (i >= len)
			break;
		if (skip) {
			skip--;
		} else if (is_length) {
			if (byte < 2 || byte > len - i + 1)
				return SP_REASON_MALFORMED;
			skip = byte - 2;
			is_length = 0;
		} else if (byte == SP_IP4_OPTION_END) {
			return 0;
		} else if (byte == SP_IP4_OPTION_LSRR || byte == SP_IP4_OPTION_SSRR) {
			return SP_REASON_MALFORMED;
		} else {
			is_length = byte != SP_IP4_OPTION_NOP;
		}
	}
	return is_length ? SP_REASON_MALFORMED : 0;
}

SP_SUBPROGRAM int sp_parse_ip4(SP_CTX *ctx, __u32 present, struct sp_parsed *parsed)
{
	__u32 offset = parsed->network_offset;
	__u32 header_len, length, fragment;
	struct sp_ip4 header;

	if (present < offset + sizeof(header) ||
	    sp_bytes_load(ctx, offset, &header, sizeof(header)))
		return SP_REASON_TRUNCATED;
	header_len = (header.version_ihl & 15) * 4;
	length = bpf_ntohs(header.length_be);
	if (header.version_ihl >> 4 != 4 || header_len < sizeof(header) || length < header_len)
		return SP_REASON_MALFORMED;
	sp_addr_from_ip4(&parsed->path.source, header.source_be);
	sp_addr_from_ip4(&parsed->path.destination, header.destination_be);
	parsed->path.proto = header.proto;
	parsed->is_ip = 1;
	if (present < offset + length)
		return SP_REASON_TRUNCATED;
	if (header_len > sizeof(header) &&
	    sp_parse_ip4_options(ctx, offset + sizeof(header), header_len - sizeof(header)))
		return SP_REASON_MALFORMED;
	parsed->length = length;
	parsed->l4_offset = offset + header_len;
	parsed->end_offset = offset + length;
	parsed->hop_limit = header.ttl;
	fragment = bpf_ntohs(header.fragment_be);
	if (!(fragment & 0x3fff))
		return 0;
	parsed->fragment = fragment & 0x1fff ? SP_FRAGMENT_LATER : SP_FRAGMENT_FIRST;
	parsed->fragment_id = bpf_ntohs(header.id_be);
	parsed->fragment_from = (fragment & 0x1fff) * 8;
	parsed->fragment_to = parsed->fragment_from + length - header_len;
	return sp_check_span(parsed->fragment_from, fragment & 0x2000, length - header_len);
}

#endif
