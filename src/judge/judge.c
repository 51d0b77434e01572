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
#define STAND_IN_TRIES 64 /* addresses of the pool's end that the policy's people may have */
#define LONG_AGO_NS 1     /* 0 is never */
#define IN_PLANE(number) ((number) + 1) /* sessions of a plane are numbered from 1 */

/* A plane that is asked besides the reference. */
struct asked {
	struct sp_plane *plane;
	struct sp_plane_staged *staged;
};

struct known {
	char *user, *idp;
	uint64_t person;
};

struct sp_judge {
	const struct sp_policy *policy;
	const struct sp_gateway *gateway;
	struct sp_facts facts;
	struct sp_reference *reference;
	struct sp_tables *tables;
	struct asked asked[SP_PLANES_MAX];
	size_t asked_count; /* 0: the reference alone */
	char why_not[sizeof(((struct sp_plane_error *)NULL)->text)];
	struct known *known; /* people whose sessions were opened */
	size_t known_count;
	struct sp_addr *taken; /* addresses of the sessions opened */
	size_t taken_count;
	uint32_t session_count, sessions_max;
	uint32_t stand_in_count; /* spare addresses that stand-ins were tried at */
};

/* How many sessions are needed: the policy's people, one for every role, and the one that is asked
 * about. */
static uint32_t sessions_of(const struct sp_policy *policy)
{
	const size_t wanted = policy->fixtures.session_count + policy->role_count + 1;
	uint32_t room = JUDGE_SESSIONS_LEAST;

	while (room < wanted && room < JUDGE_SESSIONS_MOST)
		room *= 2;
	return room;
}

/* Can the plane be asked about this policy? Returns 0; -EOPNOTSUPP with the first reason why not;
 * -ENOMEM. */
static int check_plane(const struct sp_judge *judge, const struct sp_plane_ops *ops,
		       struct sp_plane_error *error)
{
	__sp_cleanup(sp_diagnostics_done) struct sp_diagnostics lacking = { 0 };
	int r = sp_plane_check(ops, judge->policy, &lacking);

	if (r == -ENOMEM)
		return r;
	if (!ops->judge)
		snprintf(error->text, sizeof(error->text),
			 "the plane %s judges no packets without wires", ops->name);
	else if (r < 0)
		snprintf(error->text, sizeof(error->text), "%s:%u:%u: %s", lacking.items[0].path,
			 lacking.items[0].place.line, lacking.items[0].place.column,
			 lacking.items[0].message);
	return r < 0 || !ops->judge ? -EOPNOTSUPP : 0;
}

static int open_plane(struct sp_judge *judge, const struct sp_plane_ops *ops,
		      struct sp_plane_error *error)
{
	const struct sp_plane_options options = {
		.sessions_max = IN_PLANE(judge->sessions_max),
		.flows_max = JUDGE_FLOWS_MAX,
		.events_bytes = JUDGE_EVENTS_BYTES,
	};
	struct asked *asked = &judge->asked[judge->asked_count];
	int r = check_plane(judge, ops, error);

	if (r == 0)
		r = ops->open(&options, &asked->plane, error);
	if (r < 0)
		return r;
	r = sp_plane_stage(asked->plane, judge->tables, JUDGE_REVISION, &asked->staged, error);
	if (r < 0)
		sp_plane_close(SP_TAKE_PTR(asked->plane));
	else
		judge->asked_count++;
	return r;
}

static int judge_compile(struct sp_judge *judge, struct sp_plane_error *error)
{
	int r = sp_tables_compile(judge->policy, judge->gateway, &judge->facts, &judge->tables);

	if (r < 0)
		snprintf(error->text, sizeof(error->text), "compiling the policy: %s",
			 sp_judge_fault(r));
	return r;
}

static int open_planes(struct sp_judge *judge, const struct sp_judge_planes *planes,
		       struct sp_plane_error *error)
{
	int r = planes->count ? judge_compile(judge, error) : 0;

	if (!planes->count)
		snprintf(judge->why_not, sizeof(judge->why_not),
			 "only the reference was asked for");
	for (size_t i = 0; r == 0 && i < planes->count && i < SP_PLANES_MAX; i++) {
		r = open_plane(judge, planes->items[i], error);
		if (r == 0 || planes->is_needed)
			continue;
		memcpy(judge->why_not, error->text, sizeof(judge->why_not));
		r = 0;
	}
	return r;
}

