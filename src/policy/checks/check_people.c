/* SPDX-License-Identifier: GPL-3.0-or-later */
/* People by name: one of them, and the lists of `people`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "policy/checks/loader.h"
#include "yaml/value.h"

enum { USER, IDP };
static const struct sp_key person_keys[] = {
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

int sp_load_person(struct sp_loader *loader, const struct sp_node *node, const char *what,
		   struct sp_person_name *ret_person)
{
	const struct sp_node *values[SP_ARRAY_LEN(person_keys)];
	const char *user, *idp;

	if (sp_read_map(&loader->check, node, what, person_keys, SP_ARRAY_LEN(person_keys),
			values) < 0 ||
	    !values[USER] || !(user = sp_read_user(&loader->check, values[USER], "user")))
		return -EINVAL;
	if (sp_has_key(node, "idp"))
		idp = values[IDP] ? find_idp(loader, values[IDP]) : NULL;
	else
		idp = settle_idp(loader, node, user);
	ret_person->user = sp_copy_text(&loader->check, user);
	ret_person->idp = idp ? sp_copy_text(&loader->check, idp) : NULL;
	if (!ret_person->user) {
		free(ret_person->idp);
		ret_person->idp = NULL;
		return -ENOMEM;
	}
	return 0;
}

struct sp_symbol *sp_find_people(struct sp_loader *loader, const struct sp_node *node)
{
	const struct sp_symbols *const tables[] = { &loader->people };
	const char *name = sp_read_text(&loader->check, node, "\"people\"");
	struct sp_symbol *list = name ? sp_symbols_find(&loader->people, name) : NULL;

	if (list)
		list->is_used = true;
	else if (name)
		sp_report(&loader->check, node, "unknown list of people %s%s", sp_show(name).quoted,
			  sp_hint(&loader->check, name, tables, 1).text);
	return list;
}

/* ---- the lists ---- */

static void add_provider(struct sp_loader *loader, const struct sp_node *item)
{
	sp_map_for_each(key, value, item) {
		if (strcmp(key->text, "idp") == 0 && value->kind == SP_NODE_SCALAR &&
		    *value->text && sp_check_name(&loader->check, value, "identity provider") == 0)
			sp_symbols_add(&loader->check, &loader->providers, value, 0);
	}
}

void sp_add_people_providers(struct sp_loader *loader, const struct sp_node *section)
{
	if (section->kind != SP_NODE_MAP)
		return; /* reported when the names were declared */
	sp_map_for_each(name, body, section) {
		const struct sp_symbol *list = sp_symbols_find(&loader->people, name->text);

		/* so far nothing but roles was read */
		if (!list || !list->is_used || body->kind == SP_NODE_BROKEN)
			continue;
		sp_for_each_item(item, body)
			if (item->kind == SP_NODE_MAP)
				add_provider(loader, item);
	}
}

static void warn_of_doubles(struct sp_check *check, const struct sp_node *name,
			    const struct sp_people_list *list)
{
	for (size_t i = 1; i < list->count; i++)
		if (list->items[i].idp &&
		    sp_person_compare(&list->items[i], &list->items[i - 1]) == 0)
			sp_warn(check, name, "user %s of %s stands in people %s twice",
				sp_show(list->items[i].user).quoted, list->items[i].idp,
				sp_show(name->text).quoted);
}

static void load_list(struct sp_loader *loader, const struct sp_node *name,
		      const struct sp_node *body, struct sp_people_list *list)
{
	struct sp_check *check = &loader->check;

	if (sp_read_items(check, body, "a list of people") < 0)
		return;
	sp_for_each_item(item, body) {
		struct sp_person_name person = { 0 }, *room;

		if (sp_load_person(loader, item, "a person", &person) < 0)
			continue;
		room = SP_ARRAY_PUSH(list->items, list->count);
		if (!room) {
			free(person.user);
			free(person.idp);
			check->no_memory = true;
			return;
		}
		*room = person;
	}
	if (list->count > 1)
		qsort(list->items, list->count, sizeof(*list->items), sp_person_compare);
	warn_of_doubles(check, name, list);
}

void sp_load_people(struct sp_loader *loader, const struct sp_node *section)
{
	struct sp_policy *policy = loader->policy;

	if (section->kind != SP_NODE_MAP)
		return; /* reported when the names were declared */
	sp_map_for_each(name, body, section) {
		struct sp_people_list *list = SP_ARRAY_PUSH(policy->people, policy->people_count);

		if (!list) {
			loader->check.no_memory = true;
			return;
		}
		list->name = sp_copy_text(&loader->check, name->text);
		list->place = sp_place_of(name);
		load_list(loader, name, body, list);
	}
}
