/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sallyportd gives up once the root is its own, the network is made and the first revision
 * stands. */
#ifndef SALLYPORT_DAEMON_RIGHTS_H
#define SALLYPORT_DAEMON_RIGHTS_H

/* From here on only the capabilities that applies, sessions and the engine's files take, and only
 * the system calls: no program is run, no mount made, no namespace entered. Before the first
 * thread. Returns 0 or -errno. */
int sp_daemon_give_up_rights(void);

#endif
