/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of networks as they are published, and as they come when something went wrong on the way. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "net/addr.h"
#include "policy/addresses/netset.h"

/* @expected: the prefixes, a blank between them. */
static void expect_list(const char *text, size_t len, const char *expected)
{
	__sp_cleanup(sp_netset_done) struct sp_netset netset = { 0 };
	__sp_buf struct sp_buf found = SP_BUF_INIT;
	char prefix[SP_PREFIX_TEXT_MAX];

	assert_int_equal(sp_netset_read(text, len, &netset), 0);
	for (size_t i = 0; i < netset.count; i++)
		sp_buf_printf(&found, "%s%s", i ? " " : "",
			      sp_prefix_format(&netset.items[i], prefix));
	assert_string_equal(sp_buf_get(&found), expected);
	assert_int_equal(netset.bad, 0);
}

static void published_forms_are_read(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "192.0.2.1\n", "192.0.2.1/32" },
		{ "192.0.2.1", "192.0.2.1/32" },
		{ "# a netset\n#\n198.51.100.0/24\n", "198.51.100.0/24" },
		{ "; a drop list\r\n1.10.16.0/20 ; SBL256894\r\n", "1.10.16.0/20" },
		{ "\n\n \t\n10.0.0.0/8#behind\n", "10.0.0.0/8" },
		{ "\t 10.0.0.0/8 \t\r\n", "10.0.0.0/8" },
		{ "\xef\xbb\xbf"
		  "10.0.0.0/8\n",
		  "10.0.0.0/8" },
		{ "2001:DB8:0::/32\n2001:db8:1::1\n", "2001:db8::/32" },
		{ "2001:db8::/32\n10.0.0.0/8\n", "10.0.0.0/8 2001:db8::/32" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++)
		expect_list(cases[i].text, strlen(cases[i].text), cases[i].expected);
}

static void what_lies_in_another_is_left_out(void **state)
{
	static const char doubles[] = "10.1.0.0/16\n10.0.0.0/8\n10.0.0.0/8\n10.2.3.4\n11.0.0.0/8\n";
	/* The place of IPv4 in the 16 bytes is within ::/8, and its addresses are not. */
	static const char families[] = "::/8\n192.0.2.0/24\n64:ff9b::/96\n";

	(void)state;
	expect_list(doubles, strlen(doubles), "10.0.0.0/8 11.0.0.0/8");
	expect_list(families, strlen(families), "::/8 192.0.2.0/24");
}

static void put_good(struct sp_buf *out, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(sp_buf_printf(out, "192.0.%u.%u\n", i / 256, i % 256), 0);
}

