/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request, waited for. */
#include "io/fetch/fetch.h"

#include <errno.h>

#include "io/fetch/fetch_transfer.h"

/* Copy @text with its NUL to *@block and move *@block behind it. Returns the copy; NULL for
 * NULL. */
static const char *put_text(char **block, const char *text)
{
	char *at = *block;

	if (!text)
		return NULL;
	*block = stpcpy(at, text) + 1;
	return at;
}

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

/* Copy everything that @reply borrows from the transfer into one block, which the caller frees. */
static int keep_reply(struct sp_http_reply *reply, char **ret_block)
{
	const size_t body_size = reply->body ? reply->body_len + 1 : 0;
	char *block = malloc(body_size + text_size(reply->failure) +
			     text_size(reply->content_type) + text_size(reply->location) + 1);
	char *next = block;

	if (!block)
		return -ENOMEM;
	if (reply->body) {
		memcpy(next, reply->body, body_size);
		reply->body = next;
		next += body_size;
	}
	reply->failure = put_text(&next, reply->failure);
	reply->content_type = put_text(&next, reply->content_type);
	reply->location = put_text(&next, reply->location);
	*ret_block = block;
	return 0;
}

int sp_fetch(const struct sp_http_request *request, const struct sp_fetch_trust *trust,
	     struct sp_http_reply *ret_reply, char **ret_body)
{
	__sp_cleanup(sp_transfer_done) struct sp_transfer transfer = { 0 };
	struct sp_http_reply reply = { 0 };
	int r = sp_transfer_init(&transfer, request, trust), kept;

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		reply.failure = transfer.failure;
	else
		sp_transfer_reply(&transfer, curl_easy_perform(transfer.easy), &reply);
	kept = keep_reply(&reply, ret_body);
	if (kept < 0)
		return kept;
	*ret_reply = reply;
	return r;
}
