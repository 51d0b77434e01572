/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Look-ups in a checked policy. */
#include "policy/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/addr.h"
#include "policy/times/timezone.h"
#include "yaml/value.h"

void sp_gateway_done(struct sp_gateway *gateway)
{
	for (size_t i = 0; i < gateway->interface_count; i++)
		free(gateway->interfaces[i].name);
	free(gateway->pool);
	free(gateway->self);
	free(gateway->own);
	free(gateway->interfaces);
	free(gateway->routes);
	free(gateway->edge_trust);
	free(gateway->resolvers);
	*gateway = (struct sp_gateway){ 0 };
}

/* ---- rule numbers ---- */

static int number_of(const struct sp_policy *policy, size_t n, sp_rule_number_fn lookup, void *arg,
		     uint32_t *ret_number)
{
	uint32_t number = (uint32_t)n + 1;
	int r;

	if (lookup) {
		r = lookup(arg, policy->rules[n].name, &number);
		if (r < 0)
			return r;
		if (number == SP_RULE_DEFAULT || number >= SP_RULE_MAX)
			return -ERANGE;
	}
	*ret_number = number;
	return 0;
}

int sp_policy_number_rules(struct sp_policy *policy, sp_rule_number_fn lookup, void *arg)
{
	__sp_free uint32_t *numbers = NULL;
	__sp_free bool *taken = NULL;
	int r;

	if (policy->rule_count >= SP_RULE_MAX)
		return -ENOSPC;
	numbers = calloc(policy->rule_count + 1, sizeof(*numbers));
	taken = calloc(SP_RULE_MAX, sizeof(*taken));
	if (!numbers || !taken)
		return -ENOMEM;
	for (size_t i = 0; i < policy->rule_count; i++) {
		r = number_of(policy, i, lookup, arg, &numbers[i]);
		if (r < 0)
			return r;
		if (taken[numbers[i]])
			return -EEXIST;
		taken[numbers[i]] = true;
	}
	for (size_t i = 0; i < policy->rule_count; i++)
		policy->rules[i].number = numbers[i];
	return 0;
}

const struct sp_rule *sp_policy_rule(const struct sp_policy *policy, uint32_t number)
{
	size_t guess = (size_t)number - 1; /* its place, unless names were added or removed */

	if (number == SP_RULE_DEFAULT || number == SP_RULE_NONE)
		return NULL;
	if (guess < policy->rule_count && policy->rules[guess].number == number)
		return &policy->rules[guess];
	for (size_t i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].number == number)
			return &policy->rules[i];
	return NULL;
}

const char *sp_policy_rule_name(const struct sp_policy *policy, uint32_t number)
{
	const struct sp_rule *rule;

	if (number == SP_RULE_DEFAULT)
		return "default";
	rule = sp_policy_rule(policy, number);
	return rule ? rule->name : NULL;
}

/* ---- time ---- */

bool sp_policy_is_timed(const struct sp_policy *policy)
{
	for (size_t i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].when || policy->rules[i].expires_s)
			return true;
	return false;
}

int64_t sp_policy_moment(const struct sp_policy *policy, int64_t now_s)
{
	return policy->fixtures.now_s == INT64_MIN ? now_s : policy->fixtures.now_s;
}

int sp_policy_parse_time(const struct sp_policy *policy, const char *text, int64_t *ret_unix_s)
{
	struct sp_calendar calendar;
	int r = sp_calendar_parse(text, &calendar);

	if (r < 0)
		return r;
	if (calendar.is_date)
		return -EINVAL;
	*ret_unix_s = calendar.is_local
			      ? sp_timezone_instant(policy->settings.zone, calendar.time_s)
			      : calendar.time_s;
	return 0;
}

/* ---- roles ---- */

static bool in_group(const char *group, const char *const *groups, size_t group_count)
{
	for (size_t i = 0; i < group_count; i++)
		if (strcmp(groups[i], group) == 0)
			return true;
	return false;
}

int sp_person_compare(const void *a, const void *b)
{
	const struct sp_person_name *left = a, *right = b;
	int order = strcmp(left->idp ? left->idp : "", right->idp ? right->idp : "");

	return order ? order : strcmp(left->user, right->user);
}

bool sp_people_has(const struct sp_people_list *list, const char *user, const char *idp)
{
	const struct sp_person_name person = { (char *)user, (char *)idp };

	return user && idp && list->count &&
	       bsearch(&person, list->items, list->count, sizeof(*list->items), sp_person_compare);
}

static bool is_named(const struct sp_role_match *match, const struct sp_person *person)
{
	return person->user && strcmp(match->idp, person->idp) == 0 &&
	       strcmp(match->user, person->user) == 0;
}

bool sp_role_match_fits(const struct sp_policy *policy, const struct sp_role_match *match,
			const struct sp_person *person)
{
	if (match->kind == SP_MATCH_PEER_KEY)
		return !person->idp && person->peer_key &&
		       memcmp(match->peer_key, person->peer_key, sizeof(match->peer_key)) == 0;
	if (!person->idp)
		return false;
	switch (match->kind) {
	case SP_MATCH_GROUP:
		return strcmp(match->idp, person->idp) == 0 &&
		       in_group(match->group, person->groups, person->group_count);
	case SP_MATCH_USER:
		return is_named(match, person);
	case SP_MATCH_PEOPLE:
		return sp_people_has(&policy->people[match->people], person->user, person->idp);
	default:
		return false;
	}
}

