/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy's tests of roles, whose people are made up for them. */
#include "../policy/loading.h"

#include "base/str.h"
#include "judge/judge.h"

#define ROLES 200

static void every_role_of_many_has_a_person_of_its_own(void **state)
{
	__sp_buf struct sp_buf text = SP_BUF_INIT;
	__sp_free struct sp_test_result *results = NULL;
	struct sp_plane_error error = { 0 };
	struct sp_policy *policy;
	const char *plane = NULL;
	size_t count;

	(void)state;
	sp_buf_put(&text, "sallyport: 1\nroles:\n");
	for (int i = 0; i < ROLES; i++)
		sp_buf_printf(&text, "  role%d: { match: { idp: i, group: g%d } }\n", i, i);
	sp_buf_put(&text, "rules:\n");
	for (int i = 0; i < ROLES; i++)
		sp_buf_printf(&text,
			      "  - { name: r%d, allow: { from: role%d, to: 10.0.0.%d, "
			      "services: tcp/80 } }\n",
			      i, i, i);
	sp_buf_put(&text, "tests:\n");
	for (int i = 0; i < ROLES; i++)
		sp_buf_printf(&text,
			      "  - { from: { role: role%d }, to: 10.0.0.%d, service: tcp/80, "
			      "expect: %s }\n",
			      i, i % 2 ? i : (i + 1) % ROLES, i % 2 ? "allow" : "deny");
	policy = load_good(sp_buf_get(&text));
	assert_int_equal(sp_policy_number_rules(policy, NULL, NULL), 0);
	assert_int_equal(sp_judge_run_tests(policy, &policy->fixtures.gateway,
					    &(struct sp_facts){ 0 }, &(struct sp_judge_planes){ 0 },
					    &results, &count, &plane, &error),
			 0);
	assert_int_equal(count, ROLES);
	for (size_t i = 0; i < count; i++)
		assert_true(results[i].passed);
	sp_policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_role_of_many_has_a_person_of_its_own),
	};

	return cmocka_run_group_tests_name("policy_tests", tests, NULL, NULL);
}
