/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/addresses/translation.h"

#include "net/addr.h"

const struct sp_nat *sp_translation_of(const struct sp_policy *policy, const struct sp_addr *addr,
				       struct sp_addr *ret_real)
{
	for (size_t i = 0; i < policy->nat_count; i++) {
		const struct sp_nat *nat = &policy->nats[i];

		if (nat->kind != SP_NAT_NETMAP || !sp_prefix_contains(&nat->netmap.outside, addr))
			continue;
		*ret_real = sp_prefix_join(&nat->netmap.inside, addr);
		return nat;
	}
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
