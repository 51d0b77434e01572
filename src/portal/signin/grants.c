/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/signin/grants.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "audit/time.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "io/log/log.h"
#include "json/own.h"
#include "portal/base/heap.h"
#include "portal/gate/gate_reply.h"
#include "portal/providers/refresher.h"
#include "portal/signin/signin.h"

#define BUCKETS 16384u                  /* a power of two */
#define START_NS (20ull * SP_NS_PER_S)  /* for the provider to give a code */
#define WANTED_NS (15ull * SP_NS_PER_S) /* after a poll: the client still counts as there */
#define KEPT_NS (60ull * SP_NS_PER_S)   /* how long a result waits to be fetched */
#define LIFE_MAX_NS (1800ull * SP_NS_PER_S)
#define HANDLE_VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

enum grant_state {
	GRANT_STARTING, /* no prompt yet */
	GRANT_PENDING,  /* the person is at the provider */
	GRANT_OPENING,  /* the provider said yes; the gateway is asked */
	GRANT_ENDED,    /* the result is there */
};

struct sp_grant {
	struct sp_due due; /* first: the heap's item is the grant */
	struct sp_portal *portal;
	struct sp_provider *provider;
	struct sp_idp_flow *flow; /* NULL from OPENING on */
	struct sp_person person;
	struct sp_addr from;
	enum sp_grant_purpose purpose;
	int64_t session; /* to extend; 0: a sign-in */
	enum grant_state state;
	uint8_t handle[SP_HANDLE_LEN];
	struct sp_exchange *starter, *poller;
	uint64_t flow_due_ns, poll_due_ns, ends_ns, wanted_ns;
	struct sp_fetch_job job;
	struct sp_gate_request ask;
	char *refresh; /* the provider's token, sealed */
	struct sp_response result;
	struct sp_grant *bucket_next, *older, *newer;
};

struct sp_grants {
	struct sp_grant *buckets[BUCKETS];
	struct sp_grant *oldest, *newest; /* by when the client was last heard of */
	size_t count;
	struct sp_heap heap;
};

/* ---- the table ---- */

int sp_grants_new(struct sp_grants **ret_grants)
{
	struct sp_grants *grants = calloc(1, sizeof(*grants));

	if (!grants || sp_heap_init(&grants->heap, SP_GRANTS_MAX) < 0) {
		free(grants);
		return -ENOMEM;
	}
	*ret_grants = grants;
	return 0;
}

size_t sp_grants_count(const struct sp_grants *grants)
{
	return grants->count;
}

static struct sp_grant **bucket_of(struct sp_grants *grants, const uint8_t *handle)
{
	return &grants->buckets[sp_get_le32(handle) % BUCKETS];
}

static struct sp_grant *grant_find(struct sp_grants *grants, const char *text)
{
	uint8_t handle[SP_HANDLE_LEN];
	size_t len;

	if (sodium_base642bin(handle, sizeof(handle), text, strlen(text), NULL, &len, NULL,
			      HANDLE_VARIANT) != 0 ||
	    len != sizeof(handle))
		return NULL;
	for (struct sp_grant *grant = *bucket_of(grants, handle); grant; grant = grant->bucket_next)
		if (sodium_memcmp(grant->handle, handle, sizeof(handle)) == 0)
			return grant;
	return NULL;
}

static void grant_unlink_age(struct sp_grants *grants, struct sp_grant *grant)
{
	*(grant->older ? &grant->older->newer : &grants->oldest) = grant->newer;
	*(grant->newer ? &grant->newer->older : &grants->newest) = grant->older;
	grant->older = grant->newer = NULL;
}

static void grant_link_age(struct sp_grants *grants, struct sp_grant *grant)
{
	grant->older = grants->newest;
	*(grants->newest ? &grants->newest->newer : &grants->oldest) = grant;
	grants->newest = grant;
}

static void grant_insert(struct sp_grants *grants, struct sp_grant *grant)
{
	struct sp_grant **bucket = bucket_of(grants, grant->handle);

	grant->bucket_next = *bucket;
	*bucket = grant;
	grant_link_age(grants, grant);
	grants->count++;
	sp_rate_of(&grant->portal->rates, &grant->from)->unfinished++;
}

static void grant_remove(struct sp_grants *grants, struct sp_grant *grant)
{
	struct sp_grant **at = bucket_of(grants, grant->handle);

	while (*at != grant)
		at = &(*at)->bucket_next;
	*at = grant->bucket_next;
	grant_unlink_age(grants, grant);
	sp_heap_set(&grants->heap, &grant->due, UINT64_MAX);
	grants->count--;
	sp_rate_of(&grant->portal->rates, &grant->from)->unfinished--;
}

