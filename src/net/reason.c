/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/reason.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name, *meaning;
} reasons[SP_REASON_SLOTS] = {
#define X(id, name, text) [SP_REASON_##id] = { name, text },
	SP_REASONS(X)
#undef X
};

/* Names of numbers for which the list above has no reason. */
#define TEN(tens)                                                                                  \
	"reason-" tens "0", "reason-" tens "1", "reason-" tens "2", "reason-" tens "3",            \
		"reason-" tens "4", "reason-" tens "5", "reason-" tens "6", "reason-" tens "7",    \
		"reason-" tens "8", "reason-" tens "9"
static const char *const numbered[] = { TEN(""),  TEN("1"), TEN("2"), TEN("3"),
					TEN("4"), TEN("5"), TEN("6") };
_Static_assert(sizeof(numbered) / sizeof(numbered[0]) >= SP_REASON_SLOTS, "each slot has a name");

const char *sp_reason_name(unsigned reason)
{
	if (reason == SP_REASON_NONE || reason >= SP_REASON_SLOTS)
		return "?";
	return reasons[reason].name ? reasons[reason].name : numbered[reason];
}

const char *sp_reason_meaning(unsigned reason)
{
	return reason < SP_REASON_SLOTS && reasons[reason].name ? reasons[reason].meaning : "?";
}

int sp_reason_parse(const char *text, enum sp_reason *ret_reason)
{
	for (unsigned reason = 1; reason < SP_REASON_COUNT; reason++)
		if (!strcmp(reasons[reason].name, text)) {
			*ret_reason = (enum sp_reason)reason;
			return 0;
		}
	return -EINVAL;
}
