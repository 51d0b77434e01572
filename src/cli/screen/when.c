/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/screen/when.h"

#include <stdio.h>
#include <time.h>

#include "audit/time.h"

int64_t sp_when_parse(const char *text)
{
	int64_t time_ns;

	if (!text || sp_time_parse(text, &time_ns) < 0)
		return INT64_MAX;
	return time_ns / SP_NS_PER_S;
}

const char *sp_when_span(int64_t span_s, char buf[SP_WHEN_MAX])
{
	const long long days = span_s / 86400, hours = span_s / 3600 % 24,
			minutes = span_s / 60 % 60;

	if (days)
		snprintf(buf, SP_WHEN_MAX, "%lld d %lld h", days, hours);
	else if (hours)
		snprintf(buf, SP_WHEN_MAX, "%lld h %lld min", hours, minutes);
	else if (minutes)
		snprintf(buf, SP_WHEN_MAX, "%lld min", minutes);
	else
		snprintf(buf, SP_WHEN_MAX, "%lld s", (long long)span_s);
	return buf;
}

const char *sp_when_format(int64_t when_s, int64_t now_s, char buf[SP_WHEN_MAX])
{
	const time_t when = (time_t)when_s, now = (time_t)now_s;
	char span[SP_WHEN_MAX], text[32];
	struct tm then, today;

	if (when_s == INT64_MAX) {
		snprintf(buf, SP_WHEN_MAX, "no end");
		return buf;
	}
	localtime_r(&when, &then);
	localtime_r(&now, &today);
	strftime(text, sizeof(text),
		 then.tm_yday == today.tm_yday && then.tm_year == today.tm_year ? "%H:%M"
										: "%Y-%m-%d %H:%M",
		 &then);
	if (when_s >= now_s)
		snprintf(buf, SP_WHEN_MAX, "%s (in %s)", text, sp_when_span(when_s - now_s, span));
	else
		snprintf(buf, SP_WHEN_MAX, "%s (%s ago)", text, sp_when_span(now_s - when_s, span));
	return buf;
}
