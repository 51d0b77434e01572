/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names of the enumerations; net/reason.c has those of the reasons. */
#include "policy/answer.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"

#define X(id, name, text) [SP_HOOK_##id] = name,
static const char *const hooks[] = { SP_HOOKS(X) };
#undef X
#define X(id, name, text) [SP_ZONE_##id] = name,
static const char *const zones[] = { SP_ZONES(X) };
#undef X
#define X(id, name, text) [SP_##id] = name,
static const char *const verdicts[] = { SP_VERDICTS(X) };
#undef X

static const char *name_of(const char *const *names, size_t count, unsigned n)
{
	return n < count && names[n] ? names[n] : "?";
}

/* The index of @text in @names, or -EINVAL. */
static int place_of(const char *const *names, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (names[i] && strcmp(names[i], text) == 0)
			return (int)i;
	return -EINVAL;
}

const char *sp_hook_name(unsigned hook)
{
	return name_of(hooks, SP_ARRAY_LEN(hooks), hook);
}

const char *sp_zone_name(unsigned zone)
{
	return name_of(zones, SP_ARRAY_LEN(zones), zone);
}

const char *sp_verdict_name(unsigned verdict)
{
	return name_of(verdicts, SP_ARRAY_LEN(verdicts), verdict);
}

const char *sp_would_name(unsigned would)
{
	switch (would) {
	case SP_WOULD_DENY:
		return sp_verdict_name(SP_DENY);
	case SP_WOULD_ALLOW:
		return sp_verdict_name(SP_ALLOW);
	}
	return NULL;
}

int sp_hook_parse(const char *text, enum sp_hook *ret_hook)
{
	int place = place_of(hooks, SP_ARRAY_LEN(hooks), text);

	if (place < 0)
		return place;
	*ret_hook = (enum sp_hook)place;
	return 0;
}
