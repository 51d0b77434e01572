/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words for sets of addresses and of services, as a policy writes them: the names it has for what
 * lies in the set, and prefixes and ports for the rest. The words together are the set exactly. */
#ifndef SALLYPORT_JUDGE_WORDING_H
#define SALLYPORT_JUDGE_WORDING_H

#include "policy/model.h"
#include "tables/atoms.h"

struct sp_name_list {
	char **items;
	size_t count;
};

/* Free the words; empty afterwards. */
void sp_name_list_done(struct sp_name_list *words);
/* Append a copy of @text. Returns 0; -ENOMEM. */
int sp_name_list_add(struct sp_name_list *words, const char *text);
/* Do both have the same words in the same order? */
bool sp_name_list_equal(const struct sp_name_list *a, const struct sp_name_list *b);

/* Where names come from. */
struct sp_wording {
	const struct sp_policy *policy;
	const struct sp_gateway *gateway; /* its `self`; `any` is what lies in no pool of it */
};

enum { SP_FAMILY_V4 = 1, SP_FAMILY_V6 = 2 }; /* as bits */

/* Append the words for @addresses: `any`, `self`, networks by their names, prefixes, and ranges
 * where many prefixes would be needed. A name stands for its addresses of @families (bits): those
 * that whoever is spoken of can reach at all. Returns 0; -ENOMEM. */
int sp_wording_addresses(const struct sp_wording *wording, const struct sp_ranges *addresses,
			 unsigned families, struct sp_name_list *words);
/* Append the words for services of a family: `everything`, services by their names, `tcp/22`,
 * `icmp/8`, `proto/47`; or one word, `everything but tcp/25`, where that is shorter. Returns 0; -ENOMEM. */
int sp_wording_services(const struct sp_wording *wording, const struct sp_slots *slots,
			size_t count, bool is_v6, struct sp_name_list *words);

#endif
