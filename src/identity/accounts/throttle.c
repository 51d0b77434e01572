/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Slows down guessing of passwords. Five hash tables of fixed size hold buckets; when a set of
 * eight buckets is full, the coolest bucket is replaced. So a flood of new names and addresses
 * replaces its own buckets and not the hot ones. It cannot enter the tables of known pairs and
 * places: only a right password enters those. */
#include "identity/accounts/password.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/units.h"

#define WAYS 8u
#define OWN_IN_SET 2u
#define SETS 2048u /* a table: 2048 * 8 buckets of 32 bytes, 512 KiB */
#define DELAY_FIRST_NS ((uint64_t)SP_NS_PER_S)
#define DELAY_MOST_NS (60u * (uint64_t)SP_NS_PER_S)
#define BEYOND_FREE_MAX 8u /* 1 s doubled this often exceeds the longest delay */

enum table { PAIRS, ADDRESSES, ACCOUNTS, KNOWN, PLACES, TABLE_COUNT };

/* How many wrong tries are free, and how long until one wrong try is forgotten. Wrong tries are
 * forgotten twice as fast as one address may try at the longest delay, so one address alone never
 * slows an account. */
struct measure {
	unsigned free;
	uint64_t forget_ns;
};
static const struct measure measures[TABLE_COUNT] = {
	[PAIRS] = { 5, 300u * (uint64_t)SP_NS_PER_S },
	[ADDRESSES] = { 20, 30u * (uint64_t)SP_NS_PER_S },
	[ACCOUNTS] = { 20, 30u * (uint64_t)SP_NS_PER_S },
};

struct bucket {
	uint64_t tag;        /* 0: nobody's */
	uint64_t tried_ns;   /* the last wrong try; of a known pair or place the last right one */
	uint64_t drained_ns; /* up to when @level was drained */
	/* Wrong tries that are not forgotten yet; of a known pair or place: the tag of its
	 * account */
	uint64_t level;
};

struct sp_throttle {
	uint8_t key[crypto_shorthash_KEYBYTES];
	struct bucket tables[TABLE_COUNT][SETS * WAYS];
};

_Static_assert(crypto_shorthash_KEYBYTES == 16, "the key of sp_throttle_new");

/* The tags of one try, one for each table. */
struct names {
	uint64_t tags[TABLE_COUNT];
};

int sp_throttle_new(const uint8_t hash_key[16], struct sp_throttle **ret_throttle)
{
	struct sp_throttle *throttle = calloc(1, sizeof(*throttle));

	if (!throttle)
		return -ENOMEM;
	memcpy(throttle->key, hash_key, sizeof(throttle->key));
	*ret_throttle = throttle;
	return 0;
}

void sp_throttle_free(struct sp_throttle *throttle)
{
	if (throttle)
		sp_wipe(throttle->key, sizeof(throttle->key));
	free(throttle);
}

/* ---- names ---- */

static uint64_t hash(const struct sp_throttle *throttle, const void *bytes, size_t len)
{
	uint64_t digest;

	_Static_assert(crypto_shorthash_BYTES == sizeof(digest), "SipHash-2-4");
	crypto_shorthash((unsigned char *)&digest, bytes, len, throttle->key);
	return digest;
}

static struct names name_all(const struct sp_throttle *throttle, const char *idp, const char *user,
			     const struct sp_addr *from)
{
	struct {
		uint64_t idp, user;
		struct sp_addr from;
	} text = { hash(throttle, idp, strlen(idp)), hash(throttle, user, strlen(user)), *from };
	struct names names;

	if (!sp_addr_is_v4(from)) /* the owner of one IPv6 address has its whole /64 */
		memset((uint8_t *)&text.from + 8, 0, 8);
	names.tags[PAIRS] = hash(throttle, &text, sizeof(text)) | 1;
	names.tags[ACCOUNTS] = hash(throttle, &text, sizeof(text) - sizeof(text.from)) | 1;
	names.tags[ADDRESSES] = hash(throttle, &text.from, sizeof(text.from)) | 1;
	names.tags[KNOWN] = names.tags[PAIRS];
	names.tags[PLACES] = names.tags[ADDRESSES];
	return names;
}

