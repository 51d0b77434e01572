/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/addresses/filled.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "policy/addresses/ranges.h"

struct list {
	struct sp_prefix *items;
	size_t count;
};

static int push_all(struct list *list, const struct sp_prefix *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct sp_prefix *room = SP_ARRAY_PUSH(list->items, list->count);

		if (!room)
			return -ENOMEM;
		*room = prefixes[i];
	}
	return 0;
}

/* What is in @network, without what is excepted there. */
static int push_network(struct list *list, const struct sp_network *network)
{
	__sp_cleanup(sp_ranges_done) struct sp_ranges ranges = { 0 };
	int r;

	if (!network->except_count)
		return push_all(list, network->in, network->in_count);
	r = sp_ranges_make(network->in, network->in_count, network->except, network->except_count,
			   &ranges);
	return r < 0 ? r : sp_ranges_list(&ranges, &list->items, &list->count);
}

struct fill {
	const struct sp_policy *text;
	struct sp_network *networks; /* of the filled one */
	const struct sp_fact_network *facts;
	size_t fact_count;
	bool *is_done; /* by network */
};

static int fill_network(struct fill *fill, uint32_t index);

/* The prefixes the text has, and those of the parts. @ret_list is the network's own. */
static int gather(struct fill *fill, const struct sp_prefix *own, size_t own_count,
		  const uint32_t *parts, size_t part_count, struct list *ret_list)
{
	int r = push_all(ret_list, own, own_count);

	for (size_t i = 0; i < part_count && r == 0; i++) {
		r = fill_network(fill, parts[i]);
		if (r == 0)
			r = push_network(ret_list, &fill->networks[parts[i]]);
	}
	return r;
}

static int push_facts(const struct fill *fill, uint32_t index, struct list *list)
{
	int r = 0;

	for (size_t i = 0; i < fill->fact_count && r == 0; i++)
		if (fill->facts[i].network == index)
			r = push_all(list, fill->facts[i].in, fill->facts[i].count);
	return r;
}

static int fill_network(struct fill *fill, uint32_t index)
{
	const struct sp_network *text = &fill->text->networks[index];
	struct sp_network *network = &fill->networks[index];
	struct list in = { 0 }, except = { 0 };
	int r;

	if (fill->is_done[index])
		return 0;
	fill->is_done[index] = true;
	r = gather(fill, text->in, text->in_count, text->parts, text->part_count, &in);
	if (r == 0)
		r = push_facts(fill, index, &in);
	if (r == 0)
		r = gather(fill, text->except, text->except_count, text->except_parts,
			   text->except_part_count, &except);
	network->in = in.items;
	network->in_count = in.count;
	network->except = except.items;
	network->except_count = except.count;
	return r;
}

static bool is_whole(const struct sp_policy *text)
{
	for (size_t i = 0; i < text->network_count; i++)
		if (!sp_network_is_fixed(&text->networks[i]))
			return false;
	return true;
}

/* The others begin without an address. */
static int begin(struct sp_policy *text, struct sp_policy **ret_policy)
{
	struct sp_network *networks = calloc(text->network_count + 1, sizeof(*networks));
	struct sp_policy *policy = networks ? malloc(sizeof(*policy)) : NULL;

	if (!policy) {
		free(networks);
		return -ENOMEM;
	}
	*policy = *text;
	policy->networks = networks;
	policy->holder_count = 0;
	policy->text = sp_policy_hold(text);
	for (size_t i = 0; i < policy->network_count; i++)
		if (sp_network_is_fixed(&text->networks[i]))
			networks[i] = text->networks[i];
		else
			networks[i] = (struct sp_network){ .name = text->networks[i].name,
							   .place = text->networks[i].place };
	*ret_policy = policy;
	return 0;
}

int sp_policy_fill(struct sp_policy *given, const struct sp_fact_network *facts, size_t fact_count,
		   struct sp_policy **ret_policy)
{
	struct sp_policy *text = given->text ? given->text : given;
	__sp_free bool *is_done = calloc(text->network_count + 1, sizeof(*is_done));
	__sp_cleanup(sp_policy_freep) struct sp_policy *policy = NULL;
	struct fill fill = { text, NULL, facts, fact_count, is_done };
	int r;

	if (!is_done)
		return -ENOMEM;
	if (is_whole(text)) {
		*ret_policy = sp_policy_hold(text);
		return 0;
	}
	r = begin(text, &policy);
	fill.networks = r == 0 ? policy->networks : NULL;
	for (uint32_t i = 0; r == 0 && i < text->network_count; i++)
		if (!sp_network_is_fixed(&text->networks[i]))
			r = fill_network(&fill, i);
	if (r == 0)
		*ret_policy = SP_TAKE_PTR(policy);
	return r;
}

int sp_policy_fill_fixtures(struct sp_policy *policy, struct sp_policy **ret_policy)
{
	const struct sp_fixtures *fixtures = &policy->fixtures;
	__sp_free struct sp_fact_network *facts = calloc(fixtures->held_count + 1, sizeof(*facts));

	if (!facts)
		return -ENOMEM;
	for (size_t i = 0; i < fixtures->held_count; i++)
		facts[i] =
			(struct sp_fact_network){ fixtures->held[i].network, fixtures->held[i].in,
						  fixtures->held[i].count };
	return sp_policy_fill(policy, facts, fixtures->held_count, ret_policy);
}
