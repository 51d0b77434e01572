/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "traffic.h"

#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "net/addr.h"
#include "net/packet.h"

#define PACE_US 1000

/* ---- the gateway's end ---- */

static void *respond(void *arg)
{
	struct traffic *traffic = arg;
	struct pollfd wait[2] = { { traffic->echo, POLLIN, 0 }, { traffic->denied, POLLIN, 0 } };
	char bytes[256];

	while (!traffic->is_echo_over) {
		struct sockaddr_in6 from;
		socklen_t from_len = sizeof(from);
		ssize_t len;

		poll(wait, 2, 20);
		while ((len = recvfrom(traffic->echo, bytes, sizeof(bytes), 0,
				       (struct sockaddr *)&from, &from_len)) > 0)
			sendto(traffic->echo, bytes, len, 0, (struct sockaddr *)&from,
			       sizeof(from));
		while (recv(traffic->denied, bytes, sizeof(bytes), 0) > 0)
			traffic->denied_arrived++;
	}
	return NULL;
}

/* ---- the far end ---- */

static void send_one(struct stream *stream)
{
	struct sp_tuple tuple = { .proto = IPPROTO_UDP,
				  .source_port = 5000,
				  .destination_port = 9000 };
	uint8_t packet[128];
	size_t len;

	if (!stream->is_tun) {
		stream->sent += sendto(stream->fd, "echo", 4, 0, (struct sockaddr *)&stream->to,
				       sizeof(stream->to)) == 4;
		return;
	}
	assert_int_equal(sp_addr_parse(stream->is_v6 ? "fd00:64::7" : "100.64.0.7", &tuple.source),
			 0);
	assert_int_equal(
		sp_addr_parse(stream->is_v6 ? "fd00:64::1" : "100.64.0.1", &tuple.destination), 0);
	len = sp_packet_build(&tuple, false, packet);
	stream->sent += write(stream->fd, packet, len) == (ssize_t)len;
}

/* Both streams of the tunnel come by the one TUN. */
static void take_of_tunnel(struct traffic *traffic, const uint8_t *packet, size_t len)
{
	const bool is_v6 = packet[0] >> 4 == 6;

	if (is_v6 ? len < 48 || packet[6] != IPPROTO_UDP || packet[39] != 7
		  : len < 28 || packet[9] != IPPROTO_UDP || packet[19] != 7)
		return;
	for (size_t i = 0; i < SP_ARRAY_LEN(traffic->streams); i++)
		if (traffic->streams[i].is_tun && traffic->streams[i].is_v6 == is_v6)
			traffic->streams[i].echoed++;
}

static void take_echoes(struct traffic *traffic, struct stream *stream)
{
	uint8_t packet[2048];
	ssize_t len;

	while ((len = read(stream->fd, packet, sizeof(packet))) > 0)
		if (stream->is_tun)
			take_of_tunnel(traffic, packet, (size_t)len);
		else
			stream->echoed++;
}

static void *pace(void *arg)
{
	struct traffic *traffic = arg;

	while (!traffic->is_over) {
		for (size_t i = 0; i < SP_ARRAY_LEN(traffic->streams); i++) {
			send_one(&traffic->streams[i]);
			take_echoes(traffic, &traffic->streams[i]);
		}
		for (size_t i = 0; i < SP_ARRAY_LEN(traffic->denied_to); i++)
			traffic->denied_sent += sendto(traffic->streams[1].fd, "no", 2, 0,
						       (struct sockaddr *)&traffic->denied_to[i],
						       sizeof(traffic->denied_to[i])) == 2;
		usleep(PACE_US);
	}
	for (int i = 0; i < 50; i++) { /* what is still on its way */
		usleep(10000);
		for (size_t s = 0; s < SP_ARRAY_LEN(traffic->streams); s++)
			take_echoes(traffic, &traffic->streams[s]);
	}
	return NULL;
}

void traffic_start(const struct lab *lab, struct traffic *traffic)
{
	*traffic = (struct traffic){
		.streams = {
			{ .name = "edge", .to = lab_address("198.51.100.1", 9000) },
			{ .name = "inside", .to = lab_address("10.20.0.1", 9000) },
			{ .name = "tunnel", .fd = lab->tun, .is_tun = true },
			{ .name = "edge, IPv6", .to = lab_address("2001:db8:51::1", 9000), .is_v6 = true },
			{ .name = "inside, IPv6", .to = lab_address("2001:db8:20::1", 9000), .is_v6 = true },
			{ .name = "tunnel, IPv6", .fd = lab->tun, .is_tun = true, .is_v6 = true },
		},
		.echo = lab_udp(lab, false, 9000),
		.denied = lab_udp(lab, false, 9001),
		.denied_to = { lab_address("10.20.0.1", 9001), lab_address("2001:db8:20::1", 9001) },
	};
	for (size_t i = 0; i < SP_ARRAY_LEN(traffic->streams); i++)
		if (!traffic->streams[i].is_tun)
			traffic->streams[i].fd = lab_udp(lab, true, 0);
	take_echoes(traffic, &traffic->streams[2]); /* what earlier tests left in the TUN */
	traffic->streams[2].echoed = traffic->streams[5].echoed = 0;
	assert_int_equal(pthread_create(&traffic->responder, NULL, respond, traffic), 0);
	assert_int_equal(pthread_create(&traffic->sender, NULL, pace, traffic), 0);
	usleep(100000);
}

/* Enough for a loss to show, however slow the machine. */
static void await_enough(struct traffic *traffic)
{
	for (int i = 0; i < 3000; i++) {
		unsigned least = UINT_MAX;

		for (size_t s = 0; s < SP_ARRAY_LEN(traffic->streams); s++)
			if (traffic->streams[s].sent < least)
				least = traffic->streams[s].sent;
		if (least > 100)
			return;
		usleep(10000);
	}
}

void traffic_stop(struct traffic *traffic)
{
	await_enough(traffic);
	traffic->is_over = true;
	pthread_join(traffic->sender, NULL);
	traffic->is_echo_over = true;
	pthread_join(traffic->responder, NULL);
	for (size_t i = 0; i < SP_ARRAY_LEN(traffic->streams); i++) {
		struct stream *stream = &traffic->streams[i];

		print_message("%s: sent %u, echoed %u\n", stream->name, stream->sent,
			      stream->echoed);
		assert_true(stream->sent > 100);
		assert_int_equal(stream->echoed, stream->sent);
		if (!stream->is_tun)
			close(stream->fd);
	}
	print_message("denied: sent %u, arrived %u\n", traffic->denied_sent,
		      traffic->denied_arrived);
	assert_true(traffic->denied_sent > 50);
	assert_int_equal(traffic->denied_arrived, 0);
	close(traffic->echo);
	close(traffic->denied);
}
