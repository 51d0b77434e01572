/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which tunnel address a device gets. Pure: pools and taken addresses in, one address out. */
#ifndef SALLYPORT_DAEMON_ADDRESS_H
#define SALLYPORT_DAEMON_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include <sallyport/abi/tables.h>

/* The gateway's own address in a pool: its first host. */
struct sp_addr sp_address_of_gateway(const struct sp_prefix *pool);

/* The lowest address of the family that is in a pool, not a network's or a broadcast address, not
 * the gateway's, and not in @taken (which is sorted in place). Returns 0; -ENOENT no pool of the
 * family; -ENOSPC all are taken. */
int sp_address_pick(const struct sp_prefix *pools, size_t pool_count, bool is_v6,
		    struct sp_addr *taken, size_t taken_count, struct sp_addr *ret_addr);

#endif
