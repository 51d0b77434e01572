/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Translations: are they as they were put? As with the second lock, the kernel's text of them is
 * kept and compared when the ruleset's generation has moved. They are put anew when a target fell
 * silent or answers again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/health/drift.h"
#include "daemon/health/targets.h"
#include "daemon/machine/watch.h"
#include "daemon/revisions/revision.h"
#include "plane/plane.h"

#define WHAT_SIZE 96

/* -errno: not known. */
static int read_generation(struct sp_watch *watch, uint32_t *ret_generation)
{
	return watch->monitor ? sp_nft_monitor_get_generation(watch->monitor, ret_generation)
			      : -ENODEV;
}

static int put(struct sp_watch *watch, const struct sp_revision *revision, bool is_anew,
	       struct sp_plane_error *error)
{
	const struct sp_silents silents = sp_targets_silents(watch->targets);
	const struct sp_plane_nat nat = { revision->policy, &revision->gateway, &silents,
					  revision->number };
	int r = sp_plane_nat_put(watch->plane, &nat, is_anew, error);
	char *text = NULL;

	if (r < 0)
		return r;
	watch->nat_revision = revision->number;
	watch->nat_targets = watch->targets->version;
	free(SP_TAKE_PTR(watch->nat));
	watch->nat_generation = 0; /* compared at the next look */
	if (sp_plane_nat_read(watch->plane, &text) == 0)
		watch->nat = text;
	return 0;
}

int sp_watch_nat_put(struct sp_watch *watch, const struct sp_revision *revision,
		     struct sp_plane_error *error)
{
	return put(watch, revision, false, error);
}

/* Where new connections go depends on which targets are silent. A former revision that returned has
 * them as they were. */
static void follow_targets(struct sp_watch *watch, const struct sp_revision *running)
{
	struct sp_plane_error error = { 0 };
	int r;

	if (watch->nat_revision == running->number && watch->nat_targets == watch->targets->version)
		return;
	r = put(watch, running, false, &error);
	if (r < 0)
		sp_drift_see(watch->drifts,
			     &(struct sp_drift_sight){ .code = "nat-changed",
						       .what = "which targets answer was not taken",
						       .repair = r,
						       .why = error.text[0] ? error.text : NULL });
}

void sp_watch_nat(struct sp_watch *watch)
{
	const struct sp_revision *running = watch->revisions->running;
	struct sp_drift_sight sight = { .code = "nat-changed" };
	struct sp_plane_error error = { 0 };
	__sp_free char *text = NULL;
	char what[WHAT_SIZE];
	uint32_t generation = 0;
	int r;

	if (!watch->nat || !running)
		return;
	follow_targets(watch, running);
	r = read_generation(watch, &generation);
	if (r == 0 && generation == watch->nat_generation)
		return;
	r = sp_plane_nat_read(watch->plane, &text);
	if (r == 0 && !strcmp(text, watch->nat)) {
		watch->nat_generation = generation;
		return;
	}
	snprintf(what, sizeof(what), "%s %s", watch->plane->ops->guard.nat,
		 r == -ENOENT ? "was removed" : "was changed");
	sight.what = what;
	sight.repair = put(watch, running, true, &error);
	sight.why = error.text[0] ? error.text : NULL;
	sp_drift_see(watch->drifts, &sight);
}
