/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/bytes.h"
#include "net/pcap.h"

/* ---- captures, written in either byte order ---- */

struct capture {
	uint8_t bytes[2048];
	size_t len;
	bool is_big;
};

static void put16(struct capture *capture, uint16_t value)
{
	if (capture->is_big)
		sp_put_be16(capture->bytes + capture->len, value);
	else
		sp_put_le16(capture->bytes + capture->len, value);
	capture->len += 2;
}

static void put32(struct capture *capture, uint32_t value)
{
	if (capture->is_big)
		sp_put_be32(capture->bytes + capture->len, value);
	else
		sp_put_le32(capture->bytes + capture->len, value);
	capture->len += 4;
}

static void put64(struct capture *capture, uint64_t value)
{
	if (capture->is_big)
		sp_put_be64(capture->bytes + capture->len, value);
	else
		sp_put_le64(capture->bytes + capture->len, value);
	capture->len += 8;
}

static void put_bytes(struct capture *capture, const void *bytes, size_t len)
{
	memcpy(capture->bytes + capture->len, bytes, len);
	capture->len += len;
}

static void classic_header(struct capture *capture, uint32_t magic, uint32_t link_type)
{
	put32(capture, magic);
	put16(capture, 2);
	put16(capture, 4);
	put64(capture, 0);
	put32(capture, 65535);
	put32(capture, link_type);
}

static void classic_record(struct capture *capture, uint32_t s, uint32_t fraction,
			   const void *bytes, size_t len)
{
	put32(capture, s);
	put32(capture, fraction);
	put32(capture, (uint32_t)len);
	put32(capture, (uint32_t)len + 100); /* on the wire */
	put_bytes(capture, bytes, len);
}

static size_t block_start(struct capture *capture, uint32_t type)
{
	size_t start = capture->len;

	put32(capture, type);
	put32(capture, 0);
	return start;
}

static void block_end(struct capture *capture, size_t start)
{
	size_t end;

	while (capture->len % 4)
		capture->bytes[capture->len++] = 0;
	put32(capture, (uint32_t)(capture->len + 4 - start));
	end = capture->len;
	capture->len = start + 4;
	put32(capture, (uint32_t)(end - start));
	capture->len = end;
}

static void ng_section(struct capture *capture)
{
	size_t start = block_start(capture, 0x0a0d0d0a);

	put32(capture, 0x1a2b3c4d);
	put16(capture, 1);
	put16(capture, 0);
	put64(capture, UINT64_MAX);
	block_end(capture, start);
}

/* @resolution < 0: no such option. */
static void ng_interface(struct capture *capture, uint16_t link_type, uint32_t snap_len,
			 int resolution, int64_t offset_s)
{
	size_t start = block_start(capture, 1);

	put16(capture, link_type);
	put16(capture, 0);
	put32(capture, snap_len);
	put16(capture, 2); /* if_name */
	put16(capture, 5);
	put_bytes(capture, "wan0\0\0\0\0", 8);
	if (resolution >= 0) {
		put16(capture, 9);
		put16(capture, 1);
		put_bytes(capture, (uint8_t[4]){ (uint8_t)resolution }, 4);
	}
	if (offset_s) {
		put16(capture, 14);
		put16(capture, 8);
		put64(capture, (uint64_t)offset_s);
	}
	put32(capture, 0); /* end of options */
	block_end(capture, start);
}

static void ng_packet(struct capture *capture, uint32_t interface, uint64_t ticks,
		      const void *bytes, size_t len)
{
	size_t start = block_start(capture, 6);

	put32(capture, interface);
	put32(capture, (uint32_t)(ticks >> 32));
	put32(capture, (uint32_t)ticks);
	put32(capture, (uint32_t)len);
	put32(capture, (uint32_t)len + 100);
	put_bytes(capture, bytes, len);
	block_end(capture, start);
}

/* A capture in memory of exactly its size, so that a sanitizer sees a read behind it. */
struct opened {
	uint8_t *bytes;
	struct sp_pcap pcap;
	int r;
};

static struct opened open_capture(const struct capture *capture)
{
	struct opened opened = { .bytes = malloc(capture->len ? capture->len : 1) };

	assert_non_null(opened.bytes);
	memcpy(opened.bytes, capture->bytes, capture->len);
	opened.r = sp_pcap_open(opened.bytes, capture->len, &opened.pcap);
	return opened;
}

static void expect_record(struct opened *opened, uint64_t time_ns, const char *bytes)
{
	struct sp_pcap_record record;

	assert_int_equal(sp_pcap_next(&opened->pcap, &record), 1);
	assert_int_equal(record.time_ns, time_ns);
	assert_int_equal(record.len, strlen(bytes));
	assert_memory_equal(record.bytes, bytes, record.len);
}

