/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names and values of a query or a form (application/x-www-form-urlencoded), read strictly: a
 * name that stands twice is refused, since two readers could use different values.
 * Sources: the WHATWG URL standard, 5.1; RFC 6749, 3.1 (parameters stand once). */
#ifndef SALLYPORT_PORTAL_PARAMS_H
#define SALLYPORT_PORTAL_PARAMS_H

#include <stddef.h>

#include "json/own.h"

#define SP_PARAMS_MAX 32u     /* in one query or form */
#define SP_PARAM_NAME_MAX 64u /* bytes, decoded */

/* Read @len bytes, `a=1&b=two+words%21`; they need no NUL behind them. A name without `=` has
 * the value "".
 * Returns 0, *@ret_params an object of texts, the caller's reference; -EINVAL with *@ret_why, a
 * literal that goes on "the query (form) …"; -ENOMEM. */
int sp_params_read(const char *text, size_t len, json_t **ret_params, const char **ret_why);

#endif
