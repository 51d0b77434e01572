/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/recorder.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium/crypto_shorthash.h>

#include "base/err.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/history.h"
#include "daemon/tally.h"
#include "net/addr.h"

/* Records of refused sign-ins, which strangers make: so many at once, then one in so long. A day of
 * nothing else is some 80 MB, less than one file of the log. */
#define REFUSALS_MAX 1000
#define REFUSAL_NS SP_SECOND_NS
#define REFUSALS_OF_ONE_MAX 500
#define REFUSAL_OF_ONE_NS (10 * SP_SECOND_NS)
#define TAKE_MAX 512 /* events a round: the loop has other clients */
#define BUSY_NS (1 * SP_MS_NS)
#define IDLE_NS (32 * SP_MS_NS)
#define RETRY_NS SP_SECOND_NS /* after a record that could not be written */

/* ---- writing ---- */

static void send_followers(struct sp_daemon *daemon, const struct sp_audit_record *record,
			   const char *line, size_t len)
{
	struct sp_follower *follower = daemon->recorder.followers, *next;

	for (; follower; follower = next) {
		next = follower->next; /* a dropped client unfollows itself */
		if (!sp_audit_query_matches(&follower->query, record))
			continue;
		if (sp_client_event(follower->client, line, len) < 0)
			sp_log_note("a follower of the audit log was too slow and is gone");
	}
}

static void note_failure(struct sp_daemon *daemon, struct sp_recorder_file *file, int r)
{
	snprintf(file->error, sizeof(file->error), "%s", sp_err_text(r));
	sp_warnings_raise(&daemon->warnings, "audit-failed",
			  "the audit log cannot be written (%s): %s; records wait in the kernel as "
			  "long as there is room",
			  file->path, sp_err_text(r));
}

static void note_success(struct sp_daemon *daemon, struct sp_recorder_file *file)
{
	if (!file->error[0])
		return;
	file->error[0] = '\0';
	for (int i = 0; i < SP_RECORDER_FILES; i++)
		if (daemon->recorder.files[i].error[0])
			return;
	sp_warnings_clear(&daemon->warnings, "audit-failed");
}

int sp_recorder_try(struct sp_daemon *daemon, const struct sp_audit_record *record)
{
	struct sp_recorder_file *file =
		&daemon->recorder
			 .files[sp_audit_event_is_traffic(record->event) ? SP_RECORDER_PACKETS
									 : SP_RECORDER_PEOPLE];
	const char *line = NULL;
	size_t len = 0;
	int r = file->log ? sp_audit_log_append(file->log, record, &line, &len) : -EBADF;

	if (r < 0) {
		note_failure(daemon, file, r);
		return r;
	}
	note_success(daemon, file);
	send_followers(daemon, record, line, len);
	return 0;
}

void sp_recorder_append(struct sp_daemon *daemon, struct sp_audit_record *record)
{
	if (!record->revision && daemon->revisions.running) {
		record->revision = daemon->revisions.running->number;
		record->generation = daemon->revisions.running->generation;
	}
	if (!record->time_ns)
		record->time_ns = sp_clock_realtime_ns();
	if (sp_recorder_try(daemon, record) < 0)
		sp_log_error("not recorded: %s%s%s", sp_audit_event_name(record->event),
			     record->user ? " of " : "", record->user ? record->user : "");
}

static void name_session(struct sp_audit_record *record, const struct sp_live *live, char id[24])
{
	snprintf(id, 24, "%" PRIu64, live->row.id);
	record->session = id;
	record->user = live->row.user;
	record->idp = live->row.idp;
	record->peer = live->row.device;
	record->roles = (const char *const *)live->roles;
	record->role_count = live->role_count;
	record->has_roles = true;
}

void sp_recorder_session(struct sp_daemon *daemon, enum sp_audit_event event,
			 const struct sp_live *live, const char *why, const char *by,
			 const struct sp_addr *from)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	char id[24], message[64];

	name_session(&record, live, id);
	record.event = event;
	record.reason = why;
	record.by = by;
	if (event != SP_AUDIT_SESSION_CLOSE)
		record.idp = live->row.idp;
	record.has_from = from != NULL;
	if (from)
		record.from = *from;
	record.message = daemon->recorder.words;
	if (event == SP_AUDIT_SESSION_OPEN && live->row.replaces) {
		snprintf(message, sizeof(message), "takes the place of session %" PRIu64,
			 live->row.replaces);
		record.message = message;
	}
	record.has_src = live->row.has_address[0] || live->row.has_address[1];
	record.src = live->row.addresses[live->row.has_address[0] ? 0 : 1];
	if (event == SP_AUDIT_SESSION_CLOSE)
		record.time_ns = live->row.closed_ns;
	sp_recorder_append(daemon, &record);
}

