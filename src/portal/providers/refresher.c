/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/providers/refresher.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/units.h"
#include "io/log/log.h"
#include "json/own.h"
#include "portal/base/heap.h"
#include "portal/gate/gate_reply.h"
#include "portal/providers/crash.h"
#include "portal/providers/kept.h"

#define BUCKETS 4096u
#define NS(seconds) ((uint64_t)(seconds) * (uint64_t)SP_NS_PER_S)
#define RETRY_GATE_NS NS(5)
#define RETRY_FIRST_S 30
#define AFTER_START_S 5 /* a refresh that was under way when the portal died is done soon */
/* so many answers in a row that do not confirm the person end the session */
#define UNCONFIRMED_MAX 3
#define UNCONFIRMED_S 300      /* and at the latest so long after the first of them */
#define PROVIDER_TROUBLE_S 900 /* the same while the provider cannot confirm anybody */
#define LOST_S 900             /* to sign in again, when the refresh token is lost */
#define RETRY_MAX_S 300

/* One session. */
struct entry {
	struct sp_due due; /* first: the heap's item is the entry */
	struct sp_portal *portal;
	int64_t number;
	char *idp, *subject, *user;
	json_t *groups; /* as the gateway knows them */
	char *sealed;   /* the token, newer than the gateway's while is_unsaved */
	bool is_unsaved;
	int64_t asked_s, unconfirmed; /* both from what is kept (kept.h) */
	/* the provider was sent this token before, and its answer never came */
	bool is_in_doubt;
	bool is_marked; /* by the refresh under way */
	bool is_asked;  /* and the provider may have been reached, */
	bool was_asked; /* also by a request before the one under way */
	bool is_noted;  /* and the gateway knows what became of the token */
	bool is_ending; /* the gateway was told of an early end */
	bool is_busy;   /* counted in busy_count */
	bool is_stale;  /* the provider's file changed meanwhile: look once more */
	unsigned int failures;
	struct sp_provider *provider; /* while a flow is under way */
	struct sp_idp_flow *flow;
	uint64_t flow_due_ns;
	struct sp_fetch_job job;
	struct sp_gate_request ask;
	json_t *fresh; /* groups the gateway is being told */
	struct entry *bucket_next;
};

struct sp_refresher {
	struct entry *buckets[BUCKETS];
	size_t count;
	unsigned int busy_count;
	struct sp_heap heap;
	struct sp_gate_request load;
	struct sp_portal *portal;
};

/* ---- what is kept with a session ---- */

int sp_refresh_seal(struct sp_portal *portal, const char *token, const struct sp_addr *from,
		    char **ret_sealed)
{
	const struct sp_kept kept = { .is_local = token == NULL,
				      .token = (char *)token,
				      .from = *from };

	return sp_kept_seal(&portal->sealer, &kept, ret_sealed);
}

/* ---- the table ---- */

int sp_refresher_new(struct sp_portal *portal, struct sp_refresher **ret_refresher)
{
	struct sp_refresher *refresher = calloc(1, sizeof(*refresher));

	if (!refresher || sp_heap_init(&refresher->heap, SP_REFRESHED_MAX) < 0) {
		free(refresher);
		return -ENOMEM;
	}
	refresher->portal = portal;
	*ret_refresher = refresher;
	return 0;
}

size_t sp_refresher_count(const struct sp_refresher *refresher)
{
	return refresher->count;
}

static struct entry **bucket_of(struct sp_refresher *refresher, int64_t number)
{
	return &refresher->buckets[(uint64_t)number % BUCKETS];
}

static struct entry *entry_find(struct sp_refresher *refresher, int64_t number)
{
	struct entry *entry = *bucket_of(refresher, number);

	while (entry && entry->number != number)
		entry = entry->bucket_next;
	return entry;
}

static void link_number(struct sp_refresher *refresher, struct entry *entry, int64_t number)
{
	struct entry **bucket = bucket_of(refresher, number);

	entry->number = number;
	entry->bucket_next = *bucket;
	*bucket = entry;
}

