/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checked policy: what is left of the text when every name is resolved and every value has its
 * type. The compiler and the reference evaluator both start here and share nothing else.
 * Built by sp_policy_load (policy/load.h), immutable afterwards, freed with sp_policy_free. */
#ifndef SALLYPORT_POLICY_MODEL_H
#define SALLYPORT_POLICY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/abi/names.h>
#include <sallyport/abi/tables.h>

#include "yaml/diagnostics.h"

/* One file of a policy, as whoever read it hands it over. */
struct sp_file {
	/* as given; of an included one as it lies to the first: its folder's path goes before */
	char *path;
	char *text;
	size_t text_len;
	char *fault; /* why it could not be read, and has no text; NULL: it was read */
};

/* A person's name at a provider: others may have the same name at theirs. */
struct sp_person_name {
	char *user;
	/* NULL: nobody. A bare name in the text means the only provider the policy knows, and it
	 * knows none. */
	char *idp;
};

/* A name of `people:`, with those it stands for, in the order of sp_person_compare. */
struct sp_people_list {
	char *name;
	struct sp_place place;
	struct sp_person_name *items;
	size_t count;
};

enum sp_match_kind { SP_MATCH_GROUP, SP_MATCH_USER, SP_MATCH_PEOPLE, SP_MATCH_PEER_KEY };

struct sp_role_match {
	enum sp_match_kind kind;
	char *idp;            /* GROUP, USER; else NULL */
	char *group;          /* GROUP; else NULL */
	char *user;           /* USER; else NULL */
	uint32_t people;      /* PEOPLE: index of the list */
	uint8_t peer_key[32]; /* PEER_KEY */
};

struct sp_role {
	char *name;
	struct sp_place place;
	struct sp_role_match *matches;
	size_t match_count;
	int64_t max_s, idle_s, warn_s; /* of its people's sessions; 0: not said */
	uint32_t max_devices;          /* of each of its people; 0: not said */
	int64_t expires_s; /* Unix time: from then on it is nobody's; 0: it does not expire */
};

enum sp_network_kind {
	SP_NETWORK_FIXED, /* its addresses are in the text */
	SP_NETWORK_FEED,  /* those of a list in a file */
	SP_NETWORK_DNS,   /* those that names have in the DNS */
};

/* X(identifier, "word", "meaning"): what becomes of a feed that is older than it may be. */
#define SP_ON_STALES(X)                                                                            \
	X(KEEP, "keep", "it is used on, with a warning")                                           \
	X(EMPTY, "empty", "it holds no address until it is fresh again")                           \
	X(REFUSE, "refuse", "no policy with it is applied; the one that runs keeps it")

enum sp_on_stale {
#define X(id, word, text) SP_ON_STALE_##id,
	SP_ON_STALES(X)
#undef X
		SP_ON_STALE_COUNT
};

#define SP_NETWORK_PARTS_MAX 1000u
#define SP_HOSTS_MAX 1000u /* names of all networks by DNS */

/* A set of addresses: in some `in` or `parts`, in no `except` nor `except_parts`. A fixed one is
 * never empty. Built-in networks (`internet`, `bogons`) stand here too, with is_builtin. A literal
 * prefix in a rule is a network without a name.
 *
 * What a file holds, and which addresses a name has, is known at a moment only
 * (addresses/filled.h): a network by either has no prefix here, and networks made of it name it as
 * a part. */
struct sp_network {
	char *name; /* NULL: a literal */
	bool is_builtin;
	enum sp_network_kind kind;
	struct sp_place place;
	struct sp_prefix *in;
	size_t in_count;
	struct sp_prefix *except;
	size_t except_count;
	uint32_t *parts; /* indices of networks that are not fixed */
	size_t part_count;
	uint32_t *except_parts;
	size_t except_part_count;
	uint32_t part_total; /* of both, with theirs and so on; at most SP_NETWORK_PARTS_MAX */
	/* FEED: how old the file may be; 0: any age. DNS: how long an address counts after the last
	 * answer that had it. */
	int64_t max_age_s;
	char *file; /* FEED: absolute, or below the gateway's folder of feeds */
	enum sp_on_stale on_stale;
	char **hosts; /* DNS: names in lower case, each in one network of the policy only */
	size_t host_count;
	int64_t ttl_min_s; /* DNS: what is asked again no sooner than that */
};

