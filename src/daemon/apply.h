/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between apply.c, which runs the steps, and apply_steps.c, which is them. */
#ifndef SALLYPORT_DAEMON_APPLY_H
#define SALLYPORT_DAEMON_APPLY_H

#include "daemon/daemon.h"
#include "judge/judge.h"

/* X(identifier, "name"): what has just been done; with `apply-` before them the values of --kill-at,
 * as are the plane's own steps (SP_EBPF_STEPS). */
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
	enum apply_step done;
	bool is_request;           /* an administrator asked; else only the machine changed */
	struct sp_client *client;  /* NULL: nobody waits (any more) */
	char who[64];
	const char *why;
	struct sp_apply_request request; /* path and text are our own copies */
	struct sp_diagnostics diagnostics;
	struct sp_policy *policy;  /* until the revision has it */
	struct sp_revision *next;  /* until it is staged */
	size_t test_count;
	const char *tests_plane;
	bool is_unchanged;
	int64_t applied_ns; /* UTC: when the generation was applied, however often it is staged */
	uint64_t started_ns;
	/* how it failed */
	const char *code;
	int exit_code;
	json_t *details;
	char message[640];
};

/* The step that follows apply->done. Returns 0; 1 it goes on, call again; -errno with code, message and exit_code set. */
int sp_apply_step(struct sp_apply *apply);

#endif
