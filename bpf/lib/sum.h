/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The hash of a key. Every byte of the key changes it. */
#ifndef SALLYPORT_BPF_SUM_H
#define SALLYPORT_BPF_SUM_H

#include "lib/bytes.h"

/* @seed: 0, or a number an outsider does not know. */
SP_INLINE __u64 sp_key_sum_seeded(const void *key, __u32 words, __u64 seed)
{
	const __u64 *word = key;
	__u64 sum = words ^ seed;

	for (__u32 i = 0; i < words; i++) {
		sum = (sum ^ word[i]) * 0x9e3779b97f4a7c15ull;
		sum ^= sum >> 29;
	}
	sum *= 0x9e3779b97f4a7c15ull;
	return sum ^ sum >> 32;
}

SP_INLINE __u64 sp_key_sum(const void *key, __u32 words)
{
	return sp_key_sum_seeded(key, words, 0);
}

#endif
