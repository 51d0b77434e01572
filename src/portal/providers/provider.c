/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/providers/provider.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "base/str.h"
#include "base/text.h"
#include "identity/oidc/discovery.h"
#include "io/log/log.h"
#include "io/loop/loop.h"

SP_DEFINE_CLEANUP(struct sp_provider *, sp_provider_unref);

struct sp_provider *sp_provider_ref(struct sp_provider *provider)
{
	provider->ref_count++;
	return provider;
}

void sp_provider_unref(struct sp_provider *provider)
{
	if (--provider->ref_count)
		return;
	sp_fetch_job_cancel(&provider->job);
	sp_idp_probe_stop(&provider->probe);
	sp_oidc_free(provider->oidc);
	sp_idp_free(provider->idp);
	free(provider->name);
	free(provider->ca_path);
	free(provider->file_error);
	free(provider);
}

static struct sp_provider **slot_of(const struct sp_portal *portal, const char *name)
{
	for (size_t i = 0; i < portal->provider_count; i++)
		if (strcmp(portal->providers[i]->name, name) == 0)
			return &portal->providers[i];
	return NULL;
}

struct sp_provider *sp_provider_find(const struct sp_portal *portal, const char *name)
{
	struct sp_provider **slot = slot_of(portal, name);

	return slot && (*slot)->idp ? *slot : NULL;
}

struct sp_provider *sp_provider_find_local(const struct sp_portal *portal)
{
	struct sp_provider *found = NULL;

	for (size_t i = 0; i < portal->provider_count; i++) {
		struct sp_provider *provider = portal->providers[i];

		if (!provider->idp || !sp_provider_takes_passwords(provider))
			continue;
		if (found)
			return NULL;
		found = provider;
	}
	return found;
}

/* ---- what depends on the kind ---- */

bool sp_provider_takes_passwords(const struct sp_provider *provider)
{
	switch (provider->kind) {
	case SP_IDP_LOCAL:
		return true;
	case SP_IDP_OIDC:
		return false;
	}
	return false;
}

int sp_provider_begin_device(const struct sp_provider *provider, struct sp_idp_flow **ret_flow)
{
	switch (provider->kind) {
	case SP_IDP_LOCAL:
		return -EOPNOTSUPP;
	case SP_IDP_OIDC:
		return sp_oidc_flow_device(provider->oidc, ret_flow);
	}
	return -EOPNOTSUPP;
}

int sp_provider_begin_refresh(const struct sp_provider *provider, const char *token,
			      const char *subject, struct sp_idp_flow **ret_flow)
{
	switch (provider->kind) {
	case SP_IDP_LOCAL:
		return -EOPNOTSUPP;
	case SP_IDP_OIDC:
		return sp_oidc_flow_refresh(provider->oidc, token, subject, ret_flow);
	}
	return -EOPNOTSUPP;
}

const char *sp_provider_type(const struct sp_provider *provider)
{
	if (!provider->idp)
		return "unknown";
	switch (provider->kind) {
	case SP_IDP_LOCAL:
		return "local";
	case SP_IDP_OIDC:
		return "oidc";
	}
	return "unknown";
}

const char *sp_provider_method(const struct sp_provider *provider)
{
	return sp_provider_takes_passwords(provider) ? "password" : "device";
}

/* Why discovery or keys of the provider keep people from signing in; NULL: they do not. */
static const struct sp_finding *oidc_trouble_of(const struct sp_oidc *oidc)
{
	static const struct sp_finding no_device = {
		.reason = SP_REFUSAL_BAD_ANSWER,
		.detail = "discovery names no device_authorization_endpoint: nobody can sign in "
			  "there until the device grant is switched on",
	};
	const struct sp_discovery *discovery = sp_oidc_get_discovery(oidc);
	const struct sp_finding *trouble = sp_oidc_trouble(oidc);

	return !trouble && discovery && !discovery->device_endpoint ? &no_device : trouble;
}

/* Why nobody can sign in there as far as its documents tell; NULL: they can. */
static const struct sp_finding *trouble_of(const struct sp_provider *provider)
{
	switch (provider->kind) {
	case SP_IDP_LOCAL:
		return NULL;
	case SP_IDP_OIDC:
		return oidc_trouble_of(provider->oidc);
	}
	return NULL;
}

