/* SPDX-License-Identifier: GPL-3.0-or-later */
/* status: what runs where, what it counted, and what needs an administrator. Counts and states come
 * from a snapshot (look.h) and from nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/units.h"
#include "daemon/facts/origins.h"
#include "daemon/ops/look.h"
#include "daemon/ops/ops.h"
#include "io/files/files.h"
#include "json/text.h"
#include "net/addr.h"
#include "policy/answer.h"

static const char *hook_judges(enum sp_hook hook)
{
	static const char *const texts[] = { [SP_HOOK_NONE] = "",
#define X(id, name, text) [SP_HOOK_##id] = text,
					     SP_HOOKS(X)
#undef X
	};

	return texts[hook < SP_HOOK_COUNT ? hook : SP_HOOK_NONE];
}

static json_t *sum(const struct sp_counter *counters, enum sp_hook hook, unsigned int verdict)
{
	struct sp_counter total = { 0 };

	for (unsigned int reason = 0; reason < SP_REASON_SLOTS; reason++) {
		total.packets += counters[SP_COUNTER_INDEX(hook, verdict, reason)].packets;
		total.bytes += counters[SP_COUNTER_INDEX(hook, verdict, reason)].bytes;
	}
	return json_pack("{s:I, s:I}", "packets", (json_int_t)total.packets, "bytes",
			 (json_int_t)total.bytes);
}

static json_t *list_reasons(const struct sp_counter *counters, enum sp_hook hook)
{
	json_t *list = json_array();

	for (unsigned int verdict = 0; verdict < SP_VERDICT_COUNT; verdict++)
		for (unsigned int reason = 1; reason < SP_REASON_SLOTS; reason++) {
			const struct sp_counter *counter =
				&counters[SP_COUNTER_INDEX(hook, verdict, reason)];

			if (counter->packets)
				json_array_append_new(
					list, json_pack("{s:s, s:s, s:I, s:I}", "verdict",
							sp_verdict_name(verdict), "reason",
							sp_reason_name(reason), "packets",
							(json_int_t)counter->packets, "bytes",
							(json_int_t)counter->bytes));
		}
	return list;
}

static json_t *list_hooks(const struct sp_snapshot *snapshot)
{
	json_t *list = json_array();

	for (size_t i = 0; i < snapshot->hook_count; i++) {
		const struct sp_plane_hook *hook = &snapshot->hooks[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:o, s:o, s:o}", "hook",
				  sp_hook_name(hook->hook), "interface", hook->interface, "mode",
				  hook->mode, "prog_id", (json_int_t)hook->prog_id, "revision",
				  (json_int_t)hook->revision, "judges", hook_judges(hook->hook),
				  "allow", sum(snapshot->counters, hook->hook, SP_ALLOW), "deny",
				  sum(snapshot->counters, hook->hook, SP_DENY), "reasons",
				  list_reasons(snapshot->counters, hook->hook)));
	}
	return list;
}

/* What each rule of the running policy decided since the maps were made; `default` first. */
static json_t *list_rules(const struct sp_snapshot *snapshot)
{
	json_t *list = json_array();

	for (size_t i = 0; i < snapshot->rules_count; i++) {
		const struct sp_snapshot_rule *rule = &snapshot->rules[i];

		json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I}", "rule", rule->name,
						      "packets", (json_int_t)rule->decided.packets,
						      "bytes", (json_int_t)rule->decided.bytes,
						      "line", (json_int_t)rule->line));
	}
	return list;
}

static json_t *list_addresses(const struct sp_host *host, uint32_t ifindex)
{
	json_t *list = json_array();

	for (size_t i = 0; i < host->address_count; i++) {
		const struct sp_link_address *address = &host->addresses[i];
		char addr[SP_ADDR_TEXT_MAX];

		if (address->ifindex == ifindex && ifindex)
			json_array_append_new(
				list, json_sprintf("%s/%u", sp_addr_format(&address->addr, addr),
						   address->prefix.prefix_len -
							   (address->is_v4 ? 96 : 0)));
	}
	return list;
}

