/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TAI64N timestamps (cr.yp.to/libtai/tai64.html): 8 bytes of seconds, 4 of nanoseconds, big-endian,
 * so that memcmp orders them. */
#ifndef SALLYPORT_CRYPTO_TAI64N_H
#define SALLYPORT_CRYPTO_TAI64N_H

#include <stdint.h>

#include "base/bytes.h"

#define SP_TAI64N_LEN 12

/* @real_ns: nanoseconds since 1970, UTC. Rounded down to 2^24 ns (17 ms), as the kernel does, so
 * that a timestamp is no precise clock to whoever receives it. The offset of 10 s is 1970's, as in
 * the kernel. */
static inline void sp_tai64n(uint8_t ret_stamp[SP_TAI64N_LEN], uint64_t real_ns)
{
	uint64_t nanoseconds = real_ns % 1000000000u & ~0xffffffull;

	sp_put_be64(ret_stamp, 0x400000000000000aull + real_ns / 1000000000u);
	sp_put_be32(ret_stamp + 8, (uint32_t)nanoseconds);
}

#endif