static bool is_ready(const struct sp_provider *provider)
{
	switch (provider->kind) {
	case SP_IDP_LOCAL:
		return true;
	case SP_IDP_OIDC:
		return sp_oidc_is_ready(provider->oidc);
	}
	return false;
}

/* ---- how they are ---- */

const char *sp_provider_state(const struct sp_provider *provider)
{
	const struct sp_finding *trouble = trouble_of(provider);

	if (!provider->idp)
		return "failed";
	if (trouble)
		return trouble->reason == SP_REFUSAL_UNREACHABLE ? "unreachable" : "failed";
	return is_ready(provider) ? "ok" : "starting";
}

/* Why the provider is not "ok", for the administrator. NULL: it is. Borrowed. */
static const char *error_of(const struct sp_provider *provider)
{
	const struct sp_finding *trouble = trouble_of(provider);

	if (provider->file_error)
		return provider->file_error;
	return trouble ? trouble->detail : NULL;
}

#define FAILURES_TOLD 3u /* sign-ins or refreshes in a row */
#define STALE_NS (1800 * SP_SECOND_NS)
#define NO_TOKEN "none-is-the-client-known"

static int begin_probe(struct sp_idp_probe *probe, struct sp_idp_flow **ret_flow)
{
	struct sp_provider *provider =
		(void *)((char *)probe - offsetof(struct sp_provider, probe));

	return probe->is_refresh ? sp_provider_begin_refresh(provider, NO_TOKEN, "", ret_flow)
				 : sp_provider_begin_device(provider, ret_flow);
}

/* A probe, without anybody's sign-in, showed that the provider accepts this client again. */
static void provider_probed(struct sp_idp_probe *probe)
{
	struct sp_provider *provider =
		(void *)((char *)probe - offsetof(struct sp_provider, probe));

	sp_log_note("provider %s takes this gateway as its client again", provider->name);
	*provider->refused = '\0';
	provider->sign_in_failures = 0;
	provider->portal->is_report_due = true;
}

/* Forget failed refreshes once the sessions they were about are over, if no other session is
 * refreshed. */
static void forget_failures(struct sp_provider *provider)
{
	if (!provider->refresh_failures ||
	    provider->portal->now.boot_ns < provider->refresh_until_ns)
		return;
	if (provider->refresh_failures >= FAILURES_TOLD)
		provider->portal->is_report_due = true;
	provider->refresh_failures = 0;
}

static bool is_failing(const struct sp_provider *provider)
{
	return provider->refresh_failures >= FAILURES_TOLD ||
	       provider->sign_in_failures >= FAILURES_TOLD;
}

void sp_provider_heard(struct sp_provider *provider, const struct sp_finding *finding,
		       bool is_refresh)
{
	const bool was_failing = is_failing(provider), was_refused = *provider->refused;

	if (!finding) {
		*provider->refused = '\0';
		sp_idp_probe_stop(&provider->probe);
	} else if (finding->is_client_refused) {
		snprintf(provider->refused, sizeof(provider->refused), "%s", finding->detail);
		sp_idp_probe_want(&provider->probe, is_refresh);
	}
	if (is_refresh) {
		provider->refresh_until_ns = provider->portal->now.boot_ns + STALE_NS +
					     2 * (uint64_t)provider->idp->refresh_s * SP_SECOND_NS;
		provider->refresh_failures = finding ? provider->refresh_failures + 1 : 0;
		snprintf(provider->refresh_trouble, sizeof(provider->refresh_trouble), "%s",
			 finding ? finding->detail : "");
	} else {
		provider->sign_in_failures = finding ? provider->sign_in_failures + 1 : 0;
		snprintf(provider->sign_in_trouble, sizeof(provider->sign_in_trouble), "%s",
			 finding ? finding->detail : "");
	}
	if (was_failing != is_failing(provider) || was_refused != (*provider->refused != '\0'))
		provider->portal->is_report_due = true;
}

