/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/checks/overlap.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

int sp_overlap_init(struct sp_overlap *overlap, const struct sp_policy *policy)
{
	const struct sp_gateway *gateway = &policy->fixtures.gateway;

	*overlap = (struct sp_overlap){ .policy = policy };
	overlap->ranges = calloc(policy->network_count + 1, sizeof(*overlap->ranges));
	if (!overlap->ranges)
		return -ENOMEM;
	return sp_ranges_make(gateway->pool, gateway->pool_count, NULL, 0, &overlap->pool);
}

void sp_overlap_done(struct sp_overlap *overlap)
{
	for (size_t i = 0; overlap->ranges && i < overlap->policy->network_count; i++)
		sp_ranges_done(&overlap->ranges[i]);
	free(overlap->ranges);
	sp_ranges_done(&overlap->pool);
}

/* ---- covering ---- */

const struct sp_ranges *sp_overlap_ranges(struct sp_overlap *overlap, uint32_t index)
{
	const struct sp_network *network = &overlap->policy->networks[index];
	struct sp_ranges *ranges = &overlap->ranges[index];

	if (!ranges->items && sp_ranges_make(network->in, network->in_count, network->except,
					     network->except_count, ranges) < 0)
		overlap->no_memory = true;
	return ranges;
}

static bool network_covers(struct sp_overlap *overlap, uint32_t outer, uint32_t inner)
{
	const struct sp_ranges *a = sp_overlap_ranges(overlap, outer),
			       *b = sp_overlap_ranges(overlap, inner);

	const struct sp_network *networks = overlap->policy->networks;

	overlap->work += b->count;
	if (outer == inner)
		return true;
	/* of what a file holds nothing is known here */
	return sp_network_is_fixed(&networks[outer]) && sp_network_is_fixed(&networks[inner]) &&
	       b->count > 0 && sp_ranges_contain(a, b);
}

/* Are both the same user? A user whose provider is not known is nobody, and equals no other. */
static bool is_same_user(const struct sp_from *a, const struct sp_from *b)
{
	return a->idp && b->idp && !strcmp(a->user, b->user) && !strcmp(a->idp, b->idp);
}

/* Can only people have this role, and no machine? */
static bool is_role_of_people_alone(const struct sp_role *role)
{
	for (size_t i = 0; i < role->match_count; i++)
		if (role->matches[i].kind == SP_MATCH_PEER_KEY)
			return false;
	return true;
}

/* Is everybody of @inner on @outer? Those who are nobody count for nothing. */
static bool people_cover(struct sp_overlap *overlap, uint32_t outer, uint32_t inner)
{
	const struct sp_people_list *list = &overlap->policy->people[inner];

	overlap->work += list->count;
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].idp && !sp_people_has(&overlap->policy->people[outer],
							 list->items[i].user, list->items[i].idp))
			return false;
	return true;
}

static bool from_covers(struct sp_overlap *overlap, const struct sp_from *outer,
			const struct sp_from *inner)
{
	overlap->work++;
	if (outer->kind == SP_FROM_ANY)
		return inner->kind != SP_FROM_SELF; /* which nothing else means */
	if (outer->kind == SP_FROM_SIGNED_IN &&
	    (inner->kind == SP_FROM_USER || inner->kind == SP_FROM_PEOPLE))
		return true;
	if (outer->kind == SP_FROM_SIGNED_IN && inner->kind == SP_FROM_ROLE)
		return is_role_of_people_alone(&overlap->policy->roles[inner->index]);
	if (outer->kind == SP_FROM_PEOPLE && inner->kind == SP_FROM_USER)
		return sp_people_has(&overlap->policy->people[outer->index], inner->user,
				     inner->idp);
	if (outer->kind != inner->kind)
		return false;
	switch (outer->kind) {
	case SP_FROM_PEOPLE:
		return people_cover(overlap, outer->index, inner->index);
	case SP_FROM_SELF:
		return true;
	case SP_FROM_USER:
		return is_same_user(outer, inner);
	case SP_FROM_NETWORK:
		return network_covers(overlap, outer->index, inner->index);
	default:
		return outer->index == inner->index;
	}
}

