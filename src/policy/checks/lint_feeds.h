/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Warnings about what the files of a policy hold. */
#ifndef SALLYPORT_POLICY_LINT_FEEDS_H
#define SALLYPORT_POLICY_LINT_FEEDS_H

#include "policy/model.h"

/* Warn of a list that lies wholly within another one, where @policy was filled
 * (addresses/filled.h). Returns 0; -ENOMEM. */
int sp_policy_lint_feeds(const struct sp_policy *policy, struct sp_diagnostics *diagnostics);

#endif
