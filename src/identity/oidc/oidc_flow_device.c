/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Device authorization: get a code for the person, then poll until the person has entered it.
 * Source: RFC 8628. */
#include <errno.h>

#include "base/str.h"
#include "identity/oidc/oidc_flow.h"

#define INTERVAL_DEFAULT_S 5u
#define INTERVAL_MAX_S 300u
#define SLOW_DOWN_S 5u
/* whatever the provider says: an unfinished sign-in is kept in memory */
#define CODE_LIFE_MAX_S 3600u
#define SILENCES_MAX 4u
#define CODE_MAX 2048u
#define USER_CODE_MAX 64u

static const char what_code[] = "the device authorization", what_poll[] = "the token request";

/* ---- the code ---- */

/* "openid profile groups", malloc'ed; openid is what makes it a sign-in. */
static char *join_scopes(const struct sp_idp *idp)
{
	__sp_buf struct sp_buf scopes = SP_BUF_INIT;
	char *text = NULL;

	sp_buf_put(&scopes, "openid");
	for (size_t i = 0; i < idp->scope_count; i++)
		if (strcmp(idp->scopes[i], "openid") != 0)
			sp_buf_printf(&scopes, " %s", idp->scopes[i]);
	return sp_buf_take(&scopes, &text) < 0 ? NULL : text;
}

enum sp_idp_step sp_oidc_device_next(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
				     struct sp_http_request *ret_request, uint64_t *ret_due_ns)
{
	__sp_free char *scopes = NULL;
	enum sp_idp_step step;

	if (!sp_oidc_flow_has_provider(flow, now, ret_due_ns, &step))
		return step;
	if (!flow->oidc->discovery.device_endpoint)
		return sp_oidc_flow_refuse(flow, sp_find(&flow->finding, SP_REFUSAL_BAD_ANSWER,
							 "discovery: the provider has no "
							 "device_authorization_endpoint"));
	scopes = join_scopes(flow->oidc->idp);
	if (!scopes)
		return sp_oidc_flow_refuse(flow, -ENOMEM);
	return sp_oidc_flow_post(flow, flow->oidc->discovery.device_endpoint,
				 (struct sp_form_field[]){ { "scope", scopes } }, 1, ret_request);
}

/* Whole seconds, @max at the most; some write them as a text (ADFS, Microsoft's first endpoints),
 * some with a fraction. Returns -EINVAL: they are none. */
static int read_seconds(const json_t *value, uint64_t max, uint64_t *ret_seconds)
{
	const char *text = json_string_value(value);
	double seconds = json_number_value(value);

	if (text && *text && strlen(text) <= 18 && strspn(text, "0123456789") == strlen(text))
		seconds = strtod(text, NULL);
	else if (!json_is_number(value))
		return -EINVAL;
	if (!(seconds >= 0))
		return -EINVAL;
	*ret_seconds = seconds < (double)max ? (uint64_t)seconds : max;
	return 0;
}

/* How long the code can be entered. */
static int take_life(const json_t *object, uint64_t *ret_life_s, struct sp_finding *finding)
{
	const json_t *value = sp_strict_json_value(object, "expires_in");
	char shown[40];

	if (read_seconds(value, CODE_LIFE_MAX_S, ret_life_s) == 0 && *ret_life_s > 0)
		return 0;
	return sp_find(finding, SP_REFUSAL_BAD_ANSWER, "%s: expires_in is %s, no number of seconds",
		       what_code, sp_strict_json_show(value, shown, sizeof(shown)));
}

/* How often to ask. It may be left out, and what cannot be read is as left out. */
static uint64_t read_interval(const json_t *object)
{
	uint64_t interval_s;

	if (read_seconds(sp_strict_json_value(object, "interval"), INTERVAL_MAX_S, &interval_s) < 0)
		return INTERVAL_DEFAULT_S;
	return interval_s ? interval_s : 1; /* 0 would be a busy loop */
}

/* The one of two names that is there and not empty; else the first. */
static const char *name_of(const json_t *object, const char *first, const char *second)
{
	const char *text = sp_strict_json_text(object, first);
	const bool has_first = text ? *text != '\0' : sp_strict_json_value(object, first) != NULL;

	return !has_first && sp_strict_json_value(object, second) ? second : first;
}

/* Read the address to open. Google called it verification_url before the RFC, and still does. */
static int take_address(const json_t *object, struct sp_idp_prompt *prompt,
			struct sp_finding *finding)
{
	struct sp_finding unused;
	int r = sp_reply_take_url(object, name_of(object, "verification_uri", "verification_url"),
				  true, what_code, &prompt->verification_uri, finding);

	if (r < 0)
		return r;
	/* Only a convenience: an unusable one counts as absent */
	r = sp_reply_take_url(
		object, name_of(object, "verification_uri_complete", "verification_url_complete"),
		false, what_code, &prompt->verification_uri_complete, &unused);
	return r == -ENOMEM ? r : 0;
}

static int take_code(struct sp_oidc_flow *flow, const json_t *object, uint64_t *ret_life_s)
{
	struct sp_finding *finding = &flow->finding;
	struct sp_idp_prompt *prompt = &flow->prompt;
	int r = sp_reply_take_text(object, "device_code", CODE_MAX, what_code, &flow->device_code,
				   finding);

	if (r == 0)
		r = take_address(object, prompt, finding);
	if (r == 0)
		r = sp_reply_take_text(object, "user_code", USER_CODE_MAX, what_code,
				       &prompt->user_code, finding);
	if (r == 0)
		r = take_life(object, ret_life_s, finding);
	flow->interval_s = read_interval(object);
	return r;
}

