/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a sign-in and a record need besides the kernel: the portal's certificate, a portal that
 * answers, a database and an audit log that can be written, events that are not lost, a clock that
 * is right. sallyportd can put none of these right. Each is a warning as long as it is wrong. */
#ifndef SALLYPORT_DAEMON_HEALTH_H
#define SALLYPORT_DAEMON_HEALTH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "confirm/pending.h"

struct sp_apply;
struct sp_machine;
struct sp_paths;
struct sp_plane;
struct sp_portal_seen;
struct sp_recorder;
struct sp_revisions;
struct sp_store;
struct sp_warnings;

struct sp_health {
	/* what it stands on, lent by the daemon */
	const struct sp_paths *paths;
	struct sp_machine *const *machine; /* sallyport.yaml as it is now */
	struct sp_warnings *warnings;
	struct sp_store *store;
	struct sp_plane *plane;
	const struct sp_revisions *revisions;
	const struct sp_recorder *recorder;
	const struct sp_portal_seen *portal;
	struct sp_apply *const *apply;      /* the one under way, or NULL */
	const enum sp_pending_state *waits; /* an apply that is to be confirmed */
	const bool *is_lock_open;

	/* of the file whose dates these are; 0: not read yet */
	struct timespec certificate_changed;
	int certificate_error;
	int64_t certificate_from_s, certificate_until_s;
	char certificate_fingerprint[65];
	ino_t database;   /* the file that was opened; 0: not known */
	uint64_t slow_ns; /* CLOCK_BOOTTIME of the last look that wrote */
	uint64_t lost;    /* events, all in all */
	uint64_t lost_ns; /* since when none was lost */
	uint64_t lost_lately;
};

/* Where the portal's certificate is, malloc'ed. Returns 0; -ENOMEM. */
int sp_health_find_certificate(const struct sp_health *health, char **ret_path);
/* Part of each look (watch.h). */
void sp_health_look(struct sp_health *health);

#endif
