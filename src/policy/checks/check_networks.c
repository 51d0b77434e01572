/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"
#include "policy/addresses/ranges.h"
#include "policy/checks/loader.h"
#include "yaml/value.h"

enum { IN, EXCEPT, DNS, TTL_MIN, FILE_, MAX_AGE, ON_STALE, KEY_COUNT };
static const struct sp_key network_keys[] = {
	[IN] = { "in", SP_KEY_OPTIONAL },
	[EXCEPT] = { "except", SP_KEY_OPTIONAL },
	[DNS] = { "dns", SP_KEY_OPTIONAL },
	[TTL_MIN] = { "ttl-min", SP_KEY_OPTIONAL },
	[FILE_] = { "file", SP_KEY_OPTIONAL },
	[MAX_AGE] = { "max-age", SP_KEY_OPTIONAL },
	[ON_STALE] = { "on-stale", SP_KEY_OPTIONAL },
};

/* A name can stand for much more than its own length, so this bounds what all names within networks
 * become. */
#define NETWORK_ITEMS_MAX 1000000u

/* `in` or `except` of the network that is being read. */
struct side {
	struct sp_network *network;
	struct sp_prefix **prefixes;
	size_t *count;
	uint32_t **parts;
	size_t *part_count;
};

static struct side side_in(struct sp_network *network)
{
	return (struct side){ network, &network->in, &network->in_count, &network->parts,
			      &network->part_count };
}

static struct side side_except(struct sp_network *network)
{
	return (struct side){ network, &network->except, &network->except_count,
			      &network->except_parts, &network->except_part_count };
}

static int push_prefix(struct sp_loader *loader, const struct sp_node *item,
		       const struct sp_prefix *prefix, const struct side *side)
{
	struct sp_prefix *room;

	if (loader->network_items == NETWORK_ITEMS_MAX) {
		sp_report(&loader->check, item,
			  "the networks within networks, written out, are more than %u prefixes; "
			  "this is the first too many",
			  NETWORK_ITEMS_MAX);
		return -EINVAL;
	}
	room = SP_ARRAY_PUSH(*side->prefixes, *side->count);
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

/* A network whose addresses are known at a moment only is named, not copied. */
static int push_part(struct sp_loader *loader, const struct sp_node *item, uint32_t index,
		     const struct side *side)
{
	const struct sp_network *part = &loader->policy->networks[index];
	uint32_t *room;

	for (size_t i = 0; i < *side->part_count; i++)
		if ((*side->parts)[i] == index)
			return 0;
	side->network->part_total += 1 + part->part_total;
	if (side->network->part_total > SP_NETWORK_PARTS_MAX) {
		sp_report(&loader->check, item,
			  "network \"%s\", written out, has more than %u networks by \"file\" or "
			  "\"dns\" and networks made of them; this is the first too many",
			  side->network->name, SP_NETWORK_PARTS_MAX);
		side->network->part_total = SP_NETWORK_PARTS_MAX;
		return -EINVAL;
	}
	room = SP_ARRAY_PUSH(*side->parts, *side->part_count);
	if (!room) {
		loader->check.no_memory = true;
		return -ENOMEM;
	}
	*room = index;
	return 0;
}

static int copy_network(struct sp_loader *loader, const struct sp_node *item,
			const struct sp_network *network, const struct side *side)
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
		r = push_prefix(loader, item, &items[i], side);
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

/* A network within another. Returns 0; -EINVAL, reported. */
static int read_name(struct sp_loader *loader, const struct sp_node *item, const struct side *side)
{
	const struct sp_network *network;
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
		return -EINVAL; /* reported: it goes round */
	network = &loader->policy->networks[symbol->index];
	return sp_network_is_fixed(network) ? copy_network(loader, item, network, side)
					    : push_part(loader, item, symbol->index, side);
}

static int read_side(struct sp_loader *loader, const struct sp_node *node, const char *what,
		     const struct side *side)
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
			r = read_name(loader, item, side);
		else
			r = sp_read_prefix(check, item, "address", &prefix) < 0
				    ? -EINVAL
				    : push_prefix(loader, item, &prefix, side);
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

	if (network->part_count)
		return; /* it depends on the moment */
	if (sp_ranges_make(network->in, network->in_count, NULL, 0, &in) < 0 ||
	    sp_ranges_make(network->except, network->except_count, NULL, 0, &holes) < 0)
		loader->check.no_memory = true;
	else if (sp_ranges_contain(&holes, &in))
		sp_report(&loader->check, except,
			  "\"except\" takes away all of \"in\": network \"%s\" would be empty",
			  network->name);
}

