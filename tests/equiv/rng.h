/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers from a seed, the same on every machine (splitmix64). */
#ifndef SALLYPORT_EQUIV_RNG_H
#define SALLYPORT_EQUIV_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Neighbouring seeds give streams that have nothing to do with each other. */
static inline struct rng rng_from_seed(uint64_t seed)
{
	struct rng rng = { seed };

	rng.state = rng_next(&rng);
	return rng;
}

/* 0 .. count - 1 */
static inline uint32_t rng_below(struct rng *rng, uint32_t count)
{
	return (uint32_t)((rng_next(rng) >> 32) * count >> 32);
}

static inline uint32_t rng_between(struct rng *rng, uint32_t least, uint32_t most)
{
	return least + rng_below(rng, most - least + 1);
}

static inline bool rng_chance(struct rng *rng, uint32_t percent)
{
	return rng_below(rng, 100) < percent;
}

#endif
