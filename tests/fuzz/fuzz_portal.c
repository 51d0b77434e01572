/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A request into the portal's handlers, and whatever the gateway and a provider answer to what they ask.
 * The input's parts, a byte 0x1e between them: method, path, content type, authorization ("@": a good token),
 * body, and then answers, used up in turn by questions to the gateway (JSON, or none) and by
 * fetches ("!" before it: status 400; empty: no answer). Behind the path, a byte 0x1f before each, stand query
 * ("@": a good state; the body too), cookie ("@": good ones), Origin, Sec-Fetch-Site and If-None-Match. Beside the portal's
 * addresses there are a page and a callback that answer with what they were given. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "json/own.h"
#include "portal/admit/cookie.h"
#include "portal/admit/state.h"
#include "portal/admit/token.h"
#include "portal/exchange.h"
#include "portal/portal.h"
#include "portal/providers/provider.h"
#include "portal/providers/refresher.h"
#include "portal/providers/report.h"
#include "portal/routes.h"
#include "portal/server/headers.h"
#include "portal/signin/grants.h"

#define PARTS_MAX 24
#define STEPS_MAX 64
#define KEY "Ji8okP1Vjw0tyoUfRqG3AVIhmfAuZnLoE/nLd3LhAhA="

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sp_gate_request *asks;
static struct sp_password_check *check;
static struct {
	sp_fetched_fn done;
	void *arg;
	uint64_t id;
} fetches[64];
static size_t fetch_count;

static void do_ask(void *arg, struct sp_gate_request *ask)
{
	struct sp_gate_request **at = &asks;

	(void)arg;
	while (*at)
		at = &(*at)->next;
	ask->next = NULL;
	ask->is_under_way = true;
	*at = ask;
}

static void take_off(struct sp_gate_request *ask)
{
	struct sp_gate_request **at = &asks;

	while (*at != ask)
		at = &(*at)->next;
	*at = ask->next;
	ask->is_under_way = false;
	json_decrefp(&ask->request);
}

static void do_drop(void *arg, struct sp_gate_request *ask)
{
	(void)arg;
	take_off(ask);
}

static int do_check(void *arg, struct sp_password_check *taken)
{
	(void)arg;
	if (check)
		return -1;
	check = taken;
	return 0;
}

static int do_fetch(void *arg, struct sp_http_request *request, const struct sp_fetch_trust *trust,
		    sp_fetched_fn done, void *done_arg, uint64_t *ret_id)
{
	static uint64_t last_id;

	(void)arg;
	(void)trust;
	if (fetch_count == 64)
		return -1;
	sp_http_request_done(request);
	*ret_id = ++last_id;
	fetches[fetch_count].done = done;
	fetches[fetch_count].arg = done_arg;
	fetches[fetch_count++].id = last_id;
	return 0;
}

static void forget(size_t at)
{
	memmove(&fetches[at], &fetches[at + 1], (--fetch_count - at) * sizeof(fetches[0]));
}

static void do_cancel(void *arg, uint64_t id)
{
	(void)arg;
	for (size_t i = fetch_count; i > 0; i--)
		if (fetches[i - 1].id == id)
			forget(i - 1);
}

static void do_random(void *arg, void *bytes, size_t len)
{
	(void)arg;
	memset(bytes, 7, len);
}

static void check_header(void *arg, const char *name, const char *value)
{
	(void)arg;
	if (!*name)
		abort();
	for (; *value; value++)
		if (*value < ' ' || *value > '~')
			abort(); /* it ends its line, or could */
}

static void answered(struct sp_exchange *exchange)
{
	const struct sp_response *response = &exchange->response;

	if (!response->body && !response->lasting_body)
		abort(); /* every answer has a text */
	sp_headers_visit(response, check_header, NULL);
}

/* ---- pages of the fuzzer's own ---- */

static void handle(struct sp_exchange *exchange)
{
	sp_respond(&exchange->response, 200,
		   json_pack("{s:O, s:O?, s:O?}", "body", exchange->body, "about",
			     exchange->admitted.about, "devices", exchange->devices));
	sp_exchange_answer(exchange);
}

