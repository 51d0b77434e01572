/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `nat`: which addresses are translated. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "policy/checks/gateway.h"
#include "policy/checks/loader.h"
#include "yaml/value.h"

enum { NAME, MASQUERADE, FORWARD, NETMAP, LOG, LIMIT, ENABLED };
static const struct sp_key nat_keys[] = {
	[NAME] = { "name", SP_KEY_REQUIRED },
	[MASQUERADE] = { "masquerade", SP_KEY_OPTIONAL },
	[FORWARD] = { "forward", SP_KEY_OPTIONAL },
	[NETMAP] = { "netmap", SP_KEY_OPTIONAL },
	[LOG] = { "log", SP_KEY_OPTIONAL },
	[LIMIT] = { "limit", SP_KEY_OPTIONAL },
	[ENABLED] = { "enabled", SP_KEY_OPTIONAL },
};

enum { FROM, OUT, TO, PORTS };
static const struct sp_key masquerade_keys[] = {
	[FROM] = { "from", SP_KEY_REQUIRED },
	[OUT] = { "out", SP_KEY_REQUIRED },
	[TO] = { "to", SP_KEY_OPTIONAL },
	[PORTS] = { "ports", SP_KEY_OPTIONAL },
};

/* Below net.ipv4.ip_local_port_range, from which the gateway's own connections have theirs. */
#define FIRST_PORT 1024
#define LAST_PORT 32767

#define NATS_MAX 1024u

/* ---- parts that entries have in common ---- */

/* nftables reads a star as a pattern, and a quote or a backslash ends what it reads. */
char *sp_read_nat_interface(struct sp_loader *loader, const struct sp_node *node)
{
	static const struct sp_gateway none;
	const char *name = sp_read_interface_name(&loader->check, node, &none);

	if (!name)
		return NULL;
	for (const char *c = name; *c; c++) {
		if (isgraph((unsigned char)*c) && !strchr("\"\\*", *c))
			continue;
		sp_report(&loader->check, node, "nftables cannot name interface %s",
			  sp_show(name).quoted);
		return NULL;
	}
	return sp_copy_text(&loader->check, name);
}

/* Returns the index of the network; -EINVAL reported; -ENOMEM. */
static int64_t find_network(struct sp_loader *loader, const struct sp_node *item, const char *what)
{
	const struct sp_symbols *const tables[] = { &loader->networks };
	const char *text = item->text;
	struct sp_symbol *network = sp_symbols_find(&loader->networks, text);

	if (network) {
		network->is_used = true;
		return network->index;
	}
	if (!strcmp(text, "internet"))
		return loader->policy->internet;
	if (sp_looks_like_address(text))
		return sp_add_literal(loader, item);
	if (!strcmp(text, "any"))
		sp_report(&loader->check, item,
			  "\"any\" cannot stand in %s of a masquerade entry: name networks or "
			  "addresses",
			  what);
	else if (sp_symbols_find(&loader->roles, text))
		sp_report(&loader->check, item,
			  "%s is a role; addresses are translated, whoever has them: name a "
			  "network or address",
			  sp_show(text).quoted);
	else
		sp_report(&loader->check, item, "unknown network %s%s", sp_show(text).quoted,
			  sp_hint(&loader->check, text, tables, 1).text);
	return -EINVAL;
}

static void read_networks(struct sp_loader *loader, const struct sp_node *node, const char *what,
			  uint32_t **networks, size_t *count)
{
	if (sp_read_items(&loader->check, node, what) < 0)
		return;
	sp_for_each_item(item, node) {
		uint32_t *room;
		int64_t index;

		if (!sp_read_text(&loader->check, item, what))
			continue;
		index = find_network(loader, item, what);
		room = index < 0 ? NULL : SP_ARRAY_PUSH(*networks, *count);
		if (room)
			*room = (uint32_t)index;
		else
			loader->check.no_memory |= index >= 0;
	}
}

/* ---- masquerade ---- */

/* A port without sign or leading zeros, up to @end. */
static bool read_port(const char *text, char end, uint16_t *ret_port, const char **ret_end)
{
	char *behind;
	unsigned long port;

	if (*text < '1' || *text > '9')
		return false;
	port = strtoul(text, &behind, 10);
	if (*behind != end || port > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)port;
	*ret_end = behind;
	return true;
}

static void read_ports(struct sp_loader *loader, const struct sp_node *node,
		       struct sp_masquerade *masquerade)
{
	const char *text = sp_read_text(&loader->check, node, "\"ports\"");
	uint16_t first, last;
	const char *at;

	if (!text)
		return;
	if (!read_port(text, '-', &first, &at) || !read_port(at + 1, '\0', &last, &at))
		sp_report(&loader->check, node,
			  "\"ports\" is a range of ports from 1 to 65535, as 40000-49999");
	else if (first > last)
		sp_report(&loader->check, node, "the range is reversed: write %u-%u", last, first);
	else
		masquerade->first_port = first, masquerade->last_port = last;
}

