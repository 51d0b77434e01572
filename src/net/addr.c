/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define V4_BITS 96u /* prefix bits in front of an IPv4 address */

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool is_mapped(const uint8_t bytes[16])
{
	return memcmp(bytes, mapped, sizeof(mapped)) == 0;
}

bool sp_prefix_is_v4(const struct sp_prefix *prefix)
{
	return prefix->prefix_len >= V4_BITS && is_mapped(prefix->addr);
}

bool sp_addr_is_v4(const struct sp_addr *addr)
{
	return is_mapped(addr->b);
}

int sp_addr_compare(const struct sp_addr *a, const struct sp_addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

struct sp_addr sp_addr_from_v4(const uint8_t bytes[4])
{
	struct sp_addr addr = { .b = { [10] = 0xff, [11] = 0xff } };

	memcpy(&addr.b[12], bytes, 4);
	return addr;
}

int sp_addr_parse(const char *text, struct sp_addr *ret_addr)
{
	struct sp_addr addr;
	uint8_t v4[4];

	/* glibc's inet_pton is as strict as we want: no octal, no short forms, no blanks, no
	 * scope. */
	if (inet_pton(AF_INET, text, v4) == 1) {
		*ret_addr = sp_addr_from_v4(v4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, addr.b) != 1)
		return -EINVAL;
	/* Refuse an IPv4-mapped address that is written out: it would silently become an IPv4
	 * address. */
	if (is_mapped(addr.b))
		return -EINVAL;
	*ret_addr = addr;
	return 0;
}

/* Find the longest run of two or more zero groups; of equal ones the first (RFC 5952, 4.2). */
static void find_zeros(const uint16_t groups[8], int *ret_from, int *ret_to)
{
	*ret_from = *ret_to = -1;
	for (int i = 0; i < 8; i++) {
		int end = i;

		while (end < 8 && groups[end] == 0)
			end++;
		if (end - i >= 2 && end - i > *ret_to - *ret_from) {
			*ret_from = i;
			*ret_to = end;
		}
		if (end > i)
			i = end;
	}
}

static void format_v6(const uint8_t bytes[16], char buf[SP_ADDR_TEXT_MAX])
{
	uint16_t groups[8];
	int zeros_from, zeros_to;
	size_t used = 0;

	for (int i = 0; i < 8; i++)
		groups[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
	find_zeros(groups, &zeros_from, &zeros_to);
	for (int i = 0; i < 8; i++) {
		if (i == zeros_from) {
			used += (size_t)snprintf(buf + used, SP_ADDR_TEXT_MAX - used, "::");
			i = zeros_to - 1;
			continue;
		}
		used += (size_t)snprintf(buf + used, SP_ADDR_TEXT_MAX - used, "%s%x",
					 i > 0 && i != zeros_to ? ":" : "", groups[i]);
	}
}

char *sp_addr_format(const struct sp_addr *addr, char buf[SP_ADDR_TEXT_MAX])
{
	if (sp_addr_is_v4(addr))
		snprintf(buf, SP_ADDR_TEXT_MAX, "%u.%u.%u.%u", addr->b[12], addr->b[13],
			 addr->b[14], addr->b[15]);
	else
		format_v6(addr->b, buf);
	return buf;
}

/* Parse a prefix length: one to three digits, without sign or leading zero. */
static int parse_length(const char *text, unsigned *ret_length)
{
	unsigned length = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (length < 1000)
			length = length * 10 + (unsigned)(*text - '0');
	}
	*ret_length = length;
	return 0;
}

int sp_prefix_parse(const char *text, struct sp_prefix *ret_prefix)
{
	const char *slash = strchr(text, '/');
	size_t addr_len = slash ? (size_t)(slash - text) : strlen(text);
	char addr_text[SP_ADDR_TEXT_MAX];
	struct sp_prefix prefix, masked;
	struct sp_addr addr;
	unsigned bits, length;
	int r;

	if (addr_len >= sizeof(addr_text))
		return -EINVAL;
	memcpy(addr_text, text, addr_len);
	addr_text[addr_len] = '\0';
	r = sp_addr_parse(addr_text, &addr);
	if (r < 0)
		return r;

	bits = length = sp_addr_is_v4(&addr) ? 32 : 128;
	if (slash) {
		r = parse_length(slash + 1, &length);
		if (r < 0)
			return r;
	}
	if (length > bits)
		return -ERANGE;

	prefix.prefix_len = 128 - bits + length;
	memcpy(prefix.addr, addr.b, sizeof(prefix.addr));
	masked = prefix;
	sp_prefix_mask(&masked);
	*ret_prefix = masked;
	return sp_prefix_compare(&prefix, &masked) == 0 ? 0 : -EBADMSG;
}

char *sp_prefix_format(const struct sp_prefix *prefix, char buf[SP_PREFIX_TEXT_MAX])
{
	bool is_v4 = sp_prefix_is_v4(prefix);
	struct sp_addr addr;
	size_t used;

	memcpy(addr.b, prefix->addr, sizeof(addr.b));
	sp_addr_format(&addr, buf);
	used = strlen(buf);
	snprintf(buf + used, SP_PREFIX_TEXT_MAX - used, "/%u",
		 (unsigned)prefix->prefix_len - (is_v4 ? V4_BITS : 0));
	return buf;
}

static bool bits_equal(const uint8_t a[16], const uint8_t b[16], uint32_t count)
{
	uint32_t whole = count / 8, rest = count % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

struct sp_addr sp_prefix_join(const struct sp_prefix *prefix, const struct sp_addr *addr)
{
	struct sp_addr result;

	for (uint32_t i = 0; i < sizeof(result.b); i++) {
		const uint32_t bits = prefix->prefix_len > i * 8 ? prefix->prefix_len - i * 8 : 0;
		const uint8_t mask = bits >= 8 ? 0xff : (uint8_t)(0xff00 >> bits);

		result.b[i] = (uint8_t)((prefix->addr[i] & mask) | (addr->b[i] & ~mask));
	}
	return result;
}

bool sp_prefix_contains(const struct sp_prefix *outer, const struct sp_addr *addr)
{
	return sp_prefix_is_v4(outer) == sp_addr_is_v4(addr) &&
	       bits_equal(outer->addr, addr->b, outer->prefix_len);
}

bool sp_prefix_covers(const struct sp_prefix *outer, const struct sp_prefix *inner)
{
	return sp_prefix_is_v4(outer) == sp_prefix_is_v4(inner) &&
	       outer->prefix_len <= inner->prefix_len &&
	       bits_equal(outer->addr, inner->addr, outer->prefix_len);
}

int sp_prefix_compare(const struct sp_prefix *a, const struct sp_prefix *b)
{
	int order = memcmp(a->addr, b->addr, sizeof(a->addr));

	if (order != 0)
		return order;
	return a->prefix_len < b->prefix_len ? -1 : a->prefix_len > b->prefix_len;
}

void sp_prefix_mask(struct sp_prefix *prefix)
{
	uint32_t whole = prefix->prefix_len / 8, rest = prefix->prefix_len % 8;

	if (whole >= 16)
		return;
	if (rest)
		prefix->addr[whole++] &= (uint8_t)(0xff << (8 - rest));
	memset(prefix->addr + whole, 0, 16 - whole);
}
