/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/people/refusal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int sp_refuse(struct sp_refusal *refusal, int r, const char *code, int exit_code,
	      const char *format, ...)
{
	va_list args;

	refusal->code = code;
	refusal->exit_code = exit_code;
	refusal->reason = SP_REFUSAL_GATEWAY;
	va_start(args, format);
	vsnprintf(refusal->message, sizeof(refusal->message), format, args);
	va_end(args);
	return r;
}

int sp_refuse_login(struct sp_refusal *refusal, int r, enum sp_refusal_reason reason,
		    const char *format, ...)
{
	va_list args;

	refusal->code = "login-refused";
	refusal->exit_code = 7;
	refusal->reason = reason;
	va_start(args, format);
	vsnprintf(refusal->message, sizeof(refusal->message), format, args);
	va_end(args);
	return r;
}

/* The table's own words; the functions of src/identity would bring a JOSE library along. */
static const char *const words[] = { [SP_REFUSAL_NONE] = "",
#define X(name, reason, status, code, text) [SP_REFUSAL_##name] = reason,
				     SP_REFUSALS(X)
#undef X
};

const char *sp_refuse_word(enum sp_refusal_reason reason)
{
	return words[reason];
}

const char *sp_refuse_find_word(const char *text)
{
	for (unsigned int i = SP_REFUSAL_NONE + 1; i < SP_REFUSAL_COUNT; i++)
		if (!strcmp(words[i], text))
			return words[i];
	return NULL;
}
