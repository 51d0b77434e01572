/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Open sessions, and follow what the provider says of a person: who may sign in, with what roles
 * and for how long. */
#include <stdio.h>
#include <string.h>

#include "audit/time.h"
#include "base/err.h"
#include "daemon/change/change.h"
#include "daemon/access/deadlines.h"
#include "daemon/access/devices.h"
#include "daemon/access/roles.h"
#include "daemon/access/sessions.h"
#include "daemon/revisions/revision.h"
#include "daemon/revisions/routes.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "io/loop/loop.h"
#include "io/wireguard/wg_key.h"
#include "judge/judge.h"
#include "plane/plane.h"

SP_DEFINE_CLEANUP(struct sp_live *, sp_live_free);

/* ---- opening ---- */

static int find_slot(struct sp_people *people, uint32_t *ret_slot)
{
	const uint32_t limit = sp_people_slot_limit(people);

	for (uint32_t tried = 1; tried < limit; tried++) {
		uint32_t slot = people->next_slot;

		people->next_slot = slot + 1 < limit ? slot + 1 : 1;
		if (slot && !people->slots[slot]) {
			*ret_slot = slot;
			return 0;
		}
	}
	return -ENOSPC;
}

static bool is_owner(const struct sp_device *device, const struct sp_sign_in *sign_in)
{
	return device->idp && sign_in->idp && !strcmp(device->idp, sign_in->idp) &&
	       !strcmp(device->subject, sign_in->subject);
}

/* The device that is meant if no key was given: the person's only one, or the one of that name. */
static int find_own_device(struct sp_people *people, const struct sp_sign_in *sign_in,
			   struct sp_device **ret_device, struct sp_refusal *refusal)
{
	struct sp_device *found = NULL;

	for (size_t i = 0; i < people->device_count; i++) {
		struct sp_device *device = people->devices[i];

		if (!is_owner(device, sign_in) ||
		    (sign_in->device_name && strcmp(device->name, sign_in->device_name) != 0))
			continue;
		if (found)
			return sp_refuse(refusal, -EEXIST, "ambiguous", 1,
					 "%s has several devices; name one", sign_in->user);
		found = device;
	}
	if (!found)
		return sp_refuse(refusal, -ENOENT, "no-such-device", 1,
				 "%s has no such device yet; give its public key", sign_in->user);
	*ret_device = found;
	return 0;
}

/* One that is not enrolled yet is made, and is *@ret_made too. */
static int find_device(struct sp_people *people, const struct sp_sign_in *sign_in,
		       uint32_t devices_max, struct sp_device **ret_device,
		       struct sp_device **ret_made, struct sp_refusal *refusal)
{
	const struct sp_enrolment enrolment = {
		.public_key = sign_in->public_key,
		.name = sign_in->device_name ? sign_in->device_name : "device",
		.user = sign_in->user,
		.idp = sign_in->idp,
		.subject = sign_in->subject,
		.is_proven = sign_in->proof != NULL,
		.devices_max = devices_max,
	};
	struct sp_device *device;
	int r;

	if (!sign_in->public_key)
		return find_own_device(people, sign_in, ret_device, refusal);
	device = sp_device_find(people, sign_in->public_key);
	if (!device) {
		r = sp_device_make(people, &enrolment, ret_made, refusal);
		if (r == 0)
			*ret_device = *ret_made;
		return r;
	}
	if (sign_in->idp ? !is_owner(device, sign_in) : device->idp != NULL)
		return sp_refuse_login(refusal, -EPERM, SP_REFUSAL_DEVICE_TAKEN,
				       "this public key belongs to %s%s", device->user,
				       device->proven_ns || !device->idp
					       ? "; a key belongs to one person"
					       : ", who did not show to have its private key: who "
						 "does, as sallyport login does, gets it");
	*ret_device = device;
	return 0;
}

static int fill_row(struct sp_people *people, const struct sp_sign_in *sign_in,
		    const struct sp_device *device, struct sp_session_row *row)
{
	row->user = strdup(device->idp ? sign_in->user : device->user);
	row->device = strdup(device->name);
	row->idp = sign_in->idp ? strdup(sign_in->idp) : NULL;
	row->subject = sign_in->subject ? strdup(sign_in->subject) : NULL;
	row->refresh = sign_in->refresh ? strdup(sign_in->refresh) : NULL;
	if (!row->user || !row->device || (sign_in->idp && !row->idp) ||
	    (sign_in->subject && !row->subject) || (sign_in->refresh && !row->refresh))
		return -ENOMEM;
	memcpy(row->public_key, device->public_key, 32);
	memcpy(row->addresses, device->addresses, sizeof(row->addresses));
	memcpy(row->has_address, device->has_address, sizeof(row->has_address));
	row->opened_ns = row->since_ns = sp_clock_realtime_ns();
	row->boot_ns = sp_clock_boottime_ns();
	return find_slot(people, &row->slot);
}

