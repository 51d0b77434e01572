/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets from one readable line, for tables of tests.
 *
 *	10.0.0.1:1000 > 10.0.0.2:22 tcp			a SYN
 *	[2001:db8::1]:53 > [2001:db8::2]:9 udp payload=40
 *	10.0.0.1 > 10.0.0.2 icmp type=8 id=7		8 and 128, an echo request, when no type is said
 *	10.0.0.1 > 10.0.0.2 proto=47 payload=8		no layer-4 header, whatever the number
 *	10.0.0.2 > 10.0.0.1 icmp type=3 quote 10.0.0.1:1000 > 10.0.0.2:22 tcp
 *
 * source > destination protocol, then words in any order:
 *	S SA A R F PA …		TCP flags; "-": none			payload=N	bytes behind layer 4
 *	type=N code=N id=N	of ICMP					ttl=N		default 64
 *	eth, vlan=N		Ethernet, N tags; bare IP otherwise	ethertype=HEX
 *	options=HEX		IPv4 options, a multiple of 4 bytes
 *	ext=A,B,…		IPv6 extension headers in front of layer 4 (eight zero bytes each, a
 *				routing header of type 4 with nothing left)
 *	frag=ID:FROM-TO[+]	only these bytes of layer 4 and payload (zeros behind them), + more
 *	fragext=A,B,…		extension headers behind the fragment header, part of those bytes
 *	ip[AT]=HEX l4[AT]=HEX	overwrite bytes counted from the IP header or from layer 4
 *	cut=N, pad=N		leave N bytes of the frame; append N bytes
 *	quote …			ICMP error: everything behind it is the quoted packet, first 8 bytes of
 *				layer 4; quote=N says how many bytes of it instead
 * Lengths and checksums are right unless overwritten. Nonsense ends the test program. */
#ifndef SALLYPORT_TESTS_SUPPORT_FRAMES_H
#define SALLYPORT_TESTS_SUPPORT_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/answer.h"

#define TEST_FRAME_MAX 4096

struct test_frame {
	uint8_t bytes[TEST_FRAME_MAX];
	size_t len;
	bool is_ethernet;
	size_t ip_at; /* where the IP header starts */
	size_t l4_at; /* where layer 4 starts */
};

void test_frame_make(struct test_frame *ret_frame, const char *text);

static inline struct sp_frame test_frame_view(const struct test_frame *frame)
{
	return (struct sp_frame){ .bytes = frame->bytes,
				  .len = frame->len,
				  .is_ethernet = frame->is_ethernet };
}

#endif
