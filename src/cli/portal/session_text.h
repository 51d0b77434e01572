/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session as the portal's API tells of it, for people; and the verb's own bookkeeping of it. */
#ifndef SALLYPORT_CLI_SESSION_TEXT_H
#define SALLYPORT_CLI_SESSION_TEXT_H

#include <jansson.h>

#include "cli/cli.h"
#include "cli/portal/profile.h"

/* Print roles, device, addresses, longest silence and refusals on stdout, a line each, such as
 * "  roles      engineer". @session is borrowed. */
void sp_session_print(json_t *session);

/* Take token and session of a sign-in or an extension into the profile, in memory. @answer is
 * borrowed. Returns SP_EXIT_OK; SP_EXIT_FAILED, said: @answer lacks them, or no memory. */
int sp_session_take(struct sp_profile *profile, json_t *answer);

#endif