static void unlink_number(struct sp_refresher *refresher, struct entry *entry)
{
	struct entry **at = bucket_of(refresher, entry->number);

	while (*at != entry)
		at = &(*at)->bucket_next;
	*at = entry->bucket_next;
}

static void entry_end_flow(struct entry *entry)
{
	sp_fetch_job_cancel(&entry->job);
	sp_idp_flow_free(SP_TAKE_PTR(entry->flow));
	if (entry->provider)
		sp_provider_unref(SP_TAKE_PTR(entry->provider));
	entry->flow_due_ns = UINT64_MAX;
}

static void entry_drop(struct entry *entry)
{
	struct sp_portal *portal = entry->portal;
	struct sp_refresher *refresher = portal->refresher;

	entry_end_flow(entry);
	if (entry->ask.is_under_way)
		portal->outside->drop(portal->outside_arg, &entry->ask);
	refresher->busy_count -= entry->is_busy;
	sp_heap_set(&refresher->heap, &entry->due, UINT64_MAX);
	unlink_number(refresher, entry);
	refresher->count--;
	free(entry->idp);
	free(entry->subject);
	free(entry->user);
	free(entry->sealed);
	json_decrefp(&entry->groups);
	json_decrefp(&entry->fresh);
	free(entry);
}

void sp_refresher_free(struct sp_refresher *refresher)
{
	if (!refresher)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (refresher->buckets[i])
			entry_drop(refresher->buckets[i]);
	if (refresher->load.is_under_way)
		refresher->portal->outside->drop(refresher->portal->outside_arg, &refresher->load);
	sp_heap_done(&refresher->heap);
	free(refresher);
}

/* ---- when ---- */

/* A time between half of @delay_ns and all of it, so that sessions that began together are not
 * refreshed together. */
static uint64_t jittered(struct sp_portal *portal, uint64_t delay_ns)
{
	uint32_t random;

	portal->outside->random(portal->outside_arg, &random, sizeof(random));
	return delay_ns / 2 + (delay_ns / 2 >> 16) * (random >> 16);
}

static void entry_rest(struct entry *entry, uint64_t delay_ns)
{
	struct sp_refresher *refresher = entry->portal->refresher;

	entry_end_flow(entry);
	if (entry->is_marked && !entry->is_asked)
		entry->asked_s = 0; /* marked, and then the provider was not reached */
	entry->is_marked = false;
	refresher->busy_count -= entry->is_busy;
	entry->is_busy = false;
	if (entry->is_stale)
		delay_ns = 0;
	entry->is_stale = false;
	sp_heap_set(&refresher->heap, &entry->due,
		    delay_ns == UINT64_MAX ? UINT64_MAX : entry->portal->now.boot_ns + delay_ns);
}

/* Does a file of this machine hold this provider's people? Else the provider is asked. */
static bool is_file(const struct sp_provider *provider)
{
	switch (provider->kind) {
	case SP_IDP_LOCAL:
		return true;
	case SP_IDP_OIDC:
		return false;
	}
	return false;
}

static void entry_rest_until_next(struct entry *entry)
{
	const struct sp_provider *provider = sp_provider_find(entry->portal, entry->idp);

	entry->failures = 0;
	if (provider && is_file(provider))
		entry_rest(entry, UINT64_MAX); /* until its file changes */
	else
		entry_rest(entry, jittered(entry->portal,
					   NS(provider ? provider->idp->refresh_s : RETRY_MAX_S)));
}

/* @asked_s: how long the provider wants to be left alone, 0: it did not say. */
static void entry_rest_after_failure(struct entry *entry, int64_t asked_s)
{
	const unsigned int doubled = entry->failures < 4 ? entry->failures++ : 4;
	const uint64_t delay_s = (uint64_t)RETRY_FIRST_S << doubled;
	const int64_t least_s = asked_s < RETRY_MAX_S ? asked_s : RETRY_MAX_S;

	entry_rest(entry,
		   NS(least_s) + jittered(entry->portal,
					  NS(delay_s < RETRY_MAX_S ? delay_s : RETRY_MAX_S)));
}

