/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/rights.h"

#include <linux/if_tun.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/ioctl.h>

#include "base/array.h"
#include "io/process/rights.h"

int sp_vpnd_drop_rights(const struct sp_user *user, bool keeps_net_admin)
{
	cap_value_t wanted[2], kept[2];
	int count = 0;

	if (keeps_net_admin)
		wanted[count++] = CAP_NET_ADMIN;
	if (!user)
		wanted[count++] = CAP_NET_BIND_SERVICE;
	return sp_rights_drop(user, kept, sp_rights_have(wanted, count, kept));
}

int sp_vpnd_restrict_calls(void)
{
	static const int calls[] = {
		/* packets */
		SCMP_SYS(preadv2),
		SCMP_SYS(readv),
		SCMP_SYS(writev),
		SCMP_SYS(recvmmsg),
		SCMP_SYS(sendmmsg),
		/* waiting */
		SCMP_SYS(poll),
		SCMP_SYS(ppoll),
		SCMP_SYS(epoll_wait),
		SCMP_SYS(epoll_pwait),
		SCMP_SYS(epoll_ctl),
		SCMP_SYS(epoll_create1),
		SCMP_SYS(timerfd_settime),
		SCMP_SYS(timerfd_create),
		/* the API, netlink, a new port, systemd */
		SCMP_SYS(accept4),
		SCMP_SYS(recvmsg),
		SCMP_SYS(sendmsg),
		SCMP_SYS(recvfrom),
		SCMP_SYS(sendto),
		SCMP_SYS(socket),
		SCMP_SYS(bind),
		SCMP_SYS(connect),
		SCMP_SYS(listen),
		SCMP_SYS(getsockname),
		SCMP_SYS(getpeername),
		SCMP_SYS(setsockopt),
		SCMP_SYS(getsockopt),
		SCMP_SYS(shutdown),
		SCMP_SYS(dup3),
		/* the peers file, our own socket's end */
		SCMP_SYS(openat),
		SCMP_SYS(open),
		SCMP_SYS(fstat),
		SCMP_SYS(newfstatat),
		SCMP_SYS(stat),
		SCMP_SYS(lstat),
		SCMP_SYS(statx),
		SCMP_SYS(lseek),
		SCMP_SYS(unlink),
		SCMP_SYS(unlinkat),
		SCMP_SYS(inotify_add_watch),
		SCMP_SYS(inotify_rm_watch),
	};
	/* where our interface is; names of interfaces, for a link-local endpoint's zone */
	static const unsigned int ioctls[] = { TUNGETIFF, TUNGETDEVNETNS, SIOCGIFINDEX,
					       SIOCGIFNAME };

	return sp_rights_restrict(calls, SP_ARRAY_LEN(calls), ioctls, SP_ARRAY_LEN(ioctls));
}
