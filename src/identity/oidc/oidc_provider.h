/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What oidc.c (the provider) and oidc_flow*.c share. */
#ifndef SALLYPORT_IDENTITY_OIDC_PROVIDER_H
#define SALLYPORT_IDENTITY_OIDC_PROVIDER_H

#include "base/units.h"
#include "identity/oidc/discovery.h"
#include "identity/oidc/oidc.h"

#define SP_OIDC_S (uint64_t)SP_NS_PER_S

/* What is known of a provider comes in two documents, each fetched again as it ages. */
enum sp_oidc_document { SP_OIDC_DISCOVERY, SP_OIDC_KEYS, SP_OIDC_DOCUMENT_COUNT };

struct sp_oidc_fetching {
	bool is_there; /* there is a document that can be used */
	bool is_under_way;
	uint64_t due_ns;    /* when to fetch it next */
	uint64_t ended_ns;  /* when the last fetch ended, well or not */
	uint64_t got_ns;    /* when the present document came */
	uint64_t backoff_s; /* 0: the last fetch went well */
	uint64_t answers;   /* how many have ended */
	struct sp_finding trouble;
};

struct sp_oidc {
	const struct sp_idp *idp;
	char *client_secret; /* NULL: a public client */
	struct sp_oidc_fetching documents[SP_OIDC_DOCUMENT_COUNT];
	struct sp_discovery discovery;
	struct sp_jwks *keys;
	bool has_refetched; /* the keys, because a token named an unknown key */
	uint64_t refetched_ns;
};

/* Both documents are wanted now. A failed fetch is waited for by its back-off, but not longer than
 * 10 s by somebody who stands at the door. Returns 0 they are there; -EAGAIN a fetch is due or
 * under way; -EACCES @finding: the last one failed just now. */
int sp_oidc_want(struct sp_oidc *oidc, const struct sp_idp_time *now, struct sp_finding *finding);
/* A token names a key we do not know: the keys are wanted anew, at most once a minute for that
 * reason. Returns 0 a fetch is due or under way; else the nanoseconds until it may be. */
uint64_t sp_oidc_want_keys(struct sp_oidc *oidc, const struct sp_idp_time *now);

#endif
