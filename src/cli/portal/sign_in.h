/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Showing a portal who one is: by a password, or at a provider with a code, whichever the provider
 * takes. Used to open a session and to extend one. */
#ifndef SALLYPORT_CLI_SIGN_IN_H
#define SALLYPORT_CLI_SIGN_IN_H

#include "cli/cli.h"
#include "cli/portal/portal_call.h"
#include "cli/portal/profile.h"

struct sp_portal_sign_in {
	const struct sp_cli *cli;
	const struct sp_profile *profile; /* borrowed; its idp and user are the defaults */
	const char *idp, *user;           /* asked for; NULL: to be chosen */
	int password_fd;                  /* -1: ask at the terminal */
	bool with_qr;                     /* draw the code where there is no terminal too */
	const char *public_key;           /* the device; not needed to extend */
	const char *device_name;
	const char *private_key; /* of the device, base64; NULL: not here, so it cannot be proven */
	/* found on the way: */
	struct sp_portal_answer providers;
	json_t *provider; /* borrowed from it */
	char *asked_user;
	char *password;
	bool is_open; /* asked and not answered: nobody here knows whether there is a session */
};

void sp_portal_sign_in_done(struct sp_portal_sign_in *sign_in); /* wipes the password */
#define __sp_portal_sign_in __sp_cleanup(sp_portal_sign_in_done)

/* Ask the portal for its providers: the first call, which shows whether it is there and trusted. */
int sp_portal_sign_in_begin(struct sp_portal_sign_in *sign_in);

/* Sign in. *@ret_answer is a sign-in of the API (token, session, tunnel). Returns SP_EXIT_…,
 * said. */
int sp_portal_sign_in_run(struct sp_portal_sign_in *sign_in, struct sp_portal_answer *ret_answer);

/* Extend the profile's session in place. *@ret_answer has token and session.
 * Returns SP_EXIT_…, said; *@ret_is_gone, without a word: there is no session any more. */
int sp_portal_sign_in_extend(struct sp_portal_sign_in *sign_in, struct sp_portal_answer *ret_answer,
			     bool *ret_is_gone);

#endif
