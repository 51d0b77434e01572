/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "judge/trail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "json/text.h"
#include "net/addr.h"
#include "policy/addresses/shares.h"
#include "policy/addresses/translation.h"

/* What finding it works with. */
struct search {
	struct sp_judge *judge;
	const struct sp_policy *policy;
	const struct sp_gateway *gateway;
	const struct sp_trail_asked *asked;
};

void sp_trail_done(struct sp_trail *trail)
{
	free(trail->roles);
	*trail = (struct sp_trail){ 0 };
}

/* ---- hooks ---- */

static bool is_routed(const struct sp_gateway *gateway, const struct sp_addr *addr)
{
	if (sp_gateway_pool_has(gateway, addr))
		return true;
	for (size_t i = 0; i < gateway->route_count; i++)
		if (sp_prefix_contains(&gateway->routes[i].prefix, addr))
			return true;
	return false;
}

/* Whoever is denied comes no further than to the first. Where no route is known, nobody knows by
 * which interface the packet would leave. */
static void find_hooks(const struct search *search, const struct sp_answer *answer,
		       struct sp_trail *trail)
{
	const struct sp_gateway *gateway = search->gateway;
	const struct sp_tuple *tuple = search->asked->tuple;
	struct sp_destination to = { tuple->destination, tuple->destination_port, tuple->proto };
	const struct sp_nat *nat;

	trail->hooks[trail->hook_count++] = search->asked->hook;
	if (answer->verdict != SP_ALLOW || search->asked->is_own ||
	    search->asked->hook == SP_HOOK_VPN_OUT)
		return;
	trail->hooks[trail->hook_count++] = SP_HOOK_LOCK;
	nat = sp_translation_of(search->policy, gateway, &to);
	if (nat && nat->kind == SP_NAT_FORWARD)
		to.addr = nat->forward.targets[sp_shares_target(&nat->forward, 0, &tuple->source)];
	if (!sp_gateway_has(gateway, &to.addr) && is_routed(gateway, &to.addr))
		trail->hooks[trail->hook_count++] =
			sp_judge_way_out(sp_judge_first_hook(gateway, &to.addr));
}

/* ---- roles ---- */

static const struct sp_role_match *find_match(const struct search *search,
					      const struct sp_role *role)
{
	for (size_t i = 0; i < role->match_count; i++)
		if (sp_role_match_fits(search->policy, &role->matches[i], search->asked->person))
			return &role->matches[i];
	return NULL;
}

static int add_role(struct sp_trail *trail, const struct sp_role *role,
		    const struct sp_role_match *match)
{
	struct sp_trail_role *room = SP_ARRAY_PUSH(trail->roles, trail->role_count);

	if (!room)
		return -ENOMEM;
	*room = (struct sp_trail_role){ role, match };
	return 0;
}

static int find_roles(const struct search *search, struct sp_trail *trail)
{
	const struct sp_policy *policy = search->policy;
	__sp_free uint32_t *roles = NULL;
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; search->asked->role && i < policy->role_count && r == 0; i++)
		if (!strcmp(policy->roles[i].name, search->asked->role))
			r = add_role(trail, &policy->roles[i], NULL);
	if (r == 0 && search->asked->person)
		r = sp_policy_match_roles(policy, search->asked->person, search->asked->now_s,
					  &roles, &count);
	for (size_t i = 0; i < count && r == 0; i++) {
		const struct sp_role *role = &policy->roles[roles[i]];

		r = add_role(trail, role, find_match(search, role));
	}
	return r;
}

/* ---- other policies ---- */

static int ask(const struct search *search, const struct sp_policy *policy,
	       struct sp_answer *ret_answer)
{
	const struct sp_trail_asked *asked = search->asked;
	const bool is_bare = asked->hook == SP_HOOK_VPN_IN || asked->hook == SP_HOOK_VPN_OUT;
	uint8_t bytes[128];
	struct sp_frame frame = { .bytes = bytes,
				  .is_ethernet = !is_bare,
				  .is_own = asked->is_own,
				  .ifindex = asked->ifindex };

