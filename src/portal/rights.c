/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/rights.h"

#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "base/array.h"
#include "base/err.h"
#include "io/process/rights.h"

#define FILES_MAX 2048 /* connections, providers and everything else */

int sp_portal_restrict(void)
{
	static const int calls[] = {
		/* waiting */
		SCMP_SYS(epoll_create1),
		SCMP_SYS(epoll_create),
		SCMP_SYS(epoll_ctl),
		SCMP_SYS(epoll_wait),
		SCMP_SYS(epoll_pwait),
		SCMP_SYS(epoll_pwait2),
		SCMP_SYS(poll),
		SCMP_SYS(ppoll),
		SCMP_SYS(gettimeofday),
		SCMP_SYS(time),
		/* connections: ours, the control socket's, the providers', name servers' */
		SCMP_SYS(socket),
		SCMP_SYS(socketpair),
		SCMP_SYS(connect),
		SCMP_SYS(bind),
		SCMP_SYS(accept4),
		SCMP_SYS(accept),
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
		SCMP_SYS(eventfd2),
		SCMP_SYS(pipe2),
		SCMP_SYS(dup),
		/* files, read alone: providers, authorities, name service */
		SCMP_SYS(open),
		SCMP_SYS(openat),
		SCMP_SYS(fstat),
		SCMP_SYS(stat),
		SCMP_SYS(lstat),
		SCMP_SYS(newfstatat),
		SCMP_SYS(statx),
		SCMP_SYS(access),
		SCMP_SYS(faccessat),
		SCMP_SYS(faccessat2),
		SCMP_SYS(lseek),
		SCMP_SYS(getdents64),
		SCMP_SYS(readlink),
		SCMP_SYS(pread64),
		SCMP_SYS(inotify_init1),
		SCMP_SYS(inotify_add_watch),
		SCMP_SYS(inotify_rm_watch),
		SCMP_SYS(uname),
		SCMP_SYS(sysinfo),
		/* calls that libraries make; locking the memory of secrets */
		SCMP_SYS(mlock),
		SCMP_SYS(munlock),
		SCMP_SYS(prctl),
		SCMP_SYS(getppid),
		SCMP_SYS(getgid),
		SCMP_SYS(getegid),
		SCMP_SYS(getrusage),
		SCMP_SYS(prlimit64),
	};
	static const unsigned int ioctls[] = { FIONBIO, FIONREAD };
	const struct rlimit files = { FILES_MAX, FILES_MAX };

	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return sp_errno();
	return sp_rights_restrict(calls, SP_ARRAY_LEN(calls), ioctls, SP_ARRAY_LEN(ioctls));
}
