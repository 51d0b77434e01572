/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every allocation of ours fails once: the loader says -ENOMEM, leaves no result, and (with the
 * leak checker of a sanitizer build) loses nothing. libyaml's own allocations are its own. */
#include "loading.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_reallocarray(void *block, size_t count, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size);
char *__wrap_strdup(const char *text);

static long until_failure = -1; /* allocations that still succeed; negative: all do */
static bool failed;

static bool fails(void)
{
	if (until_failure < 0 || until_failure-- > 0)
		return false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
	return fails() ? NULL : __real_reallocarray(block, count, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

static const char good_policy[] =
	"sallyport: 1\n"
	"settings: { self: rules }\n"
	"people: { oncall: [{user: ana, idp: corp}, {user: bob, idp: x}] }\n"
	"roles: { eng: {match: [{idp: corp, group: eng}, {idp: x, user: y}, {people: oncall}]} }\n"
	"networks: { db: {in: [10.0.0.0/8, \"2001:db8::/32\"], except: [10.1.1.1]}, lan: "
	"10.20.0.0/16, all: [lan, db], git: {dns: [git.corp.example, b.example.org]}, more: [git, "
	"lan] }\n"
	"services: { web: [tcp/80, udp/443], both: [web, tcp/22] }\n"
	"edge: { drop: bogons, expose: [ {name: e, to: self, service: web} ] }\n"
	"protect: [ {name: p, from: lan, to: self, service: tcp/22} ]\n"
	"rules:\n"
	"  - {name: a, allow: {from: [eng, {user: ana, idp: corp}], to: [db, 10.0.0.1, {role: "
	"eng}, {people: oncall}], "
	"services: [web, icmp]}}\n"
	"  - {name: d, deny: {from: any, to: [10.0.0.1, more]}, reason: \"no\"}\n"
	"  - {name: o, allow: {from: [signed-in, self], to: [all, own-devices], services: both}, "
	"enabled: false}\n"
	"fixtures: { dns: {git.corp.example: 10.0.0.2}, self: [192.0.2.1], interfaces: {wan0: "
	"edge}, sessions: [ {user: ana, idp: "
	"corp, groups: [eng], "
	"address: 100.64.0.7} ] }\n"
	"tests: [ {from: {user: ana}, on: wan0, to: [db, self], service: web, expect: allow, rule: "
	"a} ]\n";

static const char bad_policy[] =
	"sallyport: 1\nrules: [ {name: a, allow: {from: enginer, to: 10.0.0.300}}, 5 ]\nrols: x\n";

static const char machine_file[] =
	"sallyport: 1\nplane: ebpf\ninterfaces: { edge: [wan0, wan1], inside: lan0, tunnel: vpn0, "
	"unmanaged: [guest0] }\n"
	"vpn: { pool: 10.9.0.0/24, endpoint: gate, dns: [10.0.0.1], routes: [servers] }\n"
	"dns: { servers: [10.0.0.1, \"[2001:db8::53]:5353\"] }\n";

static int load_policy(const char *text, bool *ret_has_result)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_policy *policy = NULL;
	int r = sp_policy_load("p", text, strlen(text), &policy, &diagnostics);

	until_failure = -1;
	*ret_has_result = policy != NULL;
	sp_policy_free(policy);
	sp_diagnostics_done(&diagnostics);
	return r;
}

static int load_machine(const char *text, bool *ret_has_result)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_machine *machine = NULL;
	int r = sp_machine_load("m", text, strlen(text), &machine, &diagnostics);

	until_failure = -1;
	*ret_has_result = machine != NULL;
	sp_machine_free(machine);
	sp_diagnostics_done(&diagnostics);
	return r;
}

static void fail_each(int (*load)(const char *text, bool *ret_has_result), const char *text,
		      int expected)
{
	bool has_result;
	long allocations = 0;

	for (long n = 0;; n++) {
		int r;

		until_failure = n;
		failed = false;
		r = load(text, &has_result);
		if (!failed) {
			assert_int_equal(r, expected);
			break;
		}
		if (r != -ENOMEM || has_result)
			fail_msg("allocation %ld failed, and the loader said %d", n, r);
		allocations++;
	}
	assert_true(allocations > 10);
}

static void policy_that_is_good(void **state)
{
	(void)state;
	fail_each(load_policy, good_policy, 0);
}

static void policy_that_is_not(void **state)
{
	(void)state;
	fail_each(load_policy, bad_policy, -EINVAL);
}

static void machine_that_is_good(void **state)
{
	(void)state;
	fail_each(load_machine, machine_file, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policy_that_is_good),
		cmocka_unit_test(policy_that_is_not),
		cmocka_unit_test(machine_that_is_good),
	};

	return cmocka_run_group_tests_name("policy-load-memory", tests, NULL, NULL);
}
