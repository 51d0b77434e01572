/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/engine.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/err.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "io/files.h"
#include "io/peers_file.h"
#include "net/addr.h"

#define LOOK_NS (250 * SP_MS_NS)        /* is there a new socket? */
#define COMPARE_NS (10 * SP_SECOND_NS)  /* a full comparison, and handshakes for status */
#define HANG_NS (5 * SP_SECOND_NS)      /* patience after one that does not answer */
#define ANSWER_MS 250

/* ---- the gateway's key ---- */

static int read_key(const char *path, struct sp_wg_key *ret_key)
{
	char *text = NULL;
	size_t len;
	int r = sp_file_read(path, 64, &text, &len);

	if (r == 0) {
		while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
			text[--len] = '\0';
		r = sp_wg_key_from_base64(text, ret_key) < 0 ? -EUCLEAN : 0;
		sp_wipe(text, len);
	} else if (r == -EFBIG || r == -EINVAL) {
		r = -EUCLEAN;
	}
	free(text);
	return r;
}

static int write_key(const char *path, const struct sp_wg_key *key)
{
	char text[SP_WG_KEY_BASE64 + 1];
	int r;

	sp_wg_key_to_base64(key, text);
	strcat(text, "\n");
	r = sp_file_replace(path, text, strlen(text), 0600, SP_UID_KEEP, SP_GID_KEEP);
	sp_wipe(text, sizeof(text));
	return r;
}

/* Every client knows this key: a new one is made only where there never was one. A damaged file is
 * moved aside, and the peers file, which repeats the key, is asked. */
static int find_key(struct sp_daemon *daemon, const char *path, const struct sp_peers *peers)
{
	struct sp_engine *engine = &daemon->engine;
	__sp_free char *moved = NULL;
	int r = read_key(path, &engine->private_key);

	if (r == -EUCLEAN) {
		sp_file_move_aside(path, sp_clock_realtime_s(), &moved);
		sp_log_error("%s holds no key: moved to %s", path, moved ? moved : "nowhere");
	}
	if ((r == -EUCLEAN || r == -ENOENT) && peers && peers->has_private_key) {
		engine->private_key = peers->private_key;
		sp_log_note("took the tunnel key from %s", daemon->paths.peers_file);
		r = write_key(path, &engine->private_key);
	} else if (r == -ENOENT && daemon->people.device_count == 0) {
		r = sp_wg_keypair_make(&engine->private_key, &engine->public_key);
		if (r == 0)
			r = write_key(path, &engine->private_key);
		if (r == 0)
			sp_log_note("made the tunnel key %s", path);
	}
	if (r < 0) {
		sp_warnings_raise(&daemon->warnings, "key-unreadable",
				  "the tunnel key %s cannot be read: %s; put it back, or move "
				  "every device to a new one (remove the devices first)", path,
				  r == -EUCLEAN ? "it held no key" : sp_err_text(r));
		return 0; /* everything but the tunnel works */
	}
	engine->has_key = true;
	return sp_wg_public_of(&engine->private_key, &engine->public_key);
}

/* The file is ours to write; it is read to notice that somebody or something broke it. */
static int read_peers(struct sp_daemon *daemon, struct sp_peers *peers)
{
	struct sp_peers_error error = { 0 };
	__sp_free char *moved = NULL;
	int r = sp_peers_file_read(daemon->paths.peers_file, peers, &error);

	if (r == 0 || r == -ENOENT)
		return r;
	if (r == -EACCES) /* readable by others: taken as it is, written anew with the right mode */
		return -ENOENT;
	if (sp_file_move_aside(daemon->paths.peers_file, sp_clock_realtime_s(), &moved) < 0)
		moved = NULL;
	sp_warnings_raise(&daemon->warnings, "peers-file-moved",
			  "the peers file was damaged (line %zu: %s): moved to %s and written anew "
			  "from the database", error.line, error.text ? error.text : sp_err_text(r),
			  moved ? moved : "nowhere");
	return r;
}

static void look(void *arg);

int sp_engine_open(struct sp_daemon *daemon)
{
	struct sp_engine *engine = &daemon->engine;
	__sp_peers struct sp_peers peers = { 0 };
	__sp_free char *key_path = NULL;
	int r = sp_paths_engine_socket(&daemon->paths, daemon->machine->tunnel,
				       &engine->socket_path);

	if (r == 0)
		r = sp_str_format(&key_path, "%s/tunnel.key", daemon->paths.state_dir);
	if (r < 0)
		return r;
	engine->timer = (struct sp_timer){ .fire = look, .arg = daemon };
	engine->is_wanted_changed = true;
	r = read_peers(daemon, &peers);
	return find_key(daemon, key_path, r == 0 ? &peers : NULL);
}

