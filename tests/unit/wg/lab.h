/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two engines and the wire between them, stepped by hand. Time stands still until a test moves it,
 * and what one sends lies on the wire until a test delivers, drops, repeats or reorders it. */
#ifndef SALLYPORT_TESTS_WG_LAB_H
#define SALLYPORT_TESTS_WG_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/aead/aead.h"
#include "wg/engine.h"
#include "wg/noise/messages.h"

#define WIRE_MAX 8192

struct wire_item {
	struct wire_item *next;
	struct sp_wg_endpoint from, to;
	size_t len;
	uint8_t bytes[2048];
};

struct engine {
	struct lab *lab;
	struct sp_wg_engine *core;
	struct sp_wg_engine_peer *other; /* how it knows the other one */
	struct sp_wg_endpoint here;      /* where its datagrams come from */
	const char *inner;               /* its address inside */
	uint64_t random;
	bool random_fails;
	struct wire_item *out_first, **out_link; /* sent, not yet delivered */
	size_t out_count;
	/* what the last delivery to it gave */
	enum sp_wg_drop drop;
	bool has_roamed;
	uint8_t packet[2048];
	size_t packet_len; /* 0: nothing inside */
	size_t delivered;  /* inner packets so far */
};

struct lab {
	uint64_t now_ns;
	int64_t skew_ns; /* of b's wall clock */
	struct sp_aead *aead;
	struct engine a, b;
};

/* a: 192.0.2.1, inner 10.9.0.1, knows b's endpoint; b: 192.0.2.2, inner 10.9.0.2, does not know
 * a's. */
void lab_start(struct lab *lab);
void lab_done(struct lab *lab);
struct sp_wg_time lab_time(const struct lab *lab, const struct engine *engine);

/* Build an IPv4 UDP packet of @len bytes. */
void inner_packet(uint8_t *ret_packet, size_t len, const char *source, const char *destination);

void engine_set_key(struct engine *engine, const uint8_t private_key[32]);
/* Send a packet of @len bytes to the other's inner address. */
enum sp_wg_drop engine_send(struct engine *engine, size_t len);
enum sp_wg_drop engine_send_packet(struct engine *engine, const uint8_t *packet, size_t len);

/* The oldest thing @engine sent, off the wire; NULL: nothing. Free it with test_free. */
struct wire_item *wire_take(struct engine *engine);
/* The same, which must be of that type. */
struct wire_item *wire_expect(struct engine *engine, enum sp_wg_message_type type);
/* Give bytes to @engine; @item stays the caller's and unchanged. Returns the reason of a drop. */
enum sp_wg_drop wire_give(struct engine *engine, const struct wire_item *item);
/* Take from one, which must be of that type, give to the other, which must take it. */
void wire_pass(struct engine *from, struct engine *to, enum sp_wg_message_type type);
/* Lose everything on the wire. */
size_t wire_lose(struct engine *engine);
/* Deliver whatever either sends until both are silent. */
void lab_settle(struct lab *lab);

/* Move time on by @ns, in one step, ticking nobody. */
void lab_wait(struct lab *lab, uint64_t ns);
void lab_tick(struct lab *lab);
/* Move time on by @ns from deadline to deadline, delivering everything at once. Returns how many
 * steps. */
size_t lab_run(struct lab *lab, uint64_t ns);
/* A complete handshake begun by a. */
void lab_connect(struct lab *lab);

#endif
