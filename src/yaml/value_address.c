/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "yaml/value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/addr.h"

bool sp_looks_like_address(const char *text)
{
	if (strchr(text, ':') || strchr(text, '/'))
		return true;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return true;
	return text[0] >= '0' && text[0] <= '9' && strspn(text, "0123456789.*-") == strlen(text);
}

/* What the author may have meant. */
struct guess {
	char text[SP_PREFIX_TEXT_MAX];
	const char *why; /* why the given text is not canonical */
};

/* Read one part of a dotted address as inet_aton does, except that a leading zero does not mean
 * octal: people read 010 as ten. */
static bool guess_part(const char **text, unsigned long *ret_value, const char **why)
{
	const char *c = *text;
	bool is_hex = c[0] == '0' && (c[1] == 'x' || c[1] == 'X');
	char *end;

	if (*c < '0' || *c > '9')
		return false;
	if (is_hex)
		*why = "hexadecimal";
	else if (c[0] == '0' && c[1] >= '0' && c[1] <= '9')
		*why = "leading zeros, which some programs take for octal";
	errno = 0;
	*ret_value = strtoul(c, &end, is_hex ? 16 : 10);
	*text = end;
	return errno == 0;
}

/* Guess an IPv4 address. @is_network: missing parts are zeros at the end (10.20/16). Otherwise 10.1
 * is 10.0.0.1. */
static bool guess_v4(const char *text, bool is_network, char ret_text[SP_ADDR_TEXT_MAX],
		     const char **why)
{
	unsigned long part[4] = { 0 };
	int count = 0;

	for (;;) {
		if (count == 4 || !guess_part(&text, &part[count++], why))
			return false;
		if (*text == '\0')
			break;
		if (*text++ != '.')
			return false;
	}
	if (count < 4 && !*why)
		*why = "a short form";
	if (count < 4 && !is_network) {
		unsigned long rest = part[count - 1];

		if (rest >> (8 * (5 - count)))
			return false;
		for (int i = 3; i >= count - 1; i--, rest >>= 8)
			part[i] = rest & 0xff;
	}
	for (int i = 0; i < 4; i++) {
		if (part[i] > 255)
			return false;
	}
	snprintf(ret_text, SP_ADDR_TEXT_MAX, "%lu.%lu.%lu.%lu", part[0], part[1], part[2], part[3]);
	return true;
}

static bool guess_addr(const char *text, bool is_network, char ret_text[SP_ADDR_TEXT_MAX],
		       const char **why)
{
	struct sp_addr addr;

	if (!strchr(text, ':'))
		return guess_v4(text, is_network, ret_text, why);
	if (inet_pton(AF_INET6, text, addr.b) != 1)
		return false;
	if (sp_addr_is_v4(&addr))
		*why = "an IPv4 address in IPv6 form";
	sp_addr_format(&addr, ret_text);
	return true;
}

static bool guess_length(const char *text, unsigned long *ret_length, const char **why)
{
	uint8_t mask[4];
	char *end;

	if (inet_pton(AF_INET, text, mask) == 1) {
		uint32_t bits = (uint32_t)mask[0] << 24 | mask[1] << 16 | mask[2] << 8 | mask[3];
		uint32_t host = ~bits;

		if (host & (host + 1))
			return false;
		*ret_length = (unsigned long)__builtin_popcount(bits);
		*why = "a netmask";
		return true;
	}
	if (*text == '+' || *text == '0')
		*why = "a sign or leading zeros in the length";
	if (*text == '+')
		text++;
	if (*text < '0' || *text > '9')
		return false;
	*ret_length = strtoul(text, &end, 10);
	return *end == '\0' && *ret_length <= 128;
}

