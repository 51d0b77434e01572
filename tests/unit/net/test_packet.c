/* SPDX-License-Identifier: GPL-3.0-or-later */
/* docs/judgement.md, "Parsing", row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/bytes.h"
#include "net/addr.h"
#include "net/checksum.h"
#include "net/packet.h"
#include "support/frames.h"

#define V4 "10.0.0.1:1000 > 10.0.0.2:22 "
#define V6 "[2001:db8::1]:1000 > [2001:db8::2]:22 "
#define E4 "10.0.0.9 > 10.0.0.1 icmp type=3 code=1 "
#define E6 "2001:db8::9 > 2001:db8::1 icmp6 type=1 "

enum {
	OK = 0,
	MALFORMED = SP_REASON_MALFORMED,
	TRUNCATED = SP_REASON_TRUNCATED,
	ETHERTYPE = SP_REASON_ETHERTYPE,
	FRAGMENT = SP_REASON_FRAGMENT,
};

struct row {
	const char *text;
	int reason; /* OK or why it is denied */
};

/* A copy of exactly the frame's size, so that a sanitizer sees a read behind it. */
static void parse(const struct test_frame *frame, struct sp_packet *ret_packet)
{
	uint8_t *exact = malloc(frame->len ? frame->len : 1);

	assert_non_null(exact);
	memcpy(exact, frame->bytes, frame->len);
	sp_packet_parse(exact, frame->len, frame->is_ethernet, ret_packet);
	free(exact);
}

static void parse_text(const char *text, struct sp_packet *ret_packet)
{
	struct test_frame frame;

	test_frame_make(&frame, text);
	parse(&frame, ret_packet);
}

static void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct sp_packet pkt;
		int reason;

		parse_text(rows[i].text, &pkt);
		reason = pkt.kind == SP_PACKET_DENIED ? (int)pkt.reason : OK;
		if (reason != rows[i].reason)
			fail_msg("%s: reason %d, not %d", rows[i].text, reason, rows[i].reason);
	}
}

static void link_headers(void **state)
{
	static const struct row rows[] = {
		{ V4 "tcp eth", OK },
		{ V6 "tcp eth", OK },
		{ V4 "tcp vlan=1", OK },
		{ V6 "tcp vlan=2", OK },
		{ V4 "tcp vlan=3", ETHERTYPE },
		{ V4 "tcp ethertype=0806", OK },
		{ V4 "tcp vlan=2 ethertype=0806", OK },
		{ V4 "tcp ethertype=8847", ETHERTYPE },
		{ V4 "tcp ethertype=05dc", ETHERTYPE },
		{ V4 "tcp eth cut=0", TRUNCATED },
		{ V4 "tcp eth cut=13", TRUNCATED },
		{ V4 "tcp eth cut=14", TRUNCATED },
		{ V4 "tcp ethertype=0806 cut=14", OK },
		{ V4 "tcp ethertype=8847 cut=14", ETHERTYPE },
		{ V4 "tcp vlan=1 cut=17", TRUNCATED },
		{ V4 "tcp vlan=2 cut=21", TRUNCATED },
		{ V4 "tcp vlan=3 cut=22", ETHERTYPE },
		{ V4 "tcp ethertype=86dd", MALFORMED },
		{ V6 "tcp ethertype=0800", MALFORMED },
		{ V4 "tcp cut=0", TRUNCATED },
		{ V4 "tcp cut=1", TRUNCATED },
		{ V4 "tcp ip[0]=55 cut=1", MALFORMED },
		{ V6 "tcp cut=1", TRUNCATED },
		{ V4 "tcp ip[0]=05", MALFORMED },
		{ V4 "tcp ip[0]=f5", MALFORMED },
	};
	struct sp_packet pkt;

	(void)state;
	check_rows(rows, SP_ARRAY_LEN(rows));
	parse_text(V4 "tcp ethertype=0806", &pkt);
	assert_int_equal(pkt.kind, SP_PACKET_ARP);
	assert_int_equal(pkt.reason, SP_REASON_ETHERTYPE);
}

