/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A provider: its discovery document and its keys. They are fetched, kept and aged here for all
 * sign-in flows together. */
#include <errno.h>

#include "base/cleanup.h"
#include "identity/oidc/oauth_reply.h"
#include "identity/oidc/oidc_provider.h"

#define DISCOVERY_AGE_S 3600u
#define KEYS_AGE_S 600u
/* After this long without an answer from the provider, its keys are not trusted any more */
#define KEYS_AGE_MAX_S 86400u
#define RETRY_MIN_S 10u
#define RETRY_MAX_S 300u
#define REFETCH_S 60u

static const uint64_t ages_s[SP_OIDC_DOCUMENT_COUNT] = {
	[SP_OIDC_DISCOVERY] = DISCOVERY_AGE_S,
	[SP_OIDC_KEYS] = KEYS_AGE_S,
};

int sp_oidc_new(const struct sp_idp *idp, const char *client_secret, struct sp_oidc **ret_oidc)
{
	struct sp_oidc *oidc = calloc(1, sizeof(*oidc));

	if (!oidc)
		return -ENOMEM;
	oidc->idp = idp;
	if (client_secret) {
		oidc->client_secret = strdup(client_secret);
		if (!oidc->client_secret) {
			free(oidc);
			return -ENOMEM;
		}
	}
	*ret_oidc = oidc;
	return 0;
}

void sp_oidc_free(struct sp_oidc *oidc)
{
	if (!oidc)
		return;
	sp_secret_free(oidc->client_secret);
	sp_discovery_done(&oidc->discovery);
	sp_jwks_free(oidc->keys);
	free(oidc);
}

const struct sp_discovery *sp_oidc_get_discovery(const struct sp_oidc *oidc)
{
	return oidc->discovery.jwks_uri ? &oidc->discovery : NULL;
}

bool sp_oidc_is_ready(const struct sp_oidc *oidc)
{
	return oidc->documents[SP_OIDC_DISCOVERY].is_there &&
	       oidc->documents[SP_OIDC_KEYS].is_there;
}

const struct sp_finding *sp_oidc_trouble(const struct sp_oidc *oidc)
{
	for (size_t i = 0; i < SP_OIDC_DOCUMENT_COUNT; i++)
		if (oidc->documents[i].trouble.reason != SP_REFUSAL_NONE)
			return &oidc->documents[i].trouble;
	return NULL;
}

/* ---- what to fetch ---- */

static void drop_ancient_keys(struct sp_oidc *oidc, uint64_t now_ns)
{
	struct sp_oidc_fetching *keys = &oidc->documents[SP_OIDC_KEYS];

	if (!keys->is_there || now_ns < keys->got_ns + KEYS_AGE_MAX_S * SP_OIDC_S)
		return;
	sp_jwks_free(oidc->keys);
	oidc->keys = NULL;
	keys->is_there = false;
}

static enum sp_idp_step begin(struct sp_oidc *oidc, enum sp_oidc_document which, uint64_t now_ns,
			      struct sp_http_request *ret_request, uint64_t *ret_due_ns)
{
	struct sp_oidc_fetching *document = &oidc->documents[which];
	char *url = which == SP_OIDC_DISCOVERY ? sp_discovery_url(oidc->idp->issuer)
					       : strdup(oidc->discovery.jwks_uri);

	if (!url) { /* no memory now; perhaps later */
		*ret_due_ns = now_ns + RETRY_MIN_S * SP_OIDC_S;
		return SP_IDP_WAIT;
	}
	*ret_request = (struct sp_http_request){
		.url = url,
		.body_max = which == SP_OIDC_DISCOVERY ? SP_DISCOVERY_MAX : SP_JWKS_MAX,
	};
	document->is_under_way = true;
	return SP_IDP_FETCH;
}

enum sp_idp_step sp_oidc_next(struct sp_oidc *oidc, const struct sp_idp_time *now,
			      struct sp_http_request *ret_request, uint64_t *ret_due_ns)
{
	uint64_t due_ns = UINT64_MAX;

	drop_ancient_keys(oidc, now->boot_ns);
	for (size_t i = 0; i < SP_OIDC_DOCUMENT_COUNT; i++)
		if (oidc->documents[i].is_under_way) {
			*ret_due_ns = UINT64_MAX;
			return SP_IDP_WAIT;
		}
	for (size_t i = 0; i < SP_OIDC_DOCUMENT_COUNT; i++) {
		if (i == SP_OIDC_KEYS && !oidc->documents[SP_OIDC_DISCOVERY].is_there)
			break; /* the discovery document says where the keys are */
		if (oidc->documents[i].due_ns <= now->boot_ns)
			return begin(oidc, (enum sp_oidc_document)i, now->boot_ns, ret_request,
				     ret_due_ns);
		if (oidc->documents[i].due_ns < due_ns)
			due_ns = oidc->documents[i].due_ns;
	}
	*ret_due_ns = due_ns;
	return SP_IDP_WAIT;
}