static const struct sp_field callback_fields[] = {
	{ "code", SP_FIELD_SECRET, false, 0, NULL },
	{ "name", SP_FIELD_NAME, false, 0, NULL },
	{ "state", SP_FIELD_SEALED, true, 0, NULL },
	{ 0 },
};
static const struct sp_web_route own_routes[] = {
	{ "/page", SP_WEB_GET, SP_WEB_PAGE, true, callback_fields, handle },
	{ "/page", SP_WEB_POST, SP_WEB_PAGE, false, callback_fields, handle },
	{ "/back", SP_WEB_GET, SP_WEB_CALLBACK, false, callback_fields, handle },
	{ "/back", SP_WEB_POST, SP_WEB_CALLBACK, false, callback_fields, handle },
};

static const struct sp_web_routes *all_routes(void)
{
	static struct sp_web_route items[64];
	static struct sp_web_routes routes = { .items = items };

	if (SP_ARRAY_LEN(own_routes) + sp_web_routes.count > SP_ARRAY_LEN(items))
		abort();
	memcpy(items, own_routes, sizeof(own_routes));
	memcpy(items + SP_ARRAY_LEN(own_routes), sp_web_routes.items,
	       sp_web_routes.count * sizeof(*items));
	routes.count = SP_ARRAY_LEN(own_routes) + sp_web_routes.count;
	return &routes;
}

static const struct sp_outside outside = {
	do_ask, do_drop, do_check, do_fetch, do_cancel, do_random
};

static void offer(struct sp_portal *portal, const char *name, const char *text)
{
	const struct sp_provider_file file = {
		.name = name, .path = name, .text = text, .len = strlen(text), .dir = "/"
	};

	if (sp_providers_offer(portal, &file) < 0)
		abort();
}

static struct sp_portal *make_portal(void)
{
	const struct sp_portal_config config = { .gateway = "g",
						 .url = "https://g.test",
						 .fingerprint = "f",
						 .routes = all_routes(),
						 .outside = &outside };
	const struct sp_idp_time now = { 1700000000, 1000000000000ull };
	struct sp_portal *portal;

	if (sodium_init() < 0 || sp_portal_new(&config, &now, &portal) < 0)
		abort();
	return portal;
}

/* As after a start. Only how often addresses tried stays, and that an hour wears off. */
static void renew(struct sp_portal *portal)
{
	portal->now.now_s += 3600;
	portal->now.boot_ns += 3600000000000ull;
	sp_providers_begin(portal);
	sp_providers_end(portal);
	sp_portal_set_gate(portal, false);
	offer(portal, "local", "type: local\nusers: { ana: { groups: [eng] } }\n");
	offer(portal, "corp", "type: oidc\nissuer: https://op.example.test\nclient-id: gate\n");
}

/* Nothing is left under way. */
static void forget_all(struct sp_portal *portal)
{
	sp_refresher_free(portal->refresher);
	sp_grants_free(portal->grants);
	portal->refresher = NULL;
	sp_report_cancel(portal);
	if (sp_refresher_new(portal, &portal->refresher) < 0 || sp_grants_new(&portal->grants) < 0)
		abort();
	while (asks) { /* a record of a refusal is freed by its reply */
		struct sp_gate_request *ask = asks;

		take_off(ask);
		ask->done(ask, NULL);
	}
	sp_password_check_free(check);
	check = NULL;
}

/* Let one thing happen that was asked for. Returns whether there was one. */
static bool step(const char *part, size_t len)
{
	struct sp_http_reply reply = {
		.status = 200, .content_type = "application/json", .body = part, .body_len = len
	};

	if (asks) {
		struct sp_gate_request *ask = asks;
		__sp_json json_t *line = json_loads(part, JSON_REJECT_DUPLICATES, NULL);

		take_off(ask);
		ask->done(ask, line);
	} else if (check) {
		struct sp_password_check *taken = check;

		check = NULL;
		if (taken->done)
			taken->done(taken->arg, len % 2);
		sp_password_check_free(taken);
	} else if (fetch_count) {
		const sp_fetched_fn done = fetches[0].done;
		void *arg = fetches[0].arg;

		forget(0);
		if (len == 0)
			reply = (struct sp_http_reply){ .failure = "none" };
		else if (*part == '!')
			reply = (struct sp_http_reply){ .status = 400,
							.content_type = "application/json",
							.body = part + 1,
							.body_len = len - 1 };
		done(arg, &reply);
	} else {
		return false;
	}
	return true;
}

