/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sp-bench-clients: very many WireGuard clients in one process, on one UDP socket.
 *
 *	sp-bench-clients keys SEED COUNT
 *		the public key of each client, a line each, in base64
 *	sp-bench-clients run SEED COUNT SERVER PORT SERVER-KEY SECONDS
 *		every client shakes hands with the server, then all of them ping its inner address
 *		10.128.0.1 in turn, with 1200 bytes, for SECONDS; prints one JSON object
 *
 * Client n has the inner address 10.129.0.0 + n and a key made of SEED and n. Each is a whole engine of
 * src/wg; the server may be any implementation.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "crypto/aead/aead.h"
#include "crypto/blake2s.h"
#include "crypto/x25519/x25519.h"
#include "net/checksum.h"
#include "result.h"
#include "wg/engine.h"

#define COUNT_MAX 100000
#define NS_PER_S 1000000000ull
#define SERVER_INNER 0x0a800001u
#define CLIENT_INNER 0x0a810000u
#define PING_LEN 1228
#define STEP_NS                                                                                    \
	700000 /* between two new handshakes: below the rate at which servers ask for cookies */
#define HANDSHAKES_TIMEOUT_NS (120 * NS_PER_S)
#define BATCH 32

struct client {
	struct sp_wg_engine *engine;
	struct sp_wg_engine_peer *server;
	uint32_t inner;
	bool has_session;
};

struct clients {
	struct client *all;
	size_t count, begun, connected;
	uint64_t sent, answers;
	int fd;
	struct sp_aead *aead;
};

static int draw(void *arg, uint8_t *ret_bytes, size_t len)
{
	(void)arg;
	return getrandom(ret_bytes, len, 0) == (ssize_t)len ? 0 : -EIO;
}

static struct sp_wg_time time_now(void)
{
	struct timespec boot, real;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_REALTIME, &real);
	return (struct sp_wg_time){
		.now_ns = (uint64_t)boot.tv_sec * NS_PER_S + (uint64_t)boot.tv_nsec,
		.real_ns = (uint64_t)real.tv_sec * NS_PER_S + (uint64_t)real.tv_nsec,
	};
}

static void private_key(const char *seed, size_t number, uint8_t ret_key[SP_WG_KEY_LEN])
{
	uint8_t bytes[8];

	sp_put_be64(bytes, number);
	sp_blake2s_of(ret_key, seed, strlen(seed), bytes, sizeof(bytes));
}

static int print_keys(const char *seed, size_t count)
{
	uint8_t key[SP_WG_KEY_LEN];
	char text[64];

	for (size_t i = 0; i < count; i++) {
		private_key(seed, i, key);
		sp_x25519_public(key, key);
		sodium_bin2base64(text, sizeof(text), key, sizeof(key),
				  sodium_base64_VARIANT_ORIGINAL);
		puts(text);
	}
	return 0;
}

static int start_client(struct client *client, const char *seed, size_t number,
			const struct sp_wg_endpoint *server,
			const uint8_t server_key[SP_WG_KEY_LEN])
{
	const struct sp_wg_config config = { .random = draw };
	struct sp_prefix prefix = { .prefix_len = 128 };
	struct sp_wg_identity identity;
	uint8_t key[SP_WG_KEY_LEN];
	int r = sp_wg_engine_new(&config, &client->engine);

	if (r < 0)
		return r;
	private_key(seed, number, key);
	sp_wg_identity_init(&identity, key);
	sp_wg_engine_set_identity(client->engine, &identity);
	r = sp_wg_engine_peer_add(client->engine, server_key, &client->server);
	if (r < 0)
		return r;
	client->inner = CLIENT_INNER + (uint32_t)number;
	sp_wg_engine_peer_set_endpoint(client->server, server);
	memset(prefix.addr + 10, 0xff, 2);
	sp_put_be32(prefix.addr + 12, SERVER_INNER);
	return sp_wg_engine_peer_allow(client->server, &prefix);
}

/* What the engine wants to say goes to the server, whom the socket is connected to. */
static void flush(struct clients *clients, struct client *client)
{
	struct sp_wg_datagram *datagram;

	while ((datagram = sp_wg_take_datagram(client->engine))) {
		if (send(clients->fd, datagram->bytes, datagram->len, 0) < 0 && errno != EAGAIN &&
		    errno != ENOBUFS && errno != ECONNREFUSED)
			fprintf(stderr, "sp-bench-clients: send: %s\n", sp_err_text(sp_errno()));
		free(datagram);
	}
}