/* Add the errors that sign-ins showed, beyond those of discovery and keys. */
static void add_trouble(const struct sp_provider *provider, json_t *report)
{
	char error[256];

	if (*provider->refused) {
		snprintf(error, sizeof(error), "it refuses this gateway: %.150s",
			 provider->refused);
		json_object_set_new(report, "state", json_string("failed"));
		json_object_set_new(report, "code", json_string("client-refused"));
	} else if (provider->refresh_failures >= FAILURES_TOLD) {
		snprintf(error, sizeof(error),
			 "groups were asked for %u times in a row in vain: %.150s",
			 provider->refresh_failures, provider->refresh_trouble);
		json_object_set_new(report, "code", json_string("refresh-failing"));
	} else if (provider->sign_in_failures >= FAILURES_TOLD && !trouble_of(provider)) {
		snprintf(error, sizeof(error), "the last %u sign-ins there failed: %.150s",
			 provider->sign_in_failures, provider->sign_in_trouble);
		json_object_set_new(report, "code", json_string("sign-in-failing"));
	} else {
		return;
	}
	json_object_set_new(report, "error", json_string(error));
}

json_t *sp_providers_report(const struct sp_portal *portal)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < portal->provider_count; i++) {
		const struct sp_provider *provider = portal->providers[i];
		const char *error = error_of(provider);
		char name[256], why[256]; /* sallyportd takes printable texts of up to 255 bytes */
		json_t *report =
			json_pack("{s:s, s:s, s:s, s:s?}", "name",
				  sp_text_show(provider->name, name, sizeof(name)), "type",
				  sp_provider_type(provider), "state",
				  provider->file_error ? "failed" : sp_provider_state(provider),
				  "error", error ? sp_text_show(error, why, sizeof(why)) : NULL);

		if (report && !provider->file_error)
			add_trouble(provider, report);
		json_array_append_new(list, report);
	}
	return list;
}

/* Report to `status` when a provider's state has changed. */
static void provider_look(struct sp_provider *provider)
{
	const char *state = sp_provider_state(provider);

	if (strcmp(provider->shown, state) == 0)
		return;
	snprintf(provider->shown, sizeof(provider->shown), "%s", state);
	provider->portal->is_report_due = true;
}

/* ---- discovery and keys ---- */

static void provider_fetched(struct sp_fetch_job *job, const struct sp_http_reply *reply)
{
	struct sp_provider *provider = (void *)((char *)job - offsetof(struct sp_provider, job));
	struct sp_portal *portal = provider->portal;

	sp_provider_ref(provider); /* a flow that ends here may drop the last reference */
	sp_oidc_take(provider->oidc, &portal->now, reply);
	sp_provider_advance(provider);
	sp_idp_probe_wake(&provider->probe);
	portal->provider_changed(portal, provider, SP_PROVIDER_MOVED);
	sp_provider_unref(provider);
}

static void advance_oidc(struct sp_provider *provider)
{
	struct sp_http_request request = { 0 };

	if (provider->job.state != SP_JOB_IDLE ||
	    sp_oidc_next(provider->oidc, &provider->portal->now, &request, &provider->due_ns) !=
		    SP_IDP_FETCH)
		return;
	provider->due_ns = UINT64_MAX;
	sp_fetch_job_begin(&provider->job, &request, &provider->trust);
}

void sp_provider_advance(struct sp_provider *provider)
{
	provider->due_ns = UINT64_MAX;
	switch (provider->kind) {
	case SP_IDP_LOCAL:
		return;
	case SP_IDP_OIDC:
		advance_oidc(provider);
		break;
	}
	provider_look(provider);
}

