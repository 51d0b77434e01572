/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A new build over the pins of an older one (fixtures/), whose sessions and flows have another shape: it
 * moves them, and no session, no flow, no packet is lost, and none passes that must not. */
#include "traffic.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "net/addr.h"
#include "net/packet.h"
#include "plane/ebpf/plane.h"

/* The objects of this build, and in their place the older ones. */
int sp_new_image(enum sp_hook hook, const void **ret_bytes, size_t *ret_len);
int sp_new_image_janitor(const void **ret_bytes, size_t *ret_len);
int sp_new_image_mover(const void **ret_bytes, size_t *ret_len);
#define sp_ebpf_image sp_new_image
#define sp_ebpf_image_janitor sp_new_image_janitor
#define sp_ebpf_image_mover sp_new_image_mover
#include "../../src/plane/ebpf/image.c"
#undef sp_ebpf_image
#undef sp_ebpf_image_janitor
#undef sp_ebpf_image_mover

static bool is_older, lacks_maps;
static char folder[TEST_FOLDER_SIZE];

static int read_object(const char *name, const void **ret_bytes, size_t *ret_len)
{
	static char room[1 << 19];
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.bpf.o", folder, name);
	file = fopen(path, "r");
	assert_non_null(file);
	*ret_len = fread(room, 1, sizeof(room), file);
	assert_in_range(*ret_len, 1, sizeof(room) - 1);
	*ret_bytes = room;
	fclose(file);
	return 0;
}

int sp_ebpf_image(enum sp_hook hook, const void **ret_bytes, size_t *ret_len)
{
	static const char *const names[SP_HOOK_PROGRAM_COUNT] = {
		[SP_HOOK_EDGE_IN] = "edge_in",     [SP_HOOK_EDGE_TC] = "edge_tc",
		[SP_HOOK_EDGE_OUT] = "edge_out",   [SP_HOOK_INSIDE_OUT] = "edge_out",
		[SP_HOOK_VPN_IN] = "vpn_in",       [SP_HOOK_VPN_OUT] = "vpn_out",
		[SP_HOOK_INSIDE_IN] = "inside_in",
	};

	if (!is_older)
		return sp_new_image(hook, ret_bytes, ret_len);
	return names[hook] ? read_object(names[hook], ret_bytes, ret_len) : -ENOENT;
}

/* The janitor is asked for last when maps are made, and for the first time. The older daemon is
 * played by this build's code, which needs maps that the older build did not have: those of this
 * build's janitor that are not there yet are made for it. */
int sp_ebpf_image_janitor(const void **ret_bytes, size_t *ret_len)
{
	const bool is_for_maps = lacks_maps;

	lacks_maps = false;
	return is_older && !is_for_maps ? read_object("janitor", ret_bytes, ret_len)
					: sp_new_image_janitor(ret_bytes, ret_len);
}

int sp_ebpf_image_mover(const void **ret_bytes, size_t *ret_len)
{
	return sp_new_image_mover(ret_bytes, ret_len);
}

/* The same of settings: the older programs have fewer than this build's code makes, and one token
 * less. */
int __real_sp_ebpf_object_set(struct bpf_object *object, const char *name, const void *value,
			      size_t size);
int __wrap_sp_ebpf_object_set(struct bpf_object *object, const char *name, const void *value,
			      size_t size);
int __wrap_sp_ebpf_object_set(struct bpf_object *object, const char *name, const void *value,
			      size_t size)
{
	const int r = __real_sp_ebpf_object_set(object, name, value, size);

	if (is_older && r == -EMSGSIZE && !strcmp(name, "sp_token"))
		return __real_sp_ebpf_object_set(object, name, value, size - sizeof(uint64_t));
	return is_older && r == -ENOENT ? 0 : r;
}

/* ---- the older build ---- */

static uint32_t value_size(const struct lab *lab, const char *name)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	char path[256];
	__sp_close int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", lab->pin_dir, name);
	fd = bpf_obj_get(path);
	return fd >= 0 && bpf_map_get_info_by_fd(fd, &info, &len) == 0 ? info.value_size : 0;
}

/* Its daemon applied revision 1, signed ana in and went. */
static void run_older(const struct lab *lab)
{
	struct sp_ebpf *plane;

	is_older = lacks_maps = true;
	plane = lab_open(lab, 0);
	lab_sign_in(lab, plane);
	lab_apply(lab, plane, 1);
	sp_ebpf_close(plane);
	is_older = false;
	lab_run("rm %s/sp_limit_holder %s/sp_limit_rule %s/sp_limit_source", lab->pin_dir,
		lab->pin_dir, lab->pin_dir);
	assert_int_equal(value_size(lab, "sp_session"), 72);
	assert_int_equal(value_size(lab, "sp_flow"), 112);
}

/* ---- a flow of ana's to the inside, by each family ---- */

static const struct family {
	const char *ana, *far;
	size_t header_len, proto_at;
} families[] = { { "100.64.0.7", "10.20.0.2", 20, 9 }, { "fd00:64::7", "2001:db8:20::2", 40, 6 } };
#define FLOWS SP_ARRAY_LEN(families)

