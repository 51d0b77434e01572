/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections as the kernel tracks them: looking at each, ending some. */
#ifndef SALLYPORT_IO_CONNTRACK_H
#define SALLYPORT_IO_CONNTRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/abi/tables.h>

#define SP_CONNTRACK_LABELS 128

/* One way of a connection. Ports are those of TCP, UDP and their like; 0 of the rest. */
struct sp_conntrack_way {
	struct sp_addr source, destination;
	uint16_t source_port, destination_port;
};

struct sp_conntrack {
	struct sp_conntrack_way original, reply;
	uint8_t proto;
	uint8_t labels[SP_CONNTRACK_LABELS / 8]; /* bit n % 8 of byte n / 8 */
};

static inline bool sp_conntrack_has_label(const struct sp_conntrack *connection, unsigned label)
{
	return connection->labels[label / 8] >> (label % 8) & 1;
}

/* End every connection for which @is_over says so. Who goes on sending begins a new one.
 * Returns 0; -ENOMEM; -errno of the kernel: some may have been left. @ret_ended is set always. */
int sp_conntrack_end_some(bool (*is_over)(const struct sp_conntrack *connection, void *arg),
			  void *arg, size_t *ret_ended);

#endif
