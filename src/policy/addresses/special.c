/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/addresses/special.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "net/addr.h"

/* "Globally reachable" as the registries of special addresses say it. What they call not applicable
 * (6to4 and Teredo: withdrawn, or the inside of a tunnel) counts as not reachable. Ranges that are
 * wholly global (AS112, AMT) are ordinary addresses to us, and are listed only where they lie
 * inside a range that is not. Multicast and site-local are not in the registries, but they are
 * never a source on the edge either. */
enum reach { LOCAL, GLOBAL };

static const struct {
	const char *prefix;
	enum reach reach;
	const char *name, *source;
} specials[] = {
	{ "0.0.0.0/8", LOCAL, "this network", "RFC 791, 3.2" },
	{ "10.0.0.0/8", LOCAL, "private use", "RFC 1918" },
	{ "100.64.0.0/10", LOCAL, "shared address space", "RFC 6598" },
	{ "127.0.0.0/8", LOCAL, "loopback", "RFC 1122, 3.2.1.3" },
	{ "169.254.0.0/16", LOCAL, "link local", "RFC 3927" },
	{ "172.16.0.0/12", LOCAL, "private use", "RFC 1918" },
	{ "192.0.0.0/24", LOCAL, "IETF protocol assignments", "RFC 6890, 2.1" },
	{ "192.0.0.9/32", GLOBAL, "port control protocol anycast", "RFC 7723" },
	{ "192.0.0.10/32", GLOBAL, "TURN anycast", "RFC 8155" },
	{ "192.0.2.0/24", LOCAL, "documentation", "RFC 5737" },
	{ "192.88.99.0/24", LOCAL, "6to4 relay anycast, withdrawn", "RFC 7526" },
	{ "192.168.0.0/16", LOCAL, "private use", "RFC 1918" },
	{ "198.18.0.0/15", LOCAL, "benchmarking", "RFC 2544" },
	{ "198.51.100.0/24", LOCAL, "documentation", "RFC 5737" },
	{ "203.0.113.0/24", LOCAL, "documentation", "RFC 5737" },
	{ "224.0.0.0/4", LOCAL, "multicast", "RFC 1112, 4" },
	{ "240.0.0.0/4", LOCAL, "reserved, and broadcast", "RFC 1112, 4; RFC 919, 7" },
	{ "::/128", LOCAL, "unspecified", "RFC 4291" },
	{ "::1/128", LOCAL, "loopback", "RFC 4291" },
	{ "64:ff9b:1::/48", LOCAL, "translation, local use", "RFC 8215" },
	{ "100::/64", LOCAL, "discard only", "RFC 6666" },
	{ "100:0:0:1::/64", LOCAL, "dummy prefix", "RFC 9780" },
	{ "2001::/23", LOCAL, "IETF protocol assignments (Teredo, ORCHID …)", "RFC 2928" },
	{ "2001:1::1/128", GLOBAL, "port control protocol anycast", "RFC 7723" },
	{ "2001:1::2/128", GLOBAL, "TURN anycast", "RFC 8155" },
	{ "2001:1::3/128", GLOBAL, "DNS-SD service registration anycast", "RFC 9665" },
	{ "2001:3::/32", GLOBAL, "AMT", "RFC 7450" },
	{ "2001:4:112::/48", GLOBAL, "AS112", "RFC 7535" },
	{ "2001:20::/28", GLOBAL, "ORCHIDv2", "RFC 7343" },
	{ "2001:30::/28", GLOBAL, "drone remote ID", "RFC 9374" },
	{ "2001:db8::/32", LOCAL, "documentation", "RFC 3849" },
	{ "2002::/16", LOCAL, "6to4", "RFC 3056, RFC 7526" },
	{ "3fff::/20", LOCAL, "documentation", "RFC 9637" },
	{ "5f00::/16", LOCAL, "segment routing SIDs", "RFC 9602" },
	{ "fc00::/7", LOCAL, "unique local", "RFC 4193" },
	{ "fe80::/10", LOCAL, "link local", "RFC 4291" },
	{ "fec0::/10", LOCAL, "site local, withdrawn", "RFC 3879" },
	{ "ff00::/8", LOCAL, "multicast", "RFC 4291" },
};

static int push_prefix(struct sp_prefix **prefixes, size_t *count, const char *text)
{
	struct sp_prefix *prefix = SP_ARRAY_PUSH(*prefixes, *count);

	return prefix ? sp_prefix_parse(text, prefix) : -ENOMEM;
}

int sp_special_networks(struct sp_network *bogons, struct sp_network *internet)
{
	int r = push_prefix(&internet->in, &internet->in_count, "0.0.0.0/0");

	if (r == 0)
		r = push_prefix(&internet->in, &internet->in_count, "2000::/3");
	for (size_t i = 0; i < SP_ARRAY_LEN(specials) && r == 0; i++) {
		const char *text = specials[i].prefix;

		if (specials[i].reach == GLOBAL) {
			r = push_prefix(&bogons->except, &bogons->except_count, text);
			continue;
		}
		r = push_prefix(&bogons->in, &bogons->in_count, text);
		if (r == 0)
			r = push_prefix(&internet->except, &internet->except_count, text);
	}
	bogons->is_builtin = internet->is_builtin = true;
	bogons->name = strdup("bogons");
	internet->name = strdup("internet");
	return r == 0 && (!bogons->name || !internet->name) ? -ENOMEM : r;
}
