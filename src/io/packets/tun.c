/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/packets/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "io/files/files.h"
#include "io/files/sysctl.h"

#define DEVICE "/dev/net/tun"
#define QUEUE_LEN 4096

/* Attach to @name, making it if it is not there. -EBUSY: somebody else is attached. */
static int attach(const char *name, int *ret_fd)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	__sp_close int fd = open(DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return sp_errno();
	memcpy(request.ifr_name, name, strlen(name));
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return sp_errno();
	*ret_fd = SP_TAKE_FD(fd);
	return 0;
}

static int set_owner(int fd, uid_t uid, gid_t gid)
{
	if (uid != SP_UID_KEEP && ioctl(fd, TUNSETOWNER, (unsigned long)uid) < 0)
		return sp_errno();
	if (gid != SP_GID_KEEP && ioctl(fd, TUNSETGROUP, (unsigned long)gid) < 0)
		return sp_errno();
	return 0;
}

static bool is_owned_by(const struct sp_link *link, uid_t uid, gid_t gid)
{
	return (uid == SP_UID_KEEP || (link->tun_has_owner && link->tun_owner == uid)) &&
	       (gid == SP_GID_KEEP || (link->tun_has_group && link->tun_group == gid));
}

void sp_tun_lengthen(const char *name)
{
	__sp_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_qlen = QUEUE_LEN };

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (fd >= 0)
		(void)ioctl(fd, SIOCSIFTXQLEN, &request);
}

static int make(const char *name, uid_t uid, gid_t gid)
{
	__sp_close int fd = -1;
	int r = attach(name, &fd);

	if (r == 0)
		r = set_owner(fd, uid, gid);
	if (r < 0)
		return r; /* not persistent yet: it goes with the descriptor */
	return ioctl(fd, TUNSETPERSIST, 1) < 0 ? sp_errno() : 0;
}

bool sp_tun_is_adoptable(const struct sp_link *link)
{
	return strcmp(link->kind, "tun") == 0 && !link->tun_is_tap && !link->tun_is_multi_queue &&
	       link->tun_is_persistent;
}

static int adopt(const struct sp_link *link, uid_t uid, gid_t gid)
{
	__sp_close int fd = -1;
	int r;

	if (strcmp(link->kind, "tun") != 0)
		return -EEXIST;
	if (!sp_tun_is_adoptable(link))
		return -EMEDIUMTYPE;
	if (is_owned_by(link, uid, gid))
		return 0;
	r = attach(link->name, &fd);
	return r < 0 ? r : set_owner(fd, uid, gid);
}

int sp_tun_ensure(struct sp_netlink *netlink, const char *name, uid_t uid, gid_t gid,
		  struct sp_link *ret_link, bool *ret_made)
{
	struct sp_link link;
	bool made = false;
	int r;

	/* With `%` in the name the kernel would add a number. */
	if (!*name || strlen(name) >= IFNAMSIZ || strpbrk(name, "/% \t\n"))
		return -EINVAL;
	r = sp_netlink_get_link(netlink, name, &link);
	if (r == -ENODEV) {
		r = make(name, uid, gid);
		made = r == 0;
		if (made)
			sp_tun_lengthen(name);
	} else if (r == 0) {
		r = adopt(&link, uid, gid);
	}
	if (r == 0)
		r = sp_netlink_get_link(netlink, name, &link);
	if (r < 0)
		return r;
	*ret_link = link;
	if (ret_made)
		*ret_made = made;
	return 0;
}

int sp_tun_remove(struct sp_netlink *netlink, const char *name)
{
	struct sp_link link;
	int r = sp_netlink_get_link(netlink, name, &link);

	if (r < 0)
		return r;
	if (!sp_tun_is_adoptable(&link))
		return -EMEDIUMTYPE;
	return sp_netlink_remove_link(netlink, link.ifindex);
}

void sp_tun_leave_link_local_out(const char *name)
{
	char sysctl[96];

	snprintf(sysctl, sizeof(sysctl), "net/ipv6/conf/%s/addr_gen_mode", name);
	(void)sp_sysctl_set(sysctl, 1); /* a kernel without IPv6 makes none */
}