int sp_judge_new(const struct sp_policy *policy, const struct sp_gateway *gateway,
		 const struct sp_facts *facts, const struct sp_judge_planes *planes,
		 struct sp_judge **ret_judge, struct sp_plane_error *error)
{
	__sp_cleanup(sp_judge_freep) struct sp_judge *judge = NULL;
	int r;

	judge = calloc(1, sizeof(*judge));
	if (!judge)
		return -ENOMEM;
	judge->policy = policy;
	judge->gateway = gateway;
	judge->facts = *facts;
	judge->sessions_max = sessions_of(policy);
	r = sp_reference_new(policy, gateway, facts, &judge->reference);
	if (r < 0)
		return r;
	sp_reference_set_policy(judge->reference, policy, gateway, facts, JUDGE_REVISION);
	sp_reference_set_flow_bounds(judge->reference, JUDGE_FLOWS_MAX, SP_SESSION_FLOWS_MAX);
	r = open_planes(judge, planes, error);
	if (r < 0)
		return r;
	*ret_judge = SP_TAKE_PTR(judge);
	return 0;
}

void sp_judge_free(struct sp_judge *judge)
{
	if (!judge)
		return;
	for (size_t i = 0; i < judge->asked_count; i++) {
		sp_plane_staged_free(judge->asked[i].staged);
		sp_plane_close(judge->asked[i].plane);
	}
	if (judge->tables)
		sp_tables_free(judge->tables);
	if (judge->reference)
		sp_reference_free(judge->reference);
	for (size_t i = 0; i < judge->known_count; i++) {
		free(judge->known[i].user);
		free(judge->known[i].idp);
	}
	free(judge->known);
	free(judge->taken);
	free(judge);
}

const char *sp_judge_plane(const struct sp_judge *judge)
{
	return judge->asked_count ? judge->asked[0].plane->ops->name : SP_JUDGE_REFERENCE;
}

bool sp_judge_is_plane(const char *name)
{
	return strcmp(name, SP_JUDGE_REFERENCE) != 0;
}

const char *sp_judge_why_not(const struct sp_judge *judge)
{
	return judge->why_not;
}

