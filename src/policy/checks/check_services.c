/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "policy/checks/loader.h"
#include "policy/services/service.h"
#include "yaml/value.h"

/* A name can stand for much more than its own length, so this bounds what all uses of names
 * become. */
#define SERVICE_ITEMS_MAX 1000000u

static int push_service(struct sp_loader *loader, const struct sp_service *service,
			struct sp_service **services, size_t *count)
{
	struct sp_service *room = SP_ARRAY_PUSH(*services, *count);

	if (!room) {
		loader->check.no_memory = true;
		return -ENOMEM;
	}
	*room = *service;
	return 0;
}

static int load_literal(struct sp_loader *loader, const struct sp_node *item,
			struct sp_service **services, size_t *count)
{
	struct sp_service read[2];
	size_t read_count;
	int r = sp_read_service(&loader->check, item, read, &read_count);

	for (size_t i = 0; r == 0 && i < read_count; i++)
		r = push_service(loader, &read[i], services, count);
	return r;
}

static void resolve(struct sp_loader *loader, const struct sp_node *item, struct sp_symbol *symbol);

static int load_named(struct sp_loader *loader, const struct sp_node *item,
		      struct sp_service **services, size_t *count)
{
	const struct sp_symbols *const tables[] = { &loader->services };
	struct sp_symbol *symbol = sp_symbols_find(&loader->services, item->text);
	const struct sp_named_service *list;
	int r = 0;

	if (!symbol) {
		sp_report(&loader->check, item, "unknown service %s%s", sp_show(item->text).quoted,
			  sp_hint(&loader->check, item->text, tables, 1).text);
		return -EINVAL;
	}
	symbol->is_used = true;
	resolve(loader, item, symbol);
	list = &loader->policy->services[symbol->index];
	if (loader->service_items == SERVICE_ITEMS_MAX)
		return -EINVAL; /* reported */
	if (list->count >= SERVICE_ITEMS_MAX - loader->service_items) {
		sp_report(&loader->check, item,
			  "the services of all rules and tests, written out, are more than "
			  "%u; this is the first too many",
			  SERVICE_ITEMS_MAX);
		loader->service_items = SERVICE_ITEMS_MAX;
		return -EINVAL;
	}
	loader->service_items += list->count;
	for (size_t i = 0; r == 0 && i < list->count; i++)
		r = push_service(loader, &list->items[i], services, count);
	return list->count ? r : -EINVAL;
}

int sp_load_service_items(struct sp_loader *loader, const struct sp_node *node,
			  struct sp_service **services, size_t *count)
{
	int result = sp_read_items(&loader->check, node, "\"services\"");

	if (result < 0)
		return result;
	sp_for_each_item(item, node) {
		const char *text = sp_read_text(&loader->check, item, "a service");
		int r;

		if (!text)
			r = -EINVAL;
		else if (strcmp(text, "any") == 0) {
			sp_report(&loader->check, item,
				  "for every protocol and port leave \"services\" out");
			r = -EINVAL;
		} else if (sp_looks_like_service(text))
			r = load_literal(loader, item, services, count);
		else
			r = load_named(loader, item, services, count);
		if (r < 0)
			result = r;
	}
	return result;
}

void sp_load_services(struct sp_loader *loader, const struct sp_node *section)
{
	struct sp_check *check = &loader->check;

	if (section->kind != SP_NODE_MAP)
		return;
	sp_map_for_each(name, body, section) {
		struct sp_named_service *list =
			SP_ARRAY_PUSH(loader->policy->services, loader->policy->service_count);

		if (!list) {
			check->no_memory = true;
			return;
		}
		list->name = sp_copy_text(check, name->text);
		if (sp_looks_like_service(name->text))
			sp_report(check, name,
				  "service %s: this is a protocol's name; choose another",
				  sp_show(name->text).quoted);
		if (body->kind == SP_NODE_SCALAR && *body->text == '\0') {
			sp_report(check, name, "service %s has no value",
				  sp_show(name->text).quoted);
		}
	}
}

/* Could the text be the name of a service? */
static bool is_word(const char *text)
{
	return isalpha((unsigned char)*text) && !sp_looks_like_service(text) &&
	       strcmp(text, "any") != 0;
}

/* Find the items of a service, in which names may stand for other services. */
static void resolve(struct sp_loader *loader, const struct sp_node *item, struct sp_symbol *symbol)
{
	struct sp_named_service *list = &loader->policy->services[symbol->index];
	const struct sp_node *body = symbol->node->next;

	if (!sp_symbol_open(loader, item, "service", symbol))
		return;
	if ((body->kind != SP_NODE_SCALAR || *body->text) &&
	    sp_read_items(&loader->check, body, "a service") == 0) {
		sp_for_each_item(part, body) {
			if (part->kind == SP_NODE_SCALAR && is_word(part->text))
				load_named(loader, part, &list->items, &list->count);
			else
				load_literal(loader, part, &list->items, &list->count);
		}
	}
	sp_symbol_close(loader, symbol);
}

void sp_resolve_services(struct sp_loader *loader)
{
	for (size_t i = 0; i < loader->services.count && !loader->check.no_memory; i++)
		resolve(loader, loader->services.items[i].node, &loader->services.items[i]);
}
