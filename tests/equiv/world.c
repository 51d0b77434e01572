/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random policies and gateways. Prefixes come from few blocks and are cut out of each other, so
 * that they nest, touch and overlap; every word of the language that decides something turns up. */
#include "world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void words_add(struct words *words, const char *format, ...)
{
	va_list args;

	if (words->count == WORDS_MAX)
		return;
	va_start(args, format);
	vsnprintf(words->item[words->count++], WORD_MAX, format, args);
	va_end(args);
}

void words_drop(struct words *words, uint32_t n)
{
	memmove(words->item[n], words->item[n + 1], (WORDS_MAX - n - 1) * sizeof(words->item[0]));
	words->count--;
}

/* ---- questions ---- */

static struct sp_prefix prefix_of(const char *text)
{
	struct sp_prefix prefix;

	if (sp_prefix_parse(text, &prefix) < 0)
		abort();
	return prefix;
}

static bool prefix_is_v4(const struct sp_prefix *prefix)
{
	struct sp_addr addr;

	memcpy(addr.b, prefix->addr, sizeof(addr.b));
	return prefix->prefix_len >= 96 && sp_addr_is_v4(&addr);
}

bool world_in_prefix(const char *text, const struct sp_addr *addr)
{
	struct sp_prefix prefix = prefix_of(text);

	return prefix_is_v4(&prefix) == sp_addr_is_v4(addr) && sp_prefix_contains(&prefix, addr);
}

bool world_is_self(const struct world *world, const struct sp_addr *addr)
{
	for (uint32_t i = 0; i < world->self.count; i++)
		if (world_in_prefix(world->self.item[i], addr))
			return true;
	return false;
}

enum sp_zone world_home(const struct world *world, const struct sp_addr *addr)
{
	enum sp_zone home = SP_HOME_UNKNOWN;
	uint32_t longest = 0;

	if (world_is_self(world, addr))
		return SP_HOME_SELF;
	for (uint32_t i = 0; i < world->pool.count; i++)
		if (world_in_prefix(world->pool.item[i], addr))
			return SP_ZONE_TUNNEL;
	for (uint32_t i = 0; i < world->route_count; i++) {
		uint32_t len = prefix_of(world->routes[i].prefix).prefix_len + 1;

		if (len > longest && world_in_prefix(world->routes[i].prefix, addr)) {
			longest = len;
			home = world->routes[i].zone;
		}
	}
	return home;
}

bool world_has_parked(const struct world *world)
{
	return world->portal_port || world->resolvers.count;
}

uint32_t world_session_of(const struct world *world, const struct sp_addr *addr)
{
	for (uint32_t i = 0; i < world->session_count; i++)
		for (unsigned family = 0; family < 2; family++)
			if (world->sessions[i].address[family][0] &&
			    world_in_prefix(world->sessions[i].address[family], addr))
				return i;
	return UINT32_MAX;
}

/* ---- addresses ---- */

struct block {
	const char *prefix;
	uint8_t weight;
};

/* Some inside, some outside, some special; the pool too, since rules may speak of tunnel addresses.
 */
static const struct block blocks[] = {
	{ "10.30.0.0/16", 8 },   { "10.20.0.0/16", 4 },     { "8.8.0.0/16", 4 },
	{ "93.184.0.0/15", 2 },  { "203.0.113.0/24", 2 },   { "100.64.0.0/24", 3 },
	{ "192.168.0.0/16", 1 }, { "2001:db8:30::/48", 6 }, { "2a00:1450::/32", 5 },
	{ "fd00:20::/32", 3 },   { "fd00:64::/120", 3 },    { "0.0.0.0/0", 1 },
	{ "::/0", 1 },
};

static const char *pick_block(struct rng *rng)
{
	uint32_t total = 0, at;

	for (size_t i = 0; i < SP_ARRAY_LEN(blocks); i++)
		total += blocks[i].weight;
	at = rng_below(rng, total);
	for (size_t i = 0;; i++) {
		if (at < blocks[i].weight)
			return blocks[i].prefix;
		at -= blocks[i].weight;
	}
}

