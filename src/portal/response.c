/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/response.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/text.h"
#include "json/own.h"

void sp_response_done(struct sp_response *response)
{
	if (response->body)
		sp_wipe(response->body, response->len);
	free(response->body);
	*response = (struct sp_response){ 0 };
}

/* Names and messages in it may be anybody's, and a program may print it as it comes. NULL: no memory. */
static char *dump(const json_t *answer)
{
	char *text = json_dumps(answer, JSON_COMPACT), *body = NULL;
	__sp_buf struct sp_buf shown = SP_BUF_INIT;

	if (!text || sp_text_is_printable(text, strlen(text)))
		return text;
	if (sp_text_put_json(&shown, text, strlen(text)) == 0)
		(void)sp_buf_take(&shown, &body);
	sp_wipe(text, strlen(text));
	free(text);
	return body;
}

void sp_respond(struct sp_response *response, int status, json_t *fields)
{
	__sp_json json_t *taken = fields;
	__sp_json json_t *answer = fields ? json_pack("{s:i}", "v", 1) : NULL;

	response->status = status;
	if (answer && json_object_update(answer, fields) == 0)
		response->body = dump(answer);
	if (response->body)
		response->len = strlen(response->body);
	else
		response->status = 500;
}

void sp_respond_error(struct sp_response *response, int status, const char *code,
		      int64_t retry_after_s, const char *format, ...)
{
	char message[512];
	json_t *error;
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	error = json_pack("{s:s, s:s}", "code", code, "message", message);
	if (!error) /* what it quotes is not UTF-8 */
		error = json_pack("{s:s, s:s}", "code", code, "message", code);
	if (error && retry_after_s > 0)
		json_object_set_new(error, "retry_after_s", json_integer(retry_after_s));
	response->retry_after_s = retry_after_s;
	sp_respond(response, status, json_pack("{s:o}", "error", error));
}

void sp_respond_refusal(struct sp_response *response, enum sp_refusal_reason reason,
			int64_t retry_after_s)
{
	sp_respond_error(response, sp_refusal_status(reason), sp_refusal_code(reason),
			 retry_after_s, "%s", sp_refusal_message(reason));
}
