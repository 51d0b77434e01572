/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/frames.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "net/addr.h"
#include "net/checksum.h"

#define WORDS_MAX 48
#define EXT_MAX 16

/* What the line says. */
struct spec {
	struct sp_addr source, destination;
	uint16_t source_port, destination_port;
	bool is_v6;
	uint8_t proto, flags, ttl, type, code, vlan;
	uint16_t id, ethertype;
	bool is_raw, is_ethernet, is_fragment, has_more, has_cut;
	size_t payload, pad, cut;
	uint8_t options[40];
	size_t options_len;
	uint8_t ext[EXT_MAX], fragext[EXT_MAX];
	size_t ext_count, fragext_count;
	uint32_t fragment_id;
	size_t from, to;
	const char *patches[8];
	size_t patch_count;
	const char *quote;
	size_t quote_len; /* of its layer 4 */
};

__attribute__((noreturn, format(printf, 2, 3))) static void die(const char *line,
								const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "bad frame \"%s\": ", line);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

/* 10.0.0.1, 10.0.0.1:80, 2001:db8::1, [2001:db8::1]:80 */
static void read_end(const char *line, const char *word, struct sp_addr *ret_addr,
		     uint16_t *ret_port)
{
	char text[64];
	char *port = NULL, *addr = text;

	snprintf(text, sizeof(text), "%s", word);
	if (text[0] == '[') {
		char *close = strchr(text, ']');

		if (!close)
			die(line, "no ] in %s", word);
		*close = '\0';
		addr++;
		port = close[1] == ':' ? close + 2 : NULL;
	} else if (strchr(text, ':') && strchr(text, ':') == strrchr(text, ':')) {
		port = strchr(text, ':');
		*port++ = '\0';
	}
	if (sp_addr_parse(addr, ret_addr) < 0)
		die(line, "no address: %s", word);
	*ret_port = port ? (uint16_t)atoi(port) : 0;
}

static size_t read_hex(const char *line, const char *text, uint8_t *buf, size_t size)
{
	size_t len = 0;
	unsigned byte;

	for (; *text; text += 2) {
		if (len == size || sscanf(text, "%2x", &byte) != 1 || !text[1])
			die(line, "hex: %s", text);
		buf[len++] = (uint8_t)byte;
	}
	return len;
}

static bool read_flags(const char *word, uint8_t *ret_flags)
{
	static const char letters[] = "FSRPAU";
	uint8_t flags = 0;

	if (strcmp(word, "-") == 0) {
		*ret_flags = 0;
		return true;
	}
	for (; *word; word++) {
		const char *letter = strchr(letters, *word);

		if (!letter)
			return false;
		flags |= (uint8_t)(1 << (letter - letters));
	}
	*ret_flags = flags;
	return true;
}

static size_t read_list(const char *text, uint8_t *list)
{
	size_t count = 0;

	for (; text && count < EXT_MAX; text = strchr(text, ',') ? strchr(text, ',') + 1 : NULL)
		list[count++] = (uint8_t)atoi(text);
	return count;
}

static void read_proto(const char *line, const char *word, struct spec *spec)
{
	unsigned number;

	if (strcmp(word, "tcp") == 0) {
		spec->proto = IPPROTO_TCP;
		spec->flags = 0x02;
	} else if (strcmp(word, "udp") == 0) {
		spec->proto = IPPROTO_UDP;
		spec->payload = 4;
	} else if (strcmp(word, "sctp") == 0) {
		spec->proto = IPPROTO_SCTP;
	} else if (strcmp(word, "icmp") == 0) {
		spec->proto = IPPROTO_ICMP;
		spec->type = 8;
	} else if (strcmp(word, "icmp6") == 0) {
		spec->proto = IPPROTO_ICMPV6;
		spec->type = 128;
	} else if (sscanf(word, "proto=%u", &number) == 1) {
		spec->proto = (uint8_t)number;
		spec->is_raw = true;
	} else {
		die(line, "no protocol: %s", word);
	}
}

