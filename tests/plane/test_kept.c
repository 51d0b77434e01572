/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A revision that is kept over a switch, and returns: by its own process, by another, and after
 * whoever had the plane open is gone. */
#include "lab.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Every hook runs @revision, and so says the plane. */
static void assert_all_run(struct sp_ebpf *plane, uint64_t revision)
{
	__sp_free struct sp_plane_hook *links = NULL;
	size_t count = 0;

	assert_int_equal(sp_ebpf_list_links(plane, &links, &count), 0);
	assert_int_equal(count, 7);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(links[i].revision, revision);
	assert_int_equal(sp_ebpf_running_revision(plane), revision);
}

static void assert_pinned(const struct lab *lab, const char *name, bool is_there)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", lab->pin_dir, name);
	assert_int_equal(lstat(path, &st), is_there ? 0 : -1);
}

/* Revision 2 runs, and revision 1 may return. */
static struct sp_ebpf *keep_one(const struct lab *lab, uint32_t avoid)
{
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = lab_open(lab, avoid);

	lab_sign_in(lab, plane);
	lab_apply(lab, plane, 1);
	lab_ok(sp_ebpf_keep(plane, &error), &error);
	lab_apply(lab, plane, 2);
	assert_all_run(plane, 2);
	assert_pinned(lab, "kept", true);
	assert_pinned(lab, "revision-1", true);
	return plane;
}

static void assert_alone(const struct lab *lab, uint64_t revision)
{
	assert_pinned(lab, "kept", false);
	assert_pinned(lab, "revision-1", revision == 1);
	assert_pinned(lab, "revision-2", revision == 2);
}

static void it_returns_to_whoever_has_the_plane_open(void **state)
{
	static const uint32_t ways[] = { 0, SP_EBPF_AVOID_TCX | SP_EBPF_AVOID_NATIVE_XDP };
	const struct lab *lab = *state;

	for (size_t i = 0; i < SP_ARRAY_LEN(ways); i++) {
		struct sp_plane_error error = { "" };
		struct sp_ebpf *plane = keep_one(lab, ways[i]);

		lab_ok(sp_ebpf_kept_return(lab->pin_dir, &error), &error);
		lab_ok(sp_ebpf_kept_return(lab->pin_dir, &error), &error);
		lab_ok(sp_ebpf_kept_follow(plane, &error), &error);
		assert_all_run(plane, 1);
		assert_alone(lab, 1);
		assert_int_equal(sp_ebpf_kept_return(lab->pin_dir, &error), 1);
		lab_apply(lab, plane, 3 + 1);
		assert_all_run(plane, 4);
		sp_ebpf_close(plane);
		lab_clean(state);
	}
}

/* Until it has followed, a plane that is open does nothing that would undo the return. */
static void who_has_not_followed_changes_nothing(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_interface interfaces[LAB_INTERFACES];
	struct sp_plane_error error = { "" };
	struct sp_plane_fault *faults = NULL;
	struct sp_ebpf *plane = keep_one(lab, 0);
	size_t count = 0;

	lab_interfaces(interfaces);
	assert_int_equal(sp_ebpf_kept_follow(plane, &error), -ENOENT);
	lab_ok(sp_ebpf_kept_return(lab->pin_dir, &error), &error);
	assert_int_equal(
		sp_ebpf_switch(plane, sp_ebpf_running(plane), interfaces, LAB_INTERFACES, &error),
		-ESTALE);
	assert_int_equal(sp_ebpf_repair(plane, interfaces, LAB_INTERFACES, &faults, &count),
			 -ESTALE);
	assert_int_equal(sp_ebpf_mend_pins(plane, &error), -ESTALE);
	assert_int_equal(sp_ebpf_kept_drop(plane, &error), -ESTALE);
	lab_ok(sp_ebpf_kept_follow(plane, &error), &error);
	assert_all_run(plane, 1);
	sp_ebpf_close(plane);
}

