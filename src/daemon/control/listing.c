/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/control/listing.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "daemon/control/control_client.h"
#include "io/loop/clock.h"
#include "json/own.h"

#define UNREAD_MAX 262144u            /* bytes; then the client is to read some first */
#define UNREAD_WAIT_NS (2 * SP_MS_NS) /* until it is looked whether it did */

void sp_listing_free(struct sp_listing *listing)
{
	if (!listing)
		return;
	sp_loop_drop(listing->client->control->loop, &listing->timer);
	listing->client->listing = NULL;
	listing->free(listing->arg);
}

int sp_listing_put(struct sp_buf *out, json_t *item)
{
	__sp_json json_t *taken = item;
	char *text = item ? json_dumps(item, JSON_COMPACT) : NULL;

	if (!text)
		out->error = out->error ? out->error : -ENOMEM;
	else
		sp_text_put_json(out, text, strlen(text));
	sp_free_wiped(text);
	return out->error;
}

static void put_id(struct sp_buf *out, const json_t *id)
{
	char *text = json_dumps(id, JSON_ENCODE_ANY);

	sp_buf_put(out, text ? text : "null");
	free(text);
}

/* What stands before an item. */
static void put_separator(struct sp_listing *listing, struct sp_buf *out)
{
	if (listing->count++) {
		sp_buf_put_char(out, ',');
		return;
	}
	sp_buf_put(out, "{\"v\":1,\"id\":");
	put_id(out, listing->client->id);
	sp_buf_printf(out, ",\"ok\":true,\"%s\":[", listing->name);
}

/* The items of one slice. Returns as ->next. */
static int put_slice(struct sp_listing *listing, struct sp_buf *out)
{
	const uint64_t until_ns = sp_clock_boottime_ns() + SP_LOOP_SLICE_NS;
	int r = 1;

	while (r == 1 && out->len < UNREAD_MAX && sp_clock_boottime_ns() < until_ns) {
		__sp_buf struct sp_buf item = SP_BUF_SECRET;

		r = listing->next(listing->arg, &item);
		r = item.error < 0 ? item.error : r;
		if (r < 0 || !item.len)
			continue;
		put_separator(listing, out);
		sp_buf_put_bytes(out, item.data, item.len);
	}
	return out->error < 0 ? out->error : r;
}

/* The fields of @rest behind the list, and the end of the object. */
static int put_rest(struct sp_listing *listing, struct sp_buf *out)
{
	__sp_json json_t *rest = listing->rest ? listing->rest(listing->arg) : NULL;
	__sp_buf struct sp_buf text = SP_BUF_SECRET;

	if (!listing->count)
		put_separator(listing, out);
	sp_buf_put_char(out, ']');
	if (json_object_size(rest) && sp_listing_put(&text, json_incref(rest)) == 0) {
		sp_buf_put_char(out, ',');
		return sp_buf_put_bytes(out, text.data + 1, text.len - 1);
	}
	return text.error < 0 ? text.error : sp_buf_put_char(out, '}');
}

static void listing_fail(struct sp_listing *listing, int r)
{
	struct sp_client *client = listing->client;

	if (!listing->count)
		listing->fail(listing->arg, r);
	else
		sp_client_drop(client);
	sp_listing_free(client->listing);
}

static void listing_advance(void *arg)
{
	struct sp_listing *listing = arg;
	struct sp_client *client = listing->client;
	__sp_buf struct sp_buf slice = SP_BUF_SECRET;
	const bool is_read = client->out.len - client->out_sent < UNREAD_MAX;
	int r = is_read ? put_slice(listing, &slice) : 1;

	if (r == 0)
		r = put_rest(listing, &slice) < 0 ? -ENOMEM : 0;
	if (r < 0) {
		listing_fail(listing, r);
		return;
	}
	if (r == 1)
		sp_loop_in(client->control->loop, &listing->timer, is_read ? 0 : UNREAD_WAIT_NS);
	else
		sp_listing_free(listing);
	sp_client_put_part(client, slice.data, slice.len, r == 0);
}

void sp_listing_start(struct sp_listing *listing)
{
	listing->timer = (struct sp_timer){ .fire = listing_advance, .arg = listing };
	listing->client->listing = listing;
	sp_loop_in(listing->client->control->loop, &listing->timer, 0);
}
