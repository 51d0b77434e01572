/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this machine is, for a first configuration: asked of the kernel, nothing is changed. */
#ifndef SALLYPORT_CLI_INIT_FACTS_H
#define SALLYPORT_CLI_INIT_FACTS_H

#include "cli/init_plan.h"

/* Owns what @facts points to. */
struct sp_init_seen {
	struct sp_init_facts facts;
	struct sp_init_link *links;
	struct sp_init_way *ways;
	size_t way_size;
	struct sp_addr resolvers[SP_INIT_NAMES_MAX];
};

#define __sp_init_seen __sp_cleanup(sp_init_seen_done)
void sp_init_seen_done(struct sp_init_seen *seen);

/* @resolv_conf  where the resolvers stand.   @ssh_connection  $SSH_CONNECTION; NULL: none.
 * Returns 0; -ENOMEM; -errno. */
int sp_init_look(const char *resolv_conf, const char *ssh_connection,
		 struct sp_init_seen *ret_seen);

#endif
