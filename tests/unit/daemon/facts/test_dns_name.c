/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of a name: how answers add addresses, when age takes them away, when the name is
 * asked again, and what the copy on disk gives back. Times are numbers here; nothing waits. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "daemon/facts/dns_name.h"
#include "net/addr.h"

#define TTL_MIN 60
#define MAX_AGE 3600
#define START 1764550000

static int setup(void **state)
{
	static struct sp_dns_name name;
	const struct sp_network network = { .name = (char *)"hosted",
					    .ttl_min_s = TTL_MIN,
					    .max_age_s = MAX_AGE };

	assert_int_equal(sp_dns_name_init(&name, &network, "git.corp.example"), 0);
	*state = &name;
	return 0;
}

static int teardown(void **state)
{
	sp_dns_name_done(*state);
	return 0;
}

/* An answer with these addresses, "a b c" in order; "": there is none. */
static struct sp_dns_answer answer_of(const char *addresses, uint32_t ttl_s)
{
	struct sp_dns_answer answer = { .state = *addresses ? SP_DNS_GOOD : SP_DNS_NO_ADDRESS,
					.ttl_s = ttl_s };
	char text[256], *rest = text, *word;

	snprintf(text, sizeof(text), "%s", addresses);
	while ((word = strtok_r(rest, " ", &rest)))
		assert_int_equal(sp_addr_parse(word, &answer.addresses[answer.count++]), 0);
	return answer;
}

static bool take(struct sp_dns_name *name, const char *addresses, uint32_t ttl_s, int64_t now_s)
{
	const struct sp_dns_answer answer = answer_of(addresses, ttl_s);

	return sp_dns_name_take(name, &answer, now_s);
}

static void assert_known(const struct sp_dns_name *name, const char *expected)
{
	char text[1024] = "", addr[SP_ADDR_TEXT_MAX];

	for (size_t i = 0; i < name->count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			 sp_addr_format(&name->addresses[i].addr, addr));
	assert_string_equal(text, expected);
}

static void answers_add_and_age_takes_away(void **state)
{
	struct sp_dns_name *name = *state;

	assert_true(take(name, "10.0.0.1", 60, START));
	assert_false(take(name, "10.0.0.1", 60, START + 60));
	assert_true(take(name, "10.0.0.2", 60, START + 120));
	assert_known(name, "10.0.0.1 10.0.0.2");
	assert_int_equal(sp_dns_name_ends_s(name), START + 60 + MAX_AGE);
	assert_int_equal(sp_dns_name_last_ends_s(name), START + 120 + MAX_AGE);
	assert_false(sp_dns_name_age(name, START + 60 + MAX_AGE - 1));
	assert_true(sp_dns_name_age(name, START + 60 + MAX_AGE));
	assert_known(name, "10.0.0.2");
	assert_true(sp_dns_name_age(name, START + 120 + MAX_AGE));
	assert_known(name, "");
	assert_int_equal(sp_dns_name_ends_s(name), INT64_MAX);
}

/* An apply asks for a name while a round in the background asks for a copy of it. */
static void what_was_learned_meanwhile_stays(void **state)
{
	struct sp_dns_name *name = *state, asked;

	take(name, "10.0.0.1", 60, START);
	assert_int_equal(sp_dns_name_copy(name, &asked), 0);
	take(name, "10.0.0.2 2001:db8::2", 60, START + 20);
	take(&asked, "10.0.0.1 10.0.0.3", 300, START + 10);
	assert_true(sp_dns_name_merge(name, &asked, START + 30));
	assert_known(name, "10.0.0.1 10.0.0.2 10.0.0.3 2001:db8::2");
	assert_int_equal(sp_dns_name_ends_s(name), START + 10 + MAX_AGE);
	assert_int_equal(name->ttl_s, 60); /* of the later answer */
	assert_false(sp_dns_name_merge(name, &asked, START + 30));
	take(&asked, "", 0, START + 40);
	assert_false(sp_dns_name_merge(name, &asked, START + 40));
	assert_int_equal(name->state, SP_DNS_NO_ADDRESS);
	assert_true(sp_dns_name_merge(name, &asked, START + 10 + MAX_AGE));
	assert_known(name, "10.0.0.2 2001:db8::2");
	sp_dns_name_done(&asked);
}

