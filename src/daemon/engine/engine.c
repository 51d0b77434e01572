/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/engine/engine.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "base/str.h"
#include "config/machine.h"
#include "daemon/base/warnings.h"
#include "daemon/people/people.h"
#include "io/files/files.h"
#include "io/files/paths.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "io/uapi/peers_file.h"
#include "net/addr.h"

#define LOOK_NS (250 * SP_MS_NS) /* how often to look for a socket */
/* how often to compare everything; with the look before it, each 10 s */
#define COMPARE_NS (9500 * SP_MS_NS)
#define HANG_NS (5 * SP_SECOND_NS) /* how long an engine that does not answer is left alone */
#define DEFAULT_USER "sallyport-vpnd"

static int compare_peer(const void *a, const void *b)
{
	const struct sp_wg_peer *left = a, *right = b;

	return memcmp(left->public_key.bytes, right->public_key.bytes, 32);
}

static void copy_endpoint(const struct sp_wg_peer *from, struct sp_wg_peer *to)
{
	to->has_endpoint = true;
	to->endpoint = from->endpoint;
	to->endpoint_port = from->endpoint_port;
	memcpy(to->endpoint_scope, from->endpoint_scope, sizeof(to->endpoint_scope));
}

/* Nobody else writes this file. It is read to notice that somebody broke it. */
static int read_peers(struct sp_engine *engine, struct sp_peers *peers)
{
	struct sp_peers_error error = { 0 };
	__sp_free char *moved = NULL;
	int r = sp_peers_file_read(engine->paths->peers_file, peers, &error);

	if (r == 0 || r == -ENOENT)
		return r;
	/* others could read it: it is used as it is, and written again with the right mode */
	if (r == -EACCES)
		return -ENOENT;
	if (sp_file_move_aside(engine->paths->peers_file, sp_clock_realtime_s(), &moved) < 0)
		moved = NULL;
	sp_warnings_raise(engine->warnings, "peers-file-moved",
			  "the peers file was damaged (line %zu: %s): moved to %s and written anew "
			  "from the database",
			  error.line, error.text ? error.text : sp_err_text(r),
			  moved ? moved : "nowhere");
	return r;
}

/* Each peer's endpoint when the file was written: all that is known until the engine has heard
 * them. */
static int keep_endpoints(struct sp_engine *engine, const struct sp_peers *peers)
{
	struct sp_wg_device *filed = &engine->filed;

	for (size_t i = 0; i < peers->count; i++) {
		const struct sp_wg_peer *from = &peers->entries[i].peer;
		struct sp_wg_peer *to =
			from->has_endpoint ? SP_ARRAY_PUSH(filed->peers, filed->peer_count) : NULL;

		if (!to && from->has_endpoint)
			return -ENOMEM;
		if (!to)
			continue;
		to->public_key = from->public_key;
		copy_endpoint(from, to);
	}
	if (filed->peer_count)
		qsort(filed->peers, filed->peer_count, sizeof(*filed->peers), compare_peer);
	return 0;
}

static void engine_look(void *arg);

int sp_engine_find_user(struct sp_engine *engine, const char *asked)
{
	struct sp_user *user = &engine->user;
	int r = sp_user_find(asked ? asked : DEFAULT_USER, user);

	if (r < 0 && !asked) {
		*user = (struct sp_user){ SP_UID_KEEP, SP_GID_KEEP };
		return 0;
	}
	if (r < 0)
		sp_log_error("--engine-user: there is no user \"%s\"", asked);
	return r;
}

int sp_engine_open(struct sp_engine *engine)
{
	__sp_peers struct sp_peers peers = { 0 };
	__sp_free char *key_path = NULL;
	int r = sp_paths_engine_socket(engine->paths, (*engine->machine)->tunnel,
				       &engine->socket_path);

	if (r == 0)
		r = sp_str_format(&key_path, "%s/tunnel.key", engine->paths->state_dir);
	if (r < 0)
		return r;
	engine->timer = (struct sp_timer){ .fire = engine_look, .arg = engine };
	engine->is_all_due = engine->is_file_behind = true;
	r = read_peers(engine, &peers);
	if (r == 0 && keep_endpoints(engine, &peers) < 0)
		return -ENOMEM;
	return sp_engine_find_key(engine, key_path, r == 0 ? &peers : NULL);
}

static const char *engine_at(const struct sp_engine *engine)
{
	return engine->way == &sp_engine_kernel ? (*engine->machine)->tunnel : engine->socket_path;
}

