/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The little an engine reads and writes in the IP header of an inner packet. */
#ifndef SALLYPORT_WG_INNER_H
#define SALLYPORT_WG_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/abi/tables.h>

#define SP_ECN_MASK 3u
#define SP_ECN_NOT_ECT 0u
#define SP_ECN_ECT_1 1u
#define SP_ECN_ECT_0 2u
#define SP_ECN_CE 3u

struct sp_wg_inner {
	struct sp_addr source, destination;
	size_t len; /* by its header: without padding */
	uint8_t ecn;
};

/* Read the header of @bytes. Returns 0; -EBADMSG neither IPv4 nor IPv6, cut short, or longer than
 * @len. */
int sp_wg_inner_parse(const uint8_t *bytes, size_t len, struct sp_wg_inner *ret_inner);

/* Whether a packet that was parsed is itself a data message to @receiver_index, whole or its first
 * fragment. */
bool sp_wg_inner_is_message_to(const uint8_t *bytes, size_t len, uint32_t receiver_index);

/* RFC 6040, 4.1, normal mode: the outer header says what the inner one does. (The kernel still
 * hides CE, as RFC 3168 had it; either is understood.) */
uint8_t sp_wg_ecn_encapsulate(uint8_t inner_ecn);
/* RFC 6040, 4.2: put what the outer header learnt on the way into the inner one, fixing an IPv4
 * checksum.
 * @bytes was parsed. Returns false if the packet must be dropped: congestion, and no way to say
 * so. */
bool sp_wg_ecn_decapsulate(uint8_t *bytes, uint8_t outer_ecn);

#endif
