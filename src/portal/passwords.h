/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one thread beside the loop: it compares passwords, which takes tens of milliseconds each. A bounded
 * queue in, an event descriptor back. */
#ifndef SALLYPORT_PORTAL_PASSWORDS_H
#define SALLYPORT_PORTAL_PASSWORDS_H

#include "io/loop.h"
#include "portal/outside.h"

#define SP_CHECKS_MAX 64u /* some seconds' worth */

struct sp_passwords;

/* Starts the thread. @loop calls the checks' done. Returns 0; -errno. */
int sp_passwords_new(struct sp_loop *loop, struct sp_passwords **ret_passwords);
void sp_passwords_free(struct sp_passwords *passwords); /* waits for the one being compared */
/* Returns 0, @check taken over; -EBUSY. */
int sp_passwords_check(struct sp_passwords *passwords, struct sp_check *check);

#endif
