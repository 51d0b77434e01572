/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What would change if one policy took the place of another: rules, translations, roles and settings
 * by name, and who could open what that they cannot open now, or the other way round. Computed on the decision tables of both, so it
 * is exact: what no line names is decided as before.
 *
 * People are looked at by role, each alone, and by name where a rule names them; whoever is signed
 * in is looked at besides, and has a line of their own only where their roles' lines do not say it.
 * What two roles have only together, and nobody who is signed in has, is no line. */
#ifndef SALLYPORT_JUDGE_PLAN_H
#define SALLYPORT_JUDGE_PLAN_H

#include "json/own.h"
#include "judge/plan/wording.h"
#include "policy/compare.h"
#include "policy/facts.h"
#include "policy/model.h"

/* A policy and the machine it is for. The rules are numbered. */
struct sp_plan_side {
	const struct sp_policy *policy;
	const struct sp_gateway *gateway;
};

/* Somebody signed in, or a machine with its tunnel. All is borrowed. */
struct sp_plan_person {
	const char *user, *idp; /* NULL both: a machine */
	const char *const *groups;
	size_t group_count;
	const uint8_t *peer_key;     /* of a machine; else NULL */
	struct sp_addr addresses[2]; /* [0] IPv4, [1] IPv6 */
	bool has_address[2];
};

struct sp_plan_rule {
	enum sp_rule_change change;
	const char *kind; /* "rule", "nat", "role", "setting", "edge" */
	const char *name; /* of a setting and of the edge: the key */
	const char *
		path; /* where it stands: in the new policy, or in the old one if removed; NULL: a key */
	uint32_t line;
};

/* Each of `who` can open each of `services` to each of `to`, after the change or before it. */
struct sp_plan_line {
	bool is_gained;
	bool is_one; /* `who` is one person, not a role or a network */
	struct sp_name_list who, to, services;
	size_t sessions; /* of those signed in, how many it is true of */
};

struct sp_plan {
	struct sp_plan_rule *rules;
	size_t rule_count;
	struct sp_plan_line *lines;
	size_t line_count;
};

/* Compare both as they are at the moment of @facts. The policies outlive the plan. Returns 0; -E2BIG the tables of one have no room;
 * -EINVAL a rule has no number; -ENOMEM. */
int sp_plan_make(const struct sp_plan_side *before, const struct sp_plan_side *after,
		 const struct sp_facts *facts, const struct sp_plan_person *people,
		 size_t person_count, struct sp_plan *ret_plan);
/* Free what it holds; empty afterwards. */
void sp_plan_done(struct sp_plan *plan);

/* "vendors gain tcp/22 to 10.30.40.7 (2 signed in)": at most @items_max words of each list, and how
 * many more there are; 0: all. @ret_text is the caller's to free. Returns 0; -ENOMEM. */
int sp_plan_sentence(const struct sp_plan_line *line, size_t items_max, char **ret_text);
/* {same, rules, changes}, as docs/control-socket.md has it. The caller drops the reference. */
json_t *sp_plan_describe(const struct sp_plan *plan);

#endif
