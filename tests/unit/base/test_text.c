/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/text.h"

static bool is_printable(const char *text)
{
	return sp_text_is_printable(text, strlen(text));
}

static void letters_of_every_script_print(void **state)
{
	static const char *const good[] = { "",        "ana",        "a b/c\\d", "Zoë",
					    "Иван",    "李小龍",     "أنا",      "ana\u00a0b",
					    "e\u0301", "\U0001f600", "a\u3000b", "~" };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(good); i++)
		assert_true(is_printable(good[i]));
}

static void what_nobody_sees_does_not_print(void **state)
{
	static const char *const bad[] = {
		"\x1b[2J",
		"a\nb",
		"a\tb",
		"a\rb",
		"\x7f",
		"\xc2\x80",
		"\xc2\x85",
		("\xc2\x9b"
		 "31m"),
		"a\u00adb",
		"\u034f",
		"\u061c",
		"\u115f",
		"\u1160",
		"\u17b4",
		"\u180e",
		"a\u200bb",
		"a\u200cb",
		"a\u200db",
		"\u200e",
		"\u200f",
		"a\u2028b",
		"a\u2029b",
		"\u202a",
		"ana\u202egnp.exe",
		"\u2060",
		"\u2063",
		"\u2066",
		"\u2069",
		"\u206f",
		"\u2800",
		"\u3164",
		"\ue000",
		"\uf8ff",
		"\ufdd0",
		"\ufe0f",
		"\ufeff",
		"\uffa0",
		"\ufff9",
		"\uffff",
		"\U0001d173",
		"\U0001fffe",
		"\U00040000",
		"\U000e0041",
		"\U000e0100",
		"\U000f0000",
		"\U0010ffff",
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(bad); i++)
		assert_false(is_printable(bad[i]));
	assert_false(sp_text_is_printable("a\0b", 3));
}

static void bytes_that_are_no_utf8_do_not_print(void **state)
{
	static const char *const bad[] = { "\x80",
					   "\xc0\x80",
					   "\xc1\xbf",
					   "\xc3",
					   "\xc3(",
					   "\xe0\x80\x80",
					   "\xed\xa0\x80",
					   "\xf0\x80\x80\x80",
					   "\xf4\x90\x80\x80",
					   "\xf5\x80\x80\x80",
					   "\xff",
					   "ana\xe2\x80" };
	uint32_t code = 7;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(bad); i++)
		assert_false(is_printable(bad[i]));
	assert_int_equal(sp_text_take("\xc3\xab", 2, &code), 2);
	assert_int_equal(code, 0xeb);
	assert_int_equal(sp_text_take("\xc3\xab", 1, &code), 0);
	assert_int_equal(sp_text_take("", 0, &code), 0);
	assert_int_equal(code, 0xeb);
}

/* Every code point has one class, and the table is sorted: an entry out of order would never be found. */
static void classes_meet_at_their_borders(void **state)
{
	static const struct {
		uint32_t code;
		enum sp_text_class class;
	} rows[] = {
		{ 0x1f, SP_TEXT_CONTROL },        { 0x20, SP_TEXT_PRINTABLE },
		{ 0x7e, SP_TEXT_PRINTABLE },      { 0x7f, SP_TEXT_CONTROL },
		{ 0x85, SP_TEXT_BREAK },          { 0x9f, SP_TEXT_CONTROL },
		{ 0xa0, SP_TEXT_PRINTABLE },      { 0x200a, SP_TEXT_PRINTABLE },
		{ 0x200b, SP_TEXT_INVISIBLE },    { 0x200e, SP_TEXT_TURNING },
		{ 0x2010, SP_TEXT_PRINTABLE },    { 0x2029, SP_TEXT_BREAK },
		{ 0x202e, SP_TEXT_TURNING },      { 0x202f, SP_TEXT_PRINTABLE },
		{ 0x2066, SP_TEXT_TURNING },      { 0x206a, SP_TEXT_INVISIBLE },
		{ 0x2070, SP_TEXT_PRINTABLE },    { 0xd7ff, SP_TEXT_PRINTABLE },
		{ 0xe000, SP_TEXT_UNASSIGNED },   { 0xf900, SP_TEXT_PRINTABLE },
		{ 0xfffd, SP_TEXT_PRINTABLE },    { 0x1f600, SP_TEXT_PRINTABLE },
		{ 0x3fffd, SP_TEXT_PRINTABLE },   { 0xe0041, SP_TEXT_INVISIBLE },
		{ 0x10ffff, SP_TEXT_UNASSIGNED },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++)
		assert_int_equal(sp_text_classify(rows[i].code), rows[i].class);
}

