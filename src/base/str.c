/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/str.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sp_buf_done(struct sp_buf *buf)
{
	if (buf->is_secret)
		sp_free_wiped(buf->data);
	else
		free(buf->data);
	*buf = (struct sp_buf){ .is_secret = buf->is_secret };
}

/* As realloc, which leaves what it moved where that was. */
static char *move_secret(const struct sp_buf *buf, size_t size)
{
	char *moved = malloc(size);

	if (moved && buf->data) {
		memcpy(moved, buf->data, buf->len + 1);
		sp_free_wiped(buf->data);
	}
	return moved;
}

/* Make room for @more bytes and a NUL. */
static int reserve(struct sp_buf *buf, size_t more)
{
	size_t size = buf->size ? buf->size : 64;
	char *grown;

	if (buf->error)
		return buf->error;
	if (more > SIZE_MAX / 4 - buf->len)
		return buf->error = -ENOMEM;
	while (size < buf->len + more + 1)
		size *= 2;
	if (size == buf->size)
		return 0;
	grown = buf->is_secret ? move_secret(buf, size) : realloc(buf->data, size);
	if (!grown)
		return buf->error = -ENOMEM;
	buf->data = grown;
	buf->size = size;
	return 0;
}

int sp_buf_put_bytes(struct sp_buf *buf, const void *bytes, size_t len)
{
	int r = reserve(buf, len);

	if (r < 0)
		return r;
	if (len > 0)
		memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return 0;
}

int sp_buf_put(struct sp_buf *buf, const char *text)
{
	return sp_buf_put_bytes(buf, text, strlen(text));
}

int sp_buf_put_char(struct sp_buf *buf, char c)
{
	return sp_buf_put_bytes(buf, &c, 1);
}

static __attribute__((format(printf, 2, 0))) int put_formatted(struct sp_buf *buf,
							       const char *format, va_list args)
{
	va_list again;
	int len, r;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (len < 0)
		return buf->error = buf->error ? buf->error : -EINVAL;
	r = reserve(buf, len);
	if (r < 0)
		return r;
	vsnprintf(buf->data + buf->len, len + 1, format, args);
	buf->len += len;
	return 0;
}

int sp_buf_printf(struct sp_buf *buf, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = put_formatted(buf, format, args);
	va_end(args);
	return r;
}

const char *sp_buf_get(const struct sp_buf *buf)
{
	return buf->data ? buf->data : "";
}

int sp_buf_take(struct sp_buf *buf, char **ret_text)
{
	int r = sp_buf_put_bytes(buf, NULL, 0); /* an empty one still hands over a string */

	if (r < 0)
		return r;
	*ret_text = SP_TAKE_PTR(buf->data);
	sp_buf_done(buf);
	return 0;
}

int sp_str_format(char **ret_text, const char *format, ...)
{
	__sp_buf struct sp_buf buf = SP_BUF_INIT;
	va_list args;
	int r;

	va_start(args, format);
	r = put_formatted(&buf, format, args);
	va_end(args);
	if (r < 0)
		return r;
	return sp_buf_take(&buf, ret_text);
}
