/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/admit/state.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "json/own.h"

#define PURPOSE "sallyport state 1"
#define HASH_LEN 16u /* BLAKE2b: of a value with 256 random bits */

/* The state holds a hash of the cookie and not the cookie, because a state appears in addresses and
 * logs. */
static void hash_cookie(const char *cookie, char ret_hash[2 * HASH_LEN + 1])
{
	uint8_t hash[HASH_LEN];

	crypto_generichash(hash, sizeof(hash), (const uint8_t *)cookie, strlen(cookie), NULL, 0);
	sodium_bin2hex(ret_hash, 2 * HASH_LEN + 1, hash, sizeof(hash));
}

int sp_state_make(const struct sp_sealer *sealer, const json_t *about, const char *cookie,
		  int64_t ends_s, char **ret_state)
{
	char hash[2 * HASH_LEN + 1];
	__sp_json json_t *value = NULL;

	hash_cookie(cookie, hash);
	value = json_pack("{s:O, s:s, s:I}", "a", about, "c", hash, "e", (json_int_t)ends_s);
	if (!value)
		return -ENOMEM;
	return sp_seal(sealer, PURPOSE, value, ret_state);
}

static int check_state(const json_t *value, const char *cookie, int64_t now_s)
{
	const char *hash = json_string_value(json_object_get(value, "c"));
	char theirs[2 * HASH_LEN + 1];

	if (!hash || strlen(hash) != sizeof(theirs) - 1 ||
	    !json_is_object(json_object_get(value, "a")))
		return -EBADMSG;
	if (json_integer_value(json_object_get(value, "e")) <= now_s)
		return -ESTALE;
	if (!cookie)
		return 0;
	hash_cookie(cookie, theirs);
	return sodium_memcmp(hash, theirs, sizeof(theirs)) == 0 ? 0 : -EPERM;
}

int sp_state_open(const struct sp_sealer *sealer, const char *state, const char *cookie,
		  int64_t now_s, json_t **ret_about)
{
	__sp_json json_t *value = NULL;
	int r = sp_unseal(sealer, PURPOSE, state, &value);

	if (r == 0)
		r = check_state(value, cookie, now_s);
	if (r == 0)
		*ret_about = json_incref(json_object_get(value, "a"));
	return r;
}
