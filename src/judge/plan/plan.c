/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "judge/plan/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "judge/judge.h"
#include "judge/plan/who.h"
#include "net/addr.h"
#include "tables/atoms.h"

#define SIDES SP_ATOMS_SIDES

/* What a line says of its first sender, exactly: in words it may say more than one sender of an
 * address of one family alone has. */
struct told {
	struct sp_ranges to[2]; /* by family */
	struct sp_name_list receivers[2];
	const struct sp_who *counted; /* whose sessions were counted last; NULL: none */
};

struct maker {
	struct sp_plan_side sides[SIDES];
	struct sp_tables *tables[SIDES];
	struct sp_atoms *atoms;
	struct sp_whos whos;
	struct sp_receiver *receivers; /* two for each of whos: met, own */
	struct sp_plan plan;
	struct told *told; /* one for each line */
	size_t told_count;
};

static void told_done(struct told *told)
{
	for (size_t family = 0; family < 2; family++) {
		sp_ranges_done(&told->to[family]);
		sp_name_list_done(&told->receivers[family]);
	}
}

static void maker_done(struct maker *maker)
{
	sp_atoms_free(maker->atoms);
	for (size_t side = 0; side < SIDES; side++)
		sp_tables_free(maker->tables[side]);
	sp_whos_done(&maker->whos);
	free(maker->receivers);
	for (size_t i = 0; i < maker->told_count; i++)
		told_done(&maker->told[i]);
	free(maker->told);
	sp_plan_done(&maker->plan);
}

void sp_plan_done(struct sp_plan *plan)
{
	for (size_t i = 0; i < plan->line_count; i++) {
		sp_name_list_done(&plan->lines[i].who);
		sp_name_list_done(&plan->lines[i].to);
		sp_name_list_done(&plan->lines[i].services);
	}
	free(plan->lines);
	free(plan->rules);
	*plan = (struct sp_plan){ 0 };
}

/* ---- rules ---- */

/* @place NULL: it has none. */
static int add_entry(struct maker *maker, enum sp_rule_change change, const char *kind,
		     const char *name, const struct sp_place *place)
{
	const size_t side = change == SP_RULE_REMOVED ? SP_ATOMS_BEFORE : SP_ATOMS_AFTER;
	struct sp_plan_rule *room = SP_ARRAY_PUSH(maker->plan.rules, maker->plan.rule_count);

	if (!room)
		return -ENOMEM;
	*room = (struct sp_plan_rule){ .change = change, .kind = kind, .name = name };
	if (place) {
		room->path = maker->sides[side].policy->files[place->file].path;
		room->line = place->line;
	}
	return 0;
}

static int add_rule(void *arg, enum sp_rule_change change, const struct sp_rule *was,
		    const struct sp_rule *is)
{
	const struct sp_rule *rule = is ? is : was;

	return add_entry(arg, change, "rule", rule->name, &rule->place);
}

static int add_nat(void *arg, enum sp_rule_change change, const struct sp_nat *was,
		   const struct sp_nat *is)
{
	const struct sp_nat *nat = is ? is : was;

	return add_entry(arg, change, "nat", nat->name, &nat->place);
}

static int add_part(void *arg, enum sp_rule_change change, const char *kind, const char *name,
		    const struct sp_place *place)
{
	return add_entry(arg, change, kind, name, place);
}

/* ---- lines ---- */

/* What is gained or lost by one sender, of both families where their services have the same words.
 * NULL: nothing of that family. */
struct change {
	const struct sp_atoms_block *blocks[2];
	bool is_gained;
	struct sp_name_list services;
};

static void change_done(struct change *change)
{
	sp_name_list_done(&change->services);
}

#define OWN_DEVICES "own-devices"

static bool has_word(const struct sp_name_list *words, const char *word)
{
	for (size_t i = 0; i < words->count; i++)
		if (!strcmp(words->items[i], word))
			return true;
	return false;
}

/* Whoever is signed in is not named besides a role of theirs that gets the same. */
static int add_receiver(const struct maker *maker, uint32_t receiver, struct sp_name_list *to)
{
	if (!maker->receivers[receiver].is_own)
		return sp_who_add_names(&maker->whos.items[receiver / 2], to);
	return has_word(to, OWN_DEVICES) ? 0 : sp_name_list_add(to, OWN_DEVICES);
}

static int add_receivers(const struct maker *maker, const struct sp_atoms_block *block,
			 struct sp_name_list *to)
{
	int r = 0;

	for (size_t i = 0; block && i < block->receiver_count && r == 0; i++)
		r = add_receiver(maker, block->receivers[i], to);
	return r;
}