/* A prefix inside @outer; often short and aligned, often a host, sometimes anything between. */
static void cut_prefix(struct rng *rng, const char *outer, char ret_text[WORD_MAX])
{
	struct sp_prefix prefix = prefix_of(outer);
	uint32_t from = prefix.prefix_len, len;

	switch (rng_below(rng, 4)) {
	case 0:
		len = 128;
		break;
	case 1:
		len = from + 8 < 128 ? from + 8 : 128;
		break;
	default:
		len = rng_between(rng, from, 128);
		break;
	}
	/* Few different hosts in a block, or nothing would ever meet. */
	for (uint32_t bit = from; bit < len; bit++)
		if (rng_chance(rng, bit < 120 && bit > from + 6 ? 15 : 45))
			prefix.addr[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	prefix.prefix_len = len;
	sp_prefix_format(&prefix, ret_text);
}

/* Every prefix of the policy so far, to cut new ones from. */
static const char *known_prefix(struct rng *rng, const struct world_policy *policy)
{
	const struct world_network *network;
	const struct words *words;

	if (!policy->network_count)
		return NULL;
	network = &policy->networks[rng_below(rng, policy->network_count)];
	words = network->except.count && rng_chance(rng, 30) ? &network->except : &network->in;
	return words->count ? words->item[rng_below(rng, words->count)] : NULL;
}

static void make_prefix(struct rng *rng, const struct world_policy *policy, char ret_text[WORD_MAX])
{
	const char *known = rng_chance(rng, 45) ? known_prefix(rng, policy) : NULL;

	cut_prefix(rng, known ? known : pick_block(rng), ret_text);
}

/* An exception that leaves nothing of some prefix: the language may refuse the network. */
static bool takes_all(const struct words *in, const char *except)
{
	struct sp_prefix hole = prefix_of(except);

	for (uint32_t i = 0; i < in->count; i++) {
		struct sp_prefix prefix = prefix_of(in->item[i]);

		if (sp_prefix_covers(&hole, &prefix))
			return true;
	}
	return false;
}

static void make_network(struct rng *rng, struct world_policy *policy)
{
	struct world_network *network = &policy->networks[policy->network_count];
	uint32_t count = rng_between(rng, 1, 4);
	char text[WORD_MAX];

	*network = (struct world_network){ 0 };
	snprintf(network->name, sizeof(network->name), "n%u", policy->network_count);
	for (uint32_t i = 0; i < count; i++) {
		make_prefix(rng, policy, text);
		words_add(&network->in, "%s", text);
	}
	count = rng_chance(rng, 65) ? rng_between(rng, 1, 3) : 0;
	for (uint32_t i = 0; i < count; i++) {
		const char *outer = network->in.item[rng_below(rng, network->in.count)];

		cut_prefix(rng, rng_chance(rng, 85) ? outer : pick_block(rng), text);
		if (!takes_all(&network->in, text))
			words_add(&network->except, "%s", text);
	}
	network->is_listed = rng_chance(rng, 20);
	policy->network_count++;
}

/* ---- services ---- */

static void add_service_word(struct rng *rng, struct words *words)
{
	static const char *const protocols[] = { "tcp", "tcp", "udp", "sctp" };
	static const char *const types[] = {
		"icmp/echo", "icmp6/echo", "icmp",   "icmp6",
		"icmp/13",   "icmp6/130",  "icmp/9", "icmp/unreachable"
	};
	static const uint16_t ports[] = { 1, 22, 80, 443, 5432, 65535 };
	const char *protocol = protocols[rng_below(rng, SP_ARRAY_LEN(protocols))];
	uint32_t from, to;

	switch (rng_below(rng, 10)) {
	case 0:
	case 1:
		words_add(words, "%s", types[rng_below(rng, SP_ARRAY_LEN(types))]);
		return;
	case 2:
		words_add(words, "proto/%u",
			  (unsigned[]){ 47, 50, 1, 58, 6, 17, 132, 2 }[rng_below(rng, 8)]);
		return;
	case 3:
	case 4:
	case 5:
		from = rng_between(rng, 1, 65535);
		to = rng_chance(rng, 30) ? rng_between(rng, from, 65535) : from + rng_below(rng, 8);
		words_add(words, "%s/%u-%u", protocol, from, to > 65535 ? 65535 : to);
		return;
	default:
		words_add(words, "%s/%u", protocol, ports[rng_below(rng, SP_ARRAY_LEN(ports))]);
		return;
	}
}

static void make_service(struct rng *rng, struct world_policy *policy)
{
	struct world_service *service = &policy->services[policy->service_count];
	uint32_t count = rng_between(rng, 1, 3);

	*service = (struct world_service){ 0 };
	snprintf(service->name, sizeof(service->name), "s%u", policy->service_count);
	for (uint32_t i = 0; i < count; i++)
		add_service_word(rng, &service->items);
	policy->service_count++;
}

/* ---- rules ---- */

static void add_network_word(struct rng *rng, const struct world_policy *policy,
			     struct words *words)
{
	char text[WORD_MAX];

	if (policy->network_count && rng_chance(rng, 70)) {
		words_add(words, "n%u", rng_below(rng, policy->network_count));
		return;
	}
	make_prefix(rng, policy, text);
	words_add(words, "%s", text);
}

static void add_from(struct rng *rng, const struct world *world, const struct world_policy *policy,
		     struct words *words)
{
	uint32_t dice = rng_below(rng, 100);

	if (dice < 45)
		words_add(words, "r%u", rng_below(rng, policy->role_count));
	else if (dice < 58)
		words_add(words, "{ user: u%u }", rng_below(rng, world->session_count));
	else if (dice < 66)
		words_add(words, "any");
	else if (dice < 71)
		words_add(words, "signed-in");
	else if (dice < 77 && policy->people_count)
		words_add(words, "p%u", rng_below(rng, policy->people_count));
	else if (dice < 83)
		words_add(words, "self");
	else
		add_network_word(rng, policy, words);
}

static void add_to(struct rng *rng, const struct world_policy *policy, struct words *words)
{
	uint32_t dice = rng_below(rng, 100);

	if (dice < 12)
		words_add(words, "{ role: r%u }", rng_below(rng, policy->role_count));
	else if (dice < 22)
		words_add(words, "self");
	else if (dice < 30)
		words_add(words, "internet");
	else if (dice < 37)
		words_add(words, "any");
	else if (dice < 42)
		words_add(words, "signed-in");
	else if (dice < 48 && policy->people_count)
		words_add(words, "{ people: p%u }", rng_below(rng, policy->people_count));
	else if (dice < 54)
		words_add(words, "own-devices");
	else if (dice < 66 && policy->netmap_count)
		words_add(words, "{ nat: m%u }", rng_below(rng, policy->netmap_count));
	else
		add_network_word(rng, policy, words);
}

static void add_services(struct rng *rng, const struct world_policy *policy, struct words *words,
			 uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (policy->service_count && rng_chance(rng, 60))
			words_add(words, "s%u", rng_below(rng, policy->service_count));
		else
			add_service_word(rng, words);
	}
}

