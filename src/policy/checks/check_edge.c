/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `edge` and `protect`: which connections to the gateway's own addresses are allowed, and whose
 * packets the edge drops. */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "policy/checks/loader.h"
#include "yaml/value.h"

enum { DROP, EXPOSE, TRUST };
static const struct sp_key edge_keys[] = {
	[DROP] = { "drop", SP_KEY_OPTIONAL },
	[EXPOSE] = { "expose", SP_KEY_OPTIONAL },
	[TRUST] = { "trust", SP_KEY_OPTIONAL },
};

enum { NAME, FROM, TO, SERVICE, SERVICES, LOG, ENABLED, LIMIT };
static const struct sp_key expose_keys[] = {
	[NAME] = { "name", SP_KEY_REQUIRED },
	[FROM] = { "from", SP_KEY_OPTIONAL },
	[TO] = { "to", SP_KEY_REQUIRED },
	[SERVICE] = { "service", SP_KEY_OPTIONAL },
	[SERVICES] = { "services", SP_KEY_OPTIONAL },
	[LOG] = { "log", SP_KEY_OPTIONAL },
	[ENABLED] = { "enabled", SP_KEY_OPTIONAL },
	[LIMIT] = { "limit", SP_KEY_OPTIONAL },
};
static const struct sp_key protect_keys[] = {
	[NAME] = { "name", SP_KEY_REQUIRED },
	[FROM] = { "from", SP_KEY_REQUIRED },
	[TO] = { "to", SP_KEY_REQUIRED },
	[SERVICE] = { "service", SP_KEY_OPTIONAL },
	[SERVICES] = { "services", SP_KEY_OPTIONAL },
	[LOG] = { "log", SP_KEY_OPTIONAL },
	[ENABLED] = { "enabled", SP_KEY_OPTIONAL },
};

static void load_to_self(struct sp_loader *loader, const struct sp_node *node, struct sp_rule *rule)
{
	const char *text = sp_read_text(&loader->check, node, "\"to\"");
	struct sp_to *to;

	if (!text)
		return;
	if (strcmp(text, "self") != 0) {
		sp_report(&loader->check, node,
			  "%s entries are about the gateway itself: write to: self; "
			  "for other destinations write a rule",
			  rule->kind == SP_RULE_EXPOSE ? "expose" : "protect");
		return;
	}
	to = SP_ARRAY_PUSH(rule->to, rule->to_count);
	if (!to)
		loader->check.no_memory = true;
	else
		to->kind = SP_TO_SELF;
}

static void load_services(struct sp_loader *loader, const struct sp_node *node,
			  const struct sp_node *const *values, struct sp_rule *rule)
{
	const struct sp_node *services = values[SERVICE] ? values[SERVICE] : values[SERVICES];

	if (sp_has_key(node, "service") && sp_has_key(node, "services"))
		sp_report(&loader->check, node,
			  "\"service\" and \"services\" mean the same: write one of them");
	else if (services)
		sp_load_service_items(loader, services, &rule->services, &rule->service_count);
	else if (rule->kind == SP_RULE_EXPOSE && !sp_has_key(node, "service") &&
		 !sp_has_key(node, "services"))
		sp_report(&loader->check, node,
			  "an expose entry needs \"service\": what is open to everybody is named");
}

static void load_entry(struct sp_loader *loader, const struct sp_node *node, enum sp_rule_kind kind)
{
	const bool is_expose = kind == SP_RULE_EXPOSE;
	const struct sp_node *values[SP_ARRAY_LEN(expose_keys)] = { NULL };
	struct sp_rule *rule;
	int r;

	r = sp_read_map(&loader->check, node, is_expose ? "an expose entry" : "a protect entry",
			is_expose ? expose_keys : protect_keys,
			is_expose ? SP_ARRAY_LEN(expose_keys) : SP_ARRAY_LEN(protect_keys), values);
	if (r < 0)
		return;
	rule = sp_add_rule(loader, node, values[NAME], kind);
	if (!rule)
		return;
	if (is_expose && values[FROM])
		sp_report(&loader->check, values[FROM],
			  "an expose entry is open to anyone: leave \"from\" out, "
			  "or write a rule for chosen sources");
	else if (values[FROM])
		sp_load_from(loader, values[FROM], rule);
	if (values[TO])
		load_to_self(loader, values[TO], rule);
	if (r == 0)
		load_services(loader, node, values, rule);
	if (values[LOG])
		sp_load_log(loader, values[LOG], rule);
	if (values[LIMIT])
		sp_load_limit(loader, values[LIMIT], rule);
	if (values[ENABLED])
		sp_load_enabled(loader, values[ENABLED], &rule->is_disabled);
	if (is_expose) {
		struct sp_from *any = SP_ARRAY_PUSH(rule->from, rule->from_count);

		if (!any)
			loader->check.no_memory = true;
		else
			any->kind = SP_FROM_ANY;
	}
}

