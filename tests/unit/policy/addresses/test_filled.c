/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Networks by file and by DNS: what the text says of them, what is wrong with it, and what they hold at a
 * moment. */
#include "../loading.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "policy/addresses/filled.h"
#include "policy/checks/lint_feeds.h"

#define HEAD                                                                                       \
	"sallyport: 1\n"                                                                           \
	"networks:\n"                                                                              \
	"  drop: { file: drop.netset, max-age: 24h, on-stale: empty }\n"                           \
	"  more: { file: /var/lib/sallyport/more.netset }\n"                                       \
	"  office: 10.20.0.0/16\n"                                                                 \
	"  both: [office, more, drop]\n"                                                           \
	"  less: { in: [both, 10.9.0.0/16], except: [drop, 10.20.1.0/24] }\n"                      \
	"  deep: { in: less, except: 10.30.2.9 }\n"

enum { DROP, MORE, OFFICE, BOTH, LESS, DEEP };

static void the_text_says_where_addresses_come_from(void **state)
{
	__sp_cleanup(sp_policy_freep) struct sp_policy *policy = load_good(HEAD);
	const struct sp_network *networks = policy->networks;

	(void)state;
	assert_int_equal(networks[DROP].kind, SP_NETWORK_FEED);
	assert_string_equal(networks[DROP].file, "drop.netset");
	assert_int_equal(networks[DROP].max_age_s, 86400);
	assert_int_equal(networks[DROP].on_stale, SP_ON_STALE_EMPTY);
	assert_int_equal(networks[MORE].on_stale, SP_ON_STALE_KEEP);
	assert_true(sp_network_is_fixed(&networks[OFFICE]));
	assert_false(sp_network_is_fixed(&networks[BOTH]));
	assert_int_equal(networks[BOTH].in_count, 1);
	assert_int_equal(networks[BOTH].part_count, 2);
	assert_int_equal(networks[LESS].part_count, 1);
	assert_int_equal(networks[LESS].except_part_count, 1);
	assert_int_equal(networks[LESS].part_total, 4);
	assert_int_equal(networks[DEEP].except_count, 1);
}

/* @wrong replaces `list`'s value; what is said of it holds @expected. */
static void expect_said(const char *wrong, const char *expected)
{
	char text[1024];

	snprintf(text, sizeof(text), "sallyport: 1\nnetworks:\n  list: %s\n", wrong);
	if (!strstr(diagnose(text, strlen(text)), expected))
		fail_msg("of %s was said: %s", wrong, diagnose(text, strlen(text)));
}

static void what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *wrong, *expected;
	} cases[] = {
		{ "{ file: /tmp/a.netset }", "the gateway reads feeds below" },
		{ "{ file: ../a.netset }", "is not the path of a file" },
		{ "{ file: a/./b }", "is not the path of a file" },
		{ "{ file: a/ }", "is not the path of a file" },
		{ "{ file: a%b }", "is not the path of a file" },
		{ "{ file: a.netset, max-age: 0 }", "\"max-age\" is from 1s to 365d" },
		{ "{ file: a.netset, max-age: 366d }", "\"max-age\" is from 1s to 365d" },
		{ "{ file: a.netset, on-stale: keep }", "says nothing without \"max-age\"" },
		{ "{ file: a.netset, max-age: 1h, on-stale: kep }",
		  "\"on-stale\" is keep, empty or refuse" },
		{ "{ file: a.netset, ttl-min: 1h }",
		  "\"ttl-min\" belongs to a network by \"dns\"" },
		{ "{ file: a.netset, in: 10.0.0.0/8 }", "\"in\" belongs to a network of its own" },
		{ "{ file: a.netset, except: 10.0.0.0/8 }",
		  "\"except\" belongs to a network of its own" },
		{ "{ in: 10.0.0.0/8, max-age: 1h }", "\"max-age\" belongs to a network" },
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++)
		expect_said(cases[i].wrong, cases[i].expected);
}