static struct sp_wording wording_of(const struct maker *maker, bool is_gained)
{
	const struct sp_plan_side *side =
		&maker->sides[is_gained ? SP_ATOMS_AFTER : SP_ATOMS_BEFORE];

	return (struct sp_wording){ side->policy, side->gateway };
}

static int word_services(const struct maker *maker, const struct sp_atoms_block *block, bool is_v6,
			 struct sp_name_list *services)
{
	const struct sp_wording wording = wording_of(maker, block->is_gained);

	return sp_wording_services(&wording, block->slots, block->slot_count, is_v6, services);
}

static const struct sp_ranges *ranges_of(const struct change *change, size_t family)
{
	static const struct sp_ranges nothing;

	return change->blocks[family] ? &change->blocks[family]->to : &nothing;
}

static int word_targets(const struct maker *maker, const struct change *change, unsigned families,
			struct sp_name_list *to)
{
	const struct sp_wording wording = wording_of(maker, change->is_gained);
	__sp_cleanup(sp_ranges_done) struct sp_ranges ranges = { 0 };
	int r = sp_ranges_unite(ranges_of(change, 0), ranges_of(change, 1), &ranges);

	if (r == 0)
		r = sp_wording_addresses(&wording, &ranges, families, to);
	for (size_t family = 0; family < 2 && r == 0; family++)
		r = add_receivers(maker, change->blocks[family], to);
	return r;
}

/* What a change is, exactly, without words for addresses. */
static int tell_exactly(const struct maker *maker, const struct change *change,
			struct told *ret_told)
{
	static const struct sp_ranges nothing;
	int r = 0;

	for (size_t family = 0; family < 2 && r == 0; family++) {
		r = sp_ranges_unite(ranges_of(change, family), &nothing, &ret_told->to[family]);
		if (r == 0)
			r = add_receivers(maker, change->blocks[family],
					  &ret_told->receivers[family]);
	}
	return r;
}

static bool same_ranges(const struct sp_ranges *a, const struct sp_ranges *b)
{
	return a->count == b->count &&
	       (!a->count || !memcmp(a->items, b->items, a->count * sizeof(*a->items)));
}

/* Do both say the same of the families? */
static bool same_told(const struct told *a, const struct told *b, unsigned families)
{
	for (size_t family = 0; family < 2; family++)
		if (families & (family ? SP_FAMILY_V6 : SP_FAMILY_V4) &&
		    (!same_ranges(&a->to[family], &b->to[family]) ||
		     !sp_name_list_equal(&a->receivers[family], &b->receivers[family])))
			return false;
	return true;
}

/* Those signed in are counted once a line: families come one behind the other. */
static void count_sessions(struct maker *maker, size_t line, const struct sp_who *who)
{
	if (who->sessions && maker->told[line].counted != who) {
		maker->told[line].counted = who;
		maker->plan.lines[line].sessions += who->sessions;
	}
}

/* The line that says of a role what is true of @who, who holds it, in the families they have. NULL:
 * there is none. */
static struct sp_plan_line *line_of_role(const struct maker *maker, const struct sp_who *who,
					 unsigned families, const struct change *change,
					 const struct told *told)
{
	for (size_t i = 0; i < maker->plan.line_count; i++) {
		struct sp_plan_line *line = &maker->plan.lines[i];

		if (line->is_gained == change->is_gained &&
		    sp_name_list_equal(&line->services, &change->services) &&
		    sp_who_is_named(who, &line->who) && same_told(&maker->told[i], told, families))
			return line;
	}
	return NULL;
}

/* The line of such a change, made where there is none; the words and @told are taken then. NULL: no
 * memory. */
static struct sp_plan_line *line_of(struct maker *maker, struct sp_name_list *to,
				    struct change *change, struct told *told)
{
	struct sp_plan *plan = &maker->plan;
	struct sp_plan_line *line;
	struct told *room;

	for (size_t i = 0; i < plan->line_count; i++) {
		line = &plan->lines[i];
		if (line->is_gained == change->is_gained && sp_name_list_equal(&line->to, to) &&
		    sp_name_list_equal(&line->services, &change->services))
			return line;
	}
	room = SP_ARRAY_PUSH(maker->told, maker->told_count);
	line = room ? SP_ARRAY_PUSH(plan->lines, plan->line_count) : NULL;
	if (!line)
		return NULL;
	*room = *told;
	*told = (struct told){ 0 };
	*line = (struct sp_plan_line){ .is_gained = change->is_gained,
				       .to = *to,
				       .services = change->services };
	*to = change->services = (struct sp_name_list){ 0 };
	return line;
}

