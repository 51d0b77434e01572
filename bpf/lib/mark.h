/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an allowed packet is marked with on its way in (tables.h says what the marks mean). */
#ifndef SALLYPORT_BPF_MARK_H
#define SALLYPORT_BPF_MARK_H

#include "lib/work.h"

/* Neighbour discovery, MLD and DHCP: no rule was asked. */
SP_INLINE int sp_is_for_the_link(const struct sp_work *work)
{
	return work->reason == SP_REASON_PROTECT && work->rule == SP_RULE_NONE;
}

/* What is for the gateway itself and whom no rule was asked about gets nobody's translation: by a
 * forward it would go on to where nobody judged it for. */
SP_INLINE __u32 sp_mark_of(const struct sp_work *work)
{
	if (work->is_for_taps)
		return SP_MARK_REPLY;
	if (work->reason != SP_REASON_REPLY && work->reason != SP_REASON_RELATED)
		return sp_is_for_the_link(work) ? SP_MARK_JUDGED : sp_judged_mark;
	return work->is_own_flow ? SP_MARK_JUDGED : SP_MARK_REPLY;
}

#endif
