/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's UDP socket: many datagrams a call both ways (recvmmsg with UDP_GRO, sendmmsg with
 * UDP_SEGMENT), each with the address of ours it came to or leaves from, its ECN bits and its
 * traffic class. One socket serves both families; where the kernel has no IPv6 it serves IPv4
 * alone. Outer packets carry no don't-fragment. Source: udp(7), ip(7), ipv6(7); the kernel's
 * drivers/net/wireguard/socket.c. */
#ifndef SALLYPORT_IO_UDP_H
#define SALLYPORT_IO_UDP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "wg/peer.h"

#define SP_UDP_BUFFERS 8
#define SP_UDP_BUFFER_LEN (64u << 10)
#define SP_UDP_SEGMENTS_MAX 64 /* of one message, as every kernel since 4.18 takes them */
#define SP_UDP_MESSAGE_MAX 65507
#define SP_UDP_SEND_MAX 64 /* messages a call */

/* A socket that can be replaced under the threads that use it: the descriptor's number stays. */
struct sp_udp_socket {
	int fd;
	bool is_v6;              /* else AF_INET only */
	bool can_merge;          /* UDP_GRO */
	atomic_bool can_segment; /* UDP_SEGMENT; goes off for good where a device cannot */
};

/* A socket that receives nothing until sp_udp_bind gives it a port. Returns 0 or -errno. */
int sp_udp_open(struct sp_udp_socket *ret_socket);
/* Use a socket that the manager kept while this process restarted; takes over @fd on success.
 * Returns 0; -EINVAL it is no UDP socket with a port; -errno. */
int sp_udp_adopt(int fd, struct sp_udp_socket *ret_socket);

/* Give it @port, 0: any free one. @is_one_of_many: others of this process have the same port. A
 * reader that waits in sp_udp_receive comes back with 0. Returns 0; -EADDRINUSE; -EACCES a port
 * below 1024 without the right; -EPERM @fwmark without CAP_NET_ADMIN; -errno. The socket is what it
 * was then. */
int sp_udp_bind(struct sp_udp_socket *udp, uint16_t port, uint32_t fwmark, bool is_one_of_many);
/* Back to receiving nothing. */
int sp_udp_unbind(struct sp_udp_socket *udp);
/* 0: none. */
uint16_t sp_udp_get_port(const struct sp_udp_socket *udp);
/* Returns 0; -EPERM; -errno. */
int sp_udp_set_fwmark(struct sp_udp_socket *udp, uint32_t fwmark);

struct sp_udp_received {
	uint8_t *bytes;
	size_t len;
	size_t segment_len; /* of each datagram in it but the last, which may be shorter */
	struct sp_wg_endpoint from;
	uint8_t ecn;
};

struct sp_udp_receiver;
/* Buffers for one thread that receives. Returns 0; -ENOMEM. */
int sp_udp_receiver_new(struct sp_udp_receiver **ret_receiver);
/* Wipes the buffers. NULL is allowed. */
void sp_udp_receiver_free(struct sp_udp_receiver *receiver);
SP_DEFINE_CLEANUP(struct sp_udp_receiver *, sp_udp_receiver_free);

/* Wait for datagrams. Returns how many of @ret_received (SP_UDP_BUFFERS) are filled, in the
 * receiver's own buffers until the next call; 0: the socket was replaced; -errno. */
int sp_udp_receive(struct sp_udp_socket *udp, struct sp_udp_receiver *receiver,
		   struct sp_udp_received *ret_received);

struct sp_udp_message {
	const uint8_t *bytes;
	size_t len;
	size_t segment_len; /* 0: one datagram; else cut into datagrams of this length */
	struct sp_wg_endpoint to;
	uint8_t traffic_class; /* the whole byte: DSCP and ECN */
	int result;            /* 0; -errno it, or one of its datagrams, was not sent */
	/* our address it was to leave from is no longer ours: sent from another */
	bool is_local_stale;
};

/* Send them in order, at most SP_UDP_SEND_MAX. What a device or a path cannot take in one piece
 * goes datagram by datagram. */
void sp_udp_send(struct sp_udp_socket *udp, struct sp_udp_message *messages, size_t count);

#endif
