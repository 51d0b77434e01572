/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/addresses/netset.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "net/addr.h"

/* Part of the text, with no end of its own. */
struct piece {
	const char *bytes;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* Without the blanks around it, and without a comment. */
static struct piece strip(struct piece line)
{
	for (size_t i = 0; i < line.len; i++) {
		if (line.bytes[i] == '#' || line.bytes[i] == ';')
			line.len = i;
	}
	while (line.len && is_blank(line.bytes[line.len - 1]))
		line.len--;
	while (line.len && is_blank(*line.bytes)) {
		line.bytes++;
		line.len--;
	}
	return line;
}

__attribute__((format(printf, 3, 4))) static int report(struct sp_netset *netset, uint32_t line,
							const char *format, ...)
{
	struct sp_netset_fault *fault;
	va_list args;

	netset->bad++;
	if (netset->fault_count == SP_NETSET_FAULTS_SHOWN)
		return -EINVAL;
	fault = &netset->faults[netset->fault_count++];
	fault->line = line;
	va_start(args, format);
	vsnprintf(fault->text, sizeof(fault->text), format, args);
	va_end(args);
	return -EINVAL;
}

/* The first bytes of what was found instead of a prefix. */
static int report_other(struct sp_netset *netset, uint32_t line, struct piece piece)
{
	char found[41], shown[96];
	size_t len = piece.len < sizeof(found) ? piece.len : sizeof(found) - 1;

	memcpy(found, piece.bytes, len);
	found[len] = '\0';
	return report(netset, line, "\"%s%s\" is neither an address nor a prefix",
		      sp_text_show(found, shown, sizeof(shown)), len < piece.len ? "…" : "");
}

static bool is_whole_family(const struct sp_prefix *prefix)
{
	return prefix->prefix_len == (sp_prefix_is_v4(prefix) ? 96u : 0u);
}

/* What stands on a line that is no comment. Returns 0; -EINVAL, reported. */
static int read_prefix(struct sp_netset *netset, uint32_t line, struct piece piece,
		       struct sp_prefix *ret_prefix)
{
	char text[SP_PREFIX_TEXT_MAX], meant[SP_PREFIX_TEXT_MAX];
	struct sp_prefix prefix;
	int r;

	if (piece.len >= sizeof(text) || memchr(piece.bytes, '\0', piece.len))
		return report_other(netset, line, piece);
	memcpy(text, piece.bytes, piece.len);
	text[piece.len] = '\0';
	r = sp_prefix_parse(text, &prefix);
	if (r == -EBADMSG)
		return report(netset, line, "\"%s\" has host bits set: %s is the network", text,
			      sp_prefix_format(&prefix, meant));
	if (r == -ERANGE)
		return report(netset, line, "\"%s\" has a prefix length too large for its family",
			      text);
	if (r < 0)
		return report_other(netset, line, piece);
	if (is_whole_family(&prefix))
		return report(netset, line, "\"%s\" is every address there is", text);
	*ret_prefix = prefix;
	return 0;
}

/* Returns 0, also for a line that was reported; -E2BIG; -ENOMEM. */
static int read_line(struct sp_netset *netset, uint32_t line, struct piece whole)
{
	const struct piece piece = strip(whole);
	struct sp_prefix prefix, *room;

	if (!piece.len)
		return 0;
	if (whole.len > SP_NETSET_LINE_MAX) {
		report(netset, line,
		       "a line of %zu bytes; a prefix and its comment have at most %u", whole.len,
		       SP_NETSET_LINE_MAX);
		return 0;
	}
	if (read_prefix(netset, line, piece, &prefix) < 0)
		return 0;
	if (netset->count == SP_NETSET_PREFIXES_MAX)
		return -E2BIG;
	room = SP_ARRAY_PUSH(netset->items, netset->count);
	if (!room)
		return -ENOMEM;
	*room = prefix;
	netset->good++;
	return 0;
}

static int read_lines(struct sp_netset *netset, struct piece text)
{
	static const char mark[] = "\xef\xbb\xbf";
	uint32_t line = 0;
	int r = 0;

	if (text.len >= 3 && memcmp(text.bytes, mark, 3) == 0)
		text = (struct piece){ text.bytes + 3, text.len - 3 };
	while (text.len && r == 0) {
		const char *end = memchr(text.bytes, '\n', text.len);
		const size_t len = end ? (size_t)(end - text.bytes) : text.len;

		r = read_line(netset, ++line, (struct piece){ text.bytes, len });
		text.bytes += len + (end != NULL);
		text.len -= len + (end != NULL);
	}
	return r;
}

static int compare(const void *a, const void *b)
{
	return sp_prefix_compare(a, b);
}

/* Leave out what lies in another. By address, a prefix comes behind the one around it; in between
 * the other family can stand, whose place is within IPv6. */
static void reduce(struct sp_netset *netset)
{
	const struct sp_prefix *last[2] = { NULL, NULL };
	size_t kept = 0;

	if (netset->count > 1)
		qsort(netset->items, netset->count, sizeof(*netset->items), compare);
	for (size_t i = 0; i < netset->count; i++) {
		const bool is_v4 = sp_prefix_is_v4(&netset->items[i]);

		if (last[is_v4] && sp_prefix_covers(last[is_v4], &netset->items[i]))
			continue;
		netset->items[kept] = netset->items[i];
		last[is_v4] = &netset->items[kept++];
	}
	netset->count = kept;
}

/* As a whole: is it the list it says it is? */
static int weigh(const struct sp_netset *netset)
{
	const size_t all = netset->good + netset->bad;

	if (!all)
		return -ENODATA;
	return !netset->good || netset->bad * 100 > all * SP_NETSET_FAULTS_PERCENT ? -EBADMSG : 0;
}

int sp_netset_read(const char *text, size_t len, struct sp_netset *netset)
{
	int r = read_lines(netset, (struct piece){ text, len });

	if (r == 0)
		r = weigh(netset);
	if (r == 0) {
		reduce(netset);
		return 0;
	}
	free(netset->items);
	netset->items = NULL;
	netset->count = 0;
	return r;
}

void sp_netset_done(struct sp_netset *netset)
{
	free(netset->items);
	*netset = (struct sp_netset){ 0 };
}