static void make_rule(struct rng *rng, const struct world *world, struct world_policy *policy)
{
	struct world_rule *rule = &policy->rules[policy->rule_count];
	uint32_t dice = rng_below(rng, 100), count;

	*rule = (struct world_rule){ .log = (enum sp_log)rng_below(rng, 3),
				     .is_audit = rng_chance(rng, 12) };
	rule->kind = dice < 40   ? SP_RULE_ALLOW
		     : dice < 76 ? SP_RULE_DENY
		     : dice < 90 ? SP_RULE_EXPOSE
				 : SP_RULE_PROTECT;
	snprintf(rule->name, sizeof(rule->name), "rule%u", policy->rule_count);
	policy->rule_count++;
	if (rule->kind == SP_RULE_EXPOSE || rule->kind == SP_RULE_PROTECT) {
		words_add(&rule->to, "self");
		add_services(rng, policy, &rule->services, 1);
		if (rule->kind == SP_RULE_PROTECT)
			add_network_word(rng, policy, &rule->from);
		return;
	}
	count = rng_chance(rng, 75) ? 1 : rng_between(rng, 2, 3);
	for (uint32_t i = 0; i < count; i++)
		add_from(rng, world, policy, &rule->from);
	count = rng_chance(rng, 75) ? 1 : rng_between(rng, 2, 3);
	for (uint32_t i = 0; i < count; i++)
		add_to(rng, policy, &rule->to);
	count = rng_chance(rng, 30) ? 0 : rng_between(rng, 1, 3);
	add_services(rng, policy, &rule->services, count);
}