/* @unlisted has the interfaces that are in no list. */
static void list_interfaces(struct sp_ops *ops, json_t *governed, json_t *unmanaged,
			    json_t *unlisted)
{
	for (size_t i = 0; i < ops->host->interface_count; i++) {
		const struct sp_host_interface *seen = &ops->host->interfaces[i];

		if (seen->is_unmanaged)
			json_array_append_new(unmanaged, json_pack("{s:s, s:b}", "name", seen->name,
								   "present", seen->is_present));
		else if (!seen->is_governed)
			json_array_append_new(unlisted, json_string(seen->name));
		else
			json_array_append_new(
				governed,
				json_pack("{s:s, s:s, s:I, s:b, s:b, s:o}", "name", seen->name,
					  "zone", sp_zone_name(seen->zone), "ifindex",
					  (json_int_t)seen->ifindex, "present", seen->is_present,
					  "up", seen->is_up, "addresses",
					  list_addresses(ops->host, seen->ifindex)));
	}
}

static json_t *describe_sessions(const struct sp_snapshot *snapshot)
{
	return json_pack("{s:I, s:I, s:I}", "live", (json_int_t)snapshot->sessions_open, "parked",
			 (json_int_t)snapshot->sessions_parked, "max",
			 (json_int_t)snapshot->sessions_max);
}

static json_t *list_engine_peers(struct sp_ops *ops)
{
	const struct sp_wg_device *device = &ops->engine->device;
	json_t *list = json_array();

	for (size_t i = 0; i < device->peer_count; i++) {
		const struct sp_wg_peer *peer = &device->peers[i];
		const struct sp_device *known = sp_device_find(ops->people, peer->public_key.bytes);
		json_t *allowed = json_array(), *item;
		char text[SP_PREFIX_TEXT_MAX];

		for (size_t j = 0; j < peer->allowed_ip_count; j++)
			json_array_append_new(allowed, json_string(sp_prefix_format(
							       &peer->allowed_ips[j], text)));
		item = json_pack("{s:o, s:s?, s:s?, s:o}", "public_key",
				 sp_json_key(peer->public_key.bytes), "device",
				 known ? known->name : NULL, "user", known ? known->user : NULL,
				 "allowed_ips", allowed);
		json_object_update_new(item, sp_json_peer(ops, peer));
		json_array_append_new(list, item);
	}
	return list;
}

static json_t *list_engine_drops(const struct sp_snapshot *snapshot)
{
	json_t *list = json_array();

	for (size_t i = 0; i < snapshot->drop_count; i++)
		json_array_append_new(
			list, sp_json_drop(snapshot->drops[i].word, snapshot->drops[i].count));
	return list;
}

static const char *find_fact(const struct sp_uapi_stats *stats, const char *name)
{
	for (size_t i = 0; i < stats->fact_count; i++)
		if (!strcmp(stats->facts[i].name, name))
			return stats->facts[i].value;
	return NULL;
}

static json_t *read_number_fact(const struct sp_uapi_stats *stats, const char *name)
{
	const char *value = find_fact(stats, name);

	return value ? json_integer((json_int_t)strtoull(value, NULL, 10)) : json_null();
}

/* {"tun-tso4": true, …} */
static json_t *list_offloads(const struct sp_uapi_stats *stats)
{
	json_t *offloads = json_object();

	for (size_t i = 0; i < stats->fact_count; i++) {
		const char *value = stats->facts[i].value, *colon = strchr(value, ':');
		char name[SP_UAPI_WORD_MAX];

		if (strcmp(stats->facts[i].name, "offload") != 0 || !colon)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(colon - value), value);
		json_object_set_new(offloads, name, json_boolean(!strcmp(colon, ":on")));
	}
	return offloads;
}

/* What our own engine reports of itself; nulls for another engine. */
static json_t *describe_own_engine(const struct sp_engine *engine,
				   const struct sp_snapshot *snapshot)
{
	const struct sp_uapi_stats *stats = &engine->stats.answer;
	const char *memory = find_fact(stats, "memory");

	if (!engine->stats.is_known)
		return json_pack("{s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n}", "name", "aead",
				 "queues", "memory_locked", "offloads", "bad_frames",
				 "refused_frames", "drops");
	return json_pack("{s:s?, s:s?, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
			 find_fact(stats, "engine"), "aead", find_fact(stats, "aead"), "queues",
			 read_number_fact(stats, "queues"), "memory_locked",
			 memory ? json_boolean(!strcmp(memory, "locked")) : json_null(), "offloads",
			 list_offloads(stats), "bad_frames", read_number_fact(stats, "bad_frames"),
			 "refused_frames", read_number_fact(stats, "refused_frames"), "drops",
			 list_engine_drops(snapshot));
}

