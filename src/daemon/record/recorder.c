/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/record/recorder.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium/crypto_shorthash.h>

#include "base/err.h"
#include "base/str.h"
#include "config/machine.h"
#include "daemon/base/warnings.h"
#include "daemon/control/control.h"
#include "daemon/people/people.h"
#include "daemon/record/history.h"
#include "daemon/revisions/revision.h"
#include "io/files/paths.h"
#include "io/log/audit_log.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "net/addr.h"

/* Records of refused sign-ins, which strangers cause: this many at once, then one each interval. A
 * day of nothing else makes some 80 MB, less than one file of the log. */
#define REFUSALS_MAX 1000
#define REFUSAL_NS SP_SECOND_NS
#define REFUSALS_OF_ONE_MAX 500
#define REFUSAL_OF_ONE_NS (10 * SP_SECOND_NS)

/* ---- writing ---- */

static void send_followers(struct sp_recorder *recorder, const struct sp_audit_record *record,
			   const char *line, size_t len)
{
	struct sp_follower *follower = recorder->followers, *next;

	for (; follower; follower = next) {
		next = follower->next; /* a dropped client unfollows itself */
		if (!sp_audit_query_matches(&follower->query, record))
			continue;
		if (sp_client_event(follower->client, line, len) < 0)
			sp_log_note("a follower of the audit log was too slow and is gone");
	}
}

static void note_failure(struct sp_recorder *recorder, struct sp_recorder_file *file, int r)
{
	snprintf(file->error, sizeof(file->error), "%s", sp_err_text(r));
	sp_warnings_raise(recorder->warnings, "audit-failed",
			  "the audit log cannot be written (%s): %s; records wait in the kernel as "
			  "long as there is room",
			  file->path, sp_err_text(r));
}

static void note_success(struct sp_recorder *recorder, struct sp_recorder_file *file)
{
	if (!file->error[0])
		return;
	file->error[0] = '\0';
	for (int i = 0; i < SP_RECORDER_FILES; i++)
		if (recorder->files[i].error[0])
			return;
	sp_warnings_clear(recorder->warnings, "audit-failed");
}

int sp_recorder_try(struct sp_recorder *recorder, const struct sp_audit_record *record)
{
	struct sp_recorder_file *file =
		&recorder->files[sp_audit_event_is_traffic(record->event) ? SP_RECORDER_PACKETS
									  : SP_RECORDER_PEOPLE];
	const char *line = NULL;
	size_t len = 0;
	int r = file->log ? sp_audit_log_append(file->log, record, &line, &len) : -EBADF;

	if (r < 0) {
		note_failure(recorder, file, r);
		return r;
	}
	note_success(recorder, file);
	send_followers(recorder, record, line, len);
	return 0;
}

void sp_recorder_append(struct sp_recorder *recorder, struct sp_audit_record *record)
{
	if (!record->revision && recorder->revisions->running) {
		record->revision = recorder->revisions->running->number;
		record->generation = recorder->revisions->running->generation;
	}
	if (!record->time_ns)
		record->time_ns = sp_clock_realtime_ns();
	if (sp_recorder_try(recorder, record) < 0)
		sp_log_error("not recorded: %s%s%s", sp_audit_event_name(record->event),
			     record->user ? " of " : "", record->user ? record->user : "");
}

void sp_recorder_name_session(struct sp_audit_record *record, const struct sp_live *live,
			      char id[24])
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

void sp_recorder_session(struct sp_recorder *recorder, enum sp_audit_event event,
			 const struct sp_live *live, const char *why, const char *by,
			 const struct sp_addr *from)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	char id[24], message[64];

	sp_recorder_name_session(&record, live, id);
	record.event = event;
	record.reason = why;
	record.by = by;
	if (event != SP_AUDIT_SESSION_CLOSE)
		record.idp = live->row.idp;
	record.has_from = from != NULL;
	if (from)
		record.from = *from;
	record.message = recorder->words;
	if (event == SP_AUDIT_SESSION_OPEN && live->row.replaces) {
		snprintf(message, sizeof(message), "takes the place of session %" PRIu64,
			 live->row.replaces);
		record.message = message;
	}
	record.has_src = live->row.has_address[0] || live->row.has_address[1];
	record.src = live->row.addresses[live->row.has_address[0] ? 0 : 1];
	if (event == SP_AUDIT_SESSION_CLOSE)
		record.time_ns = live->row.closed_ns;
	sp_recorder_append(recorder, &record);
}

