/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/health/drift.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "daemon/base/json.h"
#include "daemon/base/warnings.h"
#include "daemon/record/recorder.h"
#include "io/log/log.h"
#include "io/loop/clock.h"
#include "json/text.h"
#include "policy/answer.h"

#define RECORD_NS (60 * SP_SECOND_NS) /* one record a thing */
#define MINUTE_NS (60 * SP_SECOND_NS)
#define SHOWN_NS (3600 * SP_SECOND_NS)

/* ---- the list ---- */

static bool is_of(const struct sp_drift *drift, const struct sp_drift_sight *sight)
{
	return !strcmp(drift->code, sight->code) && drift->hook == sight->hook &&
	       !strcmp(drift->iface, sight->iface ? sight->iface : "") &&
	       !strcmp(drift->what, sight->what);
}

static void drift_drop(struct sp_drifts *drifts, size_t at)
{
	memmove(&drifts->items[at], &drifts->items[at + 1],
		(drifts->count - at - 1) * sizeof(drifts->items[0]));
	drifts->count--;
}

/* The entry that has been right again for longest; if there is none, the one seen longest ago. */
static size_t find_oldest(const struct sp_drifts *drifts)
{
	size_t oldest = 0;

	for (size_t i = 1; i < drifts->count; i++) {
		const struct sp_drift *item = &drifts->items[i], *former = &drifts->items[oldest];

		if (item->is_put_back == former->is_put_back ? item->seen_ns < former->seen_ns
							     : item->is_put_back)
			oldest = i;
	}
	return oldest;
}

static struct sp_drift *find_or_add(struct sp_drifts *drifts, const struct sp_drift_sight *sight)
{
	struct sp_drift *drift;

	for (size_t i = 0; i < drifts->count; i++)
		if (is_of(&drifts->items[i], sight))
			return &drifts->items[i];
	if (drifts->count == SP_DRIFT_ITEMS_MAX)
		drift_drop(drifts, find_oldest(drifts));
	drift = &drifts->items[drifts->count++];
	*drift = (struct sp_drift){ .code = sight->code, .hook = sight->hook, .is_put_back = true };
	snprintf(drift->iface, sizeof(drift->iface), "%s", sight->iface ? sight->iface : "");
	snprintf(drift->what, sizeof(drift->what), "%s", sight->what);
	return drift;
}

/* ---- on record ---- */

static void drift_record(struct sp_drifts *drifts, struct sp_drift *drift)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	record.event = SP_AUDIT_DRIFT;
	record.reason = drift->code;
	record.iface = drift->iface[0] ? drift->iface : NULL;
	record.hook = drift->hook;
	record.repair = drift->is_put_back ? SP_AUDIT_PUT_BACK : SP_AUDIT_NOT_PUT_BACK;
	record.by = drift->by[0] ? drift->by : NULL;
	record.message = drift->message;
	record.has_counts = true;
	record.aggregated = drift->unrecorded > 1;
	record.packets = drift->unrecorded;
	sp_recorder_append(drifts->recorder, &record);
	drift->unrecorded = 0;
	drift->recorded_ns = sp_clock_boottime_ns();
	drift->is_opening_recorded = !drift->is_put_back;
	if (!drift->is_put_back)
		drift->opened_ns = drift->recorded_ns;
}

/* A drift that cannot be put back takes the place of a record of what was put back. */
static bool is_record_due(const struct sp_drift *drift)
{
	const uint64_t last_ns = drift->is_put_back ? drift->recorded_ns : drift->opened_ns;

	return drift->unrecorded && (!last_ns || sp_clock_boottime_ns() - last_ns >= RECORD_NS);
}

static void drift_describe(struct sp_drift *drift, const struct sp_drift_sight *sight)
{
	const char *why = sight->why && *sight->why ? sight->why : sp_err_text(sight->repair);

	sp_text_show(sight->by ? sight->by : "", drift->by, sizeof(drift->by));
	if (sight->repair == 0)
		snprintf(drift->message, sizeof(drift->message), "%s%s%s: put back", drift->what,
			 drift->by[0] ? " by " : "", drift->by);
	else
		snprintf(drift->message, sizeof(drift->message), "%s%s%s: not put back: %s",
			 drift->what, drift->by[0] ? " by " : "", drift->by, why);
}

static void note_repair(struct sp_drift *drift)
{
	memmove(&drift->repaired_ns[1], &drift->repaired_ns[0],
		sizeof(drift->repaired_ns) - sizeof(drift->repaired_ns[0]));
	drift->repaired_ns[0] = drift->seen_ns;
}

