/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What time does to sessions: deadlines, idle limits, unused sessions, and the end of those that
 * are kept for a while; and how much room is left for new ones. */
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "config/machine.h"
#include "daemon/change/change.h"
#include "daemon/access/deadlines.h"
#include "daemon/access/devices.h"
#include "daemon/base/warnings.h"
#include "io/loop/clock.h"
#include "io/loop/loop.h"
#include "net/addr.h"
#include "plane/plane.h"

/* Drop a session that is of no use any more. Its addresses say `no-identity` from here on, unless a
 * newer session has them, and its slot is free. */
static void session_forget(struct sp_people *people, struct sp_live *live)
{
	struct sp_change change = { .kind = SP_CHANGE_FORGET, .live = live };

	(void)sp_people_change(people, &change);
}

static bool is_silent(struct sp_people *people, struct sp_live *live, uint64_t now_ns)
{
	struct sp_plane_session session;

	if (!live->row.idle_s || sp_plane_session_get(people->plane, live->row.slot, &session) < 0)
		return false;
	live->last_seen_ns = session.last_seen_ns;
	return session.last_seen_ns + (uint64_t)live->row.idle_s * SP_SECOND_NS <= now_ns;
}

static void session_park(struct sp_people *people, struct sp_live *live, int64_t since_ns,
			 const char *why)
{
	struct sp_change change = {
		.kind = SP_CHANGE_PARK, .live = live, .since_ns = since_ns, .why = why
	};

	(void)sp_people_change(people, &change);
}

/* The tunnel's keys are as old as the last handshake, and hold for this long (WireGuard,
 * REJECT_AFTER_TIME). */
#define KEYS_NS (180 * SP_SECOND_NS)

/* Does a tunnel from before the sign-in still stand? Its client sends no handshake before its keys
 * end. */
static bool session_stands(struct sp_people *people, const struct sp_live *live, uint64_t boot_ns)
{
	const int64_t handshake_ns =
		people->outside.find_handshake(people->outside.arg, live->row.public_key);

	return handshake_ns &&
	       sp_clock_utc_to_boottime_ns(handshake_ns, sp_clock_offset_ns()) + KEYS_NS > boot_ns;
}

/* The boot time from which vpn.unused counts: the session's opening, or its last extension. */
static uint64_t patient_since_ns(const struct sp_live *live)
{
	const int64_t later_ns = live->row.since_ns - live->row.opened_ns;

	return live->awaited_ns + (later_ns > 0 ? (uint64_t)later_ns : 0);
}

/* Has neither a handshake nor a packet come from the session's device within vpn.unused? While the
 * engine is away none can come, and no session ends so. */
static bool is_unused(struct sp_people *people, struct sp_live *live, uint64_t boot_ns)
{
	const uint64_t patience_ns = (uint64_t)(*people->machine)->unused_s * SP_SECOND_NS;
	struct sp_plane_session session;

	if (!live->awaited_ns || !patience_ns || live->row.has_own_max ||
	    patient_since_ns(live) + patience_ns > boot_ns || session_stands(people, live, boot_ns))
		return false;
	if (!people->outside.take_handshakes(people->outside.arg) ||
	    sp_plane_session_get(people->plane, live->row.slot, &session) < 0)
		return false;
	if (session.last_seen_ns != live->awaited_ns)
		live->awaited_ns = 0;
	return live->awaited_ns != 0;
}

/* End the session as unused. A device whose key nobody proved is removed with it, so that its
 * addresses are free again. */
static void end_unused(struct sp_people *people, struct sp_live *live)
{
	struct sp_device *device = sp_device_find(people, live->row.public_key);
	struct sp_refusal refusal;

	if (!device || device->proven_ns) {
		(void)sp_session_end(people, live, "unused", NULL);
		return;
	}
	if (sp_device_remove(people, device, "unused", NULL, &refusal) < 0)
		sp_log_error("removing a device: %s", refusal.message);
}

/* About how many addresses the pools of a family can still give. UINT64_MAX: too many to matter. */
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

/* Without room nobody new can sign in, so warn before. */
static void look_at_room(struct sp_people *people, uint64_t boot_ns)
{
	uint64_t used[2] = { 2, 2 }; /* the network's own and the gateway's */
	uint32_t sessions = 0, limit;

	if (boot_ns < people->room_due_ns)
		return;
	people->room_due_ns = boot_ns + 5 * SP_SECOND_NS;
	sp_store_each_held(people->store, sp_clock_realtime_ns(), NULL, NULL, count_held, used);
	for (size_t i = 0; i < people->device_count; i++)
		for (int family = 0; family < 2; family++)
			used[family] += people->devices[i]->has_address[family];
	for (uint32_t slot = 1; slot < people->slot_end; slot++)
		sessions += people->slots[slot] != NULL;
	for (int family = 0; family < 2; family++) {
		const uint64_t size = pool_size(&(*people->machine)->gateway, family);

		if (size == 0 || size == UINT64_MAX || used[family] < size - size / 10)
			continue;
		sp_warnings_raise(people->warnings, "pool-nearly-empty",
				  "%" PRIu64 " of about %" PRIu64
				  " IPv%d addresses of vpn.pool are taken or were a moment ago: "
				  "soon no new device is let in",
				  used[family], size, family ? 6 : 4);
		return;
	}
	limit = sp_people_slot_limit(people);
	if (sessions >= limit - limit / 10)
		sp_warnings_raise(people->warnings, "pool-nearly-empty",
				  "%u of %u sessions are taken: soon nobody new is let in",
				  sessions, limit - 1);
	else
		sp_warnings_clear(people->warnings, "pool-nearly-empty");
}

static void drop_told_peer(struct sp_people *people, struct sp_live *live, int64_t now_ns)
{
	if (!live->peer_until_ns || live->peer_until_ns > now_ns)
		return;
	live->peer_until_ns = 0;
	sp_people_changed(people, live->row.public_key);
}

void sp_people_tick(struct sp_people *people)
{
	const int64_t now_ns = sp_clock_realtime_ns();
	const uint64_t boot_ns = sp_clock_boottime_ns();
	struct sp_live *live = sp_live_next(people, NULL), *next;

	for (; live; live = next) {
		next = sp_live_next(people, live);
		if (live->state != SP_LIVE_OPEN) {
			drop_told_peer(people, live, now_ns);
			if (live->until_ns <= now_ns)
				session_forget(people, live);
		} else if (live->row.expires_ns && live->row.expires_ns <= now_ns) {
			session_park(people, live, live->row.expires_ns,
				     live->row.ending ? live->row.ending : "expired");
		} else if (is_silent(people, live, boot_ns)) {
			session_park(people, live, now_ns, "idle");
		} else if (is_unused(people, live, boot_ns)) {
			end_unused(people, live);
		}
	}
	look_at_room(people, boot_ns);
}

void sp_people_reproject(struct sp_people *people)
{
	struct sp_live *live = NULL;

	while ((live = sp_live_next(people, live))) {
		struct sp_change change = { .kind = SP_CHANGE_PROJECT, .live = live };

		if (live->state == SP_LIVE_OPEN)
			(void)sp_people_change(people, &change);
	}
}
