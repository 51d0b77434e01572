/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this machine is, for a first configuration: asked of the kernel, nothing is changed. */
#ifndef SALLYPORT_CLI_INIT_FACTS_H
#define SALLYPORT_CLI_INIT_FACTS_H

#include "cli/init/init_plan.h"

/* Owns what @facts points to. */
struct sp_init_seen {
	struct sp_init_facts facts;
	struct sp_init_link *links;
	struct sp_init_way *ways;
	size_t way_size;
	struct sp_addr resolvers[SP_INIT_NAMES_MAX];
};

#define __sp_init_seen __sp_cleanup(sp_init_seen_done)
/* Free what it holds; empty afterwards. */
void sp_init_seen_done(struct sp_init_seen *seen);

/* Ask the kernel for interfaces, addresses, routes and free ports.
 * @resolv_conf  path of the file that names the resolvers.   @ssh_connection  $SSH_CONNECTION;
 * NULL: none.   @ret_seen  the caller's: sp_init_seen_done; untouched on error.
 * Returns 0; -ENOMEM; -EIO no random number; another -errno of netlink. */
int sp_init_look(const char *resolv_conf, const char *ssh_connection,
		 struct sp_init_seen *ret_seen);

#endif
