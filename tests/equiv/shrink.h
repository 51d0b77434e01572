/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A failing case, made as small as it still fails: fewer steps, then fewer rules, then fewer words.
 */
#ifndef SALLYPORT_EQUIV_SHRINK_H
#define SALLYPORT_EQUIV_SHRINK_H

#include "world.h"

/* Does this case fail? A case that cannot be run does not. */
typedef bool (*shrink_fails_fn)(void *arg, const struct equiv_case *test);

/* @test is made smaller in place, at most @tries runs. */
void shrink_case(struct equiv_case *test, shrink_fails_fn fails, void *arg, unsigned tries);

#endif
