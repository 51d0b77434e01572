/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/web/response.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/text.h"
#include "json/own.h"
#include "portal/web/page.h"

void sp_response_done(struct sp_response *response)
{
	if (response->body)
		sp_wipe(response->body, response->len);
	free(response->body);
	while (response->headers) {
		struct sp_header *header = response->headers;

		response->headers = header->next;
		sp_wipe(header->value, strlen(header->value)); /* a cookie's is a token */
		free(header->value);
		free(header);
	}
	*response = (struct sp_response){ 0 };
}

/* Only characters that can neither end this header line nor begin another. */
static bool is_header_value(const char *value)
{
	for (const char *at = value; *at; at++)
		if (*at < ' ' || *at > '~' ||
		    (*at == ' ' && (at == value || at[1] == ' ' || !at[1])))
			return false;
	return true;
}

int sp_response_add_header(struct sp_response *response, const char *name, const char *format, ...)
{
	struct sp_header **at = &response->headers, *header = calloc(1, sizeof(*header));
	va_list args;
	int len;

	if (!header)
		return -ENOMEM;
	va_start(args, format);
	len = vasprintf(&header->value, format, args);
	va_end(args);
	if (len < 0 || !is_header_value(header->value)) {
		if (len >= 0)
			free(header->value);
		free(header);
		return len < 0 ? -ENOMEM : -EINVAL;
	}
	header->name = name;
	while (*at)
		at = &(*at)->next;
	*at = header;
	return 0;
}

/* Escape the JSON: names and messages may come from anybody, and a program may print them
 * unchanged. NULL: no memory. */
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

/* @body is taken over. NULL: no memory for it. */
static void take_body(struct sp_response *response, int status, const char *type, char *body)
{
	response->status = body ? status : 500;
	response->type = body ? type : NULL;
	response->body = body;
	response->len = body ? strlen(body) : 0;
}

void sp_respond(struct sp_response *response, int status, json_t *fields)
{
	__sp_json json_t *taken = fields;
	__sp_json json_t *answer = fields ? json_pack("{s:i}", "v", 1) : NULL;
	char *body = NULL;

	if (answer && json_object_update(answer, fields) == 0)
		body = dump(answer);
	take_body(response, status, "application/json", body);
}

static void respond_page(struct sp_response *response, int status, const char *message)
{
	take_body(response, status, "text/html; charset=utf-8", sp_page_error(message));
}

static void respond_json_error(struct sp_response *response, int status, const char *code,
			       const char *message)
{
	json_t *error = json_pack("{s:s, s:s}", "code", code, "message", message);

	if (!error) /* the message quotes something that is not UTF-8 */
		error = json_pack("{s:s, s:s}", "code", code, "message", code);
	if (error && response->retry_after_s > 0)
		json_object_set_new(error, "retry_after_s", json_integer(response->retry_after_s));
	sp_respond(response, status, json_pack("{s:o}", "error", error));
}

void sp_respond_error(struct sp_response *response, int status, const char *code,
		      int64_t retry_after_s, const char *format, ...)
{
	char message[512];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	response->retry_after_s = retry_after_s;
	switch (response->kind) {
	case SP_WEB_API:
		respond_json_error(response, status, code, message);
		break;
	case SP_WEB_PAGE:
	case SP_WEB_CALLBACK:
	case SP_WEB_ASSET:
		respond_page(response, status, message);
		break;
	}
}

void sp_respond_refusal(struct sp_response *response, enum sp_refusal_reason reason,
			int64_t retry_after_s)
{
	sp_respond_error(response, sp_refusal_status(reason), sp_refusal_code(reason),
			 retry_after_s, "%s", sp_refusal_message(reason));
}
