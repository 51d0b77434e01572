/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "desk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/units.h"
#include "portal/routes.h"

#define FETCHES_MAX 64

struct fetch {
	uint64_t id;
	char *url, *form;
	sp_fetched_fn done;
	void *arg;
};

struct sp_portal *desk;
struct sp_addr desk_from;

static struct sp_gate_request *asks;
static struct sp_password_check *check;
static struct fetch fetches[FETCHES_MAX];
static size_t fetch_count;
static uint64_t last_id;
static json_t *last_answer;
static unsigned char next_random;

/* ---- outside ---- */

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
}

static void do_drop(void *arg, struct sp_gate_request *ask)
{
	(void)arg;
	take_off(ask);
	json_decref(ask->request);
}

static int do_check(void *arg, struct sp_password_check *taken)
{
	(void)arg;
	if (check)
		return -EBUSY;
	check = taken;
	return 0;
}

static int do_fetch(void *arg, struct sp_http_request *request, const struct sp_fetch_trust *trust,
		    sp_fetched_fn done, void *done_arg, uint64_t *ret_id)
{
	(void)arg;
	(void)trust;
	if (fetch_count == FETCHES_MAX)
		return -EBUSY;
	fetches[fetch_count++] =
		(struct fetch){ ++last_id, strdup(request->url),
				request->body ? strdup(request->body) : NULL, done, done_arg };
	sp_http_request_done(request);
	*ret_id = last_id;
	return 0;
}

static void forget_fetch(size_t at)
{
	free(fetches[at].url);
	free(fetches[at].form);
	memmove(&fetches[at], &fetches[at + 1], (--fetch_count - at) * sizeof(fetches[0]));
}

static void do_cancel(void *arg, uint64_t id)
{
	(void)arg;
	for (size_t i = 0; i < fetch_count; i++)
		if (fetches[i].id == id)
			forget_fetch(i);
}

/* All different, and the same in every run. */
static void do_random(void *arg, void *bytes, size_t len)
{
	static uint64_t counter;

	(void)arg;
	memset(bytes, next_random++, len);
	counter++;
	memcpy(bytes, &counter, len < sizeof(counter) ? len : sizeof(counter));
}

static const struct sp_outside outside = {
	do_ask, do_drop, do_check, do_fetch, do_cancel, do_random
};

/* ---- the portal ---- */

int desk_start(void **state)
{
	const struct sp_portal_config config = {
		.gateway = "gate1",
		.url = "https://gate.example.test",
		.fingerprint = "00",
		.seal_key = { 1, 2, 3 },
		.routes = &sp_web_routes,
		.outside = &outside,
	};
	const uint8_t from[4] = { 192, 0, 2, 9 };

	(void)state;
	lab_now = (struct sp_idp_time){ 1700000000, 1000 * (uint64_t)SP_NS_PER_S };
	desk_from = sp_addr_from_v4(from);
	return sp_portal_new(&config, &lab_now, &desk);
}

int desk_stop(void **state)
{
	(void)state;
	sp_portal_free(desk);
	sp_password_check_free(SP_TAKE_PTR(check));
	while (asks) {
		/* what nobody waits for is freed by its reply alone */
		struct sp_gate_request *ask = asks;

		take_off(ask);
		json_decref(ask->request);
	}
	while (fetch_count)
		forget_fetch(0);
	json_decref(SP_TAKE_PTR(last_answer));
	return 0;
}

void desk_pass(unsigned seconds)
{
	lab_pass(seconds);
	desk->now = lab_now;
	sp_portal_run(desk);
}

static int read_secret(const char *path, char **ret_secret)
{
	*ret_secret = strdup("s3cret");
	return strcmp(path, "/idp.d/corp.secret") == 0 && *ret_secret ? 0 : -ENOENT;
}

int desk_offer(const char *name, const char *text)
{
	__sp_free char *path = NULL;
	struct sp_provider_file file = { .name = name,
					 .text = text,
					 .len = strlen(text),
					 .dir = "/idp.d",
					 .read_secret = read_secret };

	assert_int_equal(sp_str_format(&path, "/idp.d/%s.yaml", name), 0);
	file.path = path;
	return sp_providers_offer(desk, &file);
}

void desk_local(void)
{
	assert_int_equal(desk_offer("local", DESK_LOCAL), 0);
}

void desk_corp(void)
{
	assert_int_equal(desk_offer("corp", DESK_CORP), 0);
	desk_fetched(LAB_ISSUER "/.well-known/openid-configuration", 200, LAB_DISCOVERY);
	desk_fetched(LAB_ISSUER "/jwks", 200, lab_keys);
	assert_string_equal(sp_provider_state(sp_provider_find(desk, "corp")), "ok");
}

/* ---- requests ---- */

static void answered(struct sp_exchange *exchange)
{
	assert_true(exchange->is_answered);
}

struct sp_exchange *desk_call(const char *path, const char *token, const char *body)
{
	struct sp_exchange *exchange = calloc(1, sizeof(*exchange));
	__sp_free char *bearer = NULL;
	struct sp_portal_request request = {
		.method = body ? "POST" : "GET",
		.path = path,
		.version = "HTTP/1.1",
		.content_type = body ? "application/json" : NULL,
		.host_count = 1,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.from = desk_from,
	};

