/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All sessions together: finding them, and what time and a new policy do to them. */
#include "daemon/people.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "daemon/change.h"
#include "daemon/daemon.h"
#include "net/addr.h"

struct sp_live *sp_live_next(const struct sp_people *people, const struct sp_live *live)
{
	for (uint32_t slot = live ? live->row.slot + 1 : 1; slot < people->slot_end; slot++)
		if (people->slots[slot])
			return people->slots[slot];
	return NULL;
}

struct sp_live *sp_live_find(const struct sp_people *people, uint64_t id)
{
	struct sp_live *live = NULL;

	while ((live = sp_live_next(people, live)))
		if (live->row.id == id)
			return live;
	return NULL;
}

struct sp_live *sp_live_of(const struct sp_people *people, uint32_t slot, uint64_t epoch)
{
	struct sp_live *live = slot < SP_SLOTS ? people->slots[slot] : NULL;

	return live && live->row.epoch == epoch ? live : NULL;
}

struct sp_live *sp_live_of_address(const struct sp_people *people, const struct sp_addr *addr)
{
	const int family = sp_addr_is_v4(addr) ? 0 : 1;
	struct sp_live *live = NULL, *newest = NULL;

	while ((live = sp_live_next(people, live)))
		if (live->row.has_address[family] &&
		    !sp_addr_compare(&live->row.addresses[family], addr) &&
		    (!newest || live->row.epoch > newest->row.epoch))
			newest = live;
	return newest;
}

struct sp_live *sp_live_of_device(const struct sp_people *people, const uint8_t key[32])
{
	struct sp_live *live = NULL, *found = NULL;

	while ((live = sp_live_next(people, live)))
		if (live->state != SP_LIVE_ENDED && !memcmp(live->row.public_key, key, 32) &&
		    (!found || live->state == SP_LIVE_OPEN))
			found = live;
	return found;
}

bool sp_people_share_name(const struct sp_people *people, const char *user,
			  const char *ret_idps[2])
{
	struct sp_live *live = NULL;
	const char *first = NULL;

	while ((live = sp_live_next(people, live))) {
		const char *idp = live->row.idp ? live->row.idp : "";

		if (live->state == SP_LIVE_ENDED || strcmp(live->row.user, user) != 0)
			continue;
		if (first && strcmp(first, idp) != 0) {
			ret_idps[0] = first;
			ret_idps[1] = idp;
			return true;
		}
		first = idp;
	}
	return false;
}

void sp_people_done(struct sp_people *people)
{
	for (uint32_t slot = 0; slot < people->slot_end; slot++)
		sp_live_free(people->slots[slot]);
	for (size_t i = 0; i < people->device_count; i++) {
		sp_device_done(people->devices[i]);
		free(people->devices[i]);
	}
	free(people->devices);
	people->devices = NULL;
	people->device_count = 0;
	people->slot_end = 0;
}

void sp_people_changed(struct sp_people *people, const uint8_t key[32])
{
	struct sp_people_changes *changes = &people->changes;

	if (key && !changes->is_all && changes->count < SP_CHANGES_MAX)
		memcpy(changes->keys[changes->count++].bytes, key, 32);
	else
		changes->is_all = true;
	people->outside.changed(people->outside.arg);
}

void sp_people_take_changes(struct sp_people *people, struct sp_people_changes *ret_changes)
{
	*ret_changes = people->changes;
	people->changes.count = 0;
	people->changes.is_all = false;
}

/* Nobody asks for it any more: its addresses say `no-identity` from here on, unless they are a
 * newer session's, and its slot is free. */
static void forget(struct sp_people *people, struct sp_live *live)
{
	struct sp_change change = { .kind = SP_CHANGE_FORGET, .live = live };

	(void)sp_people_change(people, &change);
}

static bool is_silent(struct sp_daemon *daemon, struct sp_live *live, uint64_t now_ns)
{
	struct sp_session session;

	if (!live->row.idle_s || sp_ebpf_session_get(daemon->plane, live->row.slot, &session) < 0)
		return false;
	live->last_seen_ns = session.last_seen_ns;
	return session.last_seen_ns + (uint64_t)live->row.idle_s * SP_SECOND_NS <= now_ns;
}

static void park(struct sp_people *people, struct sp_live *live, int64_t since_ns, const char *why)
{
	struct sp_change change = { .kind = SP_CHANGE_PARK, .live = live, .since_ns = since_ns, .why = why };

	(void)sp_people_change(people, &change);
}

/* Nobody came by it in the time vpn.unused gives them. With an engine that is away nobody can, and none is ended. */
static bool is_unused(struct sp_daemon *daemon, struct sp_live *live, int64_t now_ns)
{
	const int64_t patience_ns = daemon->machine->unused_s * SP_NS_PER_S;
	struct sp_session session;

	if (!live->awaited_ns || !patience_ns || live->row.since_ns + patience_ns > now_ns)
		return false;
	sp_engine_refresh(daemon); /* it may know of a handshake since */
	if (!daemon->engine.is_reachable || sp_ebpf_session_get(daemon->plane, live->row.slot, &session) < 0)
		return false;
	if (session.last_seen_ns != live->awaited_ns)
		live->awaited_ns = 0;
	return live->awaited_ns != 0;
}

