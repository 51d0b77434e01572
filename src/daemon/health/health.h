/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a sign-in and a record need besides the kernel: the portal's certificate, a portal that
 * answers, a database and an audit log that can be written, events that are not lost, a clock that
 * is right. sallyportd can put none of these right. Each is a warning as long as it is wrong. */
#ifndef SALLYPORT_DAEMON_HEALTH_H
#define SALLYPORT_DAEMON_HEALTH_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct sp_daemon;

struct sp_health {
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
int sp_health_find_certificate(const struct sp_daemon *daemon, char **ret_path);
/* Part of each look (watch.h). */
void sp_health_look(struct sp_daemon *daemon);

#endif
