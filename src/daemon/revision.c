/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/revision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "daemon/host.h"

char *sp_generation_format(const uint8_t generation[32], char buf[13])
{
	for (int i = 0; i < 6; i++)
		snprintf(buf + 2 * i, 3, "%02x", generation[i]);
	return buf;
}

void sp_revision_free(struct sp_revision *revision)
{
	if (!revision)
		return;
	if (revision->tables)
		sp_tables_free(revision->tables);
	sp_policy_free(revision->policy);
	sp_gateway_done(&revision->gateway);
	free(revision->who);
	sp_routes_done(&revision->routes);
	free(revision);
}

int sp_revision_new(struct sp_policy *policy, const struct sp_gateway *gateway,
		    struct sp_revision **ret_revision)
{
	__sp_cleanup(sp_revision_freep) struct sp_revision *revision = calloc(1, sizeof(*revision));
	int r;

	if (!revision) {
		sp_policy_free(policy);
		return -ENOMEM;
	}
	revision->policy = policy;
	r = sp_gateway_copy(gateway, &revision->gateway);
	if (r < 0)
		return r;
	sp_generation_format(policy->generation, revision->generation);
	*ret_revision = SP_TAKE_PTR(revision);
	return 0;
}
