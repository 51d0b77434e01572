/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a policy and as a machine file: no crash, no leak, and diagnostics as promised. */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/machine.h"
#include "policy/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_diagnostics(const struct sp_diagnostics *diagnostics, int r, const uint8_t *data,
			      size_t size)
{
	uint32_t lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	check(r == (diagnostics->error_count ? -EINVAL : 0));
	check(diagnostics->count <= 100 && (diagnostics->count || !diagnostics->error_count));
	for (size_t i = 0; i < diagnostics->count; i++) {
		const struct sp_diagnostic *item = &diagnostics->items[i];

		check(item->place.line >= 1 && item->place.line <= lines);
		check(item->place.column >= 1 && item->place.column <= size + 1);
		check(i == 0 || item[-1].place.line <= item->place.line);
		for (const unsigned char *c = (const unsigned char *)item->message; *c; c++)
			check(*c >= 0x20 && *c != 0x7f);
	}
}

/* Nothing in a policy that was taken is half there. */
static void check_policy(struct sp_policy *policy)
{
	check(sp_policy_number_rules(policy, NULL, NULL) == 0);
	for (size_t i = 0; i < policy->network_count; i++)
		check(policy->networks[i].in_count > 0);
	for (size_t i = 0; i < policy->role_count; i++)
		check(policy->roles[i].match_count > 0);
	for (size_t i = 0; i < policy->people_count; i++)
		check(policy->people[i].count > 0);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *rule = &policy->rules[i];

		check(rule->name && rule->from_count > 0 && rule->to_count > 0);
		for (size_t k = 0; k < rule->from_count; k++)
			check(rule->from[k].kind != SP_FROM_USER || rule->from[k].user);
		for (size_t k = 0; k < rule->service_count; k++)
			check(rule->services[k].from <= rule->services[k].to);
	}
	for (size_t i = 0; i < policy->test_count; i++)
		check(policy->tests[i].is_only ||
		      (policy->tests[i].to_count > 0 && policy->tests[i].service_count > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_machine *machine = NULL;
	struct sp_policy *policy = NULL;
	int r;

	r = sp_policy_load("p", (const char *)data, size, &policy, &diagnostics);
	check_diagnostics(&diagnostics, r, data, size);
	if (r == 0)
		check_policy(policy);
	sp_policy_free(policy);
	sp_diagnostics_done(&diagnostics);

	r = sp_machine_load("m", (const char *)data, size, &machine, &diagnostics);
	check_diagnostics(&diagnostics, r, data, size);
	if (r == 0)
		check(machine->plane && machine->tunnel && machine->gateway.pool_count > 0);
	sp_machine_free(machine);
	sp_diagnostics_done(&diagnostics);
	return 0;
}
