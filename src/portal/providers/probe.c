/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/providers/probe.h"

#include "io/loop/loop.h"
#include "portal/portal.h"

#define FIRST_NS (60 * SP_SECOND_NS)
#define LONGEST_NS (3600 * SP_SECOND_NS)

void sp_idp_probe_init(struct sp_idp_probe *probe, struct sp_portal *portal,
		       int (*begin)(struct sp_idp_probe *probe, struct sp_idp_flow **ret_flow),
		       void (*done)(struct sp_idp_probe *probe))
{
	*probe = (struct sp_idp_probe){
		.job = { .portal = portal, .is_low = true },
		.due_ns = UINT64_MAX,
		.begin = begin,
		.done = done,
	};
}

static void probe_end_flow(struct sp_idp_probe *probe)
{
	sp_fetch_job_cancel(&probe->job);
	sp_idp_flow_free(probe->flow);
	probe->flow = NULL;
}

void sp_idp_probe_want(struct sp_idp_probe *probe, bool is_refresh)
{
	if (probe->wait_ns && (is_refresh || !probe->is_refresh))
		return;
	probe_end_flow(probe);
	probe->is_refresh = is_refresh;
	probe->wait_ns = FIRST_NS;
	probe->due_ns = probe->job.portal->now.boot_ns + FIRST_NS;
}

void sp_idp_probe_stop(struct sp_idp_probe *probe)
{
	probe_end_flow(probe);
	probe->wait_ns = 0;
	probe->due_ns = UINT64_MAX;
}

static void probe_try_later(struct sp_idp_probe *probe)
{
	probe_end_flow(probe);
	probe->wait_ns = probe->wait_ns * 2 < LONGEST_NS ? probe->wait_ns * 2 : LONGEST_NS;
	probe->due_ns = probe->job.portal->now.boot_ns + probe->wait_ns;
}

/* The token endpoint checks the client first. An error about anything else in the request shows
 * that the client was accepted. */
static bool took_us(const struct sp_finding *finding, const struct sp_http_reply *reply)
{
	if (reply->status == 0 || reply->status >= 500 || reply->status == 429)
		return false;
	switch (finding->reason) {
	case SP_REFUSAL_NONE: /* not entered yet */
	case SP_REFUSAL_GRANT_REVOKED:
	case SP_REFUSAL_DENIED:
	case SP_REFUSAL_CODE_EXPIRED:
		return true;
	case SP_REFUSAL_PROVIDER_ERROR:
		return !finding->is_client_refused;
	default:
		return false;
	}
}

static void probe_fetched(struct sp_fetch_job *job, const struct sp_http_reply *reply)
{
	struct sp_idp_probe *probe = (void *)((char *)job - offsetof(struct sp_idp_probe, job));
	const bool is_token = probe->is_refresh || sp_idp_flow_prompt(probe->flow);

	sp_idp_flow_take(probe->flow, &job->portal->now, reply);
	probe->due_ns = job->portal->now.boot_ns;
	if (!is_token || !took_us(sp_idp_flow_finding(probe->flow), reply))
		return;
	sp_idp_probe_stop(probe);
	probe->done(probe);
}

void sp_idp_probe_wake(struct sp_idp_probe *probe)
{
	if (probe->flow && probe->job.state == SP_JOB_IDLE)
		probe->due_ns = probe->job.portal->now.boot_ns;
}

void sp_idp_probe_run(struct sp_idp_probe *probe, const struct sp_fetch_trust *trust)
{
	struct sp_http_request request = { 0 };

	if (!probe->wait_ns || probe->due_ns > probe->job.portal->now.boot_ns)
		return;
	probe->due_ns = UINT64_MAX;
	if (!probe->flow && probe->begin(probe, &probe->flow) < 0) {
		probe_try_later(probe);
		return;
	}
	switch (sp_idp_flow_next(probe->flow, &probe->job.portal->now, &request, &probe->due_ns)) {
	case SP_IDP_FETCH:
		probe->due_ns = UINT64_MAX;
		probe->job.done = probe_fetched;
		sp_fetch_job_begin(&probe->job, &request, trust);
		break;
	case SP_IDP_WAIT:
		break;
	case SP_IDP_DONE:
	case SP_IDP_REFUSED:
		probe_try_later(probe);
		break;
	}
}
