/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/tokens/base64url.h"

#include <errno.h>
#include <sodium.h>

#include "base/cleanup.h"

int sp_base64url_decode(const char *text, size_t len, uint8_t **ret_bytes, size_t *ret_len)
{
	const size_t room = len / 4 * 3 + 3;
	__sp_free uint8_t *bytes = malloc(room + 1);
	size_t used;

	if (!bytes)
		return -ENOMEM;
	if (sodium_base642bin(bytes, room, text, len, NULL, &used, NULL,
			      sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
		return -EBADMSG;
	bytes[used] = '\0';
	*ret_bytes = SP_TAKE_PTR(bytes);
	*ret_len = used;
	return 0;
}
