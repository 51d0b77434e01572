/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parser: bytes to what is judged (docs/judgement.md, "Parsing"). The steps are parse_link.h,
 * parse_ip4.h or parse_ip6.h, then parse_l4.h and parse_quote.h. Both families share one path, and
 * it compiles in user space too.
 *
 * Every function here returns 0 to go on, or the enum sp_reason for which the packet is denied. The
 * tests are made in the order of that page. No length or offset of a packet is used before it was
 * compared with the bytes that are present. */
#ifndef SALLYPORT_BPF_PARSE_H
#define SALLYPORT_BPF_PARSE_H

#include "lib/packet.h"
#include "lib/parse_ip4.h"
#include "lib/parse_ip6.h"
#include "lib/parse_quote.h"
#include "lib/parse_l4.h"
#include "lib/parse_link.h"

/* Parse the packet of @ctx. Returns 0; else the reason it is denied for. ARP is SP_REASON_ETHERTYPE
 * with is_arp set. */
SP_INLINE int sp_parse(SP_CTX *ctx, struct sp_parsed *parsed)
{
	__u32 present = sp_bytes_len(ctx), type = 0;
	int reason;

	__builtin_memset(parsed, 0, sizeof(*parsed));
	parsed->length = present;
	reason = sp_parse_link(ctx, present, parsed, &type);
	if (reason)
		return reason;
	parsed->is_arp = type == SP_ETHER_ARP;
	if (type == SP_ETHER_IP4)
		reason = sp_parse_ip4(ctx, present, parsed);
	else if (type == SP_ETHER_IP6)
		reason = sp_parse_ip6(ctx, present, parsed);
	else
		reason = SP_REASON_ETHERTYPE;
	if (reason || parsed->fragment == SP_FRAGMENT_LATER)
		return reason;
	return sp_parse_l4(ctx, parsed);
}

#endif
