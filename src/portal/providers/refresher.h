/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking again who people are while their sessions last. Of a provider that gave a refresh
 * token: every refresh_s, with jitter; other groups change the session at once, a revoked grant
 * ends it, answers that do not confirm the person end it after a few, an unreachable provider
 * leaves it to its own deadline. A mark is stored before each question and the token of each
 * answer before anything else (kept.h). Of local users: whenever their file has changed. What is
 * known comes from the sessions themselves (session.list), so a restart forgets nothing.
 * Sessions that the portal did not open carry nothing of its and are left alone. */
#ifndef SALLYPORT_PORTAL_REFRESHER_H
#define SALLYPORT_PORTAL_REFRESHER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "portal/providers/provider.h"

#define SP_REFRESHED_MAX 65535u
#define SP_REFRESHES_MAX 16u /* at once */

struct sp_refresher;

/* Of @portal, which outlives it. Returns 0; -ENOMEM. */
int sp_refresher_new(struct sp_portal *portal, struct sp_refresher **ret_refresher);
/* End all questions that are under way; no callback runs any more. NULL is allowed. */
void sp_refresher_free(struct sp_refresher *refresher);
/* The number of sessions that the refresher knows. */
size_t sp_refresher_count(const struct sp_refresher *refresher);

/* Seal what is kept with a session (kept.h). @token NULL: a local user. @from: the address from
 * which the person signed in; after a restart the portal knows the person at that address again.
 * Returns 0, *@ret_sealed malloc'ed; -E2BIG; -ENOMEM. */
int sp_refresh_seal(struct sp_portal *portal, const char *token, const struct sp_addr *from,
		    char **ret_sealed);

/* @session (a reply of the gateway's) was opened or extended. @was: its number before, 0: none.
 * @sealed NULL: what was kept with @was stays. */
void sp_refresher_note(struct sp_portal *portal, int64_t was, const json_t *session,
		       const char *sealed);
/* The gateway can be reached, for the first time or again: ask it for the list of sessions. */
void sp_refresher_load(struct sp_portal *portal);

/* @provider's file changed: if the file holds people, look them up in it again. */
void sp_refresher_reload(struct sp_portal *portal, const struct sp_provider *provider);
/* Discovery or keys of @provider moved: what waited for them goes on. */
void sp_refresher_wake(struct sp_portal *portal, const struct sp_provider *provider);

/* When sp_refresher_run has something to do (CLOCK_BOOTTIME); UINT64_MAX: nothing. */
uint64_t sp_refresher_due_ns(const struct sp_portal *portal);
/* Refresh the sessions that are due, at most SP_REFRESHES_MAX at once. */
void sp_refresher_run(struct sp_portal *portal);

#endif
