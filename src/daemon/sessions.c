/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening, extending and ending sessions. The database is written before the kernel when access is
 * given and after it when access is taken, so a crash between the two never leaves more than was
 * recorded. */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "daemon/daemon.h"
#include "io/wg_key.h"

/* ---- the session in memory ---- */

static void free_texts(char ***texts, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		free((*texts)[i]);
	free(*texts);
	*texts = NULL;
	*count = 0;
}

void sp_live_free(struct sp_live *live)
{
	if (!live)
		return;
	free_texts(&live->groups, &live->group_count);
	free_texts(&live->roles, &live->role_count);
	sp_session_row_done(&live->row);
	free(live);
}

SP_DEFINE_CLEANUP(struct sp_live *, sp_live_free);

/* A JSON list of texts, as the row keeps it. */
static int read_list(const char *text, char ***ret_texts, size_t *ret_count)
{
	json_t *list = json_loads(text, 0, NULL), *item;
	size_t i;
	int r = json_is_array(list) ? 0 : -EUCLEAN;

	json_array_foreach(list, i, item) {
		char **copy = json_is_string(item) ? SP_ARRAY_PUSH(*ret_texts, *ret_count) : NULL;

		if (!copy || !(*copy = strdup(json_string_value(item)))) {
			r = -ENOMEM;
			break;
		}
	}
	json_decref(list);
	return r;
}

static char *write_list(const char *const *texts, size_t count)
{
	json_t *list = json_array();
	char *text;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(texts[i]));
	text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	return text;
}

struct sp_live *sp_live_new(struct sp_session_row *row)
{
	__sp_cleanup(sp_live_freep) struct sp_live *live = calloc(1, sizeof(*live));

	if (!live || read_list(row->groups, &live->groups, &live->group_count) < 0 ||
	    read_list(row->roles, &live->roles, &live->role_count) < 0)
		return NULL;
	live->row = *row;
	*row = (struct sp_session_row){ 0 };
	return SP_TAKE_PTR(live);
}

int sp_live_set_roles(struct sp_live *live, const struct sp_policy *policy, const uint32_t *roles,
		      size_t count)
{
	char **names = NULL, *text;
	size_t name_count = 0;

	for (size_t i = 0; i < count; i++) {
		char **name = SP_ARRAY_PUSH(names, name_count);

		if (!name || !(*name = strdup(policy->roles[roles[i]].name))) {
			free_texts(&names, &name_count);
			return -ENOMEM;
		}
	}
	text = write_list((const char *const *)names, name_count);
	if (!text) {
		free_texts(&names, &name_count);
		return -ENOMEM;
	}
	free_texts(&live->roles, &live->role_count);
	live->roles = names;
	live->role_count = name_count;
	free(live->row.roles);
	live->row.roles = text;
	return 0;
}

int sp_live_identity(const struct sp_live *live, const struct sp_policy *policy,
		     struct sp_identity *ret_identity, uint32_t **ret_roles)
{
	struct sp_identity identity = { .user = live->row.idp ? live->row.user : NULL };
	uint32_t *roles = NULL;
	int r = sp_policy_match_roles(policy, live->row.idp, (const char *const *)live->groups,
				      live->group_count, live->row.public_key, &roles,
				      &identity.role_count);

	if (r < 0)
		return r;
	identity.roles = roles;
	memcpy(identity.addresses, live->row.addresses, sizeof(identity.addresses));
	memcpy(identity.has_address, live->row.has_address, sizeof(identity.has_address));
	*ret_identity = identity;
	*ret_roles = roles;
	return 0;
}

/* ---- into the kernel ---- */

/* Its class in the running revision: rows first, nothing points at them yet. */
static int add_to_running(struct sp_daemon *daemon, const struct sp_identity *identity,
			  uint32_t class_id[2], uint32_t netset[2])
{
	int r = sp_tables_add_identity(daemon->running->tables, identity, class_id, netset);

	if (r < 0)
		return r;
	return sp_ebpf_staged_extend(sp_ebpf_running(daemon->plane), daemon->running->tables);
}