/* With it goes a device of which nobody showed to have the key: its addresses are free again. */
static void end_unused(struct sp_daemon *daemon, struct sp_live *live)
{
	struct sp_device *device = sp_device_find(&daemon->people, live->row.public_key);

	if (!device || device->proven_ns) {
		(void)sp_session_end(&daemon->people, live, "unused", NULL);
		return;
	}
	if (sp_device_remove(daemon, device, "unused", NULL) < 0)
		sp_log_error("forgetting a device: %s", sp_store_error(daemon->store));
}

/* Addresses to give in the pools of a family, about; UINT64_MAX: no number that matters. */
static uint64_t pool_size(const struct sp_gateway *gateway, int family)
{
	uint64_t size = 0;

	for (size_t i = 0; i < gateway->pool_count; i++) {
		const unsigned host_bits = 128u - gateway->pool[i].prefix_len;
		struct sp_addr first;

		memcpy(first.b, gateway->pool[i].addr, sizeof(first.b));
		if (sp_addr_is_v4(&first) != (family == 0))
			continue;
		if (host_bits > 32)
			return UINT64_MAX;
		size += 1ull << host_bits;
	}
	return size;
}

static int count_held(void *arg, const struct sp_addr *addr)
{
	uint64_t *used = arg;

	used[sp_addr_is_v4(addr) ? 0 : 1]++;
	return 0;
}

/* Once there is no room, nobody new is let in: say it before. */
static void look_at_room(struct sp_daemon *daemon, uint64_t boot_ns)
{
	struct sp_people *people = &daemon->people;
	uint64_t used[2] = { 2, 2 }; /* the network's own and the gateway's */
	uint32_t sessions = 0;

	if (boot_ns < people->room_due_ns)
		return;
	people->room_due_ns = boot_ns + 5 * SP_SECOND_NS;
	sp_store_each_held(daemon->store, sp_clock_realtime_ns(), NULL, NULL, count_held, used);
	for (size_t i = 0; i < people->device_count; i++)
		for (int family = 0; family < 2; family++)
			used[family] += people->devices[i]->has_address[family];
	for (uint32_t slot = 1; slot < people->slot_end; slot++)
		sessions += people->slots[slot] != NULL;
	for (int family = 0; family < 2; family++) {
		const uint64_t size = pool_size(&daemon->machine->gateway, family);

		if (size == 0 || size == UINT64_MAX || used[family] < size - size / 10)
			continue;
		sp_warnings_raise(&daemon->warnings, "pool-nearly-empty",
				  "%" PRIu64 " of about %" PRIu64 " IPv%d addresses of vpn.pool are taken "
				  "or were a moment ago: soon no new device is let in",
				  used[family], size, family ? 6 : 4);
		return;
	}
	if (sessions >= SP_SLOTS - SP_SLOTS / 10)
		sp_warnings_raise(&daemon->warnings, "pool-nearly-empty",
				  "%u of %u sessions are taken: soon nobody new is let in", sessions,
				  SP_SLOTS - 1);
	else
		sp_warnings_clear(&daemon->warnings, "pool-nearly-empty");
}

static void drop_told_peer(struct sp_people *people, struct sp_live *live, int64_t now_ns)
{
	if (!live->peer_until_ns || live->peer_until_ns > now_ns)
		return;
	live->peer_until_ns = 0;
	sp_people_changed(people, live->row.public_key);
}

void sp_people_tick(struct sp_daemon *daemon)
{
	const int64_t now_ns = sp_clock_realtime_ns();
	const uint64_t boot_ns = sp_clock_boottime_ns();
	struct sp_live *live = sp_live_next(&daemon->people, NULL), *next;

	for (; live; live = next) {
		next = sp_live_next(&daemon->people, live);
		if (live->state != SP_LIVE_OPEN) {
			drop_told_peer(&daemon->people, live, now_ns);
			if (live->until_ns <= now_ns)
				forget(&daemon->people, live);
		} else if (live->row.expires_ns && live->row.expires_ns <= now_ns) {
			park(&daemon->people, live, live->row.expires_ns,
			     live->row.ending ? live->row.ending : "expired");
		} else if (is_silent(daemon, live, boot_ns)) {
			park(&daemon->people, live, now_ns, "idle");
		} else if (is_unused(daemon, live, now_ns)) {
			end_unused(daemon, live);
		}
	}
	look_at_room(daemon, boot_ns);
}