/* ---- entries ---- */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static struct entry *entry_new(struct sp_portal *portal, const json_t *session)
{
	struct sp_refresher *refresher = portal->refresher;
	struct entry *entry =
		refresher->count < SP_REFRESHED_MAX ? calloc(1, sizeof(*entry)) : NULL;

	if (!entry)
		return NULL;
	entry->portal = portal;
	entry->job = (struct sp_fetch_job){ .portal = portal, .is_low = true };
	entry->flow_due_ns = UINT64_MAX;
	link_number(refresher, entry, sp_session_number(session));
	refresher->count++;
	entry->idp = strdup(text_of(session, "idp"));
	entry->subject = strdup(text_of(session, "subject"));
	entry->user = strdup(text_of(session, "user"));
	if (!entry->idp || !entry->subject || !entry->user) {
		entry_drop(entry);
		return NULL;
	}
	return entry;
}

static int entry_set_sealed(struct entry *entry, const char *sealed)
{
	struct sp_kept kept = { 0 };
	char *copy = strdup(sealed);

	if (!copy)
		return -ENOMEM;
	free(entry->sealed);
	entry->sealed = copy;
	if (sp_kept_open(&entry->portal->sealer, sealed, &kept) == 0) {
		entry->asked_s = kept.asked_s;
		entry->unconfirmed = kept.unconfirmed;
	}
	sp_kept_done(&kept);
	return 0;
}

/* Seal the kept data of the session again, as they are now. @token: the token to use from now on;
 * NULL: no change. */
static int entry_seal_again(struct entry *entry, const char *token, bool has_token,
			    char **ret_sealed)
{
	struct sp_kept kept = { 0 };
	int r = sp_kept_open(&entry->portal->sealer, entry->sealed, &kept);

	if (r == 0 && (token || !has_token)) {
		if (kept.token)
			sp_wipe(kept.token, strlen(kept.token));
		free(kept.token);
		kept.token = token ? strdup(token) : NULL;
		r = token && !kept.token ? -ENOMEM : 0;
	}
	kept.asked_s = has_token ? entry->asked_s : 0;
	kept.unconfirmed = entry->unconfirmed;
	if (r == 0)
		r = sp_kept_seal(&entry->portal->sealer, &kept, ret_sealed);
	sp_kept_done(&kept);
	return r;
}

static int entry_keep(struct entry *entry, const char *token)
{
	char *sealed = NULL;
	int r = entry_seal_again(entry, token, true, &sealed);

	if (r < 0) {
		sp_log_error(
			"session %lld: what is kept of it at provider %s cannot be written: %s",
			(long long)entry->number, entry->idp,
			r == -E2BIG ? "the refresh token is too long" : sp_err_text(r));
		return r;
	}
	free(entry->sealed);
	entry->sealed = sealed;
	entry->is_unsaved = true;
	return 0;
}

static void entry_set_groups(struct entry *entry, json_t *groups)
{
	sp_json_replace(&entry->groups, json_incref(groups));
}

/* Does the refresh under way use a token that the session no longer has? */
static void entry_stop(struct entry *entry)
{
	if (entry->ask.is_under_way)
		entry->portal->outside->drop(entry->portal->outside_arg, &entry->ask);
	json_decrefp(&entry->fresh);
	entry->is_unsaved = false;
	entry_rest_until_next(entry);
}

void sp_refresher_note(struct sp_portal *portal, int64_t was, const json_t *session,
		       const char *sealed)
{
	struct sp_refresher *refresher = portal->refresher;
	struct entry *entry = was ? entry_find(refresher, was) : NULL, *other;

	if (!entry && !sealed)
		return;
	other = entry_find(refresher, sp_session_number(session));
	if (other && other != entry)
		entry_drop(other);
	if (!entry) {
		entry = entry_new(portal, session);
		if (!entry)
			return;
	} else if (entry->number != sp_session_number(session)) {
		unlink_number(refresher, entry);
		link_number(refresher, entry, sp_session_number(session));
	}
	if (sealed && entry_set_sealed(entry, sealed) < 0) {
		entry_drop(entry);
		return;
	}
	entry_set_groups(entry, json_object_get(session, "groups"));
	if (sealed && entry->is_busy)
		entry_stop(entry);
	if (!entry->is_busy)
		entry_rest_until_next(entry);
}