/* The address a refusal came from has its share of the records, as all together have; those without
 * one share one. */
static bool may_record_refusal(struct sp_recorder *recorder, const struct sp_audit_record *record)
{
	const uint64_t now_ns = sp_clock_boottime_ns();
	unsigned char hash[crypto_shorthash_BYTES];
	struct sp_addr from = { 0 };

	if (record->has_src)
		from = record->src;
	if (from.q[0]) /* IPv6: a host may have all of its /64 */
		from.q[1] = 0;
	crypto_shorthash(hash, from.b, sizeof(from.b), recorder->refusal_key);
	return sp_bucket_take(&recorder->refusals_of[hash[0] % SP_REFUSAL_ADDRESSES], now_ns,
			      REFUSAL_OF_ONE_NS, REFUSALS_OF_ONE_MAX) &&
	       sp_bucket_take(&recorder->refusals, now_ns, REFUSAL_NS, REFUSALS_MAX);
}

void sp_recorder_refusal(struct sp_daemon *daemon, struct sp_audit_record *record)
{
	struct sp_recorder *recorder = &daemon->recorder;

	record->event = SP_AUDIT_LOGIN_REFUSED;
	if (!may_record_refusal(recorder, record)) {
		recorder->more_refusals++;
		return;
	}
	sp_recorder_append(daemon, record);
}

void sp_recorder_roam(struct sp_daemon *daemon, const struct sp_live *live,
		      const struct sp_addr *endpoint, uint16_t port, uint64_t moves)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	char id[24];

	name_session(&record, live, id);
	record.event = SP_AUDIT_ROAM;
	record.has_src = true;
	record.src = *endpoint;
	record.sport = port;
	record.aggregated = moves > 1;
	record.has_counts = true;
	record.packets = moves;
	sp_recorder_append(daemon, &record);
}

void sp_recorder_spoofed(struct sp_daemon *daemon, const struct sp_device *device,
			 const struct sp_live *live, uint64_t packets)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	char id[24];

	record.user = device->user;
	record.peer = device->name;
	if (live)
		name_session(&record, live, id);
	record.event = SP_AUDIT_DENY;
	record.iface = daemon->machine->tunnel;
	record.verdict = sp_verdict_name(SP_DENY);
	record.reason = sp_reason_name(SP_REASON_SPOOFED);
	record.aggregated = true;
	record.has_counts = true;
	record.packets = packets;
	record.message = "the engine dropped them: their source is none of this device's addresses";
	sp_recorder_append(daemon, &record);
}

/* ---- events ---- */

/* What an event's names point into while its record is written. */
struct naming {
	struct sp_live *owned; /* a session read back from the database */
	char *rule;
	char session[24];
};

static void naming_done(struct naming *naming)
{
	sp_live_free(naming->owned);
	free(naming->rule);
}

/* The session of one end, also one that ended long ago. */
static const struct sp_live *find_session(struct sp_daemon *daemon, const struct sp_event *event,
					  int end, struct naming *naming)
{
	__sp_cleanup(sp_session_row_done) struct sp_session_row row = { 0 };
	const struct sp_addr *addr = end ? &event->daddr : &event->saddr;
	const struct sp_live *live;

	if (event->session[end] == SP_SESSION_NONE)
		return NULL;
	live = sp_live_of(&daemon->people, event->session[end], event->epoch[end]);
	if (live)
		return live;
	if (event->epoch[end]) {
		if (naming->owned ||
		    sp_store_session_of_epoch(daemon->store, event->epoch[end], &row) < 0)
			return NULL;
		naming->owned = sp_live_new(&row);
		return naming->owned;
	}
	/* the epoch is not told once it was taken away: who had the address last */
	live = event->is_ip ? sp_live_of_address(&daemon->people, addr) : NULL;
	return live && live->row.slot == event->session[end] ? live : NULL;
}

