/* SPDX-License-Identifier: GPL-3.0-or-later */
/* confirm, rollback, pending: an apply that waits to be confirmed, and going back. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "confirm/watched.h"
#include "daemon/apply/again.h"
#include "daemon/apply/apply.h"
#include "daemon/ops/ops.h"
#include "json/text.h"

/* ---- what an apply asks for ---- */

static bool fail_request(struct sp_client *client, const char *text)
{
	sp_client_fail(client, "bad-request", 2, NULL, "confirm: %s", text);
	return false;
}

static bool read_targets(struct sp_client *client, json_t *list, struct sp_confirm_request *confirm)
{
	size_t i;
	json_t *item;
	char why[80];

	if (list && (!json_is_array(list) || json_array_size(list) > SP_TARGETS_MAX))
		return fail_request(client, "probes is a list of at most 16");
	json_array_foreach(list, i, item) {
		const char *text = json_string_value(item);

		if (sp_target_parse(text ? text : "", &confirm->targets[i], why) < 0)
			return fail_request(client, why);
	}
	confirm->target_count = json_array_size(list);
	return true;
}

bool sp_op_read_confirm(struct sp_client *client, json_t *json, struct sp_confirm_request *confirm)
{
	json_int_t seconds;
	json_t *targets = NULL;
	int by_targets = 0;

	if (!json || json_is_null(json))
		return true;
	if (json_unpack(json, "{s:I, s?o, s?b !}", "seconds", &seconds, "probes", &targets,
			"probes_confirm", &by_targets) < 0)
		return fail_request(client, "it has seconds, probes and probes_confirm");
	if (seconds < SP_CONFIRM_WAIT_MIN_S || seconds > SP_CONFIRM_WAIT_MAX_S)
		return fail_request(client, "seconds is 10 to 3600");
	if (!read_targets(client, targets, confirm))
		return false;
	if (by_targets && !confirm->target_count)
		return fail_request(client, "probes_confirm needs probes");
	confirm->wait_s = (uint32_t)seconds;
	confirm->is_confirmed_by_targets = by_targets;
	return true;
}

bool sp_op_may_stage(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request,
		     bool reverts)
{
	if (!sp_confirming_blocks(ops->applies) || ops->applies->under_way)
		return true;
	if (!reverts) {
		sp_confirming_refuse(ops->applies, client);
		return false;
	}
	/* What waits is never confirmed on the way: it returns first, then this is asked again. */
	(void)sp_confirming_revert(ops->applies, sp_client_who(client));
	sp_again_wait(ops->applies, client, request);
	return false;
}

/* ---- confirm ---- */

static void fail_none(struct sp_client *client)
{
	sp_client_fail(client, "not-pending", 1, NULL,
		       "no apply waits to be confirmed (sallyport history shows what became of the "
		       "last ones)");
}

void sp_op_confirm(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	const struct sp_pending pending = ops->applies->confirming.pending;
	int r;

	(void)request;
	if (ops->applies->under_way && sp_confirming_blocks(ops->applies)) {
		sp_client_fail(client, "busy", 1, NULL, "it is not in force yet: try again");
		return;
	}
	r = sp_confirming_confirm(ops->applies, sp_client_who(client));
	if (r == -ENOENT && sp_confirming_blocks(ops->applies))
		sp_client_fail(client, "too-late", 1, NULL,
			       "generation %s is not confirmed any more: the former one returns",
			       pending.generation);
	else if (r == -ENOENT)
		fail_none(client);
	else if (r < 0)
		sp_client_fail(client, "failed", 1, NULL, "confirming generation %s: %s",
			       pending.generation, sp_err_text(r));
	else
		sp_client_reply(client,
				json_pack("{s:s, s:I, s:b}", "generation", pending.generation,
					  "revision", (json_int_t)pending.revision, "stored",
					  !sp_confirming_blocks(ops->applies)));
}

/* ---- pending ---- */

static json_t *describe_targets(const struct sp_pending *pending, const struct sp_watched *watched)
{
	json_t *list = json_array();

	for (size_t i = 0; i < pending->target_count; i++) {
		const struct sp_window_target *target = &watched->targets[i];
		char text[SP_TARGET_TEXT_MAX];

		json_array_append_new(
			list, json_pack("{s:s, s:I, s:I, s:s?}", "probe",
					sp_target_format(&pending->targets[i], text), "reached",
					(json_int_t)target->reached, "failed",
					(json_int_t)target->failed, "failure",
					target->failure ? sp_err_text(target->failure) : NULL));
	}
	return list;
}

json_t *sp_json_pending(const struct sp_ops *ops)
{
	const struct sp_confirming *confirming = &ops->applies->confirming;
	const struct sp_pending *pending = &confirming->pending;
	const uint64_t now_ns = sp_clock_boottime_ns();
	struct sp_watched watched = { 0 };

	if (!sp_confirming_blocks(ops->applies))
		return json_null();
	(void)sp_watched_read(ops->applies->paths, &watched);
	return json_pack("{s:s, s:s, s:I, s:s, s:s, s:I, s:b, s:o, s:b}", "state",
			 sp_pending_state_name(confirming->state), "generation",
			 pending->generation, "revision", (json_int_t)pending->revision,
			 "former_generation", pending->former_generation, "who", pending->who,
			 "seconds_left",
			 (json_int_t)(pending->deadline_ns > now_ns
					      ? (pending->deadline_ns - now_ns) / SP_SECOND_NS
					      : 0),
			 "watched", watched.revision == pending->revision, "probes",
			 describe_targets(pending, &watched), "probes_confirm",
			 (int)pending->is_confirmed_by_targets);
}

