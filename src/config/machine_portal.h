/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The section `portal` of sallyport.yaml, and what others read as it does. */
#ifndef SALLYPORT_CONFIG_MACHINE_PORTAL_H
#define SALLYPORT_CONFIG_MACHINE_PORTAL_H

#include "config/machine.h"
#include "yaml/schema.h"

/* Fill @machine's portal fields from the section; what is wrong is reported. */
void sp_machine_read_portal(struct sp_check *check, const struct sp_node *node,
			    struct sp_machine *machine);
/* Read an address with a port, 192.0.2.1:443 or [2001:db8::1]:443. @example: of such, for the
 * message. Returns 0; -EINVAL it was reported. */
int sp_machine_read_address_port(struct sp_check *check, const struct sp_node *node,
				 const char *what, const char *example, struct sp_addr *ret_addr,
				 uint16_t *ret_port);

#endif
