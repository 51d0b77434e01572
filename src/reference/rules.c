/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses and rules of the reference evaluator: every rule is looked at, in file order. */
#include <netinet/in.h>
#include <string.h>

#include "net/addr.h"
#include "reference/state.h"

static bool in_prefixes(const struct sp_prefix *prefixes, size_t count, const struct sp_addr *addr)
{
	for (size_t i = 0; i < count; i++)
		if (sp_prefix_contains(&prefixes[i], addr))
			return true;
	return false;
}

static bool in_network(const struct sp_reference *reference, uint32_t index,
		       const struct sp_addr *addr)
{
	const struct sp_network *network = &reference->policy->networks[index];

	return in_prefixes(network->in, network->in_count, addr) &&
	       !in_prefixes(network->except, network->except_count, addr);
}

bool sp_ref_is_self(const struct sp_reference *reference, const struct sp_addr *addr)
{
	const struct sp_gateway *gateway = reference->gateway;

	for (size_t i = 0; i < gateway->self_count; i++)
		if (sp_addr_compare(&gateway->self[i], addr) == 0)
			return true;
	return false;
}

bool sp_ref_is_pool_end(const struct sp_reference *reference, const struct sp_addr *addr)
{
	const struct sp_gateway *gateway = reference->gateway;

	return !sp_ref_is_self(reference, addr) &&
	       in_prefixes(gateway->pool, gateway->pool_count, addr);
}

static const struct sp_route *longest_route(const struct sp_gateway *gateway,
					    const struct sp_addr *addr)
{
	const struct sp_route *longest = NULL;

	for (size_t i = 0; i < gateway->route_count; i++) {
		const struct sp_route *route = &gateway->routes[i];

		if (sp_prefix_contains(&route->prefix, addr) &&
		    (!longest || route->prefix.prefix_len > longest->prefix.prefix_len))
			longest = route;
	}
	return longest;
}

int sp_ref_home(const struct sp_reference *reference, const struct sp_addr *addr)
{
	const struct sp_addr real = sp_ref_real_source(reference, addr);
	const struct sp_route *route = longest_route(reference->gateway, &real);

	if (sp_ref_is_self(reference, addr))
		return SP_HOME_SELF;
	if (sp_ref_is_pool_end(reference, addr))
		return SP_ZONE_TUNNEL;
	return route ? (int)route->zone : SP_HOME_UNKNOWN;
}

uint32_t sp_ref_home_interface(const struct sp_reference *reference, const struct sp_addr *addr)
{
	const struct sp_addr real = sp_ref_real_source(reference, addr);
	const struct sp_route *route = longest_route(reference->gateway, &real);

	if (!route || sp_ref_is_self(reference, addr) || sp_ref_is_pool_end(reference, addr))
		return 0;
	return route->ifindex;
}

bool sp_ref_is_parked_target(const struct sp_reference *reference, const struct sp_tuple *tuple)
{
	const struct sp_gateway *gateway = reference->gateway;
	struct sp_tuple real = *tuple;

	if (sp_ref_translate(reference, &real) != SP_REF_NO_NAT)
		return false;
	if (tuple->proto == IPPROTO_TCP && gateway->portal_port != 0 &&
	    tuple->destination_port == gateway->portal_port &&
	    sp_ref_is_self(reference, &tuple->destination))
		return true;
	if ((tuple->proto != IPPROTO_TCP && tuple->proto != IPPROTO_UDP) ||
	    tuple->destination_port != 53)
		return false;
	for (size_t i = 0; i < gateway->resolver_count; i++)
		if (sp_addr_compare(&gateway->resolvers[i], &tuple->destination) == 0)
			return true;
	return false;
}

static bool in_some(const struct sp_reference *reference, const uint32_t *networks, size_t count,
		    const struct sp_addr *addr)
{
	for (size_t i = 0; i < count; i++)
		if (in_network(reference, networks[i], addr))
			return true;
	return false;
}

