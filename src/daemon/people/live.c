/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session in memory: its database row, and the lists in it. */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "daemon/people/people.h"
#include "io/loop/clock.h"
#include "json/own.h"

static void free_texts(char ***texts, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		free((*texts)[i]);
	free(*texts);
	*texts = NULL;
	*count = 0;
}

void sp_live_free(struct sp_live *live)
{
	if (!live)
		return;
	free_texts(&live->groups, &live->group_count);
	free_texts(&live->roles, &live->role_count);
	free(live->matched.roles);
	sp_session_row_done(&live->row);
	free(live);
}

SP_DEFINE_CLEANUP(struct sp_live *, sp_live_free);

/* A list of texts as JSON, as the row keeps it. */
static int read_list(const char *text, char ***ret_texts, size_t *ret_count)
{
	__sp_json json_t *list = json_loads(text, 0, NULL);
	json_t *item;
	size_t i;
	int r = json_is_array(list) ? 0 : -EUCLEAN;

	json_array_foreach(list, i, item) {
		char **copy = json_is_string(item) ? SP_ARRAY_PUSH(*ret_texts, *ret_count) : NULL;

		if (!copy || !(*copy = strdup(json_string_value(item)))) {
			r = -ENOMEM;
			break;
		}
	}
	return r;
}

static char *write_list(const char *const *texts, size_t count)
{
	__sp_json json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(texts[i]));
	return json_dumps(list, JSON_COMPACT);
}

struct sp_live *sp_live_new(struct sp_session_row *row)
{
	__sp_cleanup(sp_live_freep) struct sp_live *live = calloc(1, sizeof(*live));

	if (!live || read_list(row->groups, &live->groups, &live->group_count) < 0 ||
	    read_list(row->roles, &live->roles, &live->role_count) < 0)
		return NULL;
	live->row = *row;
	*row = (struct sp_session_row){ 0 };
	return SP_TAKE_PTR(live);
}

static int copy_texts(const char *const *texts, size_t count, char ***ret_texts, size_t *ret_count)
{
	for (size_t i = 0; i < count; i++) {
		char **copy = SP_ARRAY_PUSH(*ret_texts, *ret_count);

		if (!copy || !(*copy = strdup(texts[i])))
			return -ENOMEM;
	}
	return 0;
}

struct sp_live *sp_live_make(struct sp_session_row *row, const char *const *groups,
			     size_t group_count)
{
	__sp_cleanup(sp_live_freep) struct sp_live *live = calloc(1, sizeof(*live));

	if (!live || copy_texts(groups, group_count, &live->groups, &live->group_count) < 0)
		return NULL;
	row->groups = write_list(groups, group_count);
	row->roles = strdup("[]");
	if (!row->groups || !row->roles)
		return NULL;
	live->row = *row;
	*row = (struct sp_session_row){ 0 };
	return SP_TAKE_PTR(live);
}

struct sp_live *sp_live_copy(const struct sp_live *live, const char *const *groups,
			     size_t group_count)
{
	__sp_cleanup(sp_session_row_done) struct sp_session_row row = live->row;

	row.idp = row.idp ? strdup(row.idp) : NULL;
	row.subject = row.subject ? strdup(row.subject) : NULL;
	row.user = strdup(row.user);
	row.device = strdup(row.device);
	row.refresh = row.refresh ? strdup(row.refresh) : NULL;
	row.ending = row.ending ? strdup(row.ending) : NULL;
	row.groups = row.roles = row.why = NULL;
	if ((live->row.idp && !row.idp) || (live->row.subject && !row.subject) || !row.user ||
	    !row.device || (live->row.refresh && !row.refresh) || (live->row.ending && !row.ending))
		return NULL;
	return sp_live_make(&row, groups, group_count);
}

