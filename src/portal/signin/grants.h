/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sign-ins at a provider under way, each known to its client by a handle of 256 random bits.
 * Bounded: in all, and for each address; when the table is full the unfinished one whose client
 * has been silent longest makes room, unless somebody waits for it. The provider is asked only
 * while the client asks us, so that abandoned ones cost memory and nothing else. */
#ifndef SALLYPORT_PORTAL_GRANTS_H
#define SALLYPORT_PORTAL_GRANTS_H

#include <stddef.h>
#include <stdint.h>

#include "portal/exchange.h"
#include "portal/providers/provider.h"

#define SP_GRANTS_MAX 16384u
#define SP_HANDLE_LEN 32u
#define SP_HANDLE_TEXT 44u /* base64url without padding, and a NUL */

struct sp_grant;

/* What a sign-in is for. */
enum sp_grant_purpose {
	/* a program's device: it polls by the API, and a session is opened for the device */
	SP_GRANT_DEVICE,
	SP_GRANT_BROWSER, /* a person in a browser, without a device so far: answers are pages */
};

/* Room for SP_GRANTS_MAX. Returns 0; -ENOMEM. */
int sp_grants_new(struct sp_grants **ret_grants);
/* Free all grants, also those under way; no exchange is answered. NULL is allowed. */
void sp_grants_free(struct sp_grants *grants);
/* The number of grants, including ended grants whose result no client has fetched. */
size_t sp_grants_count(const struct sp_grants *grants);

/* Begin a sign-in of @exchange's person (for a device: device set), or, with @session > 0, the
 * extension of that session by that person and nobody else. @exchange is answered with the
 * prompt, or why there is none: not every provider can do it for every purpose. */
void sp_grant_start(struct sp_exchange *exchange, struct sp_provider *provider,
		    enum sp_grant_purpose purpose, int64_t session);
/* Answer @exchange when the grant of that handle ends, or pending when @wait_s are over. A grant of
 * another purpose is answered like an unknown handle. */
void sp_grant_poll(struct sp_exchange *exchange, enum sp_grant_purpose purpose, const char *handle,
		   int64_t wait_s);
/* @exchange waits no more. */
void sp_grant_leave(struct sp_grant *grant, struct sp_exchange *exchange);

/* The state of the provider has changed: go on with the grants that waited for it. */
void sp_grants_wake(struct sp_portal *portal, struct sp_provider *provider);
/* When sp_grants_run has something to do (CLOCK_BOOTTIME); UINT64_MAX: nothing. */
uint64_t sp_grants_due_ns(const struct sp_grants *grants);
/* Go on with the grants that are due. */
void sp_grants_run(struct sp_portal *portal);

#endif