/* Each address has a share of the records of refusals, and all addresses together have one.
 * Refusals without an address share one. */
static bool may_record_refusal(struct sp_recorder *recorder, const struct sp_audit_record *record)
{
	const uint64_t now_ns = sp_clock_boottime_ns();
	unsigned char hash[crypto_shorthash_BYTES];
	struct sp_addr from = { 0 };

	if (record->has_src)
		from = record->src;
	if (from.q[0]) /* IPv6: one host may have its whole /64 */
		from.q[1] = 0;
	crypto_shorthash(hash, from.b, sizeof(from.b), recorder->refusal_key);
	return sp_bucket_take(&recorder->refusals_of[hash[0] % SP_REFUSAL_ADDRESSES], now_ns,
			      REFUSAL_OF_ONE_NS, REFUSALS_OF_ONE_MAX) &&
	       sp_bucket_take(&recorder->refusals, now_ns, REFUSAL_NS, REFUSALS_MAX);
}

void sp_recorder_refusal(struct sp_recorder *recorder, struct sp_audit_record *record)
{
	record->event = SP_AUDIT_LOGIN_REFUSED;
	if (!may_record_refusal(recorder, record)) {
		recorder->more_refusals++;
		return;
	}
	sp_recorder_append(recorder, record);
}

void sp_recorder_roam(struct sp_recorder *recorder, const struct sp_live *live,
		      const struct sp_addr *endpoint, uint16_t port, uint64_t moves)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	char id[24];

	sp_recorder_name_session(&record, live, id);
	record.event = SP_AUDIT_ROAM;
	record.has_src = true;
	record.src = *endpoint;
	record.sport = port;
	record.aggregated = moves > 1;
	record.has_counts = true;
	record.packets = moves;
	sp_recorder_append(recorder, &record);
}

void sp_recorder_spoofed(struct sp_recorder *recorder, const struct sp_device *device,
			 const struct sp_live *live, uint64_t packets)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	char id[24];

	record.user = device->user;
	record.peer = device->name;
	if (live)
		sp_recorder_name_session(&record, live, id);
	record.event = SP_AUDIT_DENY;
	record.iface = (*recorder->machine)->tunnel;
	record.verdict = sp_verdict_name(SP_DENY);
	record.reason = sp_reason_name(SP_REASON_SPOOFED);
	record.aggregated = true;
	record.has_counts = true;
	record.packets = packets;
	record.message = "the engine dropped them: their source is none of this device's addresses";
	sp_recorder_append(recorder, &record);
}

int sp_recorder_denials(struct sp_recorder *recorder, enum sp_hook hook, enum sp_reason reason,
			const struct sp_counter *counter, const char *message)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	record.event = sp_audit_event_of_denial(reason);
	record.hook = hook;
	record.verdict = sp_verdict_name(SP_DENY);
	record.reason = sp_reason_name(reason);
	record.aggregated = true;
	record.has_counts = true;
	record.packets = counter->packets;
	record.bytes = counter->bytes;
	record.message = message;
	record.time_ns = sp_clock_realtime_ns();
	if (recorder->revisions->running) {
		record.revision = recorder->revisions->running->number;
		record.generation = recorder->revisions->running->generation;
	}
	return sp_recorder_try(recorder, &record);
}

/* Record how many refusals were beyond the shares: exactly, and counted as told only once
 * written. */
static void record_refusals(struct sp_recorder *recorder)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	if (!recorder->more_refusals)
		return;
	record.event = SP_AUDIT_LOGIN_REFUSED;
	record.aggregated = true;
	record.has_counts = true;
	record.packets = recorder->more_refusals;
	record.message = "so many more sign-ins were refused";
	record.time_ns = sp_clock_realtime_ns();
	if (sp_recorder_try(recorder, &record) == 0)
		recorder->more_refusals = 0;
}

