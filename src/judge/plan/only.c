/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a test says is a policy too: rules from any, and nothing else. Its tables and those of the
 * real policy are laid over each other; where they differ, the test fails. */
#include "judge/plan/only.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/str.h"
#include "judge/plan/wording.h"
#include "net/addr.h"
#include "tables/atoms.h"

enum { SAID = SP_ATOMS_BEFORE, REAL = SP_ATOMS_AFTER };

struct standing {
	uint32_t class_id[2], netset[2], own_netset[2];
};

struct sp_only {
	const struct sp_policy *policy;
	const struct sp_gateway *gateway;
	struct sp_facts facts;
	struct sp_only_people people;
	struct sp_tables *tables;
	struct standing *standings; /* of the people, in those tables */
};

void sp_only_free(struct sp_only *only)
{
	if (!only)
		return;
	sp_tables_free(only->tables);
	free(only->standings);
	free(only);
}

static int add_people(const struct sp_only *only, struct sp_tables *tables,
		      struct standing *standings)
{
	int r = 0;

	for (size_t i = 0; i < only->people.count && r == 0; i++)
		r = sp_tables_add_identity(tables, &only->people.items[i], standings[i].class_id,
					   standings[i].netset, standings[i].own_netset);
	return r;
}

int sp_only_new(const struct sp_policy *policy, const struct sp_gateway *gateway,
		const struct sp_facts *facts, const struct sp_only_people *people,
		struct sp_only **ret_only)
{
	__sp_cleanup(sp_only_freep) struct sp_only *only = calloc(1, sizeof(*only));
	int r;

	if (!only)
		return -ENOMEM;
	only->policy = policy;
	only->gateway = gateway;
	only->facts = *facts;
	only->people = *people;
	only->standings = calloc(people->count + 1, sizeof(*only->standings));
	if (!only->standings)
		return -ENOMEM;
	r = sp_tables_compile(policy, gateway, facts, &only->tables);
	if (r == 0)
		r = add_people(only, only->tables, only->standings);
	if (r == 0)
		*ret_only = SP_TAKE_PTR(only);
	return r;
}

/* ---- one comparison ---- */

/* The test's tables beside the real ones. */
struct comparison {
	const struct sp_only *only;
	const struct sp_test *test;
	struct sp_policy said; /* borrows all but itself */
	struct sp_tables *tables;
	struct standing *standings;
	struct sp_receiver *receivers;
	struct sp_atoms *atoms;
};

static void comparison_done(struct comparison *comparison)
{
	sp_atoms_free(comparison->atoms);
	sp_tables_free(comparison->tables);
	free(comparison->standings);
	free(comparison->receivers);
}

/* The same for all sessions of a person; 0: a machine. */
static uint32_t number_of(const struct sp_only *only, size_t person)
{
	const struct sp_identity *items = only->people.items, *one = &items[person];
	size_t i = 0;

	if (!sp_identity_is_person(one))
		return 0;
	while (!sp_identity_is_person(&items[i]) || strcmp(items[i].user, one->user) != 0 ||
	       strcmp(items[i].idp, one->idp) != 0)
		i++;
	return (uint32_t)i + 1;
}

/* Two of each: as others meet them, and as another device of theirs does. */
static void fill_receivers(struct comparison *comparison)
{
	const struct sp_only *only = comparison->only;

	for (size_t n = 0; n < 2 * only->people.count; n++) {
		struct sp_receiver *receiver = &comparison->receivers[n];
		const struct sp_identity *person = &only->people.items[n / 2];
		const struct standing *said = &comparison->standings[n / 2];
		const struct standing *real = &only->standings[n / 2];

		receiver->is_own = n % 2;
		receiver->person = number_of(only, n / 2);
		for (size_t family = 0; family < 2; family++) {
			const bool is_there = person->has_address[family] && person->role_count;

			receiver->is_there[SAID][family] = is_there;
			receiver->is_there[REAL][family] = is_there;
			receiver->netset[SAID][family] =
				receiver->is_own ? said->own_netset[family] : said->netset[family];
			receiver->netset[REAL][family] =
				receiver->is_own ? real->own_netset[family] : real->netset[family];
		}
	}
}

