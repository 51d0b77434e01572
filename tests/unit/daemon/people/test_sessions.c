/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a row of the database to what rules see of a person, and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "daemon/base/warnings.h"
#include "daemon/people/people.h"
#include "io/wireguard/wg_key.h"
#include "net/addr.h"
#include "policy/load.h"

static const char POLICY[] =
	"sallyport: 1\n"
	"roles:\n"
	"  engineer:   { match: [ {idp: corp, group: eng} ] }\n"
	"  oncall:     { match: [ {idp: corp, group: oncall}, {idp: partner, group: noc} ] }\n"
	"  backup-bot: { match: [ {peer-key: \"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\"} ] "
	"}\n"
	"networks: { git: 10.30.2.9 }\n"
	"rules:\n"
	"  - { name: eng-git, allow: {from: [engineer, oncall, backup-bot], to: git} }\n";

static struct sp_policy *load_policy(void)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_policy *policy = NULL;

	assert_int_equal(
		sp_policy_load("policy.yaml", POLICY, strlen(POLICY), &policy, &diagnostics), 0);
	sp_diagnostics_done(&diagnostics);
	return policy;
}

static struct sp_live *live_of(const char *idp, const char *groups, uint8_t key)
{
	struct sp_session_row row = {
		.id = 5,
		.slot = 7,
		.epoch = 99,
		.idp = idp ? strdup(idp) : NULL,
		.user = strdup("ana"),
		.groups = strdup(groups),
		.roles = strdup("[]"),
		.device = strdup("laptop"),
		.has_address = { true, false },
	};
	struct sp_live *live;

	memset(row.public_key, key, 32);
	assert_int_equal(sp_addr_parse("100.64.0.7", &row.addresses[0]), 0);
	live = sp_live_new(&row);
	assert_non_null(live);
	assert_null(row.user); /* the row is the session's now */
	return live;
}

static void assert_roles(const char *idp, const char *groups, uint8_t key, const char *wanted)
{
	struct sp_policy *policy = load_policy();
	struct sp_live *live = live_of(idp, groups, key);
	struct sp_identity identity;
	uint32_t *roles = NULL;

	assert_int_equal(sp_live_identity(live, policy, 0, &identity, &roles), 0);
	assert_int_equal(sp_live_set_roles(live, policy, roles, identity.role_count), 0);
	assert_string_equal(live->row.roles, wanted);
	assert_true(identity.has_address[0] && !identity.has_address[1]);
	if (idp)
		assert_string_equal(identity.user, "ana");
	else
		assert_null(identity.user); /* a machine is no named user */
	free(roles);
	sp_live_free(live);
	sp_policy_free(policy);
}

static void roles_follow_provider_groups_and_keys(void **state)
{
	(void)state;
	assert_roles("corp", "[\"eng\"]", 9, "[\"engineer\"]");
	assert_roles("corp", "[\"oncall\",\"eng\",\"other\"]", 9, "[\"engineer\",\"oncall\"]");
	assert_roles("partner", "[\"noc\"]", 9, "[\"oncall\"]");
	assert_roles("partner", "[\"eng\"]", 9, "[]"); /* a group is its provider's */
	assert_roles("corp", "[]", 9, "[]");
	assert_roles(NULL, "[]", 1, "[\"backup-bot\"]");
	assert_roles(NULL, "[]", 2, "[]");
}

static void a_row_with_damaged_lists_is_no_session(void **state)
{
	static const char *const bad[] = { "", "{}", "[1]", "[\"a\"", "null" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sp_session_row row = { .user = strdup("ana"),
					      .groups = strdup(bad[i]),
					      .roles = strdup("[]"),
					      .device = strdup("d") };

		assert_null(sp_live_new(&row));
		sp_session_row_done(&row);
	}
}

