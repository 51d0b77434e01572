/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/aead/aead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/aead/aead_backends.h"

struct sp_aead {
	const struct sp_aead_backend *backend;
	void *context;
};

const struct sp_aead_backend *const sp_aead_backends[] = {
#ifdef SP_HAVE_IFMA
	&sp_aead_ifma,
#endif
#ifdef SP_HAVE_IPSEC_MB
	&sp_aead_ipsec_mb,
#endif
	&sp_aead_openssl,  &sp_aead_sodium, NULL,
};

static int start(const struct sp_aead_backend *backend, struct sp_aead **ret_aead)
{
	struct sp_aead *aead = calloc(1, sizeof(*aead));

	if (!aead)
		return -ENOMEM;
	aead->backend = backend;
	aead->context = backend->context_new();
	if (!aead->context || sp_aead_self_test(backend, aead->context) < 0) {
		sp_aead_free(aead);
		return -EOPNOTSUPP;
	}
	*ret_aead = aead;
	return 0;
}

int sp_aead_new(const char *name, struct sp_aead **ret_aead)
{
	int r = name ? -ENOENT : -EOPNOTSUPP;

	for (size_t i = 0; sp_aead_backends[i]; i++) {
		if (name && strcmp(name, sp_aead_backends[i]->name) != 0)
			continue;
		r = start(sp_aead_backends[i], ret_aead);
		if (r == 0)
			break;
	}
	return r;
}

void sp_aead_free(struct sp_aead *aead)
{
	if (!aead)
		return;
	if (aead->context)
		aead->backend->context_free(aead->context);
	free(aead);
}

const char *sp_aead_name(const struct sp_aead *aead)
{
	return aead->backend->name;
}

static int first_failure(const struct sp_aead_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ops[i].result != 0)
			return ops[i].result;
	return 0;
}

int sp_aead_seal(struct sp_aead *aead, struct sp_aead_op *ops, size_t n)
{
	aead->backend->seal(aead->context, ops, n);
	return first_failure(ops, n);
}

int sp_aead_open(struct sp_aead *aead, struct sp_aead_op *ops, size_t n)
{
	aead->backend->open(aead->context, ops, n);
	return first_failure(ops, n);
}