/* A datagram names its receiver by an index that only that client's engine knows. So that not all are
 * asked each time, the client that took one is remembered. */
static struct client **client_of(uint32_t receiver_index)
{
	static struct client *known[1 << 16];

	return &known[receiver_index * 0x9e3779b1u >> 16];
}

static bool try_one(struct clients *clients, struct client *client, uint8_t *bytes, size_t len,
		    const struct sp_wg_time *now)
{
	struct sp_wg_incoming item = { .message = bytes,
				       .len = len,
				       .from = client->server->endpoint };
	struct sp_aead_op op;
	const size_t n = sp_wg_receive_begin(client->engine, &item, 1, now, &op);

	if (n)
		sp_aead_open(clients->aead, &op, n);
	sp_wg_receive_end(client->engine, &item, 1, now);
	if (item.drop == SP_WG_DROP_INDEX || item.drop == SP_WG_DROP_MAC1)
		return false; /* another one's */
	if (item.packet)
		clients->answers++;
	if (!client->has_session && client->server->current) {
		client->has_session = true;
		clients->connected++;
	}
	flush(clients, client);
	return true;
}

static void receive_one(struct clients *clients, uint8_t *bytes, size_t len)
{
	const size_t at =
		len >= 12 && bytes[0] == 2 ? 8 : 4; /* a response names its sender first */
	const struct sp_wg_time now = time_now();
	struct client **known;

	if (len < 12)
		return;
	known = client_of(sp_get_le32(bytes + at));
	if (*known && try_one(clients, *known, bytes, len, &now))
		return;
	for (size_t i = 0; i < clients->begun; i++) {
		if (try_one(clients, &clients->all[i], bytes, len, &now)) {
			*known = &clients->all[i];
			return;
		}
	}
}

/* Everything that waits in the socket, after at most @timeout_ms. */
static void receive_all(struct clients *clients, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = clients->fd, .events = POLLIN };
	uint8_t bytes[2048];
	ssize_t len;

	if (poll(&poll_fd, 1, timeout_ms) <= 0)
		return;
	while ((len = recv(clients->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0)
		receive_one(clients, bytes, (size_t)len);
}

/* One handshake after the other, and again for those that were lost. Returns 0; -ETIMEDOUT. */
static int connect_all(struct clients *clients)
{
	const uint64_t began_ns = bench_now_ns();
	uint64_t next_ns = began_ns;

	while (clients->connected < clients->count) {
		const uint64_t now_ns = bench_now_ns();
		const struct sp_wg_time now = time_now();

		if (now_ns - began_ns > HANDSHAKES_TIMEOUT_NS)
			return -ETIMEDOUT;
		if (clients->begun < clients->count && now_ns >= next_ns) {
			struct client *client = &clients->all[clients->begun++];

			sp_wg_engine_peer_handshake(client->server, &now);
			flush(clients, client);
			next_ns += STEP_NS;
		}
		for (size_t i = 0; i < clients->begun && clients->begun == clients->count; i++) {
			if (clients->all[i].has_session)
				continue;
			sp_wg_tick(clients->all[i].engine, &now);
			flush(clients, &clients->all[i]);
		}
		receive_all(clients, clients->begun < clients->count ? 0 : 1);
	}
	return 0;
}

/* An ICMP echo request of PING_LEN bytes. */
static void build_ping(uint8_t packet[PING_LEN], uint32_t inner, uint16_t number)
{
	memset(packet, 0, PING_LEN);
	packet[0] = 0x45;
	packet[8] = 64;
	packet[9] = 1;
	sp_put_be16(packet + 2, PING_LEN);
	sp_put_be32(packet + 12, inner);
	sp_put_be32(packet + 16, SERVER_INNER);
	sp_put_be16(packet + 10, sp_checksum_finish(sp_checksum_add(0, packet, 20)));
	packet[20] = 8;
	sp_put_be16(packet + 26, number);
	sp_put_be16(packet + 22,
		    sp_checksum_finish(sp_checksum_add(0, packet + 20, PING_LEN - 20)));
}

static void ping_once(struct clients *clients, struct client *client, const struct sp_wg_time *now)
{
	uint8_t packet[PING_LEN], message[PING_LEN + 64];
	struct sp_wg_outgoing item = { .packet = packet,
				       .len = sizeof(packet),
				       .message = message };
	struct sp_aead_op op;
	size_t n;

	build_ping(packet, client->inner, (uint16_t)clients->sent);
	n = sp_wg_send_begin(client->engine, &item, 1, now, &op);
	if (n)
		sp_aead_seal(clients->aead, &op, n);
	sp_wg_send_end(client->engine, &item, 1);
	if (item.drop == SP_WG_DROP_NONE && item.message_len &&
	    send(clients->fd, message, item.message_len, 0) >= 0)
		clients->sent++;
	flush(clients, client);
}

static void ping_all(struct clients *clients, double seconds)
{
	const uint64_t began_ns = bench_now_ns();
	size_t next = 0;

	while (bench_now_ns() - began_ns < (uint64_t)(seconds * 1e9)) {
		const struct sp_wg_time now = time_now();

		for (int i = 0; i < BATCH; i++, next++)
			ping_once(clients, &clients->all[next % clients->count], &now);
		receive_all(clients, 0);
	}
	receive_all(clients, 200);
}

static int start(struct clients *clients, char **words)
{
	struct sockaddr_in server = { .sin_family = AF_INET };
	struct sp_wg_endpoint endpoint = { 0 };
	uint8_t key[SP_WG_KEY_LEN];
	size_t len;
	int r = 0;

	endpoint.port = (uint16_t)strtoul(words[3], NULL, 10);
	server.sin_port = htons(endpoint.port);
	if (!endpoint.port || inet_pton(AF_INET, words[2], &server.sin_addr) != 1 ||
	    sodium_base642bin(key, sizeof(key), words[4], strlen(words[4]), NULL, &len, NULL,
			      sodium_base64_VARIANT_ORIGINAL) < 0 ||
	    len != sizeof(key))
		return -EINVAL;
	memset(endpoint.addr.b + 10, 0xff, 2);
	memcpy(endpoint.addr.b + 12, &server.sin_addr, 4);
	clients->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (clients->fd < 0 ||
	    setsockopt(clients->fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 16 << 20 }, sizeof(int)) <
		    0 ||
	    connect(clients->fd, (struct sockaddr *)&server, sizeof(server)) < 0)
		return sp_errno();
	clients->all = calloc(clients->count, sizeof(*clients->all));
	if (!clients->all)
		return -ENOMEM;
	for (size_t i = 0; i < clients->count && r == 0; i++)
		r = start_client(&clients->all[i], words[0], i, &endpoint, key);
	return r == 0 ? sp_aead_new(NULL, &clients->aead) : r;
}

