/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "confirm/window.h"

#include <errno.h>
#include <string.h>

void sp_window_begin(struct sp_window *window, const struct sp_pending *pending, uint64_t now_ns)
{
	*window = (struct sp_window){
		.pending = *pending,
		.is_seen_whole = now_ns <= pending->begun_ns + SP_WINDOW_SOON_NS,
	};
	for (size_t i = 0; i < pending->target_count; i++)
		window->targets[i].tried_ns = now_ns;
}

static void note_failure(struct sp_window_target *target, int failure)
{
	target->failed++;
	target->failure = failure;
}

void sp_window_take(struct sp_window *window, size_t index, int result, uint64_t now_ns)
{
	struct sp_window_target *target = &window->targets[index];

	if (now_ns > target->tried_ns + SP_WINDOW_GAP_NS)
		note_failure(target, -ETIMEDOUT);
	if (result < 0)
		note_failure(target, result);
	else
		target->reached++;
	target->tried_ns = now_ns;
}

/* Was every target reached, each time, and until now? */
static bool targets_hold(const struct sp_window *window, uint64_t now_ns)
{
	for (size_t i = 0; i < window->pending.target_count; i++) {
		const struct sp_window_target *target = &window->targets[i];

		if (target->failed || !target->reached ||
		    now_ns > target->tried_ns + SP_WINDOW_GAP_NS)
			return false;
	}
	return window->pending.target_count != 0;
}

enum sp_window_end sp_window_judge(const struct sp_window *window, uint64_t now_ns,
				   const char *boot_id)
{
	const struct sp_pending *pending = &window->pending;

	if (strcmp(pending->boot_id, boot_id) != 0)
		return SP_WINDOW_REVERTS;
	if (now_ns < pending->deadline_ns)
		return SP_WINDOW_WAITS;
	return pending->is_confirmed_by_targets && window->is_seen_whole &&
			       targets_hold(window, now_ns)
		       ? SP_WINDOW_CONFIRMS
		       : SP_WINDOW_REVERTS;
}
