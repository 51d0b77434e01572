/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An apply that waits to be confirmed. Meanwhile the kernel has the revision before it as well, so no
 * third one is staged: revisions that the machine wants wait, and so do sessions' following of the
 * new policy, since what a session loses then does not return. How it ends is agreed on with
 * sallyport-watchdog by the file of confirm/pending.h. */
#ifndef SALLYPORT_DAEMON_CONFIRMING_H
#define SALLYPORT_DAEMON_CONFIRMING_H

#include "confirm/pending.h"
#include "daemon/control/control.h"

struct sp_applies;
struct sp_plane_error;

/* What `apply --confirm` asks for. */
struct sp_confirm_request {
	uint32_t wait_s; /* 0: the apply waits for nobody */
	struct sp_target targets[SP_TARGETS_MAX];
	size_t target_count;
	bool is_confirmed_by_targets;
};

#define SP_CONFIRM_WAIT_MIN_S 10u
#define SP_CONFIRM_WAIT_MAX_S 3600u

struct sp_confirming {
	enum sp_pending_state state; /* as it was seen last */
	struct sp_pending pending;   /* in any state but SP_PENDING_NONE */
	unsigned int looks;          /* that found it due to return and not returned */
	bool is_of_earlier_boot;     /* its times are another clock's: it is due */
};

/* Does an apply wait to be confirmed, or is one about to return? Then nothing is staged. */
bool sp_confirming_blocks(const struct sp_applies *applies);
/* Tell @client so: who applied it, and how long it waits. */
void sp_confirming_refuse(const struct sp_applies *applies, struct sp_client *client);

/* Can an apply wait for a confirmation at all? Returns 0; -errno, @error says why not. */
int sp_confirming_check(const struct sp_applies *applies, struct sp_plane_error *error);
/* Before the switch to the staged revision: write the file. Returns 0; -errno. */
int sp_confirming_begin(struct sp_applies *applies, const struct sp_confirm_request *request,
			const char *who);
/* Has the watchdog seen the file? */
bool sp_confirming_is_watched(const struct sp_applies *applies);
/* Nothing was switched: take the file away, and what was to be kept is not kept. Does nothing when
 * no file was written. */
void sp_confirming_abandon(struct sp_applies *applies);

/* The new revision stays. Returns 0; -ENOENT nothing waits, or it returns already; -errno. */
int sp_confirming_confirm(struct sp_applies *applies, const char *by);
/* The former one is to return now: the watchdog sees to it. Returns as sp_confirming_confirm. */
int sp_confirming_revert(struct sp_applies *applies, const char *by);

/* At the start, before anything is resumed: what the last sallyportd left. */
void sp_confirming_resume(struct sp_applies *applies);
/* Every second: see what became of it, and follow. */
void sp_confirming_look(struct sp_applies *applies);

#endif
