/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Warnings of `status` on record: one record when a warning has lasted for a moment, one when it is
 * over. So the audit log says from when to when this gateway was degraded, and by what. */
#ifndef SALLYPORT_DAEMON_TROUBLE_H
#define SALLYPORT_DAEMON_TROUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/warnings.h"

struct sp_recorder;

struct sp_trouble {
	const char *code;     /* a warning's */
	uint64_t since_ns;    /* CLOCK_BOOTTIME */
	uint64_t recorded_ns; /* when it was last recorded that it began; 0: never */
	bool is_there;
	bool is_recorded; /* that it began; so its end will be */
};

struct sp_troubles {
	/* lent by the daemon */
	const struct sp_warnings *warnings;
	struct sp_recorder *recorder;

	struct sp_trouble items[SP_WARNINGS_MAX];
	size_t count;
};

/* Part of each look (watch.h), the last one. */
void sp_trouble_look(struct sp_troubles *troubles);

#endif
