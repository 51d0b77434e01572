/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Revisions over real interfaces: attached, switched, refused, undone, adopted. */
#include "lab.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Every hook there is runs @revision, and there are @count of them. */
static void assert_all_run(struct sp_ebpf *plane, uint64_t revision, size_t count)
{
	__sp_free struct sp_plane_hook *links = NULL;
	size_t found = 0;

	assert_int_equal(sp_ebpf_list_links(plane, &links, &found), 0);
	assert_int_equal(found, count);
	for (size_t i = 0; i < found; i++) {
		assert_int_equal(links[i].revision, revision);
		assert_int_equal(links[i].ifindex, if_nametoindex(links[i].interface));
	}
	assert_int_equal(sp_ebpf_running_revision(plane), revision);
}

static const struct sp_plane_hook *find(const struct sp_plane_hook *links, size_t count,
					enum sp_hook hook)
{
	for (size_t i = 0; i < count; i++)
		if (links[i].hook == hook)
			return &links[i];
	fail_msg("%s is not attached", sp_hook_name(hook));
	return NULL;
}

static void assert_modes(struct sp_ebpf *plane, const char *xdp, const char *tc)
{
	__sp_free struct sp_plane_hook *links = NULL;
	size_t count = 0;

	assert_int_equal(sp_ebpf_list_links(plane, &links, &count), 0);
	assert_int_equal(count, 7);
	for (unsigned hook = 1; hook < SP_HOOK_PROGRAM_COUNT; hook++)
		assert_string_equal(find(links, count, hook)->mode,
				    hook == SP_HOOK_EDGE_IN ? xdp : tc);
}

/* Each door lets through what the policy allows and nothing else. */
static void assert_doors_judge(const struct lab *lab)
{
	__sp_close int open_port = lab_udp(lab, false, 9000),
		       closed_port = lab_udp(lab, false, 9001);
	__sp_close int stranger = lab_udp(lab, true, 0);

	assert_true(lab_passes(stranger, "198.51.100.1", 9000, open_port));
	assert_true(lab_stops(stranger, "198.51.100.1", 9001, closed_port));
	assert_true(lab_passes(stranger, "10.20.0.1", 9000, open_port));
	assert_true(lab_stops(stranger, "10.20.0.1", 9001, closed_port));
	assert_true(lab_tunnel_passes(lab, "100.64.0.1", 9000, open_port));
	assert_true(lab_tunnel_stops(lab, "100.64.0.1", 9001, closed_port));
}

static void first_apply_attaches_every_hook_and_judges(void **state)
{
	const struct lab *lab = *state;
	struct sp_ebpf *plane = lab_open(lab, 0);

	assert_int_equal(sp_ebpf_running_revision(plane), 0);
	assert_null(sp_ebpf_running(plane));
	lab_sign_in(lab, plane);
	lab_apply(lab, plane, 1);
	assert_all_run(plane, 1, 7);
	assert_modes(plane, "native", "tcx");
	assert_doors_judge(lab);
	sp_ebpf_close(plane);
}

static void closing_changes_nothing_and_opening_adopts(void **state)
{
	const struct lab *lab = *state;
	struct sp_ebpf *plane = lab_open(lab, 0);

	lab_sign_in(lab, plane);
	lab_apply(lab, plane, 7);
	sp_ebpf_close(plane);
	assert_doors_judge(lab);
	plane = lab_open(lab, 0);
	assert_all_run(plane, 7, 7);
	assert_int_equal(sp_ebpf_staged_extend(sp_ebpf_running(plane), lab->tables), -ESTALE);
	lab_apply(lab, plane, 8);
	assert_all_run(plane, 8, 7);
	assert_int_equal(sp_ebpf_staged_extend(sp_ebpf_running(plane), lab->tables), 0);
	assert_doors_judge(lab);
	sp_ebpf_close(plane);
}

