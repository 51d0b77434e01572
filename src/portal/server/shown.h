/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The certificate that connections are shown: another one takes its place without ending any of
 * them. There is one a process, because GnuTLS asks for it without saying for whom. */
#ifndef SALLYPORT_PORTAL_SHOWN_H
#define SALLYPORT_PORTAL_SHOWN_H

#include <gnutls/abstract.h>

/* @cert: PEM, with those of the authorities behind it; @key: PEM. New connections are shown it
 * from now on.
 * Returns 0; -EINVAL they cannot be used, and the former ones stay; -ENOMEM. */
int sp_shown_set(const char *cert, const char *key);
/* Free all that were ever shown, once no connection is left. */
void sp_shown_forget(void);
/* A gnutls_certificate_retrieve_function2. */
int sp_shown_get(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
		 const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
		 gnutls_pcert_st **ret_certs, unsigned int *ret_count, gnutls_privkey_t *ret_key);

#endif
