/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sp-bench-handshake: how many handshakes our engine does in a second of one core.
 *
 *	sp-bench-handshake [--peers N] [--passes N] [--json]
 *
 * One responder and N initiators, whole engines each; the messages are handed over in memory. Counted
 * is the processor time of this thread, on each side from the bytes of a message to the bytes of its
 * answer: macs, look-ups, Diffie-Hellman, key derivation, the new session, timers.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/aead/aead.h"
#include "crypto/blake2s.h"
#include "crypto/x25519/x25519.h"
#include "json/own.h"
#include "result.h"
#include "wg/engine.h"

#define PASSES_MAX 101
#define PEERS_MAX 100000
#define NS_PER_S 1000000000ull
#define BETWEEN_NS (6 * NS_PER_S) /* beyond REKEY_TIMEOUT: each pass may begin anew */
#define MUST 5000
#define AIM 6000

struct initiator {
	struct sp_wg_engine *engine;
	struct sp_wg_engine_peer *peer;
	struct sp_wg_datagram *message, *answer;
};

struct bench {
	size_t peer_count, passes;
	struct sp_wg_engine *responder;
	struct initiator *initiators;
	struct sp_wg_time now;
	double responder_us[PASSES_MAX], initiator_us[PASSES_MAX];
};

static int draw(void *arg, uint8_t *ret_bytes, size_t len)
{
	(void)arg;
	return getrandom(ret_bytes, len, 0) == (ssize_t)len ? 0 : -EIO;
}

static int start_engine(struct sp_wg_engine **ret_engine)
{
	const struct sp_wg_config config = { .random = draw, .handshakes_per_second = 1000000000 };
	struct sp_wg_identity identity;
	uint8_t key[SP_WG_KEY_LEN];
	int r = sp_wg_engine_new(&config, ret_engine);

	if (r == 0)
		r = draw(NULL, key, sizeof(key));
	if (r < 0)
		return r;
	sp_wg_identity_init(&identity, key);
	sp_wg_engine_set_identity(*ret_engine, &identity);
	return 0;
}

/* 10.x.y.z:51820 */
static struct sp_wg_endpoint endpoint_of(size_t number)
{
	struct sp_wg_endpoint endpoint = { .port = 51820 };

	memcpy(endpoint.addr.b + 10, (const uint8_t[]){ 0xff, 0xff }, 2);
	sp_put_be32(endpoint.addr.b + 12, 0x0a000000 + (uint32_t)number);
	return endpoint;
}

static int start(struct bench *bench)
{
	const struct sp_wg_endpoint here = endpoint_of(0);
	struct sp_wg_engine_peer *peer;
	int r = start_engine(&bench->responder);

	bench->now =
		(struct sp_wg_time){ .now_ns = 1000 * NS_PER_S, .real_ns = 1700000000 * NS_PER_S };
	bench->initiators = calloc(bench->peer_count, sizeof(*bench->initiators));
	if (!bench->initiators)
		return -ENOMEM;
	for (size_t i = 0; i < bench->peer_count && r == 0; i++) {
		struct initiator *one = &bench->initiators[i];

		r = start_engine(&one->engine);
		if (r == 0)
			r = sp_wg_engine_peer_add(
				one->engine,
				sp_wg_engine_get_identity(bench->responder)->public_key,
				&one->peer);
		if (r < 0)
			return r;
		sp_wg_engine_peer_set_endpoint(one->peer, &here);
		r = sp_wg_engine_peer_add(bench->responder,
					  sp_wg_engine_get_identity(one->engine)->public_key,
					  &peer);
	}
	return r;
}

static void finish(struct bench *bench)
{
	for (size_t i = 0; bench->initiators && i < bench->peer_count; i++)
		sp_wg_engine_free(bench->initiators[i].engine);
	sp_wg_engine_free(bench->responder);
	free(bench->initiators);
}