static void ipv4_headers(void **state)
{
	static const struct row rows[] = {
		{ V4 "tcp", OK },
		{ V4 "tcp pad=6", OK },
		{ V4 "tcp eth pad=6", OK },
		{ V4 "tcp cut=19", TRUNCATED },
		{ V4 "tcp cut=39", TRUNCATED },
		{ V4 "tcp ip[0]=44", MALFORMED },
		{ V4 "tcp ip[0]=4f", MALFORMED },            /* ihl 60 > total 40 */
		{ V4 "tcp payload=40 ip[0]=4f", MALFORMED }, /* its TCP header read as options */
		{ V4 "tcp ip[2]=0013", MALFORMED },
		{ V4 "tcp ip[2]=0029", TRUNCATED },
		{ V4 "tcp ip[2]=0027", MALFORMED }, /* 19 bytes of TCP */
		{ V4 "tcp ip[10]=dead", OK },       /* the checksum is not looked at */
		{ V4 "tcp options=01010101", OK },
		{ V4 "tcp options=00ffffff", OK }, /* the end: nothing behind it counts */
		{ V4 "tcp options=94040000", OK },
		{ V4 "tcp options=01019402", OK }, /* two bytes, the last two */
		{ V4 "tcp options=44080500000000000000000000000000", OK },
		{ V4 "tcp options=94010000", MALFORMED },
		{ V4 "tcp options=94000000", MALFORMED },
		{ V4 "tcp options=94050000", MALFORMED },
		{ V4 "tcp options=01010194", MALFORMED },
		{ V4 "tcp options=83070400000000", MALFORMED }, /* loose source route */
		{ V4 "tcp options=0183030400000000", MALFORMED },
		{ V4 "tcp options=89030400", MALFORMED }, /* strict */
		{ V4 "tcp options=00830304", OK },
		{ V4 "tcp ip[6]=4000", OK }, /* do not fragment */
		{ V4 "tcp ip[6]=8000", OK }, /* the reserved bit */
		{ V4 "proto=0", OK },
		{ V4 "proto=255", OK },
	};

	(void)state;
	check_rows(rows, SP_ARRAY_LEN(rows));
}

static void ipv6_headers(void **state)
{
	static const struct row rows[] = {
		{ V6 "tcp", OK },
		{ V6 "tcp pad=6", OK },
		{ V6 "tcp cut=39", TRUNCATED },
		{ V6 "tcp cut=59", TRUNCATED },
		{ V6 "tcp ip[4]=0000", MALFORMED }, /* no jumbograms: TCP has no bytes */
		{ V6 "tcp ip[0]=46", MALFORMED },   /* IPv4 of total length 0 */
		{ V6 "proto=59", OK },
		{ ":: > 2001:db8::2 udp", OK },
		{ "2001:db8::2 > :: udp", MALFORMED },
		{ "::1 > 2001:db8::2 udp", MALFORMED },
		{ "2001:db8::2 > ::1 udp", MALFORMED },
		{ "::0102:0304 > 2001:db8::2 udp", MALFORMED },
		{ "::1:0:0 > 2001:db8::2 udp", OK },
		{ V6 "udp ip[8]=00000000000000000000ffff0a000001", MALFORMED },
		{ V6 "udp ip[24]=00000000000000000000ffff0a000001", MALFORMED },
		{ V6 "udp ip[24]=00000000000000000000fffe0a000001", OK },
		{ V6 "tcp ext=0", OK },
		{ V6 "tcp ext=60", OK },
		{ V6 "tcp ext=43", OK },
		{ V6 "tcp ext=51", OK },
		{ V6 "tcp ext=0,60,43,51,60", OK },
		{ V6 "tcp ext=60,0", MALFORMED },
		{ V6 "tcp ext=0,0", MALFORMED },
		{ V6 "tcp ext=60,60,60,60,60,60,60,60", OK },
		{ V6 "tcp ext=60,60,60,60,60,60,60,60,60", MALFORMED },
		{ V6 "tcp ext=43 ip[42]=00", MALFORMED }, /* type 0 */
		{ V6 "tcp ext=43 ip[43]=01", MALFORMED }, /* segments left */
		{ V6 "tcp ext=43 ip[42]=0200", OK },      /* type 2, arrived */
		{ V6 "tcp ext=60 ip[41]=01",
		  MALFORMED }, /* its options swallow the TCP header's front */
		{ V6 "tcp ext=60 ip[41]=03", MALFORMED }, /* 32 bytes of 28 */
		{ V6 "tcp ext=60 ip[41]=ff", MALFORMED },
		{ V6 "tcp ext=51 ip[41]=05", MALFORMED }, /* 28 bytes: nothing is left for TCP */
		{ V6 "tcp ext=51 ip[41]=06", MALFORMED },
		{ V6 "proto=47 ext=51 ip[41]=01 payload=0", MALFORMED },
		{ V6 "proto=47 ext=51 payload=0", OK },
		{ V6 "proto=60 payload=0", MALFORMED },
		{ V6 "proto=60 payload=7", MALFORMED },
		{ V6 "proto=135 payload=8", OK }, /* mobility: a protocol */
		{ V6 "proto=139 payload=8", OK },
		{ V6 "tcp ext=44", OK }, /* an atomic fragment */
		{ V6 "tcp ext=44,44", MALFORMED },
		{ V6 "tcp ext=44,60", OK },
		{ V6 "tcp ext=44,0", MALFORMED },
	};

	(void)state;
	check_rows(rows, SP_ARRAY_LEN(rows));
}

