/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plane/feature.h"

#include <errno.h>
#include <stdarg.h>

#include "plane/plane.h"

struct run {
	const struct sp_plane_ops *ops;
	const struct sp_policy *policy;
	struct sp_diagnostics *diagnostics;
};

static int add_error(const struct run *run, struct sp_place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int add_error(const struct run *run, struct sp_place place, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = sp_diagnostics_add(run->diagnostics, SP_ERROR, run->policy->paths[place.file], place,
			       format, args);
	va_end(args);
	return r < 0 ? r : -EINVAL;
}

/* Report an error for each feature of @needed that the plane does not have. */
static int demand(const struct run *run, uint32_t needed, struct sp_place place, const char *what,
		  const char *name)
{
	static const char *const texts[] = {
#define X(id, text) text,
		SP_PLANE_FEATURES(X)
#undef X
	};
	const uint32_t missing = needed & ~run->ops->features;
	int r = 0;

	for (int bit = 0; bit < SP_PLANE_BIT_COUNT && r != -ENOMEM; bit++)
		if (missing & 1u << bit)
			r = add_error(run, place, "%s \"%s\": the plane %s has no %s", what, name,
				      run->ops->name, texts[bit]);
	return r;
}

static uint32_t needs_of_to(enum sp_to_kind kind)
{
	switch (kind) {
	case SP_TO_ROLE:
	case SP_TO_SIGNED_IN:
	case SP_TO_PEOPLE:
		return SP_PLANE_TO_ROLE;
	case SP_TO_OWN_DEVICES:
		return SP_PLANE_OWN_DEVICES;
	default:
		return 0;
	}
}

static uint32_t needs_of_rule(const struct sp_rule *rule)
{
	uint32_t needed = 0;

	if (rule->kind == SP_RULE_PROTECT)
		needed |= SP_PLANE_PROTECT;
	if (rule->kind == SP_RULE_EXPOSE)
		needed |= SP_PLANE_EXPOSE;
	if (rule->kind != SP_RULE_DENY && rule->log == SP_LOG_ALL)
		needed |= SP_PLANE_LOG_ALL;
	if (rule->limit)
		needed |= SP_PLANE_LIMIT;
	for (size_t i = 0; i < rule->from_count; i++)
		if (rule->from[i].kind == SP_FROM_SELF)
			needed |= SP_PLANE_FROM_SELF;
	for (size_t i = 0; i < rule->to_count; i++)
		needed |= needs_of_to(rule->to[i].kind);
	return needed;
}

int sp_plane_check(const struct sp_plane_ops *ops, const struct sp_policy *policy,
		   struct sp_diagnostics *diagnostics)
{
	const struct run run = { ops, policy, diagnostics };
	const struct sp_settings *settings = &policy->settings;
	int r = demand(&run, settings->self_needs_rules ? SP_PLANE_FROM_SELF : 0, settings->self_at,
		       "setting", "self");
	int reject = demand(&run, settings->reject == SP_REJECT_RESET ? 0 : SP_PLANE_REJECT,
			    settings->reject_at, "setting", "reject");

	r = reject < 0 ? reject : r;

	for (size_t i = 0; i < policy->rule_count && r != -ENOMEM; i++) {
		const struct sp_rule *rule = &policy->rules[i];
		const int found =
			demand(&run, needs_of_rule(rule), rule->place, "rule", rule->name);

		r = found < 0 ? found : r;
	}
	for (size_t i = 0; i < policy->role_count && r != -ENOMEM; i++) {
		const struct sp_role *role = &policy->roles[i];
		const int found = demand(&run, role->idle_s ? SP_PLANE_IDLE : 0, role->place,
					 "role", role->name);

		r = found < 0 ? found : r;
	}
	for (size_t i = 0; i < policy->nat_count && r != -ENOMEM; i++) {
		const struct sp_nat *nat = &policy->nats[i];
		const int found = demand(&run, SP_PLANE_NAT, nat->place, "nat entry", nat->name);

		r = found < 0 ? found : r;
	}
	sp_diagnostics_sort(diagnostics);
	return r;
}

int sp_plane_try(struct sp_plane *plane, const struct sp_policy *policy,
		 struct sp_diagnostics *diagnostics)
{
	const struct run run = { plane->ops, policy, diagnostics };
	struct sp_plane_error error = { 0 };
	const struct sp_nat *first = policy->nats;
	int r = policy->nat_count ? sp_plane_nat_try(plane, policy, &error) : 0;

	if (r == 0 || r == -ENOMEM)
		return r;
	return add_error(&run, first->place, "nat entry \"%s\": this machine cannot translate: %s",
			 first->name, error.text);
}