static void dropped_it_does_not_return(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = keep_one(lab, 0);

	assert_int_equal(sp_ebpf_keep(plane, &error), -EEXIST);
	lab_ok(sp_ebpf_kept_drop(plane, &error), &error);
	assert_alone(lab, 2);
	assert_int_equal(sp_ebpf_kept_return(lab->pin_dir, &error), 1);
	assert_all_run(plane, 2);
	sp_ebpf_close(plane);
}

static void it_returns_without_anybody_and_an_open_follows(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = keep_one(lab, 0);

	sp_ebpf_close(plane);
	lab_ok(sp_ebpf_kept_return(lab->pin_dir, &error), &error);
	plane = lab_open(lab, 0);
	assert_all_run(plane, 1);
	assert_alone(lab, 1);
	sp_ebpf_close(plane);
}

/* The next process finds both, and the kept one can still go either way. */
static void it_is_kept_over_a_restart(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = keep_one(lab, 0);

	sp_ebpf_close(plane);
	plane = lab_open(lab, 0);
	assert_all_run(plane, 2);
	assert_pinned(lab, "kept", true);
	lab_ok(sp_ebpf_kept_return(lab->pin_dir, &error), &error);
	lab_ok(sp_ebpf_kept_follow(plane, &error), &error);
	assert_all_run(plane, 1);
	assert_alone(lab, 1);
	sp_ebpf_close(plane);
}

/* Killed after the step that decides, and after some of the hooks. */
static void a_return_that_was_killed_is_completed_by_an_open(void **state)
{
	const struct lab *lab = *state;
	struct sp_ebpf *plane = keep_one(lab, 0);

	sp_ebpf_close(plane);
	lab_run("ln -sfn revision-1 %s/running", lab->pin_dir);
	lab_change(lab, "link-vpn-in-vpn0", "vpn-in", 1);
	plane = lab_open(lab, 0);
	assert_all_run(plane, 1);
	assert_alone(lab, 1);
	sp_ebpf_close(plane);
}

/* Somebody else's program at a hook of ours does not keep the others from returning. */
static void what_runs_at_a_hook_is_replaced_whatever_it_is(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = keep_one(lab, 0);

	lab_change(lab, "link-vpn-in-vpn0", "vpn-out", 2);
	lab_ok(sp_ebpf_kept_return(lab->pin_dir, &error), &error);
	lab_ok(sp_ebpf_kept_follow(plane, &error), &error);
	assert_all_run(plane, 1);
	sp_ebpf_close(plane);
}

/* Pins that somebody removed are made again, those of the way back, too. */
static void the_way_back_is_mended(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = keep_one(lab, 0);

	lab_run("rm -r %s/kept %s/revision-1", lab->pin_dir, lab->pin_dir);
	assert_int_equal(sp_ebpf_mend_pins(plane, &error), 1);
	lab_ok(sp_ebpf_kept_return(lab->pin_dir, &error), &error);
	lab_ok(sp_ebpf_kept_follow(plane, &error), &error);
	assert_all_run(plane, 1);
	sp_ebpf_close(plane);
}

static void nothing_is_kept_of_nothing(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = lab_open(lab, 0);

	assert_int_equal(sp_ebpf_keep(plane, &error), -EINVAL);
	lab_ok(sp_ebpf_kept_drop(plane, &error), &error);
	sp_ebpf_close(plane);
}

#define with_lab(f) cmocka_unit_test_setup(f, lab_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_lab(it_returns_to_whoever_has_the_plane_open),
		with_lab(who_has_not_followed_changes_nothing),
		with_lab(dropped_it_does_not_return),
		with_lab(it_returns_without_anybody_and_an_open_follows),
		with_lab(it_is_kept_over_a_restart),
		with_lab(a_return_that_was_killed_is_completed_by_an_open),
		with_lab(what_runs_at_a_hook_is_replaced_whatever_it_is),
		with_lab(the_way_back_is_mended),
		with_lab(nothing_is_kept_of_nothing),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
