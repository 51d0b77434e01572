/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/portal/portal_call.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/bounds.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/screen/render.h"
#include "io/fetch/fetch.h"
#include "json/own.h"

#define CALL_MS 30000 /* the portal's longest poll, plus the time of a slow line */

void sp_portal_wipe_json(void)
{
	json_set_alloc_funcs(malloc, sp_free_wiped);
}

void sp_portal_answer_done(struct sp_portal_answer *answer)
{
	json_decrefp(&answer->body);
	*answer = (struct sp_portal_answer){ 0 };
}

/* ---- asking ---- */

/* Calls about the caller's own session. A sign-in proves the person in another way. */
static bool is_with_token(const struct sp_profile *profile, const char *path)
{
	return profile->token && (!strncmp(path, "session", 7) || !strncmp(path, "devices", 7));
}

static int fill_request(const struct sp_profile *profile, const char *path, json_t *fields,
			struct sp_http_request *ret_request)
{
	/* it may hold a password: wiped before the portal is waited for */
	__sp_json json_t *taken = fields;
	struct sp_http_request request = { .body_type = "application/json",
					   .body_max = SP_PORTAL_ANSWER_MAX };
	bool failed = sp_str_format(&request.url, "%s/api/v1/%s", profile->url, path) < 0;

	if (taken)
		request.body = json_dumps(taken, JSON_COMPACT);
	if (is_with_token(profile, path))
		request.bearer = strdup(profile->token);
	failed |= (taken && !request.body) || (is_with_token(profile, path) && !request.bearer);
	if (failed) {
		sp_http_request_done(&request);
		return sp_cli_fail(SP_EXIT_FAILED, "out of memory");
	}
	*ret_request = request;
	return SP_EXIT_OK;
}

/* The name in the certificate of a server that is not trusted. Connect once more without sending
 * anything, trusting a certificate that nobody has: the error then tells the server's name. "" if
 * it cannot be told. */
