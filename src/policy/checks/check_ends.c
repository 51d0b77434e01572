/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two ends of a rule: `from` and `to`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "policy/checks/loader.h"
#include "yaml/value.h"

/* Add a network without a name, for a prefix that a rule names. Returns its index or -errno. */
static int64_t add_literal(struct sp_loader *loader, const struct sp_node *item)
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

/* Read the value of { role: x }. NULL: there is none, which is reported. */
static const char *read_wrapped(struct sp_loader *loader, const struct sp_node *item,
				const char *what, const struct sp_key *key,
				const struct sp_node **ret_value)
{
	if (is_other_mapping(loader, item, what, key->name) ||
	    sp_read_map(&loader->check, item, what, key, 1, ret_value) < 0 || !*ret_value)
		return NULL;
	return sp_read_text(&loader->check, *ret_value, key->name);
}

enum { USER, IDP };
static const struct sp_key user_keys[] = {
	[USER] = { "user", SP_KEY_REQUIRED },
	[IDP] = { "idp", SP_KEY_OPTIONAL },
};

/* Find a provider that a rule names. Only the providers of roles and fixtures count, since people
 * of others have no session. */
static const char *find_idp(struct sp_loader *loader, const struct sp_node *node)
{
	const struct sp_symbols *const tables[] = { &loader->providers };
	const char *idp = sp_read_text(&loader->check, node, "\"idp\"");

	if (!idp || sp_symbols_find(&loader->providers, idp))
		return idp;
	sp_report(&loader->check, node, "no role names an identity provider %s%s",
		  sp_show(idp).quoted, sp_hint(&loader->check, idp, tables, 1).text);
	return NULL;
}

/* The provider of a name without one: the only provider there is. */
static const char *settle_idp(struct sp_loader *loader, const struct sp_node *node,
			      const char *user)
{
	const struct sp_symbol *items = loader->providers.items;
	const size_t count = loader->providers.count;
	const struct sp_shown shown = sp_show(user);

	if (count == 0) {
		sp_warn(&loader->check, node,
			"no role names an identity provider, so nobody is ever user %s",
			shown.quoted);
		return NULL;
	}
	if (strcmp(items[0].name, items[count - 1].name) == 0)
		return items[0].name;
	sp_report(&loader->check, node,
		  "user %s may be of %s or of %s, who are two people: write { user: %s, idp: %s }",
		  shown.quoted, items[0].name, items[count - 1].name, user, items[0].name);
	return NULL;
}

static void from_user(struct sp_loader *loader, const struct sp_node *item, struct sp_from *from)
{
	const struct sp_node *values[SP_ARRAY_LEN(user_keys)];
	const char *user, *idp;

	if (item->count == 1 && strcmp(item->first->text, "role") == 0) {
		sp_report(&loader->check, item,
			  "in \"from\" a role stands by its name alone: write %s",
			  item->first->next->kind == SP_NODE_SCALAR ? item->first->next->text
								    : "it");
		return;
	}
	if (is_other_mapping(loader, item, "an item of \"from\"", "user") ||
	    sp_read_map(&loader->check, item, "an item of \"from\"", user_keys,
			SP_ARRAY_LEN(user_keys), values) < 0 ||
	    !values[USER] || !(user = sp_read_user(&loader->check, values[USER], "user")))
		return;
	if (sp_has_key(item, "idp"))
		idp = values[IDP] ? find_idp(loader, values[IDP]) : NULL;
	else
		idp = settle_idp(loader, item, user);
	from->kind = SP_FROM_USER;
	from->user = sp_copy_text(&loader->check, user);
	from->idp = idp ? sp_copy_text(&loader->check, idp) : NULL;
}

static void from_word(struct sp_loader *loader, const struct sp_node *item, bool takes_people,
		      struct sp_from *from)
{
	const struct sp_symbols *const tables[] = { &loader->networks, &loader->roles };
	const char *text = item->text;
	struct sp_symbol *role = sp_symbols_find(&loader->roles, text);
	struct sp_symbol *network = sp_symbols_find(&loader->networks, text);
	int64_t literal;

	if (role && takes_people) {
		role->is_used = true;
		from->kind = SP_FROM_ROLE;
		from->index = role->index;
	} else if (network) {
		network->is_used = true;
		from->kind = SP_FROM_NETWORK;
		from->index = network->index;
	} else if (role) {
		role->is_used = true;
		sp_report(&loader->check, item,
			  "%s is a role; \"protect\" is judged before anyone is known: "
			  "name a network or address",
			  sp_show(text).quoted);
	} else if (strcmp(text, "any") == 0) {
		from->kind = SP_FROM_ANY;
	} else if (strcmp(text, "signed-in") == 0 && takes_people) {
		from->kind = SP_FROM_SIGNED_IN;
	} else if (strcmp(text, "signed-in") == 0) {
		sp_report(&loader->check, item,
			  "\"protect\" is judged before anyone is known: name a network or "
			  "address");
	} else if (strcmp(text, "self") == 0 || strcmp(text, "internet") == 0 ||
		   strcmp(text, "bogons") == 0 || strcmp(text, "anonymous") == 0) {
		sp_report(&loader->check, item, "\"%s\" cannot stand in \"from\"", text);
	} else if (sp_looks_like_address(text)) {
		literal = add_literal(loader, item);
		if (literal < 0)
			return;
		from->kind = SP_FROM_NETWORK;
		from->index = (uint32_t)literal;
	} else {
		report_unknown(loader, item, takes_people ? "role or network" : "network", tables,
			       takes_people ? 2 : 1);
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

static void to_role(struct sp_loader *loader, const struct sp_node *item, struct sp_to *to)
{
	static const struct sp_key key = { "role", SP_KEY_REQUIRED };
	const struct sp_symbols *const tables[] = { &loader->roles };
	const struct sp_node *value = NULL;
	struct sp_symbol *role;
	const char *name = read_wrapped(loader, item, "an item of \"to\"", &key, &value);

	if (!name)
		return;
	role = sp_symbols_find(&loader->roles, name);
	if (!role) {
		report_unknown(loader, value, "role", tables, 1);
		return;
	}
	role->is_used = true;
	to->kind = SP_TO_ROLE;
	to->index = role->index;
}

static void to_word(struct sp_loader *loader, const struct sp_node *item, struct sp_to *to)
{
	const struct sp_symbols *const tables[] = { &loader->networks };
	const char *text = item->text;
	struct sp_symbol *network = sp_symbols_find(&loader->networks, text);
	struct sp_symbol *role;
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
	} else if (strcmp(text, "internet") == 0) {
		to->kind = SP_TO_NETWORK;
		to->index = loader->policy->internet;
	} else if (strcmp(text, "bogons") == 0 || strcmp(text, "anonymous") == 0) {
		sp_report(&loader->check, item, "\"%s\" cannot stand in \"to\"", text);
	} else if ((role = sp_symbols_find(&loader->roles, text))) {
		role->is_used = true;
		sp_report(&loader->check, item,
			  "\"%s\" is a role; as a destination write { role: %s }", text, text);
	} else if (sp_looks_like_address(text)) {
		literal = add_literal(loader, item);
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
			to_role(loader, item, to);
		else if (sp_read_text(check, item, "an item of \"to\""))
			to_word(loader, item, to);
	}
}
