/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sp-bench-aead: what one message costs in each AEAD implementation this processor can run.
 *
 *	sp-bench-aead [--json] [--batch N] [--passes N]
 *
 * Every pass measures every implementation once, one after the other, in processor time, so that
 * what the machine does beside it strikes all alike. Printed are the medians of the passes; a ratio
 * is the median of the same passes' ratios, above 1 when faster than the peer: intel-ipsec-mb, or
 * the first implementation that is not our own.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "crypto/aead/aead.h"

#define OWN "ifma"
#define BACKENDS_MAX 8
#define PASSES_MAX 101
#define BATCH_MAX 64
#define BYTES_MAX (256u << 10) /* a batch stays in the second-level cache */
#define MEASURE_NS 500000

static const uint32_t sizes[] = { 64, 256, 512, 1420, 16384 };

struct options {
	bool json;
	size_t batch, passes;
};

struct contestant {
	struct sp_aead *aead;
	double ns[2][PASSES_MAX]; /* a message, in each pass: sealing, opening */
	double median[2], ratio[2];
};

struct bench {
	struct options options;
	struct contestant contestants[BACKENDS_MAX];
	size_t count, peer;
	uint8_t keys[BATCH_MAX][SP_AEAD_KEY_LEN];
	uint8_t *text, *sealed, *opened;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int add_contestants(struct bench *bench)
{
	bool found_peer = false;

	for (size_t i = 0; sp_aead_backends[i] && bench->count < BACKENDS_MAX; i++) {
		struct contestant *contestant = &bench->contestants[bench->count];
		int r = sp_aead_new(sp_aead_backends[i]->name, &contestant->aead);

		if (r == -EOPNOTSUPP)
			continue; /* not on this processor */
		if (r < 0)
			return r;
		if (!found_peer && strcmp(sp_aead_backends[i]->name, OWN) != 0) {
			bench->peer = bench->count;
			found_peer = true;
		}
		bench->count++;
	}
	return found_peer ? 0 : -EOPNOTSUPP;
}

static size_t batch_of(const struct bench *bench, uint32_t size)
{
	size_t fits = BYTES_MAX / size;

	return bench->options.batch < fits ? bench->options.batch : fits;
}

static size_t prepare(struct bench *bench, uint32_t size, const uint8_t *from, uint8_t *to,
		      struct sp_aead_op ops[BATCH_MAX])
{
	size_t batch = batch_of(bench, size), stride = size + SP_AEAD_TAG_LEN;

