/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lends each part of the daemon what it stands on, and carries what parts tell to those above
 * them. So daemon.c and this file alone know all of it. */
#include <string.h>

#include "daemon/apply/apply.h"
#include "daemon/daemon.h"
#include "daemon/engine/key_proof.h"

static void record(void *arg, enum sp_audit_event event, const struct sp_live *live,
		   const char *why, const char *by, const struct sp_addr *from)
{
	struct sp_daemon *daemon = arg;

	sp_recorder_session(&daemon->recorder, event, live, why, by, from);
}

static void over(void *arg, const struct sp_live *live)
{
	sp_farewell_session(&((struct sp_daemon *)arg)->farewell, live);
}

static void denied(void *arg, uint64_t since_ns)
{
	sp_farewell_denied(&((struct sp_daemon *)arg)->farewell, since_ns);
}

static int check_proof(void *arg, const struct sp_sign_in *sign_in, struct sp_refusal *refusal)
{
	return sp_key_proof_check(&((struct sp_daemon *)arg)->engine, sign_in, refusal);
}

static void refused(void *arg, struct sp_audit_record *refusal)
{
	sp_recorder_refusal(&((struct sp_daemon *)arg)->recorder, refusal);
}

static bool is_own_key(void *arg, const uint8_t key[32])
{
	const struct sp_engine *engine = &((struct sp_daemon *)arg)->engine;

	return engine->has_key && !memcmp(key, engine->public_key.bytes, 32);
}

static void forget_peer(void *arg, const uint8_t key[32])
{
	struct sp_daemon *daemon = arg;

	if (sp_engine_find_peer(&daemon->engine.device, key))
		sp_engine_refresh(&daemon->engine);
}

static bool take_handshakes(void *arg)
{
	struct sp_daemon *daemon = arg;

	sp_engine_refresh(&daemon->engine);
	return daemon->engine.is_reachable;
}

static int64_t find_handshake(void *arg, const uint8_t key[32])
{
	const struct sp_wg_peer *peer =
		sp_engine_find_peer(&((struct sp_daemon *)arg)->engine.device, key);

	return peer ? peer->last_handshake_ns : 0;
}

static void changed(void *arg)
{
	sp_engine_wake(&((struct sp_daemon *)arg)->engine);
}

static void passed(void *arg, const char *step)
{
	sp_daemon_passed(arg, step);
}

static void lend_people(struct sp_daemon *daemon)
{
	struct sp_people *people = &daemon->people;

	people->store = daemon->store;
	people->revisions = &daemon->revisions;
	people->machine = &daemon->machine;
	people->host = &daemon->host;
	people->warnings = &daemon->warnings;
	people->outside = (struct sp_people_outside){
		.arg = daemon,
		.record = record,
		.over = over,
		.denied = denied,
		.check_proof = check_proof,
		.refused = refused,
		.is_own_key = is_own_key,
		.forget_peer = forget_peer,
		.take_handshakes = take_handshakes,
		.find_handshake = find_handshake,
		.changed = changed,
		.passed = passed,
	};
	daemon->farewell.loop = daemon->bans.loop = daemon->loop;
	daemon->farewell.machine = &daemon->machine;
	daemon->bans.store = daemon->store;
	daemon->bans.recorder = &daemon->recorder;
	daemon->hits.store = daemon->store;
	daemon->hits.revisions = &daemon->revisions;
}

static void answered(void *arg, const struct sp_engine_identity *whose,
		     const struct sp_wg_device *before, const struct sp_wg_device *now)
{
	sp_engine_news_look(arg, whose, before, now);
}

static void lend_engine(struct sp_daemon *daemon)
{
	struct sp_engine *engine = &daemon->engine;

	engine->loop = daemon->loop;
	engine->people = &daemon->people;
	engine->machine = &daemon->machine;
	engine->paths = &daemon->paths;
	engine->warnings = &daemon->warnings;
	engine->recorder = &daemon->recorder;
	engine->answered = answered;
	engine->answered_arg = engine;
}

