/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verify the server's certificate, by authorities or by its fingerprint. With a fingerprint only
 * the fingerprint counts: no chain, no name and no date is looked at. */
#include "io/fetch/fetch_transfer.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int sp_fetch_pin_parse(const char *text, uint8_t ret_pin[SP_FETCH_PIN_LEN])
{
	uint8_t pin[SP_FETCH_PIN_LEN];

	for (size_t i = 0; i < SP_FETCH_PIN_LEN; i++) {
		int high, low;

		if (i > 0 && *text == ':')
			text++;
		high = hex_digit(text[0]);
		low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0)
			return -EINVAL;
		pin[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	if (*text)
		return -EINVAL;
	memcpy(ret_pin, pin, sizeof(pin));
	return 0;
}

/* Has the certificate the pinned fingerprint? */
static bool is_pinned_one(struct sp_transfer *transfer, X509 *leaf)
{
	unsigned int len = 0;

	return leaf && X509_digest(leaf, EVP_sha256(), transfer->seen, &len) == 1 &&
	       len == SP_FETCH_PIN_LEN &&
	       CRYPTO_memcmp(transfer->seen, transfer->pin, SP_FETCH_PIN_LEN) == 0;
}

/* Called by OpenSSL instead of its own verification, which is then called from here unless there is
 * a pin. The result is kept here, because libcurl keeps it only for some errors. */
static int verify(X509_STORE_CTX *store, void *arg)
{
	struct sp_transfer *transfer = (struct sp_transfer *)arg;
	int good;

	if (!transfer->is_pinned) {
		good = X509_verify_cert(store);
		transfer->verify_error = X509_STORE_CTX_get_error(store);
		transfer->verify_depth = X509_STORE_CTX_get_error_depth(store);
		return good;
	}
	good = is_pinned_one(transfer, X509_STORE_CTX_get0_cert(store));
	transfer->is_other_certificate = !good;
	X509_STORE_CTX_set_error(store, good ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
	return good;
}

static CURLcode set_up_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
	(void)easy;
	SSL_CTX_set_cert_verify_callback((SSL_CTX *)ssl_ctx, verify, arg);
	/* A connection may outlive the transfer that made it, so no later handshake may use
	 * @arg. */
	SSL_CTX_set_options((SSL_CTX *)ssl_ctx, SSL_OP_NO_RENEGOTIATION);
	return CURLE_OK;
}

int sp_transfer_verify(struct sp_transfer *transfer)
{
	CURL *easy = transfer->easy;

	if (curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, transfer->is_pinned ? 0L : 2L) !=
		    CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, set_up_ctx) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, transfer) != CURLE_OK)
		return -EINVAL;
	if (!transfer->is_pinned)
		return 0;
	/* Do not reuse a connection or a TLS session of another transfer: its certificate was not
	 * compared with this pin. */
	if (curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) != CURLE_OK)
		return -EINVAL;
	return 0;
}
