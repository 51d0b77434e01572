/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/base/warnings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct sp_warning *find(const struct sp_warnings *warnings, const char *code)
{
	for (size_t i = 0; i < warnings->count; i++)
		if (!strcmp(warnings->items[i].code, code))
			return (struct sp_warning *)&warnings->items[i];
	return NULL;
}

const char *sp_warnings_remedy(const char *code)
{
	static const char *const remedies[][2] = {
#define X(code, remedy) { code, remedy },
		SP_WARNINGS(X)
#undef X
	};

	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (!strcmp(remedies[i][0], code))
			return remedies[i][1];
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