static void send_through_tunnel(const struct lab *lab, const struct family *family)
{
	struct sp_tuple tuple = { .proto = IPPROTO_UDP,
				  .source_port = 5000,
				  .destination_port = 9000 };
	uint8_t packet[128];
	size_t len;

	assert_int_equal(sp_addr_parse(family->ana, &tuple.source), 0);
	assert_int_equal(sp_addr_parse(family->far, &tuple.destination), 0);
	len = sp_packet_build(&tuple, false, packet);
	assert_int_equal(write(lab->tun, packet, len), len);
}

static bool is_answer(const struct family *family, const uint8_t *packet, size_t len, uint16_t port)
{
	const uint8_t *udp = packet + family->header_len;

	return len == family->header_len + 9 && packet[family->proto_at] == IPPROTO_UDP &&
	       udp[2] == port >> 8 && udp[3] == (port & 0xff);
}

/* Does a packet of the far end to ana's port leave by the tunnel? No rule allows one, only a flow does. */
static bool answer_passes(const struct lab *lab, int far, const struct family *family,
			  uint16_t port)
{
	uint8_t packet[2048];
	ssize_t len;

	while (read(lab->tun, packet, sizeof(packet)) > 0) /* what others left */
		;
	lab_send(far, family->ana, port);
	for (int i = 0; i < 10; i++) {
		poll(&(struct pollfd){ .fd = lab->tun, .events = POLLIN }, 1, 30);
		while ((len = read(lab->tun, packet, sizeof(packet))) > 0)
			if (is_answer(family, packet, (size_t)len, port))
				return true;
	}
	return false;
}

/* By both families: the flow's own answer passes, or not; one to another port never does. */
static void assert_answers(const struct lab *lab, int far, bool pass)
{
	for (size_t i = 0; i < FLOWS; i++) {
		assert_int_equal(answer_passes(lab, far, &families[i], 5000), pass);
		assert_false(answer_passes(lab, far, &families[i], 5001));
	}
}

static int open_flows(const struct lab *lab)
{
	int far = lab_udp(lab, true, 9000);
	char text[128];

	for (size_t i = 0; i < FLOWS; i++) {
		send_through_tunnel(lab, &families[i]);
		assert_int_equal(poll(&(struct pollfd){ .fd = far, .events = POLLIN }, 1, 10000),
				 1);
		assert_true(recv(far, text, sizeof(text), 0) >= 0);
	}
	assert_answers(lab, far, true);
	return far;
}

static uint32_t flows_of_ana(struct sp_ebpf *plane)
{
	struct sp_session session;

	assert_int_equal(sp_ebpf_session_get(plane, 0, &session), 0);
	return session.flows;
}

static uint64_t flows_counted(struct sp_ebpf *plane)
{
	struct sp_flow_use use = { 0 };
	uint64_t sum = 0;
	uint32_t max;

	assert_int_equal(sp_ebpf_flow_use(plane, &use, &max), 0);
	for (int part = 0; part < SP_FLOW_PART_COUNT; part++)
		sum += use.flows[part];
	return sum;
}

static int count_denied(void *arg, const struct sp_event *event)
{
	*(size_t *)arg += event->kind == SP_EVENT_DENY && event->dport_be == htons(9100) &&
			  event->is_ip && event->reason == SP_REASON_DEFAULT && !event->would &&
			  !event->spare_end && !event->spare;
	return 0;
}

/* What is denied now is on record, whichever build's programs record it. */
static void assert_recorded(const struct lab *lab, struct sp_ebpf *plane)
{
	__sp_close int far = lab_udp(lab, true, 0);
	size_t count = 0;

	lab_send(far, "10.20.0.1", 9100);
	lab_send(far, "2001:db8:20::1", 9100);
	for (int i = 0; i < 100 && count < FLOWS; i++) {
		lab_settle();
		assert_true(sp_ebpf_take_events(plane, 1000, count_denied, &count) >= 0);
	}
	assert_int_equal(count, FLOWS);
}

/* The state is this build's, once, and every count is that of what is there. */
static void check_moved(const struct lab *lab, struct sp_ebpf *plane)
{
	uint32_t flows;

	assert_int_equal(value_size(lab, "sp_session"), sizeof(struct sp_session));
	assert_int_equal(value_size(lab, "sp_flow"), sizeof(struct sp_flow));
	assert_int_equal(value_size(lab, "sp_limit_source"), sizeof(uint64_t));
	assert_int_equal(lab_try("ls %s | grep -q next_", lab->pin_dir), 1);
	assert_int_equal(sp_ebpf_flow_count(plane, &flows), 0);
	assert_int_equal(flows_counted(plane), flows);
}

/* ---- tests ---- */

