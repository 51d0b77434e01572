/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a policy changes of the one before it: by the names of the rules, and by what each of them
 * says. */
#ifndef SALLYPORT_POLICY_COMPARE_H
#define SALLYPORT_POLICY_COMPARE_H

#include "policy/model.h"

/* Rules, exposed and protected entries. A rule has changed when what it does, names or tells has;
 * so it has when a network, a role, a service or a schedule that it names stands for something else now. Where
 * it stands in the file is not looked at. */
struct sp_policy_change {
	size_t added, removed, changed, unchanged;
};

/* @before NULL: there was none. Returns 0; -ENOMEM. */
int sp_policy_compare(const struct sp_policy *before, const struct sp_policy *after,
		      struct sp_policy_change *ret_change);

#endif
