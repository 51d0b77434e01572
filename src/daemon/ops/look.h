/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A snapshot: counts and states of one moment, as values. `status` says a snapshot as JSON and asks
 * neither the kernel nor the engine for anything that is in it. */
#ifndef SALLYPORT_DAEMON_LOOK_H
#define SALLYPORT_DAEMON_LOOK_H

#include <sallyport/abi/tables.h>

#include "base/cleanup.h"
#include "daemon/record/recorder.h"
#include "plane/plane.h"
#include "policy/model.h"

struct sp_ops;

struct sp_snapshot_rule {
	const char *name; /* "default": what no rule decided */
	uint32_t line;    /* 0: of no rule */
	struct sp_counter decided;
};

struct sp_snapshot_log {
	const char *path;   /* NULL: it was never opened */
	const char *error;  /* NULL: it can be written */
	uint64_t seq;       /* of its last record; 0: none */
	int64_t horizon_ns; /* UTC: how far it reaches back; 0: it has no records */
};

/* Texts are borrowed from the daemon: the snapshot is said before anything else happens. */
struct sp_snapshot {
	/* The revision in force; without one: 0 and NULL. */
	uint64_t revision;
	const char *generation;
	int64_t applied_ns;      /* UTC */
	int64_t rules_change_ns; /* UTC: when rules begin or end by themselves; 0: not known to */
	size_t rule_count;
	/* What the hooks judged since the maps were made. */
	struct sp_plane_hook *hooks;
	size_t hook_count;
	struct sp_counter counters[SP_COUNTER_SLOTS]; /* by SP_COUNTER_INDEX */
	/* What each rule decided, if asked for: `default` first. */
	bool has_rules;
	struct sp_snapshot_rule *rules;
	size_t rules_count;
	uint32_t flows, flows_max;
	struct sp_flow_use flow_use;
	struct sp_event_stats events;
	size_t sessions_open, sessions_parked, sessions_max;
	/* The tunnel engine, as it answered last. */
	size_t peer_count;
	size_t handshake_count; /* of them, those whose keys still work */
	/* by reason, over all peers and packets of no peer; a reason that is missing is 0 */
	struct sp_uapi_drop *drops;
	size_t drop_count;
	struct sp_snapshot_log logs[SP_RECORDER_FILES];
};

/* Look at all of it; @with_rules: at the rules too. A plane that does not answer leaves zeros and
 * no hooks. Returns 0 with a snapshot the caller frees; -ENOMEM. */
int sp_look(struct sp_ops *ops, bool with_rules, struct sp_snapshot **ret_snapshot);
void sp_snapshot_free(struct sp_snapshot *snapshot);
SP_DEFINE_CLEANUP(struct sp_snapshot *, sp_snapshot_free);

#endif
