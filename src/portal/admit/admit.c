/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/admit/admit.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "portal/admit/cookie.h"
#include "portal/admit/origin.h"
#include "portal/admit/state.h"

static int refuse_request(struct sp_response *response, int status, const char *code,
			  const char *message)
{
	sp_respond_error(response, status, code, 0, "%s", message);
	return -EINVAL;
}

static int run_out(struct sp_response *response)
{
	(void)refuse_request(response, 500, "internal", "out of memory; try again in a moment");
	return -ENOMEM;
}

static bool is_post(const struct sp_portal_request *request)
{
	return strcmp(request->method, "POST") == 0;
}

/* ---- a page ---- */

/* Was the request sent by a page of ours? The browser itself says so in a header that no page
 * elsewhere can change. Old browsers send one of the two headers only. */
static bool is_from_here(const struct sp_admission *admission,
			 const struct sp_portal_request *request)
{
	if (request->fetch_site && strcmp(request->fetch_site, "same-origin") != 0)
		return false;
	if (request->origin)
		return sp_origin_is_of(request->origin, admission->url);
	return request->fetch_site != NULL;
}

static int take_cookie(const struct sp_portal_request *request, struct sp_admitted *admitted,
		       struct sp_response *response)
{
	int r = sp_cookie_read(request->cookie, SP_COOKIE_PERSON, &admitted->token);

	if (r == -ENOMEM)
		return run_out(response);
	return 0; /* no cookie, or none that can be ours: nobody is signed in */
}

static int admit_page(const struct sp_admission *admission, const struct sp_web_route *route,
		      const struct sp_portal_request *request, struct sp_admitted *admitted,
		      struct sp_response *response)
{
	int r;

	if (is_post(request) && !is_from_here(admission, request))
		return refuse_request(response, 403, "other-origin",
				      "this was not sent by a page of the portal; open the portal "
				      "and do it there");
	r = sp_request_read_params(request, route->fields, &admitted->body, response);
	if (r == 0 && route->takes_token)
		r = take_cookie(request, admitted, response);
	return r;
}

/* ---- a callback ---- */

static int refuse_state(struct sp_response *response, int r)
{
	switch (r) {
	case -ENOMEM:
		return run_out(response);
	case -ESTALE:
		return refuse_request(response, 410, "expired",
				      "this took too long: sign in again");
	default:
		return refuse_request(
			response, 400, "bad-state",
			"this sign-in was not begun here, in this browser: sign in again");
	}
}

/* With a POST from another site, a browser sends no SameSite=Lax cookie. */
static int open_state(const struct sp_admission *admission, const struct sp_portal_request *request,
		      struct sp_admitted *admitted)
{
	const char *state = json_string_value(json_object_get(admitted->body, "state"));
	char *cookie = NULL;
	int r = state ? 0 : -EBADMSG;

	if (r == 0 && !is_post(request))
		r = sp_cookie_read(request->cookie, SP_COOKIE_LOGIN, &cookie);
	if (r == 0)
		r = sp_state_open(admission->sealer, state, cookie, admission->now_s,
				  &admitted->about);
	sp_free_wiped(cookie);
	return r;
}

static int admit_callback(const struct sp_admission *admission, const struct sp_web_route *route,
			  const struct sp_portal_request *request, struct sp_admitted *admitted,
			  struct sp_response *response)
{
	int r = sp_request_read_params(request, route->fields, &admitted->body, response);

	if (r < 0)
		return r;
	r = open_state(admission, request, admitted);
	return r < 0 ? refuse_state(response, r) : 0;
}

/* ---- a program ---- */

static int admit_api(const struct sp_web_route *route, const struct sp_portal_request *request,
		     struct sp_admitted *admitted, struct sp_response *response)
{
	static const char scheme[] = "Bearer ";
	const char *authorization = request->authorization;
	int r = sp_request_read_body(request, route->fields, &admitted->body, response);

	if (r < 0 || !route->takes_token || !authorization ||
	    strncasecmp(authorization, scheme, strlen(scheme)) != 0)
		return r;
	admitted->token = strdup(authorization + strlen(scheme));
	return admitted->token ? 0 : run_out(response);
}

int sp_admit(const struct sp_admission *admission, const struct sp_web_route *route,
	     const struct sp_portal_request *request, struct sp_admitted *ret_admitted,
	     struct sp_response *ret_response)
{
	__sp_cleanup(sp_admitted_done) struct sp_admitted admitted = { 0 };
	int r = -EINVAL;

	switch (route->kind) {
	case SP_WEB_API:
		r = admit_api(route, request, &admitted, ret_response);
		break;
	case SP_WEB_PAGE:
		r = admit_page(admission, route, request, &admitted, ret_response);
		break;
	case SP_WEB_CALLBACK:
		r = admit_callback(admission, route, request, &admitted, ret_response);
		break;
	case SP_WEB_ASSET:
		r = 0;
		break;
	}
	if (r < 0)
		return r;
	*ret_admitted = admitted;
	admitted = (struct sp_admitted){ 0 };
	return 0;
}

void sp_admitted_done(struct sp_admitted *admitted)
{
	json_decrefp(&admitted->body);
	json_decrefp(&admitted->about);
	sp_free_wiped(admitted->token);
	*admitted = (struct sp_admitted){ 0 };
}
