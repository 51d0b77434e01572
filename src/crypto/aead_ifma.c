/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our own implementation for processors with AVX-512-IFMA: batches are cut into groups of up to
 * eight messages of like length, and a group is computed side by side. */
#include "crypto/aead_ifma.h"

#include "crypto/aead_backends.h"

#define WINDOW 64 /* messages that are sorted by length together */

static char no_state; /* there is none; a context must not be NULL */

/* This file is compiled for any x86-64; what it calls is not. */
static void *context_new(void)
{
	/* Asks for the operating system's support of the registers, too. */
	bool can = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
		   __builtin_cpu_supports("avx512ifma");

	return can ? &no_state : NULL;
}

static void context_free(void *context)
{
	(void)context;
}

struct way {
	void (*eight)(struct sp_aead_op *const *ops, size_t count);
	void (*one)(struct sp_aead_op *op);
};

/* Longest first. Most batches are of one length, or nearly. */
static void sort(struct sp_aead_op **ops, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct sp_aead_op *op = ops[i];
		size_t at = i;

		for (; at > 0 && ops[at - 1]->len < op->len; at--)
			ops[at] = ops[at - 1];
		ops[at] = op;
	}
}

/* Is computing the @count messages side by side, in the time of eight of the first, faster than one
 * after the other? In ns, as measured on a Sapphire Rapids at 2.1 GHz; what counts is where the two
 * meet, and that moves little between processors. */
static bool side_by_side(struct sp_aead_op *const *ops, size_t count)
{
	uint64_t eight = 250 + 350 * (1 + ((ops[0]->len + 63u) / 64 + 1) / 2), alone = 0;

	for (size_t i = 0; i < count; i++) {
		if (ops[i]->ad_len > 0)
			return true; /* only the eight lanes know additional data */
		alone += 200 + ops[i]->len * 2ull / 5;
	}
	return eight < alone;
}

static void run_window(struct sp_aead_op *ops, size_t n, const struct way *way)
{
	struct sp_aead_op *sorted[WINDOW];
	size_t done = 0;

	for (size_t i = 0; i < n; i++)
		sorted[i] = &ops[i];
	sort(sorted, n);
	while (done < n) {
		size_t left = n - done,
		       count = left < SP_AEAD_IFMA_EIGHT ? left : SP_AEAD_IFMA_EIGHT;

		if (side_by_side(&sorted[done], count)) {
			way->eight(&sorted[done], count);
			done += count;
		} else {
			way->one(sorted[done++]);
		}
	}
}

static void run(struct sp_aead_op *ops, size_t n, const struct way *way)
{
	for (size_t done = 0; done < n; done += WINDOW)
		run_window(&ops[done], n - done < WINDOW ? n - done : WINDOW, way);
}

static void seal(void *context, struct sp_aead_op *ops, size_t n)
{
	static const struct way way = { sp_aead_ifma_eight_seal, sp_aead_ifma_one_seal };

	(void)context;
	run(ops, n, &way);
}

static void open_each(void *context, struct sp_aead_op *ops, size_t n)
{
	static const struct way way = { sp_aead_ifma_eight_open, sp_aead_ifma_one_open };

	(void)context;
	run(ops, n, &way);
}

const struct sp_aead_backend sp_aead_ifma = {
	.name = "ifma",
	.context_new = context_new,
	.context_free = context_free,
	.seal = seal,
	.open = open_each,
};