	assert_non_null(exchange);
	if (token) {
		assert_int_equal(sp_str_format(&bearer, "Bearer %s", token), 0);
		request.authorization = bearer;
	}
	exchange->answered = answered;
	sp_exchange_begin(exchange, desk, &request);
	return exchange;
}

void desk_end(struct sp_exchange *exchange)
{
	sp_exchange_done(exchange);
	free(exchange);
}

const json_t *desk_answer(const struct sp_exchange *exchange, int status, const char *code)
{
	const char *found;

	if (!exchange->is_answered)
		fail_msg("not answered, expected %d", status);
	json_decref(last_answer);
	last_answer = json_loads(exchange->response.body, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(last_answer);
	found = json_string_value(json_object_get(json_object_get(last_answer, "error"), "code"));
	if (exchange->response.status != status ||
	    (code ? !found || strcmp(found, code) != 0 : found != NULL))
		fail_msg("%d %s instead of %d %s", exchange->response.status,
			 exchange->response.body, status, code ? code : "");
	assert_int_equal(json_integer_value(json_object_get(last_answer, "v")), 1);
	return last_answer;
}

void desk_answered(struct sp_exchange *exchange, int status, const char *code)
{
	desk_answer(exchange, status, code);
	desk_end(exchange);
}

void desk_waits(const struct sp_exchange *exchange)
{
	if (exchange->is_answered)
		fail_msg("answered %d: %s", exchange->response.status, exchange->response.body);
}

/* ---- the gateway ---- */

const json_t *desk_asked(const char *op)
{
	const char *found =
		asks ? json_string_value(json_object_get(asks->request, "op")) : "nothing";

	if (strcmp(found, op) != 0)
		fail_msg("asked %s instead of %s", found, op);
	return asks->request;
}

static void reply(json_t *line)
{
	struct sp_gate_request *ask = asks;

	assert_non_null(ask);
	take_off(ask);
	json_decref(ask->request);
	ask->request = NULL;
	ask->done(ask, line);
	json_decref(line);
}

void desk_reply(const char *members)
{
	__sp_free char *text = NULL;
	json_t *line;

	assert_int_equal(sp_str_format(&text, "{\"v\":1,\"id\":1,\"ok\":true%s%s}",
				       *members ? "," : "", members),
			 0);
	line = json_loads(text, 0, NULL);
	assert_non_null(line);
	reply(line);
}

void desk_reply_to_all(const char *op)
{
	while (asks && strcmp(json_string_value(json_object_get(asks->request, "op")), op) == 0)
		desk_reply("");
}

void desk_refuse(const char *code, const char *reason)
{
	reply(json_pack("{s:i, s:i, s:b, s:{s:s, s:s, s:s?}}", "v", 1, "id", 1, "ok", 0, "error",
			"code", code, "message", "m", "reason", reason));
}

void desk_no_gate(void)
{
	reply(NULL);
}

void desk_nothing_asked(void)
{
	if (asks)
		fail_msg("asked %s", json_string_value(json_object_get(asks->request, "op")));
}

/* ---- passwords ---- */

const struct sp_password_check *desk_checks(void)
{
	return check;
}

void desk_check(bool is_right)
{
	struct sp_password_check *taken = SP_TAKE_PTR(check);

	assert_non_null(taken);
	if (taken->done)
		taken->done(taken->arg, is_right);
	sp_password_check_free(taken);
}

/* ---- providers ---- */

static void fetched(const char *url, const struct sp_http_reply *answer)
{
	struct fetch fetch;
	size_t at = 0;

	while (at < fetch_count && strcmp(fetches[at].url, url) != 0)
		at++;
	if (at == fetch_count)
		fail_msg("fetches %s instead of %s", fetch_count ? fetches[0].url : "nothing", url);
	fetch = fetches[at];
	fetches[at].url = NULL;
	forget_fetch(at);
	fetch.done(fetch.arg, answer);
	free(fetch.url);
}

void desk_fetched(const char *url, int status, const char *body)
{
	const struct sp_http_reply answer = lab_json(status, body);

	fetched(url, &answer);
}

void desk_unreachable(const char *url)
{
	struct sp_http_reply answer = lab_silence("connection refused");

	answer.is_unsent = true;
	fetched(url, &answer);
}

void desk_silent(const char *url)
{
	const struct sp_http_reply answer = lab_silence("no answer within 10 s");

	fetched(url, &answer);
}

bool desk_is_fetched(const char *url)
{
	for (size_t i = 0; i < fetch_count; i++)
		if (strcmp(fetches[i].url, url) == 0)
			return true;
	return false;
}

const char *desk_fetched_field(const char *name)
{
	static char value[64];
	const char *form = NULL, *at;
	__sp_free char *key = NULL;

	for (size_t i = 0; i < fetch_count && !form; i++)
		form = fetches[i].form;
	assert_int_equal(sp_str_format(&key, "&%s=", name), 0);
	at = form ? strstr(form, key) : NULL;
	if (!at)
		return NULL;
	at += strlen(key);
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "&"), at);
	return value;
}

void desk_nothing_fetched(void)
{
	if (fetch_count)
		fail_msg("fetches %s", fetches[0].url);
}

size_t desk_fetches(void)
{
	return fetch_count;
}