static void add_network(struct sp_loader *loader, uint32_t network, uint32_t **networks,
			size_t *count)
{
	uint32_t *room;

	for (size_t i = 0; i < *count; i++)
		if ((*networks)[i] == network)
			return; /* the list was warned of */
	room = SP_ARRAY_PUSH(*networks, *count);
	if (!room)
		loader->check.no_memory = true;
	else
		*room = network;
}

static void load_drop(struct sp_loader *loader, const struct sp_node *node)
{
	const struct sp_symbols *const tables[] = { &loader->networks };

	if (sp_read_items(&loader->check, node, "\"drop\"") < 0)
		return;
	sp_for_each_item(item, node) {
		const char *text = sp_read_text(&loader->check, item, "an item of \"drop\"");
		struct sp_symbol *network;

		if (!text)
			continue;
		network = sp_symbols_find(&loader->networks, text);
		if (strcmp(text, "bogons") == 0) {
			loader->policy->drop_bogons = true;
		} else if (network) {
			network->is_used = true;
			add_network(loader, network->index, &loader->policy->drops,
				    &loader->policy->drop_count);
		} else {
			sp_report(&loader->check, item, "unknown network %s%s",
				  sp_show(text).quoted,
				  strcmp(text, "bogon") == 0
					  ? "; did you mean \"bogons\"?"
					  : sp_hint(&loader->check, text, tables, 1).text);
		}
	}
}

static void load_trust(struct sp_loader *loader, const struct sp_node *node)
{
	const struct sp_symbols *const tables[] = { &loader->networks };

	if (sp_read_items(&loader->check, node, "\"trust\"") < 0)
		return;
	sp_for_each_item(item, node) {
		const char *text = sp_read_text(&loader->check, item, "an item of \"trust\"");
		struct sp_symbol *network = text ? sp_symbols_find(&loader->networks, text) : NULL;
		int64_t index = -EINVAL;

		if (network) {
			network->is_used = true;
			index = network->index;
		} else if (text && sp_looks_like_address(text)) {
			index = sp_add_literal(loader, item);
		} else if (text) {
			sp_report(&loader->check, item, "unknown network %s%s",
				  sp_show(text).quoted,
				  sp_hint(&loader->check, text, tables, 1).text);
		}
		if (index >= 0)
			add_network(loader, (uint32_t)index, &loader->policy->trusts,
				    &loader->policy->trust_count);
	}
}

void sp_load_edge(struct sp_loader *loader, const struct sp_node *section)
{
	const struct sp_node *values[SP_ARRAY_LEN(edge_keys)];

	if (sp_read_map(&loader->check, section, "\"edge\"", edge_keys, SP_ARRAY_LEN(edge_keys),
			values) < 0)
		return;
	if (section->count == 0)
		sp_report(&loader->check, section, "\"edge\" is empty: leave it out");
	if (values[DROP])
		load_drop(loader, values[DROP]);
	if (values[TRUST])
		load_trust(loader, values[TRUST]);
	if (!values[EXPOSE] || sp_read_list(&loader->check, values[EXPOSE], "\"expose\"") < 0)
		return;
	for (const struct sp_node *node = values[EXPOSE]->first; node; node = node->next)
		load_entry(loader, node, SP_RULE_EXPOSE);
}

void sp_load_protect(struct sp_loader *loader, const struct sp_node *section)
{
	if (sp_read_list(&loader->check, section, "\"protect\"") < 0)
		return;
	for (const struct sp_node *node = section->first; node; node = node->next)
		load_entry(loader, node, SP_RULE_PROTECT);
}
