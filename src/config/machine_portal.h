/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The section `portal` of sallyport.yaml. */
#ifndef SALLYPORT_CONFIG_MACHINE_PORTAL_H
#define SALLYPORT_CONFIG_MACHINE_PORTAL_H

#include "config/machine.h"
#include "yaml/schema.h"

/* Fill @machine's portal fields from the section; what is wrong is reported. */
void sp_machine_read_portal(struct sp_check *check, const struct sp_node *node,
			    struct sp_machine *machine);

#endif