static void make_roles(struct rng *rng, const struct world *world, struct world_policy *policy)
{
	policy->people_count = rng_below(rng, PEOPLE_MAX + 1);
	for (uint32_t i = 0; i < policy->people_count; i++)
		policy->people[i] = rng_below(rng, 1 << world->session_count) |
				    1u << rng_below(rng, world->session_count);
	policy->role_count = rng_between(rng, 1, ROLES_MAX);
	for (uint32_t i = 0; i < policy->role_count; i++) {
		struct world_role *role = &policy->roles[i];

		*role = (struct world_role){ NOBODY, NOBODY };
		if (policy->people_count && rng_chance(rng, 15))
			role->people = rng_below(rng, policy->people_count);
		if (rng_chance(rng, 15))
			role->user = rng_below(rng, world->session_count);
	}
}

/* So tight that a case of less than a hundred packets runs into it, and comes out again. */
static void make_limit(struct rng *rng, struct world_policy *policy)
{
	static const char *const terms[] = {
		"packets: 1/s",
		"packets: 7/m, burst: 3",
		"packets: 1000/s, burst: 2",
		"packets: 333/s, burst: 1",
		"bytes: 1KB/s",
		"bytes: 7KB/m, burst: 2KB",
		"bytes: 37KB/s",
		"connections: 3/s, burst: 2",
		"connections: 90/m, burst: 1",
	};
	static const char *const keys[] = { "", ", key: session", ", key: source",
					    ", key: source/24", ", key: source/9" };

	snprintf(policy->limit, sizeof(policy->limit), "%s%s",
		 terms[rng_below(rng, SP_ARRAY_LEN(terms))],
		 keys[rng_below(rng, SP_ARRAY_LEN(keys))]);
}

static void make_limits(struct rng *rng, struct world_policy *policy)
{
	if (!rng_chance(rng, 40))
		return;
	make_limit(rng, policy);
	/* what goes on under one name has one bucket a rule, whatever the revision */
	if (rng_chance(rng, 20))
		snprintf(policy->limit, sizeof(policy->limit),
			 "packets: 500/s, burst: 2, key: rule");
	for (uint32_t i = 0; i < policy->rule_count; i++)
		policy->rules[i].is_limited = rng_chance(rng, 80);
}

/* ---- time ---- */

#define BERLIN_S 3600 /* in winter */

/* An ordinary Monday, Sunday's last minute in Berlin, and the last minute before its clock is set:
 * back an hour, and an hour ahead. */
static int64_t pick_now(struct rng *rng)
{
	static const int64_t minutes[] = {
		INT64_C(1795451340), /* 2026-11-23T16:29Z */
		INT64_C(1795993140), /* 2026-11-29T22:59Z */
		INT64_C(1792889940), /* 2026-10-25T00:59Z */
		INT64_C(1806195540), /* 2027-03-28T00:59Z */
	};

	return minutes[rng_below(rng, SP_ARRAY_LEN(minutes))] + rng_below(rng, 60);
}

/* Often about to open or to close, or just done. */
static uint32_t pick_minute(struct rng *rng, int64_t local_s)
{
	const uint32_t now = (uint32_t)(local_s % 86400 / 60);

	return rng_chance(rng, 75) ? (now + 1440 - 1 + rng_below(rng, 5)) % 1440
				   : rng_below(rng, 1440);
}

static void make_schedules(struct rng *rng, int64_t now_s, struct world_policy *policy)
{
	policy->schedule_count = rng_between(rng, 1, SCHEDULES_MAX);
	for (uint32_t i = 0; i < policy->schedule_count; i++) {
		struct world_schedule *schedule = &policy->schedules[i];
		const int64_t local_s = now_s + (rng_chance(rng, 50) ? BERLIN_S : 0);

		*schedule = (struct world_schedule){ .is_berlin = rng_chance(rng, 60) };
		snprintf(schedule->name, sizeof(schedule->name), "h%u", i);
		schedule->days =
			rng_chance(rng, 50) ? SP_DAILY : (uint8_t)rng_between(rng, 1, SP_DAILY);
		schedule->from_min = pick_minute(rng, local_s);
		schedule->to_min = pick_minute(rng, local_s);
		if (schedule->from_min == schedule->to_min)
			schedule->from_min = 0, schedule->to_min = 1440;
	}
}