static bool to_covers(struct sp_overlap *overlap, const struct sp_to *outer,
		      const struct sp_to *inner)
{
	overlap->work++;
	if (outer->kind == SP_TO_ANY)
		return true;
	if (outer->kind == SP_TO_SIGNED_IN &&
	    (inner->kind == SP_TO_PEOPLE || inner->kind == SP_TO_OWN_DEVICES))
		return true;
	if (outer->kind == SP_TO_SIGNED_IN && inner->kind == SP_TO_ROLE)
		return is_role_of_people_alone(&overlap->policy->roles[inner->index]);
	if (outer->kind != inner->kind)
		return false;
	if (outer->kind == SP_TO_NETWORK)
		return network_covers(overlap, outer->index, inner->index);
	if (outer->kind == SP_TO_PEOPLE)
		return people_cover(overlap, outer->index, inner->index);
	return outer->kind == SP_TO_SELF || outer->kind == SP_TO_SIGNED_IN ||
	       outer->kind == SP_TO_OWN_DEVICES || outer->index == inner->index;
}

static bool service_covers(const struct sp_service *outer, const struct sp_service *inner)
{
	return outer->kind == inner->kind && outer->proto == inner->proto &&
	       outer->from <= inner->from && inner->to <= outer->to;
}

static bool services_cover(struct sp_overlap *overlap, const struct sp_rule *outer,
			   const struct sp_rule *inner)
{
	if (outer->service_count == 0)
		return true;
	if (inner->service_count == 0)
		return false;
	for (size_t i = 0; i < inner->service_count; i++) {
		size_t k = 0;

		while (k < outer->service_count &&
		       !service_covers(&outer->services[k], &inner->services[i]))
			k++;
		overlap->work += k;
		if (k == outer->service_count)
			return false;
	}
	return true;
}

/* Is @outer in force whenever @inner is? */
static bool time_covers(const struct sp_rule *outer, const struct sp_rule *inner)
{
	return (!outer->when || outer->when == inner->when) &&
	       (!outer->expires_s || (inner->expires_s && inner->expires_s <= outer->expires_s));
}

bool sp_rule_covers(struct sp_overlap *overlap, const struct sp_rule *outer,
		    const struct sp_rule *inner)
{
	for (size_t i = 0; i < inner->from_count; i++) {
		size_t k = 0;

		while (k < outer->from_count &&
		       !from_covers(overlap, &outer->from[k], &inner->from[i]))
			k++;
		if (k == outer->from_count)
			return false;
	}
	for (size_t i = 0; i < inner->to_count; i++) {
		size_t k = 0;

		while (k < outer->to_count && !to_covers(overlap, &outer->to[k], &inner->to[i]))
			k++;
		if (k == outer->to_count)
			return false;
	}
	return time_covers(outer, inner) && services_cover(overlap, outer, inner);
}

/* ---- meeting ---- */

static bool is_same_provider(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

static bool match_has_provider(const struct sp_policy *policy, const struct sp_role_match *match,
			       const char *idp)
{
	const struct sp_people_list *list;

	if (match->kind != SP_MATCH_PEOPLE)
		return is_same_provider(match->idp, idp);
	list = &policy->people[match->people];
	for (size_t i = 0; i < list->count; i++)
		if (is_same_provider(list->items[i].idp, idp))
			return true;
	return false;
}

/* Can one person, or one machine, be meant by both? */
static bool matches_meet(const struct sp_policy *policy, const struct sp_role_match *a,
			 const struct sp_role_match *b)
{
	const struct sp_people_list *list;

	if (a->kind == SP_MATCH_PEER_KEY || b->kind == SP_MATCH_PEER_KEY)
		return a->kind == b->kind && !memcmp(a->peer_key, b->peer_key, sizeof(a->peer_key));
	if (a->kind != SP_MATCH_PEOPLE)
		return match_has_provider(policy, b, a->idp);
	list = &policy->people[a->people];
	for (size_t i = 0; i < list->count; i++)
		if (match_has_provider(policy, b, list->items[i].idp))
			return true;
	return false;
}

static bool roles_meet(const struct sp_policy *policy, uint32_t left, uint32_t right)
{
	const struct sp_role *a = &policy->roles[left], *b = &policy->roles[right];

	if (left == right)
		return true;
	for (size_t i = 0; i < a->match_count; i++)
		for (size_t k = 0; k < b->match_count; k++)
			if (matches_meet(policy, &a->matches[i], &b->matches[k]))
				return true;
	return false;
}

static bool role_has_provider(const struct sp_policy *policy, uint32_t index, const char *idp)
{
	const struct sp_role *role = &policy->roles[index];

	for (size_t i = 0; i < role->match_count; i++)
		if (match_has_provider(policy, &role->matches[i], idp))
			return true;
	return false;
}

static bool role_meets(const struct sp_policy *policy, uint32_t role, const struct sp_from *other)
{
	const struct sp_people_list *list;

	switch (other->kind) {
	case SP_FROM_ROLE:
		return roles_meet(policy, role, other->index);
	case SP_FROM_USER:
		return role_has_provider(policy, role, other->idp);
	case SP_FROM_PEOPLE:
		list = &policy->people[other->index];
		for (size_t i = 0; i < list->count; i++)
			if (role_has_provider(policy, role, list->items[i].idp))
				return true;
		return false;
	default:
		return sp_role_is_of_people(&policy->roles[role]);
	}
}

static bool list_meets(const struct sp_policy *policy, uint32_t index, const struct sp_from *other)
{
	const struct sp_people_list *list = &policy->people[index];

	if (other->kind == SP_FROM_USER)
		return sp_people_has(list, other->user, other->idp);
	if (other->kind == SP_FROM_SIGNED_IN)
		return true;
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].idp && sp_people_has(&policy->people[other->index],
							list->items[i].user, list->items[i].idp))
			return true;
	return false;
}

