/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "policy/addresses/ranges.h"
#include "policy/checks/loader.h"
#include "yaml/value.h"

enum { IN, EXCEPT, DNS, TTL_MIN, FILE_, MAX_AGE, ON_STALE };
static const struct sp_key network_keys[] = {
	[IN] = { "in", SP_KEY_OPTIONAL },
	[EXCEPT] = { "except", SP_KEY_OPTIONAL },
	[DNS] = { "dns", SP_KEY_LATER },
	[TTL_MIN] = { "ttl-min", SP_KEY_OPTIONAL },
	[FILE_] = { "file", SP_KEY_LATER },
	[MAX_AGE] = { "max-age", SP_KEY_OPTIONAL },
	[ON_STALE] = { "on-stale", SP_KEY_OPTIONAL },
};

static int read_prefixes(struct sp_loader *loader, const struct sp_node *node, const char *what,
			 struct sp_prefix **prefixes, size_t *count)
{
	struct sp_check *check = &loader->check;
	int result = sp_read_items(check, node, what);

	if (result < 0)
		return result;
	sp_for_each_item(item, node) {
		struct sp_prefix prefix, *room;

		if (item->kind == SP_NODE_SCALAR &&
		    sp_symbols_find(&loader->networks, item->text)) {
			sp_report(check, item,
				  "%s is a network; names inside a network are not supported "
				  "yet: write its prefixes",
				  sp_show(item->text).quoted);
			result = -EINVAL;
			continue;
		}
		if (sp_read_prefix(check, item, "address", &prefix) < 0) {
			result = -EINVAL;
			continue;
		}
		room = SP_ARRAY_PUSH(*prefixes, *count);
		if (!room) {
			check->no_memory = true;
			return -ENOMEM;
		}
		*room = prefix;
	}
	return result;
}

static void check_not_empty(struct sp_loader *loader, const struct sp_node *except,
			    const struct sp_network *network)
{
	__sp_cleanup(sp_ranges_done) struct sp_ranges in = { 0 }, holes = { 0 };

	if (sp_ranges_make(network->in, network->in_count, NULL, 0, &in) < 0 ||
	    sp_ranges_make(network->except, network->except_count, NULL, 0, &holes) < 0)
		loader->check.no_memory = true;
	else if (sp_ranges_contain(&holes, &in))
		sp_report(&loader->check, except,
			  "\"except\" takes away all of \"in\": network \"%s\" would be empty",
			  network->name);
}

static void read_in_except(struct sp_loader *loader, const struct sp_node *body,
			   struct sp_network *network)
{
	const struct sp_node *values[SP_ARRAY_LEN(network_keys)];
	struct sp_check *check = &loader->check;
	int r = sp_read_map(check, body, "a network", network_keys, SP_ARRAY_LEN(network_keys),
			    values);

	if (r < 0)
		return;
	if (sp_has_key(body, "dns") || sp_has_key(body, "file"))
		return; /* reported; its other keys belong to it */
	for (size_t i = TTL_MIN; i < SP_ARRAY_LEN(network_keys); i++) {
		if (values[i])
			sp_report(check, values[i],
				  "\"%s\" belongs to a network by \"dns\" or \"file\"",
				  network_keys[i].name);
	}
	if (!values[IN]) {
		if (r == 0 && !sp_has_key(body, "in"))
			sp_report(check, body,
				  "a network needs \"in\": { in: [10.20.0.0/16], except: "
				  "[10.20.9.9] }");
		return;
	}
	r = read_prefixes(loader, values[IN], "\"in\"", &network->in, &network->in_count);
	if (values[EXCEPT] &&
	    read_prefixes(loader, values[EXCEPT], "\"except\"", &network->except,
			  &network->except_count) == 0 &&
	    r == 0)
		check_not_empty(loader, values[EXCEPT], network);
}

void sp_load_networks(struct sp_loader *loader, const struct sp_node *section)
{
	struct sp_check *check = &loader->check;

	if (section->kind != SP_NODE_MAP)
		return;
	sp_map_for_each(name, body, section) {
		struct sp_network *network =
			SP_ARRAY_PUSH(loader->policy->networks, loader->policy->network_count);

		if (!network) {
			check->no_memory = true;
			return;
		}
		network->name = sp_copy_text(check, name->text);
		network->place = sp_place_of(name);
		if (!network->name)
			return;
		if (body->kind == SP_NODE_MAP)
			read_in_except(loader, body, network);
		else if (body->kind == SP_NODE_SCALAR && *body->text == '\0')
			sp_report(check, name, "network %s has no value",
				  sp_show(name->text).quoted);
		else
			read_prefixes(loader, body, "a network", &network->in, &network->in_count);
	}
}
