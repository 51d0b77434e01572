/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is looked at by a plan: each role alone, whoever a rule names, and whoever is signed in. Those
 * whom both tables treat alike are one: ten thousand listed people are compared once. */
#ifndef SALLYPORT_JUDGE_WHO_H
#define SALLYPORT_JUDGE_WHO_H

#include "judge/plan/plan.h"
#include "tables/atoms.h"

enum sp_who_kind {
	SP_WHO_NOBODY, /* no session: a network, the gateway */
	SP_WHO_ROLE,
	SP_WHO_ROLE_OF_MACHINES,
	SP_WHO_PERSON,
	SP_WHO_MACHINE,
};

struct sp_who {
	enum sp_who_kind kind;
	struct sp_name_list names; /* several only of people or of machines */
	size_t sessions;           /* how many of those signed in these are; 0: named alone */
	bool has_address[2];       /* [0] IPv4, [1] IPv6 */
	struct sp_asker askers[2][SP_ATOMS_SIDES];
	struct sp_receiver met, own;    /* as others meet them; as their own other devices do */
	struct sp_name_list held_roles; /* signed in: the roles whose lines say it as well */
};

struct sp_whos {
	struct sp_who *items;
	size_t count;
};

/* Find everybody who has a role at @now_s, and give each of them rows in the tables of both sides. Returns 0; -E2BIG the
 * tables have no room; -ENOMEM. */
int sp_whos_find(const struct sp_plan_side sides[SP_ATOMS_SIDES],
		 struct sp_tables *const tables[SP_ATOMS_SIDES], int64_t now_s,
		 const struct sp_plan_person *people, size_t person_count,
		 struct sp_whos *ret_whos);
/* Free what they hold; empty afterwards. */
void sp_whos_done(struct sp_whos *whos);

/* Add to @words those names of @who that are not there, unless a role they hold is there. Returns 0;
 * -ENOMEM. */
int sp_who_add_names(const struct sp_who *who, struct sp_name_list *words);
/* Do the words name everybody of @who, by name or by a role they hold? */
bool sp_who_is_named(const struct sp_who *who, const struct sp_name_list *words);

#endif
