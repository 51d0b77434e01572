/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of a gateway's description that the policy's fixtures and sallyport.yaml share. */
#ifndef SALLYPORT_POLICY_GATEWAY_H
#define SALLYPORT_POLICY_GATEWAY_H

#include "policy/model.h"
#include "yaml/schema.h"

#define SP_INTERFACES_MAX 256

/* Addresses of people: at most one prefix a family. Errors are reported. */
void sp_read_pool(struct sp_check *check, const struct sp_node *node, struct sp_gateway *gateway);
/* Append the pool of a gateway that names none: 100.64.0.0/16 and fd00:64::/64. Returns 0;
 * -ENOMEM. */
int sp_default_pool(struct sp_gateway *gateway);

/* A name an interface can have that is not one of @gateway's; NULL: reported. */
const char *sp_read_interface_name(struct sp_check *check, const struct sp_node *node,
				   const struct sp_gateway *gateway);
/* Add an interface; bad names and ones given twice are reported. */
void sp_read_interface(struct sp_check *check, const struct sp_node *node, enum sp_zone zone,
		       struct sp_gateway *gateway);

#endif
