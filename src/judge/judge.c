/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "judge/judge.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "net/addr.h"
#include "reference/reference.h"

#define JUDGE_REVISION 1
#define JUDGE_FLOWS_MAX 65536
#define JUDGE_SESSIONS_LEAST 4096u /* a power of two */
#define JUDGE_SESSIONS_MOST 65536u /* as a gateway has */
#define JUDGE_EVENTS_BYTES 65536
#define LONG_AGO_NS 1 /* 0 is never */

struct sp_judge {
	const struct sp_policy *policy;
	const struct sp_gateway *gateway;
	struct sp_reference *reference;
	struct sp_tables *tables;
	struct sp_ebpf *plane;         /* NULL: the reference alone */
	struct sp_ebpf_staged *staged;
	char why_not[sizeof(((struct sp_ebpf_error *)NULL)->text)];
	struct sp_addr *taken; /* addresses of the sessions opened */
	size_t taken_count;
	uint32_t session_count, sessions_max;
};

/* Room for the policy's people, one of every role, and who is asked about. */
static uint32_t sessions_of(const struct sp_policy *policy)
{
	const size_t wanted = policy->fixtures.session_count + policy->role_count + 1;
	uint32_t room = JUDGE_SESSIONS_LEAST;

	while (room < wanted && room < JUDGE_SESSIONS_MOST)
		room *= 2;
	return room;
}

/* The programs need tables, a plane and a successful load; without one of them there is no plane. */
static int judge_open_ebpf(struct sp_judge *judge, struct sp_ebpf_error *error)
{
	const struct sp_ebpf_options options = {
		.sessions_max = judge->sessions_max,
		.flows_max = JUDGE_FLOWS_MAX,
		.events_bytes = JUDGE_EVENTS_BYTES,
	};
	int r;

	r = sp_ebpf_open(&options, &judge->plane, error);
	if (r < 0)
		return r;
	r = sp_ebpf_stage(judge->plane, judge->tables, JUDGE_REVISION, NULL, &judge->staged, error);
	if (r < 0) {
		sp_ebpf_close(judge->plane);
		judge->plane = NULL;
	}
	return r;
}

static int judge_compile(struct sp_judge *judge, struct sp_ebpf_error *error)
{
	int r = sp_tables_compile(judge->policy, judge->gateway, &judge->tables);

	if (r < 0)
		snprintf(error->text, sizeof(error->text), "compiling the policy: %s",
			 sp_judge_fault(r));
	return r;
}

int sp_judge_new(const struct sp_policy *policy, const struct sp_gateway *gateway,
		 enum sp_judge_planes planes, struct sp_judge **ret_judge,
		 struct sp_ebpf_error *error)
{
	__sp_cleanup(sp_judge_freep) struct sp_judge *judge = NULL;
	int r;

	judge = calloc(1, sizeof(*judge));
	if (!judge)
		return -ENOMEM;
	judge->policy = policy;
	judge->gateway = gateway;
	judge->sessions_max = sessions_of(policy);
	r = sp_reference_new(policy, gateway, &judge->reference);
	if (r < 0)
		return r;
	sp_reference_set_policy(judge->reference, policy, gateway, JUDGE_REVISION);
	sp_reference_set_flow_bounds(judge->reference, JUDGE_FLOWS_MAX, SP_SESSION_FLOWS_MAX);
	if (planes != SP_JUDGE_REFERENCE && (r = judge_compile(judge, error)) < 0)
		return r;
	if (planes == SP_JUDGE_REFERENCE) {
		snprintf(judge->why_not, sizeof(judge->why_not), "only the reference was asked for");
	} else {
		r = judge_open_ebpf(judge, error);
		if (r < 0 && planes == SP_JUDGE_EBPF)
			return r;
		if (r < 0)
			memcpy(judge->why_not, error->text, sizeof(judge->why_not));
	}
	*ret_judge = SP_TAKE_PTR(judge);
	return 0;
}

void sp_judge_free(struct sp_judge *judge)
{
	if (!judge)
		return;
	if (judge->staged)
		sp_ebpf_staged_free(judge->staged);
	if (judge->plane)
		sp_ebpf_close(judge->plane);
	if (judge->tables)
		sp_tables_free(judge->tables);
	if (judge->reference)
		sp_reference_free(judge->reference);
	free(judge->taken);
	free(judge);
}

bool sp_judge_has_ebpf(const struct sp_judge *judge)
{
	return judge->plane != NULL;
}

const char *sp_judge_why_not(const struct sp_judge *judge)
{
	return judge->why_not;
}

const char *sp_judge_fault(int r)
{
	switch (r) {
	case -E2BIG:
		return "the policy needs more table rows than there can be: write fewer combinations of roles, "
		       "networks and services, or gather networks under one name";
	case -EUSERS:
		return "it has more sessions than can be judged at once (65536): leave some of the fixtures out";
	case -ENOSPC:
	case -ENOMEM:
		return "there is not enough memory for its tables";
	case -EEXIST:
		return "two of its sessions have the same address";
	default:
		return sp_err_text(r);
	}
}

static int judge_take_addresses(struct sp_judge *judge, const struct sp_identity *identity)
{
	for (size_t family = 0; family < 2; family++) {
		struct sp_addr *taken;

		if (!identity->has_address[family])
			continue;
		for (size_t i = 0; i < judge->taken_count; i++)
			if (!sp_addr_compare(&judge->taken[i], &identity->addresses[family]))
				return -EEXIST;
		taken = SP_ARRAY_PUSH(judge->taken, judge->taken_count);
		if (!taken)
			return -ENOMEM;
		*taken = identity->addresses[family];
	}
	return 0;
}

