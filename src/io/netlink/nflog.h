/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets that rules of nftables log to a group of this network namespace (NFLOG). One socket hears
 * one group, and a group is heard by one socket. Source: linux/netfilter/nfnetlink_log.h,
 * net/netfilter/nfnetlink_log.c. */
#ifndef SALLYPORT_IO_NFLOG_H
#define SALLYPORT_IO_NFLOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define SP_NFLOG_PREFIX_MAX 32

struct sp_nflog;

struct sp_nflog_packet {
	uint32_t from, to;                /* interface indices; 0: none yet */
	char prefix[SP_NFLOG_PREFIX_MAX]; /* of the rule; cut if it is longer */
	const uint8_t *bytes;             /* from the IP header on, as many as were asked for */
	size_t len;
};

/* Listen to @group, @bytes_max of each packet. Returns 0; -EPERM or -EBUSY: another process listens
 * to it; -EINVAL: the kernel lacks nfnetlink_log; -errno. */
int sp_nflog_open(uint16_t group, uint32_t bytes_max, struct sp_nflog **ret_nflog);
void sp_nflog_close(struct sp_nflog *nflog);
SP_DEFINE_CLEANUP(struct sp_nflog *, sp_nflog_close);
int sp_nflog_get_fd(const struct sp_nflog *nflog); /* polls readable */

/* Give @take what waits, of at most @max datagrams, without blocking. Returns 0; -errno. */
int sp_nflog_take(struct sp_nflog *nflog, int max,
		  void (*take)(void *arg, const struct sp_nflog_packet *packet), void *arg);
/* How often the socket had no room for packets. */
uint64_t sp_nflog_losses(const struct sp_nflog *nflog);

/* The packet in one netlink message of @len bytes, aligned for a header; it points into @message.
 * Returns 0; -EBADMSG: it is none of a packet, or has none. */
int sp_nflog_parse(const void *message, size_t len, struct sp_nflog_packet *ret_packet);

#endif