static int comparison_make(struct comparison *comparison)
{
	const struct sp_only *only = comparison->only;
	const size_t people = only->people.count;
	int r;

	comparison->said = *only->policy;
	comparison->said.rules = comparison->test->only;
	comparison->said.rule_count =
		comparison->test->is_nothing ? 0 : comparison->test->only_count;
	comparison->standings = calloc(people + 1, sizeof(*comparison->standings));
	comparison->receivers = calloc(2 * people + 1, sizeof(*comparison->receivers));
	if (!comparison->standings || !comparison->receivers)
		return -ENOMEM;
	r = sp_tables_compile(&comparison->said, only->gateway, &only->facts, &comparison->tables);
	if (r == 0) /* a test names what is sent, and not where forwards lead */
		comparison->tables->fwd_count = 0;
	if (r == 0)
		r = add_people(only, comparison->tables, comparison->standings);
	if (r < 0)
		return r;
	fill_receivers(comparison);
	return sp_atoms_new((const struct sp_tables *const[]){ comparison->tables, only->tables },
			    comparison->receivers, 2 * people, &comparison->atoms);
}

static enum sp_zone zone_of(enum sp_hook hook)
{
	return hook == SP_HOOK_EDGE_IN  ? SP_ZONE_EDGE
	       : hook == SP_HOOK_VPN_IN ? SP_ZONE_TUNNEL
					: SP_ZONE_INSIDE;
}

/* An address without a session: nothing but protect entries lets it out of the tunnel, and nothing
 * at all where it is not at home. */
static struct sp_asker real_asker(const struct sp_tables *tables, enum sp_zone zone,
				  const struct sp_addr *address)
{
	const struct sp_src *src = sp_tables_find_src(tables, address);
	const bool is_spoofed =
		src->home == SP_HOME_SELF ||
		((src->home == SP_ZONE_INSIDE || src->home == SP_ZONE_TUNNEL) && src->home != zone);
	const bool is_protected = !is_spoofed && (src->flags & SP_SRC_PROTECT);

	return (struct sp_asker){
		.class_id = src->class_id[zone],
		.protect_class = is_protected ? src->class_id[zone] : 0,
		.is_shut = is_spoofed || zone == SP_ZONE_TUNNEL ||
			   (zone == SP_ZONE_EDGE && src->drop_reason),
	};
}

/* Whoever it is: what the test says is said of them. */
static struct sp_asker said_asker(const struct sp_tables *tables, const struct sp_addr *address)
{
	return (struct sp_asker){
		.class_id = sp_tables_find_src(tables, address)->class_id[SP_ZONE_INSIDE]
	};
}

/* SIZE_MAX: no person, or not where their packets come from. */
static size_t find_person(const struct sp_only *only, const struct sp_only_from *from)
{
	if (from->hook != SP_HOOK_VPN_IN || from->person != SIZE_MAX)
		return from->hook == SP_HOOK_VPN_IN ? from->person : SIZE_MAX;
	for (size_t i = 0; i < only->people.count; i++)
		for (size_t family = 0; family < 2; family++)
			if (only->people.items[i].has_address[family] &&
			    !sp_addr_compare(&only->people.items[i].addresses[family],
					     &from->address))
				return i;
	return SIZE_MAX;
}

/* The device that sends is no other device of its person. */
static void leave_out_own(const struct comparison *comparison, size_t person)
{
	struct sp_receiver *own = &comparison->receivers[2 * person + 1];

	memset(own->is_there, 0, sizeof(own->is_there));
}

/* -ENOENT: no address of the family. */
static int find_askers(const struct comparison *comparison, const struct sp_only_from *from,
		       bool is_v6, struct sp_asker askers[SP_ATOMS_SIDES])
{
	const struct sp_only *only = comparison->only;
	const size_t person = find_person(only, from);
	struct sp_asker *real = &askers[REAL];

	if (sp_addr_is_v4(&from->address) == is_v6)
		return -ENOENT;
	askers[SAID] = said_asker(comparison->tables, &from->address);
	if (person == SIZE_MAX) {
		*real = real_asker(only->tables, zone_of(from->hook), &from->address);
		return 0;
	}
	*real = sp_asker_of_session(only->tables, only->standings[person].class_id[is_v6],
				    &from->address);
	real->is_shut = !only->people.items[person].role_count;
	real->person = askers[SAID].person = number_of(only, person);
	leave_out_own(comparison, person);
	return 0;
}

/* ---- within ---- */

static int add_prefix(const struct sp_prefix *prefix, struct sp_prefix **prefixes, size_t *count)
{
	struct sp_prefix *room = SP_ARRAY_PUSH(*prefixes, *count);

	if (!room)
		return -ENOMEM;
	*room = *prefix;
	return 0;
}