/* As the roles say, unless an administrator said otherwise, who cannot let it outlast a role. A
 * machine's has no other end. */
static void set_lengths(struct sp_session_row *row, const struct sp_sign_in *sign_in,
			const struct sp_session_span *span)
{
	int64_t max_s = sign_in->max_s;

	row->has_own_max = sign_in->max_s != SP_BY_ROLES;
	row->has_own_idle = sign_in->idle_s != SP_BY_ROLES;
	if (!row->has_own_max)
		max_s = span->max_s;
	row->idle_s = row->has_own_idle ? sign_in->idle_s : span->idle_s;
	row->expires_ns = sp_session_end_ns(span, max_s ? row->since_ns + max_s * SP_NS_PER_S : 0);
	if (row->expires_ns)
		max_s = (row->expires_ns - row->since_ns) / SP_NS_PER_S;
	row->warn_s = sp_session_warn_s(span->warn_s, max_s);
}

static struct sp_person person_of(const struct sp_sign_in *sign_in)
{
	return (struct sp_person){ .user = sign_in->user,
				   .idp = sign_in->idp,
				   .groups = sign_in->groups,
				   .group_count = sign_in->group_count,
				   .peer_key = sign_in->public_key };
}

/* What a person has by the running policy, matched once for every use. */
struct grant {
	uint32_t *roles; /* indices */
	size_t count;
	struct sp_session_span span;
};

static void grant_done(struct grant *grant)
{
	free(grant->roles);
}

static int find_grant(struct sp_people *people, const struct sp_person *person,
		      struct grant *ret_grant)
{
	const struct sp_policy *policy = people->revisions->running->policy;
	int r = sp_policy_match_roles(policy, person, sp_clock_realtime_s(), &ret_grant->roles,
				      &ret_grant->count);

	if (r == 0)
		ret_grant->span =
			sp_policy_session_span(policy, ret_grant->roles, ret_grant->count);
	return r;
}

static int find_live_grant(struct sp_people *people, const struct sp_live *live,
			   struct grant *ret_grant)
{
	const struct sp_person person = sp_live_person(live);

	return find_grant(people, &person, ret_grant);
}

static int refuse_login(struct sp_people *people, const struct sp_sign_in *sign_in, int r,
			const struct sp_refusal *refusal)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	record.user = sign_in->user;
	record.idp = sign_in->idp;
	record.peer = sign_in->device_name;
	record.has_src = sign_in->from != NULL;
	if (sign_in->from)
		record.src = *sign_in->from;
	record.reason = sp_refuse_word(refusal->reason);
	record.message = refusal->message;
	record.by = sign_in->by;
	people->outside.refused(people->outside.arg, &record);
	return r;
}

static int refuse_roleless(const struct sp_people *people, const struct sp_person *person,
			   const char *user, struct sp_refusal *refusal)
{
	const struct sp_role *expired = sp_policy_expired_role(people->revisions->running->policy,
							       person, sp_clock_realtime_s());
	const char *idp = person->idp ? person->idp : "none, a peer key";
	char when[SP_TIME_TEXT_MAX];

	if (expired)
		return sp_refuse_login(refusal, -EACCES, SP_REFUSAL_NO_ROLE,
				       "no role of the policy matches %s (idp %s) any more: role "
				       "%s expired at %s",
				       user, idp, expired->name,
				       sp_time_format_s(expired->expires_s, when));
	return sp_refuse_login(refusal, -EACCES, SP_REFUSAL_NO_ROLE,
			       "no role of the policy matches %s (idp %s)", user, idp);
}

static int refuse_kernel(struct sp_refusal *refusal, int r)
{
	return sp_refuse(refusal, r, r == -EAGAIN ? "table-full" : "failed", 1,
			 "the kernel's tables did not take the session: %s",
			 sp_judge_fault(r == -EAGAIN ? -E2BIG : r));
}

