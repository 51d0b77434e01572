/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/model.h"

#include <stdlib.h>

#include "policy/times/timezone.h"

void sp_rule_done(struct sp_rule *rule)
{
	free(rule->name);
	for (size_t i = 0; i < rule->from_count; i++) {
		free((char *)rule->from[i].user);
		free((char *)rule->from[i].idp);
	}
	free(rule->from);
	free(rule->to);
	free(rule->services);
	free(rule->reason);
	free(rule->ticket);
}

void sp_nat_done(struct sp_nat *nat)
{
	free(nat->name);
	free(nat->masquerade.out);
	free(nat->masquerade.from);
	free(nat->masquerade.to);
	free(nat->forward.interface);
}

static void role_done(struct sp_role *role)
{
	free(role->name);
	for (size_t i = 0; i < role->match_count; i++) {
		free(role->matches[i].idp);
		free(role->matches[i].group);
		free(role->matches[i].user);
	}
	free(role->matches);
}

static void people_done(struct sp_people_list *list)
{
	free(list->name);
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].user);
		free(list->items[i].idp);
	}
	free(list->items);
}

static void network_done(struct sp_network *network)
{
	free(network->name);
	free(network->in);
	free(network->except);
	free(network->parts);
	free(network->except_parts);
	free(network->file);
	for (size_t i = 0; i < network->host_count; i++)
		free(network->hosts[i]);
	free(network->hosts);
}

static void session_done(struct sp_fixture_session *session)
{
	free(session->user);
	free(session->idp);
	for (size_t i = 0; i < session->group_count; i++)
		free(session->groups[i]);
	free(session->groups);
}

static void fixtures_done(struct sp_fixtures *fixtures)
{
	sp_gateway_done(&fixtures->gateway);
	for (size_t i = 0; i < fixtures->held_count; i++)
		free(fixtures->held[i].in);
	free(fixtures->held);
	for (size_t i = 0; i < fixtures->session_count; i++)
		session_done(&fixtures->sessions[i]);
	free(fixtures->sessions);
}

static void test_done(struct sp_test *test)
{
	free(test->to_text);
	free(test->interface);
	free(test->to);
	free(test->services);
	free(test->rule);
	for (size_t i = 0; i < test->only_count; i++)
		sp_rule_done(&test->only[i]);
	free(test->only);
}

struct sp_policy *sp_policy_hold(struct sp_policy *policy)
{
	policy->holder_count++;
	return policy;
}

/* Only what it holds besides its text's. */
static void filled_free(struct sp_policy *policy)
{
	for (size_t i = 0; i < policy->network_count; i++) {
		if (sp_network_is_fixed(&policy->text->networks[i]))
			continue;
		free(policy->networks[i].in);
		free(policy->networks[i].except);
	}
	free(policy->networks);
	sp_policy_free(policy->text);
	free(policy);
}

void sp_policy_free(struct sp_policy *policy)
{
	if (!policy || policy->holder_count-- > 0)
		return;
	if (policy->text) {
		filled_free(policy);
		return;
	}
	for (size_t i = 0; i < policy->file_count; i++) {
		free(policy->files[i].path);
		free(policy->files[i].text);
		free(policy->files[i].fault);
	}
	free(policy->files);
	free(policy->paths);
	for (size_t i = 0; i < policy->people_count; i++)
		people_done(&policy->people[i]);
	free(policy->people);
	for (size_t i = 0; i < policy->role_count; i++)
		role_done(&policy->roles[i]);
	free(policy->roles);
	for (size_t i = 0; i < policy->network_count; i++)
		network_done(&policy->networks[i]);
	free(policy->networks);
	free(policy->drops);
	free(policy->trusts);
	for (size_t i = 0; i < policy->service_count; i++) {
		free(policy->services[i].name);
		free(policy->services[i].items);
	}
	free(policy->services);
	for (size_t i = 0; i < policy->limit_count; i++)
		free(policy->limits[i].name);
	free(policy->limits);
	for (size_t i = 0; i < policy->schedule_count; i++)
		free(policy->schedules[i].name);
	free(policy->schedules);
	for (size_t i = 0; i < policy->zone_count; i++)
		sp_timezone_free(policy->zones[i]);
	free(policy->zones);
	for (size_t i = 0; i < policy->rule_count; i++)
		sp_rule_done(&policy->rules[i]);
	free(policy->rules);
	for (size_t i = 0; i < policy->nat_count; i++)
		sp_nat_done(&policy->nats[i]);
	free(policy->nats);
	fixtures_done(&policy->fixtures);
	for (size_t i = 0; i < policy->test_count; i++)
		test_done(&policy->tests[i]);
	free(policy->tests);
	free(policy);
}
