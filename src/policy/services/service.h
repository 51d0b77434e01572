/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Services of the language as text: a protocol, and ports or ICMP types where it has them. */
#ifndef SALLYPORT_POLICY_SERVICE_H
#define SALLYPORT_POLICY_SERVICE_H

#include "policy/model.h"
#include "yaml/schema.h"

/* `tcp/443`, `udp/1000-2000`, `icmp`, `icmp6/echo`, `proto/47`. One text can mean two: proto/1 is
 * ICMP in IPv4 and a protocol without ports in IPv6. */
int sp_read_service(struct sp_check *check, const struct sp_node *node,
		    struct sp_service ret_services[2], size_t *ret_count);
/* A scalar that names a protocol, with or without a port. */
bool sp_looks_like_service(const char *text);

#endif