static void kernel_without_tcx_and_driver_without_xdp_still_judge(void **state)
{
	const struct lab *lab = *state;
	struct sp_ebpf *plane = lab_open(lab, SP_EBPF_AVOID_TCX | SP_EBPF_AVOID_NATIVE_XDP);

	lab_sign_in(lab, plane);
	lab_apply(lab, plane, 1);
	assert_modes(plane, "generic", "clsact");
	assert_doors_judge(lab);
	lab_apply(lab, plane, 2);
	assert_all_run(plane, 2, 7);
	sp_ebpf_close(plane);
	plane = lab_open(lab, SP_EBPF_AVOID_TCX | SP_EBPF_AVOID_NATIVE_XDP);
	assert_all_run(plane, 2, 7);
	lab_apply(lab, plane, 3);
	assert_all_run(plane, 3, 7);
	assert_modes(plane, "generic", "clsact");
	assert_doors_judge(lab);
	sp_ebpf_close(plane);
}

static void revision_must_grow(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_interface interfaces[LAB_INTERFACES];
	struct sp_ebpf *plane = lab_open(lab, 0);
	struct sp_ebpf_staged *staged;

	lab_interfaces(interfaces);
	lab_apply(lab, plane, 5);
	staged = lab_stage(lab, plane, 5);
	assert_int_equal(sp_ebpf_switch(plane, staged, interfaces, LAB_INTERFACES, NULL), -EINVAL);
	assert_all_run(plane, 5, 7);
	sp_ebpf_staged_free(staged);
	sp_ebpf_close(plane);
}

/* ---- someone else, and failures ---- */

/* Change what a pinned link runs, as another daemon would. */
static void foreign_program_is_named_and_all_is_undone(void **state)
{
	static const struct {
		const char *pin, *program, *words;
	} cases[] = {
		{ "link-vpn-in-vpn0", "vpn-out", "vpn-in on vpn0" },
		{ "link-inside-in-lan0", "vpn-out", "inside-in on lan0" },
	};
	const struct lab *lab = *state;
	struct sp_plane_interface interfaces[LAB_INTERFACES];
	struct sp_ebpf *plane = lab_open(lab, 0);
	uint64_t revision = 1;

	lab_interfaces(interfaces);
	lab_apply(lab, plane, revision);
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_plane_error error = { "" };
		struct sp_ebpf_staged *staged = lab_stage(lab, plane, revision + 1);
		__sp_free struct sp_plane_hook *links = NULL;
		size_t count = 0, ours = 0;

		lab_change(lab, cases[i].pin, cases[i].program, revision);
		assert_int_equal(sp_ebpf_switch(plane, staged, interfaces, LAB_INTERFACES, &error),
				 -EBUSY);
		assert_non_null(strstr(error.text, cases[i].words));
		assert_int_equal(sp_ebpf_list_links(plane, &links, &count), 0);
		for (size_t l = 0; l < count; l++)
			ours += links[l].revision == revision;
		assert_int_equal(ours, 6);
		assert_int_equal(sp_ebpf_running_revision(plane), revision);
		sp_ebpf_staged_free(staged);
		/* Put right, the next one goes through. */
		lab_change(lab, cases[i].pin, i == 0 ? "vpn-in" : "inside-in", revision);
		lab_apply(lab, plane, revision + 1);
		assert_all_run(plane, ++revision, 7);
	}
	sp_ebpf_close(plane);
}

static void foreign_xdp_program_refuses_the_first_apply(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_interface interfaces[LAB_INTERFACES];
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = lab_open(lab, 0);
	struct sp_ebpf_staged *staged = lab_stage(lab, plane, 1), *other;
	__sp_close int program = lab_foreign_xdp();
	__sp_free struct sp_plane_hook *links = NULL;
	size_t count = 0;
	struct stat st;
	char path[256];

	lab_interfaces(interfaces);
	assert_int_equal(bpf_xdp_attach(interfaces[LAB_WAN].ifindex, program, 0, NULL), 0);
	assert_int_equal(sp_ebpf_switch(plane, staged, interfaces, LAB_INTERFACES, &error), -EBUSY);
	assert_non_null(strstr(error.text, "edge-in to wan0"));
	assert_int_equal(sp_ebpf_list_links(plane, &links, &count), 0);
	assert_int_equal(count, 0); /* what came before it is gone again */
	snprintf(path, sizeof(path), "%s/revision-1", lab->pin_dir);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(bpf_xdp_detach(interfaces[LAB_WAN].ifindex, 0, NULL), 0);
	other = staged; /* still ours: it can be tried again */
	lab_ok(sp_ebpf_switch(plane, other, interfaces, LAB_INTERFACES, &error), &error);
	assert_all_run(plane, 1, 7);
	sp_ebpf_close(plane);
}

