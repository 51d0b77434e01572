/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Paced streams through all three doors, echoed by the gateway, while revisions change: every
 * packet that is allowed arrives, both ways; none that is denied does. */
#include "traffic.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define REVISIONS 10

/* ---- tests ---- */

static void switch_often(const struct lab *lab, uint32_t avoid)
{
	struct sp_plane_interface interfaces[LAB_INTERFACES];
	struct sp_ebpf *plane = lab_open(lab, avoid);
	struct sp_ebpf_staged *staged[REVISIONS];
	struct sp_plane_error error = { "" };
	struct traffic traffic;

	lab_interfaces(interfaces);
	lab_sign_in(lab, plane);
	lab_apply(lab, plane, 1);
	traffic_start(lab, &traffic);
	for (int i = 0; i < REVISIONS; i++)
		staged[i] = lab_stage(lab, plane, 2 + i);
	for (int i = 0; i < REVISIONS; i++) {
		lab_ok(sp_ebpf_switch(plane, staged[i], interfaces, LAB_INTERFACES, &error),
		       &error);
		usleep(20000);
	}
	traffic_stop(&traffic);
	assert_int_equal(sp_ebpf_running_revision(plane), 1 + REVISIONS);
	sp_ebpf_close(plane);
}

static void switching_revisions_loses_no_packet(void **state)
{
	switch_often(*state, 0);
}

static void switching_filters_loses_no_packet(void **state)
{
	switch_often(*state, SP_EBPF_AVOID_TCX | SP_EBPF_AVOID_NATIVE_XDP);
}

/* The child that attached is killed; what it attached goes on; a second daemon takes over. */
static void loader_killed_and_adopted_loses_no_packet(void **state)
{
	const struct lab *lab = *state;
	struct traffic traffic;
	struct sp_ebpf *plane;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		plane = lab_open(lab, 0);
		lab_sign_in(lab, plane);
		lab_apply(lab, plane, 1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	traffic_start(lab, &traffic);
	usleep(200000);
	plane = lab_open(lab, 0);
	assert_int_equal(sp_ebpf_running_revision(plane), 1);
	lab_apply(lab, plane, 2);
	usleep(200000);
	traffic_stop(&traffic);
	sp_ebpf_close(plane);
}

/* The last hook but edge-in refuses: all the others were switched by then, and go back. */
static void failed_switch_loses_no_packet(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_interface interfaces[LAB_INTERFACES];
	struct sp_ebpf *plane = lab_open(lab, 0);
	struct sp_ebpf_staged *staged;
	struct sp_plane_error error = { "" };
	struct traffic traffic;

	lab_interfaces(interfaces);
	lab_sign_in(lab, plane);
	lab_apply(lab, plane, 1);
	lab_change(lab, "link-edge-tc-wan0", "edge-out", 1);
	staged = lab_stage(lab, plane, 2);
	traffic_start(lab, &traffic);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(sp_ebpf_switch(plane, staged, interfaces, LAB_INTERFACES, &error),
				 -EBUSY);
		assert_non_null(strstr(error.text, "edge-tc on wan0"));
		assert_int_equal(sp_ebpf_running_revision(plane), 1);
	}
	traffic_stop(&traffic);
	sp_ebpf_staged_free(staged);
	sp_ebpf_close(plane);
}

#define with_lab(f) cmocka_unit_test_setup(f, lab_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_lab(switching_revisions_loses_no_packet),
		with_lab(switching_filters_loses_no_packet),
		with_lab(loader_killed_and_adopted_loses_no_packet),
		with_lab(failed_switch_loses_no_packet),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
