/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who owns a JSON value. A local that owns one says so where it is declared.
 *
 *	__sp_json json_t *reply = NULL;		dropped on every way out
 *	…
 *	*ret_reply = SP_TAKE_PTR(reply);	now it is the caller's
 *
 * A struct owns its members until its own _done or _free.
 *
 *	json_decrefp(&client->id);			dropped, and NULL from here on
 *	sp_json_replace(&portal->report, report);	the former one is dropped
 */
#ifndef SALLYPORT_JSON_OWN_H
#define SALLYPORT_JSON_OWN_H

#include <jansson.h>

#include "base/cleanup.h"

#define __sp_json __sp_cleanup(json_decrefp)

/* Give @member the reference @value, which may be NULL, and drop the reference it had. */
static inline void sp_json_replace(json_t **member, json_t *value)
{
	json_t *former = *member;

	*member = value;
	json_decref(former);
}

#endif