static json_t *describe_engine(struct sp_ops *ops, const struct sp_snapshot *snapshot)
{
	const struct sp_engine *engine = ops->engine;
	json_t *json;

	json = json_pack("{s:s, s:b, s:s?, s:s?, s:I, s:b}", "kind", engine->way->name, "reachable",
			 engine->is_reachable, "socket",
			 engine->way == &sp_engine_userspace ? engine->socket_path : NULL, "error",
			 engine->error ? sp_err_text(engine->error) : NULL, "listen_port",
			 (json_int_t)engine->device.listen_port, "in_step",
			 sp_engine_is_in_step(ops->engine));
	json_object_update_new(json, describe_own_engine(engine, snapshot));
	json_object_update_new(json, json_pack("{s:I, s:I, s:o}", "peer_count",
					       (json_int_t)snapshot->peer_count, "handshakes",
					       (json_int_t)snapshot->handshake_count, "peers",
					       list_engine_peers(ops)));
	return json;
}

static json_t *describe_events(const struct sp_snapshot *snapshot)
{
	const struct sp_event_stats *events = &snapshot->events;

	return json_pack("{s:I, s:I, s:I}", "attempted", (json_int_t)events->attempted, "lost",
			 (json_int_t)events->lost, "sampled", (json_int_t)events->sampled);
}

static json_t *describe_log(const struct sp_snapshot_log *log)
{
	return json_pack("{s:s?, s:I, s:o, s:s?}", "file", log->path, "seq", (json_int_t)log->seq,
			 "reaches_back_to", sp_json_time(log->horizon_ns), "error", log->error);
}

static json_t *describe_audit(const struct sp_snapshot *snapshot)
{
	json_t *json = describe_log(&snapshot->logs[SP_RECORDER_PEOPLE]);

	json_object_set_new(json, "packets", describe_log(&snapshot->logs[SP_RECORDER_PACKETS]));
	return json;
}

static json_t *list_warnings(struct sp_ops *ops)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ops->warnings->count; i++)
		json_array_append_new(
			list,
			json_pack("{s:s, s:o, s:s?}", "code", ops->warnings->items[i].code,
				  "message", sp_json_of_text(ops->warnings->items[i].message),
				  "remedy", sp_warnings_remedy(ops->warnings->items[i].code)));
	return list;
}

/* The lists in files that the running policy names. */
static json_t *list_feeds(const struct sp_feed_set *feeds)
{
	json_t *list = json_array();

	for (size_t i = 0; i < feeds->count; i++) {
		const struct sp_feed *feed = &feeds->items[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s, s:I, s:o, s:b, s:I, s:o}", "network", feed->name,
				  "file", feed->file, "state", sp_feed_state_word(feed->state),
				  "prefixes", (json_int_t)feed->list.count, "modified",
				  sp_json_time(feed->list.modified_ns), "stale", feed->is_stale,
				  "bad_lines", (json_int_t)feed->bad, "fault",
				  *feed->fault ? sp_json_of_text(feed->fault) : json_null()));
	}
	return list;
}

/* The names in the DNS that networks of the running policy are made of. */
static json_t *list_names(const struct sp_dns_set *names)
{
	json_t *list = json_array();

	for (size_t i = 0; i < names->count; i++) {
		const struct sp_dns_name *name = &names->items[i];
		json_t *addresses = json_array();
		char text[SP_ADDR_TEXT_MAX];

		for (size_t n = 0; n < name->count; n++)
			json_array_append_new(addresses, json_string(sp_addr_format(
								 &name->addresses[n].addr, text)));
		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "network",
				  name->network, "name", name->name, "state",
				  sp_dns_state_word(name->state), "addresses", addresses, "ttl",
				  name->has_ttl ? json_integer(name->ttl_s) : json_null(), "asked",
				  sp_json_time(name->asked_s * SP_NS_PER_S), "until",
				  name->count ? sp_json_time(sp_dns_name_last_ends_s(name) *
							     SP_NS_PER_S)
					      : json_null(),
				  "fault",
				  *name->fault ? sp_json_of_text(name->fault) : json_null()));
	}
	return list;
}

