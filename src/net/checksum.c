/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/checksum.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "net/addr.h"

#define SHORT_MAX 63u /* so few bytes are not worth a call through a pointer */
#define LOW_HALVES 0xffffffffull

/* ---- Sums in this machine's byte order ----
 * The sum of 16-bit words is the same, but for its byte order, in either one (RFC 1071, 2 (B)), and
 * may be taken of wider words that are folded in the end (C). Words of 32 bits are added in 64-bit
 * lanes, which do not overflow below 2^32 of them. */

/* Add one word of @type. @copy is a constant wherever this is inlined. */
#define TAKE(type, sum)                                                                            \
	do {                                                                                       \
		type taken;                                                                        \
		memcpy(&taken, src, sizeof(taken));                                                \
		src += sizeof(taken);                                                              \
		if (copy) {                                                                        \
			memcpy(dst, &taken, sizeof(taken));                                        \
			dst += sizeof(taken);                                                      \
		}                                                                                  \
		sum += taken;                                                                      \
	} while (0)

static inline __attribute__((always_inline)) uint64_t sum_short(uint8_t *dst, const uint8_t *src,
								size_t len, bool copy)
{
	uint64_t sum = 0;
	uint8_t last[2] = { 0 };

	for (; len >= 8; len -= 8) {
		TAKE(uint32_t, sum);
		TAKE(uint32_t, sum);
	}
	if (len & 4)
		TAKE(uint32_t, sum);
	if (len & 2)
		TAKE(uint16_t, sum);
	if (len & 1) {
		uint16_t word;

		last[0] = *src;
		if (copy)
			*dst = *src;
		memcpy(&word, last, 2);
		sum += word;
	}
	return sum;
}

/* Define a sum for long texts. @lanes is the vector type for which the target has registers. */
#define DEFINE_SUM_LONG(name, lanes, attributes)                                                   \
	static inline __attribute__((always_inline)) attributes uint64_t name##_either(            \
		uint8_t *dst, const uint8_t *src, size_t len, bool copy)                           \
	{                                                                                          \
		lanes low = { 0 }, high = { 0 }, word;                                             \
		uint64_t sum = 0;                                                                  \
                                                                                                   \
		for (; len >= sizeof(word); len -= sizeof(word)) {                                 \
			memcpy(&word, src, sizeof(word));                                          \
			src += sizeof(word);                                                       \
			if (copy) {                                                                \
				memcpy(dst, &word, sizeof(word));                                  \
				dst += sizeof(word);                                               \
			}                                                                          \
			low += word & LOW_HALVES;                                                  \
			high += word >> 32;                                                        \
		}                                                                                  \
		low += high;                                                                       \
		for (size_t i = 0; i < sizeof(lanes) / 8; i++)                                     \
			sum += low[i];                                                             \
		return sum + sum_short(dst, src, len, copy);                                       \
	}                                                                                          \
	static attributes uint64_t name(const uint8_t *src, size_t len)                            \
	{                                                                                          \
		return name##_either(NULL, src, len, false);                                       \
	}                                                                                          \
	static attributes uint64_t name##_copy(uint8_t *dst, const uint8_t *src, size_t len)       \
	{                                                                                          \
		return name##_either(dst, src, len, true);                                         \
	}

typedef uint64_t lanes2 __attribute__((vector_size(16)));
DEFINE_SUM_LONG(sum_any, lanes2, )

static uint64_t (*sum_long)(const uint8_t *, size_t) = sum_any;
static uint64_t (*sum_long_copy)(uint8_t *, const uint8_t *, size_t) = sum_any_copy;

#if defined(__x86_64__)
typedef uint64_t lanes4 __attribute__((vector_size(32)));
DEFINE_SUM_LONG(sum_avx2, lanes4, __attribute__((target("avx2"))))
typedef uint64_t lanes8 __attribute__((vector_size(64)));
DEFINE_SUM_LONG(sum_avx512, lanes8, __attribute__((target("avx512f"))))

/* Choose once, before main, so that the pointers do not change while a thread reads them. */
static __attribute__((constructor)) void choose_sum(void)
{
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f")) {
		sum_long = sum_avx512;
		sum_long_copy = sum_avx512_copy;
	} else if (__builtin_cpu_supports("avx2")) {
		sum_long = sum_avx2;
		sum_long_copy = sum_avx2_copy;
	}
}
#endif

/* ---- Sums in host order ---- */

static uint16_t fold_native(uint64_t native)
{
	uint32_t half;

	/* Either half added to the other: the upper one has the carry of both (RFC 1071, 2 (A)). */
	native += native >> 32 | native << 32;
	half = (uint32_t)(native >> 32);
	half += half >> 16 | half << 16;
	return be16toh((uint16_t)(half >> 16));
}

/* Add a sum of native words to one of words in host order. */
static uint32_t add_native(uint32_t sum, uint64_t native)
{
	return (sum & 0xffff) + (sum >> 16) + fold_native(native);
}

uint32_t sp_checksum_add(uint32_t sum, const void *bytes, size_t len)
{
	return add_native(sum, len <= SHORT_MAX ? sum_short(NULL, bytes, len, false)
						: sum_long(bytes, len));
}

uint32_t sp_checksum_copy(uint32_t sum, void *dst, const void *src, size_t len)
{
	return add_native(sum, len <= SHORT_MAX ? sum_short(dst, src, len, true)
						: sum_long_copy(dst, src, len));
}

uint16_t sp_checksum_finish(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint16_t sp_checksum_ipv4(const uint8_t header[20])
{
	uint64_t sum = 0;
	uint32_t word;

	for (int i = 0; i < 5; i++) {
		memcpy(&word, header + 4 * i, 4);
		sum += word;
	}
	return (uint16_t)~fold_native(sum);
}

uint32_t sp_checksum_pseudo(const uint8_t *addresses, size_t addresses_len, uint8_t proto,
			    size_t len)
{
	uint32_t sum = sp_checksum_add(0, addresses, addresses_len);

	sum = sp_checksum_add_word(sum, (uint16_t)(len >> 16));
	sum = sp_checksum_add_word(sum, (uint16_t)len);
	return sp_checksum_add_word(sum, proto);
}

uint16_t sp_checksum_segment(const struct sp_addr *source, const struct sp_addr *destination,
			     uint8_t proto, const void *segment, size_t len)
{
	/* The pseudo header of IPv4 has the same sum as this one, over the four bytes of each
	 * address. */
	size_t skip = sp_addr_is_v4(source) ? 12 : 0;
	uint32_t sum;

	sum = sp_checksum_pseudo(source->b + skip, 16 - skip, proto, len);
	sum = sp_checksum_add(sum, destination->b + skip, 16 - skip);
	return sp_checksum_finish(sp_checksum_add(sum, segment, len));
}
