/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much one address may ask for. Fixed memory: buckets by keyed hash, so that who shares one
 * with whom is nobody's to choose. Of IPv6 the /64 counts: a host has all of it. */
#ifndef SALLYPORT_PORTAL_RATES_H
#define SALLYPORT_PORTAL_RATES_H

#include <stdint.h>

#include "net/addr.h"

#define SP_RATE_BUCKETS 16384u
#define SP_RATE_PER_S 500u /* requests */
#define SP_RATE_BURST 1000u
#define SP_UNFINISHED_PER_ADDRESS 1024u

struct sp_rate {
	uint64_t full_ns;    /* when the bucket is full again */
	uint32_t unfinished; /* sign-ins */
};

struct sp_rates {
	uint8_t hash_key[16];
	struct sp_rate buckets[SP_RATE_BUCKETS];
};

/* The bucket of @from. Borrowed; it lasts as @rates does. */
struct sp_rate *sp_rate_of(struct sp_rates *rates, const struct sp_addr *from);
/* Count one request at @now_ns (CLOCK_BOOTTIME). Returns 0; else the nanoseconds to wait, and
 * nothing is counted. */
uint64_t sp_rate_take(struct sp_rate *rate, uint64_t now_ns);

#endif
