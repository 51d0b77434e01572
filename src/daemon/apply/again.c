/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/apply/again.h"

#include <stdlib.h>

#include "daemon/apply/apply.h"
#include "daemon/apply/reload.h"

struct sp_again {
	struct sp_client *client;
	json_t *json; /* counted; it is wiped as it is freed (daemon.c) */
	char *text;   /* a policy; NULL: none */
	size_t text_len;
	uint64_t read_ns;
	bool needs_room; /* waits for another revision; else for its turn */
	bool is_asked_again;
	struct sp_again *next;
};

static void again_free(struct sp_again *again)
{
	json_decrefp(&again->json);
	free(again->text);
	free(again);
}

SP_DEFINE_CLEANUP(struct sp_again *, again_free);

/* ---- asking ---- */

/* Take the first out of the list that need not wait any longer. NULL: there is none. */
static struct sp_again *again_take_next(struct sp_applies *applies)
{
	struct sp_again **at = &applies->again.first, *again;

	/* the revision that has room is not made yet */
	while (*at && (*at)->needs_room && applies->restage_why)
		at = &(*at)->next;
	again = *at;
	if (again) {
		*at = again->next;
		applies->again.text_bytes -= again->text_len;
	}
	return again;
}

static void again_ask(struct sp_applies *applies, struct sp_again *again)
{
	const struct sp_request request = { .json = again->json,
					    .text = again->text,
					    .text_len = again->text_len,
					    .read_ns = again->read_ns,
					    .is_asked_again = again->is_asked_again };

	applies->ask(applies->arg, again->client, &request);
	again_free(again);
}

static size_t count_kept(const struct sp_applies *applies)
{
	size_t count = 0;

	for (const struct sp_again *again = applies->again.first; again; again = again->next)
		count++;
	return count;
}

/* Who waits for their turn comes before a revision nobody asked for: an interface that comes and
 * goes all the time must not keep an administrator from taking it off the list. */
static void again_ask_kept(void *arg)
{
	struct sp_applies *applies = arg;
	struct sp_again *again;

	if (applies->again.is_hangup_kept && !applies->under_way &&
	    !sp_confirming_blocks(applies)) {
		applies->again.is_hangup_kept = false;
		sp_reload_by_signal(applies);
	}
	/* One that goes on waiting is kept again, and not asked twice in one round. */
	for (size_t left = count_kept(applies);
	     left && !applies->under_way && !*applies->is_stopping &&
	     (again = again_take_next(applies));
	     left--)
		again_ask(applies, again);
	if (applies->under_way || *applies->is_stopping || !applies->restage_why ||
	    sp_confirming_blocks(applies))
		return;
	sp_apply_restage_soon(applies, applies->restage_why);
	if (!applies->under_way) /* none could be begun */
		sp_again_soon(applies);
}

void sp_again_soon(struct sp_applies *applies)
{
	if (!applies->again.first && !applies->again.is_hangup_kept && !applies->restage_why)
		return;
	applies->again.timer.fire = again_ask_kept;
	applies->again.timer.arg = applies;
	sp_loop_in(applies->loop, &applies->again.timer, 0);
}

/* ---- keeping ---- */

static char *copy_text(const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy) {
		memcpy(copy, text, len);
		copy[len] = '\0';
	}
	return copy;
}

/* Returns whether it is kept; else the client was told. */
static bool again_keep(struct sp_applies *applies, struct sp_client *client,
		       const struct sp_request *request, bool needs_room)
{
	__sp_cleanup(again_freep) struct sp_again *again = calloc(1, sizeof(*again));
	struct sp_again **at = &applies->again.first;

	if (again && request->text)
		again->text = copy_text(request->text, request->text_len);
	if (!again || (request->text && !again->text)) {
		sp_client_fail(client, "failed", 1, NULL, "out of memory");
		return false;
	}
	again->client = client;
	again->json = json_incref((json_t *)request->json);
	again->text_len = request->text_len;
	again->read_ns = request->read_ns;
	again->needs_room = needs_room;
	again->is_asked_again = needs_room || request->is_asked_again;
	applies->again.text_bytes += again->text_len;
	while (*at)
		at = &(*at)->next;
	*at = SP_TAKE_PTR(again);
	return true;
}

void sp_again_put(struct sp_applies *applies, struct sp_client *client,
		  const struct sp_request *request, const char *why)
{
	if (sp_confirming_blocks(applies)) {
		sp_confirming_refuse(applies, client);
		return;
	}
	if (!again_keep(applies, client, request, true))
		return;
	sp_apply_restage_soon(applies, why);
	if (!applies->under_way) /* none could be begun */
		sp_again_soon(applies);
}

void sp_again_wait(struct sp_applies *applies, struct sp_client *client,
		   const struct sp_request *request)
{
	if (applies->again.text_bytes + request->text_len > SP_CONTROL_TEXTS_MAX)
		sp_client_fail(client, "busy", 1, NULL,
			       "an apply is under way, and other policies wait to be applied; try "
			       "again");
	else
		(void)again_keep(applies, client, request, false);
}

/* ---- forgetting ---- */

void sp_again_forget(struct sp_applies *applies, const struct sp_client *client)
{
	struct sp_again **at = &applies->again.first;

	while (*at) {
		struct sp_again *again = *at;

		if (again->client != client) {
			at = &again->next;
			continue;
		}
		*at = again->next;
		applies->again.text_bytes -= again->text_len;
		again_free(again);
	}
}

void sp_again_done(struct sp_applies *applies)
{
	while (applies->again.first) {
		struct sp_again *again = applies->again.first;

		applies->again.first = again->next;
		again_free(again);
	}
}
