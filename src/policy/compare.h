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

/* What files hold is not looked at, here and below. @before NULL: there was none. Returns 0;
 * -ENOMEM. */
int sp_policy_compare(const struct sp_policy *before, const struct sp_policy *after,
		      struct sp_policy_change *ret_change);

enum sp_rule_change { SP_RULE_ADDED, SP_RULE_REMOVED, SP_RULE_CHANGED };

/* One rule that is not what it was. @was NULL: it is added; @is NULL: it is removed. Returns 0 to
 * go on. */
typedef int (*sp_rule_change_fn)(void *arg, enum sp_rule_change change, const struct sp_rule *was,
				 const struct sp_rule *is);
/* Tell @each of every such rule, by name. @old_policy NULL: there was none. Returns 0; -ENOMEM; what
 * @each returned that is not 0. */
int sp_policy_each_change(const struct sp_policy *old_policy, const struct sp_policy *new_policy,
			  sp_rule_change_fn each, void *arg);

/* One entry of `nat` that is not what it was, as of a rule. */
typedef int (*sp_nat_change_fn)(void *arg, enum sp_rule_change change, const struct sp_nat *was,
				const struct sp_nat *is);
/* Tell @each of every such entry: those of @new_policy in their order, then what is removed. Returns 0;
 * what @each returned that is not 0. */
int sp_policy_each_nat_change(const struct sp_policy *old_policy,
			      const struct sp_policy *new_policy, sp_nat_change_fn each, void *arg);

/* What a policy says besides. @kind: "role", "setting" or "edge"; @name: of the role, or the key. Where
 * a place is NULL, it was not there or has none. */
typedef int (*sp_part_change_fn)(void *arg, enum sp_rule_change change, const char *kind,
				 const char *name, const struct sp_place *place);
/* Tell @each of every role that is not what it was, also one that no rule names (whom it matches,
 * when it expires, sessions, devices), then of settings and lists of the edge. A setting changes, it
 * is never added. The place is the new policy's, of what is removed the old one's. Returns 0; what
 * @each returned that is not 0. */
int sp_policy_each_part_change(const struct sp_policy *old_policy,
			       const struct sp_policy *new_policy, sp_part_change_fn each,
			       void *arg);

#endif
