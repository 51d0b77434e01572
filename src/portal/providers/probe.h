/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a provider that refused this gateway as its client takes it again. Nobody may sign in
 * for days, so it is asked. After a sign-in that was refused: a device authorization is begun
 * that nobody finishes, and the token endpoint asked once whether its code was entered. After a
 * refresh that was refused: the token endpoint is asked with a refresh token that is none. An
 * answer that speaks of the code or the token tells that the client was taken. */
#ifndef SALLYPORT_PORTAL_PROBE_H
#define SALLYPORT_PORTAL_PROBE_H

#include "identity/idp_flow.h"
#include "portal/job.h"

struct sp_idp_probe {
	struct sp_idp_flow *flow; /* NULL: no probe is under way */
	bool is_refresh;          /* whether a refresh was refused, not a sign-in */
	struct sp_fetch_job job;
	uint64_t due_ns;  /* UINT64_MAX: nothing before an answer comes, or it is not wanted */
	uint64_t wait_ns; /* after the last one that failed; 0: it is not wanted */
	/* Begin the flow that was refused: a sign-in, or a refresh with an invalid token. Returns
	 * 0; -errno. */
	int (*begin)(struct sp_idp_probe *probe, struct sp_idp_flow **ret_flow);
	void (*done)(struct sp_idp_probe *probe); /* we were taken; it is no longer wanted */
};

/* Set up a probe that does not ask yet. @begin and @done are the members of these names. */
void sp_idp_probe_init(struct sp_idp_probe *probe, struct sp_portal *portal,
		       int (*begin)(struct sp_idp_probe *probe, struct sp_idp_flow **ret_flow),
		       void (*done)(struct sp_idp_probe *probe));
/* Ask the provider in a minute, then ever more seldom, at least each hour. A probe that asks
 * already goes on; a refused sign-in takes the place of a refused refresh. */
void sp_idp_probe_want(struct sp_idp_probe *probe, bool is_refresh);
/* Stop asking. */
void sp_idp_probe_stop(struct sp_idp_probe *probe);
/* Tell the probe that discovery or keys of the provider have come: it may have waited for them. */
void sp_idp_probe_wake(struct sp_idp_probe *probe);
/* Go on with the probe, if it is due. @trust: borrowed as long as the provider is there. */
void sp_idp_probe_run(struct sp_idp_probe *probe, const struct sp_fetch_trust *trust);

#endif
