/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge of one hook, compiled for user space: once for each, with SP_THIS_HOOK (enum sp_hook) and USER_HOOK (the
 * function's name) given. Left out are the first and last lines of bpf/NAME.bpf.c: marks and tokens that let a packet pass unjudged,
 * and what is done with the answer. */
#include "lib/bytes.h"

#include "lib/leaving.h"

#include "user_hook.h"

void USER_HOOK(const struct sp_bytes *bytes, __u32 ifindex)
{
	struct sp_work *work = sp_work_begin(ifindex);

	switch (SP_THIS_HOOK) {
	case SP_HOOK_EDGE_IN:
	case SP_HOOK_VPN_IN:
	case SP_HOOK_INSIDE_IN:
		sp_judge_arriving(bytes, work);
		break;
	case SP_HOOK_VPN_OUT:
		sp_leave_tunnel(bytes, work);
		break;
	default:
		sp_record_leaving(bytes, work);
	}
	sp_account(work);
}
