/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plane/ebpf/translate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define SPARE_PROFILES 64u
#define SPARE_PAIRS 1024u

static uint32_t at_most(uint64_t value, uint32_t bound)
{
	return value < bound ? value : bound;
}

static uint64_t at_least(uint64_t value, uint64_t bound)
{
	return value > bound ? value : bound;
}

struct sp_ebpf_room sp_ebpf_room_exact(const struct sp_tables *tables)
{
	uint32_t profiles_bound = SP_TABLES_VERDICT_MAX / tables->svcset_count;
	uint32_t profiles = at_least(tables->profile_count, tables->expected_profiles);
	uint64_t pairs = at_least(tables->pair_count, tables->expected_pairs);

	return (struct sp_ebpf_room){
		.svcset_stride = tables->svcset_count,
		.profiles = at_most(2ull * profiles + SPARE_PROFILES, profiles_bound),
		.pairs = at_most(2ull * pairs + SPARE_PAIRS, SP_TABLES_PAIR_MAX),
		.limits = (uint32_t)at_least(tables->limit_count, 1),
	};
}

static uint32_t power_of_two(uint32_t at_least, uint32_t value)
{
	while (at_least < value)
		at_least *= 2;
	return at_least;
}

struct sp_ebpf_room sp_ebpf_room_rounded(const struct sp_tables *tables)
{
	struct sp_ebpf_room exact = sp_ebpf_room_exact(tables);

	return (struct sp_ebpf_room){
		.svcset_stride = power_of_two(64, exact.svcset_stride),
		.profiles = power_of_two(1024, exact.profiles),
		.pairs = power_of_two(16384, exact.pairs),
		.limits = power_of_two(64, exact.limits),
	};
}

static int translate_prefixes(const struct sp_tables *tables, struct sp_ebpf_arrays *arrays)
{
	arrays->src_keys = calloc(tables->src_count, sizeof(*arrays->src_keys));
	arrays->src_values = calloc(tables->src_count, sizeof(*arrays->src_values));
	arrays->dst_keys = calloc(tables->dst_count, sizeof(*arrays->dst_keys));
	arrays->dst_values = calloc(tables->dst_count, sizeof(*arrays->dst_values));
	if (!arrays->src_keys || !arrays->src_values || !arrays->dst_keys || !arrays->dst_values)
		return -ENOMEM;
	for (size_t i = 0; i < tables->src_count; i++) {
		arrays->src_keys[i] = tables->src[i].prefix;
		arrays->src_values[i] = tables->src[i].value;
	}
	for (size_t i = 0; i < tables->dst_count; i++) {
		arrays->dst_keys[i] = tables->dst[i].prefix;
		arrays->dst_values[i] = tables->dst[i].value;
	}
	arrays->src_count = tables->src_count;
	arrays->dst_count = tables->dst_count;
	return 0;
}

static int translate_forwards(const struct sp_tables *tables, struct sp_ebpf_arrays *arrays)
{
	arrays->fwd_keys = calloc(tables->fwd_count + 1, sizeof(*arrays->fwd_keys));
	arrays->fwd_values = calloc(tables->fwd_count + 1, sizeof(*arrays->fwd_values));
	if (!arrays->fwd_keys || !arrays->fwd_values)
		return -ENOMEM;
	for (size_t i = 0; i < tables->fwd_count; i++) {
		arrays->fwd_keys[i] = tables->fwd[i].key;
		arrays->fwd_values[i] = tables->fwd[i].value;
	}
	arrays->fwd_count = tables->fwd_count;
	return 0;
}

static int translate_limits(const struct sp_tables *tables, uint32_t room,
			    struct sp_ebpf_arrays *arrays)
{
	arrays->limit = calloc(room ? room : 1, sizeof(*arrays->limit));
	if (!arrays->limit)
		return -ENOMEM;
	if (tables->limit_count > 0)
		memcpy(arrays->limit, tables->limit, tables->limit_count * sizeof(*arrays->limit));
	arrays->limit_count = room;
	return 0;
}