static void read_word(const char *line, const char *word, struct spec *spec)
{
	unsigned a, b, c;
	char plus = 0;

	if (strcmp(word, "eth") == 0) {
		spec->is_ethernet = true;
	} else if (sscanf(word, "vlan=%u", &a) == 1) {
		spec->is_ethernet = true;
		spec->vlan = (uint8_t)a;
	} else if (sscanf(word, "ethertype=%x", &a) == 1) {
		spec->is_ethernet = true;
		spec->ethertype = (uint16_t)a;
	} else if (sscanf(word, "payload=%u", &a) == 1) {
		spec->payload = a;
	} else if (sscanf(word, "type=%u", &a) == 1) {
		spec->type = (uint8_t)a;
	} else if (sscanf(word, "code=%u", &a) == 1) {
		spec->code = (uint8_t)a;
	} else if (sscanf(word, "id=%u", &a) == 1) {
		spec->id = (uint16_t)a;
	} else if (sscanf(word, "ttl=%u", &a) == 1) {
		spec->ttl = (uint8_t)a;
	} else if (sscanf(word, "cut=%u", &a) == 1) {
		spec->has_cut = true;
		spec->cut = a;
	} else if (sscanf(word, "pad=%u", &a) == 1) {
		spec->pad = a;
	} else if (strncmp(word, "options=", 8) == 0) {
		spec->options_len = read_hex(line, word + 8, spec->options, sizeof(spec->options));
	} else if (strncmp(word, "ext=", 4) == 0) {
		spec->ext_count = read_list(word + 4, spec->ext);
	} else if (strncmp(word, "fragext=", 8) == 0) {
		spec->fragext_count = read_list(word + 8, spec->fragext);
	} else if (sscanf(word, "frag=%u:%u-%u%c", &a, &b, &c, &plus) >= 3) {
		spec->is_fragment = true;
		spec->fragment_id = a;
		spec->from = b;
		spec->to = c;
		spec->has_more = plus == '+';
	} else if (strncmp(word, "ip[", 3) == 0 || strncmp(word, "l4[", 3) == 0) {
		spec->patches[spec->patch_count++] = word;
	} else if (!read_flags(word, &spec->flags)) {
		die(line, "no such word: %s", word);
	}
}

/* @words is the caller's copy of the line; the spec points into it and into @line. */
static void read_line(const char *line, char *words, struct spec *spec)
{
	size_t count = 0;
	char *next = words, *word;

	*spec = (struct spec){ .ttl = 64, .quote_len = 8 };
	while ((word = strsep(&next, " ")) != NULL) {
		if (!*word)
			continue;
		if (count == 0)
			read_end(line, word, &spec->source, &spec->source_port);
		else if (count == 1 && strcmp(word, ">") != 0)
			die(line, "no >");
		else if (count == 2)
			read_end(line, word, &spec->destination, &spec->destination_port);
		else if (count == 3)
			read_proto(line, word, spec);
		else if (strncmp(word, "quote", 5) == 0 && (!word[5] || word[5] == '=')) {
			if (word[5])
				spec->quote_len = (size_t)atoi(word + 6);
			spec->quote = next ? line + (next - words) : "";
			break;
		} else if (count > 3)
			read_word(line, word, spec);
		count++;
	}
	if (count < 4)
		die(line, "too short");
	spec->is_v6 = !sp_addr_is_v4(&spec->source) || !sp_addr_is_v4(&spec->destination);
}

