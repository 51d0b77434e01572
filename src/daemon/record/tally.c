/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/record/tally.h"

#include <string.h>

#include "daemon/record/events.h"
#include "daemon/record/marks.h"
#include "io/loop/clock.h"
#include "plane/plane.h"

#define REGION_SLOTS (SP_TALLY_BUCKETS * SP_TALLY_WAYS)
#define TOLD_MAX 100 /* records a second of one region, because the log has to be bounded too */

static const struct {
	enum sp_event_kind event;
	const char *message;
} kinds[] = {
	[SP_TALLY_DENY] = { SP_EVENT_DENY, "so many more were denied" },
	[SP_TALLY_OPEN] = { SP_EVENT_ALLOW, "so many more flows were opened" },
	[SP_TALLY_PACKET] = { SP_EVENT_ALLOW,
			      "so many more packets of flows whose rule has log: all" },
	[SP_TALLY_END] = { SP_EVENT_FLOW_END, "so many more flows ended" },
};

void sp_tally_describe(const struct sp_tally *tally, struct sp_audit_record *record)
{
	static const struct sp_addr nobody;

	record->aggregated = true;
	record->message = kinds[tally->key.kind].message;
	if (tally->key.kind == SP_TALLY_OPEN || tally->key.kind == SP_TALLY_END)
		record->flows = tally->events;
	record->has_src = memcmp(&tally->key.source, &nobody, sizeof(nobody)) != 0;
	record->src = tally->key.source;
}

/* Write the record of what @tally counted for its key, which may belong to no sender in
 * particular. */
static int tally_record(struct sp_events *events, const struct sp_tally *tally)
{
	const struct sp_event event = {
		.time_ns = sp_clock_boottime_ns(),
		.revision = sp_plane_running_revision(events->plane),
		.epoch = { tally->key.epoch },
		.packets = tally->packets,
		.bytes = tally->bytes,
		.session = { tally->key.session, SP_SESSION_NONE },
		.rule = SP_RULE_NONE,
		.kind = kinds[tally->key.kind].event,
		.hook = tally->key.hook,
		.verdict = tally->key.kind == SP_TALLY_DENY ? SP_DENY : SP_ALLOW,
		.reason = tally->key.reason,
	};

	return sp_events_record(events, &event, tally);
}

/* Returns how many records; -errno. */
static int tell_slot(struct sp_events *events, uint32_t index)
{
	struct sp_tally now, more;
	int r;

	if (!sp_plane_tally_read(events->plane, index, &now))
		return 0;
	more = now;
	more.events -= now.told;
	more.packets -= now.told_packets;
	more.bytes -= now.told_bytes;
	r = tally_record(events, &more);
	if (r < 0)
		return r;
	sp_plane_tally_tell(events->plane, index, &now);
	return 1;
}

/* Returns whether all of a region were told. People are not kept waiting by made-up addresses. */
static bool tell_region(struct sp_events *events, enum sp_tally_region region)
{
	uint32_t *next = &events->tally[region];
	int told = 0;

	for (uint32_t i = 0; i < REGION_SLOTS; i++) {
		const int r = told < TOLD_MAX ? tell_slot(events, region * REGION_SLOTS + *next)
					      : -EAGAIN;

		if (r < 0)
			return false;
		told += r;
		*next = (*next + 1) % REGION_SLOTS;
	}
	return true;
}

static bool tell_slots(struct sp_events *events)
{
	bool is_all = true;

	for (int region = 0; region < SP_TALLY_REGION_COUNT; region++)
		is_all = tell_region(events, region) && is_all;
	return is_all;
}

/* Write the record of one hook, kind and reason for what no slot counted. */
static int tell_sample(struct sp_events *events, uint32_t hook, uint32_t kind, uint32_t reason,
		       const struct sp_sample *now)
{
	struct sp_sample *told = &events->marks->file->samples[SP_SAMPLE_INDEX(hook, kind, reason)];
	const struct sp_tally more = {
		.key = { .session = SP_SESSION_NONE,
			 .hook = (uint8_t)hook,
			 .kind = (uint8_t)kind,
			 .reason = (uint8_t)reason },
		.events = now->events - told->events,
		.packets = now->packets - told->packets,
		.bytes = now->bytes - told->bytes,
	};
	int r;

	if (!more.events)
		return 0;
	r = tally_record(events, &more);
	if (r == 0)
		*told = *now;
	return r;
}

/* Without the denials of edge-in: record_edge() writes all of those. */
static bool tell_samples(struct sp_events *events)
{
	static struct sp_sample samples[SP_SAMPLE_SLOTS];

	if (sp_plane_samples(events->plane, samples) < 0)
		return false;
	for (uint32_t hook = 1; hook < SP_HOOK_COUNT; hook++)
		for (uint32_t kind = 0; kind < SP_TALLY_KIND_COUNT; kind++)
			for (uint32_t reason = 1; reason < SP_REASON_SLOTS; reason++) {
				const uint32_t index = SP_SAMPLE_INDEX(hook, kind, reason);

				if (hook == SP_HOOK_EDGE_IN && kind == SP_TALLY_DENY)
					continue;
				if (tell_sample(events, hook, kind, reason, &samples[index]) < 0)
					return false;
			}
	return true;
}

void sp_tally_record(struct sp_events *events)
{
	struct sp_event_stats stats = { 0 };

	if (sp_plane_event_stats(events->plane, &stats) < 0 ||
	    (stats.sampled == events->sampled && !events->is_behind))
		return;
	events->sampled = stats.sampled;
	/* a slot that the kernel was writing is read again, even if nothing more comes */
	events->is_behind = !tell_samples(events) || !tell_slots(events);
}
