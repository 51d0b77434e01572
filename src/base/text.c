/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"

size_t sp_text_take(const char *bytes, size_t len, uint32_t *ret_code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *byte = (const unsigned char *)bytes;
	size_t taken;
	uint32_t code;

	if (len == 0)
		return 0;
	taken = byte[0] < 0x80   ? 1
		: byte[0] < 0xc2 ? 0
		: byte[0] < 0xe0 ? 2
		: byte[0] < 0xf0 ? 3
		: byte[0] < 0xf5 ? 4
				 : 0;
	if (taken == 0 || taken > len)
		return 0;
	code = taken < 2 ? byte[0] : byte[0] & (0xffu >> (taken + 1));
	for (size_t i = 1; i < taken; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (byte[i] & 0x3f);
	}
	if (code < smallest[taken] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret_code = code;
	return taken;
}

/* Sorted by code point; what stands in none of them prints. */
static const struct range {
	uint32_t first, last;
	enum sp_text_class class;
} unprintable[] = {
	{ 0x0000, 0x001f, SP_TEXT_CONTROL },
	{ 0x007f, 0x0084, SP_TEXT_CONTROL },
	{ 0x0085, 0x0085, SP_TEXT_BREAK },
	{ 0x0086, 0x009f, SP_TEXT_CONTROL },
	{ 0x00ad, 0x00ad, SP_TEXT_INVISIBLE }, /* soft hyphen */
	{ 0x034f, 0x034f, SP_TEXT_INVISIBLE }, /* combining grapheme joiner */
	{ 0x061c, 0x061c, SP_TEXT_TURNING },
	{ 0x115f, 0x1160, SP_TEXT_INVISIBLE }, /* Hangul fillers */
	{ 0x17b4, 0x17b5, SP_TEXT_INVISIBLE }, /* Khmer vowels without a shape */
	{ 0x180b, 0x180f, SP_TEXT_INVISIBLE }, /* Mongolian variation selectors */
	{ 0x200b, 0x200d, SP_TEXT_INVISIBLE }, /* zero-width space and joiners */
	{ 0x200e, 0x200f, SP_TEXT_TURNING },
	{ 0x2028, 0x2029, SP_TEXT_BREAK },
	{ 0x202a, 0x202e, SP_TEXT_TURNING },
	{ 0x2060, 0x2065, SP_TEXT_INVISIBLE },
	{ 0x2066, 0x2069, SP_TEXT_TURNING },
	{ 0x206a, 0x206f, SP_TEXT_INVISIBLE },
	{ 0x2800, 0x2800, SP_TEXT_INVISIBLE },  /* Braille pattern without a dot */
	{ 0x3164, 0x3164, SP_TEXT_INVISIBLE },  /* Hangul filler */
	{ 0xd800, 0xf8ff, SP_TEXT_UNASSIGNED }, /* surrogates, private use */
	{ 0xfdd0, 0xfdef, SP_TEXT_UNASSIGNED },
	{ 0xfe00, 0xfe0f, SP_TEXT_INVISIBLE }, /* variation selectors */
	{ 0xfeff, 0xfeff, SP_TEXT_INVISIBLE }, /* byte order mark */
	{ 0xffa0, 0xffa0, SP_TEXT_INVISIBLE }, /* Hangul filler, half width */
	{ 0xfff0, 0xfffb, SP_TEXT_INVISIBLE },
	{ 0xfffe, 0xffff, SP_TEXT_UNASSIGNED },
	{ 0x1bca0, 0x1bca3, SP_TEXT_INVISIBLE }, /* shorthand format controls */
	{ 0x1d173, 0x1d17a, SP_TEXT_INVISIBLE }, /* musical format controls */
	{ 0x1fffe, 0x1ffff, SP_TEXT_UNASSIGNED },
	{ 0x2fffe, 0x2ffff, SP_TEXT_UNASSIGNED },
	{ 0x3fffe, 0xdffff, SP_TEXT_UNASSIGNED },
	{ 0xe0000, 0xe0fff, SP_TEXT_INVISIBLE }, /* tags, more variation selectors */
	{ 0xe1000, UINT32_MAX, SP_TEXT_UNASSIGNED },
};

enum sp_text_class sp_text_classify(uint32_t code)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(unprintable) && code >= unprintable[i].first; i++)
		if (code <= unprintable[i].last)
			return unprintable[i].class;
	return SP_TEXT_PRINTABLE;
}

