/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control socket's framing (docs/control-socket.md): who may connect, lines in, lines out, and
 * the bounds that keep one client from hurting another. What a request means is the handler's. */
#ifndef SALLYPORT_DAEMON_CONTROL_H
#define SALLYPORT_DAEMON_CONTROL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bounds.h"
#include "io/loop/loop.h"

#define SP_CONTROL_LINE_MAX SP_REQUEST_MAX /* with the newline */
#define SP_CONTROL_TEXT_MAX (16u << 20)    /* a policy behind its request */
#define SP_CONTROL_TEXTS_MAX (64u << 20)   /* of all clients together */
#define SP_CONTROL_CLIENTS_MAX 64u
#define SP_CONTROL_PORTAL_MAX 32u       /* of them the portal's: administrators get in */
#define SP_UID_NONE ((uid_t) - 1)       /* as a portal's user: there is no portal */
#define SP_CONTROL_QUEUE_MAX (1u << 20) /* unread replies */
#define SP_CONTROL_IDLE_NS (10 * SP_SECOND_NS)

struct sp_control;
struct sp_client;

/* A request as it came. Borrowed during the call. */
struct sp_request {
	const json_t *json; /* an object with an integer id and a text op */
	const char *text;   /* what `text` or `text_bytes` brought, else NULL */
	size_t text_len;
	uint64_t read_ns;    /* CLOCK_BOOTTIME when its last byte was read */
	bool is_asked_again; /* after another revision was made for it (again.h) */
};

struct sp_control_handler {
	/* Answer with sp_client_reply or sp_client_fail, now or later; the client's next request
	 * is read after that. */
	void (*request)(void *arg, struct sp_client *client, const struct sp_request *request);
	/* The client has gone: drop what is kept for it (sp_client_set_data). */
	void (*gone)(void *arg, struct sp_client *client);
	void *arg;
};

/* The users who are served, besides root, our own user and the members of a group. */
struct sp_control_access {
	gid_t gid;
	uid_t portal_uid; /* SP_UID_NONE: none. Is the portal whatever its groups are */
};

/* Listen at @path (a stale socket there is replaced: the caller holds the root's lock), mode 0660.
 * Its owner is the portal's user if there is one (that user is in no group of ours), else root.
 * Returns 0 or -errno. */
int sp_control_open(struct sp_loop *loop, const char *path, const struct sp_control_access *access,
		    const struct sp_control_handler *handler, struct sp_control **ret_control);
/* Hang up on every client, stop listening, remove the socket and free @control. NULL is allowed. */
void sp_control_close(struct sp_control *control);
/* How many clients are connected. */
size_t sp_control_client_count(const struct sp_control *control);

/* Reply `ok` with @fields (taken over; NULL: none) to the request under way. */
void sp_client_reply(struct sp_client *client, json_t *fields);
/* Reply an error; @details (taken over, may be NULL) are put beside code, message and exit. */
void sp_client_fail(struct sp_client *client, const char *code, int exit_code, json_t *details,
		    const char *format, ...) __attribute__((format(printf, 5, 6)));
/* From now on it watches: no idle limit, and events with the id of its last request. */
void sp_client_watch(struct sp_client *client);
/* Send one event (a JSON text of @len bytes). A client too slow to read is dropped: -EPIPE. */
int sp_client_event(struct sp_client *client, const char *json_text, size_t len);

/* The portal's user: not an administrator. */
bool sp_client_is_portal(const struct sp_client *client);
/* "root (uid 0)", "portal"; borrowed. */
const char *sp_client_who(const struct sp_client *client);
/* Keep @data beside the client. The client does not own @data; the handler frees it, in `gone` at
 * the latest. */
void sp_client_set_data(struct sp_client *client, void *data);
/* Returns what sp_client_set_data kept last; NULL: nothing. */
void *sp_client_get_data(const struct sp_client *client);

#endif
