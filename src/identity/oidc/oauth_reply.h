/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The outer form of a provider's answer: status, type, size, JSON. @what names the request in
 * findings: "the device authorization". Sources: RFC 6749, 5; RFC 8628, 3.2, 3.5. */
#ifndef SALLYPORT_IDENTITY_OAUTH_REPLY_H
#define SALLYPORT_IDENTITY_OAUTH_REPLY_H

#include "identity/http/http.h"
#include "identity/refusal.h"
#include "json/strict.h"

#define SP_OAUTH_REPLY_MAX 65536u /* bytes */
#define SP_OAUTH_URL_MAX 2048u

/* The object of a 200. Returns 0, caller drops it; -EACCES: SP_REFUSAL_UNREACHABLE nothing came or
 * the server is down (5xx, 429), SP_REFUSAL_BAD_ANSWER else. */
int sp_reply_read(const struct sp_http_reply *reply, const char *what, size_t max,
		  json_t **ret_object, struct sp_finding *finding);
/* The same of an OAuth endpoint, whose refusals are answers, too: *@ret_error is then their word,
 * borrowed of the object, else NULL. */
int sp_oauth_reply_read(const struct sp_http_reply *reply, const char *what, json_t **ret_object,
			const char **ret_error, struct sp_finding *finding);
/* SP_REFUSAL_PROVIDER_ERROR with the word and the explanation an OAuth refusal brought. -EACCES. */
int sp_oauth_refused(const json_t *object, const char *error, const char *what,
		     struct sp_finding *finding);

/* Member @key: 1 to @max printable ASCII characters. Replaces *@place.
 * Returns 0; -EACCES missing or not so; -ENOMEM. */
int sp_reply_take_text(const json_t *object, const char *key, size_t max, const char *what,
		       char **place, struct sp_finding *finding);
/* The same where it may be missing or empty: *@place is then NULL. */
int sp_reply_take_optional(const json_t *object, const char *key, size_t max, const char *what,
			   char **place, struct sp_finding *finding);
/* The same, and it is an https URL with a host and without a user. */
int sp_reply_take_url(const json_t *object, const char *key, bool is_required, const char *what,
		      char **place, struct sp_finding *finding);

/* Free a text after overwriting it; NULL is fine. */
void sp_secret_free(char *text);

#endif
