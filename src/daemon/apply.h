/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between apply.c, which runs the steps, and apply_steps.c, which is them. */
#ifndef SALLYPORT_DAEMON_APPLY_H
#define SALLYPORT_DAEMON_APPLY_H

#include <stdatomic.h>

#include "daemon/daemon.h"
#include "io/job.h"
#include "judge/judge.h"
#include "policy/compare.h"

/* X(identifier, "name"): what has just been done; with `apply-` before them the values of
 * --kill-at, as are the steps the plane names (options.step of plane/plane.h). */
#define APPLY_STEPS(X)                                                                             \
	X(CHECKED, "checked")                                                                      \
	X(TESTED, "tested")                                                                        \
	X(NUMBERED, "numbered")                                                                    \
	X(STORED, "stored")                                                                        \
	X(STAGED, "staged")                                                                        \
	X(SWITCHED, "switched")                                                                    \
	X(CONFIRMED, "confirmed")

enum apply_step {
	APPLY_START,
#define X(id, name) APPLY_##id,
	APPLY_STEPS(X)
#undef X
		APPLY_DONE
};

struct sp_apply {
	struct sp_daemon *daemon;
	struct sp_timer timer;
	struct sp_job job; /* the part of a step that takes long */
	enum apply_step done;
	bool is_request;          /* an administrator asked; else only the machine changed */
	struct sp_client *client; /* NULL: nobody waits (any more) */
	char who[64];
	const char *why;
	struct sp_apply_request request; /* its path and text are not kept */
	/* what is to be read; none: the policy that runs, as it was checked, because only the
	 * machine changed */
	struct sp_store_files files;
	struct sp_diagnostics diagnostics;
	struct sp_policy *policy; /* until the revision has it */
	struct sp_revision *next; /* until it is staged */
	struct sp_test_result *tests;
	size_t test_count;
	const char *tests_plane;
	int worked;                  /* what the work of a step returned */
	struct sp_plane_error error; /* of the work */
	atomic_bool is_given_up;     /* the work may end early: nobody wants it any more */
	bool is_unchanged;
	struct sp_policy_change change; /* of the rules, against the policy that ran */
	int64_t applied_ns; /* UTC: when the generation was applied, however often it is staged */
	uint64_t started_ns;
	/* how it failed */
	const char *code;
	int exit_code;
	json_t *details;
	char message[640];
};

/* The step that follows apply->done, in three parts. _begin and _end are short and touch what they
 * like; _work takes as long as it takes and touches the apply alone, what it refers to only to
 * read, so it may run in a thread while the loop serves others. _end is called if and only if
 * _begin returned 1, after _work. _begin returns 0 the step is done; 1 there is work; -errno. _end
 * returns 0 or -errno. On -errno code, message and exit_code are set. */
int sp_apply_step_begin(struct sp_apply *apply);
void sp_apply_step_work(struct sp_apply *apply);
int sp_apply_step_end(struct sp_apply *apply);

#endif