/* ---- one refresh ---- */

static void tell_gate(struct entry *entry, json_t *request,
		      void (*done)(struct sp_gate_request *ask, const json_t *reply))
{
	struct sp_portal *portal = entry->portal;

	if (!request) {
		entry_rest(entry, RETRY_GATE_NS);
		return;
	}
	entry->ask = (struct sp_gate_request){ .request = request, .done = done, .can_wait = true };
	portal->outside->ask(portal->outside_arg, &entry->ask);
}

static struct entry *entry_of(struct sp_gate_request *ask)
{
	return (struct entry *)((char *)ask - offsetof(struct entry, ask));
}

static void closed(struct sp_gate_request *ask, const json_t *reply)
{
	struct entry *entry = entry_of(ask);

	if (sp_gate_is_ok(reply) || strcmp(sp_gate_code(reply), "no-such-session") == 0)
		entry_drop(entry);
	else
		entry_rest(entry, RETRY_GATE_NS);
}

static void entry_close_session(struct entry *entry)
{
	entry_end_flow(entry);
	tell_gate(entry,
		  json_pack("{s:s, s:I, s:s, s:s, s:s}", "op", "session.close", "session",
			    (json_int_t)entry->number, "idp", entry->idp, "subject", entry->subject,
			    "why", "provider-revoked"),
		  closed);
}

static json_t *update_request(const struct entry *entry)
{
	json_t *request =
		json_pack("{s:s, s:I, s:s, s:s}", "op", "session.update", "session",
			  (json_int_t)entry->number, "idp", entry->idp, "subject", entry->subject);

	if (request && entry->is_unsaved)
		json_object_set_new(request, "refresh", json_string(entry->sealed));
	return request;
}

/* Take a reply to session.update into the entry. Returns false: the session is over and the entry
 * dropped. */
static bool entry_take_update(struct entry *entry, const json_t *reply)
{
	struct sp_refresher *refresher = entry->portal->refresher;
	const bool is_gone =
		sp_gate_refusal(reply) || strcmp(sp_gate_code(reply), "no-such-session") == 0;

	if (is_gone || (sp_gate_is_ok(reply) && !sp_session_is_live(reply))) {
		entry_drop(entry);
		return false;
	}
	if (sp_gate_is_ok(reply)) {
		entry->is_unsaved = false;
		unlink_number(refresher, entry);
		link_number(refresher, entry, sp_session_number(reply));
	}
	return true;
}

static void entry_updated(struct sp_gate_request *ask, const json_t *reply)
{
	struct entry *entry = entry_of(ask);
	__sp_json json_t *fresh = SP_TAKE_PTR(entry->fresh);

	if (entry_take_update(entry, reply)) {
		if (sp_gate_is_ok(reply) && fresh)
			entry_set_groups(entry, fresh);
		if (sp_gate_is_ok(reply))
			entry_rest_until_next(entry);
		else
			entry_rest(entry, RETRY_GATE_NS);
	}
}

/* Compare two lists of groups as sets. */
static bool are_same_groups(const json_t *a, const json_t *b)
{
	__sp_json json_t *left = json_object();
	__sp_json json_t *right = json_object();
	json_t *const sets[2] = { left, right };
	const json_t *const lists[2] = { a, b };
	const json_t *group;
	size_t i;

	for (int side = 0; side < 2; side++)
		json_array_foreach(lists[side], i, group)
			json_object_set_new(sets[side], json_string_value(group), json_true());
	return json_equal(left, right);
}

