/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/array.h"
#include "base/text.h"

struct refusal {
	const char *word;
	int status;
	const char *code;
	const char *message;
};

static const struct refusal refusals[SP_REFUSAL_COUNT] = {
	[SP_REFUSAL_NONE] = { "none", 200, "none", "nothing was refused" },
#define X(name, word, status, code, message) [SP_REFUSAL_##name] = { word, status, code, message },
	SP_REFUSALS(X)
#undef X
};

static const struct refusal *look_up(enum sp_refusal_reason reason)
{
	return &refusals[(unsigned)reason < SP_ARRAY_LEN(refusals) ? reason : SP_REFUSAL_NONE];
}

const char *sp_refusal_word(enum sp_refusal_reason reason)
{
	return look_up(reason)->word;
}

int sp_refusal_status(enum sp_refusal_reason reason)
{
	return look_up(reason)->status;
}

const char *sp_refusal_code(enum sp_refusal_reason reason)
{
	return look_up(reason)->code;
}

const char *sp_refusal_message(enum sp_refusal_reason reason)
{
	return look_up(reason)->message;
}

int sp_find(struct sp_finding *finding, enum sp_refusal_reason reason, const char *format, ...)
{
	char detail[sizeof(finding->detail)];
	va_list args;

	finding->reason = reason;
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	sp_text_show(detail, finding->detail, sizeof(finding->detail));
	return -EACCES;
}
