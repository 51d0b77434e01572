/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "judge/plan/who.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "judge/judge.h"
#include "net/addr.h"

#define SIDES SP_ATOMS_SIDES

/* What finding them works with. */
struct finder {
	int64_t now_s;
	const struct sp_plan_side *sides;
	struct sp_tables *const *tables;
	struct sp_whos whos;
};

/* Somebody whom a rule names; borrowed from the policy. */
struct named {
	const char *user, *idp;
};

struct named_list {
	struct named *items;
	size_t count;
};

static void who_done(struct sp_who *who)
{
	sp_name_list_done(&who->names);
	sp_name_list_done(&who->held_roles);
}

void sp_whos_done(struct sp_whos *whos)
{
	for (size_t i = 0; i < whos->count; i++)
		who_done(&whos->items[i]);
	free(whos->items);
	*whos = (struct sp_whos){ 0 };
}

static void named_list_done(struct named_list *list)
{
	free(list->items);
}

/* ---- rows ---- */

/* Room for somebody whom both tables shut out so far. NULL: no memory. */
static struct sp_who *push_who(struct finder *finder, const char *name, enum sp_who_kind kind)
{
	struct sp_who *who = SP_ARRAY_PUSH(finder->whos.items, finder->whos.count);

	if (!who)
		return NULL;
	who->kind = kind;
	for (size_t family = 0; family < 2; family++)
		for (size_t side = 0; side < SIDES; side++)
			who->askers[family][side].is_shut = true;
	return sp_name_list_add(&who->names, name) < 0 ? NULL : who;
}

/* A session to the tables of a side. */
static int enter(const struct finder *finder, size_t side, const struct sp_identity *identity,
		 struct sp_who *who)
{
	uint32_t class_id[2];
	int r = sp_tables_add_identity(finder->tables[side], identity, class_id,
				       who->met.netset[side], who->own.netset[side]);

	if (r < 0)
		return r;
	for (size_t family = 0; family < 2; family++) {
		if (!identity->has_address[family])
			continue;
		who->has_address[family] = true;
		who->askers[family][side] = sp_asker_of_session(
			finder->tables[side], class_id[family], &identity->addresses[family]);
		who->met.is_there[side][family] = who->own.is_there[side][family] = true;
	}
	return 0;
}

/* ---- roles ---- */

static uint32_t find_role(const struct sp_policy *policy, const char *name)
{
	uint32_t role = 0;

	while (role < policy->role_count && strcmp(policy->roles[role].name, name) != 0)
		role++;
	return role;
}

static bool is_of_people(const struct sp_policy *policy, uint32_t role)
{
	return role < policy->role_count && sp_role_is_of_people(&policy->roles[role]);
}

static int add_role(struct finder *finder, const char *name)
{
	struct sp_who *who;
	uint32_t roles[SIDES];
	bool has_people = false;
	int r = 0;

	for (size_t side = 0; side < SIDES; side++) {
		roles[side] = find_role(finder->sides[side].policy, name);
		has_people |= is_of_people(finder->sides[side].policy, roles[side]);
	}
	who = push_who(finder, name, has_people ? SP_WHO_ROLE : SP_WHO_ROLE_OF_MACHINES);
	if (!who)
		return -ENOMEM;
	for (size_t side = 0; side < SIDES && r == 0; side++) {
		const struct sp_plan_side *of = &finder->sides[side];
		struct sp_identity identity;

		if (roles[side] == of->policy->role_count ||
		    sp_role_is_expired(&of->policy->roles[roles[side]], finder->now_s))
			continue;
		sp_judge_stand_in(of->policy, of->gateway, &roles[side], 0, &identity);
		r = enter(finder, side, &identity, who);
	}
	return r;
}

static int add_roles(struct finder *finder)
{
	const struct sp_policy *before = finder->sides[SP_ATOMS_BEFORE].policy;
	const struct sp_policy *after = finder->sides[SP_ATOMS_AFTER].policy;
	int r = 0;

	for (size_t i = 0; i < after->role_count && r == 0; i++)
		r = add_role(finder, after->roles[i].name);
	for (size_t i = 0; i < before->role_count && r == 0; i++)
		if (find_role(after, before->roles[i].name) == after->role_count)
			r = add_role(finder, before->roles[i].name);
	return r;
}