static uint64_t earlier(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

static uint64_t next_due_ns(const struct sp_provider *provider)
{
	const uint64_t due_ns = earlier(provider->due_ns, provider->probe.due_ns);

	return provider->refresh_failures ? earlier(due_ns, provider->refresh_until_ns) : due_ns;
}

uint64_t sp_providers_due_ns(const struct sp_portal *portal)
{
	uint64_t due_ns = UINT64_MAX;

	for (size_t i = 0; i < portal->provider_count; i++)
		due_ns = earlier(due_ns, next_due_ns(portal->providers[i]));
	return due_ns;
}

static void run_due(struct sp_provider *provider)
{
	const uint64_t now_ns = provider->portal->now.boot_ns;
	const bool is_probed = provider->probe.due_ns <= now_ns;

	forget_failures(provider);
	if (is_probed)
		sp_idp_probe_run(&provider->probe, &provider->trust);
	if (is_probed || provider->due_ns <= now_ns)
		sp_provider_advance(provider); /* the probe may have made a fetch due */
}

void sp_providers_run(struct sp_portal *portal)
{
	for (size_t i = 0; i < portal->provider_count; i++)
		run_due(portal->providers[i]);
}

/* ---- their files ---- */

static int new_provider(struct sp_portal *portal, const char *name,
			struct sp_provider **ret_provider)
{
	struct sp_provider *provider = calloc(1, sizeof(*provider));

	if (!provider)
		return -ENOMEM;
	provider->portal = portal;
	provider->ref_count = 1;
	provider->due_ns = UINT64_MAX;
	provider->job = (struct sp_fetch_job){ .portal = portal, .done = provider_fetched };
	sp_idp_probe_init(&provider->probe, portal, begin_probe, provider_probed);
	provider->name = strdup(name);
	if (!provider->name) {
		free(provider);
		return -ENOMEM;
	}
	*ret_provider = provider;
	return 0;
}

/* The name that the list of providers is sorted by. */
static int provider_list(struct sp_portal *portal, struct sp_provider *provider)
{
	struct sp_provider **slot = slot_of(portal, provider->name);
	size_t at;

	portal->is_report_due = true;
	if (slot) {
		sp_provider_unref(*slot);
		*slot = provider;
		return 0;
	}
	if (!SP_ARRAY_PUSH(portal->providers, portal->provider_count))
		return -ENOMEM;
	at = portal->provider_count - 1;
	for (; at > 0 && strcmp(portal->providers[at - 1]->name, provider->name) > 0; at--)
		portal->providers[at] = portal->providers[at - 1];
	portal->providers[at] = provider;
	return 0;
}

static int refuse_file(struct sp_portal *portal, const struct sp_provider_file *file,
		       const char *why)
{
	struct sp_provider **slot = slot_of(portal, file->name);
	__sp_cleanup(sp_provider_unrefp) struct sp_provider *provider = NULL;
	char *error = strdup(why);
	int r;

	if (!error)
		return -ENOMEM;
	if (!slot) {
		r = new_provider(portal, file->name, &provider);
		if (r == 0)
			r = provider_list(portal, provider);
		if (r < 0) {
			free(error);
			return r;
		}
		SP_TAKE_PTR(provider);
		slot = slot_of(portal, file->name);
	}
	if (!(*slot)->file_error || strcmp((*slot)->file_error, error) != 0)
		portal->is_report_due = true;
	free((*slot)->file_error);
	(*slot)->file_error = error;
	(*slot)->is_seen = true;
	return -EINVAL;
}

static int refuse_text(struct sp_portal *portal, const struct sp_provider_file *file,
		       const struct sp_diagnostics *diagnostics)
{
	for (size_t i = 0; i < diagnostics->count; i++) {
		__sp_free char *line = NULL;

		if (diagnostics->items[i].severity != SP_ERROR)
			continue;
		line = sp_diagnostic_format(&diagnostics->items[i]);
		return refuse_file(portal, file, line ? line : "out of memory");
	}
	return refuse_file(portal, file, "it is wrong");
}

static int resolve_path(const struct sp_provider_file *file, const char *path, char **ret_path)
{
	return *path == '/' ? sp_str_format(ret_path, "%s", path)
			    : sp_str_format(ret_path, "%s/%s", file->dir, path);
}

static int read_secret(struct sp_portal *portal, const struct sp_provider_file *file,
		       const struct sp_idp *idp, char **ret_secret)
{
	__sp_free char *path = NULL, *why = NULL;
	int r;

	if (!idp->client_secret_file)
		return 0;
	r = resolve_path(file, idp->client_secret_file, &path);
	if (r == 0)
		r = file->read_secret(path, ret_secret);
	if (r == 0 || r == -ENOMEM)
		return r;
	if (sp_str_format(&why, "%s: client-secret-file %s: %s", file->path, path, sp_err_text(r)) <
	    0)
		return -ENOMEM;
	return refuse_file(portal, file, why);
}

static void digest_file(const struct sp_provider_file *file, const char *secret,
			uint8_t ret_digest[32])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, 32);
	crypto_generichash_update(&state, (const uint8_t *)file->text, file->len);
	crypto_generichash_update(&state, (const uint8_t *)"", 1);
	if (secret)
		crypto_generichash_update(&state, (const uint8_t *)secret, strlen(secret));
	crypto_generichash_final(&state, ret_digest, 32);
}

