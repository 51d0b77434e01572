/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/jwks.h"

#include <errno.h>

#include "identity/jws.h"

struct sp_jwks {
	struct sp_jwk keys[SP_JWKS_KEYS_MAX];
	size_t count;
};

void sp_jwks_free(struct sp_jwks *keys)
{
	if (!keys)
		return;
	for (size_t i = 0; i < keys->count; i++)
		sp_jwk_done(&keys->keys[i]);
	free(keys);
}

size_t sp_jwks_count(const struct sp_jwks *keys)
{
	return keys->count;
}

static const struct sp_jwk *by_kid(const struct sp_jwks *keys, const char *kid)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->keys[i].kid && strcmp(keys->keys[i].kid, kid) == 0)
			return &keys->keys[i];
	return NULL;
}

static int read_keys(const json_t *array, struct sp_jwks *keys, struct sp_finding *finding)
{
	const char *why = "it is empty";
	const json_t *item;
	size_t i;

	json_array_foreach(array, i, item) {
		struct sp_jwk key = { 0 };
		int r = sp_jwk_read(item, &key, &why);

		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		if (key.kid && by_kid(keys, key.kid)) {
			sp_find(finding, SP_REFUSAL_BAD_KEYS, "kid \"%.80s\" is there twice", key.kid);
			sp_jwk_done(&key);
			return -EACCES;
		}
		keys->keys[keys->count++] = key;
	}
	if (keys->count == 0)
		return sp_find(finding, SP_REFUSAL_BAD_KEYS,
			       "none of %zu keys can be used, the last because: %s",
			       json_array_size(array), why);
	return 0;
}

SP_DEFINE_CLEANUP(struct sp_jwks *, sp_jwks_free);

int sp_jwks_parse(const char *text, size_t len, struct sp_jwks **ret_keys, struct sp_finding *finding)
{
	__sp_cleanup(sp_jwks_freep) struct sp_jwks *keys = NULL;
	__sp_json json_t *root = NULL;
	const json_t *array;
	char why[80];
	int r;

	if (len > SP_JWKS_MAX)
		return sp_find(finding, SP_REFUSAL_BAD_KEYS, "%zu bytes of keys, at most %u are taken",
			       len, SP_JWKS_MAX);
	if (sp_strict_json_load(text, len, &root, why) < 0)
		return sp_find(finding, SP_REFUSAL_BAD_KEYS, "the key set is %s", why);
	array = json_object_get(root, "keys");
	if (!json_is_array(array))
		return sp_find(finding, SP_REFUSAL_BAD_KEYS, "the key set has no list \"keys\"");
	if (json_array_size(array) > SP_JWKS_KEYS_MAX)
		return sp_find(finding, SP_REFUSAL_BAD_KEYS, "%zu keys, at most %u are taken",
			       json_array_size(array), SP_JWKS_KEYS_MAX);
	keys = calloc(1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	r = read_keys(array, keys, finding);
	if (r < 0)
		return r;
	*ret_keys = SP_TAKE_PTR(keys);
	return 0;
}

static int find_by_algorithm(const struct sp_jwks *keys, unsigned algorithm,
			     const struct sp_jwk **ret_key, struct sp_finding *finding)
{
	const struct sp_jwk *found = NULL;

	for (size_t i = 0; i < keys->count; i++) {
		if (!(keys->keys[i].algorithms & (1u << algorithm)))
			continue;
		if (found)
			return sp_find(finding, SP_REFUSAL_UNKNOWN_KEY,
				       "the token names no key, and several fit");
		found = &keys->keys[i];
	}
	if (!found)
		return sp_find(finding, SP_REFUSAL_UNKNOWN_KEY, "the token names no key, and none fits");
	*ret_key = found;
	return 0;
}

int sp_jwks_find(const struct sp_jwks *keys, const char *kid, unsigned algorithm,
		 const struct sp_jwk **ret_key, struct sp_finding *finding)
{
	const struct sp_jwk *found;

	if (!kid)
		return find_by_algorithm(keys, algorithm, ret_key, finding);
	found = by_kid(keys, kid);
	if (!found)
		return sp_find(finding, SP_REFUSAL_UNKNOWN_KEY, "no key has kid \"%.80s\"", kid);
	if (!(found->algorithms & (1u << algorithm)))
		return sp_find(finding, SP_REFUSAL_BAD_ALGORITHM, "key \"%.80s\" is not for %s", kid,
			       sp_jws_algorithm_name((enum sp_jws_algorithm)algorithm));
	*ret_key = found;
	return 0;
}