/* Does the text say all of its addresses? */
static inline bool sp_network_is_fixed(const struct sp_network *network)
{
	return network->kind == SP_NETWORK_FIXED && !network->part_count &&
	       !network->except_part_count;
}

enum sp_service_kind { SP_SERVICE_PORTS, SP_SERVICE_ICMP, SP_SERVICE_ICMP6, SP_SERVICE_PROTO };

/* One protocol and an inclusive range: ports for SP_SERVICE_PORTS (proto 6, 17 or 132), ICMP types
 * (0-255 when none was named), or for SP_SERVICE_PROTO just the protocol number. */
struct sp_service {
	enum sp_service_kind kind;
	uint8_t proto;
	uint16_t from, to;
};

#define SP_LIMITS_MAX 4096u

/* How much of what a rule allows may pass. */
struct sp_limit {
	char *name;
	struct sp_place place;
	enum sp_limit_unit unit;
	uint64_t rate;     /* units in a period; 0: could not be read */
	uint32_t period_s; /* 1, 60 or 3600 */
	uint64_t burst;    /* units that may come at once */
	enum sp_limit_key key;
	uint8_t source_bits; /* of `source/N`: 8 to 32; 0: a host */
};

/* A name of `services:`, with what it stands for. */
struct sp_named_service {
	char *name;
	struct sp_service *items;
	size_t count; /* 0: could not be read */
};

struct sp_timezone; /* policy/times/timezone.h */

#define SP_DAILY 0x7fu

/* Hours of a week, as the clock of a zone reads them: open when it reads a time of a day that is in
 * `days`, from @from_min on and before @to_min. With @from_min after @to_min it is open over
 * midnight, and both parts belong to the day it opens on. */
struct sp_schedule {
	char *name;
	struct sp_place place;
	uint8_t days;                   /* bit 0: Monday */
	uint16_t from_min;              /* of the day, 0-1439 */
	uint16_t to_min;                /* 0-1440, another than from_min */
	const struct sp_timezone *zone; /* the policy's */
};

enum sp_from_kind {
	SP_FROM_ANY,
	SP_FROM_ROLE,
	SP_FROM_USER,
	SP_FROM_NETWORK,
	SP_FROM_SIGNED_IN, /* any person with a session */
	SP_FROM_PEOPLE,    /* whoever of a list has one */
	SP_FROM_SELF,      /* the gateway: what it sends itself, which no other kind means */
};

struct sp_from {
	enum sp_from_kind kind;
	uint32_t index; /* of the role, network or list of people */
	/* SP_FROM_USER: the person of this name at this provider; both owned by the policy. A bare
	 * name in the text means the only provider the policy knows; @idp is NULL, and nobody is
	 * meant, where it knows none. */
	const char *user, *idp;
};

enum sp_to_kind {
	SP_TO_ANY,
	SP_TO_SELF,
	SP_TO_ROLE,
	SP_TO_NETWORK,
	SP_TO_SIGNED_IN,
	SP_TO_PEOPLE,
	SP_TO_OWN_DEVICES, /* the other devices of the person who sends */
	/* what a netmap stands for, or the target of a forward, by that entry and no other way */
	SP_TO_NAT,
};

struct sp_to {
	enum sp_to_kind kind;
	/* of the role, network, list of people or nat entry; UINT32_MAX: of a nat entry that is
	 * disabled, and no destination is meant */
	uint32_t index;
};

enum sp_rule_kind { SP_RULE_ALLOW, SP_RULE_DENY, SP_RULE_EXPOSE, SP_RULE_PROTECT };

