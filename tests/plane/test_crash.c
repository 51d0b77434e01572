/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A loader killed by SIGKILL at every step of an apply: whoever opens the plane next finds the
 * former revision whole, or the new one whole, and a gate that judges. */
#include "lab.h"

#include <dirent.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct fuse {
	int steps_left;
	enum sp_ebpf_step *at; /* shared with the parent: the step it died at */
};

static void burn(void *arg, enum sp_ebpf_step step)
{
	struct fuse *fuse = arg;

	if (--fuse->steps_left > 0)
		return;
	if (write(*(int *)fuse->at, &step, sizeof(step)) != sizeof(step))
		_exit(3);
	kill(getpid(), SIGKILL);
}

/* Which interfaces the revision a child applies is for. */
enum { ALL, WITHOUT_LAN };

static size_t choose(int which, struct sp_plane_interface interfaces[LAB_INTERFACES])
{
	lab_interfaces(interfaces);
	if (which == ALL)
		return LAB_INTERFACES;
	interfaces[LAB_LAN] = interfaces[LAB_VPN];
	return LAB_INTERFACES - 1;
}

/* In a child that dies after @steps steps. Returns the step it died at, SP_EBPF_STEP_COUNT if it
 * lived. */
static enum sp_ebpf_step apply_and_die(const struct lab *lab, uint64_t revision, int which,
				       uint32_t avoid, int steps)
{
	enum sp_ebpf_step step = SP_EBPF_STEP_COUNT;
	int tell[2], status;
	pid_t pid;

	assert_int_equal(pipe(tell), 0);
	pid = fork();
	if (pid == 0) {
		struct sp_plane_interface interfaces[LAB_INTERFACES];
		size_t count = choose(which, interfaces);
		struct fuse fuse = { .steps_left = steps,
				     .at = (enum sp_ebpf_step *)(void *)&tell[1] };
		const struct sp_ebpf_options options = {
			.pin_dir = lab->pin_dir,
			.avoid = avoid,
			.step = burn,
			.step_arg = &fuse,
		};
		struct sp_ebpf *plane;
		struct sp_ebpf_staged *staged;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (sp_ebpf_open(&options, &plane, NULL) < 0 ||
		    sp_ebpf_stage(plane, lab->tables, revision, NULL, &staged, NULL) < 0 ||
		    sp_ebpf_switch(plane, staged, interfaces, count, NULL) < 0)
			_exit(1);
		_exit(0);
	}
	close(tell[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (read(tell[0], &step, sizeof(step)) != sizeof(step)) {
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	} else {
		assert_true(WIFSIGNALED(status));
	}
	close(tell[0]);
	return step;
}

/* What is pinned belongs to one revision alone, or to none. */
static void assert_whole(const struct lab *lab, struct sp_ebpf *plane, uint64_t revision,
			 size_t hooks)
{
	__sp_free struct sp_plane_hook *links = NULL;
	size_t count = 0;
	DIR *dir = opendir(lab->pin_dir);
	struct dirent *entry;

	assert_int_equal(sp_ebpf_running_revision(plane), revision);
	assert_int_equal(sp_ebpf_list_links(plane, &links, &count), 0);
	assert_int_equal(count, revision ? hooks : 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(links[i].revision, revision);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		unsigned long number;

		assert_int_not_equal(strncmp(entry->d_name, "new-", 4), 0);
		if (sscanf(entry->d_name, "revision-%lu", &number) == 1)
			assert_int_equal(number, revision);
	}
	closedir(dir);
}

static void assert_judges(const struct lab *lab)
{
	__sp_close int open_port = lab_udp(lab, false, 9000),
		       closed_port = lab_udp(lab, false, 9001);
	__sp_close int stranger = lab_udp(lab, true, 0);

	assert_true(lab_passes(stranger, "198.51.100.1", 9000, open_port));
	assert_true(lab_stops(stranger, "198.51.100.1", 9001, closed_port));
	assert_true(lab_tunnel_passes(lab, "100.64.0.1", 9000, open_port));
}

/* What each death begins from: nothing, or a revision on all interfaces: @former, or what the last one went on to. */
static uint64_t begin_from(const struct lab *lab, uint64_t former, uint64_t running, uint32_t avoid)
{
	struct sp_ebpf *plane;

	if (former && running)
		return running;
	assert_int_equal(lab_clean((void **)&lab), 0);
	plane = lab_open(lab, avoid);
	lab_sign_in(lab, plane);
	if (former)
		lab_apply(lab, plane, former);
	sp_ebpf_close(plane);
	return former;
}

/* Dies at each step in turn until an apply lives. @former: revision applied before, 0: none. */
static void die_everywhere(const struct lab *lab, uint64_t former, int which, uint32_t avoid)
{
	size_t hooks_before = 7, hooks_after = which == ALL ? 7 : 5;
	uint64_t running = 0;
	unsigned seen = 0;

	for (int steps = 1;; steps++) {
		struct sp_ebpf *plane;
		enum sp_ebpf_step step;
		bool is_new;

		running = begin_from(lab, former, running, avoid);
		step = apply_and_die(lab, running + 1, which, avoid, steps);
		seen |= 1u << step;
		is_new = step >= SP_EBPF_STEP_COMMITTED;
		plane = lab_open(lab, avoid);
		assert_whole(lab, plane, is_new ? running + 1 : running,
			     is_new ? hooks_after : hooks_before);
		if (running || is_new)
			assert_judges(lab);
		/* And it can go on from there. */
		running += 2;
		lab_apply(lab, plane, running);
		assert_whole(lab, plane, running, 7);
		sp_ebpf_close(plane);
		if (step == SP_EBPF_STEP_COUNT)
			break;
	}
	/* Every step that can occur did. */
	assert_true(seen & 1u << SP_EBPF_STEP_PINNED);
	assert_true(seen & 1u << SP_EBPF_STEP_COMMITTED);
	assert_true(!!(seen & 1u << SP_EBPF_STEP_ATTACHED) == !former);
	assert_true(!!(seen & 1u << SP_EBPF_STEP_CONFIRMED) == !former);
	assert_true(!!(seen & 1u << SP_EBPF_STEP_SWITCHED) == !!former);
	assert_true(!!(seen & 1u << SP_EBPF_STEP_RETIRED) == !!former);
	assert_true(!!(seen & 1u << SP_EBPF_STEP_DROPPED) == (which == WITHOUT_LAN));
}

static void first_apply_killed_anywhere_is_undone_or_completed(void **state)
{
	die_everywhere(*state, 0, ALL, 0);
}

static void next_apply_killed_anywhere_is_undone_or_completed(void **state)
{
	die_everywhere(*state, 4, WITHOUT_LAN, 0);
}

static void apply_of_filters_killed_anywhere_is_undone_or_completed(void **state)
{
	die_everywhere(*state, 4, ALL, SP_EBPF_AVOID_TCX | SP_EBPF_AVOID_NATIVE_XDP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_apply_killed_anywhere_is_undone_or_completed),
		cmocka_unit_test(next_apply_killed_anywhere_is_undone_or_completed),
		cmocka_unit_test(apply_of_filters_killed_anywhere_is_undone_or_completed),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
