/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `sallyport status` shows of the portal: told to sallyportd when it comes, and when it
 * changes. */
#ifndef SALLYPORT_PORTAL_REPORT_H
#define SALLYPORT_PORTAL_REPORT_H

#include "portal/portal.h"

/* So often it is told in any case, so that a portal that stands still is noticed. */
#define SP_REPORT_EVERY_S 5

/* Something changed, and sallyportd can be told now. */
bool sp_report_is_due(const struct sp_portal *portal);
/* Tell it, if that is due. */
void sp_report_run(struct sp_portal *portal);
/* Before the portal goes: a report under way is dropped. */
void sp_report_cancel(struct sp_portal *portal);

#endif
