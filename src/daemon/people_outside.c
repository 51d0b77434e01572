/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lends people what they stand on, and carries what they tell to the parts above them. */
#include <string.h>

#include "base/err.h"
#include "daemon/daemon.h"
#include "daemon/engine/key_proof.h"

static void record(void *arg, enum sp_audit_event event, const struct sp_live *live,
		   const char *why, const char *by, const struct sp_addr *from)
{
	sp_recorder_session(arg, event, live, why, by, from);
}

static void over(void *arg, const struct sp_live *live)
{
	sp_farewell_session(arg, live);
}

static void denied(void *arg, uint64_t since_ns)
{
	sp_farewell_denied(arg, since_ns);
}

static int check_proof(void *arg, const struct sp_sign_in *sign_in, struct sp_refusal *refusal)
{
	return sp_key_proof_check(arg, sign_in, refusal);
}

static void refused(void *arg, struct sp_audit_record *refusal)
{
	sp_recorder_refusal(arg, refusal);
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

static void changed(void *arg)
{
	sp_engine_wake(&((struct sp_daemon *)arg)->engine);
}

static void passed(void *arg, const char *step)
{
	sp_daemon_passed(arg, step);
}

int sp_daemon_load_people(struct sp_daemon *daemon, bool is_new_store)
{
	struct sp_people *people = &daemon->people;
	int r;

	people->store = daemon->store;
	people->plane = daemon->plane;
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
		.changed = changed,
		.passed = passed,
	};
	r = sp_people_load(people, is_new_store);
	if (r < 0)
		sp_log_error("reading devices and sessions: %s; %s", sp_err_text(r),
			     sp_store_error(daemon->store));
	return r;
}