static void layer4_headers(void **state)
{
	static const struct row rows[] = {
		{ V4 "tcp S", OK },
		{ V4 "tcp SA", OK },
		{ V4 "tcp A", OK },
		{ V4 "tcp R", OK },
		{ V4 "tcp RA", OK },
		{ V4 "tcp FA", OK },
		{ V4 "tcp PA", OK },
		{ V4 "tcp UA", OK },
		{ V4 "tcp FPUA", OK },
		{ V4 "tcp FRA", OK },
		{ V4 "tcp -", MALFORMED },
		{ V4 "tcp SF", MALFORMED },
		{ V4 "tcp SFA", MALFORMED },
		{ V4 "tcp SR", MALFORMED },
		{ V4 "tcp SRA", MALFORMED },
		{ V4 "tcp F", MALFORMED },
		{ V4 "tcp P", MALFORMED },
		{ V4 "tcp U", MALFORMED },
		{ V4 "tcp FPU", MALFORMED },
		{ V4 "tcp SP", MALFORMED },
		{ V4 "tcp RF", MALFORMED },
		{ V6 "tcp -", MALFORMED },
		{ V6 "tcp SF", MALFORMED },
		{ V6 "tcp FPU", MALFORMED },
		{ V4 "tcp l4[13]=c2", OK },        /* ECN bits beside SYN */
		{ V4 "tcp l4[13]=c0", MALFORMED }, /* ECN bits alone are none of the six */
		{ V4 "tcp l4[12]=40", MALFORMED },
		{ V4 "tcp l4[12]=60", MALFORMED },
		{ V4 "tcp payload=4 l4[12]=60", OK },
		{ V4 "tcp payload=40 l4[12]=f0", OK },
		{ V4 "tcp payload=39 l4[12]=f0", MALFORMED },
		{ V4 "proto=6 payload=19", MALFORMED },
		{ V4 "udp", OK },
		{ V6 "udp", OK },
		{ V4 "udp payload=0", OK },
		{ V4 "udp l4[4]=0007", MALFORMED },
		{ V4 "udp l4[4]=0000", MALFORMED },
		{ V4 "udp l4[4]=0008", OK },
		{ V4 "udp l4[4]=000c", OK },
		{ V4 "udp l4[4]=000d", MALFORMED },
		{ V4 "udp l4[4]=000d pad=10", MALFORMED }, /* padding is no payload */
		{ V4 "proto=17 payload=7", MALFORMED },
		{ V4 "sctp", OK },
		{ V4 "proto=132 payload=11", MALFORMED },
		{ V6 "proto=132 payload=11", MALFORMED },
		{ V4 "icmp", OK },
		{ V4 "proto=1 payload=7", MALFORMED },
		{ V6 "icmp6", OK },
		{ V6 "proto=58 payload=7", MALFORMED },
		{ V6 "proto=1 payload=0", OK },
		{ V4 "proto=58 payload=0", OK },
		{ V4 "proto=47 payload=0", OK },
	};

	(void)state;
	check_rows(rows, SP_ARRAY_LEN(rows));
}

