/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/refresher.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "io/log.h"
#include "portal/gate_reply.h"
#include "portal/heap.h"

#define BUCKETS 4096u
#define PURPOSE "sallyport refresh 1"
#define NS(seconds) ((uint64_t)(seconds) * (uint64_t)SP_NS_PER_S)
#define RETRY_GATE_NS NS(5)
#define RETRY_FIRST_S 30
#define RETRY_MAX_S 300

/* One session. */
struct entry {
	struct sp_due due; /* first: the heap's item is the entry */
	struct sp_portal *portal;
	int64_t number;
	char *idp, *subject, *user;
	json_t *groups;    /* as the gateway has them */
	char *sealed;      /* the token, newer than the gateway's while is_unsaved */
	bool is_unsaved;
	bool is_busy;      /* counted in busy_count */
	bool is_stale;     /* the provider's file changed meanwhile: look once more */
	unsigned int failures;
	struct sp_provider *provider; /* while a flow is under way */
	struct sp_oidc_flow *flow;
	uint64_t flow_due_ns;
	struct sp_job job;
	struct sp_ask ask;
	json_t *fresh; /* groups the gateway is being told */
	struct entry *bucket_next;
};

struct sp_refresher {
	struct entry *buckets[BUCKETS];
	size_t count;
	unsigned int busy_count;
	struct sp_heap heap;
	struct sp_ask load;
	struct sp_portal *portal;
};

/* ---- what is kept with a session ---- */

