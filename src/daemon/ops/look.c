/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/ops/look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "daemon/ops/ops.h"
#include "io/log/audit_log.h"

#define KEYS_WORK_NS (180 * SP_NS_PER_S) /* REJECT_AFTER_TIME of WireGuard */

static void look_at_hooks(struct sp_plane *plane, struct sp_snapshot *snapshot)
{
	if (sp_plane_list_hooks(plane, &snapshot->hooks, &snapshot->hook_count) == 0 &&
	    sp_plane_counters(plane, snapshot->counters) == 0)
		return;
	memset(snapshot->counters, 0, sizeof(snapshot->counters));
	free(SP_TAKE_PTR(snapshot->hooks));
	snapshot->hook_count = 0;
}

static void look_at_flows(struct sp_plane *plane, struct sp_snapshot *snapshot)
{
	sp_plane_flow_count(plane, &snapshot->flows);
	sp_plane_flow_use(plane, &snapshot->flow_use, &snapshot->flows_max);
	sp_plane_event_stats(plane, &snapshot->events);
}

static int look_at_rules(struct sp_plane *plane, const struct sp_policy *policy,
			 struct sp_snapshot *snapshot)
{
	__sp_free struct sp_counter *counters = calloc(SP_RULE_MAX, sizeof(*counters));

	snapshot->rules = calloc(policy->rule_count + 1, sizeof(*snapshot->rules));
	if (!counters || !snapshot->rules)
		return -ENOMEM;
	if (sp_plane_rule_counters(plane, counters, SP_RULE_MAX) < 0)
		return 0;
	snapshot->rules[0] = (struct sp_snapshot_rule){ "default", 0, counters[SP_RULE_DEFAULT] };
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *rule = &policy->rules[i];

		snapshot->rules[i + 1] = (struct sp_snapshot_rule){ rule->name, rule->place.line,
								    counters[rule->number] };
	}
	snapshot->rules_count = policy->rule_count + 1;
	return 0;
}

static void look_at_revision(struct sp_ops *ops, struct sp_snapshot *snapshot)
{
	const struct sp_revision *running = ops->revisions->running;

	snapshot->revision = sp_plane_running_revision(ops->plane);
	if (!running)
		return;
	snapshot->generation = running->generation;
	snapshot->applied_ns = running->applied_ns;
	if (running->tables->next_edge_s <= INT64_MAX / (int64_t)SP_NS_PER_S)
		snapshot->rules_change_ns = running->tables->next_edge_s * SP_NS_PER_S;
	snapshot->rule_count = running->policy->rule_count;
}

static void look_at_sessions(const struct sp_people *people, struct sp_snapshot *snapshot)
{
	struct sp_live *live = NULL;

	while ((live = sp_live_next(people, live))) {
		snapshot->sessions_open += live->state == SP_LIVE_OPEN;
		snapshot->sessions_parked += live->state == SP_LIVE_PARKED;
	}
	snapshot->sessions_max = sp_people_slot_limit(people) - 1;
}

static int add_drops(struct sp_snapshot *snapshot, const struct sp_uapi_drop *drops, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t at = 0;

		while (at < snapshot->drop_count &&
		       strcmp(snapshot->drops[at].word, drops[i].word) != 0)
			at++;
		if (!drops[i].count)
			continue;
		if (at < snapshot->drop_count) {
			snapshot->drops[at].count += drops[i].count;
			continue;
		}
		struct sp_uapi_drop *drop = SP_ARRAY_PUSH(snapshot->drops, snapshot->drop_count);

		if (!drop)
			return -ENOMEM;
		*drop = drops[i];
	}
	return 0;
}

static int look_at_engine(const struct sp_engine *engine, struct sp_snapshot *snapshot)
{
	const int64_t since_ns = sp_clock_realtime_ns() - KEYS_WORK_NS;
	const struct sp_uapi_stats *stats = &engine->stats.answer;
	int r = add_drops(snapshot, stats->drops, stats->drop_count);

	for (size_t i = 0; r == 0 && i < stats->peer_count; i++)
		r = add_drops(snapshot, stats->peers[i].drops, stats->peers[i].drop_count);
	snapshot->peer_count = engine->device.peer_count;
	for (size_t i = 0; i < engine->device.peer_count; i++)
		snapshot->handshake_count += engine->device.peers[i].last_handshake_ns > since_ns;
	return r;
}

static void look_at_log(const struct sp_recorder_file *file, struct sp_snapshot_log *log)
{
	struct sp_chain_head head = { 0 };

	log->path = file->path;
	log->error = file->error[0] ? file->error : file->log ? NULL : "not open";
	if (!file->log)
		return;
	sp_audit_log_get_head(file->log, &head);
	log->seq = head.seq;
	log->horizon_ns = sp_audit_log_get_horizon(file->log);
}

void sp_snapshot_free(struct sp_snapshot *snapshot)
{
	if (!snapshot)
		return;
	free(snapshot->hooks);
	free(snapshot->rules);
	free(snapshot->drops);
	free(snapshot);
}

int sp_look(struct sp_ops *ops, bool with_rules, struct sp_snapshot **ret_snapshot)
{
	__sp_cleanup(sp_snapshot_freep) struct sp_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	const struct sp_revision *running = ops->revisions->running;
	int r = 0;

	if (!snapshot)
		return -ENOMEM;
	snapshot->has_rules = with_rules;
	if (with_rules && running)
		r = look_at_rules(ops->plane, running->policy, snapshot);
	if (r == 0)
		r = look_at_engine(ops->engine, snapshot);
	if (r < 0)
		return r;
	look_at_revision(ops, snapshot);
	look_at_hooks(ops->plane, snapshot);
	look_at_flows(ops->plane, snapshot);
	look_at_sessions(ops->people, snapshot);
	for (int i = 0; i < SP_RECORDER_FILES; i++)
		look_at_log(&ops->recorder->files[i], &snapshot->logs[i]);
	*ret_snapshot = SP_TAKE_PTR(snapshot);
	return 0;
}