static void find_offered(const struct sp_profile *profile, char ret_fingerprint[65])
{
	static const char nobodys[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	const struct sp_fetch_trust trust = { .fingerprint = nobodys };
	struct sp_http_request request = { .url = profile->url, .body_max = 1 };
	struct sp_http_reply reply = { 0 };
	__sp_free char *body = NULL;

	ret_fingerprint[0] = 0;
	if (sp_fetch(&request, &trust, &reply, &body) < 0 || !reply.failure)
		return;
	for (const char *at = reply.failure; *at; at++) {
		if (strspn(at, "0123456789abcdef") < 64)
			continue;
		memcpy(ret_fingerprint, at, 64);
		ret_fingerprint[64] = 0;
		return;
	}
}

static int fail_certificate(const struct sp_profile *profile, const char *failure)
{
	char offered[65];

	find_offered(profile, offered);
	return sp_cli_fail(SP_EXIT_FAILED,
			   "%s is not trusted: %s\n"
			   "  it offers the certificate with SHA-256 fingerprint\n"
			   "    %s\n"
			   "  compare that with what `sallyport status` shows on the gateway. If "
			   "they are the same, give it "
			   "with --fingerprint;\n"
			   "  or give the authority that signed it with --ca FILE. If they differ, "
			   "somebody is in between.",
			   profile->place, failure,
			   *offered ? offered : "(it does not answer any more)");
}

static int fail_unanswered(const struct sp_profile *profile, const char *failure, bool is_quiet)
{
	if (!strncmp(failure, "certificate", strlen("certificate")))
		return fail_certificate(profile, failure);
	if (is_quiet)
		return SP_EXIT_UNREACHABLE;
	return sp_cli_fail(SP_EXIT_UNREACHABLE,
			   "sessions that are open go on, but the portal at %s does not answer: %s",
			   profile->url, failure);
}

static int read_answer(const struct sp_profile *profile, const struct sp_http_reply *reply,
		       struct sp_portal_answer *ret_answer)
{
	__sp_json json_t *body =
		json_loadb(reply->body, reply->body_len, JSON_REJECT_DUPLICATES, NULL);
	json_t *error = json_object_get(body, "error");
	const bool is_refusal = reply->status >= 400;

	if (!json_is_object(body) || sp_json_integer(body, "v") != 1 ||
	    is_refusal != (error != NULL) || (is_refusal && !*sp_json_text(error, "code")))
		return sp_cli_fail(SP_EXIT_FAILED,
				   "%s answers (HTTP %d), but not as a Sallyport portal does; "
				   "check the address",
				   profile->url, reply->status);
	*ret_answer =
		(struct sp_portal_answer){ .status = reply->status, .body = SP_TAKE_PTR(body) };
	return SP_EXIT_OK;
}

static int portal_ask(const struct sp_profile *profile, const char *path, json_t *fields,
		      bool is_quiet, struct sp_portal_answer *ret_answer)
{
	const struct sp_fetch_trust trust = { .ca_file = profile->ca_file,
					      .fingerprint = profile->fingerprint,
					      .total_ms = CALL_MS };
	struct sp_http_request request;
	struct sp_http_reply reply = { 0 };
	char *body = NULL;
	int r;

	r = fill_request(profile, path, fields, &request);
	if (r != SP_EXIT_OK)
		return r;
	r = sp_fetch(&request, &trust, &reply, &body);
	sp_http_request_done(&request);
	if (r < 0)
		r = sp_cli_fail(SP_EXIT_FAILED, "%s: %s", profile->url,
				reply.failure ? reply.failure : sp_err_text(r));
	else if (!reply.status)
		r = fail_unanswered(profile, reply.failure, is_quiet);
	else
		r = read_answer(profile, &reply, ret_answer);
	if (reply.body)
		sp_wipe(body, reply.body_len);
	free(body);
	return r;
}

int sp_portal_ask(const struct sp_profile *profile, const char *path, json_t *fields,
		  struct sp_portal_answer *ret_answer)
{
	return portal_ask(profile, path, fields, false, ret_answer);
}

int sp_portal_ask_quietly(const struct sp_profile *profile, const char *path,
			  struct sp_portal_answer *ret_answer)
{
	return portal_ask(profile, path, NULL, true, ret_answer);
}

int sp_portal_ask_quietly_with(const struct sp_profile *profile, const char *path, json_t *fields,
			       struct sp_portal_answer *ret_answer)
{
	return portal_ask(profile, path, fields, true, ret_answer);
}

/* ---- refusals ---- */

/* A code of the API, its exit code, and how to go on: the options of `sallyport login` after the
 * address. NULL: the portal's message says what to do. */
static const struct refusal {
	const char *code;
	int exit_code;
	const char *again;
} refusals[] = {
	{ "login-failed", SP_EXIT_NOT_PERMITTED, NULL },
	{ "token-invalid", SP_EXIT_NOT_PERMITTED, "" },
	{ "access-denied", SP_EXIT_NOT_PERMITTED, NULL },
	{ "no-role", SP_EXIT_NOT_PERMITTED, NULL },
	{ "device-taken", SP_EXIT_NOT_PERMITTED,
	  " with --device NAME (another name) or --new-key (another key)" },
	{ "no-session", SP_EXIT_NOT_PERMITTED, "" },
	{ "expired", SP_EXIT_NOT_PERMITTED, "" },
	{ "slow-down", SP_EXIT_NOT_PERMITTED, NULL },
	{ "provider-unreachable", SP_EXIT_UNREACHABLE, NULL },
	{ "gateway-unreachable", SP_EXIT_UNREACHABLE, NULL },
	{ "busy", SP_EXIT_UNREACHABLE, NULL },
};

/* The code of a refusal, such as "slow-down"; "" when the answer is no refusal. Belongs to
 * @answer. */
static const char *code_of(const struct sp_portal_answer *answer)
{
	return sp_json_text(json_object_get(answer->body, "error"), "code");
}

bool sp_portal_is(const struct sp_portal_answer *answer, const char *code)
{
	return !strcmp(code_of(answer), code);
}

int sp_portal_refused(const struct sp_profile *profile, const struct sp_portal_answer *answer)
{
	json_t *error = json_object_get(answer->body, "error");
	const struct refusal *refusal = NULL;
	const char *next = NULL;
	char wait[64] = "";

	for (size_t i = 0; i < SP_ARRAY_LEN(refusals); i++)
		if (sp_portal_is(answer, refusals[i].code))
			refusal = &refusals[i];
	if (sp_json_integer(error, "retry_after_s") > 0)
		snprintf(wait, sizeof(wait), "; in %lld s at the earliest",
			 sp_json_integer(error, "retry_after_s"));
	if (refusal && refusal->again)
		next = refusal->again;
	sp_cli_fail(0, "%.1000s (%.60s)%s", sp_json_text(error, "message"), code_of(answer), wait);
	if (next)
		sp_cli_say("  next: sallyport login %s%s\n", profile->url, next);
	return refusal ? refusal->exit_code : SP_EXIT_FAILED;
}

int sp_portal_call(const struct sp_profile *profile, const char *path, json_t *fields,
		   struct sp_portal_answer *ret_answer)
{
	__sp_answer struct sp_portal_answer answer = { 0 };
	int r = sp_portal_ask(profile, path, fields, &answer);

	if (r != SP_EXIT_OK)
		return r;
	if (answer.status >= 400)
		return sp_portal_refused(profile, &answer);
	*ret_answer = answer;
	answer.body = NULL;
	return SP_EXIT_OK;
}