/* No room for its rows: a new revision has spare room again. Once. */
static int find_class(struct sp_daemon *daemon, const struct sp_live *live,
		      uint32_t class_id[2], uint32_t netset[2])
{
	for (int attempt = 0;; attempt++) {
		__sp_free uint32_t *roles = NULL;
		struct sp_identity identity;
		int r = sp_live_identity(live, daemon->running->policy, &identity, &roles);

		if (r == 0)
			r = add_to_running(daemon, &identity, class_id, netset);
		if (r != -ENOSPC && r != -ESTALE && r != -E2BIG)
			return r;
		if (attempt || sp_apply_restage_now(daemon, "a sign-in needed room") < 0)
			return -ENOSPC;
	}
}

static int put_session(struct sp_daemon *daemon, struct sp_live *live)
{
	const uint64_t offset_ns = (uint64_t)sp_clock_offset_ns();
	struct sp_session session = {
		.epoch = live->row.epoch,
		.idle_ns = (uint64_t)live->row.idle_s * SP_SECOND_NS,
		.last_seen_ns = sp_clock_boottime_ns(),
		.expires_ns = sp_clock_utc_to_boottime_ns(live->row.expires_ns,
							  (int64_t)offset_ns),
	};
	uint32_t class_id[2], netset[2];
	uint64_t staged;
	unsigned int slot;
	int r = find_class(daemon, live, class_id, netset);

	if (r < 0)
		return r;
	slot = daemon->running->number & 1;
	memcpy(session.class_id[slot], class_id, sizeof(class_id));
	memcpy(session.netset[slot], netset, sizeof(netset));
	r = sp_apply_add_identity(daemon, live, &staged, class_id, netset);
	if (r < 0)
		return r;
	if (r == 1) {
		memcpy(session.class_id[staged & 1], class_id, sizeof(class_id));
		memcpy(session.netset[staged & 1], netset, sizeof(netset));
	}
	live->last_seen_ns = session.last_seen_ns;
	r = sp_ebpf_session_put(daemon->plane, live->row.slot, &session);
	for (int family = 0; family < 2 && r == 0; family++)
		if (live->row.has_address[family])
			r = sp_ebpf_ident_put(daemon->plane, &live->row.addresses[family],
					      live->row.slot, live->row.epoch);
	return r;
}

/* ---- opening ---- */

