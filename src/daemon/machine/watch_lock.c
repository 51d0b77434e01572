/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The second lock: is the plane's guard as it was put? The kernel's text of it is kept. The text of a
 * guard in nftables is compared only when the ruleset's generation has moved, because no change
 * leaves the generation as it is. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "daemon/health/drift.h"
#include "daemon/machine/network.h"
#include "daemon/machine/watch.h"
#include "daemon/record/drops.h"
#include "io/log/log.h"
#include "plane/plane.h"

#define PUT_TRIES 3

/* -errno: not known. */
static int read_generation(struct sp_watch *watch, uint32_t *ret_generation)
{
	return watch->monitor ? sp_nft_monitor_get_generation(watch->monitor, ret_generation)
			      : -ENODEV;
}

/* The text read after a put is what we put only if nobody else changed the ruleset in between. That
 * is so if the generation moved by one, which our transaction does, or if the text stays the same
 * after putting the table again. */
int sp_watch_lock_put(struct sp_watch *watch, bool with_all,
		      int (*put)(struct sp_network_watch *network, bool with_all,
				 struct sp_plane_error *error),
		      struct sp_plane_error *error)
{
	const char *table = watch->plane->ops->guard.nft_table;
	bool is_known = false;

	if (!watch->monitor && table && sp_nft_monitor_open(table, &watch->monitor) < 0)
		sp_log_error("the ruleset cannot be watched: it is listed once a second");
	watch->with_all = with_all;
	for (int i = 0; i < PUT_TRIES && !is_known; i++) {
		uint32_t before = 0, after = 0;
		char *text = NULL;
		int r;

		(void)read_generation(watch, &before);
		r = put(watch->network, with_all, error);
		if (r < 0)
			return r;
		if (sp_plane_guard_read(watch->plane, &text) < 0)
			continue;
		is_known = (read_generation(watch, &after) == 0 && after == before + 1) ||
			   (i > 0 && watch->lock && !strcmp(text, watch->lock));
		free(watch->lock);
		watch->lock = text;
		watch->generation = after;
	}
	return 0;
}

static const char *format_author(const struct sp_nft_change *change, char text[64])
{
	if (!change->pid)
		return NULL;
	snprintf(text, 64, "process %u (%s)", change->pid, change->process);
	return text;
}

#define WHAT_SIZE 96

static const char *say(const struct sp_watch *watch, const char *became, char what[WHAT_SIZE])
{
	snprintf(what, WHAT_SIZE, "%s %s", watch->plane->ops->guard.name, became);
	return what;
}

/* Look only whether the table is there: its text is not known before it is put. */
void sp_watch_lock_start(struct sp_watch *watch)
{
	struct sp_drift_sight sight = { .code = "lock-changed" };
	__sp_free char *text = NULL;
	char what[WHAT_SIZE];

	if (sp_plane_guard_read(watch->plane, &text) != -ENOENT)
		return;
	sp_drops_begin(watch->drops);
	sight.what = say(watch, "was removed while no sallyportd ran", what);
	sp_drift_see(watch->drifts, &sight);
}

void sp_watch_lock(struct sp_watch *watch)
{
	struct sp_plane_error error = { 0 };
	struct sp_drift_sight sight = { .code = "lock-changed" };
	__sp_free char *text = NULL;
	uint32_t generation = 0;
	char author[64], what[WHAT_SIZE];
	int r;

	if (!watch->lock)
		return;
	if (watch->monitor)
		(void)sp_nft_monitor_drain(watch->monitor, &watch->change);
	r = read_generation(watch, &generation);
	if (r == 0 && generation == watch->generation && !watch->change.is_table_touched)
		return;
	r = sp_plane_guard_read(watch->plane, &text);
	if (r == 0 && !strcmp(text, watch->lock)) {
		/* read before the text, so that a later change moves the generation again */
		watch->generation = generation;
		watch->change = (struct sp_nft_change){ 0 };
		return;
	}
	sight.what = say(watch, r == -ENOENT ? "was removed" : "was changed", what);
	sight.by = format_author(&watch->change, author);
	sp_drops_record(watch->drops);
	sight.repair = sp_network_lock_anew(watch->network, watch->with_all, &error);
	if (sight.repair == 0)
		sp_drops_begin(watch->drops);
	sight.why = error.text[0] ? error.text : NULL;
	sp_drift_see(watch->drifts, &sight);
	watch->change = (struct sp_nft_change){ 0 };
}