/* ---- people whom rules name ---- */

static int name_person(struct named_list *list, const char *user, const char *idp)
{
	struct named *named;

	if (!idp)
		return 0; /* it means nobody */
	named = SP_ARRAY_PUSH(list->items, list->count);
	if (!named)
		return -ENOMEM;
	*named = (struct named){ user, idp };
	return 0;
}

static int name_list(struct named_list *list, const struct sp_people_list *people)
{
	int r = 0;

	for (size_t i = 0; i < people->count && r == 0; i++)
		r = name_person(list, people->items[i].user, people->items[i].idp);
	return r;
}

static int name_from(struct named_list *list, const struct sp_policy *policy,
		     const struct sp_from *from)
{
	switch (from->kind) {
	case SP_FROM_USER:
		return name_person(list, from->user, from->idp);
	case SP_FROM_PEOPLE:
		return name_list(list, &policy->people[from->index]);
	default:
		return 0;
	}
}

static int name_people_of_rule(struct named_list *list, const struct sp_policy *policy,
			       const struct sp_rule *rule)
{
	int r = 0;

	for (size_t i = 0; i < rule->from_count && r == 0; i++)
		r = name_from(list, policy, &rule->from[i]);
	for (size_t i = 0; i < rule->to_count && r == 0; i++)
		if (rule->to[i].kind == SP_TO_PEOPLE)
			r = name_list(list, &policy->people[rule->to[i].index]);
	return r;
}

static int compare_named(const void *left, const void *right)
{
	const struct named *a = left, *b = right;
	const int order = strcmp(a->user, b->user);

	return order ? order : strcmp(a->idp, b->idp);
}

static int person_name(const char *user, const char *idp, char **ret_name)
{
	return sp_str_format(ret_name, "%s (%s)", user, idp);
}

/* With their name alone, at an address of the pool nobody has. */
static int add_named(struct finder *finder, const struct named *named)
{
	__sp_free char *name = NULL;
	struct sp_identity identity;
	const uint32_t role = 0;
	struct sp_who *who;
	int r = person_name(named->user, named->idp, &name);

	if (r < 0)
		return r;
	who = push_who(finder, name, SP_WHO_PERSON);
	if (!who)
		return -ENOMEM;
	for (size_t side = 0; side < SIDES && r == 0; side++) {
		const struct sp_plan_side *of = &finder->sides[side];

		if (!of->policy->role_count)
			continue; /* nobody can sign in */
		sp_judge_stand_in(of->policy, of->gateway, &role, 0, &identity);
		identity.user = named->user;
		identity.idp = named->idp;
		identity.roles = NULL;
		identity.role_count = 0;
		r = enter(finder, side, &identity, who);
	}
	return r;
}

static int add_named_people(struct finder *finder)
{
	__sp_cleanup(named_list_done) struct named_list list = { 0 };
	int r = 0;

	for (size_t side = 0; side < SIDES; side++) {
		const struct sp_policy *policy = finder->sides[side].policy;

		for (size_t i = 0; i < policy->rule_count && r == 0; i++)
			r = name_people_of_rule(&list, policy, &policy->rules[i]);
	}
	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), compare_named);
	for (size_t i = 0; i < list.count && r == 0; i++)
		if (!i || compare_named(&list.items[i - 1], &list.items[i]))
			r = add_named(finder, &list.items[i]);
	return r;
}

/* ---- who is signed in ---- */

/* To one side; whose policy gives no role has no session there. */
static int enter_live(const struct finder *finder, size_t side, const struct sp_plan_person *person,
		      struct sp_who *who)
{
	const struct sp_policy *policy = finder->sides[side].policy;
	struct sp_identity identity = { .user = person->user, .idp = person->idp };
	__sp_free uint32_t *roles = NULL;
	const struct sp_person asked = { .user = person->user,
					 .idp = person->idp,
					 .groups = person->groups,
					 .group_count = person->group_count,
					 .peer_key = person->peer_key };
	int r = sp_policy_match_roles(policy, &asked, finder->now_s, &roles, &identity.role_count);

