/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Source: libcurl's curl_easy_setopt(3). */
#include "io/fetch/fetch_transfer.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "io/files/files.h"

#define CA_FILE_MAX (1u << 20)
#define CREDENTIAL_MAX 16384u

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void start_curl(void)
{
	curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

int sp_fetch_start(void)
{
	pthread_once(&curl_once, start_curl);
	return curl_ready == CURLE_OK ? 0 : -ENOMEM;
}

__attribute__((format(printf, 2, 3))) static int fail(struct sp_transfer *transfer,
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(transfer->failure, sizeof(transfer->failure), format, args);
	va_end(args);
	for (char *c = transfer->failure; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return -EINVAL;
}

/* ---- what comes ---- */

static size_t take_header(char *line, size_t size, size_t count, void *arg)
{
	struct sp_transfer *transfer = (struct sp_transfer *)arg;

	(void)line;
	transfer->headers_len += size * count;
	transfer->are_headers_large = transfer->headers_len > SP_FETCH_HEADERS_MAX;
	return transfer->are_headers_large ? 0 : size * count;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct sp_transfer *transfer = (struct sp_transfer *)arg;
	const size_t len = size * count;

	if (len > transfer->body_max - transfer->body.len) {
		transfer->is_body_large = true;
		return 0;
	}
	return sp_secret_buf_put(&transfer->body, bytes, len) < 0 ? 0 : len;
}

/* ---- what is asked ---- */

/* Does this text stay on its line when it is put into a header or a URL? */
static bool is_one_line(const char *text)
{
	if (strlen(text) > CREDENTIAL_MAX)
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static int check_url(struct sp_transfer *transfer, const char *url)
{
	CURLU *parts = curl_url();
	char *host = NULL;
	int r = 0;

	if (!parts)
		return -ENOMEM;
	if (!is_one_line(url) || strncasecmp(url, "https://", 8) != 0)
		r = fail(transfer, "the address does not begin with https://");
	else if (curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK ||
		 curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		r = fail(transfer, "the address cannot be read");
	curl_free(host);
	curl_url_cleanup(parts);
	return r;
}

static int add_header(struct sp_transfer *transfer, const char *line)
{
	struct curl_slist *longer = curl_slist_append(transfer->headers, line);

	if (!longer)
		return -ENOMEM;
	transfer->headers = longer;
	return 0;
}

/* Ask for no encoding. If the server encodes all the same, libcurl decodes, and the bounds apply to
 * the decoded body. */
static int accept_encodings(struct sp_transfer *transfer)
{
	if (curl_easy_setopt(transfer->easy, CURLOPT_ACCEPT_ENCODING, "") != CURLE_OK)
		return -ENOMEM;
	return add_header(transfer, "Accept-Encoding:");
}

static int set_body(struct sp_transfer *transfer, const struct sp_http_request *request)
{
	char line[128];
	int r;

	snprintf(line, sizeof(line), "Content-Type: %s",
		 request->body_type ? request->body_type : "application/octet-stream");
	r = add_header(transfer, line);
	if (r == 0)
		r = add_header(transfer, "Expect:"); /* no waiting for a 100-continue */
	if (r < 0)
		return r;
	if (curl_easy_setopt(transfer->easy, CURLOPT_POST, 1L) != CURLE_OK ||
	    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE,
			     (curl_off_t)strlen(request->body)) != CURLE_OK ||
	    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, request->body) != CURLE_OK)
		return -ENOMEM;
	return 0;
}

static int set_credentials(struct sp_transfer *transfer, const struct sp_http_request *request)
{
	CURL *easy = transfer->easy;

	if ((request->bearer && !is_one_line(request->bearer)) ||
	    (request->basic_user && strlen(request->basic_user) > CREDENTIAL_MAX) ||
	    (request->basic_password && strlen(request->basic_password) > CREDENTIAL_MAX))
		return fail(transfer, "the credentials cannot be sent");
	if (request->basic_user &&
	    (curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) != CURLE_OK ||
	     curl_easy_setopt(easy, CURLOPT_USERNAME, request->basic_user) != CURLE_OK ||
	     curl_easy_setopt(easy, CURLOPT_PASSWORD,
			      request->basic_password ? request->basic_password : "") != CURLE_OK))
		return -ENOMEM;
	if (request->bearer &&
	    (curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER) != CURLE_OK ||
	     curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, request->bearer) != CURLE_OK))
		return -ENOMEM;
	return 0;
}