static void grant_end_flow(struct sp_grant *grant)
{
	sp_fetch_job_cancel(&grant->job);
	sp_idp_flow_free(SP_TAKE_PTR(grant->flow));
}

/* Remove the grant and free it. Its result goes to nobody. */
static void grant_free(struct sp_grant *grant)
{
	struct sp_portal *portal = grant->portal;

	grant_remove(portal->grants, grant);
	grant_end_flow(grant);
	if (grant->ask.is_under_way)
		portal->outside->drop(portal->outside_arg, &grant->ask);
	sp_provider_unref(grant->provider);
	sp_person_done(&grant->person);
	sp_response_done(&grant->result);
	sp_wipe(grant->handle, sizeof(grant->handle));
	free(grant->refresh);
	free(grant);
}

void sp_grants_free(struct sp_grants *grants)
{
	if (!grants)
		return;
	while (grants->oldest)
		grant_free(grants->oldest);
	sp_heap_done(&grants->heap);
	free(grants);
}

static bool grant_is_wanted(const struct sp_grant *grant)
{
	return grant->starter || grant->poller || grant->wanted_ns > grant->portal->now.boot_ns;
}

/* Schedule the next moment at which the grant has something to do. */
static void grant_set_due(struct sp_grant *grant)
{
	uint64_t due_ns = grant->ends_ns;

	if (grant->poller && grant->poll_due_ns < due_ns)
		due_ns = grant->poll_due_ns;
	if (grant->flow && grant_is_wanted(grant) && grant->flow_due_ns < due_ns)
		due_ns = grant->flow_due_ns;
	sp_heap_set(&grant->portal->grants->heap, &grant->due, due_ns);
}

/* Drop the oldest grant that nobody waits on. Returns whether there was one. */
static bool make_room(struct sp_grants *grants)
{
	for (struct sp_grant *grant = grants->oldest; grant; grant = grant->newer) {
		if (grant->starter || grant->poller || grant->state == GRANT_OPENING)
			continue;
		grant_free(grant);
		return true;
	}
	return false;
}

/* ---- its end ---- */

/* The result is handed over at once, or kept for the next poll. */
static void grant_end(struct sp_grant *grant)
{
	struct sp_exchange *waiting = grant->starter ? grant->starter : grant->poller;

	grant_end_flow(grant);
	grant->state = GRANT_ENDED;
	if (!waiting) {
		grant->ends_ns = grant->portal->now.boot_ns + KEPT_NS;
		grant_set_due(grant);
		return;
	}
	waiting->response = grant->result;
	grant->result = (struct sp_response){ 0 };
	waiting->grant = NULL;
	grant_free(grant);
	sp_exchange_answer(waiting);
}

static void grant_end_refused(struct sp_grant *grant, const struct sp_finding *finding)
{
	sp_signin_record(grant->portal, finding, grant->provider->name, grant->person.user,
			 grant->person.device_name, &grant->from);
	sp_respond_refusal(&grant->result, finding->reason,
			   finding->reason != SP_REFUSAL_UNREACHABLE ? 0
			   : finding->retry_after_s > 0              ? finding->retry_after_s
								     : 60);
	grant_end(grant);
}

static void grant_end_internal(struct sp_grant *grant)
{
	sp_respond_error(&grant->result, 500, "internal", 0,
			 "out of memory; try again in a moment");
	grant_end(grant);
}

/* The grant timed out. */
static void grant_expire(struct sp_grant *grant)
{
	struct sp_finding finding = { 0 };

	if (grant->state == GRANT_ENDED) {
		grant_free(grant);
		return;
	}
	if (grant->state == GRANT_STARTING)
		sp_find(&finding, SP_REFUSAL_UNREACHABLE, "no device code within 20 s");
	else
		sp_find(&finding, SP_REFUSAL_CODE_EXPIRED, "nobody approved it in time");
	grant_end_refused(grant, &finding);
}

/* ---- a session for it ---- */

static void grant_gate_replied(struct sp_gate_request *ask, const json_t *reply)
{
	struct sp_grant *grant = (void *)((char *)ask - offsetof(struct sp_grant, ask));

	if (!reply) {
		struct sp_finding finding = { 0 };

		sp_find(&finding, SP_REFUSAL_GATEWAY, "no answer on the control socket");
		grant_end_refused(grant, &finding);
		return;
	}
	if (sp_gate_is_ok(reply)) {
		sp_throttle_welcome(grant->portal->throttle, grant->person.idp, grant->person.user,
				    &grant->from, grant->portal->now.boot_ns);
		sp_signin_respond(grant->portal, &grant->person, reply, "done", &grant->result);
		sp_refresher_note(grant->portal, grant->session, reply, grant->refresh);
	} else {
		sp_respond_gate_error(&grant->result, reply);
	}
	grant_end(grant);
}

