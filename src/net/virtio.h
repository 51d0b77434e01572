/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The virtio_net_hdr of linux/virtio_net.h, with what kernel headers before 6.2 lack.
 * Source: virtio 1.2, 5.1.6. */
#ifndef SALLYPORT_NET_VIRTIO_H
#define SALLYPORT_NET_VIRTIO_H

#include <linux/virtio_net.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* datagrams of one size, but for the last (USO) */
#endif

#endif
