/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control thread: timers, signals, the link's state and MTU, routes, the peers file. */
#ifndef SALLYPORT_VPND_CONTROL_H
#define SALLYPORT_VPND_CONTROL_H

#include <stdint.h>

#include "io/netlink/netlink.h"
#include "vpnd/api/peers_load.h"
#include "vpnd/vpnd.h"

struct sp_vpnd_control {
	struct sp_vpnd *vpnd;
	int signal_fd;              /* SIGTERM, SIGINT */
	struct sp_netlink *netlink; /* borrowed, like the rest */
	struct sp_netlink_monitor *monitor;
	/* the link was moved to another network namespace: nobody tells us of it */
	bool is_elsewhere;
};

/* Run until a signal or sp_vpnd_stop. Returns 0 or -errno. */
int sp_vpnd_control_run(struct sp_vpnd_control *control);
/* Read the MTU of the link, and whether it is up, once. */
void sp_vpnd_control_look(struct sp_vpnd_control *control);
/* Read the peers file; its faults go to the log. */
void sp_vpnd_control_load_peers(struct sp_vpnd_control *control);

#endif