static void expect_end(struct opened *opened, int r)
{
	struct sp_pcap_record record;
	size_t offset;

	assert_int_equal(sp_pcap_next(&opened->pcap, &record), r);
	offset = opened->pcap.offset;
	assert_int_equal(sp_pcap_next(&opened->pcap, &record), r);
	assert_int_equal(opened->pcap.offset, offset);
	free(opened->bytes);
}

/* ---- tests ---- */

static void classic_files_in_both_orders_and_units(void **state)
{
	(void)state;
	for (int way = 0; way < 4; way++) {
		bool is_ns = way & 1;
		struct capture capture = { .is_big = way & 2 };
		struct opened opened;

		classic_header(&capture, is_ns ? 0xa1b23c4d : 0xa1b2c3d4, 1);
		classic_record(&capture, 1700000000, 123456, "first", 5);
		classic_record(&capture, 4294967295u, is_ns ? 999999999 : 999999, "", 0);
		opened = open_capture(&capture);
		assert_int_equal(opened.r, 0);
		assert_int_equal(opened.pcap.link_type, 1);
		expect_record(&opened, 1700000000000000000ull + (is_ns ? 123456 : 123456000),
			      "first");
		expect_record(&opened, 4294967295000000000ull + (is_ns ? 999999999 : 999999000),
			      "");
		expect_end(&opened, 0);
	}
}

