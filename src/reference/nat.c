/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Translations of the reference evaluator: where a packet really goes. */
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

uint32_t sp_ref_translate(const struct sp_reference *reference, struct sp_tuple *tuple)
{
	const uint32_t nat = find_netmap(reference, &tuple->destination);

	if (nat != SP_REF_NO_NAT)
		translate(&reference->policy->nats[nat].netmap.inside, &tuple->destination);
	return nat;
}

struct sp_addr sp_ref_real_source(const struct sp_reference *reference, const struct sp_addr *addr)
{
	const uint32_t nat = find_netmap(reference, addr);
	struct sp_addr real = *addr;

	if (nat != SP_REF_NO_NAT)
		translate(&reference->policy->nats[nat].netmap.inside, &real);
	return real;
}
