/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Diagnostics as a list: order, bound, what is kept of too many; and the nearest name. */
#include "loading.h"
#include "yaml/diagnostics.h"
#include "yaml/suggest.h"

#include <locale.h>

__attribute__((format(printf, 4, 5))) static void add(struct sp_diagnostics *diagnostics,
						      enum sp_severity severity, uint32_t line,
						      const char *format, ...)
{
	struct sp_place place = { .line = line, .column = 1 };
	va_list args;

	va_start(args, format);
	assert_int_equal(sp_diagnostics_add(diagnostics, severity, "p", place, format, args), 0);
	va_end(args);
}

static void diagnostics_come_in_the_order_of_the_text(void **state)
{
	struct sp_diagnostics diagnostics = { 0 };

	(void)state;
	add(&diagnostics, SP_ERROR, 9, "nine");
	add(&diagnostics, SP_WARNING, 2, "two");
	add(&diagnostics, SP_ERROR, 4, "four");
	add(&diagnostics, SP_ERROR, 4, "four"); /* the same again is one */
	sp_diagnostics_sort(&diagnostics);
	assert_int_equal(diagnostics.count, 3);
	assert_int_equal(diagnostics.error_count, 2);
	assert_string_equal(diagnostics.items[0].message, "two");
	assert_string_equal(diagnostics.items[1].message, "four");
	assert_string_equal(diagnostics.items[2].message, "nine");
	sp_diagnostics_done(&diagnostics);
}

static void too_many_diagnostics_keep_the_first_errors(void **state)
{
	struct sp_diagnostics diagnostics = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 150; i++)
		add(&diagnostics, SP_WARNING, 1000 + i, "warning %u", i);
	for (uint32_t i = 200; i > 50; i--) /* backwards: the last ones come first in the text */
		add(&diagnostics, SP_ERROR, i, "error %u", i);
	sp_diagnostics_sort(&diagnostics);
	assert_int_equal(diagnostics.count, SP_DIAGNOSTICS_MAX);
	assert_int_equal(diagnostics.error_count, 150);
	assert_int_equal(diagnostics.dropped_count, 200);
	assert_int_equal(diagnostics.items[0].place.line, 51);
	assert_int_equal(diagnostics.items[99].place.line, 150);
	assert_int_equal(diagnostics.items[99].severity, SP_ERROR);
	sp_diagnostics_done(&diagnostics);
}

static void error_silences_the_warning_at_its_place(void **state)
{
	struct sp_diagnostics diagnostics = { 0 };

	(void)state;
	add(&diagnostics, SP_WARNING, 3, "also odd");
	add(&diagnostics, SP_ERROR, 3, "wrong");
	add(&diagnostics, SP_WARNING, 4, "odd");
	sp_diagnostics_sort(&diagnostics);
	assert_int_equal(diagnostics.count, 2);
	assert_string_equal(diagnostics.items[0].message, "wrong");
	assert_string_equal(diagnostics.items[1].message, "odd");
	sp_diagnostics_done(&diagnostics);
}

static void format_names_place_and_severity(void **state)
{
	struct sp_diagnostic diagnostic = {
		.severity = SP_WARNING,
		.place = { .line = 3, .column = 7 },
		.path = "p.yaml",
		.message = "odd",
	};
	char *text = sp_diagnostic_format(&diagnostic);

	(void)state;
	assert_string_equal(text, "p.yaml:3:7: warning: odd");
	free(text);
	diagnostic.severity = SP_ERROR;
	text = sp_diagnostic_format(&diagnostic);
	assert_string_equal(text, "p.yaml:3:7: odd");
	free(text);
}