static void time_rule(struct rng *rng, int64_t now_s, const struct world_policy *policy,
		      struct world_rule *rule)
{
	rule->when[0] = '\0';
	rule->expires_s = 0;
	if (rule->kind != SP_RULE_ALLOW && rule->kind != SP_RULE_DENY)
		return;
	for (uint32_t i = 0; i < rule->from.count; i++)
		if (!strcmp(rule->from.item[i], "self")) /* those are always in force */
			return;
	if (rule->kind == SP_RULE_DENY && rng_chance(rng, 60)) /* an even mix needs denials */
		return;
	if (rng_chance(rng, 55))
		snprintf(rule->when, sizeof(rule->when), "h%u",
			 rng_below(rng, policy->schedule_count));
	if (rng_chance(rng, 35))
		rule->expires_s = now_s - 30 + rng_below(rng, rng_chance(rng, 80) ? 150 : 1000000);
}

static void make_times(struct rng *rng, struct world *world)
{
	struct world_policy *policy = &world->policy[0];

	if (!rng_chance(rng, 40))
		return;
	world->now_s = pick_now(rng);
	make_schedules(rng, world->now_s, policy);
	for (uint32_t i = 0; i < policy->rule_count; i++)
		time_rule(rng, world->now_s, policy, &policy->rules[i]);
}

static void change_times(struct rng *rng, struct world *world)
{
	struct world_policy *policy = &world->policy[1];

	if (world->now_s)
		time_rule(rng, world->now_s, policy,
			  &policy->rules[rng_below(rng, policy->rule_count)]);
}

/* ---- netmaps ---- */

/* What stands for what: each family has its own, so that no netmap touches another one. Outsides are
 * within inner routes, at the edge, and nowhere. */
static const struct world_netmap netmaps[2][3] = {
	{ { "10.20.0.0/18", "10.30.64.0/18" },
	  { "10.77.1.0/24", "10.30.4.0/24" },
	  { "8.8.4.4/32", "93.184.0.1/32" } },
	{ { "2001:db8:30:2::/64", "2001:db8:30:1::/64" },
	  { "fd00:77::/96", "fd00:20::/96" },
	  { "2a00:1450:1::/48", "2001:db8:31::/48" } },
};

/* Is it in either prefix? The checker refuses a netmap over what is the gateway's. */
static bool holds_any(const struct world_netmap *netmap, const struct words *words)
{
	for (uint32_t i = 0; i < words->count; i++) {
		struct sp_prefix prefix = prefix_of(words->item[i]);
		struct sp_addr addr;

		memcpy(addr.b, prefix.addr, sizeof(addr.b));
		if (world_in_prefix(netmap->outside, &addr) ||
		    world_in_prefix(netmap->inside, &addr))
			return true;
	}
	return false;
}

/* Its prefixes are a network too, so that rules and packets are about them. */
static void make_netmap(struct rng *rng, const struct world *world, struct world_policy *policy,
			unsigned family)
{
	const struct world_netmap *netmap = &netmaps[family][rng_below(rng, 3)];
	struct world_network *network = &policy->networks[policy->network_count];

	if (holds_any(netmap, &world->self) || policy->network_count == NETWORKS_MAX)
		return;
	policy->netmaps[policy->netmap_count++] = *netmap;
	*network = (struct world_network){ 0 };
	snprintf(network->name, sizeof(network->name), "n%u", policy->network_count++);
	words_add(&network->in, "%s", netmap->inside);
	words_add(&network->in, "%s", netmap->outside);
}

