/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/rights.h"

#include <linux/if_tun.h>
#include <seccomp.h>
#include <sys/ioctl.h>

#include "base/array.h"
#include "io/process/rights.h"

/* The user stays root, because the database, the keys and the log are root's. But root without
 * capabilities is a user like any other. */
static int drop_capabilities(void)
{
	cap_value_t wanted[] = {
		/* addresses, routes, the second lock, programs on interfaces, sysctls of the
		 * network */
		CAP_NET_ADMIN,
		/* loading programs and maps */
		CAP_BPF,
		CAP_PERFMON,
		/* the peers file is the engine's; folders and sockets of the engine and the portal
		 * are theirs */
		CAP_CHOWN,
		CAP_FOWNER,
		CAP_DAC_OVERRIDE,
		/* before Linux 5.8 it stands for the two BPF capabilities */
		CAP_SYS_ADMIN,
	};
	const bool has_cap_bpf = cap_max_bits() > CAP_BPF;
	const int count = (int)SP_ARRAY_LEN(wanted) - (has_cap_bpf ? 1 : 0);
	cap_value_t kept[SP_ARRAY_LEN(wanted)];

	return sp_rights_drop(NULL, kept, sp_rights_have(wanted, count, kept));
}

static int restrict_calls(void)
{
	static const int calls[] = {
		/* waiting */
		SCMP_SYS(epoll_create1),
		SCMP_SYS(epoll_ctl),
		SCMP_SYS(epoll_wait),
		SCMP_SYS(epoll_pwait),
		SCMP_SYS(epoll_pwait2),
		SCMP_SYS(poll),
		SCMP_SYS(ppoll),
		SCMP_SYS(select),
		SCMP_SYS(pselect6),
		SCMP_SYS(timerfd_create),
		SCMP_SYS(timerfd_settime),
		SCMP_SYS(signalfd4),
		SCMP_SYS(eventfd2),
		SCMP_SYS(inotify_init1),
		SCMP_SYS(inotify_add_watch),
		SCMP_SYS(inotify_rm_watch),
		SCMP_SYS(gettimeofday),
		SCMP_SYS(time),
		/* the control socket, the engine's, netlink, systemd */
		SCMP_SYS(socket),
		SCMP_SYS(connect),
		SCMP_SYS(bind),
		SCMP_SYS(listen),
		SCMP_SYS(accept4),
		SCMP_SYS(readv),
		SCMP_SYS(writev),
		SCMP_SYS(recvfrom),
		SCMP_SYS(recvmsg),
		SCMP_SYS(recvmmsg),
		SCMP_SYS(sendto),
		SCMP_SYS(sendmsg),
		SCMP_SYS(sendmmsg),
		SCMP_SYS(shutdown),
		SCMP_SYS(getsockname),
		SCMP_SYS(getpeername),
		SCMP_SYS(getsockopt),
		SCMP_SYS(setsockopt),
		SCMP_SYS(pipe2),
		SCMP_SYS(dup),
		SCMP_SYS(dup3),
		/* programs and maps; membarrier waits until every processor has left the old
		 * ones */
		SCMP_SYS(bpf),
		SCMP_SYS(membarrier),
		SCMP_SYS(memfd_create),
		/* files: the database, the audit log, keys, peers, pins, sysctls, the name
		 * service */
		SCMP_SYS(open),
		SCMP_SYS(openat),
		SCMP_SYS(stat),
		SCMP_SYS(lstat),
		SCMP_SYS(fstat),
		SCMP_SYS(newfstatat),
		SCMP_SYS(statx),
		SCMP_SYS(statfs),
		SCMP_SYS(fstatfs),
		SCMP_SYS(access),
		SCMP_SYS(faccessat),
		SCMP_SYS(faccessat2),
		SCMP_SYS(getdents64),
		SCMP_SYS(readlink),
		SCMP_SYS(readlinkat),
		SCMP_SYS(getcwd),
		SCMP_SYS(lseek),
		SCMP_SYS(pread64),
		SCMP_SYS(pwrite64),
		SCMP_SYS(preadv),
		SCMP_SYS(pwritev),
		SCMP_SYS(fsync),
		SCMP_SYS(fdatasync),
		SCMP_SYS(ftruncate),
		SCMP_SYS(fallocate),
		SCMP_SYS(fadvise64),
		SCMP_SYS(flock),
		SCMP_SYS(umask),
		SCMP_SYS(mkdir),
		SCMP_SYS(mkdirat),
		SCMP_SYS(rmdir),
		SCMP_SYS(rename),
		SCMP_SYS(renameat),
		SCMP_SYS(renameat2),
		SCMP_SYS(link),
		SCMP_SYS(linkat),
		SCMP_SYS(symlink),
		SCMP_SYS(symlinkat),
		SCMP_SYS(unlink),
		SCMP_SYS(unlinkat),
		SCMP_SYS(utimensat),
		SCMP_SYS(chown),
		SCMP_SYS(fchown),
		SCMP_SYS(fchownat),
		SCMP_SYS(chmod),
		SCMP_SYS(fchmod),
		SCMP_SYS(fchmodat),
		/* calls that libraries make */
		SCMP_SYS(uname),
		SCMP_SYS(sysinfo),
		SCMP_SYS(getppid),
		SCMP_SYS(getgid),
		SCMP_SYS(getegid),
		SCMP_SYS(getrusage),
		SCMP_SYS(getrlimit),
		SCMP_SYS(msync),
	};
	/* names and numbers of interfaces; making and adopting the tunnel */
	static const unsigned int ioctls[] = {
		SIOCGIFINDEX, SIOCGIFNAME,   TUNSETIFF,     TUNGETIFF, TUNSETOWNER,
		TUNSETGROUP,  TUNSETPERSIST, SIOCSIFTXQLEN, FIONBIO,   FIONREAD,
	};

	return sp_rights_restrict(calls, SP_ARRAY_LEN(calls), ioctls, SP_ARRAY_LEN(ioctls));
}

int sp_daemon_give_up_rights(void)
{
	int r = drop_capabilities();

	return r < 0 ? r : restrict_calls();
}
