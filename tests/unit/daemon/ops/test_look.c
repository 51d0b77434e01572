/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A look at what runs, with a plane that answers what the test says, and how it is said as JSON. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/daemon.h"
#include "daemon/ops/look.h"
#include "daemon/ops/ops.h"
#include "io/loop/clock.h"
#include "policy/load.h"

static const char POLICY[] = "sallyport: 1\n"
			     "roles: { engineer: { match: [ {idp: corp, group: eng} ] } }\n"
			     "networks: { git: 10.30.2.9 }\n"
			     "rules:\n"
			     "  - { name: eng-git, allow: {from: engineer, to: git} }\n";

/* ---- the plane ---- */

static bool plane_is_broken;

static uint64_t fake_running_revision(struct sp_plane *plane)
{
	(void)plane;
	return 7;
}

static int fake_list_hooks(struct sp_plane *plane, struct sp_plane_hook **ret_hooks,
			   size_t *ret_count)
{
	(void)plane;
	*ret_hooks = calloc(1, sizeof(**ret_hooks));
	assert_non_null(*ret_hooks);
	**ret_hooks = (struct sp_plane_hook){ .hook = SP_HOOK_VPN_IN,
					      .interface = "vpn0",
					      .prog_id = 3,
					      .revision = 7,
					      .mode = "tcx" };
	*ret_count = 1;
	return 0;
}

static int fake_counters(struct sp_plane *plane, struct sp_counter *ret_counters)
{
	(void)plane;
	ret_counters[SP_COUNTER_INDEX(SP_HOOK_VPN_IN, SP_ALLOW, SP_REASON_POLICY)] =
		(struct sp_counter){ 5, 500 };
	ret_counters[SP_COUNTER_INDEX(SP_HOOK_VPN_IN, SP_DENY, SP_REASON_POLICY)] =
		(struct sp_counter){ 2, 200 };
	ret_counters[SP_COUNTER_INDEX(SP_HOOK_VPN_IN, SP_DENY, SP_REASON_DEFAULT)] =
		(struct sp_counter){ 1, 40 };
	ret_counters[SP_COUNTER_INDEX(SP_HOOK_EDGE_IN, SP_DENY, SP_REASON_DEFAULT)] =
		(struct sp_counter){ 9, 9 };
	return plane_is_broken ? -EIO : 0;
}

static int fake_rule_counters(struct sp_plane *plane, struct sp_counter *ret_rules, uint32_t count)
{
	(void)plane;
	for (uint32_t i = 0; i < count; i++)
		ret_rules[i] = (struct sp_counter){ i, 10 * (uint64_t)i };
	return 0;
}

static int fake_event_stats(struct sp_plane *plane, struct sp_event_stats *ret_stats)
{
	(void)plane;
	*ret_stats = (struct sp_event_stats){ .attempted = 30, .lost = 4, .sampled = 6 };
	return 0;
}

static int fake_flow_count(struct sp_plane *plane, uint32_t *ret_count)
{
	(void)plane;
	*ret_count = 11;
	return 0;
}

static int fake_flow_use(struct sp_plane *plane, struct sp_flow_use *ret_use, uint32_t *ret_max)
{
	(void)plane;
	(void)ret_use;
	*ret_max = 4096;
	return 0;
}

static uint32_t fake_session_limit(struct sp_plane *plane)
{
	(void)plane;
	return 1000;
}

static const struct sp_plane_ops fake_ops = {
	.name = "fake",
	.running_revision = fake_running_revision,
	.session_limit = fake_session_limit,
	.list_hooks = fake_list_hooks,
	.counters = fake_counters,
	.rule_counters = fake_rule_counters,
	.event_stats = fake_event_stats,
	.flow_count = fake_flow_count,
	.flow_use = fake_flow_use,
};
static struct sp_plane fake_plane = { &fake_ops };

/* ---- the rest of the daemon ---- */