static int refuse_change(struct sp_refusal *refusal, const struct sp_change *change, int r)
{
	return change->place == SP_CHANGE_IN_DATABASE
		       ? sp_refuse(refusal, r, "failed", 1, "keeping the session: %s",
				   sp_err_text(r))
		       : refuse_kernel(refusal, r);
}

static int refuse_slots(const struct sp_people *people, struct sp_refusal *refusal)
{
	return sp_refuse(refusal, -ENOSPC, "table-full", 1, "%u sessions are all there can be",
			 sp_people_slot_limit(people) - 1);
}

static int open_with(struct sp_people *people, const struct sp_sign_in *sign_in,
		     const struct grant *grant, struct sp_device *device, bool *ret_is_kept,
		     struct sp_live **ret_live, struct sp_refusal *refusal)
{
	__sp_cleanup(sp_live_freep) struct sp_live *live = NULL;
	__sp_cleanup(sp_session_row_done) struct sp_session_row row = { 0 };
	const struct sp_person person = person_of(sign_in);
	struct sp_change change = { .kind = SP_CHANGE_OPEN,
				    .by = sign_in->by,
				    .from = sign_in->from,
				    .former_why = "replaced",
				    .device = device,
				    .proof = sign_in->proof ? "an answered challenge" : NULL };
	int r = fill_row(people, sign_in, device, &row);

	if (r == -ENOSPC)
		return refuse_slots(people, refusal);
	if (r == 0 && !grant->count)
		return refuse_roleless(people, &person, sign_in->user, refusal);
	if (r == 0 && !(live = sp_live_make(&row, sign_in->groups, sign_in->group_count)))
		r = -ENOMEM;
	if (r == 0)
		r = sp_live_set_roles(live, people->revisions->running->policy, grant->roles,
				      grant->count);
	if (r < 0)
		return sp_refuse(refusal, r, "failed", 1, "making the session: %s", sp_err_text(r));
	set_lengths(&live->row, sign_in, &grant->span);
	change.live = live;
	change.last_seen_ns = live->row.boot_ns;
	r = sp_people_change(people, &change);
	if (r == 0)
		sp_session_await(live);
	*ret_is_kept = change.is_kept;
	if (change.is_kept)
		*ret_live = SP_TAKE_PTR(live);
	return r < 0 ? refuse_change(refusal, &change, r) : 0;
}

/* A person who proved to hold the private key takes the key from a person who only named the public
 * key. */
static void take_proven_key(struct sp_people *people, const struct sp_sign_in *sign_in)
{
	struct sp_device *device =
		sign_in->proof ? sp_device_find(people, sign_in->public_key) : NULL;
	char message[200];

	if (!device || !device->idp || device->proven_ns || is_owner(device, sign_in))
		return;
	snprintf(message, sizeof(message), "%s (idp %s) showed to have the private key of it",
		 sign_in->user, sign_in->idp);
	sp_device_lose(people, device, SP_REFUSAL_KEY_PROVEN, message, sign_in->by);
}

SP_DEFINE_CLEANUP(struct sp_device *, sp_device_free);

static int open_on_device(struct sp_people *people, const struct sp_sign_in *sign_in,
			  const struct grant *grant, struct sp_live **ret_live,
			  struct sp_refusal *refusal)
{
	__sp_cleanup(sp_device_freep) struct sp_device *made = NULL;
	struct sp_device *device = NULL;
	bool is_kept = false;
	const uint32_t most = sp_policy_max_devices(people->revisions->running->policy,
						    grant->roles, grant->count);
	int r = find_device(people, sign_in, most, &device, &made, refusal);

	if (r == 0)
		r = open_with(people, sign_in, grant, device, &is_kept, ret_live, refusal);
	if (is_kept)
		made = NULL;
	return r;
}

/* Refuse a person whose tunnel could not be built. */
static int check_routes(struct sp_people *people, const struct sp_sign_in *sign_in,
			const struct grant *grant, struct sp_refusal *refusal)
{
	const struct sp_identity identity = { .user = sign_in->idp ? sign_in->user : NULL,
					      .idp = sign_in->idp,
					      .roles = grant->roles,
					      .role_count = grant->count };
	size_t count = 0;
	int r = sp_routes_check(people, &identity, &count);

	if (r == -E2BIG)
		return sp_refuse_login(
			refusal, r, SP_REFUSAL_TOO_MANY_ROUTES,
			"the roles of %s reach %zu prefixes, and a tunnel carries at most %u: "
			"gather them under shorter ones, or set vpn.routes in sallyport.yaml",
			sign_in->user, count, SP_ROUTES_MAX);
	return r < 0 ? sp_refuse(refusal, r, "failed", 1, "listing what they reach: %s",
				 sp_err_text(r))
		     : 0;
}