static void lend_record(struct sp_daemon *daemon)
{
	struct sp_recorder *recorder = &daemon->recorder;
	struct sp_events *events = &daemon->events;
	struct sp_drops *drops = &daemon->drops;

	recorder->paths = &daemon->paths;
	recorder->gateway_name = daemon->gateway_name;
	recorder->machine = &daemon->machine;
	recorder->revisions = &daemon->revisions;
	recorder->warnings = &daemon->warnings;
	events->loop = drops->loop = daemon->loop;
	events->revisions = drops->revisions = &daemon->revisions;
	events->recorder = drops->recorder = recorder;
	events->marks = drops->marks = &daemon->marks;
	events->store = daemon->store;
	events->people = &daemon->people;
	events->host = &daemon->host;
	events->drops = drops;
	drops->warnings = &daemon->warnings;
}

static void lend_health(struct sp_daemon *daemon)
{
	struct sp_health *health = &daemon->health;

	health->paths = daemon->portal.paths = &daemon->paths;
	health->machine = daemon->portal.machine = &daemon->machine;
	health->warnings = daemon->portal.warnings = &daemon->warnings;
	health->store = daemon->store;
	health->revisions = &daemon->revisions;
	health->recorder = &daemon->recorder;
	health->portal = &daemon->portal;
	health->apply = &daemon->applies.under_way;
	health->waits = &daemon->applies.confirming.state;
	health->is_lock_open = &daemon->is_lock_open;
	daemon->troubles.warnings = daemon->drifts.warnings = &daemon->warnings;
	daemon->troubles.recorder = daemon->drifts.recorder = &daemon->recorder;
}

static void targets_changed(void *arg)
{
	sp_watch_look(arg);
}

static void lend_targets(struct sp_daemon *daemon)
{
	struct sp_targets *targets = &daemon->targets;

	targets->loop = daemon->loop;
	targets->paths = &daemon->paths;
	targets->revisions = &daemon->revisions;
	targets->recorder = &daemon->recorder;
	targets->warnings = &daemon->warnings;
	targets->changed = targets_changed;
	targets->arg = &daemon->watch;
}

static void drain(void *arg)
{
	sp_network_drain(arg);
}

static void homes_changed(void *arg)
{
	sp_network_settle(arg);
}

static void lend_homes(struct sp_daemon *daemon)
{
	struct sp_homes_watch *homes = &daemon->homes;

	homes->loop = daemon->loop;
	homes->netlink = daemon->netlink;
	homes->machine = &daemon->machine;
	homes->warnings = &daemon->warnings;
	homes->drain = drain;
	homes->changed = homes_changed;
	homes->arg = &daemon->network;
}

static void lend_machine(struct sp_daemon *daemon)
{
	struct sp_network_watch *network = &daemon->network;
	struct sp_watch *watch = &daemon->watch;

	network->loop = watch->loop = daemon->loop;
	network->netlink = watch->netlink = daemon->netlink;
	network->machine = watch->machine = &daemon->machine;
	network->engine = &daemon->engine;
	network->host = &daemon->host;
	network->drops = watch->drops = &daemon->drops;
	network->warnings = &daemon->warnings;
	network->is_lock_open = watch->is_lock_open = &daemon->is_lock_open;
	network->paths = &daemon->paths;
	network->homes = &daemon->homes;
	network->marks = &daemon->marks;
	network->watch = watch;
	watch->engine = &daemon->engine;
	watch->host = &daemon->host;
	watch->warnings = &daemon->warnings;
	watch->network = network;
	watch->revisions = &daemon->revisions;
	watch->drifts = &daemon->drifts;
	watch->health = &daemon->health;
	watch->targets = &daemon->targets;
	watch->troubles = &daemon->troubles;
	watch->apply = &daemon->applies.under_way;
	watch->is_stopping = &daemon->is_stopping;
}

static void ask(void *arg, struct sp_client *client, const struct sp_request *request)
{
	sp_ops_request(&((struct sp_daemon *)arg)->ops, client, request);
}

