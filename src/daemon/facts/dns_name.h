/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of one name in the DNS. Each address counts for `max-age` from the last answer that
 * had it; so answers add addresses, and age alone takes them away. The copy on disk lets a restart
 * go on with them. No I/O and no clock: times are Unix time of UTC. */
#ifndef SALLYPORT_DAEMON_DNS_NAME_H
#define SALLYPORT_DAEMON_DNS_NAME_H

#include "base/str.h"
#include "io/resolve/resolve.h"
#include "policy/model.h"

struct sp_dns_address {
	struct sp_addr addr;
	int64_t seen_s; /* the last answer that had it */
};

struct sp_dns_name {
	char *network; /* the policy's name of it */
	char *name;
	struct sp_place place; /* of the network */
	int64_t ttl_min_s, max_age_s;

	enum sp_dns_state state;                               /* of the last answer */
	struct sp_dns_address addresses[SP_DNS_ADDRESSES_MAX]; /* in order */
	size_t count;
	int64_t asked_s; /* 0: never */
	uint32_t ttl_s;  /* of the last answer with addresses; 0 too: none yet */
	bool has_ttl;
	size_t left_out; /* addresses of the last answer that are not taken */
	char fault[160]; /* why the last answer added nothing, or not all; "": it is good */
	int64_t kept_s;  /* when the copy on disk was written; 0: there is none */
};

/* Set up a name of @network. Returns 0; -ENOMEM. */
int sp_dns_name_init(struct sp_dns_name *name, const struct sp_network *network, const char *text);
/* Free what it holds; empty afterwards. */
void sp_dns_name_done(struct sp_dns_name *name);
/* Copy @name with what is known of it. Returns 0; -ENOMEM. */
int sp_dns_name_copy(const struct sp_dns_name *name, struct sp_dns_name *ret_copy);
/* Are both the same name of the same network, with the same spans? */
bool sp_dns_name_is(const struct sp_dns_name *a, const struct sp_dns_name *b);

/* Take an answer that came at @now_s. Whoever resolves for clients on this machine may hand in
 * theirs. Returns whether there are other addresses now. */
bool sp_dns_name_take(struct sp_dns_name *name, const struct sp_dns_answer *answer, int64_t now_s);
/* Forget addresses that are too old at @now_s. A clock that was set back makes none of them live
 * longer than `max-age` from now. Returns whether there are other addresses now. */
bool sp_dns_name_age(struct sp_dns_name *name, int64_t now_s);
/* Take what @asked has, a copy that was asked until @now_s. What @name learned meanwhile by another
 * answer stays. Returns whether there are other addresses now. */
bool sp_dns_name_merge(struct sp_dns_name *name, const struct sp_dns_name *asked, int64_t now_s);
/* When it is to be asked next; a time that has come: now. Of a good answer that is after its TTL,
 * or `ttl-min` where that is longer, and within half of `max-age`; else after `ttl-min`, and 15 s at most
 * where no server answered. */
int64_t sp_dns_name_due_s(const struct sp_dns_name *name);
/* When the first of its addresses is too old; INT64_MAX: it has none. */
int64_t sp_dns_name_ends_s(const struct sp_dns_name *name);
/* When the last of its addresses is too old; INT64_MIN: it has none. */
int64_t sp_dns_name_last_ends_s(const struct sp_dns_name *name);
/* Is it answered with a TTL so short that changes are seen later than its owner means? */
bool sp_dns_name_is_behind(const struct sp_dns_name *name);

/* Whether the copy is to be written at @now_s, after a change (@is_changed) or since it is old. */
bool sp_dns_name_needs_copy(const struct sp_dns_name *name, bool is_changed, int64_t now_s);
/* Write the text of the copy. Returns 0; -ENOMEM. */
int sp_dns_name_write(const struct sp_dns_name *name, struct sp_buf *out);
/* Take what a copy has. Returns 0; -EBADMSG it is no such text, and nothing is taken. */
int sp_dns_name_read(struct sp_dns_name *name, const char *text, int64_t now_s);

#endif
