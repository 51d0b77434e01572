/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as the kernel's dump of a WireGuard device: no crash, no leak, and what is taken can be told
 * the kernel again, in messages of any length, and reads the same. The input is messages, each behind its
 * length in two bytes. */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <stdlib.h>
#include <string.h>

#include "io/wireguard/wg_netlink_message.h"
#include "net/addr.h"

#define FAMILY 0x1e

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* From a place of its own, so that a read beyond its end is seen. */
static int read_message(struct sp_wg_netlink_reader *reader, const uint8_t *payload, size_t len)
{
	struct nlmsghdr *message = calloc(1, sizeof(*message) + len);
	int r;

	check(message);
	message->nlmsg_len = (uint32_t)(sizeof(*message) + len);
	message->nlmsg_type = FAMILY;
	if (len)
		memcpy(message + 1, payload, len);
	r = sp_wg_netlink_read(reader, message);
	check(r == 0 || r == -EBADMSG);
	free(message);
	return r;
}

struct back {
	struct sp_wg_netlink_reader reader;
	size_t bound;
};

static int take_back(void *arg, struct nlmsghdr *message)
{
	struct back *back = arg;
	struct genlmsghdr *genl = mnl_nlmsg_get_payload(message);

	check(message->nlmsg_len <= back->bound && genl->cmd == WG_CMD_SET_DEVICE);
	genl->cmd = WG_CMD_GET_DEVICE;
	check(sp_wg_netlink_read(&back->reader, message) == 0);
	return 0;
}

static void check_same(const struct sp_wg_peer *a, const struct sp_wg_peer *b)
{
	check(!memcmp(&a->public_key, &b->public_key, sizeof(a->public_key)));
	check(!memcmp(&a->preshared_key, &b->preshared_key, sizeof(a->preshared_key)));
	check(a->keepalive_s == b->keepalive_s && a->has_endpoint == b->has_endpoint);
	if (a->has_endpoint)
		check(!memcmp(&a->endpoint, &b->endpoint, sizeof(a->endpoint)) &&
		      a->endpoint_port == b->endpoint_port &&
		      (sp_addr_is_v4(&a->endpoint) ||
		       !strcmp(a->endpoint_scope, b->endpoint_scope)));
	check(a->allowed_ip_count == b->allowed_ip_count);
	for (size_t i = 0; i < a->allowed_ip_count; i++) {
		struct sp_prefix masked = a->allowed_ips[i];

		sp_prefix_mask(&masked);
		check(masked.prefix_len <= 128 &&
		      !memcmp(&masked, &a->allowed_ips[i], sizeof(masked)));
		check(!memcmp(&masked, &b->allowed_ips[i], sizeof(masked)));
	}
}

static void check_round_trip(const struct sp_wg_device *device, size_t bound)
{
	__sp_wg_change struct sp_wg_change change = { 0 };
	__sp_wg_device struct sp_wg_device again = { 0 };
	struct back back = { .reader = { .family = FAMILY }, .bound = bound };

	for (size_t i = 0; i < device->peer_count; i++)
		check(sp_wg_change_peer(&change, &device->peers[i], SP_WG_PUT) == 0);
	check(sp_wg_netlink_write("vpn0", FAMILY, &change, bound, take_back, &back) == 0);
	check(sp_wg_netlink_read_end(&back.reader, &again) == 0);
	check(again.peer_count == device->peer_count);
	for (size_t i = 0; i < device->peer_count; i++)
		check_same(&device->peers[i], &again.peers[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	__sp_wg_netlink_reader struct sp_wg_netlink_reader reader = { .family = FAMILY };
	__sp_wg_device struct sp_wg_device device = { 0 };
	const size_t bound = SP_WG_NETLINK_MESSAGE_MIN + (size ? data[size - 1] * 37u : 0);

	while (size >= 2) {
		size_t len = (size_t)data[0] | (size_t)data[1] << 8;

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		if (read_message(&reader, data, len) < 0)
			return 0;
		data += len;
		size -= len;
	}
	if (sp_wg_netlink_read_end(&reader, &device) < 0)
		return 0;
	for (size_t i = 0; i < device.peer_count; i++)
		check(device.peers[i].last_handshake_ns >= 0 &&
		      memchr(device.peers[i].endpoint_scope, '\0',
			     sizeof(device.peers[i].endpoint_scope)));
	check_round_trip(&device, bound);
	return 0;
}
