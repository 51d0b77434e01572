/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel's WireGuard messages, on bytes made by hand: no kernel is asked. */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "io/wireguard/wg_netlink_message.h"
#include "net/addr.h"

#define FAMILY 0x1e

/* ---- an answer in the making: attributes as the kernel lays them out ---- */

struct answer {
	union {
		uint8_t bytes[65536];
		struct nlmsghdr header;
	};
	size_t len;
};

static struct answer answer;

static void put_bytes(const void *bytes, size_t len)
{
	assert_true(answer.len + len + 4 < sizeof(answer.bytes));
	memcpy(answer.bytes + answer.len, bytes, len);
	answer.len += len;
	while (answer.len % 4)
		answer.bytes[answer.len++] = 0;
	answer.header.nlmsg_len = (uint32_t)answer.len;
}

static void begin(uint16_t family, uint8_t cmd)
{
	const uint8_t genl[4] = { cmd, 1, 0, 0 };

	memset(&answer, 0, 512);
	answer.len = sizeof(struct nlmsghdr);
	answer.header.nlmsg_type = family;
	answer.header.nlmsg_flags = NLM_F_MULTI;
	put_bytes(genl, sizeof(genl));
}

static void put(uint16_t type, const void *value, size_t len)
{
	const uint16_t head[2] = { (uint16_t)(4 + len), type };

	put_bytes(head, sizeof(head));
	if (len)
		put_bytes(value, len);
}

static size_t open_nest(uint16_t type)
{
	const size_t at = answer.len;

	put(type | NLA_F_NESTED, NULL, 0);
	return at;
}

static void close_nest(size_t at)
{
	const uint16_t len = (uint16_t)(answer.len - at);

	memcpy(answer.bytes + at, &len, sizeof(len));
}

static void put_number(uint16_t type, uint64_t value, size_t size)
{
	put(type, &value, size); /* little-endian machines alone */
}

static void put_key(uint16_t type, uint8_t byte)
{
	uint8_t key[32];

	memset(key, byte, sizeof(key));
	put(type, key, sizeof(key));
}

static void put_allowed(uint16_t family, const char *bytes, size_t len, uint8_t cidr)
{
	size_t nest = open_nest(0);

	put_number(WGALLOWEDIP_A_CIDR_MASK, cidr, 1);
	put_number(WGALLOWEDIP_A_FAMILY, family, 2);
	put(WGALLOWEDIP_A_IPADDR, bytes, len);
	close_nest(nest);
}

static int read_answer(struct sp_wg_netlink_reader *reader)
{
	/* a place of its own and no longer: a sanitizer sees what reads beyond it */
	void *exact = malloc(answer.header.nlmsg_len);
	int r;

	assert_non_null(exact);
	memcpy(exact, answer.bytes, answer.header.nlmsg_len);
	r = sp_wg_netlink_read(reader, exact);
	free(exact);
	return r;
}

/* ---- reading ---- */

static void put_whole_device(void)
{
	const int64_t handshake[2] = { 1795230600, 123456789 };
	struct sockaddr_in6 endpoint = { .sin6_family = AF_INET6,
					 .sin6_port = htons(40000),
					 .sin6_scope_id = 7 };
	size_t peers, peer, allowed;

	endpoint.sin6_addr.s6_addr[0] = 0xfe;
	endpoint.sin6_addr.s6_addr[1] = 0x80;
	endpoint.sin6_addr.s6_addr[15] = 9;
	begin(FAMILY, WG_CMD_GET_DEVICE);
	put_number(WGDEVICE_A_LISTEN_PORT, 51820, 2);
	put_number(WGDEVICE_A_FWMARK, 0xfffffffe, 4);
	put_number(WGDEVICE_A_IFINDEX, 3, 4);
	put(WGDEVICE_A_IFNAME, "vpn0", 5);
	put(99, "of a later kernel", 18);
	put_key(WGDEVICE_A_PRIVATE_KEY, 0xa1);
	put_key(WGDEVICE_A_PUBLIC_KEY, 0xa2);
	peers = open_nest(WGDEVICE_A_PEERS);
	peer = open_nest(0);
	put_key(WGPEER_A_PUBLIC_KEY, 0xb1);
	put_key(WGPEER_A_PRESHARED_KEY, 0xb2);
	put(WGPEER_A_LAST_HANDSHAKE_TIME, handshake, sizeof(handshake));
	put_number(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 25, 2);
	put_number(WGPEER_A_TX_BYTES, UINT64_MAX, 8);
	put_number(WGPEER_A_RX_BYTES, 7, 8);
	put_number(WGPEER_A_PROTOCOL_VERSION, 1, 4);
	put(77, NULL, 0);
	put(WGPEER_A_ENDPOINT, &endpoint, sizeof(endpoint));
	allowed = open_nest(WGPEER_A_ALLOWEDIPS);
	put_allowed(AF_INET, "\x64\x40\x00\x07", 4, 32);
	put_allowed(AF_INET6, "\xfd\x00\x00\x64\0\0\0\0\0\0\0\0\0\0\0\x07", 16, 128);
	close_nest(allowed);
	close_nest(peer);
	close_nest(peers);
}

