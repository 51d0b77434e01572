/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a new policy does to the sessions there are: their roles are matched anew, their lengths
 * follow, and a session without a role ends. */
#include <string.h>

#include "base/err.h"
#include "daemon/change/change.h"
#include "daemon/access/roles.h"
#include "daemon/revisions/revision.h"
#include "io/log/log.h"
#include "io/loop/clock.h"

static bool same_row(const struct sp_session_row *a, const char *a_roles,
		     const struct sp_session_row *b)
{
	return a->expires_ns == b->expires_ns && a->idle_s == b->idle_s &&
	       a->full_ns == b->full_ns && a->warn_s == b->warn_s && !strcmp(a_roles, b->roles);
}

/* Without a role it ends. Else its roles are kept with the others' in one transaction
 * (sp_people_follow_policy), if they or what follows from them are others than before. */
static void put_roles(struct sp_people *people, struct sp_live *live, const uint32_t *roles,
		      size_t count)
{
	const struct sp_policy *policy = people->revisions->running->policy;
	const struct sp_session_row before = live->row;
	__sp_free char *before_roles = strdup(live->row.roles);
	const struct sp_session_span span = sp_policy_session_span(policy, roles, count);
	struct sp_change change = {
		.live = live, .row = &live->row, .is_recorded = true, .why = "policy"
	};
	bool is_shorter;
	int r = before_roles ? sp_live_set_roles(live, policy, roles, count) : -ENOMEM;

	if (r < 0) {
		sp_log_error("roles of session %llu: %s", (unsigned long long)live->row.id,
			     sp_err_text(r));
		return;
	}
	is_shorter = count && sp_live_shorten(live, &span);
	change.kind = is_shorter ? SP_CHANGE_SHORTEN : SP_CHANGE_KEEP;
	if (!count)
		(void)sp_session_end(people, live, "no-role", NULL);
	else if (!is_shorter && same_row(&before, before_roles, &live->row))
		return;
	if (sp_people_change(people, &change) < 0)
		sp_log_error("keeping the roles of session %llu: %s",
			     (unsigned long long)live->row.id, sp_store_error(people->store));
}

static void follow_one(struct sp_people *people, struct sp_live *live, json_t *lost)
{
	__sp_free uint32_t *roles = NULL;
	struct sp_identity identity;
	int r = sp_live_identity(live, people->revisions->running->policy, sp_clock_realtime_s(),
				 &identity, &roles);

	if (r < 0) {
		sp_log_error("roles of session %llu: %s", (unsigned long long)live->row.id,
			     sp_err_text(r));
		return;
	}
	put_roles(people, live, roles, identity.role_count);
	if (!identity.role_count && lost)
		json_array_append_new(lost,
				      json_pack("{s:I, s:s}", "session", (json_int_t)live->row.id,
						"user", live->row.user));
}

bool sp_people_follow_policy(struct sp_people *people, struct sp_follow *follow, uint64_t until_ns,
			     json_t *lost)
{
	int r = sp_store_begin(people->store); /* one commit for all */
	uint32_t slot = follow->slot + 1;

	for (; slot < people->slot_end && sp_clock_boottime_ns() < until_ns; slot++) {
		struct sp_live *live = people->slots[slot];

		if (live && live->state == SP_LIVE_OPEN)
			follow_one(people, live, lost);
		follow->slot = slot;
	}
	if (r == 0 && sp_store_commit(people->store) < 0)
		sp_log_error("keeping the sessions' roles: %s", sp_store_error(people->store));
	return slot < people->slot_end;
}
