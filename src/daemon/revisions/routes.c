/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/revisions/routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "daemon/host/address.h"
#include "daemon/host/host.h"
#include "daemon/people/people.h"
#include "daemon/revisions/revision.h"
#include "io/loop/clock.h"
#include "json/own.h"
#include "net/addr.h"

static void entry_done(struct sp_routes_entry *entry)
{
	sp_reach_rules_done(&entry->rules);
	json_decrefp(&entry->list);
	*entry = (struct sp_routes_entry){ 0 };
}

void sp_routes_done(struct sp_routes *routes)
{
	for (size_t i = 0; i < routes->count; i++)
		entry_done(&routes->entries[i]);
	routes->count = 0;
}

/* ---- where clients find the gateway ---- */

struct outer {
	struct sp_addr *items;
	size_t count;
};

static void outer_done(struct outer *outer)
{
	free(outer->items);
}

static int push_outer(struct outer *outer, const struct sp_addr *addr)
{
	struct sp_addr *item = SP_ARRAY_PUSH(outer->items, outer->count);

	if (!item)
		return -ENOMEM;
	*item = *addr;
	return 0;
}

/* Read the address in `HOST`, `HOST:PORT`, `[V6]` or `[V6]:PORT`. Returns false: it is a name. */
static bool parse_host(const char *text, struct sp_addr *ret_addr)
{
	char host[SP_ADDR_TEXT_MAX];
	const bool is_v6 = *text == '[';
	const size_t len = strcspn(text + is_v6, is_v6 ? "]" : ":/");

	if (len >= sizeof(host))
		return false;
	memcpy(host, text + is_v6, len);
	host[len] = 0;
	return sp_addr_parse(host, ret_addr) == 0;
}

static bool is_of_edge(const struct sp_host *host, const struct sp_link_address *address)
{
	const char *name = sp_host_name_of(host, address->ifindex);
	const struct sp_host_interface *on = name ? sp_host_find(host, name) : NULL;

	return on && on->is_governed && on->zone == SP_ZONE_EDGE && !address->is_link_local;
}

/* An inner address of the gateway itself: a portal there is reached through the tunnel. */
static bool is_inner(const struct sp_host *host, const struct sp_addr *addr)
{
	for (size_t i = 0; i < host->address_count; i++)
		if (!sp_addr_compare(&host->addresses[i].addr, addr))
			return !is_of_edge(host, &host->addresses[i]);
	return false;
}

/* Is the gateway behind a translator? Then clients are told another machine's address. */
static bool is_private(const struct sp_addr *addr)
{
	const uint8_t *b = addr->b;

	if (!sp_addr_is_v4(addr))
		return (b[0] & 0xfe) == 0xfc;
	return b[12] == 10 || (b[12] == 172 && (b[13] & 0xf0) == 16) ||
	       (b[12] == 192 && b[13] == 168) || (b[12] == 100 && (b[13] & 0xc0) == 64) ||
	       (b[12] == 169 && b[13] == 254);
}

/* *@ret_is_known, for each family: the tunnel's own end is not known by a name only. */
static int find_outer(const struct sp_people *people, struct outer *outer, bool ret_is_known[2])
{
	const struct sp_machine *machine = *people->machine;
	struct sp_addr addr;
	const bool is_number = machine->endpoint && parse_host(machine->endpoint, &addr);
	int r = 0;

	ret_is_known[0] = ret_is_known[1] = is_number || !machine->endpoint;
	if (is_number)
		r = push_outer(outer, &addr);
	for (size_t i = 0; i < people->host->address_count && r == 0; i++) {
		const struct sp_link_address *address = &people->host->addresses[i];

		if (!is_of_edge(people->host, address))
			continue;
		r = push_outer(outer, &address->addr);
		ret_is_known[!address->is_v4] |= !is_private(&address->addr);
	}
	if (r == 0 && machine->portal_url &&
	    parse_host(machine->portal_url + strlen("https://"), &addr) &&
	    !is_inner(people->host, &addr))
		r = push_outer(outer, &addr);
	return r;
}

/* ---- the list ---- */

static json_t *write_list(const struct sp_reach *reach)
{
	char text[SP_PREFIX_TEXT_MAX];
	__sp_json json_t *list = json_array();

	for (size_t i = 0; list && i < reach->count; i++)
		if (json_array_append_new(
			    list, json_string(sp_prefix_format(&reach->items[i], text))) < 0)
			return NULL;
	return SP_TAKE_PTR(list);
}

static int fill_entry(struct sp_people *people, struct sp_routes_entry *entry)
{
	__sp_cleanup(sp_reach_done) struct sp_reach reach = { 0 };
	__sp_cleanup(outer_done) struct outer outer = { 0 };
	struct sp_reach_scope scope = {
		.policy = people->revisions->running->policy,
		.machine = *people->machine,
		.has_family = { entry->has_family[0], entry->has_family[1] },
	};
	int r = find_outer(people, &outer, scope.is_outer_known);

	scope.self = people->revisions->running->gateway.self;
	scope.self_count = people->revisions->running->gateway.self_count;
	scope.outer = outer.items;
	scope.outer_count = outer.count;
	if (r == 0)
		r = sp_reach_make(&scope, &entry->rules, &reach);
	entry->count = reach.count;
	if (r == -E2BIG)
		return 0;
	if (r < 0)
		return r;
	entry->list = write_list(&reach);
	return entry->list ? 0 : -ENOMEM;
}

