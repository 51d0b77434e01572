/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/web/body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define ROOM_MIN 16384u

static void wipe_bytes(const struct sp_body *body)
{
	if (body->bytes)
		sp_wipe(body->bytes, body->len < body->room ? body->len : body->room);
}

/* Room for @len bytes, which is at most @max. */
static int body_reserve(struct sp_body *body, size_t max, size_t len)
{
	size_t room = body->room ? body->room : ROOM_MIN;
	char *bytes;

	while (room < len)
		room *= 2;
	room = room < max ? room : max;
	if (room == body->room)
		return 0;
	bytes = malloc(room);
	if (!bytes)
		return -ENOMEM;
	if (body->len > 0)
		memcpy(bytes, body->bytes, body->len);
	wipe_bytes(body);
	free(body->bytes);
	body->bytes = bytes;
	body->room = room;
	return 0;
}

int sp_body_take(struct sp_body *body, size_t max, const char *bytes, size_t len)
{
	/* a body that is too long stays so: no later piece is kept behind a gap */
	if (body->len <= max && len <= max - body->len) {
		int r = body_reserve(body, max, body->len + len);

		if (r < 0)
			return r;
		memcpy(body->bytes + body->len, bytes, len);
	}
	body->len += len;
	return 0;
}

void sp_body_done(struct sp_body *body)
{
	wipe_bytes(body);
	free(body->bytes);
	*body = (struct sp_body){ 0 };
}
