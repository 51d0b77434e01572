/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/api/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vpnd/api/api_request.h"

#define LINE_MAX_LEN 512 /* the longest line with a meaning has 79 bytes */

enum operation { NONE, GET, SET, STATS, NONSENSE };

struct sp_api_talk {
	const struct sp_api_device *device;
	enum operation operation; /* lines of the request that is being read or answered */
	size_t heard;             /* bytes of it */
	int error;                /* the errno of the answer; 0 so far */
	bool has_answer, is_over;
	struct sp_api_set set;
	struct sp_api_walk walk;
	char line[LINE_MAX_LEN]; /* begun */
	size_t line_len;
};

int sp_api_talk_new(const struct sp_api_device *device, struct sp_api_talk **ret_talk)
{
	struct sp_api_talk *talk = calloc(1, sizeof(*talk));

	if (!talk)
		return -ENOMEM;
	talk->device = device;
	*ret_talk = talk;
	return 0;
}

void sp_api_talk_free(struct sp_api_talk *talk)
{
	if (!talk)
		return;
	if (talk->operation == SET && !talk->error && !talk->has_answer)
		(void)sp_api_set_end(&talk->set); /* the lines of its last peer came in whole */
	sp_api_walk_end(&talk->walk);
	sp_wipe(talk, sizeof(*talk));
	free(talk);
}

/* ---- hearing ---- */

static void begin_answer(struct sp_api_talk *talk)
{
	if (talk->operation == SET && !talk->error)
		talk->error = sp_api_set_end(&talk->set);
	else if ((talk->operation == GET || talk->operation == STATS) && !talk->error)
		sp_api_walk_begin(&talk->walk, talk->device, talk->operation == STATS);
	talk->has_answer = true;
}

static void begin_request(struct sp_api_talk *talk, const struct sp_uapi_line *line)
{
	static const struct {
		const char *key;
		enum operation operation;
	} requests[] = { { "get", GET }, { "set", SET }, { "stats", STATS } };

	talk->operation = NONSENSE;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (sp_uapi_key_is(line, requests[i].key) && sp_uapi_value_is(line, "1"))
			talk->operation = requests[i].operation;
	if (talk->operation == SET)
		sp_api_set_begin(&talk->set, talk->device);
	if (talk->operation == NONSENSE)
		talk->error = -EINVAL;
}

static void hear_line(struct sp_api_talk *talk, const struct sp_uapi_line *line)
{
	if (talk->operation == NONE && line->len > 0)
		begin_request(talk, line);
	else if (line->len == 0) {
		if (talk->operation == NONE)
			talk->error = -EINVAL;
		begin_answer(talk);
	} else if (talk->error)
		return;
	else if (talk->operation == SET)
		talk->error = sp_api_set_line(&talk->set, line);
	else
		talk->error = -EINVAL; /* get=1 stands alone */
}

/* Refuse the request: no line after this one could be understood. */
static void give_up(struct sp_api_talk *talk, int error)
{
	if (!talk->error) {
		if (talk->operation == SET)
			(void)sp_api_set_end(&talk->set);
		talk->error = error;
	}
	talk->is_over = true;
	begin_answer(talk);
}

/* Take a line that came in two or more pieces. Returns how many bytes were used. */
static size_t hear_piece(struct sp_api_talk *talk, const char *bytes, size_t len)
{
	const char *end = memchr(bytes, '\n', len);
	size_t piece = end ? (size_t)(end - bytes) + 1 : len;
	struct sp_uapi_lines lines;
	struct sp_uapi_line line;

	if (piece > sizeof(talk->line) - talk->line_len) {
		give_up(talk, -EINVAL);
		return len;
	}
	memcpy(talk->line + talk->line_len, bytes, piece);
	talk->line_len += piece;
	if (!end)
		return len;
	lines = (struct sp_uapi_lines){ .next = talk->line, .left = talk->line_len };
	if (sp_uapi_next_line(&lines, &line))
		hear_line(talk, &line);
	sp_wipe(talk->line, talk->line_len);
	talk->line_len = 0;
	return piece;
}

size_t sp_api_talk_hear(struct sp_api_talk *talk, const char *bytes, size_t len)
{
	struct sp_uapi_lines lines = { .next = bytes, .left = len };
	struct sp_uapi_line line;
	const char *before;

	while (lines.left && !talk->has_answer && !talk->is_over) {
		before = lines.next;
		if (talk->line_len || !sp_uapi_next_line(&lines, &line)) {
			const size_t used = hear_piece(talk, lines.next, lines.left);

			lines.next += used;
			lines.left -= used;
		} else if (line.len >= LINE_MAX_LEN) {
			give_up(talk, -EINVAL);
		} else {
			hear_line(talk, &line);
		}
		talk->heard += (size_t)(lines.next - before);
		if (talk->heard > SP_API_REQUEST_MAX && !talk->has_answer)
			give_up(talk, -EMSGSIZE);
	}
	return len - lines.left;
}

void sp_api_talk_hear_end(struct sp_api_talk *talk)
{
	const bool is_begun = talk->operation != NONE || talk->line_len;

	if (talk->has_answer)
		return; /* the request before it is still being answered: try again */
	if (is_begun && !talk->is_over)
		give_up(talk, -EPROTO);
	talk->is_over = true;
}

/* ---- telling ---- */

bool sp_api_talk_has_answer(const struct sp_api_talk *talk)
{
	return talk->has_answer;
}

bool sp_api_talk_is_over(const struct sp_api_talk *talk)
{
	return talk->is_over;
}

static int end_answer(struct sp_api_talk *talk, struct sp_secret_buf *reply)
{
	const int shown = talk->operation == SET ? talk->error : -talk->error;
	int r = sp_api_put(reply, "errno=%d\n\n", shown);

	talk->has_answer = false;
	talk->operation = NONE;
	talk->error = 0;
	talk->heard = 0;
	return r;
}

int sp_api_talk_tell(struct sp_api_talk *talk, size_t about, struct sp_secret_buf *reply)
{
	const size_t until = reply->len + about;
	int r = 0;

	while (r == 0 && talk->has_answer && reply->len < until) {
		if (talk->walk.place == SP_API_WALK_OVER)
			r = end_answer(talk, reply);
		else
			r = sp_api_walk_step(&talk->walk, reply);
	}
	return r;
}

int sp_api_answer(const struct sp_api_device *device, const char *request, size_t len,
		  struct sp_secret_buf *reply)
{
	__sp_cleanup(sp_api_talk_freep) struct sp_api_talk *talk = NULL;
	int r = sp_api_talk_new(device, &talk);

	while (r == 0 && !(sp_api_talk_is_over(talk) && !sp_api_talk_has_answer(talk))) {
		const size_t used = sp_api_talk_hear(talk, request, len);

		request += used;
		len -= used;
		if (!len)
			sp_api_talk_hear_end(talk);
		r = sp_api_talk_tell(talk, SIZE_MAX / 2, reply);
	}
	return r;
}
