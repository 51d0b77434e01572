/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Diagnostics and test results as docs/control-socket.md shows them. */
#ifndef SALLYPORT_DAEMON_DIAGNOSE_H
#define SALLYPORT_DAEMON_DIAGNOSE_H

#include <jansson.h>

#include "judge/judge.h"
#include "yaml/diagnostics.h"

json_t *sp_diagnose_policy(const struct sp_diagnostics *diagnostics);
json_t *sp_diagnose_tests(const struct sp_policy *policy, const struct sp_test_result *results,
			  size_t count);

#endif
