/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

bool sp_refusal_is_providers(enum sp_refusal_reason reason)
{
	const char *code = sp_refusal_code(reason);

	return !strcmp(code, "provider-failed") || !strcmp(code, "provider-unreachable");
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

#define ISSUER_SHOWN 60u

/* Does @longer only have a slash more than @text? */
static bool has_slash_more(const char *longer, const char *text)
{
	const size_t len = strlen(text);

	return strncmp(longer, text, len) == 0 && strcmp(longer + len, "/") == 0;
}

int sp_find_issuer(struct sp_finding *finding, enum sp_refusal_reason reason, const char *begin,
		   const char *said, const char *wanted)
{
	const bool has_more = has_slash_more(said, wanted), has_less = has_slash_more(wanted, said);
	size_t from = 0;

	while (said[from] && said[from] == wanted[from])
		from++;
	from = from > ISSUER_SHOWN / 2 &&
			       (strlen(said) > ISSUER_SHOWN || strlen(wanted) > ISSUER_SHOWN)
		       ? from - ISSUER_SHOWN / 2
		       : 0;
	return sp_find(finding, reason, "%s \"%s%.*s\", not \"%s%.*s\" as in the file%s", begin,
		       from ? "..." : "", (int)ISSUER_SHOWN, said + from, from ? "..." : "",
		       (int)ISSUER_SHOWN, wanted + from,
		       has_more   ? ": write it with the slash at its end"
		       : has_less ? ": write it without the slash at its end"
				  : "");
}
