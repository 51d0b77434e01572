/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "cli/cli.h"

/* What @print wrote. */
#define WRITTEN(print)                                                                             \
	({                                                                                         \
		char *text = NULL;                                                                 \
		size_t len;                                                                        \
		FILE *out = open_memstream(&text, &len);                                           \
		sp_cli_write(out, print);                                                          \
		fclose(out);                                                                       \
		text;                                                                              \
	})
#define ARGS(...) __VA_ARGS__

/* Whatever is done to a text in between, stdio is asked for the same without it. */
#define assert_prints_as_stdio(...)                                                                \
	do {                                                                                       \
		char expected[256];                                                                \
		__sp_free char *got = WRITTEN(ARGS(__VA_ARGS__));                                  \
		snprintf(expected, sizeof(expected), __VA_ARGS__);                                 \
		assert_string_equal(got, expected);                                                \
	} while (0)

static void ordinary_text_and_numbers_are_as_stdio_prints_them(void **state)
{
	(void)state;
	assert_prints_as_stdio("100%% of %s\n", "it");
	assert_prints_as_stdio("%-10s|%10s|%s", "left", "right", "");
	assert_prints_as_stdio("%-*s|%*s|", 6, "a", 6, "b");
	assert_prints_as_stdio("%*s|", -6, "left");
	assert_prints_as_stdio("%.*s|%.3s", 2, "cut", "also cut");
	assert_prints_as_stdio("%d %5d %-5d| %u %x %04x %c", -1, 2, 3, 4u, 255, 10, 'c');
	assert_prints_as_stdio("%zu %lld %llu %ld %6" PRIu64, (size_t)1, -2ll, 3ull, -4l,
			       (uint64_t)5);
	assert_prints_as_stdio("%.3f %.0f", 1.5, 2.5);
	assert_prints_as_stdio("no directive");
	assert_prints_as_stdio("%s %s", "Zoë", "李小龍");
}

static const struct {
	const char *text, *shown;
} hostile[] = {
	{ "\033[2J", "\\x1b[2J" },
	{ "\033]0;title\a", "\\x1b]0;title\\x07" },
	{ "\xc2\x9b"
	  "31m",
	  "\\x9b31m" },
	{ "\x9b", "\\x9b" }, /* not UTF-8 */
	{ "a\rb", "a\\x0db" },
	{ "a\nb", "a\\x0ab" },
	{ "\u202e\u200b", "\\u202e\\u200b" },
	{ "\U000e0041", "\\u{e0041}" },
	{ "\xff\xc3", "\\xff\\xc3" },
};

static void a_text_put_in_cannot_act_on_the_terminal(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(hostile); i++) {
		char expected[64];
		__sp_free char *got = WRITTEN(ARGS("<%s>\n", hostile[i].text));

		snprintf(expected, sizeof(expected), "<%s>\n", hostile[i].shown);
		assert_string_equal(got, expected);
	}
}

static void columns_stand_under_one_another_whatever_is_in_them(void **state)
{
	__sp_free char *got = WRITTEN(ARGS("%-8s|%8s|", "\033", "ë"));

	(void)state;
	assert_string_equal(got, "\\x1b    |       ë|");
}

static void paint_is_ours_alone(void **state)
{
	const struct sp_cli in_color = { .color = true }, plain = { 0 };
	__sp_free char *copy = strdup(sp_cli_paint(&in_color, SP_RED));
	__sp_free char *ours = WRITTEN(ARGS("%sx", sp_cli_paint(&in_color, SP_RED)));
	__sp_free char *without = WRITTEN(ARGS("%sx", sp_cli_paint(&plain, SP_RED)));
	__sp_free char *theirs = WRITTEN(ARGS("%sx", copy));

	(void)state;
	assert_string_equal(ours, "\033[31mx");
	assert_string_equal(without, "x");
	assert_string_equal(theirs, "\\x1b[31mx");
}

static void widths_are_those_of_the_screen(void **state)
{
	static const struct {
		const char *text;
		int width;
	} cases[] = {
		{ "", 0 },       { "ana", 3 },  { "Zoë", 3 },  { "Zoe\u0308", 3 },
		{ "李小龍", 6 }, { "한국", 4 }, { "ｱ", 1 },    { "Ａ", 2 },
		{ "🦀", 2 },     { "ไทย", 3 },  { "เที่ยว", 4 }, { "\xff", 1 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++)
		assert_int_equal(sp_cli_width(cases[i].text), cases[i].width);
}

static void wide_texts_stand_in_columns_too(void **state)
{
	__sp_free char *got = WRITTEN(ARGS("%-8s|%8s|", "李小龍", "Zoe\u0308"));

	(void)state;
	assert_string_equal(got, "李小龍  |     Zoe\u0308|");
}

static void lines_are_broken_at_blanks(void **state)
{
	static const struct {
		int columns, indent;
		const char *line, *wrapped;
	} cases[] = {
		{ 20, 4, "", "" },
		{ 20, 4, "just as wide as that", "just as wide as that" },
		{ 20, 4, "one word too wide as that", "one word too wide as\n    that" },
		{ 20, 6, "  key two  words behind each other",
		  "  key two  words\n      behind each\n      other" },
		{ 20, 8, "  title https://a-word-without-a-blank.example/",
		  "  title\n        https://a-word-without-a-blank.example/" },
		{ 19, 4, "李小龍 李小龍 李小龍 李小龍", "李小龍 李小龍\n    李小龍 李小龍" },
		{ 130, 4, "one word too wide as that", "one word too wide as that" },
		/* commands stay whole, for who copies them */
		{ 30, 4, "it is down; next: sudo sallyport up --iface wg7, and on",
		  "it is down; next:\n    sudo sallyport up --iface wg7,\n    and on" },
		{ 30, 4, "next: sallyport login https://gate.example.org --x y",
		  "next:\n    sallyport login https://gate.example.org --x y" },
		{ 24, 4, "nothing yet: sallyport detach --yes does it",
		  "nothing yet:\n    sallyport detach --yes\n    does it" },
		{ 20, 4, "next: set it and try again, a while later",
		  "next: set it and try\n    again, a while\n    later" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_buf struct sp_buf out = SP_BUF_INIT;

		sp_cli_wrap_line(&out, cases[i].line, cases[i].columns, cases[i].indent);
		assert_string_equal(sp_buf_get(&out), cases[i].wrapped);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_text_and_numbers_are_as_stdio_prints_them),
		cmocka_unit_test(a_text_put_in_cannot_act_on_the_terminal),
		cmocka_unit_test(columns_stand_under_one_another_whatever_is_in_them),
		cmocka_unit_test(paint_is_ours_alone),
		cmocka_unit_test(widths_are_those_of_the_screen),
		cmocka_unit_test(wide_texts_stand_in_columns_too),
		cmocka_unit_test(lines_are_broken_at_blanks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
