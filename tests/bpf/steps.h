/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Short names for tables of steps, and the lab each test of a program has to itself. */
#ifndef SALLYPORT_TESTS_BPF_STEPS_H
#define SALLYPORT_TESTS_BPF_STEPS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lab.h"

#define NONE SP_RULE_NONE
#define DENY(reason) SP_DENY, SP_REASON_##reason
#define ALLOW(reason) SP_ALLOW, SP_REASON_##reason

/* At once; AFTER(s, hook): the clock moves first. */
#define VPN 0, SP_HOOK_VPN_IN
#define EDGE 0, SP_HOOK_EDGE_IN
#define INSIDE 0, SP_HOOK_INSIDE_IN
#define OUT 0, SP_HOOK_VPN_OUT
#define EDGE_OUT 0, SP_HOOK_EDGE_OUT
#define INSIDE_OUT 0, SP_HOOK_INSIDE_OUT
#define AFTER(seconds, hook) (seconds), SP_HOOK_##hook

static struct lab lab;

static inline __attribute__((unused)) int setup(void **state)
{
	(void)state;
	lab_open(&lab, NULL);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	lab_close(&lab);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
