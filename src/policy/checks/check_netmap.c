/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `netmap` of nat entries: prefixes that stand for others. */
#include <stdio.h>

#include "base/array.h"
#include "net/addr.h"
#include "policy/checks/loader.h"
#include "policy/addresses/translation.h"
#include "yaml/value.h"

enum { OUTSIDE, INSIDE, VIA };
static const struct sp_key netmap_keys[] = {
	[OUTSIDE] = { "outside", SP_KEY_REQUIRED },
	[INSIDE] = { "inside", SP_KEY_REQUIRED },
	[VIA] = { "via", SP_KEY_LATER },
};

static void check_shape(struct sp_loader *loader, const struct sp_node *at,
			const struct sp_netmap *netmap)
{
	const struct sp_prefix *outside = &netmap->outside, *inside = &netmap->inside;
	char texts[2][SP_PREFIX_TEXT_MAX];

	if (sp_prefix_is_v4(outside) == sp_prefix_is_v4(inside) &&
	    outside->prefix_len == inside->prefix_len && outside->prefix_len)
		return;
	sp_report(&loader->check, at,
		  "%s cannot stand for %s: both are of one family and one length",
		  sp_prefix_format(outside, texts[0]), sp_prefix_format(inside, texts[1]));
}

void sp_load_netmap(struct sp_loader *loader, const struct sp_node *node, struct sp_nat *nat)
{
	const struct sp_node *values[SP_ARRAY_LEN(netmap_keys)];
	struct sp_netmap *netmap = &nat->netmap;
	struct sp_check *check = &loader->check;

	nat->kind = SP_NAT_NETMAP;
	if (sp_read_map(check, node, "\"netmap\"", netmap_keys, SP_ARRAY_LEN(netmap_keys), values) <
		    0 ||
	    !values[OUTSIDE] || !values[INSIDE] ||
	    sp_read_prefix(check, values[OUTSIDE], "prefix", &netmap->outside) < 0 ||
	    sp_read_prefix(check, values[INSIDE], "prefix", &netmap->inside) < 0)
		return;
	check_shape(loader, values[OUTSIDE], netmap);
}

/* ---- among each other ---- */

static bool overlap(const struct sp_prefix *a, const struct sp_prefix *b)
{
	return sp_prefix_covers(a, b) || sp_prefix_covers(b, a);
}

static void report_overlap(struct sp_loader *loader, const struct sp_nat *nat,
			   const struct sp_prefix *prefix, const char *other)
{
	const struct sp_node at = sp_node_at(&nat->place);
	char text[SP_PREFIX_TEXT_MAX];

	sp_report(&loader->check, &at, "netmap \"%s\": %s overlaps %s", nat->name,
		  sp_prefix_format(prefix, text), other);
}

static void check_pair(struct sp_loader *loader, const struct sp_nat *earlier,
		       const struct sp_nat *nat)
{
	const struct sp_netmap *a = &earlier->netmap, *b = &nat->netmap;
	char other[SP_NAME_MAX + 32];

	snprintf(other, sizeof(other), "a prefix of netmap \"%s\"", earlier->name);
	if (overlap(&a->outside, &b->outside) || overlap(&a->inside, &b->outside))
		report_overlap(loader, nat, &b->outside, other);
	if (overlap(&a->outside, &b->inside) || overlap(&a->inside, &b->inside))
		report_overlap(loader, nat, &b->inside, other);
}

static bool is_whole(const struct sp_nat *nat)
{
	return nat->kind == SP_NAT_NETMAP && nat->name && nat->netmap.inside.prefix_len;
}

void sp_check_netmaps(struct sp_loader *loader)
{
	const struct sp_policy *policy = loader->policy;

	for (size_t n = 0; n < policy->nat_count; n++) {
		const struct sp_nat *nat = &policy->nats[n];
		const struct sp_prefix *prefix;
		const char *clash;

		if (!is_whole(nat))
			continue;
		if (overlap(&nat->netmap.outside, &nat->netmap.inside))
			report_overlap(loader, nat, &nat->netmap.outside, "what it stands for");
		/* the machine's own pool and addresses: judge/fit_nat.c */
		clash = sp_netmap_clash(&nat->netmap, &policy->fixtures.gateway, &prefix);
		if (clash)
			report_overlap(loader, nat, prefix, clash);
		for (size_t i = 0; i < n; i++)
			if (is_whole(&policy->nats[i]))
				check_pair(loader, &policy->nats[i], nat);
	}
}