/* A rule, an expose entry (from any, on edge-in) or a protect entry, in file order. */
struct sp_rule {
	char *name;
	enum sp_rule_kind kind;
	struct sp_place place;
	struct sp_from *from;
	size_t from_count;
	struct sp_to *to;
	size_t to_count;
	struct sp_service *services; /* none: every protocol */
	size_t service_count;
	char *reason; /* for the person, whose `status` shows it; NULL: none */
	char *ticket; /* why the rule is there, for records and explain; NULL: not said */
	/* as written, else as `log-deny` or `log-allow` of the settings has it for its kind */
	enum sp_log log;
	uint32_t limit;                 /* its place in the policy's limits, from 1; 0: none */
	const struct sp_schedule *when; /* in force while it is open; NULL: always */
	int64_t expires_s; /* Unix time: from then on never in force again; 0: it does not expire */
	uint32_t number;   /* 1..SP_RULE_MAX-1, set by sp_policy_number_rules */
	bool is_disabled;  /* `enabled: false`; of a checked policy never */
	bool is_audit;     /* `mode: audit`: it decides nothing, and is noted where it would */
};

/* Does the rule decide, and allow? */
static inline bool sp_rule_lets(const struct sp_rule *rule)
{
	return rule->kind == SP_RULE_ALLOW && !rule->is_audit;
}

/* How those whom the policy refuses are told. */
enum sp_reject {
	SP_REJECT_RESET, /* connections by a TCP reset, else ICMP "prohibited" */
	SP_REJECT_ICMP,  /* all by ICMP "prohibited" */
	SP_REJECT_DROP,  /* not at all */
};

/* What holds for the whole policy. */
struct sp_settings {
	const struct sp_timezone *zone; /* whose clock is meant where none is named */
	bool self_needs_rules;          /* what the gateway itself sends needs an allow from self */
	struct sp_place self_at;        /* where the text says so */
	bool is_default_silent; /* of what no rule allows there are no records (`log-deny: none`) */
	enum sp_reject reject;
	struct sp_place reject_at; /* where the text says so */
};

enum sp_nat_kind { SP_NAT_MASQUERADE, SP_NAT_NETMAP, SP_NAT_FORWARD };

/* What leaves by @out gets an address of that interface as its source. */
struct sp_masquerade {
	char *out;
	uint32_t *from; /* networks the source is in one of; at least one */
	size_t from_count;
	uint32_t *to; /* networks the destination is in one of; none: any destination */
	size_t to_count;
	uint16_t first_port, last_port; /* which source ports TCP and UDP get */
};

/* Address n of @outside stands for address n of @inside. Both are of one family and one length. */
struct sp_netmap {
	struct sp_prefix outside, inside;
};

#define SP_FORWARD_TARGETS_MAX 16
#define SP_SHARED_FORWARDS_MAX 64   /* with several targets: each is a map in nftables */
#define SP_CHECKED_TARGETS_MAX 256u /* of all forwards: sallyportd has a socket for each */

/* What comes for a port of @to goes to one of the targets, the same one for every connection of a
 * source (addresses/shares.h). @to and the targets are of one family. */
struct sp_forward {
	char *interface; /* every address of this one is meant; NULL: @to */
	struct sp_addr to;
	struct sp_addr targets[SP_FORWARD_TARGETS_MAX]; /* ascending, no two are equal */
	size_t target_count;                            /* at least 1 */
	uint16_t port, target_port; /* of every target; target_port 0: the entry is not whole */
	uint8_t proto;              /* TCP or UDP */
	bool is_checked;            /* by connecting: a target that does not answer gets nothing */
};

/* An entry of `nat`, in file order. */
struct sp_nat {
	char *name;
	enum sp_nat_kind kind;
	struct sp_place place;
	bool is_disabled; /* `enabled: false`; of a checked policy never */
	struct sp_masquerade masquerade;
	struct sp_netmap netmap;
	struct sp_forward forward; /* what it allows is a rule of its name */
};

#define SP_OWN_INTERFACE_SIZE 16 /* IFNAMSIZ */

struct sp_interface {
	char *name;
	enum sp_zone zone;
};

/* One of the gateway's addresses, and an interface that has it. */
struct sp_own_address {
	char interface[SP_OWN_INTERFACE_SIZE];
	struct sp_addr addr;
};

