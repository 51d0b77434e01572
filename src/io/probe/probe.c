/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/magic.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/array.h"
#include "base/err.h"
#include "io/files/sysctl.h"
#include "io/probe/probe_list.h"

const char *sp_probe_result_name(enum sp_probe_result result)
{
	static const char *const names[] = {
		[SP_PROBE_OK] = "ok",
		[SP_PROBE_MISSING] = "missing",
		[SP_PROBE_UNKNOWN] = "unknown",
	};

	return names[result];
}

/* ---- the list ---- */

static void add(struct sp_probe_list *list, const struct sp_probe_subject *subject,
		const char *iface, enum sp_probe_result result, const char *format, va_list args)
	__attribute__((format(printf, 5, 0)));

static void add(struct sp_probe_list *list, const struct sp_probe_subject *subject,
		const char *iface, enum sp_probe_result result, const char *format, va_list args)
{
	struct sp_probe *probe = SP_ARRAY_PUSH(list->probes, list->count);

	if (!probe) {
		list->error = -ENOMEM;
		return;
	}
	snprintf(probe->name, sizeof(probe->name), "%s%s%s", subject->name, iface ? " " : "",
		 iface ? iface : "");
	vsnprintf(probe->detail, sizeof(probe->detail), format, args);
	probe->result = result;
	probe->disables = subject->disables;
	probe->remedy = subject->remedy;
}

void sp_probe_add(struct sp_probe_list *list, const struct sp_probe_subject *subject,
		  enum sp_probe_result result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(list, subject, NULL, result, format, args);
	va_end(args);
}

void sp_probe_add_for(struct sp_probe_list *list, const struct sp_probe_subject *subject,
		      const char *iface, enum sp_probe_result result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(list, subject, iface, result, format, args);
	va_end(args);
}

/* ---- the machine ---- */

static void probe_bpffs(const struct sp_probe_context *context, struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = {
		"bpffs", "nothing can be pinned: enforcement would end with the daemon",
		"mount -t bpf bpf /sys/fs/bpf"
	};
	const char *dir = context->paths->bpffs_dir;
	struct statfs fs;

	if (statfs(dir, &fs) == 0 && (uint32_t)fs.f_type == BPF_FS_MAGIC)
		sp_probe_add(list, &subject, SP_PROBE_OK, "mounted at %s", dir);
	else if (sp_paths_is_rooted(context->paths))
		sp_probe_add(list, &subject, SP_PROBE_OK,
			     "not mounted at %s yet: sallyportd does that when it starts", dir);
	else
		sp_probe_add(list, &subject, SP_PROBE_MISSING, "no bpffs at %s", dir);
}

static void probe_tun(struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = {
		"tun", "there can be no tunnel: no VPN",
		"modprobe tun; in a container, pass /dev/net/tun in"
	};
	__sp_close int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		sp_probe_add(list, &subject, SP_PROBE_OK, "/dev/net/tun opens");
	else if (errno == EACCES || errno == EPERM)
		sp_probe_add(list, &subject, SP_PROBE_UNKNOWN, "/dev/net/tun: %s",
			     sp_err_text(errno));
	else
		sp_probe_add(list, &subject, SP_PROBE_MISSING, "/dev/net/tun: %s",
			     sp_err_text(errno));
}

#define MEMLOCK "LimitMEMLOCK=infinity in its unit (else: ulimit -l unlimited), then start it again"

static void add_memory(struct sp_probe_list *list, const struct sp_probe_subject *subject,
		       bool is_locked)
{
	sp_probe_add(list, subject, is_locked ? SP_PROBE_OK : SP_PROBE_MISSING, "%s",
		     is_locked ? "locked" : "pageable");
}

static void probe_daemon(const struct sp_probe_context *context, struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = {
		"sallyportd-memory", "its keys, and every device's, may be written to swap", MEMLOCK
	};

	if (context->is_daemon_there)
		add_memory(list, &subject, context->is_daemon_memory_locked);
}

static void probe_portal(const struct sp_probe_context *context, struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = {
		"portal-memory",
		"passwords, client secrets and people's tokens may be written to swap", MEMLOCK
	};

	if (context->is_portal_there)
		add_memory(list, &subject, context->is_portal_memory_locked);
}

static void probe_homes(const struct sp_probe_context *context, struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = {
		"homes", "the spoof check cannot tell for some addresses where they live",
		"give the edge a longer prefix, or take the route away"
	};

	if (context->is_daemon_there)
		sp_probe_add(list, &subject,
			     *context->homes_warning ? SP_PROBE_MISSING : SP_PROBE_OK, "%s",
			     *context->homes_warning ? context->homes_warning
						     : "told by every route");
}

/* Ask nf_tables for its generation. The kernel answers without rights, and loads the module to do
 * so. */
static int ask_nftables(void)
{
	union {
		char bytes[256];
		struct nlmsghdr align;
	} request = { 0 };
	struct nlmsghdr *header = mnl_nlmsg_put_header(request.bytes);
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	const struct timeval timeout = { .tv_sec = 1 };
	char reply[4096];
	ssize_t got = -1;
	int r;

	if (!socket)
		return sp_errno();
	header->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN;
	header->nlmsg_flags = NLM_F_REQUEST;
	header->nlmsg_seq = 1;
	mnl_nlmsg_put_extra_header(header, sizeof(struct nfgenmsg));
	setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    mnl_socket_sendto(socket, header, header->nlmsg_len) > 0)
		got = mnl_socket_recvfrom(socket, reply, sizeof(reply));
	/* An error message makes mnl_cb_run fail with its errno. */
	r = got < 0 ? -1
		    : mnl_cb_run(reply, (size_t)got, 1, mnl_socket_get_portid(socket), NULL, NULL);
	r = r < 0 ? sp_errno() : 0;
	mnl_socket_close(socket);
	return r;
}

