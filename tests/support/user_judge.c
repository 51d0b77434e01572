/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/user_judge.h"

#include <stdlib.h>
#include <string.h>

#include "lib/bytes.h"
#include "maps.h"

#include "base/cleanup.h"
#include "plane/ebpf/slots.h"
#include "plane/ebpf/translate.h"
#include "support/user_run.h"
#include "support/user_state.h"

#define SESSIONS_ROOM 64u

struct user_judge {
	struct user_maps *state;
	uint32_t flows_max;
	uint64_t revision;             /* that judged last */
	struct sp_ebpf_slots slots;    /* of it: whose the buckets of sessions are */
	__u64 rule_limit[SP_RULE_MAX]; /* and those of rules */
};

struct user_revision {
	struct user_maps *tables;
	uint64_t number;
	uint32_t svcset_count, profile_count;
	bool protects_tunnel;
	uint32_t self_class;
	bool self_needs_rules;
	uint16_t portal_port;
	struct sp_limit_terms *limit;
	size_t limit_count;
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* ---- revisions ---- */

static void fill(struct user_revision *revision, const struct sp_ebpf_arrays *arrays,
		 const struct sp_ebpf_room *room)
{
	user_state_use(revision->tables, NULL);
	sp_state_of(&sp_src), sp_state_of(&sp_dst), sp_state_of(&sp_pair), sp_state_of(&sp_verdict);
	sp_state_of(&sp_limit), sp_state_of(&sp_fwd);
	user_state_size("sp_src", arrays->src_count);
	user_state_size("sp_dst", arrays->dst_count);
	user_state_size("sp_fwd", arrays->fwd_count + 1);
	user_state_size("sp_pair", room->pairs);
	user_state_size("sp_verdict", room->profiles * room->svcset_stride);
	user_state_size("sp_limit", room->limits);
	for (size_t i = 0; i < arrays->src_count; i++)
		bpf_map_update_elem(&sp_src, &arrays->src_keys[i], &arrays->src_values[i], BPF_ANY);
	for (size_t i = 0; i < arrays->dst_count; i++)
		bpf_map_update_elem(&sp_dst, &arrays->dst_keys[i], &arrays->dst_values[i], BPF_ANY);
	for (size_t i = 0; i < arrays->fwd_count; i++)
		bpf_map_update_elem(&sp_fwd, &arrays->fwd_keys[i], &arrays->fwd_values[i], BPF_ANY);
	for (__u32 i = 0; i < SP_SVC_SLOTS / SP_SVC_PER_ELEM; i++)
		bpf_map_update_elem(&sp_svc, &i, &arrays->svc[i], BPF_ANY);
	for (size_t i = 0; i < arrays->pair_count; i++)
		bpf_map_update_elem(&sp_pair, &arrays->pair_keys[i], &arrays->pair_profiles[i],
				    BPF_ANY);
	for (__u32 i = 0; i < arrays->profile_count * room->svcset_stride; i++)
		bpf_map_update_elem(&sp_verdict, &i, &arrays->verdict[i], BPF_ANY);
}

int user_revision_new(const struct sp_tables *tables, uint64_t number,
		      struct user_revision **ret_revision)
{
	__sp_cleanup(sp_ebpf_arrays_done) struct sp_ebpf_arrays arrays = { 0 };
	const struct sp_ebpf_room room = sp_ebpf_room_exact(tables);
	struct user_revision *revision;
	int r = sp_ebpf_translate(tables, &room, 0, 0, &arrays);

	if (r < 0)
		return r;
	revision = must(calloc(1, sizeof(*revision)));
	*revision = (struct user_revision){
		.tables = user_maps_new(),
		.number = number,
		.svcset_count = room.svcset_stride,
		.profile_count = room.profiles,
		.protects_tunnel = tables->flags & SP_TABLES_PROTECT_TUNNEL,
		.self_class = tables->self_class,
		.self_needs_rules = tables->flags & SP_TABLES_SELF_RULES,
		.portal_port = tables->portal_port,
	};
	fill(revision, &arrays, &room);
	revision->limit_count = arrays.limit_count;
	revision->limit = SP_TAKE_PTR(arrays.limit);
	*ret_revision = revision;
	return 0;
}

void user_revision_set_number(struct user_revision *revision, uint64_t number)
{
	revision->number = number;
}

void user_revision_free(struct user_revision *revision)
{
	if (!revision)
		return;
	user_maps_free(revision->tables);
	free(revision->limit);
	free(revision);
}

/* ---- state ---- */

struct user_judge *user_judge_new(uint32_t flows_max)
{
	struct user_judge *judge = must(calloc(1, sizeof(*judge)));

