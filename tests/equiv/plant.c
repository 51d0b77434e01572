/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Six mistakes a compiler of policies could make. A harness that does not find them finds nothing.
 */
#include "trial.h"

#include <stdlib.h>
#include <string.h>

const char *plant_name(enum plant plant)
{
	static const char *const names[PLANT_COUNT] = {
		[PLANT_NONE] = "none",
		[PLANT_PREFIX] = "prefix off by one",
		[PLANT_SWAPPED] = "deny and allow swapped",
		[PLANT_EXCEPT] = "except ignored",
		[PLANT_IPV6] = "IPv6 truncated",
		[PLANT_RANGE] = "range end excluded",
		[PLANT_PARKED] = "every destination a resolver",
	};

	return names[plant];
}

static bool is_v4(const struct sp_prefix *prefix)
{
	struct sp_addr addr;

	memcpy(addr.b, prefix->addr, sizeof(addr.b));
	return prefix->prefix_len >= 96 && sp_addr_is_v4(&addr);
}

/* ---- in the tables ---- */

/* The row of every IPv4 network covers its lower half only. */
static void plant_prefix(struct sp_tables *tables)
{
	for (size_t i = 0; i < tables->dst_count; i++) {
		struct sp_prefix *prefix = &tables->dst[i].prefix;
		bool has_child = i + 1 < tables->dst_count &&
				 sp_prefix_covers(prefix, &tables->dst[i + 1].prefix);

		if (is_v4(prefix) && prefix->prefix_len > 96 && prefix->prefix_len < 128 &&
		    !has_child)
			prefix->prefix_len++;
	}
}

static void plant_swapped(struct sp_tables *tables)
{
	size_t count = (size_t)tables->profile_count * tables->svcset_count;

	for (size_t i = 0; i < count; i++)
		if (tables->verdict[i].reason == SP_REASON_POLICY)
			tables->verdict[i].action =
				tables->verdict[i].action == SP_ALLOW ? SP_DENY : SP_ALLOW;
}

/* One lookup key too short: what is longer than /64 counts for all of it, the first of several
 * wins. */
static bool truncate_v6(struct sp_prefix *prefix, const struct sp_prefix *last)
{
	if (!is_v4(prefix) && prefix->prefix_len > 64) {
		prefix->prefix_len = 64;
		sp_prefix_mask(prefix);
	}
	return !last || sp_prefix_compare(last, prefix) < 0;
}

static void plant_ipv6(struct sp_tables *tables)
{
	size_t kept = 0;

	for (size_t i = 0; i < tables->dst_count; i++) {
		struct sp_dst_row row = tables->dst[i];

		if (truncate_v6(&row.prefix, kept ? &tables->dst[kept - 1].prefix : NULL))
			tables->dst[kept++] = row;
	}
	tables->dst_count = kept;
	kept = 0;
	for (size_t i = 0; i < tables->src_count; i++) {
		struct sp_src_row row = tables->src[i];

		if (truncate_v6(&row.prefix, kept ? &tables->src[kept - 1].prefix : NULL))
			tables->src[kept++] = row;
	}
	tables->src_count = kept;
}

static void plant_parked(struct sp_tables *tables)
{
	for (size_t i = 0; i < tables->dst_count; i++)
		tables->dst[i].value.flags |= SP_DST_RESOLVER;
}

/* ---- on the way into the compiler ---- */

/* The compiler sees a policy with the mistake, everybody else the right one: it is put back. */
static int compile_without_except(const struct sp_policy *policy, const struct sp_gateway *gateway,
				  const struct sp_facts *facts, struct sp_tables **ret_tables)
{
	size_t *counts = calloc(policy->network_count + 1, sizeof(*counts));
	int r;

	for (size_t i = 0; i < policy->network_count; i++) {
		counts[i] = policy->networks[i].except_count;
		if (!policy->networks[i].is_builtin)
			policy->networks[i].except_count = 0;
	}
	r = sp_tables_compile(policy, gateway, facts, ret_tables);
	for (size_t i = 0; i < policy->network_count; i++)
		policy->networks[i].except_count = counts[i];
	free(counts);
	return r;
}

/* Take the last port off every range, or give it back. */
static int compile_short_ranges(const struct sp_policy *policy, const struct sp_gateway *gateway,
				const struct sp_facts *facts, struct sp_tables **ret_tables)
{
	uint16_t *ends[SP_RULE_MAX];
	size_t count = 0;
	int r;

	for (size_t i = 0; i < policy->rule_count; i++)
		for (size_t n = 0; n < policy->rules[i].service_count; n++) {
			struct sp_service *service = &policy->rules[i].services[n];

			if (service->kind == SP_SERVICE_PORTS && service->from < service->to &&
			    count < SP_RULE_MAX)
				ends[count++] = &service->to;
		}
	for (size_t i = 0; i < count; i++)
		--*ends[i];
	r = sp_tables_compile(policy, gateway, facts, ret_tables);
	for (size_t i = 0; i < count; i++)
		++*ends[i];
	return r;
}

int plant_compile(enum plant plant, const struct sp_policy *policy,
		  const struct sp_gateway *gateway, const struct sp_facts *facts,
		  struct sp_tables **ret_tables)
{
	if (plant == PLANT_EXCEPT)
		return compile_without_except(policy, gateway, facts, ret_tables);
	if (plant == PLANT_RANGE)
		return compile_short_ranges(policy, gateway, facts, ret_tables);
	return sp_tables_compile(policy, gateway, facts, ret_tables);
}

void plant_tables(enum plant plant, struct sp_tables *tables)
{
	if (plant == PLANT_PREFIX)
		plant_prefix(tables);
	else if (plant == PLANT_SWAPPED)
		plant_swapped(tables);
	else if (plant == PLANT_IPV6)
		plant_ipv6(tables);
	else if (plant == PLANT_PARKED)
		plant_parked(tables);
}