struct sp_route {
	struct sp_prefix prefix;
	enum sp_zone zone;
	uint32_t ifindex; /* the one interface its addresses may come from; 0: any of the zone */
};

/* What the machine is, as far as judgement needs it: fixtures, sallyport.yaml or the live host. */
struct sp_gateway {
	struct sp_prefix *pool;
	size_t pool_count;
	struct sp_addr *self;
	size_t self_count;
	/* Which interface has which; of a gateway that is described without them none, and then every
	 * interface has all of self. */
	struct sp_own_address *own;
	size_t own_count;
	struct sp_interface *interfaces;
	size_t interface_count;
	struct sp_route *routes;
	size_t route_count;
	struct sp_prefix *edge_trust; /* no bogons: the edge's own prefixes and next hops */
	size_t edge_trust_count;
	/* What parked people reach. */
	struct sp_addr *resolvers; /* at port 53 */
	size_t resolver_count;
	uint16_t portal_port; /* TCP, at every address of the gateway; 0: no portal */
};

struct sp_fixture_session {
	char *user;
	char *idp;
	char **groups;
	size_t group_count;
	struct sp_addr addresses[2]; /* [0] IPv4, [1] IPv6 */
	bool has_address[2];
	struct sp_place place;
};

/* What a network by file holds, or a name of one by DNS. */
struct sp_fixture_held {
	uint32_t network;
	struct sp_place place;
	struct sp_prefix *in;
	size_t count;
};

struct sp_fixtures {
	int64_t now_s; /* Unix time; INT64_MIN: not given */
	struct sp_gateway gateway;
	struct sp_fixture_held *held;
	size_t held_count;
	struct sp_fixture_session *sessions;
	size_t session_count;
};

enum sp_test_from_kind {
	SP_TEST_ROLE,
	SP_TEST_USER,
	SP_TEST_ADDRESS,
	SP_TEST_ANONYMOUS,
	SP_TEST_SELF, /* the gateway itself sends it */
};

struct sp_test {
	struct sp_place place;
	enum sp_test_from_kind from;
	uint32_t role;          /* SP_TEST_ROLE */
	uint32_t session;       /* SP_TEST_USER: index of the fixture session */
	struct sp_addr address; /* SP_TEST_ADDRESS */
	char *interface;        /* `on`; NULL: tunnel for people, else edge */
	char *to_text;          /* `to` as written, where it is one word; else NULL */
	/* the destinations tried: first address of each prefix of `to` */
	struct sp_addr *to;
	size_t to_count;
	struct sp_service *services;
	size_t service_count; /* at least one */
	int64_t at_s; /* Unix time at which it is asked; INT64_MIN: whenever the tests run */
	enum sp_verdict_action expect;
	char *rule; /* expected rule; NULL: any */
	/* `only`: exactly what these allow is allowed; each from any, numbered from 1, without a
	 * name. The keys above, but for whose and `on`, are
	 * empty then. */
	struct sp_rule *only;
	size_t only_count;
	bool is_only;
	bool is_nothing; /* `only: none`: what they say is not allowed either */
	bool is_within;  /* what leads elsewhere than the first of `only` does not matter */
};

struct sp_policy {
	struct sp_file *files; /* [0] is the one named, the others are those it includes */
	size_t file_count;
	const char **paths;     /* of the files, for messages at a place */
	uint8_t generation[32]; /* SHA-256 over the files: path, bytes, in order */
	struct sp_settings settings;
	struct sp_people_list *people;
	size_t people_count;
	struct sp_role *roles;
	size_t role_count;
	struct sp_network *networks;
	size_t network_count;
	struct sp_named_service *services; /* as the text has them */
	size_t service_count;
	struct sp_limit *limits;
	size_t limit_count;
	struct sp_timezone **zones; /* every one that is named, and UTC */
	size_t zone_count;
	struct sp_schedule *schedules;
	size_t schedule_count;
	struct sp_rule *rules;
	size_t rule_count;
	size_t disabled_count; /* that the text has besides, with `enabled: false` */
	struct sp_nat *nats;
	size_t nat_count;
	bool drop_bogons;
	uint32_t *drops; /* networks whose packets the edge drops besides */
	size_t drop_count;
	uint32_t *trusts; /* networks of which it drops none, neither as bogons nor by these */
	size_t trust_count;
	uint32_t bogons; /* index of the built-in networks */
	uint32_t internet;
	struct sp_fixtures fixtures;
	struct sp_test *tests;
	size_t test_count;
	size_t holder_count; /* besides the first one */
	/* Of a policy that was filled (addresses/filled.h): the one of the text, which owns all but
	 * the networks; NULL: it is that itself. */
	struct sp_policy *text;
};