static int run(struct clients *clients, char **words)
{
	const double seconds = strtod(words[5], NULL);
	uint64_t began_ns, took_ns;
	int r = start(clients, words);

	if (r < 0)
		return r;
	began_ns = bench_now_ns();
	r = connect_all(clients);
	took_ns = bench_now_ns() - began_ns;
	if (r < 0) {
		fprintf(stderr, "sp-bench-clients: %zu of %zu are connected\n", clients->connected,
			clients->count);
		return r;
	}
	ping_all(clients, seconds);
	return bench_print(json_pack("{s:i, s:f, s:I, s:I}", "handshakes", (int)clients->connected,
				     "handshake_seconds", (double)took_ns / 1e9, "sent",
				     (json_int_t)clients->sent, "answers",
				     (json_int_t)clients->answers));
}

static int usage(void)
{
	fputs("usage: sp-bench-clients keys SEED COUNT\n"
	      "       sp-bench-clients run SEED COUNT SERVER PORT SERVER-KEY SECONDS\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	const bool is_run = argc == 8 && !strcmp(argv[1], "run");
	struct clients clients = { .fd = -1 };
	int r;

	if (!is_run && (argc != 4 || strcmp(argv[1], "keys")))
		return usage();
	clients.count = strtoul(argv[3], NULL, 10);
	if (clients.count < 1 || clients.count > COUNT_MAX || sodium_init() < 0)
		return usage();
	if (!is_run)
		return print_keys(argv[2], clients.count);
	r = run(&clients, argv + 2);
	if (r < 0)
		fprintf(stderr, "sp-bench-clients: %s\n", sp_err_text(r));
	for (size_t i = 0; clients.all && i < clients.count; i++)
		sp_wg_engine_free(clients.all[i].engine);
	free(clients.all);
	sp_aead_free(clients.aead);
	if (clients.fd >= 0)
		close(clients.fd);
	return r ? 1 : 0;
}
