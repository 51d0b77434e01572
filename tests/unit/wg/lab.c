/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "net/addr.h"

static int predictable(void *arg, uint8_t *ret_bytes, size_t len)
{
	struct engine *engine = arg;

	if (engine->random_fails)
		return -5;
	for (size_t i = 0; i < len; i++) { /* splitmix64 */
		uint64_t z = engine->random += 0x9e3779b97f4a7c15;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		ret_bytes[i] = (uint8_t)(z ^ z >> 31);
	}
	return 0;
}

void engine_set_key(struct engine *engine, const uint8_t private_key[32])
{
	struct sp_wg_identity identity;

	sp_wg_identity_init(&identity, private_key);
	sp_wg_engine_set_identity(engine->core, &identity);
}

static void start_engine(struct lab *lab, struct engine *engine, const char *addr,
			 const char *inner, uint64_t seed)
{
	struct sp_wg_config config = { .random = predictable, .random_arg = engine };
	uint8_t private_key[32];

	engine->lab = lab;
	engine->random = seed;
	engine->inner = inner;
	engine->here.port = 51820;
	engine->out_link = &engine->out_first;
	assert_int_equal(sp_addr_parse(addr, &engine->here.addr), 0);
	assert_int_equal(sp_wg_engine_new(&config, &engine->core), 0);
	predictable(engine, private_key, sizeof(private_key));
	engine_set_key(engine, private_key);
}

static void introduce(struct engine *engine, struct engine *other)
{
	struct sp_prefix prefix = { .prefix_len = 128 };
	struct sp_addr addr;

	assert_int_equal(sp_wg_engine_peer_add(engine->core,
					       sp_wg_engine_get_identity(other->core)->public_key,
					       &engine->other),
			 0);
	assert_int_equal(sp_addr_parse(other->inner, &addr), 0);
	memcpy(prefix.addr, addr.b, sizeof(prefix.addr));
	assert_int_equal(sp_wg_engine_peer_allow(engine->other, &prefix), 0);
}

void lab_start(struct lab *lab)
{
	memset(lab, 0, sizeof(*lab));
	lab->now_ns = 5000 * SP_NS_PER_S;
	assert_int_equal(sp_aead_new("openssl", &lab->aead), 0);
	start_engine(lab, &lab->a, "192.0.2.1", "10.9.0.1", 1);
	start_engine(lab, &lab->b, "192.0.2.2", "10.9.0.2", 2);
	introduce(&lab->a, &lab->b);
	introduce(&lab->b, &lab->a);
	sp_wg_engine_peer_set_endpoint(lab->a.other, &lab->b.here);
}

void lab_done(struct lab *lab)
{
	wire_lose(&lab->a);
	wire_lose(&lab->b);
	sp_wg_engine_free(lab->a.core);
	sp_wg_engine_free(lab->b.core);
	sp_aead_free(lab->aead);
}

struct sp_wg_time lab_time(const struct lab *lab, const struct engine *engine)
{
	uint64_t real_ns = lab->now_ns + 1700000000ull * SP_NS_PER_S;

	if (engine == &lab->b)
		real_ns += (uint64_t)lab->skew_ns;
	return (struct sp_wg_time){ .now_ns = lab->now_ns, .real_ns = real_ns };
}

void inner_packet(uint8_t *ret_packet, size_t len, const char *source, const char *destination)
{
	struct sp_addr addr;

	for (size_t i = 0; i < len; i++)
		ret_packet[i] = (uint8_t)(i * 31 + len);
	ret_packet[0] = 0x45;
	ret_packet[1] = 0;
	sp_put_be16(ret_packet + 2, (uint16_t)len);
	assert_int_equal(sp_addr_parse(source, &addr), 0);
	memcpy(ret_packet + 12, addr.b + 12, 4);
	assert_int_equal(sp_addr_parse(destination, &addr), 0);
	memcpy(ret_packet + 16, addr.b + 12, 4);
}

static void put_on_wire(struct engine *engine, const struct sp_wg_endpoint *to,
			const uint8_t *bytes, size_t len)
{
	struct wire_item *item = test_calloc(1, sizeof(*item));

	assert_true(len <= sizeof(item->bytes));
	assert_true(engine->out_count < WIRE_MAX);
	item->from = engine->here;
	item->to = *to;
	item->len = len;
	memcpy(item->bytes, bytes, len);
	*engine->out_link = item;
	engine->out_link = &item->next;
	engine->out_count++;
}

/* What the engine queued goes on the wire. */
static void collect(struct engine *engine)
{
	struct sp_wg_datagram *datagram;

	while ((datagram = sp_wg_take_datagram(engine->core))) {
		put_on_wire(engine, &datagram->to, datagram->bytes, datagram->len);
		free(datagram);
	}
}

struct wire_item *wire_take(struct engine *engine)
{
	struct wire_item *item;

	collect(engine);
	item = engine->out_first;
	if (!item)
		return NULL;
	engine->out_first = item->next;
	if (!item->next)
		engine->out_link = &engine->out_first;
	engine->out_count--;
	return item;
}

struct wire_item *wire_expect(struct engine *engine, enum sp_wg_message_type type)
{
	struct wire_item *item = wire_take(engine);