bool sp_live_shorten(struct sp_live *live, const struct sp_session_span *span)
{
	struct sp_session_row *row = &live->row;
	const int64_t limit_ns = row->since_ns + span->max_s * SP_NS_PER_S;
	const int64_t expires_ns = row->expires_ns, idle_s = row->idle_s;

	/* a machine's has no other end, and nobody signs in again */
	row->expires_ns = sp_session_end_ns(span, row->idp ? row->expires_ns : 0);
	if (!row->idp)
		return row->expires_ns != expires_ns;
	if (row->ending)
		row->full_ns = sp_session_end_ns(span, row->full_ns);
	if (!row->has_own_max && row->expires_ns > limit_ns)
		row->expires_ns = limit_ns;
	if (row->ending && !row->has_own_max && row->full_ns > limit_ns)
		row->full_ns = limit_ns;
	if (!row->has_own_idle && span->idle_s && (!row->idle_s || row->idle_s > span->idle_s))
		row->idle_s = span->idle_s;
	row->warn_s =
		sp_session_warn_s(span->warn_s, (row->expires_ns - row->since_ns) / SP_NS_PER_S);
	return row->expires_ns != expires_ns || row->idle_s != idle_s;
}

/* Keep the result of matching, so that nothing is matched again by the same policy. */
static int keep_matched(struct sp_live *live, const struct sp_policy *policy, const uint32_t *roles,
			size_t count)
{
	uint32_t *copy = calloc(count + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		copy[i] = roles[i];
	free(live->matched.roles);
	live->matched.roles = copy;
	live->matched.count = count;
	memcpy(live->matched.generation, policy->generation, sizeof(live->matched.generation));
	return 0;
}

int sp_live_set_roles(struct sp_live *live, const struct sp_policy *policy, const uint32_t *roles,
		      size_t count)
{
	char **names = NULL, *text = NULL;
	size_t name_count = 0;
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = copy_texts((const char *const[]){ policy->roles[roles[i]].name }, 1, &names,
			       &name_count);
	if (r == 0 && !(text = write_list((const char *const *)names, name_count)))
		r = -ENOMEM;
	if (r == 0)
		r = keep_matched(live, policy, roles, count);
	if (r < 0) {
		free_texts(&names, &name_count);
		free(text);
		return r;
	}
	free_texts(&live->roles, &live->role_count);
	live->roles = names;
	live->role_count = name_count;
	free(live->row.roles);
	live->row.roles = text;
	return 0;
}

/* Were the session's roles matched by @policy? After a restart none were, and right after a policy
 * came into force they are of the policy before. */
static bool live_follows(const struct sp_live *live, const struct sp_policy *policy)
{
	return live->matched.roles &&
	       !memcmp(live->matched.generation, policy->generation, sizeof(policy->generation));
}

struct sp_person sp_live_person(const struct sp_live *live)
{
	return (struct sp_person){ .user = live->row.user,
				   .idp = live->row.idp,
				   .groups = (const char *const *)live->groups,
				   .group_count = live->group_count,
				   .peer_key = live->row.public_key };
}

static int match_roles(const struct sp_live *live, const struct sp_policy *policy, int64_t now_s,
		       uint32_t **ret_roles, size_t *ret_count)
{
	const struct sp_person person = sp_live_person(live);
	uint32_t *roles;
	size_t count = 0;

	if (!live_follows(live, policy))
		return sp_policy_match_roles(policy, &person, now_s, ret_roles, ret_count);
	roles = calloc(live->matched.count + 1, sizeof(*roles));
	if (!roles)
		return -ENOMEM;
	for (size_t i = 0; i < live->matched.count; i++)
		if (!sp_role_is_expired(&policy->roles[live->matched.roles[i]], now_s))
			roles[count++] = live->matched.roles[i];
	*ret_roles = roles;
	*ret_count = count;
	return 0;
}

int sp_live_identity(const struct sp_live *live, const struct sp_policy *policy, int64_t now_s,
		     struct sp_identity *ret_identity, uint32_t **ret_roles)
{
	struct sp_identity identity = { .user = live->row.idp ? live->row.user : NULL,
					.idp = live->row.idp };
	uint32_t *roles = NULL;
	int r = match_roles(live, policy, now_s, &roles, &identity.role_count);

	if (r < 0)
		return r;
	identity.roles = roles;
	memcpy(identity.addresses, live->row.addresses, sizeof(identity.addresses));
	memcpy(identity.has_address, live->row.has_address, sizeof(identity.has_address));
	*ret_identity = identity;
	*ret_roles = roles;
	return 0;
}
