/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Source: the PHC string of Argon2, $argon2id$v=19$m=…,t=…,p=…$salt$hash; RFC 9106. */
#include "identity/accounts/password.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define OUR_KIB 19456u
#define OUR_PASSES 2u
#define MOST_KIB 262144u
#define MOST_PASSES 10u
#define MOST_LANES 16u

_Static_assert(SP_PASSWORD_HASH_MAX == crypto_pwhash_STRBYTES, "libsodium's texts fit");

/* A hash that belongs to nobody: random bytes, thrown away, hashed at our own cost. */
static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$7g5pQJ+PFchmspX8Yaxwjg$"
			     "DDa7ci0w2UHv9kFUlwfd+2FUkS19XTdDZyICUF+APa4";

int sp_password_hash(const char *password, size_t len, char ret_hash[SP_PASSWORD_HASH_MAX])
{
	if (sodium_init() < 0 ||
	    crypto_pwhash_str_alg(ret_hash, password, len, OUR_PASSES, OUR_KIB * (size_t)1024,
				  crypto_pwhash_ALG_ARGON2ID13) != 0)
		return -ENOMEM;
	return 0;
}

/* Read `NAME=` and a decimal number without leading zeros at *@text, and move *@text behind it.
 * Returns 0 if they are not there. */
static uint64_t take_number(const char **text, const char *name)
{
	const size_t len = strlen(name);
	const char *digit = *text + len;
	uint64_t number = 0;

	if (strncmp(*text, name, len) != 0 || *digit == '0')
		return 0;
	for (; *digit >= '0' && *digit <= '9' && number < UINT32_MAX; digit++)
		number = number * 10 + (uint64_t)(*digit - '0');
	*text = digit;
	return number;
}

/* `$` and base64 of @least to 64 bytes at *@text. */
static bool take_bytes(const char **text, size_t least)
{
	unsigned char bytes[64];
	const char *end;
	size_t len;

	if (**text != '$')
		return false;
	++*text;
	if (sodium_base642bin(bytes, sizeof(bytes), *text, strcspn(*text, "$"), NULL, &len, &end,
			      sodium_base64_VARIANT_ORIGINAL_NO_PADDING) != 0 ||
	    len < least)
		return false;
	*text = end;
	return true;
}

const char *sp_password_hash_fault(const char *hash)
{
	static const char prefix[] = "$argon2id$v=19$";
	const char *rest = hash + strlen(prefix);
	uint64_t kib, passes, lanes;

	if (strncmp(hash, prefix, strlen(prefix)) != 0)
		return "is no Argon2id hash";
	if (strlen(hash) >= SP_PASSWORD_HASH_MAX)
		return "is too long for an Argon2id hash";
	kib = take_number(&rest, "m=");
	passes = take_number(&rest, ",t=");
	lanes = take_number(&rest, ",p=");
	if (!kib || !passes || !lanes || kib < 8 * lanes || !take_bytes(&rest, 8) ||
	    !take_bytes(&rest, 16) || *rest)
		return "is a damaged Argon2id hash";
	if (kib > MOST_KIB || passes > MOST_PASSES || lanes > MOST_LANES)
		return "is an Argon2id hash that costs too much (at most m=262144, t=10, p=16)";
	return NULL;
}

size_t sp_password_cost_kib(const char *hash)
{
	const char *cost = strstr(hash ? hash : nobody, "$m=");
	const char *number = cost ? cost + 1 : "";
	const uint64_t kib = take_number(&number, "m=");

	return kib ? kib : 1;
}

bool sp_password_is_right(const char *hash, const char *password, size_t len)
{
	const bool is_somebody = hash != NULL;
	char padded[SP_PASSWORD_HASH_MAX] = { 0 }; /* libsodium reads this many bytes */
	bool is_match;

	if (len > SP_PASSWORD_MAX || sodium_init() < 0)
		return false;
	if (!is_somebody)
		hash = nobody;
	if (strlen(hash) >= sizeof(padded))
		return false;
	memcpy(padded, hash, strlen(hash));
	is_match = crypto_pwhash_str_verify(padded, password, len) == 0;
	return is_somebody && is_match;
}
