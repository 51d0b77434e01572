/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is to be done about an apply that waits to be confirmed, now. Pure: the times and what became
 * of each connection are handed in. */
#ifndef SALLYPORT_CONFIRM_WINDOW_H
#define SALLYPORT_CONFIRM_WINDOW_H

#include "confirm/pending.h"

enum sp_window_end {
	SP_WINDOW_WAITS,
	SP_WINDOW_CONFIRMS, /* every target was reached throughout, and that was to confirm it */
	SP_WINDOW_REVERTS,
};

/* How one target did since the time began. */
struct sp_window_target {
	uint32_t reached, failed; /* connections */
	int failure;              /* -errno of the last one that failed; 0: none did */
	uint64_t tried_ns;        /* the last one ended then */
};

struct sp_window {
	struct sp_pending pending;
	struct sp_window_target targets[SP_TARGETS_MAX];
	/* whoever looks has looked from the beginning; else nobody can say "throughout" */
	bool is_seen_whole;
};

#define SP_WINDOW_SOON_NS (2ull * 1000 * 1000 * 1000)
#define SP_WINDOW_GAP_NS (15ull * 1000 * 1000 * 1000)

/* @pending was found now. Whoever looks looks from the beginning if it was found within
 * SP_WINDOW_SOON_NS. */
void sp_window_begin(struct sp_window *window, const struct sp_pending *pending, uint64_t now_ns);
/* A connection to target @index was made (0) or failed (-errno). If none ended for more than
 * SP_WINDOW_GAP_NS before, as in a suspend, that counts as a failure too: -ETIMEDOUT. */
void sp_window_take(struct sp_window *window, size_t index, int result, uint64_t now_ns);
/* What is to be done at @now_ns of the boot @boot_id. A file of another boot is over: nobody
 * confirmed it then. */
enum sp_window_end sp_window_judge(const struct sp_window *window, uint64_t now_ns,
				   const char *boot_id);

#endif
