/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When rules are in force, and when that changes. A rule with a schedule or an expiry is timed: it
 * decides in its hours alone. Tables are compiled for one moment; what narrows afterwards is in
 * them as a deadline, what widens waits for tables of a later moment. */
#ifndef SALLYPORT_TABLES_MOMENT_H
#define SALLYPORT_TABLES_MOMENT_H

#include "policy/model.h"

/* How far ahead the hours of schedules are looked at. Tables of a later moment are wanted a day
 * before. */
#define SP_MOMENT_AHEAD_S (INT64_C(8) * 86400)
#define SP_MOMENT_AGAIN_S (INT64_C(7) * 86400)

/* The hours of every schedule of a policy from one moment on, looked up once. */
struct sp_moment {
	int64_t now_s;
	const struct sp_policy *policy;
	struct sp_moment_hours {
		int64_t *edges_s; /* it opens or closes; ascending, after now_s */
		size_t count;
	} *schedules; /* by index of the policy's */
};

/* Returns 0; -ENOMEM. */
int sp_moment_init(struct sp_moment *moment, const struct sp_policy *policy, int64_t now_s);
/* Free what it holds; not to be used afterwards. */
void sp_moment_done(struct sp_moment *moment);

/* The first instant after @after_s at which the rule comes into force or goes out of it. Hours of
 * schedules are known SP_MOMENT_AHEAD_S from the moment on, an expiry always. INT64_MAX: none. */
int64_t sp_moment_next(const struct sp_moment *moment, const struct sp_rule *rule, int64_t after_s);

#endif
