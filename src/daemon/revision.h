/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy made ready to run: checked, numbered, compiled for the machine as it was then. */
#ifndef SALLYPORT_DAEMON_REVISION_H
#define SALLYPORT_DAEMON_REVISION_H

#include "daemon/routes.h"
#include "policy/load.h"
#include "tables/tables.h"

struct sp_revision {
	uint64_t number; /* 0: not given yet */
	struct sp_policy *policy;
	struct sp_gateway gateway; /* its own copy: tables refer to it */
	struct sp_tables *tables;
	char generation[13];
	int64_t applied_ns; /* UTC: when this generation was applied */
	char *who;
	struct sp_routes routes; /* what people's tunnels carry */
};

/* Take the policy over. Returns 0; -ENOMEM (the policy is then freed). */
int sp_revision_new(struct sp_policy *policy, const struct sp_gateway *gateway,
		    struct sp_revision **ret_revision);
void sp_revision_free(struct sp_revision *revision);
static inline void sp_revision_freep(struct sp_revision **revision)
{
	sp_revision_free(*revision);
}

/* The 12 hex digits shown. Returns @buf. */
char *sp_generation_format(const uint8_t generation[32], char buf[13]);

#endif
