/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/uapi/uapi_stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "io/uapi/uapi.h"
#include "io/uapi/uapi_line.h"

void sp_uapi_stats_done(struct sp_uapi_stats *stats)
{
	for (size_t i = 0; i < stats->peer_count; i++)
		free(stats->peers[i].drops);
	free(stats->peers);
	free(stats->drops);
	free(stats->facts);
	*stats = (struct sp_uapi_stats){ 0 };
}

/* Copy a word. Returns 0; -EBADMSG it does not fit, is empty, or not printable. */
static int copy_word(const char *text, size_t len, char ret_word[SP_UAPI_WORD_MAX])
{
	if (len == 0 || len >= SP_UAPI_WORD_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] >= 0x7f)
			return -EBADMSG;
	memset(ret_word, 0, SP_UAPI_WORD_MAX);
	memcpy(ret_word, text, len);
	return 0;
}

/* "allowed-ips:12" */
static int read_drop(const struct sp_uapi_line *line, struct sp_uapi_drop **drops, size_t *count)
{
	const char *colon = memchr(line->value, ':', line->value_len);
	struct sp_uapi_line number = { 0 };
	struct sp_uapi_drop drop, *added;
	int r;

	if (!colon)
		return -EBADMSG;
	number.value = colon + 1;
	number.value_len = line->value_len - (size_t)(colon + 1 - line->value);
	r = copy_word(line->value, (size_t)(colon - line->value), drop.word);
	if (r == 0)
		r = sp_uapi_read_number(&number, UINT64_MAX, &drop.count);
	if (r < 0)
		return r;
	added = SP_ARRAY_PUSH(*drops, *count);
	if (!added)
		return -ENOMEM;
	*added = drop;
	return 0;
}

static int read_fact(const struct sp_uapi_line *line, struct sp_uapi_stats *stats)
{
	struct sp_uapi_fact fact, *added;
	int r = copy_word(line->text, line->key_len, fact.name);

	if (r == 0)
		r = copy_word(line->value, line->value_len, fact.value);
	if (r < 0)
		return r;
	added = SP_ARRAY_PUSH(stats->facts, stats->fact_count);
	if (!added)
		return -ENOMEM;
	*added = fact;
	return 0;
}

static int read_line(const struct sp_uapi_line *line, struct sp_uapi_stats *stats)
{
	struct sp_uapi_peer_stats *peer =
		stats->peer_count ? &stats->peers[stats->peer_count - 1] : NULL;

	if (line->key_len == line->len)
		return -EBADMSG;
	if (sp_uapi_key_is(line, "public_key")) {
		peer = SP_ARRAY_PUSH(stats->peers, stats->peer_count);
		return peer ? sp_uapi_read_key(line, &peer->public_key) : -ENOMEM;
	}
	if (sp_uapi_key_is(line, "drop"))
		return peer ? read_drop(line, &peer->drops, &peer->drop_count)
			    : read_drop(line, &stats->drops, &stats->drop_count);
	if (!peer)
		return read_fact(line, stats);
	if (sp_uapi_key_is(line, "roams"))
		return sp_uapi_read_number(line, UINT64_MAX, &peer->roams);
	return 0;
}

int sp_uapi_parse_stats(const char *text, size_t len, struct sp_uapi_stats *ret_stats)
{
	__sp_uapi_stats struct sp_uapi_stats stats = { 0 };
	struct sp_uapi_lines lines = { .next = text, .left = len };
	struct sp_uapi_line line = { 0 };
	int r = 0;

	while (r == 0 && sp_uapi_next_line(&lines, &line) && !sp_uapi_key_is(&line, "errno"))
		r = read_line(&line, &stats);
	if (r < 0)
		return r;
	/* from this line on the rest looks like a reply to set=1 */
	if (!sp_uapi_is_complete(text, len) || !sp_uapi_key_is(&line, "errno"))
		return -EBADMSG;
	r = sp_uapi_parse_set(line.text, (size_t)(text + len - line.text));
	if (r < 0)
		return r;
	*ret_stats = stats;
	stats = (struct sp_uapi_stats){ 0 };
	return 0;
}

int sp_uapi_stats(const char *socket_path, int timeout_ms, struct sp_uapi_stats *ret_stats)
{
	static const char request[] = "stats=1\n\n";
	__sp_secret_buf struct sp_secret_buf reply = { 0 };
	int r = sp_uapi_transact(socket_path, timeout_ms, request, strlen(request), &reply);

	if (r == -EBADMSG && reply.len == 0)
		return -EOPNOTSUPP; /* the engine closed the connection, as wireguard-go does */
	if (r == 0)
		r = sp_uapi_parse_stats(reply.data, reply.len, ret_stats);
	return r == -EINVAL ? -EOPNOTSUPP : r;
}