	for (size_t i = 0; r == 0 && i < identity.role_count; i++)
		r = sp_name_list_add(&who->held_roles, policy->roles[roles[i]].name);
	if (r < 0 || !identity.role_count)
		return r;
	identity.roles = roles;
	memcpy(identity.addresses, person->addresses, sizeof(identity.addresses));
	memcpy(identity.has_address, person->has_address, sizeof(identity.has_address));
	return enter(finder, side, &identity, who);
}

static int live_name(const struct sp_plan_person *person, char **ret_name)
{
	char address[SP_ADDR_TEXT_MAX];

	if (person->user && person->idp)
		return person_name(person->user, person->idp, ret_name);
	return sp_str_format(ret_name, "the machine %s",
			     sp_addr_format(&person->addresses[!person->has_address[0]], address));
}

static int add_live(struct finder *finder, const struct sp_plan_person *person)
{
	__sp_free char *name = NULL;
	struct sp_who *who;
	int r = live_name(person, &name);

	if (r < 0)
		return r;
	who = push_who(finder, name, person->idp ? SP_WHO_PERSON : SP_WHO_MACHINE);
	if (!who)
		return -ENOMEM;
	who->sessions = 1;
	for (size_t side = 0; side < SIDES && r == 0; side++)
		r = enter_live(finder, side, person, who);
	return r;
}

/* ---- who is treated alike ---- */

/* All that the tables know of somebody, of a family and a side. */
struct rows {
	uint32_t class_id, protect_class, is_shut, is_there, netset, own_netset;
};

static struct rows rows_of(const struct sp_who *who, size_t family, size_t side)
{
	const struct sp_asker *asker = &who->askers[family][side];

	return (struct rows){ .class_id = asker->class_id,
			      .protect_class = asker->protect_class,
			      .is_shut = asker->is_shut,
			      .is_there = who->met.is_there[side][family],
			      .netset = who->met.netset[side][family],
			      .own_netset = who->own.netset[side][family] };
}

static int compare_rows(const struct sp_who *a, const struct sp_who *b)
{
	int order = 0;

	for (size_t family = 0; family < 2 && !order; family++)
		for (size_t side = 0; side < SIDES && !order; side++) {
			const struct rows left = rows_of(a, family, side);
			const struct rows right = rows_of(b, family, side);

			order = memcmp(&left, &right, sizeof(left));
		}
	return order;
}

static int compare_lists(const struct sp_name_list *a, const struct sp_name_list *b)
{
	int order = (a->count > b->count) - (a->count < b->count);

	for (size_t i = 0; i < a->count && !order; i++)
		order = strcmp(a->items[i], b->items[i]);
	return order;
}

static int compare_treatment(const struct sp_who *a, const struct sp_who *b)
{
	int order = (a->kind > b->kind) - (a->kind < b->kind);

	if (!order)
		order = !a->sessions - !b->sessions;
	if (!order)
		order = compare_rows(a, b);
	return order ? order : compare_lists(&a->held_roles, &b->held_roles);
}

static int compare_whos(const void *left, const void *right)
{
	const struct sp_who *const *a = left, *const *b = right;
	int order = compare_treatment(*a, *b);

	if (!order)
		order = strcmp((*a)->names.items[0], (*b)->names.items[0]);
	return order ? order : (*a > *b) - (*a < *b);
}

/* Each role is a line's own; nobody else is told apart by more than their treatment. */
static bool are_one(const struct sp_who *a, const struct sp_who *b)
{
	return (a->kind == SP_WHO_PERSON || a->kind == SP_WHO_MACHINE) && !compare_treatment(a, b);
}

/* One joins the others, whose names come before theirs. */
static int join(struct sp_who *all, struct sp_who *one)
{
	const char *last = all->names.items[all->names.count - 1];
	int r = 0;

	if (strcmp(last, one->names.items[0]) != 0)
		r = sp_name_list_add(&all->names, one->names.items[0]);
	all->sessions += one->sessions;
	who_done(one);
	*one = (struct sp_who){ 0 };
	return r;
}