static const char *find_state(struct sp_ops *ops)
{
	if (ops->warnings->count)
		return "degraded";
	return ops->revisions->running ? "enforcing" : "waiting";
}

static json_t *describe_flows(const struct sp_snapshot *snapshot)
{
	json_t *parts = json_object();

#define X(id, name)                                                                                \
	json_object_set_new(                                                                       \
		parts, name,                                                                       \
		json_integer((json_int_t)snapshot->flow_use.flows[SP_FLOW_PART_##id]));
	SP_FLOW_PARTS(X)
#undef X
	return json_pack("{s:I, s:I, s:o}", "tracked", (json_int_t)snapshot->flows, "max",
			 (json_int_t)snapshot->flows_max, "parts", parts);
}

json_t *sp_json_snapshot(const struct sp_snapshot *snapshot)
{
	json_t *json = json_pack("{s:I, s:s?, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "revision",
				 (json_int_t)snapshot->revision, "generation", snapshot->generation,
				 "applied", sp_json_time(snapshot->applied_ns), "rules",
				 (json_int_t)snapshot->rule_count, "rules_change",
				 sp_json_time(snapshot->rules_change_ns), "hooks",
				 list_hooks(snapshot), "sessions", describe_sessions(snapshot),
				 "flows", describe_flows(snapshot), "events",
				 describe_events(snapshot), "audit", describe_audit(snapshot));

	if (snapshot->has_rules)
		json_object_set_new(json, "rule_counters", list_rules(snapshot));
	return json;
}

/* The daemon itself, and the machine around it. */
static json_t *describe_daemon(struct sp_ops *ops)
{
	json_t *interfaces = json_array(), *unmanaged = json_array(), *unlisted = json_array();

	list_interfaces(ops, interfaces, unmanaged, unlisted);
	return json_pack(
		"{s:s, s:s, s:s, s:I, s:o, s:s, s:s, s:{s:b, s:b, s:I, s:o}, s:b, s:o, s:o, s:o, "
		"s:o}",
		"gateway", ops->gateway_name, "version", SP_VERSION, "root",
		ops->paths->root[0] ? ops->paths->root : "/", "pid", (json_int_t)getpid(),
		"started", sp_json_time(*ops->started_ns), "plane", ops->plane->ops->name, "state",
		find_state(ops), "lock", "open", *ops->is_lock_open, "sampled",
		ops->drops->log && !ops->drops->is_unsampled, "sampling_losses",
		(json_int_t)(ops->drops->log ? sp_nflog_losses(ops->drops->log) : 0), "dropped",
		sp_drops_describe(ops->drops), "memory_locked", *ops->is_memory_locked,
		"tunnel_key",
		ops->engine->has_key ? sp_json_key(ops->engine->public_key.bytes) : json_null(),
		"interfaces", interfaces, "unmanaged", unmanaged, "ungoverned", unlisted);
}

void sp_op_status(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	__sp_cleanup(sp_snapshot_freep) struct sp_snapshot *snapshot = NULL;
	int with_rules = 0;
	json_t *status;

	if (!sp_op_unpack(client, request, "{s?b}", "rules", &with_rules))
		return;
	/* look first, so that status reports the state of this moment */
	sp_watch_look(ops->watch);
	sp_engine_refresh(ops->engine); /* the look may raise a warning */
	if (sp_look(ops, with_rules, &snapshot) < 0) {
		sp_client_fail(client, "failed", 1, NULL, "out of memory");
		return;
	}
	status = describe_daemon(ops);
	json_object_set_new(status, "pending", sp_json_pending(ops));
	json_object_set_new(status, "watchdog",
			    json_boolean(sp_lock_is_held(ops->paths->watchdog_lock)));
	json_object_update_new(status, sp_json_snapshot(snapshot));
	json_object_update_new(status,
			       json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "engine",
					 describe_engine(ops, snapshot), "portal",
					 sp_portal_describe(ops->portal), "feeds",
					 list_feeds(&ops->origins->feeds.running), "names",
					 list_names(&ops->origins->names.running), "forwards",
					 sp_targets_list(ops->targets), "warnings",
					 list_warnings(ops), "drift", sp_drift_list(ops->drifts)));
	sp_client_reply(client, status);
}
