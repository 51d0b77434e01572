/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The features that a policy may need and that not every plane has. A plane declares its features
 * in struct sp_plane_ops. A policy that needs more is an error with its place. */
#ifndef SALLYPORT_PLANE_FEATURES_H
#define SALLYPORT_PLANE_FEATURES_H

#include <stdint.h>

#include "policy/model.h"

/* X(identifier, "what the plane lacks") */
#define SP_PLANE_FEATURES(X)                                                                       \
	X(TO_ROLE, "rules whose `to` is people (a role, a list, `signed-in`)")                     \
	X(OWN_DEVICES, "rules whose `to` is `own-devices`")                                        \
	X(FROM_SELF, "rules for what the gateway itself sends")                                    \
	X(PROTECT, "`protect` entries")                                                            \
	X(EXPOSE, "`expose` entries")                                                              \
	X(LIMIT, "limits")                                                                         \
	X(LOG_ALL, "rules with `log: all` that allow")                                             \
	X(IDLE, "sessions that end by silence (`idle` of a role)")                                 \
	X(NAT, "translations (`nat`)")                                                             \
	X(REJECT, "choice how to refuse (`reject` of the settings)")

enum sp_plane_feature_bit {
#define X(id, text) SP_PLANE_BIT_##id,
	SP_PLANE_FEATURES(X)
#undef X
		SP_PLANE_BIT_COUNT
};

enum sp_plane_feature {
#define X(id, text) SP_PLANE_##id = 1u << SP_PLANE_BIT_##id,
	SP_PLANE_FEATURES(X)
#undef X
		SP_PLANE_ALL = (1u << SP_PLANE_BIT_COUNT) - 1,
};

struct sp_plane;
struct sp_plane_ops;

/* Compare @policy with what the plane has. Adds an error to @diagnostics for each rule, role
 * and nat entry that needs more. Returns 0; -EINVAL there was one; -ENOMEM. */
int sp_plane_check(const struct sp_plane_ops *ops, const struct sp_policy *policy,
		   struct sp_diagnostics *diagnostics);

/* Ask this machine whether it can do what no plane can without it: translate. Adds an error at the
 * first nat entry if not. Returns 0; -EINVAL it cannot; -ENOMEM. */
int sp_plane_try(struct sp_plane *plane, const struct sp_policy *policy,
		 struct sp_diagnostics *diagnostics);

#endif
