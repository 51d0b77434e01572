/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Collecting diagnostics while a file is checked: bounded, each message one printable line.
 * The list itself is struct sp_diagnostics (policy/load.h). */
#ifndef SALLYPORT_POLICY_DIAGNOSTICS_H
#define SALLYPORT_POLICY_DIAGNOSTICS_H

#include <stdarg.h>

#include "policy/load.h"

#define SP_DIAGNOSTICS_MAX 100

/* Keep one diagnostic. Of more than SP_DIAGNOSTICS_MAX the errors are kept before the warnings and
 * the earlier places before the later; the same message at the same place is kept once.
 * Returns 0; -ENOMEM. */
int sp_diagnostics_add(struct sp_diagnostics *diagnostics, enum sp_severity severity,
		       const char *path, struct sp_place place, const char *format, va_list args)
	__attribute__((format(printf, 5, 0)));

/* Into the order of the text. */
void sp_diagnostics_sort(struct sp_diagnostics *diagnostics);

/* Text of a file as a message shows it: in quotes, shortened, control characters escaped. Use it
 * as an argument: sp_show(text).quoted lives until the end of the statement. */
struct sp_shown {
	char quoted[112];
};
struct sp_shown sp_show(const char *text);

#endif
