/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person's tunnel carries: the destinations of the allow rules that let them through, the
 * resolvers and the pools; never what rules name as a source alone, what others may reach, or where
 * clients find the gateway itself: a route into the tunnel that covers the tunnel's own way cuts
 * it. As the fewest prefixes. No I/O. */
#ifndef SALLYPORT_CONFIG_REACH_H
#define SALLYPORT_CONFIG_REACH_H

#include "base/bounds.h"
#include "config/machine.h"

/* The rules that let somebody through: bit n for the rule at place n of the file. */
struct sp_reach_rules {
	uint64_t *bits;
	size_t words;
};

/* Free the bits; empty afterwards. */
void sp_reach_rules_done(struct sp_reach_rules *rules);
/* Are they the same rules of policies with as many rules? */
bool sp_reach_rules_equal(const struct sp_reach_rules *a, const struct sp_reach_rules *b);
/* Of who @identity is. Returns 0; -ENOMEM. */
int sp_reach_rules_of(const struct sp_policy *policy, const struct sp_identity *identity,
		      struct sp_reach_rules *ret_rules);

struct sp_reach_scope {
	const struct sp_policy *policy; /* NULL: none is in force */
	/* NULL: as without vpn.routes, and no pools and resolvers */
	const struct sp_machine *machine;
	/* Where clients find the gateway's tunnel and portal. */
	const struct sp_addr *outer;
	size_t outer_count;
	/* Its addresses, inner ones too: what a rule to `self` leads to. */
	const struct sp_addr *self;
	size_t self_count;
	/* [0] IPv4, [1] IPv6: those are all; no name stands for an address that only clients
	 * learn */
	bool is_outer_known[2];
	bool has_family[2]; /* [0] IPv4, [1] IPv6: what the device has an address of */
};

struct sp_reach {
	struct sp_prefix *items;
	size_t count;
};

/* Returns 0; -E2BIG more than SP_ROUTES_MAX prefixes (@ret_reach has their count alone);
 * -ENOMEM. */
int sp_reach_make(const struct sp_reach_scope *scope, const struct sp_reach_rules *rules,
		  struct sp_reach *ret_reach);
/* Free the prefixes; empty afterwards. */
void sp_reach_done(struct sp_reach *reach);

/* Warn, with the place, of roles whose people reach more than a tunnel can carry, and of what they
 * may reach and no tunnel carries: the internet, where @machine's vpn.routes does not name it.
 * @machine NULL: not known. Returns 0; -ENOMEM. */
int sp_reach_lint(const struct sp_policy *policy, const struct sp_machine *machine,
		  struct sp_diagnostics *diagnostics);

#endif
