/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls of the portal's API (docs/portal-api.md). */
#ifndef SALLYPORT_CLI_PORTAL_CALL_H
#define SALLYPORT_CLI_PORTAL_CALL_H

#include "cli/cli.h"
#include "cli/profile.h"

struct sp_portal_answer {
	int status;   /* HTTP */
	json_t *body; /* an object of v 1 */
};

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

/* The same without a word when there is no answer. */
int sp_portal_ask_quietly(const struct sp_profile *profile, const char *path,
			  struct sp_portal_answer *ret_answer);
int sp_portal_ask_quietly_with(const struct sp_profile *profile, const char *path, json_t *fields,
			       struct sp_portal_answer *ret_answer);

/* "" when it is no refusal. */
const char *sp_portal_code(const struct sp_portal_answer *answer);
bool sp_portal_is(const struct sp_portal_answer *answer, const char *code);

/* Say why it was refused; the exit code of it. */
int sp_portal_refused(const struct sp_profile *profile, const struct sp_portal_answer *answer);

/* Both in one: SP_EXIT_OK only with an answer that is no refusal. */
int sp_portal_call(const struct sp_profile *profile, const char *path, json_t *fields,
		   struct sp_portal_answer *ret_answer);

#endif
