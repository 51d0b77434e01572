/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/health/trouble.h"

#include <string.h>

#include "daemon/health/drift.h"
#include "daemon/record/recorder.h"
#include "io/loop/clock.h"

#define LASTING_NS (5 * SP_SECOND_NS) /* a shorter trouble was a start or a restart */
#define AGAIN_NS (60 * SP_SECOND_NS)  /* a trouble that comes and goes has one record a minute */

/* Drift has records of its own, and a log that cannot be written cannot say so. */
static bool is_recorded_elsewhere(const char *code)
{
	static const char *const codes[] = {
#define X(code, text) code,
		SP_DRIFTS(X)
#undef X
			"audit-failed",
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (!strcmp(codes[i], code))
			return true;
	return false;
}

static struct sp_trouble *find_or_add(struct sp_troubles *troubles, const char *code)
{
	struct sp_trouble *trouble;

	for (size_t i = 0; i < troubles->count; i++)
		if (!strcmp(troubles->items[i].code, code))
			return &troubles->items[i];
	if (troubles->count == SP_WARNINGS_MAX)
		return NULL;
	trouble = &troubles->items[troubles->count++];
	*trouble = (struct sp_trouble){ .code = code };
	return trouble;
}

static void record(struct sp_troubles *troubles, const char *code, const char *message,
		   bool is_over)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	record.event = SP_AUDIT_DRIFT;
	record.reason = code;
	record.repair = is_over ? SP_AUDIT_PUT_BACK : SP_AUDIT_NOT_PUT_BACK;
	record.message = message;
	sp_recorder_append(troubles->recorder, &record);
}

static void see(struct sp_troubles *troubles, const struct sp_warning *warning)
{
	const uint64_t now_ns = sp_clock_boottime_ns();
	struct sp_trouble *trouble = find_or_add(troubles, warning->code);

	if (!trouble)
		return;
	if (!trouble->is_there)
		trouble->since_ns = now_ns;
	trouble->is_there = true;
	if (trouble->is_recorded || now_ns - trouble->since_ns < LASTING_NS ||
	    (trouble->recorded_ns && now_ns - trouble->recorded_ns < AGAIN_NS))
		return;
	trouble->is_recorded = true;
	trouble->recorded_ns = now_ns;
	record(troubles, warning->code, warning->message, false);
}

void sp_trouble_look(struct sp_troubles *troubles)
{
	for (size_t i = 0; i < troubles->warnings->count; i++)
		if (!is_recorded_elsewhere(troubles->warnings->items[i].code))
			see(troubles, &troubles->warnings->items[i]);
	for (size_t i = 0; i < troubles->count; i++) {
		struct sp_trouble *trouble = &troubles->items[i];

		if (sp_warnings_has(troubles->warnings, trouble->code))
			continue;
		if (trouble->is_recorded)
			record(troubles, trouble->code, "no longer so", true);
		trouble->is_there = trouble->is_recorded = false;
	}
}
