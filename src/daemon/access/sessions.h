/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sign-ins: a session opens, takes what the provider says of its person, and follows the policy.
 * How a session ends, or when, is in session_end.h. */
#ifndef SALLYPORT_DAEMON_SESSIONS_H
#define SALLYPORT_DAEMON_SESSIONS_H

#include "daemon/access/session_end.h"
#include "daemon/people/people.h"

struct sp_follow;

struct sp_sign_in {
	const char *idp; /* NULL: a machine */
	const char *subject, *user;
	const char *const *groups;
	size_t group_count;
	const uint8_t *public_key; /* NULL: a device that the person has */
	const char *device_name;   /* NULL: the person's only one */
	/* a challenge, and the answer that only the holder of the private key has; NULL both: the
	 * key is not proven */
	const char *challenge, *proof;
	int64_t max_s, idle_s;      /* 0: no limit; SP_BY_ROLES */
	const char *refresh;        /* the portal's sealed refresh token; NULL: none */
	const struct sp_addr *from; /* where the person is, for the record; NULL: not known */
	const char *by;             /* who asked for the session */
	bool is_asked_again;        /* a second -EAGAIN is a refusal */
};

/* Open a session, which replaces the device's former one. *@ret_live is people's. Returns 0;
 * -EAGAIN the running revision has no room for the session: nothing was done, the caller makes a
 * new revision and asks again; -errno with @refusal filled and recorded. */
int sp_session_open(struct sp_people *people, const struct sp_sign_in *sign_in,
		    struct sp_live **ret_live, struct sp_refusal *refusal);

/* What the provider says of a person at this sign-in. */
struct sp_news {
	const char *const *groups; /* NULL: nothing new */
	size_t group_count;
	const char *refresh; /* NULL: no change */
	const char *by;
	bool is_asked_again; /* a second -EAGAIN ends the session */
};

/* Put the news in force, for flows that are open too, before this returns. *@ret_live: @live, or
 * with other roles the session that took its place. Returns 0.
 *
 * -ENOENT (no policy runs) and -EAGAIN (the running revision has no room for the new roles; the
 * caller makes a new revision and asks again) change nothing. After any other -errno the session
 * has ended, for want of a role or because its new roles could not be put in force; @refusal says
 * why. */
int sp_session_update(struct sp_people *people, struct sp_live *live, const struct sp_news *news,
		      struct sp_live **ret_live, struct sp_refusal *refusal);

/* Let sessions and devices follow a policy that came into force, in this order: sessions, as
 * sp_people_follow_policy; a person's device whose key a role names as a machine's, which the
 * person loses even if it was there first; machines whose key has a role again, which get a
 * session. A call takes one slice of the loop's time. Returns whether some are left, for the next
 * call. */
bool sp_sessions_follow_policy(struct sp_people *people, struct sp_follow *follow, json_t *lost);
/* Whether another revision is wanted, which has room for the machines that found none. Asked once
 * all have followed. */
bool sp_follow_wants_room(const struct sp_follow *follow);

#endif