static bool guess_prefix(const char *text, struct guess *ret_guess)
{
	char addr_text[SP_ADDR_TEXT_MAX], copy[SP_PREFIX_TEXT_MAX + 16], together[80];
	struct guess guess = { .why = NULL };
	struct sp_prefix prefix;
	unsigned long length = 0;
	char *slash;
	int r;

	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	if (!guess_addr(copy, slash != NULL, addr_text, &guess.why) ||
	    (slash && !guess_length(slash + 1, &length, &guess.why)) || !guess.why)
		return false;
	if (slash && strchr(copy, ':') && !strchr(addr_text, ':'))
		length = length >= 96 ? length - 96 : 129; /* of the IPv4 part alone */
	snprintf(together, sizeof(together), slash ? "%s/%lu" : "%s", addr_text, length);
	r = sp_prefix_parse(together, &prefix);
	if (r < 0 && r != -EBADMSG)
		return false;
	if (slash)
		sp_prefix_format(&prefix, guess.text);
	else
		strcpy(guess.text, addr_text);
	*ret_guess = guess;
	return true;
}

static void report_address(struct sp_check *check, const struct sp_node *node, const char *what)
{
	const char *text = node->text;
	struct guess guess;

	if (guess_prefix(text, &guess))
		sp_report(check, node, "%s %s is not in canonical form (%s): write %s", what,
			  sp_show(text).quoted, guess.why, guess.text);
	else if (strchr(text, '%'))
		sp_report(check, node, "%s %s: an interface (%%…) has no place in an address", what,
			  sp_show(text).quoted);
	else if (*text == '[')
		sp_report(check, node, "%s %s: leave the brackets out; ports stand in \"services\"",
			  what, sp_show(text).quoted);
	else if (strchr(text, ':') && strcspn(text, ".") < strcspn(text, ":"))
		sp_report(check, node,
			  "%s %s: an address stands without a port; ports stand in \"services\"",
			  what, sp_show(text).quoted);
	else if (strchr(text, '*'))
		sp_report(check, node,
			  "%s %s: there are no wildcards: write a prefix, as 10.20.0.0/16", what,
			  sp_show(text).quoted);
	else if (strchr(text, '-') && strspn(text, "0123456789.-:abcdefABCDEF ") == strlen(text))
		sp_report(check, node,
			  "%s %s: there are no address ranges: list prefixes, as "
			  "[10.20.0.0/24, 10.20.1.0/25]",
			  what, sp_show(text).quoted);
	else
		sp_report(check, node,
			  "%s %s is not an address or prefix, as 192.0.2.1, 10.20.0.0/16 or "
			  "\"2001:db8::/32\"",
			  what, sp_show(text).quoted);
}

int sp_read_prefix(struct sp_check *check, const struct sp_node *node, const char *what,
		   struct sp_prefix *ret_prefix)
{
	const char *text = sp_read_text(check, node, what);
	char meant[SP_PREFIX_TEXT_MAX], host[SP_ADDR_TEXT_MAX];
	struct sp_prefix prefix;
	int r;

	if (!text)
		return -EINVAL;
	r = sp_prefix_parse(text, &prefix);
	if (r == 0) {
		*ret_prefix = prefix;
		return 0;
	}
	if (r == -EBADMSG) {
		snprintf(host, sizeof(host), "%.*s", (int)strcspn(text, "/"), text);
		sp_report(check, node,
			  "%s \"%s\" has host bits set: write %s for the network or %s for the "
			  "one address",
			  what, text, sp_prefix_format(&prefix, meant), host);
	} else if (r == -ERANGE) {
		sp_report(check, node, "%s %s: the length of an %s prefix is at most %s", what,
			  sp_show(text).quoted, strchr(text, ':') ? "IPv6" : "IPv4",
			  strchr(text, ':') ? "128" : "32");
	} else {
		report_address(check, node, what);
	}
	return -EINVAL;
}

int sp_read_address(struct sp_check *check, const struct sp_node *node, const char *what,
		    struct sp_addr *ret_addr)
{
	const char *text = sp_read_text(check, node, what);
	struct sp_prefix prefix;

	if (!text)
		return -EINVAL;
	if (sp_addr_parse(text, ret_addr) == 0)
		return 0;
	if (strchr(text, '/') && sp_prefix_parse(text, &prefix) != -EINVAL)
		sp_report(check, node, "%s is one address, not a prefix: write %.*s", what,
			  (int)strcspn(text, "/"), text);
	else
		report_address(check, node, what);
	return -EINVAL;
}