static void whole_device_is_read(void **state)
{
	__sp_wg_netlink_reader struct sp_wg_netlink_reader reader = { .family = FAMILY };
	__sp_wg_device struct sp_wg_device device = { 0 };
	const struct sp_wg_peer *peer;
	char text[SP_PREFIX_TEXT_MAX];

	(void)state;
	put_whole_device();
	assert_int_equal(read_answer(&reader), 0);
	assert_int_equal(sp_wg_netlink_read_end(&reader, &device), 0);
	assert_true(device.has_private_key);
	assert_int_equal(device.private_key.bytes[31], 0xa1);
	assert_int_equal(device.listen_port, 51820);
	assert_true(device.fwmark == 0xfffffffe);
	assert_int_equal(device.peer_count, 1);
	peer = &device.peers[0];
	assert_int_equal(peer->public_key.bytes[0], 0xb1);
	assert_int_equal(peer->preshared_key.bytes[31], 0xb2);
	assert_true(peer->last_handshake_ns == 1795230600123456789);
	assert_int_equal(peer->keepalive_s, 25);
	assert_true(peer->tx_bytes == UINT64_MAX && peer->rx_bytes == 7);
	assert_true(peer->has_endpoint);
	assert_int_equal(peer->endpoint_port, 40000);
	assert_string_equal(sp_addr_format(&peer->endpoint, text), "fe80::9");
	assert_string_equal(peer->endpoint_scope, "7");
	assert_int_equal(peer->allowed_ip_count, 2);
	assert_string_equal(sp_prefix_format(&peer->allowed_ips[0], text), "100.64.0.7/32");
	assert_string_equal(sp_prefix_format(&peer->allowed_ips[1], text), "fd00:64::7/128");
}

static void device_without_key_and_peers_is_read(void **state)
{
	__sp_wg_netlink_reader struct sp_wg_netlink_reader reader = { .family = FAMILY };
	__sp_wg_device struct sp_wg_device device = { 0 };

	(void)state;
	begin(FAMILY, WG_CMD_GET_DEVICE);
	put_number(WGDEVICE_A_LISTEN_PORT, 0, 2);
	assert_int_equal(read_answer(&reader), 0);
	assert_int_equal(sp_wg_netlink_read_end(&reader, &device), 0);
	assert_false(device.has_private_key);
	assert_int_equal(device.peer_count, 0);
}

/* One peer in a message, with @count addresses from 10.0.@from.0/24 on. */
static void put_peer_message(uint8_t key, unsigned int from, unsigned int count, bool is_first)
{
	size_t peers, peer, allowed;

	begin(FAMILY, WG_CMD_GET_DEVICE);
	put(WGDEVICE_A_IFNAME, "vpn0", 5);
	peers = open_nest(WGDEVICE_A_PEERS);
	peer = open_nest(0);
	put_key(WGPEER_A_PUBLIC_KEY, key);
	if (is_first) {
		put_key(WGPEER_A_PRESHARED_KEY, 0xcc);
		put_number(WGPEER_A_RX_BYTES, 5, 8);
	}
	allowed = open_nest(WGPEER_A_ALLOWEDIPS);
	for (unsigned int i = from; i < from + count; i++)
		put_allowed(AF_INET, (const char[]){ 10, 0, (char)i, 0 }, 4, 24);
	close_nest(allowed);
	close_nest(peer);
	close_nest(peers);
}