void sp_engine_close(struct sp_engine *engine)
{
	sp_wg_device_done(&engine->device);
	sp_wg_device_done(&engine->filed);
	sp_engine_stats_done(&engine->stats);
	sp_wipe(&engine->private_key, sizeof(engine->private_key));
	free(engine->socket_path);
	engine->socket_path = NULL;
}

void sp_engine_wake(struct sp_engine *engine)
{
	if (engine->timer.fire) /* else the timer is opened later, and compares everything then */
		sp_loop_in(engine->loop, &engine->timer, 0);
}

bool sp_engine_is_in_step(const struct sp_engine *engine)
{
	return engine->is_reachable && !engine->is_all_due && !engine->people->changes.is_all &&
	       !engine->people->changes.count;
}

/* Keys are public, so the time that a comparison takes tells nothing. */
const struct sp_wg_peer *sp_engine_find_peer(const struct sp_wg_device *device,
					     const uint8_t key[32])
{
	struct sp_wg_peer wanted;

	memcpy(wanted.public_key.bytes, key, 32);
	return device->peer_count ? bsearch(&wanted, device->peers, device->peer_count,
					    sizeof(*device->peers), compare_peer)
				  : NULL;
}

static int engine_ask(const struct sp_engine *engine, struct sp_wg_device *ret_device)
{
	int r = engine->way->get(engine_at(engine), ret_device);

	if (r == 0 && ret_device->peer_count)
		qsort(ret_device->peers, ret_device->peer_count, sizeof(*ret_device->peers),
		      compare_peer);
	return r;
}

const struct sp_wg_peer *sp_engine_peer(const struct sp_engine *engine, const uint8_t key[32])
{
	return !engine->is_reachable ? NULL : sp_engine_find_peer(&engine->device, key);
}

/* ---- who should be in it ---- */

static int fill_peer(const struct sp_device *device, struct sp_wg_peer *peer)
{
	memcpy(peer->public_key.bytes, device->public_key, 32);
	memcpy(peer->preshared_key.bytes, device->preshared_key, 32);
	for (int family = 0; family < 2; family++) {
		struct sp_prefix *allowed;

		if (!device->has_address[family])
			continue;
		allowed = SP_ARRAY_PUSH(peer->allowed_ips, peer->allowed_ip_count);
		if (!allowed)
			return -ENOMEM;
		allowed->prefix_len = 128;
		memcpy(allowed->addr, device->addresses[family].b, 16);
	}
	return 0;
}

/* When the engine drops the peer by itself, if it is not told before. */
static int64_t peer_expires_s(const struct sp_engine *engine, const struct sp_live *live)
{
	if (live->state == SP_LIVE_PARKED)
		return live->until_ns / SP_NS_PER_S;
	if (live->state == SP_LIVE_ENDED)
		return live->peer_until_ns / SP_NS_PER_S + 1;
	if (!live->row.expires_ns)
		return 0;
	return live->row.expires_ns / SP_NS_PER_S + (*engine->machine)->parked_s;
}

/* Sort sessions by key, the open one of a device before a parked one. */
static int compare_live(const void *a, const void *b)
{
	const struct sp_live *left = *(struct sp_live *const *)a;
	const struct sp_live *right = *(struct sp_live *const *)b;
	int order = memcmp(left->row.public_key, right->row.public_key, 32);

	return order ? order : (int)left->state - (int)right->state;
}

static int compare_device(const void *a, const void *b)
{
	const struct sp_device *left = *(struct sp_device *const *)a;
	const struct sp_device *right = *(struct sp_device *const *)b;

	return memcmp(left->public_key, right->public_key, 32);
}

static bool has_peer(const struct sp_engine *engine, const struct sp_live *live)
{
	return live->state == SP_LIVE_OPEN ||
	       (live->state == SP_LIVE_PARKED && (*engine->machine)->parked_s) ||
	       (live->state == SP_LIVE_ENDED && live->peer_until_ns);
}

static int add_wanted(struct sp_engine *engine, const struct sp_device *device,
		      const struct sp_live *live, struct sp_peers *peers)
{
	struct sp_peers_entry *entry = SP_ARRAY_PUSH(peers->entries, peers->count);

	if (!entry || fill_peer(device, &entry->peer) < 0)
		return -ENOMEM;
	entry->expires_s = peer_expires_s(engine, live);
	snprintf(entry->name, sizeof(entry->name), "%.255s/%.63s", device->user, device->name);
	return 0;
}

