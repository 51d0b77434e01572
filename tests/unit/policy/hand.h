/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policies and gateways written by hand in a few words, without the language: for tests of what
 * comes after it. Everything lives until hand_done. */
#ifndef SALLYPORT_TEST_HAND_H
#define SALLYPORT_TEST_HAND_H

#include <assert.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "net/addr.h"
#include "policy/facts.h"
#include "policy/model.h"

struct hand {
	struct sp_policy policy;
	struct sp_gateway gateway;
	struct sp_facts facts;
};

static inline struct sp_addr hand_addr(const char *text)
{
	struct sp_addr addr;

	if (sp_addr_parse(text, &addr) < 0)
		abort();
	return addr;
}

/* Calls @take for each word of @text. */
#define HAND_EACH_WORD(word, text)                                                                 \
	for (char hand_copy[512], *hand_save = NULL,                                               \
				  *word = (snprintf(hand_copy, sizeof(hand_copy), "%s", text),     \
					   strtok_r(hand_copy, " ", &hand_save));                  \
	     word; word = strtok_r(NULL, " ", &hand_save))

static inline void hand_prefixes(const char *text, struct sp_prefix **prefixes, size_t *count)
{
	HAND_EACH_WORD(word, text)
	{
		struct sp_prefix *prefix = SP_ARRAY_PUSH(*prefixes, *count);

		if (!prefix || sp_prefix_parse(word, prefix) < 0)
			abort();
	}
}

static inline uint32_t hand_network(struct hand *hand, const char *name, const char *in,
				    const char *except)
{
	struct sp_network *network =
		SP_ARRAY_PUSH(hand->policy.networks, hand->policy.network_count);

	network->name = strdup(name);
	hand_prefixes(in, &network->in, &network->in_count);
	hand_prefixes(except, &network->except, &network->except_count);
	return (uint32_t)(hand->policy.network_count - 1);
}

static inline uint32_t hand_find_network(struct hand *hand, const char *name)
{
	for (uint32_t n = 0; n < hand->policy.network_count; n++)
		if (strcmp(hand->policy.networks[n].name, name) == 0)
			return n;
	abort();
}

static inline void hand_role(struct hand *hand, const char *name, const char *idp,
			     const char *group)
{
	struct sp_role *role = SP_ARRAY_PUSH(hand->policy.roles, hand->policy.role_count);
	struct sp_role_match *match = SP_ARRAY_PUSH(role->matches, role->match_count);

	role->name = strdup(name);
	match->idp = strdup(idp);
	match->group = strdup(group);
}

/* Each "user@idp", in the order of the model: by provider, then by name. */
static inline void hand_people(struct hand *hand, const char *name, const char *people)
{
	struct sp_people_list *list = SP_ARRAY_PUSH(hand->policy.people, hand->policy.people_count);

	list->name = strdup(name);
	HAND_EACH_WORD(word, people)
	{
		struct sp_person_name *person = SP_ARRAY_PUSH(list->items, list->count);
		char *at = strchr(word, '@');

		if (!person || !at)
			abort();
		person->user = strndup(word, (size_t)(at - word));
		person->idp = strdup(at + 1);
	}
}

static inline void hand_from(struct hand *hand, struct sp_rule *rule, const char *word)
{
	struct sp_from *from = SP_ARRAY_PUSH(rule->from, rule->from_count);

	if (strcmp(word, "any") == 0)
		*from = (struct sp_from){ .kind = SP_FROM_ANY };
	else if (strcmp(word, "self") == 0)
		*from = (struct sp_from){ .kind = SP_FROM_SELF };
	else if (strcmp(word, "signed-in") == 0)
		*from = (struct sp_from){ .kind = SP_FROM_SIGNED_IN };
	else if (strncmp(word, "people:", 7) == 0)
		*from = (struct sp_from){ .kind = SP_FROM_PEOPLE,
					  .index = (uint32_t)atoi(word + 7) };
	else if (strncmp(word, "role:", 5) == 0)
		*from = (struct sp_from){ SP_FROM_ROLE, (uint32_t)atoi(word + 5), NULL, NULL };
	else if (strncmp(word, "user:", 5) == 0)
		*from = (struct sp_from){ SP_FROM_USER, 0, strdup(word + 5), strdup("corp") };
	else
		*from = (struct sp_from){ SP_FROM_NETWORK, hand_find_network(hand, word), NULL,
					  NULL };
}

static inline void hand_to(struct hand *hand, struct sp_rule *rule, const char *word)
{
	struct sp_to *to = SP_ARRAY_PUSH(rule->to, rule->to_count);

	if (strcmp(word, "any") == 0)
		*to = (struct sp_to){ .kind = SP_TO_ANY };
	else if (strcmp(word, "self") == 0)
		*to = (struct sp_to){ .kind = SP_TO_SELF };
	else if (strcmp(word, "signed-in") == 0)
		*to = (struct sp_to){ .kind = SP_TO_SIGNED_IN };
	else if (strcmp(word, "own-devices") == 0)
		*to = (struct sp_to){ .kind = SP_TO_OWN_DEVICES };
	else if (strncmp(word, "people:", 7) == 0)
		*to = (struct sp_to){ SP_TO_PEOPLE, (uint32_t)atoi(word + 7) };
	else if (strncmp(word, "role:", 5) == 0)
		*to = (struct sp_to){ SP_TO_ROLE, (uint32_t)atoi(word + 5) };
	else
		*to = (struct sp_to){ SP_TO_NETWORK, hand_find_network(hand, word) };
}