	judge->state = user_maps_new();
	judge->flows_max = flows_max;
	user_state_use(NULL, judge->state);
	sp_state_of(&sp_flow), sp_state_of(&sp_session), sp_state_of(&sp_limit_holder);
	user_state_size("sp_flow", flows_max);
	user_state_size("sp_session", SESSIONS_ROOM);
	user_state_size("sp_limit_holder", SESSIONS_ROOM * SP_LIMIT_SESSION_SLOTS);
	return judge;
}

void user_judge_free(struct user_judge *judge)
{
	if (!judge)
		return;
	user_state_bury();
	user_maps_free(judge->state);
	free(judge);
}

static void fill_bucket(uint32_t session, uint32_t slot)
{
	const __u32 index = session * SP_LIMIT_SESSION_SLOTS + slot;
	const __u64 full = 0;

	bpf_map_update_elem(&sp_limit_holder, &index, &full, BPF_ANY);
}

void user_judge_fill_buckets(struct user_judge *judge, uint32_t number)
{
	user_state_use(NULL, judge->state);
	for (uint32_t slot = 0; slot < SP_LIMIT_SESSION_SLOTS; slot++)
		fill_bucket(number, slot);
}

/* The id of a rule's limit by rule; 0: it has none. */
static __u64 rule_limit_of(const struct user_revision *revision, uint32_t rule)
{
	for (size_t i = 0; i < revision->limit_count; i++)
		if (revision->limit[i].key == SP_LIMIT_BY_RULE && revision->limit[i].slot == rule)
			return revision->limit[i].id;
	return 0;
}

static void fill_rule(struct user_judge *judge, uint32_t rule, __u64 id)
{
	const __u64 full = 0;

	bpf_map_update_elem(&sp_limit_rule, &rule, &full, BPF_ANY);
	judge->rule_limit[rule] = id;
}

/* What the plane does around a switch: limits that go on keep their slots, others begin full. */
static void switch_limits(struct user_judge *judge, const struct user_revision *revision)
{
	struct sp_ebpf_slots slots;

	if (judge->revision == revision->number)
		return;
	if (sp_ebpf_slots_assign(&judge->slots, revision->limit, revision->limit_count, &slots) < 0)
		abort();
	for (__u32 i = 0; i < revision->limit_count; i++)
		bpf_map_update_elem(&sp_limit, &i, &revision->limit[i], BPF_ANY);
	for (uint32_t slot = 0; slot < SP_LIMIT_SESSION_SLOTS; slot++)
		for (uint32_t i = 0; slots.id[slot] != judge->slots.id[slot] && i < SESSIONS_ROOM;
		     i++)
			fill_bucket(i, slot);
	for (uint32_t i = 0; i < SP_RULE_MAX; i++)
		if (judge->rule_limit[i] != rule_limit_of(revision, i))
			fill_rule(judge, i, rule_limit_of(revision, i));
	judge->slots = slots;
	judge->revision = revision->number;
}

struct sp_session *user_judge_session(struct user_judge *judge, uint32_t number)
{
	user_state_use(NULL, judge->state);
	return must(bpf_map_lookup_elem(&sp_session, &number));
}

void user_judge_put_ident(struct user_judge *judge, const struct sp_addr *addr, uint32_t session,
			  uint64_t epoch)
{
	const struct sp_ident ident = { .addr = *addr, .session = session, .epoch = epoch };

	user_state_use(NULL, judge->state);
	bpf_map_update_elem(&sp_ident, addr, &ident, BPF_ANY);
}

void user_judge_remove_ident(struct user_judge *judge, const struct sp_addr *addr)
{
	user_state_use(NULL, judge->state);
	bpf_map_delete_elem(&sp_ident, addr);
}

void user_judge_ban(struct user_judge *judge, const struct sp_prefix *prefix, uint64_t until_ns)
{
	const struct sp_ban ban = { .until_ns = until_ns };
	const struct sp_ban_use use = { .is_used = 1 };

	user_state_use(NULL, judge->state);
	bpf_map_update_elem(&sp_ban, prefix, &ban, BPF_ANY);
	bpf_map_update_elem(&sp_ban_use, &(__u32){ 0 }, &use, BPF_ANY);
}

/* ---- a packet ---- */

/* What the loader writes into the programs. */
static void set(const struct user_judge *judge, const struct user_revision *revision)
{
	sp_test = 1;
	sp_refuse = SP_REFUSE_BY_RESET;
	sp_flow_max = judge->flows_max;
	sp_revision = revision->number;
	sp_svcset_count = revision->svcset_count;
	sp_profile_count = revision->profile_count;
	sp_protect_tunnel = revision->protects_tunnel;
	sp_self_class = revision->self_class;
	sp_self_needs_rules = revision->self_needs_rules;
	sp_portal_port = revision->portal_port;
	sp_seed = 1;
}

struct sp_answer user_judge_ask(struct user_judge *judge, const struct user_revision *revision,
				enum sp_hook hook, const struct sp_frame *frame, uint64_t now_ns,
				const char **ret_wrong)
{
	const struct sp_test_input input = {
		.now_ns = now_ns,
		.is_own = frame->is_own,
		.is_dhcp_client = frame->is_dhcp_client,
		.ifindex = frame->ifindex,
		.mark = frame->mark,
	};
	const struct sp_test_answer *answer;

	user_state_bury();
	user_state_use(revision->tables, judge->state);
	set(judge, revision);
	switch_limits(judge, revision);
	bpf_map_update_elem(&sp_test_input, &(__u32){ 0 }, &input, BPF_ANY);
	*ret_wrong = user_run(hook, frame);
	answer = must(bpf_map_lookup_elem(&sp_test_answer, &(__u32){ 0 }));
	return (struct sp_answer){
		.verdict = (enum sp_verdict_action)answer->verdict,
		.reason = (enum sp_reason)answer->reason,
		.rule = answer->rule,
		.audit = { (enum sp_would)answer->would, answer->audit_rule },
	};
}
