/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two ends of a rule: `from` and `to`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "policy/checks/loader.h"
#include "yaml/value.h"

int64_t sp_add_literal(struct sp_loader *loader, const struct sp_node *item)
{
	struct sp_policy *policy = loader->policy;
	struct sp_network *network;
	struct sp_prefix prefix, *room;

	if (sp_read_prefix(&loader->check, item, "address", &prefix) < 0)
		return -EINVAL;
	network = SP_ARRAY_PUSH(policy->networks, policy->network_count);
	room = network ? SP_ARRAY_PUSH(network->in, network->in_count) : NULL;
	if (!room) {
		loader->check.no_memory = true;
		return -ENOMEM;
	}
	*room = prefix;
	network->place = sp_place_of(item);
	return (int64_t)policy->network_count - 1;
}

static void report_unknown(struct sp_loader *loader, const struct sp_node *item, const char *what,
			   const struct sp_symbols *const *tables, size_t table_count)
{
	sp_report(&loader->check, item, "unknown %s %s%s", what, sp_show(item->text).quoted,
		  sp_hint(&loader->check, item->text, tables, table_count).text);
}

/* Report a mapping of one key that is not @key. Returns whether it is one. */
static bool is_other_mapping(struct sp_loader *loader, const struct sp_node *item, const char *what,
			     const char *key)
{
	if (item->count != 1 || strcmp(item->first->text, key) == 0)
		return false;
	sp_report(&loader->check, item, "%s written as a mapping is { %s: … }, not { %.40s: … }",
		  what, key, item->first->text);
	return true;
}

/* Report what stands by its name alone in `from`, and as { role: … } elsewhere. Returns whether it
 * was reported. */
static bool is_wrapped_name(struct sp_loader *loader, const struct sp_node *item)
{
	const char *key = item->count == 1 ? item->first->text : "";
	const struct sp_node *value = item->count == 1 ? item->first->next : NULL;
	const bool is_role = strcmp(key, "role") == 0;

	if (!is_role && strcmp(key, "people") != 0)
		return false;
	sp_report(&loader->check, item, "in \"from\" a %s stands by its name alone: write %s",
		  is_role ? "role" : "list of people",
		  value->kind == SP_NODE_SCALAR ? value->text : "it");
	return true;
}

static void from_user(struct sp_loader *loader, const struct sp_node *item, struct sp_from *from)
{
	struct sp_person_name person;

	if (is_wrapped_name(loader, item) ||
	    is_other_mapping(loader, item, "an item of \"from\"", "user") ||
	    sp_load_person(loader, item, "an item of \"from\"", &person) < 0)
		return;
	from->kind = SP_FROM_USER;
	from->user = person.user;
	from->idp = person.idp;
}

/* A name of the policy's. Where people are not known yet, a role or list of them is reported.
 * Returns false: it is no name. */
static bool from_name(struct sp_loader *loader, const struct sp_node *item, bool takes_people,
		      struct sp_from *from)
{
	static const enum sp_from_kind kinds[] = { SP_FROM_ROLE, SP_FROM_PEOPLE, SP_FROM_NETWORK };
	static const char *const whats[] = { "a role", "a list of people" };
	const struct sp_symbols *const tables[] = { &loader->roles, &loader->people,
						    &loader->networks };

	for (size_t i = 0; i < SP_ARRAY_LEN(kinds); i++) {
		struct sp_symbol *symbol = sp_symbols_find(tables[i], item->text);

		if (!symbol)
			continue;
		symbol->is_used = true;
		from->kind = kinds[i];
		from->index = symbol->index;
		if (!takes_people && kinds[i] != SP_FROM_NETWORK)
			sp_report(&loader->check, item,
				  "%s is %s; \"protect\" is judged before anyone is known: "
				  "name a network or address",
				  sp_show(item->text).quoted, whats[i]);
		return true;
	}
	return false;
}

static void from_word(struct sp_loader *loader, const struct sp_node *item, bool takes_people,
		      struct sp_from *from)
{
	const struct sp_symbols *const tables[] = { &loader->networks, &loader->roles,
						    &loader->people };
	const char *text = item->text;
	int64_t literal;