static int seal_refresh(struct sp_grant *grant)
{
	const char *token = sp_idp_flow_refresh_token(grant->flow);

	return token ? sp_refresh_seal(grant->portal, token, &grant->from, &grant->refresh) : 0;
}

static void ask_for_session(struct sp_grant *grant, const struct sp_claims *claims)
{
	const int64_t auth_time_s = claims->auth_time_s;
	struct sp_portal *portal = grant->portal;
	__sp_json json_t *groups = sp_groups_of_claims(claims);
	json_t *request = NULL;

	if (claims->odd_group_count)
		sp_log_note("%s: %zu of %s's groups are left out, since no role can name them; the "
			    "first: \"%s\"",
			    grant->provider->name, claims->odd_group_count, claims->user,
			    claims->odd_group);
	grant->state = GRANT_OPENING;
	grant->ends_ns = UINT64_MAX; /* the gateway answers, or is found not to */
	grant_end_flow(grant);
	grant_set_due(grant);
	if (groups && grant->session > 0)
		request = sp_signin_extend_request(&grant->person, grant->session, groups,
						   auth_time_s, grant->refresh, &grant->from);
	else if (groups)
		request = sp_signin_request(&grant->person, groups, auth_time_s, grant->refresh,
					    &grant->from);
	grant->ask = (struct sp_gate_request){ .request = request, .done = grant_gate_replied };
	if (request)
		portal->outside->ask(portal->outside_arg, &grant->ask);
	else
		grant_end_internal(grant);
}

/* The provider let somebody in. Is it the person whom this grant is for? */
static void grant_take_claims(struct sp_grant *grant)
{
	const struct sp_claims *claims = sp_idp_flow_claims(grant->flow);
	const char *idp = grant->provider->name;
	struct sp_finding finding = { 0 };

	if (sp_provider_find(grant->portal, idp) == NULL) {
		sp_find(&finding, SP_REFUSAL_PROVIDER_ERROR, "its file was removed meanwhile");
		grant_end_refused(grant, &finding);
	} else if (grant->session > 0 && strcmp(claims->subject, grant->person.subject) != 0) {
		sp_find(&finding, SP_REFUSAL_OTHER_SUBJECT,
			"%.64s approved the extension of a session of %.64s", claims->subject,
			grant->person.subject);
		grant_end_refused(grant, &finding);
	} else if ((grant->session == 0 &&
		    sp_person_set(&grant->person, idp, claims->subject, claims->user) < 0) ||
		   seal_refresh(grant) == -ENOMEM) {
		grant_end_internal(grant);
	} else {
		ask_for_session(grant, claims);
	}
}

/* ---- its flow ---- */

static void show_prompt(struct sp_grant *grant, const struct sp_idp_prompt *prompt)
{
	const struct sp_idp_time *now = &grant->portal->now;
	struct sp_exchange *exchange = grant->starter;
	uint64_t life_ns =
		prompt->expires_s > now->now_s
			? (uint64_t)(prompt->expires_s - now->now_s) * (uint64_t)SP_NS_PER_S
			: 0;
	char handle[SP_HANDLE_TEXT], expires[SP_TIME_TEXT_MAX];
	json_t *answer;

	grant->state = GRANT_PENDING;
	grant->ends_ns = now->boot_ns + (life_ns < LIFE_MAX_NS ? life_ns : LIFE_MAX_NS);
	grant->wanted_ns = now->boot_ns + WANTED_NS;
	grant->starter = NULL;
	if (!exchange)
		return;
	exchange->grant = NULL;
	sodium_bin2base64(handle, sizeof(handle), grant->handle, sizeof(grant->handle),
			  HANDLE_VARIANT);
	sp_time_format_s(prompt->expires_s, expires);
	strcpy(strchr(expires, 'Z'), ".000Z");
	answer = json_pack("{s:s, s:s, s:s, s:s?, s:s}", "handle", handle, "user_code",
			   prompt->user_code, "verification_uri", prompt->verification_uri,
			   "verification_uri_complete", prompt->verification_uri_complete,
			   "expires", expires);
	sp_respond(&exchange->response, grant->session > 0 ? 202 : 200, answer);
	sp_exchange_answer(exchange);
}

static void grant_advance(struct sp_grant *grant);