/* Later it keeps no policy from coming into force: edge-tc judges there. */
static void foreign_xdp_program_leaves_the_edge_to_tcx(void **state)
{
	const struct lab *lab = *state;
	struct sp_ebpf *plane = lab_open(lab, 0);
	__sp_close int program = lab_foreign_xdp();
	__sp_free struct sp_plane_hook *links = NULL;
	size_t count = 0;

	lab_sign_in(lab, plane);
	lab_apply(lab, plane, 1);
	lab_unpin(lab, "edge-in", "wan0");
	assert_int_equal(bpf_xdp_attach(if_nametoindex("wan0"), program, 0, NULL), 0);
	lab_apply(lab, plane, 2);
	assert_all_run(plane, 2, 6);
	assert_int_equal(sp_ebpf_list_links(plane, &links, &count), 0);
	assert_true(find(links, count, SP_HOOK_EDGE_TC)->is_alone);
	assert_doors_judge(lab);
	assert_int_equal(bpf_xdp_detach(if_nametoindex("wan0"), 0, NULL), 0);
	lab_apply(lab, plane, 3);
	assert_all_run(plane, 3, 7);
	sp_ebpf_close(plane);
}

static void unknown_interface_is_named(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_interface interfaces[LAB_INTERFACES];
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = lab_open(lab, 0);
	struct sp_ebpf_staged *staged = lab_stage(lab, plane, 1);

	lab_interfaces(interfaces);
	interfaces[LAB_LAN].name = "lan7";
	assert_int_equal(sp_ebpf_switch(plane, staged, interfaces, LAB_INTERFACES, &error),
			 -ENODEV);
	assert_non_null(strstr(error.text, "lan7"));
	sp_ebpf_staged_free(staged);
	sp_ebpf_close(plane);
}

/* ---- interfaces that go and come ---- */

static void interface_no_longer_listed_is_let_go(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_interface interfaces[LAB_INTERFACES];
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = lab_open(lab, 0);
	struct sp_ebpf_staged *staged;

	lab_interfaces(interfaces);
	lab_apply(lab, plane, 1);
	staged = lab_stage(lab, plane, 2);
	interfaces[LAB_LAN] = interfaces[LAB_VPN];
	lab_ok(sp_ebpf_switch(plane, staged, interfaces, LAB_INTERFACES - 1, &error), &error);
	assert_all_run(plane, 2, 5);
	lab_apply(lab, plane, 3);
	assert_all_run(plane, 3, 7);
	sp_ebpf_close(plane);
}

static void device_made_again_is_attached_again(void **state)
{
	struct lab *lab = *state;
	struct sp_plane_interface interfaces[LAB_INTERFACES];
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = lab_open(lab, 0);
	__sp_free struct sp_plane_hook *links = NULL;
	size_t count = 0;

	lab_sign_in(lab, plane);
	lab_apply(lab, plane, 1);
	lab_run("ip link del lan0");
	lab_run("ip link add lan0 type veth peer name lan1 netns %d", lab->far_pid);
	lab_run("ip addr add 10.20.0.1/16 dev lan0 && ip link set lan0 up");
	lab_run_far(lab, "ip addr add 10.20.0.2/16 dev lan1");
	lab_run_far(lab, "ip link set lan1 up");
	assert_int_equal(sp_ebpf_list_links(plane, &links, &count), 0);
	assert_int_equal(find(links, count, SP_HOOK_INSIDE_IN)->ifindex, 0);
	lab_interfaces(interfaces);
	lab_ok(sp_ebpf_switch(plane, sp_ebpf_running(plane), interfaces, LAB_INTERFACES, &error),
	       &error);
	assert_all_run(plane, 1, 7);
	assert_doors_judge(lab);
	lab_apply(lab, plane, 2);
	assert_all_run(plane, 2, 7);
	sp_ebpf_close(plane);
}

