/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In the place of src/crypto/aead/aead.c: a cipher that copies. Data is neither encrypted nor
 * authenticated; what is left is what everything around the cipher costs, the ceiling of any better
 * one. Handshakes are what they are.
 *
 * It is linked into sallyport-vpnd-null alone, which benchmarks run; the engine itself holds no such
 * thing to be selected. Even there it does not start unless $SALLYPORT_BENCH_NULL_CIPHER is 1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/aead/aead.h"

#define VARIABLE "SALLYPORT_BENCH_NULL_CIPHER"

struct sp_aead {
	char unused;
};

static void copy(void *context, struct sp_aead_op *ops, size_t n, bool is_seal)
{
	(void)context;
	for (size_t i = 0; i < n; i++) {
		if (ops[i].src != ops[i].dst)
			memcpy(ops[i].dst, ops[i].src, ops[i].len);
		if (is_seal)
			memset(ops[i].dst + ops[i].len, 0, SP_AEAD_TAG_LEN);
		ops[i].result = 0;
	}
}

static void seal(void *context, struct sp_aead_op *ops, size_t n)
{
	copy(context, ops, n, true);
}

static void open_each(void *context, struct sp_aead_op *ops, size_t n)
{
	copy(context, ops, n, false);
}

static const struct sp_aead_backend null_cipher = { .name = "null",
						    .seal = seal,
						    .open = open_each };

const struct sp_aead_backend *const sp_aead_backends[] = { &null_cipher, NULL };

int sp_aead_new(const char *name, struct sp_aead **ret_aead)
{
	const char *allowed = getenv(VARIABLE);

	if (name && strcmp(name, null_cipher.name))
		return -ENOENT;
	if (!allowed || strcmp(allowed, "1")) {
		fputs("sallyport-vpnd-null protects nothing: it is for sallyport bench vpn, which "
		      "sets " VARIABLE "=1\n",
		      stderr);
		return -EOPNOTSUPP;
	}
	*ret_aead = calloc(1, sizeof(**ret_aead));
	return *ret_aead ? 0 : -ENOMEM;
}

void sp_aead_free(struct sp_aead *aead)
{
	free(aead);
}

const char *sp_aead_name(const struct sp_aead *aead)
{
	(void)aead;
	return null_cipher.name;
}

int sp_aead_seal(struct sp_aead *aead, struct sp_aead_op *ops, size_t n)
{
	seal(aead, ops, n);
	return 0;
}

int sp_aead_open(struct sp_aead *aead, struct sp_aead_op *ops, size_t n)
{
	open_each(aead, ops, n);
	return 0;
}