static void fragments(void **state)
{
	static const struct row rows[] = {
		{ V4 "udp payload=100 frag=7:0-48+", OK },
		{ V4 "udp payload=100 frag=7:48-108", OK },
		{ V4 "udp payload=100 frag=7:8-16+", OK },
		{ V4 "udp payload=100 frag=7:0-47+", MALFORMED },
		{ V4 "udp payload=100 frag=7:8-15+", MALFORMED },
		{ V4 "udp payload=100 frag=7:8-15", OK },
		{ V4 "udp payload=100 frag=7:8-8", MALFORMED },
		{ V4 "udp payload=100 frag=7:0-0+", MALFORMED },
		{ V4 "udp payload=100 frag=7:65528-65535", OK },
		{ V4 "udp payload=100 frag=7:65528-65536", MALFORMED },
		{ V4 "udp payload=100 frag=7:65520-65528+", OK },
		{ V4 "udp payload=100 frag=7:65528-65536+", MALFORMED },
		{ V4 "udp payload=0 frag=7:0-8+", OK },
		{ V4 "udp payload=100 frag=7:0-8+ l4[4]=0007", MALFORMED },
		{ V4 "udp payload=100 frag=7:0-8+ l4[4]=ffff", OK },
		{ V4 "tcp payload=100 frag=7:0-24+", OK },
		{ V4 "tcp payload=100 frag=7:0-16+", FRAGMENT },
		{ V4 "tcp payload=100 frag=7:0-8+", FRAGMENT },
		{ V4 "tcp payload=100 frag=7:0-24+ l4[12]=60", OK },
		{ V4 "tcp payload=100 frag=7:0-24+ l4[12]=70", FRAGMENT },
		{ V4 "tcp payload=100 frag=7:0-24+ l4[12]=40", MALFORMED },
		{ V4 "tcp - payload=100 frag=7:0-24+", MALFORMED },
		{ V4 "tcp - payload=100 frag=7:0-24+ l4[12]=70",
		  FRAGMENT }, /* length before flags */
		{ V4 "sctp payload=100 frag=7:0-16+", OK },
		{ V4 "sctp payload=100 frag=7:0-8+", FRAGMENT },
		{ V4 "icmp payload=100 frag=7:0-8+", OK },
		{ V4 "proto=47 payload=100 frag=7:0-8+", OK },
		{ V4 "tcp frag=7:8-16+", OK },
		{ V6 "udp payload=100 frag=7:0-48+", OK },
		{ V6 "udp payload=100 frag=7:48-108", OK },
		{ V6 "udp payload=100 frag=7:0-47+", MALFORMED },
		{ V6 "udp payload=100 frag=7:8-8", MALFORMED },
		{ V6 "udp payload=100 frag=7:65528-65536", MALFORMED },
		{ V6 "udp payload=100 frag=7:65528-65535", OK },
		{ V6 "tcp payload=100 frag=7:0-16+", FRAGMENT },
		{ V6 "tcp payload=100 frag=7:0-24+", OK },
		{ V6 "icmp6 payload=100 frag=7:0-8+", OK },
		{ V6 "udp payload=100 ext=0,60 frag=7:0-8+", OK },
		{ V6 "udp payload=100 frag=7:0-16+ fragext=60", OK },
		{ V6 "udp payload=100 frag=7:0-8+ fragext=60", FRAGMENT }, /* no layer 4 left */
		{ V6 "udp payload=100 frag=7:0-16+ fragext=60,60", FRAGMENT },
		{ V6 "udp payload=100 frag=7:0-8+ fragext=60,60",
		  FRAGMENT }, /* the second header is cut */
		{ V6 "udp payload=100 frag=7:0-8+ fragext=60 l4[1]=01", FRAGMENT },
		{ V6 "udp payload=100 frag=7:0-7+ fragext=60", MALFORMED },
		{ V6 "udp payload=100 frag=7:0-24+ fragext=44", MALFORMED },
		{ V6 "udp payload=100 frag=7:0-24+ fragext=0", MALFORMED },
		{ V6 "udp payload=100 frag=7:0-24+ fragext=43", OK },
		{ V6 "udp payload=100 frag=7:0-24+ fragext=43 l4[2]=00", MALFORMED },
		{ V6 "udp payload=100 frag=7:8-16+ fragext=60 l4[0]=2cff",
		  OK }, /* later: not walked */
		{ V6 "proto=47 payload=100 frag=7:0-8+ fragext=60", OK },
		/* the ninth header, behind the fragment header too */
		{ V6 "udp payload=99 ext=60,60,60,60 frag=7:0-56+ fragext=60,60,60", OK },
		{ V6 "udp payload=99 ext=60,60,60,60 frag=7:0-56+ fragext=60,60,60,60", MALFORMED },
	};
	struct sp_packet pkt;

	(void)state;
	check_rows(rows, SP_ARRAY_LEN(rows));

	parse_text(V6 "udp payload=100 ext=60 frag=305419896:48-56+", &pkt);
	assert_true(pkt.is_fragment);
	assert_false(pkt.is_first_fragment);
	assert_false(pkt.is_last_fragment);
	assert_int_equal(pkt.fragment_id, 305419896);
	assert_int_equal(pkt.fragment_from, 48);
	assert_int_equal(pkt.fragment_to, 56);
	assert_int_equal(pkt.tuple.proto, 17);
	assert_false(pkt.has_ports);

	parse_text(V4 "udp payload=100 frag=65535:0-24+", &pkt);
	assert_true(pkt.is_first_fragment);
	assert_int_equal(pkt.fragment_id, 65535);
	assert_int_equal(pkt.tuple.destination_port, 22);
}