static void without_facts_nothing_is_held(void **state)
{
	__sp_cleanup(sp_policy_freep) struct sp_policy *policy = load_good(HEAD);
	__sp_cleanup(sp_policy_freep) struct sp_policy *filled = NULL;

	(void)state;
	assert_int_equal(sp_policy_fill(policy, NULL, 0, &filled), 0);
	assert_ptr_equal(sp_policy_text(filled), policy);
	assert_int_equal(filled->networks[DROP].in_count, 0);
	assert_true(network_holds(&filled->networks[BOTH], "10.20.1.1"));
	assert_true(network_holds(&filled->networks[LESS], "10.20.2.1"));
	assert_false(network_holds(&filled->networks[LESS], "10.20.1.1"));
}

static void facts_fill_what_is_made_of_them(void **state)
{
	static const char fixtures[] =
		HEAD "fixtures:\n"
		     "  feeds: { drop: [198.51.100.0/24, 10.20.3.0/24], more: [10.30.2.8/30, "
		     "\"2001:db8::9\"] }\n";
	__sp_cleanup(sp_policy_freep) struct sp_policy *policy = load_good(fixtures);
	__sp_cleanup(sp_policy_freep) struct sp_policy *filled = NULL;

	(void)state;
	assert_int_equal(sp_policy_fill_fixtures(policy, &filled), 0);
	assert_int_equal(filled->networks[MORE].in_count, 2);
	assert_true(network_holds(&filled->networks[BOTH], "2001:db8::9"));
	assert_true(network_holds(&filled->networks[BOTH], "198.51.100.7"));
	assert_false(network_holds(&filled->networks[LESS], "198.51.100.7"));
	assert_false(network_holds(&filled->networks[LESS], "10.20.3.1"));
	assert_true(network_holds(&filled->networks[LESS], "10.30.2.9"));
	assert_false(network_holds(&filled->networks[DEEP], "10.30.2.9"));
	assert_true(network_holds(&filled->networks[DEEP], "10.30.2.10"));
	assert_true(network_holds(&filled->networks[DEEP], "10.9.1.1"));
}

static void names_fill_what_is_made_of_them(void **state)
{
	static const char text[] =
		"sallyport: 1\n"
		"networks:\n"
		"  git:  { dns: [git.corp.example, www.corp.example], ttl-min: 30s }\n"
		"  less: { in: [git, 10.9.0.0/16], except: 10.30.2.10 }\n"
		"fixtures: { dns: { git.corp.example: [10.30.2.9, \"2001:db8::9\"], "
		"www.corp.example: [10.30.2.10, 10.30.2.9] } }\n";
	__sp_cleanup(sp_policy_freep) struct sp_policy *policy = load_good(text);
	__sp_cleanup(sp_policy_freep) struct sp_policy *filled = NULL;
	const struct sp_network *git = &policy->networks[0];

	(void)state;
	assert_int_equal(git->kind, SP_NETWORK_DNS);
	assert_int_equal(git->host_count, 2);
	assert_string_equal(git->hosts[1], "www.corp.example");
	assert_int_equal(git->ttl_min_s, 30);
	assert_int_equal(git->max_age_s, 86400);
	assert_false(sp_network_is_fixed(&policy->networks[1]));
	assert_int_equal(sp_policy_fill_fixtures(policy, &filled), 0);
	assert_int_equal(filled->networks[0].in_count, 4);
	assert_true(network_holds(&filled->networks[0], "2001:db8::9"));
	assert_true(network_holds(&filled->networks[1], "10.30.2.9"));
	assert_false(network_holds(&filled->networks[1], "10.30.2.10"));
	assert_true(network_holds(&filled->networks[1], "10.9.1.1"));
}

