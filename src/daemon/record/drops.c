/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/record/drops.h"

#include <endian.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/array.h"
#include "base/err.h"
#include "daemon/base/warnings.h"
#include "daemon/record/marks.h"
#include "daemon/record/recorder.h"
#include "daemon/revisions/revision.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "net/packet.h"
#include "plane/plane.h"

#define TAKE_MAX 64 /* samples a round: the loop has other clients */
#define PACKET_MAX (40 + 65535)

static const struct {
	const char *name, *text;
} kinds[] = {
#define X(id, name, text) { name, text },
	SP_PLANE_DROPS(X)
#undef X
};

/* ---- samples ---- */

/* The parser reads whole packets: the part of this one that was not copied, behind @copied bytes, is
 * zero. */
static void sample_parse(const struct sp_nflog_packet *sample, size_t copied,
			 struct sp_packet *ret_packet)
{
	static uint8_t bytes[PACKET_MAX];
	const size_t len = sample->len < copied ? sample->len : copied;

	memcpy(bytes, sample->bytes, len);
	sp_packet_parse(bytes, len < copied ? len : PACKET_MAX, false, ret_packet);
	memset(bytes, 0, len);
}

static void fill_event(const struct sp_packet *packet, struct sp_event *event)
{
	const struct sp_tuple *tuple = &packet->tuple;
	static const struct sp_addr none;

	event->bytes = packet->length;
	event->is_ip = memcmp(&tuple->source, &none, sizeof(none)) ||
		       memcmp(&tuple->destination, &none, sizeof(none));
	event->saddr = tuple->source;
	event->daddr = tuple->destination;
	event->proto = tuple->proto;
	event->sport_be = htobe16(tuple->source_port);
	event->dport_be = packet->is_icmp ? 0 : htobe16(tuple->destination_port);
	event->icmp_type = tuple->icmp_type;
	event->icmp_code = tuple->icmp_code;
	event->tcp_flags = packet->tcp_flags;
}

/* An unknown name belongs to somebody else's rule, which logs to our group. */
static int find_drop(const char *name)
{
	for (int drop = 0; drop < SP_PLANE_DROP_COUNT; drop++)
		if (!strcmp(kinds[drop].name, name))
			return drop;
	return -ENOENT;
}

/* Use the current names of interfaces: the sender's interface may be new or renamed. */
static const char *name_interface(uint32_t ifindex, char name[IF_NAMESIZE])
{
	return ifindex ? if_indextoname(ifindex, name) : NULL;
}

static void take_sample(void *arg, const struct sp_nflog_packet *sample)
{
	struct sp_event event = {
		.kind = SP_EVENT_DENY,
		.hook = SP_HOOK_LOCK,
		.verdict = SP_DENY,
		.reason = SP_REASON_UNJUDGED,
		.packets = 1,
	};
	const int drop = find_drop(sample->prefix);
	struct sp_drops *drops = arg;
	char from[IF_NAMESIZE], to[IF_NAMESIZE], message[160];
	struct sp_audit_record record;
	struct sp_packet packet;

	if (drop < 0)
		return;
	sample_parse(sample, drops->plane->ops->guard.log_bytes, &packet);
	fill_event(&packet, &event);
	sp_audit_record_from_event(&event, sp_clock_realtime_ns(), &record);
	record.revision = drops->revisions->running ? drops->revisions->running->number : 0;
	record.generation =
		drops->revisions->running ? drops->revisions->running->generation : NULL;
	record.iface = name_interface(sample->from, from);
	snprintf(message, sizeof(message), "%s: %s%s%s", kinds[drop].name, kinds[drop].text,
		 sample->to ? "; towards " : "",
		 sample->to ? name_interface(sample->to, to) ? to : "an interface that is gone"
			    : "");
	record.message = message;
	(void)sp_recorder_try(drops->recorder,
			      &record); /* a failure is a warning, and the record stays counted */
}

