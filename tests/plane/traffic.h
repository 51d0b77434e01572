/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Paced streams of both families through all three doors of the lab, echoed by the gateway, and packets that are denied. */
#ifndef SALLYPORT_TESTS_PLANE_TRAFFIC_H
#define SALLYPORT_TESTS_PLANE_TRAFFIC_H

#include "lab.h"

#include <pthread.h>
#include <stdatomic.h>

struct stream {
	const char *name;
	int fd;
	bool is_tun;
	bool is_v6;
	struct sockaddr_in6 to;
	atomic_uint sent;
	unsigned echoed;
};

struct traffic {
	struct stream streams[6];
	int echo, denied; /* the gateway's sockets */
	struct sockaddr_in6 denied_to[2];
	unsigned denied_sent, denied_arrived;
	atomic_bool is_over, is_echo_over;
	pthread_t sender, responder;
};

void traffic_start(const struct lab *lab, struct traffic *traffic);
/* Every packet that is allowed arrived, both ways; none that is denied did: else the test fails. */
void traffic_stop(struct traffic *traffic);

#endif
