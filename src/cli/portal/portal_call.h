/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls of the portal's API (docs/portal-api.md). */
#ifndef SALLYPORT_CLI_PORTAL_CALL_H
#define SALLYPORT_CLI_PORTAL_CALL_H

#include "cli/cli.h"
#include "cli/portal/profile.h"

struct sp_portal_answer {
	int status;   /* HTTP */
	json_t *body; /* an object of v 1 */
};

/* Drop the body; empty afterwards. A zeroed answer is allowed. */
void sp_portal_answer_done(struct sp_portal_answer *answer);
#define __sp_answer __sp_cleanup(sp_portal_answer_done)

/* JSON holds passwords and tokens here: have jansson wipe what it frees. Before any JSON is
 * made. */
void sp_portal_wipe_json(void);

/* `GET /api/v1/PATH`, or, with @fields, a POST of them (their reference is taken). Calls about the
 * session carry the profile's token. Whatever the portal answered is an answer, refusals too.
 * Returns SP_EXIT_OK; SP_EXIT_UNREACHABLE no answer; SP_EXIT_FAILED its certificate is not trusted,
 * or that was no answer of a portal; all said. */
int sp_portal_ask(const struct sp_profile *profile, const char *path, json_t *fields,
		  struct sp_portal_answer *ret_answer);

/* Both ask as sp_portal_ask does, but SP_EXIT_UNREACHABLE is not said. The first is a GET; the
 * second takes @fields as sp_portal_ask does. */
int sp_portal_ask_quietly(const struct sp_profile *profile, const char *path,
			  struct sp_portal_answer *ret_answer);
int sp_portal_ask_quietly_with(const struct sp_profile *profile, const char *path, json_t *fields,
			       struct sp_portal_answer *ret_answer);

/* Whether the answer is a refusal with this code. */
bool sp_portal_is(const struct sp_portal_answer *answer, const char *code);

/* Say why the portal refused, and what to do next. @answer is a refusal. Returns the exit code. */
int sp_portal_refused(const struct sp_profile *profile, const struct sp_portal_answer *answer);

/* sp_portal_ask, and sp_portal_refused when the answer is a refusal. Returns SP_EXIT_OK with an
 * answer that is no refusal; else the exit code, said, and @ret_answer is untouched. */
int sp_portal_call(const struct sp_profile *profile, const char *path, json_t *fields,
		   struct sp_portal_answer *ret_answer);

#endif
