/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/server/shown.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define CHAIN_MAX 16

struct shown {
	struct shown *former; /* a handshake under way may still read the old one */
	gnutls_pcert_st certs[CHAIN_MAX];
	unsigned int count;
	gnutls_privkey_t key;
};

static struct shown *current;

static void shown_free(struct shown *shown)
{
	for (unsigned int i = 0; i < shown->count; i++)
		gnutls_pcert_deinit(&shown->certs[i]);
	if (shown->key)
		gnutls_privkey_deinit(shown->key);
	free(shown);
}

static gnutls_datum_t datum_of(const char *text)
{
	return (gnutls_datum_t){ (unsigned char *)text, (unsigned int)strlen(text) };
}

int sp_shown_set(const char *cert, const char *key)
{
	const gnutls_datum_t cert_text = datum_of(cert), key_text = datum_of(key);
	struct shown *shown = calloc(1, sizeof(*shown));
	unsigned int count = CHAIN_MAX;

	if (!shown)
		return -ENOMEM;
	if (gnutls_pcert_list_import_x509_raw(shown->certs, &count, &cert_text, GNUTLS_X509_FMT_PEM,
					      0) == 0)
		shown->count = count;
	if (!shown->count || gnutls_privkey_init(&shown->key) != 0 ||
	    gnutls_privkey_import_x509_raw(shown->key, &key_text, GNUTLS_X509_FMT_PEM, NULL, 0) !=
		    0) {
		shown_free(shown);
		return -EINVAL;
	}
	shown->former = current;
	current = shown;
	return 0;
}

void sp_shown_forget(void)
{
	while (current) {
		struct shown *former = current->former;

		shown_free(current);
		current = former;
	}
}

int sp_shown_get(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
		 const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
		 gnutls_pcert_st **ret_certs, unsigned int *ret_count, gnutls_privkey_t *ret_key)
{
	(void)session;
	(void)authorities;
	(void)authority_count;
	(void)algorithms;
	(void)algorithm_count;
	if (!current)
		return -1;
	*ret_certs = current->certs;
	*ret_count = current->count;
	*ret_key = current->key;
	return 0;
}