void sp_people_reproject(struct sp_daemon *daemon)
{
	struct sp_live *live = NULL;

	while ((live = sp_live_next(&daemon->people, live))) {
		struct sp_change change = { .kind = SP_CHANGE_PROJECT, .live = live };

		if (live->state == SP_LIVE_OPEN)
			(void)sp_people_change(&daemon->people, &change);
	}
}

/* The roles are written with the others' in one transaction (sp_people_follow_policy). */
static void follow(struct sp_daemon *daemon, struct sp_live *live, json_t *lost)
{
	const struct sp_policy *policy = daemon->revisions.running->policy;
	__sp_free uint32_t *roles = NULL;
	struct sp_change change = { .live = live, .row = &live->row, .is_recorded = true, .why = "policy" };
	struct sp_session_span span;
	struct sp_identity identity;
	bool is_shorter;
	int r = sp_live_identity(live, policy, &identity, &roles);

	if (r == 0)
		r = sp_live_set_roles(live, policy, roles, identity.role_count);
	if (r < 0) {
		sp_log_error("roles of session %llu: %s", (unsigned long long)live->row.id,
			     sp_err_text(r));
		return;
	}
	span = sp_policy_session_span(policy, roles, identity.role_count);
	is_shorter = identity.role_count && sp_live_shorten(live, &span);
	change.kind = is_shorter ? SP_CHANGE_SHORTEN : SP_CHANGE_KEEP;
	if (!identity.role_count)
		(void)sp_session_end(&daemon->people, live, "no-role", NULL);
	if (sp_people_change(&daemon->people, &change) < 0)
		sp_log_error("keeping the roles of session %llu: %s", (unsigned long long)live->row.id,
			     sp_store_error(daemon->store));
	if (identity.role_count)
		return;
	if (lost)
		json_array_append_new(lost, json_pack("{s:I, s:s}", "session",
						      (json_int_t)live->row.id, "user",
						      live->row.user));
}

/* A machine signs in by its key alone, so whenever a policy gives that key a role.
 * Returns 1 it did; 0 it need not; -EAGAIN the revision has no room for it; -errno. */
static int open_machine(struct sp_daemon *daemon, const struct sp_device *device)
{
	const struct sp_sign_in sign_in = { .public_key = device->public_key,
					    .device_name = device->name, .user = device->user };
	__sp_free uint32_t *roles = NULL;
	struct sp_refusal refusal;
	struct sp_live *live;
	size_t count = 0;
	int r;

	if (sp_live_of_device(&daemon->people, device->public_key) ||
	    sp_policy_match_roles(daemon->revisions.running->policy, NULL, NULL, 0, device->public_key,
				  &roles, &count) < 0 || !count)
		return 0;
	r = sp_session_open(daemon, &sign_in, &live, &refusal);
	if (r < 0)
		sp_log_error("machine %s: %s", device->name, refusal.message);
	return r < 0 ? r : 1;
}

/* Whether another revision has room for the rest: each that is made has it for those of the one before. */
static bool open_machines(struct sp_daemon *daemon)
{
	bool has_opened = false, lacks_room = false;

	for (size_t i = 0; i < daemon->people.device_count; i++) {
		const struct sp_device *device = daemon->people.devices[i];
		const int r = device->idp ? 0 : open_machine(daemon, device);

		has_opened |= r > 0;
		lacks_room |= r == -EAGAIN;
	}
	return has_opened && lacks_room;
}

/* A role names a key that a person holds: it is a machine's, whoever was there first. */
static void free_machine_keys(struct sp_daemon *daemon, json_t *lost)
{
	size_t i = 0;

	while (i < daemon->people.device_count) {
		struct sp_device *device = daemon->people.devices[i];
		const struct sp_live *live;
		struct sp_refusal refusal;

		if (!device->idp || sp_device_check_key(daemon, device->public_key, &refusal) == 0) {
			i++;
			continue;
		}
		live = sp_live_of_device(&daemon->people, device->public_key);
		if (live && lost)
			json_array_append_new(lost, json_pack("{s:I, s:s}", "session",
							      (json_int_t)live->row.id, "user",
							      live->row.user));
		/* the last device takes the place of one that goes */
		if (sp_device_lose(daemon, device, refusal.reason, refusal.message, NULL) < 0) {
			sp_log_error("forgetting a device: %s", sp_store_error(daemon->store));
			i++;
		}
	}
}

bool sp_people_follow_policy(struct sp_daemon *daemon, json_t *lost)
{
	struct sp_live *live = sp_live_next(&daemon->people, NULL), *next;
	int r = sp_store_begin(daemon->store); /* one commit for all */

	for (; live; live = next) {
		next = sp_live_next(&daemon->people, live);
		if (live->state == SP_LIVE_OPEN)
			follow(daemon, live, lost);
	}
	if (r == 0 && sp_store_commit(daemon->store) < 0)
		sp_log_error("keeping the sessions' roles: %s", sp_store_error(daemon->store));
	free_machine_keys(daemon, lost);
	return open_machines(daemon);
}