	if (from_name(loader, item, takes_people, from))
		return;
	if (strcmp(text, "any") == 0) {
		from->kind = SP_FROM_ANY;
	} else if (strcmp(text, "signed-in") == 0 && takes_people) {
		from->kind = SP_FROM_SIGNED_IN;
	} else if (strcmp(text, "self") == 0 && takes_people) {
		from->kind = SP_FROM_SELF;
	} else if (strcmp(text, "signed-in") == 0) {
		sp_report(&loader->check, item,
			  "\"protect\" is judged before anyone is known: name a network or "
			  "address");
	} else if (strcmp(text, "own-devices") == 0) {
		sp_report(&loader->check, item,
			  "\"own-devices\" cannot stand in \"from\": they are those of whoever "
			  "sends, so write from: signed-in, to: own-devices");
	} else if (strcmp(text, "self") == 0 || strcmp(text, "internet") == 0 ||
		   strcmp(text, "bogons") == 0 || strcmp(text, "anonymous") == 0) {
		sp_report(&loader->check, item, "\"%s\" cannot stand in \"from\"", text);
	} else if (sp_looks_like_address(text)) {
		literal = sp_add_literal(loader, item);
		if (literal < 0)
			return;
		from->kind = SP_FROM_NETWORK;
		from->index = (uint32_t)literal;
	} else {
		report_unknown(loader, item,
			       !takes_people          ? "network"
			       : loader->people.count ? "role, list of people or network"
						      : "role or network",
			       tables, takes_people ? SP_ARRAY_LEN(tables) : 1);
	}
}

void sp_load_from(struct sp_loader *loader, const struct sp_node *node, struct sp_rule *rule)
{
	bool takes_people = rule->kind != SP_RULE_PROTECT;
	struct sp_check *check = &loader->check;

	if (sp_read_items(check, node, "\"from\"") < 0)
		return;
	sp_for_each_item(item, node) {
		struct sp_from *from = SP_ARRAY_PUSH(rule->from, rule->from_count);

		if (!from) {
			check->no_memory = true;
			return;
		}
		if (item->kind == SP_NODE_MAP && takes_people)
			from_user(loader, item, from);
		else if (item->kind == SP_NODE_MAP)
			sp_report(check, item,
				  "\"protect\" is judged before anyone is known: name a network "
				  "or address");
		else if (sp_read_text(check, item, "an item of \"from\""))
			from_word(loader, item, takes_people, from);
	}
}

static void to_role(struct sp_loader *loader, const struct sp_node *node, struct sp_to *to)
{
	const struct sp_symbols *const tables[] = { &loader->roles };
	const char *name = sp_read_text(&loader->check, node, "role");
	struct sp_symbol *role = name ? sp_symbols_find(&loader->roles, name) : NULL;

	if (name && !role)
		report_unknown(loader, node, "role", tables, 1);
	if (!role)
		return;
	role->is_used = true;
	to->kind = SP_TO_ROLE;
	to->index = role->index;
}

static void to_people(struct sp_loader *loader, const struct sp_node *node, struct sp_to *to)
{
	const struct sp_symbol *list = sp_find_people(loader, node);

	if (!list)
		return;
	to->kind = SP_TO_PEOPLE;
	to->index = list->index;
}

static void to_nat(struct sp_loader *loader, const struct sp_node *node, struct sp_to *to)
{
	const struct sp_symbols *const tables[] = { &loader->nats };
	const char *name = sp_read_text(&loader->check, node, "nat");
	struct sp_symbol *nat = name ? sp_symbols_find(&loader->nats, name) : NULL;

	if (name && !nat)
		report_unknown(loader, node, "nat entry", tables, 1);
	if (!nat)
		return;
	if (loader->policy->nats[nat->index].kind != SP_NAT_NETMAP)
		sp_report(&loader->check, node,
			  "nat entry %s is no netmap, and has no addresses to go to",
			  sp_show(name).quoted);
	to->kind = SP_TO_NAT;
	to->index = nat->index;
}