/* The policy as its text says it: without what files and names hold at some moment. */
static inline const struct sp_policy *sp_policy_text(const struct sp_policy *policy)
{
	return policy->text ? policy->text : policy;
}

/* One more holder: each of them frees it. Holders are counted without a lock, so that all of them
 * are in one thread. Returns @policy. */
struct sp_policy *sp_policy_hold(struct sp_policy *policy);
/* Give the policy up. With its last holder go every text and value it owns. NULL is allowed. */
void sp_policy_free(struct sp_policy *policy);
static inline void sp_policy_freep(struct sp_policy **policy)
{
	sp_policy_free(*policy);
}

/* Free what it holds; not to be used afterwards. */
void sp_rule_done(struct sp_rule *rule);
/* Likewise. */
void sp_nat_done(struct sp_nat *nat);
/* Free what it holds; empty afterwards. */
void sp_gateway_done(struct sp_gateway *gateway);

typedef int (*sp_rule_number_fn)(void *arg, const char *name, uint32_t *ret_number);
/* Give every rule its number: the one @lookup returns for its name, or by file order from 1 when
 * @lookup is NULL. Returns 0; -errno of @lookup (-ENOSPC: numbers are used up); -ERANGE or -EEXIST
 * @lookup gave a number that no rule can have, or two rules one number; -ENOSPC SP_RULE_MAX rules
 * or more; -ENOMEM. No number is changed then. */
int sp_policy_number_rules(struct sp_policy *policy, sp_rule_number_fn lookup, void *arg);

/* The limit of a rule; NULL: it has none. */
static inline const struct sp_limit *sp_policy_limit(const struct sp_policy *policy,
						     const struct sp_rule *rule)
{
	return rule->limit ? &policy->limits[rule->limit - 1] : NULL;
}

/* The rule with this number, or NULL (default and unknown ones). */
const struct sp_rule *sp_policy_rule(const struct sp_policy *policy, uint32_t number);
/* Its name: "default" for SP_RULE_DEFAULT, NULL for SP_RULE_NONE and unknown numbers. */
const char *sp_policy_rule_name(const struct sp_policy *policy, uint32_t number);

/* Has it rules that are not always in force? */
bool sp_policy_is_timed(const struct sp_policy *policy);
/* The moment its fixtures assume; @now_s, the clock's, where they say nothing. */
int64_t sp_policy_moment(const struct sp_policy *policy, int64_t now_s);
/* A time a person wrote, "2026-11-23T19:00": without Z or an offset it is of the policy's zone.
 * Returns 0; -EINVAL it is no time; -ERANGE there is no such one. */
int sp_policy_parse_time(const struct sp_policy *policy, const char *text, int64_t *ret_unix_s);

/* Who a session is, as rules see it. */
struct sp_identity {
	/* NULL both: a machine. "" both: a person who stands for a role, and has no name */
	const char *user, *idp;
	const uint32_t *roles; /* indices, ascending */
	size_t role_count;
	struct sp_addr addresses[2]; /* [0] IPv4, [1] IPv6 */
	bool has_address[2];
};

/* Is it a person, whom `signed-in` means? */
static inline bool sp_identity_is_person(const struct sp_identity *identity)
{
	return identity->user && identity->idp;
}

/* By provider, then by name. */
int sp_person_compare(const void *a, const void *b);
/* Is the person on the list? Both may be NULL: a machine is on none. */
bool sp_people_has(const struct sp_people_list *list, const char *user, const char *idp);

