/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The body of a request while it arrives, piece by piece. A body may hold a password: its bytes are
 * wiped wherever they were. */
#ifndef SALLYPORT_PORTAL_BODY_H
#define SALLYPORT_PORTAL_BODY_H

#include <stddef.h>

struct sp_body {
	char *bytes; /* the body, if it is not too long; NULL: nothing came yet */
	size_t len;  /* of all that came */
	size_t room;
};

/* Take the next @len bytes. Memory grows with what came, up to @max bytes: of a longer body nothing
 * but the length is kept. Returns 0; -ENOMEM. */
int sp_body_take(struct sp_body *body, size_t max, const char *bytes, size_t len);
/* Wipe and free what it holds; empty afterwards. */
void sp_body_done(struct sp_body *body);

#endif
