/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the addresses of networks come from that the policy's text does not have: lists in files
 * (feeds.h), and names in the DNS (dns_names.h). A policy is filled with what both hold
 * (policy/addresses/filled.h); a change of either is a new revision. */
#ifndef SALLYPORT_DAEMON_ORIGINS_H
#define SALLYPORT_DAEMON_ORIGINS_H

#include "daemon/facts/dns_names.h"
#include "daemon/facts/feeds.h"

/* Those of one policy. */
struct sp_origin_set {
	struct sp_feed_set feeds;
	struct sp_dns_set names;
};

/* Where they are read. */
struct sp_origin_ways {
	const struct sp_paths *paths;
	const struct sp_gateway *gateway;
	const char *dns_servers; /* as sp_resolve takes them */
};

/* Read the files and ask for the names of the policy at *@policy, and fill it: the one of the text
 * is given up. For a thread beside the loop. @diagnostics NULL: no name is asked for, and an empty
 * list will do. Else what is wrong with each is reported there, at its network. The caller runs
 * _done in every case. Returns 0; -EINVAL the policy is to be refused: a feed is stale and says so,
 * or has no list at all; -ENOMEM. */
int sp_origin_set_load(const struct sp_origin_ways *ways, struct sp_policy **policy,
		       struct sp_origin_set *set, struct sp_diagnostics *diagnostics);
/* Free what it holds; empty afterwards. */
void sp_origin_set_done(struct sp_origin_set *set);

/* What the running policy's are followed with. */
struct sp_origins {
	struct sp_feeds feeds;
	struct sp_dns_names names;
};

/* @policy with what they hold now, as sp_policy_fill makes it. Returns 0; -ENOMEM. */
int sp_origins_fill(const struct sp_origins *origins, struct sp_policy *policy,
		    const struct sp_gateway *gateway, struct sp_policy **ret_policy);
/* A policy with the origins of @set runs now; the set is taken over. @keeps: those that were
 * followed before may be followed again. */
void sp_origins_switch(struct sp_origins *origins, struct sp_origin_set *set, bool keeps);
/* The former policy runs again. */
void sp_origins_return(struct sp_origins *origins);
/* It does not return. */
void sp_origins_drop_former(struct sp_origins *origins);
/* Wait for the threads, and free what is held. */
void sp_origins_done(struct sp_origins *origins);

#endif