/* Drops one of the networks, and most often with addresses that many senders on the edge have. */
static void make_drop(struct rng *rng, struct world_policy *policy)
{
	struct world_network *network;

	policy->trust = rng_chance(rng, 15) ? rng_below(rng, policy->network_count) : NOBODY;
	policy->drop = rng_below(rng, policy->network_count);
	network = &policy->networks[policy->drop];
	if (rng_chance(rng, 60)) {
		policy->drop = NOBODY;
		return;
	}
	if (rng_chance(rng, 80))
		words_add(&network->in, "%s",
			  rng_chance(rng, 50) ? "8.8.0.0/16" : "2a00:1450::/32");
}

/* ---- forwards ---- */

static bool is_of_self(const struct world *world, const char *word)
{
	const struct sp_prefix prefix = prefix_of(word);
	struct sp_addr addr;

	memcpy(addr.b, prefix.addr, sizeof(addr.b));
	return world_is_self(world, &addr);
}

static void choose_targets(struct rng *rng, struct world_forward *forward)
{
	static const char *const targets[2][TARGETS_MAX] = {
		{ "10.30.4.9", "10.30.64.9", "93.184.0.1" },
		{ "2001:db8:30:1::9", "fd00:20::9", "2001:db8:31::9" },
	};

	const uint32_t first = rng_below(rng, TARGETS_MAX);

	forward->target_count = rng_chance(rng, 50) ? 1 : 1 + rng_below(rng, TARGETS_MAX);
	for (uint32_t i = 0; i < forward->target_count; i++)
		snprintf(forward->targets[i], WORD_MAX, "%s",
			 targets[forward->is_v6][(first + i) % TARGETS_MAX]);
	forward->target_port = (uint32_t[]){ 22, 53, 80, 443 }[rng_below(rng, 4)];
}

static bool has_self_target(const struct world *world, const struct world_forward *forward)
{
	for (uint32_t i = 0; i < forward->target_count; i++)
		if (is_of_self(world, forward->targets[i]))
			return true;
	return false;
}

/* Its ends are a network too, so that rules and packets are about them. */
static void make_forward(struct rng *rng, const struct world *world, struct world_policy *policy,
			 bool is_v6)
{
	struct world_forward *forward = &policy->forwards[policy->forward_count];
	struct world_network *network = &policy->networks[policy->network_count];
	const char *self = world->self.count ? world->self.item[rng_below(rng, world->self.count)]
					     : "192.0.2.77";

	*forward = (struct world_forward){ .is_v6 = is_v6, .is_udp = rng_chance(rng, 40) };
	forward->port = (uint32_t[]){ 53, 80, 443, 8080 }[rng_below(rng, 4)];
	choose_targets(rng, forward);
	snprintf(forward->to, WORD_MAX, "%s",
		 rng_chance(rng, 15) ? (is_v6 ? "2001:db8:77::7" : "203.0.113.77") : self);
	if ((strchr(forward->to, ':') != NULL) != is_v6)
		snprintf(forward->to, WORD_MAX, "wan0");
	if (has_self_target(world, forward) || policy->network_count == NETWORKS_MAX ||
	    forward->port == world->portal_port)
		return;
	policy->forward_count++;
	*network = (struct world_network){ 0 };
	snprintf(network->name, sizeof(network->name), "n%u", policy->network_count++);
	words_add(&network->in, "%s", forward->targets[0]);
	if (rng_chance(rng, 30))
		snprintf(forward->from, WORD_MAX, "%s", rng_chance(rng, 50) ? "r0" : network->name);
}

static void change_forward(struct rng *rng, struct world_policy *policy)
{
	if (!policy->forward_count)
		return;
	if (rng_chance(rng, 40))
		policy->forward_count--;
	else
		choose_targets(rng, &policy->forwards[0]);
}

static void make_policy(struct rng *rng, const struct world *world, struct world_policy *policy)
{
	uint32_t networks = rng_between(rng, 1, NETWORKS_MAX - 1);
	uint32_t services = rng_below(rng, SERVICES_MAX);
	uint32_t rules =
		rng_chance(rng, 70) ? rng_between(rng, 3, 10) : rng_between(rng, 1, RULES_MAX);

	policy->drop_bogons = rng_chance(rng, 50);
	policy->self_needs_rules = rng_chance(rng, 25);
	make_roles(rng, world, policy);
	for (unsigned family = 0; family < 2; family++)
		if (rng_chance(rng, 25))
			make_netmap(rng, world, policy, family);
	for (unsigned family = 0; family < 2; family++)
		if (rng_chance(rng, 25))
			make_forward(rng, world, policy, family);
	for (uint32_t i = 0; i < networks && policy->network_count < NETWORKS_MAX; i++)
		make_network(rng, policy);
	for (uint32_t i = 0; i < services; i++)
		make_service(rng, policy);
	for (uint32_t i = 0; i < rules; i++)
		make_rule(rng, world, policy);
	make_limits(rng, policy);
	make_drop(rng, policy);
}

