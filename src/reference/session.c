/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions of the reference evaluator: who has a tunnel address, and whether that session is
 * live. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "reference/state.h"

/* Forget and free what the session knows of its person. */
static void clear_identity(struct sp_ref_session *session)
{
	for (size_t i = 0; i < session->role_name_count; i++)
		free(session->role_names[i]);
	free(session->role_names);
	free(session->roles);
	free(session->user);
	free(session->idp);
	session->role_names = NULL;
	session->role_name_count = session->role_count = 0;
	session->roles = NULL;
	session->user = session->idp = NULL;
}

static void release_session(void *arg, void *item)
{
	(void)arg;
	clear_identity(item);
	free(item);
}

static int copy_identity(struct sp_ref_session *session, const struct sp_policy *policy,
			 const struct sp_identity *identity)
{
	if (identity->user && identity->idp) {
		session->user = strdup(identity->user);
		session->idp = strdup(identity->idp);
		if (!session->user || !session->idp)
			return -ENOMEM;
	}
	session->roles = calloc(identity->role_count + 1, sizeof(*session->roles));
	session->role_names = calloc(identity->role_count + 1, sizeof(*session->role_names));
	if (!session->roles || !session->role_names)
		return -ENOMEM;
	for (size_t i = 0; i < identity->role_count; i++) {
		char *name = strdup(policy->roles[identity->roles[i]].name);

		if (!name)
			return -ENOMEM;
		session->role_names[session->role_name_count++] = name;
		session->roles[session->role_count++] = identity->roles[i];
	}
	return 0;
}

static int bind_address(struct sp_reference *reference, const struct sp_addr *addr, uint32_t number,
			uint64_t epoch)
{
	struct sp_ref_ident *ident = sp_ref_table_find(&reference->idents, addr);
	int r;

	if (!ident) {
		ident = calloc(1, sizeof(*ident));
		if (!ident)
			return -ENOMEM;
		ident->addr = *addr;
		r = sp_ref_table_add(&reference->idents, &ident->node, &ident->addr);
		if (r < 0) {
			free(ident);
			return r;
		}
	}
	ident->session = number;
	ident->epoch = epoch;
	return 0;
}

static int add_session(struct sp_reference *reference, uint32_t number,
		       struct sp_ref_session **ret_session)
{
	struct sp_ref_session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return -ENOMEM;
	session->number = number;
	r = sp_ref_table_add(&reference->sessions, &session->node, &session->number);
	if (r < 0) {
		free(session);
		return r;
	}
	*ret_session = session;
	return 0;
}

int sp_reference_open_session(struct sp_reference *reference, uint32_t number, uint64_t epoch,
			      const struct sp_identity *identity, uint64_t expires_ns,
			      uint64_t idle_ns)
{
	struct sp_ref_session *session = sp_ref_table_find(&reference->sessions, &number);
	int r;

	if (!session) {
		r = add_session(reference, number, &session);
		if (r < 0)
			return r;
	}
	if (session->epoch != epoch) {
		session->flow_count = session->parked_flow_count = 0;
		session->last_seen_ns = 0;
	}
	session->epoch = 0; /* if something below fails, the session stays ended */
	clear_identity(session);
	r = copy_identity(session, reference->policy, identity);
	if (r < 0)
		return r;
	for (size_t i = 0; i < 2; i++) {
		if (!identity->has_address[i])
			continue;
		r = bind_address(reference, &identity->addresses[i], number, epoch);
		if (r < 0)
			return r;
	}
	session->expires_ns = expires_ns;
	session->idle_ns = idle_ns;
	session->epoch = epoch;
	return 0;
}

void sp_reference_extend_session(struct sp_reference *reference, uint32_t number,
				 uint64_t expires_ns)
{
	struct sp_ref_session *session = sp_ref_table_find(&reference->sessions, &number);

	if (session)
		session->expires_ns = expires_ns;
}

void sp_reference_end_session(struct sp_reference *reference, uint32_t number)
{
	struct sp_ref_session *session = sp_ref_table_find(&reference->sessions, &number);

	if (session)
		session->epoch = 0;
}

static bool ident_is_of(void *arg, void *item)
{
	const struct sp_ref_ident *ident = item;

	return ident->session == *(const uint32_t *)arg;
}

static void release_ident(void *arg, void *item)
{
	(void)arg;
	free(item);
}