static void an_answer_without_addresses_takes_none_away(void **state)
{
	static const enum sp_dns_state states[] = { SP_DNS_NO_NAME, SP_DNS_NO_ADDRESS,
						    SP_DNS_FAILED };
	struct sp_dns_name *name = *state;

	take(name, "10.0.0.1 2001:db8::1", 60, START);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		const struct sp_dns_answer answer = { .state = states[i], .fault = "IPv4: why" };

		assert_false(sp_dns_name_take(name, &answer, START + 100));
		assert_int_equal(name->state, states[i]);
		assert_string_not_equal(name->fault, "");
		assert_known(name, "10.0.0.1 2001:db8::1");
	}
	assert_int_equal(sp_dns_name_last_ends_s(name), START + MAX_AGE);
}

static void the_ttl_counts_within_bounds(void **state)
{
	static const struct {
		uint32_t ttl_s;
		int64_t wait_s;
		bool is_behind;
	} cases[] = {
		{ 0, TTL_MIN, true },
		{ TTL_MIN - 1, TTL_MIN, true },
		{ TTL_MIN, TTL_MIN, false },
		{ 300, 300, false },
		{ MAX_AGE / 2, MAX_AGE / 2, false },
		{ 86400, MAX_AGE / 2, false },
		{ UINT32_MAX, MAX_AGE / 2, false },
	};
	const struct sp_dns_answer failed = { .state = SP_DNS_FAILED, .fault = "IPv4: why" };
	struct sp_dns_name *name = *state;

	assert_int_equal(sp_dns_name_due_s(name), 0);
	assert_false(sp_dns_name_is_behind(name));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		take(name, "10.0.0.1", cases[i].ttl_s, START);
		assert_int_equal(sp_dns_name_due_s(name), START + cases[i].wait_s);
		assert_int_equal(sp_dns_name_is_behind(name), cases[i].is_behind);
	}
	sp_dns_name_take(name, &failed, START);
	assert_int_equal(sp_dns_name_due_s(name), START + 15);
	take(name, "", 0, START);
	assert_int_equal(sp_dns_name_due_s(name), START + TTL_MIN);
}

static void a_clock_set_back_lengthens_nothing(void **state)
{
	struct sp_dns_name *name = *state;

	take(name, "10.0.0.1", 60, START);
	assert_false(sp_dns_name_age(name, START - 86400));
	assert_int_equal(sp_dns_name_ends_s(name), START - 86400 + MAX_AGE);
	assert_int_equal(sp_dns_name_due_s(name), START - 86400 + 60);
}

static void addresses_are_bounded(void **state)
{
	struct sp_dns_name *name = *state;
	struct sp_dns_answer answer = { .state = SP_DNS_GOOD, .ttl_s = 60 };

	for (unsigned i = 0; i < SP_DNS_ADDRESSES_MAX; i++)
		answer.addresses[i] =
			sp_addr_from_v4((const uint8_t[]){ 10, 0, (uint8_t)(i >> 8), (uint8_t)i });
	answer.count = SP_DNS_ADDRESSES_MAX;
	assert_true(sp_dns_name_take(name, &answer, START));
	assert_string_equal(name->fault, "");
	assert_false(take(name, "10.0.0.1 10.9.9.9", 60, START + 10));
	assert_int_equal(name->count, SP_DNS_ADDRESSES_MAX);
	assert_int_equal(name->left_out, 1);
	assert_non_null(strstr(name->fault, "1 of its addresses are left out"));
	sp_dns_name_age(name, START + MAX_AGE);
	assert_known(name, "10.0.0.1");
}