/* What is known of somebody whose roles are asked for. */
struct sp_person {
	const char *user; /* NULL: not known, or a machine */
	const char *idp;  /* NULL: a machine */
	const char *const *groups;
	size_t group_count;
	const uint8_t *peer_key; /* 32 bytes; NULL: none */
};

/* Whoever has the session in tests; borrows from it. */
static inline struct sp_person sp_fixture_person(const struct sp_fixture_session *session)
{
	return (struct sp_person){ .user = session->user,
				   .idp = session->idp,
				   .groups = (const char *const *)session->groups,
				   .group_count = session->group_count };
}

/* Is the match one for @person? A person, who has a provider, matches by group or by name; a
 * machine, which has none, by its key. A person who holds a machine's key gets nothing by it. */
bool sp_role_match_fits(const struct sp_policy *policy, const struct sp_role_match *match,
			const struct sp_person *person);
/* Roles with a match for @person that have not expired at @now_s. Returns 0 with indices ascending
 * in @ret_roles (malloc'ed), -ENOMEM. */
int sp_policy_match_roles(const struct sp_policy *policy, const struct sp_person *person,
			  int64_t now_s, uint32_t **ret_roles, size_t *ret_count);
/* A role that would match @person, had it not expired at @now_s; NULL: none would. */
const struct sp_role *sp_policy_expired_role(const struct sp_policy *policy,
					     const struct sp_person *person, int64_t now_s);
/* Is it nobody's any more at @now_s? */
static inline bool sp_role_is_expired(const struct sp_role *role, int64_t now_s)
{
	return role->expires_s && role->expires_s <= now_s;
}
/* When the first role of a machine expires after @now_s; INT64_MAX: none does. */
int64_t sp_policy_next_machine_expiry(const struct sp_policy *policy, int64_t now_s);

/* Can a person have the role? Else it is for machines alone. */
bool sp_role_is_of_people(const struct sp_role *role);

/* Is this address the gateway's own? */
bool sp_gateway_has(const struct sp_gateway *gateway, const struct sp_addr *addr);
/* Is it one that devices of people and machines get? */
bool sp_gateway_pool_has(const struct sp_gateway *gateway, const struct sp_addr *addr);

/* Does the network hold this address? No prefix of one family holds an address of the other. */
bool sp_network_has(const struct sp_network *network, const struct sp_addr *addr);

/* The role that names @peer_key as a machine's, expired or not; NULL: none does. */
const struct sp_role *sp_policy_machine_role(const struct sp_policy *policy,
					     const uint8_t peer_key[32]);

#define SP_SESSION_LEAST_S 60
#define SP_SESSION_MOST_S (30 * 86400)
#define SP_SESSION_DEFAULT_MAX_S 36000
#define SP_SESSION_DEFAULT_WARN_S 600

struct sp_session_span {
	int64_t max_s;   /* how long it lasts without the person */
	int64_t idle_s;  /* how long it may be silent; 0: any */
	int64_t warn_s;  /* how long before its end they are warned; shorter than max_s */
	int64_t until_s; /* Unix time at which it ends at the latest; 0: no such time */
};

/* How long a session of somebody with these roles (indices) lasts: the shortest `max` and the
 * shortest `idle` of them, so that a role more never lengthens what another one limits; the longest
 * `warn`; until the first of them expires. What no role says is the default. */
struct sp_session_span sp_policy_session_span(const struct sp_policy *policy, const uint32_t *roles,
					      size_t role_count);
#define SP_DEVICES_MAX 16 /* of a person, whatever their roles */

/* How many devices somebody with these roles (indices) may have: the smallest of their max-devices,
 * SP_DEVICES_MAX where none says it. */
uint32_t sp_policy_max_devices(const struct sp_policy *policy, const uint32_t *roles,
			       size_t role_count);
/* When a session ends that would end at @expires_ns (UTC; 0: never): no later than @span has it. */
int64_t sp_session_end_ns(const struct sp_session_span *span, int64_t expires_ns);
/* The warning a session of @length_s gets: @warn_s, or half its length where that is no warning. */
int64_t sp_session_warn_s(int64_t warn_s, int64_t length_s);

#endif
