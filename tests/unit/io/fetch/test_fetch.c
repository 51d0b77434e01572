/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/units.h"
#include "io/fetch/fetch.h"
#include "io/loop/clock.h"
#include "../scratch.h"
#include "tls_server.h"

static struct tls_server *server, *elsewhere, *old_tls;
static char ca[512], other_ca[512], old_ca[512], colons[96];

static int start(void **state)
{
	const char *hex;
	size_t len = 0;

	if (scratch_make(state) < 0)
		return -1;
	strcpy(ca, scratch_path(state, "ca.pem"));
	strcpy(other_ca, scratch_path(state, "other.pem"));
	strcpy(old_ca, scratch_path(state, "old.pem"));
	server = tls_server_start("127.0.0.1", ca, 0);
	elsewhere = tls_server_start("gate.example.org", other_ca, 0);
	old_tls = tls_server_start("127.0.0.1", old_ca, TLS1_1_VERSION);
	if (!server || !elsewhere || !old_tls)
		return -1;
	hex = tls_server_fingerprint(server);
	for (size_t i = 0; i < 64; i += 2)
		len += (size_t)snprintf(colons + len, sizeof(colons) - len, "%s%.2s", i ? ":" : "",
					hex + i);
	/* what the environment says must not matter */
	setenv("https_proxy", "http://127.0.0.1:1/", 1);
	setenv("HTTPS_PROXY", "http://127.0.0.1:1/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
	return 0;
}

static int stop(void **state)
{
	tls_server_stop(server);
	tls_server_stop(elsewhere);
	tls_server_stop(old_tls);
	return scratch_remove(state);
}

static char *url_of(const struct tls_server *of, const char *path)
{
	static char urls[4][256];
	static unsigned next;
	char *url = urls[next++ % 4];

	snprintf(url, sizeof(urls[0]), "https://127.0.0.1:%u%s", tls_server_port(of), path);
	return url;
}

static struct sp_http_reply get(const char *url, const struct sp_fetch_trust *trust, int want_r,
				char **ret_body)
{
	const struct sp_http_request request = { .url = (char *)(uintptr_t)url, .body_max = 65536 };
	struct sp_http_reply reply = { 0 };

	assert_int_equal(sp_fetch(&request, trust, &reply, ret_body), want_r);
	if (reply.status)
		assert_true(reply.body && !reply.failure);
	else
		assert_true(reply.failure && !reply.body);
	return reply;
}

static void an_answer_comes_with_status_type_and_body(void **state)
{
	const struct sp_fetch_trust trust = { .ca_file = ca };
	__sp_free char *body = NULL;
	const struct sp_http_reply reply = get(url_of(server, "/ok"), &trust, 0, &body);

	(void)state;
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.content_type, "application/json");
	assert_string_equal(reply.body, "{\"ok\":true}");
	assert_int_equal(reply.body_len, 11);
}

static void an_answer_that_was_packed_is_unpacked_within_the_bound(void **state)
{
	const struct sp_fetch_trust trust = { .ca_file = ca };
	__sp_free char *body = NULL, *none = NULL;
	struct sp_http_reply reply = get(url_of(server, "/gzip"), &trust, 0, &body);

	(void)state;
	assert_string_equal(reply.body, "{\"ok\":true}");
	reply = get(url_of(server, "/bomb"), &trust, 0, &none);
	assert_string_equal(reply.failure, "larger than 65536 bytes");
}

static void how_long_to_stay_away_is_told(void **state)
{
	const struct sp_fetch_trust trust = { .ca_file = ca };
	__sp_free char *body = NULL, *other = NULL;

	(void)state;
	assert_int_equal(get(url_of(server, "/busy"), &trust, 0, &body).retry_after_s, 120);
	assert_int_equal(get(url_of(server, "/ok"), &trust, 0, &other).retry_after_s, 0);
}

