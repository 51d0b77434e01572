/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/bytes.h"
#include "net/mss.h"
#include "support/offload.h"

#define SYN 0x02
#define ACK 0x10
#define MTU 1420u

static const struct naive_spec syn4 = {
	.proto = IPPROTO_TCP,
	.source = 1,
	.destination = 2,
	.source_port = 40000,
	.destination_port = 443,
	.ttl = 64,
	.flags = SYN,
	.window = 64240,
	.tcp_options = { 2, 4, 0x05, 0xb4 },
	.tcp_options_len = 4,
};

static uint8_t packet[2048], before[2048];

static struct naive_spec with_options(struct naive_spec spec, const char *options, size_t len)
{
	memcpy(spec.tcp_options, options, len);
	spec.tcp_options_len = len;
	return spec;
}

#define OPTIONS(spec, text) with_options(spec, text, sizeof(text) - 1)

static struct naive_spec as_v6(struct naive_spec spec)
{
	spec.is_v6 = true;
	return spec;
}

static size_t build(const struct naive_spec *spec)
{
	size_t len = naive_build(spec, packet);

	memcpy(before, packet, sizeof(before));
	return len;
}

/* The packet as it is in @packet, in storage of its very length. */
static void assert_bytes_untouched(size_t len, uint32_t mtu)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, packet, len);
	assert_false(sp_mss_clamp(copy, len, mtu));
	assert_memory_equal(copy, packet, len);
	free(copy);
}

static void assert_untouched(const struct naive_spec *spec, uint32_t mtu)
{
	assert_bytes_untouched(build(spec), mtu);
}

/* The option at @at of the options says @mss now, the checksum is right, and nothing else changed. */
static void assert_lowered(const struct naive_spec *spec, uint32_t mtu, size_t at, uint16_t mss)
{
	size_t len = build(spec), transport = naive_transport(packet);

	assert_true(sp_mss_clamp(packet, len, mtu));
	assert_int_equal(sp_get_be16(packet + transport + 20 + at + 2), mss);
	assert_true(naive_is_right(packet, len));
	memcpy(packet + transport + 20 + at + 2, before + transport + 20 + at + 2, 2);
	memcpy(packet + transport + 16, before + transport + 16, 2);
	assert_memory_equal(packet, before, sizeof(packet));
}

static void a_syn_is_lowered_to_what_fits(void **state)
{
	struct naive_spec syn6 = as_v6(syn4), syn_ack = syn4;

	(void)state;
	assert_lowered(&syn4, MTU, 0, 1380);
	assert_lowered(&syn6, MTU, 0, 1360);
	syn_ack.flags = SYN | ACK;
	assert_lowered(&syn_ack, MTU, 0, 1380);
	syn_ack.payload_len = 77; /* TCP Fast Open */
	assert_lowered(&syn_ack, MTU, 0, 1380);
	assert_lowered(&syn4, 1499, 0, 1459);
	assert_lowered(&syn4, 41, 0, 1);
}

static void ip_options_are_skipped(void **state)
{
	struct naive_spec spec = syn4;

	(void)state;
	memcpy(spec.ip_options, "\x94\x04\0\0", 4);
	spec.ip_options_len = 4;
	assert_lowered(&spec, MTU, 0, 1380);
}

static void the_option_is_found_behind_others(void **state)
{
	struct naive_spec spec = OPTIONS(syn4, "\1\1\3\3\7\2\4\xff\xff\1\0\0");

	(void)state;
	assert_lowered(&spec, MTU, 5, 1380); /* at an odd place, too */
	spec = OPTIONS(syn4, "\1\1\1\2\4\5\xb4\1");
	assert_lowered(&spec, MTU, 3, 1380);
	spec = OPTIONS(syn4, "\4\2\x8\x0a\0\0\0\1\0\0\0\0\2\4\5\xb4");
	assert_lowered(&spec, MTU, 12, 1380);
}

static void what_fits_is_left_alone(void **state)
{
	struct naive_spec spec = OPTIONS(syn4, "\2\4\5\x64"); /* 1380 */
	struct naive_spec none = OPTIONS(syn4, "\1\1\4\2");

	(void)state;
	assert_untouched(&spec, MTU);
	assert_lowered(&spec, MTU - 1, 0, 1379);
	assert_untouched(&syn4, 1500);
	assert_untouched(&syn4, 9000);
	assert_untouched(&syn4, 200000);
	assert_untouched(&none, MTU);
	none.tcp_options_len = 0;
	assert_untouched(&none, MTU);
	assert_untouched(&syn4, 40);
	assert_untouched(&syn4, 0);
}

