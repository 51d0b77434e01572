/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets at edges: the first and last address of a prefix, the ones beside it, the ends of a port
 * range and their neighbours; and enough in the middle that rules really match. */
#include "traffic.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

struct sp_addr addr_of(const char *text)
{
	struct sp_addr addr;

	if (sp_addr_parse(text, &addr) < 0)
		abort();
	return addr;
}

static void step_addr(struct sp_addr *addr, int by)
{
	for (int i = 15; i >= 0; i--) {
		addr->b[i] = (uint8_t)(addr->b[i] + by);
		if (addr->b[i] != (by > 0 ? 0x00 : 0xff))
			return;
	}
}

/* An address at, beside or in a prefix. It stays in its family. */
static struct sp_addr edge_of(struct rng *rng, const char *text)
{
	struct sp_prefix prefix;
	struct sp_addr addr, moved;
	uint32_t dice = rng_below(rng, 100);

	if (sp_prefix_parse(text, &prefix) < 0)
		abort();
	memcpy(addr.b, prefix.addr, sizeof(addr.b));
	for (uint32_t bit = prefix.prefix_len; bit < 128; bit++)
		if (dice >= 62 ? rng_chance(rng, 50) : dice >= 31)
			addr.b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	moved = addr;
	if (dice >= 24 && dice < 31)
		step_addr(&moved, -1);
	else if (dice >= 55 && dice < 62)
		step_addr(&moved, 1);
	return sp_addr_is_v4(&moved) == sp_addr_is_v4(&addr) ? moved : addr;
}

static bool is_family(const char *text, bool v6)
{
	return (strchr(text, ':') != NULL) == v6;
}

/* A word of this family among some; NULL: none. */
static const char *pick_family(struct rng *rng, const struct words *words, bool v6)
{
	uint32_t start;

	if (!words->count)
		return NULL;
	start = rng_below(rng, words->count);
	for (uint32_t i = 0; i < words->count; i++) {
		const char *item = words->item[(start + i) % words->count];

		if (is_family(item, v6))
			return item;
	}
	return NULL;
}

static struct sp_addr stranger(struct rng *rng, bool v6)
{
	static const char *const v4s[] = { "8.8.8.8",      "93.184.216.34", "10.30.0.9",
					   "203.0.113.9",  "10.99.1.1",     "192.168.1.1",
					   "127.0.0.1",    "0.0.0.0",       "198.51.100.77",
					   "100.64.0.200", "100.64.1.0" };
	static const char *const v6s[] = { "2a00:1450::88",  "2606:4700::1111", "2001:db8:30::9",
					   "fd00:20::9",     "fe80::1",         "::",
					   "2001:db8:99::1", "fd00:64::ff",     "fd00:64::1:0" };

	return addr_of(v6 ? v6s[rng_below(rng, SP_ARRAY_LEN(v6s))]
			  : v4s[rng_below(rng, SP_ARRAY_LEN(v4s))]);
}

static bool session_address(const struct world *world, uint32_t n, bool v6,
			    struct sp_addr *ret_addr)
{
	if (n >= world->session_count || !world->sessions[n].address[v6][0])
		return false;
	*ret_addr = addr_of(world->sessions[n].address[v6]);
	return true;
}

/* A session with the role, or any at all when @role is UINT32_MAX. */
static bool role_address(struct rng *rng, const struct world *world, uint32_t role, bool v6,
			 struct sp_addr *ret_addr)
{
	uint32_t start = rng_below(rng, world->session_count + 1);

	for (uint32_t i = 0; i < world->session_count; i++) {
		uint32_t n = (start + i) % world->session_count;

		if (role != UINT32_MAX && !(world->sessions[n].groups >> role & 1))
			continue;
		if (session_address(world, n, v6, ret_addr))
			return true;
	}
	return false;
}

/* A session of somebody whose bit is in @users. */
static bool people_address(struct rng *rng, const struct world *world, uint32_t users, bool v6,
			   struct sp_addr *ret_addr)
{
	uint32_t start = rng_below(rng, world->session_count + 1);

	for (uint32_t i = 0; i < world->session_count; i++) {
		uint32_t n = (start + i) % world->session_count;

		if ((users >> world->sessions[n].user & 1) &&
		    session_address(world, n, v6, ret_addr))
			return true;
	}
	return false;
}

