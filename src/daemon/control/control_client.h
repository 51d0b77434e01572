/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by control.c (which admits clients) and control_client.c (which serves one). */
#ifndef SALLYPORT_DAEMON_CONTROL_CLIENT_H
#define SALLYPORT_DAEMON_CONTROL_CLIENT_H

#include "base/str.h"
#include "daemon/control/control.h"
#include "daemon/control/listing.h"

struct sp_client {
	struct sp_control *control;
	struct sp_client *next;
	struct sp_source source;
	struct sp_timer idle;  /* its patience with a silent client */
	struct sp_timer again; /* more lines wait in the buffer: one a round */
	uid_t uid;
	char who[64];
	char *line; /* SP_CONTROL_LINE_MAX bytes */
	size_t line_len;
	json_t *pending; /* a request whose text is still coming */
	char *text;
	size_t text_len, text_size;
	struct sp_buf out;
	size_t out_sent;
	struct sp_listing *listing; /* the reply that is being made; NULL: none */
	struct sp_buf held;         /* events that wait until it is over */
	json_t *id;                 /* of the request under way or watched */
	bool is_busy;               /* a request is under way, so no more is read */
	bool is_watching;
	bool is_leaving; /* gone once its replies are written */
	bool is_at_end;  /* the client will send no more, but may still read */
	bool is_dead;
	bool is_portal;
	void *data;
};

struct sp_control {
	struct sp_loop *loop;
	struct sp_control_handler handler;
	struct sp_source listener;
	struct sp_timer reaper;
	struct sp_client *clients;
	size_t client_count; /* without dead ones */
	size_t text_bytes;   /* promised by all clients */
	struct sp_control_access access;
	char *path;
};

/* Serve @fd, which is the client's from here on. Returns 0; -ENOMEM. */
int sp_client_new(struct sp_control *control, int fd, uid_t uid);
/* Hang up. The client is freed later, by sp_client_free, when nothing refers to it any more. */
void sp_client_drop(struct sp_client *client);
/* Send @len bytes of the reply to the request under way. Behind the last ones comes the next
 * request. */
void sp_client_put_part(struct sp_client *client, const char *bytes, size_t len, bool is_last);
/* Free the client and what it holds. Its descriptor is closed by sp_client_drop, which comes first.
 */
void sp_client_free(struct sp_client *client);

#endif