static void a_request_carries_what_it_was_given_and_nothing_else(void **state)
{
	const struct sp_fetch_trust trust = { .ca_file = ca };
	static const char *const present[] = {
		"POST /echo HTTP/1.1\r\n",
		"\r\nUser-Agent: sallyport/" SP_VERSION "\r\n",
		"\r\nAccept: application/json\r\n",
		"\r\nContent-Type: application/x-www-form-urlencoded\r\n",
		"\r\nAuthorization: Basic Y2xpZW50OnMzY3JldA==\r\n",
		"\r\n\r\na=b&c=d",
	};
	static const char *const absent[] = { "Cookie", "Expect", "Accept-Encoding", "Proxy",
					      "Referer" };
	char url[256];
	struct sp_http_request request = {
		.url = strcpy(url, url_of(server, "/echo")),
		.body = (char *)(uintptr_t)"a=b&c=d",
		.body_type = "application/x-www-form-urlencoded",
		.basic_user = (char *)(uintptr_t)"client",
		.basic_password = (char *)(uintptr_t)"s3cret",
		.body_max = 4096,
	};
	struct sp_http_reply reply;
	__sp_free char *body = NULL, *bearer_body = NULL;

	(void)state;
	assert_int_equal(sp_fetch(&request, &trust, &reply, &body), 0);
	assert_int_equal(reply.status, 200);
	for (size_t i = 0; i < SP_ARRAY_LEN(present); i++)
		assert_non_null(strstr(reply.body, present[i]));
	for (size_t i = 0; i < SP_ARRAY_LEN(absent); i++)
		assert_null(strcasestr(reply.body, absent[i]));

	request = (struct sp_http_request){ .url = url,
					    .bearer = (char *)(uintptr_t)"t0ken",
					    .body_max = 4096 };
	assert_int_equal(sp_fetch(&request, &trust, &reply, &bearer_body), 0);
	assert_non_null(strstr(reply.body, "GET /echo HTTP/1.1\r\n"));
	assert_non_null(strstr(reply.body, "\r\nAuthorization: Bearer t0ken\r\n"));
}

static void a_redirect_is_an_answer_and_is_not_followed(void **state)
{
	const struct sp_fetch_trust trust = { .ca_file = ca };
	const unsigned before = tls_server_connections(server);
	__sp_free char *body = NULL;
	const struct sp_http_reply reply = get(url_of(server, "/redirect"), &trust, 0, &body);

	(void)state;
	assert_int_equal(reply.status, 302);
	assert_string_equal(reply.body, "over");
	assert_string_equal(reply.location, url_of(server, "/ok"));
	assert_int_equal(tls_server_connections(server), before + 1);
}

static void the_pinned_certificate_is_believed_whatever_it_is_for(void **state)
{
	const struct sp_fetch_trust plain = { .fingerprint = tls_server_fingerprint(server) };
	const struct sp_fetch_trust with_colons = { .fingerprint = colons };
	const struct sp_fetch_trust other_host = { .fingerprint =
							   tls_server_fingerprint(elsewhere) };
	const struct {
		const struct sp_fetch_trust *trust;
		const struct tls_server *of;
	} cases[] = { { &plain, server }, { &with_colons, server }, { &other_host, elsewhere } };

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_free char *body = NULL;

		assert_int_equal(get(url_of(cases[i].of, "/ok"), cases[i].trust, 0, &body).status,
				 200);
	}
}

