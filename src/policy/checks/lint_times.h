/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Warnings that depend on the day a policy is read on; all others come with loading it. */
#ifndef SALLYPORT_POLICY_LINT_TIMES_H
#define SALLYPORT_POLICY_LINT_TIMES_H

#include "policy/model.h"
#include "yaml/diagnostics.h"

/* Warn, with the place, of rules and roles that have expired at @now_s (Unix time) or soon will, and
 * of rules that expire before their schedule opens. Returns 0; -ENOMEM. */
int sp_policy_lint_times(const struct sp_policy *policy, int64_t now_s,
			 struct sp_diagnostics *diagnostics);

#endif