const char *sp_judge_fault(int r)
{
	switch (r) {
	case -E2BIG:
		return "the policy needs more table rows than there can be: write fewer "
		       "combinations of roles, networks and services, or gather networks under one "
		       "name";
	case -EUSERS:
		return "it has more sessions than can be judged at once (65536): leave some of the "
		       "fixtures out";
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

/* Stage the tables again. They have outgrown their room, which was computed before any session was
 * added. Staged again, they get room for what they hold now and more. */
static int stage_again(struct sp_judge *judge, struct asked *asked)
{
	struct sp_plane_error error;

	sp_plane_staged_free(SP_TAKE_PTR(asked->staged));
	return sp_plane_stage(asked->plane, judge->tables, JUDGE_REVISION, &asked->staged, &error);
}

static int open_in_plane(struct sp_judge *judge, struct asked *asked, uint32_t number,
			 const struct sp_plane_session *session, const struct sp_identity *identity)
{
	int r = sp_plane_staged_extend(asked->staged, judge->tables);

	if (r == -ENOSPC)
		r = stage_again(judge, asked);
	if (r < 0)
		return r;
	r = sp_plane_session_put(asked->plane, IN_PLANE(number), session);
	for (size_t family = 0; r >= 0 && family < 2; family++)
		if (identity->has_address[family])
			r = sp_plane_ident_put(asked->plane, &identity->addresses[family],
					       IN_PLANE(number), session->epoch);
	return r;
}

static int open_in_planes(struct sp_judge *judge, uint32_t number, uint64_t epoch, uint64_t person,
			  uint64_t expires_ns, const struct sp_identity *identity)
{
	struct sp_plane_session session = { .epoch = epoch,
					    .person = person,
					    .expires_ns = expires_ns,
					    .in = { { .revision = JUDGE_REVISION } },
					    .count = 1 };
	int r;

	if (!judge->tables)
		return 0;
	r = sp_tables_add_identity(judge->tables, identity, session.in[0].class_id,
				   session.in[0].netset, session.in[0].own_netset);
	for (size_t i = 0; r >= 0 && i < judge->asked_count; i++)
		r = open_in_plane(judge, &judge->asked[i], number, &session, identity);
	return r;
}

static int add_known(struct sp_judge *judge, const struct sp_identity *identity, uint64_t person)
{
	struct known *known = SP_ARRAY_PUSH(judge->known, judge->known_count);

	if (!known)
		return -ENOMEM;
	known->user = strdup(identity->user);
	known->idp = strdup(identity->idp);
	known->person = person;
	if (known->user && known->idp)
		return 0;
	free(known->user);
	free(known->idp);
	judge->known_count--;
	return -ENOMEM;
}

/* One number for all sessions of a person: the epoch of their first one. Whoever has no name is
 * known by the one session. */
static int number_person(struct sp_judge *judge, const struct sp_identity *identity, uint64_t epoch,
			 uint64_t *ret_person)
{
	*ret_person = 0;
	if (!sp_identity_is_person(identity) || !*identity->user)
		return 0;
	for (size_t i = 0; i < judge->known_count; i++)
		if (!strcmp(judge->known[i].user, identity->user) &&
		    !strcmp(judge->known[i].idp, identity->idp)) {
			*ret_person = judge->known[i].person;
			return 0;
		}
	*ret_person = epoch;
	return add_known(judge, identity, epoch);
}

/* Boot time at which the first of the roles expires, and the session with it; 0: none does. */
static uint64_t first_expiry_ns(const struct sp_judge *judge, const struct sp_identity *identity)
{
	const int64_t until_s =
		sp_policy_session_span(judge->policy, identity->roles, identity->role_count)
			.until_s;
	int64_t at_ns;

	if (!until_s || __builtin_mul_overflow(until_s - judge->facts.now_s, 1000000000, &at_ns) ||
	    __builtin_add_overflow(at_ns, (int64_t)judge->facts.now_boot_ns, &at_ns))
		return 0;
	return at_ns > LONG_AGO_NS ? (uint64_t)at_ns : LONG_AGO_NS;
}

int sp_judge_open_session(struct sp_judge *judge, const struct sp_identity *identity,
			  uint32_t *ret_number)
{
	const uint32_t number = judge->session_count;
	const uint64_t epoch = number + 1;
	const uint64_t expires_ns = first_expiry_ns(judge, identity);
	uint64_t person;
	int r;

	if (number >= judge->sessions_max)
		return -EUSERS;
	r = judge_take_addresses(judge, identity);
	if (r < 0)
		return r;
	r = number_person(judge, identity, epoch, &person);
	if (r < 0)
		return r;
	r = open_in_planes(judge, number, epoch, person, expires_ns, identity);
	if (r < 0)
		return r;
	r = sp_reference_open_session(judge->reference, number, epoch, identity, expires_ns, 0);
	if (r < 0)
		return r;
	judge->session_count++;
	*ret_number = number;
	return 0;
}

int sp_judge_open_stand_in(struct sp_judge *judge, uint32_t role, struct sp_identity *ret_identity)
{
	struct sp_identity identity;
	uint32_t number;
	int r = -EEXIST;

	for (uint32_t tries = 0; tries < STAND_IN_TRIES && r == -EEXIST; tries++) {
		sp_judge_stand_in(judge->policy, judge->gateway, &role, judge->stand_in_count++,
				  &identity);
		r = sp_judge_open_session(judge, &identity, &number);
	}
	identity.roles = NULL;
	identity.role_count = 0;
	*ret_identity = identity;
	return r;
}

int sp_judge_park_session(struct sp_judge *judge, uint32_t number)
{
	int r = 0;

	if (number >= judge->session_count)
		return -ENOENT;
	sp_reference_extend_session(judge->reference, number, LONG_AGO_NS);
	for (size_t i = 0; r >= 0 && i < judge->asked_count; i++)
		r = sp_plane_session_park(judge->asked[i].plane, IN_PLANE(number));
	return r;
}

int sp_judge_end_session(struct sp_judge *judge, uint32_t number)
{
	int r = 0;

	if (number >= judge->session_count)
		return -ENOENT;
	sp_reference_end_session(judge->reference, number);
	for (size_t i = 0; r >= 0 && i < judge->asked_count; i++)
		r = sp_plane_session_end(judge->asked[i].plane, IN_PLANE(number));
	return r;
}

int sp_judge_end_roleless(struct sp_judge *judge, const struct sp_person *person, uint32_t number)
{
	if (sp_policy_expired_role(judge->policy, person, judge->facts.now_s))
		return sp_judge_park_session(judge, number);
	return sp_judge_end_session(judge, number);
}

int sp_judge_ban(struct sp_judge *judge, const struct sp_prefix *prefix)
{
	int r = sp_reference_ban(judge->reference, prefix, 0);

	for (size_t i = 0; r >= 0 && i < judge->asked_count; i++)
		r = sp_plane_ban_put(judge->asked[i].plane, prefix, 0);
	return r;
}

int sp_judge_open_fixtures(struct sp_judge *judge)
{
	const struct sp_fixtures *fixtures = &judge->policy->fixtures;

	for (size_t i = 0; i < fixtures->session_count; i++) {
		const struct sp_fixture_session *session = &fixtures->sessions[i];
		const struct sp_person person = sp_fixture_person(session);
		struct sp_identity identity = { .user = session->user, .idp = session->idp };
		__sp_free uint32_t *roles = NULL;
		uint32_t number;
		int r;

		r = sp_policy_match_roles(judge->policy, &person, judge->facts.now_s, &roles,
					  &identity.role_count);
		if (r < 0)
			return r;
		identity.roles = roles;
		memcpy(identity.addresses, session->addresses, sizeof(identity.addresses));
		memcpy(identity.has_address, session->has_address, sizeof(identity.has_address));
		r = sp_judge_open_session(judge, &identity, &number);
		if (r < 0)
			return r;
		if (!identity.role_count) /* without a role there is no session */
			r = sp_judge_end_roleless(judge, &person, number);
		if (r < 0)
			return r;
	}
	return 0;
}

int sp_judge_frame(struct sp_judge *judge, enum sp_hook hook, const struct sp_frame *frame,
		   uint64_t now_ns, struct sp_judgement *ret_judgement)
{
	struct sp_judgement judgement = { .plane = sp_judge_plane(judge),
					  .plane_count = judge->asked_count };
	int r;

	r = sp_reference_judge(judge->reference, hook, frame, now_ns, &judgement.reference);
	if (r < 0)
		return r;
	judgement.answer = judgement.reference;
	for (size_t i = 0; i < judge->asked_count; i++) {
		struct sp_judge_answer *by = &judgement.planes[i];

		by->plane = judge->asked[i].plane->ops->name;
		r = sp_plane_judge(judge->asked[i].staged, hook, frame, now_ns, &by->answer);
		if (r < 0)
			return r;
		judgement.disagree |= !sp_answer_equal(&by->answer, &judgement.reference);
	}
	if (judge->asked_count)
		judgement.answer = judgement.planes[0].answer;
	*ret_judgement = judgement;
	return 0;
}

int sp_judge_tuple(struct sp_judge *judge, enum sp_hook hook, const struct sp_tuple *tuple,
		   bool is_own, uint64_t now_ns, struct sp_judgement *ret_judgement)
{
	const bool is_ethernet = hook != SP_HOOK_VPN_IN && hook != SP_HOOK_VPN_OUT;
	uint8_t bytes[128];
	struct sp_frame frame = { .bytes = bytes, .is_ethernet = is_ethernet, .is_own = is_own };

	frame.len = sp_packet_build(tuple, is_ethernet, bytes);
	return sp_judge_frame(judge, hook, &frame, now_ns, ret_judgement);
}

int sp_judge_try(struct sp_judge *judge, const struct sp_policy *policy, enum sp_hook hook,
		 const struct sp_frame *frame, uint64_t now_ns, struct sp_answer *ret_answer)
{
	return sp_reference_try(judge->reference, policy, hook, frame, now_ns, ret_answer);
}
