/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/apply/again.h"

#include <stdlib.h>

#include "daemon/daemon.h"

struct sp_again {
	struct sp_client *client;
	json_t *json; /* counted */
	uint64_t read_ns;
	struct sp_again *next;
};

static void again_free(struct sp_again *again)
{
	json_decref(again->json);
	free(again);
}

/* A request put while this runs waits for the next time. */
static void ask_kept(void *arg)
{
	struct sp_daemon *daemon = arg;

	if (daemon->apply) /* the end of the apply comes back here */
		return;
	for (struct sp_again *again; (again = daemon->again.first) && !daemon->apply;) {
		const struct sp_request request = { .json = again->json,
						    .read_ns = again->read_ns,
						    .is_asked_again = true };

		daemon->again.first = again->next;
		sp_ops_request(daemon, again->client, &request);
		again_free(again);
	}
}

void sp_again_soon(struct sp_daemon *daemon)
{
	if (!daemon->again.first)
		return;
	daemon->again.timer.fire = ask_kept;
	daemon->again.timer.arg = daemon;
	sp_loop_in(daemon->loop, &daemon->again.timer, 0);
}

void sp_again_put(struct sp_daemon *daemon, struct sp_client *client,
		  const struct sp_request *request, const char *why)
{
	struct sp_again *again = calloc(1, sizeof(*again));

	if (!again) {
		sp_client_fail(client, "failed", 1, NULL, "out of memory");
		return;
	}
	again->client = client;
	again->json = json_incref((json_t *)request->json);
	again->read_ns = request->read_ns;
	again->next = daemon->again.first;
	daemon->again.first = again;
	sp_apply_restage_soon(daemon, why);
	if (!daemon->apply) /* none could be begun */
		sp_again_soon(daemon);
}

void sp_again_forget(struct sp_daemon *daemon, const struct sp_client *client)
{
	struct sp_again **at = &daemon->again.first;

	while (*at) {
		struct sp_again *again = *at;

		if (again->client != client) {
			at = &again->next;
			continue;
		}
		*at = again->next;
		again_free(again);
	}
}

void sp_again_done(struct sp_daemon *daemon)
{
	while (daemon->again.first) {
		struct sp_again *again = daemon->again.first;

		daemon->again.first = again->next;
		again_free(again);
	}
}
