/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan: what a policy would change of the one that runs, for who is signed in as well. It is worked
 * out beside the loop, on copies. */
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "daemon/ops/ops.h"
#include "daemon/ops/sent.h"
#include "io/loop/clock.h"
#include "judge/describe.h"
#include "judge/plan/plan.h"

struct plan {
	struct sp_work work;
	struct sp_sent_policy sent;
	struct sp_policy *running; /* held */
	struct sp_gateway gateway; /* of what runs */
	struct sp_live **lives;    /* copies of those whose sessions let them through */
	size_t live_count;
	struct sp_plan_person *people; /* borrowed from the copies */
	struct sp_plan plan;
	int made; /* what comparing them returned */
	char against[13];
};

static void plan_free(void *arg)
{
	struct plan *plan = arg;

	if (!plan)
		return;
	sp_plan_done(&plan->plan);
	for (size_t i = 0; i < plan->live_count; i++)
		sp_live_free(plan->lives[i]);
	free(plan->lives);
	free(plan->people);
	sp_gateway_done(&plan->gateway);
	sp_policy_free(plan->running);
	sp_sent_policy_done(&plan->sent);
	free(plan);
}

static void plan_freep(struct plan **plan)
{
	plan_free(*plan);
}

static struct sp_plan_person person_of(const struct sp_live *live)
{
	const struct sp_session_row *row = &live->row;
	struct sp_plan_person person = {
		.user = row->idp ? row->user : NULL,
		.idp = row->idp,
		.groups = (const char *const *)live->groups,
		.group_count = live->group_count,
		.peer_key = row->idp ? NULL : row->public_key,
	};

	memcpy(person.addresses, row->addresses, sizeof(person.addresses));
	memcpy(person.has_address, row->has_address, sizeof(person.has_address));
	return person;
}

/* Who is parked has nothing to lose. */
static int copy_people(struct plan *plan, const struct sp_people *people)
{
	const struct sp_live *live = NULL;

	while ((live = sp_live_next(people, live))) {
		struct sp_live **room;

		if (live->state != SP_LIVE_OPEN)
			continue;
		room = SP_ARRAY_PUSH(plan->lives, plan->live_count);
		if (!room)
			return -ENOMEM;
		*room = sp_live_copy(live, (const char *const *)live->groups, live->group_count);
		if (!*room)
			return -ENOMEM;
	}
	plan->people = calloc(plan->live_count + 1, sizeof(*plan->people));
	for (size_t i = 0; plan->people && i < plan->live_count; i++)
		plan->people[i] = person_of(plan->lives[i]);
	return plan->people ? 0 : -ENOMEM;
}

static int copy_running(struct plan *plan, const struct sp_ops *ops)
{
	const struct sp_revision *running = ops->revisions->running;
	int r = sp_gateway_copy(&running->gateway, &plan->gateway);

	if (r < 0)
		return r;
	plan->running = sp_policy_hold(running->policy);
	memcpy(plan->against, running->generation, sizeof(plan->against));
	return copy_people(plan, ops->people);
}

static void plan_run(void *arg)
{
	struct plan *plan = arg;
	const struct sp_plan_side before = { plan->running, &plan->gateway };
	struct sp_plan_side after = { NULL, &plan->gateway };
	const struct sp_facts facts = sp_clock_facts();
	int r;

	if (sp_sent_policy_read(&plan->sent) < 0)
		return;
	after.policy = plan->sent.policy;
	r = sp_policy_number_rules(plan->sent.policy, NULL, NULL);
	if (r == 0)
		r = sp_plan_make(&before, &after, &facts, plan->people, plan->live_count,
				 &plan->plan);
	plan->made = r;
}

static void plan_answer(void *arg)
{
	const struct plan *plan = arg;
	struct sp_client *client = plan->work.client;
	char generation[13];
	json_t *reply;

	if (plan->sent.read < 0) {
		sp_sent_policy_fail(&plan->sent, client);
		return;
	}
	if (plan->made < 0) {
		sp_client_fail(client, "failed", 1, NULL, "comparing the policies: %s",
			       sp_judge_fault(plan->made));
		return;
	}
	sp_generation_format(plan->sent.policy->generation, generation);
	reply = sp_plan_describe(&plan->plan);
	json_object_set_new(reply, "generation", json_string(generation));
	json_object_set_new(reply, "against", json_string(plan->against));
	json_object_set_new(reply, "diagnostics", sp_describe_diagnostics(&plan->sent.diagnostics));
	sp_client_reply(client, reply);
}

void sp_op_plan(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	__sp_cleanup(plan_freep) struct plan *plan = NULL;

	if (!ops->revisions->running) {
		sp_client_fail(client, "no-policy", 1, NULL, "no policy is in force");
		return;
	}
	plan = calloc(1, sizeof(*plan));
	if (!plan || copy_running(plan, ops) < 0) {
		sp_client_fail(client, "failed", 1, NULL, "out of memory");
		return;
	}
	if (!sp_sent_policy_take(ops, client, request, &plan->sent))
		return;
	plan->work = (struct sp_work){ .client = client,
				       .run = plan_run,
				       .answer = plan_answer,
				       .free = plan_free,
				       .arg = plan };
	sp_works_put(ops->works, &plan->work);
	plan = NULL;
}