static void lend_applies(struct sp_daemon *daemon)
{
	struct sp_applies *applies = &daemon->applies;

	applies->loop = daemon->loop;
	applies->paths = &daemon->paths;
	applies->planes = daemon->options.planes;
	applies->gateway_name = daemon->gateway_name;
	applies->machine = &daemon->machine;
	applies->store = daemon->store;
	applies->netlink = daemon->netlink;
	applies->host = &daemon->host;
	applies->homes = &daemon->homes;
	applies->network = &daemon->network;
	applies->people = &daemon->people;
	applies->farewell = &daemon->farewell;
	applies->recorder = &daemon->recorder;
	applies->revisions = &daemon->revisions;
	applies->origins = &daemon->origins;
	applies->warnings = &daemon->warnings;
	applies->is_lock_open = &daemon->is_lock_open;
	applies->is_stopping = &daemon->is_stopping;
	applies->is_detached = &daemon->is_detached;
	applies->ask = ask;
	applies->passed = passed;
	applies->arg = daemon;
}

static void feeds_changed(void *arg)
{
	sp_apply_restage_paced(arg, "a feed changed");
}

static void names_changed(void *arg)
{
	sp_apply_restage_paced(arg, "a name has other addresses");
}

static void lend_origins(struct sp_daemon *daemon)
{
	struct sp_feeds *feeds = &daemon->origins.feeds;
	struct sp_dns_names *names = &daemon->origins.names;

	feeds->loop = daemon->loop;
	feeds->paths = &daemon->paths;
	feeds->warnings = &daemon->warnings;
	feeds->changed = feeds_changed;
	feeds->arg = &daemon->applies;
	names->loop = daemon->loop;
	names->paths = &daemon->paths;
	names->warnings = &daemon->warnings;
	names->machine = &daemon->machine;
	names->gateway = &daemon->host.gateway;
	names->changed = names_changed;
	names->arg = &daemon->applies;
}

static void lend_ops(struct sp_daemon *daemon)
{
	daemon->works.loop = daemon->loop;
	daemon->ops = (struct sp_ops){
		.loop = daemon->loop,
		.paths = &daemon->paths,
		.gateway_name = daemon->gateway_name,
		.machine = &daemon->machine,
		.store = daemon->store,
		.host = &daemon->host,
		.network = &daemon->network,
		.watch = &daemon->watch,
		.warnings = &daemon->warnings,
		.people = &daemon->people,
		.revisions = &daemon->revisions,
		.engine = &daemon->engine,
		.recorder = &daemon->recorder,
		.drops = &daemon->drops,
		.drifts = &daemon->drifts,
		.portal = &daemon->portal,
		.health = &daemon->health,
		.targets = &daemon->targets,
		.applies = &daemon->applies,
		.origins = &daemon->origins,
		.works = &daemon->works,
		.bans = &daemon->bans,
		.hits = &daemon->hits,
		.is_lock_open = &daemon->is_lock_open,
		.is_memory_locked = &daemon->is_memory_locked,
		.started_ns = &daemon->started_ns,
	};
}

void sp_daemon_lend(struct sp_daemon *daemon)
{
	lend_people(daemon);
	lend_engine(daemon);
	lend_record(daemon);
	lend_health(daemon);
	lend_targets(daemon);
	lend_homes(daemon);
	lend_machine(daemon);
	lend_origins(daemon);
	lend_applies(daemon);
	lend_ops(daemon);
}

void sp_daemon_lend_plane(struct sp_daemon *daemon)
{
	daemon->revisions.plane = daemon->people.plane = daemon->farewell.plane = daemon->plane;
	daemon->events.plane = daemon->drops.plane = daemon->health.plane = daemon->plane;
	daemon->network.plane = daemon->watch.plane = daemon->ops.plane = daemon->plane;
	daemon->applies.plane = daemon->bans.plane = daemon->hits.plane = daemon->plane;
}
