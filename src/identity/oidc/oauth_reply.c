/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/oidc/oauth_reply.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "base/array.h"

void sp_secret_free(char *text)
{
	if (text)
		sp_wipe(text, strlen(text));
	free(text);
}

/* ---- the whole ---- */

/* The provider is busy: it asks us to come back later. @error: the word by which it says so, or
 * NULL. */
static int find_busy(const struct sp_http_reply *reply, const char *what, const char *error,
		     struct sp_finding *finding)
{
	char wait[48] = "";

	finding->retry_after_s = reply->retry_after_s;
	if (reply->retry_after_s > 0)
		snprintf(wait, sizeof(wait), "; it asks to wait %lld s",
			 (long long)reply->retry_after_s);
	return sp_find(finding, SP_REFUSAL_UNREACHABLE, "%s: status %d%s%.60s%s", what,
		       reply->status, error ? ": " : "", error ? error : "", wait);
}

static int check_answered(const struct sp_http_reply *reply, const char *what,
			  struct sp_finding *finding)
{
	const char *failure = reply->failure ? reply->failure : "no answer";

	if (reply->status == 0)
		return sp_find(finding,
			       strncmp(failure, "too large", strlen("too large")) == 0
				       ? SP_REFUSAL_BAD_ANSWER
				       : SP_REFUSAL_UNREACHABLE,
			       "%s: %.120s", what, failure);
	if (reply->status >= 500 || reply->status == 429)
		return find_busy(reply, what, NULL, finding);
	if (reply->status >= 300 && reply->status < 400)
		return sp_find(finding, SP_REFUSAL_BAD_ANSWER,
			       "%s: status %d to %.90s; a redirect is not followed", what,
			       reply->status, reply->location ? reply->location : "nowhere");
	return 0;
}

/* Is the type application/json, with or without parameters, or a registered JSON type such as
 * application/jwk-set+json? */
static bool is_json(const char *type)
{
	const size_t len = type ? strcspn(type, "; \t") : 0;

	return type && strncasecmp(type, "application/", strlen("application/")) == 0 &&
	       ((len == strlen("application/json") &&
		 strncasecmp(type, "application/json", len) == 0) ||
		(len > strlen("application/+json") &&
		 strncasecmp(type + len - 5, "+json", 5) == 0));
}

static int read_object(const struct sp_http_reply *reply, const char *what, size_t max,
		       json_t **ret_object, struct sp_finding *finding)
{
	char why[80];

	if (!is_json(reply->content_type))
		return sp_find(finding, SP_REFUSAL_BAD_ANSWER,
			       "%s: status %d with type %.60s, not JSON", what, reply->status,
			       reply->content_type ? reply->content_type : "unsaid");
	if (reply->body_len > max)
		return sp_find(finding, SP_REFUSAL_BAD_ANSWER,
			       "%s: %zu bytes, at most %zu are taken", what, reply->body_len, max);
	if (sp_strict_json_load(reply->body, reply->body_len, ret_object, why) < 0)
		return sp_find(finding, SP_REFUSAL_BAD_ANSWER, "%s: %s", what, why);
	return 0;
}

int sp_reply_read(const struct sp_http_reply *reply, const char *what, size_t max,
		  json_t **ret_object, struct sp_finding *finding)
{
	int r = check_answered(reply, what, finding);

	if (r < 0)
		return r;
	if (reply->status != 200)
		return sp_find(finding, SP_REFUSAL_BAD_ANSWER, "%s: status %d", what,
			       reply->status);
	return read_object(reply, what, max, ret_object, finding);
}

/* The word of a refusal, borrowed from @object; NULL: there is none. Some providers send the word
 * with status 200, and Google has another name for the member when a quota is used up. */
static const char *find_error(const json_t *object)
{
	const char *error = sp_strict_json_text(object, "error");

	if (!error || !*error)
		error = sp_strict_json_text(object, "error_code");
	return error && *error ? error : NULL;
}

/* Says that it has no time now, under whatever status (RFC 6749, 4.1.2.1; RFC 8628, 3.5). */
static bool is_busy(const char *error)
{
	static const char *const words[] = { "temporarily_unavailable", "server_error",
					     "too_many_requests", "rate_limit_exceeded",
					     "timeout" };

	for (size_t i = 0; i < SP_ARRAY_LEN(words); i++)
		if (strcmp(error, words[i]) == 0)
			return true;
	return false;
}

