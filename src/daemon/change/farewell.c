/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/change/farewell.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "config/machine.h"
#include "daemon/people/people.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "net/packet.h"

#define ASKED_MAX 4096u /* connections told in one pass: the others are told when they send */

/* the time after the change: packets on their way are answered first */
static const uint64_t delays_ns[] = { 100 * SP_MS_NS, 900 * SP_MS_NS, 2 * SP_SECOND_NS };
/* the pause within a pass, so that requests to sallyportd are served in between */
#define ROUND_GAP_NS SP_MS_NS

/* A part of a pass over the flow table. */
struct pass {
	struct sp_farewell *farewell;
	unsigned int ifindex;
};

static void host_ask(struct pass *pass, const struct sp_tuple *tuple)
{
	const bool is_v4 = sp_addr_is_v4(&tuple->destination);
	const struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(is_v4 ? ETHERTYPE_IP : ETHERTYPE_IPV6),
		.sll_ifindex = (int)pass->ifindex,
	};
	uint8_t packet[128];
	const size_t len = sp_packet_build(tuple, false, packet);

	if (pass->farewell->sent++ < ASKED_MAX)
		sendto(pass->farewell->fd, packet, len, MSG_DONTWAIT, (const struct sockaddr *)&to,
		       sizeof(to)); /* a lost packet does not matter: there is another pass */
}

/* Are all connections of this person over? */
static bool is_leaving(const struct sp_farewell *farewell, const struct sp_addr *addr)
{
	for (size_t i = 0; i < farewell->address_count; i++)
		if (!sp_addr_compare(&farewell->addresses[i], addr))
			return true;
	return false;
}

static void flow_visit(void *arg, const struct sp_flow_key *key, const struct sp_flow *flow)
{
	struct pass *pass = arg;
	const struct sp_gateway *gateway = &(*pass->farewell->machine)->gateway;
	const struct sp_addr *ends[2] = { &key->lo, &key->hi };
	const uint16_t ports[2] = { ntohs(key->lo_port_be), ntohs(key->hi_port_be) };
	const bool is_denied =
		(flow->flags & SP_FLOW_DENIED) && flow->last_seen_ns >= pass->farewell->since_ns;

	if (key->proto != IPPROTO_TCP || (flow->flags & SP_FLOW_GONE))
		return;
	for (int i = 0; i < 2; i++) {
		const struct sp_tuple tuple = { .source = *ends[1 - i],
						.destination = *ends[i],
						.source_port = ports[1 - i],
						.destination_port = ports[i],
						.proto = IPPROTO_TCP };

		if (sp_gateway_pool_has(gateway, ends[i]) &&
		    (is_denied || is_leaving(pass->farewell, ends[i])))
			host_ask(pass, &tuple);
	}
}

static void forget_addresses(struct sp_farewell *farewell)
{
	free(farewell->addresses);
	farewell->addresses = NULL;
	farewell->address_count = 0;
}

static void pass_fire(void *arg)
{
	struct sp_farewell *farewell = arg;
	struct pass pass = { .farewell = farewell,
			     .ifindex = if_nametoindex((*farewell->machine)->tunnel) };

	if (pass.ifindex &&
	    sp_plane_flow_some(farewell->plane, &farewell->walk, flow_visit, &pass) > 0) {
		sp_loop_in(farewell->loop, &farewell->timer, ROUND_GAP_NS);
		return;
	}
	farewell->walk = (struct sp_plane_walk){ 0 };
	farewell->sent = 0;
	if (++farewell->asked < SP_ARRAY_LEN(delays_ns)) {
		sp_loop_in(farewell->loop, &farewell->timer, delays_ns[farewell->asked]);
		return;
	}
	farewell->since_ns = 0;
	forget_addresses(farewell);
}

static int open_socket(int *ret_fd)
{
	const uint32_t mark = SP_MARK_OWN;
	__sp_close int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
		return sp_errno();
	*ret_fd = SP_TAKE_FD(fd);
	return 0;
}

void sp_farewell_open(struct sp_farewell *farewell)
{
	int r;

	farewell->fd = -1;
	farewell->timer = (struct sp_timer){ .fire = pass_fire, .arg = farewell };
	r = open_socket(&farewell->fd);
	if (r < 0)
		sp_log_note("no packet socket (%s; it takes CAP_NET_RAW): whose session ends is "
			    "told so only when they send something",
			    sp_err_text(r));
}

void sp_farewell_close(struct sp_farewell *farewell)
{
	if (farewell->timer.fire && farewell->fd >= 0)
		close(farewell->fd);
	forget_addresses(farewell);
}

void sp_farewell_denied(struct sp_farewell *farewell, uint64_t since_ns)
{
	/* during the start the timer is opened later */
	if (farewell->fd < 0 || !farewell->timer.fire)
		return;
	if (!farewell->since_ns || since_ns < farewell->since_ns)
		farewell->since_ns = since_ns;
	farewell->asked = 0;
	/* a change soon after another one does not put the pass off */
	if (!farewell->timer.due_ns ||
	    farewell->timer.due_ns > sp_clock_boottime_ns() + delays_ns[0])
		sp_loop_in(farewell->loop, &farewell->timer, delays_ns[0]);
}

void sp_farewell_session(struct sp_farewell *farewell, const struct sp_live *live)
{
	for (int family = 0; family < 2; family++) {
		struct sp_addr *addr =
			live->row.has_address[family]
				? SP_ARRAY_PUSH(farewell->addresses, farewell->address_count)
				: NULL;

		if (addr)
			*addr = live->row.addresses[family];
	}
	sp_farewell_denied(farewell, sp_clock_boottime_ns());
}
