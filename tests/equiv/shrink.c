/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "shrink.h"

#include <string.h>

#include "base/array.h"

struct shrink {
	struct equiv_case *test;
	struct equiv_case smaller; /* the one being tried */
	shrink_fails_fn fails;
	void *arg;
	unsigned tries;
};

/* Keep what is in ->smaller if it still fails; else it starts over from the smallest so far. */
static bool keep(struct shrink *shrink)
{
	bool still = shrink->tries > 0 && shrink->fails(shrink->arg, &shrink->smaller);

	if (shrink->tries > 0)
		shrink->tries--;
	if (still)
		*shrink->test = shrink->smaller;
	else
		shrink->smaller = *shrink->test;
	return still;
}

static void drop_steps(struct equiv_case *test, uint32_t at, uint32_t count)
{
	memmove(&test->steps[at], &test->steps[at + count],
		(test->step_count - at - count) * sizeof(test->steps[0]));
	test->step_count -= count;
}

/* Halves first, then quarters, down to single steps. */
static void fewer_steps(struct shrink *shrink)
{
	for (uint32_t chunk = (shrink->test->step_count + 1) / 2; chunk > 0; chunk /= 2) {
		uint32_t at = 0;

		while (at + chunk <= shrink->test->step_count && shrink->test->step_count > 1) {
			drop_steps(&shrink->smaller, at, chunk);
			if (!keep(shrink))
				at += chunk;
		}
	}
}

static void drop_rule(struct world_policy *policy, const char *name)
{
	for (uint32_t i = 0; i < policy->rule_count; i++) {
		if (strcmp(policy->rules[i].name, name) != 0)
			continue;
		memmove(&policy->rules[i], &policy->rules[i + 1],
			(policy->rule_count - i - 1) * sizeof(policy->rules[0]));
		policy->rule_count--;
		return;
	}
}

/* From both revisions at once, then from the second alone. */
static void fewer_rules(struct shrink *shrink)
{
	for (unsigned revision = 0; revision < 2; revision++) {
		struct world_policy *policies = shrink->test->world.policy;

		for (uint32_t i = 0; i < policies[revision].rule_count;) {
			char name[sizeof(policies[0].rules[0].name)];

			memcpy(name, policies[revision].rules[i].name, sizeof(name));
			if (revision == 0)
				drop_rule(&shrink->smaller.world.policy[0], name);
			drop_rule(&shrink->smaller.world.policy[1], name);
			if (!keep(shrink))
				i++;
		}
	}
}

/* Roles that groups alone give. */
static void fewer_matches(struct shrink *shrink)
{
	for (uint32_t i = 0; i < shrink->test->world.policy[0].role_count; i++) {
		for (unsigned revision = 0; revision < 2; revision++)
			shrink->smaller.world.policy[revision].roles[i].people = NOBODY;
		keep(shrink);
		for (unsigned revision = 0; revision < 2; revision++)
			shrink->smaller.world.policy[revision].roles[i].user = NOBODY;
		keep(shrink);
	}
}

static void fewer_names(struct shrink *shrink)
{
	for (uint32_t i = 0; i < shrink->test->world.policy[0].network_count;) {
		for (unsigned revision = 0; revision < 2; revision++) {
			struct world_policy *policy = &shrink->smaller.world.policy[revision];

			memmove(&policy->networks[i], &policy->networks[i + 1],
				(policy->network_count - i - 1) * sizeof(policy->networks[0]));
			policy->network_count--;
		}
		if (!keep(shrink))
			i++;
	}
	for (uint32_t i = 0; i < shrink->test->world.policy[0].service_count;) {
		for (unsigned revision = 0; revision < 2; revision++) {
			struct world_policy *policy = &shrink->smaller.world.policy[revision];

			memmove(&policy->services[i], &policy->services[i + 1],
				(policy->service_count - i - 1) * sizeof(policy->services[0]));
			policy->service_count--;
		}
		if (!keep(shrink))
			i++;
	}
}

/* @offset of a list of words in a case; @least how many it must keep. */
static void fewer_words(struct shrink *shrink, size_t offset, uint32_t least)
{
	for (uint32_t i = 0;;) {
		struct words *words = (struct words *)((char *)&shrink->smaller + offset);

		if (i >= words->count || words->count <= least)
			return;
		words_drop(words, i);
		if (!keep(shrink))
			i++;
	}
}