/* Length of the first character when it prints; 0: it does not, or is not UTF-8. */
static size_t take_printable(const char *bytes, size_t len, uint32_t *ret_code)
{
	const size_t taken = sp_text_take(bytes, len, ret_code);

	return taken > 0 && sp_text_classify(*ret_code) == SP_TEXT_PRINTABLE ? taken : 0;
}

bool sp_text_is_printable(const char *bytes, size_t len)
{
	uint32_t code;

	for (size_t taken; len > 0; bytes += taken, len -= taken) {
		taken = take_printable(bytes, len, &code);
		if (taken == 0)
			return false;
	}
	return true;
}

bool sp_text_is_odd_blank(uint32_t code)
{
	return code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) ||
	       code == 0x202f || code == 0x205f || code == 0x3000;
}

bool sp_text_is_label(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);
	uint32_t code;

	if (len < 1 || len > max || text[0] == ' ' || text[len - 1] == ' ')
		return false;
	for (size_t taken; len > 0; text += taken, len -= taken) {
		taken = take_printable(text, len, &code);
		if (taken == 0 || sp_text_is_odd_blank(code))
			return false;
	}
	return true;
}

bool sp_text_is_name(const char *text, size_t max)
{
	return sp_text_is_label(text, max) && !strchr(text, '/');
}

#define SHOWN_MAX sizeof("\\u{1fffff}")

/* Write the first character of @len > 0 bytes as it is shown: a text of its own. Returns the bytes
 * it stands for. */
static size_t show_first(const char *bytes, size_t len, char ret_shown[SHOWN_MAX])
{
	uint32_t code = 0;
	size_t taken = take_printable(bytes, len, &code);

	if (taken > 0) {
		memcpy(ret_shown, bytes, taken);
		ret_shown[taken] = 0;
		return taken;
	}
	taken = sp_text_take(bytes, len, &code);
	if (taken == 0)
		code = (unsigned char)bytes[0];
	snprintf(ret_shown, SHOWN_MAX,
		 code < 0x100     ? "\\x%02x"
		 : code < 0x10000 ? "\\u%04x"
				  : "\\u{%x}",
		 code & 0x1fffff);
	return taken ? taken : 1;
}

int sp_text_put(struct sp_buf *out, const char *bytes, size_t len)
{
	for (size_t taken; len > 0; bytes += taken, len -= taken) {
		char shown[SHOWN_MAX];

		taken = show_first(bytes, len, shown);
		sp_buf_put(out, shown);
	}
	return out->error;
}

/* Bytes before the first character that JSON does not show as it is; *@ret_code: that one's. */
static size_t run_of_json(const char *json, size_t len, uint32_t *ret_code)
{
	size_t run = 0;

	for (size_t taken; run < len; run += taken) {
		*ret_code = 0xfffd; /* bytes that are no text, which valid JSON has not */
		taken = sp_text_take(json + run, len - run, ret_code);
		if (taken == 0 ||
		    (sp_text_classify(*ret_code) != SP_TEXT_PRINTABLE && *ret_code != '\n'))
			break;
	}
	return run;
}

int sp_text_put_json(struct sp_buf *out, const char *json, size_t len)
{
	while (len > 0) {
		uint32_t code;
		size_t run = run_of_json(json, len, &code), taken;

		sp_buf_put_bytes(out, json, run);
		json += run;
		len -= run;
		if (len == 0)
			break;
		if (code < 0x10000)
			sp_buf_printf(out, "\\u%04x", code);
		else
			sp_buf_printf(out, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10),
				      0xdc00 + (code & 0x3ff));
		taken = sp_text_take(json, len, &code);
		json += taken ? taken : 1;
		len -= taken ? taken : 1;
	}
	return out->error;
}

const char *sp_text_show(const char *text, char *buf, size_t size)
{
	size_t len = strlen(text), used = 0;

	for (size_t taken; len > 0; text += taken, len -= taken) {
		char shown[SHOWN_MAX];
		size_t shown_len;

		taken = show_first(text, len, shown);
		shown_len = strlen(shown);
		if (used + shown_len >= size)
			break;
		memcpy(buf + used, shown, shown_len);
		used += shown_len;
	}
	buf[used] = 0;
	return buf;
}