int sp_session_open(struct sp_people *people, const struct sp_sign_in *sign_in,
		    struct sp_live **ret_live, struct sp_refusal *refusal)
{
	const struct sp_person person = person_of(sign_in);
	__sp_cleanup(grant_done) struct grant grant = { 0 };
	int r;

	if (!people->revisions->running)
		return sp_refuse(refusal, -ENOENT, "no-policy", 1,
				 "no policy is in force: apply one first (sallyport apply FILE)");
	r = sign_in->proof ? people->outside.check_proof(people->outside.arg, sign_in, refusal) : 0;
	if (r == 0 && sign_in->idp && sign_in->public_key)
		r = sp_device_check_key(people, sign_in->public_key, refusal);
	if (r < 0)
		return refuse_login(people, sign_in, r, refusal);
	/* no device is enrolled for a person without a role */
	r = find_grant(people, &person, &grant);
	if (r < 0)
		return sp_refuse(refusal, r, "failed", 1, "finding the roles of %s: %s",
				 sign_in->user, sp_err_text(r));
	if (!grant.count && sign_in->public_key)
		return refuse_login(people, sign_in,
				    refuse_roleless(people, &person, sign_in->user, refusal),
				    refusal);
	r = check_routes(people, sign_in, &grant, refusal);
	if (r < 0)
		return refuse_login(people, sign_in, r, refusal);
	take_proven_key(people, sign_in);
	r = open_on_device(people, sign_in, &grant, ret_live, refusal);
	if (r == -EAGAIN && !sign_in->is_asked_again)
		return r;
	return r < 0 ? refuse_login(people, sign_in, r, refusal) : 0;
}

/* ---- who they are now ---- */

/* Other roles: a new session takes over, so that the kernel always has one of the two. Each live
 * flow is judged again with its next packet. @next belongs to people, or is freed, from here on. */
static int take_over(struct sp_people *people, struct sp_live *live, struct sp_live *next,
		     const struct sp_news *news, struct sp_refusal *refusal)
{
	struct sp_plane_session former = { .last_seen_ns = sp_clock_boottime_ns() };
	struct sp_change change = { .kind = SP_CHANGE_OPEN,
				    .live = next,
				    .why = "groups-changed",
				    .by = news->by,
				    .former_why = "groups-changed" };
	int r = find_slot(people, &next->row.slot);

	if (r < 0) {
		sp_live_free(next);
		return refuse_slots(people, refusal);
	}
	next->row.replaces = live->row.id;
	sp_plane_session_get(people->plane, live->row.slot, &former);
	next->awaited_ns = live->awaited_ns;
	change.last_seen_ns = former.last_seen_ns;
	r = sp_people_change(people, &change);
	if (r == 0)
		return 0;
	if (!change.is_kept)
		sp_live_free(next);
	return refuse_change(refusal, &change, r);
}

/* End the session if the kernel could not be told: rights that the provider took away must not go
 * on. */
static int end_for(struct sp_people *people, struct sp_live *live, const char *why, const char *by,
		   int r)
{
	(void)sp_session_end(people, live, why, by);
	return r;
}

static struct sp_live *copy_with(const struct sp_live *live, const struct sp_news *news)
{
	__sp_cleanup(sp_live_freep) struct sp_live *next =
		sp_live_copy(live, news->groups ? news->groups : (const char *const *)live->groups,
			     news->groups ? news->group_count : live->group_count);

	if (next && news->refresh) {
		free(next->row.refresh);
		next->row.refresh = strdup(news->refresh);
		if (!next->row.refresh)
			return NULL;
	}
	return SP_TAKE_PTR(next);
}

/* Has it the roles of @grant already? What counts is the policy in force, by which the kernel
 * judges: after a restart, and until it has followed a new policy, its row tells those of before. */
static bool has_roles(const struct sp_people *people, const struct sp_live *live,
		      const struct grant *grant)
{
	__sp_free uint32_t *roles = NULL;
	struct sp_identity identity;

	return sp_live_identity(live, people->revisions->running->policy, sp_clock_realtime_s(),
				&identity, &roles) == 0 &&
	       identity.role_count == grant->count &&
	       !memcmp(roles, grant->roles, grant->count * sizeof(*roles));
}

