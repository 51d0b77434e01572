/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RUN/IFACE.reaches: the AllowedIPs, as the portal gave them, that a tunnel was brought up with.
 * Everybody may read it, as they may the routes, so that `status` knows without rights whether they
 * are still right. */
#ifndef SALLYPORT_CLI_TUNNEL_REACH_H
#define SALLYPORT_CLI_TUNNEL_REACH_H

/* Write @reaches to the file, mode 0644. Needs root. Returns 0; -errno. */
int sp_tunnel_reach_keep(const char *root, const char *iface, const char *reaches);
/* Read the file. *@ret_reaches is malloc'ed. Returns 0; -ENOENT nothing is kept; another -errno. */
int sp_tunnel_reach_read(const char *root, const char *iface, char **ret_reaches);

#endif