/* Give @datagram to @engine, which must take it; it is freed. */
static int give(struct bench *bench, struct sp_wg_engine *engine, struct sp_wg_datagram *datagram,
		size_t from)
{
	struct sp_wg_incoming item = { .message = datagram->bytes, .len = datagram->len };
	struct sp_aead_op op;

	item.from = endpoint_of(from);
	sp_wg_receive_begin(engine, &item, 1, &bench->now, &op);
	sp_wg_receive_end(engine, &item, 1, &bench->now);
	free(datagram);
	return item.drop == SP_WG_DROP_NONE ? 0 : -EPROTO;
}

static void discard(struct sp_wg_engine *engine)
{
	struct sp_wg_datagram *datagram;

	while ((datagram = sp_wg_take_datagram(engine)))
		free(datagram);
}

/* A handshake with every peer. The two sides' work is timed apart, in runs of all peers. */
static int run_pass(struct bench *bench, size_t pass)
{
	const size_t n = bench->peer_count;
	uint64_t began_ns, initiators_ns, responder_ns;
	int r = 0;

	bench->now.now_ns += BETWEEN_NS;
	bench->now.real_ns += BETWEEN_NS;
	began_ns = bench_cpu_ns();
	for (size_t i = 0; i < n; i++) {
		sp_wg_engine_peer_handshake(bench->initiators[i].peer, &bench->now);
		bench->initiators[i].message = sp_wg_take_datagram(bench->initiators[i].engine);
		if (!bench->initiators[i].message)
			return -EPROTO;
	}
	initiators_ns = bench_cpu_ns() - began_ns;

	began_ns = bench_cpu_ns();
	for (size_t i = 0; i < n && r == 0; i++) {
		r = give(bench, bench->responder, bench->initiators[i].message, i + 1);
		bench->initiators[i].answer = sp_wg_take_datagram(bench->responder);
		if (!bench->initiators[i].answer)
			r = -EPROTO;
	}
	responder_ns = bench_cpu_ns() - began_ns;
	if (r < 0)
		return r;

	began_ns = bench_cpu_ns();
	for (size_t i = 0; i < n && r == 0; i++) {
		r = give(bench, bench->initiators[i].engine, bench->initiators[i].answer, 0);
		discard(bench->initiators[i].engine); /* the keepalive that confirms */
	}
	initiators_ns += bench_cpu_ns() - began_ns;
	bench->responder_us[pass] = (double)responder_ns / 1000 / (double)n;
	bench->initiator_us[pass] = (double)initiators_ns / 1000 / (double)n;
	return r;
}

/* ---- what a handshake is made of ---- */

static uint8_t key_a[32], key_b[32], block[64], sealed[64];

static void one_x25519(void)
{
	if (sp_x25519(key_b, key_a, key_b) < 0)
		abort();
}

static void three_x25519(void)
{
	static uint8_t products[3][32];
	struct sp_x25519_op ops[] = {
		{ key_a, NULL, products[0], 0 },
		{ key_a, key_b, products[1], 0 },
		{ key_a, key_b, products[2], 0 },
	};

	if (sp_x25519_many(ops, 3) < 0)
		abort();
}

static void one_public(void)
{
	sp_x25519_public(key_b, key_a);
}

static void one_hash(void)
{
	sp_blake2s_of(block, block, 32, block + 32, 32);
}

static void one_kdf2(void)
{
	sp_kdf(block, block + 32, NULL, block, 32, key_b, 32);
}

static void one_seal(void)
{
	sp_chachapoly_seal(key_a, 0, block, 32, block + 32, 32, sealed);
}

static const struct part {
	const char *name;
	void (*run)(void);
	size_t times;
} parts[] = {
	{ "x25519", one_x25519, 500 },        { "three_x25519", three_x25519, 300 },
	{ "x25519_public", one_public, 500 }, { "hash64", one_hash, 10000 },
	{ "kdf2", one_kdf2, 2000 },           { "seal32", one_seal, 5000 },
};

static json_t *measure_parts(size_t passes)
{
	json_t *found = json_object();

	draw(NULL, key_a, sizeof(key_a));
	one_public();
	for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++) {
		double us[PASSES_MAX];

		for (size_t pass = 0; pass < passes; pass++) {
			const uint64_t began_ns = bench_cpu_ns();

			for (size_t i = 0; i < parts[p].times; i++)
				parts[p].run();
			us[pass] =
				(double)(bench_cpu_ns() - began_ns) / 1000 / (double)parts[p].times;
		}
		json_object_set_new(found, parts[p].name, json_real(bench_median(us, passes)));
	}
	return found;
}