/* ---- whom it believes ---- */

/* Does the file hold a certificate? Without this check an empty one would fail later, as if the
 * server were at fault. */
static bool holds_certificate(const char *pem, size_t len)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	const bool holds = cert != NULL;

	X509_free(cert);
	BIO_free(bio);
	ERR_clear_error();
	return holds;
}

static int set_ca(struct sp_transfer *transfer, const char *path)
{
	__sp_free char *pem = NULL;
	struct curl_blob blob = { .flags = CURL_BLOB_COPY };
	int r = sp_file_read(path, CA_FILE_MAX, &pem, &blob.len);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return fail(transfer, "the CA file %s cannot be read: %s", path, sp_err_text(r));
	if (!holds_certificate(pem, blob.len))
		return fail(transfer, "the CA file %s holds no certificate in PEM form", path);
	blob.data = pem;
	if (curl_easy_setopt(transfer->easy, CURLOPT_CAINFO, NULL) != CURLE_OK ||
	    curl_easy_setopt(transfer->easy, CURLOPT_CAPATH, NULL) != CURLE_OK)
		return -EINVAL;
	return curl_easy_setopt(transfer->easy, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK ? 0
											: -ENOMEM;
}

static int set_trust(struct sp_transfer *transfer, const struct sp_fetch_trust *trust)
{
	const char *pin = trust ? trust->fingerprint : NULL;

	if (pin && sp_fetch_pin_parse(pin, transfer->pin) < 0)
		return fail(transfer, "a fingerprint has 64 hex digits (SHA-256)");
	transfer->is_pinned = pin != NULL;
	if (sp_transfer_verify(transfer) < 0)
		return fail(transfer, "this libcurl cannot verify a server");
	return trust && trust->ca_file && !pin ? set_ca(transfer, trust->ca_file) : 0;
}

/* ---- its bounds ---- */

static int set_bounds(struct sp_transfer *transfer)
{
	CURL *easy = transfer->easy;
	const long connect_ms = transfer->total_ms < SP_FETCH_CONNECT_MS ? (long)transfer->total_ms
									 : SP_FETCH_CONNECT_MS;

	if (curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_PROXY, "") != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)transfer->total_ms) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK)
		return fail(transfer, "this libcurl cannot be held to its bounds");
	if (curl_easy_setopt(easy, CURLOPT_USERAGENT, "sallyport/" SP_VERSION) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) != CURLE_OK)
		return -ENOMEM;
	return 0;
}

int sp_transfer_init(struct sp_transfer *transfer, const struct sp_http_request *request,
		     const struct sp_fetch_trust *trust)
{
	int r;

	*transfer = (struct sp_transfer){
		.body_max = request->body_max,
		.total_ms = trust && trust->total_ms > 0 ? trust->total_ms : SP_FETCH_TOTAL_MS,
	};
	r = sp_fetch_start();
	if (r == 0)
		r = check_url(transfer, request->url);
	if (r < 0)
		return r;
	transfer->easy = curl_easy_init();
	if (!transfer->easy)
		return -ENOMEM;
	r = set_bounds(transfer);
	if (r == 0)
		r = set_trust(transfer, trust);
	if (r == 0)
		r = set_credentials(transfer, request);
	if (r == 0)
		r = add_header(transfer, "Accept: application/json");
	if (r == 0)
		r = accept_encodings(transfer);
	if (r == 0 && request->body)
		r = set_body(transfer, request);
	if (r < 0)
		return r;
	if (curl_easy_setopt(transfer->easy, CURLOPT_URL, request->url) != CURLE_OK ||
	    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers) != CURLE_OK)
		return -ENOMEM;
	return 0;
}

void sp_transfer_done(struct sp_transfer *transfer)
{
	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	sp_secret_buf_done(&transfer->body);
	*transfer = (struct sp_transfer){ 0 };
}

/* ---- how it ended ---- */

static void say_no_connection(struct sp_transfer *transfer)
{
	long number = 0;
	char text[128];

	curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &number);
	snprintf(text, sizeof(text), "%s", number > 0 ? sp_err_text((int)number) : "no connection");
	*text = (char)tolower((unsigned char)*text); /* "connection refused" */
	fail(transfer, "%s", text);
}