static void what_went_wrong_is_said(void **state)
{
	const struct sp_fetch_trust good = { .ca_file = ca }, wrong_ca = { .ca_file = other_ca },
				    system_ca = { 0 }, other_host = { .ca_file = other_ca },
				    old = { .ca_file = old_ca },
				    short_time = { .ca_file = ca, .total_ms = 300 },
				    /* a wrong pin is refused even where the CA would do */
		wrong_pin = { .ca_file = ca, .fingerprint = tls_server_fingerprint(elsewhere) };
	char seen[128], closed[64];
	const struct {
		const char *url;
		const struct sp_fetch_trust *trust;
		const char *failure; /* how it begins */
	} cases[] = {
		{ url_of(server, "/ok"), &wrong_ca, "certificate: " },
		{ url_of(server, "/ok"), &system_ca, "certificate: " },
		{ url_of(server, "/ok"), &wrong_pin, seen },
		{ url_of(elsewhere, "/ok"), &other_host,
		  "certificate: it is for another host name" },
		{ closed, &good, "connection refused" },
		{ "https://nowhere.invalid/", &good, "no such host" },
	};
	const struct {
		const char *path, *failure;
		const struct sp_fetch_trust *trust;
	} paths[] = {
		{ "/huge", "larger than 65536 bytes", &good },
		{ "/endless", "larger than 65536 bytes", &good },
		{ "/headers", "headers larger than 32768 bytes", &good },
		{ "/close", "the connection was closed without an answer", &good },
		{ "/cut", "the connection broke off", &good },
		{ "/drip", "no answer within 300 ms", &short_time },
		{ "/silent", "no answer within 300 ms", &short_time },
	};
	__sp_free char *tls_body = NULL;
	struct sp_http_reply reply;

	(void)state;
	snprintf(closed, sizeof(closed), "https://127.0.0.1:1/");
	snprintf(seen, sizeof(seen), "certificate: its fingerprint is %s, not the one expected",
		 tls_server_fingerprint(server));
	for (char *c = seen; *c; c++)
		*c = *c >= 'A' && *c <= 'F' ? (char)(*c | 0x20) : *c;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_free char *body = NULL;

		reply = get(cases[i].url, cases[i].trust, 0, &body);
		if (!reply.failure ||
		    strncmp(reply.failure, cases[i].failure, strlen(cases[i].failure)))
			fail_msg("%s: %s, not %s", cases[i].url, reply.failure, cases[i].failure);
	}
	for (size_t i = 0; i < SP_ARRAY_LEN(paths); i++) {
		__sp_free char *body = NULL;

		reply = get(url_of(server, paths[i].path), paths[i].trust, 0, &body);
		assert_int_equal(reply.status, 0);
		assert_string_equal(reply.failure, paths[i].failure);
	}
	reply = get(url_of(old_tls, "/ok"), &old, 0, &tls_body);
	assert_memory_equal(reply.failure, "TLS: ", 5);
}

static void what_cannot_be_asked_is_refused_before_anything_is_sent(void **state)
{
	const struct sp_fetch_trust good = { .ca_file = ca },
				    no_file = { .ca_file = "/nonexistent/ca.pem" },
				    no_cert = { .ca_file = "/proc/self/status" },
				    short_pin = { .fingerprint = "ab:cd" },
				    long_pin = { .fingerprint =
							 "00000000000000000000000000000000"
							 "000000000000000000000000000000000" };
	const unsigned before = tls_server_connections(server);
	const struct {
		const char *url;
		const struct sp_fetch_trust *trust;
		const char *failure;
	} cases[] = {
		{ "http://127.0.0.1/", &good, "the address does not begin with https://" },
		{ "file:///etc/passwd", &good, "the address does not begin with https://" },
		{ "", &good, "the address does not begin with https://" },
		{ "https://u:p@127.0.0.1/", &good, "the address cannot be read" },
		{ "https://", &good, "the address cannot be read" },
		{ "https://127.0.0.1/a\r\nX: y", &good,
		  "the address does not begin with https://" },
		{ url_of(server, "/ok"), &no_file,
		  "the CA file /nonexistent/ca.pem cannot be read: No such file or directory" },
		{ url_of(server, "/ok"), &no_cert,
		  "the CA file /proc/self/status holds no certificate in PEM form" },
		{ url_of(server, "/ok"), &short_pin, "a fingerprint has 64 hex digits (SHA-256)" },
		{ url_of(server, "/ok"), &long_pin, "a fingerprint has 64 hex digits (SHA-256)" },
	};
	const struct sp_http_request injected = { .url = url_of(server, "/ok"),
						  .bearer = (char *)(uintptr_t)"a\r\nX: y",
						  .body_max = 100 };
	struct sp_http_reply reply;
	__sp_free char *injected_body = NULL;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		__sp_free char *body = NULL;

		reply = get(cases[i].url, cases[i].trust, -EINVAL, &body);
		assert_string_equal(reply.failure, cases[i].failure);
	}
	assert_int_equal(sp_fetch(&injected, &good, &reply, &injected_body), -EINVAL);
	assert_string_equal(reply.failure, "the credentials cannot be sent");
	assert_int_equal(tls_server_connections(server), before);
}