/* What became of a revision that waited: of one that waits no more. */
static const char *outcome_of(struct sp_ops *ops, uint64_t number)
{
	__sp_cleanup(sp_store_revision_done) struct sp_store_revision row = { 0 };

	if (!number || sp_store_get_revision(ops->store, number, &row) < 0 || !row.is_switched)
		return NULL;
	return row.is_confirmed ? "confirmed" : "reverted";
}

void sp_op_pending(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	const bool waits = sp_confirming_blocks(ops->applies);
	json_int_t revision = 0;

	if (!sp_op_unpack(client, request, "{s?I}", "revision", &revision))
		return;
	if (waits && (!revision || (uint64_t)revision == ops->applies->confirming.pending.revision))
		sp_client_reply(client, json_pack("{s:o, s:n}", "pending", sp_json_pending(ops),
						  "outcome"));
	else
		sp_client_reply(client, json_pack("{s:n, s:s?}", "pending", "outcome",
						  outcome_of(ops, (uint64_t)revision)));
}

/* ---- rollback ---- */

struct earlier {
	const struct sp_revision *running;
	uint8_t generation[32];
	bool is_found;
};

/* The newest confirmed generation that is not the one that runs. */
static int find_earlier(void *arg, const struct sp_store_revision *revision)
{
	struct earlier *earlier = arg;
	const struct sp_revision *running = earlier->running;

	if (earlier->is_found || !revision->is_confirmed ||
	    (running && !memcmp(running->policy->generation, revision->generation, 32)))
		return 0;
	memcpy(earlier->generation, revision->generation, 32);
	earlier->is_found = true;
	return 0;
}

/* How many applies back one is looked for. */
#define LOOK_BACK 1000

static int find_generation(struct sp_ops *ops, const char *hex, uint8_t ret_generation[32])
{
	struct earlier earlier = { .running = ops->revisions->running };
	int r = hex ? sp_store_find_generation(ops->store, hex, ret_generation)
		    : sp_store_each_apply(ops->store, LOOK_BACK, find_earlier, &earlier);

	if (hex || r < 0)
		return r;
	memcpy(ret_generation, earlier.generation, 32);
	return earlier.is_found ? 0 : -ENOENT;
}

static bool read_generation(struct sp_ops *ops, struct sp_client *client, const char *hex,
			    struct sp_files *files)
{
	uint8_t generation[32];
	int r = find_generation(ops, hex, generation);

	if (r == 0)
		r = sp_store_get_files(ops->store, generation, files);
	if (r == -ENOENT && hex)
		sp_client_fail(client, "not-found", 1, NULL,
			       "no generation %.20s was ever applied here (sallyport history)",
			       hex);
	else if (r == -ENOENT)
		sp_client_fail(client, "not-found", 1, NULL,
			       "there is no confirmed generation before the one that runs");
	else if (r < 0)
		sp_client_fail(client, "failed", 1, NULL, "reading the generation: %s",
			       sp_store_error(ops->store));
	return r == 0;
}

/* What waits to be confirmed returns by the same way as at its deadline. */
static void return_now(struct sp_ops *ops, struct sp_client *client)
{
	const struct sp_pending pending = ops->applies->confirming.pending;
	int r = sp_confirming_revert(ops->applies, sp_client_who(client));

	if (r < 0 && r != -ENOENT)
		sp_client_fail(client, "failed", 1, NULL, "letting generation %s return: %s",
			       pending.former_generation, sp_err_text(r));
	else
		sp_client_reply(client, json_pack("{s:b, s:s, s:I}", "returning", 1, "generation",
						  pending.former_generation, "revision",
						  (json_int_t)pending.revision));
}

void sp_op_rollback(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	__sp_cleanup(sp_files_done) struct sp_files files = { 0 };
	struct sp_apply_request apply = { .files = &files, .is_again = true };
	json_t *connection = NULL, *confirm = NULL;
	const char *hex = NULL;
	int force = 0, r;

	if (!sp_op_unpack(client, request, "{s?s, s?b, s?o, s?o}", "generation", &hex, "force",
			  &force, "connection", &connection, "confirm", &confirm) ||
	    !sp_op_read_connection(client, connection, &apply) ||
	    !sp_op_read_confirm(client, confirm, &apply.confirm))
		return;
	if (!hex && sp_confirming_blocks(ops->applies) && !ops->applies->under_way) {
		return_now(ops, client);
		return;
	}
	if (!sp_op_may_stage(ops, client, request, force && !apply.confirm.wait_s) ||
	    !read_generation(ops, client, hex, &files))
		return;
	apply.is_forced = force;
	r = sp_apply_start(ops->applies, client, &apply);
	if (r == -EBUSY)
		sp_again_wait(ops->applies, client, request);
	else if (r < 0)
		sp_client_fail(client, "failed", 1, NULL,
			       "the rollback cannot begin: %s; the running policy is unchanged",
			       sp_err_text(r));
}
