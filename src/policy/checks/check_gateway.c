/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/checks/gateway.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"
#include "yaml/value.h"

static bool is_v4(const struct sp_prefix *prefix)
{
	struct sp_addr addr;

	memcpy(addr.b, prefix->addr, sizeof(addr.b));
	return prefix->prefix_len >= 96 && sp_addr_is_v4(&addr);
}

void sp_read_pool(struct sp_check *check, const struct sp_node *node, struct sp_gateway *gateway)
{
	if (sp_read_items(check, node, "\"pool\"") < 0)
		return;
	sp_for_each_item(item, node) {
		struct sp_prefix prefix, *room;
		bool is_second = false;

		if (sp_read_prefix(check, item, "pool", &prefix) < 0)
			continue;
		for (size_t i = 0; i < gateway->pool_count; i++)
			is_second |= is_v4(&gateway->pool[i]) == is_v4(&prefix);
		if (is_second) {
			sp_report(check, item,
				  "a second %s prefix: a pool has at most one of each family",
				  is_v4(&prefix) ? "IPv4" : "IPv6");
			continue;
		}
		if (prefix.prefix_len > 126)
			sp_report(
				check, item,
				"pool %s has no room for people: at least four addresses, a /30 or "
				"\"/126\"",
				sp_show(item->text).quoted);
		room = SP_ARRAY_PUSH(gateway->pool, gateway->pool_count);
		if (!room) {
			check->no_memory = true;
			return;
		}
		*room = prefix;
	}
}

int sp_default_pool(struct sp_gateway *gateway)
{
	static const char *const texts[] = { "100.64.0.0/16", "fd00:64::/64" };

	for (size_t i = 0; i < SP_ARRAY_LEN(texts); i++) {
		struct sp_prefix *room = SP_ARRAY_PUSH(gateway->pool, gateway->pool_count);

		if (!room || sp_prefix_parse(texts[i], room) < 0)
			return -ENOMEM;
	}
	return 0;
}

const char *sp_read_interface_name(struct sp_check *check, const struct sp_node *node,
				   const struct sp_gateway *gateway)
{
	const char *name = sp_read_text(check, node, "an interface");

	if (!name)
		return NULL;
	if (strlen(name) >= IF_NAMESIZE || strpbrk(name, "/ \t:") || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0) {
		sp_report(check, node,
			  "%s is no interface: a name has at most %d characters, without blanks, "
			  "\"/\" and \":\"",
			  sp_show(name).quoted, IF_NAMESIZE - 1);
		return NULL;
	}
	if (strcmp(name, "lo") == 0) {
		sp_report(check, node, "\"lo\" is never judged: leave it out");
		return NULL;
	}
	for (size_t i = 0; i < gateway->interface_count; i++) {
		if (strcmp(gateway->interfaces[i].name, name) == 0) {
			sp_report(check, node, "interface \"%s\" stands here twice", name);
			return NULL;
		}
	}
	return name;
}

void sp_read_interface(struct sp_check *check, const struct sp_node *node, enum sp_zone zone,
		       struct sp_gateway *gateway)
{
	const char *name = sp_read_interface_name(check, node, gateway);
	__sp_free char *own_name = NULL;
	struct sp_interface *interface;

	if (!name)
		return;
	if (gateway->interface_count == SP_INTERFACES_MAX) {
		sp_report(check, node, "more than %d interfaces; this is the first too many",
			  SP_INTERFACES_MAX);
		return;
	}
	own_name = sp_copy_text(check, name);
	interface = own_name ? SP_ARRAY_PUSH(gateway->interfaces, gateway->interface_count) : NULL;
	if (!interface) {
		check->no_memory = true;
		return;
	}
	interface->name = SP_TAKE_PTR(own_name);
	interface->zone = zone;
}