/* ---- buckets ---- */

static void drain(struct bucket *bucket, const struct measure *measure, uint64_t now_ns)
{
	const uint64_t passed_ns = now_ns > bucket->drained_ns ? now_ns - bucket->drained_ns : 0;
	const uint64_t forgotten = passed_ns / measure->forget_ns;

	if (forgotten >= bucket->level) {
		bucket->level = 0;
		bucket->drained_ns = now_ns;
	} else {
		bucket->level -= forgotten;
		bucket->drained_ns += forgotten * measure->forget_ns;
	}
}

static struct bucket *set_of(struct sp_throttle *throttle, enum table table, uint64_t tag)
{
	/* The lowest bit of a tag is always 1. */
	return &throttle->tables[table][(tag >> 1) % SETS * WAYS];
}

static struct bucket *find(struct sp_throttle *throttle, enum table table,
			   const struct names *names)
{
	const uint64_t tag = names->tags[table];
	struct bucket *set = set_of(throttle, table, tag);

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].tag == tag)
			return &set[i];
	return NULL;
}

/* The bucket of this tag, or the bucket of its set to replace: the coolest, and of equally cool
 * ones the one tried longest ago. */
static struct bucket *find_or_take(struct sp_throttle *throttle, enum table table,
				   const struct names *names, uint64_t now_ns)
{
	struct bucket *bucket = find(throttle, table, names), *set, *least;

	if (bucket)
		return bucket;
	set = least = set_of(throttle, table, names->tags[table]);
	for (size_t i = 0; i < WAYS; i++) {
		drain(&set[i], &measures[table], now_ns);
		if (!set[i].tag && least->tag)
			least = &set[i];
		else if (!set[i].tag == !least->tag &&
			 (set[i].level < least->level ||
			  (set[i].level == least->level && set[i].tried_ns < least->tried_ns)))
			least = &set[i];
	}
	*least = (struct bucket){ .tag = names->tags[table], .drained_ns = now_ns };
	return least;
}

/* How long this table makes the next try wait. */
static uint64_t wait_ns(struct sp_throttle *throttle, enum table table, const struct names *names,
			uint64_t now_ns)
{
	const struct measure *measure = &measures[table];
	struct bucket *bucket = find(throttle, table, names);
	uint64_t delay_ns;

	if (!bucket)
		return 0;
	drain(bucket, measure, now_ns);
	if (bucket->level < measure->free)
		return 0;
	delay_ns = DELAY_FIRST_NS << (bucket->level - measure->free);
	if (delay_ns > DELAY_MOST_NS)
		delay_ns = DELAY_MOST_NS;
	return bucket->tried_ns + delay_ns > now_ns ? bucket->tried_ns + delay_ns - now_ns : 0;
}

static void charge(struct sp_throttle *throttle, enum table table, const struct names *names,
		   uint64_t now_ns)
{
	struct bucket *bucket = find_or_take(throttle, table, names, now_ns);

	drain(bucket, &measures[table], now_ns);
	if (bucket->level < measures[table].free + BEYOND_FREE_MAX)
		bucket->level++;
	bucket->tried_ns = now_ns;
}

static void refund(struct sp_throttle *throttle, enum table table, const struct names *names)
{
	struct bucket *bucket = find(throttle, table, names);

	if (bucket && bucket->level > 0)
		bucket->level--;
}

/* ---- who was let in ---- */

bool sp_throttle_knows(struct sp_throttle *throttle, const char *idp, const char *user,
		       const struct sp_addr *from)
{
	const struct names names = name_all(throttle, idp, user, from);

	return find(throttle, KNOWN, &names) != NULL;
}