static int add_to_line(struct maker *maker, struct sp_plan_line *line, const struct sp_who *who)
{
	count_sessions(maker, (size_t)(line - maker->plan.lines), who);
	if (!line->who.count)
		line->is_one = who->kind == SP_WHO_PERSON || who->kind == SP_WHO_MACHINE;
	return sp_who_add_names(who, &line->who);
}

static int tell_change(struct maker *maker, const struct sp_who *who, unsigned families,
		       struct change *change)
{
	__sp_cleanup(sp_name_list_done) struct sp_name_list to = { 0 };
	__sp_cleanup(told_done) struct told told = { 0 };
	struct sp_plan_line *line = NULL;
	int r = tell_exactly(maker, change, &told);

	if (r < 0)
		return r;
	if (who->sessions)
		line = line_of_role(maker, who, families, change, &told);
	if (!line) {
		r = word_targets(maker, change, families, &to);
		if (r < 0)
			return r;
		line = line_of(maker, &to, change, &told);
	}
	return line ? add_to_line(maker, line, who) : -ENOMEM;
}

/* The block of IPv6 that says of it what @change says of IPv4, taken out of @blocks. */
static int find_partner(const struct maker *maker, struct sp_atoms_blocks *blocks, bool *is_told,
			struct change *change)
{
	for (size_t i = 0; i < blocks->count; i++) {
		__sp_cleanup(sp_name_list_done) struct sp_name_list services = { 0 };
		int r;

		if (is_told[i] || blocks->items[i].is_gained != change->is_gained)
			continue;
		r = word_services(maker, &blocks->items[i], true, &services);
		if (r < 0)
			return r;
		if (!sp_name_list_equal(&services, &change->services))
			continue;
		is_told[i] = true;
		change->blocks[1] = &blocks->items[i];
		break;
	}
	return 0;
}

/* What a sender with addresses of @families gains and loses in each, as lines. */
static int tell_blocks(struct maker *maker, const struct sp_who *who, unsigned families,
		       struct sp_atoms_blocks blocks[2])
{
	__sp_free bool *is_told = calloc(blocks[1].count + 1, sizeof(bool));
	int r = is_told ? 0 : -ENOMEM;

	for (size_t family = 0; family < 2; family++)
		for (size_t i = 0; i < blocks[family].count && r == 0; i++) {
			__sp_cleanup(change_done) struct change change = { 0 };

			if (family == 1 && is_told[i])
				continue;
			change.blocks[family] = &blocks[family].items[i];
			change.is_gained = blocks[family].items[i].is_gained;
			r = word_services(maker, change.blocks[family], family == 1,
					  &change.services);
			if (r == 0 && family == 0)
				r = find_partner(maker, &blocks[1], is_told, &change);
			if (r == 0)
				r = tell_change(maker, who, families, &change);
		}
	return r;
}

static int compare_who(struct maker *maker, const struct sp_who *who)
{
	__sp_cleanup(sp_atoms_blocks_done) struct sp_atoms_blocks v4 = { 0 }, v6 = { 0 };
	unsigned families = 0;
	int r = 0;

	if (who->has_address[0]) {
		families |= SP_FAMILY_V4;
		r = sp_atoms_differ(maker->atoms, who->askers[0], false, &v4);
	}
	if (who->has_address[1] && r == 0) {
		families |= SP_FAMILY_V6;
		r = sp_atoms_differ(maker->atoms, who->askers[1], true, &v6);
	}
	return r < 0 ? r : tell_blocks(maker, who, families, (struct sp_atoms_blocks[]){ v4, v6 });
}

static int compare_whos(struct maker *maker)
{
	int r = 0;

	for (size_t i = 0; i < maker->whos.count && r == 0; i++)
		r = compare_who(maker, &maker->whos.items[i]);
	return r;
}

/* ---- senders who are nobody ---- */

static bool holds(const struct sp_ranges *ranges, const struct sp_addr *addr)
{
	const struct sp_range one = { *addr, *addr };
	const struct sp_ranges inner = { (struct sp_range *)&one, 1 };

	return sp_ranges_contain(ranges, &inner);
}

static unsigned family_of(const struct sp_atoms_source *source)
{
	return source->is_v6 ? SP_FAMILY_V6 : SP_FAMILY_V4;
}

