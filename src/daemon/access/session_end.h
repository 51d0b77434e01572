/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a session ends: an administrator's extension, the portal's early end, and a session that
 * nobody uses. change.h has the end itself; deadlines.h makes what is due happen. */
#ifndef SALLYPORT_DAEMON_SESSION_END_H
#define SALLYPORT_DAEMON_SESSION_END_H

#include "daemon/people/people.h"

/* Instead of a number of seconds: as long as the person's roles allow. */
#define SP_BY_ROLES (-1)

/* Let the session last @max_s seconds from now, or SP_BY_ROLES. @by: who asked. @from: where that
 * person is, for the record; NULL: not known. Returns 0; -ENOENT SP_BY_ROLES without a policy that
 * runs; -errno. */
int sp_session_extend(struct sp_people *people, struct sp_live *live, int64_t max_s, const char *by,
		      const struct sp_addr *from);
/* Let the session end in @within_s seconds at the latest, without a further word of the portal. The
 * session is parked then, with @why on record (a word of sp_session_is_ending). An end that is
 * earlier already stays. Returns 0; -errno. */
int sp_session_end_early(struct sp_people *people, struct sp_live *live, int64_t within_s,
			 const char *why);
/* Take an early end back: the session ends when it would have ended without. Returns 0; -errno. */
int sp_session_end_in_time(struct sp_people *people, struct sp_live *live);
/* Whether @why is a word for an early end: unconfirmed, refresh-lost, other-subject. */
bool sp_session_is_ending(const char *why);
/* Whether a session that ended for @why is parked, so that its person may sign in again from the
 * tunnel. NULL is allowed, and is no such word. */
bool sp_session_parks(const char *why);
/* Note whether the session is unused so far: nothing of its person has passed. Called when @live
 * was opened or read back from the kernel. Machines, and sessions whose lengths an administrator
 * set, are never noted: they do not end as `unused`. */
void sp_session_await(struct sp_live *live);
/* @handshake_ns: UTC of a handshake by the session's device. One after the opening means that the
 * session is used: the kernel's last_seen moves by one second, so that a restart of this process
 * does not take the session for unused. */
void sp_session_meet(struct sp_people *people, struct sp_live *live, int64_t handshake_ns);

#endif