static int add_target(const struct comparison *comparison, const struct sp_to *to,
		      struct sp_prefix **prefixes, size_t *count)
{
	const struct sp_gateway *gateway = comparison->only->gateway;
	int r = 0;

	if (to->kind == SP_TO_NAT) /* a netmap: nobody names a forward */
		return add_prefix(&comparison->only->policy->nats[to->index].netmap.outside,
				  prefixes, count);
	for (size_t i = 0; to->kind == SP_TO_SELF && i < gateway->self_count && r == 0; i++) {
		struct sp_prefix self = { .prefix_len = 128 };

		memcpy(self.addr, gateway->self[i].b, sizeof(self.addr));
		r = add_prefix(&self, prefixes, count);
	}
	return r;
}

/* The addresses that a list of destinations means; whom it means is not among them. */
static int make_within(const struct comparison *comparison, const struct sp_rule *rule,
		       struct sp_ranges *within)
{
	__sp_free struct sp_prefix *self = NULL;
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; i < rule->to_count && r == 0; i++)
		r = add_target(comparison, &rule->to[i], &self, &count);
	if (r == 0)
		r = sp_ranges_make(self, count, NULL, 0, within);
	for (size_t i = 0; i < rule->to_count && r == 0; i++) {
		__sp_cleanup(sp_ranges_done) struct sp_ranges one = { 0 };
		const struct sp_network *network =
			&comparison->only->policy->networks[rule->to[i].index];
		struct sp_ranges both = { 0 };

		if (rule->to[i].kind != SP_TO_NETWORK)
			continue;
		r = sp_ranges_make(network->in, network->in_count, network->except,
				   network->except_count, &one);
		if (r == 0)
			r = sp_ranges_unite(within, &one, &both);
		if (r == 0) {
			sp_ranges_done(within);
			*within = both;
		}
	}
	return r;
}

static bool has_role(const struct sp_identity *person, uint32_t role)
{
	for (size_t n = 0; n < person->role_count; n++)
		if (person->roles[n] == role)
			return true;
	return false;
}

static bool item_means(const struct sp_policy *policy, const struct sp_to *to,
		       const struct sp_identity *person, bool is_own)
{
	switch (to->kind) {
	case SP_TO_ANY:
		return true;
	case SP_TO_SIGNED_IN:
		return sp_identity_is_person(person);
	case SP_TO_ROLE:
		return has_role(person, to->index);
	case SP_TO_PEOPLE:
		return sp_people_has(&policy->people[to->index], person->user, person->idp);
	case SP_TO_OWN_DEVICES:
		return is_own;
	case SP_TO_SELF:
	case SP_TO_NETWORK:
	case SP_TO_NAT:
		return false; /* addresses */
	}
	return false;
}

static bool means_person(const struct sp_policy *policy, const struct sp_rule *rule,
			 const struct sp_identity *person, bool is_own)
{
	for (size_t i = 0; i < rule->to_count; i++)
		if (item_means(policy, &rule->to[i], person, is_own))
			return true;
	return false;
}

static bool holds(const struct sp_ranges *ranges, const struct sp_addr *addr)
{
	struct sp_range one = { *addr, *addr };

	return sp_ranges_contain(ranges, &(struct sp_ranges){ &one, 1 });
}

static bool means_any(const struct sp_rule *rule)
{
	for (size_t i = 0; i < rule->to_count; i++)
		if (rule->to[i].kind == SP_TO_ANY)
			return true;
	return false;
}

/* Leave of a block what the test is about: where it leads to. */
static int keep_within(const struct comparison *comparison, bool is_v6,
		       struct sp_atoms_block *block)
{
	const struct sp_rule *rule = comparison->test->only;
	__sp_cleanup(sp_ranges_done) struct sp_ranges within = { 0 }, outside = { 0 };
	struct sp_ranges inside = { 0 };
	size_t kept = 0;
	int r;

	if (!comparison->test->is_within || means_any(rule))
		return 0;
	r = make_within(comparison, rule, &within);
	if (r == 0)
		r = sp_ranges_subtract(&block->to, &within, &outside);
	if (r == 0)
		r = sp_ranges_subtract(&block->to, &outside, &inside);
	if (r < 0)
		return r;
	sp_ranges_done(&block->to);
	block->to = inside;
	for (size_t i = 0; i < block->receiver_count; i++) {
		const uint32_t receiver = block->receivers[i];
		const struct sp_identity *person = &comparison->only->people.items[receiver / 2];

		if (means_person(comparison->only->policy, rule, person, receiver % 2) ||
		    holds(&within, &person->addresses[is_v6]))
			block->receivers[kept++] = block->receivers[i];
	}
	block->receiver_count = kept;
	return 0;
}

