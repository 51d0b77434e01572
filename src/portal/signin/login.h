/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A password of a local user, compared for a request. */
#ifndef SALLYPORT_PORTAL_LOGIN_H
#define SALLYPORT_PORTAL_LOGIN_H

#include "identity/provider.h"
#include "portal/exchange.h"

/* Compare @password with that of @exchange's person (idp and user set). When it is right @passed
 * goes on; else the exchange is answered and the refusal is on record. */
void sp_password_check(struct sp_exchange *exchange, const char *password,
		       void (*passed)(struct sp_exchange *exchange,
				      const struct sp_local_user *user));

#endif