/* A refusal that is no OAuth's: Google's and Microsoft's other services explain themselves so. */
static int find_wordless(const json_t *object, const struct sp_http_reply *reply, const char *what,
			 struct sp_finding *finding)
{
	const json_t *error = sp_strict_json_value(object, "error");
	const char *message = sp_strict_json_text(json_is_object(error) ? error : object,
						  json_is_object(error) ? "message" : "detail");

	return sp_find(finding, SP_REFUSAL_BAD_ANSWER, "%s: status %d without an error word%s%.90s",
		       what, reply->status, message ? ": " : "", message ? message : "");
}

int sp_oauth_reply_read(const struct sp_http_reply *reply, const char *what, json_t **ret_object,
			const char **ret_error, struct sp_finding *finding)
{
	const bool may_slow_down = reply->status == 429; /* Auth0 says slow_down with it */
	__sp_json json_t *object = NULL;
	const char *error;
	int r = may_slow_down ? 0 : check_answered(reply, what, finding);

	if (r == 0)
		r = read_object(reply, what, SP_OAUTH_REPLY_MAX, &object, finding);
	if (r < 0)
		return may_slow_down ? find_busy(reply, what, NULL, finding) : r;
	error = find_error(object);
	if ((error && is_busy(error)) ||
	    (may_slow_down && !(error && strcmp(error, "slow_down") == 0)))
		return find_busy(reply, what, error, finding);
	if (!error && reply->status != 200)
		return find_wordless(object, reply, what, finding);
	*ret_object = SP_TAKE_PTR(object);
	*ret_error = error;
	return 0;
}

int sp_oauth_refused(const json_t *object, const char *error, const char *what,
		     struct sp_finding *finding)
{
	const char *more = sp_strict_json_text(object, "error_description");

	sp_find(finding, SP_REFUSAL_PROVIDER_ERROR, "%s: %.40s%s%.90s", what, error,
		more ? ": " : "", more ? more : "");
	finding->is_client_refused =
		!strcmp(error, "invalid_client") || !strcmp(error, "unauthorized_client");
	return -EACCES;
}

/* ---- its members ---- */

static bool is_visible(const char *text, size_t max)
{
	const size_t len = strlen(text);

	if (len < 1 || len > max)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

int sp_reply_take_text(const json_t *object, const char *key, size_t max, const char *what,
		       char **place, struct sp_finding *finding)
{
	const char *text = sp_strict_json_text(object, key);
	char *copy;

	if (!text || !is_visible(text, max))
		return sp_find(finding, SP_REFUSAL_BAD_ANSWER,
			       "%s: %s is missing or not 1 to %zu printable characters", what, key,
			       max);
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	sp_secret_free(*place);
	*place = copy;
	return 0;
}

int sp_reply_take_optional(const json_t *object, const char *key, size_t max, const char *what,
			   char **place, struct sp_finding *finding)
{
	const json_t *value = sp_strict_json_value(object, key);

	if (value && !(json_is_string(value) && json_string_length(value) == 0))
		return sp_reply_take_text(object, key, max, what, place, finding);
	sp_secret_free(*place);
	*place = NULL;
	return 0;
}

/* curl parses the address again before sending. Here it only has to begin as https plainly. */
static bool is_https_url(const char *text)
{
	const char *host = text + strlen("https://");

	return strncasecmp(text, "https://", strlen("https://")) == 0 && *host != '\0' &&
	       *host != '/' && *host != ':' && *host != '?' && !strpbrk(text, " \"<>\\^`{|}#") &&
	       memchr(host, '@', strcspn(host, "/?")) == NULL;
}

int sp_reply_take_url(const json_t *object, const char *key, bool is_required, const char *what,
		      char **place, struct sp_finding *finding)
{
	int r = (is_required ? sp_reply_take_text : sp_reply_take_optional)(
		object, key, SP_OAUTH_URL_MAX, what, place, finding);

	if (r < 0 || !*place)
		return r;
	if (!is_https_url(*place)) {
		sp_find(finding, SP_REFUSAL_BAD_ANSWER, "%s: %s \"%.80s\" is no https URL", what,
			key, *place);
		free(*place);
		*place = NULL;
		return -EACCES;
	}
	return 0;
}
