/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forwarding switches of the network namespace this process is in. /proc/sys/net shows the reader's
 * own namespace, so this holds after `nsenter --net` too, where /sys does not follow.
 */
#ifndef SALLYPORT_IO_SYSCTL_H
#define SALLYPORT_IO_SYSCTL_H

#include <stdbool.h>
#include <stdint.h>

/* @name below /proc/sys with slashes: "net/ipv4/ip_forward". Returns 0; -ENOENT; -EINVAL not a
 * number; -errno. */
int sp_sysctl_get(const char *name, int64_t *ret_value);
/* Write a number. Returns 0; -ENOENT; -errno. */
int sp_sysctl_set(const char *name, int64_t value);

/* Both families. Without IPv6 in the kernel that half reads as off and setting it does nothing. */
struct sp_forwarding {
	bool ipv4, ipv6;
};
/* Returns 0; -EINVAL not a number; -errno. */
int sp_forwarding_get(struct sp_forwarding *ret_forwarding);
/* Returns 0; -errno, and then the first failing one's is returned while the other was still tried.
 * Turning IPv6 forwarding on makes the kernel ignore router advertisements (accept_ra 1); an
 * interface that lives by them needs accept_ra 2.
 */
int sp_forwarding_set(bool ipv4, bool ipv6);

/* rp_filter as it acts on an interface: the larger of `all` and its own. 0 off, 1 strict, 2
 * loose. */
int sp_rp_filter_get(const char *iface, int *ret_mode);

#endif