/* ---- what came ---- */

static int take_discovery(struct sp_oidc *oidc, const struct sp_http_reply *reply,
			  struct sp_finding *finding)
{
	struct sp_discovery fresh;
	int r = sp_discovery_read(reply, oidc->idp->issuer, &fresh, finding);

	if (r < 0)
		return r;
	sp_discovery_done(&oidc->discovery);
	oidc->discovery = fresh;
	return 0;
}

static int take_keys(struct sp_oidc *oidc, const struct sp_http_reply *reply,
		     struct sp_finding *finding)
{
	__sp_json json_t *object = NULL;
	struct sp_jwks *fresh;
	int r = sp_reply_read(reply, "the keys", SP_JWKS_MAX, &object, finding);

	if (r == 0)
		r = sp_jwks_parse(reply->body, reply->body_len, &fresh, finding);
	if (r < 0)
		return r;
	sp_jwks_free(oidc->keys);
	oidc->keys = fresh;
	return 0;
}

/* How long not to ask again: @least_s, or as long as the provider wants, within reason. */
static uint64_t wait_of(const struct sp_oidc_fetching *document, uint64_t least_s)
{
	const int64_t asked_s = document->trouble.retry_after_s;

	if (asked_s <= (int64_t)least_s)
		return least_s;
	return asked_s < (int64_t)RETRY_MAX_S ? (uint64_t)asked_s : RETRY_MAX_S;
}

void sp_oidc_take(struct sp_oidc *oidc, const struct sp_idp_time *now,
		  const struct sp_http_reply *reply)
{
	const enum sp_oidc_document which =
		oidc->documents[SP_OIDC_DISCOVERY].is_under_way ? SP_OIDC_DISCOVERY : SP_OIDC_KEYS;
	struct sp_oidc_fetching *document = &oidc->documents[which];
	struct sp_finding finding = { 0 };
	int r;

	r = which == SP_OIDC_DISCOVERY ? take_discovery(oidc, reply, &finding)
				       : take_keys(oidc, reply, &finding);
	if (r == -ENOMEM)
		sp_find(&finding, SP_REFUSAL_GATEWAY, "out of memory");
	document->is_under_way = false;
	document->ended_ns = now->boot_ns;
	document->answers++;
	document->trouble = finding;
	if (r == 0) {
		document->is_there = true;
		document->got_ns = now->boot_ns;
		document->backoff_s = 0;
		document->due_ns = now->boot_ns + ages_s[which] * SP_OIDC_S;
		return;
	}
	document->backoff_s = document->backoff_s == 0                ? RETRY_MIN_S
			      : document->backoff_s * 2 > RETRY_MAX_S ? RETRY_MAX_S
								      : document->backoff_s * 2;
	document->due_ns = now->boot_ns + wait_of(document, document->backoff_s) * SP_OIDC_S;
}

/* ---- what flows need ---- */

int sp_oidc_want(struct sp_oidc *oidc, const struct sp_idp_time *now, struct sp_finding *finding)
{
	drop_ancient_keys(oidc, now->boot_ns);
	for (size_t i = 0; i < SP_OIDC_DOCUMENT_COUNT; i++) {
		struct sp_oidc_fetching *document = &oidc->documents[i];

		if (document->is_there)
			continue;
		if (document->is_under_way || document->due_ns <= now->boot_ns)
			return -EAGAIN;
		if (document->ended_ns + wait_of(document, RETRY_MIN_S) * SP_OIDC_S <=
		    now->boot_ns) {
			document->due_ns = now->boot_ns;
			return -EAGAIN;
		}
		*finding = document->trouble;
		return -EACCES;
	}
	return 0;
}

uint64_t sp_oidc_want_keys(struct sp_oidc *oidc, const struct sp_idp_time *now)
{
	struct sp_oidc_fetching *keys = &oidc->documents[SP_OIDC_KEYS];
	const uint64_t free_ns = oidc->refetched_ns + REFETCH_S * SP_OIDC_S;

	if (keys->is_under_way || keys->due_ns <= now->boot_ns)
		return 0;
	if (oidc->has_refetched && now->boot_ns < free_ns)
		return free_ns - now->boot_ns;
	oidc->has_refetched = true;
	oidc->refetched_ns = now->boot_ns;
	keys->due_ns = now->boot_ns;
	return 0;
}
