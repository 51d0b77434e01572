/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/record/events.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "daemon/host/host.h"
#include "daemon/people/people.h"
#include "daemon/record/drops.h"
#include "daemon/record/marks.h"
#include "daemon/record/recorder.h"
#include "daemon/record/tally.h"
#include "daemon/revisions/revision.h"
#include "daemon/store/store.h"
#include "io/loop/clock.h"
#include "net/addr.h"
#include "plane/plane.h"
#include "policy/addresses/translation.h"

#define TAKE_MAX 512 /* events a round: the loop has other clients */
#define BUSY_NS (1 * SP_MS_NS)
#define IDLE_NS (32 * SP_MS_NS)
#define RETRY_NS SP_SECOND_NS /* the pause after a record that could not be written */

/* ---- one event ---- */

/* Memory that an event's names point into while its record is written. */
struct naming {
	struct sp_live *owned; /* a session read back from the database */
	char *rule, *audit_rule;
	char session[24];
};

static void naming_done(struct naming *naming)
{
	sp_live_free(naming->owned);
	free(naming->rule);
	free(naming->audit_rule);
}

/* The session of one end, even one that ended long ago. */
static const struct sp_live *find_session(struct sp_events *events, const struct sp_event *event,
					  int end, struct naming *naming)
{
	__sp_cleanup(sp_session_row_done) struct sp_session_row row = { 0 };
	const struct sp_addr *addr = end ? &event->daddr : &event->saddr;
	const struct sp_live *live;

	if (event->session[end] == SP_SESSION_NONE)
		return NULL;
	live = sp_live_of(events->people, event->session[end], event->epoch[end]);
	if (live)
		return live;
	if (event->epoch[end]) {
		if (naming->owned ||
		    sp_store_session_of_epoch(events->store, event->epoch[end], &row) < 0)
			return NULL;
		naming->owned = sp_live_new(&row);
		return naming->owned;
	}
	/* a session that was ended no longer has its epoch: take the last session that had the
	 * address */
	live = event->is_ip ? sp_live_of_address(events->people, addr) : NULL;
	return live && live->row.slot == event->session[end] ? live : NULL;
}

static const char *find_generation(struct sp_events *events, uint64_t revision)
{
	__sp_cleanup(sp_store_revision_done) struct sp_store_revision found = { 0 };

	if (events->revisions->running && events->revisions->running->number == revision)
		return events->revisions->running->generation;
	if (events->known_revision != revision) {
		if (sp_store_get_revision(events->store, revision, &found) < 0)
			return NULL;
		events->known_revision = revision;
		sp_generation_format(found.generation, events->known_generation);
	}
	return events->known_generation;
}

/* @owned: the name's memory, where the rule is of a former policy. */
static const char *find_rule(struct sp_events *events, uint32_t number, char **owned)
{
	const char *name = NULL;

	if (number == SP_RULE_NONE)
		return NULL;
	if (events->revisions->running)
		name = sp_policy_rule_name(events->revisions->running->policy, number);
	if (!name && number == SP_RULE_DEFAULT)
		name = "default";
	/* a rule's number is never reused, so the database knows the rules of former policies */
	if (!name && sp_store_rule_name(events->store, number, owned) == 0)
		name = *owned;
	return name;
}

/* The ticket of a rule of the policy that runs. */
static const char *find_ticket(struct sp_events *events, uint32_t number)
{
	const struct sp_rule *rule =
		events->revisions->running && number != SP_RULE_NONE
			? sp_policy_rule(events->revisions->running->policy, number)
			: NULL;

	return rule ? rule->ticket : NULL;
}

/* The limit of the rule that allowed the packet. NULL: the rule or its limit is of a policy that no
 * longer runs. */
static const char *find_limit(struct sp_events *events, const struct sp_event *event)
{
	const struct sp_revision *running = events->revisions->running;
	const struct sp_rule *rule = NULL;
	const struct sp_limit *limit;

	if (running && running->number == event->revision)
		rule = sp_policy_rule(running->policy, event->rule);
	limit = rule ? sp_policy_limit(running->policy, rule) : NULL;
	return limit ? limit->name : NULL;
}

