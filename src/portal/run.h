/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process from its options to its end. */
#ifndef SALLYPORT_PORTAL_RUN_H
#define SALLYPORT_PORTAL_RUN_H

#include <stdbool.h>

struct sp_portal_options {
	const char *root;    /* --root; NULL: $SALLYPORT_ROOT or / */
	const char *user;    /* to become; NULL: portal.user of the machine file when we are root */
	const char *kill_at; /* tests of crashes; NULL */
	bool is_verbose;
};

/* Returns the exit code. */
int sp_portal_main(const struct sp_portal_options *options);

#endif
