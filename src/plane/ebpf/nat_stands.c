/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conntrack translates a connection as it began, until it ends, whatever the chains say by then. Our
 * chains label what they translate; so what an entry did is known without knowing the policy of
 * then, and is compared with what the entries of today would do. */
#include "plane/ebpf/nat_stands.h"

#include <string.h>

#include "net/addr.h"
#include "plane/ebpf/nat_text.h"
#include "policy/addresses/translation.h"

#define PROTO_TCP 6
#define PROTO_UDP 17

/* Is @mapped what stands for @addr? */
static bool maps(const struct sp_prefix *from, const struct sp_prefix *to,
		 const struct sp_addr *addr, const struct sp_addr *mapped)
{
	const struct sp_addr wanted = sp_prefix_join(to, addr);

	return sp_prefix_contains(from, addr) && sp_addr_compare(&wanted, mapped) == 0;
}

/* Where the connection's packets go first; it becomes where today's entries would send them. */
static const struct sp_nat *find_entry(const struct sp_nat_today *today,
				       const struct sp_conntrack *connection,
				       struct sp_destination *destination)
{
	*destination =
		(struct sp_destination){ connection->original.destination,
					 connection->original.destination_port, connection->proto };
	return sp_translation_of(today->policy, today->gateway, destination);
}

static bool destination_stands(const struct sp_nat_today *today,
			       const struct sp_conntrack *connection)
{
	const struct sp_conntrack_way *reply = &connection->reply;
	struct sp_destination destination;

	const struct sp_nat *nat = find_entry(today, connection, &destination);

	if (!nat || destination.port != reply->source_port)
		return false;
	return nat->kind == SP_NAT_FORWARD
		       ? sp_forward_leads_to(&nat->forward, &reply->source)
		       : sp_addr_compare(&destination.addr, &reply->source) == 0;
}

/* Does it go to the gateway itself, or on as it is, where a forward leads elsewhere today? */
static bool is_before_a_forward(const struct sp_nat_today *today,
				const struct sp_conntrack *connection)
{
	const struct sp_conntrack_way *original = &connection->original,
				      *reply = &connection->reply;
	struct sp_destination destination;
	const struct sp_nat *nat = find_entry(today, connection, &destination);

	return nat && nat->kind == SP_NAT_FORWARD &&
	       sp_addr_compare(&original->destination, &reply->source) == 0 &&
	       original->destination_port == reply->source_port;
}

/* ---- masquerade ---- */

/* Where the interface has no address of the family, the kernel takes one of another. */
static bool may_be_source(const struct sp_nat_today *today, const char *interface,
			  const struct sp_addr *addr)
{
	bool has_any = false;

	for (size_t i = 0; i < today->address_count; i++) {
		const struct sp_nat_address *address = &today->addresses[i];

		if (strcmp(address->interface, interface) ||
		    sp_addr_is_v4(&address->addr) != sp_addr_is_v4(addr))
			continue;
		if (sp_addr_compare(&address->addr, addr) == 0)
			return true;
		has_any = true;
	}
	return !has_any;
}

static bool is_masqueraded(const struct sp_nat_today *today, const struct sp_masquerade *masquerade,
			   const struct sp_conntrack *connection)
{
	const uint16_t port = connection->reply.destination_port;
	const bool has_ports = connection->proto == PROTO_TCP || connection->proto == PROTO_UDP;

	return sp_masquerade_covers(today->policy, masquerade, &connection->original.source,
				    &connection->reply.source) &&
	       (!has_ports || (port >= masquerade->first_port && port <= masquerade->last_port)) &&
	       may_be_source(today, masquerade->out, &connection->reply.destination);
}

static bool source_stands(const struct sp_nat_today *today, const struct sp_conntrack *connection)
{
	for (size_t i = 0; i < today->policy->nat_count; i++) {
		const struct sp_nat *nat = &today->policy->nats[i];

		if (nat->kind == SP_NAT_MASQUERADE &&
		    is_masqueraded(today, &nat->masquerade, connection))
			return true;
		if (nat->kind == SP_NAT_NETMAP &&
		    maps(&nat->netmap.inside, &nat->netmap.outside, &connection->original.source,
			 &connection->reply.destination))
			return true;
	}
	return false;
}

bool sp_ebpf_nat_stands(const struct sp_nat_today *today, const struct sp_conntrack *connection)
{
	const bool is_ours = sp_conntrack_has_label(connection, SP_EBPF_NAT_DESTINATION_LABEL);

	if (is_ours ? !destination_stands(today, connection)
		    : is_before_a_forward(today, connection))
		return false;
	return !sp_conntrack_has_label(connection, SP_EBPF_NAT_SOURCE_LABEL) ||
	       source_stands(today, connection);
}