/* A word of `from` or `to`: an address it is about, if it has one of the family. */
static bool word_address(struct rng *rng, const struct world *world,
			 const struct world_policy *policy, const char *word, bool v6,
			 struct sp_addr *ret_addr)
{
	static const char *const global[2] = { "8.8.0.0/16", "2a00:1450::/32" };
	const char *text = NULL;
	unsigned n;

	if (sscanf(word, "{ user: u%u", &n) == 1)
		return people_address(rng, world, 1u << n, v6, ret_addr);
	if (sscanf(word, "{ role: r%u", &n) == 1 || sscanf(word, "r%u", &n) == 1)
		return role_address(rng, world, n, v6, ret_addr);
	if (sscanf(word, "{ people: p%u", &n) == 1 || sscanf(word, "p%u", &n) == 1)
		return n < policy->people_count &&
		       people_address(rng, world, policy->people[n], v6, ret_addr);
	if (strcmp(word, "signed-in") == 0 || strcmp(word, "own-devices") == 0)
		return role_address(rng, world, UINT32_MAX, v6, ret_addr);
	if (strcmp(word, "any") == 0)
		return rng_chance(rng, 60) && role_address(rng, world, UINT32_MAX, v6, ret_addr);
	if (sscanf(word, "{ nat: m%u", &n) == 1)
		text = is_family(policy->netmaps[n].outside, v6) ? policy->netmaps[n].outside
								 : NULL;
	else if (strcmp(word, "self") == 0)
		text = pick_family(rng, &world->self, v6);
	else if (strcmp(word, "internet") == 0)
		text = global[v6];
	else if (word[0] != '{' && is_family(word, v6) && (strchr(word, '.') || strchr(word, ':')))
		text = word;
	for (uint32_t i = 0; i < policy->network_count && !text; i++) {
		const struct world_network *network = &policy->networks[i];

		if (strcmp(network->name, word) != 0)
			continue;
		if (network->except.count && rng_chance(rng, 45))
			text = pick_family(rng, &network->except, v6);
		if (!text)
			text = pick_family(rng, &network->in, v6);
	}
	if (!text)
		return false;
	*ret_addr = edge_of(rng, text);
	return true;
}

static struct sp_addr aim_address(struct rng *rng, const struct world *world,
				  const struct world_policy *policy, const struct words *words,
				  bool v6)
{
	struct sp_addr addr = stranger(rng, v6);

	if (words->count && rng_chance(rng, 94))
		word_address(rng, world, policy, words->item[rng_below(rng, words->count)], v6,
			     &addr);
	else if (words->count && rng_chance(rng, 50))
		role_address(rng, world, UINT32_MAX, v6, &addr);
	/* Most addresses of the pool are nobody's. */
	if (world_home(world, &addr) == SP_ZONE_TUNNEL &&
	    world_session_of(world, &addr) == UINT32_MAX && rng_chance(rng, 70))
		role_address(rng, world, UINT32_MAX, v6, &addr);
	return addr;
}

/* ---- services ---- */

static uint16_t edge_port(struct rng *rng, uint32_t from, uint32_t to)
{
	switch (rng_below(rng, 8)) {
	case 0:
		return (uint16_t)(from - 1);
	case 1:
		return (uint16_t)(to + 1);
	case 2:
	case 3:
		return (uint16_t)from;
	case 4:
	case 5:
		return (uint16_t)to;
	default:
		return (uint16_t)rng_between(rng, from, to);
	}
}

static uint8_t icmp_type(struct rng *rng, const char *name, bool v6)
{
	unsigned number;

	if (!name || rng_chance(rng, 15))
		return (uint8_t[2][6]){ { 8, 13, 17, 9, 0, 3 },
					{ 128, 128, 135, 130, 129, 1 } }[v6][rng_below(rng, 6)];
	if (strcmp(name, "unreachable") == 0)
		return v6 ? 1 : 3;
	if (sscanf(name, "%u", &number) == 1)
		return (uint8_t)number;
	return v6 ? 128 : 8;
}

