/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of the loaders share: a policy from a text, diagnostics as one string. */
#ifndef SALLYPORT_TESTS_LOADING_H
#define SALLYPORT_TESTS_LOADING_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/machine.h"
#include "net/addr.h"
#include "policy/load.h"

/* The policy of a text that must be taken; warnings are let pass. The caller frees it. */
static inline struct sp_policy *load_good(const char *text)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_policy *policy = NULL;
	int r = sp_policy_load("policy.yaml", text, strlen(text), &policy, &diagnostics);

	for (size_t i = 0; i < diagnostics.count && r < 0; i++)
		print_error("%u:%u: %s\n", diagnostics.items[i].place.line,
			    diagnostics.items[i].place.column, diagnostics.items[i].message);
	sp_diagnostics_done(&diagnostics);
	assert_int_equal(r, 0);
	assert_non_null(policy);
	return policy;
}

/* All diagnostics of a text, a line each, in a buffer of the test's. */
static inline char *diagnose(const char *text, size_t len)
{
	static char all[65536];
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_policy *policy = NULL;

	all[0] = '\0';
	sp_policy_load("policy.yaml", text, len, &policy, &diagnostics);
	for (size_t i = 0; i < diagnostics.count; i++) {
		char *line = sp_diagnostic_format(&diagnostics.items[i]);

		assert_non_null(line);
		strncat(all, line, sizeof(all) - strlen(all) - 2);
		strcat(all, "\n");
		free(line);
	}
	sp_diagnostics_done(&diagnostics);
	sp_policy_free(policy);
	return all;
}

static inline struct sp_addr addr_of(const char *text)
{
	struct sp_addr addr;

	assert_int_equal(sp_addr_parse(text, &addr), 0);
	return addr;
}

static inline bool network_holds(const struct sp_network *network, const char *text)
{
	struct sp_addr addr = addr_of(text);
	bool is_in = false;

	for (size_t i = 0; i < network->in_count; i++)
		is_in |= sp_prefix_contains(&network->in[i], &addr);
	for (size_t i = 0; i < network->except_count; i++)
		is_in &= !sp_prefix_contains(&network->except[i], &addr);
	return is_in;
}

static inline void assert_addr(const struct sp_addr *addr, const char *expected)
{
	char text[SP_ADDR_TEXT_MAX];

	assert_string_equal(sp_addr_format(addr, text), expected);
}

static inline void assert_prefix(const struct sp_prefix *prefix, const char *expected)
{
	char text[SP_PREFIX_TEXT_MAX];

	assert_string_equal(sp_prefix_format(prefix, text), expected);
}

#endif
