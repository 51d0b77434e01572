/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A growing text that holds keys: whatever memory it gives up is wiped first.
 */
#ifndef SALLYPORT_IO_SECRET_BUF_H
#define SALLYPORT_IO_SECRET_BUF_H

#include <stddef.h>

#include "base/cleanup.h"

struct sp_secret_buf {
	char *data; /* no NUL behind it; NULL while empty */
	size_t len, size;
};

/* Wipe and free what it holds; it can be used again. */
void sp_secret_buf_done(struct sp_secret_buf *buf);
#define __sp_secret_buf __sp_cleanup(sp_secret_buf_done)

/* Have room for @more bytes behind data + len. Returns 0; -ENOMEM, the buffer as it was. */
int sp_secret_buf_reserve(struct sp_secret_buf *buf, size_t more);
/* Append @len bytes. Returns 0; -ENOMEM, the buffer as it was. */
int sp_secret_buf_put(struct sp_secret_buf *buf, const void *bytes, size_t len);

#endif