/* ---- many at once ---- */

struct got {
	int calls, status;
	char failure[256];
	char body[64];
	struct sp_fetcher *fetcher; /* NULL: only take notes */
	uint64_t cancel;
};

static void take(void *arg, const struct sp_http_reply *reply)
{
	struct got *got = (struct got *)arg;

	got->calls++;
	got->status = reply->status;
	snprintf(got->failure, sizeof(got->failure), "%s", reply->failure ? reply->failure : "");
	snprintf(got->body, sizeof(got->body), "%s", reply->body ? reply->body : "");
	if (got->fetcher)
		sp_fetcher_cancel(got->fetcher, got->cancel);
}

static uint64_t begin(struct sp_fetcher *fetcher, const char *url,
		      const struct sp_fetch_trust *trust, struct got *got)
{
	struct sp_http_request request = { .url = strdup(url), .body_max = 4096 };
	uint64_t id;

	assert_int_equal(sp_fetcher_begin(fetcher, &request, trust, take, got, &id), 0);
	assert_null(request.url);
	return id;
}

/* As an event loop does it, until @got have all been called or 8 s are over. */
static void run_until(struct sp_fetcher *fetcher, struct got *got, size_t count)
{
	const uint64_t end_ns = sp_clock_boottime_ns() + 8 * SP_NS_PER_S;

	for (;;) {
		struct pollfd pollfd = { .fd = sp_fetcher_fd(fetcher), .events = POLLIN };
		const int timeout_ms = sp_fetcher_timeout_ms(fetcher);
		size_t called = 0;

		for (size_t i = 0; i < count; i++)
			called += got[i].calls > 0;
		if (called == count)
			return;
		assert_true(sp_clock_boottime_ns() < end_ns);
		poll(&pollfd, 1, timeout_ms < 0 || timeout_ms > 1000 ? 1000 : timeout_ms);
		sp_fetcher_run(fetcher);
	}
}

static void several_run_at_once_and_a_slow_one_holds_up_no_other(void **state)
{
	const struct sp_fetch_trust good = { .ca_file = ca },
				    slow = { .ca_file = ca, .total_ms = 500 },
				    wrong = { .ca_file = other_ca };
	struct got got[20] = { 0 };
	struct sp_fetcher *fetcher;

	(void)state;
	assert_int_equal(sp_fetcher_new(&fetcher), 0);
	assert_int_equal(sp_fetcher_timeout_ms(fetcher), -1);
	begin(fetcher, url_of(server, "/silent"), &slow, &got[0]);
	begin(fetcher, url_of(server, "/drip"), &slow, &got[1]);
	begin(fetcher, url_of(server, "/ok"), &wrong, &got[2]);
	begin(fetcher, url_of(server, "/endless"), &good, &got[3]);
	begin(fetcher, "https://127.0.0.1:1/", &good, &got[4]);
	begin(fetcher, "http://127.0.0.1/", &good, &got[5]);
	for (size_t i = 6; i < SP_ARRAY_LEN(got); i++)
		begin(fetcher, url_of(server, "/ok"), &good, &got[i]);
	run_until(fetcher, got + 2, SP_ARRAY_LEN(got) - 2);
	run_until(fetcher, got, SP_ARRAY_LEN(got));
	assert_string_equal(got[0].failure, "no answer within 500 ms");
	assert_string_equal(got[1].failure, "no answer within 500 ms");
	assert_memory_equal(got[2].failure, "certificate: ", 13);
	assert_string_equal(got[3].failure, "larger than 4096 bytes");
	assert_string_equal(got[4].failure, "connection refused");
	assert_string_equal(got[5].failure, "the address does not begin with https://");
	for (size_t i = 6; i < SP_ARRAY_LEN(got); i++)
		assert_string_equal(got[i].body, "{\"ok\":true}");
	for (size_t i = 0; i < SP_ARRAY_LEN(got); i++)
		assert_int_equal(got[i].calls, 1);
	sp_fetcher_free(fetcher);
}