/* Can one session be meant by both? Each is a role, a list, a user or anybody signed in. */
static bool people_meet(const struct sp_policy *policy, const struct sp_from *a,
			const struct sp_from *b)
{
	if (a->kind == SP_FROM_ROLE)
		return role_meets(policy, a->index, b);
	if (b->kind == SP_FROM_ROLE)
		return role_meets(policy, b->index, a);
	if (a->kind == SP_FROM_PEOPLE)
		return list_meets(policy, a->index, b);
	if (b->kind == SP_FROM_PEOPLE)
		return list_meets(policy, b->index, a);
	if (a->kind == SP_FROM_USER && b->kind == SP_FROM_USER)
		return is_same_user(a, b);
	return true;
}

static bool network_meets_pool(struct sp_overlap *overlap, uint32_t index)
{
	return sp_ranges_meet(sp_overlap_ranges(overlap, index), &overlap->pool);
}

static bool networks_meet(struct sp_overlap *overlap, uint32_t a, uint32_t b)
{
	const struct sp_ranges *left = sp_overlap_ranges(overlap, a);
	const struct sp_ranges *right = sp_overlap_ranges(overlap, b);

	overlap->work += left->count + right->count;
	return sp_ranges_meet(left, right);
}

static bool is_of_people(const struct sp_from *from)
{
	return from->kind == SP_FROM_ROLE || from->kind == SP_FROM_USER ||
	       from->kind == SP_FROM_SIGNED_IN || from->kind == SP_FROM_PEOPLE;
}

static bool from_meets(struct sp_overlap *overlap, const struct sp_from *a, const struct sp_from *b)
{
	overlap->work++;
	if (a->kind == SP_FROM_SELF || b->kind == SP_FROM_SELF)
		return a->kind == b->kind;
	if (a->kind == SP_FROM_ANY || b->kind == SP_FROM_ANY)
		return true;
	if (is_of_people(a) && is_of_people(b))
		return people_meet(overlap->policy, a, b);
	if (is_of_people(a))
		return network_meets_pool(overlap, b->index);
	if (is_of_people(b))
		return network_meets_pool(overlap, a->index);
	return networks_meet(overlap, a->index, b->index);
}

/* What a destination says of a session, as a source would. */
static struct sp_from receiver_of(const struct sp_to *to)
{
	return (struct sp_from){
		.kind = to->kind == SP_TO_ROLE     ? SP_FROM_ROLE
			: to->kind == SP_TO_PEOPLE ? SP_FROM_PEOPLE
						   : SP_FROM_SIGNED_IN,
		.index = to->index,
	};
}

static bool is_to_people(const struct sp_to *to)
{
	return to->kind == SP_TO_ROLE || to->kind == SP_TO_SIGNED_IN || to->kind == SP_TO_PEOPLE ||
	       to->kind == SP_TO_OWN_DEVICES;
}

static bool network_has_self(const struct sp_policy *policy, uint32_t index)
{
	const struct sp_gateway *gateway = &policy->fixtures.gateway;

	for (size_t i = 0; i < gateway->self_count; i++)
		if (sp_network_has(&policy->networks[index], &gateway->self[i]))
			return true;
	return false;
}

static bool network_has_target(const struct sp_network *network, const struct sp_forward *forward)
{
	for (size_t i = 0; i < forward->target_count; i++)
		if (sp_network_has(network, &forward->targets[i]))
			return true;
	return false;
}

