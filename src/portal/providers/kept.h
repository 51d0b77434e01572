/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the portal keeps with a session, sealed, at the gateway: the refresh token, a mark while a
 * question to the provider is under way, and the number of answers that did not confirm the person.
 * The portal stores it before it asks the provider, and again as soon as the provider has answered.
 * So a portal that dies in between finds the mark when it starts again. */
#ifndef SALLYPORT_PORTAL_KEPT_H
#define SALLYPORT_PORTAL_KEPT_H

#include <stdbool.h>

#include "net/addr.h"
#include "portal/base/seal.h"

struct sp_kept {
	bool is_local;       /* the user's file is asked, not a provider */
	char *token;         /* the refresh token; NULL: none (any more) */
	struct sp_addr from; /* where the person signed in; zero: not known */
	/* the mark: asked at this time with the token, and no answer came yet; 0 */
	int64_t asked_s;
	int64_t unconfirmed; /* answers in a row that did not confirm the person */
};

/* Returns 0, *@ret_sealed malloc'ed; -E2BIG the token is too long; -ENOMEM. */
int sp_kept_seal(const struct sp_sealer *sealer, const struct sp_kept *kept, char **ret_sealed);
/* Returns 0, to be ended with sp_kept_done; -EBADMSG: sealed by another key; -ENOMEM. */
int sp_kept_open(const struct sp_sealer *sealer, const char *sealed, struct sp_kept *ret_kept);
/* Free what it holds, and wipe the token. */
void sp_kept_done(struct sp_kept *kept);

#endif
