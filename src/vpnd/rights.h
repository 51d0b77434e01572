/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rights that the process gives up once it has opened all that it needs. Source: capabilities(7),
 * seccomp(2). */
#ifndef SALLYPORT_VPND_RIGHTS_H
#define SALLYPORT_VPND_RIGHTS_H

#include <stdbool.h>

#include "io/process/user.h"

/* Become @user (NULL: stay who we are) with no capability but CAP_NET_ADMIN if @keeps_net_admin
 * and, when staying, CAP_NET_BIND_SERVICE. Call before there are threads. Returns 0 or -errno. */
int sp_vpnd_drop_rights(const struct sp_user *user, bool keeps_net_admin);
/* From here on only the system calls that carrying packets takes. Returns 0 or -errno. */
int sp_vpnd_restrict_calls(void);

#endif
