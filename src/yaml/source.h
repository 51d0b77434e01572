/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is a file's content text at all, in the one form we read: UTF-8, spaces for indentation. */
#ifndef SALLYPORT_YAML_SOURCE_H
#define SALLYPORT_YAML_SOURCE_H

#include <stddef.h>

#include "yaml/diagnostics.h"

#define SP_SOURCE_MAX (10u << 20) /* bytes */

/* Report the bytes that are no text. Returns 0; -EINVAL something was reported. */
int sp_source_check(struct sp_check *check, const char *text, size_t len);

#endif
