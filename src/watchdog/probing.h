/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connecting to each target again and again, to see whether it is reached. */
#ifndef SALLYPORT_WATCHDOG_PROBING_H
#define SALLYPORT_WATCHDOG_PROBING_H

#include "confirm/pending.h"
#include "io/loop/loop.h"

#define SP_PROBING_PAUSE_NS SP_SECOND_NS          /* between two connections to one target */
#define SP_PROBING_PATIENCE_NS (3 * SP_SECOND_NS) /* with one */

struct sp_probing;

struct sp_attempt {
	struct sp_probing *probing;
	size_t index;
	struct sp_source socket; /* its fd is -1 while none is under way */
	struct sp_timer timer;   /* the next one begins, or this one has taken too long */
};

struct sp_probing {
	struct sp_loop *loop;
	/* A connection to target @index was made (0) or failed (-errno). */
	void (*take)(void *arg, size_t index, int result);
	void *arg;
	struct sp_target targets[SP_TARGETS_MAX];
	struct sp_attempt attempts[SP_TARGETS_MAX];
	size_t count; /* 0: it does not probe */
};

/* Begin with @count of @targets, in the next round. ->loop, ->take and ->arg are set. */
void sp_probing_begin(struct sp_probing *probing, const struct sp_target *targets, size_t count);
/* End; also if it has not begun. */
void sp_probing_end(struct sp_probing *probing);

#endif
