/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers in bytes of any alignment, and a reader that cannot run past its end.
 *
 *	struct sp_reader reader = sp_reader(bytes, len);
 *	uint16_t type = sp_take_be16(&reader);
 *	const uint8_t *body = sp_take(&reader, sp_take_be16(&reader));
 *	if (reader.failed)
 *		return -EBADMSG;	one look for the whole run: what was short read as 0 or NULL
 */
#ifndef SALLYPORT_BASE_BYTES_H
#define SALLYPORT_BASE_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SP_DEFINE_BYTES(order, bits)                                                               \
	static inline uint##bits##_t sp_get_##order##bits(const void *bytes)                       \
	{                                                                                          \
		uint##bits##_t raw;                                                                \
		memcpy(&raw, bytes, sizeof(raw));                                                  \
		return order##bits##toh(raw);                                                      \
	}                                                                                          \
	static inline void sp_put_##order##bits(void *bytes, uint##bits##_t value)                 \
	{                                                                                          \
		uint##bits##_t raw = hto##order##bits(value);                                      \
		memcpy(bytes, &raw, sizeof(raw));                                                  \
	}

/* sp_get_be16(bytes), sp_put_be16(bytes, value), and so on. */
SP_DEFINE_BYTES(be, 16)
SP_DEFINE_BYTES(be, 32)
SP_DEFINE_BYTES(be, 64)
SP_DEFINE_BYTES(le, 16)
SP_DEFINE_BYTES(le, 32)
SP_DEFINE_BYTES(le, 64)

struct sp_reader {
	const uint8_t *next;
	size_t left;
	bool failed; /* something asked for more than was left; nothing is read after that */
};

static inline struct sp_reader sp_reader(const void *bytes, size_t len)
{
	return (struct sp_reader){ .next = (const uint8_t *)bytes, .left = len };
}

/* The next @len bytes, borrowed; NULL, and the reader failed, when there are fewer. */
static inline const uint8_t *sp_take(struct sp_reader *reader, size_t len)
{
	const uint8_t *taken = reader->next;

	if (reader->failed || len > reader->left) {
		reader->failed = true;
		return NULL;
	}
	reader->next += len;
	reader->left -= len;
	return taken;
}

static inline uint8_t sp_take_u8(struct sp_reader *reader)
{
	const uint8_t *taken = sp_take(reader, 1);

	return taken ? *taken : 0;
}

#define SP_DEFINE_TAKE(order, bits)                                                                \
	static inline uint##bits##_t sp_take_##order##bits(struct sp_reader *reader)               \
	{                                                                                          \
		const uint8_t *taken = sp_take(reader, bits / 8);                                  \
		return taken ? sp_get_##order##bits(taken) : 0;                                    \
	}

/* sp_take_be16(reader) and so on. */
SP_DEFINE_TAKE(be, 16)
SP_DEFINE_TAKE(be, 32)
SP_DEFINE_TAKE(be, 64)
SP_DEFINE_TAKE(le, 16)
SP_DEFINE_TAKE(le, 32)
SP_DEFINE_TAKE(le, 64)

#endif