static void peer_told_in_pieces_is_one_peer(void **state)
{
	__sp_wg_netlink_reader struct sp_wg_netlink_reader reader = { .family = FAMILY };
	__sp_wg_device struct sp_wg_device device = { 0 };
	char text[SP_PREFIX_TEXT_MAX];

	(void)state;
	put_peer_message(1, 0, 3, true);
	assert_int_equal(read_answer(&reader), 0);
	put_peer_message(1, 3, 2, false);
	assert_int_equal(read_answer(&reader), 0);
	put_peer_message(2, 5, 1, true);
	assert_int_equal(read_answer(&reader), 0);
	assert_int_equal(sp_wg_netlink_read_end(&reader, &device), 0);
	assert_int_equal(device.peer_count, 2);
	assert_int_equal(device.peers[0].allowed_ip_count, 5);
	assert_int_equal(device.peers[0].preshared_key.bytes[0], 0xcc);
	assert_int_equal(device.peers[0].rx_bytes, 5);
	assert_string_equal(sp_prefix_format(&device.peers[0].allowed_ips[4], text), "10.0.4.0/24");
	assert_int_equal(device.peers[1].allowed_ip_count, 1);
}

static void many_peers_in_many_messages_are_read(void **state)
{
	__sp_wg_netlink_reader struct sp_wg_netlink_reader reader = { .family = FAMILY };
	__sp_wg_device struct sp_wg_device device = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 200; i++) {
		put_peer_message((uint8_t)(i + 1), 0, 1, true);
		assert_int_equal(read_answer(&reader), 0);
	}
	assert_int_equal(sp_wg_netlink_read_end(&reader, &device), 0);
	assert_int_equal(device.peer_count, 200);
	for (unsigned int i = 0; i < 200; i++) {
		assert_int_equal(device.peers[i].public_key.bytes[5], i + 1);
		assert_int_equal(device.peers[i].preshared_key.bytes[5], 0xcc);
	}
}

static void peer_that_comes_back_later_is_refused(void **state)
{
	__sp_wg_netlink_reader struct sp_wg_netlink_reader reader = { .family = FAMILY };
	struct sp_wg_device device = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		put_peer_message(i == 1 ? 2 : 1, i, 1, true);
		assert_int_equal(read_answer(&reader), 0);
	}
	assert_int_equal(sp_wg_netlink_read_end(&reader, &device), -EBADMSG);
	assert_null(device.peers);
}

static void messages_of_others_are_refused(void **state)
{
	__sp_wg_netlink_reader struct sp_wg_netlink_reader reader = { .family = FAMILY };

	(void)state;
	begin(FAMILY + 1, WG_CMD_GET_DEVICE);
	assert_int_equal(read_answer(&reader), -EBADMSG);
	begin(FAMILY, WG_CMD_SET_DEVICE);
	assert_int_equal(read_answer(&reader), -EBADMSG);
	begin(FAMILY, WG_CMD_GET_DEVICE);
	answer.header.nlmsg_len = sizeof(struct nlmsghdr) + 2;
	assert_int_equal(read_answer(&reader), -EBADMSG);
}

/* Cut anywhere, it is read as less or refused, and never further than its end. */
static void cut_answer_is_never_read_beyond(void **state)
{
	size_t whole, refused = 0;

	(void)state;
	put_whole_device();
	whole = answer.len;
	for (size_t len = sizeof(struct nlmsghdr); len < whole; len++) {
		__sp_wg_netlink_reader struct sp_wg_netlink_reader reader = { .family = FAMILY };

		answer.header.nlmsg_len = (uint32_t)len;
		refused += read_answer(&reader) == -EBADMSG;
		assert_true(reader.device.peer_count <= 1);
	}
	assert_true(refused > whole * 9 / 10);
}