static void one_that_is_cancelled_is_not_called_back(void **state)
{
	const struct sp_fetch_trust good = { .ca_file = ca };
	struct got got[3] = { 0 };
	struct sp_fetcher *fetcher;
	uint64_t silent;

	(void)state;
	assert_int_equal(sp_fetcher_new(&fetcher), 0);
	silent = begin(fetcher, url_of(server, "/silent"), &good, &got[0]);
	begin(fetcher, url_of(server, "/silent"), &good, &got[1]);
	begin(fetcher, url_of(server, "/ok"), &good, &got[2]);
	got[2].fetcher = fetcher; /* from within a callback */
	got[2].cancel = silent;
	run_until(fetcher, &got[2], 1);
	sp_fetcher_cancel(fetcher, silent);
	sp_fetcher_cancel(fetcher, 12345);
	sp_fetcher_free(fetcher); /* the other silent one is under way */
	assert_int_equal(got[0].calls + got[1].calls, 0);
}

static void a_pin_is_not_bypassed_by_another_ones_connection(void **state)
{
	const struct sp_fetch_trust good = { .ca_file = ca },
				    wrong_pin = { .fingerprint =
							  tls_server_fingerprint(elsewhere) };
	struct got got[3] = { 0 };
	struct sp_fetcher *fetcher;

	(void)state;
	assert_int_equal(sp_fetcher_new(&fetcher), 0);
	for (size_t i = 0; i < SP_ARRAY_LEN(got); i++) {
		begin(fetcher, url_of(server, "/ok"), i == 1 ? &wrong_pin : &good, &got[i]);
		run_until(fetcher, &got[i], 1);
	}
	assert_int_equal(got[0].status, 200);
	assert_memory_equal(got[1].failure, "certificate: its fingerprint", 28);
	assert_int_equal(got[2].status, 200);
	sp_fetcher_free(fetcher);
}

static void more_than_sixty_four_at_once_are_refused(void **state)
{
	const struct sp_fetch_trust good = { .ca_file = ca };
	struct got got[64] = { 0 };
	struct sp_http_request request = { .url = url_of(server, "/ok"), .body_max = 10 };
	struct sp_fetcher *fetcher;
	uint64_t id;

	(void)state;
	assert_int_equal(sp_fetcher_new(&fetcher), 0);
	for (size_t i = 0; i < SP_ARRAY_LEN(got); i++)
		begin(fetcher, url_of(server, "/ok"), &good, &got[i]);
	assert_int_equal(sp_fetcher_begin(fetcher, &request, &good, take, NULL, &id), -EBUSY);
	assert_non_null(request.url);
	sp_fetcher_free(fetcher);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_comes_with_status_type_and_body),
		cmocka_unit_test(an_answer_that_was_packed_is_unpacked_within_the_bound),
		cmocka_unit_test(how_long_to_stay_away_is_told),
		cmocka_unit_test(a_request_carries_what_it_was_given_and_nothing_else),
		cmocka_unit_test(a_redirect_is_an_answer_and_is_not_followed),
		cmocka_unit_test(the_pinned_certificate_is_believed_whatever_it_is_for),
		cmocka_unit_test(what_went_wrong_is_said),
		cmocka_unit_test(what_cannot_be_asked_is_refused_before_anything_is_sent),
		cmocka_unit_test(several_run_at_once_and_a_slow_one_holds_up_no_other),
		cmocka_unit_test(one_that_is_cancelled_is_not_called_back),
		cmocka_unit_test(a_pin_is_not_bypassed_by_another_ones_connection),
		cmocka_unit_test(more_than_sixty_four_at_once_are_refused),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
