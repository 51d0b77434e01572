/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When the certificates of a PEM file are valid, and which the first of them is. */
#ifndef SALLYPORT_IO_CERTIFICATE_H
#define SALLYPORT_IO_CERTIFICATE_H

#include <stdint.h>

struct sp_certificate_dates {
	int64_t from_s, until_s; /* UTC: while all of the file's certificates are valid */
	char fingerprint[65];    /* SHA-256 of the first (DER), hex */
};

/* Returns 0; -EBADMSG no certificate, or one that cannot be read; -ENOENT, -EACCES …: no such
 * file. */
int sp_certificate_read_dates(const char *path, struct sp_certificate_dates *ret_dates);

#endif
