/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/portal.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "portal/providers/provider.h"
#include "portal/providers/refresher.h"
#include "portal/providers/report.h"
#include "portal/signin/grants.h"
#include "portal/signin/signin.h"

SP_DEFINE_CLEANUP(struct sp_portal *, sp_portal_free);

static void provider_changed(struct sp_portal *portal, struct sp_provider *provider,
			     enum sp_provider_change change)
{
	switch (change) {
	case SP_PROVIDER_MOVED:
		sp_grants_wake(portal, provider);
		sp_refresher_wake(portal, provider);
		break;
	case SP_PROVIDER_RELOADED:
		sp_refresher_reload(portal, provider);
		break;
	}
}

int sp_portal_new(const struct sp_portal_config *config, const struct sp_idp_time *now,
		  struct sp_portal **ret_portal)
{
	__sp_cleanup(sp_portal_freep) struct sp_portal *portal = calloc(1, sizeof(*portal));
	uint8_t hash_key[16];
	int r;

	if (!portal)
		return -ENOMEM;
	portal->routes = config->routes;
	portal->outside = config->outside;
	portal->outside_arg = config->outside_arg;
	portal->gateway = config->gateway;
	portal->url = config->url;
	portal->fingerprint = config->fingerprint;
	portal->kill_at = config->kill_at;
	portal->pool = config->pool;
	portal->pool_count = config->pool_count;
	memcpy(portal->sealer.key, config->seal_key, sizeof(portal->sealer.key));
	portal->sealer.random = config->outside->random;
	portal->sealer.arg = config->outside_arg;
	portal->now = *now;
	portal->provider_changed = provider_changed;
	portal->outside->random(portal->outside_arg, hash_key, sizeof(hash_key));
	portal->outside->random(portal->outside_arg, portal->rates.hash_key,
				sizeof(portal->rates.hash_key));
	r = sp_throttle_new(hash_key, &portal->throttle);
	if (r == 0)
		r = sp_grants_new(&portal->grants);
	if (r == 0)
		r = sp_refresher_new(portal, &portal->refresher);
	if (r < 0)
		return r;
	*ret_portal = SP_TAKE_PTR(portal);
	return 0;
}

void sp_portal_free(struct sp_portal *portal)
{
	if (!portal)
		return;
	sp_refresher_free(portal->refresher);
	sp_grants_free(portal->grants);
	portal->refresher = NULL;
	sp_providers_free(portal);
	if (portal->throttle)
		sp_throttle_free(portal->throttle);
	sp_report_cancel(portal);
	sp_wipe(portal->sealer.key, sizeof(portal->sealer.key));
	free(portal);
}

static uint64_t earlier(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

uint64_t sp_portal_due_ns(const struct sp_portal *portal)
{
	uint64_t due_ns = earlier(sp_grants_due_ns(portal->grants), sp_providers_due_ns(portal));

	if (portal->jobs.first[SP_JOBS_FAILED] || sp_report_is_due(portal))
		return 0;
	return earlier(due_ns, sp_refresher_due_ns(portal));
}

void sp_portal_run(struct sp_portal *portal)
{
	sp_fetch_jobs_run(portal);
	sp_providers_run(portal);
	sp_grants_run(portal);
	sp_refresher_run(portal);
	sp_report_run(portal);
	sp_signin_say_lost(portal);
}

void sp_portal_set_gate(struct sp_portal *portal, bool is_there)
{
	portal->is_gate_there = is_there;
	if (!is_there)
		return;
	portal->is_report_due = true;
	sp_refresher_load(portal);
}

bool sp_portal_is_inside(const struct sp_portal *portal, const struct sp_addr *from)
{
	for (size_t i = 0; i < portal->pool_count; i++)
		if (sp_prefix_contains(&portal->pool[i], from))
			return true;
	return false;
}
