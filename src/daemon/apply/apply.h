/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a revision comes into force: an administrator's apply, a reload, and the revisions that follow
 * a change of the machine. One at a time is under way. */
#ifndef SALLYPORT_DAEMON_APPLY_H
#define SALLYPORT_DAEMON_APPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/apply/confirming.h"
#include "sallyport/abi/tables.h"

struct sp_client;
struct sp_applies;

struct sp_connection { /* the one an apply came by */
	struct sp_addr source, destination;
	uint16_t source_port, destination_port;
};

struct sp_apply_request {
	struct sp_files *files; /* taken over */
	bool is_forced;
	bool has_connection;
	struct sp_connection connection;
	struct sp_confirm_request confirm;
	/* a generation that was applied before: its tests passed then */
	bool is_again;
};

/* Start an apply for @client, who is answered at its end. Returns 0; -EBUSY another apply is under
 * way. */
int sp_apply_start(struct sp_applies *applies, struct sp_client *client,
		   const struct sp_apply_request *request);
/* Start to read sallyport.yaml again (reload.h) for @client, who is answered when it is through;
 * NULL: nobody is. @by goes into the log. -EBUSY: an apply is under way; -ENOMEM. */
int sp_apply_start_reload(struct sp_applies *applies, struct sp_client *client, const char *by);
/* A new revision of the running policy as the machine is now: in the next rounds, or after the
 * apply that is under way. */
void sp_apply_restage_soon(struct sp_applies *applies, const char *why);
/* Start it as soon as the pace for revisions that nobody asked for allows. */
void sp_apply_restage_paced(struct sp_applies *applies, const char *why);
/* At start: the revision the kernel runs, or the last confirmed one. Returns 0; -ENOENT there is
 * none. */
int sp_apply_resume(struct sp_applies *applies);
/* The same in the next rounds. What keeps it from beginning is in `status`. */
void sp_apply_resume_soon(struct sp_applies *applies);
/* After a revision nobody asked for has failed: once more. */
void sp_apply_retry(struct sp_applies *applies);
/* The client is gone; its apply goes on. */
void sp_apply_forget_client(struct sp_applies *applies, const struct sp_client *client);
/* applies->passed, if an administrator's apply runs. */
void sp_apply_passed(struct sp_applies *applies, const char *step);
/* At the end of the process: give up the apply under way, if there is one. Waits for the work in
 * its thread. */
void sp_apply_drop(struct sp_applies *applies);

#endif
