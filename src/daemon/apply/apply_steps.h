/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by apply.c (the sequence of an apply), apply_steps.c (the order of its steps) and the files
 * of the steps. */
#ifndef SALLYPORT_DAEMON_APPLY_STEPS_H
#define SALLYPORT_DAEMON_APPLY_STEPS_H

#include <stdatomic.h>

#include "daemon/access/roles.h"
#include "daemon/access/sessions.h"
#include "daemon/apply/applies.h"
#include "daemon/apply/apply.h"
#include "io/loop/job.h"
#include "judge/judge.h"
#include "policy/compare.h"

/* X(identifier, "name"): what has just been done; with `apply-` before them the values of
 * --kill-at, as are the steps the plane names (options.step of plane/plane.h). */
#define APPLY_STEPS(X)                                                                             \
	X(CHECKED, "checked")                                                                      \
	X(TESTED, "tested")                                                                        \
	X(NUMBERED, "numbered")                                                                    \
	X(STORED, "stored")                                                                        \
	X(CLASSED, "classed")                                                                      \
	X(FILLED, "filled")                                                                        \
	X(STAGED, "staged")                                                                        \
	X(WATCHED, "watched")                                                                      \
	X(SWITCHED, "switched")                                                                    \
	X(SETTLED, "settled")                                                                      \
	X(CONFIRMED, "confirmed")                                                                  \
	X(FOLLOWED, "followed")

enum apply_step {
	APPLY_START,
#define X(id, name) APPLY_##id,
	APPLY_STEPS(X)
#undef X
		APPLY_DONE
};

struct sp_reload;

struct sp_apply {
	struct sp_applies *applies;
	struct sp_timer timer;
	struct sp_job job; /* the part of a step that takes long */
	enum apply_step done;
	bool is_request;          /* an administrator asked; else only the machine changed */
	bool is_resumed;          /* a start's: what ran or was confirmed last */
	struct sp_reload *reload; /* sallyport.yaml is read again; NULL: it is not */
	struct sp_client *client; /* NULL: no client waits for the answer (any more) */
	char who[64];
	const char *why;
	struct sp_apply_request request; /* its files are ->files */
	/* the files to read; none: only the machine changed, and the running policy is used as it
	 * was checked */
	struct sp_files files;
	struct sp_diagnostics diagnostics;
	struct sp_policy *policy;     /* with what its origins hold; until the revision has it */
	struct sp_origin_set origins; /* of the policy that was read, until it runs */
	struct sp_gateway gateway;    /* as it was when the policy was read */
	struct sp_revision *next;     /* until it is staged */
	uint32_t *numbers;            /* of the rules, by their order in the policy */
	size_t numbered;              /* how many of them are known */
	uint32_t slot;                /* of the next session to get its class in it */
	struct sp_test_result *tests;
	size_t test_count;
	const char *tests_plane;
	int worked;                  /* what the work of a step returned */
	struct sp_plane_error error; /* of the work */
	/* the work may end early, because nobody wants its result any more */
	atomic_bool is_given_up;
	bool is_over; /* after the step that was done last nothing is left to do */
	bool is_unchanged;
	struct sp_policy_change change; /* of the rules, against the policy that ran */
	int64_t applied_ns; /* UTC: when the generation was applied, however often it is staged */
	uint64_t started_ns;
	uint64_t watched_by_ns;  /* boot time: until when the watchdog has to have seen it */
	struct sp_follow follow; /* how far the sessions follow */
	json_t *lost;            /* sessions that ended without a role */
	/* how it failed */
	int failed; /* -errno of a step whose failure keeps the rest from nothing; 0: of none */
	const char *code;
	int exit_code;
	json_t *details;
	char message[640];
};

#define SP_APPLY_GOES_ON 2
#define SP_APPLY_WAITS 3
#define SP_APPLY_WAIT_NS (10 * SP_MS_NS)

/* A step. _begin and _end are short, run in the loop and may touch everything. _work may take long
 * and may run in a thread while the loop serves others: it writes to @apply alone and only reads
 * what @apply refers to. _end is called if and only if _begin returned 1, after _work.
 * _begin returns 0 the step is done; 1 there is work; SP_APPLY_GOES_ON a slice of it is done, and
 * it is to be called again in the next round; SP_APPLY_WAITS it waits for another process, and is
 * to be called again after SP_APPLY_WAIT_NS; -errno. _end returns 0 or -errno. On -errno code,
 * message and exit_code of @apply are set (sp_apply_fail). */
struct sp_apply_step {
	int (*begin)(struct sp_apply *apply);
	void (*work)(struct sp_apply *apply); /* NULL: none, all is done in begin */
	int (*end)(struct sp_apply *apply);
};

/* apply_check.c */
extern const struct sp_apply_step sp_apply_check_step, sp_apply_test_step;
/* apply_number.c */
extern const struct sp_apply_step sp_apply_number_step, sp_apply_store_step;
/* apply_stage.c */
extern const struct sp_apply_step sp_apply_class_step, sp_apply_fill_step, sp_apply_stage_step;
/* apply_switch.c */
extern const struct sp_apply_step sp_apply_watch_step, sp_apply_switch_step, sp_apply_settle_step;
extern const struct sp_apply_step sp_apply_confirm_step, sp_apply_follow_step;

/* Say how the apply fails, and give @r back. */
int sp_apply_fail(struct sp_apply *apply, int r, const char *code, int exit_code,
		  const char *format, ...) __attribute__((format(printf, 5, 6)));
/* May this policy be applied, if it is the first one or touches the administrator's own connection?
 * Returns 0; -errno: no, and the apply fails. */
int sp_apply_guard(struct sp_apply *apply);

/* Each runs one part of the step that follows apply->done. */
int sp_apply_step_begin(struct sp_apply *apply);
void sp_apply_step_work(struct sp_apply *apply);
int sp_apply_step_end(struct sp_apply *apply);

#endif