static bool is_trusted(const struct sp_reference *reference, const struct sp_addr *addr)
{
	return in_some(reference, reference->policy->trusts, reference->policy->trust_count, addr);
}

bool sp_ref_is_bogon(const struct sp_reference *reference, const struct sp_addr *addr)
{
	const struct sp_addr real = sp_ref_real_source(reference, addr);
	const struct sp_gateway *gateway = reference->gateway;
	static const struct sp_addr unspecified_v6;
	static const struct sp_addr unspecified_v4 = { .b = { [10] = 0xff, [11] = 0xff } };

	if (!reference->policy->drop_bogons)
		return false;
	if (sp_addr_compare(addr, &unspecified_v4) == 0 ||
	    sp_addr_compare(addr, &unspecified_v6) == 0)
		return true;
	return in_network(reference, reference->policy->bogons, &real) &&
	       !in_prefixes(gateway->edge_trust, gateway->edge_trust_count, &real) &&
	       !is_trusted(reference, &real);
}

bool sp_ref_is_listed(const struct sp_reference *reference, const struct sp_addr *addr)
{
	const struct sp_addr real = sp_ref_real_source(reference, addr);

	return in_some(reference, reference->policy->drops, reference->policy->drop_count, &real) &&
	       !is_trusted(reference, &real);
}

/* ---- the three parts of a rule ---- */

static bool has_role(const struct sp_ref_session *session, uint32_t role)
{
	for (size_t i = 0; session && i < session->role_count; i++)
		if (session->roles[i] == role)
			return true;
	return false;
}

/* Is this the user of the session? Name and provider must match. */
static bool is_user(const struct sp_ref_session *session, const char *user, const char *idp)
{
	return idp && session->user && session->idp && !strcmp(session->user, user) &&
	       !strcmp(session->idp, idp);
}

/* Is this the session of a person? A machine's has neither user nor provider. */
static bool is_person(const struct sp_ref_session *session)
{
	return session && session->user && session->idp;
}

/* One person, on two devices or one. Whoever stands for a role has no name to be the same by. */
static bool is_same_person(const struct sp_ref_session *sender,
			   const struct sp_ref_session *receiver)
{
	return is_person(sender) && is_person(receiver) && *sender->user &&
	       is_user(receiver, sender->user, sender->idp);
}

static bool is_of_list(const struct sp_reference *reference, uint32_t index,
		       const struct sp_ref_session *session)
{
	const struct sp_people_list *list = &reference->policy->people[index];

	for (size_t i = 0; session && i < list->count; i++)
		if (is_user(session, list->items[i].user, list->items[i].idp))
			return true;
	return false;
}

static bool from_matches(const struct sp_reference *reference, const struct sp_from *from,
			 const struct sp_tuple *tuple, const struct sp_ref_session *sender)
{
	switch (from->kind) {
	case SP_FROM_ANY:
		return true;
	case SP_FROM_ROLE:
		return has_role(sender, from->index);
	case SP_FROM_USER:
		return sender && is_user(sender, from->user, from->idp);
	case SP_FROM_NETWORK:
		return in_network(reference, from->index, &tuple->source);
	case SP_FROM_SIGNED_IN:
		return is_person(sender);
	case SP_FROM_SELF:
		return false; /* what it sends is asked of sp_ref_match_self */
	case SP_FROM_PEOPLE:
		return is_of_list(reference, from->index, sender);
	}
	return false;
}

static bool source_matches(const struct sp_reference *reference, const struct sp_rule *rule,
			   const struct sp_tuple *tuple, const struct sp_ref_session *sender)
{
	for (size_t i = 0; i < rule->from_count; i++)
		if (from_matches(reference, &rule->from[i], tuple, sender))
			return true;
	return false;
}

/* A packet's two ends, as rules see them. */
struct ends {
	const struct sp_tuple *tuple; /* the real one */
	uint32_t nat;                 /* the entry it goes by */
	const struct sp_ref_session *sender, *receiver;
};

