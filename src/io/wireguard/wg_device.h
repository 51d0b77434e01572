/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A WireGuard device as one asks for it and changes it, whichever way it is asked: over the
 * userspace API (uapi.h) or, where the kernel is the engine, over its generic netlink family
 * (wg_netlink.h).
 */
#ifndef SALLYPORT_IO_WG_DEVICE_H
#define SALLYPORT_IO_WG_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/abi/tables.h>

#include "base/cleanup.h"
#include "io/wireguard/wg_key.h"

struct sp_wg_peer {
	struct sp_wg_key public_key;
	struct sp_wg_key preshared_key; /* zero: none */
	bool has_endpoint;
	struct sp_addr endpoint;
	uint16_t endpoint_port;        /* host order */
	char endpoint_scope[16];       /* interface of a link-local IPv6 endpoint, else "" */
	uint16_t keepalive_s;          /* 0: off */
	struct sp_prefix *allowed_ips; /* host bits clear */
	size_t allowed_ip_count;
	/* Only told by the engine: */
	int64_t last_handshake_ns; /* UTC; 0: never */
	uint64_t rx_bytes, tx_bytes;
};

struct sp_wg_device {
	bool has_private_key;
	struct sp_wg_key private_key;
	uint16_t listen_port; /* host order; 0: none yet */
	uint32_t fwmark;
	struct sp_wg_peer *peers;
	size_t peer_count;
};

void sp_wg_peer_done(struct sp_wg_peer *peer);       /* frees, and wipes its key */
void sp_wg_device_done(struct sp_wg_device *device); /* frees, and wipes every key */
#define __sp_wg_device __sp_cleanup(sp_wg_device_done)

/* Returns 0; -EBADMSG two peers have one key; -ENOMEM. */
int sp_wg_device_check_unique(const struct sp_wg_device *device);

/* ---- a change to one ---- */

enum sp_wg_peer_mode {
	SP_WG_PUT,    /* add, or set an existing one: exactly these allowed addresses */
	SP_WG_UPDATE, /* as PUT, but only if the engine has it */
	SP_WG_REMOVE, /* nothing happens if the engine lacks it */
};

struct sp_wg_peer_change {
	const struct sp_wg_peer *peer; /* borrowed */
	enum sp_wg_peer_mode mode;
};

/* What an engine is to do, in this order. Peers not named stay as they are. */
struct sp_wg_change {
	const struct sp_wg_key *private_key; /* borrowed; NULL: as it is */
	bool has_listen_port;
	uint16_t listen_port;
	struct sp_wg_peer_change *peers;
	size_t peer_count;
};

/* Returns 0; -ENOMEM, the change as it was. */
int sp_wg_change_peer(struct sp_wg_change *change, const struct sp_wg_peer *peer,
		      enum sp_wg_peer_mode mode);
void sp_wg_change_done(struct sp_wg_change *change); /* not what it borrows */
#define __sp_wg_change __sp_cleanup(sp_wg_change_done)

#endif
