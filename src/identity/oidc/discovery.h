/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A provider's discovery document: where its endpoints are.
 * Sources: OpenID Connect Discovery 1.0, 3 and 4; RFC 8628, 4. */
#ifndef SALLYPORT_IDENTITY_DISCOVERY_H
#define SALLYPORT_IDENTITY_DISCOVERY_H

#include "identity/http/http.h"
#include "identity/refusal.h"

#define SP_DISCOVERY_MAX 262144u /* bytes */

struct sp_discovery {
	char *jwks_uri;
	char *token_endpoint;
	char *device_endpoint;   /* NULL: no device authorization there */
	char *userinfo_endpoint; /* NULL: none */
	/* " openid profile ": what it lists, each between blanks; NULL: unsaid */
	char *scopes;
	bool wants_secret_in_body; /* its token endpoint takes no HTTP Basic */
};

/* Free the texts; empty afterwards. */
void sp_discovery_done(struct sp_discovery *discovery);

/* Where @issuer's document is, malloc'ed; NULL without memory. */
char *sp_discovery_url(const char *issuer);
/* @issuer  what the document must say, byte for byte.
 * Returns 0, caller runs _done; -EACCES @finding; -ENOMEM. */
int sp_discovery_read(const struct sp_http_reply *reply, const char *issuer,
		      struct sp_discovery *ret_discovery, struct sp_finding *finding);

#endif