static bool is_same_denial(const struct sp_denial *a, const struct sp_denial *b)
{
	return a->proto == b->proto && a->port == b->port && a->rule == b->rule &&
	       !memcmp(&a->destination, &b->destination, sizeof(a->destination));
}

/* Keep the denial for the person it was refused to: their own session shows them the rule's reason
 * (ops.c). A repeated denial takes no second place. */
static void keep_denial(struct sp_live *live, const struct sp_event *event,
			const struct sp_audit_record *record)
{
	const struct sp_denial denial = {
		.time_ns = record->time_ns,
		.destination = event->daddr,
		.proto = record->proto,
		.port = record->dport > 0 ? (uint16_t)record->dport : 0,
		.rule = event->rule,
	};
	size_t at = 0;

	while (at < SP_DENIALS_KEPT - 1 && live->denials[at].time_ns &&
	       !is_same_denial(&live->denials[at], &denial))
		at++;
	memmove(&live->denials[1], &live->denials[0], at * sizeof(denial));
	live->denials[0] = denial;
}

/* Say in the record of a denial how the session ended: the kernel knows only that it is over. */
static void say_how_it_ended(const struct sp_live *live, struct sp_audit_record *record,
			     char message[64])
{
	if (live->state == SP_LIVE_OPEN || !live->row.why || !record->reason ||
	    (strcmp(record->reason, sp_reason_name(SP_REASON_EXPIRED)) != 0 &&
	     strcmp(record->reason, sp_reason_name(SP_REASON_REVOKED)) != 0))
		return;
	snprintf(message, 64, "the session is over: %.40s", live->row.why);
	record->message = message;
}

/* Where the packet really went, if the policy that judged it runs. To which of several targets is not
 * known here: a connection stays with the one it began with. */
static void name_real_end(const struct sp_events *events, struct sp_audit_record *record)
{
	const struct sp_revision *running = events->revisions->running;
	struct sp_destination real = { .addr = record->dst };
	const struct sp_nat *nat;

	if (!running || !record->has_dst || !record->generation ||
	    strcmp(record->generation, running->generation) != 0)
		return;
	real.proto = record->proto >= 0 ? (uint8_t)record->proto : 0;
	real.port = record->dport >= 0 ? (uint16_t)record->dport : 0;
	nat = sp_translation_of(running->policy, &running->gateway, &real);
	if (!nat || (nat->kind == SP_NAT_FORWARD && nat->forward.target_count > 1))
		return;
	record->has_real_dst = true;
	record->real_dst = real.addr;
	if (record->dport >= 0 && real.port != (uint16_t)record->dport)
		record->real_dport = real.port;
}

int sp_events_record(struct sp_events *events, const struct sp_event *event,
		     const struct sp_tally *of)
{
	__sp_cleanup(naming_done) struct naming naming = { 0 };
	struct sp_audit_record record;
	const struct sp_live *live;
	struct sp_live *sender;
	char message[64];

	sp_audit_record_from_event(
		event, sp_clock_boottime_to_utc_ns(event->time_ns, sp_clock_offset_ns()), &record);
	if (record.event == SP_AUDIT_NONE) {
		events->foreign++;
		return 0;
	}
	live = find_session(events, event, 0, &naming);
	sender = live ? sp_live_find(events->people, live->row.id) : NULL;
	if (sender && !of && record.event == SP_AUDIT_DENY && event->rule != SP_RULE_NONE)
		keep_denial(sender, event, &record);
	if (!live) /* towards a person: theirs */
		live = find_session(events, event, 1, &naming);
	if (live)
		sp_recorder_name_session(&record, live, naming.session);
	record.rule = find_rule(events, event->rule, &naming.rule);
	record.ticket = find_ticket(events, event->rule);
	if (record.audit_would)
		record.audit_rule = find_rule(events, event->audit_rule, &naming.audit_rule);
	if (record.event == SP_AUDIT_LIMIT)
		record.limit = find_limit(events, event);
	record.generation = find_generation(events, event->revision);
	name_real_end(events, &record);
	record.iface = sp_host_name_of(events->host, event->ifindex);
	if (of)
		sp_tally_describe(of, &record);
	if (live && !record.message)
		say_how_it_ended(live, &record, message);
	return sp_recorder_try(events->recorder, &record);
}