static void grant_fetched(struct sp_fetch_job *job, const struct sp_http_reply *reply)
{
	struct sp_grant *grant = (void *)((char *)job - offsetof(struct sp_grant, job));

	sp_idp_flow_take(grant->flow, &grant->portal->now, reply);
	grant_advance(grant);
}

/* Run the flow until it waits for something. The grant may be gone afterwards. */
static void grant_advance(struct sp_grant *grant)
{
	struct sp_provider *provider = sp_provider_ref(grant->provider);
	struct sp_portal *portal = grant->portal;
	struct sp_http_request request = { 0 };
	const struct sp_idp_prompt *prompt;
	enum sp_idp_step step;

	grant->flow_due_ns = UINT64_MAX;
	step = sp_idp_flow_next(grant->flow, &portal->now, &request, &grant->flow_due_ns);
	prompt = sp_idp_flow_prompt(grant->flow);
	if (grant->state == GRANT_STARTING && prompt && step != SP_IDP_REFUSED)
		show_prompt(grant, prompt);
	if (step == SP_IDP_DONE)
		sp_provider_heard(provider, NULL, false);
	else if (step == SP_IDP_REFUSED &&
		 sp_refusal_is_providers(sp_idp_flow_finding(grant->flow)->reason))
		sp_provider_heard(provider, sp_idp_flow_finding(grant->flow), false);
	switch (step) {
	case SP_IDP_FETCH:
		grant->flow_due_ns = UINT64_MAX;
		grant->job.is_low = grant->state == GRANT_STARTING;
		sp_fetch_job_begin(&grant->job, &request, &provider->trust);
		grant_set_due(grant);
		break;
	case SP_IDP_WAIT:
		grant_set_due(grant);
		break;
	case SP_IDP_DONE:
		grant_take_claims(grant);
		break;
	case SP_IDP_REFUSED:
		grant_end_refused(grant, sp_idp_flow_finding(grant->flow));
		break;
	}
	sp_provider_advance(provider); /* the flow may have asked for fresh keys */
	sp_provider_unref(provider);
}

/* ---- requests ---- */

static int purpose_begin_flow(const struct sp_provider *provider, enum sp_grant_purpose purpose,
			      struct sp_idp_flow **ret_flow)
{
	switch (purpose) {
	case SP_GRANT_DEVICE:
		return sp_provider_begin_device(provider, ret_flow);
	case SP_GRANT_BROWSER:
		return -EOPNOTSUPP; /* no type of provider has a browser flow yet */
	}
	return -EOPNOTSUPP;
}

/* The form in which a waiting result is given to its poller. */
static enum sp_web_kind purpose_kind(enum sp_grant_purpose purpose)
{
	switch (purpose) {
	case SP_GRANT_DEVICE:
		return SP_WEB_API;
	case SP_GRANT_BROWSER:
		return SP_WEB_PAGE;
	}
	return SP_WEB_PAGE;
}

static int grant_new(struct sp_exchange *exchange, struct sp_provider *provider,
		     enum sp_grant_purpose purpose, struct sp_grant **ret_grant)
{
	struct sp_portal *portal = exchange->portal;
	struct sp_grant *grant = calloc(1, sizeof(*grant));
	int r = grant ? purpose_begin_flow(provider, purpose, &grant->flow) : -ENOMEM;

	if (r < 0) {
		free(grant);
		return r;
	}
	grant->purpose = purpose;
	grant->result.kind = purpose_kind(purpose);
	grant->portal = portal;
	grant->provider = sp_provider_ref(provider);
	grant->from = exchange->from;
	grant->ends_ns = portal->now.boot_ns + START_NS;
	grant->flow_due_ns = UINT64_MAX;
	grant->job = (struct sp_fetch_job){ .portal = portal, .done = grant_fetched };
	portal->outside->random(portal->outside_arg, grant->handle, sizeof(grant->handle));
	grant->person = exchange->person;
	exchange->person = (struct sp_person){ 0 };
	grant_insert(portal->grants, grant);
	*ret_grant = grant;
	return 0;
}

static void refuse_slow_down(struct sp_exchange *exchange, struct sp_provider *provider)
{
	struct sp_finding finding = { 0 };

	sp_find(&finding, SP_REFUSAL_SLOW_DOWN, "too many unfinished sign-ins");
	sp_signin_record(exchange->portal, &finding, provider->name, NULL,
			 exchange->person.device_name, &exchange->from);
	sp_respond_refusal(&exchange->response, SP_REFUSAL_SLOW_DOWN, 30);
	sp_exchange_answer(exchange);
}