static void a_policy_shortens_what_nobody_gave_and_lengthens_nothing(void **state)
{
	static const struct {
		int64_t max_s, idle_s; /* of the session, opened at 1000 s */
		bool has_own_max, has_own_idle;
		struct sp_session_span span;
		int64_t wanted_max_s, wanted_idle_s, wanted_warn_s;
		bool is_shorter;
	} cases[] = {
		{ 3600, 0, false, false, { 3600, 0, 600 }, 3600, 0, 600, false },
		{ 3600, 0, false, false, { 1800, 0, 600 }, 1800, 0, 600, true },
		{ 3600, 900, false, false, { 7200, 1800, 600 }, 3600, 900, 600, false },
		{ 3600, 0, false, false, { 3600, 900, 600 }, 3600, 900, 600, true },
		{ 3600, 900, false, false, { 3600, 300, 600 }, 3600, 300, 600, true },
		{ 3600, 900, true, true, { 600, 60, 60 }, 3600, 900, 60, false },
		{ 3600, 900, true, false, { 600, 60, 60 }, 3600, 60, 60, true },
		{ 3600, 0, false, false, { 60, 0, 30 }, 60, 0, 30, true },
		{ 300, 0, true, false, { 36000, 0, 600 }, 300, 0, 150, false },
		/* a role ends at 2800 s, whatever anybody gave; and after the session */
		{ 3600, 0, false, false, { 3600, 0, 600, 2800 }, 1800, 0, 600, true },
		{ 3600, 0, true, true, { 3600, 0, 600, 2800 }, 1800, 0, 600, true },
		{ 3600, 0, false, false, { 3600, 0, 600, 9000 }, 3600, 0, 600, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_live *live = live_of("corp", "[]", 9);
		bool is_shorter;

		live->row.since_ns = 1000000000000;
		live->row.expires_ns = live->row.since_ns + cases[i].max_s * 1000000000;
		live->row.idle_s = cases[i].idle_s;
		live->row.has_own_max = cases[i].has_own_max;
		live->row.has_own_idle = cases[i].has_own_idle;
		is_shorter = sp_live_shorten(live, &cases[i].span);
		if (is_shorter != cases[i].is_shorter ||
		    live->row.expires_ns !=
			    live->row.since_ns + cases[i].wanted_max_s * 1000000000 ||
		    live->row.idle_s != cases[i].wanted_idle_s ||
		    live->row.warn_s != cases[i].wanted_warn_s)
			fail_msg("case %zu: idle %lld, warn %lld", i, (long long)live->row.idle_s,
				 (long long)live->row.warn_s);
		sp_live_free(live);
	}
}

static struct sp_people *people_of(struct sp_live *const *lives, size_t count)
{
	struct sp_people *people = calloc(1, sizeof(*people));

	people->slot_end = 1;
	for (size_t i = 0; i < count; i++) {
		people->slots[lives[i]->row.slot] = lives[i];
		if (lives[i]->row.slot >= people->slot_end)
			people->slot_end = lives[i]->row.slot + 1;
	}
	return people;
}

static void a_session_is_found_by_number_and_epoch_never_by_number_alone(void **state)
{
	struct sp_live *live = live_of("corp", "[]", 9);
	struct sp_people *people = people_of(&live, 1);

	(void)state;
	assert_ptr_equal(sp_live_of(people, 7, 99), live);
	assert_null(sp_live_of(people, 7, 98));
	assert_null(sp_live_of(people, 8, 99));
	assert_null(sp_live_of(people, 0xffffffff, 99));
	assert_ptr_equal(sp_live_find(people, 5), live);
	assert_null(sp_live_find(people, 6));
	sp_people_done(people);
	free(people);
}

static void an_address_belongs_to_its_newest_session(void **state)
{
	struct sp_live *lives[2] = { live_of("corp", "[]", 9), live_of("corp", "[]", 9) };
	struct sp_people *people;
	struct sp_addr addr;

	(void)state;
	lives[0]->row.slot = 3; /* a lower slot, but a later epoch */
	lives[0]->row.epoch = 100;
	lives[1]->state = SP_LIVE_ENDED;
	people = people_of(lives, 2);
	assert_int_equal(sp_addr_parse("100.64.0.7", &addr), 0);
	assert_ptr_equal(sp_live_of_address(people, &addr), lives[0]);
	assert_ptr_equal(sp_live_of_device(people, lives[0]->row.public_key), lives[0]);
	assert_int_equal(sp_addr_parse("100.64.0.8", &addr), 0);
	assert_null(sp_live_of_address(people, &addr));
	sp_people_done(people);
	free(people);
}

static struct sp_live *live_as(const char *idp, const char *user, uint32_t slot, uint64_t epoch)
{
	struct sp_live *live = live_of(idp, "[]", 9);

	free(live->row.user);
	live->row.user = strdup(user);
	live->row.slot = slot;
	live->row.epoch = epoch;
	return live;
}

static void sessions_of_one_person_have_one_number(void **state)
{
	struct sp_live *lives[] = { live_as("corp", "ana", 3, 100), live_as("corp", "ana", 1, 101),
				    live_as("partner", "ana", 2, 102),
				    live_as("corp", "bob", 4, 103), live_as(NULL, "bot", 5, 104) };
	const uint64_t wanted[] = { 100, 100, 102, 103, 0 };
	struct sp_people *people = people_of(lives, SP_ARRAY_LEN(lives));

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(lives); i++) {
		sp_live_number_person(people, lives[i]);
		assert_int_equal(lives[i]->person, wanted[i]);
	}
	/* the first session goes; who comes later still gets its number from the second */
	lives[0]->row.epoch = 105;
	lives[0]->person = 0;
	sp_live_number_person(people, lives[0]);
	assert_int_equal(lives[0]->person, 100);
	sp_people_done(people);
	free(people);
}

