/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The portal's certificate: the administrator's, or one made once and kept. */
#ifndef SALLYPORT_PORTAL_TLS_H
#define SALLYPORT_PORTAL_TLS_H

#include <stdbool.h>

#include "io/process/user.h"
#include "net/addr.h"

struct sp_tls {
	char *cert, *key;     /* PEM; the key is wiped at the end */
	char fingerprint[65]; /* SHA-256 of the certificate (DER), hex */
};

/* Free what it holds, and wipe the key. */
void sp_tls_done(struct sp_tls *tls);

/* Read both and see that they belong together. Returns 0, *@ret_tls for _done; -errno,
 * *@ret_failed (static or one of the paths) then says what is wrong. */
int sp_tls_read(const char *cert_path, const char *key_path, struct sp_tls *ret_tls,
		const char **ret_failed);
/* The same of texts, which are copied. */
int sp_tls_parse(const char *cert, const char *key, struct sp_tls *ret_tls,
		 const char **ret_failed);
/* Make a self-signed one for the host of @url and, unless it is every address, for @listen,
 * unless both files are there: ECDSA P-256, valid for 10 years, since nobody renews it and
 * clients hold on to its fingerprint. @owner NULL: ours. Returns 1 made; 0 was there; -errno. */
int sp_tls_make(const char *cert_path, const char *key_path, const char *url,
		const struct sp_addr *listen, const struct sp_user *owner);

#endif