/* An attribute whose length lies: too short for a head, longer than what holds it. */
static void lying_lengths_are_refused(void **state)
{
	static const uint16_t lengths[] = { 0, 3, 0xffff };

	(void)state;
	put_whole_device();
	for (size_t at = sizeof(struct nlmsghdr) + 4; at < 200; at += 4) {
		uint16_t was;

		memcpy(&was, answer.bytes + at, sizeof(was));
		for (size_t i = 0; i < SP_ARRAY_LEN(lengths); i++) {
			__sp_wg_netlink_reader struct sp_wg_netlink_reader reader = {
				.family = FAMILY
			};

			memcpy(answer.bytes + at, &lengths[i], sizeof(was));
			(void)read_answer(&reader);
			if (at == sizeof(struct nlmsghdr) + 4) /* the first: the listen port */
				assert_int_equal(read_answer(&reader), -EBADMSG);
		}
		memcpy(answer.bytes + at, &was, sizeof(was));
	}
}

struct bad {
	const char *what;
	uint16_t type;
	const void *value;
	size_t len;
};

static void wrong_device_attributes_are_refused(void **state)
{
	static const struct bad rows[] = {
		{ "port of one byte", WGDEVICE_A_LISTEN_PORT, "\x01", 1 },
		{ "port of four", WGDEVICE_A_LISTEN_PORT, "\x01\0\0\0", 4 },
		{ "mark of two", WGDEVICE_A_FWMARK, "\x01\0", 2 },
		{ "short key", WGDEVICE_A_PRIVATE_KEY, "0123456789012345678901234567890", 31 },
		{ "long key", WGDEVICE_A_PRIVATE_KEY, "012345678901234567890123456789012", 33 },
		{ "peer list of three bytes", WGDEVICE_A_PEERS, "abc", 3 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		__sp_wg_netlink_reader struct sp_wg_netlink_reader reader = { .family = FAMILY };

		begin(FAMILY, WG_CMD_GET_DEVICE);
		put(rows[i].type, rows[i].value, rows[i].len);
		if (read_answer(&reader) != -EBADMSG)
			fail_msg("taken: %s", rows[i].what);
	}
}

static void wrong_peer_attributes_are_refused(void **state)
{
	static const struct sockaddr_in unknown = { .sin_family = AF_UNIX };
	static const struct sockaddr_in v4 = { .sin_family = AF_INET };
	static const int64_t before[2] = { -1, 0 }, odd[2] = { 1, 1000000000 },
			     late[2] = { INT64_MAX, 0 };
	static const struct bad rows[] = {
		{ "short pre-shared key", WGPEER_A_PRESHARED_KEY, "x", 1 },
		{ "endpoint of no family", WGPEER_A_ENDPOINT, "x", 1 },
		{ "endpoint of another family", WGPEER_A_ENDPOINT, &unknown, sizeof(unknown) },
		{ "cut endpoint", WGPEER_A_ENDPOINT, &v4, 8 },
		{ "keepalive of one byte", WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, "x", 1 },
		{ "handshake before 1970", WGPEER_A_LAST_HANDSHAKE_TIME, before, 16 },
		{ "too many nanoseconds", WGPEER_A_LAST_HANDSHAKE_TIME, odd, 16 },
		{ "handshake past all numbers", WGPEER_A_LAST_HANDSHAKE_TIME, late, 16 },
		{ "handshake of seconds", WGPEER_A_LAST_HANDSHAKE_TIME, odd, 8 },
		{ "count of four bytes", WGPEER_A_RX_BYTES, "abcd", 4 },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		__sp_wg_netlink_reader struct sp_wg_netlink_reader reader = { .family = FAMILY };
		size_t peers, peer;

		begin(FAMILY, WG_CMD_GET_DEVICE);
		peers = open_nest(WGDEVICE_A_PEERS);
		peer = open_nest(0);
		put_key(WGPEER_A_PUBLIC_KEY, 1);
		put(rows[i].type, rows[i].value, rows[i].len);
		close_nest(peer);
		close_nest(peers);
		if (read_answer(&reader) != -EBADMSG)
			fail_msg("taken: %s", rows[i].what);
	}
}

static void peer_without_key_is_refused(void **state)
{
	__sp_wg_netlink_reader struct sp_wg_netlink_reader reader = { .family = FAMILY };
	size_t peers, peer;

	(void)state;
	begin(FAMILY, WG_CMD_GET_DEVICE);
	peers = open_nest(WGDEVICE_A_PEERS);
	peer = open_nest(0);
	put_key(WGPEER_A_PRESHARED_KEY, 1);
	close_nest(peer);
	close_nest(peers);
	assert_int_equal(read_answer(&reader), -EBADMSG);
}

static void wrong_addresses_are_refused(void **state)
{
	static const struct {
		uint16_t family;
		size_t len;
		uint8_t cidr;
		int r;
	} rows[] = {
		{ AF_INET, 4, 0, 0 },          { AF_INET, 4, 33, -EBADMSG },
		{ AF_INET, 16, 24, -EBADMSG }, { AF_INET6, 16, 128, 0 },
		{ AF_INET6, 4, 32, -EBADMSG }, { AF_INET6, 16, 129, -EBADMSG },
		{ AF_UNIX, 4, 24, -EBADMSG },  { AF_INET, 20, 24, -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		__sp_wg_netlink_reader struct sp_wg_netlink_reader reader = { .family = FAMILY };
		size_t peers, peer, allowed;

		begin(FAMILY, WG_CMD_GET_DEVICE);
		peers = open_nest(WGDEVICE_A_PEERS);
		peer = open_nest(0);
		put_key(WGPEER_A_PUBLIC_KEY, 1);
		allowed = open_nest(WGPEER_A_ALLOWEDIPS);
		put_allowed(rows[i].family,
			    "\x20\x01\x0d\xb8\x11\x22\x33\x44\x55\x66\x77\x88\x99\x99\x99\x99\x99"
			    "\x99\x99",
			    rows[i].len, rows[i].cidr);
		close_nest(allowed);
		close_nest(peer);
		close_nest(peers);
		assert_int_equal(read_answer(&reader), rows[i].r);
	}
}

/* ---- writing ---- */

#define MESSAGES_MAX 64

static struct {
	size_t count, longest;
	struct nlmsghdr *messages[MESSAGES_MAX];
	int fail_at; /* -1: never */
} sent;

static int keep(void *arg, struct nlmsghdr *message)
{
	(void)arg;
	if (sent.fail_at == (int)sent.count)
		return -EADDRINUSE;
	assert_true(sent.count < MESSAGES_MAX);
	sent.messages[sent.count] = malloc(message->nlmsg_len);
	assert_non_null(sent.messages[sent.count]);
	memcpy(sent.messages[sent.count++], message, message->nlmsg_len);
	if (message->nlmsg_len > sent.longest)
		sent.longest = message->nlmsg_len;
	return 0;
}

static int forget(void **state)
{
	(void)state;
	for (size_t i = 0; i < sent.count; i++)
		free(sent.messages[i]);
	memset(&sent, 0, sizeof(sent));
	sent.fail_at = -1;
	return 0;
}

static struct sp_prefix prefix(const char *text)
{
	struct sp_prefix parsed;

	assert_int_equal(sp_prefix_parse(text, &parsed), 0);
	return parsed;
}

/* What goes to the kernel, byte by byte. */
static void request_is_laid_out_as_the_kernel_reads_it(void **state)
{
	static const uint8_t head[] = {
		/* nlmsghdr: length, family, REQUEST|ACK, sequence, port; genlmsghdr: SET, version 1 */
		188,
		0,
		0,
		0,
		FAMILY,
		0,
		5,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		1,
		1,
		0,
		0,
		/* IFNAME "vpn0" */
		9,
		0,
		WGDEVICE_A_IFNAME,
		0,
		'v',
		'p',
		'n',
		'0',
		0,
		0,
		0,
		0,
		/* LISTEN_PORT 51820 */
		6,
		0,
		WGDEVICE_A_LISTEN_PORT,
		0,
		0x6c,
		0xca,
		0,
		0,
		/* PEERS, nested; one peer, nested; its key */
		148,
		0,
		WGDEVICE_A_PEERS,
		0x80,
		144,
		0,
		0,
		0x80,
		36,
		0,
		WGPEER_A_PUBLIC_KEY,
		0,
	};
	static const uint8_t tail[] = {
		/* KEEPALIVE 0x1234 */
		6,
		0,
		WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
		0,
		0x34,
		0x12,
		0,
		0,
		/* ENDPOINT: sockaddr_in 192.0.2.7:40000 */
		20,
		0,
		WGPEER_A_ENDPOINT,
		0,
		2,
		0,
		0x9c,
		0x40,
		192,
		0,
		2,
		7,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		/* ALLOWEDIPS: 100.64.0.0/16 */
		32,
		0,
		WGPEER_A_ALLOWEDIPS,
		0x80,
		28,
		0,
		0,
		0x80,
		6,
		0,
		WGALLOWEDIP_A_FAMILY,
		0,
		2,
		0,
		0,
		0,
		8,
		0,
		WGALLOWEDIP_A_IPADDR,
		0,
		100,
		64,
		0,
		0,
		5,
		0,
		WGALLOWEDIP_A_CIDR_MASK,
		0,
		16,
		0,
		0,
		0,
	};
	__sp_wg_change struct sp_wg_change change = { .has_listen_port = true,
						      .listen_port = 51820 };
	struct sp_prefix allowed = prefix("100.64.0.0/16");
	struct sp_wg_peer peer = { .has_endpoint = true,
				   .endpoint_port = 40000,
				   .keepalive_s = 0x1234,
				   .allowed_ips = &allowed,
				   .allowed_ip_count = 1 };
	const uint8_t *bytes;
	size_t len;

	(void)state;
	assert_int_equal(sp_addr_parse("192.0.2.7", &peer.endpoint), 0);
	memset(peer.public_key.bytes, 0x11, 32);
	memset(peer.preshared_key.bytes, 0x22, 32);
	assert_int_equal(sp_wg_change_peer(&change, &peer, SP_WG_PUT), 0);
	assert_int_equal(sp_wg_netlink_write("vpn0", FAMILY, &change, 4096, keep, NULL), 0);
	assert_int_equal(sent.count, 1);
	bytes = (const uint8_t *)sent.messages[0];
	len = sent.messages[0]->nlmsg_len;
	assert_memory_equal(bytes, head, sizeof(head));
	assert_memory_equal(bytes + len - sizeof(tail), tail, sizeof(tail));
	bytes += sizeof(head);
	assert_memory_equal(bytes, peer.public_key.bytes, 32);
	assert_memory_equal(
		bytes + 32,
		((const uint8_t[]){ 8, 0, WGPEER_A_FLAGS, 0, WGPEER_F_REPLACE_ALLOWEDIPS, 0, 0, 0,
				    36, 0, WGPEER_A_PRESHARED_KEY, 0 }),
		12);
	assert_memory_equal(bytes + 44, peer.preshared_key.bytes, 32);
	assert_int_equal(len, sizeof(head) + 76 + sizeof(tail));
}

static void removal_names_the_key_and_nothing_else(void **state)
{
	__sp_wg_change struct sp_wg_change change = { 0 };
	struct sp_prefix allowed = prefix("100.64.0.7/32");
	struct sp_wg_peer peer = { .allowed_ips = &allowed, .allowed_ip_count = 1 };

	(void)state;
	memset(peer.public_key.bytes, 0x11, 32);
	assert_int_equal(sp_wg_change_peer(&change, &peer, SP_WG_REMOVE), 0);
	assert_int_equal(sp_wg_netlink_write("vpn0", FAMILY, &change, 4096, keep, NULL), 0);
	assert_int_equal(sent.count, 1);
	/* two heads, the interface, list, peer, key, flags */
	assert_int_equal(sent.messages[0]->nlmsg_len, 16 + 4 + 12 + 4 + 4 + 36 + 8);
	assert_int_equal(((const uint8_t *)sent.messages[0])[16 + 4 + 12 + 4 + 4 + 36 + 4],
			 WGPEER_F_REMOVE_ME);
}

static void change_of_nothing_sends_nothing(void **state)
{
	const struct sp_wg_change change = { 0 };

	(void)state;
	assert_int_equal(sp_wg_netlink_write("vpn0", FAMILY, &change, 4096, keep, NULL), 0);
	assert_int_equal(sent.count, 0);
}

/* A SET_DEVICE says what a GET_DEVICE answers, but for the flags: so the reader reads it back. */
static void read_back(struct sp_wg_device *ret_device)
{
	__sp_wg_netlink_reader struct sp_wg_netlink_reader reader = { .family = FAMILY };

	for (size_t i = 0; i < sent.count; i++) {
		struct genlmsghdr *genl = mnl_nlmsg_get_payload(sent.messages[i]);

		assert_int_equal(genl->cmd, WG_CMD_SET_DEVICE);
		assert_int_equal(sent.messages[i]->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
		genl->cmd = WG_CMD_GET_DEVICE;
		assert_int_equal(sp_wg_netlink_read(&reader, sent.messages[i]), 0);
	}
	assert_int_equal(sp_wg_netlink_read_end(&reader, ret_device), 0);
}

/* How often a peer's flags hold @flag, over all messages: they stand behind its key. */
static size_t count_flag(uint32_t flag)
{
	size_t count = 0;

	for (size_t i = 0; i < sent.count; i++) {
		const struct nlattr *attr, *peer, *part;

		mnl_attr_for_each(attr, sent.messages[i], sizeof(struct genlmsghdr)) {
			if (mnl_attr_get_type(attr) != WGDEVICE_A_PEERS)
				continue;
			mnl_attr_for_each_nested(peer, attr)
				mnl_attr_for_each_nested(part, peer)
					count += mnl_attr_get_type(part) == WGPEER_A_FLAGS &&
						 (mnl_attr_get_u32(part) & flag);
		}
	}
	return count;
}

static void what_does_not_fit_goes_on_in_the_next_message(void **state)
{
	static const size_t bounds[] = { SP_WG_NETLINK_MESSAGE_MIN, 600, 1000, 4096, 32768 };

	for (size_t i = 0; i < SP_ARRAY_LEN(bounds); i++) {
		__sp_wg_change struct sp_wg_change change = { .has_listen_port = true,
							      .listen_port = 7 };
		__sp_wg_device struct sp_wg_device device = { 0 };
		struct sp_prefix allowed[100];
		struct sp_wg_peer peers[5] = { 0 };
		const struct sp_wg_key private_key = { { 9 } };

		forget(state);
		change.private_key = &private_key;
		for (size_t j = 0; j < SP_ARRAY_LEN(allowed); j++) {
			allowed[j] = prefix(j % 2 ? "10.0.0.0/24" : "fd00::/64");
			allowed[j].addr[j % 2 ? 14 : 7] = (uint8_t)j;
		}
		for (size_t j = 0; j < SP_ARRAY_LEN(peers); j++) {
			peers[j].public_key.bytes[0] = (uint8_t)(j + 1);
			peers[j].preshared_key.bytes[3] = (uint8_t)(j + 40);
			peers[j].allowed_ips = allowed;
			peers[j].allowed_ip_count = j == 3 ? 0 : SP_ARRAY_LEN(allowed) - j;
			peers[j].has_endpoint = j == 4;
			peers[j].endpoint_port = j == 4 ? 5 : 0;
			if (j == 4)
				assert_int_equal(sp_addr_parse("fe80::1", &peers[j].endpoint), 0);
			strcpy(peers[j].endpoint_scope, j == 4 ? "12" : "");
			assert_int_equal(sp_wg_change_peer(&change, &peers[j],
							   j == 2 ? SP_WG_UPDATE : SP_WG_PUT),
					 0);
		}
		assert_int_equal(
			sp_wg_netlink_write("vpn0", FAMILY, &change, bounds[i], keep, NULL), 0);
		assert_true(sent.longest <= bounds[i]);
		assert_true(bounds[i] > 20000 ? sent.count == 1 : sent.count > 3);
		read_back(&device);
		assert_memory_equal(&device.private_key, &private_key, 32);
		assert_int_equal(device.listen_port, 7);
		assert_int_equal(device.peer_count, SP_ARRAY_LEN(peers));
		for (size_t j = 0; j < SP_ARRAY_LEN(peers); j++) {
			const struct sp_wg_peer *peer = &device.peers[j];

			assert_memory_equal(&peer->public_key, &peers[j].public_key, 32);
			assert_memory_equal(&peer->preshared_key, &peers[j].preshared_key, 32);
			assert_int_equal(peer->has_endpoint, peers[j].has_endpoint);
			assert_memory_equal(&peer->endpoint, &peers[j].endpoint, 16);
			assert_string_equal(peer->endpoint_scope, peers[j].endpoint_scope);
			assert_int_equal(peer->allowed_ip_count, peers[j].allowed_ip_count);
			if (peer->allowed_ip_count)
				assert_memory_equal(peer->allowed_ips, peers[j].allowed_ips,
						    peer->allowed_ip_count * sizeof(*allowed));
		}
		/* only a peer's first piece takes the old addresses away */
		assert_int_equal(count_flag(WGPEER_F_REPLACE_ALLOWEDIPS), SP_ARRAY_LEN(peers));
		/* and no piece of an update makes a peer */
		assert_true(count_flag(WGPEER_F_UPDATE_ONLY) >= 1);
		assert_true(bounds[i] > 20000 || count_flag(WGPEER_F_UPDATE_ONLY) > 1);
	}
}

static void refusal_of_a_message_ends_the_change(void **state)
{
	__sp_wg_change struct sp_wg_change change = { .has_listen_port = true, .listen_port = 7 };
	struct sp_wg_peer peers[40] = { 0 };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(peers); i++) {
		peers[i].public_key.bytes[0] = (uint8_t)(i + 1);
		assert_int_equal(sp_wg_change_peer(&change, &peers[i], SP_WG_PUT), 0);
	}
	sent.fail_at = 2;
	assert_int_equal(sp_wg_netlink_write("vpn0", FAMILY, &change, 512, keep, NULL),
			 -EADDRINUSE);
	assert_int_equal(sent.count, 2);
}

static void bad_names_scopes_and_bounds_are_refused(void **state)
{
	__sp_wg_change struct sp_wg_change change = { .has_listen_port = true };
	struct sp_wg_peer peer = { .has_endpoint = true, .endpoint_scope = "no-such-if0" };

	(void)state;
	assert_int_equal(sp_wg_netlink_write("", FAMILY, &change, 4096, keep, NULL), -EINVAL);
	assert_int_equal(sp_wg_netlink_write("sixteen-letters0", FAMILY, &change, 4096, keep, NULL),
			 -EINVAL);
	assert_int_equal(sp_wg_netlink_write("vpn0", FAMILY, &change, 511, keep, NULL), -EINVAL);
	assert_int_equal(sp_wg_netlink_write("vpn0", FAMILY, &change, 65536, keep, NULL), -EINVAL);
	peer.endpoint.b[0] = 0xfe;
	assert_int_equal(sp_wg_change_peer(&change, &peer, SP_WG_PUT), 0);
	assert_int_equal(sp_wg_netlink_write("vpn0", FAMILY, &change, 4096, keep, NULL), -EINVAL);
	assert_int_equal(sent.count, 0);
}

#define writes(test) cmocka_unit_test_setup_teardown(test, forget, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_device_is_read),
		cmocka_unit_test(device_without_key_and_peers_is_read),
		cmocka_unit_test(peer_told_in_pieces_is_one_peer),
		cmocka_unit_test(many_peers_in_many_messages_are_read),
		cmocka_unit_test(peer_that_comes_back_later_is_refused),
		cmocka_unit_test(messages_of_others_are_refused),
		cmocka_unit_test(cut_answer_is_never_read_beyond),
		cmocka_unit_test(lying_lengths_are_refused),
		cmocka_unit_test(wrong_device_attributes_are_refused),
		cmocka_unit_test(wrong_peer_attributes_are_refused),
		cmocka_unit_test(peer_without_key_is_refused),
		cmocka_unit_test(wrong_addresses_are_refused),
		writes(request_is_laid_out_as_the_kernel_reads_it),
		writes(removal_names_the_key_and_nothing_else),
		writes(change_of_nothing_sends_nothing),
		writes(what_does_not_fit_goes_on_in_the_next_message),
		writes(refusal_of_a_message_ends_the_change),
		writes(bad_names_scopes_and_bounds_are_refused),
	};

	return cmocka_run_group_tests_name("io/wg-netlink", tests, NULL, NULL);
}
