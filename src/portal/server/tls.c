/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/server/tls.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "io/files/files.h"

#define FILE_MAX (1u << 20)
#define VALID_DAYS 3650

SP_DEFINE_CLEANUP(X509 *, X509_free);
SP_DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
SP_DEFINE_CLEANUP(BIO *, BIO_free_all);

void sp_tls_done(struct sp_tls *tls)
{
	free(tls->cert);
	if (tls->key)
		sp_wipe(tls->key, strlen(tls->key));
	free(tls->key);
	*tls = (struct sp_tls){ 0 };
}

/* ---- reading ---- */

static X509 *parse_cert(const char *pem)
{
	__sp_cleanup(BIO_free_allp) BIO *bio = BIO_new_mem_buf(pem, -1);

	return bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
}

/* Never asks for a password. */
static int no_password(char *buffer, int size, int is_writing, void *arg)
{
	(void)buffer;
	(void)size;
	(void)is_writing;
	(void)arg;
	return -1;
}

static EVP_PKEY *parse_key(const char *pem)
{
	__sp_cleanup(BIO_free_allp) BIO *bio = BIO_new_mem_buf(pem, -1);

	return bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
}

static int check(struct sp_tls *tls, const char **ret_failed)
{
	__sp_cleanup(X509_freep) X509 *cert = parse_cert(tls->cert);
	__sp_cleanup(EVP_PKEY_freep) EVP_PKEY *key = parse_key(tls->key);
	unsigned char digest[32];
	unsigned int len = 0;

	if (!cert)
		*ret_failed = "the certificate file holds no PEM certificate";
	else if (!key)
		*ret_failed = "the key file holds no PEM key, or one with a password";
	else if (X509_check_private_key(cert, key) != 1)
		*ret_failed = "certificate and key do not belong together";
	else if (X509_digest(cert, EVP_sha256(), digest, &len) != 1 || len != sizeof(digest))
		*ret_failed = "the certificate cannot be digested";
	else
		*ret_failed = NULL;
	for (unsigned int i = 0; i < len; i++)
		snprintf(tls->fingerprint + 2 * i, 3, "%02x", digest[i]);
	return *ret_failed ? -EINVAL : 0;
}

int sp_tls_read(const char *cert_path, const char *key_path, struct sp_tls *ret_tls,
		const char **ret_failed)
{
	struct sp_tls tls = { 0 };
	size_t len;
	int r;

	*ret_failed = cert_path;
	r = sp_file_read(cert_path, FILE_MAX, &tls.cert, &len);
	if (r == 0) {
		*ret_failed = key_path;
		r = sp_file_read(key_path, FILE_MAX, &tls.key, &len);
	}
	if (r == 0)
		r = check(&tls, ret_failed);
	if (r < 0)
		sp_tls_done(&tls);
	else
		*ret_tls = tls;
	return r;
}

int sp_tls_parse(const char *cert, const char *key, struct sp_tls *ret_tls, const char **ret_failed)
{
	struct sp_tls tls = { .cert = strdup(cert), .key = strdup(key) };
	int r;

	*ret_failed = "out of memory";
	r = tls.cert && tls.key ? check(&tls, ret_failed) : -ENOMEM;
	if (r < 0)
		sp_tls_done(&tls);
	else
		*ret_tls = tls;
	return r;
}

/* ---- making ---- */

/* The host of https://host[:port]: a name, or an address without brackets. */
static char *host_of(const char *url)
{
	const char *host = strstr(url, "://");
	size_t len;

	host = host ? host + 3 : url;
	if (*host == '[')
		return strndup(host + 1, strcspn(host + 1, "]"));
	len = strcspn(host, ":/");
	return strndup(host, len);
}

static bool is_address(const char *host)
{
	struct sp_addr addr;

	return sp_addr_parse(host, &addr) == 0;
}

