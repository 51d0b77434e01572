/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The janitor with its real timer and clock: what is over goes, what is not stays, whoever dies. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../support/folder.h"
#include "steps.h"

#define PERIOD_NS (20 * UINT64_C(1000000))
#define SSH "100.64.0.7:1000 > 10.30.0.5:22 tcp"

/* As in bpf/maps.h, which only a program can read. */
struct janitor {
	uint64_t timer[2];
	uint64_t period_ns, sweeps, flows, removed, took_ns;
};

static uint64_t boottime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static struct janitor read_janitor(int fd)
{
	struct janitor janitor;

	assert_int_equal(bpf_map_lookup_elem(fd, &(uint32_t){ 0 }, &janitor), 0);
	return janitor;
}

static void arm(void)
{
	struct janitor janitor = { .period_ns = PERIOD_NS };
	struct bpf_program *program = bpf_object__next_program(lab.janitor, NULL);
	LIBBPF_OPTS(bpf_test_run_opts, run);

	assert_int_equal(
		bpf_map_update_elem(lab_map(&lab, "sp_janitor"), &(uint32_t){ 0 }, &janitor, 0), 0);
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(program), &run), 0);
	assert_int_equal(run.retval, 0);
}

/* Two sweeps from now on everything there is has been looked at. */
static void wait_for_sweeps(int fd)
{
	uint64_t from = read_janitor(fd).sweeps;

	for (int i = 0; i < 500 && read_janitor(fd).sweeps < from + 2; i++)
		usleep(10000);
	assert_true(read_janitor(fd).sweeps >= from + 2);
}

static void what_is_over_goes_with_a_record_and_what_is_not_stays(void **state)
{
	struct sp_event events[8];
	struct lab_answer answer;

	(void)state;
	lab.now_ns = boottime_ns() - 61 * SECOND;
	lab_judge(&lab, SP_HOOK_VPN_IN, SSH, &answer);
	lab_judge(&lab, SP_HOOK_EDGE_IN, "1.2.3.4:9 > 192.0.2.1:51820 udp", &answer);
	lab_judge(&lab, SP_HOOK_INSIDE_IN, "10.30.0.5:9 > 100.64.0.8:22 tcp", &answer);
	lab.now_ns = boottime_ns();
	lab_judge(&lab, SP_HOOK_VPN_IN, "100.64.0.7:1001 > 10.30.0.5:22 tcp", &answer);
	assert_int_equal(lab_flow_count(&lab), 4);
	assert_int_equal(lab_source_counts(&lab), 2 * 2);
	assert_int_equal(lab.sessions[ANA].flows, 2);
	lab_events(&lab, NULL, 0);

	arm();
	wait_for_sweeps(lab_map(&lab, "sp_janitor"));
	assert_int_equal(lab_flow_count(&lab), 1);
	assert_int_equal(lab.sessions[ANA].flows, 1);
	assert_int_equal(read_janitor(lab_map(&lab, "sp_janitor")).removed, 3);
	assert_int_equal(lab_source_counts(&lab), 0);
	for (int part = 0; part < SP_FLOW_PART_COUNT; part++)
		assert_int_equal(lab_part_flows(&lab, part), part == SP_FLOW_PART_TUNNEL);
	assert_int_equal(lab_events(&lab, events, 8), 2); /* the exposed one has log: none */
	if (events[0].rule != RULE_SSH)
		events[0] = events[1];
	assert_int_equal(events[0].kind, SP_EVENT_FLOW_END);
	assert_int_equal(events[0].rule, RULE_SSH);
	assert_int_equal(events[0].packets, 1);
	assert_int_equal(be16toh(events[0].sport_be), 1000);
}

static void flows_of_an_ended_session_go_after_a_minute(void **state)
{
	static const char back[] = "10.30.0.5:22 > 100.64.0.7:1000 tcp SA";
	struct lab_answer answer;

	(void)state;
	lab.now_ns = boottime_ns() - 61 * SECOND;
	lab_judge(&lab, SP_HOOK_VPN_IN, SSH, &answer);
	lab_judge(&lab, SP_HOOK_VPN_OUT, back, &answer); /* answered: good for two hours */
	arm();
	wait_for_sweeps(lab_map(&lab, "sp_janitor"));
	assert_int_equal(lab_flow_count(&lab), 1);
	lab.sessions[ANA].epoch = 0;
	wait_for_sweeps(lab_map(&lab, "sp_janitor"));
	assert_int_equal(lab_flow_count(&lab), 0);
}