/* Tell the gateway what has changed, if anything. @taken, the groups of today, is taken over. */
static void entry_settle(struct entry *entry, json_t *taken)
{
	__sp_json json_t *groups = taken;
	json_t *request = NULL;

	entry_end_flow(entry);
	if (!groups) {
		entry_rest(entry, RETRY_GATE_NS);
		return;
	}
	if (entry->unconfirmed) {
		entry->unconfirmed = 0;
		(void)entry_keep(entry, NULL);
	}
	if (!entry->is_unsaved && !entry->is_ending && are_same_groups(groups, entry->groups)) {
		entry_rest_until_next(entry);
		return;
	}
	request = update_request(entry);
	if (request && entry->is_ending)
		json_object_set_new(request, "ends_s", json_integer(-1));
	if (request && !are_same_groups(groups, entry->groups)) {
		json_object_set(request, "groups", groups);
		entry->fresh = json_incref(groups);
	}
	tell_gate(entry, request, entry_updated);
}

/* ---- no confirmation ---- */

static void entry_doubted(struct sp_gate_request *ask, const json_t *reply)
{
	struct entry *entry = entry_of(ask);

	if (!entry_take_update(entry, reply))
		return;
	if (sp_gate_is_ok(reply))
		entry_rest_after_failure(entry, 0);
	else
		entry_rest(entry, RETRY_GATE_NS);
}

static void entry_lost(struct sp_gate_request *ask, const json_t *reply)
{
	struct entry *entry = entry_of(ask);

	if (sp_gate_is_ok(reply))
		/* without a token there is nothing to refresh: the gateway ends the session */
		entry_drop(entry);
	else if (entry_take_update(entry, reply))
		entry_rest(entry, RETRY_GATE_NS);
}

/* Ask the gateway to end the session within @within_s, even if the portal dies. @ending: the word
 * for the record. @sealed: what is kept from then on; NULL: no change. */
static void entry_end_early(struct entry *entry, const char *ending, int64_t within_s,
			    const char *sealed,
			    void (*done)(struct sp_gate_request *ask, const json_t *reply))
{
	json_t *request = update_request(entry);

	entry_end_flow(entry);
	if (request) {
		if (sealed)
			json_object_set_new(request, "refresh", json_string(sealed));
		json_object_set_new(request, "ends_s", json_integer(within_s));
		json_object_set_new(request, "ending", json_string(ending));
	}
	entry->is_ending = true;
	tell_gate(entry, request, done);
}

/* The provider refuses the token, but an answer with a newer token may have been lost on its way
 * here, so perhaps nobody revoked anything. The person gets some time to sign in again. */
static void entry_lose(struct entry *entry)
{
	char *sealed = NULL;

	sp_log_error("session %lld of %s: provider %s takes the refresh token no more, and an "
		     "answer with a new one "
		     "may have been lost: the session ends in %d s unless %s signs in again",
		     (long long)entry->number, entry->user, entry->idp, LOST_S, entry->user);
	if (entry_seal_again(entry, NULL, false, &sealed) < 0) {
		entry_rest(entry, RETRY_GATE_NS);
		return;
	}
	entry_end_early(entry, "refresh-lost", LOST_S, sealed, entry_lost);
	free(sealed);
}

/* The provider answered, and the answer does not confirm who the person is. @is_persons: the
 * provider does confirm others. */
static void entry_doubt(struct entry *entry, bool is_persons)
{
	int64_t within_s = is_persons ? UNCONFIRMED_S : PROVIDER_TROUBLE_S;

	if (is_persons) {
		entry->unconfirmed++;
		(void)entry_keep(entry, NULL);
	}
	if (entry->unconfirmed >= UNCONFIRMED_MAX)
		within_s = 0;
	entry_end_early(entry, "unconfirmed", within_s, NULL, entry_doubted);
}

static void entry_take_refusal(struct entry *entry, struct sp_provider *provider)
{
	const struct sp_finding finding = *sp_idp_flow_finding(entry->flow);
	const bool is_silence = finding.reason == SP_REFUSAL_UNREACHABLE;

	sp_log_note("session %lld of %s: provider %s: %s: %s", (long long)entry->number,
		    entry->user, entry->idp, sp_refusal_word(finding.reason), finding.detail);
	if (finding.reason == SP_REFUSAL_GRANT_REVOKED) {
		if (entry->is_in_doubt) {
			entry_lose(entry);
		} else {
			/* the provider did answer, which is kept in case the gateway cannot be told
			 * now */
			entry->asked_s = 0;
			entry_close_session(entry);
		}
		return;
	}
	sp_provider_heard(provider, &finding, true);
	if (finding.reason == SP_REFUSAL_OTHER_SUBJECT)
		entry_end_early(entry, "other-subject", 0, NULL, entry_doubted);
	else if (finding.reason == SP_REFUSAL_GATEWAY || (is_silence && !entry->is_noted))
		/* the session has its own deadline */
		entry_rest_after_failure(entry, finding.retry_after_s);
	else
		entry_doubt(entry, entry->is_noted && !is_silence &&
					   finding.reason != SP_REFUSAL_PROVIDER_ERROR);
}

