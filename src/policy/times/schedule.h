/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When schedules are open and rules in force. Instants are seconds of Unix time. */
#ifndef SALLYPORT_POLICY_SCHEDULE_H
#define SALLYPORT_POLICY_SCHEDULE_H

#include "policy/model.h"

/* Is it open at this instant? */
bool sp_schedule_is_open(const struct sp_schedule *schedule, int64_t at_s);
/* The first instant after @after_s, up to @until_s, at which it opens or closes; INT64_MAX: there
 * is none. */
int64_t sp_schedule_next(const struct sp_schedule *schedule, int64_t after_s, int64_t until_s);

/* Is the rule in force at times, and not at others? */
static inline bool sp_rule_is_timed(const struct sp_rule *rule)
{
	return rule->when || rule->expires_s;
}

/* Is it in force at this instant? */
bool sp_rule_is_in_force(const struct sp_rule *rule, int64_t at_s);

#endif
