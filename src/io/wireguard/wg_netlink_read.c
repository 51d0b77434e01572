/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A dump of a device, message by message. */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "io/wireguard/wg_netlink_message.h"
#include "net/addr.h"

void sp_wg_netlink_reader_done(struct sp_wg_netlink_reader *reader)
{
	sp_wg_device_done(&reader->device);
	reader->room = 0;
}

/* ---- attributes ---- */

/* Called for each attribute of a list. Returns 0 or -errno. */
typedef int (*take_fn)(void *to, const struct nlattr *attr);

/* Call @take for each attribute of a list. libmnl silently stops at an attribute that does not fit
 * its list. Here that is an error, because what follows would be missing. */
static int for_each(const void *list, size_t len, take_fn take, void *to)
{
	const char *at = list;

	while (len > 0) {
		const struct nlattr *attr = (const struct nlattr *)(const void *)at;
		size_t step;
		int r;

		if (len < sizeof(*attr) || attr->nla_len < sizeof(*attr) || attr->nla_len > len)
			return -EBADMSG;
		r = take(to, attr);
		if (r < 0)
			return r;
		step = NLA_ALIGN(attr->nla_len);
		if (step >= len)
			break;
		at += step;
		len -= step;
	}
	return 0;
}

static int for_each_nested(const struct nlattr *attr, take_fn take, void *to)
{
	return for_each(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr), take, to);
}

/* Read a number, a key or a time of exactly @size bytes. */
static int read_exactly(const struct nlattr *attr, void *to, size_t size)
{
	if (mnl_attr_get_payload_len(attr) != size)
		return -EBADMSG;
	memcpy(to, mnl_attr_get_payload(attr), size);
	return 0;
}

/* ---- an allowed address ---- */

struct allowed {
	uint16_t family;
	uint8_t bytes[16], len, cidr;
	bool has_cidr;
};

static int take_allowed_part(void *to, const struct nlattr *attr)
{
	struct allowed *allowed = to;
	const uint16_t len = mnl_attr_get_payload_len(attr);

	switch (mnl_attr_get_type(attr)) {
	case WGALLOWEDIP_A_FAMILY:
		return read_exactly(attr, &allowed->family, sizeof(allowed->family));
	case WGALLOWEDIP_A_IPADDR:
		if (len > sizeof(allowed->bytes))
			return -EBADMSG;
		allowed->len = (uint8_t)len;
		return read_exactly(attr, allowed->bytes, len);
	case WGALLOWEDIP_A_CIDR_MASK:
		allowed->has_cidr = true;
		return read_exactly(attr, &allowed->cidr, sizeof(allowed->cidr));
	default:
		return 0;
	}
}

static int take_allowed(void *to, const struct nlattr *attr)
{
	struct sp_wg_peer *peer = to;
	struct allowed allowed = { 0 };
	struct sp_prefix prefix, *added;
	struct sp_addr addr;
	int r = for_each_nested(attr, take_allowed_part, &allowed);

	if (r < 0)
		return r;
	if (allowed.family == AF_INET && allowed.len == 4 && allowed.cidr <= 32)
		addr = sp_addr_from_v4(allowed.bytes);
	else if (allowed.family == AF_INET6 && allowed.len == 16 && allowed.cidr <= 128)
		memcpy(addr.b, allowed.bytes, sizeof(addr.b));
	else
		return -EBADMSG;
	if (!allowed.has_cidr)
		return -EBADMSG;
	prefix.prefix_len = allowed.cidr + (allowed.family == AF_INET ? 96u : 0u);
	memcpy(prefix.addr, addr.b, sizeof(prefix.addr));
	sp_prefix_mask(&prefix);
	added = SP_ARRAY_PUSH(peer->allowed_ips, peer->allowed_ip_count);
	if (!added)
		return -ENOMEM;
	*added = prefix;
	return 0;
}

/* ---- a peer ---- */

static int read_endpoint(const struct nlattr *attr, struct sp_wg_peer *peer)
{
	struct sockaddr_in6 v6 = { 0 };
	struct sockaddr_in v4 = { 0 };
	uint16_t family = 0;

	if (mnl_attr_get_payload_len(attr) >= sizeof(family))
		memcpy(&family, mnl_attr_get_payload(attr), sizeof(family));
	if (family == AF_INET && read_exactly(attr, &v4, sizeof(v4)) == 0) {
		peer->endpoint = sp_addr_from_v4((const uint8_t *)&v4.sin_addr);
		peer->endpoint_port = ntohs(v4.sin_port);
	} else if (family == AF_INET6 && read_exactly(attr, &v6, sizeof(v6)) == 0) {
		memcpy(peer->endpoint.b, &v6.sin6_addr, sizeof(peer->endpoint.b));
		peer->endpoint_port = ntohs(v6.sin6_port);
	} else {
		return -EBADMSG;
	}
	peer->endpoint_scope[0] = '\0';
	if (v6.sin6_scope_id)
		snprintf(peer->endpoint_scope, sizeof(peer->endpoint_scope), "%u",
			 v6.sin6_scope_id);
	peer->has_endpoint = true;
	return 0;
}