static struct sp_routes_entry *find_entry(struct sp_routes *routes,
					  const struct sp_routes_entry *wanted)
{
	for (size_t i = 0; i < routes->count; i++)
		if (!memcmp(routes->entries[i].has_family, wanted->has_family,
			    sizeof(wanted->has_family)) &&
		    sp_reach_rules_equal(&routes->entries[i].rules, &wanted->rules))
			return &routes->entries[i];
	return NULL;
}

static struct sp_routes_entry *keep_entry(struct sp_routes *routes, struct sp_routes_entry *entry)
{
	if (routes->count == SP_ROUTES_KEPT_MAX) {
		entry_done(&routes->entries[0]);
		memmove(&routes->entries[0], &routes->entries[1],
			(SP_ROUTES_KEPT_MAX - 1) * sizeof(*entry));
		routes->count--;
	}
	routes->entries[routes->count] = *entry;
	*entry = (struct sp_routes_entry){ 0 };
	return &routes->entries[routes->count++];
}

static int get_entry(struct sp_people *people, const struct sp_identity *identity,
		     const bool has_family[2], const struct sp_routes_entry **ret_entry)
{
	struct sp_routes *routes = &people->revisions->running->routes;
	__sp_cleanup(entry_done) struct sp_routes_entry entry = {
		.has_family = { has_family[0], has_family[1] },
	};
	int r = sp_reach_rules_of(people->revisions->running->policy, identity, &entry.rules);

	if (r < 0)
		return r;
	*ret_entry = find_entry(routes, &entry);
	if (*ret_entry)
		return 0;
	r = fill_entry(people, &entry);
	if (r == 0)
		*ret_entry = keep_entry(routes, &entry);
	return r;
}

/* ---- whose ---- */

int sp_routes_check(struct sp_people *people, const struct sp_identity *identity, size_t *ret_count)
{
	const struct sp_gateway *gateway = &(*people->machine)->gateway;
	const struct sp_routes_entry *entry;
	bool has_family[2] = { false, false };
	int r;

	for (size_t i = 0; i < gateway->pool_count; i++)
		has_family[!sp_prefix_is_v4(&gateway->pool[i])] = true;
	r = get_entry(people, identity, has_family, &entry);
	if (r < 0)
		return r;
	*ret_count = entry->count;
	return entry->list ? 0 : -E2BIG;
}

/* Groups are known when the person signs in, the name is now. */
static bool could_match(const struct sp_policy *policy, const struct sp_role_match *match,
			const struct sp_person *person)
{
	if (match->kind == SP_MATCH_GROUP)
		return !strcmp(match->idp, person->idp);
	return sp_role_match_fits(policy, match, person);
}

/* Every role that a device's person could have: those with a match for them by name, or for a
 * group of their provider. */
static int list_possible_roles(const struct sp_policy *policy, const struct sp_device *device,
			       uint32_t **ret_roles, size_t *ret_count)
{
	const struct sp_person person = { .user = device->user,
					  .idp = device->idp,
					  .peer_key = device->public_key };
	const int64_t now_s = sp_clock_realtime_s();

	if (!device->idp)
		return sp_policy_match_roles(policy, &person, now_s, ret_roles, ret_count);
	*ret_count = 0;
	*ret_roles = calloc(policy->role_count + 1, sizeof(**ret_roles));
	if (!*ret_roles)
		return -ENOMEM;
	for (uint32_t i = 0; i < policy->role_count; i++)
		for (size_t n = 0; n < policy->roles[i].match_count; n++) {
			if (sp_role_is_expired(&policy->roles[i], now_s) ||
			    !could_match(policy, &policy->roles[i].matches[n], &person))
				continue;
			(*ret_roles)[(*ret_count)++] = i;
			break;
		}
	return 0;
}

static int find_identity(const struct sp_people *people, const struct sp_device *device,
			 struct sp_identity *ret_identity, uint32_t **ret_roles)
{
	const struct sp_policy *policy = people->revisions->running->policy;
	const struct sp_live *live = sp_live_of_device(people, device->public_key);
	struct sp_identity identity = { .user = device->idp ? device->user : NULL,
					.idp = device->idp };
	int r;

	if (live)
		return sp_live_identity(live, policy, sp_clock_realtime_s(), ret_identity,
					ret_roles);
	memcpy(identity.addresses, device->addresses, sizeof(identity.addresses));
	memcpy(identity.has_address, device->has_address, sizeof(identity.has_address));
	r = list_possible_roles(policy, device, ret_roles, &identity.role_count);
	if (r < 0)
		return r;
	identity.roles = *ret_roles;
	*ret_identity = identity;
	return 0;
}

int sp_routes_of_device(struct sp_people *people, const struct sp_device *device, json_t **ret_list)
{
	__sp_free uint32_t *roles = NULL;
	const struct sp_routes_entry *entry;
	struct sp_identity identity;
	int r;

	if (!people->revisions->running)
		return (*ret_list = json_array()) ? 0 : -ENOMEM;
	r = find_identity(people, device, &identity, &roles);
	if (r == 0)
		r = get_entry(people, &identity, device->has_address, &entry);
	if (r < 0)
		return r;
	if (!entry->list)
		return -E2BIG;
	*ret_list = json_incref(entry->list);
	return 0;
}
