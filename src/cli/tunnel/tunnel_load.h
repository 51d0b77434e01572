/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration a tunnel is brought up with: the kept one, renewed at the portal if it answers,
 * held to what tunnel_file.h lets through, and without what this machine cannot use. */
#ifndef SALLYPORT_CLI_TUNNEL_LOAD_H
#define SALLYPORT_CLI_TUNNEL_LOAD_H

#include <stdbool.h>

#include "cli/portal/profile.h"

struct sp_tunnel_load {
	const char *iface;
	const char *before; /* what it is up with; NULL: nothing */
	bool is_renewed;    /* found: the portal said how the tunnel is now */
	/* found, malloc'ed: its AllowedIPs as the portal has them; NULL: they stay as they were */
	char *reaches;
};

/* *@ret_conf is a secret. @profile learns when its session ends. Returns SP_EXIT_OK; else it has
 * been said. */
int sp_tunnel_load(struct sp_tunnel_load *load, struct sp_profile *profile, char **ret_conf);

#endif