static void a_policy_without_files_is_its_own(void **state)
{
	__sp_cleanup(sp_policy_freep) struct sp_policy *policy =
		load_good("sallyport: 1\nnetworks: { office: 10.20.0.0/16 }\n");
	__sp_cleanup(sp_policy_freep) struct sp_policy *filled = NULL;

	(void)state;
	assert_int_equal(sp_policy_fill(policy, NULL, 0, &filled), 0);
	assert_ptr_equal(filled, policy);
}

static void a_test_needs_to_know_what_is_held(void **state)
{
	static const char of_name[] =
		"sallyport: 1\nnetworks: { git: { dns: git.corp.example } }\n"
		"tests: [ { from: 10.0.0.1, to: git, service: tcp/1, expect: deny } ]\n";
	static const char test[] =
		"tests:\n  - { from: 10.0.0.1, to: drop, service: tcp/1, expect: deny }\n";
	static const char known[] = "fixtures: { feeds: { drop: 10.30.2.10 } }\n";
	__sp_cleanup(sp_policy_freep) struct sp_policy *policy = NULL;
	char text[2048];

	(void)state;
	snprintf(text, sizeof(text), "%s%s", HEAD, test);
	assert_non_null(strstr(diagnose(text, strlen(text)),
			       "a test to \"drop\" needs to know what its file holds"));
	assert_non_null(strstr(diagnose(of_name, strlen(of_name)),
			       "a test to \"git\" needs to know an address of its name: fixtures: "
			       "{ dns: { git.corp.example: 192.0.2.1 } }"));
	snprintf(text, sizeof(text), "%s%s%s", HEAD, known, test);
	policy = load_good(text);
	assert_int_equal(policy->tests[0].to_count, 1);
	assert_addr(&policy->tests[0].to[0], "10.30.2.10");
}

static void the_edge_drops_networks_of_either_kind(void **state)
{
	__sp_cleanup(sp_policy_freep) struct sp_policy *policy =
		load_good(HEAD "edge: { drop: [bogons, less, office] }\n");

	(void)state;
	assert_true(policy->drop_bogons);
	assert_int_equal(policy->drop_count, 2);
	assert_int_equal(policy->drops[0], LESS);
	assert_int_equal(policy->drops[1], OFFICE);
}

/* What the lint says with these lists; "": nothing. */
static const char *lint(const char *drop, const char *more)
{
	static char said[512];
	__sp_cleanup(sp_policy_freep) struct sp_policy *policy = NULL, *filled = NULL;
	__sp_cleanup(sp_diagnostics_done) struct sp_diagnostics diagnostics = { 0 };
	char text[2048];

	snprintf(text, sizeof(text), "%sfixtures: { feeds: { drop: [%s], more: [%s] } }\n", HEAD,
		 drop, more);
	policy = load_good(text);
	assert_int_equal(sp_policy_fill_fixtures(policy, &filled), 0);
	assert_int_equal(sp_policy_lint_feeds(filled, &diagnostics), 0);
	snprintf(said, sizeof(said), "%s", diagnostics.count ? diagnostics.items[0].message : "");
	return said;
}

static void a_list_within_another_is_warned_of(void **state)
{
	(void)state;
	assert_string_equal(lint("10.1.0.0/16", "10.0.0.0/8, 192.0.2.1"),
			    "all that \"drop\" holds, \"more\" holds too");
	assert_string_equal(lint("10.1.0.0/16", "10.1.0.0/16"),
			    "all that \"more\" holds, \"drop\" holds too");
	assert_string_equal(lint("10.1.0.0/16, \"2001:db8::/32\"", "10.0.0.0/8"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_says_where_addresses_come_from),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(without_facts_nothing_is_held),
		cmocka_unit_test(facts_fill_what_is_made_of_them),
		cmocka_unit_test(names_fill_what_is_made_of_them),
		cmocka_unit_test(a_policy_without_files_is_its_own),
		cmocka_unit_test(a_test_needs_to_know_what_is_held),
		cmocka_unit_test(the_edge_drops_networks_of_either_kind),
		cmocka_unit_test(a_list_within_another_is_warned_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
