/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The token a client keeps: a person on a device, sealed. It opens nothing by itself; what it is
 * worth is looked up at each use. */
#ifndef SALLYPORT_PORTAL_TOKEN_H
#define SALLYPORT_PORTAL_TOKEN_H

#include "portal/base/person.h"
#include "portal/base/seal.h"

/* A token of @person: idp, subject, user and device key are set. Returns 0, *@ret_token
 * malloc'ed; -E2BIG; -ENOMEM. */
int sp_token_make(const struct sp_sealer *sealer, const struct sp_person *person, char **ret_token);
/* Read @token; NULL: there is none. @ret_person: the caller runs _done; it has no device name.
 * Returns 0; -EBADMSG: no token, or not made by this portal; -ENOMEM. */
int sp_token_read(const struct sp_sealer *sealer, const char *token, struct sp_person *ret_person);

#endif
