/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/record/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/time.h"
#include "config/machine.h"
#include "daemon/base/warnings.h"
#include "daemon/record/recorder.h"
#include "io/log/audit_log.h"
#include "io/loop/clock.h"

#define NOTE_NS (3600 * SP_SECOND_NS) /* between two records about where packets.jsonl stands */
#define TELL_NS (60 * SP_SECOND_NS)   /* between two records about records that one log lost */

static const char *name_of(const struct sp_recorder_file *file)
{
	const char *slash = strrchr(file->path, '/');

	return slash ? slash + 1 : file->path;
}

/* Write it into the log of people and administrators, which outlives the other. */
static void loss_tell(struct sp_recorder *recorder, struct sp_recorder_file *file, int64_t now_ns)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	char message[128];

	snprintf(message, sizeof(message),
		 "rotation took these away from %s, younger than audit.min-age", name_of(file));
	record.event = SP_AUDIT_GAP;
	record.reason = "rotation";
	record.has_counts = true;
	record.packets = file->lost;
	record.message = message;
	record.time_ns = now_ns;
	if (sp_recorder_try(recorder, &record) < 0)
		return;
	file->lost = 0;
	file->told_ns = sp_clock_boottime_ns();
}

static void count_lost(struct sp_recorder_file *file, int64_t since_ns)
{
	struct sp_audit_drop drop;

	sp_audit_log_take_drop(file->log, &drop);
	if (drop.records && drop.newest_ns > since_ns)
		file->lost += drop.records;
}

/* Say since when, in words that stay the same while the state lasts. */
static void alarm_or_not(struct sp_recorder *recorder, int64_t now_ns, int64_t min_age_ns)
{
	char names[64] = "", time[SP_TIME_TEXT_MAX];
	int64_t since_ns = INT64_MAX;

	for (int i = 0; i < SP_RECORDER_FILES; i++) {
		struct sp_recorder_file *file = &recorder->files[i];
		const int64_t horizon_ns = file->log ? sp_audit_log_get_horizon(file->log) : 0;
		const size_t used = strlen(names);

		if (!horizon_ns || horizon_ns <= now_ns - min_age_ns) {
			file->short_since_ns = 0;
			continue;
		}
		if (!file->short_since_ns)
			file->short_since_ns = now_ns;
		if (file->short_since_ns < since_ns)
			since_ns = file->short_since_ns;
		snprintf(names + used, sizeof(names) - used, "%s%s", used ? " and " : "",
			 name_of(file));
	}
	if (names[0])
		sp_warnings_raise(
			recorder->warnings, "audit-short",
			"since %s %s reach back less than audit.min-age (%" PRId64
			" s): rotation took away younger records; raise audit.rotate or audit.keep",
			sp_time_format_s(since_ns / SP_NS_PER_S, time), names,
			min_age_ns / (int64_t)SP_NS_PER_S);
	else if (sp_warnings_has(recorder->warnings, "audit-short"))
		sp_warnings_clear(recorder->warnings, "audit-short");
}

void sp_history_note(struct sp_recorder *recorder, struct sp_audit_record *record,
		     struct sp_chain_head *ret_head)
{
	struct sp_recorder_file *file = &recorder->files[SP_RECORDER_PACKETS];

	if (!file->log || sp_audit_log_sync(file->log) < 0)
		return;
	sp_audit_log_get_head(file->log, ret_head);
	record->head = ret_head;
	file->noted_seq = ret_head->seq;
	file->noted_ns = sp_clock_boottime_ns();
	file->noted_rotations = sp_audit_log_get_rotations(file->log);
}

/* A head that is on record nowhere could be removed together with the file. */
static void note_head(struct sp_recorder *recorder, bool is_last)
{
	struct sp_recorder_file *file = &recorder->files[SP_RECORDER_PACKETS];
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	struct sp_chain_head head;

	if (!file->log || !recorder->files[SP_RECORDER_PEOPLE].log)
		return;
	sp_audit_log_get_head(file->log, &head);
	if (head.seq == file->noted_seq ||
	    (!is_last && sp_audit_log_get_rotations(file->log) == file->noted_rotations &&
	     sp_clock_boottime_ns() - file->noted_ns < NOTE_NS))
		return;
	record.event = SP_AUDIT_HEAD;
	sp_history_note(recorder, &record, &head);
	sp_recorder_append(recorder, &record);
}

void sp_history_check(struct sp_recorder *recorder, bool is_last)
{
	const int64_t now_ns = sp_clock_realtime_ns();
	const int64_t min_age_ns = (*recorder->machine)->audit_min_age_s * (int64_t)SP_NS_PER_S;
	const uint64_t boottime_ns = sp_clock_boottime_ns();

	for (int i = 0; i < SP_RECORDER_FILES; i++) {
		struct sp_recorder_file *file = &recorder->files[i];

		if (!file->log)
			continue;
		count_lost(file, now_ns - min_age_ns);
		if (file->lost &&
		    (is_last || !file->told_ns || boottime_ns - file->told_ns >= TELL_NS))
			loss_tell(recorder, file, now_ns);
	}
	alarm_or_not(recorder, now_ns, min_age_ns);
	note_head(recorder, is_last);
}
