/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sallyportd knows of the portal: its user, and its last report. It may only use the ops meant
 * for it (ops.c), and nothing it says is worth more than a sign-in. */
#ifndef SALLYPORT_DAEMON_PORTAL_H
#define SALLYPORT_DAEMON_PORTAL_H

#include <jansson.h>
#include <stdint.h>

#include "io/process/user.h"

struct sp_client;
struct sp_machine;
struct sp_paths;
struct sp_warnings;

struct sp_portal_seen {
	/* what it stands on, lent by the daemon */
	const struct sp_paths *paths;
	struct sp_machine *const *machine; /* sallyport.yaml as it is now */
	struct sp_warnings *warnings;

	struct sp_user user; /* uid SP_UID_NONE: this gateway has none, or its user is not there */
	/* the client that reported last; NULL: it has gone, or none reported */
	const struct sp_client *reporter;
	/* {url, fingerprint, providers, pressure, memory_locked} */
	json_t *report;
	int64_t since_ns;   /* UTC: of the reporter's first report */
	uint64_t heard_ns;  /* boot time of the last report */
	uint64_t every_s;   /* so often it reports; 0: only when something changed */
	uint64_t missed_ns; /* boot time since when there is no reporter */
};

/* Find its user, and see to the folders it keeps its key and certificate in. A user that is not
 * there is a warning: the gateway enforces without a portal. */
void sp_portal_open(struct sp_portal_seen *portal);
/* Free the portal's last report. The portal itself is not told. */
void sp_portal_close(struct sp_portal_seen *portal);
/* What the portal says of itself (taken over), for as long as @client stays. @every_s: it will say
 * so again; 0: only when something changes. */
void sp_portal_report(struct sp_portal_seen *portal, const struct sp_client *client, json_t *report,
		      uint64_t every_s);
/* @client has gone. If it was the reporter, the portal counts as missing from now on, and the
 * warnings of its report are cleared. */
void sp_portal_gone(struct sp_portal_seen *portal, const struct sp_client *client);
/* Once a second: is one missing? */
void sp_portal_tick(struct sp_portal_seen *portal);
/* For status: {running, url, fingerprint, since, providers}, or null. */
json_t *sp_portal_describe(const struct sp_portal_seen *portal);

#endif