static void entry_advance(struct entry *entry);

static void entry_noted(struct sp_gate_request *ask, const json_t *reply)
{
	struct entry *entry = entry_of(ask);

	if (!entry_take_update(entry, reply))
		return;
	sp_crash_at(entry->portal->kill_at, "refresh-stored");
	/* if storing failed, the token is kept here and stored with the next update */
	entry_advance(entry);
}

/* The provider said which token is valid from now on. Store that before anything else can fail. */
static void entry_note_token(struct entry *entry)
{
	sp_crash_at(entry->portal->kill_at, "refresh-answered");
	entry->is_noted = true;
	if (sp_idp_flow_finding(entry->flow)->reason == SP_REFUSAL_GRANT_REVOKED) {
		entry_advance(entry);
		return;
	}
	entry->is_in_doubt = false;
	entry->asked_s = 0;
	(void)entry_keep(entry, sp_idp_flow_refresh_token(entry->flow));
	tell_gate(entry, update_request(entry), entry_noted);
}

static void entry_fetched(struct sp_fetch_job *job, const struct sp_http_reply *reply)
{
	struct entry *entry = (void *)((char *)job - offsetof(struct entry, job));

	if (reply->is_unsent)
		entry->is_asked = entry->was_asked;
	sp_idp_flow_take(entry->flow, &entry->portal->now, reply);
	if (!entry->is_noted && sp_idp_flow_is_token_settled(entry->flow))
		entry_note_token(entry);
	else
		entry_advance(entry);
}

/* Run the flow until it waits for something. The entry may be gone afterwards. */
static void entry_advance(struct entry *entry)
{
	struct sp_provider *provider = sp_provider_ref(entry->provider);
	struct sp_http_request request = { 0 };

	entry->flow_due_ns = UINT64_MAX;
	switch (sp_idp_flow_next(entry->flow, &entry->portal->now, &request, &entry->flow_due_ns)) {
	case SP_IDP_FETCH:
		entry->was_asked = entry->is_asked;
		entry->is_asked = true;
		entry->flow_due_ns = UINT64_MAX;
		entry->job.done = entry_fetched;
		sp_fetch_job_begin(&entry->job, &request, &provider->trust);
		break;
	case SP_IDP_WAIT:
		sp_heap_set(&entry->portal->refresher->heap, &entry->due, entry->flow_due_ns);
		break;
	case SP_IDP_DONE:
		sp_provider_heard(provider, NULL, true);
		entry_settle(entry, sp_groups_of_claims(sp_idp_flow_claims(entry->flow)));
		break;
	case SP_IDP_REFUSED:
		entry_take_refusal(entry, provider);
		break;
	}
	sp_provider_advance(provider);
	sp_provider_unref(provider);
}

static void entry_ask_provider(struct entry *entry, struct sp_provider *provider)
{
	struct sp_kept kept = { 0 };
	int r = sp_kept_open(&entry->portal->sealer, entry->sealed, &kept);

	if (r == 0 && kept.token)
		r = sp_provider_begin_refresh(provider, kept.token, entry->subject, &entry->flow);
	sp_kept_done(&kept);
	if (r == -EBADMSG || (r == 0 && !entry->flow)) {
		entry_drop(entry); /* sealed by another key, or nothing to refresh with */
		return;
	}
	if (r < 0) {
		entry_rest_after_failure(entry, 0);
		return;
	}
	entry->provider = sp_provider_ref(provider);
	entry_advance(entry);
}