static void icmp_errors(void **state)
{
	static const struct {
		const char *text;
		int reason;
		bool has_quote;
	} rows[] = {
		{ E4 "quote " V4 "tcp", OK, true },
		{ E4 "quote=8 " V4 "udp", OK, true },
		{ E4 "quote=7 " V4 "udp", OK, false },
		{ E4 "quote=0 " V4 "udp", OK, false },
		{ E4 "quote=20 " V4 "tcp options=01010101", OK, true },
		{ E4 "quote=8 " V4 "sctp", OK, true },
		{ E4 "quote=8 " V4 "icmp id=9", OK, true },
		{ E4 "quote=8 " V4 "icmp type=0 id=9", OK, true },
		{ E4 "quote=7 " V4 "icmp id=9", OK, false },
		{ E4 "quote=8 " V4 "icmp type=3", OK, false },
		{ E4 "quote=8 " V4 "icmp type=5", OK, false },
		{ E4 "quote=8 " V4 "icmp type=9", OK, true }, /* names a tuple that has no flow */
		{ E4 "quote=0 " V4 "proto=47", OK, true },
		{ E4 "quote=8 " V4 "udp frag=7:0-8+", OK, true },
		{ E4 "quote=8 " V4 "udp frag=7:8-16+", OK, false },
		{ E4 "quote=8 " V4 "tcp ip[2]=0000", OK,
		  true }, /* stated lengths are not looked at */
		{ E4 "quote=8 " V4 "tcp options=83030400", OK, true },
		{ "10.0.0.9 > 10.0.0.7 icmp type=3 quote " V4 "tcp", MALFORMED, false },
		{ E4 "quote=8 " V4 "tcp ip[0]=44", MALFORMED, false },
		{ E4 "quote=0 " V4 "tcp ip[0]=46", MALFORMED, false }, /* 24 bytes of 20 */
		{ E4 "quote=8 " V4 "tcp ip[0]=65", MALFORMED, false },
		{ E4 "quote=8 " V6 "tcp", MALFORMED, false },
		{ E4, MALFORMED, false },
		{ E4 "payload=19", MALFORMED, false },
		{ "10.0.0.9 > 10.0.0.1 icmp type=4 quote " V4 "tcp", OK, true },
		{ "10.0.0.9 > 10.0.0.1 icmp type=11 quote " V4 "tcp", OK, true },
		{ "10.0.0.9 > 10.0.0.1 icmp type=12 quote " V4 "tcp", OK, true },
		{ "10.0.0.9 > 10.0.0.1 icmp type=5 quote " V4 "tcp", OK, false },
		{ "10.0.0.9 > 10.0.0.1 icmp type=5", MALFORMED, false },
		{ E6 "quote " V6 "tcp", OK, true },
		{ E6 "quote=7 " V6 "tcp", OK, false },
		{ E6 "quote=8 " V6 "tcp ext=0,60", OK, true },
		{ E6 "quote=8 " V6 "tcp ext=60,0", MALFORMED, false },
		{ E6 "quote=8 " V6 "tcp ext=43 ip[43]=01", MALFORMED, false },
		{ E6 "quote=8 " V6 "tcp ext=60,60,60,60,60,60,60,60,60", MALFORMED, false },
		{ E6 "quote=0 " V6 "tcp ext=60 ip[41]=01", OK, false },
		{ E6 "quote=8 " V6 "udp frag=7:0-8+", OK, true },
		{ E6 "quote=8 " V6 "udp frag=7:0-15+", OK, true }, /* its span says nothing */
		{ E6 "quote=8 " V6 "udp frag=7:8-16+", OK, false },
		{ E6 "quote=8 " V6 "tcp ext=44,44", MALFORMED, false },
		{ E6 "quote=8 " V6 "icmp6 id=9", OK, true },
		{ E6 "quote=8 " V6 "icmp6 type=1", OK, false },
		{ E6 "quote=8 " V6 "icmp6 type=137", OK, false },
		{ E6 "quote=0 " V6 "proto=47", OK, true },
		{ E6 "quote=8 " V4 "tcp", MALFORMED, false },
		{ E6 "payload=39", MALFORMED, false },
		{ E6 "payload=39 l4[8]=60", MALFORMED, false },
		{ E6 "payload=60", MALFORMED, false },
		{ "2001:db8::9 > 2001:db8::7 icmp6 type=1 quote " V6 "tcp", MALFORMED, false },
		{ "2001:db8::9 > 2001:db8::1 icmp6 type=2 quote " V6 "tcp", OK, true },
		{ "2001:db8::9 > 2001:db8::1 icmp6 type=4 quote " V6 "tcp", OK, true },
		{ "2001:db8::9 > 2001:db8::1 icmp6 type=137", OK, false },
	};
	struct sp_packet pkt;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		int reason;

		parse_text(rows[i].text, &pkt);
		reason = pkt.kind == SP_PACKET_DENIED ? (int)pkt.reason : OK;
		if (reason != rows[i].reason)
			fail_msg("%s: reason %d, not %d", rows[i].text, reason, rows[i].reason);
		if (reason == OK && pkt.has_quote != rows[i].has_quote)
			fail_msg("%s: quote", rows[i].text);
		if (reason == OK && !pkt.is_icmp_error)
			fail_msg("%s: no error", rows[i].text);
	}

	parse_text(E6 "quote=8 " V6 "udp ext=0,60", &pkt);
	assert_int_equal(pkt.quote.proto, 17);
	assert_int_equal(pkt.quote.source_port, 1000);
	assert_int_equal(pkt.quote.destination_port, 22);
	parse_text(V4 "icmp type=9 id=7",
		   &pkt); /* no identifier: what stands there is something else */
	assert_int_equal(pkt.tuple.source_port, 0);
	parse_text(E4 "quote=8 " V4 "icmp id=9", &pkt);
	assert_int_equal(pkt.quote.source_port, 9);
	assert_int_equal(pkt.quote.icmp_type, 8);
}