/* Somebody joins a list or leaves it. Not one that gives a role: the reference's sessions keep the
 * roles they were opened with. */
static void change_people(struct rng *rng, const struct world *world, struct world_policy *policy)
{
	uint32_t n = rng_below(rng, PEOPLE_MAX);

	if (n >= policy->people_count)
		return;
	for (uint32_t i = 0; i < policy->role_count; i++)
		if (policy->roles[i].people == n)
			return;
	policy->people[n] ^= 1u << rng_below(rng, world->session_count);
	if (!policy->people[n])
		policy->people[n] = 1;
}

/* The same `outside` stands for the neighbour of what it stood for. */
static void move_netmap(const struct world *world, struct world_netmap *netmap)
{
	struct sp_prefix inside = prefix_of(netmap->inside);
	struct world_netmap moved = *netmap;

	inside.addr[(inside.prefix_len - 1) / 8] ^= (uint8_t)(0x80 >> (inside.prefix_len - 1) % 8);
	sp_prefix_format(&inside, moved.inside);
	if (!holds_any(&moved, &world->self))
		*netmap = moved;
}

/* The next revision: the same with a few things changed, so that flows survive or die with reason.
 */
static void change_policy(struct rng *rng, const struct world *world)
{
	struct world_policy *policy = (struct world_policy *)&world->policy[1];

	*policy = world->policy[0];
	for (uint32_t changes = rng_between(rng, 1, 3); changes > 0; changes--) {
		uint32_t n = rng_below(rng, policy->rule_count);
		struct world_rule *rule = &policy->rules[n];

		switch (rng_below(rng, 10)) {
		case 0:
			if (rule->kind == SP_RULE_ALLOW || rule->kind == SP_RULE_DENY)
				rule->kind =
					rule->kind == SP_RULE_ALLOW ? SP_RULE_DENY : SP_RULE_ALLOW;
			break;
		case 1:
			if (policy->rule_count > 1) {
				memmove(rule, rule + 1,
					(policy->rule_count - n - 1) * sizeof(*rule));
				policy->rule_count--;
			}
			break;
		case 2:
			if (policy->rule_count < RULES_MAX) {
				make_rule(rng, world, policy);
				rule = &policy->rules[policy->rule_count - 1];
				snprintf(rule->name, sizeof(rule->name), "new%u", changes);
			}
			break;
		case 3:
			change_people(rng, world, policy);
			break;
		case 4:
			policy->self_needs_rules = !policy->self_needs_rules;
			break;
		case 5:
			rule->is_limited = !rule->is_limited;
			break;
		case 6:
			if (policy->limit[0] && !strstr(policy->limit, "key: rule"))
				make_limit(rng, policy);
			break;
		case 8:
			change_forward(rng, policy);
			break;
		case 7:
			if (policy->netmap_count)
				move_netmap(world, &policy->netmaps[0]);
			break;
		default:
			policy->drop_bogons = !policy->drop_bogons;
			policy->drop = rng_chance(rng, 50) ? NOBODY : 0;
			break;
		}
	}
}

/* ---- the machine and its people ---- */

static void make_sessions(struct rng *rng, struct world *world)
{
	world->session_count = rng_between(rng, 2, SESSIONS_MAX - 1);
	for (uint32_t i = 0; i < world->session_count; i++) {
		struct world_session *session = &world->sessions[i];
		/* Neighbours, and the ends of the pool's small blocks. */
		uint32_t host = i < 2 ? i * 255 : 6 + i;
		bool has_v4 = rng_chance(rng, 90);

		session->user = i && rng_chance(rng, 30) ? rng_below(rng, i) : i;
		session->groups = rng_below(rng, 1 << ROLES_MAX) | 1u << rng_below(rng, ROLES_MAX);
		if (has_v4)
			snprintf(session->address[0], WORD_MAX, "100.64.0.%u", host);
		if (!has_v4 || rng_chance(rng, 80))
			snprintf(session->address[1], WORD_MAX,
				 host ? "fd00:64::%x" : "fd00:64::", host);
	}
}

