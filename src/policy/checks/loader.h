/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One run of sp_policy_load. Names are declared first, then each section is checked by a function
 * in a file of its own. A section goes on after an error, to report several; what it could not read
 * is left empty in the policy, which is thrown away once an error was reported. */
#ifndef SALLYPORT_POLICY_LOADER_H
#define SALLYPORT_POLICY_LOADER_H

#include "policy/addresses/filled.h"
#include "policy/checks/symbols.h"
#include "policy/model.h"
#include "yaml/document.h"
#include "yaml/schema.h"

#define SP_TEST_WORK_MAX 1000000u

/* X(identifier, "key", need): the sections of a policy file. */
#define SP_SECTIONS(X)                                                                             \
	X(VERSION, "sallyport", OPTIONAL)                                                          \
	X(INCLUDE, "include", OPTIONAL)                                                            \
	X(SETTINGS, "settings", OPTIONAL)                                                          \
	X(PEOPLE, "people", OPTIONAL)                                                              \
	X(ROLES, "roles", OPTIONAL)                                                                \
	X(NETWORKS, "networks", OPTIONAL)                                                          \
	X(SERVICES, "services", OPTIONAL)                                                          \
	X(LIMITS, "limits", OPTIONAL)                                                              \
	X(EDGE, "edge", OPTIONAL)                                                                  \
	X(PROTECT, "protect", OPTIONAL)                                                            \
	X(RULES, "rules", OPTIONAL)                                                                \
	X(NAT, "nat", OPTIONAL)                                                                    \
	X(FIXTURES, "fixtures", OPTIONAL)                                                          \
	X(TESTS, "tests", OPTIONAL)                                                                \
	X(SCHEDULES, "schedules", OPTIONAL)

enum sp_section {
#define X(id, key, need) SP_SECTION_##id,
	SP_SECTIONS(X)
#undef X
		SP_SECTION_COUNT
};

/* One file of the policy, as a tree. */
struct sp_part {
	struct sp_document document;
	const struct sp_node *values[SP_SECTION_COUNT]; /* NULL: not there, or reported */
	const struct sp_node *sessions;                 /* of its fixtures; likewise */
};

struct sp_loader {
	struct sp_check check;
	struct sp_policy *policy;
	struct sp_part *parts; /* by file of the policy */
	size_t part_count;
	const struct sp_timezone_source *zones; /* NULL: none but UTC */
	enum sp_log log_deny, log_allow;        /* of rules that do not say it */
	struct sp_symbols people, roles, networks, services, schedules, limits, rules, nats;
	struct sp_symbols hosts; /* names in the DNS, by the index of their network */
	/* of fixture sessions, by their index; the same name at two providers is two people, at one
	 * provider two devices */
	struct sp_symbols users;
	struct sp_symbols providers; /* each mention in a role, with its lists, or a session */
	size_t service_items;        /* services written into rules and tests so far */
	size_t network_items;        /* prefixes that names within networks became so far */
	unsigned nesting;            /* of the names that are being made out */
	struct sp_policy *filled;    /* for tests, by the fixtures, once one of them asks */
	size_t test_destinations;    /* addresses written into tests so far */
	size_t test_work_left;       /* prefixes that may still be looked through for them */
};

/* Which of the policy's files include which; what is missing or goes round is reported. */
void sp_check_includes(struct sp_loader *loader);

/* Those of the one file that has them; what it does not say has a default. */
void sp_load_settings(struct sp_loader *loader);
/* The zone of this name, which the policy then has; NULL: reported. */
const struct sp_timezone *sp_load_timezone(struct sp_loader *loader, const struct sp_node *node,
					   const char *what);
/* A time as an instant: one without Z or an offset is of the policy's zone. Returns 0; -EINVAL
 * reported. */
int sp_load_time(struct sp_loader *loader, const struct sp_node *node, const char *what,
		 int64_t *ret_unix_s);
/* `expires` as an instant: a date means its end by the policy's clock. Left as it was where that was
 * reported. */
void sp_load_expires(struct sp_loader *loader, const struct sp_node *node, int64_t *expires_s);

/* Each takes the value of its key. */
void sp_load_roles(struct sp_loader *loader, const struct sp_node *section);
/* After all roles: the providers of those lists that a role names. */
void sp_add_people_providers(struct sp_loader *loader, const struct sp_node *section);
/* When all providers are known. */
void sp_load_people(struct sp_loader *loader, const struct sp_node *section);
void sp_load_networks(struct sp_loader *loader, const struct sp_node *section);
void sp_load_services(struct sp_loader *loader, const struct sp_node *section);
void sp_load_limits(struct sp_loader *loader, const struct sp_node *section);
void sp_load_schedules(struct sp_loader *loader, const struct sp_node *section);
/* A network by file. Each takes the value of its key; NULL: it is not there, or was reported. */
void sp_load_file_network(struct sp_loader *loader, const struct sp_node *file,
			  const struct sp_node *max_age, const struct sp_node *on_stale,
			  struct sp_network *network);
