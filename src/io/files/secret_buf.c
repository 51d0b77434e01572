/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/files/secret_buf.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void sp_secret_buf_done(struct sp_secret_buf *buf)
{
	if (buf->data)
		sp_wipe(buf->data, buf->size);
	free(buf->data);
	*buf = (struct sp_secret_buf){ 0 };
}

int sp_secret_buf_reserve(struct sp_secret_buf *buf, size_t more)
{
	size_t size = buf->size ? buf->size : 1024;
	char *grown;

	if (more > SIZE_MAX / 4 - buf->len)
		return -ENOMEM;
	while (size < buf->len + more)
		size *= 2;
	if (size == buf->size)
		return 0;
	grown = malloc(size); /* not realloc: the old place must be wiped */
	if (!grown)
		return -ENOMEM;
	if (buf->data) {
		memcpy(grown, buf->data, buf->len);
		sp_wipe(buf->data, buf->size);
		free(buf->data);
	}
	buf->data = grown;
	buf->size = size;
	return 0;
}

int sp_secret_buf_put(struct sp_secret_buf *buf, const void *bytes, size_t len)
{
	int r = sp_secret_buf_reserve(buf, len);

	if (r < 0)
		return r;
	memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
	return 0;
}