static void sessions_and_flows_live_on(void **state)
{
	const struct lab *lab = *state;
	struct sp_session session;
	struct sp_ebpf *plane;
	__sp_close int far = -1;

	run_older(lab);
	lab_lock(true);
	far = open_flows(lab);
	plane = lab_open(lab, 0);
	assert_int_equal(sp_ebpf_session_get(plane, 0, &session), 0);
	assert_int_equal(session.epoch, lab->ana.epoch);
	assert_true(session.last_seen_ns > 0);
	assert_answers(lab, far, true); /* the older programs judge still */
	assert_int_equal(value_size(lab, "sp_flow"), 112);
	assert_recorded(lab, plane); /* in records of the older build's length */
	lab_apply(lab, plane, 2);
	assert_recorded(lab, plane);
	assert_answers(lab, far, true);
	assert_int_equal(flows_of_ana(plane), FLOWS);
	check_moved(lab, plane);
	sp_ebpf_close(plane);
	plane = lab_open(lab, 0); /* and the next daemon adopts */
	assert_answers(lab, far, true);
	assert_int_equal(sp_ebpf_session_end(plane, 0), 0);
	assert_answers(lab, far, false);
	sp_ebpf_close(plane);
}

/* A revocation between the start of the new daemon and its first revision. */
static void what_ends_meanwhile_ends_in_both(void **state)
{
	const struct lab *lab = *state;
	struct sp_ebpf *plane;
	__sp_close int far = -1;

	run_older(lab);
	far = open_flows(lab);
	plane = lab_open(lab, 0);
	assert_int_equal(sp_ebpf_session_end(plane, 0), 0);
	assert_answers(lab, far, false);
	lab_apply(lab, plane, 2);
	assert_answers(lab, far, false);
	sp_ebpf_close(plane);
}

static void upgrading_loses_no_packet(void **state)
{
	const struct lab *lab = *state;
	struct traffic traffic;
	struct sp_ebpf *plane;

	run_older(lab);
	lab_lock(true);
	traffic_start(lab, &traffic);
	plane = lab_open(lab, 0);
	usleep(100000);
	lab_apply(lab, plane, 2);
	usleep(100000);
	traffic_stop(&traffic);
	check_moved(lab, plane);
	sp_ebpf_close(plane);
}

struct fuse {
	enum sp_ebpf_step at;
};

static void burn(void *arg, enum sp_ebpf_step step)
{
	if (step == ((const struct fuse *)arg)->at)
		kill(getpid(), SIGKILL);
}

/* The new daemon is killed at a step of its first switch; the next one of this build finds it. */
static void upgrade_and_die(const struct lab *lab, enum sp_ebpf_step at)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct sp_plane_interface interfaces[LAB_INTERFACES];
		struct fuse fuse = { at };
		const struct sp_ebpf_options options = { .pin_dir = lab->pin_dir,
							 .step = burn,
							 .step_arg = &fuse };
		struct sp_ebpf_staged *staged;
		struct sp_ebpf *plane;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		lab_interfaces(interfaces);
		if (sp_ebpf_open(&options, &plane, NULL) == 0 &&
		    sp_ebpf_stage(plane, lab->tables, 2, NULL, &staged, NULL) == 0)
			sp_ebpf_switch(plane, staged, interfaces, LAB_INTERFACES, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void killed_at(const struct lab *lab, enum sp_ebpf_step at)
{
	const bool is_new = at >= SP_EBPF_STEP_COMMITTED;
	struct sp_ebpf *plane;
	__sp_close int far = -1;

	run_older(lab);
	far = open_flows(lab);
	upgrade_and_die(lab, at);
	plane = lab_open(lab, 0);
	assert_int_equal(sp_ebpf_running_revision(plane), is_new ? 2 : 1);
	assert_int_equal(value_size(lab, "sp_flow"), is_new ? sizeof(struct sp_flow) : 112);
	assert_answers(lab, far, true);
	lab_apply(lab, plane, 3);
	assert_answers(lab, far, true);
	assert_int_equal(flows_of_ana(plane), FLOWS);
	check_moved(lab, plane);
	assert_int_equal(sp_ebpf_session_end(plane, 0), 0);
	assert_answers(lab, far, false);
	sp_ebpf_close(plane);
}

static void killed_while_upgrading_is_whole(void **state)
{
	static const enum sp_ebpf_step steps[] = { SP_EBPF_STEP_PROGRAMS, SP_EBPF_STEP_PINNED,
						   SP_EBPF_STEP_SWITCHED, SP_EBPF_STEP_COMMITTED,
						   SP_EBPF_STEP_RETIRED };

	for (size_t i = 0; i < SP_ARRAY_LEN(steps); i++) {
		killed_at(*state, steps[i]);
		assert_int_equal(lab_clean(state), 0);
	}
}

#define with_lab(f) cmocka_unit_test_setup(f, lab_clean)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		with_lab(sessions_and_flows_live_on),
		with_lab(what_ends_meanwhile_ends_in_both),
		with_lab(upgrading_loses_no_packet),
		with_lab(killed_while_upgrading_is_whole),
	};
	int failed;

	if (argc != 2 || !test_folder_make(folder) ||
	    lab_try("tar -xJf '%s' -C '%s'", argv[1], folder) != 0)
		return 2;
	failed = cmocka_run_group_tests(tests, lab_setup, lab_teardown);
	lab_try("rm -r '%s'", folder);
	return failed;
}
