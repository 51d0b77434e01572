/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plane/ebpf/slots.h"

#include <errno.h>
#include <stdbool.h>

static bool find_slot(const struct sp_ebpf_slots *slots, __u64 id, __u32 *ret_slot)
{
	for (__u32 i = 0; i < SP_LIMIT_SESSION_SLOTS; i++) {
		if (slots->id[i] != id)
			continue;
		*ret_slot = i;
		return true;
	}
	return false;
}

/* A slot for a new limit: rather one that no limit of the former revision has either, for its
 * programs run until the new ones do. */
static bool find_free(const struct sp_ebpf_slots *held, const struct sp_ebpf_slots *slots,
		      __u32 *ret_slot)
{
	for (__u32 i = 0; i < SP_LIMIT_SESSION_SLOTS; i++) {
		if (slots->id[i] || held->id[i])
			continue;
		*ret_slot = i;
		return true;
	}
	return find_slot(slots, 0, ret_slot);
}

static bool has_slot(const struct sp_limit_terms *terms)
{
	return terms->key == SP_LIMIT_BY_SESSION && terms->rate;
}

int sp_ebpf_slots_assign(const struct sp_ebpf_slots *held, struct sp_limit_terms *terms,
			 size_t count, struct sp_ebpf_slots *ret_slots)
{
	struct sp_ebpf_slots slots = { { 0 } };

	for (size_t i = 0; i < count; i++)
		if (has_slot(&terms[i]) && find_slot(held, terms[i].id, &terms[i].slot))
			slots.id[terms[i].slot] = terms[i].id;
	for (size_t i = 0; i < count; i++) {
		if (!has_slot(&terms[i]) || find_slot(&slots, terms[i].id, &terms[i].slot))
			continue;
		if (!find_free(held, &slots, &terms[i].slot))
			return -E2BIG;
		slots.id[terms[i].slot] = terms[i].id;
	}
	*ret_slots = slots;
	return 0;
}