void sp_grant_start(struct sp_exchange *exchange, struct sp_provider *provider,
		    enum sp_grant_purpose purpose, int64_t session)
{
	struct sp_portal *portal = exchange->portal;
	struct sp_grants *grants = portal->grants;
	struct sp_grant *grant = NULL;
	int r;

	if (sp_rate_of(&portal->rates, &exchange->from)->unfinished >= SP_UNFINISHED_PER_ADDRESS ||
	    (grants->count >= SP_GRANTS_MAX && !make_room(grants))) {
		refuse_slow_down(exchange, provider);
		return;
	}
	r = grant_new(exchange, provider, purpose, &grant);
	if (r == -EOPNOTSUPP) {
		sp_exchange_fail(exchange, 400, "bad-request",
				 "this provider is not signed in at this way");
		return;
	}
	if (r < 0) {
		sp_exchange_fail(exchange, 500, "internal", "out of memory; try again in a moment");
		return;
	}
	grant->session = session;
	grant->starter = exchange;
	exchange->grant = grant;
	grant_advance(grant);
}

static void answer_pending(struct sp_grant *grant)
{
	struct sp_exchange *exchange = SP_TAKE_PTR(grant->poller);

	exchange->grant = NULL;
	sp_respond(&exchange->response, 200, json_pack("{s:s}", "state", "pending"));
	sp_exchange_answer(exchange);
}

static void grant_wait(struct sp_grant *grant, struct sp_exchange *exchange, int64_t wait_s)
{
	const uint64_t now_ns = grant->portal->now.boot_ns;
	const bool was_asleep =
		!grant_is_wanted(grant) && grant->flow && grant->flow_due_ns <= now_ns;

	grant->poll_due_ns = now_ns + (uint64_t)wait_s * (uint64_t)SP_NS_PER_S;
	grant->wanted_ns = grant->poll_due_ns + WANTED_NS;
	grant->poller = exchange;
	exchange->grant = grant;
	grant_unlink_age(grant->portal->grants, grant);
	grant_link_age(grant->portal->grants, grant);
	if (was_asleep)
		grant_advance(grant); /* the grant may end here, and the poll be answered */
	else
		grant_set_due(grant);
}

void sp_grant_poll(struct sp_exchange *exchange, enum sp_grant_purpose purpose, const char *handle,
		   int64_t wait_s)
{
	struct sp_grant *grant = grant_find(exchange->portal->grants, handle);

	if (!grant || grant->purpose != purpose || grant->state == GRANT_STARTING) {
		sp_respond_error(&exchange->response, 410, "expired", 0,
				 "this sign-in is not known any more: start again");
		sp_exchange_answer(exchange);
		return;
	}
	if (grant->poller)
		answer_pending(grant);
	if (grant->state == GRANT_ENDED) {
		exchange->response = grant->result;
		grant->result = (struct sp_response){ 0 };
		grant_free(grant);
		sp_exchange_answer(exchange);
		return;
	}
	grant_wait(grant, exchange, wait_s);
	if (wait_s == 0 && exchange->grant == grant)
		answer_pending(grant);
}

void sp_grant_leave(struct sp_grant *grant, struct sp_exchange *exchange)
{
	if (grant->poller == exchange)
		grant->poller = NULL;
	if (grant->starter == exchange)
		grant_free(grant); /* nobody has its handle */
}

/* ---- time, and the provider's news ---- */

void sp_grants_wake(struct sp_portal *portal, struct sp_provider *provider)
{
	struct sp_grant *next;

	for (struct sp_grant *grant = portal->grants->oldest; grant; grant = next) {
		next = grant->newer;
		if (grant->provider == provider && grant->flow &&
		    grant->flow_due_ns == UINT64_MAX && grant->job.state == SP_JOB_IDLE)
			grant_advance(grant);
	}
}

uint64_t sp_grants_due_ns(const struct sp_grants *grants)
{
	const struct sp_due *first = sp_heap_first(&grants->heap);

	return first ? first->at_ns : UINT64_MAX;
}

static void grant_run(struct sp_grant *grant)
{
	const uint64_t now_ns = grant->portal->now.boot_ns;

	if (grant->ends_ns <= now_ns) {
		grant_expire(grant);
		return;
	}
	if (grant->poller && grant->poll_due_ns <= now_ns)
		answer_pending(grant);
	if (grant->flow && grant_is_wanted(grant) && grant->flow_due_ns <= now_ns)
		grant_advance(grant);
	else
		grant_set_due(grant);
}

void sp_grants_run(struct sp_portal *portal)
{
	struct sp_due *first;

	while ((first = sp_heap_first(&portal->grants->heap)) &&
	       first->at_ns <= portal->now.boot_ns)
		grant_run((struct sp_grant *)first);
}
