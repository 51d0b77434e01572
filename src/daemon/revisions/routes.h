/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes into people's tunnels (policy/reach.h), by the running revision: made once for all whom
 * the same rules let through, and kept as long as the revision runs. */
#ifndef SALLYPORT_DAEMON_ROUTES_H
#define SALLYPORT_DAEMON_ROUTES_H

#include <jansson.h>

#include "config/reach.h"

struct sp_people;
struct sp_device;

struct sp_routes_entry {
	struct sp_reach_rules rules;
	bool has_family[2];
	json_t *list; /* of texts; NULL: more than a tunnel carries */
	size_t count;
};

#define SP_ROUTES_KEPT_MAX 64u /* the one made first goes */

struct sp_routes {
	struct sp_routes_entry entries[SP_ROUTES_KEPT_MAX];
	size_t count;
};

/* Free what is kept; empty afterwards. */
void sp_routes_done(struct sp_routes *routes);

/* Of somebody who signs in, before they have a device. Returns 0; -E2BIG more than a tunnel carries
 * (*@ret_count says how many); -ENOMEM. */
int sp_routes_check(struct sp_people *people, const struct sp_identity *identity,
		    size_t *ret_count);

/* Of a device: by the session it has, else by every role its person could have.
 * *@ret_list: a JSON list of texts, to be given up. Returns as _check. */
int sp_routes_of_device(struct sp_people *people, const struct sp_device *device,
			json_t **ret_list);

#endif
