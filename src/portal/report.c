/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/report.h"

#include <string.h>

#include "base/cleanup.h"
#include "io/log.h"
#include "portal/gate_reply.h"
#include "portal/provider.h"

bool sp_report_is_due(const struct sp_portal *portal)
{
	return portal->is_report_due && portal->is_gate_there && !portal->report.is_under_way;
}

static void reported(struct sp_ask *ask, const json_t *reply)
{
	(void)ask;
	if (reply && !sp_gate_is_ok(reply))
		sp_log_error("sallyportd takes no report: %s", sp_gate_code(reply));
}

void sp_report_run(struct sp_portal *portal)
{
	json_t *request;

	if (!sp_report_is_due(portal))
		return;
	request = json_pack("{s:s, s:I, s:s, s:s, s:o}", "op", "portal.report", "every", (json_int_t)SP_REPORT_EVERY_S, "url", portal->url, "fingerprint",
			    portal->fingerprint, "providers", sp_providers_report(portal));
	if (!request)
		return;
	portal->is_report_due = false;
	portal->report = (struct sp_ask){ .request = request, .done = reported, .can_wait = true };
	portal->outside->ask(portal->outside_arg, &portal->report);
}

void sp_report_cancel(struct sp_portal *portal)
{
	if (portal->report.is_under_way)
		portal->outside->drop(portal->outside_arg, &portal->report);
}
