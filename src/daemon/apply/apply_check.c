/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The step that reads a policy, or sallyport.yaml again, and the step that runs the policy's tests.
 */
#include "daemon/apply/apply_steps.h"

#include <string.h>

#include "base/err.h"
#include "daemon/apply/reload.h"
#include "io/files/zoneinfo.h"
#include "io/loop/clock.h"
#include "judge/describe.h"
#include "judge/fit.h"
#include "policy/addresses/filled.h"
#include "policy/checks/lint_times.h"

/* Checked before anything is attached. An apply that an administrator asked for is refused; a
 * revision made again goes on with the other interfaces. */
static int refuse_unfit(struct sp_apply *apply)
{
	const struct sp_host_interface *unfit = sp_host_find_unfit(apply->applies->host);

	if (!unfit || !apply->is_request)
		return 0;
	return sp_apply_fail(apply, -EOPNOTSUPP, "interface-unfit", 1, "%s cannot be %s: %s",
			     unfit->name, sp_zone_name(unfit->zone), unfit->unfit);
}

static int refuse_invalid(struct sp_apply *apply)
{
	const size_t count = apply->diagnostics.error_count;

	apply->details =
		json_pack("{s:o}", "diagnostics", sp_describe_diagnostics(&apply->diagnostics));
	return sp_apply_fail(apply, -EINVAL, "policy-invalid", 3, "%s has %zu error%s",
			     apply->files.list[0].path, count, count == 1 ? "" : "s");
}

/* Warn the administrator of what shuts people out although the policy is valid. */
static int check_fit(struct sp_apply *apply)
{
	const struct sp_applies *applies = apply->applies;
	const struct sp_facts facts = sp_clock_facts();
	const struct sp_fit fit = { apply->policy, *applies->machine, &applies->host->gateway,
				    &facts, applies->paths->idp_dir };
	const int r = sp_judge_fit(&fit, &apply->diagnostics);

	if (r == -EINVAL)
		return refuse_invalid(apply);
	return r < 0 ? sp_apply_fail(apply, r, "failed", 1, "reading the policy: %s",
				     sp_err_text(r))
		     : 0;
}

/* There is nothing to read if only the machine changed: the running policy was checked when it was
 * applied. */
static int check_begin(struct sp_apply *apply)
{
	int r = apply->files.count
			? sp_gateway_copy(&apply->applies->host->gateway, &apply->gateway)
			: 0;

	if (r < 0)
		return sp_apply_fail(apply, r, "failed", 1, "out of memory");
	return apply->files.count || apply->reload;
}

/* A start runs with what there is of them. */
static int read_origins(struct sp_apply *apply)
{
	const struct sp_origin_ways ways = { apply->applies->paths, &apply->gateway,
					     (*apply->applies->machine)->dns_servers };

	return sp_origin_set_load(&ways, &apply->policy, &apply->origins,
				  apply->is_request ? &apply->diagnostics : NULL);
}

static void check_work(struct sp_apply *apply)
{
	int r;

	if (apply->reload) {
		apply->worked = sp_reload_read(apply->reload, apply->applies);
		return;
	}
	r = sp_policy_load_files(apply->files.list, apply->files.count, &sp_zoneinfo,
				 &apply->policy, &apply->diagnostics);
	if (r == 0)
		r = sp_plane_check(apply->applies->plane->ops, apply->policy, &apply->diagnostics);
	if (r == 0)
		r = sp_plane_try(apply->applies->plane, apply->policy, &apply->diagnostics);
	if (r == 0)
		r = sp_policy_number_rules(apply->policy, NULL, NULL);
	if (r == 0)
		r = read_origins(apply);
	if (r == 0 && apply->is_request)
		r = sp_reach_lint(apply->policy, *apply->applies->machine, &apply->diagnostics);
	if (r == 0 && apply->is_request)
		r = sp_policy_lint_times(apply->policy, sp_clock_realtime_s(), &apply->diagnostics);
	apply->worked = r;
}

/* Without a revision that runs there is none to make anew. */
static int take_machine(struct sp_apply *apply)
{
	apply->is_over = !apply->applies->revisions->running;
	return sp_reload_take(apply->applies, apply->reload, apply->worked);
}

static int check_way_back(struct sp_apply *apply)
{
	struct sp_plane_error error;
	int r = sp_confirming_check(apply->applies, &error);

	return r < 0 ? sp_apply_fail(apply, r, "no-way-back", 1, "%s", error.text) : 0;
}

static int check_end(struct sp_apply *apply)
{
	const struct sp_revision *running = apply->applies->revisions->running;
	int r = apply->worked;

	if (apply->reload)
		return take_machine(apply);
	if (r == -EINVAL)
		return refuse_invalid(apply);
	if (r < 0)
		return sp_apply_fail(apply, r, "failed", 1, "reading the policy: %s",
				     sp_err_text(r));
	r = refuse_unfit(apply);
	if (r == 0 && apply->is_request)
		r = check_fit(apply);
	if (r < 0)
		return r;
	apply->is_unchanged =
		running && !memcmp(running->policy->generation, apply->policy->generation, 32);
	if (!apply->is_request)
		return 0;
	r = sp_policy_compare(running ? running->policy : NULL, apply->policy, &apply->change);
	if (r < 0)
		return sp_apply_fail(apply, r, "failed", 1, "comparing it with what runs: %s",
				     sp_err_text(r));
	if (apply->request.confirm.wait_s)
		return check_way_back(apply);
	return apply->request.is_forced ? 0 : sp_apply_guard(apply);
}

const struct sp_apply_step sp_apply_check_step = { check_begin, check_work, check_end };

/* Are there no tests, or did the policy pass them when it was applied? */
static int test_begin(struct sp_apply *apply)
{
	return apply->is_request && !apply->request.is_again && apply->policy->test_count;
}

static void test_work(struct sp_apply *apply)
{
	const struct sp_judge_planes planes = { &apply->applies->plane->ops, 1, false };
	const struct sp_facts facts = sp_clock_facts();
	__sp_cleanup(sp_policy_freep) struct sp_policy *policy = NULL;
	int r = sp_policy_fill_fixtures(apply->policy, &policy);

	if (r == 0)
		r = sp_judge_run_tests(policy, &policy->fixtures.gateway, &facts, &planes,
				       &apply->tests, &apply->test_count, &apply->tests_plane,
				       &apply->error);
	apply->worked = r;
}

static int test_end(struct sp_apply *apply)
{
	const int r = apply->worked;
	size_t failed = 0, disagreeing = 0;

	if (r < 0)
		return sp_apply_fail(apply, r, "failed", 1, "running the policy's tests: %s",
				     apply->error.text[0] ? apply->error.text : sp_judge_fault(r));
	for (size_t i = 0; i < apply->test_count; i++) {
		failed += !apply->tests[i].passed;
		disagreeing += apply->tests[i].judgement.disagree;
	}
	if (!failed)
		return 0;
	apply->details =
		json_pack("{s:o}", "tests",
			  sp_describe_tests(apply->policy, apply->tests, apply->test_count));
	if (disagreeing)
		return sp_apply_fail(
			apply, -EPROTO, "disagreement", 1,
			"%zu tests: the reference and the kernel's programs answer differently; "
			"this is a defect of Sallyport, please report it",
			disagreeing);
	return sp_apply_fail(apply, -EINVAL, "tests-failed", 4, "%zu of %zu tests failed", failed,
			     apply->test_count);
}

const struct sp_apply_step sp_apply_test_step = { test_begin, test_work, test_end };