void sp_engine_close(struct sp_daemon *daemon)
{
	sp_wg_device_done(&daemon->engine.device);
	sp_wipe(&daemon->engine.private_key, sizeof(daemon->engine.private_key));
	free(daemon->engine.socket_path);
	daemon->engine.socket_path = NULL;
}

void sp_engine_touch(struct sp_daemon *daemon)
{
	daemon->engine.is_wanted_changed = true;
	if (daemon->loop)
		sp_loop_in(daemon->loop, &daemon->engine.timer, 0);
}

const struct sp_wg_peer *sp_engine_peer(const struct sp_daemon *daemon, const uint8_t key[32])
{
	struct sp_wg_key wanted;

	memcpy(wanted.bytes, key, sizeof(wanted.bytes));
	return sp_wg_device_find(&daemon->engine.device, &wanted);
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

/* The moment the engine drops the peer by itself, should nobody tell it. */
static int64_t peer_expires_s(const struct sp_daemon *daemon, const struct sp_live *live)
{
	if (live->state == SP_LIVE_PARKED)
		return live->until_ns / SP_NS_PER_S;
	if (!live->row.expires_ns)
		return 0;
	return live->row.expires_ns / SP_NS_PER_S + daemon->machine->parked_s;
}

static int list_wanted(struct sp_daemon *daemon, struct sp_peers *peers)
{
	for (size_t i = 0; i < daemon->people.device_count; i++) {
		const struct sp_device *device = daemon->people.devices[i];
		const struct sp_live *live = sp_live_of_device(&daemon->people, device->public_key);
		struct sp_peers_entry *entry;

		if (!live || (live->state == SP_LIVE_PARKED && !daemon->machine->parked_s))
			continue;
		entry = SP_ARRAY_PUSH(peers->entries, peers->count);
		if (!entry || fill_peer(device, &entry->peer) < 0)
			return -ENOMEM;
		entry->expires_s = peer_expires_s(daemon, live);
		snprintf(entry->name, sizeof(entry->name), "%.63s/%.63s", device->user,
			 device->name);
	}
	peers->has_private_key = true;
	peers->private_key = daemon->engine.private_key;
	peers->listen_port = daemon->machine->listen_port;
	return 0;
}

static const struct sp_wg_peer *find_wanted(const struct sp_peers *peers,
					    const struct sp_wg_key *key)
{
	for (size_t i = 0; i < peers->count; i++)
		if (!memcmp(peers->entries[i].peer.public_key.bytes, key->bytes, 32))
			return &peers->entries[i].peer;
	return NULL;
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

static void name_foreign(struct sp_daemon *daemon, const struct sp_wg_peer *peer)
{
	char key[SP_WG_KEY_BASE64];

	/* one we removed is no stranger: devices and sessions that ended a moment ago */
	if (sp_device_find(&daemon->people, peer->public_key.bytes))
		return;
	sp_log_note("removing peer %s from the engine: no device of this gateway has this key",
		    sp_wg_key_to_base64(&peer->public_key, key));
}

/* Removals first: an address of a peer that goes may be one of a peer that comes. Returns how many
 * things differed. */
static size_t write_difference(struct sp_daemon *daemon, const struct sp_wg_device *is,
			       const struct sp_peers *wanted, struct sp_uapi_set *set)
{
	size_t changes = 0;

	if (!is->has_private_key || !sp_wg_key_equal(&is->private_key, &wanted->private_key)) {
		sp_uapi_set_private_key(set, &wanted->private_key);
		changes++;
	}
	if (is->listen_port != wanted->listen_port) {
		sp_uapi_set_listen_port(set, wanted->listen_port);
		changes++;
	}
	for (size_t i = 0; i < is->peer_count; i++) {
		if (find_wanted(wanted, &is->peers[i].public_key))
			continue;
		name_foreign(daemon, &is->peers[i]);
		sp_uapi_set_peer(set, &is->peers[i], SP_UAPI_REMOVE);
		changes++;
	}
	for (size_t i = 0; i < wanted->count; i++) {
		const struct sp_wg_peer *peer = &wanted->entries[i].peer;
		const struct sp_wg_peer *there = sp_wg_device_find(is, &peer->public_key);

		if (there && is_same_peer(there, peer))
			continue;
		sp_uapi_set_peer(set, peer, SP_UAPI_PUT);
		changes++;
	}
	return changes;
}

/* A peer that moved is worth a record: the same person elsewhere, or somebody else. */
static void record_roaming(struct sp_daemon *daemon, const struct sp_wg_device *before,
			   const struct sp_wg_device *now)
{
	for (size_t i = 0; i < now->peer_count; i++) {
		const struct sp_wg_peer *peer = &now->peers[i];
		const struct sp_wg_peer *was = sp_wg_device_find(before, &peer->public_key);
		const struct sp_live *live;

		if (!was || !was->has_endpoint || !peer->has_endpoint ||
		    !sp_addr_compare(&was->endpoint, &peer->endpoint))
			continue;
		live = sp_live_of_device(&daemon->people, peer->public_key.bytes);
		if (live)
			sp_recorder_roam(daemon, live, &peer->endpoint, peer->endpoint_port);
	}
}

/* One that answers wrongly or late is left alone for a while; one that is not there is looked for.
 */
static void set_reachable(struct sp_daemon *daemon, int r)
{
	struct sp_engine *engine = &daemon->engine;

	engine->error = r;
	if (r == 0) {
		if (!engine->is_reachable)
			sp_log_note("the tunnel engine answers at %s", engine->socket_path);
		engine->is_reachable = true;
		sp_warnings_clear(&daemon->warnings, "engine-unreachable");
		return;
	}
	engine->is_reachable = false;
	memset(&engine->seen, 0, sizeof(engine->seen));
	sp_wg_device_done(&engine->device);
	engine->device = (struct sp_wg_device){ 0 };
	sp_warnings_raise(&daemon->warnings, "engine-unreachable",
			  "no tunnel engine answers at %s: %s (start one: wireguard-go %s)",
			  engine->socket_path, sp_err_text(r), daemon->machine->tunnel);
}

/* Ask what it has, tell it what differs. */
static int compare(struct sp_daemon *daemon, const struct sp_peers *wanted)
{
	struct sp_engine *engine = &daemon->engine;
	__sp_wg_device struct sp_wg_device is = { 0 };
	__sp_uapi_set struct sp_uapi_set set;
	struct sp_wg_device before;
	int r;

	sp_uapi_set_init(&set);
	r = sp_uapi_get(engine->socket_path, ANSWER_MS, &is);
	if (r < 0)
		return r;
	if (write_difference(daemon, &is, wanted, &set)) {
		r = sp_uapi_set_finish(&set);
		if (r == 0)
			r = sp_uapi_send(engine->socket_path, ANSWER_MS, &set);
		sp_wg_device_done(&is);
		is = (struct sp_wg_device){ 0 };
		if (r == 0)
			r = sp_uapi_get(engine->socket_path, ANSWER_MS, &is);
	}
	if (r < 0)
		return r;
	record_roaming(daemon, &engine->device, &is);
	before = engine->device;
	engine->device = is;
	is = before;
	engine->asked_ns = sp_clock_boottime_ns();
	return 0;
}

static bool is_new_socket(struct sp_engine *engine)
{
	struct stat now;

	if (stat(engine->socket_path, &now) < 0)
		return engine->is_reachable; /* it went: find out */
	return now.st_ino != engine->seen.st_ino || now.st_dev != engine->seen.st_dev ||
	       now.st_ctim.tv_sec != engine->seen.st_ctim.tv_sec ||
	       now.st_ctim.tv_nsec != engine->seen.st_ctim.tv_nsec;
}

static int keep_in_step(struct sp_daemon *daemon)
{
	struct sp_engine *engine = &daemon->engine;
	__sp_peers struct sp_peers wanted = { 0 };
	struct stat now = { 0 };
	int r = list_wanted(daemon, &wanted);

	if (r < 0)
		return r;
	if (engine->is_wanted_changed) {
		r = sp_peers_file_write(daemon->paths.peers_file, &wanted, SP_UID_KEEP,
					SP_GID_KEEP);
		if (r < 0)
			sp_log_error("writing %s: %s", daemon->paths.peers_file, sp_err_text(r));
	}
	if (stat(engine->socket_path, &now) < 0) {
		set_reachable(daemon, -ENOENT);
		engine->is_wanted_changed = false; /* it is told everything when it comes */
		return -ENOENT;
	}
	r = compare(daemon, &wanted);
	set_reachable(daemon, r);
	if (r < 0)
		return r;
	engine->seen = now;
	engine->is_wanted_changed = false;
	return 0;
}

static void look(void *arg)
{
	struct sp_daemon *daemon = arg;
	struct sp_engine *engine = &daemon->engine;
	uint64_t wait_ns = LOOK_NS;
	int r;

	if (!engine->has_key)
		return;
	if (engine->is_wanted_changed || is_new_socket(engine) ||
	    sp_clock_boottime_ns() - engine->asked_ns > COMPARE_NS) {
		r = keep_in_step(daemon);
		if (r == -ETIMEDOUT || r == -EBADMSG)
			wait_ns = HANG_NS;
	}
	if (!engine->timer.due_ns)
		sp_loop_in(daemon->loop, &engine->timer, wait_ns);
}

void sp_engine_refresh(struct sp_daemon *daemon)
{
	struct sp_engine *engine = &daemon->engine;

	if (engine->has_key && engine->is_reachable &&
	    sp_clock_boottime_ns() - engine->asked_ns > SP_SECOND_NS / 2)
		keep_in_step(daemon);
}