static bool role_matches(const struct sp_policy *policy, const struct sp_role *role,
			 const struct sp_person *person)
{
	for (size_t i = 0; i < role->match_count; i++)
		if (sp_role_match_fits(policy, &role->matches[i], person))
			return true;
	return false;
}

int sp_policy_match_roles(const struct sp_policy *policy, const struct sp_person *person,
			  int64_t now_s, uint32_t **ret_roles, size_t *ret_count)
{
	uint32_t *roles = calloc(policy->role_count + 1, sizeof(*roles));
	size_t count = 0;

	if (!roles)
		return -ENOMEM;
	for (size_t i = 0; i < policy->role_count; i++)
		if (!sp_role_is_expired(&policy->roles[i], now_s) &&
		    role_matches(policy, &policy->roles[i], person))
			roles[count++] = (uint32_t)i;
	*ret_roles = roles;
	*ret_count = count;
	return 0;
}

const struct sp_role *sp_policy_expired_role(const struct sp_policy *policy,
					     const struct sp_person *person, int64_t now_s)
{
	for (size_t i = 0; i < policy->role_count; i++)
		if (sp_role_is_expired(&policy->roles[i], now_s) &&
		    role_matches(policy, &policy->roles[i], person))
			return &policy->roles[i];
	return NULL;
}

static bool is_of_machines(const struct sp_role *role)
{
	for (size_t i = 0; i < role->match_count; i++)
		if (role->matches[i].kind == SP_MATCH_PEER_KEY)
			return true;
	return false;
}

int64_t sp_policy_next_machine_expiry(const struct sp_policy *policy, int64_t now_s)
{
	int64_t next_s = INT64_MAX;

	for (size_t i = 0; i < policy->role_count; i++) {
		const struct sp_role *role = &policy->roles[i];

		if (role->expires_s > now_s && role->expires_s < next_s && is_of_machines(role))
			next_s = role->expires_s;
	}
	return next_s;
}

bool sp_role_is_of_people(const struct sp_role *role)
{
	for (size_t i = 0; i < role->match_count; i++)
		if (role->matches[i].kind != SP_MATCH_PEER_KEY)
			return true;
	return false;
}

const struct sp_role *sp_policy_machine_role(const struct sp_policy *policy,
					     const uint8_t peer_key[32])
{
	const struct sp_person machine = { .peer_key = peer_key };

	for (size_t i = 0; i < policy->role_count; i++)
		if (role_matches(policy, &policy->roles[i], &machine))
			return &policy->roles[i];
	return NULL;
}

static void take_shorter(int64_t *span_s, int64_t other_s)
{
	if (other_s && (!*span_s || other_s < *span_s))
		*span_s = other_s;
}

struct sp_session_span sp_policy_session_span(const struct sp_policy *policy, const uint32_t *roles,
					      size_t role_count)
{
	struct sp_session_span span = { 0 };

	for (size_t i = 0; i < role_count; i++) {
		const struct sp_role *role = &policy->roles[roles[i]];

		take_shorter(&span.max_s, role->max_s);
		take_shorter(&span.idle_s, role->idle_s);
		take_shorter(&span.until_s, role->expires_s);
		if (role->warn_s > span.warn_s)
			span.warn_s = role->warn_s;
	}
	if (!span.max_s)
		span.max_s = SP_SESSION_DEFAULT_MAX_S;
	span.warn_s = sp_session_warn_s(span.warn_s ? span.warn_s : SP_SESSION_DEFAULT_WARN_S,
					span.max_s);
	return span;
}

uint32_t sp_policy_max_devices(const struct sp_policy *policy, const uint32_t *roles,
			       size_t role_count)
{
	uint32_t most = SP_DEVICES_MAX;

	for (size_t i = 0; i < role_count; i++) {
		const uint32_t max = policy->roles[roles[i]].max_devices;

		if (max && max < most)
			most = max;
	}
	return most;
}

int64_t sp_session_end_ns(const struct sp_session_span *span, int64_t expires_ns)
{
	int64_t until_ns;

	if (!span->until_s || __builtin_mul_overflow(span->until_s, 1000000000, &until_ns))
		return expires_ns;
	return !expires_ns || until_ns < expires_ns ? until_ns : expires_ns;
}

int64_t sp_session_warn_s(int64_t warn_s, int64_t length_s)
{
	return warn_s < length_s ? warn_s : length_s / 2;
}

static bool any_covers(const struct sp_prefix *prefixes, size_t count, const struct sp_addr *addr)
{
	bool is_v4 = sp_addr_is_v4(addr);

	for (size_t i = 0; i < count; i++)
		if (sp_prefix_is_v4(&prefixes[i]) == is_v4 &&
		    sp_prefix_contains(&prefixes[i], addr))
			return true;
	return false;
}

bool sp_gateway_has(const struct sp_gateway *gateway, const struct sp_addr *addr)
{
	for (size_t i = 0; i < gateway->self_count; i++)
		if (!sp_addr_compare(&gateway->self[i], addr))
			return true;
	return false;
}

bool sp_gateway_pool_has(const struct sp_gateway *gateway, const struct sp_addr *addr)
{
	return any_covers(gateway->pool, gateway->pool_count, addr);
}

bool sp_network_has(const struct sp_network *network, const struct sp_addr *addr)
{
	return any_covers(network->in, network->in_count, addr) &&
	       !any_covers(network->except, network->except_count, addr);
}