static int read_handshake(const struct nlattr *attr, struct sp_wg_peer *peer)
{
	int64_t time[2]; /* struct __kernel_timespec: seconds, nanoseconds */
	int r = read_exactly(attr, time, sizeof(time));

	if (r < 0)
		return r;
	if (time[0] < 0 || time[0] > INT64_MAX / 4000000000 || time[1] < 0 || time[1] > 999999999)
		return -EBADMSG;
	peer->last_handshake_ns = time[0] * 1000000000 + time[1];
	return 0;
}

static int take_peer_part(void *to, const struct nlattr *attr)
{
	struct sp_wg_peer *peer = to;

	switch (mnl_attr_get_type(attr)) {
	case WGPEER_A_PRESHARED_KEY:
		return read_exactly(attr, peer->preshared_key.bytes, SP_WG_KEY_LEN);
	case WGPEER_A_ENDPOINT:
		return read_endpoint(attr, peer);
	case WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL:
		return read_exactly(attr, &peer->keepalive_s, sizeof(peer->keepalive_s));
	case WGPEER_A_LAST_HANDSHAKE_TIME:
		return read_handshake(attr, peer);
	case WGPEER_A_RX_BYTES:
		return read_exactly(attr, &peer->rx_bytes, sizeof(peer->rx_bytes));
	case WGPEER_A_TX_BYTES:
		return read_exactly(attr, &peer->tx_bytes, sizeof(peer->tx_bytes));
	case WGPEER_A_ALLOWEDIPS:
		return for_each_nested(attr, take_allowed, peer);
	default:
		return 0;
	}
}

struct key {
	bool is_there;
	struct sp_wg_key key;
};

static int take_key(void *to, const struct nlattr *attr)
{
	struct key *key = to;

	if (mnl_attr_get_type(attr) != WGPEER_A_PUBLIC_KEY)
		return 0;
	key->is_there = true;
	return read_exactly(attr, key->key.bytes, SP_WG_KEY_LEN);
}

/* Add a peer. SP_ARRAY_PUSH would not wipe the old place, in which pre-shared keys are. */
static struct sp_wg_peer *push_peer(struct sp_wg_netlink_reader *reader)
{
	struct sp_wg_device *device = &reader->device;

	if (device->peer_count == reader->room) {
		const size_t room = reader->room ? reader->room * 2 : 16;
		struct sp_wg_peer *grown = calloc(room, sizeof(*grown));

		if (!grown)
			return NULL;
		if (device->peers) {
			memcpy(grown, device->peers, reader->room * sizeof(*grown));
			sp_wipe(device->peers, reader->room * sizeof(*grown));
		}
		free(device->peers);
		device->peers = grown;
		reader->room = room;
	}
	return &device->peers[device->peer_count++];
}

static int take_peer(void *to, const struct nlattr *attr)
{
	struct sp_wg_netlink_reader *reader = to;
	struct sp_wg_device *device = &reader->device;
	struct sp_wg_peer *peer =
		device->peer_count ? &device->peers[device->peer_count - 1] : NULL;
	struct key key = { 0 };
	int r = for_each_nested(attr, take_key, &key);

	if (r < 0)
		return r;
	if (!key.is_there)
		return -EBADMSG;
	if (!peer || memcmp(&peer->public_key, &key.key, sizeof(key.key)) != 0) {
		peer = push_peer(reader);
		if (!peer)
			return -ENOMEM;
		peer->public_key = key.key;
	}
	return for_each_nested(attr, take_peer_part, peer);
}

/* ---- the device ---- */

static int take_device_part(void *to, const struct nlattr *attr)
{
	struct sp_wg_netlink_reader *reader = to;
	struct sp_wg_device *device = &reader->device;

	switch (mnl_attr_get_type(attr)) {
	case WGDEVICE_A_PRIVATE_KEY:
		device->has_private_key = true;
		return read_exactly(attr, device->private_key.bytes, SP_WG_KEY_LEN);
	case WGDEVICE_A_LISTEN_PORT:
		return read_exactly(attr, &device->listen_port, sizeof(device->listen_port));
	case WGDEVICE_A_FWMARK:
		return read_exactly(attr, &device->fwmark, sizeof(device->fwmark));
	case WGDEVICE_A_PEERS:
		return for_each_nested(attr, take_peer, reader);
	default:
		return 0;
	}
}

int sp_wg_netlink_read(struct sp_wg_netlink_reader *reader, const struct nlmsghdr *message)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(message);
	const size_t len = mnl_nlmsg_get_payload_len(message);

	if (message->nlmsg_type != reader->family || len < sizeof(*genl) ||
	    genl->cmd != WG_CMD_GET_DEVICE)
		return -EBADMSG;
	return for_each(genl + 1, len - sizeof(*genl), take_device_part, reader);
}

int sp_wg_netlink_read_end(struct sp_wg_netlink_reader *reader, struct sp_wg_device *ret_device)
{
	int r = sp_wg_device_check_unique(&reader->device);

	if (r < 0)
		return r;
	*ret_device = reader->device;
	reader->device = (struct sp_wg_device){ 0 };
	reader->room = 0;
	return 0;
}