static void aim_service(struct rng *rng, const char *word, bool v6, struct talk *talk)
{
	unsigned from = 0, to = 0;
	int count;

	talk->icmp_id = (uint16_t)rng_between(rng, 1, 3);
	talk->icmp_type = v6 ? 128 : 8;
	talk->proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	if (strncmp(word, "icmp", 4) == 0) {
		if (rng_chance(rng, 10)) /* the other family's number has no ports here */
			talk->proto = v6 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		talk->icmp_type =
			icmp_type(rng, strchr(word, '/') ? strchr(word, '/') + 1 : NULL, v6);
		return;
	}
	if (sscanf(word, "proto/%u", &from) == 1) {
		talk->proto = (uint8_t)from;
		talk->destination_port = (uint16_t)rng_next(rng);
		if (rng_chance(rng, 10))
			talk->proto++;
		return;
	}
	count = sscanf(word, "%*[a-z]/%u-%u", &from, &to);
	talk->proto = word[0] == 't' ? IPPROTO_TCP : word[0] == 'u' ? IPPROTO_UDP : IPPROTO_SCTP;
	talk->destination_port = edge_port(rng, from, count == 2 ? to : from);
	if (rng_chance(rng, 6))
		talk->proto = rng_chance(rng, 50) ? IPPROTO_TCP : IPPROTO_UDP;
}

/* @words none: any protocol will do. */
static void aim_services(struct rng *rng, const struct world_policy *policy,
			 const struct words *words, bool v6, struct talk *talk)
{
	static const char *const any[] = { "tcp/443", "tcp/1-65534", "udp/53", "sctp/9",
					   "icmp/8",  "proto/47",    "tcp/22", "udp/1-65534" };
	const char *word = any[rng_below(rng, SP_ARRAY_LEN(any))];

	if (words->count)
		word = words->item[rng_below(rng, words->count)];
	for (uint32_t i = 0; i < policy->service_count; i++)
		if (strcmp(policy->services[i].name, word) == 0) {
			const struct words *items = &policy->services[i].items;

			word = items->item[rng_below(rng, items->count)];
			break;
		}
	aim_service(rng, word, v6, talk);
}

/* ---- hooks ---- */

static enum sp_zone zone_of(struct rng *rng, const struct world *world, const struct sp_addr *addr)
{
	unsigned home = world_home(world, addr);

	if (home < SP_ZONE_COUNT)
		return (enum sp_zone)home;
	return rng_chance(rng, 50) ? SP_ZONE_EDGE : SP_ZONE_INSIDE;
}

enum sp_hook hook_into(struct rng *rng, const struct world *world, const struct sp_addr *source)
{
	static const enum sp_hook hooks[] = {
		[SP_ZONE_EDGE] = SP_HOOK_EDGE_IN,
		[SP_ZONE_INSIDE] = SP_HOOK_INSIDE_IN,
		[SP_ZONE_TUNNEL] = SP_HOOK_VPN_IN,
	};

	return hooks[zone_of(rng, world, source)];
}

enum sp_hook hook_out_to(struct rng *rng, const struct world *world,
			 const struct sp_addr *destination)
{
	static const enum sp_hook hooks[] = {
		[SP_ZONE_EDGE] = SP_HOOK_EDGE_OUT,
		[SP_ZONE_INSIDE] = SP_HOOK_INSIDE_OUT,
		[SP_ZONE_TUNNEL] = SP_HOOK_VPN_OUT,
	};

	return hooks[zone_of(rng, world, destination)];
}

static const struct world_rule *pick_rule(struct rng *rng, const struct world_policy *policy)
{
	const struct world_rule *rule = NULL;
	/* Half the packets go where some rule says no. */
	enum sp_rule_kind wanted = rng_chance(rng, 45) ? SP_RULE_DENY : SP_RULE_ALLOW;

	if (!policy->rule_count)
		return NULL;
	for (int tries = 0; tries < 4; tries++) {
		rule = &policy->rules[rng_below(rng, policy->rule_count)];
		if (rule->kind == wanted)
			break;
	}
	return rule;
}

static void aim_forward(struct rng *rng, const struct world *world,
			const struct world_policy *policy, struct talk *talk)
{
	const struct world_forward *forward =
		&policy->forwards[rng_below(rng, policy->forward_count)];
	const bool is_address = strchr(forward->to, '.') || strchr(forward->to, ':');
	const char *to = is_address ? forward->to : pick_family(rng, &world->self, forward->is_v6);

	if (!to || forward->is_v6 == sp_addr_is_v4(&talk->source))
		return;
	talk->destination = edge_of(rng, to);
	talk->proto = forward->is_udp ? IPPROTO_UDP : IPPROTO_TCP;
	talk->destination_port = rng_chance(rng, 85) ? (uint16_t)forward->port
						     : edge_port(rng, forward->port, forward->port);
}

