/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/source.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Take one character. Returns its length in bytes, 0 when the bytes are not UTF-8 (RFC 3629: no
 * overlong forms, no surrogates, nothing over U+10FFFF). */
static size_t take_utf8(const unsigned char *bytes, size_t left, uint32_t *ret_code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = bytes[0] < 0x80   ? 1
		     : bytes[0] < 0xc2 ? 0
		     : bytes[0] < 0xe0 ? 2
		     : bytes[0] < 0xf0 ? 3
		     : bytes[0] < 0xf5 ? 4
				       : 0;
	uint32_t code = len < 2 ? bytes[0] : bytes[0] & (0xffu >> (len + 1));

	if (len == 0 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (bytes[i] & 0x3f);
	}
	if (code < smallest[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret_code = code;
	return len;
}

/* Why a character has no place in a policy; NULL: it is fine. */
static const char *refuse_character(uint32_t code)
{
	if (code == 0x85 || code == 0x2028 || code == 0x2029)
		return "YAML takes it for a line break, editors do not";
	if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
	    code == 0x200e || code == 0x200f || code == 0x061c)
		return "it can make a line read differently from what it says";
	if (code < 0x20 || (code >= 0x7f && code < 0xa0))
		return "control characters are not allowed";
	if (code == 0xfeff || code == 0xfffe || code == 0xffff)
		return "it is not a printable character";
	return NULL;
}

#define BINARY_LOOK 4096u

struct scan {
	struct sp_check *check;
	struct sp_node at;
	size_t line_start;
	bool in_indentation;
	bool saw_tab;
	bool failed;
};

/* A tab among the blanks a line starts with: only wrong when something follows on that line. */
static void end_indentation(struct scan *scan, bool has_content)
{
	if (scan->in_indentation && scan->saw_tab && has_content) {
		sp_report(scan->check, &scan->at,
			  "a tab in the indentation: YAML wants spaces there");
		scan->failed = true;
	}
	scan->in_indentation = false;
}

static void scan_ascii(struct scan *scan, const char *text, size_t len, size_t i)
{
	char c = text[i];

	if (c == '\n') {
		scan->in_indentation = true;
		scan->saw_tab = false;
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

/* One report is enough: what is not text has thousands. */
static int report_character(struct sp_check *check, const struct sp_node *at, const char *text,
			    size_t len, uint32_t code, const char *why)
{
	/* What a text file of a policy never has: a program, an archive, a picture. */
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
			     .at = { .line = 1, .column = 1 },
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
		step = take_utf8(bytes, len - i, &code);
		if (step > 0)
			why = refuse_character(code);
		if (step > 0 &&
		    (!why ||
		     (i == 0 && code == 0xfeff))) { /* a byte order mark is well at the start */
			end_indentation(&scan, true);
			continue;
		}
		scan.at.column = (uint32_t)(i - scan.line_start) + 1;
		return report_character(check, &scan.at, text, len, step ? code : bytes[0], why);
	}
	return scan.failed ? -EINVAL : 0;
}
