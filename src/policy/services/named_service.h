/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A service asked for by a person, as the rules of a policy write it. */
#ifndef SALLYPORT_POLICY_NAMED_SERVICE_H
#define SALLYPORT_POLICY_NAMED_SERVICE_H

#include "policy/model.h"

#define SP_SERVICE_ITEMS_MAX 64u
#define SP_SERVICE_MESSAGE_MAX 256

/* What @text means: a name of the policy's `services`, or `tcp/443`, `icmp/echo`, `proto/47`.
 * @ret_items  the first SP_SERVICE_ITEMS_MAX of what it stands for; *@ret_count of them.
 * @message    on -EINVAL: one line, with the nearest name if there is one.
 * Returns 0; -ENOENT no service has the name (@message too); -EINVAL; -ENOMEM. */
int sp_policy_find_service(const struct sp_policy *policy, const char *text,
			   struct sp_service ret_items[SP_SERVICE_ITEMS_MAX], size_t *ret_count,
			   char message[SP_SERVICE_MESSAGE_MAX]);

#endif
