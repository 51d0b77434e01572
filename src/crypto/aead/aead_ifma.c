/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our own implementation for processors with AVX-512-IFMA: batches are cut into groups of up to
 * eight messages of like length, and a group is computed side by side. */
#include "crypto/aead/aead_ifma.h"

#include <stdlib.h>

#include "crypto/aead/aead_backends.h"

#define WINDOW 64 /* messages that are sorted by length together */

/* This file is compiled for any x86-64. The code that it calls needs AVX-512-IFMA. */
static void *context_new(void)
{
	/* also checks that the operating system supports the registers */
	bool can = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
		   __builtin_cpu_supports("avx512ifma");

	return can ? aligned_alloc(64, SP_AEAD_IFMA_ROOM) : NULL;
}

static void context_free(void *context)
{
	free(context); /* wiped after every batch */
}

struct way {
	size_t (*eight)(void *room, struct sp_aead_op *const *ops, size_t count);
	size_t (*one)(void *room, struct sp_aead_op *op);
};

/* Sort the longest first. Most batches are of one length, or nearly so. */
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

/* Is it faster to compute the @count messages side by side, which takes the time of eight like the
 * first, than one after the other? The numbers are cycles, measured on a Sapphire Rapids. Only the
 * point where both are equal matters, and it moves little between processors. */
static bool side_by_side(struct sp_aead_op *const *ops, size_t count)
{
	uint64_t blocks = 1 + (ops[0]->len + 63u) / 64, eight = 450 + 350 * (blocks + 1), alone = 0;

	for (size_t i = 0; i < count; i++) {
		if (ops[i]->ad_len > 0)
			return true; /* only the code with eight lanes takes additional data */
		alone += 450 + ops[i]->len * 45ull / 64;
	}
	return eight < alone;
}

/* Run one window. Returns how much of @room was used. */
static size_t run_window(void *room, struct sp_aead_op *ops, size_t n, const struct way *way)
{
	struct sp_aead_op *sorted[WINDOW];
	size_t done = 0, used = 0;

	for (size_t i = 0; i < n; i++)
		sorted[i] = &ops[i];
	sort(sorted, n);
	while (done < n) {
		size_t count = n - done < SP_AEAD_IFMA_EIGHT ? n - done : SP_AEAD_IFMA_EIGHT, now;

		if (side_by_side(&sorted[done], count)) {
			now = way->eight(room, &sorted[done], count);
			done += count;
		} else {
			now = way->one(room, sorted[done++]);
		}
		if (now > used)
			used = now;
	}
	return used;
}

/* Wipe @len bytes of stack below the caller's frame, where the compiler may have kept secrets while
 * it was short of registers. */
static __attribute__((noinline)) void wipe_stack(size_t len)
{
	uint8_t frames[SP_AEAD_IFMA_STACK_EIGHT];

	sp_wipe(frames + sizeof(frames) - len, len);
}

static void run(void *room, struct sp_aead_op *ops, size_t n, const struct way *way)
{
	size_t most = 0;

	for (size_t done = 0; done < n; done += WINDOW) {
		size_t used =
			run_window(room, &ops[done], n - done < WINDOW ? n - done : WINDOW, way);

		if (used > most)
			most = used;
	}
	sp_wipe(room, most);
	wipe_stack(most == SP_AEAD_IFMA_ROOM ? SP_AEAD_IFMA_STACK_EIGHT : SP_AEAD_IFMA_STACK_ONE);
}

static void seal(void *context, struct sp_aead_op *ops, size_t n)
{
	static const struct way way = { sp_aead_ifma_eight_seal, sp_aead_ifma_one_seal };

	run(context, ops, n, &way);
}

static void open_each(void *context, struct sp_aead_op *ops, size_t n)
{
	static const struct way way = { sp_aead_ifma_eight_open, sp_aead_ifma_one_open };

	run(context, ops, n, &way);
}

const struct sp_aead_backend sp_aead_ifma = {
	.name = "ifma",
	.context_new = context_new,
	.context_free = context_free,
	.seal = seal,
	.open = open_each,
};