static void entry_marked(struct sp_gate_request *ask, const json_t *reply)
{
	struct entry *entry = entry_of(ask);
	struct sp_provider *provider = sp_provider_find(entry->portal, entry->idp);

	if (!entry_take_update(entry, reply))
		return;
	if (!sp_gate_is_ok(reply)) {
		entry_rest(entry, RETRY_GATE_NS);
	} else if (!provider || is_file(provider)) {
		entry_rest_until_next(entry);
	} else {
		sp_crash_at(entry->portal->kill_at, "refresh-marked");
		entry_ask_provider(entry, provider);
	}
}

/* First store a mark that the provider is being sent this token. If the portal dies before the
 * answer is stored, the provider may refuse the token although nobody revoked anything. */
static void entry_mark(struct entry *entry, struct sp_provider *provider)
{
	entry->is_in_doubt = entry->asked_s != 0;
	if (!entry->asked_s) {
		entry->asked_s = entry->portal->now.now_s;
		entry->is_marked = true;
		if (entry_keep(entry, NULL) == -EBADMSG) {
			entry_drop(entry); /* sealed by another key */
			return;
		}
	}
	if (entry->is_unsaved)
		tell_gate(entry, update_request(entry), entry_marked);
	else
		entry_ask_provider(entry, provider);
}

static void entry_look_up_user(struct entry *entry, const struct sp_provider *provider)
{
	const struct sp_local_user *user = sp_idp_user(provider->idp, entry->subject);

	if (user && user->password)
		entry_settle(entry, sp_groups_of_user(user));
	else
		entry_close_session(entry);
}

static const json_t *find_session(const json_t *reply, int64_t number)
{
	const json_t *session;
	size_t i;

	json_array_foreach(json_object_get(reply, "sessions"), i, session)
		if (sp_session_number(session) == number)
			return session;
	return NULL;
}

/* Ask the gateway about the session first: it may have ended long ago. */
static void entry_listed(struct sp_gate_request *ask, const json_t *reply)
{
	struct entry *entry = entry_of(ask);
	struct sp_provider *provider = sp_provider_find(entry->portal, entry->idp);
	const json_t *session = find_session(reply, entry->number);

	if (!sp_gate_is_ok(reply)) {
		entry_rest(entry, RETRY_GATE_NS);
	} else if (!session || !sp_session_is_live(session)) {
		entry_drop(entry);
	} else {
		entry_set_groups(entry, json_object_get(session, "groups"));
		entry->is_ending = json_is_string(json_object_get(session, "ending"));
		if (!provider)
			entry_rest_until_next(entry);
		else if (is_file(provider))
			entry_look_up_user(entry, provider);
		else
			entry_mark(entry, provider);
	}
}

static void entry_begin(struct entry *entry)
{
	struct sp_refresher *refresher = entry->portal->refresher;

	entry->is_busy = true;
	entry->is_marked = entry->is_asked = entry->is_noted = entry->is_in_doubt = false;
	refresher->busy_count++;
	sp_heap_set(&refresher->heap, &entry->due, UINT64_MAX);
	tell_gate(
		entry,
		json_pack("{s:s, s:I}", "op", "session.list", "session", (json_int_t)entry->number),
		entry_listed);
}

/* ---- all of them ---- */

/* Count a person with a live session as known at the address they signed in from, as before a
 * restart. Returns whether there is anything to refresh with. */
static bool welcome_person(struct sp_portal *portal, const json_t *session, const char *sealed)
{
	static const struct sp_addr nowhere;
	struct sp_kept kept = { 0 };
	bool is_there;

	if (sp_kept_open(&portal->sealer, sealed, &kept) < 0)
		return false;
	if (memcmp(&kept.from, &nowhere, sizeof(nowhere)) != 0)
		sp_throttle_welcome(portal->throttle, text_of(session, "idp"),
				    text_of(session, "user"), &kept.from, portal->now.boot_ns);
	is_there = kept.is_local || kept.token;
	sp_kept_done(&kept);
	return is_there;
}