/* Layer 4 and its payload; returns the length. */
static size_t put_layer4(const char *line, const struct spec *spec, uint8_t *buf, size_t size)
{
	size_t header = 0, checksum_at = 0, len;

	switch (spec->is_raw ? -1 : spec->proto) {
	case IPPROTO_TCP:
		header = 20;
		checksum_at = 16;
		buf[12] = 5 << 4;
		buf[13] = spec->flags;
		break;
	case IPPROTO_UDP:
		header = 8;
		checksum_at = 6;
		sp_put_be16(buf + 4, (uint16_t)(8 + spec->payload));
		break;
	case IPPROTO_SCTP:
		header = 12;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		header = 8;
		checksum_at = 2;
		buf[0] = spec->type;
		buf[1] = spec->code;
		sp_put_be16(buf + 4, spec->id);
		break;
	}
	if (checksum_at != 2 && header > 0) {
		sp_put_be16(buf, spec->source_port);
		sp_put_be16(buf + 2, spec->destination_port);
	}
	len = header + spec->payload;
	if (spec->quote) {
		struct test_frame quoted;
		size_t quoted_len;

		test_frame_make(&quoted, spec->quote);
		quoted_len = quoted.l4_at + spec->quote_len;
		if (quoted_len > quoted.len)
			quoted_len = quoted.len;
		memcpy(buf + len, quoted.bytes, quoted_len);
		len += quoted_len;
	}
	if (len > size)
		die(line, "too long");
	if (checksum_at && spec->proto == IPPROTO_ICMP)
		sp_put_be16(buf + 2, sp_checksum_finish(sp_checksum_add(0, buf, len)));
	else if (checksum_at)
		sp_put_be16(buf + checksum_at,
			    sp_checksum_segment(&spec->source, &spec->destination, spec->proto, buf,
						len));
	return len;
}

/* Chained eight-byte extension headers; returns the length, and through @link where the next header
 * is to be written. */
static size_t put_extensions(const uint8_t *ext, size_t count, uint8_t *buf, uint8_t **link)
{
	for (size_t i = 0; i < count; i++) {
		**link = ext[i];
		*link = buf + i * 8;
		if (ext[i] == IPPROTO_ROUTING)
			buf[i * 8 + 2] = 4;
	}
	return count * 8;
}

static size_t put_ip_v4(const struct spec *spec, uint8_t *ip, size_t payload)
{
	size_t header = 20 + spec->options_len;

	ip[0] = (uint8_t)(4 << 4 | header / 4);
	sp_put_be16(ip + 2, (uint16_t)(header + payload));
	if (spec->is_fragment) {
		sp_put_be16(ip + 4, (uint16_t)spec->fragment_id);
		sp_put_be16(ip + 6, (uint16_t)(spec->from / 8 | (spec->has_more ? 0x2000 : 0)));
	}
	ip[8] = spec->ttl;
	ip[9] = spec->proto;
	memcpy(ip + 12, spec->source.b + 12, 4);
	memcpy(ip + 16, spec->destination.b + 12, 4);
	memcpy(ip + 20, spec->options, spec->options_len);
	sp_put_be16(ip + 10, sp_checksum_finish(sp_checksum_add(0, ip, header)));
	return header;
}

static void put_ip_v6(const struct spec *spec, uint8_t *ip, size_t payload)
{
	ip[0] = 6 << 4;
	sp_put_be16(ip + 4, (uint16_t)payload);
	ip[7] = spec->ttl;
	memcpy(ip + 8, spec->source.b, 16);
	memcpy(ip + 24, spec->destination.b, 16);
}

/* The whole fragmentable part, or the bytes of it that frag= asks for. Returns the length. */
static size_t put_body(const char *line, const struct spec *spec, uint8_t *buf, size_t size,
		       uint8_t *next_header)
{
	static uint8_t whole[TEST_FRAME_MAX];
	uint8_t *link = next_header;
	size_t ext, len;

	memset(whole, 0, sizeof(whole));
	ext = put_extensions(spec->fragext, spec->fragext_count, whole, &link);
	*link = spec->proto;
	len = ext;
	if (!spec->quote) /* a quote would come back here: it is never fragmented */
		len += put_layer4(line, spec, whole + ext, sizeof(whole) - ext);
	else
		return put_layer4(line, spec, buf, size);
	if (!spec->is_fragment) {
		if (len > size)
			die(line, "too long");
		memcpy(buf, whole, len);
		return len;
	}
	if (spec->to < spec->from || spec->to - spec->from > size)
		die(line, "fragment");
	for (size_t at = spec->from; at < spec->to; at++)
		buf[at - spec->from] = at < len ? whole[at] : 0;
	return spec->to - spec->from;
}

