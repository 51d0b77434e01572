/* SPDX-License-Identifier: GPL-3.0-or-later */
/* detach: the off switch. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "daemon/apply/again.h"
#include "daemon/apply/detach.h"
#include "daemon/machine/tunnel.h"
#include "daemon/ops/ops.h"
#include "json/own.h"

#define WHY_MAX 200

/* What a detach does, or would do. Read before it is done. */
static json_t *describe(struct sp_ops *ops)
{
	const uint64_t revision = sp_plane_running_revision(ops->plane);
	const char *tunnel = (*ops->machine)->tunnel;
	json_t *interfaces = json_array();
	struct sp_detach_plan plan;
	struct sp_live *live = NULL;
	json_int_t sessions = 0;

	for (size_t i = 0; revision && i < ops->host->hooked_count; i++)
		json_array_append_new(interfaces, json_string(ops->host->hooked[i].name));
	while ((live = sp_live_next(ops->people, live)))
		sessions += live->state == SP_LIVE_OPEN;
	sp_detach_plan(ops->paths, &plan);
	return json_pack(
		"{s:o, s:I, s:I, s:s?, s:{s:s, s:s}}", "interfaces", interfaces, "revision",
		(json_int_t)revision, "sessions", sessions, "tunnel",
		sp_tunnel_is_ours(ops->applies->netlink, *ops->machine, tunnel) ? tunnel : NULL,
		"forwarding", "ipv4", sp_detach_word(plan.ipv4), "ipv6", sp_detach_word(plan.ipv6));
}

static void run(struct sp_ops *ops, struct sp_client *client, const char *why)
{
	struct sp_plane_error error = { 0 };
	__sp_json json_t *json = describe(ops);
	int r = sp_detach(ops->applies, sp_client_who(client), why, &error);

	if (r < 0) {
		sp_client_fail(client, "failed", 1, NULL,
			       "not detached: %s; what was taken away already is put back",
			       error.text[0] ? error.text : sp_err_text(r));
		return;
	}
	json_object_set_new(json, "detached", json_true());
	if (error.text[0])
		json_object_set_new(json, "tunnel_left", json_string(error.text));
	sp_client_reply(client, SP_TAKE_PTR(json));
}

void sp_op_detach(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	const char *why = NULL;
	int yes = 0;

	if (!sp_op_unpack(client, request, "{s?b, s?s}", "yes", &yes, "why", &why))
		return;
	if (why && (strlen(why) > WHY_MAX || !sp_text_is_printable(why, strlen(why)))) {
		sp_client_fail(client, "bad-request", 2, NULL, "why is at most %d bytes that print",
			       WHY_MAX);
		return;
	}
	if (yes && ops->applies->under_way) {
		sp_again_wait(ops->applies, client, request);
	} else if (yes) {
		run(ops, client, why);
	} else {
		json_t *json = describe(ops);

		json_object_set_new(json, "detached", json_false());
		sp_client_reply(client, json);
	}
}
