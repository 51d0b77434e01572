/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an allowed packet is marked with on its way in (tables.h says what the marks mean). */
#ifndef SALLYPORT_BPF_MARK_H
#define SALLYPORT_BPF_MARK_H

#include "lib/work.h"

SP_INLINE __u32 sp_mark_of(const struct sp_work *work)
{
	if (work->is_for_taps)
		return SP_MARK_REPLY;
	if (work->reason != SP_REASON_REPLY && work->reason != SP_REASON_RELATED)
		return sp_judged_mark;
	return work->is_own_flow ? sp_judged_mark : SP_MARK_REPLY;
}

#endif
