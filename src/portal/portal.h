/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The portal without its sockets: its state, and what happens next. Requests come in by exchange.h,
 * answers of the gateway and the providers by the callbacks of outside.h, time by @now. One thread.
 */
#ifndef SALLYPORT_PORTAL_PORTAL_H
#define SALLYPORT_PORTAL_PORTAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "identity/accounts/password.h"
#include "identity/oidc/oidc.h"
#include "net/addr.h"
#include "portal/base/rates.h"
#include "portal/base/seal.h"
#include "portal/job.h"
#include "portal/outside.h"

struct sp_grants;
struct sp_web_routes;
struct sp_refresher;
struct sp_provider;

/* What happened to a provider. */
enum sp_provider_change {
	/* an answer about its discovery or keys came: who waited for it may go on */
	SP_PROVIDER_MOVED,
	SP_PROVIDER_RELOADED, /* another text of its file is in use */
};

/* Texts are borrowed and outlive the portal. */
struct sp_portal_config {
	const char *gateway;          /* its name, as GET /providers gives it */
	const char *url;              /* an origin, as sallyport.yaml has it */
	const char *fingerprint;      /* SHA-256 of the certificate, 64 hex digits */
	const struct sp_prefix *pool; /* addresses of devices in the tunnel */
	size_t pool_count;
	const char *kill_at; /* tests: die at this step of a refresh; NULL: never */
	uint8_t seal_key[SP_SEAL_KEY_LEN];
	const struct sp_web_routes *routes; /* what it answers at: routes.h; tests have their own */
	const struct sp_outside *outside;
	void *outside_arg;
};

struct sp_portal {
	const struct sp_web_routes *routes;
	const struct sp_outside *outside;
	void *outside_arg;
	const char *gateway, *url, *fingerprint, *kill_at;
	const struct sp_prefix *pool;
	size_t pool_count;
	struct sp_sealer sealer;
	struct sp_idp_time now;         /* set before anything is called */
	struct sp_provider **providers; /* by name */
	size_t provider_count;
	void (*provider_changed)(struct sp_portal *portal, struct sp_provider *provider,
				 enum sp_provider_change change);
	struct sp_fetch_jobs jobs;
	struct sp_rates rates;
	struct sp_throttle *throttle;
	struct sp_grants *grants;
	struct sp_refresher *refresher;
	struct sp_gate_request report;
	bool is_report_due; /* something `status` shows has changed */
	bool is_gate_there;
	bool is_memory_locked;
	bool is_crowded; /* connections are scarce, so none may be held open to wait for news */
	/* since the start: passwords and connections turned away, and idle connections dropped
	 * for others */
	uint64_t shed_checks, turned_away, gave_way;
	uint64_t told_pressure, pressure_told_ns; /* their sum as reported, and when */
	unsigned int waiting_refusals;            /* login.refused under way */
	uint64_t lost_refusals; /* that could not be put on record, since that was last said */
	uint64_t lost_said_ns;
};

/* What @config points to is borrowed for good. Returns 0; -ENOMEM. */
int sp_portal_new(const struct sp_portal_config *config, const struct sp_idp_time *now,
		  struct sp_portal **ret_portal);
/* Free the portal with all that is under way; no callback runs any more. NULL is allowed. */
void sp_portal_free(struct sp_portal *portal);

/* When sp_portal_run is to be called at the latest (CLOCK_BOOTTIME); UINT64_MAX: not at all. */
uint64_t sp_portal_due_ns(const struct sp_portal *portal);
/* Fire the timers that are due. */
void sp_portal_run(struct sp_portal *portal);

/* The gateway is there (again), or not any more. */
void sp_portal_set_gate(struct sp_portal *portal, bool is_there);

/* Whether @from is a device in the tunnel: whose packets the gateway let through knows its key. */
bool sp_portal_is_inside(const struct sp_portal *portal, const struct sp_addr *from);

#endif
