/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/log/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/remedy.h"
#include "base/text.h"

static const char *log_name = "sallyport";
static bool log_is_verbose;

void sp_log_init(const char *name, bool is_verbose)
{
	log_name = name;
	log_is_verbose = is_verbose;
}

static void write_line(int priority, const char *format, va_list args)
{
	char line[1024], shown[sizeof(line) * 2];
	const int len = vsnprintf(line, sizeof(line), format, args);
	const char *remedy = len < 0 ? NULL : sp_remedy_of(line);

	if (len < 0)
		return;
	if (remedy && len < (int)sizeof(line))
		snprintf(line + len, sizeof(line) - (size_t)len, " (%s)", remedy);
	/* one line for one event, without bytes that act on a terminal */
	sp_text_show(line, shown, sizeof(shown));
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>%s\n", priority, shown);
	else
		fprintf(stderr, "%s: %s\n", log_name, shown);
}

void sp_log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(3, format, args);
	va_end(args);
}

void sp_log_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(5, format, args);
	va_end(args);
}

void sp_log_detail(const char *format, ...)
{
	va_list args;

	if (!log_is_verbose)
		return;
	va_start(args, format);
	write_line(6, format, args);
	va_end(args);
}