/* Take over @idp if it is used. Returns 0; -ENOMEM. */
static int run_file(struct sp_portal *portal, const struct sp_provider_file *file,
		    struct sp_idp **idp, const char *secret)
{
	struct sp_provider **slot = slot_of(portal, file->name), *listed;
	__sp_cleanup(sp_provider_unrefp) struct sp_provider *provider = NULL;
	uint8_t fresh[32];
	int r;

	digest_file(file, secret, fresh);
	if (slot && (*slot)->idp && memcmp(fresh, (*slot)->digest, sizeof(fresh)) == 0) {
		if ((*slot)->file_error)
			portal->is_report_due = true;
		free(SP_TAKE_PTR((*slot)->file_error));
		(*slot)->is_seen = true;
		return 0;
	}
	r = new_provider(portal, file->name, &provider);
	if (r < 0)
		return r;
	provider->kind = (*idp)->type;
	switch (provider->kind) {
	case SP_IDP_LOCAL:
		break;
	case SP_IDP_OIDC:
		r = sp_oidc_new(*idp, secret, &provider->oidc);
		break;
	}
	if (r == 0 && (*idp)->ca)
		r = resolve_path(file, (*idp)->ca, &provider->ca_path);
	if (r < 0)
		return r;
	provider->trust.ca_file = provider->ca_path;
	provider->idp = SP_TAKE_PTR(*idp);
	memcpy(provider->digest, fresh, sizeof(fresh));
	provider->is_seen = true;
	r = provider_list(portal, provider);
	if (r < 0)
		return r;
	listed = SP_TAKE_PTR(provider);
	sp_provider_advance(listed);
	portal->provider_changed(portal, listed, SP_PROVIDER_RELOADED);
	return 0;
}

int sp_providers_offer(struct sp_portal *portal, const struct sp_provider_file *file)
{
	__sp_cleanup(sp_idp_freep) struct sp_idp *idp = NULL;
	struct sp_diagnostics diagnostics = { 0 };
	char *secret = NULL;
	int r;

	if (file->error)
		return refuse_file(portal, file, file->error);
	r = sp_idp_load(file->path, file->text, file->len, &idp, &diagnostics);
	if (r == -EINVAL)
		r = refuse_text(portal, file, &diagnostics);
	sp_diagnostics_done(&diagnostics);
	if (r == 0)
		r = read_secret(portal, file, idp, &secret);
	if (r == 0)
		r = run_file(portal, file, &idp, secret);
	if (secret)
		sp_wipe(secret, strlen(secret));
	free(secret);
	return r;
}

void sp_providers_begin(struct sp_portal *portal)
{
	for (size_t i = 0; i < portal->provider_count; i++)
		portal->providers[i]->is_seen = false;
}

void sp_providers_end(struct sp_portal *portal)
{
	size_t kept = 0;

	for (size_t i = 0; i < portal->provider_count; i++) {
		if (portal->providers[i]->is_seen) {
			portal->providers[kept++] = portal->providers[i];
			continue;
		}
		portal->is_report_due = true;
		sp_provider_unref(portal->providers[i]);
	}
	portal->provider_count = kept;
}

void sp_providers_free(struct sp_portal *portal)
{
	for (size_t i = 0; i < portal->provider_count; i++)
		sp_provider_unref(portal->providers[i]);
	free(portal->providers);
	portal->providers = NULL;
	portal->provider_count = 0;
}

/* ---- groups ---- */

static json_t *groups_of(char *const *groups, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < count; i++)
		json_array_append_new(list, json_string(groups[i]));
	return list;
}

json_t *sp_groups_of_user(const struct sp_local_user *user)
{
	return groups_of(user->groups, user->group_count);
}

json_t *sp_groups_of_claims(const struct sp_claims *claims)
{
	return groups_of(claims->groups, claims->group_count);
}
