/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/host/address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/addr.h"

/* The next address; false past the highest. */
static bool step(struct sp_addr *addr)
{
	for (int i = 15; i >= 0; i--)
		if (++addr->b[i])
			return true;
	return false;
}

/* An IPv4 pool of at least four addresses has a network's and a broadcast address; in IPv6 the
 * first is the routers' anycast address. A smaller pool is all hosts. */
static bool has_network_address(const struct sp_prefix *pool)
{
	return pool->prefix_len <= 126;
}

struct sp_addr sp_address_of_gateway(const struct sp_prefix *pool)
{
	struct sp_addr addr;

	memcpy(addr.b, pool->addr, sizeof(addr.b));
	if (has_network_address(pool))
		step(&addr);
	return addr;
}

static bool is_broadcast(const struct sp_prefix *pool, const struct sp_addr *addr)
{
	struct sp_addr next = *addr;

	if (!sp_prefix_is_v4(pool) || !has_network_address(pool))
		return false;
	return !step(&next) || !sp_prefix_contains(pool, &next);
}

static int compare(const void *a, const void *b)
{
	return sp_addr_compare(a, b);
}

/* @taken is sorted, so one walk along it, beside the candidates, finds the first gap. */
static bool pick_from(const struct sp_prefix *pool, const struct sp_addr *taken, size_t count,
		      struct sp_addr *ret_addr)
{
	struct sp_addr addr = sp_address_of_gateway(pool);
	size_t at = 0;

	while (step(&addr) && sp_prefix_contains(pool, &addr) && !is_broadcast(pool, &addr)) {
		while (at < count && sp_addr_compare(&taken[at], &addr) < 0)
			at++;
		if (at == count || sp_addr_compare(&taken[at], &addr) != 0) {
			*ret_addr = addr;
			return true;
		}
	}
	return false;
}

int sp_address_pick(const struct sp_prefix *pools, size_t pool_count, bool is_v6,
		    struct sp_addr *taken, size_t taken_count, struct sp_addr *ret_addr)
{
	bool has_pool = false;

	if (taken_count)
		qsort(taken, taken_count, sizeof(*taken), compare);
	for (size_t i = 0; i < pool_count; i++) {
		if (sp_prefix_is_v4(&pools[i]) == is_v6)
			continue;
		has_pool = true;
		if (pick_from(&pools[i], taken, taken_count, ret_addr))
			return 0;
	}
	return has_pool ? -ENOSPC : -ENOENT;
}