static void the_copy_gives_back_what_was_known(void **state)
{
	struct sp_dns_name *name = *state, other = { 0 };
	__sp_buf struct sp_buf out = SP_BUF_INIT;

	take(name, "10.0.0.1 2001:db8::1", 300, START);
	take(name, "10.0.0.1", 200, START + 50);
	assert_int_equal(sp_dns_name_write(name, &out), 0);
	assert_int_equal(sp_dns_name_copy(name, &other), 0);
	other.count = 0;
	assert_int_equal(sp_dns_name_read(&other, sp_buf_get(&out), START + 100), 0);
	assert_known(&other, "10.0.0.1 2001:db8::1");
	assert_int_equal(sp_dns_name_ends_s(&other), START + MAX_AGE);
	assert_int_equal(sp_dns_name_due_s(&other), START + 50 + 200);
	other.count = 0;
	assert_int_equal(sp_dns_name_read(&other, sp_buf_get(&out), START + MAX_AGE), 0);
	assert_known(&other, "10.0.0.1");
	sp_dns_name_done(&other);
}

static void a_bad_copy_gives_nothing(void **state)
{
	static const char *const texts[] = {
		"",
		"garbage",
		"sallyport-dns 2\nasked 1764550000 ttl 60\n10.0.0.1 1764550000\n",
		"sallyport-dns 1\n",
		"sallyport-dns 1\nasked  ttl 60\n",
		"sallyport-dns 1\nasked -1 ttl 60\n",
		"sallyport-dns 1\nasked 1764550000 ttl 99999999999\n",
		"sallyport-dns 1\nasked 1764550000 ttl 60\n10.0.0.1\n",
		"sallyport-dns 1\nasked 1764550000 ttl 60\n10.0.0.0/8 1764550000\n",
		"sallyport-dns 1\nasked 1764550000 ttl 60\n127.0.0.1 1764550000\n",
		"sallyport-dns 1\nasked 1764550000 ttl 60\n10.0.0.1 1764550000\n10.0.0.2 17",
		"sallyport-dns 1\nasked 1764550000 ttl 60\n10.0.0.1 9223372036854775807\n",
	};
	struct sp_dns_name *name = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(sp_dns_name_read(name, texts[i], START), -EBADMSG);
		assert_int_equal(name->count, 0);
		assert_int_equal(name->asked_s, 0);
	}
}

static void a_copy_is_written_when_it_is_worth_it(void **state)
{
	struct sp_dns_name *name = *state;

	assert_false(sp_dns_name_needs_copy(name, true, START));
	take(name, "10.0.0.1", 60, START);
	assert_true(sp_dns_name_needs_copy(name, true, START));
	name->kept_s = START;
	assert_false(sp_dns_name_needs_copy(name, false, START + MAX_AGE / 16 - 1));
	assert_true(sp_dns_name_needs_copy(name, false, START + MAX_AGE / 16));
	assert_true(sp_dns_name_needs_copy(name, false, START - 1));
}

static void only_hosts_elsewhere_are_taken(void **state)
{
	static const struct {
		const char *addr;
		bool is_host;
	} cases[] = {
		{ "10.30.2.9", true },        { "192.0.2.1", true },    { "0.0.0.0", false },
		{ "127.0.0.1", false },       { "169.254.1.1", false }, { "224.0.0.1", false },
		{ "255.255.255.255", false }, { "::", false },          { "::1", false },
		{ "fe80::1", false },         { "ff02::1", false },     { "2001:db8::1", true },
		{ "fd00::1", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_addr addr;

		assert_int_equal(sp_addr_parse(cases[i].addr, &addr), 0);
		assert_int_equal(sp_dns_is_host(&addr), cases[i].is_host);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_add_and_age_takes_away),
		TEST(what_was_learned_meanwhile_stays),
		TEST(an_answer_without_addresses_takes_none_away),
		TEST(the_ttl_counts_within_bounds),
		TEST(a_clock_set_back_lengthens_nothing),
		TEST(addresses_are_bounded),
		TEST(the_copy_gives_back_what_was_known),
		TEST(a_bad_copy_gives_nothing),
		TEST(a_copy_is_written_when_it_is_worth_it),
		TEST(only_hosts_elsewhere_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
