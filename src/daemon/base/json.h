/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values that replies and reports say alike, as JSON. The caller owns each. */
#ifndef SALLYPORT_DAEMON_JSON_H
#define SALLYPORT_DAEMON_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "sallyport/abi/tables.h"

/* A moment, in milliseconds of UTC (docs/control-socket.md). Null for 0. */
json_t *sp_json_time(int64_t utc_ns);
/* A key in base64. */
json_t *sp_json_key(const uint8_t key[32]);
/* A list of those of the two addresses that are there. */
json_t *sp_json_addresses(const struct sp_addr addresses[2], const bool has_address[2]);

#endif
