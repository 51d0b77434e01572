/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any datagrams at an engine that has a session, at any time: no crash, no leak, and another peer's session
 * goes on. The input is a list of commands, one byte each with what it needs:
 *
 *	0..63	a datagram of the next byte's length (64 more for each unit of the command), as it is
 *	64..127	the same, its type and length made right, its mac1 too: it reaches the handshake
 *	128..191 one of the engine's last own datagrams back at it, a byte changed
 *	192..223 the same, at the other engine, unchanged
 *	224..255 time passes: (command & 31) squared 64ths of a second, and both tick
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "wg/engine.h"
#include "wg/noise/noise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEPT 8

struct side {
	struct sp_wg_engine *engine;
	struct sp_wg_engine_peer *other, *friend;
	struct sp_wg_endpoint here;
	struct sp_wg_datagram *kept[KEPT];
	size_t sent;
	uint64_t random;
};

static struct sp_aead *aead;
static struct sp_wg_time now;

static void check(bool holds)
{
	if (!holds)
		abort();
}

static int predictable(void *arg, uint8_t *ret_bytes, size_t len)
{
	uint64_t *state = arg;

	for (size_t i = 0; i < len; i++) {
		*state = *state * 6364136223846793005u + 1442695040888963407u;
		ret_bytes[i] = (uint8_t)(*state >> 56);
	}
	return 0;
}

static void start(struct side *side, uint8_t seed)
{
	struct sp_wg_config config = { .random = predictable, .random_arg = &side->random };
	struct sp_wg_identity identity;
	uint8_t private_key[32];

	memset(side, 0, sizeof(*side));
	memset(private_key, seed, sizeof(private_key));
	side->random = seed;
	side->here.port = seed;
	side->here.addr = (struct sp_addr){ .b = { [10] = 0xff, 0xff, 10, 0, 0, seed } };
	check(sp_wg_engine_new(&config, &side->engine) == 0);
	sp_wg_identity_init(&identity, private_key);
	sp_wg_engine_set_identity(side->engine, &identity);
}

static struct sp_wg_engine_peer *introduce(struct side *side, const struct side *other)
{
	struct sp_prefix prefix = { .prefix_len = 128 };
	struct sp_wg_engine_peer *peer;

	memcpy(prefix.addr, other->here.addr.b, sizeof(prefix.addr));
	check(sp_wg_engine_peer_add(side->engine,
				    sp_wg_engine_get_identity(other->engine)->public_key,
				    &peer) == 0);
	check(sp_wg_engine_peer_allow(peer, &prefix) == 0);
	sp_wg_engine_peer_set_endpoint(peer, &other->here);
	return peer;
}

/* Keep the last few datagrams for replays. */
static void collect(struct side *side)
{
	struct sp_wg_datagram *datagram;

	while ((datagram = sp_wg_take_datagram(side->engine))) {
		free(side->kept[side->sent % KEPT]);
		side->kept[side->sent++ % KEPT] = datagram;
	}
}

static enum sp_wg_drop give(struct side *to, const struct side *from, const uint8_t *bytes,
			    size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct sp_wg_incoming item = { .message = copy, .len = len, .from = from->here };
	struct sp_aead_op op;
	size_t n;

	check(copy);
	memcpy(copy, bytes, len);
	n = sp_wg_receive_begin(to->engine, &item, 1, &now, &op);
	check(n <= 1);
	sp_aead_open(aead, &op, n);
	sp_wg_receive_end(to->engine, &item, 1, &now);
	check(!item.packet || (item.drop == SP_WG_DROP_NONE && item.packet >= copy &&
			       item.packet + item.packet_len <= copy + len));
	free(copy);
	collect(to);
	return item.drop;
}