static void make_gateway(struct rng *rng, struct world *world)
{
	static const struct world_route routes[] = {
		{ .prefix = "0.0.0.0/0", .zone = SP_ZONE_EDGE },
		{ .prefix = "::/0", .zone = SP_ZONE_EDGE },
		{ .prefix = "10.0.0.0/8", .zone = SP_ZONE_INSIDE },
		{ .prefix = "2001:db8::/32", .zone = SP_ZONE_INSIDE },
		{ .prefix = "fd00:20::/32", .zone = SP_ZONE_INSIDE },
		{ .prefix = "10.30.128.0/17", .zone = SP_ZONE_EDGE },
		{ .prefix = "10.30.4.0/22", .zone = SP_ZONE_INSIDE },
	};

	words_add(&world->pool, "100.64.0.0/16");
	words_add(&world->pool, "fd00:64::/64");
	words_add(&world->self, "192.0.2.1");
	words_add(&world->self, "2a00:1450::1");
	if (rng_chance(rng, 60)) {
		words_add(&world->self, "10.30.0.1");
		words_add(&world->self, "2001:db8:30::1");
	}
	if (rng_chance(rng, 40))
		words_add(&world->self, "100.64.0.1");
	for (size_t i = 0; i < SP_ARRAY_LEN(routes); i++) {
		struct world_route *route = &world->routes[world->route_count];

		if (!rng_chance(rng, i < 2 ? 60 : 75))
			continue;
		*route = routes[i];
		if (rng_chance(rng, 12))
			route->is_absent[rng_below(rng, 2)] = true;
		if (i >= 2 && rng_chance(rng, 50)) /* default routes ask for no interface */
			route->ifindex = 1 + rng_below(rng, 2);
		world->route_count++;
	}
	if (rng_chance(rng, 40))
		words_add(&world->trust, "203.0.113.0/25");
	if (rng_chance(rng, 30))
		words_add(&world->trust, "2001:db8:30:1::/64");
}

/* A server inside and one outside, the gateway, a person: names can be asked of anybody. */
static void make_parked(struct rng *rng, struct world *world)
{
	static const char *const resolvers[] = { "10.30.0.53", "2001:db8:30::53", "8.8.8.8",
						 "192.0.2.1",  "100.64.0.8",      "fd00:64::8" };

	if (rng_chance(rng, 35))
		return;
	if (rng_chance(rng, 80))
		world->portal_port = 443;
	for (size_t i = 0; i < SP_ARRAY_LEN(resolvers); i++)
		if (rng_chance(rng, i < 2 ? 60 : 20))
			words_add(&world->resolvers, "%s", resolvers[i]);
	if (rng_chance(rng, 12))
		world->is_parked_absent[rng_below(rng, 2)] = true;
}

/* Some worlds are cramped, some sessions short; most are neither. */
static void make_bounds(struct rng *rng, struct world *world)
{
	uint32_t dice = rng_below(rng, 100);

	if (dice < 10)
		world->flows_max = dice < 7 ? 8 : 64;
	else if (dice < 22)
		world->session_flows_max = 4;
	for (uint32_t i = 0; i < world->session_count; i++) {
		if (rng_chance(rng, 10))
			world->sessions[i].expires_ns =
				rng_between(rng, 1, 200) * UINT64_C(100000000);
		if (rng_chance(rng, 4))
			world->sessions[i].idle_ns = UINT64_C(45000000000);
	}
}

void world_make(struct rng *rng, struct world *world)
{
	*world = (struct world){ 0 };
	make_gateway(rng, world);
	make_sessions(rng, world);
	make_parked(rng, world);
	make_bounds(rng, world);
	make_policy(rng, world, &world->policy[0]);
	make_times(rng, world);
	change_policy(rng, world);
	change_times(rng, world);
}
