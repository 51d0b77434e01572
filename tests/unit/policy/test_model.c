/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/cleanup.h"
#include "hand.h"
#include "policy/answer.h"

#define __hand __sp_cleanup(hand_done)

static void roles_come_from_groups_of_their_own_provider(void **state)
{
	__hand struct hand hand = { 0 };
	const char *const groups[] = { "dba", "eng", "other" };
	const struct sp_person ana = { "ana", "corp", groups, 3, NULL };
	const struct sp_person stranger = { "ana", "nobody", groups, 3, NULL };
	uint32_t *roles = NULL;
	size_t count = 0;

	(void)state;
	hand_role(&hand, "engineer", "corp", "eng");
	hand_role(&hand, "vendor", "partner", "eng");
	hand_role(&hand, "dba", "corp", "dba");
	hand_role(&hand, "ops", "corp", "ops");
	assert_int_equal(sp_policy_match_roles(&hand.policy, &ana, 0, &roles, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(roles[0], 0);
	assert_int_equal(roles[1], 2);
	free(roles);
	assert_int_equal(sp_policy_match_roles(&hand.policy, &stranger, 0, &roles, &count), 0);
	assert_int_equal(count, 0);
	free(roles);
}

static void a_machine_has_the_roles_of_its_key(void **state)
{
	__hand struct hand hand = { 0 };
	uint8_t key[32] = { 1, 2, 3 };
	const struct sp_person bot = { .peer_key = key }, keyless = { 0 };
	const struct sp_person thief = { .user = "eve", .idp = "corp", .peer_key = key };
	struct sp_role_match *match;
	uint32_t *roles = NULL;
	size_t count = 0;

	(void)state;
	hand_role(&hand, "engineer", "corp", "eng");
	hand_role(&hand, "bot", "corp", "bots");
	match = SP_ARRAY_PUSH(hand.policy.roles[1].matches, hand.policy.roles[1].match_count);
	match->kind = SP_MATCH_PEER_KEY;
	memcpy(match->peer_key, key, 32);
	assert_int_equal(sp_policy_match_roles(&hand.policy, &bot, 0, &roles, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(roles[0], 1);
	free(roles);
	/* a person holds it: it is not theirs to take */
	assert_int_equal(sp_policy_match_roles(&hand.policy, &thief, 0, &roles, &count), 0);
	assert_int_equal(count, 0);
	free(roles);
	assert_ptr_equal(sp_policy_machine_role(&hand.policy, key), &hand.policy.roles[1]);
	key[31] = 1;
	assert_null(sp_policy_machine_role(&hand.policy, key));
	assert_int_equal(sp_policy_match_roles(&hand.policy, &bot, 0, &roles, &count), 0);
	assert_int_equal(count, 0);
	free(roles);
	memset(hand.policy.roles[1].matches[1].peer_key, 0, 32);
	assert_int_equal(sp_policy_match_roles(&hand.policy, &keyless, 0, &roles, &count), 0);
	assert_int_equal(count, 0);
	free(roles);
}

static void people_have_roles_by_name_at_their_provider(void **state)
{
	__hand struct hand hand = { 0 };
	const struct sp_person ana = { .user = "ana", .idp = "corp" };
	const struct sp_person other_ana = { .user = "ana", .idp = "partner" };
	const struct sp_person dora = { .user = "dora", .idp = "corp" };
	struct sp_role_match *match;

	(void)state;
	hand_people(&hand, "oncall", "ana@corp bob@corp carl@partner");
	hand_role(&hand, "engineer", "corp", "eng");
	match = SP_ARRAY_PUSH(hand.policy.roles[0].matches, hand.policy.roles[0].match_count);
	*match = (struct sp_role_match){ .kind = SP_MATCH_PEOPLE, .people = 0 };
	assert_true(sp_role_match_fits(&hand.policy, match, &ana));
	assert_false(sp_role_match_fits(&hand.policy, match, &other_ana));
	assert_false(sp_role_match_fits(&hand.policy, match, &dora));
	assert_true(sp_people_has(&hand.policy.people[0], "bob", "corp"));
	assert_true(sp_people_has(&hand.policy.people[0], "carl", "partner"));
	assert_false(sp_people_has(&hand.policy.people[0], NULL, NULL));
	*match = (struct sp_role_match){ .kind = SP_MATCH_USER, .idp = "corp", .user = "dora" };
	assert_true(sp_role_match_fits(&hand.policy, match, &dora));
	assert_false(sp_role_match_fits(&hand.policy, match, &ana));
	assert_false(sp_role_match_fits(&hand.policy, match, &(struct sp_person){ 0 }));
}

static void an_expired_role_is_nobodys(void **state)
{
	__hand struct hand hand = { 0 };
	const char *const groups[] = { "eng", "vendors" };
	const struct sp_person ana = { "ana", "corp", groups, 2, NULL };
	uint8_t key[32] = { 7 };
	const struct sp_person bot = { .peer_key = key };
	struct sp_role_match *match;
	uint32_t *roles = NULL;
	size_t count = 0;

	(void)state;
	hand_role(&hand, "engineer", "corp", "eng");
	hand_role(&hand, "contractor", "corp", "vendors");
	match = SP_ARRAY_PUSH(hand.policy.roles[1].matches, hand.policy.roles[1].match_count);
	match->kind = SP_MATCH_PEER_KEY;
	memcpy(match->peer_key, key, 32);
	hand.policy.roles[1].expires_s = 1000;
	assert_int_equal(sp_policy_match_roles(&hand.policy, &ana, 999, &roles, &count), 0);
	assert_int_equal(count, 2);
	free(roles);
	assert_null(sp_policy_expired_role(&hand.policy, &ana, 999));
	assert_int_equal(sp_policy_match_roles(&hand.policy, &ana, 1000, &roles, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(roles[0], 0);
	free(roles);
	assert_ptr_equal(sp_policy_expired_role(&hand.policy, &ana, 1000), &hand.policy.roles[1]);
	assert_int_equal(sp_policy_match_roles(&hand.policy, &bot, 1000, &roles, &count), 0);
	assert_int_equal(count, 0);
	free(roles);
	/* and still no person can enrol its key */
	assert_ptr_equal(sp_policy_machine_role(&hand.policy, key), &hand.policy.roles[1]);
	assert_int_equal(sp_policy_next_machine_expiry(&hand.policy, 999), 1000);
	assert_true(sp_policy_next_machine_expiry(&hand.policy, 1000) == INT64_MAX);
	hand.policy.roles[0].expires_s = 500; /* people's */
	assert_int_equal(sp_policy_next_machine_expiry(&hand.policy, 0), 1000);
}

static void a_session_ends_when_a_role_does(void **state)
{
	const struct sp_session_span none = { 0 }, soon = { .until_s = 60 };
	const struct sp_session_span beyond = { .until_s = INT64_MAX / 1000 };

	(void)state;
	assert_int_equal(sp_session_end_ns(&none, 0), 0);
	assert_int_equal(sp_session_end_ns(&none, 5), 5);
	assert_int_equal(sp_session_end_ns(&soon, 0), 60000000000);
	assert_int_equal(sp_session_end_ns(&soon, 60000000001), 60000000000);
	assert_int_equal(sp_session_end_ns(&soon, 59000000000), 59000000000);
	assert_int_equal(sp_session_end_ns(&beyond, 7), 7);
}

struct numbers {
	uint32_t next;
	int fail_at;
	bool same;
};

static int next_number(void *arg, const char *name, uint32_t *ret_number)
{
	struct numbers *numbers = arg;

	(void)name;
	if (numbers->fail_at-- == 0)
		return -ENOSPC;
	*ret_number = numbers->same ? 5 : numbers->next--;
	return 0;
}

static void a_session_is_as_long_as_the_shortest_of_its_roles(void **state)
{
	static struct sp_role roles[] = {
		{ .max_s = 36000, .idle_s = 3600, .warn_s = 300 },
		{ .max_s = 7200, .warn_s = 900 },
		{ .idle_s = 1800 },
		{ .max_s = 300 },
		{ 0 },
		{ .expires_s = 5000 },
		{ .expires_s = 4000 },
	};
	static const struct {
		uint32_t roles[3];
		size_t count;
		struct sp_session_span span;
	} cases[] = {
		{ { 4 }, 1, { 36000, 0, 600 } },
		{ { 0 }, 1, { 36000, 3600, 300 } },
		{ { 0, 1 }, 2, { 7200, 3600, 900 } }, /* the longest warning */
		{ { 1, 4 }, 2, { 7200, 0, 900 } },    /* what says nothing lengthens nothing */
		{ { 0, 1, 2 }, 3, { 7200, 1800, 900 } },
		{ { 3 }, 1, { 300, 0, 150 } }, /* ten minutes before five is no warning */
		{ { 1, 3 }, 2, { 300, 0, 150 } },
		{ { 0 }, 0, { 36000, 0, 600 } },
		{ { 4, 5 }, 2, { 36000, 0, 600, 5000 } }, /* the first that expires */
		{ { 5, 6 }, 2, { 36000, 0, 600, 4000 } },
	};
	const struct sp_policy policy = { .roles = roles, .role_count = 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sp_session_span span =
			sp_policy_session_span(&policy, cases[i].roles, cases[i].count);

		if (memcmp(&span, &cases[i].span, sizeof(span)) != 0)
			fail_msg("case %zu: max %lld, idle %lld, warn %lld", i,
				 (long long)span.max_s, (long long)span.idle_s,
				 (long long)span.warn_s);
	}
}

static void a_person_has_as_many_devices_as_the_strictest_role_lets_them(void **state)
{
	static struct sp_role roles[] = { { 0 }, { .max_devices = 3 }, { .max_devices = 2 } };
	const struct sp_policy policy = { .roles = roles, .role_count = 3 };

	(void)state;
	assert_int_equal(sp_policy_max_devices(&policy, (uint32_t[]){ 0 }, 1), SP_DEVICES_MAX);
	assert_int_equal(sp_policy_max_devices(&policy, (uint32_t[]){ 0, 1 }, 2), 3);
	assert_int_equal(sp_policy_max_devices(&policy, (uint32_t[]){ 0, 1, 2 }, 3), 2);
	assert_int_equal(sp_policy_max_devices(&policy, NULL, 0), SP_DEVICES_MAX);
}

static void rules_get_the_numbers_of_their_names(void **state)
{
	__hand struct hand hand = { 0 };
	struct numbers numbers = { .next = SP_RULE_MAX - 1, .fail_at = -1 };

	(void)state;
	hand_rule(&hand, SP_RULE_ALLOW, "first", "any", "any", "");
	hand_rule(&hand, SP_RULE_DENY, "second", "any", "any", "");
	assert_int_equal(sp_policy_number_rules(&hand.policy, NULL, NULL), 0);
	assert_int_equal(hand.policy.rules[0].number, 1);
	assert_int_equal(hand.policy.rules[1].number, 2);
	assert_string_equal(sp_policy_rule_name(&hand.policy, 2), "second");

	assert_int_equal(sp_policy_number_rules(&hand.policy, next_number, &numbers), 0);
	assert_int_equal(hand.policy.rules[1].number, SP_RULE_MAX - 2);
	assert_ptr_equal(sp_policy_rule(&hand.policy, SP_RULE_MAX - 1), &hand.policy.rules[0]);
	assert_string_equal(sp_policy_rule_name(&hand.policy, SP_RULE_MAX - 2), "second");
	assert_string_equal(sp_policy_rule_name(&hand.policy, SP_RULE_DEFAULT), "default");
	assert_null(sp_policy_rule_name(&hand.policy, SP_RULE_NONE));
	assert_null(sp_policy_rule_name(&hand.policy, 1));
	assert_null(sp_policy_rule(&hand.policy, SP_RULE_DEFAULT));
}

static void numbers_that_cannot_be_leave_the_rules_alone(void **state)
{
	static const struct {
		struct numbers numbers;
		int error;
	} cases[] = {
		{ { .next = 9, .fail_at = 1 }, -ENOSPC },
		{ { .next = SP_RULE_MAX, .fail_at = -1 }, -ERANGE },
		{ { .next = 1, .fail_at = -1 }, -ERANGE }, /* the second gets 0 */
		{ { .same = true, .fail_at = -1 }, -EEXIST },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__hand struct hand hand = { 0 };
		struct numbers numbers = cases[i].numbers;

		hand_rule(&hand, SP_RULE_ALLOW, "first", "any", "any", "")->number = 70;
		hand_rule(&hand, SP_RULE_DENY, "second", "any", "any", "")->number = 71;
		assert_int_equal(sp_policy_number_rules(&hand.policy, next_number, &numbers),
				 cases[i].error);
		assert_int_equal(hand.policy.rules[0].number, 70);
		assert_int_equal(hand.policy.rules[1].number, 71);
	}
}

static void more_rules_than_numbers_are_refused(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	for (unsigned i = 0; i < SP_RULE_MAX; i++)
		hand_rule(&hand, SP_RULE_ALLOW, "r", "any", "any", "");
	assert_int_equal(sp_policy_number_rules(&hand.policy, NULL, NULL), -ENOSPC);
}

static void names_go_there_and_back(void **state)
{
	enum sp_hook hook = SP_HOOK_NONE;
	enum sp_reason reason = SP_REASON_NONE;

	(void)state;
	for (unsigned n = 1; n < SP_HOOK_COUNT; n++) {
		assert_int_equal(sp_hook_parse(sp_hook_name(n), &hook), 0);
		assert_int_equal(hook, n);
	}
	for (unsigned n = 1; n < SP_REASON_COUNT; n++) {
		assert_int_equal(sp_reason_parse(sp_reason_name(n), &reason), 0);
		assert_int_equal(reason, n);
	}
	assert_string_equal(sp_verdict_name(SP_ALLOW), "allow");
	assert_string_equal(sp_zone_name(SP_ZONE_TUNNEL), "tunnel");
	assert_string_equal(sp_hook_name(SP_HOOK_NONE), "?");
	assert_string_equal(sp_reason_name(SP_REASON_NONE), "?");
	for (unsigned n = SP_REASON_COUNT; n < SP_REASON_SLOTS; n++) {
		char numbered[16];

		snprintf(numbered, sizeof(numbered), "reason-%u", n); /* of a later build */
		assert_string_equal(sp_reason_name(n), numbered);
		assert_string_equal(sp_reason_meaning(n), "?");
		assert_int_equal(sp_reason_parse(numbered, &reason), -EINVAL);
	}
	assert_string_equal(sp_reason_name(SP_REASON_SLOTS), "?");
	assert_string_equal(sp_reason_name(UINT32_MAX), "?");
	assert_string_equal(sp_zone_name(SP_ZONE_COUNT), "?");
	assert_int_equal(sp_hook_parse("edge", &hook), -EINVAL);
	assert_int_equal(sp_reason_parse("?", &reason), -EINVAL);
	assert_int_equal(sp_hook_parse("", &hook), -EINVAL);
	assert_int_equal(hook, SP_HOOK_COUNT - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_expired_role_is_nobodys),
		cmocka_unit_test(a_person_has_as_many_devices_as_the_strictest_role_lets_them),
		cmocka_unit_test(a_session_ends_when_a_role_does),
		cmocka_unit_test(roles_come_from_groups_of_their_own_provider),
		cmocka_unit_test(a_machine_has_the_roles_of_its_key),
		cmocka_unit_test(people_have_roles_by_name_at_their_provider),
		cmocka_unit_test(a_session_is_as_long_as_the_shortest_of_its_roles),
		cmocka_unit_test(rules_get_the_numbers_of_their_names),
		cmocka_unit_test(numbers_that_cannot_be_leave_the_rules_alone),
		cmocka_unit_test(more_rules_than_numbers_are_refused),
		cmocka_unit_test(names_go_there_and_back),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