static void load_masquerade(struct sp_loader *loader, const struct sp_node *node,
			    struct sp_nat *nat)
{
	const struct sp_node *values[SP_ARRAY_LEN(masquerade_keys)];
	struct sp_masquerade *masquerade = &nat->masquerade;

	nat->kind = SP_NAT_MASQUERADE;
	masquerade->first_port = FIRST_PORT;
	masquerade->last_port = LAST_PORT;
	if (sp_read_map(&loader->check, node, "\"masquerade\"", masquerade_keys,
			SP_ARRAY_LEN(masquerade_keys), values) < 0)
		return;
	if (values[FROM])
		read_networks(loader, values[FROM], "\"from\"", &masquerade->from,
			      &masquerade->from_count);
	if (values[OUT])
		masquerade->out = sp_read_nat_interface(loader, values[OUT]);
	if (values[TO])
		read_networks(loader, values[TO], "\"to\"", &masquerade->to, &masquerade->to_count);
	if (values[PORTS])
		read_ports(loader, values[PORTS], masquerade);
}

/* ---- entries ---- */

/* NULL: no memory, or too many entries (reported). */
static struct sp_nat *add_nat(struct sp_loader *loader, const struct sp_node *node,
			      const struct sp_node *name)
{
	struct sp_policy *policy = loader->policy;
	struct sp_check *check = &loader->check;
	struct sp_nat *nat;

	if (policy->nat_count == NATS_MAX) {
		sp_report(check, node, "more than %u nat entries; this is the first too many",
			  NATS_MAX);
		return NULL;
	}
	nat = SP_ARRAY_PUSH(policy->nats, policy->nat_count);
	if (!nat) {
		check->no_memory = true;
		return NULL;
	}
	nat->place = sp_place_of(node);
	if (name && sp_check_name(check, name, "nat entry") == 0) {
		nat->name = sp_copy_text(check, name->text);
		sp_symbols_add(check, &loader->nats, name, (uint32_t)policy->nat_count - 1);
	}
	return nat;
}

static void refuse_words(struct sp_loader *loader, const struct sp_node *const *values)
{
	for (int key = LOG; key <= LIMIT; key++)
		if (values[key])
			sp_report(&loader->check, values[key],
				  "\"%s\" belongs to a forward: what others translate is allowed "
				  "by rules, and they have it",
				  nat_keys[key].name);
}

/* A forward is a rule besides, of the same name. */
static void load_forward(struct sp_loader *loader, const struct sp_node *node,
			 const struct sp_node *const *values, uint32_t nat)
{
	struct sp_rule *rule = sp_add_rule(
		loader, node, loader->policy->nats[nat].name ? values[NAME] : NULL, SP_RULE_ALLOW);

	if (!rule)
		return;
	sp_load_forward(loader, values[FORWARD], nat, rule);
	if (values[LOG])
		sp_load_log(loader, values[LOG], rule);
	if (values[LIMIT])
		sp_load_limit(loader, values[LIMIT], rule);
	rule->is_disabled = loader->policy->nats[nat].is_disabled;
}

static void load_kind(struct sp_loader *loader, const struct sp_node *node,
		      const struct sp_node *const *values, struct sp_nat *nat)
{
	if (values[ENABLED])
		sp_load_enabled(loader, values[ENABLED], &nat->is_disabled);
	if (values[FORWARD])
		load_forward(loader, node, values, (uint32_t)(nat - loader->policy->nats));
	else
		refuse_words(loader, values);
	if (values[MASQUERADE])
		load_masquerade(loader, values[MASQUERADE], nat);
	else if (values[NETMAP])
		sp_load_netmap(loader, values[NETMAP], nat);
}

static void load_entry(struct sp_loader *loader, const struct sp_node *node)
{
	const struct sp_node *values[SP_ARRAY_LEN(nat_keys)];
	struct sp_check *check = &loader->check;
	struct sp_nat *nat;
	int r = sp_read_map(check, node, "a nat entry", nat_keys, SP_ARRAY_LEN(nat_keys), values);
	int kinds = 0;

	if (r < 0)
		return;
	for (int key = MASQUERADE; key <= NETMAP; key++)
		kinds += sp_has_key(node, nat_keys[key].name);
	if (kinds > 1) {
		sp_report(check, node,
			  "a nat entry translates in one way, by \"masquerade\", \"forward\" or "
			  "\"netmap\": write two entries");
		return;
	}
	if (r == 0 && kinds == 0)
		sp_report(check, node,
			  "a nat entry needs \"masquerade\", \"forward\" or \"netmap\": { name: …, "
			  "masquerade: { from: …, out: … } }");
	nat = add_nat(loader, node, values[NAME]);
	if (nat)
		load_kind(loader, node, values, nat);
}

void sp_load_nat(struct sp_loader *loader, const struct sp_node *section)
{
	if (sp_read_list(&loader->check, section, "\"nat\"") < 0)
		return;
	for (const struct sp_node *node = section->first; node; node = node->next)
		load_entry(loader, node);
}