static int find_slot(struct sp_people *people, uint32_t *ret_slot)
{
	for (uint32_t tried = 1; tried < SP_SLOTS; tried++) {
		uint32_t slot = people->next_slot;

		people->next_slot = slot + 1 < SP_SLOTS ? slot + 1 : 1;
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

/* The device meant when no key was given: the person's only one, or the one of that name. */
static int find_own_device(struct sp_daemon *daemon, const struct sp_sign_in *sign_in,
			   struct sp_device **ret_device, struct sp_refusal *refusal)
{
	struct sp_device *found = NULL;

	for (size_t i = 0; i < daemon->people.device_count; i++) {
		struct sp_device *device = daemon->people.devices[i];

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

static int find_device(struct sp_daemon *daemon, const struct sp_sign_in *sign_in,
		       struct sp_device **ret_device, struct sp_refusal *refusal)
{
	const struct sp_enrolment enrolment = {
		.public_key = sign_in->public_key,
		.name = sign_in->device_name ? sign_in->device_name : "device",
		.user = sign_in->user, .idp = sign_in->idp, .subject = sign_in->subject,
	};
	struct sp_device *device;

	if (!sign_in->public_key)
		return find_own_device(daemon, sign_in, ret_device, refusal);
	device = sp_device_find(&daemon->people, sign_in->public_key);
	if (!device)
		return sp_device_enrol(daemon, &enrolment, ret_device, refusal);
	if (sign_in->idp ? !is_owner(device, sign_in) : device->idp != NULL)
		return sp_refuse(refusal, -EPERM, "login-refused", 7,
				 "this public key belongs to %s; a key belongs to one person",
				 device->user);
	*ret_device = device;
	return 0;
}

static int fill_row(struct sp_daemon *daemon, const struct sp_sign_in *sign_in,
		    const struct sp_device *device, struct sp_session_row *row)
{
	row->groups = write_list(sign_in->groups, sign_in->group_count);
	row->roles = strdup("[]");
	row->user = strdup(device->idp ? sign_in->user : device->user);
	row->device = strdup(device->name);
	row->idp = sign_in->idp ? strdup(sign_in->idp) : NULL;
	row->subject = sign_in->subject ? strdup(sign_in->subject) : NULL;
	if (!row->groups || !row->roles || !row->user || !row->device ||
	    (sign_in->idp && !row->idp) || (sign_in->subject && !row->subject))
		return -ENOMEM;
	memcpy(row->public_key, device->public_key, 32);
	memcpy(row->addresses, device->addresses, sizeof(row->addresses));
	memcpy(row->has_address, device->has_address, sizeof(row->has_address));
	row->opened_ns = sp_clock_realtime_ns();
	row->expires_ns = sign_in->max_s ? row->opened_ns + sign_in->max_s * SP_NS_PER_S : 0;
	row->idle_s = sign_in->idle_s;
	return find_slot(&daemon->people, &row->slot);
}

/* Roles by the running policy, into the session. -EACCES: none. */
static int give_roles(struct sp_daemon *daemon, struct sp_live *live)
{
	__sp_free uint32_t *roles = NULL;
	struct sp_identity identity;
	int r = sp_live_identity(live, daemon->running->policy, &identity, &roles);

	if (r < 0)
		return r;
	if (!identity.role_count)
		return -EACCES;
	return sp_live_set_roles(live, daemon->running->policy, roles, identity.role_count);
}

static int keep_session(struct sp_daemon *daemon, struct sp_live *live)
{
	int r = sp_store_begin(daemon->store);

	if (r == 0)
		r = sp_store_next_epoch(daemon->store, &live->row.epoch);
	if (r == 0)
		r = sp_store_add_session(daemon->store, &live->row);
	if (r == 0)
		r = sp_store_commit(daemon->store);
	if (r < 0)
		sp_store_cancel(daemon->store);
	return r;
}

static void replace_former(struct sp_daemon *daemon, struct sp_live *live, const char *by)
{
	for (struct sp_live *other = sp_live_next(&daemon->people, NULL); other;
	     other = sp_live_next(&daemon->people, other)) {
		if (other == live || other->state == SP_LIVE_ENDED ||
		    memcmp(other->row.public_key, live->row.public_key, 32) != 0)
			continue;
		sp_session_cut(daemon, other);
		sp_session_settle(daemon, other, SP_LIVE_ENDED, "replaced", by);
	}
}

static int refuse_login(struct sp_daemon *daemon, const struct sp_sign_in *sign_in, int r,
			const struct sp_refusal *refusal)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	record.event = SP_AUDIT_LOGIN_REFUSED;
	record.user = sign_in->user;
	record.peer = sign_in->device_name;
	record.reason = refusal->code;
	record.message = refusal->message;
	record.by = sign_in->by;
	sp_recorder_append(daemon, &record);
	return r;
}

static int open_with(struct sp_daemon *daemon, const struct sp_sign_in *sign_in,
		     const struct sp_device *device, struct sp_live **ret_live,
		     struct sp_refusal *refusal)
{
	__sp_cleanup(sp_live_freep) struct sp_live *live = NULL;
	__sp_cleanup(sp_session_row_done) struct sp_session_row row = { 0 };
	struct sp_people *people = &daemon->people;
	int r = fill_row(daemon, sign_in, device, &row);

	if (r == -ENOSPC)
		return sp_refuse(refusal, r, "table-full", 1, "%u sessions are all there can be",
				 SP_SLOTS - 1);
	if (r == 0 && !(live = sp_live_new(&row)))
		r = -ENOMEM;
	if (r == 0)
		r = give_roles(daemon, live);
	if (r == -EACCES)
		return sp_refuse(refusal, r, "login-refused", 7,
				 "no role of the policy matches %s (idp %s)", sign_in->user,
				 sign_in->idp ? sign_in->idp : "none, a peer key");
	if (r == 0)
		r = keep_session(daemon, live);
	if (r < 0)
		return sp_refuse(refusal, r, "failed", 1, "keeping the session: %s",
				 sp_err_text(r));
	people->slots[live->row.slot] = live;
	if (live->row.slot >= people->slot_end)
		people->slot_end = live->row.slot + 1;
	r = put_session(daemon, live);
	if (r < 0) {
		sp_session_cut(daemon, live);
		sp_session_settle(daemon, SP_TAKE_PTR(live), SP_LIVE_ENDED, "failed", sign_in->by);
		return sp_refuse(refusal, r, r == -ENOSPC || r == -E2BIG ? "table-full" : "failed",
				 1, "the kernel's tables did not take the session: %s",
				 sp_err_text(r));
	}
	replace_former(daemon, live, sign_in->by);
	*ret_live = SP_TAKE_PTR(live);
	return 0;
}

int sp_session_open(struct sp_daemon *daemon, const struct sp_sign_in *sign_in,
		    struct sp_live **ret_live, struct sp_refusal *refusal)
{
	__sp_free uint32_t *roles = NULL;
	struct sp_device *device = NULL;
	size_t role_count = 0;
	int r;

	if (!daemon->running)
		return sp_refuse(refusal, -ENOENT, "no-policy", 1,
				 "no policy is in force: apply one first (sallyport apply FILE)");
	/* no device is enrolled for somebody who has no role */
	r = sp_policy_match_roles(daemon->running->policy, sign_in->idp, sign_in->groups,
				  sign_in->group_count, sign_in->public_key, &roles, &role_count);
	if (r < 0)
		return sp_refuse(refusal, r, "failed", 1, "%s", sp_err_text(r));
	if (!role_count && sign_in->public_key) {
		sp_refuse(refusal, -EACCES, "login-refused", 7,
			  "no role of the policy matches %s (idp %s)", sign_in->user,
			  sign_in->idp ? sign_in->idp : "none, a peer key");
		return refuse_login(daemon, sign_in, -EACCES, refusal);
	}
	r = find_device(daemon, sign_in, &device, refusal);
	if (r == 0)
		r = open_with(daemon, sign_in, device, ret_live, refusal);
	if (r < 0)
		return refuse_login(daemon, sign_in, r, refusal);
	sp_recorder_session(daemon, SP_AUDIT_SESSION_OPEN, *ret_live, NULL, sign_in->by);
	sp_engine_touch(daemon, (*ret_live)->row.public_key);
	return 0;
}

/* ---- extending and ending ---- */

int sp_session_extend(struct sp_daemon *daemon, struct sp_live *live, int64_t max_s,
		      const char *by)
{
	int64_t expires_ns = sp_clock_realtime_ns() + max_s * SP_NS_PER_S;
	int r = sp_store_extend_session(daemon->store, live->row.id, expires_ns);

	if (r < 0)
		return r;
	live->row.expires_ns = expires_ns;
	r = sp_ebpf_session_extend(daemon->plane, live->row.slot,
				   sp_clock_utc_to_boottime_ns(expires_ns, sp_clock_offset_ns()));
	if (r < 0)
		return r;
	sp_recorder_session(daemon, SP_AUDIT_SESSION_EXTEND, live, NULL, by);
	sp_engine_touch(daemon, live->row.public_key);
	return 0;
}

int sp_session_cut(struct sp_daemon *daemon, struct sp_live *live)
{
	if (live->state ==
	    SP_LIVE_OPEN) /* taken before the store: what is allowed after it is a fault */
		live->row.closed_ns = sp_clock_realtime_ns();
	return sp_ebpf_session_end(daemon->plane, live->row.slot);
}

void sp_session_settle(struct sp_daemon *daemon, struct sp_live *live, enum sp_live_state state,
		       const char *why, const char *by)
{
	const bool was_open = live->state == SP_LIVE_OPEN;
	int r;

	live->state = state;
	live->until_ns = state == SP_LIVE_PARKED ?
				 live->row.closed_ns + daemon->machine->parked_s * SP_NS_PER_S :
				 sp_clock_realtime_ns() + SP_LINGER_NS;
	free(live->row.why);
	live->row.why = strdup(why);
	r = sp_store_close_session(daemon->store, live->row.id, live->row.closed_ns, why);
	if (was_open)
		sp_recorder_session(daemon, SP_AUDIT_SESSION_CLOSE, live, why, by);
	if (r < 0)
		sp_log_error("session %llu has ended but the database did not take it: %s",
			     (unsigned long long)live->row.id, sp_store_error(daemon->store));
	sp_engine_touch(daemon, live->row.public_key);
}