static void a_bad_line_is_named_and_the_others_stand(void **state)
{
	static const struct {
		const char *line, *fault;
	} cases[] = {
		{ "10.0.0.1/8", "\"10.0.0.1/8\" has host bits set: 10.0.0.0/8 is the network" },
		{ "10.0.0.0/33", "\"10.0.0.0/33\" has a prefix length too large for its family" },
		{ "0.0.0.0/0", "\"0.0.0.0/0\" is every address there is" },
		{ "::/0", "\"::/0\" is every address there is" },
		{ "10.0.0", "\"10.0.0\" is neither an address nor a prefix" },
		{ "::ffff:10.0.0.1", "\"::ffff:10.0.0.1\" is neither an address nor a prefix" },
		{ "10.0.0.1 10.0.0.2", "\"10.0.0.1 10.0.0.2\" is neither an address nor a prefix" },
		{ "\x1b[2J", "\"\\x1b[2J\" is neither an address nor a prefix" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_cleanup(sp_netset_done) struct sp_netset netset = { 0 };
		__sp_buf struct sp_buf text = SP_BUF_INIT;

		put_good(&text, 12);
		sp_buf_printf(&text, "%s\n", cases[i].line);
		put_good(&text, 1);
		assert_int_equal(sp_netset_read(text.data, text.len, &netset), 0);
		assert_int_equal(netset.count, 12);
		assert_int_equal(netset.good, 13);
		assert_int_equal(netset.bad, 1);
		assert_int_equal(netset.fault_count, 1);
		assert_int_equal(netset.faults[0].line, 13);
		assert_string_equal(netset.faults[0].text, cases[i].fault);
	}
}

static void a_zero_byte_ends_nothing(void **state)
{
	static const char text[] = "10.0.0.0/8\0x\n";
	__sp_cleanup(sp_netset_done) struct sp_netset netset = { 0 };

	(void)state;
	assert_int_equal(sp_netset_read(text, sizeof(text) - 1, &netset), -EBADMSG);
	assert_int_equal(netset.bad, 1);
}

static void a_line_without_end_is_bounded(void **state)
{
	const size_t len = 10u << 20;
	__sp_cleanup(sp_netset_done) struct sp_netset netset = { 0 };
	__sp_free char *text = malloc(len);

	(void)state;
	assert_non_null(text);
	memset(text, '1', len);
	assert_int_equal(sp_netset_read(text, len, &netset), -EBADMSG);
	assert_int_equal(netset.fault_count, 1);
	assert_string_equal(netset.faults[0].text,
			    "a line of 10485760 bytes; a prefix and its comment have at most 1024");
}

static void expect_whole(unsigned good, unsigned bad, int expected)
{
	__sp_cleanup(sp_netset_done) struct sp_netset netset = { 0 };
	__sp_buf struct sp_buf text = SP_BUF_INIT;

	put_good(&text, good);
	for (unsigned i = 0; i < bad; i++)
		sp_buf_put(&text, "<td>\n");
	assert_int_equal(sp_netset_read(text.data, text.len, &netset), expected);
	assert_int_equal(netset.count, expected == 0 ? good : 0);
	assert_int_equal(netset.bad, bad);
	assert_int_equal(netset.fault_count,
			 bad < SP_NETSET_FAULTS_SHOWN ? bad : SP_NETSET_FAULTS_SHOWN);
}

static void a_list_is_weighed_as_a_whole(void **state)
{
	(void)state;
	expect_whole(9, 1, 0);
	expect_whole(90, 10, 0);
	expect_whole(89, 11, -EBADMSG);
	expect_whole(0, 1, -EBADMSG);
	expect_whole(1, 1, -EBADMSG);
}

static void an_emptied_list_is_told_from_garbage(void **state)
{
	static const char *const texts[] = { "", "\n", "# nothing today\n; nor here", "\r\n\r\n",
					     "\xef\xbb\xbf" };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(texts); i++) {
		__sp_cleanup(sp_netset_done) struct sp_netset netset = { 0 };

		assert_int_equal(sp_netset_read(texts[i], strlen(texts[i]), &netset), -ENODATA);
		assert_null(netset.items);
	}
}

static void a_list_too_long_is_not_cut(void **state)
{
	__sp_cleanup(sp_netset_done) struct sp_netset netset = { 0 };
	__sp_buf struct sp_buf text = SP_BUF_INIT;

	(void)state;
	for (unsigned i = 0; i <= SP_NETSET_PREFIXES_MAX; i++)
		sp_buf_printf(&text, "10.%u.%u.%u\n", i >> 16, i >> 8 & 255, i & 255);
	assert_int_equal(sp_netset_read(text.data, text.len, &netset), -E2BIG);
	assert_int_equal(netset.count, 0);
	assert_null(netset.items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_forms_are_read),
		cmocka_unit_test(what_lies_in_another_is_left_out),
		cmocka_unit_test(a_bad_line_is_named_and_the_others_stand),
		cmocka_unit_test(a_zero_byte_ends_nothing),
		cmocka_unit_test(a_line_without_end_is_bounded),
		cmocka_unit_test(a_list_is_weighed_as_a_whole),
		cmocka_unit_test(an_emptied_list_is_told_from_garbage),
		cmocka_unit_test(a_list_too_long_is_not_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