static void shown_text_is_short_and_printable(void **state)
{
	char text[2000];

	(void)state;
	assert_string_equal(sp_show("web").quoted, "\"web\"");
	assert_string_equal(sp_show("a\033[2J\n\x7f").quoted, "\"a\\x1b[2J\\x0a\\x7f\"");
	for (size_t len = 0; len < 500; len++) { /* whole characters only, and within the buffer */
		struct sp_shown shown;

		text[0] = '\0';
		for (size_t i = 0; i < len; i++)
			strcat(text, i % 3 == 0 ? "ü" : i % 3 == 1 ? "\x01" : "€");
		shown = sp_show(text);
		assert_true(strlen(shown.quoted) < sizeof(shown.quoted));
		assert_int_equal(shown.quoted[strlen(shown.quoted) - 1], '"');
		assert_int_equal(mbstowcs(NULL, shown.quoted, 0) == (size_t)-1, 0);
	}
}

static void edit_distance_counts_slips(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned limit, expected;
	} cases[] = {
		{ "", "", 3, 0 },
		{ "abc", "", 3, 3 },
		{ "", "ab", 3, 2 },
		{ "rules", "rules", 3, 0 },
		{ "rules", "Rules", 3, 0 },
		{ "rules", "ruels", 3, 1 },
		{ "rules", "rule", 3, 1 },
		{ "rule", "rules", 3, 1 },
		{ "sevrices", "services", 3, 1 },
		{ "kitten", "sitting", 3, 3 },
		{ "kitten", "sitting", 2, 3 },
		{ "abcdef", "ghijkl", 3, 4 },
		{ "expose", "expse", 1, 1 },
		{ "ab", "ba", 1, 1 },
		{ "abcd", "badc", 2, 2 },
		{ "networks", "network", 0, 1 },
		{ "a", "abcdefgh", 3, 4 },
		{ "xabc", "abcx", 3, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(sp_edit_distance(cases[i].a, cases[i].b, cases[i].limit),
				 cases[i].expected);
		assert_int_equal(sp_edit_distance(cases[i].b, cases[i].a, cases[i].limit),
				 cases[i].expected);
	}
}

/* The textbook's table, all of it, against the banded one. */
static unsigned plain_distance(const char *a, const char *b)
{
	unsigned d[10][10];
	size_t m = strlen(a), n = strlen(b);

	for (size_t i = 0; i <= m; i++) {
		for (size_t j = 0; j <= n; j++) {
			unsigned best = i == 0 ? (unsigned)j : j == 0 ? (unsigned)i : 99;

			if (i && j) {
				unsigned same = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

				best = d[i - 1][j] + 1 < d[i][j - 1] + 1 ? d[i - 1][j] + 1
									 : d[i][j - 1] + 1;
				best = same < best ? same : best;
				if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
				    a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
					best = d[i - 2][j - 2] + 1;
			}
			d[i][j] = best;
		}
	}
	return d[m][n];
}

static void edit_distance_is_the_textbooks_within_its_limit(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		char words[2][10];
		unsigned limit = (unsigned)round % 4, expected;

		for (int w = 0; w < 2; w++) {
			size_t len = (seed = seed * 1664525 + 1013904223) >> 24 & 7;

			for (size_t i = 0; i < len; i++)
				words[w][i] =
					(char)('a' + ((seed = seed * 1664525 + 1013904223) >> 30));
			words[w][len] = '\0';
		}
		expected = plain_distance(words[0], words[1]);
		if (expected > limit)
			expected = limit + 1;
		if (sp_edit_distance(words[0], words[1], limit) != expected)
			fail_msg("%s %s limit %u: expected %u", words[0], words[1], limit,
				 expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(diagnostics_come_in_the_order_of_the_text),
		cmocka_unit_test(too_many_diagnostics_keep_the_first_errors),
		cmocka_unit_test(error_silences_the_warning_at_its_place),
		cmocka_unit_test(format_names_place_and_severity),
		cmocka_unit_test(shown_text_is_short_and_printable),
		cmocka_unit_test(edit_distance_counts_slips),
		cmocka_unit_test(edit_distance_is_the_textbooks_within_its_limit),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests_name("policy-load-diagnostics", tests, NULL, NULL);
}
