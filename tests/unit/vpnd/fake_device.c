/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fake_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

static int predictable(void *arg, uint8_t *ret_bytes, size_t len)
{
	struct fake_device *fake = arg;

	for (size_t i = 0; i < len; i++) {
		uint64_t z = fake->random += 0x9e3779b97f4a7c15; /* splitmix64 */

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		ret_bytes[i] = (uint8_t)(z ^ z >> 31);
	}
	return 0;
}

static void lock(void *arg)
{
	struct fake_device *fake = arg;

	assert_false(fake->is_locked);
	fake->is_locked = true;
	fake->locked++;
}

static void unlock(void *arg)
{
	struct fake_device *fake = arg;

	assert_true(fake->is_locked);
	fake->is_locked = false;
}

static void now(void *arg, struct sp_wg_time *ret_now)
{
	struct fake_device *fake = arg;

	assert_false(fake->is_locked);
	*ret_now = fake->now;
}

static void changed(void *arg)
{
	struct fake_device *fake = arg;

	assert_false(fake->is_locked);
	fake->changed++;
}

static uint16_t get_listen_port(void *arg)
{
	struct fake_device *fake = arg;

	assert_false(fake->is_locked);
	return fake->listen_port;
}

static int set_listen_port(void *arg, uint16_t port)
{
	struct fake_device *fake = arg;

	assert_false(fake->is_locked);
	if (fake->port_error)
		return fake->port_error;
	fake->listen_port = port;
	return 0;
}

static uint32_t get_fwmark(void *arg)
{
	struct fake_device *fake = arg;

	assert_false(fake->is_locked);
	return fake->fwmark;
}

static int set_fwmark(void *arg, uint32_t fwmark)
{
	struct fake_device *fake = arg;

	assert_false(fake->is_locked);
	fake->fwmark = fwmark;
	return 0;
}

static int write_stats(void *arg, struct sp_secret_buf *reply)
{
	static const char lines[] = "aead=openssl\noffload=udp-gro:on\n";
	struct fake_device *fake = arg;

	assert_false(fake->is_locked);
	return sp_secret_buf_put(reply, lines, strlen(lines));
}

static void removed(void *arg, const uint8_t public_key[SP_WG_KEY_LEN])
{
	struct fake_device *fake = arg;

	assert_false(fake->is_locked);
	fake->removed++;
	memcpy(fake->last_removed, public_key, SP_WG_KEY_LEN);
}

void fake_start(struct fake_device *fake, struct sp_wg_engine *engine)
{
	const struct sp_wg_config config = { .random = predictable, .random_arg = fake };

	memset(fake, 0, sizeof(*fake));
	fake->random = 7;
	fake->now = (struct sp_wg_time){ .now_ns = 1000000000000, .real_ns = 1700000000000000000 };
	if (!engine)
		assert_int_equal(sp_wg_engine_new(&config, &engine), 0);
	fake->api = (struct sp_api_device){
		.engine = engine,
		.arg = fake,
		.lock = lock,
		.unlock = unlock,
		.now = now,
		.changed = changed,
		.get_listen_port = get_listen_port,
		.set_listen_port = set_listen_port,
		.get_fwmark = get_fwmark,
		.set_fwmark = set_fwmark,
		.write_stats = write_stats,
		.removed = removed,
	};
}

void fake_done(struct fake_device *fake)
{
	assert_false(fake->is_locked);
	sp_wg_engine_free(fake->api.engine);
}

char *fake_answer(struct fake_device *fake, const char *request)
{
	__sp_secret_buf struct sp_secret_buf reply = { 0 };
	char *text;

	assert_int_equal(sp_api_answer(&fake->api, request, strlen(request), &reply), 0);
	assert_false(fake->is_locked);
	text = strndup(reply.data, reply.len);
	assert_non_null(text);
	return text;
}

void fake_expect(struct fake_device *fake, const char *request, const char *expected)
{
	__sp_free char *answer = fake_answer(fake, request);

	assert_string_equal(answer, expected);
}

void fake_set(struct fake_device *fake, const char *lines)
{
	__sp_free char *request = NULL;

	assert_int_equal(sp_str_format(&request, "set=1\n%s\n", lines), 0);
	fake_expect(fake, request, "errno=0\n\n");
}

void fake_expect_state(struct fake_device *fake, const char *lines)
{
	__sp_free char *expected = NULL;

	assert_int_equal(sp_str_format(&expected, "%serrno=0\n\n", lines), 0);
	fake_expect(fake, "get=1\n\n", expected);
}

struct sp_wg_engine_peer *fake_peer(struct fake_device *fake, const char *hex)
{
	struct sp_wg_key key;

	assert_int_equal(sp_wg_key_from_hex(hex, &key), 0);
	return sp_wg_engine_peer_find(fake->api.engine, key.bytes);
}