/* Take out whoever has joined others. */
static void close_gaps(struct sp_whos *whos)
{
	size_t kept = 0;

	for (size_t i = 0; i < whos->count; i++)
		if (whos->items[i].names.count)
			whos->items[kept++] = whos->items[i];
	whos->count = kept;
}

static int join_alike(struct sp_whos *whos)
{
	__sp_free struct sp_who **order =
		reallocarray(NULL, whos->count + 1, sizeof(struct sp_who *));
	size_t next;
	int r = 0;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < whos->count; i++)
		order[i] = &whos->items[i];
	if (whos->count)
		qsort(order, whos->count, sizeof(struct sp_who *), compare_whos);
	for (size_t i = 0; i < whos->count && r == 0; i = next)
		for (next = i + 1; next < whos->count && r == 0 && are_one(order[i], order[next]);
		     next++)
			r = join(order[i], order[next]);
	close_gaps(whos);
	return r;
}

static bool is_one_person(const struct sp_who *who)
{
	return who->kind == SP_WHO_PERSON && who->names.count == 1;
}

/* The same for all that a person alone is: signed in, and named in a rule. */
static uint32_t number_of(const struct sp_whos *whos, size_t place)
{
	const struct sp_who *who = &whos->items[place];

	for (size_t i = 0; is_one_person(who) && i < place; i++)
		if (is_one_person(&whos->items[i]) &&
		    !strcmp(whos->items[i].names.items[0], who->names.items[0]))
			return (uint32_t)i + 1;
	return (uint32_t)place + 1;
}

/* Others of many meet each other, and people have devices of their own; nobody meets themselves but
 * as the own devices they are; a machine has none. */
static void set_persons(struct sp_whos *whos)
{
	for (size_t i = 0; i < whos->count; i++) {
		struct sp_who *who = &whos->items[i];
		const bool has_devices = who->kind == SP_WHO_ROLE || who->kind == SP_WHO_PERSON;
		const uint32_t number = number_of(whos, i);

		who->met.person = is_one_person(who) ? number : 0;
		who->own.person = has_devices ? number : 0;
		who->own.is_own = true;
		for (size_t family = 0; family < 2; family++)
			for (size_t side = 0; side < SIDES; side++)
				who->askers[family][side].person = who->own.person;
	}
}

static void finder_done(struct finder *finder)
{
	sp_whos_done(&finder->whos);
}

int sp_whos_find(const struct sp_plan_side sides[SIDES], struct sp_tables *const tables[SIDES],
		 int64_t now_s, const struct sp_plan_person *people, size_t person_count,
		 struct sp_whos *ret_whos)
{
	__sp_cleanup(finder_done) struct finder finder = { .sides = sides,
							   .tables = tables,
							   .now_s = now_s };
	int r = add_roles(&finder);

	if (r == 0)
		r = add_named_people(&finder);
	for (size_t i = 0; i < person_count && r == 0; i++)
		r = add_live(&finder, &people[i]);
	if (r == 0)
		r = join_alike(&finder.whos);
	if (r < 0)
		return r;
	set_persons(&finder.whos);
	*ret_whos = finder.whos;
	finder.whos = (struct sp_whos){ 0 };
	return 0;
}

/* ---- names ---- */

static bool has_word(const struct sp_name_list *words, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(words->items[i], word))
			return true;
	return false;
}

static bool holds_role_of(const struct sp_who *who, const struct sp_name_list *words)
{
	for (size_t i = 0; i < who->held_roles.count; i++)
		if (has_word(words, words->count, who->held_roles.items[i]))
			return true;
	return false;
}

int sp_who_add_names(const struct sp_who *who, struct sp_name_list *words)
{
	const size_t known = words->count; /* no two of one have the same name */
	int r = 0;

	if (holds_role_of(who, words))
		return 0;
	for (size_t i = 0; i < who->names.count && r == 0; i++)
		if (!has_word(words, known, who->names.items[i]))
			r = sp_name_list_add(words, who->names.items[i]);
	return r;
}

bool sp_who_is_named(const struct sp_who *who, const struct sp_name_list *words)
{
	if (holds_role_of(who, words))
		return true;
	for (size_t i = 0; i < who->names.count; i++)
		if (!has_word(words, words->count, who->names.items[i]))
			return false;
	return true;
}
