/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The threads beside the loop, one a core and at most four: they compare passwords, which takes
 * tens of milliseconds and some memory each. Bounded lines in (checks.h), an event descriptor
 * back. */
#ifndef SALLYPORT_PORTAL_PASSWORDS_H
#define SALLYPORT_PORTAL_PASSWORDS_H

#include "io/loop/loop.h"
#include "portal/outside.h"

struct sp_passwords;

/* Starts the threads. @loop calls the checks' done. Returns 0; -errno. */
int sp_passwords_new(struct sp_loop *loop, struct sp_passwords **ret_passwords);
/* End the threads: wait for the passwords being compared, free those that wait. NULL is allowed. */
void sp_passwords_free(struct sp_passwords *passwords);
/* Compare @check in its turn. Returns 0, @check taken over; -EBUSY its line has no room for it. */
int sp_passwords_check(struct sp_passwords *passwords, struct sp_password_check *check);

#endif