/* A packet from one to the other, with the handshake it may need. */
static void exchange(struct side *from, struct side *to, const struct sp_wg_engine_peer *at)
{
	uint8_t packet[64] = { 0x45, 0, 0, sizeof(packet) }, message[128];
	struct sp_wg_outgoing item = { .packet = packet,
				       .len = sizeof(packet),
				       .message = message };
	uint64_t received = at->rx_bytes;
	struct sp_aead_op op;
	size_t n;

	memcpy(packet + 12, from->here.addr.b + 12, 4);
	memcpy(packet + 16, to->here.addr.b + 12, 4);
	n = sp_wg_send_begin(from->engine, &item, 1, &now, &op);
	check(sp_aead_seal(aead, &op, n) == 0);
	sp_wg_send_end(from->engine, &item, 1);
	check(item.drop == SP_WG_DROP_NONE);
	if (item.message_len) {
		check(give(to, from, message, item.message_len) == SP_WG_DROP_NONE);
	} else {
		collect(from);
		for (int i = 0; i < 3; i++) {
			struct side *speaker = i % 2 ? to : from, *listener = i % 2 ? from : to;
			struct sp_wg_datagram *last = speaker->kept[(speaker->sent - 1) % KEPT];

			check(give(listener, speaker, last->bytes, last->len) == SP_WG_DROP_NONE);
		}
	}
	check(at->rx_bytes > received);
}

static void finish(struct side *side)
{
	sp_wg_engine_free(side->engine);
	for (size_t i = 0; i < KEPT; i++)
		free(side->kept[i]);
}

static void junk(struct sp_reader *in, uint8_t command, struct side *to, const struct side *from)
{
	static const size_t lengths[] = { 148, 92, 64, 32 };
	size_t len = sp_take_u8(in) + 64u * (command & 15);
	uint8_t message[64 * 16 + 256] = { 0 };
	const uint8_t *bytes;

	if (command >= 64)
		len = lengths[command & 3];
	if (len > in->left)
		len = in->left;
	bytes = sp_take(in, len);
	if (bytes)
		memcpy(message, bytes, len);
	if (command >= 64) {
		struct sp_wg_cookie_jar jar;

		len = lengths[command & 3];
		sp_put_le32(message, (command & 3u) + 1);
		sp_wg_cookie_jar_init(&jar, sp_wg_engine_get_identity(to->engine)->public_key);
		if ((command & 3) < 2)
			sp_wg_macs_add(&jar, message, len, now.now_ns);
	}
	check(give(to, from, message, len) != SP_WG_DROP_NONE); /* nobody forges */
}

static void replay(struct sp_reader *in, uint8_t command, struct side *attacked, struct side *owner)
{
	const struct sp_wg_datagram *kept = owner->kept[command % KEPT];
	uint8_t message[256];
	size_t len;

	if (!kept || kept->len > sizeof(message))
		return;
	len = kept->len;
	memcpy(message, kept->bytes, len);
	if (command < 192) {
		size_t at = sp_take_u8(in) % len;

		message[at] ^= sp_take_u8(in);
	}
	give(attacked, owner, message, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_reader in = sp_reader(data, size);
	struct side attacked, other, friend;
	struct sp_wg_engine_peer *friends_view;

	if (!aead && sp_aead_new("libsodium", &aead) < 0)
		abort();
	now = (struct sp_wg_time){ 1000 * SP_NS_PER_S, 1700000000 * SP_NS_PER_S };
	start(&attacked, 1);
	start(&other, 2);
	start(&friend, 3);
	attacked.other = introduce(&attacked, &other);
	attacked.friend = introduce(&attacked, &friend);
	other.other = introduce(&other, &attacked);
	friends_view = introduce(&friend, &attacked);
	exchange(&other, &attacked, attacked.other);
	exchange(&friend, &attacked, attacked.friend);
	while (in.left && !in.failed) {
		uint8_t command = sp_take_u8(&in);

		if (command < 128) {
			junk(&in, command, &attacked, &other);
		} else if (command < 192) {
			replay(&in, command, &attacked, &other);
		} else if (command < 224) {
			replay(&in, command, &other, &attacked);
		} else {
			uint64_t passed_ns = (command & 31u) * (command & 31u) * SP_NS_PER_S / 64;

			now.now_ns += passed_ns;
			now.real_ns += passed_ns;
			sp_wg_tick(attacked.engine, &now);
			sp_wg_tick(other.engine, &now);
			collect(&attacked);
			collect(&other);
		}
	}
	/* The friend was never attacked: a session that is still young works, and else a new one. */
	if (sp_wg_engine_is_under_load(attacked.engine))
		now.now_ns += 2 * SP_NS_PER_S;
	sp_wg_tick(attacked.engine, &now);
	collect(&attacked);
	if (now.now_ns < 1100 * SP_NS_PER_S)
		exchange(&friend, &attacked, attacked.friend);
	check(friends_view->drops[SP_WG_DROP_AUTH] == 0);
	finish(&attacked);
	finish(&other);
	finish(&friend);
	return 0;
}
