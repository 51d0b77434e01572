/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <bpf/bpf.h>
#include <errno.h>
#include <sys/wait.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "io/netlink/netlink.h"
#include "io/probe/probe.h"
#include "io/probe/probe_list.h"
#include "io/wireguard/wg_netlink.h"
#include "../scratch.h"

static const struct sp_probe_interface interfaces[] = {
	{ "wan0", SP_ZONE_EDGE },
	{ "lan0", SP_ZONE_INSIDE },
	{ "vpn0", SP_ZONE_TUNNEL },
};

static struct sp_probe *probes;
static size_t probe_count;
static struct sp_paths paths;
static bool must_use_kernel;

static void run_probes(const uint32_t *own, size_t own_count)
{
	const struct sp_probe_context context = {
		.paths = &paths,
		.interfaces = interfaces,
		.interface_count = SP_ARRAY_LEN(interfaces),
		.own_prog_ids = own,
		.own_prog_count = own_count,
		.may_use_kernel_engine = must_use_kernel,
		.must_use_kernel_engine = must_use_kernel,
		.tunnel_mtu = 1420,
	};

	free(probes);
	probes = NULL;
	assert_int_equal(sp_probe_run(&context, &probes, &probe_count), 0);
}

static void run(const char *command)
{
	assert_int_equal(system(command), 0);
}

static const struct sp_probe *probe_named(const char *name)
{
	for (size_t i = 0; i < probe_count; i++)
		if (strcmp(probes[i].name, name) == 0)
			return &probes[i];
	fail_msg("no probe %s", name);
	return NULL;
}

static int set_up(void **state)
{
	(void)state;
	return system("ip link add wan0 type veth peer name far0 && ip link set wan0 up && "
		      "ip link set lo up");
}

static int tear_down(void **state)
{
	(void)state;
	free(probes);
	probes = NULL;
	return system("ip link del wan0");
}

static void every_probe_says_what_it_saw_and_what_it_is_for(void **state)
{
	(void)state;
	run_probes(NULL, 0);
	assert_true(probe_count > 15);
	for (size_t i = 0; i < probe_count; i++) {
		assert_true(probes[i].name[0] && probes[i].detail[0] && probes[i].disables[0]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(probes[i].name, probes[j].name);
	}
}

/* With root on a kernel that this project supports at all, these are there. */
static void kernel_of_a_gateway_has_what_the_plane_needs(void **state)
{
	static const char *const names[] = { "bpf-rights",  "xdp",      "tc",
					     "ring-buffer", "lpm-trie", "boot-clock",
					     "test-run",    "nftables", "tun" };

	(void)state;
	run_probes(NULL, 0);
	for (size_t i = 0; i < SP_ARRAY_LEN(names); i++)
		assert_int_equal(probe_named(names[i])->result, SP_PROBE_OK);
	assert_int_equal(probe_named("bpffs")->result, SP_PROBE_OK); /* the daemon mounts it */
}

static void missing_things_are_named(void **state)
{
	(void)state;
	run_probes(NULL, 0);
	assert_int_equal(probe_named("interface wan0")->result, SP_PROBE_OK);
	assert_non_null(strstr(probe_named("interface wan0")->detail, "veth"));
	assert_int_equal(probe_named("interface lan0")->result, SP_PROBE_MISSING);
	assert_int_equal(probe_named("interface vpn0")->result, SP_PROBE_OK); /* made at start */
	assert_int_equal(probe_named("engine vpn0")->result, SP_PROBE_MISSING);
	assert_int_equal(probe_named("xdp-free wan0")->result, SP_PROBE_OK);
	assert_int_equal(probe_named("xdp-native wan0")->result, SP_PROBE_OK); /* veth has it */
}

static uint32_t load_program(enum bpf_prog_type type, int32_t value, int *ret_fd)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = value },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	*ret_fd = bpf_prog_load(type, "their_filter", "GPL", program, SP_ARRAY_LEN(program), NULL);
	assert_true(*ret_fd >= 0);
	assert_int_equal(bpf_prog_get_info_by_fd(*ret_fd, &info, &len), 0);
	return info.id;
}

static uint32_t index_of(const char *name)
{
	return if_nametoindex(name);
}

static void someone_else_s_xdp_program_is_in_the_way_and_ours_is_not(void **state)
{
	int prog, link;
	uint32_t id = load_program(BPF_PROG_TYPE_XDP, 2, &prog);

	(void)state;
	link = bpf_link_create(prog, (int)index_of("wan0"), BPF_XDP, NULL);
	assert_true(link >= 0);
	run_probes(NULL, 0);
	assert_int_equal(probe_named("xdp-free wan0")->result, SP_PROBE_MISSING);
	assert_non_null(strstr(probe_named("xdp-free wan0")->detail, "their_filter"));
	run_probes(&id, 1);
	assert_int_equal(probe_named("xdp-free wan0")->result, SP_PROBE_OK);
	close(link);
	close(prog);
}

