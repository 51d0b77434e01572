/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The certificate that is made, and one that is given. */
#include "portal/server/tls.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../../io/scratch.h"
#include "base/cleanup.h"

static char cert[512], key[512];

static int setup(void **state)
{
	if (scratch_make(state) < 0)
		return -1;
	snprintf(cert, sizeof(cert), "%s", scratch_path(state, "cert.pem"));
	snprintf(key, sizeof(key), "%s", scratch_path(state, "key.pem"));
	return 0;
}

static struct sp_addr address(const char *text)
{
	struct sp_addr addr;

	assert_int_equal(sp_addr_parse(text, &addr), 0);
	return addr;
}

static X509 *made(const struct sp_tls *tls)
{
	BIO *bio = BIO_new_mem_buf(tls->cert, -1);
	X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(x509);
	return x509;
}

static void one_is_made_once_for_whom_clients_ask_for(void **state)
{
	static const struct {
		const char *url, *listen, *host, *ip;
	} cases[] = {
		{ "https://gate.example.org", "192.0.2.1", "gate.example.org", "192.0.2.1" },
		{ "https://gate.example.org:8443", "0.0.0.0", "gate.example.org", NULL },
		{ "https://192.0.2.1", "::", NULL, "192.0.2.1" },
		{ "https://[2001:db8::1]:8443", "2001:db8::2", NULL, "2001:db8::1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sp_addr listen = address(cases[i].listen);
		struct sp_tls tls = { 0 }, again = { 0 };
		const char *failed;
		struct stat st;
		X509 *x509;

		remove(cert);
		assert_int_equal(sp_tls_make(cert, key, cases[i].url, &listen, NULL), 1);
		assert_int_equal(sp_tls_read(cert, key, &tls, &failed), 0);
		assert_int_equal(strspn(tls.fingerprint, "0123456789abcdef"), 64);
		assert_int_equal(stat(key, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		x509 = made(&tls);
		if (cases[i].host)
			assert_int_equal(X509_check_host(x509, cases[i].host, 0, 0, NULL), 1);
		if (cases[i].ip)
			assert_int_equal(X509_check_ip_asc(x509, cases[i].ip, 0), 1);
		assert_int_equal(X509_check_host(x509, "other.example.org", 0, 0, NULL), 0);
		assert_int_equal(X509_check_ca(x509), 0);
		assert_true(X509_cmp_current_time(X509_get0_notBefore(x509)) < 0);
		X509_free(x509);
		assert_int_equal(sp_tls_make(cert, key, cases[i].url, &listen, NULL), 0);
		assert_int_equal(sp_tls_read(cert, key, &again, &failed), 0);
		assert_string_equal(again.fingerprint, tls.fingerprint);
		sp_tls_done(&again);
		sp_tls_done(&tls);
	}
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void what_cannot_be_used_is_said(void **state)
{
	const struct sp_addr listen = address("0.0.0.0");
	struct sp_tls tls = { 0 }, other = { 0 };
	const char *failed = NULL;

	(void)state;
	assert_int_equal(sp_tls_read(cert, key, &tls, &failed), -ENOENT);
	assert_ptr_equal(failed, cert);
	assert_int_equal(sp_tls_make(cert, key, "https://a", &listen, NULL), 1);
	assert_int_equal(sp_tls_read(cert, key, &other, &failed), 0);
	remove(cert);
	assert_int_equal(sp_tls_make(cert, key, "https://a", &listen, NULL), 1);
	write_text(key, other.key); /* of another certificate */
	assert_int_equal(sp_tls_read(cert, key, &tls, &failed), -EINVAL);
	assert_string_equal(failed, "certificate and key do not belong together");
	write_text(key, "no key");
	assert_int_equal(sp_tls_read(cert, key, &tls, &failed), -EINVAL);
	assert_non_null(strstr(failed, "no PEM key"));
	write_text(cert, "no certificate");
	assert_int_equal(sp_tls_read(cert, key, &tls, &failed), -EINVAL);
	assert_non_null(strstr(failed, "no PEM certificate"));
	assert_null(tls.key);
	sp_tls_done(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_is_made_once_for_whom_clients_ask_for, setup,
						scratch_remove),
		cmocka_unit_test_setup_teardown(what_cannot_be_used_is_said, setup, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
