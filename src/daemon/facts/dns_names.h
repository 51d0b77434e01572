/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names in the DNS that networks of a policy are made of. Those of a candidate are asked for as
 * it is checked, where no copy on disk is fresh; those of the running policy whenever their time
 * comes, in a thread beside the loop. What a round of asking found is told at once. */
#ifndef SALLYPORT_DAEMON_DNS_NAMES_H
#define SALLYPORT_DAEMON_DNS_NAMES_H

#include <stdatomic.h>

#include "daemon/facts/dns_name.h"
#include "io/loop/job.h"

struct sp_fact_network;
struct sp_machine;
struct sp_paths;
struct sp_warnings;

/* Those of one policy. */
struct sp_dns_set {
	struct sp_dns_name *items;
	size_t count;
};

/* Find the names of @policy, with what their copies on disk have; @asks: and ask for those whose
 * time has come, for 4 s at most. @servers: as sp_resolve takes them. For a thread beside the loop.
 * The caller runs _done in every case. Returns 0; -ENOMEM. */
int sp_dns_set_load(const struct sp_paths *paths, const char *servers,
		    const struct sp_policy *policy, bool asks, struct sp_dns_set *set);
/* Free what it holds; empty afterwards. */
void sp_dns_set_done(struct sp_dns_set *set);
/* Warn of names without an address, with an address of @gateway, and with a TTL under `ttl-min`. */
void sp_dns_set_check(const struct sp_dns_set *set, const struct sp_gateway *gateway,
		      struct sp_check *check);
/* How many addresses all of them have. */
size_t sp_dns_set_count_addresses(const struct sp_dns_set *set);
/* List what the networks of @text hold, less the addresses of @gateway and its pool: no answer of a
 * stranger is to open the gateway itself.
 * @room   for that many prefixes, to which @facts point.
 * @facts  for one of each name.
 * Returns how many there are. */
size_t sp_dns_set_list(const struct sp_dns_set *set, const struct sp_policy *text,
		       const struct sp_gateway *gateway, struct sp_prefix *room,
		       struct sp_fact_network *facts);

struct sp_dns_names {
	/* what they stand on, lent by the daemon */
	struct sp_loop *loop;
	const struct sp_paths *paths;
	struct sp_warnings *warnings;
	struct sp_machine **machine;
	const struct sp_gateway *gateway;
	void (*changed)(void *arg); /* a name has other addresses now */
	void *arg;

	struct sp_dns_set running;
	struct sp_dns_set former; /* of the revision that may return */
	struct sp_timer timer;
	struct sp_job job;
	struct sp_dns_set asked; /* the job's while it is under way: copies of those it asks for */
	char *servers;           /* likewise */
	atomic_bool is_stopping;
};

/* A policy with the names of @set runs now; the set is taken over. @keeps: those that were followed
 * before may be followed again. */
void sp_dns_names_switch(struct sp_dns_names *names, struct sp_dns_set *set, bool keeps);
/* The former policy runs again. */
void sp_dns_names_return(struct sp_dns_names *names);
/* It does not return. */
void sp_dns_names_drop_former(struct sp_dns_names *names);
/* Tell the thread to end, wait for it, and free what is held. */
void sp_dns_names_done(struct sp_dns_names *names);

#endif
