/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One queue of a TUN device as an engine uses it: frames with a virtio_net_hdr in front, so that 64
 * KiB of one connection cross in one call. Each offload is tried by itself; what the kernel refuses
 * is off. Source: Documentation/networking/tuntap.rst, linux/if_tun.h, virtio 1.2 section 5.1.6. */
#ifndef SALLYPORT_IO_TUN_QUEUE_H
#define SALLYPORT_IO_TUN_QUEUE_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "net/merge.h"

#define SP_TUN_FRAME_MAX 65535

enum sp_tun_mode {
	SP_TUN_MAKE,   /* it is ours, and goes when the last queue is closed */
	SP_TUN_ATTACH, /* it must be there already: sallyportd's */
};

struct sp_tun_queue {
	int fd;
	unsigned int offloads; /* of enum sp_merge_offload: for frames both ways */
	bool has_header;
	bool can_ask; /* reads can be asked not to wait (RWF_NOWAIT) */
};

/* As the kernel hands it over. */
struct sp_tun_frame {
	struct virtio_net_hdr header; /* 10 bytes, of this machine's byte order */
	uint8_t packet[SP_TUN_FRAME_MAX];
};

_Static_assert(offsetof(struct sp_tun_frame, packet) == 10,
	       "the packet follows its header at once");

/* Open a queue of @name. @name may be "" or hold one %d when MAKE: the kernel's choice is in
 * @ret_name (IFNAMSIZ bytes; may be NULL). @is_one_of_many: a multi-queue device, which takes only
 * such. Returns 0; -ENODEV ATTACH and there is none; -EBUSY another program has it, or it belongs
 * to another user and we lack CAP_NET_ADMIN (-EPERM); -EINVAL bad name, or single- against
 * multi-queue; -ENOENT no /dev/net/tun; -errno. */
int sp_tun_queue_open(const char *name, enum sp_tun_mode mode, bool is_one_of_many,
		      struct sp_tun_queue *ret_queue, char *ret_name);
/* Use a queue that the manager kept while this process restarted; takes over @fd on success.
 * Returns 0; -EINVAL it is none of @name; -errno. */
int sp_tun_queue_adopt(int fd, const char *name, struct sp_tun_queue *ret_queue);

/* Read one frame. @wait: sleep until there is one. Returns its packet's length; -EAGAIN none now;
 * -EBADFD the device is gone; -EMSGSIZE not even a header; -errno. */
int sp_tun_queue_read(struct sp_tun_queue *queue, bool wait, struct sp_tun_frame *ret_frame);
/* Write one frame: iov[0] is its virtio_net_hdr. Returns 0; -EIO it is down; -EBADFD it is gone;
 * -EINVAL, -errno the kernel does not take it. */
int sp_tun_queue_write(struct sp_tun_queue *queue, const struct iovec *iov, size_t iov_count);
/* The device's name now, if it is in our own network namespace. Without CAP_NET_ADMIN the kernel
 * does not say where it is; then 0, and only the name stands for it. Returns 0; -ENODEV it was
 * moved to another namespace; -EBADFD it is gone. */
int sp_tun_queue_locate(const struct sp_tun_queue *queue, char *ret_name);
/* Whether the device is up, wherever it is. POLLOUT on its descriptor tells of a change to up. */
bool sp_tun_queue_is_up(const struct sp_tun_queue *queue);

#endif