/* The last SP_DRIFT_OFTEN repairs fell within a minute, and the last one is not a minute old. */
static bool is_undone_again(const struct sp_drift *drift, uint64_t now_ns)
{
	const uint64_t first_ns = drift->repaired_ns[SP_DRIFT_OFTEN - 1];
	const uint64_t last_ns = drift->repaired_ns[0];

	return first_ns && last_ns - first_ns < MINUTE_NS && now_ns - last_ns < MINUTE_NS;
}

/* ---- a look ---- */

void sp_drift_begin(struct sp_drifts *drifts)
{
	drifts->look++;
}

void sp_drift_see(struct sp_drifts *drifts, const struct sp_drift_sight *sight)
{
	struct sp_drift *drift = find_or_add(drifts, sight);
	const bool was_open = !drift->is_put_back;

	drift->look = drifts->look;
	drift->seen_ns = sp_clock_boottime_ns();
	drift->time_ns = sp_clock_realtime_ns();
	drift->is_put_back = sight->repair == 0;
	if (was_open && !drift->is_put_back) {
		drift_describe(drift, sight); /* still so: counted once */
		return;
	}
	drift_describe(drift, sight);
	if (!was_open) {
		drift->times++;
		drift->unrecorded++;
	}
	if (drift->is_put_back)
		note_repair(drift);
	if ((was_open && drift->is_opening_recorded) || is_record_due(drift)) {
		sp_log_note("%s: %s", drift->code, drift->message);
		drift_record(drifts, drift);
	}
}

static void close_open(struct sp_drifts *drifts, struct sp_drift *drift)
{
	drift->is_put_back = true;
	snprintf(drift->message, sizeof(drift->message), "%s: no longer so", drift->what);
	if (drift->is_opening_recorded)
		drift_record(drifts, drift);
}

/* All open drift of one code, as one warning. */
static void drift_warn(struct sp_drifts *drifts, const char *code)
{
	char text[256] = "";
	size_t len = 0;

	for (size_t i = 0; i < drifts->count; i++) {
		const struct sp_drift *drift = &drifts->items[i];

		if (drift->is_put_back || strcmp(drift->code, code) != 0 || len >= sizeof(text))
			continue;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len ? "; " : "",
					drift->message);
	}
	if (len)
		sp_warnings_raise(drifts->warnings, code, "%s", text);
	else
		sp_warnings_clear(drifts->warnings, code);
}

static void warn_of_fights(struct sp_drifts *drifts)
{
	const uint64_t now_ns = sp_clock_boottime_ns();
	const struct sp_drift *worst = NULL;

	for (size_t i = 0; i < drifts->count; i++) {
		const struct sp_drift *drift = &drifts->items[i];

		if (is_undone_again(drift, now_ns) && (!worst || drift->times > worst->times))
			worst = drift;
	}
	if (worst)
		sp_warnings_raise(drifts->warnings, "drift-again",
				  "somebody undoes again and again what is put back: %s (%s)",
				  worst->what, worst->code);
	else
		sp_warnings_clear(drifts->warnings, "drift-again");
}

void sp_drift_end(struct sp_drifts *drifts)
{
	static const char *const codes[] = {
#define X(code, text) code,
		SP_DRIFTS(X)
#undef X
	};

	for (size_t i = 0; i < drifts->count; i++) {
		struct sp_drift *drift = &drifts->items[i];

		if (!drift->is_put_back && drift->look != drifts->look)
			close_open(drifts, drift);
		else if (is_record_due(drift))
			drift_record(drifts, drift);
	}
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		drift_warn(drifts, codes[i]);
	warn_of_fights(drifts);
}

/* ---- for status ---- */

json_t *sp_drift_list(const struct sp_drifts *drifts)
{
	const uint64_t now_ns = sp_clock_boottime_ns();
	json_t *list = json_array();

	for (size_t i = 0; i < drifts->count; i++) {
		const struct sp_drift *drift = &drifts->items[i];

		if (drift->is_put_back && now_ns - drift->seen_ns > SHOWN_NS)
			continue;
		json_array_append_new(
			list,
			json_pack("{s:s, s:s?, s:s?, s:o, s:o, s:b, s:I, s:o}", "code", drift->code,
				  "interface", drift->iface[0] ? drift->iface : NULL, "hook",
				  drift->hook ? sp_hook_name(drift->hook) : NULL, "message",
				  sp_json_of_text(drift->message), "by",
				  drift->by[0] ? sp_json_of_text(drift->by) : json_null(),
				  "put_back", drift->is_put_back, "times", (json_int_t)drift->times,
				  "time", sp_json_time(drift->time_ns)));
	}
	return list;
}