static bool to_matches(const struct sp_reference *reference, const struct sp_to *to,
		       const struct ends *ends)
{
	const struct sp_tuple *tuple = ends->tuple;
	const struct sp_ref_session *receiver = ends->receiver;

	switch (to->kind) {
	case SP_TO_ANY:
		return true;
	case SP_TO_SELF:
		return sp_ref_is_self(reference, &tuple->destination);
	case SP_TO_ROLE:
		return has_role(receiver, to->index);
	case SP_TO_NETWORK:
		return in_network(reference, to->index, &tuple->destination);
	case SP_TO_SIGNED_IN:
		return is_person(receiver);
	case SP_TO_PEOPLE:
		return is_of_list(reference, to->index, receiver);
	case SP_TO_OWN_DEVICES:
		return is_same_person(ends->sender, receiver);
	case SP_TO_NAT:
		return ends->nat != SP_REF_NO_NAT && ends->nat == to->index;
	}
	return false;
}

static bool destination_is_meant(const struct sp_reference *reference, const struct sp_rule *rule,
				 const struct ends *ends)
{
	for (size_t i = 0; i < rule->to_count; i++)
		if (to_matches(reference, &rule->to[i], ends))
			return true;
	return false;
}

/* Of a forward with several targets, nobody knows yet which one it will be: a denial is asked about
 * any of them, an allow about all. */
static bool destination_matches(const struct sp_reference *reference, const struct sp_rule *rule,
				const struct ends *ends)
{
	const struct sp_nat *nat =
		ends->nat == SP_REF_NO_NAT ? NULL : &reference->policy->nats[ends->nat];
	struct sp_tuple real = *ends->tuple;
	struct ends tried = *ends;
	size_t meant = 0;

	if (!nat || nat->kind != SP_NAT_FORWARD)
		return destination_is_meant(reference, rule, ends);
	tried.tuple = &real;
	for (size_t i = 0; i < nat->forward.target_count; i++) {
		real.destination = nat->forward.targets[i];
		meant += destination_is_meant(reference, rule, &tried);
	}
	return rule->kind == SP_RULE_DENY ? meant > 0 : meant == nat->forward.target_count;
}

static bool service_matches(const struct sp_service *service, const struct sp_tuple *tuple)
{
	bool is_v4 = sp_addr_is_v4(&tuple->source);

	switch (service->kind) {
	case SP_SERVICE_PORTS:
		return tuple->proto == service->proto && tuple->destination_port >= service->from &&
		       tuple->destination_port <= service->to;
	case SP_SERVICE_ICMP:
		return is_v4 && tuple->proto == IPPROTO_ICMP && tuple->icmp_type >= service->from &&
		       tuple->icmp_type <= service->to;
	case SP_SERVICE_ICMP6:
		return !is_v4 && tuple->proto == IPPROTO_ICMPV6 &&
		       tuple->icmp_type >= service->from && tuple->icmp_type <= service->to;
	case SP_SERVICE_PROTO:
		return tuple->proto == service->proto;
	}
	return false;
}

static bool services_match(const struct sp_rule *rule, const struct sp_tuple *tuple)
{
	for (size_t i = 0; i < rule->service_count; i++)
		if (service_matches(&rule->services[i], tuple))
			return true;
	return rule->service_count == 0;
}

/* ---- rules ---- */

/* Is the source at home in the zone where the packet arrived? A source without a known home may
 * arrive anywhere but on the tunnel. */
static bool is_at_home(const struct sp_reference *reference, enum sp_zone zone,
		       const struct sp_addr *source)
{
	int home = sp_ref_home(reference, source);

	return home == (int)zone || (home == SP_HOME_UNKNOWN && zone != SP_ZONE_TUNNEL);
}

