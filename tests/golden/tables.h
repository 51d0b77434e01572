/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decision tables as text, for a reader of diffs. */
#ifndef SALLYPORT_GOLDEN_TABLES_H
#define SALLYPORT_GOLDEN_TABLES_H

#include <stdio.h>

#include "policy/model.h"

/* Compile the policy with its fixtures' gateway and people, and print everything. 0 or -errno. */
int print_tables(struct sp_policy *text, FILE *out);

#endif
