/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *log_name = "sallyport";
static bool log_is_verbose;

void sp_log_init(const char *name, bool is_verbose)
{
	log_name = name;
	log_is_verbose = is_verbose;
}

static void write_line(int priority, const char *format, va_list args)
{
	char line[1024];
	int len = vsnprintf(line, sizeof(line), format, args);

	if (len < 0)
		return;
	for (char *c = line; *c; c++) /* one event, one line, nothing a terminal would act on */
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>%s\n", priority, line);
	else
		fprintf(stderr, "%s: %s\n", log_name, line);
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