static void pcapng_in_both_orders_and_any_resolution(void **state)
{
	static const struct {
		int resolution;
		int64_t offset_s;
		uint64_t ticks, time_ns;
	} rows[] = {
		{ -1, 0, 1700000000123456, 1700000000123456000 },
		{ 6, 0, 1700000000123456, 1700000000123456000 },
		{ 9, 0, 1700000000123456789, 1700000000123456789 },
		{ 3, 0, 1700000000123, 1700000000123000000 },
		{ 0, 0, 1700000000, 1700000000000000000 },
		{ 12, 0, 1700000000123456, 1700000000123 },
		{ 19, 0, 10000000000000000000ull, 1000000000 },
		{ 0x80 | 10, 0, 1024 * 5 + 512, 5500000000 },
		{ 0x80 | 32, 0, (1700000000ull << 32) | 0x80000000, 1700000000500000000 },
		{ 0x80 | 63, 0, 1ull << 63, 1000000000 },
		{ 6, 1000, 5000000, 1005000000000 },
		{ 6, -3, 5000000, 2000000000 },
		{ 6, -9, 5000000, 0 },
		{ 0, 0, UINT64_MAX, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < 2 * SP_ARRAY_LEN(rows); i++) {
		size_t row = i / 2;
		struct capture capture = { .is_big = i & 1 };
		struct opened opened;

		ng_section(&capture);
		ng_interface(&capture, 1, 0, rows[row].resolution, rows[row].offset_s);
		ng_packet(&capture, 0, rows[row].ticks, "frame", 5);
		opened = open_capture(&capture);
		assert_int_equal(opened.r, 0);
		expect_record(&opened, rows[row].time_ns, "frame");
		expect_end(&opened, 0);
	}
}

static void pcapng_interfaces_sections_and_other_blocks(void **state)
{
	struct capture capture = { 0 };
	struct sp_pcap_record record;
	struct opened opened;
	size_t start;

	(void)state;
	ng_section(&capture);
	start = block_start(&capture, 0xbad); /* a custom block */
	put32(&capture, 4711);
	block_end(&capture, start);
	ng_interface(&capture, 1, 3, 9, 0);
	ng_interface(&capture, 101, 0, 6, 0);
	ng_interface(&capture, 147, 0, 6, 0); /* nothing we read */
	ng_packet(&capture, 1, 7, "raw", 3);
	ng_packet(&capture, 2, 8, "user", 4);
	ng_packet(&capture, 1, 8, "", 0);
	start = block_start(&capture, 4); /* names */
	put32(&capture, 0);
	block_end(&capture, start);
	start = block_start(&capture, 3); /* simple: three bytes of nine, of interface 0 */
	put32(&capture, 9);
	put_bytes(&capture, "abc", 3);
	block_end(&capture, start);
	start = block_start(&capture, 2); /* obsolete */
	put16(&capture, 1);
	put16(&capture, 99); /* drops */
	put32(&capture, 0);
	put32(&capture, 9);
	put32(&capture, 3);
	put32(&capture, 3);
	put_bytes(&capture, "old", 3);
	block_end(&capture, start);
	capture.is_big = true; /* a section of another machine */
	ng_section(&capture);
	ng_interface(&capture, 101, 0, 0, 0);
	ng_packet(&capture, 0, 2, "other", 5);
	start = block_start(&capture, 3);
	put32(&capture, 4);
	put_bytes(&capture, "full", 4);
	block_end(&capture, start);

	opened = open_capture(&capture);
	assert_int_equal(opened.r, 0);
	assert_int_equal(opened.pcap.link_type, 1);
	assert_int_equal(sp_pcap_next(&opened.pcap, &record), 1);
	assert_false(record.is_ethernet || record.is_not_ip);
	assert_memory_equal(record.bytes, "raw", 3);
	assert_int_equal(sp_pcap_next(&opened.pcap, &record), 1);
	assert_true(record.is_not_ip);
	expect_record(&opened, 8000, "");
	assert_int_equal(sp_pcap_next(&opened.pcap, &record), 1);
	assert_true(record.is_ethernet);
	assert_int_equal(record.len, 3);
	assert_memory_equal(record.bytes, "abc", 3);
	assert_int_equal(record.time_ns, 8000);
	expect_record(&opened, 9000, "old");
	expect_record(&opened, 2000000000, "other");
	expect_record(&opened, 2000000000, "full");
	expect_end(&opened, 0);
}

static void link_types(void **state)
{
#define SLL(hardware, type) "\0\0" hardware "\0\6macmac\0\0" type
#define SLL2(hardware, type) type "\0\0\0\0\0\1" hardware "\0\6macmac\0\0"
	static const struct {
		uint32_t link_type;
		const char *bytes;
		size_t len;
		size_t header;
		bool is_ethernet, is_not_ip, is_arp;
	} rows[] = {
		{ 1, "frame", 5, 0, true, false, false },
		{ 101, "E...", 4, 0, false, false, false },
		{ 12, "E...", 4, 0, false, false, false },
		{ 14, "E...", 4, 0, false, false, false },
		{ 228, "E...", 4, 0, false, false, false },
		{ 229, "`...", 4, 0, false, false, false },
		{ 0x04000000u | 1, "frame", 5, 0, true, false,
		  false }, /* says how long its FCS is */
		{ 0, "\0\0\0\2E", 5, 4, false, false, false },
		{ 0, "\2\0\0\0E", 5, 4, false, false, false },
		{ 0, "\x0a\0\0\0`", 5, 4, false, false, false },
		{ 0, "\x18\0\0\0`", 5, 4, false, false, false },
		{ 0, "\0\0\0\x1c`", 5, 4, false, false, false },
		{ 0, "\x1e\0\0\0`", 5, 4, false, false, false },
		{ 0, "\7\0\0\0x", 5, 4, false, true, false },
		{ 0, "\0\0\0", 3, 3, false, false,
		  false }, /* nothing left: truncated, not "not IP" */
		{ 0, "\0\0\0\2", 4, 4, false, false, false },
		{ 108, "\0\0\0\2E", 5, 4, false, false, false },
		{ 113, SLL("\0\1", "\x08\0") "E", 17, 16, false, false, false },
		{ 113, SLL("\0\1", "\x86\xdd") "`", 17, 16, false, false, false },
		{ 113, SLL("\0\1", "\x08\6") "x", 17, 16, false, true, true },
		{ 113, SLL("\0\1", "\x88\x47") "x", 17, 16, false, true, false },
		{ 113, SLL("\x03\x38", "\x08\0") "x", 17, 16, false, true, false }, /* netlink */
		{ 113, SLL("\0\1", "\x08\0"), 15, 15, false, false, false },
		{ 113, SLL("\0\1", "\x81\0") "\0\5\x08\0E", 21, 20, false, false, false },
		{ 113, SLL("\0\1", "\x88\xa8") "\0\7\x81\0\0\5\x86\xdd`", 25, 24, false, false,
		  false },
		{ 113, SLL("\0\1", "\x81\0") "\0\5\x08\6x", 21, 20, false, true, true },
		{ 113, SLL("\0\1", "\x81\0") "\0\5\x08", 19, 19, false, false,
		  false }, /* cut short */
		{ 113, SLL("\0\1", "\x81\0") "\0\5\x81\0\0\5\x81\0\0\5\x08\0E", 29, 24, false, true,
		  false },
		{ 276, SLL2("\0\1", "\x81\0") "\0\5\x08\0E", 25, 24, false, false, false },
		{ 276, SLL2("\0\1", "\x08\0") "E", 21, 20, false, false, false },
		{ 276, SLL2("\0\1", "\x86\xdd") "`", 21, 20, false, false, false },
		{ 276, SLL2("\0\1", "\x08\6") "x", 21, 20, false, true, true },
		{ 276, SLL2("\0\1", "\x88\x47") "x", 21, 20, false, true, false },
		{ 276, SLL2("\x03\x38", "\x08\0") "x", 21, 20, false, true, false },
		{ 276, SLL2("\0\1", "\x08\0"), 19, 19, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct capture capture = { 0 };
		struct sp_pcap_record record;
		struct opened opened;

		classic_header(&capture, 0xa1b2c3d4, rows[i].link_type);
		classic_record(&capture, 1, 0, rows[i].bytes, rows[i].len);
		opened = open_capture(&capture);
		assert_int_equal(opened.r, 0);
		assert_int_equal(sp_pcap_next(&opened.pcap, &record), 1);
		if (record.is_ethernet != rows[i].is_ethernet ||
		    record.is_not_ip != rows[i].is_not_ip || record.is_arp != rows[i].is_arp ||
		    record.len != rows[i].len - rows[i].header ||
		    record.bytes != opened.bytes + 40 + rows[i].header)
			fail_msg("link type %u, row %zu", rows[i].link_type, i);
		expect_end(&opened, 0);
	}
}

static void what_is_not_read_is_named(void **state)
{
	struct capture classic = { 0 }, ng = { .is_big = true }, not = { 0 };
	struct opened opened;

	(void)state;
	classic_header(&classic, 0xa1b2c3d4, 105);
	opened = open_capture(&classic);
	assert_int_equal(opened.r, -EPROTONOSUPPORT);
	assert_int_equal(opened.pcap.link_type, 105);
	free(opened.bytes);

	ng_section(&ng);
	ng_interface(&ng, 127, 0, -1, 0);
	opened = open_capture(&ng);
	assert_int_equal(opened.r, -EPROTONOSUPPORT);
	assert_int_equal(opened.pcap.link_type, 127);
	free(opened.bytes);

	put_bytes(&not, "#!/bin/sh\nexit 0\n#                ", 33);
	for (; not.len > 0; not.len--) {
		opened = open_capture(&not);
		assert_int_equal(opened.r, -EBADMSG);
		free(opened.bytes);
	}
	classic_header(&not, 0xa1b2c3d4, 1);
	not.bytes[4] = 1; /* version 1 */
	opened = open_capture(&not);
	assert_int_equal(opened.r, -EBADMSG);
	free(opened.bytes);
}

/* Cut anywhere, a capture ends in its last whole record or in an error that names the place. */
static void cut_files_are_broken_where_they_are_cut(void **state)
{
	(void)state;
	for (int is_ng = 0; is_ng < 2; is_ng++) {
		struct capture capture = { 0 };
		size_t ends[4], count = 0;

		if (is_ng) {
			ng_section(&capture);
			ends[count++] = capture.len;
			ng_interface(&capture, 1, 0, 6, 1);
			ends[count++] = capture.len;
			ng_packet(&capture, 0, 1, "abcd", 4);
			ends[count++] = capture.len;
			ng_packet(&capture, 0, 1, "efgh1", 5);
		} else {
			classic_header(&capture, 0xa1b2c3d4, 1);
			ends[count++] = capture.len;
			classic_record(&capture, 1, 1, "abcd", 4);
			ends[count++] = capture.len;
			classic_record(&capture, 1, 1, "efgh1", 5);
		}
		ends[count++] = capture.len;

		for (size_t len = capture.len; len > 0; len--) {
			struct capture cut = capture;
			struct sp_pcap_record record;
			struct opened opened;
			size_t last = 0;
			int r;

			cut.len = len;
			for (size_t i = 0; i < count; i++)
				if (ends[i] <= len)
					last = ends[i];
			opened = open_capture(&cut);
			if (!last) {
				assert_int_equal(opened.r, -EBADMSG);
				free(opened.bytes);
				continue;
			}
			assert_int_equal(opened.r, 0);
			while ((r = sp_pcap_next(&opened.pcap, &record)) > 0)
				;
			assert_int_equal(r, last == len ? 0 : -EBADMSG);
			assert_int_equal(opened.pcap.offset, last);
			expect_end(&opened, r);
		}
	}
}

static void lies_about_lengths_are_broken_records(void **state)
{
	static const struct {
		size_t at; /* from the start of the packet block, or from the start of the file */
		bool is_file;
		uint32_t value;
	} rows[] = {
		{ 4, false, 0 }, /* block length */
		{ 4, false, 8 },
		{ 4, false, 35 },
		{ 4, false, 0xfffffffc },
		{ 32, false, 32 }, /* and its twin */
		{ 8, false, 1 },   /* no such interface */
		{ 20, false, 5 },  /* captured more than there is */
		{ 20, false, 0xffffffff },
		{ 8, true, 0 },                      /* the section's byte order */
		{ 28 + 8 + 8, true, 200 << 16 | 5 }, /* an option longer than the block */
		{ 28 + 8 + 8, true, 5 << 16 | 9 },   /* a resolution of five bytes */
		{ 28 + 8 + 8, true, 5 << 16 | 14 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct capture capture = { 0 };
		struct sp_pcap_record record;
		struct opened opened;
		size_t packet, end;

		ng_section(&capture);
		ng_interface(&capture, 1, 0, 6, 0);
		packet = capture.len;
		ng_packet(&capture, 0, 1, "abcd", 4);
		end = capture.len;
		capture.len = rows[i].at + (rows[i].is_file ? 0 : packet);
		put32(&capture, rows[i].value);
		capture.len = end;
		opened = open_capture(&capture);
		if (opened.r == 0)
			opened.r = sp_pcap_next(&opened.pcap, &record);
		if (opened.r != -EBADMSG)
			fail_msg("row %zu gave %d", i, opened.r);
		free(opened.bytes);
	}
}

static void packets_without_an_interface_are_broken(void **state)
{
	(void)state;
	for (uint32_t type = 2; type <= 6; type++) {
		struct capture capture = { 0 };
		struct opened opened;
		size_t start;

		if (type == 4 || type == 5)
			continue;
		ng_section(&capture);
		start = block_start(&capture, type);
		for (int i = 0; i < 6; i++)
			put32(&capture, 0);
		block_end(&capture, start);
		opened = open_capture(&capture);
		expect_end(&opened, -EBADMSG);

		/* nor does one help a block that is too short for its own fields */
		capture.len = 0;
		ng_section(&capture);
		ng_interface(&capture, 1, 0, 6, 0);
		start = block_start(&capture, type);
		block_end(&capture, start);
		opened = open_capture(&capture);
		expect_end(&opened, -EBADMSG);
	}
}

static void options_that_cannot_be_are_broken(void **state)
{
	static const int resolutions[] = { 20, 127, 0x80 | 64, 0xff };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(resolutions); i++) {
		struct capture capture = { 0 };
		struct opened opened;

		ng_section(&capture);
		ng_interface(&capture, 1, 0, resolutions[i], 0);
		opened = open_capture(&capture);
		assert_int_equal(opened.r, 0);
		expect_end(&opened, -EBADMSG);
	}
}

static void too_many_interfaces_are_refused(void **state)
{
	static const uint8_t body[8] = { 1 };
	struct sp_pcap_record record;
	struct sp_pcap pcap;
	uint8_t *bytes;
	size_t len = 28;
	struct capture section = { 0 };

	(void)state;
	ng_section(&section);
	bytes = calloc(1, 28 + (SP_PCAP_INTERFACES_MAX + 1) * 20);
	assert_non_null(bytes);
	memcpy(bytes, section.bytes, 28);
	for (int i = 0; i <= SP_PCAP_INTERFACES_MAX; i++, len += 20) {
		sp_put_le32(bytes + len, 1);
		sp_put_le32(bytes + len + 4, 20);
		memcpy(bytes + len + 8, body, 8);
		sp_put_le32(bytes + len + 16, 20);
	}
	assert_int_equal(sp_pcap_open(bytes, len, &pcap), 0);
	assert_int_equal(sp_pcap_next(&pcap, &record), -EBADMSG);
	assert_int_equal(pcap.offset, len - 20);
	assert_int_equal(sp_pcap_open(bytes, len - 20, &pcap), 0);
	assert_int_equal(sp_pcap_next(&pcap, &record), 0);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classic_files_in_both_orders_and_units),
		cmocka_unit_test(pcapng_in_both_orders_and_any_resolution),
		cmocka_unit_test(pcapng_interfaces_sections_and_other_blocks),
		cmocka_unit_test(link_types),
		cmocka_unit_test(what_is_not_read_is_named),
		cmocka_unit_test(cut_files_are_broken_where_they_are_cut),
		cmocka_unit_test(lies_about_lengths_are_broken_records),
		cmocka_unit_test(packets_without_an_interface_are_broken),
		cmocka_unit_test(options_that_cannot_be_are_broken),
		cmocka_unit_test(too_many_interfaces_are_refused),
	};

	return cmocka_run_group_tests_name("pcap", tests, NULL, NULL);
}