static void say_too_late(struct sp_transfer *transfer)
{
	curl_off_t connected_us = 0;
	const bool is_connect = curl_easy_getinfo(transfer->easy, CURLINFO_APPCONNECT_TIME_T,
						  &connected_us) == CURLE_OK &&
				connected_us == 0;
	int64_t bound_ms = transfer->total_ms;

	if (is_connect && bound_ms > SP_FETCH_CONNECT_MS)
		bound_ms = SP_FETCH_CONNECT_MS;
	if (bound_ms % 1000 == 0)
		fail(transfer, "no %s within %lld s", is_connect ? "connection" : "answer",
		     (long long)bound_ms / 1000);
	else
		fail(transfer, "no %s within %lld ms", is_connect ? "connection" : "answer",
		     (long long)bound_ms);
}

/* Explain a failed verification where OpenSSL's words are not enough. */
static const char *explain_verification(const struct sp_transfer *transfer)
{
	switch (transfer->verify_error) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return "; another authority made it, or the server does not send the certificates "
		       "between";
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return transfer->verify_depth > 0 ? " (one of its authorities)"
						  : " (the server's own)";
	default:
		return "";
	}
}

static void say_bad_certificate(struct sp_transfer *transfer)
{
	char hex[2 * SP_FETCH_PIN_LEN + 1];

	if (transfer->is_other_certificate) {
		for (size_t i = 0; i < SP_FETCH_PIN_LEN; i++)
			snprintf(hex + 2 * i, 3, "%02x", transfer->seen[i]);
		fail(transfer, "certificate: its fingerprint is %s, not the one expected", hex);
		return;
	}
	if (transfer->verify_error != X509_V_OK)
		fail(transfer, "certificate: %s%s",
		     X509_verify_cert_error_string(transfer->verify_error),
		     explain_verification(transfer));
	else if (strstr(transfer->error, "subject name"))
		fail(transfer, "certificate: it is for another host name");
	else
		fail(transfer, "certificate: %s", transfer->error);
}

static void say_cut_off(struct sp_transfer *transfer)
{
	if (transfer->is_body_large)
		fail(transfer, "larger than %zu bytes", transfer->body_max);
	else if (transfer->are_headers_large)
		fail(transfer, "headers larger than %u bytes", SP_FETCH_HEADERS_MAX);
	else
		fail(transfer, "out of memory");
}

static void say_failure(struct sp_transfer *transfer, CURLcode code)
{
	if (transfer->verify_error != X509_V_OK) /* whichever error libcurl reports for it */
		code = CURLE_PEER_FAILED_VERIFICATION;
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		fail(transfer, "no such host");
		break;
	case CURLE_COULDNT_CONNECT:
		say_no_connection(transfer);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		say_too_late(transfer);
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
		say_bad_certificate(transfer);
		break;
	case CURLE_WRITE_ERROR:
		say_cut_off(transfer);
		break;
	case CURLE_GOT_NOTHING:
		fail(transfer, "the connection was closed without an answer");
		break;
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		fail(transfer, "the connection broke off");
		break;
	case CURLE_UNSUPPORTED_PROTOCOL:
		fail(transfer, "it does not speak HTTP");
		break;
	case CURLE_SSL_CONNECT_ERROR:
		fail(transfer, "TLS: %s", *transfer->error ? transfer->error : "no handshake");
		break;
	default:
		fail(transfer, "%s", *transfer->error ? transfer->error : curl_easy_strerror(code));
	}
}

static bool is_unsent(struct sp_transfer *transfer)
{
	long sent = 0;

	return curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK &&
	       sent == 0;
}

void sp_transfer_reply(struct sp_transfer *transfer, CURLcode code, struct sp_http_reply *ret_reply)
{
	struct sp_http_reply reply = { 0 };
	curl_off_t retry_after_s = 0;
	long status = 0;
	char *type = NULL, *location = NULL;

	if (code == CURLE_OK && sp_secret_buf_put(&transfer->body, "", 1) < 0)
		code = CURLE_OUT_OF_MEMORY;
	if (code == CURLE_OK &&
	    (curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK ||
	     status < 100))
		code = CURLE_UNSUPPORTED_PROTOCOL;
	if (code != CURLE_OK) {
		if (!*transfer->failure)
			say_failure(transfer, code);
		reply.failure = transfer->failure;
		reply.is_unsent = is_unsent(transfer);
	} else {
		curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
		curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_URL, &location);
		curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
		reply.location = location;
		reply.retry_after_s = retry_after_s;
		reply.status = (int)status;
		reply.content_type = type;
		reply.body = transfer->body.data;
		reply.body_len = transfer->body.len - 1;
	}
	*ret_reply = reply;
}
