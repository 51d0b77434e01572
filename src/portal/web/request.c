/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/web/request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "crypto/key_proof.h"
#include "io/wireguard/wg_key.h"
#include "json/own.h"
#include "portal/base/seal.h"
#include "portal/web/params.h"

/* ---- form ---- */

static int refuse_form(struct sp_response *response, int status, const char *code,
		       const char *message)
{
	sp_respond_error(response, status, code, 0, "%s", message);
	response->closes = true;
	return -EINVAL;
}

/* Digits alone. "+1", "0x1" or "1,1" is no length, because another reader might read another
 * number. */
static bool is_length(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

/* A path, perhaps with a query, in visible ASCII: no address of another host, and no byte at which
 * two readers could disagree about the end. */
static bool is_target(const char *target)
{
	if (*target != '/')
		return false;
	for (const char *at = target; *at; at++)
		if (*at <= ' ' || *at > '~' || *at == '#')
			return false;
	return true;
}

int sp_request_check_form(const struct sp_portal_request *request, struct sp_response *ret_response)
{
	if (request->header_bytes > SP_HEADERS_MAX)
		return refuse_form(ret_response, 431, "too-large",
				   "the headers have more than 8192 bytes");
	if (strcmp(request->version, "HTTP/1.1") != 0 && strcmp(request->version, "HTTP/1.0") != 0)
		return refuse_form(ret_response, 400, "bad-request", "HTTP/1.1 is spoken here");
	if (request->host_count != 1)
		return refuse_form(ret_response, 400, "bad-request",
				   "a request has one Host header");
	if (request->target && !is_target(request->target))
		return refuse_form(
			ret_response, 400, "bad-request",
			"an address here is a path of visible ASCII, from its first / on");
	if (request->repeated) {
		sp_respond_error(ret_response, 400, "bad-request", 0, "the header %s stands once",
				 request->repeated);
		ret_response->closes = true;
		return -EINVAL;
	}
	if (request->coding_count && request->length_count)
		return refuse_form(ret_response, 400, "bad-request",
				   "Content-Length and Transfer-Encoding exclude each other");
	if (request->coding_count > 1 || request->length_count > 1)
		return refuse_form(ret_response, 400, "bad-request",
				   "Content-Length and Transfer-Encoding stand once");
	if (request->coding_count && strcmp(request->version, "HTTP/1.1") != 0)
		return refuse_form(ret_response, 400, "bad-request",
				   "Transfer-Encoding takes HTTP/1.1");
	if (!request->content_length)
		return 0;
	if (!is_length(request->content_length))
		return refuse_form(ret_response, 400, "bad-request", "Content-Length is a number");
	/* more than six digits exceed every bound, whatever the number is */
	if (strlen(request->content_length) > 6 ||
	    (size_t)atoi(request->content_length) > sp_web_body_max(ret_response->kind)) {
		sp_request_refuse_body(ret_response);
		return -EINVAL;
	}
	return 0;
}

void sp_request_refuse_body(struct sp_response *ret_response)
{
	sp_respond_error(ret_response, 413, "too-large", 0, "a body has at most %zu bytes",
			 sp_web_body_max(ret_response->kind));
	ret_response->closes = true;
}

/* ---- body ---- */

struct reading {
	char path[128]; /* of the field in hand: "device.name" */
	struct sp_response *response;
	bool is_open; /* fields that are not listed are skipped */
};

static int __attribute__((format(printf, 2, 3))) refuse_field(struct reading *reading,
							      const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sp_respond_error(reading->response, 400, "bad-request", 0, "\"%s\" %s", reading->path,
			 text);
	return -EINVAL;
}

/* Write the key in the one form in which the gateway lists it, so that comparing texts compares
 * keys. */
static int read_key(struct reading *reading, const char *text, json_t *value)
{
	struct sp_wg_key key;
	char canonical[SP_WG_KEY_BASE64];

	if (sp_wg_public_from_base64(text, &key) < 0 || !sp_x25519_is_public(key.bytes))
		return refuse_field(reading, "is a WireGuard public key: 44 characters of base64, "
					     "as wg pubkey writes them");
	return json_string_set(value, sp_wg_key_to_base64(&key, canonical)) < 0 ? -ENOMEM : 0;
}

static size_t text_max(enum sp_field_kind kind)
{
	switch (kind) {
	case SP_FIELD_HANDLE:
		return 64;
	case SP_FIELD_SECRET:
		return 1024;
	case SP_FIELD_SEALED:
		return SP_SEALED_MAX;
	default:
		return 255;
	}
}

static int read_text(struct reading *reading, const struct sp_field *field, json_t *value)
{
	const char *text = json_string_value(value);
	const size_t max = text_max(field->kind);

	if (!text)
		return refuse_field(reading, "is a text");
	switch (field->kind) {
	case SP_FIELD_KEY:
		return read_key(reading, text, value);
	case SP_FIELD_DEVICE_NAME:
		if (!sp_text_is_name(text, 63))
			return refuse_field(reading, "has 1 to 63 bytes that print and no slash");
		return 0;
	default:
		if (!*text || strlen(text) > max)
			return refuse_field(reading, "has 1 to %zu bytes", max);
		if (field->kind == SP_FIELD_NAME && !sp_text_is_printable(text, strlen(text)))
			return refuse_field(reading, "has a character in it that does not print");
		return 0;
	}
}

static int read_object(struct reading *reading, const struct sp_field *fields, json_t *object);

static int read_value(struct reading *reading, const struct sp_field *field, json_t *value)
{
	switch (field->kind) {
	case SP_FIELD_NUMBER:
		if (!json_is_integer(value) || json_integer_value(value) < 0 ||
		    json_integer_value(value) > field->max)
			return refuse_field(reading, "is a whole number from 0 to %lld",
					    (long long)field->max);
		return 0;
	case SP_FIELD_TRUE:
		return json_is_true(value) ? 0 : refuse_field(reading, "is true, or left out");
	case SP_FIELD_OBJECT:
		return json_is_object(value) ? read_object(reading, field->fields, value)
					     : refuse_field(reading, "is an object");
	default:
		return read_text(reading, field, value);
	}
}

static int read_object(struct reading *reading, const struct sp_field *fields, json_t *object)
{
	const size_t above = strlen(reading->path);
	const struct sp_field *field;
	const char *key;
	json_t *value;
	void *next;
	int r = 0;

	json_object_foreach_safe(object, next, key, value) {
		for (field = fields; field->name && strcmp(field->name, key) != 0; field++)
			;
		if (!field->name && reading->is_open) {
			json_object_del(object, key);
			continue;
		}
		snprintf(reading->path + above, sizeof(reading->path) - above, "%s%.60s",
			 above ? "." : "", key);
		r = field->name ? read_value(reading, field, value)
				: refuse_field(reading, "is no field of this request");
		if (r < 0)
			return r;
		reading->path[above] = '\0';
	}
	for (field = fields; field->name; field++) {
		if (!field->is_required || json_object_get(object, field->name))
			continue;
		snprintf(reading->path + above, sizeof(reading->path) - above, "%s%s",
			 above ? "." : "", field->name);
		return refuse_field(reading, "is missing");
	}
	return 0;
}

/* Is the type @wanted, with or without parameters? @content_type NULL: the request has none. */
static bool is_type(const char *content_type, const char *wanted)
{
	const size_t len = strlen(wanted);

	if (!content_type || strncasecmp(content_type, wanted, len) != 0)
		return false;
	return content_type[len] == '\0' || content_type[len] == ';' || content_type[len] == ' ';
}

int sp_request_read_body(const struct sp_portal_request *request, const struct sp_field *fields,
			 json_t **ret_body, struct sp_response *ret_response)
{
	struct reading reading = { .response = ret_response };
	json_error_t error;
	__sp_json json_t *body = NULL;
	int r;

	if (request->body_len && !is_type(request->content_type, "application/json")) {
		sp_respond_error(ret_response, 415, "media-type", 0,
				 "a body is sent as Content-Type: application/json");
		return -EINVAL;
	}
	body = request->body_len ? json_loadb(request->body, request->body_len,
					      JSON_REJECT_DUPLICATES, &error)
				 : json_object();
	if (!body && request->body_len) {
		sp_respond_error(ret_response, 400, "bad-request", 0,
				 "the body is not JSON: line %d: %s", error.line, error.text);
		return -EINVAL;
	}
	if (!json_is_object(body)) {
		sp_respond_error(ret_response, 400, "bad-request", 0,
				 "the body is not a JSON object");
		return -EINVAL;
	}
	r = read_object(&reading, fields, body);
	if (r < 0)
		return r;
	*ret_body = SP_TAKE_PTR(body);
	return 0;
}

static int read_pairs(const struct sp_portal_request *request, json_t **ret_params,
		      struct sp_response *response)
{
	const bool is_form = strcmp(request->method, "POST") == 0;
	const char *text = is_form ? request->body : request->query, *why = NULL;
	const size_t len = is_form ? request->body_len : text ? strlen(text) : 0;
	int r;

	if (is_form && !is_type(request->content_type, "application/x-www-form-urlencoded")) {
		sp_respond_error(
			response, 415, "media-type", 0,
			"a form is sent as Content-Type: application/x-www-form-urlencoded");
		return -EINVAL;
	}
	r = sp_params_read(text, len, ret_params, &why);
	if (r == -EINVAL)
		sp_respond_error(response, 400, "bad-request", 0, "the %s %s",
				 is_form ? "form" : "address behind the ?", why);
	else if (r < 0)
		sp_respond_error(response, 500, "internal", 0,
				 "out of memory; try again in a moment");
	return r;
}

int sp_request_read_params(const struct sp_portal_request *request, const struct sp_field *fields,
			   json_t **ret_params, struct sp_response *ret_response)
{
	struct reading reading = { .response = ret_response, .is_open = true };
	__sp_json json_t *params = NULL;
	int r = read_pairs(request, &params, ret_response);

	if (r == 0)
		r = read_object(&reading, fields, params);
	if (r < 0)
		return r;
	*ret_params = SP_TAKE_PTR(params);
	return 0;
}