static int take_event(void *arg, const struct sp_event *event)
{
	return sp_events_record(arg, event, NULL);
}

static void take_events(void *arg)
{
	struct sp_events *events = arg;
	int taken = sp_plane_take_events(events->plane, TAKE_MAX, take_event, events);

	if (taken == TAKE_MAX)
		events->pause_ns = 0;
	else if (taken > 0)
		events->pause_ns = BUSY_NS;
	else if (taken < 0)
		events->pause_ns = RETRY_NS;
	else if (events->pause_ns < IDLE_NS)
		events->pause_ns = events->pause_ns ? events->pause_ns * 2 : BUSY_NS;
	sp_loop_in(events->loop, &events->take_timer, events->pause_ns);
}

/* ---- once a second ---- */

/* Record that @packets have no record of their own. Returns 0 once it is written; -errno. */
static int record_gap(struct sp_events *events, uint64_t packets, const char *message)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	record.event = SP_AUDIT_GAP;
	record.has_counts = true;
	record.packets = packets;
	record.message = message;
	record.time_ns = sp_clock_realtime_ns();
	return sp_recorder_try(events->recorder, &record);
}

/* Record how many records the ring had no room for, and how many are of an unknown kind: exactly,
 * and counted as told only once written. */
static void record_gaps(struct sp_events *events)
{
	struct sp_event_stats stats = { 0 };
	struct sp_marks_file *marks = events->marks->file;

	if (events->foreign &&
	    record_gap(events, events->foreign,
		       "programs of a later version recorded these, of a kind unknown here") == 0)
		events->foreign = 0;
	if (sp_plane_event_stats(events->plane, &stats) < 0 || stats.lost <= marks->lost)
		return;
	if (record_gap(events, stats.lost - marks->lost,
		       "the kernel saw these, but its event ring was full") == 0)
		marks->lost = stats.lost;
}

static void record_edge(struct sp_events *events)
{
	static struct sp_counter counters[SP_COUNTER_SLOTS];
	struct sp_marks_file *marks = events->marks->file;

	if (sp_plane_counters(events->plane, counters) < 0)
		return;
	for (unsigned int reason = 1; reason < SP_REASON_SLOTS; reason++) {
		const struct sp_counter *now =
			&counters[SP_COUNTER_INDEX(SP_HOOK_EDGE_IN, SP_DENY, reason)];
		const struct sp_counter more = { now->packets - marks->edge[reason].packets,
						 now->bytes - marks->edge[reason].bytes };

		if (now->packets <= marks->edge[reason].packets)
			continue;
		if (sp_recorder_denials(events->recorder, SP_HOOK_EDGE_IN, reason, &more, NULL) < 0)
			return;
		marks->edge[reason] = *now;
	}
}

static void each_second(void *arg)
{
	struct sp_events *events = arg;

	sp_recorder_open(events->recorder);
	record_gaps(events);
	record_edge(events);
	sp_drops_open(events->drops);
	sp_drops_record(events->drops);
	sp_tally_record(events);
	sp_recorder_second(events->recorder);
	sp_loop_in(events->loop, &events->second_timer, SP_SECOND_NS);
}

void sp_events_start(struct sp_events *events)
{
	events->take_timer = (struct sp_timer){ .fire = take_events, .arg = events };
	events->second_timer = (struct sp_timer){ .fire = each_second, .arg = events };
	sp_loop_in(events->loop, &events->take_timer, 0);
	sp_loop_in(events->loop, &events->second_timer, 0);
}
