/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `fixtures`: the gateway and the people that tests, explain and replay assume. */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"
#include "policy/checks/gateway.h"
#include "policy/checks/loader.h"
#include "yaml/value.h"

enum { NOW, POOL, SELF, INTERFACES, SESSIONS, DNS, FEEDS };
static const struct sp_key fixture_keys[] = {
	[NOW] = { "now", SP_KEY_OPTIONAL },
	[POOL] = { "pool", SP_KEY_OPTIONAL },
	[SELF] = { "self", SP_KEY_OPTIONAL },
	[INTERFACES] = { "interfaces", SP_KEY_OPTIONAL },
	[SESSIONS] = { "sessions", SP_KEY_OPTIONAL },
	[DNS] = { "dns", SP_KEY_OPTIONAL },
	[FEEDS] = { "feeds", SP_KEY_OPTIONAL },
};

enum { USER, IDP, GROUPS, ADDRESS };
static const struct sp_key session_keys[] = {
	[USER] = { "user", SP_KEY_REQUIRED },
	[IDP] = { "idp", SP_KEY_REQUIRED },
	[GROUPS] = { "groups", SP_KEY_OPTIONAL },
	[ADDRESS] = { "address", SP_KEY_REQUIRED },
};

#define SELF_MAX 256

static void load_self(struct sp_loader *loader, const struct sp_node *node)
{
	struct sp_gateway *gateway = &loader->policy->fixtures.gateway;

	if (sp_read_items(&loader->check, node, "\"self\"") < 0)
		return;
	sp_for_each_item(item, node) {
		struct sp_addr addr, *room;

		if (sp_read_address(&loader->check, item, "an address of self", &addr) < 0)
			continue;
		if (gateway->self_count == SELF_MAX) {
			sp_report(&loader->check, item,
				  "more than %d addresses of self; this is the first too many",
				  SELF_MAX);
			return;
		}
		room = SP_ARRAY_PUSH(gateway->self, gateway->self_count);
		if (!room) {
			loader->check.no_memory = true;
			return;
		}
		*room = addr;
	}
}

static void load_interfaces(struct sp_loader *loader, const struct sp_node *node)
{
	static const char *const zones[] = {
#define X(id, name, text) name,
		SP_ZONES(X)
#undef X
			NULL,
	};
	struct sp_check *check = &loader->check;
	const struct sp_node *tunnel = NULL;

	if (node->kind == SP_NODE_BROKEN)
		return;
	if (node->kind != SP_NODE_MAP || node->count == 0) {
		sp_report(
			check, node,
			"\"interfaces\" is a mapping, { wan0: edge, lan0: inside, vpn0: tunnel }");
		return;
	}
	sp_map_for_each(name, value, node) {
		int zone = sp_read_word(check, value, "an interface's zone", zones);

		if (zone < 0)
			continue;
		if (zone == SP_ZONE_TUNNEL && tunnel)
			sp_report(check, name, "a second tunnel; \"%s\" on line %u is the first",
				  tunnel->text, tunnel->line);
		else if (zone == SP_ZONE_TUNNEL)
			tunnel = name;
		sp_read_interface(check, name, (enum sp_zone)zone,
				  &loader->policy->fixtures.gateway);
	}
}

static void load_addresses(struct sp_loader *loader, const struct sp_node *node,
			   struct sp_fixture_session *session)
{
	const struct sp_gateway *gateway = &loader->policy->fixtures.gateway;
	struct sp_check *check = &loader->check;

	if (sp_read_items(check, node, "\"address\"") < 0)
		return;
	sp_for_each_item(item, node) {
		struct sp_addr addr;
		int family;

		if (sp_read_address(check, item, "\"address\"", &addr) < 0)
			continue;
		family = !sp_addr_is_v4(&addr);
		if (session->has_address[family])
			sp_report(check, item,
				  "a second %s address: a session has at most one of each family",
				  family ? "IPv6" : "IPv4");
		else if (!sp_gateway_pool_has(gateway, &addr))
			sp_report(check, item, "address %s is not in the pool", item->text);
		else if (sp_gateway_has(gateway, &addr))
			sp_report(check, item, "address %s is the gateway's own", item->text);
		session->has_address[family] = true;
		session->addresses[family] = addr;
	}
}

static void load_groups(struct sp_loader *loader, const struct sp_node *node,
			struct sp_fixture_session *session)
{
	struct sp_check *check = &loader->check;

	/* An empty list is allowed here: a person in no group. */
	if (node->kind == SP_NODE_BROKEN || (node->kind == SP_NODE_LIST && node->count == 0) ||
	    sp_read_items(check, node, "\"groups\"") < 0)
		return;
	sp_for_each_item(item, node) {
		const char *group = sp_read_group(check, item, "a group");
		char **room = group ? SP_ARRAY_PUSH(session->groups, session->group_count) : NULL;

		if (!room) {
			check->no_memory |= group != NULL;
			continue;
		}
		*room = sp_copy_text(check, group);
	}
}

static void load_session(struct sp_loader *loader, const struct sp_node *node)
{
	struct sp_fixtures *fixtures = &loader->policy->fixtures;
	const struct sp_node *values[SP_ARRAY_LEN(session_keys)];
	struct sp_check *check = &loader->check;
	struct sp_fixture_session *session;
	const char *user = NULL;

	if (sp_read_map(check, node, "a session", session_keys, SP_ARRAY_LEN(session_keys),
			values) < 0)
		return;
	session = SP_ARRAY_PUSH(fixtures->sessions, fixtures->session_count);
	if (!session) {
		check->no_memory = true;
		return;
	}
	session->place = sp_place_of(node);
	if (values[USER])
		user = sp_read_user(check, values[USER], "\"user\"");
	if (user) {
		session->user = sp_copy_text(check, user);
		sp_symbols_add(check, &loader->users, values[USER],
			       (uint32_t)fixtures->session_count - 1);
	}
	if (values[IDP] && sp_check_name(check, values[IDP], "identity provider") == 0) {
		session->idp = sp_copy_text(check, values[IDP]->text);
		sp_symbols_add(check, &loader->providers, values[IDP], 0);
	}
	if (values[GROUPS])
		load_groups(loader, values[GROUPS], session);
	if (values[ADDRESS])
		load_addresses(loader, values[ADDRESS], session);
}

