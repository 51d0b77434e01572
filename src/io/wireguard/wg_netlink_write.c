/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A change to a device, in messages of bounded length. */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "io/wireguard/wg_netlink_message.h"
#include "net/addr.h"

struct writer {
	const char *ifname;
	uint16_t family;
	char *bytes;
	size_t max;
	struct nlmsghdr *message; /* NULL: none begun */
	struct nlattr *peers;     /* the open list of peers in it; NULL: none */
	sp_wg_netlink_emit_fn emit;
	void *arg;
};

static void begin(struct writer *writer)
{
	struct genlmsghdr *genl;

	writer->message = mnl_nlmsg_put_header(writer->bytes);
	writer->message->nlmsg_type = writer->family;
	writer->message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	genl = mnl_nlmsg_put_extra_header(writer->message, sizeof(*genl));
	genl->cmd = WG_CMD_SET_DEVICE;
	genl->version = WG_GENL_VERSION;
	mnl_attr_put_strz(writer->message, WGDEVICE_A_IFNAME, writer->ifname);
	writer->peers = NULL;
}

static int flush(struct writer *writer)
{
	int r;

	if (!writer->message)
		return 0;
	if (writer->peers)
		mnl_attr_nest_end(writer->message, writer->peers);
	r = writer->emit(writer->arg, writer->message);
	writer->message = NULL;
	writer->peers = NULL;
	sp_wipe(writer->bytes, writer->max);
	return r;
}

/* ---- a peer ---- */

static bool put_endpoint(struct writer *writer, const struct sp_wg_peer *peer, uint32_t scope)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(peer->endpoint_port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(peer->endpoint_port),
				   .sin6_scope_id = scope };

	if (sp_addr_is_v4(&peer->endpoint)) {
		memcpy(&v4.sin_addr, &peer->endpoint.b[12], 4);
		return mnl_attr_put_check(writer->message, writer->max, WGPEER_A_ENDPOINT,
					  sizeof(v4), &v4);
	}
	memcpy(&v6.sin6_addr, peer->endpoint.b, 16);
	return mnl_attr_put_check(writer->message, writer->max, WGPEER_A_ENDPOINT, sizeof(v6), &v6);
}

/* Find the interface of a link-local endpoint by number or name. Returns 0; -EINVAL there is no
 * such interface. */
static int find_scope(const char *text, uint32_t *ret_scope)
{
	unsigned long number;
	char *end;

	*ret_scope = 0;
	if (!*text)
		return 0;
	number = strtoul(text, &end, 10);
	*ret_scope = *end || number > UINT32_MAX ? if_nametoindex(text) : (uint32_t)number;
	return *ret_scope ? 0 : -EINVAL;
}

static uint32_t flags_of(enum sp_wg_peer_mode mode)
{
	switch (mode) {
	case SP_WG_REMOVE:
		return WGPEER_F_REMOVE_ME;
	case SP_WG_UPDATE:
		return WGPEER_F_UPDATE_ONLY | WGPEER_F_REPLACE_ALLOWEDIPS;
	default:
		return WGPEER_F_REPLACE_ALLOWEDIPS;
	}
}

/* Write everything of a peer except its addresses, and leave its attribute open. Returns NULL: no
 * room. */
static struct nlattr *put_peer_head(struct writer *writer, const struct sp_wg_peer_change *change,
				    uint32_t scope)
{
	const struct sp_wg_peer *peer = change->peer;
	struct nlmsghdr *message = writer->message;
	const size_t max = writer->max;
	struct nlattr *nest = mnl_attr_nest_start_check(message, max, 0);

	if (!nest)
		return NULL;
	if (mnl_attr_put_check(message, max, WGPEER_A_PUBLIC_KEY, SP_WG_KEY_LEN,
			       peer->public_key.bytes) &&
	    mnl_attr_put_u32_check(message, max, WGPEER_A_FLAGS, flags_of(change->mode)) &&
	    (change->mode == SP_WG_REMOVE ||
	     (mnl_attr_put_check(message, max, WGPEER_A_PRESHARED_KEY, SP_WG_KEY_LEN,
				 peer->preshared_key.bytes) &&
	      mnl_attr_put_u16_check(message, max, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
				     peer->keepalive_s) &&
	      (!peer->has_endpoint || put_endpoint(writer, peer, scope)))))
		return nest;
	mnl_attr_nest_cancel(message, nest);
	return NULL;
}

/* Write the peer once more, for the addresses that found no room behind its head. */
static struct nlattr *put_peer_again(struct writer *writer, const struct sp_wg_peer_change *change)
{
	struct nlattr *nest = mnl_attr_nest_start(writer->message, 0);

	mnl_attr_put(writer->message, WGPEER_A_PUBLIC_KEY, SP_WG_KEY_LEN,
		     change->peer->public_key.bytes);
	if (change->mode == SP_WG_UPDATE)
		mnl_attr_put_u32(writer->message, WGPEER_A_FLAGS, WGPEER_F_UPDATE_ONLY);
	return nest;
}

