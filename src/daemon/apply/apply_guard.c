/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeping an administrator from locking themselves out by an apply. */
#include "daemon/apply/apply_steps.h"

#include <string.h>

#include "io/loop/clock.h"

static bool protects_self(const struct sp_policy *policy)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *rule = &policy->rules[i];

		for (size_t j = 0; j < rule->to_count; j++)
			if (rule->kind == SP_RULE_PROTECT && rule->to[j].kind == SP_TO_SELF)
				return true;
	}
	return false;
}

/* Ask the new policy about a new connection like the one that the command came by. */
static int judge_connection(struct sp_apply *apply, struct sp_judgement *ret_judgement)
{
	const struct sp_connection *connection = &apply->request.connection;
	const struct sp_gateway *gateway = &apply->applies->host->gateway;
	const struct sp_tuple tuple = {
		.source = connection->source,
		.destination = connection->destination,
		.source_port = connection->source_port,
		.destination_port = connection->destination_port,
		.proto = 6,
	};
	__sp_cleanup(sp_judge_freep) struct sp_judge *judge = NULL;
	const struct sp_live *live = sp_live_of_address(apply->applies->people, &tuple.source);
	const struct sp_facts facts = sp_clock_facts();
	struct sp_plane_error error = { 0 };
	int r = sp_judge_new(apply->policy, gateway, &facts, &(struct sp_judge_planes){ 0 }, &judge,
			     &error);

	if (r == 0 && live && live->state == SP_LIVE_OPEN) {
		__sp_free uint32_t *roles = NULL;
		struct sp_identity identity;
		uint32_t number;

		r = sp_live_identity(live, apply->policy, facts.now_s, &identity, &roles);
		if (r == 0)
			r = sp_judge_open_session(judge, &identity, &number);
	}
	if (r < 0)
		return r;
	return sp_judge_tuple(judge, sp_judge_first_hook(gateway, &tuple.source), &tuple, false,
			      sp_clock_boottime_ns(), ret_judgement);
}

int sp_apply_guard(struct sp_apply *apply)
{
	struct sp_applies *applies = apply->applies;
	const struct sp_connection *connection = &apply->request.connection;
	struct sp_judgement judgement;
	const char *rule;
	int r;

	if (!applies->revisions->running && !sp_plane_running_revision(applies->plane) &&
	    !protects_self(apply->policy))
		return sp_apply_fail(
			apply, -EPERM, "needs-force", 1,
			"this would be the first policy, and it has no `protect` entry to `self`: "
			"nothing would keep a way in for you; add one, or say --force");
	if (!apply->request.has_connection ||
	    !sp_gateway_has(&applies->host->gateway, &connection->destination) ||
	    sp_gateway_has(&applies->host->gateway, &connection->source))
		return 0; /* the command came by a way that is not governed */
	r = judge_connection(apply, &judgement);
	if (r < 0)
		return sp_apply_fail(apply, r, "failed", 1, "judging your connection: %s",
				     sp_judge_fault(r));
	if (judgement.answer.verdict == SP_ALLOW)
		return 0;
	rule = sp_policy_rule_name(apply->policy, judgement.answer.rule);
	return sp_apply_fail(
		apply, -EPERM, "needs-force", 1,
		"it would cut the connection you came by (port %u; %s, rule %s); add a `protect` "
		"entry for it, or apply it with --confirm 60s (the former policy returns unless "
		"you confirm this one), or say --force",
		connection->destination_port, sp_reason_name(judgement.answer.reason),
		rule ? rule : "none");
}