/* ---- saying it ---- */

static json_t *side(double *us, size_t passes)
{
	double per_second[PASSES_MAX];
	json_t *found;

	for (size_t i = 0; i < passes; i++)
		per_second[i] = 1e6 / us[i];
	found = bench_summary(per_second, passes);
	json_object_set_new(found, "us", json_real(bench_median(us, passes)));
	return found;
}

static void print_side(const char *name, const json_t *found)
{
	printf("%-10s %6.0f a second and core (%.0f-%.0f), %.1f us each\n", name,
	       json_number_value(json_object_get(found, "median")),
	       json_number_value(json_object_get(found, "min")),
	       json_number_value(json_object_get(found, "max")),
	       json_number_value(json_object_get(found, "us")));
}

static int say(struct bench *bench, bool as_json)
{
	__sp_json json_t *responder = side(bench->responder_us, bench->passes);
	__sp_json json_t *initiator = side(bench->initiator_us, bench->passes);
	__sp_json json_t *goal = bench_goal(json_number_value(json_object_get(responder, "median")),
					    MUST, AIM, true);
	__sp_json json_t *made_of = measure_parts(bench->passes);
	const char *name;
	json_t *value;

	if (as_json)
		return bench_print(json_pack(
			"{s:i, s:s, s:i, s:i, s:o, s:o, s:o, s:{s:o}, s:o}", "v", 1, "bench",
			"handshake", "peers", (int)bench->peer_count, "passes", (int)bench->passes,
			"responder", SP_TAKE_PTR(responder), "initiator", SP_TAKE_PTR(initiator),
			"parts_us", SP_TAKE_PTR(made_of), "goals", "responder", SP_TAKE_PTR(goal),
			"machine", bench_machine()));
	print_side("responder", responder);
	print_side("initiator", initiator);
	printf("goal: the responder's >= %d, aim >= %d: %s\nof which, us an operation:", MUST, AIM,
	       bench_goal_text(goal));
	json_object_foreach(made_of, name, value)
		printf(" %s %.2f", name, json_real_value(value));
	puts("");
	return 0;
}

static bool parse_number(const char *text, size_t max, size_t *ret_number)
{
	char *end;
	const unsigned long number = strtoul(text, &end, 10);

	if (!*text || *end || number < 1 || number > max)
		return false;
	*ret_number = number;
	return true;
}

static void print_usage(FILE *out)
{
	fprintf(out,
		"usage: sallyport bench handshake [--peers 1..%d] [--passes 1..%d] [--json]\n"
		"handshakes a second of one core, both sides, without sockets\n",
		PEERS_MAX, PASSES_MAX);
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "peers", required_argument, NULL, 'n' },
		{ "passes", required_argument, NULL, 'p' },
		{ 0 },
	};
	static struct bench bench = { .peer_count = 500, .passes = 9 };
	bool as_json = false, is_known = true;
	int option, r;

	while (is_known && (option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (option) {
		case 'j':
			as_json = true;
			break;
		case 'h':
			print_usage(stdout);
			return 0;
		case 'n':
			is_known = parse_number(optarg, PEERS_MAX, &bench.peer_count);
			break;
		case 'p':
			is_known = parse_number(optarg, PASSES_MAX, &bench.passes);
			break;
		default:
			is_known = false;
		}
	}
	if (!is_known || optind < argc) {
		print_usage(stderr);
		return 2;
	}
	r = start(&bench);
	if (r == 0)
		r = run_pass(&bench, 0); /* what is computed once a peer is not counted */
	for (size_t pass = 0; pass < bench.passes && r == 0; pass++)
		r = run_pass(&bench, pass);
	if (r < 0)
		fprintf(stderr, "sp-bench-handshake: %s\n", sp_err_text(r));
	else
		r = say(&bench, as_json);
	finish(&bench);
	return r ? 1 : 0;
}
