/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/x25519/x25519.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <sodium.h>

#include "base/cleanup.h"
#include "crypto/x25519/x25519_ifma.h"

#define LANES SP_X25519_IFMA_LANES
/* From this many products on, the four lanes are faster than one after the other. */
#define WORTH_IT 3

static const uint8_t base_point[SP_X25519_LEN] = { 9 };

#ifdef SP_HAVE_IFMA
/* Does our own code pass the test vectors of RFC 7748, 5.2 and 6.1? It is not used before. */
static bool passes_self_test(void)
{
	static const uint8_t scalar[SP_X25519_LEN] = {
		0xa5, 0x46, 0xe3, 0x6b, 0xf0, 0x52, 0x7c, 0x9d, 0x3b, 0x16, 0x15,
		0x4b, 0x82, 0x46, 0x5e, 0xdd, 0x62, 0x14, 0x4c, 0x0a, 0xc1, 0xfc,
		0x5a, 0x18, 0x50, 0x6a, 0x22, 0x44, 0xba, 0x44, 0x9a, 0xc4,
	};
	static const uint8_t point[SP_X25519_LEN] = {
		0xe6, 0xdb, 0x68, 0x67, 0x58, 0x30, 0x30, 0xdb, 0x35, 0x94, 0xc1,
		0xa4, 0x24, 0xb1, 0x5f, 0x7c, 0x72, 0x66, 0x24, 0xec, 0x26, 0xb3,
		0x35, 0x3b, 0x10, 0xa9, 0x03, 0xa6, 0xd0, 0xab, 0x1c, 0x4c,
	};
	static const uint8_t product[SP_X25519_LEN] = {
		0xc3, 0xda, 0x55, 0x37, 0x9d, 0xe9, 0xc6, 0x90, 0x8e, 0x94, 0xea,
		0x4d, 0xf2, 0x8d, 0x08, 0x4f, 0x32, 0xec, 0xcf, 0x03, 0x49, 0x1c,
		0x71, 0xf7, 0x54, 0xb4, 0x07, 0x55, 0x77, 0xa2, 0x85, 0x52,
	};
	const uint8_t *const scalars[LANES] = { scalar, product, point, scalar };
	const uint8_t *const points[LANES] = { point, base_point, base_point, point };
	uint8_t products[LANES][SP_X25519_LEN], wanted[SP_X25519_LEN], one[SP_X25519_LEN];
	bool is_right = true;

	sp_x25519_ifma_four(products, scalars, points);
	for (size_t lane = 0; lane < LANES; lane++) {
		if (points[lane] == point)
			memcpy(wanted, product, sizeof(wanted));
		else
			crypto_scalarmult_curve25519_base(wanted, scalars[lane]);
		sp_x25519_ifma_one(one, scalars[lane], points[lane]);
		is_right &= memcmp(products[lane], wanted, sizeof(wanted)) == 0 &&
			    memcmp(one, wanted, sizeof(wanted)) == 0;
	}
	return is_right;
}

static bool try_ifma(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512ifma") && passes_self_test();
}

/* Tested once. Two threads that ask at the same time get the same answer. */
static bool has_ifma(void)
{
	enum { UNKNOWN, YES, NO };
	static int known;
	int answer = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (answer == UNKNOWN) {
		answer = try_ifma() ? YES : NO;
		__atomic_store_n(&known, answer, __ATOMIC_RELAXED);
	}
	return answer == YES;
}
#else
static bool has_ifma(void)
{
	return false;
}

/* Never called: for the linker of processors that have no such code. */
void sp_x25519_ifma_one(uint8_t ret_product[SP_X25519_LEN], const uint8_t scalar[SP_X25519_LEN],
			const uint8_t point[SP_X25519_LEN])
{
	(void)ret_product;
	(void)scalar;
	(void)point;
}

void sp_x25519_ifma_four(uint8_t ret_products[LANES][SP_X25519_LEN],
			 const uint8_t *const scalars[LANES], const uint8_t *const points[LANES])
{
	(void)ret_products;
	(void)scalars;
	(void)points;
}
#endif

/* Hand over a product, unless it is all zeros, as that of a point of low order is. */
static int give(uint8_t ret_product[SP_X25519_LEN], const uint8_t product[SP_X25519_LEN])
{
	if (sodium_is_zero(product, SP_X25519_LEN))
		return -EKEYREJECTED;
	memcpy(ret_product, product, SP_X25519_LEN);
	return 0;
}

int sp_x25519(uint8_t ret_secret[SP_X25519_LEN], const uint8_t private_key[SP_X25519_LEN],
	      const uint8_t public_key[SP_X25519_LEN])
{
	uint8_t secret[SP_X25519_LEN];
	int r = 0;

	if (has_ifma())
		sp_x25519_ifma_one(secret, private_key, public_key);
	/* libsodium refuses the low-order points that it lists before it computes. give() does not
	 * depend on that list. */
	else if (crypto_scalarmult_curve25519(secret, private_key, public_key) != 0)
		r = -EKEYREJECTED;
	if (r == 0)
		r = give(ret_secret, secret);
	sp_wipe(secret, sizeof(secret));
	return r;
}

void sp_x25519_public(uint8_t ret_public[SP_X25519_LEN], const uint8_t private_key[SP_X25519_LEN])
{
	if (has_ifma())
		sp_x25519_ifma_one(ret_public, private_key, base_point);
	else
		crypto_scalarmult_curve25519_base(ret_public, private_key);
}

static void run_one(struct sp_x25519_op *op)
{
	op->result = 0;
	if (op->public_key)
		op->result = sp_x25519(op->ret_product, op->private_key, op->public_key);
	else
		sp_x25519_public(op->ret_product, op->private_key);
}

/* Run one to four operations at once. Lanes without an operation repeat the first. */
static void run_lanes(struct sp_x25519_op *ops, size_t n)
{
	uint8_t products[LANES][SP_X25519_LEN];
	const uint8_t *scalars[LANES], *points[LANES];

	for (size_t lane = 0; lane < LANES; lane++) {
		const struct sp_x25519_op *op = &ops[lane < n ? lane : 0];

		scalars[lane] = op->private_key;
		points[lane] = op->public_key ? op->public_key : base_point;
	}
	sp_x25519_ifma_four(products, scalars, points);
	for (size_t lane = 0; lane < n; lane++)
		ops[lane].result = give(ops[lane].ret_product, products[lane]);
	sp_wipe(products, sizeof(products));
}

int sp_x25519_many(struct sp_x25519_op *ops, size_t n)
{
	for (size_t done = 0; done < n;) {
		const size_t count = n - done < LANES ? n - done : LANES;

		if (count >= WORTH_IT && has_ifma()) {
			run_lanes(&ops[done], count);
			done += count;
		} else {
			run_one(&ops[done++]);
		}
	}
	for (size_t i = 0; i < n; i++)
		if (ops[i].result != 0)
			return ops[i].result;
	return 0;
}