static void entry_load(struct sp_portal *portal, const json_t *session)
{
	struct entry *entry = entry_find(portal->refresher, sp_session_number(session));
	const char *sealed = json_string_value(json_object_get(session, "refresh"));
	const struct sp_provider *provider;

	if (!sealed || !sp_session_is_live(session) || !welcome_person(portal, session, sealed))
		return;
	if (!entry) {
		entry = entry_new(portal, session);
		if (!entry)
			return;
	}
	if (entry->is_busy)
		return;
	if (!entry->is_unsaved && entry_set_sealed(entry, sealed) < 0) {
		entry_drop(entry);
		return;
	}
	entry_set_groups(entry, json_object_get(session, "groups"));
	provider = sp_provider_find(portal, entry->idp);
	if (entry->is_unsaved || (provider && is_file(provider)))
		entry_rest(entry, 0);
	else if (!entry->due.place && entry->asked_s)
		/* A refresh was under way when the portal died. Try it again soon: a provider that
		 * refuses a token's second use often accepts it for some seconds. */
		entry_rest(entry, jittered(entry->portal, NS(AFTER_START_S)));
	else if (!entry->due.place)
		entry_rest_until_next(entry);
}

static void sessions_loaded(struct sp_gate_request *ask, const json_t *reply)
{
	struct sp_refresher *refresher =
		(void *)((char *)ask - offsetof(struct sp_refresher, load));
	const json_t *session;
	size_t i;

	json_array_foreach(json_object_get(reply, "sessions"), i, session)
		entry_load(refresher->portal, session);
}

void sp_refresher_load(struct sp_portal *portal)
{
	struct sp_refresher *refresher = portal->refresher;

	if (refresher->load.is_under_way)
		return;
	refresher->load =
		(struct sp_gate_request){ .request = json_pack("{s:s}", "op", "session.list"),
					  .done = sessions_loaded,
					  .can_wait = true };
	if (refresher->load.request)
		portal->outside->ask(portal->outside_arg, &refresher->load);
}

static void for_each_entry(struct sp_portal *portal,
			   void (*visit)(struct entry *entry, const void *arg), const void *arg)
{
	struct sp_refresher *refresher = portal->refresher;

	for (size_t i = 0; refresher && i < BUCKETS; i++) {
		struct entry *next;

		for (struct entry *entry = refresher->buckets[i]; entry; entry = next) {
			next = entry->bucket_next;
			visit(entry, arg);
		}
	}
}

static void entry_look_at_file(struct entry *entry, const void *arg)
{
	const struct sp_provider *provider = arg;

	if (!is_file(provider) || strcmp(entry->idp, provider->name) != 0)
		return;
	if (entry->is_busy)
		entry->is_stale = true;
	else
		entry_rest(entry, 0);
}

void sp_refresher_reload(struct sp_portal *portal, const struct sp_provider *provider)
{
	for_each_entry(portal, entry_look_at_file, provider);
}

static void entry_go_on(struct entry *entry, const void *arg)
{
	if (entry->provider == arg && entry->flow_due_ns == UINT64_MAX &&
	    entry->job.state == SP_JOB_IDLE && !entry->ask.is_under_way)
		entry_advance(entry);
}

void sp_refresher_wake(struct sp_portal *portal, const struct sp_provider *provider)
{
	for_each_entry(portal, entry_go_on, provider);
}

uint64_t sp_refresher_due_ns(const struct sp_portal *portal)
{
	const struct sp_due *first = sp_heap_first(&portal->refresher->heap);

	return first ? first->at_ns : UINT64_MAX;
}

void sp_refresher_run(struct sp_portal *portal)
{
	struct sp_refresher *refresher = portal->refresher;
	struct sp_due *first;

	while ((first = sp_heap_first(&refresher->heap)) && first->at_ns <= portal->now.boot_ns) {
		struct entry *entry = (struct entry *)first;

		if (entry->flow)
			entry_advance(entry);
		else if (refresher->busy_count < SP_REFRESHES_MAX && portal->is_gate_there)
			entry_begin(entry);
		else
			entry_rest(entry, NS(1));
	}
}
