/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Handshakes for each source while under load: 20 a second, 5 at once, counted by IPv4 address or
 * IPv6 /64. A fixed table with a keyed hash: nothing to allocate, nothing to evict under attack.
 * Sources that fall into one slot share its tokens only when the slot's older owner was seen within
 * the last second; past that the slot changes hands.
 * Source: WireGuard paper 5.3; the kernel's ratelimiter.c for the figures. */
#ifndef SALLYPORT_WG_RATELIMIT_H
#define SALLYPORT_WG_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sallyport/abi/tables.h>

#define SP_WG_RATELIMIT_PER_SECOND 20
#define SP_WG_RATELIMIT_BURST 5
#define SP_WG_RATELIMIT_WAYS 4
#define SP_WG_RATELIMIT_SETS 2048 /* 8192 sources at a time, 192 KiB */

struct sp_wg_ratelimit_slot {
	uint64_t source; /* IPv4 address or /64, hashed with it: see ratelimit.c */
	uint64_t last_ns;
	uint64_t tokens_ns; /* a handshake costs a twentieth of a second */
};

struct sp_wg_ratelimit {
	uint8_t key[16]; /* random: strangers cannot aim at a slot */
	struct sp_wg_ratelimit_slot slots[SP_WG_RATELIMIT_SETS][SP_WG_RATELIMIT_WAYS];
};

/* May this source start a handshake now? Counts it if so. */
bool sp_wg_ratelimit_allow(struct sp_wg_ratelimit *limit, const struct sp_addr *source,
			   uint64_t now_ns);

#endif
