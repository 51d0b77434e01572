/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/oidc/discovery.h"

#include <errno.h>

#include "base/str.h"
#include "identity/oidc/oauth_reply.h"

static const char what[] = "discovery";

void sp_discovery_done(struct sp_discovery *discovery)
{
	free(discovery->jwks_uri);
	free(discovery->token_endpoint);
	free(discovery->device_endpoint);
	free(discovery->userinfo_endpoint);
	free(discovery->scopes);
	*discovery = (struct sp_discovery){ 0 };
}

char *sp_discovery_url(const char *issuer)
{
	size_t len = strlen(issuer);
	char *url = NULL;

	if (len > 0 && issuer[len - 1] == '/')
		len--;
	if (sp_str_format(&url, "%.*s/.well-known/openid-configuration", (int)len, issuer) < 0)
		return NULL;
	return url;
}

/* The methods that its token endpoint takes. If the document names none, HTTP Basic (OpenID Connect
 * Discovery 1.0, 3). */
static bool wants_secret_in_body(const json_t *object)
{
	const json_t *methods = json_object_get(object, "token_endpoint_auth_methods_supported"),
		     *item;
	bool basic = false, post = false;
	size_t i;

	json_array_foreach(methods, i, item) {
		const char *method = json_string_value(item);

		basic |= method && strcmp(method, "client_secret_basic") == 0;
		post |= method && strcmp(method, "client_secret_post") == 0;
	}
	return post && !basic;
}

/* Read the scopes for `idp test` alone: a list that cannot be read counts as missing. */
static int read_scopes(const json_t *object, char **ret_scopes)
{
	const json_t *list = sp_strict_json_value(object, "scopes_supported"), *item;
	__sp_buf struct sp_buf scopes = SP_BUF_INIT;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) == 0)
		return 0;
	sp_buf_put(&scopes, " ");
	json_array_foreach(list, i, item)
		if (json_is_string(item) && json_string_length(item) <= 64)
			sp_buf_printf(&scopes, "%s ", json_string_value(item));
	return sp_buf_take(&scopes, ret_scopes);
}

static int read_endpoints(const json_t *object, struct sp_discovery *discovery,
			  struct sp_finding *finding)
{
	int r = sp_reply_take_url(object, "jwks_uri", true, what, &discovery->jwks_uri, finding);

	if (r == 0)
		r = sp_reply_take_url(object, "token_endpoint", true, what,
				      &discovery->token_endpoint, finding);
	if (r == 0)
		r = sp_reply_take_url(object, "device_authorization_endpoint", false, what,
				      &discovery->device_endpoint, finding);
	if (r == 0)
		r = sp_reply_take_url(object, "userinfo_endpoint", false, what,
				      &discovery->userinfo_endpoint, finding);
	return r;
}

int sp_discovery_read(const struct sp_http_reply *reply, const char *issuer,
		      struct sp_discovery *ret_discovery, struct sp_finding *finding)
{
	__sp_cleanup(sp_discovery_done) struct sp_discovery discovery = { 0 };
	__sp_json json_t *object = NULL;
	const char *said;
	int r;

	r = sp_reply_read(reply, what, SP_DISCOVERY_MAX, &object, finding);
	if (r < 0)
		return r;
	said = sp_strict_json_text(object, "issuer");
	if (!said || strcmp(said, issuer) != 0)
		return sp_find_issuer(finding, SP_REFUSAL_BAD_ANSWER,
				      "discovery: the document is of issuer", said ? said : "",
				      issuer);
	r = read_endpoints(object, &discovery, finding);
	if (r < 0)
		return r;
	r = read_scopes(object, &discovery.scopes);
	if (r < 0)
		return r;
	discovery.wants_secret_in_body = wants_secret_in_body(object);
	*ret_discovery = discovery;
	discovery = (struct sp_discovery){ 0 };
	return 0;
}
