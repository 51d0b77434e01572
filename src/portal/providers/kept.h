/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the portal keeps with a session, sealed, at the gateway: what it needs to ask again who
 * the person is, and how far it got with that. It is stored before the provider is asked and
 * again as soon as the provider answered, so a portal that dies between finds a mark that it
 * did. */
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
