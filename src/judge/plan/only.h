/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests that say all that somebody may reach (`only`): what the decision tables allow them is
 * compared with what the test says, whole, and not by packets. */
#ifndef SALLYPORT_JUDGE_ONLY_H
#define SALLYPORT_JUDGE_ONLY_H

#include "base/cleanup.h"
#include "judge/judge.h"
#include "policy/model.h"

/* Everybody who may be asked about, in one order: the fixture sessions, then the stand-ins of
 * roles. */
struct sp_only_people {
	const struct sp_identity *items;
	const char *const *names;
	size_t count;
};

struct sp_only;

/* Compile the policy (numbered) for the moment of @facts and add the people; all but @facts outlive
 * the object. *@ret_only is the
 * caller's: sp_only_free. Returns 0; -E2BIG; -ENOMEM. */
int sp_only_new(const struct sp_policy *policy, const struct sp_gateway *gateway,
		const struct sp_facts *facts, const struct sp_only_people *people,
		struct sp_only **ret_only);
/* NULL is allowed. */
void sp_only_free(struct sp_only *only);
SP_DEFINE_CLEANUP(struct sp_only *, sp_only_free);

/* Whose packets: those from @address as they arrive at @hook, and whose it is. */
struct sp_only_from {
	size_t person; /* SIZE_MAX: whoever has the address in the tunnel, if anybody */
	struct sp_addr address;
	enum sp_hook hook;
};

struct sp_only_found {
	bool is_same;
	/* the first difference */
	bool is_extra;         /* allowed, and the test does not say it; else the other way round */
	struct sp_tuple tuple; /* a packet of it, without a source */
	char words[SP_TEST_DIFFERS_MAX]; /* "tcp/23 to git is allowed too" */
};

/* Compare, in a family. Returns 0; -ENOENT the address is of the other family;
 * -E2BIG; -ENOMEM. */
int sp_only_compare(const struct sp_only *only, const struct sp_test *test,
		    const struct sp_only_from *from, bool is_v6, struct sp_only_found *ret_found);

#endif
