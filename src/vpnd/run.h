/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process from its options to its end. */
#ifndef SALLYPORT_VPND_RUN_H
#define SALLYPORT_VPND_RUN_H

#include <stdbool.h>

struct sp_vpnd_options {
	const char *name;         /* of the interface */
	const char *root;         /* managed: --root; NULL: $SALLYPORT_ROOT or / */
	const char *user;         /* to become after start; NULL: stay */
	unsigned int queue_count; /* 0: as suits this machine */
	bool is_managed;          /* the interface and the peers are sallyportd's */
	bool is_foreground;
	bool keeps_fwmark; /* keep the right to set the mark */
};

/* Returns the exit code. */
int sp_vpnd_run(const struct sp_vpnd_options *options);

#endif