void sp_recorder_second(struct sp_recorder *recorder)
{
	record_refusals(recorder);
	sp_history_check(recorder, false);
	for (int i = 0; i < SP_RECORDER_FILES; i++)
		if (recorder->files[i].log)
			sp_audit_log_sync(recorder->files[i].log);
}

/* ---- followers ---- */

int sp_recorder_follow(struct sp_recorder *recorder, struct sp_client *client,
		       const struct sp_audit_query *query)
{
	struct sp_follower *follower = calloc(1, sizeof(*follower));

	if (!follower)
		return -ENOMEM;
	follower->client = client;
	follower->query = *query;
	follower->next = recorder->followers;
	recorder->followers = follower;
	sp_client_watch(client);
	return 0;
}

void sp_recorder_unfollow(struct sp_recorder *recorder, const struct sp_client *client)
{
	struct sp_follower **at = &recorder->followers;

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

/* @message: what had to be repaired in the files; NULL: nothing. */
static void record_start(struct sp_recorder *recorder, const char *message)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	struct sp_chain_head head;

	record.event = SP_AUDIT_START;
	record.message = message;
	sp_history_note(recorder, &record, &head);
	sp_recorder_append(recorder, &record);
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

void sp_recorder_set_bounds(struct sp_recorder *recorder)
{
	for (int which = 0; which < SP_RECORDER_FILES; which++) {
		struct sp_audit_log_options options;

		choose_bounds(*recorder->machine, which, &options);
		if (recorder->files[which].log)
			sp_audit_log_set_bounds(recorder->files[which].log, options.rotate_bytes,
						options.keep);
	}
}

/* Open one of the logs. @ret_message: what had to be repaired; the caller frees it. */
static int open_log(struct sp_recorder *recorder, enum sp_recorder_log which, char **ret_message)
{
	struct sp_recorder_file *file = &recorder->files[which];
	struct sp_audit_log_options options = {
		.path = which == SP_RECORDER_PACKETS ? recorder->paths->packets_log
						     : recorder->paths->audit_log,
		.gateway = recorder->gateway_name,
	};
	struct sp_audit_log_repair repair = { 0 };
	char boot[SP_BOOT_ID_MAX];
	int r;

	choose_bounds(*recorder->machine, which, &options);
	file->path = options.path;
	if (sp_clock_boot_id(boot) == 0)
		options.boot = boot;
	r = sp_audit_log_open(&options, NULL, &file->log, &repair);
	if (r < 0) {
		note_failure(recorder, file, r);
		return r;
	}
	*ret_message = describe_repair(file, &repair);
	sp_audit_log_repair_done(&repair);
	return 0;
}

void sp_recorder_open(struct sp_recorder *recorder)
{
	char *messages[SP_RECORDER_FILES] = { NULL };
	bool is_new[SP_RECORDER_FILES];

	if (!recorder->has_key) {
		crypto_shorthash_keygen(recorder->refusal_key);
		recorder->has_key = true;
	}
	for (int which = 0; which < SP_RECORDER_FILES; which++)
		is_new[which] = !recorder->files[which].log &&
				open_log(recorder, which, &messages[which]) == 0;
	for (int which = 0; which < SP_RECORDER_FILES; which++) {
		if (is_new[which] && (messages[which] || which == SP_RECORDER_PEOPLE))
			record_start(recorder, messages[which]);
		free(messages[which]);
	}
}

void sp_recorder_close(struct sp_recorder *recorder)
{
	while (recorder->followers) {
		struct sp_follower *follower = recorder->followers;

		recorder->followers = follower->next;
		free(follower);
	}
	if (recorder->files[SP_RECORDER_PEOPLE].log) {
		record_refusals(recorder);
		sp_history_check(recorder, true);
	}
	for (int i = 0; i < SP_RECORDER_FILES; i++) {
		sp_audit_log_close(recorder->files[i].log);
		recorder->files[i].log = NULL;
	}
}
