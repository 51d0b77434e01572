/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hook that a question's packet meets, and addresses that stand for the people a question
 * names. */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "judge/judge.h"
#include "net/addr.h"

/* The hook that packets from this zone meet first: edge-in, vpn-in, and inside-in for every other
 * zone. */
static enum sp_hook hook_of_zone(enum sp_zone zone)
{
	switch (zone) {
	case SP_ZONE_EDGE:
		return SP_HOOK_EDGE_IN;
	case SP_ZONE_TUNNEL:
		return SP_HOOK_VPN_IN;
	default:
		return SP_HOOK_INSIDE_IN;
	}
}

enum sp_hook sp_judge_first_hook(const struct sp_gateway *gateway, const struct sp_addr *source)
{
	const struct sp_route *best = NULL;

	if (sp_gateway_pool_has(gateway, source))
		return SP_HOOK_VPN_IN;
	for (size_t i = 0; i < gateway->route_count; i++) {
		const struct sp_route *route = &gateway->routes[i];

		if (sp_prefix_contains(&route->prefix, source) &&
		    (!best || route->prefix.prefix_len > best->prefix.prefix_len))
			best = route;
	}
	return hook_of_zone(best ? best->zone : SP_ZONE_INSIDE);
}

enum sp_hook sp_judge_way_out(enum sp_hook in)
{
	switch (in) {
	case SP_HOOK_VPN_IN:
		return SP_HOOK_VPN_OUT;
	case SP_HOOK_INSIDE_IN:
		return SP_HOOK_INSIDE_OUT;
	default:
		return SP_HOOK_EDGE_OUT;
	}
}

int sp_judge_hook_of_interface(const struct sp_gateway *gateway, const char *name,
			       enum sp_hook *ret_hook)
{
	for (size_t i = 0; i < gateway->interface_count; i++) {
		if (strcmp(gateway->interfaces[i].name, name))
			continue;
		*ret_hook = hook_of_zone(gateway->interfaces[i].zone);
		return 0;
	}
	return -ENOENT;
}

static bool is_named(const struct sp_policy *policy, const struct sp_addr *addr)
{
	for (size_t i = 0; i < policy->network_count; i++) {
		const struct sp_network *network = &policy->networks[i];

		if (network->is_builtin)
			continue;
		for (size_t j = 0; j < network->in_count; j++)
			if (sp_prefix_contains(&network->in[j], addr))
				return true;
	}
	return false;
}

struct sp_addr sp_judge_stranger(const struct sp_policy *policy, const struct sp_gateway *gateway,
				 bool is_v6)
{
	/* Global unicast addresses of several regions. A policy that names them all leaves no
	 * stranger. */
	static const char *const candidates[2][4] = {
		{ "9.9.9.9", "77.1.2.3", "133.5.6.7", "200.3.4.5" },
		{ "2a00::99", "2400::99", "2600::99", "2800::99" },
	};
	struct sp_addr addr = { 0 };

	for (size_t i = 0; i < SP_ARRAY_LEN(candidates[0]); i++) {
		if (sp_addr_parse(candidates[is_v6][i], &addr) < 0)
			continue;
		if (!is_named(policy, &addr) && !sp_gateway_pool_has(gateway, &addr))
			break;
	}
	return addr;
}

/* An unused pool address of the family, the @index-th from the end of the pool. -ENOENT: there is
 * no pool. */
static int find_spare_address(const struct sp_gateway *gateway, bool is_v6, uint32_t index,
			      struct sp_addr *ret_addr)
{
	for (size_t i = 0; i < gateway->pool_count; i++) {
		const struct sp_prefix *pool = &gateway->pool[i];
		struct sp_addr addr;
		uint64_t borrow = (uint64_t)index + 1; /* the last address may be a broadcast */

		memcpy(addr.b, pool->addr, sizeof(addr.b));
		if (sp_addr_is_v4(&addr) == is_v6)
			continue;
		for (uint32_t bit = pool->prefix_len; bit < 128; bit++)
			addr.b[bit / 8] |= 0x80 >> (bit % 8);
		for (int byte = 15; byte >= 0 && borrow; byte--) {
			const uint64_t value = addr.b[byte];
			const uint64_t part = borrow & 0xff;

			addr.b[byte] = value - part;
			borrow = (borrow >> 8) + (value < part);
		}
		if (!sp_prefix_contains(pool, &addr))
			return -ENOENT;
		*ret_addr = addr;
		return 0;
	}
	return -ENOENT;
}

void sp_judge_stand_in(const struct sp_policy *policy, const struct sp_gateway *gateway,
		       const uint32_t *role, uint32_t index, struct sp_identity *ret_identity)
{
	const char *name = sp_role_is_of_people(&policy->roles[*role]) ? "" : NULL;

	*ret_identity =
		(struct sp_identity){ .user = name, .idp = name, .roles = role, .role_count = 1 };
	for (size_t family = 0; family < 2; family++)
		ret_identity->has_address[family] =
			find_spare_address(gateway, family == 1, index,
					   &ret_identity->addresses[family]) == 0;
}