static int name_hosts(const char *url, const struct sp_addr *listen, char **ret_host,
		      char **ret_names)
{
	static const struct sp_addr every;
	const uint8_t every_v4[4] = { 0 };
	const struct sp_addr v4 = sp_addr_from_v4(every_v4);
	__sp_buf struct sp_buf names = SP_BUF_INIT;
	__sp_free char *host = host_of(url);
	char text[SP_ADDR_TEXT_MAX];
	int r;

	if (!host)
		return -ENOMEM;
	sp_buf_printf(&names, "%s:%s", is_address(host) ? "IP" : "DNS", host);
	sp_addr_format(listen, text);
	if (sp_addr_compare(listen, &every) != 0 && sp_addr_compare(listen, &v4) != 0 &&
	    strcmp(text, host) != 0)
		sp_buf_printf(&names, ",IP:%s", text);
	r = sp_buf_take(&names, ret_names);
	if (r == 0)
		*ret_host = SP_TAKE_PTR(host);
	return r;
}

static int add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	int ok = extension && X509_add_ext(cert, extension, -1);

	X509_EXTENSION_free(extension);
	return ok;
}

static X509 *sign(EVP_PKEY *key, const char *host, const char *names)
{
	__sp_cleanup(X509_freep) X509 *cert = X509_new();
	X509_NAME *name = cert ? X509_get_subject_name(cert) : NULL;
	unsigned char serial[8];

	if (!cert || RAND_bytes(serial, sizeof(serial)) != 1)
		return NULL;
	serial[0] &= 0x7f;
	if (!X509_set_version(cert, X509_VERSION_3) ||
	    !ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), sp_get_be64(serial)) ||
	    !X509_gmtime_adj(X509_getm_notBefore(cert),
			     -3600) || /* an hour earlier, for clients whose clocks are behind */
	    !X509_time_adj_ex(X509_getm_notAfter(cert), VALID_DAYS, 0, NULL) ||
	    !X509_set_pubkey(cert, key) ||
	    !X509_NAME_add_entry_by_txt(
		    name, "CN", MBSTRING_UTF8,
		    (const unsigned char *)(strlen(host) > 64 ? "sallyport" : host), -1, -1, 0) ||
	    !X509_set_issuer_name(cert, name) ||
	    !add_extension(cert, NID_subject_alt_name, names) ||
	    !add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") ||
	    !add_extension(cert, NID_key_usage, "critical,digitalSignature") ||
	    !add_extension(cert, NID_ext_key_usage, "serverAuth") ||
	    !X509_sign(cert, key, EVP_sha256()))
		return NULL;
	return SP_TAKE_PTR(cert);
}

static int write_pem(BIO *bio, const char *path, mode_t mode, const struct sp_user *owner)
{
	char *text;
	const long len = BIO_get_mem_data(bio, &text);

	return sp_file_replace(path, text, (size_t)len, mode, owner ? owner->uid : SP_UID_KEEP,
			       owner ? owner->gid : SP_GID_KEEP);
}

int sp_tls_make(const char *cert_path, const char *key_path, const char *url,
		const struct sp_addr *listen, const struct sp_user *owner)
{
	__sp_cleanup(BIO_free_allp) BIO *cert_out = BIO_new(BIO_s_mem());
	__sp_cleanup(BIO_free_allp) BIO *key_out = BIO_new(BIO_s_secmem());
	__sp_cleanup(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	__sp_cleanup(X509_freep) X509 *cert = NULL;
	__sp_free char *host = NULL, *names = NULL;
	int r;

	if (access(cert_path, F_OK) == 0 && access(key_path, F_OK) == 0)
		return 0;
	r = name_hosts(url, listen, &host, &names);
	if (r < 0)
		return r;
	key = EVP_EC_gen("P-256");
	if (key)
		cert = sign(key, host, names);
	if (!cert || !cert_out || !key_out || !PEM_write_bio_X509(cert_out, cert) ||
	    !PEM_write_bio_PKCS8PrivateKey(key_out, key, NULL, NULL, 0, NULL, NULL))
		return -EIO;
	/* write the key first: a certificate without its key would be kept */
	r = write_pem(key_out, key_path, 0600, owner);
	if (r == 0)
		r = write_pem(cert_out, cert_path, 0644, owner);
	return r < 0 ? r : 1;
}
