/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who owns a JSON value: a local that does says so where it is declared.
 *
 *	__sp_json json_t *reply = NULL;		dropped on every way out
 *	…
 *	*ret_reply = SP_TAKE_PTR(reply);	now it is the caller's
 *
 * Other owners, members of a struct, drop theirs where the struct ends. */
#ifndef SALLYPORT_JSON_OWN_H
#define SALLYPORT_JSON_OWN_H

#include <jansson.h>

#include "base/cleanup.h"

#define __sp_json __sp_cleanup(json_decrefp)

#endif