	frame.len = sp_packet_build(asked->tuple, frame.is_ethernet, bytes);
	return sp_judge_try(search->judge, policy, asked->hook, &frame, asked->now_ns, ret_answer);
}

static int ask_without(const struct search *search, const struct sp_rule *rule,
		       struct sp_answer *ret_answer)
{
	struct sp_policy policy = *search->policy;
	__sp_free struct sp_rule *rules = calloc(policy.rule_count, sizeof(*rules));

	if (!rules)
		return -ENOMEM;
	policy.rules = rules;
	policy.rule_count = 0;
	for (size_t i = 0; i < search->policy->rule_count; i++)
		if (&search->policy->rules[i] != rule)
			rules[policy.rule_count++] = search->policy->rules[i];
	return ask(search, &policy, ret_answer);
}

/* A rule that allows everything, but for one part, which is that of @rule. */
static struct sp_rule rule_of_part(const struct search *search, const struct sp_rule *rule,
				   enum sp_rule_part part)
{
	static struct sp_from anybody = { .kind = SP_FROM_ANY },
			      the_gateway = { .kind = SP_FROM_SELF };
	static struct sp_to anything = { .kind = SP_TO_ANY };
	struct sp_rule only = { .name = rule->name,
				.kind = SP_RULE_ALLOW,
				.from = search->asked->is_own ? &the_gateway : &anybody,
				.from_count = 1,
				.to = &anything,
				.to_count = 1,
				.number = rule->number };

	switch (part) {
	case SP_PART_FROM:
		only.kind = rule->kind;
		only.from = rule->from;
		only.from_count = rule->from_count;
		break;
	case SP_PART_TO:
		only.to = rule->to;
		only.to_count = rule->to_count;
		break;
	case SP_PART_SERVICES:
		only.services = rule->services;
		only.service_count = rule->service_count;
		break;
	default:
		only.when = rule->when;
		only.expires_s = rule->expires_s;
	}
	return only;
}

static int matches(const struct search *search, const struct sp_rule *rule, enum sp_rule_part part,
		   bool *ret_matches)
{
	struct sp_rule only = rule_of_part(search, rule, part);
	struct sp_policy policy = *search->policy;
	struct sp_answer answer;
	int r;

	policy.rules = &only;
	policy.rule_count = 1;
	policy.settings.self_needs_rules = true;
	r = ask(search, &policy, &answer);
	*ret_matches = r == 0 && answer.verdict == SP_ALLOW;
	return r;
}

/* Note it if all of it but one part matches. */
static int look_at(const struct search *search, const struct sp_rule *rule, struct sp_trail *trail)
{
	enum sp_rule_part other = SP_PART_COUNT;
	int r;

	for (enum sp_rule_part part = 0; part < SP_PART_COUNT; part++) {
		bool is_match;

		r = matches(search, rule, part, &is_match);
		if (r < 0)
			return r;
		if (!is_match && other != SP_PART_COUNT)
			return 0;
		if (!is_match)
			other = part;
	}
	if (other != SP_PART_COUNT)
		trail->near[trail->near_count++] = (struct sp_trail_near){ rule, other };
	return 0;
}

static int find_near(const struct search *search, struct sp_trail *trail)
{
	int r = 0;

	for (size_t i = 0;
	     i < search->policy->rule_count && r == 0 && trail->near_count < SP_TRAIL_NEAR_MAX;
	     i++) {
		const struct sp_rule *rule = &search->policy->rules[i];

		if (sp_rule_lets(rule) || rule->kind == SP_RULE_EXPOSE)
			r = look_at(search, rule, trail);
	}
	return r;
}

int sp_trail_make(struct sp_judge *judge, const struct sp_policy *policy,
		  const struct sp_gateway *gateway, const struct sp_trail_asked *asked,
		  const struct sp_answer *answer, struct sp_trail *ret_trail)
{
	const struct search search = { judge, policy, gateway, asked };
	__sp_cleanup(sp_trail_done) struct sp_trail trail = { 0 };
	const struct sp_rule *rule = sp_policy_rule(policy, answer->rule);
	int r;

	find_hooks(&search, answer, &trail);
	r = find_roles(&search, &trail);
	trail.has_rule = rule != NULL;
	if (r == 0 && rule)
		r = ask_without(&search, rule, &trail.otherwise);
	if (r == 0 && answer->reason == SP_REASON_DEFAULT)
		r = find_near(&search, &trail);
	if (r < 0)
		return r;
	*ret_trail = trail;
	trail = (struct sp_trail){ 0 };
	return 0;
}

