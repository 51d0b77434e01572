/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/addresses/translation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "net/addr.h"

/* ---- forwards ---- */

bool sp_forward_leads_to(const struct sp_forward *forward, const struct sp_addr *addr)
{
	for (size_t i = 0; i < forward->target_count; i++)
		if (sp_addr_compare(&forward->targets[i], addr) == 0)
			return true;
	return false;
}

/* The n-th address that `to` may mean; NULL: there are no more. */
static const struct sp_addr *candidate(const struct sp_forward *forward,
				       const struct sp_gateway *gateway, size_t n)
{
	if (!forward->interface)
		return n == 0 ? &forward->to : NULL;
	if (!gateway->own_count)
		return n < gateway->self_count ? &gateway->self[n] : NULL;
	return n < gateway->own_count ? &gateway->own[n].addr : NULL;
}

static bool is_meant(const struct sp_forward *forward, const struct sp_gateway *gateway, size_t n)
{
	const struct sp_addr *addr = candidate(forward, gateway, n);

	return sp_addr_is_v4(addr) == sp_forward_is_v4(forward) &&
	       (!forward->interface || !gateway->own_count ||
		!strcmp(gateway->own[n].interface, forward->interface));
}

int sp_forward_list(const struct sp_forward *forward, const struct sp_gateway *gateway,
		    struct sp_addr **ret_addrs, size_t *ret_count)
{
	const struct sp_addr *addr;
	struct sp_addr *addrs = NULL, *room;
	size_t count = 0;

	for (size_t n = 0; (addr = candidate(forward, gateway, n)); n++) {
		if (!is_meant(forward, gateway, n))
			continue;
		room = SP_ARRAY_PUSH(addrs, count);
		if (!room) {
			free(addrs);
			return -ENOMEM;
		}
		*room = *addr;
	}
	*ret_addrs = addrs;
	*ret_count = count;
	return 0;
}

static bool is_for(const struct sp_forward *forward, const struct sp_gateway *gateway,
		   const struct sp_destination *destination)
{
	const struct sp_addr *addr;

	if (forward->proto != destination->proto || forward->port != destination->port)
		return false;
	for (size_t n = 0; (addr = candidate(forward, gateway, n)); n++)
		if (sp_addr_compare(addr, &destination->addr) == 0 && is_meant(forward, gateway, n))
			return true;
	return false;
}

/* ---- all entries ---- */

static bool translate(const struct sp_nat *nat, const struct sp_gateway *gateway,
		      struct sp_destination *destination)
{
	switch (nat->kind) {
	case SP_NAT_NETMAP:
		if (!sp_prefix_contains(&nat->netmap.outside, &destination->addr))
			return false;
		destination->addr = sp_prefix_join(&nat->netmap.inside, &destination->addr);
		return true;
	case SP_NAT_FORWARD:
		if (!is_for(&nat->forward, gateway, destination))
			return false;
		destination->addr = nat->forward.targets[0];
		destination->port = nat->forward.target_port;
		return true;
	case SP_NAT_MASQUERADE:
		break;
	}
	return false;
}

const struct sp_nat *sp_translation_of(const struct sp_policy *policy,
				       const struct sp_gateway *gateway,
				       struct sp_destination *destination)
{
	for (size_t i = 0; i < policy->nat_count; i++)
		if (translate(&policy->nats[i], gateway, destination))
			return &policy->nats[i];
	return NULL;
}

static bool is_in_network(const struct sp_network *network, const struct sp_addr *addr)
{
	bool is_within = false;

	for (size_t i = 0; i < network->in_count; i++)
		is_within |= sp_prefix_contains(&network->in[i], addr);
	for (size_t i = 0; i < network->except_count; i++)
		is_within &= !sp_prefix_contains(&network->except[i], addr);
	return is_within;
}

static bool is_in_some(const struct sp_policy *policy, const uint32_t *networks, size_t count,
		       const struct sp_addr *addr)
{
	for (size_t i = 0; i < count; i++)
		if (is_in_network(&policy->networks[networks[i]], addr))
			return true;
	return false;
}

bool sp_masquerade_covers(const struct sp_policy *policy, const struct sp_masquerade *masquerade,
			  const struct sp_addr *source, const struct sp_addr *destination)
{
	return is_in_some(policy, masquerade->from, masquerade->from_count, source) &&
	       (!masquerade->to_count ||
		is_in_some(policy, masquerade->to, masquerade->to_count, destination));
}

static const char *find_clash(const struct sp_prefix *prefix, const struct sp_gateway *gateway)
{
	for (size_t i = 0; i < gateway->pool_count; i++)
		if (sp_prefix_covers(prefix, &gateway->pool[i]) ||
		    sp_prefix_covers(&gateway->pool[i], prefix))
			return "the pool";
	for (size_t i = 0; i < gateway->self_count; i++)
		if (sp_prefix_contains(prefix, &gateway->self[i]))
			return "an address of the gateway";
	return NULL;
}

const char *sp_netmap_clash(const struct sp_netmap *netmap, const struct sp_gateway *gateway,
			    const struct sp_prefix **ret_prefix)
{
	const char *clash = find_clash(&netmap->outside, gateway);

	*ret_prefix = clash ? &netmap->outside : &netmap->inside;
	return clash ? clash : find_clash(&netmap->inside, gateway);
}

static const char *find_target_clash(const struct sp_addr *target, const struct sp_gateway *gateway)
{
	if (sp_gateway_has(gateway, target))
		return "the gateway itself: what it answers is opened by \"expose\" or a rule to "
		       "self";
	if (sp_gateway_pool_has(gateway, target))
		return "in the pool: who has that address changes with every sign-in";
	return NULL;
}

const char *sp_forward_clash(const struct sp_forward *forward, const struct sp_gateway *gateway,
			     const struct sp_addr **ret_addr)
{
	for (size_t i = 0; i < forward->target_count; i++) {
		const char *clash = find_target_clash(&forward->targets[i], gateway);

		*ret_addr = &forward->targets[i];
		if (clash)
			return clash;
	}
	*ret_addr = &forward->to;
	if (!forward->interface && sp_gateway_pool_has(gateway, &forward->to) &&
	    !sp_gateway_has(gateway, &forward->to))
		return "in the pool: what goes there is a device's";
	return NULL;
}