static bool put_allowed(struct writer *writer, const struct sp_prefix *prefix)
{
	struct nlmsghdr *message = writer->message;
	const size_t max = writer->max;
	struct nlattr *nest = mnl_attr_nest_start_check(message, max, 0);
	struct sp_addr addr;
	bool is_v4, fits;

	if (!nest)
		return false;
	memcpy(addr.b, prefix->addr, sizeof(addr.b));
	is_v4 = prefix->prefix_len >= 96 && sp_addr_is_v4(&addr);
	fits = mnl_attr_put_u16_check(message, max, WGALLOWEDIP_A_FAMILY,
				      is_v4 ? AF_INET : AF_INET6) &&
	       mnl_attr_put_check(message, max, WGALLOWEDIP_A_IPADDR, is_v4 ? 4 : 16,
				  is_v4 ? &addr.b[12] : addr.b) &&
	       mnl_attr_put_u8_check(message, max, WGALLOWEDIP_A_CIDR_MASK,
				     (uint8_t)(prefix->prefix_len - (is_v4 ? 96 : 0)));
	if (fits)
		mnl_attr_nest_end(message, nest);
	else
		mnl_attr_nest_cancel(message, nest);
	return fits;
}

/* Write as many addresses as find room, from @at on. Returns the first that did not. */
static size_t put_allowed_from(struct writer *writer, const struct sp_wg_peer *peer, size_t at)
{
	struct nlattr *list =
		mnl_attr_nest_start_check(writer->message, writer->max, WGPEER_A_ALLOWEDIPS);

	if (!list)
		return at;
	while (at < peer->allowed_ip_count && put_allowed(writer, &peer->allowed_ips[at]))
		at++;
	mnl_attr_nest_end(writer->message, list);
	return at;
}

/* Begin a message with an open list of peers. */
static int open_list(struct writer *writer)
{
	if (!writer->message)
		begin(writer);
	if (!writer->peers)
		writer->peers =
			mnl_attr_nest_start_check(writer->message, writer->max, WGDEVICE_A_PEERS);
	return writer->peers ? 0 : -EINVAL; /* the smallest message has room for it */
}

static int write_peer(struct writer *writer, const struct sp_wg_peer_change *change)
{
	const struct sp_wg_peer *peer = change->peer;
	const size_t count = change->mode == SP_WG_REMOVE ? 0 : peer->allowed_ip_count;
	struct nlattr *nest;
	uint32_t scope = 0;
	size_t at = 0;
	int r = peer->has_endpoint ? find_scope(peer->endpoint_scope, &scope) : 0;

	if (r == 0)
		r = open_list(writer);
	if (r < 0)
		return r;
	nest = put_peer_head(writer, change, scope);
	if (!nest) { /* the next message has room: even the smallest has room for a head */
		r = flush(writer);
		if (r == 0)
			r = open_list(writer);
		if (r < 0)
			return r;
		nest = put_peer_head(writer, change, scope);
		if (!nest)
			return -EINVAL;
	}
	if (count)
		at = put_allowed_from(writer, peer, 0);
	mnl_attr_nest_end(writer->message, nest);
	while (at < count) {
		r = flush(writer);
		if (r == 0)
			r = open_list(writer);
		if (r < 0)
			return r;
		nest = put_peer_again(writer, change);
		at = put_allowed_from(writer, peer, at);
		mnl_attr_nest_end(writer->message, nest);
	}
	return 0;
}

/* ---- the device ---- */

static int write_all(struct writer *writer, const struct sp_wg_change *change)
{
	int r = 0;

	if (change->private_key || change->has_listen_port)
		begin(writer);
	if (change->private_key)
		mnl_attr_put(writer->message, WGDEVICE_A_PRIVATE_KEY, SP_WG_KEY_LEN,
			     change->private_key->bytes);
	if (change->has_listen_port)
		mnl_attr_put_u16(writer->message, WGDEVICE_A_LISTEN_PORT, change->listen_port);
	for (size_t i = 0; i < change->peer_count && r == 0; i++)
		r = write_peer(writer, &change->peers[i]);
	return r < 0 ? r : flush(writer);
}

int sp_wg_netlink_write(const char *ifname, uint16_t family, const struct sp_wg_change *change,
			size_t message_max, sp_wg_netlink_emit_fn emit, void *arg)
{
	struct writer writer = {
		.ifname = ifname,
		.family = family,
		.max = message_max,
		.emit = emit,
		.arg = arg,
	};
	int r;

	if (!*ifname || strlen(ifname) >= IFNAMSIZ || message_max < SP_WG_NETLINK_MESSAGE_MIN ||
	    message_max > SP_WG_NETLINK_MESSAGE_MAX)
		return -EINVAL;
	writer.bytes = calloc(1, message_max);
	if (!writer.bytes)
		return -ENOMEM;
	r = write_all(&writer, change);
	sp_wipe(writer.bytes, message_max);
	free(writer.bytes);
	return r;
}