const struct sp_rule *sp_ref_match_protect(const struct sp_reference *reference, enum sp_zone zone,
					   const struct sp_tuple *tuple)
{
	const struct sp_policy *policy = reference->policy;
	struct sp_tuple real = *tuple;
	const struct ends ends = { .tuple = &real, .nat = SP_REF_NO_NAT };

	real.source = sp_ref_real_source(reference, &tuple->source);
	if (!sp_ref_is_self(reference, &tuple->destination) ||
	    !is_at_home(reference, zone, &tuple->source))
		return NULL;
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *rule = &policy->rules[i];

		if (rule->kind == SP_RULE_PROTECT && source_matches(reference, rule, &real, NULL) &&
		    destination_matches(reference, rule, &ends) && services_match(rule, &real))
			return rule;
	}
	return NULL;
}

static bool rule_matches(const struct sp_reference *reference, const struct sp_rule *rule,
			 enum sp_zone zone, const struct ends *ends)
{
	if (rule->kind == SP_RULE_EXPOSE) { /* an expose entry is for every source on the edge */
		if (zone != SP_ZONE_EDGE)
			return false;
	} else if (!source_matches(reference, rule, ends->tuple, ends->sender)) {
		return false;
	}
	return destination_matches(reference, rule, ends) && services_match(rule, ends->tuple);
}

/* @real is the tuple they point to. */
static struct ends find_ends(const struct sp_reference *reference, const struct sp_ref_case *asked,
			     struct sp_tuple *real)
{
	struct ends ends = { .tuple = real, .sender = asked->sender, .receiver = asked->receiver };

	*real = *asked->tuple;
	real->source = sp_ref_real_source(reference, &asked->tuple->source);
	ends.nat = sp_ref_translate(reference, real);
	return ends;
}

/* What the rules in audit that match would have answered, first of their kind. */
struct audit {
	const struct sp_rule *deny, *allow;
};

/* Is it a rule in audit? Then it is noted, and decides nothing. */
static bool note_audit(struct audit *audit, const struct sp_rule *rule)
{
	if (!rule->is_audit)
		return false;
	if (rule->kind == SP_RULE_DENY)
		audit->deny = audit->deny ? audit->deny : rule;
	else
		audit->allow = audit->allow ? audit->allow : rule;
	return true;
}

/* @answer beside what the rules in audit make of it: a deny of theirs wins over everything, an allow
 * over nothing that a rule denies. */
static struct sp_answer with_audit(struct sp_answer answer, const struct audit *audit)
{
	const bool rule_denies = answer.verdict == SP_DENY && answer.rule != SP_RULE_DEFAULT;

	if (audit->deny)
		answer.audit = (struct sp_audit){ SP_WOULD_DENY, audit->deny->number };
	else if (audit->allow && !rule_denies)
		answer.audit = (struct sp_audit){ SP_WOULD_ALLOW, audit->allow->number };
	return answer;
}

/* By the rules in force at an instant. */
static struct sp_answer match_at(const struct sp_reference *reference,
				 const struct sp_ref_case *asked, int64_t at_s)
{
	const struct sp_policy *policy = reference->policy;
	const struct sp_rule *first_allow = NULL, *first_deny = NULL;
	struct sp_answer answer = { SP_DENY, SP_REASON_DEFAULT, SP_RULE_DEFAULT };
	struct audit audit = { 0 };
	bool is_free = false;
	struct sp_tuple real;
	const struct ends ends = find_ends(reference, asked, &real);

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *rule = &policy->rules[i];

		if (rule->kind == SP_RULE_PROTECT || !sp_ref_is_in_force(rule, at_s) ||
		    !rule_matches(reference, rule, asked->zone, &ends))
			continue;
		if (note_audit(&audit, rule))
			continue;
		if (rule->kind == SP_RULE_DENY) {
			first_deny = first_deny ? first_deny : rule;
			continue;
		}
		if (!first_allow)
			first_allow = rule;
		is_free |= rule->limit == 0;
	}
	if (first_deny)
		answer = (struct sp_answer){ SP_DENY, SP_REASON_POLICY, first_deny->number };
	else if (first_allow)
		answer =
			(struct sp_answer){ SP_ALLOW,
					    first_allow->kind == SP_RULE_EXPOSE ? SP_REASON_EXPOSE
										: SP_REASON_POLICY,
					    first_allow->number, is_free ? 0 : first_allow->limit };
	return with_audit(answer, &audit);
}