static void someone_else_s_tcx_program_is_named(void **state)
{
	int prog, link;
	uint32_t id = load_program(BPF_PROG_TYPE_SCHED_CLS, -1, &prog);

	(void)state;
	link = bpf_link_create(prog, (int)index_of("wan0"), SP_BPF_TCX_EGRESS, NULL);
	if (link < 0) {
		printf("skip: this kernel has no tcx\n");
		skip();
	}
	run_probes(NULL, 0);
	assert_int_equal(probe_named("tcx-free wan0")->result, SP_PROBE_MISSING);
	assert_non_null(strstr(probe_named("tcx-free wan0")->detail, "egress"));
	run_probes(&id, 1);
	assert_int_equal(probe_named("tcx-free wan0")->result, SP_PROBE_OK);
	close(link);
	close(prog);
}

static void probes_leave_nothing_behind(void **state)
{
	(void)state;
	char folder[TEST_FOLDER_SIZE];

	assert_non_null(test_folder_make(folder));
	assert_int_equal(setenv("FOLDER", folder, 1), 0);
	assert_int_equal(system("ip -d link show | sort >\"$FOLDER/before\""), 0);
	run_probes(NULL, 0);
	assert_int_equal(system("ip -d link show | sort | cmp - \"$FOLDER/before\"; r=$?; rm -r "
				"\"$FOLDER\"; exit $r"),
			 0);
}

static void without_rights_the_answer_is_unknown_not_missing(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		static const char *const never[] = { "xdp", "tc", "ring-buffer", "test-run" };

		if (setgid(64199) < 0 || setuid(64123) < 0)
			_exit(2);
		run_probes(NULL, 0);
		for (size_t i = 0; i < probe_count; i++)
			for (size_t j = 0; j < SP_ARRAY_LEN(never); j++)
				if (strcmp(probes[i].name, never[j]) == 0 &&
				    probes[i].result == SP_PROBE_MISSING)
					_exit(3);
		_exit(probe_named("bpf-rights")->result == SP_PROBE_UNKNOWN ? 0 : 4);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define with_veth(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void edge_too_narrow_for_the_tunnel_is_said_with_what_fits(void **state)
{
	const struct sp_probe *probe;

	(void)state;
	run_probes(NULL, 0);
	assert_int_equal(probe_named("path-mtu wan0")->result, SP_PROBE_OK);
	run("ip link set wan0 mtu 1480"); /* 1420 + 60: just enough for IPv4 */
	run_probes(NULL, 0);
	assert_int_equal(probe_named("path-mtu wan0")->result, SP_PROBE_OK);
	run("ip address add 2001:db8::1/64 dev wan0 nodad");
	run_probes(NULL, 0);
	probe = probe_named("path-mtu wan0");
	assert_int_equal(probe->result, SP_PROBE_MISSING);
	assert_non_null(strstr(probe->detail, "takes 1480 bytes, vpn.mtu 1420 needs 1500"));
	assert_non_null(strstr(probe->detail, "vpn.mtu: 1400"));
	run("ip address flush dev wan0 && ip link set wan0 mtu 1400");
	run_probes(NULL, 0);
	assert_non_null(strstr(probe_named("path-mtu wan0")->detail, "vpn.mtu: 1340"));
	run("ip link set wan0 mtu 1300");
	run_probes(NULL, 0);
	assert_non_null(strstr(probe_named("path-mtu wan0")->detail,
			       "vpn.mtu: 1280 is the least: widen the path to 1340"));
}

/* One answer or the other, as this kernel is: both are told apart by asking it. */
static void kernel_engine_is_missed_only_where_it_is_wanted(void **state)
{
	const bool has_it = sp_wg_netlink_probe() == 0;

	(void)state;
	run_probes(NULL, 0);
	assert_int_equal(probe_named("wireguard")->result, SP_PROBE_OK);
	must_use_kernel = true;
	run_probes(NULL, 0);
	must_use_kernel = false;
	assert_int_equal(probe_named("wireguard")->result, has_it ? SP_PROBE_OK : SP_PROBE_MISSING);
	assert_non_null(strstr(probe_named("engine vpn0")->detail, "kernel: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_veth(every_probe_says_what_it_saw_and_what_it_is_for),
		with_veth(kernel_of_a_gateway_has_what_the_plane_needs),
		with_veth(missing_things_are_named),
		with_veth(someone_else_s_xdp_program_is_in_the_way_and_ours_is_not),
		with_veth(someone_else_s_tcx_program_is_named),
		with_veth(edge_too_narrow_for_the_tunnel_is_said_with_what_fits),
		with_veth(kernel_engine_is_missed_only_where_it_is_wanted),
		with_veth(probes_leave_nothing_behind),
		with_veth(without_rights_the_answer_is_unknown_not_missing),
	};
	int failed;

	scratch_namespace("io/probe");
	if (sp_paths_init(&paths, "/tmp/sp-probe-root-that-is-not") < 0)
		return 1;
	failed = cmocka_run_group_tests_name("io/probe", tests, NULL, NULL);
	sp_paths_done(&paths);
	return failed;
}