static void probe_nftables(struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = {
		"nftables", "no second lock behind the eBPF programs, no NAT, no netfilter plane",
		"modprobe nf_tables, or a kernel with CONFIG_NF_TABLES"
	};
	int r = ask_nftables();

	if (r == 0)
		sp_probe_add(list, &subject, SP_PROBE_OK, "nf_tables answers");
	else if (r == -EPERM || r == -EACCES)
		sp_probe_add(list, &subject, SP_PROBE_UNKNOWN, "%s", sp_err_text(r));
	else
		sp_probe_add(list, &subject, SP_PROBE_MISSING, "nf_tables does not answer: %s",
			     sp_err_text(r));
}

static void probe_ipv6(struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = { "ipv6", "no IPv6 through the gateway",
							 "boot without ipv6.disable=1" };
	int64_t disabled;
	int r = sp_sysctl_get("net/ipv6/conf/all/disable_ipv6", &disabled);

	if (r == -ENOENT)
		sp_probe_add(list, &subject, SP_PROBE_MISSING, "the kernel has no IPv6");
	else if (r < 0)
		sp_probe_add(list, &subject, SP_PROBE_UNKNOWN, "%s", sp_err_text(r));
	else if (disabled)
		sp_probe_add(list, &subject, SP_PROBE_MISSING,
			     "switched off by net.ipv6.conf.all.disable_ipv6");
	else
		sp_probe_add(list, &subject, SP_PROBE_OK, "the kernel speaks it");
}

static void probe_forwarding(struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = {
		"forwarding", "packets are not passed on between interfaces",
		"sallyportd switches it on once its programs are in place"
	};
	struct sp_forwarding forwarding;
	int r = sp_forwarding_get(&forwarding);

	if (r < 0)
		sp_probe_add(list, &subject, SP_PROBE_UNKNOWN, "%s", sp_err_text(r));
	else
		sp_probe_add(
			list, &subject, SP_PROBE_OK, "IPv4 %s, IPv6 %s%s",
			forwarding.ipv4 ? "on" : "off", forwarding.ipv6 ? "on" : "off",
			forwarding.ipv4 && forwarding.ipv6
				? ""
				: ": sallyportd switches it on once its programs are in place");
}

static void probe_jit(struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = {
		"bpf-jit", "programs are interpreted: several times slower",
		"sysctl net.core.bpf_jit_enable=1"
	};
	int64_t mode;
	int r = sp_sysctl_get("net/core/bpf_jit_enable", &mode);

	if (r < 0)
		sp_probe_add(list, &subject, SP_PROBE_UNKNOWN, "%s", sp_err_text(r));
	else
		sp_probe_add(list, &subject, mode ? SP_PROBE_OK : SP_PROBE_MISSING,
			     "net.core.bpf_jit_enable is %d", (int)mode);
}

static void probe_clock(struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = {
		"clock", "deadlines and sign-ins are as wrong as the clock is",
		"run a time service: chrony or systemd-timesyncd"
	};
	struct timex state = { 0 }; /* modes 0 changes nothing */

	if (adjtimex(&state) < 0)
		sp_probe_add(list, &subject, SP_PROBE_UNKNOWN, "%s", sp_err_text(errno));
	else if (state.status & STA_UNSYNC)
		sp_probe_add(list, &subject, SP_PROBE_MISSING,
			     "no time service keeps it: the kernel says unsynchronised");
	else
		sp_probe_add(list, &subject, SP_PROBE_OK, "synchronised, at most %ld ms off",
			     state.maxerror / 1000);
}

static void probe_wg(struct sp_probe_list *list)
{
	static const struct sp_probe_subject subject = {
		"wg-tool", "only the convenience of looking at the tunnel with `wg`",
		"install wireguard-tools"
	};
	const char *path = getenv("PATH");
	__sp_free char *dirs = strdup(path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
	char *rest = dirs, *dir;
	char file[4096];

	while (dirs && (dir = strsep(&rest, ":"))) {
		snprintf(file, sizeof(file), "%s/wg", *dir ? dir : ".");
		if (access(file, X_OK) == 0) {
			sp_probe_add(list, &subject, SP_PROBE_OK, "%.200s", file);
			return;
		}
	}
	sp_probe_add(list, &subject, SP_PROBE_MISSING, "no wg in PATH");
}

int sp_probe_run(const struct sp_probe_context *context, struct sp_probe **ret_probes,
		 size_t *ret_count)
{
	struct sp_probe_list list = { 0 };

	sp_probe_bpf(&list);
	probe_jit(&list);
	probe_bpffs(context, &list);
	probe_daemon(context, &list);
	probe_portal(context, &list);
	probe_homes(context, &list);
	probe_nftables(&list);
	probe_tun(&list);
	probe_ipv6(&list);
	probe_forwarding(&list);
	probe_clock(&list);
	sp_probe_net(context, &list);
	sp_probe_tunnel(context, &list);
	probe_wg(&list);
	if (list.error) {
		free(list.probes);
		return list.error;
	}
	*ret_probes = list.probes;
	*ret_count = list.count;
	return 0;
}