struct owned_address {
	struct sp_addr addr;
	const struct sp_fixture_session *session;
};

static int compare_owned(const void *a, const void *b)
{
	const struct owned_address *left = a, *right = b;
	int order = sp_addr_compare(&left->addr, &right->addr);

	return order ? order : (left->session > right->session) - (left->session < right->session);
}

/* Report an address that is listed twice. */
static void check_addresses_differ(struct sp_loader *loader)
{
	const struct sp_fixtures *fixtures = &loader->policy->fixtures;
	__sp_free struct owned_address *owned = NULL;
	struct sp_check *check = &loader->check;
	size_t count = 0;

	owned = reallocarray(NULL, fixtures->session_count * 2 + 1, sizeof(*owned));
	if (!owned) {
		check->no_memory = true;
		return;
	}
	for (size_t i = 0; i < fixtures->session_count; i++) {
		for (int family = 0; family < 2; family++) {
			if (fixtures->sessions[i].has_address[family])
				owned[count++] = (struct owned_address){
					fixtures->sessions[i].addresses[family],
					&fixtures->sessions[i]
				};
		}
	}
	if (count > 1)
		qsort(owned, count, sizeof(*owned), compare_owned);
	for (size_t i = 1; i < count; i++) {
		const struct sp_node at = sp_node_at(&owned[i].session->place);
		char text[SP_ADDR_TEXT_MAX];

		if (sp_addr_compare(&owned[i].addr, &owned[i - 1].addr) == 0)
			sp_report(check, &at, "address %s belongs to the session on %s already",
				  sp_addr_format(&owned[i].addr, text),
				  sp_show_line(check, &at, owned[i - 1].session->place).text);
	}
}

static void add_default_interfaces(struct sp_loader *loader)
{
	static const struct sp_node names[] = {
		[SP_ZONE_EDGE] = { .text = "wan0", .kind = SP_NODE_SCALAR },
		[SP_ZONE_INSIDE] = { .text = "lan0", .kind = SP_NODE_SCALAR },
		[SP_ZONE_TUNNEL] = { .text = "vpn0", .kind = SP_NODE_SCALAR },
	};

	for (int zone = 0; zone < SP_ZONE_COUNT; zone++)
		sp_read_interface(&loader->check, &names[zone], (enum sp_zone)zone,
				  &loader->policy->fixtures.gateway);
}

static void load_sessions(struct sp_loader *loader, const struct sp_node *list)
{
	if (sp_read_list(&loader->check, list, "\"sessions\"") < 0)
		return;
	for (const struct sp_node *node = list->first; node; node = node->next)
		load_session(loader, node);
}

/* Add the fixtures of one file to those of all. Each key may stand in one file only, except for
 * sessions, which add up. */
static void merge_fixtures(struct sp_check *check, struct sp_part *part,
			   const struct sp_node **values)
{
	const struct sp_node *theirs[SP_ARRAY_LEN(fixture_keys)];

	if (sp_read_map(check, part->values[SP_SECTION_FIXTURES], "\"fixtures\"", fixture_keys,
			SP_ARRAY_LEN(fixture_keys), theirs) < 0)
		return;
	part->sessions = theirs[SESSIONS];
	for (size_t i = 0; i < SP_ARRAY_LEN(fixture_keys); i++) {
		if (i == SESSIONS || !theirs[i])
			continue;
		if (values[i])
			sp_report(check, theirs[i], "\"%s\" of \"fixtures\" is given on %s already",
				  fixture_keys[i].name,
				  sp_show_line(check, theirs[i], sp_place_of(values[i])).text);
		else
			values[i] = theirs[i];
	}
}

void sp_load_fixtures(struct sp_loader *loader)
{
	const struct sp_node *values[SP_ARRAY_LEN(fixture_keys)] = { NULL };
	struct sp_fixtures *fixtures = &loader->policy->fixtures;
	struct sp_check *check = &loader->check;

	fixtures->now_s = INT64_MIN;
	for (size_t i = 0; i < loader->part_count; i++)
		if (loader->parts[i].values[SP_SECTION_FIXTURES])
			merge_fixtures(check, &loader->parts[i], values);
	if (values[NOW])
		sp_load_time(loader, values[NOW], "\"now\"", &fixtures->now_s);
	if (values[POOL])
		sp_read_pool(check, values[POOL], &fixtures->gateway);
	else if (sp_default_pool(&fixtures->gateway) < 0)
		check->no_memory = true;
	if (values[SELF])
		load_self(loader, values[SELF]);
	if (values[INTERFACES])
		load_interfaces(loader, values[INTERFACES]);
	else
		add_default_interfaces(loader);
	if (values[FEEDS])
		sp_load_fixture_feeds(loader, values[FEEDS]);
	if (values[DNS])
		sp_load_fixture_dns(loader, values[DNS]);
	for (size_t i = 0; i < loader->part_count; i++)
		if (loader->parts[i].sessions)
			load_sessions(loader, loader->parts[i].sessions);
	sp_symbols_sort(&loader->users);
	check_addresses_differ(loader);
}