/* Every prefix of a good frame is judged as something, and never read past its end. */
static void every_cut_is_denied(void **state)
{
	static const char *const texts[] = {
		V4 "tcp eth options=94040000",
		V6 "tcp vlan=2 ext=0,60,43,51",
		V6 "udp ext=44",
		E4 "quote=20 " V4 "tcp",
		E6 "quote=20 " V6 "tcp ext=0,60",
		V6 "udp payload=40 frag=7:0-24+ fragext=60",
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(texts); i++) {
		struct test_frame frame;
		struct sp_packet pkt;

		test_frame_make(&frame, texts[i]);
		parse(&frame, &pkt);
		assert_int_equal(pkt.kind, SP_PACKET_IP);
		while (frame.len > 0) {
			frame.len--;
			parse(&frame, &pkt);
			assert_int_equal(pkt.kind, SP_PACKET_DENIED);
			assert_int_equal(pkt.reason, TRUNCATED);
		}
	}
}

static void built_packets_parse_back(void **state)
{
	static const struct {
		const char *source, *destination;
		uint8_t proto;
		uint16_t source_port, destination_port;
		uint8_t type;
	} rows[] = {
		{ "10.0.0.1", "10.0.0.2", 6, 1000, 22, 0 },
		{ "10.0.0.1", "10.0.0.2", 17, 1000, 53, 0 },
		{ "10.0.0.1", "10.0.0.2", 132, 1000, 53, 0 },
		{ "10.0.0.1", "10.0.0.2", 1, 77, 77, 8 },
		{ "10.0.0.1", "10.0.0.2", 1, 0, 0, 9 },
		{ "10.0.0.1", "10.0.0.2", 1, 0, 0, 3 },
		{ "10.0.0.1", "10.0.0.2", 47, 0, 0, 0 },
		{ "2001:db8::1", "2001:db8::2", 6, 1000, 22, 0 },
		{ "2001:db8::1", "2001:db8::2", 17, 1000, 53, 0 },
		{ "2001:db8::1", "2001:db8::2", 58, 77, 77, 128 },
		{ "2001:db8::1", "2001:db8::2", 58, 0, 0, 1 },
		{ "2001:db8::1", "2001:db8::2", 47, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < 2 * SP_ARRAY_LEN(rows); i++) {
		bool with_ethernet = i >= SP_ARRAY_LEN(rows);
		size_t row = i % SP_ARRAY_LEN(rows), len;
		struct sp_tuple tuple = {
			.proto = rows[row].proto,
			.source_port = rows[row].source_port,
			.destination_port = rows[row].destination_port,
			.icmp_type = rows[row].type,
		};
		struct sp_packet pkt;
		uint8_t buf[128];

		assert_int_equal(sp_addr_parse(rows[row].source, &tuple.source), 0);
		assert_int_equal(sp_addr_parse(rows[row].destination, &tuple.destination), 0);
		len = sp_packet_build(&tuple, with_ethernet, buf);
		sp_packet_parse(buf, len, with_ethernet, &pkt);
		assert_int_equal(pkt.kind, SP_PACKET_IP);
		assert_memory_equal(&pkt.tuple, &tuple, sizeof(tuple));
		assert_int_equal(pkt.length + (with_ethernet ? 14 : 0), len);
	}
}

static void checksums_are_those_of_the_rfcs(void **state)
{
	/* RFC 1071, 3: the sum of these is ddf2. */
	static const uint8_t words[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	/* A captured echo request. */
	static const uint8_t header[] = { 0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40,
					  0x00, 0x40, 0x11, 0x00, 0x00, 0xc0, 0xa8,
					  0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7 };
	static const char *const texts[] = { V4 "tcp payload=3", V6 "udp payload=3", V6 "icmp6" };

	(void)state;
	assert_int_equal(sp_checksum_finish(sp_checksum_add(0, words, 8)), 0x220d);
	assert_int_equal(sp_checksum_finish(sp_checksum_add(0, header, 20)), 0xb861);
	for (size_t i = 0; i < SP_ARRAY_LEN(texts); i++) {
		struct test_frame frame;
		struct sp_packet pkt;

		test_frame_make(&frame, texts[i]);
		parse(&frame, &pkt);
		/* Over a segment that holds its checksum the sum is all ones. */
		assert_int_equal(sp_checksum_segment(&pkt.tuple.source, &pkt.tuple.destination,
						     pkt.tuple.proto, frame.bytes + frame.l4_at,
						     frame.len - frame.l4_at),
				 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_headers),
		cmocka_unit_test(ipv4_headers),
		cmocka_unit_test(ipv6_headers),
		cmocka_unit_test(layer4_headers),
		cmocka_unit_test(fragments),
		cmocka_unit_test(icmp_errors),
		cmocka_unit_test(every_cut_is_denied),
		cmocka_unit_test(built_packets_parse_back),
		cmocka_unit_test(checksums_are_those_of_the_rfcs),
	};

	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
