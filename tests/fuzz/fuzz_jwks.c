/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a set of keys: no crash, no leak, and a set that is taken has keys of a bearable kind. */
#include <errno.h>

#include "identity/tokens/jwks.h"
#include "identity/tokens/jws.h"
#include "identity_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_keys(const struct sp_jwks *keys)
{
	identity_check(sp_jwks_count(keys) >= 1 && sp_jwks_count(keys) <= SP_JWKS_KEYS_MAX);
	for (unsigned algorithm = 0; algorithm < SP_JWS_COUNT; algorithm++) {
		const struct sp_jwk *key = NULL;
		struct sp_finding finding = { 0 };

		if (sp_jwks_find(keys, NULL, algorithm, &key, &finding) < 0) {
			identity_check(finding.reason == SP_REFUSAL_UNKNOWN_KEY);
			continue;
		}
		identity_check(key->algorithms & (1u << algorithm));
		identity_check(!key->jose != !key->evp);
		identity_check(key->signature_len == 64 ||
			       (key->signature_len >= 256 && key->signature_len <= 1024));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = malloc(size ? size : 1); /* so that a read behind the end is seen */
	struct sp_jwks *keys = NULL;
	struct sp_finding finding = { 0 };
	int r;

	identity_check(exact != NULL);
	memcpy(exact, data, size);
	r = sp_jwks_parse(exact, size, &keys, &finding);
	identity_check(r == 0 ||
		       (r == -EACCES && finding.reason == SP_REFUSAL_BAD_KEYS && *finding.detail));
	if (r == 0)
		check_keys(keys);
	sp_jwks_free(keys);
	free(exact);
	return 0;
}