static int read_code(struct sp_oidc_flow *flow, const struct sp_http_reply *reply,
		     uint64_t *ret_life_s)
{
	__sp_json json_t *object = NULL;
	const char *error;
	int r = sp_oauth_reply_read(reply, what_code, &object, &error, &flow->finding);

	if (r == 0 && error)
		r = sp_oauth_refused(object, error, what_code, &flow->finding);
	return r < 0 ? r : take_code(flow, object, ret_life_s);
}

int sp_oidc_device_take(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
			const struct sp_http_reply *reply)
{
	uint64_t life_s;
	int r = read_code(flow, reply, &life_s);

	/* The provider knows nothing of the person yet, so it would refuse anybody. */
	if (r == -EACCES)
		flow->finding.is_client_refused = flow->finding.reason != SP_REFUSAL_UNREACHABLE;
	if (r < 0)
		return r;
	flow->prompt.expires_s = now->now_s + (int64_t)life_s;
	flow->expires_ns = now->boot_ns + life_s * SP_OIDC_S;
	flow->poll_ns = now->boot_ns + flow->interval_s * SP_OIDC_S;
	flow->stage = SP_OIDC_STAGE_POLL;
	return 0;
}

/* ---- whether it was entered ---- */

enum sp_idp_step sp_oidc_poll_next(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
				   struct sp_http_request *ret_request, uint64_t *ret_due_ns)
{
	const struct sp_form_field fields[] = {
		{ "grant_type", "urn:ietf:params:oauth:grant-type:device_code" },
		{ "device_code", flow->device_code },
	};

	if (now->boot_ns >= flow->expires_ns)
		return sp_oidc_flow_refuse(flow, sp_find(&flow->finding, SP_REFUSAL_CODE_EXPIRED,
							 "the code was not entered in time"));
	if (now->boot_ns < flow->poll_ns) {
		*ret_due_ns = flow->poll_ns < flow->expires_ns ? flow->poll_ns : flow->expires_ns;
		return SP_IDP_WAIT;
	}
	return sp_oidc_flow_post(flow, flow->oidc->discovery.token_endpoint, fields, 2,
				 ret_request);
}

/* @reply: of the poll before; it may ask for a longer wait. */
static void poll_again(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
		       const struct sp_http_reply *reply, uint64_t wait_s)
{
	if (reply->retry_after_s > (int64_t)wait_s)
		wait_s = (uint64_t)reply->retry_after_s;
	if (wait_s > INTERVAL_MAX_S)
		wait_s = INTERVAL_MAX_S;
	flow->poll_ns = now->boot_ns + wait_s * SP_OIDC_S;
}

/* From now on, not only once; some say how often they want to be asked (GitHub). */
static void slow_down(struct sp_oidc_flow *flow, const json_t *object)
{
	uint64_t asked_s;

	flow->interval_s += SLOW_DOWN_S;
	if (read_seconds(sp_strict_json_value(object, "interval"), INTERVAL_MAX_S, &asked_s) == 0 &&
	    asked_s > flow->interval_s)
		flow->interval_s = asked_s;
	if (flow->interval_s > INTERVAL_MAX_S)
		flow->interval_s = INTERVAL_MAX_S;
}

static int take_poll_error(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
			   const struct sp_http_reply *reply, const json_t *object,
			   const char *error)
{
	if (strcmp(error, "slow_down") == 0)
		slow_down(flow, object);
	if (strcmp(error, "slow_down") == 0 || strcmp(error, "authorization_pending") == 0) {
		poll_again(flow, now, reply, flow->interval_s);
		return 0;
	}
	if (strcmp(error, "access_denied") == 0 ||
	    strcmp(error, "authorization_declined") == 0) /* Microsoft */
		return sp_find(&flow->finding, SP_REFUSAL_DENIED, "declined at the provider");
	if (strcmp(error, "expired_token") == 0 || strcmp(error, "code_expired") == 0)
		return sp_find(&flow->finding, SP_REFUSAL_CODE_EXPIRED,
			       "the provider says that it expired");
	return sp_oauth_refused(object, error, what_poll, &flow->finding);
}

int sp_oidc_poll_take(struct sp_oidc_flow *flow, const struct sp_idp_time *now,
		      const struct sp_http_reply *reply)
{
	__sp_json json_t *object = NULL;
	const char *error;
	int r = sp_oauth_reply_read(reply, what_poll, &object, &error, &flow->finding);

	/* Silence now need not be silence later, but is asked into ever more slowly (RFC 8628,
	 * 3.5). Who says when to come back is not silent. */
	if (r == -EACCES && flow->finding.reason == SP_REFUSAL_UNREACHABLE &&
	    (reply->retry_after_s > 0 || ++flow->silences < SILENCES_MAX)) {
		poll_again(flow, now, reply, flow->interval_s << flow->silences);
		return 0;
	}
	if (r < 0)
		return r;
	flow->silences = 0;
	return error ? take_poll_error(flow, now, reply, object, error)
		     : sp_oidc_flow_take_tokens(flow, object);
}