static void what_is_no_syn_is_left_alone(void **state)
{
	struct naive_spec spec = syn4;

	(void)state;
	spec.flags = ACK;
	assert_untouched(&spec, MTU);
	spec = syn4;
	spec.fragment = 0x2000;
	assert_untouched(&spec, MTU);
	spec.fragment = 1;
	assert_untouched(&spec, MTU);
	spec = as_v6(syn4);
	spec.ip_options_len = 8;
	assert_untouched(&spec, MTU);
	spec = syn4;
	spec.proto = IPPROTO_UDP;
	spec.payload_len = 40;
	assert_untouched(&spec, MTU);
}

static void malformed_options_are_left_alone(void **state)
{
	static const char *const rows[] = {
		"\2\3\5\xb4",         "\2\0\5\xb4",
		"\2\1\5\xb4",         "\2\5\5\xb4",
		"\2\6\5\xb4\1\1\1\1", "\1\1\1\2",
		"\1\1\2\4",           "\1\2\4\5",
		"\3\0\2\4\5\xb4\1\1", "\3\x9\2\4\5\xb4\1\1",
	};
	static const size_t lens[] = { 4, 4, 4, 4, 8, 4, 4, 4, 8, 8 };
	struct naive_spec spec = OPTIONS(syn4, "\0\4\1\1\2\4\5\xb4"); /* behind the end */

	(void)state;
	assert_untouched(&spec, MTU);
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		spec = with_options(syn4, rows[i], lens[i]);
		assert_untouched(&spec, MTU);
		spec.payload_len = 20; /* which goes on where the options should */
		spec.payload_start = 0xf0;
		assert_untouched(&spec, MTU);
	}
}

/* Storage ends where the packet ends: a read past it is caught by the sanitizers. */
static void packets_cut_anywhere(void **state)
{
	struct naive_spec both[] = { syn4, as_v6(syn4) };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		size_t len = build(&both[i]);

		for (size_t cut = 0; cut < len; cut++)
			assert_bytes_untouched(cut, MTU);
	}
}

static void lying_headers_are_left_alone(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {
		{ 0, 0x44 }, { 0, 0x4f },  { 0, 0x55 },  { 0, 0 },     { 3, 43 },
		{ 3, 45 },   { 32, 0x40 }, { 32, 0x70 }, { 32, 0xf0 }, { 32, 0 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		size_t len = build(&syn4);

		packet[rows[i].at] = rows[i].value;
		assert_bytes_untouched(len, MTU);
	}
}

/* What would be a SYN, did the IP header end within itself. */
static void a_short_ip_header_is_left_alone(void **state)
{
	(void)state;
	build(&syn4);
	packet[0] = 0x44;
	packet[16 + 12] = 0x60;
	packet[16 + 13] = SYN;
	memcpy(packet + 16 + 20, "\2\4\5\xb4", 4);
	assert_bytes_untouched(44, MTU);
}

/* Any packet, any option: either nothing changed, or a checksum that was right still is. */
static void the_checksum_stays_right(void **state)
{
	uint64_t seed = 0xc1a3b;
	int changed = 0;

	(void)state;
	print_message("seed %llx\n", (unsigned long long)seed);
	for (int i = 0; i < 20000; i++) {
		struct naive_spec spec = syn4;
		size_t len;

		spec.is_v6 = naive_draw(&seed, 2);
		spec.source_port = (uint16_t)naive_random(&seed);
		spec.seq = (uint32_t)naive_random(&seed);
		spec.payload_len = naive_draw(&seed, 30);
		spec.tcp_options_len = 4 * naive_draw(&seed, 11);
		for (size_t at = 0; at < spec.tcp_options_len; at++)
			spec.tcp_options[at] =
				(uint8_t)naive_draw(&seed, naive_draw(&seed, 8) ? 5 : 256);
		len = build(&spec);
		if (sp_mss_clamp(packet, len, 40 + naive_draw(&seed, 2000)))
			changed++;
		else
			assert_memory_equal(packet, before, sizeof(packet));
		assert_true(naive_is_right(packet, len));
	}
	assert_true(changed > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_syn_is_lowered_to_what_fits),
		cmocka_unit_test(ip_options_are_skipped),
		cmocka_unit_test(the_option_is_found_behind_others),
		cmocka_unit_test(what_fits_is_left_alone),
		cmocka_unit_test(what_is_no_syn_is_left_alone),
		cmocka_unit_test(malformed_options_are_left_alone),
		cmocka_unit_test(packets_cut_anywhere),
		cmocka_unit_test(lying_headers_are_left_alone),
		cmocka_unit_test(a_short_ip_header_is_left_alone),
		cmocka_unit_test(the_checksum_stays_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