static const char *find_generation(struct sp_daemon *daemon, uint64_t revision)
{
	struct sp_recorder *recorder = &daemon->recorder;
	__sp_cleanup(sp_store_revision_done) struct sp_store_revision found = { 0 };

	if (daemon->revisions.running && daemon->revisions.running->number == revision)
		return daemon->revisions.running->generation;
	if (recorder->known_revision != revision) {
		if (sp_store_get_revision(daemon->store, revision, &found) < 0)
			return NULL;
		recorder->known_revision = revision;
		sp_generation_format(found.generation, recorder->known_generation);
	}
	return recorder->known_generation;
}

static const char *find_rule(struct sp_daemon *daemon, uint32_t number, struct naming *naming)
{
	const char *name = NULL;

	if (number == SP_RULE_NONE)
		return NULL;
	if (daemon->revisions.running)
		name = sp_policy_rule_name(daemon->revisions.running->policy, number);
	if (!name && number == SP_RULE_DEFAULT)
		name = "default";
	/* a number belongs to its name for good, so the database knows those of former policies */
	if (!name && sp_store_rule_name(daemon->store, number, &naming->rule) == 0)
		name = naming->rule;
	return name;
}

static bool is_same_denial(const struct sp_denial *a, const struct sp_denial *b)
{
	return a->proto == b->proto && a->port == b->port && a->rule == b->rule &&
	       !memcmp(&a->destination, &b->destination, sizeof(a->destination));
}

/* For whom it was refused: the rule's reason reaches them by their own session (ops.c). One that
 * happens again takes no second place. */
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

/* A denial of a session that is over says how it ended: the kernel knows no more than whether it
 * may go on. */
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

int sp_recorder_take(struct sp_daemon *daemon, const struct sp_event *event,
		     const struct sp_tally *of)
{
	__sp_cleanup(naming_done) struct naming naming = { 0 };
	struct sp_audit_record record;
	const struct sp_live *live;
	struct sp_live *sender;
	char message[64];

	sp_audit_record_from_event(
		event, sp_clock_boottime_to_utc_ns(event->time_ns, sp_clock_offset_ns()), &record);
	live = find_session(daemon, event, 0, &naming);
	sender = live ? sp_live_find(&daemon->people, live->row.id) : NULL;
	if (sender && !of && record.event == SP_AUDIT_DENY && event->rule != SP_RULE_NONE)
		keep_denial(sender, event, &record);
	if (!live) /* towards a person: theirs */
		live = find_session(daemon, event, 1, &naming);
	if (live)
		name_session(&record, live, naming.session);
	record.rule = find_rule(daemon, event->rule, &naming);
	record.generation = find_generation(daemon, event->revision);
	record.iface = sp_host_name_of(&daemon->host, event->ifindex);
	if (of)
		sp_tally_describe(of, &record);
	if (live && !record.message)
		say_how_it_ended(live, &record, message);
	return sp_recorder_try(daemon, &record);
}

static int take_event(void *arg, const struct sp_event *event)
{
	return sp_recorder_take(arg, event, NULL);
}

static void take_events(void *arg)
{
	struct sp_daemon *daemon = arg;
	struct sp_recorder *recorder = &daemon->recorder;
	int taken = sp_plane_take_events(daemon->plane, TAKE_MAX, take_event, daemon);

	if (taken == TAKE_MAX)
		recorder->pause_ns = 0;
	else if (taken > 0)
		recorder->pause_ns = BUSY_NS;
	else if (taken < 0)
		recorder->pause_ns = RETRY_NS;
	else if (recorder->pause_ns < IDLE_NS)
		recorder->pause_ns = recorder->pause_ns ? recorder->pause_ns * 2 : BUSY_NS;
	sp_loop_in(daemon->loop, &recorder->take_timer, recorder->pause_ns);
}

/* ---- once a second ---- */

/* Own up to what the ring had no room for: exactly, and only once it is written. */
static void record_gap(struct sp_daemon *daemon)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	struct sp_event_stats stats = { 0 };
	struct sp_marks_file *marks = daemon->marks.file;

	if (sp_plane_event_stats(daemon->plane, &stats) < 0 || stats.lost <= marks->lost)
		return;
	record.event = SP_AUDIT_GAP;
	record.has_counts = true;
	record.packets = stats.lost - marks->lost;
	record.message = "the kernel saw these, but its event ring was full";
	record.time_ns = sp_clock_realtime_ns();
	if (sp_recorder_try(daemon, &record) == 0)
		marks->lost = stats.lost;
}