static void names_and_labels_have_one_blank_and_an_end(void **state)
{
	(void)state;
	assert_true(sp_text_is_label("Domain Admins", 63));
	assert_true(sp_text_is_label("/eng/core", 63));
	assert_true(sp_text_is_name("ana's laptop", 63));
	assert_true(sp_text_is_name("abc", 3));
	assert_false(sp_text_is_name("abcd", 3));
	assert_false(sp_text_is_name("", 3));
	assert_false(sp_text_is_name("a/b", 63));
	assert_false(sp_text_is_label(" a", 63));
	assert_false(sp_text_is_label("a ", 63));
	assert_false(sp_text_is_label("a\u00a0b", 63));
	assert_false(sp_text_is_label("a\u3000", 63));
	assert_false(sp_text_is_label("a\u2009b", 63));
	assert_false(sp_text_is_label("an\u200ba", 63));
}

static void shown_text_has_nothing_left_that_moves(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "ana", "ana" },
		{ "Zoë 李", "Zoë 李" },
		{ "\x1b]0;x\x07", "\\x1b]0;x\\x07" },
		{ "a\nb", "a\\x0ab" },
		{ "\xc2\x9b", "\\x9b" },
		{ "\x9b", "\\x9b" },
		{ "ana\u202egnp", "ana\\u202egnp" },
		{ "\U000e0041", "\\u{e0041}" },
		{ "a\xe2\x80", "a\\xe2\\x80" },
	};
	char buf[64];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		__sp_buf struct sp_buf out = SP_BUF_INIT;

		assert_int_equal(sp_text_put(&out, rows[i].text, strlen(rows[i].text)), 0);
		assert_string_equal(sp_buf_get(&out), rows[i].want);
		assert_true(is_printable(sp_buf_get(&out)));
		assert_string_equal(sp_text_show(rows[i].text, buf, sizeof(buf)), rows[i].want);
	}
}

static void shown_text_ends_at_a_whole_character(void **state)
{
	char buf[5];

	(void)state;
	assert_string_equal(sp_text_show("abcdef", buf, sizeof(buf)), "abcd");
	assert_string_equal(sp_text_show("ab李", buf, sizeof(buf)), "ab");
	assert_string_equal(sp_text_show("a\x1b", buf, sizeof(buf)), "a");
	assert_string_equal(sp_text_show("\x1b", buf, sizeof(buf)), "\\x1b");
	assert_string_equal(sp_text_show("abc", buf, 1), "");
}

static void json_means_the_same_and_prints(void **state)
{
	static const struct {
		const char *json, *shown;
	} cases[] = {
		{ "{\"a\":\"Zo\u00eb\"}", "{\"a\":\"Zo\u00eb\"}" },
		{ "\"\\u001b\"", "\"\\u001b\"" }, /* escaped already */
		{ "\"\x7f\xc2\x9b\"", "\"\\u007f\\u009b\"" },
		{ "\"\u202e\u200b\"", "\"\\u202e\\u200b\"" },
		{ "\"\U000e0041\"", "\"\\udb40\\udc41\"" },
		{ "\"\U0010ffff\"", "\"\\udbff\\udfff\"" },
		{ "\"\xff\"", "\"\\ufffd\"" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_buf struct sp_buf out = SP_BUF_INIT;

		assert_int_equal(sp_text_put_json(&out, cases[i].json, strlen(cases[i].json)), 0);
		assert_string_equal(sp_buf_get(&out), cases[i].shown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_of_every_script_print),
		cmocka_unit_test(what_nobody_sees_does_not_print),
		cmocka_unit_test(bytes_that_are_no_utf8_do_not_print),
		cmocka_unit_test(classes_meet_at_their_borders),
		cmocka_unit_test(names_and_labels_have_one_blank_and_an_end),
		cmocka_unit_test(shown_text_has_nothing_left_that_moves),
		cmocka_unit_test(shown_text_ends_at_a_whole_character),
		cmocka_unit_test(json_means_the_same_and_prints),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