/* Walk devices and sessions, both sorted by key, side by side: there may be thousands. The result
 * is sorted by key too. */
static int list_wanted(struct sp_engine *engine, struct sp_peers *peers)
{
	const struct sp_people *people = engine->people;
	__sp_free struct sp_live **lives = NULL;
	__sp_free struct sp_device **devices = calloc(people->device_count + 1, sizeof(*devices));
	struct sp_live *live = NULL;
	size_t count = 0, at = 0;
	int r = devices ? 0 : -ENOMEM;

	while (r == 0 && (live = sp_live_next(people, live))) {
		struct sp_live **item = has_peer(engine, live) ? SP_ARRAY_PUSH(lives, count) : NULL;

		if (item)
			*item = live;
		else if (has_peer(engine, live))
			r = -ENOMEM;
	}
	if (r < 0)
		return r;
	if (count)
		qsort(lives, count, sizeof(*lives), compare_live);
	for (size_t i = 0; i < people->device_count; i++)
		devices[i] = people->devices[i];
	qsort(devices, people->device_count, sizeof(*devices), compare_device);
	for (size_t i = 0; i < people->device_count && r == 0; i++) {
		while (at < count &&
		       memcmp(lives[at]->row.public_key, devices[i]->public_key, 32) < 0)
			at++;
		if (at < count && !memcmp(lives[at]->row.public_key, devices[i]->public_key, 32))
			r = add_wanted(engine, devices[i], lives[at], peers);
	}
	peers->has_private_key = true;
	peers->private_key = engine->private_key;
	peers->listen_port = (*engine->machine)->listen_port;
	return r;
}

static int compare_entry(const void *a, const void *b)
{
	const struct sp_peers_entry *left = a, *right = b;

	return memcmp(left->peer.public_key.bytes, right->peer.public_key.bytes, 32);
}

static bool is_wanted(const struct sp_peers *peers, const struct sp_wg_key *key)
{
	struct sp_peers_entry wanted;

	wanted.peer.public_key = *key;
	return peers->count && bsearch(&wanted, peers->entries, peers->count,
				       sizeof(*peers->entries), compare_entry);
}

static bool has_allowed(const struct sp_wg_peer *peer, const struct sp_prefix *prefix)
{
	for (size_t i = 0; i < peer->allowed_ip_count; i++)
		if (!sp_prefix_compare(&peer->allowed_ips[i], prefix))
			return true;
	return false;
}

static bool is_same_peer(const struct sp_wg_peer *is, const struct sp_wg_peer *wanted)
{
	if (!sp_wg_key_equal(&is->preshared_key, &wanted->preshared_key) ||
	    is->allowed_ip_count != wanted->allowed_ip_count)
		return false;
	for (size_t i = 0; i < wanted->allowed_ip_count; i++)
		if (!has_allowed(is, &wanted->allowed_ips[i]))
			return false;
	return true;
}

/* ---- telling it ---- */

static void name_foreign(struct sp_engine *engine, const struct sp_wg_peer *peer)
{
	char key[SP_WG_KEY_BASE64];

	/* a peer that we removed a moment ago is known: devices and ended sessions are kept for a
	 * while */
	if (sp_device_find(engine->people, peer->public_key.bytes))
		return;
	sp_log_note("removing peer %s from the engine: no device of this gateway has this key",
		    sp_wg_key_to_base64(&peer->public_key, key));
}

/* Where the engine last heard a peer; for a peer not heard yet, the endpoint of the file. */
static void fill_endpoint(const struct sp_engine *engine, struct sp_wg_peer *peer)
{
	const struct sp_wg_peer *heard =
		sp_engine_find_peer(&engine->device, peer->public_key.bytes);

	if (!heard || !heard->has_endpoint)
		heard = sp_engine_find_peer(&engine->filed, peer->public_key.bytes);
	if (heard)
		copy_endpoint(heard, peer);
}

/* Endpoints are sent only for peers that the engine does not have: it knows the others better.
 * Removals come first, because a new peer may get the address of a removed one. */
static int find_difference(struct sp_engine *engine, const struct sp_wg_device *is,
			   struct sp_peers *wanted, struct sp_wg_change *change)
{
	int r = 0;

