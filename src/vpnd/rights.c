/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/rights.h"

#include <linux/if_tun.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/array.h"
#include "io/rights.h"

bool sp_vpnd_protect_memory(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	sp_rights_forbid_dumps();
	/* Without the limit out of the way, locking the future would make allocations fail once the rights
	 * are gone. */
	if (setrlimit(RLIMIT_MEMLOCK, &unlimited) < 0)
		return false;
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

/* Those of @wanted that we have. */
static int have_of(const cap_value_t *wanted, int count, cap_value_t *ret_have)
{
	cap_t set = cap_get_proc();
	int have = 0;

	for (int i = 0; set && i < count; i++) {
		cap_flag_value_t is_set = CAP_CLEAR;

		if (cap_get_flag(set, wanted[i], CAP_PERMITTED, &is_set) == 0 && is_set == CAP_SET)
			ret_have[have++] = wanted[i];
	}
	if (set)
		cap_free(set);
	return have;
}

int sp_vpnd_drop_rights(const struct sp_user *user, bool keeps_net_admin)
{
	cap_value_t wanted[2], kept[2];
	int count = 0;

	if (keeps_net_admin)
		wanted[count++] = CAP_NET_ADMIN;
	if (!user)
		wanted[count++] = CAP_NET_BIND_SERVICE;
	return sp_rights_drop(user, kept, have_of(wanted, count, kept));
}

int sp_vpnd_restrict_calls(void)
{
	static const int calls[] = {
		/* packets */
		SCMP_SYS(preadv2), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(recvmmsg),
		SCMP_SYS(sendmmsg),
		/* waiting */
		SCMP_SYS(futex), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(epoll_wait),
		SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_create1),
		SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_create), SCMP_SYS(clock_gettime),
		SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(restart_syscall),
		SCMP_SYS(sched_yield),
		/* the API, netlink, a new port, systemd */
		SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(accept4), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg),
		SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(socket), SCMP_SYS(bind), SCMP_SYS(connect),
		SCMP_SYS(listen), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(setsockopt),
		SCMP_SYS(getsockopt), SCMP_SYS(shutdown), SCMP_SYS(fcntl), SCMP_SYS(dup3), SCMP_SYS(close),
		/* the peers file, our own socket's end */
		SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(stat),
		SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(lseek), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
		SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_rm_watch),
		/* memory, threads, the end */
		SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise),
		SCMP_SYS(brk), SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
		SCMP_SYS(set_tid_address), SCMP_SYS(sched_getaffinity), SCMP_SYS(getrandom),
		SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
		SCMP_SYS(sigaltstack), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(geteuid),
		SCMP_SYS(getuid), SCMP_SYS(tgkill), SCMP_SYS(exit), SCMP_SYS(exit_group),
	};
	/* where our interface is; names of interfaces, for a link-local endpoint's zone */
	static const unsigned int ioctls[] = { TUNGETIFF, TUNGETDEVNETNS, SIOCGIFINDEX, SIOCGIFNAME };

	return sp_rights_restrict(calls, SP_ARRAY_LEN(calls), ioctls, SP_ARRAY_LEN(ioctls));
}
