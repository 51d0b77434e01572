/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ban, unban, bans. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "daemon/control/listing.h"
#include "daemon/facts/bans.h"
#include "daemon/ops/ops.h"
#include "json/text.h"
#include "net/addr.h"

#define FOR_MOST_S (3650 * INT64_C(86400))

static json_t *ban_of(const struct sp_ban_row *row)
{
	char text[SP_PREFIX_TEXT_MAX];

	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "prefix",
			 sp_prefix_format(&row->prefix, text), "since", sp_json_time(row->added_ns),
			 "until", sp_json_time(row->until_ns), "reason",
			 sp_json_of_text(row->reason), "by", sp_json_of_text(row->who));
}

/* False: the client was told. */
static bool read_prefix(struct sp_client *client, const char *text, struct sp_prefix *ret_prefix)
{
	char meant[SP_PREFIX_TEXT_MAX];
	int r = sp_prefix_parse(text, ret_prefix);

	if (r == 0)
		return true;
	if (r == -EBADMSG)
		sp_client_fail(client, "bad-request", 2, NULL,
			       "%.60s has host bits set: %s is the network, and without a length "
			       "it is the one address",
			       text, sp_prefix_format(ret_prefix, meant));
	else
		sp_client_fail(client, "bad-request", 2, NULL,
			       "%.60s is neither an address nor a prefix", text);
	return false;
}

static void refuse(struct sp_client *client, const char *text, int r)
{
	if (r == -ERANGE)
		sp_client_fail(client, "bad-request", 2, NULL,
			       "%s is too wide to be banned by hand: at least /%u of IPv4 and /%u "
			       "of IPv6, which does not hold ::ffff:0:0/96",
			       text, SP_BAN_SHORTEST_V4, SP_BAN_SHORTEST_V6);
	else if (r == -ENOSPC)
		sp_client_fail(client, "failed", 1, NULL,
			       "there are %u bans already: end some, or ban whole networks",
			       SP_BANS_MAX);
	else if (r == -EROFS)
		sp_client_fail(
			client, "failed", 1, NULL,
			"%s is banned, but until sallyportd starts again alone: the database "
			"cannot be written",
			text);
	else
		sp_client_fail(client, "failed", 1, NULL, "%s: %s", text, sp_err_text(r));
}

void sp_op_ban(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	struct sp_ban_row row = { .added_ns = sp_clock_realtime_ns(),
				  .who = (char *)sp_client_who(client) };
	const char *text, *reason = NULL;
	const bool has_end = json_object_get(request->json, "for_s");
	json_int_t for_s = 0;
	int r;

	if (!sp_op_unpack(client, request, "{s:s, s?I, s?s}", "prefix", &text, "for_s", &for_s,
			  "reason", &reason) ||
	    !read_prefix(client, text, &row.prefix))
		return;
	if ((has_end && for_s < 1) || for_s > FOR_MOST_S) {
		sp_client_fail(client, "bad-request", 2, NULL,
			       "for_s is from 1 to %lld, or left out for good",
			       (long long)FOR_MOST_S);
		return;
	}
	if (reason && !sp_text_is_label(reason, SP_BAN_REASON_MAX)) {
		sp_client_fail(
			client, "bad-request", 2, NULL,
			"reason is a text of 1 to %u bytes that print, without blanks at its "
			"ends",
			SP_BAN_REASON_MAX);
		return;
	}
	row.reason = (char *)reason;
	row.until_ns = for_s ? row.added_ns + for_s * (int64_t)SP_SECOND_NS : 0;
	r = sp_bans_put(ops->bans, &row);
	if (r < 0)
		refuse(client, text, r);
	else
		sp_client_reply(client, ban_of(sp_bans_find(ops->bans, &row.prefix)));
}

/* Tell of a ban around it, which holds on. */
static void refuse_unknown(struct sp_ops *ops, struct sp_client *client, const char *text,
			   const struct sp_prefix *prefix)
{
	for (size_t i = 0; i < ops->bans->count; i++) {
		const struct sp_prefix *around = &ops->bans->rows[i]->prefix;
		char shown[SP_PREFIX_TEXT_MAX];

		if (!sp_prefix_covers(around, prefix))
			continue;
		sp_client_fail(client, "no-such-ban", 1, NULL,
			       "%s is banned as part of %s: unban that", text,
			       sp_prefix_format(around, shown));
		return;
	}
	sp_client_fail(client, "no-such-ban", 1, NULL, "%s is not banned", text);
}

void sp_op_unban(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	struct sp_prefix prefix;
	const char *text;
	json_t *reply;
	int r;

	if (!sp_op_unpack(client, request, "{s:s}", "prefix", &text) ||
	    !read_prefix(client, text, &prefix))
		return;
	if (!sp_bans_find(ops->bans, &prefix)) {
		refuse_unknown(ops, client, text, &prefix);
		return;
	}
	reply = ban_of(sp_bans_find(ops->bans, &prefix));
	r = sp_bans_remove(ops->bans, &prefix, sp_client_who(client));
	if (r == 0) {
		sp_client_reply(client, reply);
		return;
	}
	json_decref(reply);
	sp_client_fail(client, "failed", 1, NULL, "%s is banned still: %s", text, sp_err_text(r));
}

struct ban_list {
	struct sp_listing listing;
	const struct sp_bans *bans;
	struct sp_prefix last;         /* that is listed */
	const struct sp_prefix *after; /* it; NULL: none is yet */
};

static void ban_list_free(void *arg)
{
	free(arg);
}

static int ban_list_next(void *arg, struct sp_buf *out)
{
	struct ban_list *list = arg;
	const struct sp_ban_row *row = sp_bans_next(list->bans, list->after);

	if (!row)
		return 0;
	list->last = row->prefix;
	list->after = &list->last;
	sp_listing_put(out, ban_of(row));
	return 1;
}

static void ban_list_fail(void *arg, int r)
{
	const struct ban_list *list = arg;

	sp_client_fail(list->listing.client, "failed", 1, NULL, "listing the bans: %s",
		       sp_err_text(r));
}

void sp_op_bans(struct sp_ops *ops, struct sp_client *client, const struct sp_request *request)
{
	struct ban_list *list = calloc(1, sizeof(*list));

	(void)request;
	if (!list) {
		sp_client_fail(client, "failed", 1, NULL, "out of memory");
		return;
	}
	list->bans = ops->bans;
	list->listing = (struct sp_listing){
		.client = client,
		.name = "bans",
		.next = ban_list_next,
		.fail = ban_list_fail,
		.free = ban_list_free,
		.arg = list,
	};
	sp_listing_start(&list->listing);
}
