/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/facts/origins.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "io/loop/clock.h"
#include "policy/addresses/filled.h"
#include "policy/checks/lint_feeds.h"
#include "yaml/load.h"

void sp_origin_set_done(struct sp_origin_set *set)
{
	sp_feed_set_done(&set->feeds);
	sp_dns_set_done(&set->names);
}

static int fill(const struct sp_feed_set *feeds, const struct sp_dns_set *names,
		struct sp_policy *policy, const struct sp_gateway *gateway, int64_t now_ns,
		struct sp_policy **ret_policy)
{
	__sp_free struct sp_fact_network *facts =
		calloc(feeds->count + names->count + 1, sizeof(*facts));
	__sp_free struct sp_prefix *room =
		calloc(sp_dns_set_count_addresses(names) + 1, sizeof(*room));
	const struct sp_policy *text = sp_policy_text(policy);
	size_t count;

	if (!facts || !room)
		return -ENOMEM;
	count = sp_feed_set_list(feeds, text, now_ns, facts);
	count += sp_dns_set_list(names, text, gateway, room, facts + count);
	return sp_policy_fill(policy, facts, count, ret_policy);
}

static int check(const struct sp_origin_set *set, const struct sp_policy *policy,
		 const struct sp_gateway *gateway, int64_t now_ns,
		 struct sp_diagnostics *diagnostics)
{
	struct sp_check check = sp_check_of(policy->paths, diagnostics);
	const size_t had = diagnostics->error_count;

	sp_feed_set_check(&set->feeds, now_ns, &check);
	sp_dns_set_check(&set->names, gateway, &check);
	sp_diagnostics_sort(diagnostics);
	if (check.no_memory)
		return -ENOMEM;
	return diagnostics->error_count > had ? -EINVAL : 0;
}

int sp_origin_set_load(const struct sp_origin_ways *ways, struct sp_policy **policy,
		       struct sp_origin_set *set, struct sp_diagnostics *diagnostics)
{
	const int64_t now_ns = sp_clock_realtime_ns();
	struct sp_policy *filled;
	int r = sp_feed_set_load(ways->paths, *policy, &set->feeds);

	if (r == 0)
		r = sp_dns_set_load(ways->paths, ways->dns_servers, *policy, diagnostics != NULL,
				    &set->names);
	if (r == 0 && diagnostics)
		r = check(set, *policy, ways->gateway, now_ns, diagnostics);
	if (r == 0)
		r = fill(&set->feeds, &set->names, *policy, ways->gateway, now_ns, &filled);
	if (r < 0)
		return r;
	sp_policy_free(*policy);
	*policy = filled;
	return diagnostics ? sp_policy_lint_feeds(filled, diagnostics) : 0;
}

/* ---- following those of the running policy ---- */

int sp_origins_fill(const struct sp_origins *origins, struct sp_policy *policy,
		    const struct sp_gateway *gateway, struct sp_policy **ret_policy)
{
	return fill(&origins->feeds.running, &origins->names.running, policy, gateway,
		    sp_clock_realtime_ns(), ret_policy);
}

void sp_origins_switch(struct sp_origins *origins, struct sp_origin_set *set, bool keeps)
{
	sp_feeds_switch(&origins->feeds, &set->feeds, keeps);
	sp_dns_names_switch(&origins->names, &set->names, keeps);
}

void sp_origins_return(struct sp_origins *origins)
{
	sp_feeds_return(&origins->feeds);
	sp_dns_names_return(&origins->names);
}

void sp_origins_drop_former(struct sp_origins *origins)
{
	sp_feeds_drop_former(&origins->feeds);
	sp_dns_names_drop_former(&origins->names);
}

void sp_origins_done(struct sp_origins *origins)
{
	sp_feeds_done(&origins->feeds);
	sp_dns_names_done(&origins->names);
}
