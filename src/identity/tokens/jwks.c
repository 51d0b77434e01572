/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/tokens/jwks.h"

#include <errno.h>
#include <stdio.h>

#include "identity/tokens/jws.h"

struct sp_jwks {
	struct sp_jwk keys[SP_JWKS_KEYS_MAX];
	size_t count;
	struct {              /* the keys that cannot be used */
		char kid[64]; /* the first bytes of it */
		char why[SP_JWK_WHY_MAX];
	} unusable[SP_JWKS_KEYS_MAX];
	size_t unusable_count;
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

static void note_unusable(struct sp_jwks *keys, const json_t *item, const char *why)
{
	const char *kid = sp_strict_json_text(item, "kid");
	const size_t at = keys->unusable_count++;

	snprintf(keys->unusable[at].kid, sizeof(keys->unusable[at].kid), "%s", kid ? kid : "");
	snprintf(keys->unusable[at].why, sizeof(keys->unusable[at].why), "%s", why);
}

static int read_keys(const json_t *array, struct sp_jwks *keys, struct sp_finding *finding)
{
	char why[SP_JWK_WHY_MAX] = "it is empty";
	const json_t *item;
	size_t i;

	json_array_foreach(array, i, item) {
		struct sp_jwk key = { 0 };
		int r = sp_jwk_read(item, &key, why);

		if (r == -ENOENT)
			note_unusable(keys, item, why);
		else if (r < 0)
			return r;
		else
			keys->keys[keys->count++] = key;
	}
	if (keys->count == 0)
		return sp_find(finding, SP_REFUSAL_BAD_KEYS,
			       "none of %zu keys can be used, the last because: %s",
			       json_array_size(array), why);
	return 0;
}

SP_DEFINE_CLEANUP(struct sp_jwks *, sp_jwks_free);

int sp_jwks_parse(const char *text, size_t len, struct sp_jwks **ret_keys,
		  struct sp_finding *finding)
{
	__sp_cleanup(sp_jwks_freep) struct sp_jwks *keys = NULL;
	__sp_json json_t *root = NULL;
	const json_t *array;
	char why[80];
	int r;

	if (len > SP_JWKS_MAX)
		return sp_find(finding, SP_REFUSAL_BAD_KEYS,
			       "%zu bytes of keys, at most %u are taken", len, SP_JWKS_MAX);
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

static bool is_named(const struct sp_jwk *key, const char *kid)
{
	return !kid || (key->kid && strcmp(key->kid, kid) == 0);
}

const struct sp_jwk *sp_jwks_next(const struct sp_jwks *keys, const char *kid, unsigned algorithm,
				  const struct sp_jwk *key)
{
	for (size_t i = key ? (size_t)(key - keys->keys) + 1 : 0; i < keys->count; i++)
		if (is_named(&keys->keys[i], kid) && keys->keys[i].algorithms & (1u << algorithm))
			return &keys->keys[i];
	return NULL;
}

/* "a", "b" … : as many as fit. */
static char *list_kids(const struct sp_jwks *keys, char *buf, size_t size)
{
	size_t len = 0;

	snprintf(buf, size, "none");
	for (size_t i = 0; i < keys->count && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s\"%.40s\"", i ? ", " : "",
					keys->keys[i].kid ? keys->keys[i].kid : "");
	return buf;
}

static int fail_unknown(const struct sp_jwks *keys, const char *kid, struct sp_finding *finding)
{
	char kids[90];

	for (size_t i = 0; i < keys->unusable_count; i++)
		if (strcmp(keys->unusable[i].kid, kid) == 0)
			return sp_find(finding, SP_REFUSAL_UNKNOWN_KEY,
				       "key \"%.60s\" cannot be used: %s", kid,
				       keys->unusable[i].why);
	return sp_find(finding, SP_REFUSAL_UNKNOWN_KEY, "no key has kid \"%.60s\"; there are %s",
		       kid, list_kids(keys, kids, sizeof(kids)));
}

int sp_jwks_find(const struct sp_jwks *keys, const char *kid, unsigned algorithm,
		 const struct sp_jwk **ret_key, struct sp_finding *finding)
{
	const struct sp_jwk *found = sp_jwks_next(keys, kid, algorithm, NULL);
	const char *name = sp_jws_algorithm_name((enum sp_jws_algorithm)algorithm);

	if (found) {
		*ret_key = found;
		return 0;
	}
	if (!kid)
		return sp_find(finding, SP_REFUSAL_UNKNOWN_KEY,
			       "the token names no key, and none is for %s", name);
	for (size_t i = 0; i < keys->count; i++)
		if (is_named(&keys->keys[i], kid))
			return sp_find(finding, SP_REFUSAL_BAD_ALGORITHM,
				       "key \"%.80s\" is not for %s", kid, name);
	return fail_unknown(keys, kid, finding);
}
