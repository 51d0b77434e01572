/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every path of DESIGN section 6, in one place: under / or under the folder of --root,
 * $SALLYPORT_ROOT.
 */
#ifndef SALLYPORT_IO_PATHS_H
#define SALLYPORT_IO_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

/* X(field, "path below the root") */
#define SP_PATHS(X)                                                                                \
	X(etc_dir, "etc/sallyport")                                                                \
	X(machine_file, "etc/sallyport/sallyport.yaml")                                            \
	X(policy_file, "etc/sallyport/policy.yaml")                                                \
	X(policy_dir, "etc/sallyport/policy.d")                                                    \
	X(idp_dir, "etc/sallyport/idp.d")                                                          \
	X(state_dir, "var/lib/sallyport")                                                          \
	X(db_file, "var/lib/sallyport/sallyport.db")                                               \
	X(peers_file, "var/lib/sallyport/peers.conf")                                              \
	X(lock_file, "var/lib/sallyport/lock")                                                     \
	X(generations_dir, "var/lib/sallyport/generations")                                        \
	X(tls_dir, "var/lib/sallyport/tls")                                                        \
	X(tls_cert, "var/lib/sallyport/tls/cert.pem")                                              \
	X(tls_key, "var/lib/sallyport/tls/key.pem")                                                \
	X(portal_dir, "var/lib/sallyport/portal")                                                  \
	X(portal_key, "var/lib/sallyport/portal/key")                                              \
	X(run_dir, "run/sallyport")                                                                \
	X(control_socket, "run/sallyport/control.sock")                                            \
	X(pending_file, "run/sallyport/pending.json")                                              \
	X(reverting_file, "run/sallyport/reverting.json")                                          \
	X(reverted_file, "run/sallyport/reverted.json")                                            \
	X(confirmed_file, "run/sallyport/confirmed.json")                                          \
	X(watchdog_lock, "run/sallyport/watchdog.lock")                                            \
	X(watchdog_file, "run/sallyport/watchdog.json")                                            \
	X(bpffs_dir, "sys/fs/bpf")                                                                 \
	X(pin_dir, "sys/fs/bpf/sallyport/v1")                                                      \
	X(wireguard_dir, "var/run/wireguard")                                                      \
	X(audit_dir, "var/log/sallyport")                                                          \
	X(audit_log, "var/log/sallyport/audit.jsonl")                                              \
	X(packets_log, "var/log/sallyport/packets.jsonl")

struct sp_paths {
	char *root; /* absolute, no trailing slash; "" when it is the file system's root */
#define X(field, below) char *field;
	SP_PATHS(X)
#undef X
};

/* @root: what --root gave; NULL or "": $SALLYPORT_ROOT; that too unset or "": /. A relative one is
 * made absolute. Nothing is touched. Returns 0; -ENAMETOOLONG the control socket's path does not
 * fit a socket address; -ENOMEM; -errno.
 */
int sp_paths_init(struct sp_paths *paths, const char *root);
/* Free the paths; empty afterwards. */
void sp_paths_done(struct sp_paths *paths);
#define __sp_paths __sp_cleanup(sp_paths_done)

/* Whether everything is under a folder of its own. */
bool sp_paths_is_rooted(const struct sp_paths *paths);

/* `wireguard_dir/IFACE.sock`, malloc'ed. Returns 0; -EINVAL @iface is no interface name;
 * -ENAMETOOLONG; -ENOMEM. */
int sp_paths_engine_socket(const struct sp_paths *paths, const char *iface, char **ret_path);

/* Make the state, run and log folders (0751, 0755, 0750). Returns 0 or -errno, *@ret_failed (if not
 * NULL) then the path. */
int sp_paths_make_dirs(const struct sp_paths *paths, const char **ret_failed);

/* See to a bpffs at bpffs_dir: there already, or, rooted, mounted now (the folder is made).
 * Unrooted and not mounted is an error: that mount is the system's. Returns 0, *@ret_mounted (if
 * not NULL) whether this call mounted it;
 * -ENOTTY not a bpffs and not ours to mount; -EPERM; -errno.
 */
int sp_paths_mount_bpffs(const struct sp_paths *paths, bool *ret_mounted);
/* Whether what is pinned there would go with this process: the mount is in a mount namespace that
 * our parent is not in, as `ip netns exec` makes one for its command. Where that cannot be told:
 * false. */
bool sp_paths_is_bpffs_private(const struct sp_paths *paths);

#endif
