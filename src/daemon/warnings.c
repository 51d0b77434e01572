/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/warnings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool log_is_verbose;

void sp_log_set_verbose(bool is_verbose)
{
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
		fprintf(stderr, "sallyportd: %s\n", line);
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

static struct sp_warning *find(const struct sp_warnings *warnings, const char *code)
{
	for (size_t i = 0; i < warnings->count; i++)
		if (!strcmp(warnings->items[i].code, code))
			return (struct sp_warning *)&warnings->items[i];
	return NULL;
}

bool sp_warnings_has(const struct sp_warnings *warnings, const char *code)
{
	return find(warnings, code) != NULL;
}

void sp_warnings_raise(struct sp_warnings *warnings, const char *code, const char *format, ...)
{
	struct sp_warning *warning = find(warnings, code);
	char message[sizeof(warning->message)];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (warning && !strcmp(warning->message, message))
		return;
	sp_log_error("%s", message);
	if (!warning && warnings->count < SP_WARNINGS_MAX) {
		warning = &warnings->items[warnings->count++];
		warning->code = code;
	}
	if (warning)
		memcpy(warning->message, message, sizeof(message));
}

void sp_warnings_clear(struct sp_warnings *warnings, const char *code)
{
	struct sp_warning *warning = find(warnings, code);

	if (!warning)
		return;
	sp_log_note("no longer: %s", warning->message);
	memmove(warning, warning + 1,
		(size_t)(&warnings->items[warnings->count] - (warning + 1)) * sizeof(*warning));
	warnings->count--;
}
