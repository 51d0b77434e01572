/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "net/addr.h"

static void addresses_read_and_write_canonical_text(void **state)
{
	static const struct {
		const char *text, *canonical; /* NULL: refused */
	} rows[] = {
		{ "0.0.0.0", "0.0.0.0" },
		{ "10.30.9.4", "10.30.9.4" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "::1:2", "::1:2" },
		{ "1::", "1::" },
		{ "2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:0db8::0001", "2001:db8::1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "0:0:1::", "0:0:1::" },
		{ "1:0:0:2:0:0:0:3", "1:0:0:2::3" },
		{ "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
		{ "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
		{ "64:ff9b::10.0.0.1", "64:ff9b::a00:1" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "", NULL },
		{ "10.30.9", NULL },
		{ "10.30.9.4.5", NULL },
		{ "010.30.9.4", NULL },
		{ "10.30.9.04", NULL },
		{ "0x0a.30.9.4", NULL },
		{ "10.30.9.256", NULL },
		{ "+10.30.9.4", NULL },
		{ " 10.30.9.4", NULL },
		{ "10.30.9.4 ", NULL },
		{ "167772161", NULL },
		{ "::ffff:10.0.0.1", NULL },
		{ "::ffff:a00:1", NULL },
		{ "fe80::1%eth0", NULL },
		{ "[::1]", NULL },
		{ "1:2:3:4:5:6:7", NULL },
		{ "1::2::3", NULL },
		{ "12345::", NULL },
		{ ":::", NULL },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		char buf[SP_ADDR_TEXT_MAX];
		struct sp_addr addr;
		int r = sp_addr_parse(rows[i].text, &addr);

		if (!rows[i].canonical) {
			if (r != -EINVAL)
				fail_msg("%s was taken", rows[i].text);
			continue;
		}
		if (r != 0)
			fail_msg("%s was refused", rows[i].text);
		assert_string_equal(sp_addr_format(&addr, buf), rows[i].canonical);
	}
}

static void v4_is_mapped(void **state)
{
	static const uint8_t bytes[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
	struct sp_addr addr;

	(void)state;
	assert_int_equal(sp_addr_parse("10.0.0.1", &addr), 0);
	assert_memory_equal(addr.b, bytes, 16);
	assert_true(sp_addr_is_v4(&addr));
	addr = sp_addr_from_v4(bytes + 12);
	assert_memory_equal(addr.b, bytes, 16);
	assert_int_equal(sp_addr_parse("::1", &addr), 0);
	assert_false(sp_addr_is_v4(&addr));
}

static void prefixes_read_and_write(void **state)
{
	static const struct {
		const char *text;
		int r;
		const char *prefix; /* for 0 and -EBADMSG */
		uint32_t prefix_len;
	} rows[] = {
		{ "10.0.0.0/8", 0, "10.0.0.0/8", 104 },
		{ "0.0.0.0/0", 0, "0.0.0.0/0", 96 },
		{ "10.30.9.4", 0, "10.30.9.4/32", 128 },
		{ "10.30.9.4/31", 0, "10.30.9.4/31", 127 },
		{ "::/0", 0, "::/0", 0 },
		{ "2001:db8::/32", 0, "2001:db8::/32", 32 },
		{ "2001:db8::1", 0, "2001:db8::1/128", 128 },
		{ "2001:db8:8000::/33", 0, "2001:db8:8000::/33", 33 },
		{ "10.20.0.1/16", -EBADMSG, "10.20.0.0/16", 112 },
		{ "10.30.9.5/31", -EBADMSG, "10.30.9.4/31", 127 },
		{ "1.2.3.4/0", -EBADMSG, "0.0.0.0/0", 96 },
		{ "2001:db8::1/64", -EBADMSG, "2001:db8::/64", 64 },
		{ "2001:db8:8000::/32", -EBADMSG, "2001:db8::/32", 32 },
		{ "10.0.0.0/33", -ERANGE, NULL, 0 },
		{ "::/129", -ERANGE, NULL, 0 },
		{ "::/4294967296", -ERANGE, NULL, 0 },
		{ "10.0.0.0/", -EINVAL, NULL, 0 },
		{ "10.0.0.0/08", -EINVAL, NULL, 0 },
		{ "10.0.0.0/+8", -EINVAL, NULL, 0 },
		{ "10.0.0.0/-1", -EINVAL, NULL, 0 },
		{ "10.0.0.0/8/8", -EINVAL, NULL, 0 },
		{ "10.0.0.0/255.0.0.0", -EINVAL, NULL, 0 },
		{ "10/8", -EINVAL, NULL, 0 },
		{ "/8", -EINVAL, NULL, 0 },
		{ "::ffff:0:0/96", -EINVAL, NULL, 0 },
		{ "::ffff:10.0.0.1/64", -EINVAL, NULL, 0 },
		{ "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/1", -EINVAL, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		char buf[SP_PREFIX_TEXT_MAX];
		struct sp_prefix prefix;
		int r = sp_prefix_parse(rows[i].text, &prefix);

		if (r != rows[i].r)
			fail_msg("%s gave %d", rows[i].text, r);
		if (!rows[i].prefix)
			continue;
		assert_string_equal(sp_prefix_format(&prefix, buf), rows[i].prefix);
		assert_int_equal(prefix.prefix_len, rows[i].prefix_len);
	}
}

static void prefixes_contain_their_own_family(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool is_inside;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/8", "9.255.255.255", false },
		{ "10.0.0.0/9", "10.127.255.255", true },
		{ "10.0.0.0/9", "10.128.0.0", false },
		{ "10.0.0.0/8", "10.1.0.0/16", true },
		{ "10.0.0.0/8", "10.0.0.0/8", true },
		{ "10.0.0.0/8", "10.0.0.0/7", false },
		{ "10.30.9.4/32", "10.30.9.4", true },
		{ "10.30.9.4/32", "10.30.9.5", false },
		{ "0.0.0.0/0", "255.255.255.255", true },
		{ "0.0.0.0/0", "::1", false },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "10.0.0.1", false },
		{ "::/0", "0.0.0.0/0", false },
		{ "::/80", "10.0.0.1", false },
		{ "2001:db8::/33", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", true },
		{ "2001:db8::/33", "2001:db8:8000::", false },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct sp_prefix outer, inner;
		struct sp_addr addr;

		assert_int_equal(sp_prefix_parse(rows[i].outer, &outer), 0);
		assert_int_equal(sp_prefix_parse(rows[i].inner, &inner), 0);
		if (sp_prefix_covers(&outer, &inner) != rows[i].is_inside)
			fail_msg("%s covers %s: wrong", rows[i].outer, rows[i].inner);
		if (sp_addr_parse(rows[i].inner, &addr) == 0 &&
		    sp_prefix_contains(&outer, &addr) != rows[i].is_inside)
			fail_msg("%s contains %s: wrong", rows[i].outer, rows[i].inner);
	}
}

static void order_is_address_then_length(void **state)
{
	static const char *const ascending[] = {
		"::/0",        "::1/128",     "0.0.0.0/0",     "10.0.0.0/8",
		"10.0.0.0/16", "10.0.0.1/32", "2001:db8::/32",
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(ascending); i++)
		for (size_t j = 0; j < SP_ARRAY_LEN(ascending); j++) {
			struct sp_prefix a, b;
			int order;

			assert_int_equal(sp_prefix_parse(ascending[i], &a), 0);
			assert_int_equal(sp_prefix_parse(ascending[j], &b), 0);
			order = sp_prefix_compare(&a, &b);
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_read_and_write_canonical_text),
		cmocka_unit_test(v4_is_mapped),
		cmocka_unit_test(prefixes_read_and_write),
		cmocka_unit_test(prefixes_contain_their_own_family),
		cmocka_unit_test(order_is_address_then_length),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
