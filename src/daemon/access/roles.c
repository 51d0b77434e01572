/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a new policy does to the sessions there are: their roles are matched anew, their lengths
 * follow, and a session without a role ends. */
#include "base/err.h"
#include "daemon/access/change.h"
#include "daemon/people/people.h"
#include "daemon/revisions/revision.h"
#include "io/log/log.h"

/* The caller, sp_people_follow_policy, writes all sessions' roles in one transaction. */
static void follow(struct sp_people *people, struct sp_live *live, json_t *lost)
{
	const struct sp_policy *policy = people->revisions->running->policy;
	__sp_free uint32_t *roles = NULL;
	struct sp_change change = {
		.live = live, .row = &live->row, .is_recorded = true, .why = "policy"
	};
	struct sp_session_span span;
	struct sp_identity identity;
	bool is_shorter;
	int r = sp_live_identity(live, policy, &identity, &roles);

	if (r == 0)
		r = sp_live_set_roles(live, policy, roles, identity.role_count);
	if (r < 0) {
		sp_log_error("roles of session %llu: %s", (unsigned long long)live->row.id,
			     sp_err_text(r));
		return;
	}
	span = sp_policy_session_span(policy, roles, identity.role_count);
	is_shorter = identity.role_count && sp_live_shorten(live, &span);
	change.kind = is_shorter ? SP_CHANGE_SHORTEN : SP_CHANGE_KEEP;
	if (!identity.role_count)
		(void)sp_session_end(people, live, "no-role", NULL);
	if (sp_people_change(people, &change) < 0)
		sp_log_error("keeping the roles of session %llu: %s",
			     (unsigned long long)live->row.id, sp_store_error(people->store));
	if (identity.role_count)
		return;
	if (lost)
		json_array_append_new(lost,
				      json_pack("{s:I, s:s}", "session", (json_int_t)live->row.id,
						"user", live->row.user));
}

void sp_people_follow_policy(struct sp_people *people, json_t *lost)
{
	struct sp_live *live = sp_live_next(people, NULL), *next;
	int r = sp_store_begin(people->store); /* one commit for all */

	for (; live; live = next) {
		next = sp_live_next(people, live);
		if (live->state == SP_LIVE_OPEN)
			follow(people, live, lost);
	}
	if (r == 0 && sp_store_commit(people->store) < 0)
		sp_log_error("keeping the sessions' roles: %s", sp_store_error(people->store));
}
