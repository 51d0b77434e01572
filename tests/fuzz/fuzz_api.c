/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a conversation with a real engine, in pieces of any size: no crash, no leak, the same
 * answers as in one piece; the engine is whole afterwards and tells itself in words our client
 * understands. The first byte is the size of the pieces. */
#include <stdlib.h>
#include <string.h>

#include "io/uapi/uapi.h"
#include "io/uapi/uapi_stats.h"
#include "vpnd/api/api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct device {
	struct sp_api_device api;
	uint64_t random;
	bool is_locked;
	uint16_t port;
	uint32_t fwmark;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static int predictable(void *arg, uint8_t *ret_bytes, size_t len)
{
	struct device *device = arg;

	for (size_t i = 0; i < len; i++)
		ret_bytes[i] =
			(uint8_t)((device->random = device->random * 6364136223846793005 + 1) >>
				  56);
	return 0;
}

static void lock(void *arg)
{
	struct device *device = arg;

	check(!device->is_locked);
	device->is_locked = true;
}

static void unlock(void *arg)
{
	struct device *device = arg;

	check(device->is_locked);
	device->is_locked = false;
}

static void now(void *arg, struct sp_wg_time *ret_now)
{
	(void)arg;
	*ret_now = (struct sp_wg_time){ 1000000000000, 1700000000000000000 };
}

static void changed(void *arg)
{
	struct device *device = arg;
	struct sp_wg_datagram *datagram;

	check(!device->is_locked);
	while ((datagram = sp_wg_take_datagram(device->api.engine)))
		free(datagram);
}

static uint16_t get_port(void *arg)
{
	return ((struct device *)arg)->port;
}

static int set_port(void *arg, uint16_t port)
{
	((struct device *)arg)->port = port;
	return port == 666 ? -EADDRINUSE : 0;
}

static uint32_t get_fwmark(void *arg)
{
	return ((struct device *)arg)->fwmark;
}

static int set_fwmark(void *arg, uint32_t fwmark)
{
	((struct device *)arg)->fwmark = fwmark;
	return 0;
}

static int write_stats(void *arg, struct sp_secret_buf *reply)
{
	(void)arg;
	return sp_secret_buf_put(reply, "aead=none\n", 10);
}

static void start(struct device *device)
{
	struct sp_wg_config config = { .random = predictable, .random_arg = device };

	*device = (struct device){
		.random = 1,
		.api = { NULL, device, lock, unlock, now, changed, get_port, set_port, get_fwmark,
			 set_fwmark, write_stats, NULL },
	};
	check(sp_wg_engine_new(&config, &device->api.engine) == 0);
}

/* Feed it; sometimes the reader is slow. */
static void converse(const struct sp_api_device *api, const char *text, size_t size, size_t piece,
		     struct sp_secret_buf *reply)
{
	struct sp_api_talk *talk;

	check(sp_api_talk_new(api, &talk) == 0);
	while (size > 0 && !sp_api_talk_is_over(talk)) {
		size_t len = size < piece ? size : piece;
		char *exact = malloc(len); /* so that a read behind the end is seen */
		size_t used;

		memcpy(exact, text, len);
		used = sp_api_talk_hear(talk, exact, len);
		free(exact);
		check(used == len || sp_api_talk_has_answer(talk));
		text += used;
		size -= used;
		while (sp_api_talk_has_answer(talk))
			check(sp_api_talk_tell(talk, piece * 16, reply) == 0);
	}
	sp_api_talk_hear_end(talk);
	while (sp_api_talk_has_answer(talk))
		check(sp_api_talk_tell(talk, piece * 16, reply) == 0);
	check(sp_api_talk_is_over(talk));
	sp_api_talk_free(talk);
}

static void check_engine(const struct sp_api_device *api)
{
	__sp_secret_buf struct sp_secret_buf get = { 0 }, stats = { 0 };
	__sp_wg_device struct sp_wg_device device = { 0 };
	__sp_uapi_stats struct sp_uapi_stats read = { 0 };
	struct sp_wg_engine_peer *peer = NULL;

	check(sp_api_answer(api, "get=1\n\n", 7, &get) == 0);
	check(sp_uapi_parse_get(get.data, get.len, &device) == 0);
	check(device.peer_count == sp_wg_engine_peer_count(api->engine));
	for (size_t i = 0; i < device.peer_count; i++) {
		peer = sp_wg_engine_peer_next(api->engine, peer);
		check(peer && !memcmp(device.peers[i].public_key.bytes, peer->remote.public_key,
				      SP_WG_KEY_LEN));
		check(device.peers[i].allowed_ip_count == peer->allowed_ips.count);
		check(device.peers[i].has_endpoint == (peer->endpoint.port != 0));
	}
	check(sp_api_answer(api, "stats=1\n\n", 9, &stats) == 0);
	check(sp_uapi_parse_stats(stats.data, stats.len, &read) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	__sp_secret_buf struct sp_secret_buf whole = { 0 }, pieces = { 0 };
	struct device device;

	if (size < 1)
		return 0;
	start(&device);
	converse(&device.api, (const char *)data + 1, size - 1, size, &whole);
	check_engine(&device.api);
	sp_wg_engine_free(device.api.engine);

	start(&device);
	converse(&device.api, (const char *)data + 1, size - 1, data[0] + 1u, &pieces);
	check_engine(&device.api);
	sp_wg_engine_free(device.api.engine);
	check(whole.len == pieces.len);
	check(whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0);
	return 0;
}
