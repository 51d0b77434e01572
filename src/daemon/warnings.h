/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What needs a person, by code (docs/control-socket.md): one sentence each, raised and cleared as
 * things change, logged when raised, shown by status. */
#ifndef SALLYPORT_DAEMON_WARNINGS_H
#define SALLYPORT_DAEMON_WARNINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "io/log.h"

#define SP_WARNINGS_MAX 32

struct sp_warning {
	const char *code; /* a literal */
	char message[256];
};

struct sp_warnings {
	struct sp_warning items[SP_WARNINGS_MAX];
	size_t count;
};

/* One sentence for each code; a new one of the same code replaces it. */
void sp_warnings_raise(struct sp_warnings *warnings, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void sp_warnings_clear(struct sp_warnings *warnings, const char *code);
bool sp_warnings_has(const struct sp_warnings *warnings, const char *code);

#endif
