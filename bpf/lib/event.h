/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records for user space. Writing a record wakes no reader, because the reader polls on a timer. A
 * record that finds no room is counted as lost; attempted = submitted + lost, exactly. */
#ifndef SALLYPORT_BPF_EVENT_H
#define SALLYPORT_BPF_EVENT_H

#include "lib/bytes.h"
#include "maps.h"

SP_INLINE struct sp_event *sp_event_reserve(void)
{
	struct sp_event_stats *stats = bpf_map_lookup_elem(&sp_event_stats, &(__u32){ 0 });
	struct sp_event *event = bpf_ringbuf_reserve(&sp_events, sizeof(*event), 0);

	if (stats) {
		stats->attempted++;
		if (!event)
			stats->lost++;
	}
	return event;
}

SP_INLINE void sp_event_submit(struct sp_event *event)
{
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

#endif
