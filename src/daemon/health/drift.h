/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drift: something that sallyportd set, and that is no longer as it was set. There is one entry a
 * thing. The entry counts how often the drift was seen, names who did it as far as the kernel
 * tells, and says whether sallyportd put it back. What cannot be put back is a warning of the same
 * code until it is right again.
 *
 * Another program may undo our work again and again. So each thing is repaired at most once a
 * second (watch.c) and recorded at most once a minute, with a count. A thing that is undone often
 * is a warning of its own. */
#ifndef SALLYPORT_DAEMON_DRIFT_H
#define SALLYPORT_DAEMON_DRIFT_H

#include <jansson.h>
#include <sallyport/abi/names.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_recorder;
struct sp_warnings;

/* X("code", "what it is"). Codes of warnings and reasons of `drift` records alike. */
#define SP_DRIFTS(X)                                                                               \
	X("hook-missing", "a program is not attached where it was")                                \
	X("hook-replaced", "a hook runs a program that is not the running revision's")             \
	X("hook-behind", "somebody's program is asked before ours")                                \
	X("pins-missing", "what is pinned for the next sallyportd was removed")                    \
	X("lock-changed", "the second lock is not as it was put")                                  \
	X("nat-changed", "translations are not as they were put")                                  \
	X("forwarding-off", "the kernel was told not to forward")                                  \
	X("tunnel-changed", "the tunnel interface is not as it was set up")                        \
	X("interface-down", "a listed interface is down, or its link is")

#define SP_DRIFT_ITEMS_MAX 64
#define SP_DRIFT_OFTEN 5 /* put back so often within a minute: somebody undoes it again and again */

/* One thing seen not to be as it was set. All is borrowed. */
struct sp_drift_sight {
	const char *code;  /* of SP_DRIFTS, a literal */
	const char *iface; /* NULL: no interface's */
	enum sp_hook hook; /* SP_HOOK_NONE: no hook's */
	const char *what;  /* which thing, among those of this code: "address fd00:64::1" */
	const char *by;    /* who changed it; NULL: not known */
	int repair;        /* 0: it is right again; -errno: it is not */
	const char *why;   /* not put back: in words; NULL: those of -errno */
};

struct sp_drift {
	const char *code;
	char iface[16];
	enum sp_hook hook;
	char what[96];
	char message[256];
	char by[64];
	bool is_put_back;
	uint64_t times;                /* seen since the daemon's start */
	uint64_t unrecorded;           /* of them */
	int64_t time_ns;               /* UTC: seen last */
	uint64_t seen_ns, recorded_ns; /* CLOCK_BOOTTIME */
	uint64_t opened_ns;            /* a record said that it was not put back */
	bool is_opening_recorded;      /* so its end gets a record too */
	uint64_t repaired_ns
		[SP_DRIFT_OFTEN]; /* when it was put back: the last times, newest first */
	uint64_t look;            /* the number of the look that saw it last */
};

struct sp_drifts {
	/* lent by the daemon */
	struct sp_warnings *warnings;
	struct sp_recorder *recorder;

	struct sp_drift items[SP_DRIFT_ITEMS_MAX]; /* the oldest gives way */
	size_t count;
	uint64_t look;
};

/* Around everything one look sees. */
void sp_drift_begin(struct sp_drifts *drifts);
/* Note one thing that is not as it should be. Counts it, raises or keeps its warning, and records
 * it, at most so often. Between _begin and _end, or alone. */
void sp_drift_see(struct sp_drifts *drifts, const struct sp_drift_sight *sight);
/* End the drift that this look did not see again; the warnings follow. */
void sp_drift_end(struct sp_drifts *drifts);
/* For status: the drift of the last hour, newest last. */
json_t *sp_drift_list(const struct sp_drifts *drifts);

#endif
