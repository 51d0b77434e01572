/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The objects that several replies share. */
#include "daemon/ops/ops.h"

#include <stdio.h>
#include <string.h>

#include "audit/time.h"
#include "io/wireguard/wg_key.h"
#include "json/text.h"
#include "net/addr.h"

/* What the database keeps. */
json_t *sp_json_row(const struct sp_session_row *row)
{
	json_t *groups = json_loads(row->groups, 0, NULL);
	json_t *roles = json_loads(row->roles, 0, NULL);

	return json_pack(
		"{s:I, s:s, s:s, s:s?, s:s?, s:o, s:o, s:o, s:{s:s, s:o}, s:o, s:o, s:I, s:I,"
		" s:n, s:n, s:o, s:s?, s:o, s:s?}",
		"session", (json_int_t)row->id, "state", row->closed_ns ? "closed" : "live", "user",
		row->user, "idp", row->idp, "subject", row->subject, "groups",
		groups ? groups : json_array(), "roles", roles ? roles : json_array(), "addresses",
		sp_json_addresses(row->addresses, row->has_address), "device", "name", row->device,
		"public_key", sp_json_key(row->public_key), "opened", sp_json_time(row->opened_ns),
		"expires", sp_json_time(row->expires_ns), "idle_s", (json_int_t)row->idle_s,
		"warn_s", (json_int_t)row->warn_s, "last_seen", "flows", "closed",
		sp_json_time(row->closed_ns), "why", row->why, "replaces",
		row->replaces ? json_integer((json_int_t)row->replaces) : json_null(), "ending",
		row->closed_ns ? NULL : row->ending);
}

/* The person's latest denials, with the reason that the rule gives. */
static json_t *describe_denials(const struct sp_ops *ops, const struct sp_live *live)
{
	const struct sp_revision *running = ops->revisions->running;
	json_t *list = json_array();

	for (size_t i = 0; i < SP_DENIALS_KEPT && live->denials[i].time_ns; i++) {
		const struct sp_denial *denial = &live->denials[i];
		const struct sp_rule *rule =
			running ? sp_policy_rule(running->policy, denial->rule) : NULL;
		char address[SP_ADDR_TEXT_MAX], number[8];

		json_array_append_new(
			list, json_pack("{s:o, s:s, s:s, s:o, s:o}", "time",
					sp_json_time(denial->time_ns), "destination",
					sp_addr_format(&denial->destination, address), "proto",
					sp_audit_proto_name(denial->proto, number), "port",
					denial->port ? json_integer(denial->port) : json_null(),
					"message",
					rule && rule->reason ? sp_json_of_text(rule->reason)
							     : json_null()));
	}
	return list;
}

json_t *sp_json_session(struct sp_ops *ops, const struct sp_live *live,
			const struct sp_client *client)
{
	static const char *const states[] = { "live", "expired", "closed" };
	json_t *json = sp_json_row(&live->row);
	struct sp_plane_session session;

	json_object_set_new(json, "state", json_string(states[live->state]));
	json_object_set_new(json, "refusals", describe_denials(ops, live));
	if (sp_client_is_portal(client))
		json_object_set_new(json, "refresh",
				    live->row.refresh ? json_string(live->row.refresh)
						      : json_null());
	if (live->state == SP_LIVE_ENDED ||
	    sp_plane_session_get(ops->plane, live->row.slot, &session) < 0)
		return json;
	json_object_set_new(json, "flows", json_integer((json_int_t)session.flows));
	json_object_set_new(json, "last_seen",
			    sp_json_time(sp_clock_boottime_to_utc_ns(session.last_seen_ns,
								     sp_clock_offset_ns())));
	return json;
}

json_t *sp_json_drop(const char *word, uint64_t packets)
{
	return json_pack("{s:s, s:I}", "reason", word, "packets", (json_int_t)packets);
}

/* What the engine counted for a peer. A peer without counts has zeros. */
static json_t *describe_counts(const struct sp_engine_stats *stats, const struct sp_wg_peer *peer)
{
	const struct sp_uapi_peer_stats *counts;
	json_t *drops;

	if (!stats->is_known)
		return json_pack("{s:n, s:n}", "drops", "roams");
	counts = sp_engine_stats_peer(stats, peer->public_key.bytes);
	drops = json_array();
	for (size_t i = 0; counts && i < counts->drop_count; i++)
		json_array_append_new(drops,
				      sp_json_drop(counts->drops[i].word, counts->drops[i].count));
	return json_pack("{s:o, s:I}", "drops", drops, "roams",
			 (json_int_t)(counts ? counts->roams : 0));
}

json_t *sp_json_peer(struct sp_ops *ops, const struct sp_wg_peer *peer)
{
	json_t *json;
	char addr[SP_ADDR_TEXT_MAX], endpoint[SP_ADDR_TEXT_MAX + 32];

	if (!peer)
		return json_pack("{s:n, s:n, s:i, s:i, s:n, s:n}", "endpoint", "last_handshake",
				 "rx_bytes", 0, "tx_bytes", 0, "drops", "roams");
	sp_addr_format(&peer->endpoint, addr);
	snprintf(endpoint, sizeof(endpoint), sp_addr_is_v4(&peer->endpoint) ? "%s:%u" : "[%s]:%u",
		 addr, peer->endpoint_port);
	json = json_pack("{s:s?, s:o, s:I, s:I}", "endpoint", peer->has_endpoint ? endpoint : NULL,
			 "last_handshake", sp_json_time(peer->last_handshake_ns), "rx_bytes",
			 (json_int_t)peer->rx_bytes, "tx_bytes", (json_int_t)peer->tx_bytes);
	json_object_update_new(json, describe_counts(&ops->engine->stats, peer));
	return json;
}

json_t *sp_json_device(struct sp_ops *ops, const struct sp_device *device)
{
	const struct sp_live *live = sp_live_of_device(ops->people, device->public_key);
	const struct sp_wg_peer *peer = sp_engine_peer(ops->engine, device->public_key);
	json_t *json =
		json_pack("{s:o, s:s, s:s, s:s?, s:s?, s:o, s:o, s:b, s:b, s:o, s:b}", "public_key",
			  sp_json_key(device->public_key), "name", device->name, "user",
			  device->user, "idp", device->idp, "subject", device->subject, "addresses",
			  sp_json_addresses(device->addresses, device->has_address), "added",
			  sp_json_time(device->added_ns), "machine", !device->idp, "proven",
			  device->proven_ns != 0, "session",
			  live ? json_integer((json_int_t)live->row.id) : json_null(), "in_engine",
			  peer != NULL);

	json_object_update_new(json, sp_json_peer(ops, peer));
	return json;
}