	for (size_t i = 0; i < batch; i++)
		ops[i] = (struct sp_aead_op){ .key = bench->keys[i],
					      .counter = i,
					      .src = from + i * stride,
					      .dst = to + i * stride,
					      .len = size };
	return batch;
}

/* Nanoseconds a message, over as many batches as fit the time. */
static int measure(struct contestant *contestant, struct sp_aead_op *ops, size_t batch,
		   int (*run)(struct sp_aead *, struct sp_aead_op *, size_t), double *ret_ns)
{
	uint64_t start = now_ns(), end = start;
	size_t batches = 0, look = 1 + 64 / batch;

	while (end - start < MEASURE_NS) {
		for (size_t i = 0; i < look; i++, batches++) {
			int r = run(contestant->aead, ops, batch);

			if (r < 0)
				return r;
		}
		end = now_ns();
	}
	*ret_ns = (double)(end - start) / (double)(batches * batch);
	return 0;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(const double *values, size_t count)
{
	double sorted[PASSES_MAX];

	memcpy(sorted, values, count * sizeof(*values));
	qsort(sorted, count, sizeof(*sorted), compare_doubles);
	return sorted[count / 2];
}

static void summarize(struct bench *bench)
{
	const struct contestant *peer = &bench->contestants[bench->peer];
	size_t passes = bench->options.passes;

	for (size_t i = 0; i < bench->count; i++) {
		struct contestant *contestant = &bench->contestants[i];

		for (size_t way = 0; way < 2; way++) {
			double ratios[PASSES_MAX];

			for (size_t pass = 0; pass < passes; pass++)
				ratios[pass] = peer->ns[way][pass] / contestant->ns[way][pass];
			contestant->median[way] = median(contestant->ns[way], passes);
			contestant->ratio[way] = median(ratios, passes);
		}
	}
}

static int measure_size(struct bench *bench, uint32_t size)
{
	struct sp_aead_op seals[BATCH_MAX], opens[BATCH_MAX];
	size_t batch = prepare(bench, size, bench->text, bench->sealed, seals);
	int r = 0;

	prepare(bench, size, bench->sealed, bench->opened, opens);
	for (size_t pass = 0; pass < bench->options.passes; pass++) {
		for (size_t i = 0; i < bench->count && r == 0; i++)
			r = measure(&bench->contestants[i], seals, batch, sp_aead_seal,
				    &bench->contestants[i].ns[0][pass]);
		for (size_t i = 0; i < bench->count && r == 0; i++)
			r = measure(&bench->contestants[i], opens, batch, sp_aead_open,
				    &bench->contestants[i].ns[1][pass]);
	}
	summarize(bench);
	return r;
}

static void print_table(const struct bench *bench, uint32_t size)
{
	for (size_t i = 0; i < bench->count; i++) {
		const struct contestant *contestant = &bench->contestants[i];
		const double *ns = contestant->median, *ratio = contestant->ratio;

		printf("%6u  %-10s %9.1f %8.2f %6.2f   %9.1f %8.2f %6.2f\n", size,
		       sp_aead_name(contestant->aead), ns[0], size * 8 / ns[0], ratio[0], ns[1],
		       size * 8 / ns[1], ratio[1]);
	}
}

static void print_json(const struct bench *bench, uint32_t size)
{
	static const char *const ways[] = { "seal", "open" };

	printf("%s{\"bytes\":%u,\"batch\":%zu,\"backends\":[", size == sizes[0] ? "" : ",", size,
	       batch_of(bench, size));
	for (size_t i = 0; i < bench->count; i++) {
		const struct contestant *contestant = &bench->contestants[i];

		printf("%s{\"name\":\"%s\"", i ? "," : "", sp_aead_name(contestant->aead));
		for (size_t way = 0; way < 2; way++)
			printf(",\"%s\":{\"ns\":%.1f,\"gbit_s\":%.3f,\"ratio\":%.3f}", ways[way],
			       contestant->median[way], size * 8 / contestant->median[way],
			       contestant->ratio[way]);
		printf("}");
	}
	printf("]}");
}

static int run(struct bench *bench)
{
	const char *peer = sp_aead_name(bench->contestants[bench->peer].aead);

	if (bench->options.json)
		printf("{\"v\":1,\"bench\":\"aead\",\"peer\":\"%s\",\"passes\":%zu,\"sizes\":[",
		       peer, bench->options.passes);
	else
		printf(" bytes  backend      seal ns   Gbit/s  ratio     open ns   Gbit/s  ratio "
		       "(to %s; batches of %zu, medians of %zu)\n",
		       peer, bench->options.batch, bench->options.passes);
	for (size_t i = 0; i < SP_ARRAY_LEN(sizes); i++) {
		int r = measure_size(bench, sizes[i]);

		if (r < 0)
			return r;
		(bench->options.json ? print_json : print_table)(bench, sizes[i]);
		fflush(stdout);
	}
	if (bench->options.json)
		printf("]}\n");
	return 0;
}

static int number(const char *text, size_t max, size_t *ret_number)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || value == 0 || value > max)
		return -EINVAL;
	*ret_number = value;
	return 0;
}

static int parse(int argc, char **argv, struct options *ret_options)
{
	static const struct option known[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "batch", required_argument, NULL, 'b' },
		{ "passes", required_argument, NULL, 'p' },
		{ 0 },
	};
	struct options options = { .batch = BATCH_MAX, .passes = 21 };
	int option, r = 0;

	while (r == 0 && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'j':
			options.json = true;
			break;
		case 'b':
			r = number(optarg, BATCH_MAX, &options.batch);
			break;
		case 'p':
			r = number(optarg, PASSES_MAX, &options.passes);
			break;
		default:
			r = -EINVAL;
		}
	}
	if (r < 0 || optind < argc) {
		fprintf(stderr, "usage: sp-bench-aead [--json] [--batch 1..%d] [--passes 1..%d]\n",
			BATCH_MAX, PASSES_MAX);
		return -EINVAL;
	}
	*ret_options = options;
	return 0;
}

int main(int argc, char **argv)
{
	static struct bench bench;
	const size_t room = BYTES_MAX + BATCH_MAX * SP_AEAD_TAG_LEN;
	int r;

	if (parse(argc, argv, &bench.options) < 0)
		return 2;
	bench.text = calloc(1, room);
	bench.sealed = calloc(1, room);
	bench.opened = calloc(1, room);
	for (size_t i = 0; i < sizeof(bench.keys); i++)
		bench.keys[i / SP_AEAD_KEY_LEN][i % SP_AEAD_KEY_LEN] = (uint8_t)(i * 37 + 11);
	r = bench.text && bench.sealed && bench.opened ? add_contestants(&bench) : -ENOMEM;
	if (r == 0)
		r = run(&bench);
	if (r < 0)
		fprintf(stderr, "sp-bench-aead: %s\n", strerror(-r));
	for (size_t i = 0; i < bench.count; i++)
		sp_aead_free(bench.contestants[i].aead);
	free(bench.text);
	free(bench.sealed);
	free(bench.opened);
	return r < 0;
}
