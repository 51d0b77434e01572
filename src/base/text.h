/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is printable: one answer for everything that comes in (names, groups, policies, requests,
 * tokens) and everything that goes out (terminal, log, messages).
 *
 * Not printable are bytes that are not UTF-8, control characters (C0, DEL, C1), characters nobody
 * sees or that move what stands beside them (bidi controls, zero-width characters, fillers,
 * variation selectors, tags, soft hyphens, line and paragraph separators), private use,
 * noncharacters, and the planes nothing is assigned in. Names are compared byte by byte: two forms
 * of one letter (composed and decomposed) are two names. Source: Unicode 15,
 * Default_Ignorable_Code_Point, Bidi_Control, General_Category Cc, Co, Zl, Zp.
 */
#ifndef SALLYPORT_BASE_TEXT_H
#define SALLYPORT_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum sp_text_class {
	SP_TEXT_PRINTABLE,
	SP_TEXT_CONTROL, /* C0, DEL, C1 */
	/* NEL and the line and paragraph separators: a line break to some, none to others */
	SP_TEXT_BREAK,
	SP_TEXT_TURNING,    /* bidi controls: a line reads differently from what it says */
	SP_TEXT_INVISIBLE,  /* takes no room, so that two texts look alike */
	SP_TEXT_UNASSIGNED, /* private use, noncharacters: nobody can say what it looks like */
};

/* Take the first character of @len bytes (RFC 3629: no overlong forms, no surrogates, nothing over
 * U+10FFFF). Returns its length in bytes, 1 to 4; 0: no bytes are left, or they are not UTF-8
 * (@ret_code untouched). */
size_t sp_text_take(const char *bytes, size_t len, uint32_t *ret_code);

/* The class of one character: of a code point up to U+10FFFF. */
enum sp_text_class sp_text_classify(uint32_t code);

/* Does it look like U+0020 and is another blank (General_Category Zs)? */
bool sp_text_is_odd_blank(uint32_t code);

/* Does all of it print? An empty text does. */
bool sp_text_is_printable(const char *bytes, size_t len);

/* Is @text fit to be compared as a label, a group's for example: 1 to @max bytes, printable, no
 * blank at its ends, and no blank in it but U+0020 (others look the same and are not). */
bool sp_text_is_label(const char *text, size_t max);

/* Is it fit to name a person or a device: a label without `/`. */
bool sp_text_is_name(const char *text, size_t max);

/* Append @len bytes, fit for a terminal: what does not print stands as \x1b (a byte or a character
 * below U+0100) or \u202e or \u{e0041}. Returns 0, -ENOMEM, or the error the buffer carries. */
int sp_text_put(struct sp_buf *out, const char *bytes, size_t len);

/* Append a JSON text (valid, so that what does not print stands in strings alone), fit for a
 * terminal or a log: what does not print stands as \u202e or a pair of surrogates. It means what it
 * meant. Returns as above. */
int sp_text_put_json(struct sp_buf *out, const char *json, size_t len);

/* Write a text as sp_text_put does, into @buf of @size (at least 1) bytes. A text that has no room
 * is cut between two characters. Returns @buf. */
const char *sp_text_show(const char *text, char *buf, size_t size);

#endif
