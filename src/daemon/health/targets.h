/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Do the targets of forwards answer? sallyportd connects to each target that the running policy wants
 * checked, every two seconds and without waiting in the loop. A target that fails three times in a
 * row is silent: new connections go to the others. One that is silent and answers twice in a row gets
 * its slots back. A target counts as answering until it is known otherwise; an attempt for which the
 * gateway had no file descriptor, port or memory says nothing of it. What is silent is kept in /run, so
 * that the next sallyportd begins with it. */
#ifndef SALLYPORT_DAEMON_TARGETS_H
#define SALLYPORT_DAEMON_TARGETS_H

#include <jansson.h>

#include "io/loop/loop.h"
#include "policy/addresses/shares.h"

struct sp_paths;
struct sp_recorder;
struct sp_revisions;
struct sp_targets;
struct sp_warnings;

#define SP_TARGETS_PAUSE_NS (2 * SP_SECOND_NS)    /* between two connections to one target */
#define SP_TARGETS_PATIENCE_NS (2 * SP_SECOND_NS) /* with one */
#define SP_TARGETS_FAILURES 3                     /* in a row, until a target is silent */
#define SP_TARGETS_SUCCESSES 2                    /* in a row, until a silent target answers */

struct sp_target_seen {
	struct sp_targets *targets;
	struct sp_addr addr;
	uint16_t port;
	bool is_wanted; /* the running policy wants it checked */
	bool is_known;  /* it answered, or it is silent */
	bool is_silent;
	unsigned int streak;     /* attempts in a row that speak against its state */
	int fault;               /* -errno of the last attempt that failed; 0: it did not */
	int64_t since_ns;        /* UTC: it is as it is; 0: not known yet */
	struct sp_source socket; /* its fd is -1 while no attempt is under way */
	struct sp_timer timer;   /* the next attempt begins, or this one has taken too long */
};

struct sp_targets {
	/* what it stands on, lent by the daemon */
	struct sp_loop *loop;
	const struct sp_paths *paths;
	const struct sp_revisions *revisions;
	struct sp_recorder *recorder;
	struct sp_warnings *warnings;
	void (*changed)(void *arg); /* a target fell silent or answers again */
	void *arg;

	struct sp_target_seen **items; /* each at one place while its timer is set */
	size_t count;
	struct sp_silent *silent; /* of the items */
	size_t silent_count;
	uint64_t version;  /* of ->silent: counts its changes */
	uint64_t revision; /* whose targets are checked; 0: none */
};

/* Before a policy is applied: which targets were silent when a sallyportd last looked. */
void sp_targets_open(struct sp_targets *targets);
/* Part of each look (watch.h): check the targets of the revision that runs by now. */
void sp_targets_look(struct sp_targets *targets);
/* Borrowed, until the next call. */
struct sp_silents sp_targets_silents(const struct sp_targets *targets);
/* For status: each forward of the running policy with its targets. */
json_t *sp_targets_list(const struct sp_targets *targets);
/* End all attempts and free what is held. */
void sp_targets_close(struct sp_targets *targets);

/* ---- targets_kept.c ---- */

/* Keep which targets are silent. Failures are logged. */
void sp_targets_keep(const struct sp_targets *targets);
/* Call @each for what was kept; nothing, if nothing was. */
void sp_targets_read_kept(struct sp_targets *targets,
			  void (*each)(struct sp_targets *targets, const struct sp_addr *addr,
				       uint16_t port, int64_t since_ns));

#endif