/* Keys that say nothing of a network of this kind. @allowed: a bit a key. */
static void report_strays(struct sp_loader *loader, const struct sp_node *const *values,
			  unsigned allowed, const char *where)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (values[i] && !(allowed & 1u << i))
			sp_report(&loader->check, values[i], "\"%s\" belongs to a network %s",
				  network_keys[i].name,
				  i == IN || i == EXCEPT ? where
				  : i == TTL_MIN         ? "by \"dns\""
				  : i == FILE_           ? "of its own; name both in a third"
				  : i == ON_STALE        ? "by \"file\""
							 : "by \"dns\" or \"file\"");
}

static void read_in_except(struct sp_loader *loader, const struct sp_node *body,
			   const struct sp_node *const *values, bool is_complete,
			   struct sp_network *network)
{
	const struct side in = side_in(network), except = side_except(network);
	struct sp_check *check = &loader->check;
	int r;

	report_strays(loader, values, 1u << IN | 1u << EXCEPT, "");
	if (!values[IN]) {
		if (is_complete && !sp_has_key(body, "in"))
			sp_report(check, body,
				  "a network needs \"in\": { in: [10.20.0.0/16], except: "
				  "[10.20.9.9] }");
		return;
	}
	r = read_side(loader, values[IN], "\"in\"", &in);
	if (values[EXCEPT] && read_side(loader, values[EXCEPT], "\"except\"", &except) == 0 &&
	    r == 0)
		check_not_empty(loader, values[EXCEPT], network);
}

/* Each of `in`, `file` and `dns` is a network of its own kind. */
static void read_body(struct sp_loader *loader, const struct sp_node *body,
		      struct sp_network *network)
{
	static const char own[] = "of its own; make one of both: { in: [NAME, 10.20.0.0/16] }";
	const struct sp_node *values[KEY_COUNT];
	int r = sp_read_map(&loader->check, body, "a network", network_keys, KEY_COUNT, values);

	if (r < 0)
		return;
	if (sp_has_key(body, "dns")) {
		report_strays(loader, values, 1u << DNS | 1u << TTL_MIN | 1u << MAX_AGE, own);
		sp_load_dns_network(loader, values[DNS], values[TTL_MIN], values[MAX_AGE], network);
	} else if (sp_has_key(body, "file")) {
		report_strays(loader, values, 1u << FILE_ | 1u << MAX_AGE | 1u << ON_STALE, own);
		sp_load_file_network(loader, values[FILE_], values[MAX_AGE], values[ON_STALE],
				     network);
	} else {
		read_in_except(loader, body, values, r == 0, network);
	}
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
	const struct side in = side_in(network);

	if (!sp_symbol_open(loader, item, "network", symbol))
		return;
	if (body->kind == SP_NODE_MAP)
		read_body(loader, body, network);
	else if (body->kind == SP_NODE_SCALAR && *body->text == '\0')
		sp_report(&loader->check, symbol->node, "network %s has no value",
			  sp_show(symbol->name).quoted);
	else
		read_side(loader, body, "a network", &in);
	sp_symbol_close(loader, symbol);
}

void sp_resolve_networks(struct sp_loader *loader)
{
	for (size_t i = 0; i < loader->networks.count && !loader->check.no_memory; i++)
		resolve(loader, loader->networks.items[i].node, &loader->networks.items[i]);
}