/* A network by DNS. Likewise. */
void sp_load_dns_network(struct sp_loader *loader, const struct sp_node *dns,
			 const struct sp_node *ttl_min, const struct sp_node *max_age,
			 struct sp_network *network);
/* `feeds` and `dns` of the fixtures: what files and names hold in tests. */
void sp_load_fixture_feeds(struct sp_loader *loader, const struct sp_node *node);
void sp_load_fixture_dns(struct sp_loader *loader, const struct sp_node *node);
/* After all networks, all services are loaded: what each of them stands for. */
void sp_resolve_networks(struct sp_loader *loader);
void sp_resolve_services(struct sp_loader *loader);
/* Begin to make out what @symbol, named by @item, stands for. Returns true: the caller does it, and
 * calls _close. False: it is done already, or it goes round or too deep (reported). */
bool sp_symbol_open(struct sp_loader *loader, const struct sp_node *item, const char *what,
		    struct sp_symbol *symbol);
void sp_symbol_close(struct sp_loader *loader, struct sp_symbol *symbol);
void sp_load_rules(struct sp_loader *loader, const struct sp_node *section);
void sp_load_edge(struct sp_loader *loader, const struct sp_node *section);
void sp_load_protect(struct sp_loader *loader, const struct sp_node *section);
void sp_load_nat(struct sp_loader *loader, const struct sp_node *section);
/* An interface by a name that nftables can say; NULL: reported. The caller's: free. */
char *sp_read_nat_interface(struct sp_loader *loader, const struct sp_node *node);
/* The value of `forward` of nat entry @nat, with the @rule that the entry is. */
void sp_load_forward(struct sp_loader *loader, const struct sp_node *node, uint32_t nat,
		     struct sp_rule *rule);
/* Once all rules are loaded: how forwards lie to each other, to the gateway, to netmaps and to what
 * protect entries keep open. */
void sp_check_forwards(struct sp_loader *loader);
/* The value of `netmap`; and once all entries and fixtures are loaded, how netmaps lie to each
 * other and to the gateway. */
void sp_load_netmap(struct sp_loader *loader, const struct sp_node *node, struct sp_nat *nat);
void sp_check_netmaps(struct sp_loader *loader);
/* Those of every file; what none says has a default. */
void sp_load_fixtures(struct sp_loader *loader);
void sp_load_tests(struct sp_loader *loader, const struct sp_node *section);

/* One person, { user: …, idp: … }; "a person" is @what for the messages. The caller frees both
 * texts. Returns 0; -EINVAL it was reported; -ENOMEM. When all providers are known. */
int sp_load_person(struct sp_loader *loader, const struct sp_node *node, const char *what,
		   struct sp_person_name *ret_person);
/* The list of people that @node names, used now; NULL: reported. */
struct sp_symbol *sp_find_people(struct sp_loader *loader, const struct sp_node *node);

/* Both read a part that rules, expose and protect have in common, and append to @rule's list; what
 * cannot be read is reported. */
void sp_load_from(struct sp_loader *loader, const struct sp_node *node, struct sp_rule *rule);
void sp_load_to(struct sp_loader *loader, const struct sp_node *node, struct sp_rule *rule);
/* Append the services of one item or a list. Returns 0; -EINVAL some item was reported. */
int sp_load_service_items(struct sp_loader *loader, const struct sp_node *node,
			  struct sp_service **services, size_t *count);
/* A network without a name for the prefix that @item is. Returns its index; -EINVAL reported;
 * -ENOMEM. */
int64_t sp_add_literal(struct sp_loader *loader, const struct sp_node *item);
/* `log: none | new | all` into @rule; left as it was where that was reported. */
void sp_load_log(struct sp_loader *loader, const struct sp_node *node, struct sp_rule *rule);
/* `limit: NAME` into @rule. */
void sp_load_limit(struct sp_loader *loader, const struct sp_node *node, struct sp_rule *rule);
/* `enabled: true | false` */
void sp_load_enabled(struct sp_loader *loader, const struct sp_node *node, bool *is_disabled);
/* Append a rule with its name declared, its place and the default log of its kind.
 * NULL: no memory, or too many rules (reported). */
struct sp_rule *sp_add_rule(struct sp_loader *loader, const struct sp_node *node,
			    const struct sp_node *name, enum sp_rule_kind kind);

/* Report rules of a policy without other errors that put two limits on the same traffic. */
void sp_check_limit_conflicts(struct sp_loader *loader);

/* Warnings about a policy without errors (lint.c). */
void sp_lint(struct sp_loader *loader);
/* Of them, those about rules that stand or fall with names in the DNS. */
void sp_lint_hosts(struct sp_loader *loader);

#endif