void sp_reference_remove_session(struct sp_reference *reference, uint32_t number)
{
	struct sp_ref_session *session = sp_ref_table_find(&reference->sessions, &number);

	sp_ref_table_sweep(&reference->idents, ident_is_of, release_ident, &number);
	if (!session)
		return;
	sp_ref_table_remove(&reference->sessions, &session->node);
	release_session(NULL, session);
}

/* Is session @number live: does it have this epoch, and is it neither past its end nor silent for
 * too long? */
static bool is_session_live(const struct sp_reference *reference, uint32_t number, uint64_t epoch,
			    uint64_t now_ns)
{
	const struct sp_ref_session *session = sp_ref_table_find(&reference->sessions, &number);

	if (!session || session->epoch == 0 || session->epoch != epoch)
		return false;
	if (sp_ref_is_past(now_ns, session->expires_ns))
		return false;
	return !session->idle_ns || !session->last_seen_ns ||
	       !sp_ref_is_over(now_ns, session->last_seen_ns, session->idle_ns);
}

enum sp_reason sp_ref_find_session(const struct sp_reference *reference, const struct sp_addr *addr,
				   uint64_t now_ns, struct sp_ref_session **ret_session)
{
	const struct sp_ref_ident *ident = sp_ref_table_find(&reference->idents, addr);

	if (!ident)
		return SP_REASON_NO_IDENTITY;
	if (sp_ref_is_parked(reference, addr, now_ns))
		return SP_REASON_EXPIRED;
	if (!is_session_live(reference, ident->session, ident->epoch, now_ns))
		return SP_REASON_REVOKED;
	*ret_session = sp_ref_table_find(&reference->sessions, &ident->session);
	return SP_REASON_NONE;
}

bool sp_ref_is_parked(const struct sp_reference *reference, const struct sp_addr *addr,
		      uint64_t now_ns)
{
	const struct sp_ref_ident *ident = sp_ref_table_find(&reference->idents, addr);
	const struct sp_ref_session *session;

	if (!ident)
		return false;
	session = sp_ref_table_find(&reference->sessions, &ident->session);
	return session && session->epoch && session->epoch == ident->epoch &&
	       !is_session_live(reference, ident->session, ident->epoch, now_ns);
}

struct sp_ref_end sp_ref_record_end(const struct sp_reference *reference,
				    const struct sp_addr *addr, bool is_pool_end, uint64_t now_ns)
{
	struct sp_ref_end end = { .is_pool_end = is_pool_end };
	const struct sp_ref_ident *ident;

	if (!is_pool_end)
		return end;
	end.was_parked = sp_ref_is_parked(reference, addr, now_ns);
	ident = sp_ref_table_find(&reference->idents, addr);
	end.was_live = ident && is_session_live(reference, ident->session, ident->epoch, now_ns);
	if (end.was_live || end.was_parked) {
		end.session = ident->session;
		end.epoch = ident->epoch;
	}
	return end;
}

bool sp_ref_end_is_unchanged(const struct sp_reference *reference, const struct sp_ref_end *end,
			     uint64_t now_ns)
{
	if (!end->is_pool_end)
		return true;
	return end->was_live && is_session_live(reference, end->session, end->epoch, now_ns);
}

/* Find the indices of the session's roles in another policy, by name. A role that this policy lacks
 * is gone. */
static void remap_roles(struct sp_ref_session *session, const struct sp_policy *policy)
{
	session->role_count = 0;
	for (uint32_t role = 0; role < policy->role_count; role++)
		for (size_t i = 0; i < session->role_name_count; i++)
			if (strcmp(policy->roles[role].name, session->role_names[i]) == 0)
				session->roles[session->role_count++] = role;
}

void sp_ref_sessions_remap_roles(struct sp_reference *reference, const struct sp_policy *policy)
{
	const struct sp_ref_table *sessions = &reference->sessions;

	for (size_t i = 0; i < sessions->bucket_count; i++)
		for (struct sp_ref_node *node = sessions->buckets[i]; node; node = node->next)
			remap_roles((struct sp_ref_session *)node, policy);
}

void sp_ref_sessions_done(struct sp_reference *reference)
{
	sp_ref_table_done(&reference->idents, NULL, NULL);
	sp_ref_table_done(&reference->sessions, release_session, NULL);
}