bool sp_throttle_knows_place(struct sp_throttle *throttle, const struct sp_addr *from)
{
	const struct names names = name_all(throttle, "", "", from);

	return find(throttle, PLACES, &names) != NULL;
}

/* The bucket of this tag, or the bucket of its set to replace: the one used longest ago, of the
 * same account if the account has some. So one account that signs in from many places replaces its
 * own places only. */
static struct bucket *find_or_take_known(struct sp_throttle *throttle, enum table table,
					 const struct names *names, uint64_t now_ns)
{
	const uint64_t owner = names->tags[ACCOUNTS];
	struct bucket *bucket = find(throttle, table, names), *least, *own = NULL, *set;
	size_t own_count = 0;

	if (bucket)
		return bucket;
	set = least = set_of(throttle, table, names->tags[table]);
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].tried_ns < least->tried_ns)
			least = &set[i]; /* nobody's was never used */
		if (!set[i].tag || set[i].level != owner)
			continue;
		own_count++;
		if (!own || set[i].tried_ns < own->tried_ns)
			own = &set[i];
	}
	if (own_count >= OWN_IN_SET)
		least = own;
	*least = (struct bucket){ .tag = names->tags[table], .drained_ns = now_ns, .level = owner };
	return least;
}

void sp_throttle_welcome(struct sp_throttle *throttle, const char *idp, const char *user,
			 const struct sp_addr *from, uint64_t now_ns)
{
	const struct names names = name_all(throttle, idp, user, from);

	find_or_take_known(throttle, KNOWN, &names, now_ns)->tried_ns = now_ns;
	find_or_take_known(throttle, PLACES, &names, now_ns)->tried_ns = now_ns;
}

/* ---- tries ---- */

static uint64_t longest_wait_ns(struct sp_throttle *throttle, const struct names *names,
				bool is_known, uint64_t now_ns)
{
	uint64_t longest_ns = wait_ns(throttle, PAIRS, names, now_ns);

	for (enum table table = ADDRESSES; table <= ACCOUNTS && !is_known; table++) {
		const uint64_t more_ns = wait_ns(throttle, table, names, now_ns);

		if (more_ns > longest_ns)
			longest_ns = more_ns;
	}
	return longest_ns;
}

uint64_t sp_throttle_wait_ns(struct sp_throttle *throttle, const char *idp, const char *user,
			     const struct sp_addr *from, uint64_t now_ns)
{
	const struct names names = name_all(throttle, idp, user, from);

	return longest_wait_ns(throttle, &names, find(throttle, KNOWN, &names) != NULL, now_ns);
}

uint64_t sp_throttle_ask(struct sp_throttle *throttle, const char *idp, const char *user,
			 const struct sp_addr *from, uint64_t now_ns)
{
	const struct names names = name_all(throttle, idp, user, from);
	const bool is_known = find(throttle, KNOWN, &names) != NULL;
	const uint64_t longest_ns = longest_wait_ns(throttle, &names, is_known, now_ns);

	if (longest_ns > 0)
		return longest_ns;
	charge(throttle, PAIRS, &names, now_ns);
	charge(throttle, ADDRESSES, &names, now_ns);
	if (!is_known)
		charge(throttle, ACCOUNTS, &names, now_ns);
	return 0;
}

void sp_throttle_tell(struct sp_throttle *throttle, const char *idp, const char *user,
		      const struct sp_addr *from, uint64_t now_ns, bool was_right)
{
	const struct names names = name_all(throttle, idp, user, from);
	const bool was_known = find(throttle, KNOWN, &names) != NULL;
	struct bucket *pair = find(throttle, PAIRS, &names);

	if (!was_right) {
		if (pair)
			pair->tried_ns = now_ns; /* the delay runs from the answer */
		return;
	}
	if (pair)
		*pair = (struct bucket){ 0 };
	refund(throttle, ADDRESSES, &names);
	if (!was_known)
		refund(throttle, ACCOUNTS, &names);
	sp_throttle_welcome(throttle, idp, user, from, now_ns);
}