int sp_session_update(struct sp_people *people, struct sp_live *live, const struct sp_news *news,
		      struct sp_live **ret_live, struct sp_refusal *refusal)
{
	__sp_cleanup(sp_live_freep) struct sp_live *next = NULL;
	__sp_cleanup(grant_done) struct grant grant = { 0 };
	int r;

	if (!people->revisions->running)
		return sp_refuse(refusal, -ENOENT, "no-policy", 1, "no policy is in force");
	next = copy_with(live, news);
	r = next ? find_live_grant(people, next, &grant) : -ENOMEM;
	if (r == 0 && !grant.count) {
		const struct sp_person person = sp_live_person(next);

		refuse_roleless(people, &person, live->row.user, refusal);
		return end_for(people, live, "no-role", news->by, -EACCES);
	}
	if (r == 0)
		r = sp_live_set_roles(next, people->revisions->running->policy, grant.roles,
				      grant.count);
	if (r == 0 && has_roles(people, live, &grant)) {
		struct sp_change change = { .kind = SP_CHANGE_GROUPS, .live = live, .next = next };

		r = sp_people_change(people, &change);
		if (r == 0) {
			*ret_live = live;
			return 0;
		}
	}
	if (r < 0) {
		sp_refuse(refusal, r, "failed", 1, "keeping the groups: %s", sp_err_text(r));
		return end_for(people, live, "failed", news->by, r);
	}
	sp_live_shorten(next, &grant.span);
	*ret_live = next;
	r = take_over(people, live, SP_TAKE_PTR(next), news, refusal);
	if (r == -EAGAIN && !news->is_asked_again)
		return r;
	return r < 0 ? end_for(people, live, "failed", news->by, r) : 0;
}

/* ---- after a policy ---- */

/* Open a machine's session: a machine signs in by its key alone, whenever a policy gives the key a
 * role. Returns 1: opened; 0: nothing to do; -EAGAIN: the revision has no room for it; -errno. */
static int open_machine(struct sp_people *people, const struct sp_device *device)
{
	const struct sp_sign_in sign_in = { .public_key = device->public_key,
					    .device_name = device->name,
					    .user = device->user };
	const struct sp_person machine = { .peer_key = device->public_key };
	const struct sp_live *former = sp_live_of_device(people, device->public_key);
	const int64_t now_s = sp_clock_realtime_s();
	__sp_free uint32_t *roles = NULL;
	struct sp_refusal refusal;
	struct sp_live *live;
	size_t count = 0;
	int r;

	if ((former && former->state == SP_LIVE_OPEN) ||
	    sp_policy_match_roles(people->revisions->running->policy, &machine, now_s, &roles,
				  &count) < 0 ||
	    !count)
		return 0;
	r = sp_session_open(people, &sign_in, &live, &refusal);
	if (r < 0)
		sp_log_error("machine %s: %s", device->name, refusal.message);
	return r < 0 ? r : 1;
}

static void follow_device(struct sp_people *people, struct sp_follow *follow,
			  struct sp_device *device, json_t *lost)
{
	int r;

	if (device->idp) {
		sp_device_follow_policy(people, device, lost);
		return;
	}
	r = open_machine(people, device);
	follow->has_opened |= r > 0;
	follow->lacks_room |= r == -EAGAIN;
}

/* From the last to the first: when one goes, by this or by whoever is served in between, the last
 * takes its place, and that one has been looked at. */
static bool follow_devices(struct sp_people *people, struct sp_follow *follow, uint64_t until_ns,
			   json_t *lost)
{
	if (!follow->is_among_devices || follow->device_count > people->device_count)
		follow->device_count = people->device_count;
	follow->is_among_devices = true;
	while (follow->device_count && sp_clock_boottime_ns() < until_ns)
		follow_device(people, follow, people->devices[--follow->device_count], lost);
	return follow->device_count != 0;
}

bool sp_sessions_follow_policy(struct sp_people *people, struct sp_follow *follow, json_t *lost)
{
	const uint64_t until_ns = sp_clock_boottime_ns() + SP_LOOP_SLICE_NS;

	if (!follow->slot)
		sp_people_tick(
			people); /* those whose role has expired are over, and not shortened */
	if (!follow->has_sessions)
		follow->has_sessions = !sp_people_follow_policy(people, follow, until_ns, lost);
	return !follow->has_sessions || follow_devices(people, follow, until_ns, lost);
}

bool sp_follow_wants_room(const struct sp_follow *follow)
{
	/* each revision that is made has room for those of the one before */
	return follow->has_opened && follow->lacks_room;
}
