/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request on its way, for fetch.c and fetch_many.c: libcurl's handle with every bound set, and
 * the reply as far as it has come. */
#ifndef SALLYPORT_IO_FETCH_TRANSFER_H
#define SALLYPORT_IO_FETCH_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/fetch/fetch.h"
#include "io/files/secret_buf.h"

#define SP_FETCH_CONNECT_MS 5000
#define SP_FETCH_TOTAL_MS 10000
#define SP_FETCH_HEADERS_MAX 32768u /* bytes, of all answers of one exchange together */
#define SP_FETCH_PIN_LEN 32u

struct sp_transfer {
	CURL *easy;
	struct curl_slist *headers;
	struct sp_secret_buf body; /* may hold tokens */
	size_t body_max, headers_len;
	int64_t total_ms;
	bool is_body_large, are_headers_large;
	int verify_error; /* X509_V_…, of a verification by authorities */
	int verify_depth; /* of which certificate: 0 the server's own, else one of its authorities */
	bool is_pinned, is_other_certificate;
	uint8_t pin[SP_FETCH_PIN_LEN], seen[SP_FETCH_PIN_LEN];
	char error[CURL_ERROR_SIZE];
	char failure[CURL_ERROR_SIZE + 64]; /* why there is no answer */
};

/* Make libcurl ready, once a process. Returns 0; -ENOMEM. */
int sp_fetch_start(void);

/* @transfer stays where it is until _done. @request's body is borrowed as long. Returns 0; -EINVAL
 * the request or the trust cannot be used, and transfer.failure says why; -ENOMEM. The caller runs
 * _done in every case. */
int sp_transfer_init(struct sp_transfer *transfer, const struct sp_http_request *request,
		     const struct sp_fetch_trust *trust);
/* Free what it holds, the body wiped; empty afterwards. */
void sp_transfer_done(struct sp_transfer *transfer);

/* Put into words how it ended, unless _init did. @ret_reply borrows from @transfer. */
void sp_transfer_reply(struct sp_transfer *transfer, CURLcode code,
		       struct sp_http_reply *ret_reply);

/* The server's certificate (fetch_verify.c). */
int sp_fetch_pin_parse(const char *text, uint8_t ret_pin[SP_FETCH_PIN_LEN]); /* 0; -EINVAL */
/* Have it verified, by authorities or by transfer.pin. Returns 0; -EINVAL this libcurl cannot. */
int sp_transfer_verify(struct sp_transfer *transfer);

#endif