static int translate_pairs(const struct sp_tables *tables, size_t first,
			   struct sp_ebpf_arrays *arrays)
{
	size_t count = tables->pair_count - first;

	arrays->pair_keys = calloc(count ? count : 1, sizeof(*arrays->pair_keys));
	arrays->pair_profiles = calloc(count ? count : 1, sizeof(*arrays->pair_profiles));
	if (!arrays->pair_keys || !arrays->pair_profiles)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct sp_pair_row *row = &tables->pair[first + i];

		if (row->profile >= tables->profile_count)
			return -EINVAL;
		arrays->pair_keys[i] = row->key;
		arrays->pair_profiles[i] = row->profile;
	}
	arrays->pair_count = count;
	return 0;
}

static int translate_verdicts(const struct sp_tables *tables, uint32_t stride, uint32_t first,
			      struct sp_ebpf_arrays *arrays)
{
	static const struct sp_verdict deny = {
		.action = SP_DENY,
		.reason = SP_REASON_DEFAULT,
		.rule = SP_RULE_DEFAULT,
		.audit_rule = SP_RULE_NONE,
	};
	uint32_t count = tables->profile_count - first;
	struct sp_verdict *to;

	arrays->verdict = calloc(count ? (size_t)count * stride : 1, sizeof(*arrays->verdict));
	if (!arrays->verdict)
		return -ENOMEM;
	to = arrays->verdict;
	for (uint32_t profile = first; profile < tables->profile_count; profile++) {
		memcpy(to, tables->verdict + (size_t)profile * tables->svcset_count,
		       tables->svcset_count * sizeof(*to));
		for (uint32_t set = tables->svcset_count; set < stride; set++)
			to[set] = deny;
		to += stride;
	}
	arrays->profile_first = first;
	arrays->profile_count = count;
	return 0;
}

/* An index beyond this row would read another profile's verdict. */
static bool service_sets_are_known(const struct sp_tables *tables)
{
	for (size_t slot = 0; slot < SP_SVC_SLOTS; slot++)
		if (tables->svc[slot] >= tables->svcset_count)
			return false;
	return true;
}

int sp_ebpf_translate(const struct sp_tables *tables, const struct sp_ebpf_room *room,
		      size_t pair_first, uint32_t profile_first, struct sp_ebpf_arrays *ret_arrays)
{
	__sp_cleanup(sp_ebpf_arrays_done) struct sp_ebpf_arrays arrays = { 0 };
	int r = 0;

	if (tables->svcset_count == 0 || tables->profile_count == 0 || tables->src_count == 0 ||
	    tables->dst_count == 0 || pair_first > tables->pair_count ||
	    profile_first > tables->profile_count)
		return -EINVAL;
	if (tables->svcset_count > room->svcset_stride || tables->profile_count > room->profiles ||
	    tables->pair_count > room->pairs || tables->limit_count > room->limits)
		return -ENOSPC;
	if (pair_first == 0 && profile_first == 0) {
		if (!service_sets_are_known(tables))
			return -EINVAL;
		r = translate_prefixes(tables, &arrays);
		if (r == 0)
			r = translate_forwards(tables, &arrays);
		if (r == 0)
			r = translate_limits(tables, room->limits, &arrays);
		if (r < 0)
			return r;
	}
	arrays.svc = (const struct sp_svc_elem *)tables->svc;
	r = translate_pairs(tables, pair_first, &arrays);
	if (r < 0)
		return r;
	r = translate_verdicts(tables, room->svcset_stride, profile_first, &arrays);
	if (r < 0)
		return r;
	*ret_arrays = arrays;
	arrays = (struct sp_ebpf_arrays){ 0 };
	return 0;
}

void sp_ebpf_arrays_done(struct sp_ebpf_arrays *arrays)
{
	free(arrays->src_keys);
	free(arrays->src_values);
	free(arrays->dst_keys);
	free(arrays->dst_values);
	free(arrays->fwd_keys);
	free(arrays->fwd_values);
	free(arrays->pair_keys);
	free(arrays->pair_profiles);
	free(arrays->verdict);
	free(arrays->limit);
	*arrays = (struct sp_ebpf_arrays){ 0 };
}