/* The tables outgrew the room they were staged with, which is taken from what they were before anybody
 * was there: staged once more they have room for what they hold now, and some to spare. */
static int judge_stage_again(struct sp_judge *judge)
{
	struct sp_ebpf_error error;

	sp_ebpf_staged_free(SP_TAKE_PTR(judge->staged));
	return sp_ebpf_stage(judge->plane, judge->tables, JUDGE_REVISION, NULL, &judge->staged, &error);
}

static int judge_open_in_plane(struct sp_judge *judge, uint32_t number, uint64_t epoch,
			       const struct sp_identity *identity)
{
	const unsigned slot = JUDGE_REVISION & 1;
	struct sp_session session = { .epoch = epoch };
	int r;

	if (!judge->tables)
		return 0;
	r = sp_tables_add_identity(judge->tables, identity, session.class_id[slot],
				   session.netset[slot]);
	if (r < 0)
		return r;
	if (!judge->plane)
		return 0;
	r = sp_ebpf_staged_extend(judge->staged, judge->tables);
	if (r == -ENOSPC)
		r = judge_stage_again(judge);
	if (r < 0)
		return r;
	r = sp_ebpf_session_put(judge->plane, number, &session);
	for (size_t family = 0; r >= 0 && family < 2; family++)
		if (identity->has_address[family])
			r = sp_ebpf_ident_put(judge->plane, &identity->addresses[family], number,
					      epoch);
	return r;
}

int sp_judge_open_session(struct sp_judge *judge, const struct sp_identity *identity,
			  uint32_t *ret_number)
{
	const uint32_t number = judge->session_count;
	const uint64_t epoch = number + 1;
	int r;

	if (number >= judge->sessions_max)
		return -EUSERS;
	r = judge_take_addresses(judge, identity);
	if (r < 0)
		return r;
	r = judge_open_in_plane(judge, number, epoch, identity);
	if (r < 0)
		return r;
	r = sp_reference_open_session(judge->reference, number, epoch, identity, 0, 0);
	if (r < 0)
		return r;
	judge->session_count++;
	*ret_number = number;
	return 0;
}

int sp_judge_park_session(struct sp_judge *judge, uint32_t number)
{
	if (number >= judge->session_count)
		return -ENOENT;
	sp_reference_extend_session(judge->reference, number, LONG_AGO_NS);
	return judge->plane ? sp_ebpf_session_extend(judge->plane, number, LONG_AGO_NS) : 0;
}

int sp_judge_end_session(struct sp_judge *judge, uint32_t number)
{
	if (number >= judge->session_count)
		return -ENOENT;
	sp_reference_end_session(judge->reference, number);
	return judge->plane ? sp_ebpf_session_end(judge->plane, number) : 0;
}

int sp_judge_open_fixtures(struct sp_judge *judge)
{
	const struct sp_fixtures *fixtures = &judge->policy->fixtures;

	for (size_t i = 0; i < fixtures->session_count; i++) {
		const struct sp_fixture_session *session = &fixtures->sessions[i];
		struct sp_identity identity = { .user = session->user, .idp = session->idp };
		__sp_free uint32_t *roles = NULL;
		uint32_t number;
		int r;

		r = sp_policy_match_roles(judge->policy, session->idp,
					  (const char *const *)session->groups,
					  session->group_count, NULL, &roles, &identity.role_count);
		if (r < 0)
			return r;
		identity.roles = roles;
		memcpy(identity.addresses, session->addresses, sizeof(identity.addresses));
		memcpy(identity.has_address, session->has_address, sizeof(identity.has_address));
		r = sp_judge_open_session(judge, &identity, &number);
		if (r < 0)
			return r;
		if (!identity.role_count) /* no role, no session */
			r = sp_judge_end_session(judge, number);
		if (r < 0)
			return r;
	}
	return 0;
}

int sp_judge_frame(struct sp_judge *judge, enum sp_hook hook, const struct sp_frame *frame,
		   uint64_t now_ns, struct sp_judgement *ret_judgement)
{
	struct sp_judgement judgement = { .plane = "reference" };
	int r;

	r = sp_reference_judge(judge->reference, hook, frame, now_ns, &judgement.reference);
	if (r < 0)
		return r;
	judgement.answer = judgement.reference;
	if (judge->plane) {
		r = sp_ebpf_judge(judge->staged, hook, frame, now_ns, &judgement.answer);
		if (r < 0)
			return r;
		judgement.plane = "ebpf";
		judgement.disagree = !sp_answer_equal(&judgement.answer, &judgement.reference);
	}
	*ret_judgement = judgement;
	return 0;
}

int sp_judge_tuple(struct sp_judge *judge, enum sp_hook hook, const struct sp_tuple *tuple,
		   uint64_t now_ns, struct sp_judgement *ret_judgement)
{
	const bool is_ethernet = hook != SP_HOOK_VPN_IN && hook != SP_HOOK_VPN_OUT;
	uint8_t bytes[128];
	struct sp_frame frame = { .bytes = bytes, .is_ethernet = is_ethernet };

	frame.len = sp_packet_build(tuple, is_ethernet, bytes);
	return sp_judge_frame(judge, hook, &frame, now_ns, ret_judgement);
}