int sp_recorder_denials(struct sp_daemon *daemon, enum sp_hook hook, enum sp_reason reason,
			const struct sp_counter *counter, const char *message)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	record.event = SP_AUDIT_DENY;
	record.hook = hook;
	record.verdict = sp_verdict_name(SP_DENY);
	record.reason = sp_reason_name(reason);
	record.aggregated = true;
	record.has_counts = true;
	record.packets = counter->packets;
	record.bytes = counter->bytes;
	record.message = message;
	record.time_ns = sp_clock_realtime_ns();
	if (daemon->revisions.running) {
		record.revision = daemon->revisions.running->number;
		record.generation = daemon->revisions.running->generation;
	}
	return sp_recorder_try(daemon, &record);
}

static void record_edge(struct sp_daemon *daemon)
{
	static struct sp_counter counters[SP_COUNTER_SLOTS];
	struct sp_marks_file *marks = daemon->marks.file;

	if (sp_plane_counters(daemon->plane, counters) < 0)
		return;
	for (unsigned int reason = 1; reason < SP_REASON_COUNT; reason++) {
		const struct sp_counter *now =
			&counters[SP_COUNTER_INDEX(SP_HOOK_EDGE_IN, SP_DENY, reason)];
		const struct sp_counter more = { now->packets - marks->edge[reason].packets,
						 now->bytes - marks->edge[reason].bytes };

		if (now->packets <= marks->edge[reason].packets)
			continue;
		if (sp_recorder_denials(daemon, SP_HOOK_EDGE_IN, reason, &more, NULL) < 0)
			return;
		marks->edge[reason] = *now;
	}
}

/* Those beyond the shares: exactly, and only once it is written. */
static void record_refusals(struct sp_daemon *daemon)
{
	struct sp_recorder *recorder = &daemon->recorder;
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	if (!recorder->more_refusals)
		return;
	record.event = SP_AUDIT_LOGIN_REFUSED;
	record.aggregated = true;
	record.has_counts = true;
	record.packets = recorder->more_refusals;
	record.message = "so many more sign-ins were refused";
	record.time_ns = sp_clock_realtime_ns();
	if (sp_recorder_try(daemon, &record) == 0)
		recorder->more_refusals = 0;
}

static void each_second(void *arg)
{
	struct sp_daemon *daemon = arg;
	struct sp_recorder *recorder = &daemon->recorder;

	sp_recorder_open(daemon);
	record_gap(daemon);
	record_edge(daemon);
	sp_drops_open(daemon);
	sp_drops_record(daemon);
	sp_tally_record(daemon);
	record_refusals(daemon);
	sp_history_check(daemon, false);
	for (int i = 0; i < SP_RECORDER_FILES; i++)
		if (recorder->files[i].log)
			sp_audit_log_sync(recorder->files[i].log);
	sp_loop_in(daemon->loop, &recorder->second_timer, SP_SECOND_NS);
}

/* ---- followers ---- */

int sp_recorder_follow(struct sp_daemon *daemon, struct sp_client *client,
		       const struct sp_audit_query *query)
{
	struct sp_follower *follower = calloc(1, sizeof(*follower));

	if (!follower)
		return -ENOMEM;
	follower->client = client;
	follower->query = *query;
	follower->next = daemon->recorder.followers;
	daemon->recorder.followers = follower;
	sp_client_watch(client);
	return 0;
}

void sp_recorder_unfollow(struct sp_daemon *daemon, const struct sp_client *client)
{
	struct sp_follower **at = &daemon->recorder.followers;

	while (*at) {
		struct sp_follower *follower = *at;

		if (follower->client == client) {
			*at = follower->next;
			free(follower);
		} else {
			at = &follower->next;
		}
	}
}

/* ---- opening and closing ---- */

/* @message: what had to be put right in the files; NULL: nothing. */
static void record_start(struct sp_daemon *daemon, const char *message)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	struct sp_chain_head head;

	record.event = SP_AUDIT_START;
	record.message = message;
	sp_history_note(daemon, &record, &head);
	sp_recorder_append(daemon, &record);
}

