/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base64url as JOSE writes it (RFC 7515, 2): no padding, no white space, no bits behind the end, so
 * that one value has one text. */
#ifndef SALLYPORT_IDENTITY_BASE64URL_H
#define SALLYPORT_IDENTITY_BASE64URL_H

#include <stddef.h>
#include <stdint.h>

/* @ret_bytes  malloc'ed, with a NUL behind @ret_len bytes. Returns 0; -EBADMSG; -ENOMEM. */
int sp_base64url_decode(const char *text, size_t len, uint8_t **ret_bytes, size_t *ret_len);

#endif