static void put_v4(const char *line, const struct spec *spec, struct test_frame *frame)
{
	uint8_t *ip = frame->bytes + frame->ip_at, ignored;
	size_t header = 20 + spec->options_len, body;

	frame->l4_at = frame->ip_at + header;
	body = put_body(line, spec, ip + header, TEST_FRAME_MAX - frame->l4_at, &ignored);
	frame->len = frame->ip_at + put_ip_v4(spec, ip, body) + body;
}

static void put_v6(const char *line, const struct spec *spec, struct test_frame *frame)
{
	uint8_t *ip = frame->bytes + frame->ip_at, *link = ip + 6;
	size_t at = 40;

	at += put_extensions(spec->ext, spec->ext_count, ip + at, &link);
	if (spec->is_fragment) {
		*link = IPPROTO_FRAGMENT;
		sp_put_be16(ip + at + 2,
			    (uint16_t)((spec->from & 0xfff8) | (spec->has_more ? 1 : 0)));
		sp_put_be32(ip + at + 4, spec->fragment_id);
		link = ip + at;
		at += 8;
	}
	frame->l4_at = frame->ip_at + at;
	at += put_body(line, spec, ip + at, TEST_FRAME_MAX - frame->l4_at, link);
	put_ip_v6(spec, ip, at - 40);
	frame->len = frame->ip_at + at;
}

static void put_ethernet(const struct spec *spec, struct test_frame *frame)
{
	size_t at = 12;

	frame->is_ethernet = true;
	frame->bytes[0] = frame->bytes[6] = 2;
	for (unsigned tag = 0; tag < spec->vlan; tag++, at += 4) {
		sp_put_be16(frame->bytes + at, tag == 0 && spec->vlan > 1 ? 0x88a8 : 0x8100);
		sp_put_be16(frame->bytes + at + 2, 7);
	}
	sp_put_be16(frame->bytes + at, spec->ethertype ? spec->ethertype
				       : spec->is_v6   ? 0x86dd
						       : 0x0800);
	frame->ip_at = at + 2;
}

static void patch(const char *line, const char *patch_text, struct test_frame *frame)
{
	size_t base = patch_text[0] == 'i' ? frame->ip_at : frame->l4_at, at;
	const char *hex = strchr(patch_text, '=');

	if (!hex)
		die(line, "no = in %s", patch_text);
	at = base + (size_t)atoi(patch_text + 3);
	if (at >= TEST_FRAME_MAX)
		die(line, "%s", patch_text);
	read_hex(line, hex + 1, frame->bytes + at, TEST_FRAME_MAX - at);
}

void test_frame_make(struct test_frame *ret_frame, const char *text)
{
	char *words = strdup(text);
	struct spec spec;

	if (!words)
		abort();
	read_line(text, words, &spec);
	memset(ret_frame, 0, sizeof(*ret_frame));
	if (spec.is_ethernet)
		put_ethernet(&spec, ret_frame);
	if (spec.is_v6)
		put_v6(text, &spec, ret_frame);
	else
		put_v4(text, &spec, ret_frame);
	for (size_t i = 0; i < spec.patch_count; i++)
		patch(text, spec.patches[i], ret_frame);
	ret_frame->len += spec.pad;
	if (spec.has_cut)
		ret_frame->len = spec.cut;
	if (ret_frame->len > TEST_FRAME_MAX)
		die(text, "too long");
	free(words);
}