void aim_talk(struct rng *rng, const struct world *world, unsigned revision, struct talk *ret_talk)
{
	static const struct world_rule nothing;
	const struct world_policy *policy = &world->policy[revision];
	const struct world_rule *rule = pick_rule(rng, policy);
	bool v6 = rng_chance(rng, 42);

	*ret_talk = (struct talk){ 0 };
	if (!rule)
		rule = &nothing;
	ret_talk->source = aim_address(rng, world, policy, &rule->from, v6);
	ret_talk->destination = aim_address(rng, world, policy, &rule->to, v6);
	ret_talk->source_port = (uint16_t)rng_between(rng, 1024, 1030);
	aim_services(rng, policy, &rule->services, v6, ret_talk);
	ret_talk->hook = hook_into(rng, world, &ret_talk->source);
	if (rule->kind == SP_RULE_EXPOSE && world_home(world, &ret_talk->source) >= SP_ZONE_COUNT)
		ret_talk->hook = SP_HOOK_EDGE_IN;
	if (world_has_forwards(policy) && rng_chance(rng, 35))
		aim_forward(rng, world, policy, ret_talk);
	if (rng_chance(rng, 4)) /* where it does not belong */
		ret_talk->hook =
			(enum sp_hook[]){ SP_HOOK_EDGE_IN, SP_HOOK_VPN_IN, SP_HOOK_INSIDE_IN,
					  SP_HOOK_VPN_OUT }[rng_below(rng, 4)];
}

static bool is_from_self(const struct world_rule *rule)
{
	for (uint32_t i = 0; i < rule->from.count; i++)
		if (strcmp(rule->from.item[i], "self") == 0)
			return true;
	return false;
}

void aim_own(struct rng *rng, const struct world *world, unsigned revision, struct talk *talk)
{
	const struct world_policy *policy = &world->policy[revision];
	uint32_t start = rng_below(rng, policy->rule_count + 1);
	bool v6 = rng_chance(rng, 42);

	for (uint32_t i = 0; i < policy->rule_count; i++) {
		const struct world_rule *rule = &policy->rules[(start + i) % policy->rule_count];

		if (!is_from_self(rule))
			continue;
		talk->destination = aim_address(rng, world, policy, &rule->to, v6);
		aim_services(rng, policy, &rule->services, v6, talk);
		return;
	}
}

void aim_parked(struct rng *rng, const struct world *world, struct talk *ret_talk)
{
	bool is_name = !world->portal_port || rng_chance(rng, 60), v6 = rng_chance(rng, 40);
	const struct words *targets = is_name ? &world->resolvers : &world->self;
	const char *target;

	if (rng_chance(rng, 8)) /* who answers names is no portal, and the other way round */
		targets = is_name ? &world->self : &world->resolvers;
	*ret_talk =
		(struct talk){ .hook = SP_HOOK_VPN_IN, .icmp_type = v6 ? 128 : 8, .icmp_id = 1 };
	if (!role_address(rng, world, UINT32_MAX, v6, &ret_talk->source)) {
		v6 = !v6;
		role_address(rng, world, UINT32_MAX, v6, &ret_talk->source);
	}
	target = pick_family(rng, targets, v6);
	ret_talk->destination =
		target && rng_chance(rng, 90) ? edge_of(rng, target) : stranger(rng, v6);
	ret_talk->source_port = (uint16_t)rng_between(rng, 1024, 1030);
	ret_talk->destination_port = (uint16_t)(is_name ? 53 : world->portal_port);
	if (rng_chance(rng, 10))
		ret_talk->destination_port =
			edge_port(rng, ret_talk->destination_port, ret_talk->destination_port);
	ret_talk->proto = is_name && rng_chance(rng, 60) ? IPPROTO_UDP : IPPROTO_TCP;
	if (rng_chance(rng, 8))
		ret_talk->proto = (uint8_t[]){ IPPROTO_SCTP, IPPROTO_UDP, IPPROTO_ICMP,
					       IPPROTO_ICMPV6, 47 }[rng_below(rng, 5)];
}