/* ---- JSON ---- */

static json_t *describe_hooks(const struct sp_trail *trail)
{
	json_t *list = json_array();

	for (size_t i = 0; i < trail->hook_count; i++)
		json_array_append_new(list, json_string(sp_hook_name(trail->hooks[i])));
	return list;
}

/* Why somebody has a role: "group eng of corp". */
static json_t *describe_match(const struct sp_policy *policy, const struct sp_role_match *match)
{
	__sp_buf struct sp_buf words = SP_BUF_INIT;

	if (!match)
		return json_string("asked for by its name");
	switch (match->kind) {
	case SP_MATCH_GROUP:
		sp_buf_printf(&words, "group %s of %s", match->group, match->idp);
		break;
	case SP_MATCH_USER:
		sp_buf_printf(&words, "user %s of %s", match->user, match->idp);
		break;
	case SP_MATCH_PEOPLE:
		sp_buf_printf(&words, "people %s", policy->people[match->people].name);
		break;
	case SP_MATCH_PEER_KEY:
		sp_buf_put(&words, "the peer key of the machine");
		break;
	}
	return sp_json_of_text(sp_buf_get(&words));
}

static json_t *describe_place(const struct sp_policy *policy, const struct sp_place *place)
{
	return json_pack("{s:o, s:I}", "file", sp_json_of_text(policy->files[place->file].path),
			 "line", (json_int_t)place->line);
}

static json_t *describe_roles(const struct sp_trail *trail, const struct sp_policy *policy)
{
	json_t *list = json_array();

	for (size_t i = 0; i < trail->role_count; i++) {
		const struct sp_trail_role *item = &trail->roles[i];
		json_t *json = describe_place(policy, &item->role->place);

		json_object_set_new(json, "role", json_string(item->role->name));
		json_object_set_new(json, "by", describe_match(policy, item->match));
		json_array_append_new(list, json);
	}
	return list;
}

static json_t *describe_otherwise(const struct sp_trail *trail, const struct sp_policy *policy)
{
	const struct sp_answer *answer = &trail->otherwise;
	const struct sp_rule *rule = sp_policy_rule(policy, answer->rule);
	json_t *json;

	if (!trail->has_rule)
		return json_null();
	json = rule ? describe_place(policy, &rule->place)
		    : json_pack("{s:n, s:n}", "file", "line");
	json_object_set_new(json, "verdict", json_string(sp_verdict_name(answer->verdict)));
	json_object_set_new(json, "reason", json_string(sp_reason_name(answer->reason)));
	json_object_update_new(
		json, json_pack("{s:s?}", "rule", sp_policy_rule_name(policy, answer->rule)));
	return json;
}

static json_t *describe_near(const struct sp_trail *trail, const struct sp_policy *policy)
{
	static const char *const parts[] = { [SP_PART_FROM] = "from",
					     [SP_PART_TO] = "to",
					     [SP_PART_SERVICES] = "services",
					     [SP_PART_TIME] = "time" };
	json_t *list = json_array();

	for (size_t i = 0; i < trail->near_count; i++) {
		const struct sp_trail_near *item = &trail->near[i];
		json_t *json = describe_place(policy, &item->rule->place);

		json_object_set_new(json, "rule", json_string(item->rule->name));
		json_object_set_new(json, "misses", json_string(parts[item->part]));
		json_array_append_new(list, json);
	}
	return list;
}

json_t *sp_trail_describe(const struct sp_trail *trail, const struct sp_policy *policy)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "hooks", describe_hooks(trail), "roles",
			 describe_roles(trail, policy), "otherwise",
			 describe_otherwise(trail, policy), "near", describe_near(trail, policy));
}
