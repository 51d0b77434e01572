/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The operator's own list of senders that are dropped where they arrive ([2b] of
 * docs/judgement.md). While it is empty, asking costs one look at a flag. */
#ifndef SALLYPORT_BPF_BAN_H
#define SALLYPORT_BPF_BAN_H

#include "lib/tables.h"

/* [2b], on the edge: is the sender banned? Behind the protect entries, so that nobody bans
 * themselves out, and before the flows, so that what is under way ends with the next packet. */
SP_SUBPROGRAM int sp_judge_ban(struct sp_work *work)
{
	struct sp_ban_use *use;
	struct sp_prefix key;
	struct sp_ban *ban;

	if (SP_THIS_HOOK != SP_HOOK_EDGE_IN)
		return 0;
	use = bpf_map_lookup_elem(&sp_ban_use, &(__u32){ 0 });
	if (!use || !use->is_used)
		return 0;
	sp_table_key(&key, &work->packet.path.source);
	ban = bpf_map_lookup_elem(&sp_ban, &key);
	if (!ban || sp_is_past(ban->until_ns, work->now_ns))
		return 0;
	sp_deny(work, SP_REASON_BLOCKLIST);
	return 1;
}

#endif
