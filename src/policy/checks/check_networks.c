/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"
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

/* A name can stand for much more than its own length, so this bounds what all names within networks
 * become. */
#define NETWORK_ITEMS_MAX 1000000u

static int push_prefix(struct sp_loader *loader, const struct sp_node *item,
		       const struct sp_prefix *prefix, struct sp_prefix **prefixes, size_t *count)
{
	struct sp_prefix *room;

	if (loader->network_items == NETWORK_ITEMS_MAX) {
		sp_report(&loader->check, item,
			  "the networks within networks, written out, are more than %u prefixes; "
			  "this is the first too many",
			  NETWORK_ITEMS_MAX);
		return -EINVAL;
	}
	room = SP_ARRAY_PUSH(*prefixes, *count);
	if (!room) {
		loader->check.no_memory = true;
		return -ENOMEM;
	}
	*room = *prefix;
	return 0;
}

/* List the addresses of one family that are in @network and not excepted there, as prefixes. */
static int list_family(const struct sp_network *network, bool is_v4, struct sp_prefix **ret_items,
		       size_t *ret_count)
{
	__sp_cleanup(sp_ranges_done) struct sp_ranges ranges = { 0 };
	__sp_free struct sp_prefix *in = calloc(network->in_count + 1, sizeof(*in));
	size_t count = 0;
	int r;

	if (!in)
		return -ENOMEM;
	for (size_t i = 0; i < network->in_count; i++)
		if (sp_prefix_is_v4(&network->in[i]) == is_v4)
			in[count++] = network->in[i];
	r = sp_ranges_make(in, count, network->except, network->except_count, &ranges);
	return r < 0 ? r : sp_ranges_list(&ranges, ret_items, ret_count);
}

static int copy_network(struct sp_loader *loader, const struct sp_node *item,
			const struct sp_network *network, struct sp_prefix **prefixes,
			size_t *count)
{
	__sp_free struct sp_prefix *listed = NULL;
	const struct sp_prefix *items = network->in;
	size_t item_count = network->except_count ? 0 : network->in_count;
	int r = 0;

	for (int family = 0; family < 2 && network->except_count && r == 0; family++)
		r = list_family(network, family == 0, &listed, &item_count);
	if (listed)
		items = listed;
	loader->check.no_memory |= r == -ENOMEM;
	for (size_t i = 0; i < item_count && r == 0; i++) {
		r = push_prefix(loader, item, &items[i], prefixes, count);
		loader->network_items += r == 0;
	}
	return r < 0 || !item_count ? -EINVAL : 0; /* an empty network has an error of its own */
}

static void resolve(struct sp_loader *loader, const struct sp_node *item, struct sp_symbol *symbol);

/* Could the text be the name of a network? */
static bool is_word(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char others[] = "0123456789-_.";

	for (const char *c = text; *c; c++)
		if (!strchr(letters, *c) && !strchr(others, *c))
			return false;
	return strpbrk(text, letters) && !sp_looks_like_address(text);
}

/* Read the name of a network within another. Returns 0; -EINVAL, reported. */
static int read_name(struct sp_loader *loader, const struct sp_node *item,
		     struct sp_prefix **prefixes, size_t *count)
{
	const struct sp_symbols *const tables[] = { &loader->networks };
	struct sp_symbol *symbol = sp_symbols_find(&loader->networks, item->text);

	if (!symbol) {
		sp_report(&loader->check, item,
			  "%s is neither an address or prefix, as 192.0.2.1, 10.20.0.0/16 or "
			  "\"2001:db8::/32\", nor a network%s",
			  sp_show(item->text).quoted,
			  sp_hint(&loader->check, item->text, tables, 1).text);
		return -EINVAL;
	}
	symbol->is_used = true;
	resolve(loader, item, symbol);
	if (symbol->state == SP_SYMBOL_OPEN)
		return -EINVAL; /* reported: the networks contain each other */
	return copy_network(loader, item, &loader->policy->networks[symbol->index], prefixes,
			    count);
}

static int read_prefixes(struct sp_loader *loader, const struct sp_node *node, const char *what,
			 struct sp_prefix **prefixes, size_t *count)
{
	struct sp_check *check = &loader->check;
	int result = sp_read_items(check, node, what);

	if (result < 0)
		return result;
	sp_for_each_item(item, node) {
		struct sp_prefix prefix;
		int r;

		if (item->kind == SP_NODE_SCALAR && *item->text &&
		    (sp_symbols_find(&loader->networks, item->text) || is_word(item->text)))
			r = read_name(loader, item, prefixes, count);
		else
			r = sp_read_prefix(check, item, "address", &prefix) < 0
				    ? -EINVAL
				    : push_prefix(loader, item, &prefix, prefixes, count);
		if (r == -ENOMEM)
			return r;
		result = r < 0 ? r : result;
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
		return; /* reported; its other keys are not worth a report */
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
	}
}

/* Find the prefixes of a network, in which names may stand for other networks. */
static void resolve(struct sp_loader *loader, const struct sp_node *item, struct sp_symbol *symbol)
{
	struct sp_network *network = &loader->policy->networks[symbol->index];
	const struct sp_node *body = symbol->node->next;

	if (!sp_symbol_open(loader, item, "network", symbol))
		return;
	if (body->kind == SP_NODE_MAP)
		read_in_except(loader, body, network);
	else if (body->kind == SP_NODE_SCALAR && *body->text == '\0')
		sp_report(&loader->check, symbol->node, "network %s has no value",
			  sp_show(symbol->name).quoted);
	else
		read_prefixes(loader, body, "a network", &network->in, &network->in_count);
	sp_symbol_close(loader, symbol);
}

void sp_resolve_networks(struct sp_loader *loader)
{
	for (size_t i = 0; i < loader->networks.count && !loader->check.no_memory; i++)
		resolve(loader, loader->networks.items[i].node, &loader->networks.items[i]);
}