static bool is_from_self(const struct sp_rule *rule)
{
	for (size_t i = 0; i < rule->from_count; i++)
		if (rule->from[i].kind == SP_FROM_SELF)
			return true;
	return false;
}

struct sp_answer sp_ref_match_self(const struct sp_reference *reference,
				   const struct sp_tuple *tuple,
				   const struct sp_ref_session *receiver, bool is_known)
{
	const struct sp_policy *policy = reference->policy;
	const struct sp_rule *first_allow = NULL, *first_deny = NULL;
	struct sp_answer answer = { SP_ALLOW, SP_REASON_POLICY, SP_RULE_NONE };
	struct audit audit = { 0 };
	struct sp_tuple real = *tuple;
	const struct ends ends = { &real, sp_ref_netmap(reference, &real), NULL, receiver };

	for (size_t i = 0; i < policy->rule_count && is_known; i++) {
		const struct sp_rule *rule = &policy->rules[i];

		if (!is_from_self(rule) || !services_match(rule, tuple) ||
		    !destination_matches(reference, rule, &ends))
			continue;
		if (note_audit(&audit, rule))
			continue;
		if (rule->kind == SP_RULE_DENY)
			first_deny = first_deny ? first_deny : rule;
		else if (!first_allow)
			first_allow = rule;
	}
	if (first_deny)
		answer = (struct sp_answer){ SP_DENY, SP_REASON_POLICY, first_deny->number };
	else if (first_allow)
		answer = (struct sp_answer){ SP_ALLOW, SP_REASON_POLICY, first_allow->number };
	else if (policy->settings.self_needs_rules)
		answer = (struct sp_answer){ SP_DENY, SP_REASON_DEFAULT, SP_RULE_DEFAULT };
	return with_audit(answer, &audit);
}

static bool has_schedule(const struct sp_reference *reference, const struct sp_ref_case *asked)
{
	struct sp_tuple real;
	const struct ends ends = find_ends(reference, asked, &real);

	for (size_t i = 0; i < reference->policy->rule_count; i++)
		if (reference->policy->rules[i].when && !reference->policy->rules[i].is_audit &&
		    rule_matches(reference, &reference->policy->rules[i], asked->zone, &ends))
			return true;
	return false;
}

/* Would it have been denied at some instant since the moment the policy was set for? Nobody knows
 * of more than eight days of a schedule. */
static bool is_past_not_after(const struct sp_reference *reference, const struct sp_ref_case *asked,
			      uint64_t now_ns)
{
	const int64_t now_s = sp_ref_second(reference, now_ns);
	int64_t at_s = reference->facts.now_s;

	if (!sp_policy_is_timed(reference->policy))
		return false;
	if (now_s - at_s >= SP_REF_AHEAD_S && has_schedule(reference, asked))
		return true;
	while ((at_s = sp_ref_next_look(reference, at_s)) <= now_s)
		if (match_at(reference, asked, at_s).verdict == SP_DENY)
			return true;
	return false;
}

struct sp_answer sp_ref_match_rules(const struct sp_reference *reference,
				    const struct sp_ref_case *asked, uint64_t now_ns)
{
	const struct sp_rule *protect = sp_ref_match_protect(reference, asked->zone, asked->tuple);
	struct sp_answer answer;

	if (protect)
		return (struct sp_answer){ SP_ALLOW, SP_REASON_PROTECT, protect->number };
	answer = match_at(reference, asked, reference->facts.now_s);
	if (answer.verdict == SP_ALLOW && is_past_not_after(reference, asked, now_ns))
		return (struct sp_answer){ SP_DENY, SP_REASON_DEADLINE, answer.rule };
	return answer;
}