/* A network with what a nat entry leads to. */
static bool nat_meets(struct sp_overlap *overlap, uint32_t network, uint32_t index)
{
	const struct sp_nat *nat = &overlap->policy->nats[index];
	__sp_cleanup(sp_ranges_done) struct sp_ranges inside = { 0 };

	if (nat->kind == SP_NAT_FORWARD)
		return network_has_target(&overlap->policy->networks[network], &nat->forward);
	return sp_ranges_make(&nat->netmap.inside, 1, NULL, 0, &inside) < 0 ||
	       sp_ranges_meet(sp_overlap_ranges(overlap, network), &inside);
}

/* A network with one that names people or the gateway. */
static bool to_network_meets(struct sp_overlap *overlap, uint32_t network, const struct sp_to *to)
{
	if (to->kind == SP_TO_SELF)
		return network_has_self(overlap->policy, network);
	if (to->kind == SP_TO_NAT)
		return nat_meets(overlap, network, to->index);
	if (is_to_people(to))
		return network_meets_pool(overlap, network);
	return networks_meet(overlap, network, to->index);
}

static bool to_meets(struct sp_overlap *overlap, const struct sp_to *a, const struct sp_to *b)
{
	overlap->work++;
	if (a->kind == SP_TO_ANY || b->kind == SP_TO_ANY)
		return true;
	if (a->kind == SP_TO_NETWORK)
		return to_network_meets(overlap, a->index, b);
	if (b->kind == SP_TO_NETWORK)
		return to_network_meets(overlap, b->index, a);
	if (is_to_people(a) && is_to_people(b)) {
		const struct sp_from one = receiver_of(a), other = receiver_of(b);

		return people_meet(overlap->policy, &one, &other);
	}
	if (a->kind == SP_TO_NAT && b->kind == SP_TO_NAT)
		return a->index == b->index;
	return a->kind == SP_TO_SELF && b->kind == SP_TO_SELF;
}

static bool service_meets(const struct sp_service *a, const struct sp_service *b)
{
	static const uint8_t icmp_proto[] = {
		[SP_SERVICE_ICMP] = IPPROTO_ICMP,
		[SP_SERVICE_ICMP6] = IPPROTO_ICMPV6,
	};
	const bool a_is_icmp = a->kind == SP_SERVICE_ICMP || a->kind == SP_SERVICE_ICMP6;
	const bool b_is_icmp = b->kind == SP_SERVICE_ICMP || b->kind == SP_SERVICE_ICMP6;
	const uint8_t a_proto = a_is_icmp ? icmp_proto[a->kind] : a->proto;
	const uint8_t b_proto = b_is_icmp ? icmp_proto[b->kind] : b->proto;

	if (a_proto != b_proto)
		return false;
	if (a->kind == SP_SERVICE_PROTO || b->kind == SP_SERVICE_PROTO)
		return true;
	return a->from <= b->to && b->from <= a->to;
}

static bool services_meet(struct sp_overlap *overlap, const struct sp_rule *a,
			  const struct sp_rule *b)
{
	if (a->service_count == 0 || b->service_count == 0)
		return true;
	for (size_t i = 0; i < a->service_count; i++) {
		for (size_t k = 0; k < b->service_count; k++)
			if (service_meets(&a->services[i], &b->services[k]))
				return true;
		overlap->work += b->service_count;
	}
	return false;
}

/* An expose entry is for the edge, where nobody has a session. */
static bool sources_meet(struct sp_overlap *overlap, const struct sp_rule *a,
			 const struct sp_rule *b)
{
	const bool is_of_edge = a->kind == SP_RULE_EXPOSE || b->kind == SP_RULE_EXPOSE;

	for (size_t i = 0; i < a->from_count; i++)
		for (size_t k = 0; k < b->from_count; k++) {
			if (is_of_edge && (is_of_people(&a->from[i]) || is_of_people(&b->from[k])))
				continue;
			if (from_meets(overlap, &a->from[i], &b->from[k]))
				return true;
		}
	return false;
}

bool sp_rules_meet(struct sp_overlap *overlap, const struct sp_rule *a, const struct sp_rule *b)
{
	if (!services_meet(overlap, a, b) || !sources_meet(overlap, a, b))
		return false;
	for (size_t i = 0; i < a->to_count; i++)
		for (size_t k = 0; k < b->to_count; k++)
			if (to_meets(overlap, &a->to[i], &b->to[k]))
				return true;
	return false;
}
