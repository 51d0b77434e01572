/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Put an error of libyaml into words that say what to write instead. */
#ifndef SALLYPORT_YAML_YAML_ERROR_H
#define SALLYPORT_YAML_YAML_ERROR_H

#include "yaml/diagnostics.h"

/* @context, @opened  what was being read and where it started; @context may be NULL.
 * @problem, @at      what went wrong, and where. */
void sp_yaml_error_report(struct sp_check *check, const char *context, const struct sp_node *opened,
			  const char *problem, const struct sp_node *at);

#endif
