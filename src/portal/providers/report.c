/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/providers/report.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "io/log/log.h"
#include "portal/gate/gate_reply.h"
#include "portal/providers/provider.h"

#define PRESSURE_NS (5 * (uint64_t)SP_NS_PER_S) /* counts change all the time */

static uint64_t pressure(const struct sp_portal *portal)
{
	return portal->shed_checks + portal->turned_away + portal->gave_way;
}

static bool is_pressure_due(const struct sp_portal *portal)
{
	return pressure(portal) != portal->told_pressure &&
	       portal->now.boot_ns - portal->pressure_told_ns >= PRESSURE_NS;
}

bool sp_report_is_due(const struct sp_portal *portal)
{
	return (portal->is_report_due || is_pressure_due(portal)) && portal->is_gate_there &&
	       !portal->report.is_under_way;
}

static void reported(struct sp_gate_request *ask, const json_t *reply)
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
	request = json_pack("{s:s, s:I, s:b, s:s, s:s, s:{s:I, s:I, s:I}, s:o}", "op",
			    "portal.report", "every", (json_int_t)SP_REPORT_EVERY_S,
			    "memory_locked", portal->is_memory_locked, "url", portal->url,
			    "fingerprint", portal->fingerprint, "pressure", "passwords_refused",
			    (json_int_t)portal->shed_checks, "connections_refused",
			    (json_int_t)portal->turned_away, "connections_dropped",
			    (json_int_t)portal->gave_way, "providers", sp_providers_report(portal));
	if (!request)
		return;
	portal->is_report_due = false;
	portal->told_pressure = pressure(portal);
	portal->pressure_told_ns = portal->now.boot_ns;
	portal->report =
		(struct sp_gate_request){ .request = request, .done = reported, .can_wait = true };
	portal->outside->ask(portal->outside_arg, &portal->report);
}

void sp_report_cancel(struct sp_portal *portal)
{
	if (portal->report.is_under_way)
		portal->outside->drop(portal->outside_arg, &portal->report);
}