static int setup(void **state)
{
	struct sp_daemon *daemon = calloc(1, sizeof(*daemon));

	assert_non_null(daemon);
	daemon->plane = &fake_plane;
	sp_daemon_lend(daemon);
	sp_daemon_lend_plane(daemon);
	plane_is_broken = false;
	*state = daemon;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static struct sp_snapshot *look(struct sp_daemon *daemon, bool with_rules)
{
	struct sp_snapshot *snapshot = NULL;

	assert_int_equal(sp_look(&daemon->ops, with_rules, &snapshot), 0);
	assert_non_null(snapshot);
	return snapshot;
}

static json_int_t number(const json_t *json, const char *key)
{
	assert_true(json_is_integer(json_object_get(json, key)));
	return json_integer_value(json_object_get(json, key));
}

static void hooks_are_counted_by_verdict_and_reason(void **state)
{
	struct sp_snapshot *snapshot = look(*state, false);
	json_t *json = sp_json_snapshot(snapshot),
	       *hook = json_array_get(json_object_get(json, "hooks"), 0);

	assert_int_equal(snapshot->hook_count, 1);
	assert_int_equal(json_array_size(json_object_get(json, "hooks")), 1);
	assert_string_equal(json_string_value(json_object_get(hook, "hook")), "vpn-in");
	assert_int_equal(number(json_object_get(hook, "allow"), "packets"), 5);
	assert_int_equal(number(json_object_get(hook, "deny"), "packets"), 3);
	assert_int_equal(number(json_object_get(hook, "deny"), "bytes"), 240);
	assert_int_equal(json_array_size(json_object_get(hook, "reasons")), 3);
	assert_int_equal(number(json, "revision"), 7);
	assert_int_equal(number(json_object_get(json, "events"), "lost"), 4);
	assert_int_equal(number(json_object_get(json, "flows"), "tracked"), 11);
	assert_int_equal(number(json_object_get(json, "flows"), "max"), 4096);
	json_decref(json);
	sp_snapshot_free(snapshot);
}

static void a_plane_that_does_not_answer_leaves_no_hooks(void **state)
{
	struct sp_snapshot *snapshot;
	json_t *json;

	plane_is_broken = true;
	snapshot = look(*state, false);
	json = sp_json_snapshot(snapshot);
	assert_int_equal(json_array_size(json_object_get(json, "hooks")), 0);
	for (size_t i = 0; i < SP_COUNTER_SLOTS; i++)
		assert_int_equal(snapshot->counters[i].packets, 0);
	json_decref(json);
	sp_snapshot_free(snapshot);
}

static void without_a_policy_there_is_no_generation_and_no_rule(void **state)
{
	struct sp_snapshot *snapshot = look(*state, true);
	json_t *json = sp_json_snapshot(snapshot);

	assert_true(json_is_null(json_object_get(json, "generation")));
	assert_true(json_is_null(json_object_get(json, "applied")));
	assert_int_equal(number(json, "rules"), 0);
	assert_int_equal(json_array_size(json_object_get(json, "rule_counters")), 0);
	json_decref(json);
	sp_snapshot_free(snapshot);
}

static void rules_have_what_they_decided_if_they_are_asked_for(void **state)
{
	struct sp_daemon *daemon = *state;
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_tables tables = { .next_edge_s = 1790003600 };
	struct sp_revision revision = { .generation = "0123456789ab",
					.tables = &tables,
					.applied_ns = 1790000000000000000 };
	struct sp_snapshot *snapshot;
	json_t *json;

	assert_int_equal(sp_policy_load("policy.yaml", POLICY, strlen(POLICY), &revision.policy,
					&diagnostics),
			 0);
	sp_diagnostics_done(&diagnostics);
	revision.policy->rules[0].number = 17;
	daemon->revisions.running = &revision;
	snapshot = look(daemon, true);
	json = sp_json_snapshot(snapshot);
	assert_int_equal(snapshot->rules_count, 2);
	assert_string_equal(snapshot->rules[0].name, "default");
	assert_int_equal(snapshot->rules[0].decided.packets, SP_RULE_DEFAULT);
	assert_string_equal(snapshot->rules[1].name, "eng-git");
	assert_int_equal(snapshot->rules[1].decided.bytes, 170);
	assert_int_equal(snapshot->rules[1].line, 5);
	assert_string_equal(json_string_value(json_object_get(json, "generation")), "0123456789ab");
	assert_int_equal(json_array_size(json_object_get(json, "rule_counters")), 2);
	assert_string_equal(json_string_value(json_object_get(json, "rules_change")),
			    "2026-09-21T15:13:20.000Z");
	json_decref(json);
	sp_snapshot_free(snapshot);
	tables.next_edge_s = INT64_MAX;
	snapshot = look(daemon, false);
	json = sp_json_snapshot(snapshot);
	assert_true(json_is_null(json_object_get(json, "rules_change")));
	assert_null(json_object_get(json, "rule_counters"));
	json_decref(json);
	sp_snapshot_free(snapshot);
	sp_policy_free(revision.policy);
}

static void sessions_are_counted_by_state(void **state)
{
	struct sp_daemon *daemon = *state;
	static struct sp_live lives[4] = { { .state = SP_LIVE_OPEN },
					   { .state = SP_LIVE_PARKED },
					   { .state = SP_LIVE_ENDED },
					   { .state = SP_LIVE_OPEN } };
	struct sp_snapshot *snapshot;
	json_t *json;

	for (uint32_t i = 0; i < 4; i++) {
		lives[i].row.slot = 2 * i + 1;
		daemon->people.slots[2 * i + 1] = &lives[i];
	}
	daemon->people.slot_end = 8;
	snapshot = look(daemon, false);
	json = sp_json_snapshot(snapshot);
	assert_int_equal(snapshot->sessions_open, 2);
	assert_int_equal(snapshot->sessions_parked, 1);
	assert_int_equal(number(json_object_get(json, "sessions"), "live"), 2);
	assert_int_equal(number(json_object_get(json, "sessions"), "parked"), 1);
	json_decref(json);
	sp_snapshot_free(snapshot);
}

static void the_engines_drops_are_added_up_over_its_peers(void **state)
{
	struct sp_daemon *daemon = *state;
	struct sp_uapi_drop nobodys[] = { { "cookie", 2 }, { "replay", 0 } },
			    of_a[] = { { "replay", 3 } };
	struct sp_uapi_drop of_b[] = { { "replay", 4 }, { "cookie", 1 } };
	struct sp_uapi_peer_stats peers[] = { { .drops = of_a, .drop_count = 1 },
					      { .drops = of_b, .drop_count = 2 } };
	struct sp_wg_peer devices[2] = { { .last_handshake_ns = sp_clock_realtime_ns() },
					 { .last_handshake_ns = 1 } };
	struct sp_snapshot *snapshot;

	daemon->engine.stats.answer = (struct sp_uapi_stats){
		.drops = nobodys, .drop_count = 2, .peers = peers, .peer_count = 2
	};
	daemon->engine.device.peers = devices;
	daemon->engine.device.peer_count = 2;
	snapshot = look(daemon, false);
	assert_int_equal(snapshot->peer_count, 2);
	assert_int_equal(snapshot->handshake_count, 1);
	assert_int_equal(snapshot->drop_count, 2);
	assert_string_equal(snapshot->drops[0].word, "cookie");
	assert_int_equal(snapshot->drops[0].count, 3);
	assert_string_equal(snapshot->drops[1].word, "replay");
	assert_int_equal(snapshot->drops[1].count, 7);
	sp_snapshot_free(snapshot);
}

static void a_log_that_is_not_open_says_so(void **state)
{
	struct sp_daemon *daemon = *state;
	struct sp_snapshot *snapshot;
	json_t *json, *packets;

	strcpy(daemon->recorder.files[SP_RECORDER_PEOPLE].error, "no room");
	daemon->recorder.files[SP_RECORDER_PEOPLE].path = "audit.jsonl";
	snapshot = look(daemon, false);
	json = sp_json_snapshot(snapshot);
	packets = json_object_get(json_object_get(json, "audit"), "packets");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(json, "audit"), "error")),
		"no room");
	assert_string_equal(json_string_value(json_object_get(packets, "error")), "not open");
	assert_true(json_is_null(json_object_get(packets, "reaches_back_to")));
	json_decref(json);
	sp_snapshot_free(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hooks_are_counted_by_verdict_and_reason, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_plane_that_does_not_answer_leaves_no_hooks, setup,
						teardown),
		cmocka_unit_test_setup_teardown(without_a_policy_there_is_no_generation_and_no_rule,
						setup, teardown),
		cmocka_unit_test_setup_teardown(rules_have_what_they_decided_if_they_are_asked_for,
						setup, teardown),
		cmocka_unit_test_setup_teardown(sessions_are_counted_by_state, setup, teardown),
		cmocka_unit_test_setup_teardown(the_engines_drops_are_added_up_over_its_peers,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_log_that_is_not_open_says_so, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