static struct sp_device *add_device(struct sp_people *people, uint8_t key, const char *user,
				    const char *name)
{
	struct sp_device *device = calloc(1, sizeof(*device));

	memset(device->public_key, key, 32);
	device->user = strdup(user);
	device->name = strdup(name);
	people->devices = realloc(people->devices, (people->device_count + 1) * sizeof(device));
	people->devices[people->device_count++] = device;
	return device;
}

static void a_device_is_named_by_key_by_owner_or_alone(void **state)
{
	struct sp_people *people = people_of(NULL, 0);
	struct sp_device *ana = add_device(people, 1, "ana", "laptop");
	struct sp_device *bob = add_device(people, 2, "bob", "laptop");
	struct sp_device *phone = add_device(people, 3, "bob", "phone");
	struct sp_device *found = NULL;

	(void)state;
	assert_int_equal(sp_device_lookup(people, "phone", &found), 0);
	assert_ptr_equal(found, phone);
	assert_int_equal(sp_device_lookup(people, "laptop", &found), -EEXIST);
	assert_int_equal(sp_device_lookup(people, "ana/laptop", &found), 0);
	assert_ptr_equal(found, ana);
	assert_int_equal(sp_device_lookup(people, "bob/laptop", &found), 0);
	assert_ptr_equal(found, bob);
	assert_int_equal(sp_device_lookup(people, "an/laptop", &found), -ENOENT);
	assert_int_equal(sp_device_lookup(people, "tablet", &found), -ENOENT);
	assert_int_equal(
		sp_device_lookup(people, "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", &found),
		0);
	assert_ptr_equal(found, ana);
	sp_people_done(people);
	free(people);
}

static void a_warning_is_kept_once_and_cleared_by_its_code(void **state)
{
	struct sp_warnings warnings = { 0 };

	(void)state;
	sp_warnings_raise(&warnings, "a", "first %d", 1);
	sp_warnings_raise(&warnings, "b", "second");
	sp_warnings_raise(&warnings, "a", "first %d", 2);
	assert_int_equal(warnings.count, 2);
	assert_string_equal(warnings.items[0].message, "first 2");
	sp_warnings_clear(&warnings, "a");
	assert_int_equal(warnings.count, 1);
	assert_false(sp_warnings_has(&warnings, "a"));
	assert_true(sp_warnings_has(&warnings, "b"));
	assert_string_equal(warnings.items[0].message, "second");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles_follow_provider_groups_and_keys),
		cmocka_unit_test(a_row_with_damaged_lists_is_no_session),
		cmocka_unit_test(a_policy_shortens_what_nobody_gave_and_lengthens_nothing),
		cmocka_unit_test(a_session_is_found_by_number_and_epoch_never_by_number_alone),
		cmocka_unit_test(an_address_belongs_to_its_newest_session),
		cmocka_unit_test(sessions_of_one_person_have_one_number),
		cmocka_unit_test(a_device_is_named_by_key_by_owner_or_alone),
		cmocka_unit_test(a_warning_is_kept_once_and_cleared_by_its_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