static void arming_it_twice_is_arming_it_once(void **state)
{
	(void)state;
	arm();
	arm();
	wait_for_sweeps(lab_map(&lab, "sp_janitor"));
}

static void a_full_sweep_is_measured(void **state)
{
	struct janitor janitor;

	(void)state;
	lab.now_ns = boottime_ns();
	for (unsigned n = 0; n < 2000; n++) {
		struct lab_answer answer;
		char text[64];

		snprintf(text, sizeof(text), "100.64.0.7:%u > 10.30.0.5:22 tcp", 1000 + n);
		lab_judge(&lab, SP_HOOK_VPN_IN, text, &answer);
	}
	arm();
	wait_for_sweeps(lab_map(&lab, "sp_janitor"));
	janitor = read_janitor(lab_map(&lab, "sp_janitor"));
	assert_int_equal(janitor.flows, 2000);
	print_message("2000 flows swept in %llu us\n", (unsigned long long)janitor.took_ns / 1000);
}

/* Every second flow is over, so that the walk of the next slice begins elsewhere in the table. */
static void a_sweep_in_slices_sees_every_flow(void **state)
{
	const struct lab_options options = { .slice = 300 };
	struct lab_answer answer;
	struct janitor janitor;

	(void)state;
	lab_close(&lab);
	lab_open(&lab, &options);
	for (unsigned n = 0; n < 2000; n++) {
		char text[64];

		lab.now_ns = boottime_ns() - (n % 2) * 61 * SECOND;
		snprintf(text, sizeof(text), "100.64.0.7:%u > 10.30.0.5:22 tcp", 1000 + n);
		lab_judge(&lab, SP_HOOK_VPN_IN, text, &answer);
	}
	assert_int_equal(lab_flow_count(&lab), 2000);
	arm();
	wait_for_sweeps(lab_map(&lab, "sp_janitor"));
	janitor = read_janitor(lab_map(&lab, "sp_janitor"));
	assert_int_equal(janitor.flows, 1000);
	assert_int_equal(janitor.removed, 1000);
	assert_int_equal(lab_flow_count(&lab), 1000);
}

/* ---- nobody left ---- */

static const char *const pinned[] = { "sp_flow",       "sp_janitor",     "sp_session",
				      "sp_flow_use",   "sp_flow_source", "sp_events",
				      "sp_event_stats" };

static int fd_of_pin(const char *folder, const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

/* Arm, pin, and die without a word. */
static void arm_and_die(const char *folder)
{
	struct lab_answer answer;

	lab_open(&lab, NULL);
	lab.now_ns = boottime_ns();
	lab_judge(&lab, SP_HOOK_VPN_IN, SSH, &answer);
	for (size_t i = 0; i < sizeof(pinned) / sizeof(pinned[0]); i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/%s", folder, pinned[i]);
		if (bpf_obj_pin(lab_map(&lab, pinned[i]), path) < 0)
			_exit(1);
	}
	arm();
	kill(getpid(), SIGKILL);
}

static void it_goes_on_when_everybody_is_dead(void **state)
{
	char folder[TEST_FOLDER_SIZE];
	struct sp_flow_key key;
	struct sp_flow flow;
	int flow_fd, janitor_fd, status;
	pid_t child;

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNS), 0); /* what is mounted here goes with this process */
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_non_null(test_folder_make(folder));
	assert_int_equal(mount("bpf", folder, "bpf", 0, NULL), 0);
	child = fork();
	if (child == 0)
		arm_and_die(folder);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

	flow_fd = fd_of_pin(folder, "sp_flow");
	janitor_fd = fd_of_pin(folder, "sp_janitor");
	wait_for_sweeps(janitor_fd);
	assert_int_equal(bpf_map_get_next_key(flow_fd, NULL, &key), 0);
	assert_int_equal(bpf_map_lookup_elem(flow_fd, &key, &flow), 0);
	flow.last_seen_ns -= 61 * SECOND;
	assert_int_equal(bpf_map_update_elem(flow_fd, &key, &flow, BPF_EXIST), 0);
	wait_for_sweeps(janitor_fd);
	assert_int_equal(bpf_map_lookup_elem(flow_fd, &key, &flow), -ENOENT);
	close(flow_fd);
	close(janitor_fd);
	assert_int_equal(umount(folder), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_over_goes_with_a_record_and_what_is_not_stays),
		TEST(flows_of_an_ended_session_go_after_a_minute),
		TEST(arming_it_twice_is_arming_it_once),
		TEST(a_full_sweep_is_measured),
		TEST(a_sweep_in_slices_sees_every_flow),
		cmocka_unit_test(it_goes_on_when_everybody_is_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