static size_t split(char *text, size_t size, const char **parts, size_t *lens)
{
	size_t count = 0;
	char *at = text, *end = text + size;

	while (count < PARTS_MAX) {
		char *stop = memchr(at, 0x1e, (size_t)(end - at));

		parts[count] = at;
		lens[count++] = (size_t)((stop ? stop : end) - at);
		if (!stop)
			break;
		*stop = '\0';
		at = stop + 1;
	}
	return count;
}

/* What @text is, up to the next 0x1f, which ends it; *@at: behind that. NULL: there is no more. */
static const char *take_field(char **at)
{
	char *text = *at;

	if (!text)
		return NULL;
	*at = strchr(text, 0x1f);
	if (*at)
		*(*at)++ = '\0';
	return text;
}

static char *good_state(struct sp_portal *portal, const char *cookie)
{
	__sp_json json_t *about = json_object();
	char *state = NULL, *query;

	if (sp_state_make(&portal->sealer, about, cookie, portal->now.now_s + 600, &state) < 0)
		abort();
	query = malloc(strlen(state) + 32);
	strcpy(query, "code=c&state=");
	strcat(query, state);
	free(state);
	return query;
}

static char *good_cookies(const char *bearer, const char *login)
{
	char *cookies = malloc(strlen(bearer) + strlen(login) + 64);

	strcpy(cookies, SP_COOKIE_PERSON "=");
	strcat(cookies, bearer + strlen("Bearer "));
	strcat(cookies, "; " SP_COOKIE_LOGIN "=");
	strcat(cookies, login);
	return cookies;
}

static char *good_token(struct sp_portal *portal)
{
	struct sp_person person = { .device_key = KEY };
	char *token = NULL, *header;

	if (sp_person_set(&person, "local", "ana", "ana") < 0 ||
	    sp_token_make(&portal->sealer, &person, &token) < 0)
		abort();
	sp_person_done(&person);
	header = malloc(strlen(token) + sizeof("Bearer "));
	strcpy(header, "Bearer ");
	strcat(header, token);
	free(token);
	return header;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *parts[PARTS_MAX] = { 0 };
	struct sp_exchange exchange = { .answered = answered };
	static struct sp_portal *portal;
	struct sp_portal_request request = { .version = "HTTP/1.1", .host_count = 1 };
	size_t lens[PARTS_MAX] = { 0 }, count, next = 5;
	char *text = malloc(size + 1), *token, *state, *cookies, *at;

	if (!portal)
		portal = make_portal();
	renew(portal);
	token = good_token(portal);
	state = good_state(portal, "abc");
	cookies = good_cookies(token, "abc");
	memcpy(text, data, size);
	text[size] = '\0';
	count = split(text, size, parts, lens);
	request.method = count > 0 ? parts[0] : "";
	at = count > 1 ? (char *)parts[1] : NULL;
	request.path = at ? take_field(&at) : "";
	request.query = take_field(&at);
	request.cookie = take_field(&at);
	request.origin = take_field(&at);
	request.fetch_site = take_field(&at);
	request.if_none_match = take_field(&at);
	if (request.query && strcmp(request.query, "@") == 0)
		request.query = state;
	if (request.cookie && strcmp(request.cookie, "@") == 0)
		request.cookie = cookies;
	request.content_type = count > 2 ? parts[2] : NULL;
	request.authorization = count > 3 ? strcmp(parts[3], "@") == 0 ? token : parts[3] : NULL;
	request.body = count > 4 ? parts[4] : NULL;
	request.body_len = count > 4 ? lens[4] : 0;
	if (request.body && strcmp(request.body, "@") == 0) {
		request.body = state;
		request.body_len = strlen(state);
	}
	sp_exchange_begin(&exchange, portal, &request);
	for (int i = 0; i < STEPS_MAX; i++) {
		if (!step(next < count ? parts[next] : "", next < count ? lens[next] : 0))
			break;
		next += next < count;
		if (i % 4 == 3) {
			portal->now.now_s += 6;
			portal->now.boot_ns += 6000000000ull;
			sp_portal_run(portal);
		}
	}
	if (exchange.is_answered)
		answered(&exchange);
	sp_exchange_done(&exchange);
	sp_portal_set_gate(portal, true);
	sp_portal_run(portal);
	for (int i = 0;
	     i < 8 && step(next < count ? parts[next] : "", next < count ? lens[next] : 0); i++)
		next += next < count;
	forget_all(portal);
	free(token);
	free(state);
	free(cookies);
	free(text);
	return 0;
}