/* ---- what is found ---- */

static void fill_tuple(const struct comparison *comparison, const struct sp_atoms_block *block,
		       bool is_v6, struct sp_tuple *tuple)
{
	const uint32_t slot = block->slots[0].first;

	*tuple = (struct sp_tuple){ 0 };
	tuple->destination =
		block->to.count
			? block->to.items[0].first
			: comparison->only->people.items[block->receivers[0] / 2].addresses[is_v6];
	if (slot >= SP_SVC_PROTO) {
		tuple->proto = (uint8_t)(slot - SP_SVC_PROTO);
	} else if (slot >= SP_SVC_ICMP) {
		tuple->proto = is_v6 ? 58 : 1;
		tuple->icmp_type = (uint8_t)(slot - (is_v6 ? SP_SVC_ICMP6 : SP_SVC_ICMP));
	} else {
		tuple->proto = slot < SP_SVC_UDP ? 6 : slot < SP_SVC_SCTP ? 17 : 132;
		tuple->destination_port = (uint16_t)(slot % 65536);
	}
}

#define WORDS_SHOWN 4

static void put_words(struct sp_buf *text, const struct sp_name_list *words)
{
	for (size_t i = 0; i < words->count && i < WORDS_SHOWN; i++)
		sp_buf_printf(text, "%s%s", i ? ", " : "", words->items[i]);
	if (words->count > WORDS_SHOWN)
		sp_buf_printf(text, " and %zu more", words->count - WORDS_SHOWN);
}

/* "tcp/23 to git is allowed too", "tcp/22 to git is not allowed" */
static int word_block(const struct comparison *comparison, const struct sp_atoms_block *block,
		      bool is_v6, struct sp_only_found *found)
{
	const struct sp_only *only = comparison->only;
	const struct sp_wording wording = { only->policy, only->gateway };
	__sp_cleanup(sp_name_list_done) struct sp_name_list to = { 0 }, services = { 0 };
	__sp_buf struct sp_buf text = SP_BUF_INIT;
	int r = sp_wording_addresses(&wording, &block->to, is_v6 ? SP_FAMILY_V6 : SP_FAMILY_V4,
				     &to);

	for (size_t i = 0; i < block->receiver_count && r == 0; i++)
		r = sp_name_list_add(&to, block->receivers[i] % 2
						  ? "own-devices"
						  : only->people.names[block->receivers[i] / 2]);
	if (r == 0)
		r = sp_wording_services(&wording, block->slots, block->slot_count, is_v6,
					&services);
	if (r < 0)
		return r;
	put_words(&text, &services);
	sp_buf_put(&text, " to ");
	put_words(&text, &to);
	sp_buf_put(&text, found->is_extra ? " is allowed too" : " is not allowed");
	snprintf(found->words, sizeof(found->words), "%s", sp_buf_get(&text));
	return text.error;
}

int sp_only_compare(const struct sp_only *only, const struct sp_test *test,
		    const struct sp_only_from *from, bool is_v6, struct sp_only_found *ret_found)
{
	__sp_cleanup(comparison_done) struct comparison comparison = { .only = only, .test = test };
	__sp_cleanup(sp_atoms_blocks_done) struct sp_atoms_blocks blocks = { 0 };
	struct sp_only_found found = { .is_same = true };
	struct sp_asker askers[SP_ATOMS_SIDES];
	int r = comparison_make(&comparison);

	if (r == 0)
		r = find_askers(&comparison, from, is_v6, askers);
	if (r == 0)
		r = sp_atoms_differ(comparison.atoms, askers, is_v6, &blocks);
	for (size_t i = 0; i < blocks.count && r == 0 && found.is_same; i++) {
		struct sp_atoms_block *block = &blocks.items[i];

		r = keep_within(&comparison, is_v6, block);
		if (r < 0 || (!block->to.count && !block->receiver_count))
			continue;
		found.is_same = false;
		found.is_extra = block->is_gained;
		fill_tuple(&comparison, block, is_v6, &found.tuple);
		r = word_block(&comparison, block, is_v6, &found);
	}
	if (r == 0)
		*ret_found = found;
	return r;
}