	if (!is->has_private_key || !sp_wg_key_equal(&is->private_key, &wanted->private_key))
		change->private_key = &wanted->private_key;
	change->has_listen_port = is->listen_port != wanted->listen_port;
	change->listen_port = wanted->listen_port;
	for (size_t i = 0; i < is->peer_count && r == 0; i++) {
		if (is_wanted(wanted, &is->peers[i].public_key))
			continue;
		name_foreign(engine, &is->peers[i]);
		r = sp_wg_change_peer(change, &is->peers[i], SP_WG_REMOVE);
	}
	for (size_t i = 0; i < wanted->count && r == 0; i++) {
		struct sp_wg_peer *peer = &wanted->entries[i].peer;
		const struct sp_wg_peer *there = sp_engine_find_peer(is, peer->public_key.bytes);

		if (!there)
			fill_endpoint(engine, peer);
		if (!there || !is_same_peer(there, peer))
			r = sp_wg_change_peer(change, peer, SP_WG_PUT);
	}
	return r;
}

/* Write endpoints into the peers file, so that an engine that starts again can call its peers
 * instead of waiting for them. */
static void note_endpoints(struct sp_engine *engine, const struct sp_wg_device *before,
			   const struct sp_wg_device *now)
{
	for (size_t i = 0; i < now->peer_count; i++) {
		const struct sp_wg_peer *peer = &now->peers[i];
		const struct sp_wg_peer *was = sp_engine_find_peer(before, peer->public_key.bytes);

		if (!peer->has_endpoint)
			continue;
		if (was && was->has_endpoint && was->endpoint_port == peer->endpoint_port &&
		    !sp_addr_compare(&was->endpoint, &peer->endpoint))
			continue;
		engine->is_file_behind = true;
		return;
	}
}

/* An engine that answers wrongly or late is not asked again for 5 s. A missing engine is looked for
 * every 250 ms. */
static void set_reachable(struct sp_engine *engine, int r)
{
	engine->error = r;
	if (r == 0) {
		if (!engine->is_reachable)
			sp_log_note("%s %s", engine->way->answers, engine_at(engine));
		engine->is_reachable = true;
		sp_warnings_clear(engine->warnings, "engine-unreachable");
		return;
	}
	if (r == -ENOENT || r == -ECONNREFUSED)
		sp_engine_stats_gone(&engine->stats);
	engine->is_reachable = false;
	engine->seen = (struct sp_engine_identity){ 0 };
	sp_warnings_raise(engine->warnings, "engine-unreachable", "%s %s: %s%s",
			  engine->way->silent, engine_at(engine), sp_err_text(r),
			  engine->way->remedy);
}

/* Ask the engine for its peers, and tell it the differences. */
static int engine_compare(struct sp_engine *engine, struct sp_peers *wanted,
			  const struct sp_engine_identity *whose)
{
	__sp_wg_device struct sp_wg_device is = { 0 };
	__sp_wg_change struct sp_wg_change change = { 0 };
	struct sp_wg_device before;
	int r = engine_ask(engine, &is);

	if (r == 0)
		r = find_difference(engine, &is, wanted, &change);
	if (r == 0 && (change.private_key || change.has_listen_port || change.peer_count)) {
		r = engine->way->change(engine_at(engine), &change);
		sp_wg_device_done(&is);
		is = (struct sp_wg_device){ 0 };
		if (r == 0)
			r = engine_ask(engine, &is);
	}
	if (r < 0)
		return r;
	note_endpoints(engine, &engine->device, &is);
	engine->answered(engine->answered_arg, whose, &engine->device, &is);
	before = engine->device;
	engine->device = is;
	is = before;
	engine->asked_ns = sp_clock_boottime_ns();
	engine->is_answer_behind = false;
	return 0;
}

static bool is_another(const struct sp_engine *engine)
{
	struct sp_engine_identity now;

	if (engine->way->identify(engine_at(engine), &now) < 0)
		return engine->is_reachable; /* it went: find out */
	return memcmp(&now, &engine->seen, sizeof(now)) != 0;
}

/* Compare all peers that the engine should have with those it has. */
static int tell_all(struct sp_engine *engine, struct sp_peers *wanted)
{
	struct sp_engine_identity now;
	int r = engine->way->identify(engine_at(engine), &now);

	if (r == 0)
		r = engine_compare(engine, wanted, &now);
	engine->is_all_due = false; /* a missing engine is told everything when it comes */
	set_reachable(engine, r);
	if (r == 0)
		engine->seen = now;
	return r;
}

