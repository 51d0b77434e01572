/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The messages of the kernel's generic netlink family "wireguard": WG_CMD_GET_DEVICE's answers
 * read, WG_CMD_SET_DEVICE's requests made. No socket here; wg_netlink.c is the one to call.
 *
 * A device with many peers is told in several messages, and a peer with many addresses in several
 * peers of the same key, one behind the other: both are put together again, and made alike.
 * Source: linux/wireguard.h; drivers/net/wireguard/netlink.c.
 */
#ifndef SALLYPORT_IO_WG_NETLINK_MESSAGE_H
#define SALLYPORT_IO_WG_NETLINK_MESSAGE_H

#include <libmnl/libmnl.h>

#include "base/cleanup.h"
#include "io/wireguard/wg_device.h"

/* ---- answers ---- */

struct sp_wg_netlink_reader {
	uint16_t family; /* the caller's: what the family "wireguard" is numbered */
	struct sp_wg_device device;
	size_t room; /* for peers */
};

void sp_wg_netlink_reader_done(struct sp_wg_netlink_reader *reader); /* wipes every key */
#define __sp_wg_netlink_reader __sp_cleanup(sp_wg_netlink_reader_done)

/* Take one message of the dump. Attributes it does not know are skipped.
 * Returns 0; -EBADMSG another family's or command's, an attribute that is cut off or has the wrong
 * length, a peer without key, an address of no known family or with too long a prefix; -ENOMEM. */
int sp_wg_netlink_read(struct sp_wg_netlink_reader *reader, const struct nlmsghdr *message);
/* Hand the device over. Returns 0; -EBADMSG two peers that are not neighbours have one key;
 * -ENOMEM. */
int sp_wg_netlink_read_end(struct sp_wg_netlink_reader *reader, struct sp_wg_device *ret_device);

/* ---- requests ---- */

#define SP_WG_NETLINK_MESSAGE_MIN 512u
#define SP_WG_NETLINK_MESSAGE_MAX 65000u /* an attribute counts its bytes in 16 bits */

/* Called for each message, which is wiped behind it. Returns 0, or -errno, which ends the
 * making. */
typedef int (*sp_wg_netlink_emit_fn)(void *arg, struct nlmsghdr *message);

/* Make the requests that carry out @change, none longer than @message_max; the kernel acknowledges
 * each. Returns 0; -EINVAL a bad name or scope; -ENOMEM; @emit's. */
int sp_wg_netlink_write(const char *ifname, uint16_t family, const struct sp_wg_change *change,
			size_t message_max, sp_wg_netlink_emit_fn emit, void *arg);

#endif