static size_t offset_of(const struct shrink *shrink, const void *field)
{
	return (size_t)((const char *)field - (const char *)shrink->test);
}

static void fewer_words_everywhere(struct shrink *shrink)
{
	struct world *world = &shrink->test->world;

	for (unsigned revision = 0; revision < 2; revision++) {
		struct world_policy *policy = &world->policy[revision];

		for (uint32_t i = 0; i < policy->rule_count; i++) {
			fewer_words(shrink, offset_of(shrink, &policy->rules[i].from), 1);
			fewer_words(shrink, offset_of(shrink, &policy->rules[i].to), 1);
			fewer_words(shrink, offset_of(shrink, &policy->rules[i].services), 0);
		}
		for (uint32_t i = 0; i < policy->network_count; i++) {
			fewer_words(shrink, offset_of(shrink, &policy->networks[i].except), 0);
			fewer_words(shrink, offset_of(shrink, &policy->networks[i].in), 1);
			shrink->smaller.world.policy[revision].networks[i].is_listed = false;
			keep(shrink);
		}
		for (uint32_t i = 0; i < policy->service_count; i++)
			fewer_words(shrink, offset_of(shrink, &policy->services[i].items), 1);
	}
	fewer_words(shrink, offset_of(shrink, &world->trust), 0);
	fewer_words(shrink, offset_of(shrink, &world->self), 0);
	fewer_words(shrink, offset_of(shrink, &world->resolvers), 0);
}

static void fewer_limits(struct shrink *shrink)
{
	for (unsigned revision = 0; revision < 2; revision++) {
		for (uint32_t i = 0; i < shrink->test->world.policy[revision].rule_count; i++) {
			shrink->smaller.world.policy[revision].rules[i].is_limited = false;
			keep(shrink);
		}
		shrink->smaller.world.policy[revision].limit[0] = '\0';
		keep(shrink);
	}
}

static void fewer_forwards(struct shrink *shrink)
{
	for (unsigned revision = 0; revision < 2; revision++) {
		shrink->smaller.world.policy[revision].forward_count = 0;
		keep(shrink);
	}
}

static void fewer_times(struct shrink *shrink)
{
	for (unsigned revision = 0; revision < 2; revision++) {
		struct world_policy *policy = &shrink->smaller.world.policy[revision];

		for (uint32_t i = 0; i < shrink->test->world.policy[revision].rule_count; i++) {
			policy->rules[i].when[0] = '\0';
			keep(shrink);
			policy->rules[i].expires_s = 0;
			keep(shrink);
		}
	}
}

static void simpler_gateway(struct shrink *shrink)
{
	struct world *world = &shrink->smaller.world;

	while (shrink->test->world.route_count > 0) {
		world->route_count--;
		if (!keep(shrink))
			break;
	}
	while (shrink->test->world.session_count >
	       1) { /* the last: the others keep their numbers */
		world->session_count--;
		if (!keep(shrink))
			break;
	}
	for (uint32_t i = 0; i < shrink->test->world.session_count; i++) {
		world->sessions[i].expires_ns = world->sessions[i].idle_ns = 0;
		keep(shrink);
	}
	world->flows_max = world->session_flows_max = 0;
	keep(shrink);
	world->portal_port = 0;
	keep(shrink);
	world->policy[0].drop_bogons = world->policy[1].drop_bogons = false;
	keep(shrink);
	world->policy[0].drop = world->policy[1].drop = NOBODY;
	keep(shrink);
	world->policy[0].trust = world->policy[1].trust = NOBODY;
	keep(shrink);
	world->policy[0].self_needs_rules = world->policy[1].self_needs_rules = false;
	keep(shrink);
}

void shrink_case(struct equiv_case *test, shrink_fails_fn fails, void *arg, unsigned tries)
{
	static struct shrink shrink; /* cases are large */
	unsigned before;

	shrink.test = test;
	shrink.smaller = *test;
	shrink.fails = fails;
	shrink.arg = arg;
	shrink.tries = tries;
	do {
		before = shrink.test->step_count + shrink.test->world.policy[0].rule_count;
		fewer_steps(&shrink);
		fewer_rules(&shrink);
		fewer_words_everywhere(&shrink);
		fewer_matches(&shrink);
		fewer_names(&shrink);
		fewer_limits(&shrink);
		fewer_forwards(&shrink);
		fewer_times(&shrink);
		simpler_gateway(&shrink);
	} while (shrink.tries > 0 && test->step_count + test->world.policy[0].rule_count < before);
}
