/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps that number what comes: each rule, for good, and the revision, on record before the
 * kernel runs it. */
#include "daemon/apply/apply_steps.h"

#include <string.h>

#include "base/err.h"
#include "io/loop/clock.h"

/* The next of the policy's rules get the numbers that their names have for good, in a transaction
 * of their own. */
static int find_numbers(struct sp_apply *apply)
{
	const struct sp_policy *policy = apply->policy;
	const uint64_t until_ns = sp_clock_boottime_ns() + SP_LOOP_SLICE_NS;
	struct sp_store *store = apply->applies->store;
	int r = sp_store_begin(store);

	while (r == 0 && apply->numbered < policy->rule_count &&
	       sp_clock_boottime_ns() < until_ns) {
		r = sp_store_rule_number(store, policy->rules[apply->numbered].name,
					 &apply->numbers[apply->numbered]);
		apply->numbered += r == 0;
	}
	if (r == 0)
		r = sp_store_commit(store);
	if (r < 0)
		sp_store_cancel(store);
	if (r == -ENOSPC)
		return sp_apply_fail(
			apply, r, "table-full", 1,
			"all %u rule numbers are used: a number belongs to its name for good",
			SP_RULE_MAX - 1);
	if (r < 0)
		return sp_apply_fail(apply, r, "failed", 1, "numbering the rules: %s",
				     sp_store_error(store));
	return apply->numbered < policy->rule_count ? SP_APPLY_GOES_ON : 0;
}

/* The rules are asked for in their order. */
static int take_number(void *arg, const char *name, uint32_t *ret_number)
{
	struct sp_apply *apply = arg;

	(void)name;
	*ret_number = apply->numbers[apply->numbered++];
	return 0;
}

/* Of a policy that was read; the one that runs has its numbers. */
static int number_rules(struct sp_apply *apply)
{
	int r;

	if (!apply->numbers &&
	    !(apply->numbers = calloc(apply->policy->rule_count + 1, sizeof(*apply->numbers))))
		return sp_apply_fail(apply, -ENOMEM, "failed", 1, "out of memory");
	r = find_numbers(apply);
	if (r != 0)
		return r;
	apply->numbered = 0;
	r = sp_policy_number_rules(apply->policy, take_number, apply);
	return r < 0 ? sp_apply_fail(apply, r, "failed", 1, "numbering the rules: %s",
				     sp_err_text(r))
		     : 0;
}

/* The policy that runs, for the machine and with what its origins hold now. */
static int make_again(struct sp_applies *applies, const struct sp_facts *facts,
		      struct sp_revision **ret_revision)
{
	struct sp_policy *policy;
	int r = sp_origins_fill(applies->origins, applies->revisions->running->policy,
				&applies->host->gateway, &policy);

	return r < 0 ? r : sp_revision_new(policy, &applies->host->gateway, facts, ret_revision);
}

static int number_begin(struct sp_apply *apply)
{
	struct sp_applies *applies = apply->applies;
	const struct sp_facts facts = sp_clock_facts();
	int r = apply->policy ? number_rules(apply) : 0;

	if (r != 0)
		return r;
	r = apply->policy ? sp_revision_new(SP_TAKE_PTR(apply->policy), &applies->host->gateway,
					    &facts, &apply->next)
			  : make_again(applies, &facts, &apply->next);
	return r < 0 ? sp_apply_fail(apply, r, "failed", 1, "out of memory") : 1;
}

static void number_work(struct sp_apply *apply)
{
	apply->worked = sp_tables_compile(apply->next->policy, &apply->next->gateway,
					  &apply->next->facts, &apply->next->tables);
}

static int number_end(struct sp_apply *apply)
{
	const struct sp_revision *running = apply->applies->revisions->running;
	const int r = apply->worked;

	if (r == -E2BIG)
		return sp_apply_fail(apply, r, "table-full", 1,
				     "the policy needs more table rows than there can be");
	if (r < 0)
		return sp_apply_fail(apply, r, "failed", 1, "compiling: %s", sp_err_text(r));
	if (running && sp_policy_text(running->policy) == sp_policy_text(apply->next->policy))
		sp_revision_expect(apply->next, running);
	return 0;
}

const struct sp_apply_step sp_apply_number_step = { number_begin, number_work, number_end };

/* Above every number there was: of the database, and of what runs where that was put back from a
 * copy. */
static int number_revision(struct sp_applies *applies, uint64_t *ret_number)
{
	const uint64_t running = sp_plane_running_revision(applies->plane);
	uint64_t last;
	int r = sp_store_get_mark(applies->store, "revision", &last);

	if (r < 0)
		return r;
	*ret_number = sp_plane_next_revision(applies->plane, (last > running ? last : running) + 1);
	return sp_store_set_mark(applies->store, "revision", *ret_number);
}

/* Store the text and the intent before the kernel runs the revision: a restart then knows which
 * policy each revision is of. */
static int store_begin(struct sp_apply *apply)
{
	struct sp_applies *applies = apply->applies;
	struct sp_revision *next = apply->next;
	const struct sp_policy *policy = next->policy;
	struct sp_store_revision row = {
		.time_ns = apply->applied_ns,
		.who = apply->who,
		.rules = (uint32_t)policy->rule_count,
	};
	int r = sp_store_begin(applies->store);

	memcpy(row.generation, policy->generation, sizeof(row.generation));
	if (r == 0)
		r = number_revision(applies, &next->number);
	row.number = next->number;
	if (r == 0)
		r = sp_store_put_revision(applies->store, &row, policy->files,
					  apply->is_request ? policy->file_count : 0);
	if (r == 0)
		r = sp_store_commit(applies->store);
	if (r < 0) {
		sp_apply_fail(apply, r, "failed", 1, "keeping the generation: %s",
			      sp_store_error(applies->store));
		sp_store_cancel(applies->store);
		return r;
	}
	next->applied_ns = row.time_ns;
	next->who = strdup(apply->who);
	return next->who ? 0 : sp_apply_fail(apply, -ENOMEM, "failed", 1, "out of memory");
}

const struct sp_apply_step sp_apply_store_step = { .begin = store_begin };
