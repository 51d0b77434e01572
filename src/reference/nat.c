/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Translations of the reference evaluator: where a packet really goes. */
#include <string.h>

#include "net/addr.h"
#include "reference/state.h"

static unsigned bit_of(const uint8_t bytes[16], unsigned n)
{
	return bytes[n / 8] >> (7 - n % 8) & 1;
}

static void set_bit(uint8_t bytes[16], unsigned n, unsigned bit)
{
	const uint8_t mask = (uint8_t)(0x80 >> (n % 8));

	bytes[n / 8] = (uint8_t)(bit ? bytes[n / 8] | mask : bytes[n / 8] & ~mask);
}

/* The first bits are those of @inside, the others stay. */
static void translate(const struct sp_prefix *inside, struct sp_addr *addr)
{
	for (unsigned n = 0; n < inside->prefix_len; n++)
		set_bit(addr->b, n, bit_of(inside->addr, n));
}

/* Returns the index of the netmap with @addr in its `outside`; SP_REF_NO_NAT. */
static uint32_t find_netmap(const struct sp_reference *reference, const struct sp_addr *addr)
{
	const struct sp_policy *policy = reference->policy;

	for (uint32_t i = 0; i < policy->nat_count; i++)
		if (policy->nats[i].kind == SP_NAT_NETMAP &&
		    sp_prefix_contains(&policy->nats[i].netmap.outside, addr))
			return i;
	return SP_REF_NO_NAT;
}

/* ---- forwards ---- */

static bool is_on(const struct sp_reference *reference, const char *interface,
		  const struct sp_addr *addr)
{
	const struct sp_gateway *gateway = reference->gateway;

	for (size_t i = 0; i < gateway->own_count; i++)
		if (!strcmp(gateway->own[i].interface, interface) &&
		    sp_addr_compare(&gateway->own[i].addr, addr) == 0)
			return true;
	return gateway->own_count == 0 && sp_ref_is_self(reference, addr);
}

static bool is_for(const struct sp_reference *reference, const struct sp_forward *forward,
		   const struct sp_tuple *tuple)
{
	const struct sp_addr *to = &tuple->destination;

	return tuple->proto == forward->proto && tuple->destination_port == forward->port &&
	       sp_addr_is_v4(to) == sp_addr_is_v4(&forward->targets[0]) &&
	       (forward->interface ? is_on(reference, forward->interface, to)
				   : sp_addr_compare(&forward->to, to) == 0);
}

/* ---- both ---- */

uint32_t sp_ref_netmap(const struct sp_reference *reference, struct sp_tuple *tuple)
{
	const uint32_t nat = find_netmap(reference, &tuple->destination);

	if (nat != SP_REF_NO_NAT)
		translate(&reference->policy->nats[nat].netmap.inside, &tuple->destination);
	return nat;
}

uint32_t sp_ref_translate(const struct sp_reference *reference, struct sp_tuple *tuple)
{
	const struct sp_policy *policy = reference->policy;

	for (uint32_t i = 0; i < policy->nat_count; i++) {
		const struct sp_forward *forward = &policy->nats[i].forward;

		if (policy->nats[i].kind != SP_NAT_FORWARD || !is_for(reference, forward, tuple))
			continue;
		tuple->destination = forward->targets[0];
		tuple->destination_port = forward->target_port;
		return i;
	}
	return sp_ref_netmap(reference, tuple);
}

struct sp_addr sp_ref_real_source(const struct sp_reference *reference, const struct sp_addr *addr)
{
	const uint32_t nat = find_netmap(reference, addr);
	struct sp_addr real = *addr;

	if (nat != SP_REF_NO_NAT)
		translate(&reference->policy->nats[nat].netmap.inside, &real);
	return real;
}