	assert_non_null(item);
	assert_int_equal(sp_get_le32(item->bytes), type);
	return item;
}

size_t wire_lose(struct engine *engine)
{
	struct wire_item *item;
	size_t count = 0;

	while ((item = wire_take(engine))) {
		test_free(item);
		count++;
	}
	return count;
}

enum sp_wg_drop engine_send_packet(struct engine *engine, const uint8_t *packet, size_t len)
{
	static uint8_t message[2048 + SP_WG_DATA_OVERHEAD + SP_WG_PADDING];
	struct sp_wg_outgoing item = { .packet = packet, .len = len, .message = message };
	struct sp_wg_time now = lab_time(engine->lab, engine);
	struct sp_aead_op op;
	size_t n;

	collect(engine);
	memset(message, 0xa5, sizeof(message)); /* padding has to be written, not found */
	n = sp_wg_send_begin(engine->core, &item, 1, &now, &op);
	assert_int_equal(sp_aead_seal(engine->lab->aead, &op, n), 0);
	sp_wg_send_end(engine->core, &item, 1);
	if (item.message_len)
		put_on_wire(engine, &item.to, message, item.message_len);
	return item.drop;
}

enum sp_wg_drop engine_send(struct engine *engine, size_t len)
{
	struct engine *other = engine == &engine->lab->a ? &engine->lab->b : &engine->lab->a;
	uint8_t packet[2048];

	inner_packet(packet, len, engine->inner, other->inner);
	return engine_send_packet(engine, packet, len);
}

enum sp_wg_drop wire_give(struct engine *engine, const struct wire_item *item)
{
	uint8_t *copy = test_malloc(item->len); /* exactly as long, for the sanitizer */
	struct sp_wg_incoming incoming = { .message = copy, .len = item->len, .from = item->from };
	struct sp_wg_time now = lab_time(engine->lab, engine);
	struct sp_aead_op op;
	size_t n;

	memcpy(copy, item->bytes, item->len);
	n = sp_wg_receive_begin(engine->core, &incoming, 1, &now, &op);
	sp_aead_open(engine->lab->aead, &op, n);
	sp_wg_receive_end(engine->core, &incoming, 1, &now);
	engine->drop = incoming.drop;
	engine->has_roamed = incoming.has_roamed;
	engine->packet_len = 0;
	if (incoming.packet) {
		assert_int_equal(incoming.drop, SP_WG_DROP_NONE);
		assert_ptr_equal(incoming.peer, engine->other);
		for (size_t i = incoming.packet_len; i < item->len - SP_WG_DATA_OVERHEAD; i++)
			assert_int_equal(incoming.packet[i], 0);
		memcpy(engine->packet, incoming.packet, incoming.packet_len);
		engine->packet_len = incoming.packet_len;
		engine->delivered++;
	}
	test_free(copy);
	return incoming.drop;
}

void wire_pass(struct engine *from, struct engine *to, enum sp_wg_message_type type)
{
	struct wire_item *item = wire_expect(from, type);

	assert_int_equal(wire_give(to, item), SP_WG_DROP_NONE);
	test_free(item);
}

void lab_settle(struct lab *lab)
{
	for (bool busy = true; busy;) {
		struct wire_item *item = wire_take(&lab->a);

		busy = false;
		if (item) {
			wire_give(&lab->b, item);
			test_free(item);
			busy = true;
		}
		item = wire_take(&lab->b);
		if (item) {
			wire_give(&lab->a, item);
			test_free(item);
			busy = true;
		}
	}
}

void lab_wait(struct lab *lab, uint64_t ns)
{
	lab->now_ns += ns;
}

void lab_tick(struct lab *lab)
{
	struct sp_wg_time a = lab_time(lab, &lab->a), b = lab_time(lab, &lab->b);

	sp_wg_tick(lab->a.core, &a);
	sp_wg_tick(lab->b.core, &b);
	assert_true(sp_wg_next_deadline(lab->a.core) > lab->now_ns);
	assert_true(sp_wg_next_deadline(lab->b.core) > lab->now_ns);
}

size_t lab_run(struct lab *lab, uint64_t ns)
{
	uint64_t end_ns = lab->now_ns + ns;
	size_t steps = 0;

	lab_settle(lab);
	for (;; steps++) {
		uint64_t a = sp_wg_next_deadline(lab->a.core), b = sp_wg_next_deadline(lab->b.core);
		uint64_t next = a < b ? a : b;

		if (next > end_ns)
			break;
		if (next > lab->now_ns)
			lab->now_ns = next;
		lab_tick(lab);
		lab_settle(lab);
	}
	lab->now_ns = end_ns;
	return steps;
}

void lab_connect(struct lab *lab)
{
	struct sp_wg_time now = lab_time(lab, &lab->a);

	sp_wg_engine_peer_handshake(lab->a.other, &now);
	wire_pass(&lab->a, &lab->b, SP_WG_INITIATION);
	wire_pass(&lab->b, &lab->a, SP_WG_RESPONSE);
	wire_pass(&lab->a, &lab->b, SP_WG_DATA);
	assert_non_null(lab->a.other->current);
	assert_non_null(lab->b.other->current);
	assert_null(wire_take(&lab->a));
	assert_null(wire_take(&lab->b));
}
