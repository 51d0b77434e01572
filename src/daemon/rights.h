/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rights that sallyportd gives up after it has locked its root, made its network and loaded the
 * first revision. */
#ifndef SALLYPORT_DAEMON_RIGHTS_H
#define SALLYPORT_DAEMON_RIGHTS_H

/* From here on only the capabilities that applies, sessions and the engine's files take, and only
 * the system calls: no program is run, no mount made, no namespace entered. Before the first
 * thread. Returns 0 or -errno. */
int sp_daemon_give_up_rights(void);

#endif