/* tcp/80-90, icmp/8, icmp6/0-255, proto/47 */
static inline void hand_service(struct sp_rule *rule, const char *word)
{
	struct sp_service *service = SP_ARRAY_PUSH(rule->services, rule->service_count);
	char kind[8];
	unsigned from, to;
	int n = sscanf(word, "%7[a-z0-9]/%u-%u", kind, &from, &to);

	if (n < 2)
		abort();
	*service =
		(struct sp_service){ .from = (uint16_t)from, .to = (uint16_t)(n == 3 ? to : from) };
	if (strcmp(kind, "proto") == 0) {
		*service = (struct sp_service){ .kind = SP_SERVICE_PROTO, .proto = (uint8_t)from };
	} else if (strcmp(kind, "icmp") == 0) {
		service->kind = SP_SERVICE_ICMP;
		service->proto = 1;
	} else if (strcmp(kind, "icmp6") == 0) {
		service->kind = SP_SERVICE_ICMP6;
		service->proto = 58;
	} else {
		service->kind = SP_SERVICE_PORTS;
		service->proto = strcmp(kind, "tcp") == 0 ? 6 : strcmp(kind, "udp") == 0 ? 17 : 132;
	}
}

/* Append a rule; words of each list are separated by blanks. */
static inline struct sp_rule *hand_rule(struct hand *hand, enum sp_rule_kind kind, const char *name,
					const char *from, const char *to, const char *services)
{
	struct sp_rule *rule = SP_ARRAY_PUSH(hand->policy.rules, hand->policy.rule_count);

	rule->name = strdup(name);
	rule->kind = kind;
	rule->log = kind == SP_RULE_DENY ? SP_LOG_ALL : SP_LOG_NEW;
	rule->number = (uint32_t)hand->policy.rule_count;
	HAND_EACH_WORD(word, from)
	hand_from(hand, rule, word);
	HAND_EACH_WORD(word, to)
	hand_to(hand, rule, word);
	HAND_EACH_WORD(word, services)
	hand_service(rule, word);
	return rule;
}

/* A forward of one of the gateway's ports, and the rule that it is. @service: of the target. */
static inline void hand_forward(struct hand *hand, const char *name, const char *from,
				const char *to, uint16_t port, const char *target,
				const char *service)
{
	struct sp_nat *nat = SP_ARRAY_PUSH(hand->policy.nats, hand->policy.nat_count);
	struct sp_rule *rule = hand_rule(hand, SP_RULE_ALLOW, name, from, "", service);
	struct sp_to *way = SP_ARRAY_PUSH(rule->to, rule->to_count);

	nat->kind = SP_NAT_FORWARD;
	nat->forward = (struct sp_forward){ .to = hand_addr(to),
					    .targets = { hand_addr(target) },
					    .target_count = 1,
					    .port = port,
					    .target_port = rule->services[0].from,
					    .proto = rule->services[0].proto };
	*way = (struct sp_to){ .kind = SP_TO_NAT, .index = (uint32_t)hand->policy.nat_count - 1 };
}

static inline void hand_pool(struct hand *hand, const char *prefixes)
{
	hand_prefixes(prefixes, &hand->gateway.pool, &hand->gateway.pool_count);
}

static inline void hand_self(struct hand *hand, const char *text)
{
	struct sp_addr *self = SP_ARRAY_PUSH(hand->gateway.self, hand->gateway.self_count);

	*self = hand_addr(text);
}

static inline void hand_route(struct hand *hand, const char *text, enum sp_zone zone)
{
	struct sp_route *route = SP_ARRAY_PUSH(hand->gateway.routes, hand->gateway.route_count);

	if (sp_prefix_parse(text, &route->prefix) < 0)
		abort();
	route->zone = zone;
}

/* What parked people reach. */
static inline void hand_parked(struct hand *hand, uint16_t portal_port, const char *resolvers)
{
	hand->gateway.portal_port = portal_port;
	HAND_EACH_WORD(word, resolvers)
	{
		struct sp_addr *resolver =
			SP_ARRAY_PUSH(hand->gateway.resolvers, hand->gateway.resolver_count);

		*resolver = hand_addr(word);
	}
}

static inline void hand_done(struct hand *hand)
{
	struct sp_policy *policy = &hand->policy;

	for (size_t i = 0; i < policy->rule_count; i++) {
		struct sp_rule *rule = &policy->rules[i];

		for (size_t n = 0; n < rule->from_count; n++) {
			free((char *)rule->from[n].user);
			free((char *)rule->from[n].idp);
		}
		free(rule->name);
		free(rule->from);
		free(rule->to);
		free(rule->services);
	}
	free(policy->nats);
	for (size_t i = 0; i < policy->network_count; i++) {
		free(policy->networks[i].name);
		free(policy->networks[i].in);
		free(policy->networks[i].except);
	}
	for (size_t i = 0; i < policy->people_count; i++) {
		struct sp_people_list *list = &policy->people[i];

		for (size_t n = 0; n < list->count; n++) {
			free(list->items[n].user);
			free(list->items[n].idp);
		}
		free(list->name);
		free(list->items);
	}
	for (size_t i = 0; i < policy->role_count; i++) {
		free(policy->roles[i].name);
		free(policy->roles[i].matches[0].idp);
		free(policy->roles[i].matches[0].group);
		free(policy->roles[i].matches);
	}
	free(policy->rules);
	free(policy->networks);
	free(policy->people);
	free(policy->roles);
	sp_gateway_done(&hand->gateway);
	*hand = (struct hand){ 0 };
}

#endif
