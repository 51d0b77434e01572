/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/checks/lint_feeds.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "policy/addresses/ranges.h"
#include "yaml/load.h"

/* All pairs are looked at: more lists than this are not. */
#define FEEDS_LOOKED_AT 64u

struct feed {
	const struct sp_network *network; /* filled */
	struct sp_ranges ranges;
};

struct feeds {
	struct feed items[FEEDS_LOOKED_AT];
	size_t count;
};

static void feeds_done(struct feeds *feeds)
{
	for (size_t i = 0; i < feeds->count; i++)
		sp_ranges_done(&feeds->items[i].ranges);
}

static int collect(const struct sp_policy *policy, struct feeds *feeds)
{
	const struct sp_network *texts = sp_policy_text(policy)->networks;

	for (size_t i = 0; i < policy->network_count && feeds->count < FEEDS_LOOKED_AT; i++) {
		const struct sp_network *network = &policy->networks[i];
		struct feed *feed = &feeds->items[feeds->count];

		if (texts[i].kind != SP_NETWORK_FEED || !network->in_count)
			continue;
		feed->network = network;
		feeds->count++;
		if (sp_ranges_make(network->in, network->in_count, NULL, 0, &feed->ranges) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Of two with the same addresses the later one is warned of. */
static bool is_superfluous(const struct feeds *feeds, size_t inner, size_t outer)
{
	const struct sp_ranges *a = &feeds->items[outer].ranges, *b = &feeds->items[inner].ranges;

	return inner != outer && sp_ranges_contain(a, b) &&
	       (inner > outer || !sp_ranges_contain(b, a));
}

static void lint_feed(struct sp_check *check, const struct feeds *feeds, size_t inner)
{
	const struct sp_node at = sp_node_at(&feeds->items[inner].network->place);

	for (size_t outer = 0; outer < feeds->count; outer++)
		if (is_superfluous(feeds, inner, outer)) {
			sp_warn(check, &at, "all that \"%s\" holds, \"%s\" holds too",
				feeds->items[inner].network->name,
				feeds->items[outer].network->name);
			return;
		}
}

int sp_policy_lint_feeds(const struct sp_policy *policy, struct sp_diagnostics *diagnostics)
{
	struct sp_check check = sp_check_of(policy->paths, diagnostics);
	__sp_cleanup(feeds_done) struct feeds feeds = { 0 };
	int r = collect(policy, &feeds);

	for (size_t i = 0; i < feeds.count && r == 0; i++)
		lint_feed(&check, &feeds, i);
	sp_diagnostics_sort(diagnostics);
	return check.no_memory ? -ENOMEM : r;
}
