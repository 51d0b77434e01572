/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A growing text, always NUL-terminated once something was put in. The first failure sticks, so a
 * run of puts needs one look at the end:
 *
 *	__sp_buf struct sp_buf out = SP_BUF_INIT;
 *	sp_buf_put(&out, "add table ");
 *	sp_buf_printf(&out, "%s { }\n", name);
 *	r = sp_buf_take(&out, &text);		-ENOMEM of any put above comes out here
 */
#ifndef SALLYPORT_BASE_STR_H
#define SALLYPORT_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct sp_buf {
	char *data; /* NULL until something was put in */
	size_t len; /* without the NUL */
	size_t size;
	int error;      /* 0 or the first -errno; puts after it do nothing */
	bool is_secret; /* what it held is wiped, also where it moves as it grows */
};

#define SP_BUF_INIT { 0 }
#define SP_BUF_SECRET { .is_secret = true }
#define __sp_buf __sp_cleanup(sp_buf_done)

/* Free what it holds; it can be used again, and a secret one stays one. */
void sp_buf_done(struct sp_buf *buf);

/* Append. Each returns 0, or -ENOMEM, or whatever error the buffer already carries. */
int sp_buf_put(struct sp_buf *buf, const char *text);
int sp_buf_put_bytes(struct sp_buf *buf, const void *bytes, size_t len);
int sp_buf_put_char(struct sp_buf *buf, char c);
int sp_buf_printf(struct sp_buf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Borrow the text; "" while empty. Valid until the next put. */
const char *sp_buf_get(const struct sp_buf *buf);

/* Hand the text over to the caller, who frees it; the buffer is empty again. An empty buffer gives
 * "". Returns 0; the buffer's error or -ENOMEM otherwise, @ret_text untouched.
 */
int sp_buf_take(struct sp_buf *buf, char **ret_text);

/* asprintf with our error convention: *@ret_text is the caller's to free. Returns 0 or -ENOMEM. */
int sp_str_format(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
