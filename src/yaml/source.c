/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "yaml/source.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

/* Why a character is refused in a policy. NULL: it is fine. */
static const char *refuse_character(uint32_t code)
{
	switch (sp_text_classify(code)) {
	case SP_TEXT_PRINTABLE:
		return NULL;
	case SP_TEXT_CONTROL:
		return "control characters are not allowed";
	case SP_TEXT_BREAK:
		return "YAML takes it for a line break, editors do not";
	case SP_TEXT_TURNING:
		return "it can make a line read differently from what it says";
	case SP_TEXT_INVISIBLE:
		return "nobody sees it, so two names could look the same";
	case SP_TEXT_UNASSIGNED:
		break;
	}
	return "it is not a printable character";
}

#define BINARY_LOOK 4096u

struct scan {
	struct sp_check *check;
	struct sp_node at;
	size_t line_start;
	bool in_indentation;
	bool saw_tab;
	bool in_comment;
	char quote; /* the quotes around the present place, of this line; 0: none */
	bool failed;
};

/* End the indentation of a line. A tab in it is an error only if the line has content. */
static void end_indentation(struct scan *scan, bool has_content)
{
	if (scan->in_indentation && scan->saw_tab && has_content) {
		sp_report(scan->check, &scan->at,
			  "a tab in the indentation: YAML wants spaces there");
		scan->failed = true;
	}
	scan->in_indentation = false;
}

/* Follow quotes and comments, in which any word is allowed. */
static void scan_quote(struct scan *scan, char c, char before)
{
	if (scan->quote)
		scan->quote = c == scan->quote ? 0 : scan->quote;
	else if (c == '#' && strchr(" \n", before))
		scan->in_comment = true;
	else if (c == '"' || (c == '\'' && strchr(" \n[{,", before)))
		scan->quote = c;
}

static void scan_ascii(struct scan *scan, const char *text, size_t len, size_t i)
{
	char c = text[i];

	scan_quote(scan, c, i ? text[i - 1] : '\n');
	if (c == '\n') {
		scan->in_indentation = true;
		scan->saw_tab = scan->in_comment = false;
		scan->quote = 0;
		scan->at.line++;
		scan->line_start = i + 1;
	} else if (c == '\t') {
		if (scan->in_indentation && !scan->saw_tab) {
			scan->saw_tab = true;
			scan->at.column = (uint32_t)(i - scan->line_start) + 1;
		}
	} else if (c == '\r') {
		if (i + 1 == len || text[i + 1] != '\n') {
			scan->at.column = (uint32_t)(i - scan->line_start) + 1;
			sp_report(scan->check, &scan->at,
				  "a carriage return without a line feed: end lines with a line "
				  "feed");
			scan->failed = true;
		}
		scan->in_indentation = false;
	} else if (c != ' ') {
		end_indentation(scan, c != '#');
	}
}

/* Is this a blank copied from a web page? YAML wants a space there, and takes this one for a
 * letter. */
static bool is_false_blank(const struct scan *scan, const char *text, size_t i, uint32_t code)
{
	if (!sp_text_is_odd_blank(code) || scan->quote || scan->in_comment)
		return false;
	return scan->in_indentation || (i > scan->line_start && strchr(":-,[{}]", text[i - 1]));
}

/* Report a bad character. One report is enough, because a file that is no text has thousands. */
static int report_character(struct sp_check *check, const struct sp_node *at, const char *text,
			    size_t len, uint32_t code, const char *why)
{
	/* a NUL byte is only in programs, archives and pictures */
	if (memchr(text, 0, len < BINARY_LOOK ? len : BINARY_LOOK))
		sp_report(check, at, "this is not a text file: it holds NUL bytes");
	else if (!why)
		sp_report(check, at, "byte 0x%02X is not UTF-8: save the file as UTF-8", code);
	else
		sp_report(check, at, "character U+%04X: %s", code, why);
	return -EINVAL;
}

int sp_source_check(struct sp_check *check, const char *text, size_t len)
{
	struct scan scan = { .check = check,
			     .at = { .file = check->file, .line = 1, .column = 1 },
			     .in_indentation = true };
	size_t step;

	if (len > SP_SOURCE_MAX) {
		sp_report(check, &scan.at, "the file has %zu bytes; at most %u are read", len,
			  SP_SOURCE_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < len && check->diagnostics->error_count < SP_DIAGNOSTICS_MAX;
	     i += step) {
		const unsigned char *bytes = (const unsigned char *)text + i;
		uint32_t code = 0;
		const char *why = NULL;

		if ((bytes[0] >= 0x20 && bytes[0] < 0x7f) || bytes[0] == '\n' || bytes[0] == '\t' ||
		    bytes[0] == '\r') {
			step = 1;
			scan_ascii(&scan, text, len, i);
			continue;
		}
		step = sp_text_take(text + i, len - i, &code);
		if (step > 0)
			why = is_false_blank(&scan, text, i, code)
				      ? "it looks like a blank and is none to YAML: write a space"
				      : refuse_character(code);
		if (step > 0 &&
		    (!why ||
		     (i == 0 && code == 0xfeff))) { /* a byte order mark is allowed at the start */
			end_indentation(&scan, true);
			continue;
		}
		scan.at.column = (uint32_t)(i - scan.line_start) + 1;
		return report_character(check, &scan.at, text, len, step ? code : bytes[0], why);
	}
	return scan.failed ? -EINVAL : 0;
}
