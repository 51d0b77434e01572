/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our own implementation for processors with AVX-512-IFMA: batches are cut into groups of up to
 * eight messages of like length, and a group is computed side by side. */
#include "crypto/aead_ifma.h"

#include "crypto/aead_backends.h"

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

static void run(struct sp_aead_op *ops, size_t n,
		void (*eight)(struct sp_aead_op *const *ops, size_t count))
{
	struct sp_aead_op *group[SP_AEAD_IFMA_EIGHT];

	for (size_t done = 0; done < n;) {
		size_t count = 0;

		while (count < SP_AEAD_IFMA_EIGHT && done < n)
			group[count++] = &ops[done++];
		eight(group, count);
	}
}

static void seal(void *context, struct sp_aead_op *ops, size_t n)
{
	(void)context;
	run(ops, n, sp_aead_ifma_eight_seal);
}

static void open_each(void *context, struct sp_aead_op *ops, size_t n)
{
	(void)context;
	run(ops, n, sp_aead_ifma_eight_open);
}

const struct sp_aead_backend sp_aead_ifma = {
	.name = "ifma",
	.context_new = context_new,
	.context_free = context_free,
	.seal = seal,
	.open = open_each,
};