/* The addresses of a source by name; what no network holds is everybody else. */
static int name_source(const struct maker *maker, const struct sp_atoms_source *source,
		       struct sp_name_list *names)
{
	const struct sp_plan_side *after = &maker->sides[SP_ATOMS_AFTER];
	const struct sp_wording wording = { after->policy, after->gateway };
	const struct sp_addr stranger =
		sp_judge_stranger(after->policy, after->gateway, source->is_v6);

	return holds(&source->from, &stranger)
		       ? sp_name_list_add(names, "anybody else")
		       : sp_wording_addresses(&wording, &source->from, family_of(source), names);
}

static int tell_source(struct maker *maker, const struct sp_atoms_source *source, char *name,
		       struct sp_atoms_blocks blocks[2])
{
	const struct sp_who who = { .names = { &name, 1 } };

	return tell_blocks(maker, &who, family_of(source), blocks);
}

/* Each name of the source is somebody in the lines; where it arrives is said beside it. */
static int compare_source(struct maker *maker, const struct sp_atoms_source *source)
{
	__sp_cleanup(sp_atoms_blocks_done) struct sp_atoms_blocks blocks = { 0 };
	__sp_cleanup(sp_name_list_done) struct sp_name_list names = { 0 };
	struct sp_atoms_blocks by_family[2] = { { 0 }, { 0 } };
	int r = sp_atoms_differ(maker->atoms, source->askers, source->is_v6, &blocks);

	if (r == 0 && blocks.count)
		r = name_source(maker, source, &names);
	by_family[source->is_v6] = blocks;
	for (size_t i = 0; i < names.count && r == 0; i++) {
		__sp_free char *name = NULL;

		r = sp_str_format(&name, "%s (%s)", names.items[i], sp_zone_name(source->zone));
		if (r == 0)
			r = tell_source(maker, source, name, by_family);
	}
	return r;
}

static int compare_sources(struct maker *maker)
{
	__sp_cleanup(sp_atoms_sources_done) struct sp_atoms_sources sources = { 0 };
	int r = sp_atoms_find_sources((const struct sp_tables *const *)maker->tables, &sources);

	for (size_t i = 0; i < sources.count && r == 0; i++)
		r = compare_source(maker, &sources.items[i]);
	return r;
}

/* ---- the gateway ---- */

static int compare_self(struct maker *maker)
{
	char text[] = "self", *name = text;
	struct sp_who self = { .names = { &name, 1 }, .has_address = { true, true } };

	for (size_t family = 0; family < 2; family++)
		for (size_t side = 0; side < SIDES; side++)
			self.askers[family][side] = sp_asker_of_self(maker->tables[side]);
	return compare_who(maker, &self);
}

/* ---- all of it ---- */

/* Both of everybody, in their order. */
static int make_receivers(struct maker *maker)
{
	maker->receivers = calloc(2 * maker->whos.count + 1, sizeof(*maker->receivers));
	for (size_t i = 0; maker->receivers && i < maker->whos.count; i++) {
		maker->receivers[2 * i] = maker->whos.items[i].met;
		maker->receivers[2 * i + 1] = maker->whos.items[i].own;
	}
	return maker->receivers ? 0 : -ENOMEM;
}

int sp_plan_make(const struct sp_plan_side *before, const struct sp_plan_side *after,
		 const struct sp_facts *facts, const struct sp_plan_person *people,
		 size_t person_count, struct sp_plan *ret_plan)
{
	__sp_cleanup(maker_done) struct maker maker = { .sides = { *before, *after } };
	int r = sp_policy_each_change(before->policy, after->policy, add_rule, &maker);

	if (r == 0)
		r = sp_policy_each_nat_change(before->policy, after->policy, add_nat, &maker);
	if (r == 0)
		r = sp_policy_each_part_change(before->policy, after->policy, add_part, &maker);
	for (size_t side = 0; side < SIDES && r == 0; side++)
		r = sp_tables_compile(maker.sides[side].policy, maker.sides[side].gateway, facts,
				      &maker.tables[side]);
	if (r == 0)
		r = sp_whos_find(maker.sides, maker.tables, facts->now_s, people, person_count,
				 &maker.whos);
	if (r == 0)
		r = make_receivers(&maker);
	if (r == 0)
		r = sp_atoms_new((const struct sp_tables *const *)maker.tables, maker.receivers,
				 2 * maker.whos.count, &maker.atoms);
	if (r == 0)
		r = compare_whos(&maker);
	if (r == 0)
		r = compare_sources(&maker);
	if (r == 0)
		r = compare_self(&maker);
	if (r < 0)
		return r;
	*ret_plan = maker.plan;
	maker.plan = (struct sp_plan){ 0 };
	return 0;
}
