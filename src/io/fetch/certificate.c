/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/fetch/certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "io/files/files.h"

#define FILE_MAX (1u << 20)

SP_DEFINE_CLEANUP(BIO *, BIO_free);
SP_DEFINE_CLEANUP(X509 *, X509_free);

static int read_time(const ASN1_TIME *time, int64_t *ret_s)
{
	struct tm parts;

	if (ASN1_TIME_to_tm(time, &parts) != 1)
		return -EBADMSG;
	*ret_s = timegm(&parts);
	return 0;
}

/* Narrow @dates to those of @certificate. */
static int add_dates(const X509 *certificate, struct sp_certificate_dates *dates)
{
	int64_t from_s = 0, until_s = 0;
	int r = read_time(X509_get0_notBefore(certificate), &from_s);

	if (r == 0)
		r = read_time(X509_get0_notAfter(certificate), &until_s);
	if (r < 0)
		return r;
	if (from_s > dates->from_s)
		dates->from_s = from_s;
	if (until_s < dates->until_s)
		dates->until_s = until_s;
	return 0;
}

static int write_fingerprint(const X509 *certificate, char ret_hex[65])
{
	unsigned char digest[32];
	unsigned int len = 0;

	if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1 || len != sizeof(digest))
		return -EBADMSG;
	for (unsigned int i = 0; i < len; i++)
		snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

int sp_certificate_read_dates(const char *path, struct sp_certificate_dates *ret_dates)
{
	struct sp_certificate_dates dates = { .from_s = INT64_MIN, .until_s = INT64_MAX };
	__sp_cleanup(BIO_freep) BIO *bio = NULL;
	__sp_free char *text = NULL;
	size_t len, count = 0;
	int r = sp_file_read(path, FILE_MAX, &text, &len);

	if (r < 0)
		return r;
	bio = BIO_new_mem_buf(text, (int)len);
	while (bio && r == 0) {
		__sp_cleanup(X509_freep) X509 *certificate =
			PEM_read_bio_X509(bio, NULL, NULL, NULL);

		if (!certificate)
			break;
		r = add_dates(certificate, &dates);
		if (r == 0 && !count)
			r = write_fingerprint(certificate, dates.fingerprint);
		count++;
	}
	ERR_clear_error(); /* the end of the file is one */
	if (r < 0 || !bio || !count)
		return -EBADMSG;
	*ret_dates = dates;
	return 0;
}