/* The session for which the engine has a peer of this key. NULL: it has to have none. */
static const struct sp_live *find_with_peer(const struct sp_engine *engine, const uint8_t key[32])
{
	const struct sp_live *live = sp_live_of_device(engine->people, key);

	if (live)
		return has_peer(engine, live) ? live : NULL;
	while ((live = sp_live_next(engine->people, live)))
		if (has_peer(engine, live) && !memcmp(live->row.public_key, key, 32))
			return live;
	return NULL;
}

/* Tell only the devices whose sessions changed. */
static int tell_changed(struct sp_engine *engine, const struct sp_people_changes *changes)
{
	__sp_wg_change struct sp_wg_change change = { 0 };
	__sp_wg_device struct sp_wg_device room = { 0 }; /* whose peers are wiped */
	int r = 0;

	room.peers = calloc(changes->count, sizeof(*room.peers));
	engine->is_all_due = !room.peers;
	if (!room.peers)
		return -ENOMEM;
	for (size_t i = 0; i < changes->count && r == 0; i++) {
		const uint8_t *key = changes->keys[i].bytes;
		const struct sp_device *device = sp_device_find(engine->people, key);
		struct sp_wg_peer *peer = &room.peers[room.peer_count++];
		const bool is_put = device && find_with_peer(engine, key);

		peer->public_key = changes->keys[i];
		r = is_put ? fill_peer(device, peer) : 0;
		if (r == 0)
			r = sp_wg_change_peer(&change, peer, is_put ? SP_WG_PUT : SP_WG_REMOVE);
	}
	engine->is_answer_behind = true;
	if (r == 0)
		r = engine->way->change(engine_at(engine), &change);
	if (r < 0)
		engine->is_all_due = true;
	set_reachable(engine, r);
	return r;
}

/* A long file is not written after each of many sign-ins: the more a write cost, the longer the
 * next one waits. */
static void write_file(struct sp_engine *engine, struct sp_peers *wanted)
{
	const uint64_t begin_ns = sp_clock_boottime_ns();
	uint64_t end_ns;
	int r;

	for (size_t i = 0; i < wanted->count; i++)
		fill_endpoint(engine, &wanted->entries[i].peer);
	r = sp_peers_file_write(engine->paths->peers_file, wanted, engine->user.uid,
				engine->user.gid);
	end_ns = sp_clock_boottime_ns();

	if (r < 0)
		sp_log_error("writing %s: %s", engine->paths->peers_file, sp_err_text(r));
	engine->is_file_behind = r < 0;
	engine->file_due_ns = end_ns + 20 * (end_ns - begin_ns);
}

static int keep_in_step(struct sp_engine *engine)
{
	const uint64_t now_ns = sp_clock_boottime_ns();
	struct sp_people_changes changes;
	bool is_file_due, is_all_due;
	__sp_peers struct sp_peers wanted = { 0 };
	int r = 0;

	sp_people_take_changes(engine->people, &changes);
	engine->is_file_behind |= changes.is_all || changes.count;
	engine->is_all_due |= changes.is_all || (changes.count && !engine->is_reachable);
	is_file_due = engine->is_file_behind && now_ns >= engine->file_due_ns;
	is_all_due =
		engine->is_all_due || is_another(engine) || now_ns - engine->asked_ns > COMPARE_NS;
	if (changes.count && !is_all_due)
		r = tell_changed(engine, &changes);
	if (r == 0 && (is_all_due || is_file_due))
		r = list_wanted(engine, &wanted);
	if (r < 0)
		return r;
	if (is_all_due)
		r = tell_all(engine, &wanted);
	if (is_file_due)
		write_file(engine, &wanted);
	return r;
}

static void engine_look(void *arg)
{
	struct sp_engine *engine = arg;
	uint64_t wait_ns = LOOK_NS;
	int r;

	if (!engine->has_key)
		return;
	r = keep_in_step(engine);
	if (r == -ETIMEDOUT || r == -EBADMSG)
		wait_ns = HANG_NS;
	if (!engine->timer.due_ns)
		sp_loop_in(engine->loop, &engine->timer, wait_ns);
}

void sp_engine_refresh(struct sp_engine *engine)
{
	if (!engine->has_key || !engine->is_reachable ||
	    (!engine->is_answer_behind && !engine->people->changes.count &&
	     sp_clock_boottime_ns() - engine->asked_ns < SP_SECOND_NS / 2))
		return;
	engine->is_all_due = true;
	keep_in_step(engine);
}
