/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A random case: a policy and its next revision, the gateway, sessions, and what happens to them.
 * All of it is words, kept in plain arrays: a case is copied by assignment, made smaller by taking
 * words out, printed as YAML and lines, and read back from those. */
#ifndef SALLYPORT_EQUIV_WORLD_H
#define SALLYPORT_EQUIV_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "net/addr.h"
#include "policy/answer.h"
#include "policy/model.h"
#include "rng.h"

#define WORD_MAX 64
#define WORDS_MAX 10

struct words {
	char item[WORDS_MAX][WORD_MAX];
	uint32_t count;
};

void words_add(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
void words_drop(struct words *words, uint32_t n);

struct world_network {
	char name[16];
	struct words in, except;
	/* `in` is not in the policy: its hosts are what a name has in the DNS, the others are a list in
	 * a file; the fixtures say both */
	bool is_listed;
};

struct world_service {
	char name[16];
	struct words items;
};

struct world_rule {
	char name[16];
	enum sp_rule_kind kind;
	enum sp_log log;
	bool is_audit;                   /* of an allow or a deny */
	struct words from, to, services; /* expose: no from; as written in the policy */
	bool is_limited;                 /* by the one limit of the policy, if that has one */
	char when[16];                   /* "": always */
	int64_t expires_s;               /* 0: never */
};

struct world_schedule {
	char name[16];
	bool is_berlin; /* else UTC */
	uint8_t days;   /* bit 0: Monday */
	uint32_t from_min, to_min;
};

struct world_netmap {
	char outside[WORD_MAX], inside[WORD_MAX];
};

#define TARGETS_MAX 3

struct world_forward {
	char to[WORD_MAX], from[WORD_MAX]; /* to: or an interface; from "": any */
	char targets[TARGETS_MAX][WORD_MAX];
	uint32_t target_count;
	bool is_v6, is_udp;
	uint32_t port, target_port;
};

#define RULES_MAX 24
#define FORWARDS_MAX 2
#define NETMAPS_MAX 2
#define NETWORKS_MAX 8
#define SERVICES_MAX 5
#define ROLES_MAX 5
#define SCHEDULES_MAX 3
#define PEOPLE_MAX 3
#define NOBODY UINT32_MAX

struct world_role {
	/* who has it besides the group: list and session by number; NOBODY: none */
	uint32_t people, user;
};

struct world_policy {
	bool drop_bogons;
	uint32_t drop;  /* the network that the edge drops; NOBODY: none */
	uint32_t trust; /* the network that it does not drop; likewise */
	bool self_needs_rules;
	struct world_role roles[ROLES_MAX];
	uint32_t role_count;         /* r0 …: provider corp, group g0 … */
	uint32_t people[PEOPLE_MAX]; /* p0 …: bit n: user un; never 0 */
	uint32_t people_count;
	struct world_network networks[NETWORKS_MAX];
	uint32_t network_count;
	struct world_service services[SERVICES_MAX];
	uint32_t service_count;
	struct world_schedule schedules[SCHEDULES_MAX];
	uint32_t schedule_count;
	struct world_rule rules[RULES_MAX];
	uint32_t rule_count;
	/* the terms of its limit, as written; "": none. Two would mostly be an error. */
	char limit[WORD_MAX];
	struct world_netmap netmaps[NETMAPS_MAX]; /* m0 … */
	uint32_t netmap_count;
	struct world_forward forwards[FORWARDS_MAX]; /* f0 … */
	uint32_t forward_count;
};

/* Forwards of a port that a protect entry may keep open are refused. */
bool world_has_forwards(const struct world_policy *policy);

struct world_session {
	uint32_t user;             /* un, of corp: a person may have several devices */
	uint32_t groups;           /* bit n: in group gn */
	char address[2][WORD_MAX]; /* "": none */
	uint64_t expires_ns;       /* after it was opened; 0: never */
	uint64_t idle_ns;
};

struct world_route {
	char prefix[WORD_MAX];
	enum sp_zone zone;
	uint32_t ifindex;  /* the one interface it leads to; 0: several */
	bool is_absent[2]; /* by revision: a route comes or goes with an apply */
};

#define SESSIONS_MAX 8
#define ROUTES_MAX 8

struct world {
	struct world_policy policy[2]; /* [1] is applied when a step says so */
	int64_t now_s;                 /* Unix time at which it begins; 0: no rule is timed */
	struct words pool, self, trust;
	struct words resolvers;   /* what parked people reach, besides */
	uint32_t portal_port;     /* 0: none */
	bool is_parked_absent[2]; /* by revision: no portal and no resolvers */
	struct world_route routes[ROUTES_MAX];
	uint32_t route_count;
	struct world_session sessions[SESSIONS_MAX];
	uint32_t session_count;
	uint32_t flows_max;         /* 0: plenty */
	uint32_t session_flows_max; /* 0: the product's own */
};

/* One thing that happens, a line:
 *	HOOK [own] [judged|answer] [dhcp] [by N] FRAME
 *					a packet, sent by the gateway or with the mark of the hook it
 *					came by, by interface N; FRAME as in support/frames.h
 *	wait MS				time passes
 *	end N, remove N, open N		session N ends, is forgotten, comes (back) with a new epoch
 *	expire N, extend N		its time is up now (it is parked), or never
 *	ban PREFIX MS			it is banned, for so long; 0: for good
 *	apply				the next revision */
#define STEP_MAX 256
#define STEPS_MAX 96

struct step {
	char text[STEP_MAX];
};

struct equiv_case {
	uint64_t seed;
	const char *text[2]; /* the policies as text, when read from files; NULL: print ->world */
	struct world world;
	struct step steps[STEPS_MAX];
	uint32_t step_count;
};

/* world.c */
void world_make(struct rng *rng, struct world *world);
/* traffic.c. @guess is asked what a first packet would get: an even mix needs packets that match.
 */
typedef struct sp_answer (*guess_fn)(void *arg, unsigned revision, const char *packet);
void traffic_make(struct rng *rng, struct equiv_case *test, guess_fn guess, void *arg);
/* yaml.c */
void world_print_policy(const struct world *world, unsigned revision, FILE *out);
/* what the policy file has no words for: routes, trust, deadlines, bounds, then the steps */
void world_print_rest(const struct equiv_case *test, FILE *out);

/* Addresses the case is about. */
bool world_in_prefix(const char *prefix, const struct sp_addr *addr);
enum sp_zone world_home(const struct world *world, const struct sp_addr *addr);
bool world_is_self(const struct world *world, const struct sp_addr *addr);
/* Is there something parked people reach? */
bool world_has_parked(const struct world *world);
/* The session with this address, or UINT32_MAX. */
uint32_t world_session_of(const struct world *world, const struct sp_addr *addr);

#endif