int sp_refresh_seal(struct sp_portal *portal, const char *token, const struct sp_addr *from,
		    char **ret_sealed)
{
	char place[SP_ADDR_TEXT_MAX];
	json_t *value = token ? json_pack("{s:s}", "t", token) : json_pack("{s:b}", "l", 1);
	int r;

	if (value)
		json_object_set_new(value, "f", json_string(sp_addr_format(from, place)));
	r = value ? sp_portal_seal(portal, PURPOSE, value, ret_sealed) : -ENOMEM;

	json_decref(value);
	return r;
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

static struct entry *find(struct sp_refresher *refresher, int64_t number)
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

static void end_flow(struct entry *entry)
{
	sp_job_cancel(&entry->job);
	sp_oidc_flow_free(SP_TAKE_PTR(entry->flow));
	if (entry->provider)
		sp_provider_unref(SP_TAKE_PTR(entry->provider));
	entry->flow_due_ns = UINT64_MAX;
}

static void drop(struct entry *entry)
{
	struct sp_portal *portal = entry->portal;
	struct sp_refresher *refresher = portal->refresher;

	end_flow(entry);
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
	json_decref(entry->groups);
	json_decref(entry->fresh);
	free(entry);
}

void sp_refresher_free(struct sp_refresher *refresher)
{
	if (!refresher)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (refresher->buckets[i])
			drop(refresher->buckets[i]);
	if (refresher->load.is_under_way)
		refresher->portal->outside->drop(refresher->portal->outside_arg, &refresher->load);
	sp_heap_done(&refresher->heap);
	free(refresher);
}

/* ---- when ---- */

/* Between half of @delay_ns and all of it, so that what began together does not stay together. */
static uint64_t jittered(struct sp_portal *portal, uint64_t delay_ns)
{
	uint32_t random;

	portal->outside->random(portal->outside_arg, &random, sizeof(random));
	return delay_ns / 2 + (delay_ns / 2 >> 16) * (random >> 16);
}

static void rest(struct entry *entry, uint64_t delay_ns)
{
	struct sp_refresher *refresher = entry->portal->refresher;

	end_flow(entry);
	refresher->busy_count -= entry->is_busy;
	entry->is_busy = false;
	if (entry->is_stale)
		delay_ns = 0;
	entry->is_stale = false;
	sp_heap_set(&refresher->heap, &entry->due,
		    delay_ns == UINT64_MAX ? UINT64_MAX : entry->portal->now.boot_ns + delay_ns);
}

static void rest_until_next(struct entry *entry)
{
	const struct sp_provider *provider = sp_provider_find(entry->portal, entry->idp);

	entry->failures = 0;
	if (provider && !provider->oidc)
		rest(entry, UINT64_MAX); /* until its file changes */
	else
		rest(entry, jittered(entry->portal, NS(provider ? provider->idp->refresh_s : RETRY_MAX_S)));
}

static void rest_after_failure(struct entry *entry)
{
	const unsigned int doubled = entry->failures < 4 ? entry->failures++ : 4;
	const uint64_t delay_s = (uint64_t)RETRY_FIRST_S << doubled;

	rest(entry, jittered(entry->portal, NS(delay_s < RETRY_MAX_S ? delay_s : RETRY_MAX_S)));
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
	struct entry *entry = refresher->count < SP_REFRESHED_MAX ? calloc(1, sizeof(*entry)) : NULL;

	if (!entry)
		return NULL;
	entry->portal = portal;
	entry->job = (struct sp_job){ .portal = portal, .is_low = true };
	entry->flow_due_ns = UINT64_MAX;
	link_number(refresher, entry, sp_session_number(session));
	refresher->count++;
	entry->idp = strdup(text_of(session, "idp"));
	entry->subject = strdup(text_of(session, "subject"));
	entry->user = strdup(text_of(session, "user"));
	if (!entry->idp || !entry->subject || !entry->user) {
		drop(entry);
		return NULL;
	}
	return entry;
}

static int set_sealed(struct entry *entry, const char *sealed)
{
	char *copy = strdup(sealed);

	if (!copy)
		return -ENOMEM;
	free(entry->sealed);
	entry->sealed = copy;
	return 0;
}

static void set_groups(struct entry *entry, json_t *groups)
{
	json_decref(entry->groups);
	entry->groups = json_incref(groups);
}

void sp_refresher_note(struct sp_portal *portal, int64_t was, const json_t *session,
		       const char *sealed)
{
	struct sp_refresher *refresher = portal->refresher;
	struct entry *entry = was ? find(refresher, was) : NULL, *other;

	if (!entry && !sealed)
		return;
	other = find(refresher, sp_session_number(session));
	if (other && other != entry)
		drop(other);
	if (!entry) {
		entry = entry_new(portal, session);
		if (!entry)
			return;
	} else if (entry->number != sp_session_number(session)) {
		unlink_number(refresher, entry);
		link_number(refresher, entry, sp_session_number(session));
	}
	if (sealed && set_sealed(entry, sealed) < 0) {
		drop(entry);
		return;
	}
	set_groups(entry, json_object_get(session, "groups"));
	if (!entry->is_busy)
		rest_until_next(entry);
}

/* ---- one refresh ---- */

static void tell_gate(struct entry *entry, json_t *request, void (*done)(struct sp_ask *ask, const json_t *reply))
{
	struct sp_portal *portal = entry->portal;

	if (!request) {
		rest(entry, RETRY_GATE_NS);
		return;
	}
	entry->ask = (struct sp_ask){ .request = request, .done = done, .can_wait = true };
	portal->outside->ask(portal->outside_arg, &entry->ask);
}

static struct entry *entry_of(struct sp_ask *ask)
{
	return (struct entry *)((char *)ask - offsetof(struct entry, ask));
}

static void closed(struct sp_ask *ask, const json_t *reply)
{
	struct entry *entry = entry_of(ask);

	if (sp_gate_is_ok(reply) || strcmp(sp_gate_code(reply), "no-such-session") == 0)
		drop(entry);
	else
		rest(entry, RETRY_GATE_NS);
}

static void close_session(struct entry *entry)
{
	end_flow(entry);
	tell_gate(entry, json_pack("{s:s, s:I, s:s, s:s, s:s}", "op", "session.close", "session",
				   (json_int_t)entry->number, "idp", entry->idp, "subject", entry->subject,
				   "why", "provider-revoked"),
		  closed);
}

static void updated(struct sp_ask *ask, const json_t *reply)
{
	struct entry *entry = entry_of(ask);
	struct sp_refresher *refresher = entry->portal->refresher;
	json_t *fresh = SP_TAKE_PTR(entry->fresh);

	if (sp_gate_is_ok(reply)) {
		if (fresh)
			set_groups(entry, fresh);
		entry->is_unsaved = false;
		unlink_number(refresher, entry);
		link_number(refresher, entry, sp_session_number(reply));
		rest_until_next(entry);
	} else if (sp_gate_refusal(reply) || strcmp(sp_gate_code(reply), "no-such-session") == 0) {
		drop(entry);
	} else {
		rest(entry, RETRY_GATE_NS);
	}
	json_decref(fresh);
}

/* As sets. */
static bool are_same_groups(const json_t *a, const json_t *b)
{
	json_t *sets[2] = { json_object(), json_object() };
	const json_t *lists[2] = { a, b };
	const json_t *group;
	bool is_same;
	size_t i;

	for (int side = 0; side < 2; side++)
		json_array_foreach(lists[side], i, group)
			json_object_set_new(sets[side], json_string_value(group), json_true());
	is_same = json_equal(sets[0], sets[1]);
	json_decref(sets[0]);
	json_decref(sets[1]);
	return is_same;
}

/* Tell the gateway what has changed, if anything has. @groups: taken over. */
static void settle(struct entry *entry, json_t *groups)
{
	json_t *request = NULL;

	end_flow(entry);
	if (!groups) {
		rest(entry, RETRY_GATE_NS);
		return;
	}
	if (!entry->is_unsaved && are_same_groups(groups, entry->groups)) {
		json_decref(groups);
		rest_until_next(entry);
		return;
	}
	request = json_pack("{s:s, s:I, s:s, s:s}", "op", "session.update", "session",
			    (json_int_t)entry->number, "idp", entry->idp, "subject", entry->subject);
	if (request && entry->is_unsaved)
		json_object_set_new(request, "refresh", json_string(entry->sealed));
	if (request && !are_same_groups(groups, entry->groups)) {
		json_object_set(request, "groups", groups);
		entry->fresh = json_incref(groups);
	}
	json_decref(groups);
	tell_gate(entry, request, updated);
}

static void take_rotated(struct entry *entry)
{
	const char *token = sp_oidc_flow_refresh_token(entry->flow);
	const struct sp_addr nowhere = { 0 };
	char *sealed = NULL;
	int r = token ? sp_refresh_seal(entry->portal, token, &nowhere, &sealed) : -ENODATA;

	if (r == 0) {
		free(entry->sealed);
		entry->sealed = sealed;
		entry->is_unsaved = true;
	} else if (token) {
		sp_log_error("session %lld: the refresh token of provider %s cannot be kept: %s",
			     (long long)entry->number, entry->idp, r == -E2BIG ? "too long" : "out of memory");
	}
}

static void take_refusal(struct entry *entry)
{
	const struct sp_finding *finding = sp_oidc_flow_finding(entry->flow);

	sp_log_note("session %lld of %s: provider %s: %s: %s", (long long)entry->number, entry->user,
		    entry->idp, sp_refusal_word(finding->reason), finding->detail);
	if (finding->reason == SP_REFUSAL_GRANT_REVOKED || finding->reason == SP_REFUSAL_OTHER_SUBJECT)
		close_session(entry);
	else
		rest_after_failure(entry); /* the session has its own deadline */
}

static void advance(struct entry *entry);

static void fetched(struct sp_job *job, const struct sp_http_reply *reply)
{
	struct entry *entry = (void *)((char *)job - offsetof(struct entry, job));

	sp_oidc_flow_take(entry->flow, &entry->portal->now, reply);
	advance(entry);
}

/* As far as it goes. The entry may be gone afterwards. */
static void advance(struct entry *entry)
{
	struct sp_provider *provider = sp_provider_ref(entry->provider);
	struct sp_http_request request = { 0 };

	entry->flow_due_ns = UINT64_MAX;
	switch (sp_oidc_flow_next(entry->flow, &entry->portal->now, &request, &entry->flow_due_ns)) {
	case SP_OIDC_FETCH:
		entry->flow_due_ns = UINT64_MAX;
		entry->job.done = fetched;
		sp_job_begin(&entry->job, &request, &provider->trust);
		break;
	case SP_OIDC_WAIT:
		sp_heap_set(&entry->portal->refresher->heap, &entry->due, entry->flow_due_ns);
		break;
	case SP_OIDC_DONE:
		take_rotated(entry);
		settle(entry, sp_groups_of_claims(sp_oidc_flow_claims(entry->flow)));
		break;
	case SP_OIDC_REFUSED: take_refusal(entry); break;
	}
	sp_provider_advance(provider);
	sp_provider_unref(provider);
}

static void ask_provider(struct entry *entry, struct sp_provider *provider)
{
	const char *token;
	json_t *kept = NULL;
	int r = sp_unseal(entry->portal->seal_key, PURPOSE, entry->sealed, &kept);

	token = json_string_value(json_object_get(kept, "t"));
	if (r == 0 && token)
		r = sp_oidc_flow_refresh(provider->oidc, token, entry->subject, &entry->flow);
	json_decref(kept);
	if (r == -EBADMSG || (r == 0 && !entry->flow)) {
		drop(entry); /* sealed by another key, or nothing to ask with */
		return;
	}
	if (r < 0) {
		rest_after_failure(entry);
		return;
	}
	entry->provider = sp_provider_ref(provider);
	advance(entry);
}

static void look_up_user(struct entry *entry, const struct sp_provider *provider)
{
	const struct sp_local_user *user = sp_idp_user(provider->idp, entry->subject);

	if (user && user->password)
		settle(entry, sp_groups_of_user(user));
	else
		close_session(entry);
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

/* The gateway's word on the session comes first: it may have ended long ago. */
static void listed(struct sp_ask *ask, const json_t *reply)
{
	struct entry *entry = entry_of(ask);
	struct sp_provider *provider = sp_provider_find(entry->portal, entry->idp);
	const json_t *session = find_session(reply, entry->number);

	if (!sp_gate_is_ok(reply)) {
		rest(entry, RETRY_GATE_NS);
	} else if (!session || !sp_session_is_live(session)) {
		drop(entry);
	} else {
		set_groups(entry, json_object_get(session, "groups"));
		if (!provider)
			rest_until_next(entry);
		else if (provider->oidc)
			ask_provider(entry, provider);
		else
			look_up_user(entry, provider);
	}
}

static void begin(struct entry *entry)
{
	struct sp_refresher *refresher = entry->portal->refresher;

	entry->is_busy = true;
	refresher->busy_count++;
	sp_heap_set(&refresher->heap, &entry->due, UINT64_MAX);
	tell_gate(entry, json_pack("{s:s, s:I}", "op", "session.list", "session", (json_int_t)entry->number),
		  listed);
}

/* ---- all of them ---- */

/* Whoever has a live session is known where they signed in, as before a restart. */
static void welcome(struct sp_portal *portal, const json_t *session, const char *sealed)
{
	json_t *kept = NULL;
	struct sp_addr from;
	const char *place;

	if (sp_unseal(portal->seal_key, PURPOSE, sealed, &kept) < 0)
		return;
	place = json_string_value(json_object_get(kept, "f"));
	if (place && sp_addr_parse(place, &from) == 0)
		sp_throttle_welcome(portal->throttle, text_of(session, "idp"), text_of(session, "user"), &from,
				    portal->now.boot_ns);
	json_decref(kept);
}

static void load_one(struct sp_portal *portal, const json_t *session)
{
	struct entry *entry = find(portal->refresher, sp_session_number(session));
	const char *sealed = json_string_value(json_object_get(session, "refresh"));
	const struct sp_provider *provider;

	if (!sealed || !sp_session_is_live(session))
		return;
	welcome(portal, session, sealed);
	if (!entry) {
		entry = entry_new(portal, session);
		if (!entry)
			return;
	}
	if (!entry->is_unsaved && set_sealed(entry, sealed) < 0) {
		drop(entry);
		return;
	}
	if (entry->is_busy)
		return;
	set_groups(entry, json_object_get(session, "groups"));
	provider = sp_provider_find(portal, entry->idp);
	if (entry->is_unsaved || (provider && !provider->oidc))
		rest(entry, 0);
	else if (!entry->due.place)
		rest_until_next(entry);
}

static void loaded(struct sp_ask *ask, const json_t *reply)
{
	struct sp_refresher *refresher = (void *)((char *)ask - offsetof(struct sp_refresher, load));
	const json_t *session;
	size_t i;

	json_array_foreach(json_object_get(reply, "sessions"), i, session)
		load_one(refresher->portal, session);
}

void sp_refresher_load(struct sp_portal *portal)
{
	struct sp_refresher *refresher = portal->refresher;

	if (refresher->load.is_under_way)
		return;
	refresher->load = (struct sp_ask){
		.request = json_pack("{s:s}", "op", "session.list"), .done = loaded, .can_wait = true
	};
	if (refresher->load.request)
		portal->outside->ask(portal->outside_arg, &refresher->load);
}

static void for_each(struct sp_portal *portal, void (*visit)(struct entry *entry, const void *arg), const void *arg)
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

static void look_at_file(struct entry *entry, const void *arg)
{
	const struct sp_provider *provider = arg;

	if (provider->oidc || strcmp(entry->idp, provider->name) != 0)
		return;
	if (entry->is_busy)
		entry->is_stale = true;
	else
		rest(entry, 0);
}

void sp_refresher_reload(struct sp_portal *portal, const struct sp_provider *provider)
{
	for_each(portal, look_at_file, provider);
}

static void go_on(struct entry *entry, const void *arg)
{
	if (entry->provider == arg && entry->flow_due_ns == UINT64_MAX && entry->job.state == SP_JOB_IDLE &&
	    !entry->ask.is_under_way)
		advance(entry);
}

void sp_refresher_wake(struct sp_portal *portal, const struct sp_provider *provider)
{
	for_each(portal, go_on, provider);
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
			advance(entry);
		else if (refresher->busy_count < SP_REFRESHES_MAX && portal->is_gate_there)
			begin(entry);
		else
			rest(entry, NS(1));
	}
}