static char *describe_repair(const struct sp_recorder_file *file,
			     const struct sp_audit_log_repair *repair)
{
	char *message = NULL;

	if (repair->was_corrupt)
		sp_str_format(&message, "the last line of %s was no record: the file is now %s",
			      file->path, repair->moved_to ? repair->moved_to : "gone");
	else if (repair->was_torn)
		sp_str_format(&message,
			      "the last line of %s had no end: its %zu bytes are now in %s",
			      file->path, repair->torn_len,
			      repair->moved_to ? repair->moved_to : "no file");
	if (message)
		sp_log_error("audit log: %s", message);
	return message;
}

static void choose_bounds(const struct sp_machine *machine, enum sp_recorder_log which,
			  struct sp_audit_log_options *options)
{
	const bool is_packets = which == SP_RECORDER_PACKETS;

	options->rotate_bytes =
		is_packets ? machine->audit_rotate_bytes : machine->audit_people_rotate_bytes;
	options->keep = is_packets ? machine->audit_keep : machine->audit_people_keep;
}

void sp_recorder_set_bounds(struct sp_daemon *daemon)
{
	for (int which = 0; which < SP_RECORDER_FILES; which++) {
		struct sp_audit_log_options options;

		choose_bounds(daemon->machine, which, &options);
		if (daemon->recorder.files[which].log)
			sp_audit_log_set_bounds(daemon->recorder.files[which].log,
						options.rotate_bytes, options.keep);
	}
}

/* Take up one of the logs. @ret_message: what had to be put right, to be freed. */
static int open_log(struct sp_daemon *daemon, enum sp_recorder_log which, char **ret_message)
{
	struct sp_recorder_file *file = &daemon->recorder.files[which];
	struct sp_audit_log_options options = {
		.path = which == SP_RECORDER_PACKETS ? daemon->paths.packets_log
						     : daemon->paths.audit_log,
		.gateway = daemon->gateway_name,
	};
	struct sp_audit_log_repair repair = { 0 };
	char boot[SP_BOOT_ID_MAX];
	int r;

	choose_bounds(daemon->machine, which, &options);
	file->path = options.path;
	if (sp_clock_boot_id(boot) == 0)
		options.boot = boot;
	r = sp_audit_log_open(&options, NULL, &file->log, &repair);
	if (r < 0) {
		note_failure(daemon, file, r);
		return r;
	}
	*ret_message = describe_repair(file, &repair);
	sp_audit_log_repair_done(&repair);
	return 0;
}

void sp_recorder_open(struct sp_daemon *daemon)
{
	struct sp_recorder *recorder = &daemon->recorder;
	char *messages[SP_RECORDER_FILES] = { NULL };
	bool is_new[SP_RECORDER_FILES];

	if (!recorder->second_timer.fire) {
		recorder->take_timer = (struct sp_timer){ .fire = take_events, .arg = daemon };
		recorder->second_timer = (struct sp_timer){ .fire = each_second, .arg = daemon };
		crypto_shorthash_keygen(recorder->refusal_key);
	}
	for (int which = 0; which < SP_RECORDER_FILES; which++)
		is_new[which] = !recorder->files[which].log &&
				open_log(daemon, which, &messages[which]) == 0;
	for (int which = 0; which < SP_RECORDER_FILES; which++) {
		if (is_new[which] && (messages[which] || which == SP_RECORDER_PEOPLE))
			record_start(daemon, messages[which]);
		free(messages[which]);
	}
}

void sp_recorder_start(struct sp_daemon *daemon)
{
	sp_loop_in(daemon->loop, &daemon->recorder.take_timer, 0);
	sp_loop_in(daemon->loop, &daemon->recorder.second_timer, 0);
}

void sp_recorder_close(struct sp_daemon *daemon)
{
	struct sp_recorder *recorder = &daemon->recorder;

	while (recorder->followers) {
		struct sp_follower *follower = recorder->followers;

		recorder->followers = follower->next;
		free(follower);
	}
	if (recorder->files[SP_RECORDER_PEOPLE].log) {
		record_refusals(daemon);
		sp_history_check(daemon, true);
	}
	for (int i = 0; i < SP_RECORDER_FILES; i++) {
		sp_audit_log_close(recorder->files[i].log);
		recorder->files[i].log = NULL;
	}
}
