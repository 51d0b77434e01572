/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "watchdog/rights.h"

#include <seccomp.h>
#include <sys/ioctl.h>

#include "base/array.h"
#include "io/process/rights.h"

static int drop_capabilities(void)
{
	const cap_value_t wanted[] = {
		CAP_BPF,       /* pinned programs and links */
		CAP_NET_ADMIN, /* what a hook runs */
		CAP_SYS_ADMIN, /* before Linux 5.8 it stands for CAP_BPF */
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
		SCMP_SYS(gettimeofday),
		SCMP_SYS(time),
		/* the probes, systemd, netlink */
		SCMP_SYS(socket),
		SCMP_SYS(connect),
		SCMP_SYS(bind),
		SCMP_SYS(getsockname),
		SCMP_SYS(getsockopt),
		SCMP_SYS(setsockopt),
		SCMP_SYS(sendto),
		SCMP_SYS(sendmsg),
		SCMP_SYS(recvfrom),
		SCMP_SYS(recvmsg),
		SCMP_SYS(writev),
		/* programs; membarrier waits until every processor has left the old ones */
		SCMP_SYS(bpf),
		SCMP_SYS(membarrier),
		/* the files of /run, and pins */
		SCMP_SYS(open),
		SCMP_SYS(openat),
		SCMP_SYS(stat),
		SCMP_SYS(lstat),
		SCMP_SYS(fstat),
		SCMP_SYS(newfstatat),
		SCMP_SYS(statx),
		SCMP_SYS(access),
		SCMP_SYS(faccessat),
		SCMP_SYS(faccessat2),
		SCMP_SYS(getdents64),
		SCMP_SYS(readlink),
		SCMP_SYS(readlinkat),
		SCMP_SYS(lseek),
		SCMP_SYS(pread64),
		SCMP_SYS(fsync),
		SCMP_SYS(fchown),
		SCMP_SYS(fchmod),
		SCMP_SYS(rename),
		SCMP_SYS(renameat),
		SCMP_SYS(renameat2),
		SCMP_SYS(symlink),
		SCMP_SYS(symlinkat),
		SCMP_SYS(unlink),
		SCMP_SYS(unlinkat),
		/* calls that libraries make */
		SCMP_SYS(uname),
		SCMP_SYS(getrlimit),
		SCMP_SYS(prlimit64),
	};
	/* names and numbers of interfaces */
	static const unsigned int ioctls[] = { SIOCGIFINDEX, SIOCGIFNAME, FIONREAD };

	return sp_rights_restrict(calls, SP_ARRAY_LEN(calls), ioctls, SP_ARRAY_LEN(ioctls));
}

int sp_watchdog_give_up_rights(void)
{
	int r = drop_capabilities();

	return r < 0 ? r : restrict_calls();
}
