/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Passwords that wait to be compared: a line for people known to sign in from where they are, which
 * goes first, and one for everybody else. Each has room of its own, so strangers never fill the
 * other. Within a line the more of it is taken, the less of it one address or site may have: so an
 * address with many passwords in the line is turned away before an address that has none. */
#ifndef SALLYPORT_PORTAL_CHECKS_H
#define SALLYPORT_PORTAL_CHECKS_H

#include "portal/base/shares.h"
#include "portal/outside.h"

#define SP_CHECKS_LINE_MAX 64u       /* some seconds' worth */
#define SP_CHECKS_MEMORY_KIB 262144u /* of all that are compared at once; one alone may always */

struct sp_checks_line {
	struct sp_password_check *first, **last;
	size_t count;
	struct sp_shares shares;
};

struct sp_checks {
	struct sp_checks_line known, strangers;
	unsigned int known_in_row; /* taken since a stranger was */
	size_t in_hand_kib;
};

/* Returns 0; -ENOMEM. */
int sp_checks_init(struct sp_checks *checks);
/* Free the passwords that wait. */
void sp_checks_done(struct sp_checks *checks);
/* Returns 0, @check taken over; -EBUSY: its line is full, or its address has its share of it. */
int sp_checks_put(struct sp_checks *checks, struct sp_password_check *check);
/* The next to compare, which is then in hand; NULL: none waits, or its memory has to become free
 * first. */
struct sp_password_check *sp_checks_take(struct sp_checks *checks);
/* @check, from take, was compared. */
void sp_checks_finish(struct sp_checks *checks, const struct sp_password_check *check);

#endif
