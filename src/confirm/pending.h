/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An apply that waits to be confirmed, as sallyportd and sallyport-watchdog tell each other: a small
 * file in /run, whose name says how far it is.
 *
 *	pending.json    sallyportd wrote it before the switch; the time runs
 *	reverting.json  the former revision returns now
 *	reverted.json   it runs; sallyportd follows it and removes the file
 *	confirmed.json  the new one stays; sallyportd puts that into its database and removes the file
 *
 * A step is one rename of pending.json or reverting.json, so of two who want different ends one
 * gets -ENOENT. The folder is empty after a boot: what nobody confirmed is not confirmed. */
#ifndef SALLYPORT_CONFIRM_PENDING_H
#define SALLYPORT_CONFIRM_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "confirm/target.h"
#include "io/files/paths.h"
#include "io/loop/clock.h"

#define SP_TARGETS_MAX 16u
#define SP_PENDING_WHO_MAX 64

enum sp_pending_state {
	SP_PENDING_NONE, /* no apply waits */
	SP_PENDING_OPEN,
	SP_PENDING_REVERTING,
	SP_PENDING_REVERTED,
	SP_PENDING_CONFIRMED,
};

struct sp_pending {
	uint64_t revision, former; /* what was switched to, and what it returns to */
	char generation[13], former_generation[13]; /* as they are shown */
	/* CLOCK_BOOTTIME, which counts a suspend and no step of the clock */
	uint64_t begun_ns, deadline_ns;
	char boot_id[SP_BOOT_ID_MAX]; /* of the boot that these times are of */
	char who[SP_PENDING_WHO_MAX];
	struct sp_target targets[SP_TARGETS_MAX];
	size_t target_count;
	bool is_confirmed_by_targets; /* each of them was reached throughout: that confirms */
};

/* "pending", "reverting", "reverted", "confirmed"; "none". */
const char *sp_pending_state_name(enum sp_pending_state state);

/* Write pending.json, whole and on the disk when it returns. Returns 0; -EEXIST there is a file of
 * some state; -ENOMEM; -errno of the file. */
int sp_pending_begin(const struct sp_paths *paths, const struct sp_pending *pending);
/* Which state there is, and the apply it is about. @why, at least 80 bytes, says what is wrong with
 * the file. Returns 0, also for SP_PENDING_NONE, @ret_pending then zeroed; -EBADMSG the file is not
 * one of these, *@ret_state is set all the same; -errno of the file. */
int sp_pending_read(const struct sp_paths *paths, enum sp_pending_state *ret_state,
		    struct sp_pending *ret_pending, char why[80]);
/* From SP_PENDING_OPEN or SP_PENDING_REVERTING to a later state. Returns 0; -ENOENT it is not in
 * state @from (any more); -errno. */
int sp_pending_move(const struct sp_paths *paths, enum sp_pending_state from,
		    enum sp_pending_state to);
/* The end of SP_PENDING_REVERTED and _CONFIRMED: remove the file. Of SP_PENDING_OPEN: nothing was
 * switched. Returns 0, also if it is gone; -errno. */
int sp_pending_end(const struct sp_paths *paths, enum sp_pending_state state);

#endif