enum { ROLE, PEOPLE, NAT };
static const struct sp_key to_keys[] = {
	[ROLE] = { "role", SP_KEY_OPTIONAL },
	[PEOPLE] = { "people", SP_KEY_OPTIONAL },
	[NAT] = { "nat", SP_KEY_OPTIONAL },
};

static void to_map(struct sp_loader *loader, const struct sp_node *item, struct sp_to *to)
{
	const struct sp_node *values[SP_ARRAY_LEN(to_keys)];
	struct sp_check *check = &loader->check;

	if (item->count != 1)
		sp_report(check, item,
			  "an item of \"to\" written as a mapping names one: { role: … }, "
			  "{ people: … } or { nat: … }");
	else if (!sp_has_key(item, "role") && !sp_has_key(item, "people") &&
		 !sp_has_key(item, "nat"))
		sp_report(check, item,
			  "an item of \"to\" written as a mapping is { role: … }, "
			  "{ people: … } or { nat: … }, not { %.40s: … }",
			  item->first->text);
	else if (sp_read_map(check, item, "an item of \"to\"", to_keys, SP_ARRAY_LEN(to_keys),
			     values) < 0)
		return;
	else if (values[ROLE])
		to_role(loader, values[ROLE], to);
	else if (values[PEOPLE])
		to_people(loader, values[PEOPLE], to);
	else if (values[NAT])
		to_nat(loader, values[NAT], to);
}

static void to_word(struct sp_loader *loader, const struct sp_node *item, struct sp_to *to)
{
	const struct sp_symbols *const tables[] = { &loader->networks };
	const char *text = item->text;
	struct sp_symbol *network = sp_symbols_find(&loader->networks, text);
	struct sp_symbol *people;
	int64_t literal;

	if (network) {
		network->is_used = true;
		to->kind = SP_TO_NETWORK;
		to->index = network->index;
	} else if (strcmp(text, "any") == 0) {
		to->kind = SP_TO_ANY;
	} else if (strcmp(text, "self") == 0) {
		to->kind = SP_TO_SELF;
	} else if (strcmp(text, "signed-in") == 0) {
		to->kind = SP_TO_SIGNED_IN;
	} else if (strcmp(text, "own-devices") == 0) {
		to->kind = SP_TO_OWN_DEVICES;
	} else if (strcmp(text, "internet") == 0) {
		to->kind = SP_TO_NETWORK;
		to->index = loader->policy->internet;
	} else if (strcmp(text, "bogons") == 0 || strcmp(text, "anonymous") == 0) {
		sp_report(&loader->check, item, "\"%s\" cannot stand in \"to\"", text);
	} else if ((people = sp_symbols_find(&loader->roles, text))) {
		people->is_used = true;
		sp_report(&loader->check, item,
			  "\"%s\" is a role; as a destination write { role: %s }", text, text);
	} else if ((people = sp_symbols_find(&loader->people, text))) {
		people->is_used = true;
		sp_report(&loader->check, item,
			  "\"%s\" is a list of people; as a destination write { people: %s }", text,
			  text);
	} else if (sp_looks_like_address(text)) {
		literal = sp_add_literal(loader, item);
		if (literal < 0)
			return;
		to->kind = SP_TO_NETWORK;
		to->index = (uint32_t)literal;
	} else {
		report_unknown(loader, item, "network", tables, 1);
	}
}

void sp_load_to(struct sp_loader *loader, const struct sp_node *node, struct sp_rule *rule)
{
	struct sp_check *check = &loader->check;

	if (sp_read_items(check, node, "\"to\"") < 0)
		return;
	sp_for_each_item(item, node) {
		struct sp_to *to = SP_ARRAY_PUSH(rule->to, rule->to_count);

		if (!to) {
			check->no_memory = true;
			return;
		}
		if (item->kind == SP_NODE_MAP)
			to_map(loader, item, to);
		else if (sp_read_text(check, item, "an item of \"to\""))
			to_word(loader, item, to);
	}
}