static void interface_name_with_a_dot_can_be_pinned(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_interface interfaces[LAB_INTERFACES];
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = lab_open(lab, 0);
	struct sp_ebpf_staged *staged = lab_stage(lab, plane, 1);

	lab_run("ip link set lan0 down && ip link set lan0 name lan0.5 && ip link set lan0.5 up");
	lab_interfaces(interfaces);
	interfaces[LAB_LAN].name = "lan0.5";
	interfaces[LAB_LAN].ifindex = if_nametoindex("lan0.5");
	lab_ok(sp_ebpf_switch(plane, staged, interfaces, LAB_INTERFACES, &error), &error);
	assert_all_run(plane, 1, 7);
	/* Renamed back, it is still the same device: its hooks go on, under its new name. */
	lab_run("ip link set lan0.5 down && ip link set lan0.5 name lan0 && ip link set lan0 up");
	lab_apply(lab, plane, 2);
	assert_all_run(plane, 2, 7);
	sp_ebpf_close(plane);
}

/* Names change places between two governed devices: each goes on judging as what it is. */
static void devices_that_change_names_keep_their_hooks(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_interface interfaces[LAB_INTERFACES];
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = lab_open(lab, 0);
	struct sp_ebpf_staged *staged;

	lab_run("ip link add lan5 type veth peer name lan6");
	lab_interfaces(interfaces);
	interfaces[LAB_WAN] =
		(struct sp_plane_interface){ "lan5", if_nametoindex("lan5"), SP_ZONE_INSIDE };
	staged = lab_stage(lab, plane, 1);
	lab_ok(sp_ebpf_switch(plane, staged, interfaces, LAB_INTERFACES, &error), &error);
	lab_run("ip link set lan5 name lan7 && ip link set lan0 down && ip link set lan0 name "
		"lan5");
	lab_run("ip link set lan7 name lan0");
	interfaces[LAB_WAN].name = "lan0";
	interfaces[LAB_LAN].name = "lan5";
	staged = lab_stage(lab, plane, 2);
	lab_ok(sp_ebpf_switch(plane, staged, interfaces, LAB_INTERFACES, &error), &error);
	assert_all_run(plane, 2, 6);
	lab_run("ip link del lan0 && ip link set lan5 name lan0 && ip link set lan0 up");
	lab_apply(lab, plane, 3);
	assert_all_run(plane, 3, 7);
	sp_ebpf_close(plane);
}

static void detach_leaves_nothing(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_interface interfaces[LAB_INTERFACES];
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = lab_open(lab, 0);
	__sp_close int closed_port = lab_udp(lab, false, 9001), stranger = lab_udp(lab, true, 0);
	struct stat st;

	lab_interfaces(interfaces);
	lab_apply(lab, plane, 1);
	lab_lock(true);
	assert_true(lab_stops(stranger, "198.51.100.1", 9001, closed_port));
	lab_ok(sp_ebpf_detach(plane, &error), &error);
	sp_ebpf_close(plane);
	assert_true(lab_passes(stranger, "198.51.100.1", 9001, closed_port));
	assert_int_equal(stat(lab->pin_dir, &st), -1);
	assert_int_equal(lab_try("nft list table inet sallyport >/dev/null 2>&1"), 1);
}

#define with_lab(f) cmocka_unit_test_setup(f, lab_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_lab(first_apply_attaches_every_hook_and_judges),
		with_lab(closing_changes_nothing_and_opening_adopts),
		with_lab(kernel_without_tcx_and_driver_without_xdp_still_judge),
		with_lab(revision_must_grow),
		with_lab(foreign_program_is_named_and_all_is_undone),
		with_lab(foreign_xdp_program_refuses_the_first_apply),
		with_lab(foreign_xdp_program_leaves_the_edge_to_tcx),
		with_lab(unknown_interface_is_named),
		with_lab(interface_no_longer_listed_is_let_go),
		with_lab(device_made_again_is_attached_again),
		with_lab(interface_name_with_a_dot_can_be_pinned),
		with_lab(devices_that_change_names_keep_their_hooks),
		with_lab(detach_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