static void take_samples(void *arg, uint32_t events)
{
	struct sp_drops *drops = arg;
	int r = sp_nflog_take(drops->log, TAKE_MAX, take_sample, drops);

	(void)events;
	if (r == 0)
		return;
	sp_log_error("hearing what the second lock drops: %s", sp_err_text(r));
	sp_drops_close(drops); /* opened again within a second */
}

/* ---- opening ---- */

static int drops_hear(struct sp_drops *drops)
{
	const struct sp_plane_guard_place *guard = &drops->plane->ops->guard;
	int r;

	if (drops->log || !guard->log_group)
		return 0;
	r = sp_nflog_open(guard->log_group, guard->log_bytes, &drops->log);
	if (r < 0)
		return r;
	drops->source = (struct sp_source){
		.fd = sp_nflog_get_fd(drops->log),
		.ready = take_samples,
		.arg = drops,
	};
	r = sp_loop_watch(drops->loop, &drops->source, EPOLLIN);
	if (r < 0)
		sp_nflog_close(SP_TAKE_PTR(drops->log));
	return r;
}

void sp_drops_open(struct sp_drops *drops)
{
	int r = drops_hear(drops);

	if (r == 0 && !drops->is_unsampled)
		sp_warnings_clear(drops->warnings, "lock-unsampled");
	else
		sp_warnings_raise(drops->warnings, "lock-unsampled",
				  "what the second lock drops is counted, but no packet of it is "
				  "on record: %s%s",
				  r == 0 ? "the kernel's nftables cannot log"
					 : "NFLOG cannot be heard: ",
				  r == 0 ? "" : sp_err_text(r));
}

void sp_drops_close(struct sp_drops *drops)
{
	if (!drops->log)
		return;
	sp_loop_forget(drops->loop, &drops->source);
	sp_nflog_close(SP_TAKE_PTR(drops->log));
}

/* ---- counts ---- */

/* Returns 0 once the record is written; -errno. */
static int record_count(struct sp_drops *drops, int drop, const struct sp_counter *more)
{
	char message[128];

	snprintf(message, sizeof(message), "%s: %s", kinds[drop].name, kinds[drop].text);
	return sp_recorder_denials(drops->recorder, SP_HOOK_LOCK, SP_REASON_UNJUDGED, more,
				   message);
}

/* A counter that is smaller than before was reset to zero. */
static void drop_account(struct sp_drops *drops, int drop, const struct sp_counter *now)
{
	struct sp_counter *told = &drops->marks->file->lock[drop];
	struct sp_counter more = *now;

	if (now->packets >= told->packets) {
		more.packets -= told->packets;
		more.bytes -= told->bytes;
	}
	if (!more.packets || record_count(drops, drop, &more) == 0)
		*told = *now;
}

void sp_drops_record(struct sp_drops *drops)
{
	struct sp_counter now[SP_PLANE_DROP_COUNT];

	if (sp_plane_guard_counters(drops->plane, now) < 0)
		return;
	for (int drop = 0; drop < SP_PLANE_DROP_COUNT; drop++)
		drop_account(drops, drop, &now[drop]);
}

void sp_drops_begin(struct sp_drops *drops)
{
	memset(drops->marks->file->lock, 0, sizeof(drops->marks->file->lock));
}

json_t *sp_drops_describe(const struct sp_drops *drops)
{
	struct sp_counter now[SP_PLANE_DROP_COUNT];
	json_t *all;

	if (sp_plane_guard_counters(drops->plane, now) < 0)
		return json_null();
	all = json_object();
	for (int drop = 0; drop < SP_PLANE_DROP_COUNT; drop++)
		json_object_set_new(all, kinds[drop].name,
				    json_pack("{s:I, s:I}", "packets",
					      (json_int_t)now[drop].packets, "bytes",
					      (json_int_t)now[drop].bytes));
	return all;
}
