/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session as the portal's API tells of it, for people; and the verb's own bookkeeping of it. */
#ifndef SALLYPORT_CLI_SESSION_TEXT_H
#define SALLYPORT_CLI_SESSION_TEXT_H

#include <jansson.h>

#include "cli/cli.h"
#include "cli/profile.h"

/* "  roles      engineer" and the like, on stdout: roles, device, silence. */
void sp_session_print(json_t *session);

/* Take over what a sign-in or an extension said into the profile. @answer  with token and session.
 * Returns SP_EXIT_…, said: an answer that lacks them. */
int sp_session_take(struct sp_profile *profile, json_t *answer);

#endif
