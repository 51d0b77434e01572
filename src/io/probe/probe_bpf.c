/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Find out what the kernel's BPF can do, by loading the smallest program that needs each
 * feature. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "io/probe/probe_list.h"

#define BTF_FILE "/sys/kernel/btf/vmlinux"
#define BTF_MAGIC_BYTES "\x9f\xeb" /* little endian, as every machine we build for */

/* r0 = 2 (XDP_PASS); exit */
static const struct bpf_insn pass_program[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 2 },
	{ .code = BPF_JMP | BPF_EXIT },
};

/* A descriptor or -errno. */
static int load_pass(enum bpf_prog_type type)
{
	int fd = bpf_prog_load(type, "sp_probe", "GPL", pass_program, SP_ARRAY_LEN(pass_program),
			       NULL);

	return fd < 0 ? sp_errno() : fd;
}

static void probe_btf(struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = {
		"btf",
		"the eBPF plane: the kernel checks the maps and functions of its programs by it",
		"a kernel with CONFIG_DEBUG_INFO_BTF"
	};
	__sp_close int fd = open(BTF_FILE, O_RDONLY | O_CLOEXEC);
	char magic[2];

	if (fd < 0)
		sp_probe_add(list, &subject, errno == ENOENT ? SP_PROBE_MISSING : SP_PROBE_UNKNOWN,
			     BTF_FILE ": %s", sp_err_text(errno));
	else if (read(fd, magic, 2) != 2 || memcmp(magic, BTF_MAGIC_BYTES, 2) != 0)
		sp_probe_add(list, &subject, SP_PROBE_MISSING, BTF_FILE " is not BTF");
	else
		sp_probe_add(list, &subject, SP_PROBE_OK, BTF_FILE);
}

/* Add the answer of one of libbpf's probes: 1 yes; 0 no; -errno libbpf could not find out. */
static void add_answer(struct sp_probe_list *list, const struct sp_probe_subject *subject,
		       int answer, const char *what)
{
	if (answer < 0)
		sp_probe_add(list, subject, SP_PROBE_UNKNOWN, "%s: %s", what, sp_err_text(answer));
	else
		sp_probe_add(list, subject, answer ? SP_PROBE_OK : SP_PROBE_MISSING, "%s %s", what,
			     answer ? "loads" : "is refused");
}

static void probe_programs(struct sp_probe_list *list)
{
	static const struct {
		enum bpf_prog_type type;
		struct sp_probe_subject subject;
		const char *what;
	} rows[] = {
		{ BPF_PROG_TYPE_XDP,
		  { "xdp", "edge-in: nothing is dropped at the outer door; the eBPF plane",
		    "a kernel with CONFIG_BPF_SYSCALL and XDP" },
		  "an XDP program" },
		{ BPF_PROG_TYPE_SCHED_CLS,
		  { "tc", "vpn-in, vpn-out, inside-in: the eBPF plane",
		    "a kernel with CONFIG_NET_CLS_ACT and CONFIG_BPF_SYSCALL" },
		  "a tc program" },
	};

	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++)
		add_answer(list, &rows[i].subject, libbpf_probe_bpf_prog_type(rows[i].type, NULL),
			   rows[i].what);
}

static void probe_maps(struct sp_probe_list *list)
{
	static const struct {
		enum bpf_map_type type;
		struct sp_probe_subject subject;
		const char *what;
	} rows[] = {
		{ BPF_MAP_TYPE_RINGBUF,
		  { "ring-buffer", "records of packets: the audit log has none",
		    "a kernel with it" },
		  "a ring buffer" },
		{ BPF_MAP_TYPE_LPM_TRIE,
		  { "lpm-trie", "networks: the eBPF plane", "a kernel with it" },
		  "a longest-prefix map" },
	};

	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++)
		add_answer(list, &rows[i].subject, libbpf_probe_bpf_map_type(rows[i].type, NULL),
			   rows[i].what);
}

static void probe_helpers(struct sp_probe_list *list)
{
	static const struct {
		enum bpf_func_id helper;
		struct sp_probe_subject subject;
		const char *what;
	} rows[] = {
		{ BPF_FUNC_timer_init,
		  { "bpf-timer", "idle flows are not reclaimed in the kernel", "a kernel with it" },
		  "a program with bpf_timer_init" },
		{ BPF_FUNC_ktime_get_boot_ns,
		  { "boot-clock", "deadlines in the kernel: the eBPF plane", "a kernel with it" },
		  "a program with bpf_ktime_get_boot_ns" },
	};

	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++)
		add_answer(list, &rows[i].subject,
			   libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, rows[i].helper, NULL),
			   rows[i].what);
}

/* Ask about tcx on the loopback interface. The kernel answers only if it has tcx. Nothing is
 * attached. */
static void probe_tcx(struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = {
		"tcx",
		"swapping programs without a gap: clsact takes its place, an apply takes longer",
		"a kernel with tcx links"
	};
	LIBBPF_OPTS(bpf_prog_query_opts, query);
	int r = bpf_prog_query_opts(1, SP_BPF_TCX_INGRESS, &query) < 0 ? sp_errno() : 0;

	if (r == 0 || r == -ENODEV)
		sp_probe_add(list, &subject, SP_PROBE_OK, "the kernel lists tcx programs");
	else if (r == -EPERM)
		sp_probe_add(list, &subject, SP_PROBE_UNKNOWN, "%s", sp_err_text(r));
	else
		sp_probe_add(list, &subject, SP_PROBE_MISSING,
			     "the kernel refuses to list them: %s", sp_err_text(r));
}

static void probe_test_run(struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = {
		"test-run", "explain, replay and policy tests use the reference evaluator alone",
		"a kernel with BPF_PROG_TEST_RUN"
	};
	char frame[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame));
	__sp_close int fd = load_pass(BPF_PROG_TYPE_XDP);
	int r;

	if (fd < 0) {
		sp_probe_add(list, &subject, SP_PROBE_UNKNOWN, "no program to run: %s",
			     sp_err_text(fd));
		return;
	}
	r = bpf_prog_test_run_opts(fd, &run) < 0 ? sp_errno() : 0;
	if (r < 0)
		sp_probe_add(list, &subject, SP_PROBE_MISSING, "%s", sp_err_text(r));
	else
		sp_probe_add(list, &subject, run.retval == 2 ? SP_PROBE_OK : SP_PROBE_MISSING,
			     "a program ran and returned %u", run.retval);
}

static const struct sp_probe_subject rights = {
	"bpf-rights", "the eBPF plane, and every question about it below",
	"run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"
};

/* Silence libbpf, which logs what it tries. `doctor` reports the result itself. */
static int say_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

void sp_probe_bpf(struct sp_probe_list *list)
{
	libbpf_print_fn_t before = libbpf_set_print(say_nothing);
	int fd = load_pass(BPF_PROG_TYPE_XDP);

	probe_btf(list);
	/* To libbpf a refusal for lack of rights looks like a missing feature, so stop asking. */
	if (fd == -EPERM || fd == -EACCES) {
		sp_probe_add(list, &rights, SP_PROBE_UNKNOWN, "loading a program: %s",
			     sp_err_text(fd));
		libbpf_set_print(before);
		return;
	}
	if (fd >= 0)
		close(fd);
	sp_probe_add(list, &rights, SP_PROBE_OK, "programs may be loaded");
	probe_programs(list);
	probe_maps(list);
	probe_helpers(list);
	probe_tcx(list);
	probe_test_run(list);
	libbpf_set_print(before);
}
