/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/packets/tun_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "io/packets/tun.h"

#define DEVICE "/dev/net/tun"

#ifndef TUN_F_USO4 /* Linux 6.2; older headers lack them, and older kernels refuse them */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

_Static_assert(sizeof(struct virtio_net_hdr) == 10, "the header TUN uses unless told otherwise");

/* Try the flags one by one, because a kernel refuses the whole set for one flag that it does not
 * know. */
static unsigned int try_offloads(int fd)
{
	static const struct {
		unsigned int offloads, flags;
	} wanted[] = {
		{ SP_MERGE_CSUM, TUN_F_CSUM },
		{ SP_MERGE_TSO4, TUN_F_TSO4 },
		{ SP_MERGE_TSO6, TUN_F_TSO6 },
		{ 0, TUN_F_TSO_ECN },
		{ SP_MERGE_USO4 | SP_MERGE_USO6, TUN_F_USO4 | TUN_F_USO6 },
	};
	unsigned int flags = 0, offloads = 0;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (ioctl(fd, TUNSETOFFLOAD, flags | wanted[i].flags) < 0)
			continue;
		flags |= wanted[i].flags;
		offloads |= wanted[i].offloads;
	}
	(void)ioctl(fd, TUNSETOFFLOAD, flags);
	return offloads;
}

/* Does this kernel's TUN know RWF_NOWAIT? With it no poll is needed before each read. */
static bool can_ask(int fd)
{
	uint8_t byte;
	struct iovec iov = { &byte, 0 };

	return preadv2(fd, &iov, 1, -1, RWF_NOWAIT) >= 0 || errno != EOPNOTSUPP;
}

static int set_up(int fd, short flags, struct sp_tun_queue *ret_queue)
{
	struct sp_tun_queue queue = { .fd = fd, .has_header = flags & IFF_VNET_HDR };
	int header_len = sizeof(struct virtio_net_hdr),
	    little_endian = __BYTE_ORDER == __LITTLE_ENDIAN;

	if (queue.has_header) {
		if (ioctl(fd, TUNSETVNETHDRSZ, &header_len) < 0)
			return sp_errno();
		(void)ioctl(fd, TUNSETVNETLE, &little_endian);
		queue.offloads = try_offloads(fd);
	}
	queue.can_ask = can_ask(fd);
	if (!queue.can_ask && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return sp_errno();
	*ret_queue = queue;
	return 0;
}

static int attach(int fd, const char *name, short flags, struct ifreq *request)
{
	memset(request, 0, sizeof(*request));
	request->ifr_flags = flags;
	strncpy(request->ifr_name, name, IFNAMSIZ - 1);
	return ioctl(fd, TUNSETIFF, request) < 0 ? sp_errno() : 0;
}

int sp_tun_queue_open(const char *name, enum sp_tun_mode mode, bool is_one_of_many,
		      struct sp_tun_queue *ret_queue, char *ret_name)
{
	__sp_close int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	short flags = IFF_TUN | IFF_NO_PI | (is_one_of_many ? IFF_MULTI_QUEUE : 0);
	struct ifreq request;
	int r;

	if (strlen(name) >= IFNAMSIZ)
		return -EINVAL;
	if (mode == SP_TUN_ATTACH && !if_nametoindex(name))
		return -ENODEV;
	if (fd < 0)
		return sp_errno();
	r = attach(fd, name, flags | IFF_VNET_HDR, &request);
	if (r == -EINVAL)
		r = attach(fd, name, flags, &request);
	if (r == 0)
		r = set_up(fd, request.ifr_flags, ret_queue);
	if (r < 0)
		return r;
	if (mode == SP_TUN_MAKE)
		sp_tun_lengthen(request.ifr_name);
	if (ret_name)
		memcpy(ret_name, request.ifr_name, IFNAMSIZ);
	(void)SP_TAKE_FD(fd);
	return 0;
}

int sp_tun_queue_adopt(int fd, const char *name, struct sp_tun_queue *ret_queue)
{
	struct ifreq request = { 0 };

	if (ioctl(fd, TUNGETIFF, &request) < 0)
		return -EINVAL;
	if (strncmp(request.ifr_name, name, IFNAMSIZ) != 0 || !(request.ifr_flags & IFF_TUN) ||
	    !(request.ifr_flags & IFF_NO_PI))
		return -EINVAL;
	return set_up(fd, request.ifr_flags, ret_queue);
}

static ssize_t read_frame(struct sp_tun_queue *queue, bool wait, struct sp_tun_frame *frame)
{
	struct iovec iov = { frame, sizeof(frame->header) + sizeof(frame->packet) };

	if (!queue->has_header) {
		memset(&frame->header, 0, sizeof(frame->header));
		iov = (struct iovec){ frame->packet, sizeof(frame->packet) };
	}
	if (!queue->can_ask || wait)
		return readv(queue->fd, &iov, 1);
	return preadv2(queue->fd, &iov, 1, -1, RWF_NOWAIT);
}

int sp_tun_queue_read(struct sp_tun_queue *queue, bool wait, struct sp_tun_frame *ret_frame)
{
	const ssize_t header_len = queue->has_header ? (ssize_t)sizeof(ret_frame->header) : 0;
	ssize_t len;

	for (;;) {
		len = read_frame(queue, wait, ret_frame);
		if (len >= 0)
			break;
		if (errno == EAGAIN && wait) { /* a descriptor that never waits */
			struct pollfd readable = { queue->fd, POLLIN, 0 };

			(void)poll(&readable, 1, -1);
		} else if (errno != EINTR) {
			/* a queue that was shut down while it was read: its device was removed */
			return errno == EFAULT ? -EBADFD : sp_errno();
		}
	}
	return len < header_len ? -EMSGSIZE : (int)(len - header_len);
}

int sp_tun_queue_write(struct sp_tun_queue *queue, const struct iovec *iov, size_t iov_count)
{
	const size_t skip = queue->has_header ? 0 : 1;

	while (writev(queue->fd, iov + skip, (int)(iov_count - skip)) < 0)
		if (errno != EINTR)
			return sp_errno();
	return 0;
}

#define OUR_NAMESPACE "/proc/self/ns/net"

int sp_tun_queue_locate(const struct sp_tun_queue *queue, char *ret_name)
{
	__sp_close int namespace = ioctl(queue->fd, TUNGETDEVNETNS);
	struct stat its, ours;
	struct ifreq request;

	if (namespace >= 0 && fstat(namespace, &its) == 0 && stat(OUR_NAMESPACE, &ours) == 0 &&
	    (its.st_ino != ours.st_ino || its.st_dev != ours.st_dev))
		return -ENODEV;
	if (ioctl(queue->fd, TUNGETIFF, &request) < 0)
		return sp_errno();
	memcpy(ret_name, request.ifr_name, IFNAMSIZ);
	return 0;
}

bool sp_tun_queue_is_up(const struct sp_tun_queue *queue)
{
	struct pollfd writable = { queue->fd, POLLOUT, 0 };

	return poll(&writable, 1, 0) == 1 && (writable.revents & POLLOUT);
}
