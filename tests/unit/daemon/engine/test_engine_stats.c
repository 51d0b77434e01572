/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an engine's counters say is news, and what of it goes on record: an engine that answers what
 * the test says, and a log in a folder that is gone after it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../support/folder.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "net/addr.h"

#define ANA "0909090909090909090909090909090909090909090909090909090909090909"
#define BOB "0404040404040404040404040404040404040404040404040404040404040404"
#define NOBODY "0707070707070707070707070707070707070707070707070707070707070707"
#define HEAD "engine=sallyport-vpnd 0.1.0\noffload=tun-uso:on\ndrop=mac1:9\n"

static const char *reply; /* NULL: it does not know the question */
static unsigned int times_asked;
static const struct sp_engine_identity first = { { 1, 2, 3 } }, second = { { 1, 2, 4 } };

static int answer(const char *at, struct sp_uapi_stats *ret_stats)
{
	char text[4096];

	(void)at;
	times_asked++;
	if (!reply)
		return -EOPNOTSUPP;
	snprintf(text, sizeof(text), HEAD "%serrno=0\n\n", reply);
	return sp_uapi_parse_stats(text, strlen(text), ret_stats);
}

static const struct sp_engine_way fake = { .name = "userspace", .get_stats = answer };

/* ---- a daemon with ana and her laptop, and bob's phone without a session ---- */

static struct sp_daemon gate;
static struct sp_machine machine;
static char folder[TEST_FOLDER_SIZE];
static char *log_path;
static struct sp_audit_reader *reader;

static void add_device(uint8_t key, const char *user, const char *name)
{
	struct sp_device *device = calloc(1, sizeof(*device));

	memset(device->public_key, key, 32);
	device->user = strdup(user);
	device->name = strdup(name);
	gate.people.devices = reallocarray(gate.people.devices, gate.people.device_count + 1,
					   sizeof(*gate.people.devices));
	gate.people.devices[gate.people.device_count++] = device;
}

static int set_up(void **state)
{
	struct sp_session_row row = { .id = 5,
				      .slot = 7,
				      .epoch = 99,
				      .idp = strdup("corp"),
				      .user = strdup("ana"),
				      .device = strdup("laptop"),
				      .groups = strdup("[]"),
				      .roles = strdup("[\"engineer\"]") };
	struct sp_audit_log_options options = { .boot = "boot", .gateway = "gate" };
	struct sp_audit_log_repair repair = { 0 };

	(void)state;
	memset(&gate, 0, sizeof(gate));
	assert_non_null(test_folder_make(folder));
	assert_int_equal(sp_str_format(&log_path, "%s/audit.jsonl", folder), 0);
	options.path = log_path;
	assert_int_equal(sp_audit_log_open(&options, NULL,
					   &gate.recorder.files[SP_RECORDER_PACKETS].log, &repair),
			 0);
	sp_audit_log_repair_done(&repair);
	assert_int_equal(sp_audit_reader_open(log_path, &reader), 0);
	machine.tunnel = (char *)"vpn0";
	gate.machine = &machine;
	sp_daemon_lend(&gate);
	gate.engine.way = &fake;
	add_device(9, "ana", "laptop");
	add_device(4, "bob", "phone");
	memset(row.public_key, 9, 32);
	gate.people.slots[7] = sp_live_new(&row);
	gate.people.slot_end = 8;
	reply = "";
	times_asked = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	sp_engine_stats_done(&gate.engine.stats);
	sp_people_done(&gate.people);
	sp_audit_reader_close(reader);
	sp_audit_log_close(gate.recorder.files[SP_RECORDER_PACKETS].log);
	unlink(log_path);
	free(log_path);
	return rmdir(folder);
}

/* Peers as get=1 told them, by key: bob at @bob, ana at @ana. */
static void fill_peers(struct sp_wg_peer peers[2], const char *bob, const char *ana)
{
	const char *const at[2] = { bob, ana };

	memset(peers, 0, 2 * sizeof(peers[0]));
	for (int i = 0; i < 2; i++) {
		memset(peers[i].public_key.bytes, i ? 9 : 4, 32);
		peers[i].has_endpoint = true;
		peers[i].endpoint_port = 4242;
		assert_int_equal(sp_addr_parse(at[i], &peers[i].endpoint), 0);
	}
}

static void look_at(const struct sp_engine_identity *whose, const char *text, const char *ana_was,
		    const char *ana_is)
{
	struct sp_wg_peer was[2], is[2];
	const struct sp_wg_device before = { .peers = was, .peer_count = 2 },
				  now = { .peers = is, .peer_count = 2 };

	reply = text;
	fill_peers(was, "192.0.2.12", ana_was);
	fill_peers(is, "192.0.2.12", ana_is);
	sp_engine_news_look(&gate.engine, whose, &before, &now);
}

static void look(const struct sp_engine_identity *whose, const char *text)
{
	look_at(whose, text, "192.0.2.11", "192.0.2.11");
}

/* The next record must hold each of these texts; none: there is no next one. */
static void assert_record(const char *const *texts)
{
	struct sp_audit_line line;
	int r = sp_audit_reader_next(reader, &line);

	if (!texts) {
		assert_int_not_equal(r, 1);
		return;
	}
	assert_int_equal(r, 1);
	for (; *texts; texts++)
		if (!strstr(line.text, *texts))
			fail_msg("no %s in %s", *texts, line.text);
}
#define assert_recorded(...) assert_record((const char *const[]){ __VA_ARGS__, NULL })
#define assert_nothing() assert_record(NULL)

/* ---- spoofing ---- */

static void what_grew_is_recorded_with_the_person_s_name(void **state)
{
	(void)state;
	look(&first, "public_key=" ANA "\ndrop=allowed-ips:2\nroams=0\n");
	assert_nothing(); /* a base: who knows what is on record already */
	look(&first, "public_key=" ANA "\ndrop=replay:1\ndrop=allowed-ips:5\nroams=0\n");
	assert_recorded("\"event\":\"deny\"", "\"reason\":\"spoofed\"", "\"user\":\"ana\"",
			"\"peer\":\"laptop\"", "\"session\":\"5\"", "\"iface\":\"vpn0\"",
			"\"hook\":null", "\"verdict\":\"deny\"", "\"packets\":3",
			"\"aggregated\":true", "[\"engineer\"]");
	assert_nothing();
	look(&first, "public_key=" ANA "\ndrop=replay:7\ndrop=allowed-ips:5\nroams=0\n");
	assert_nothing();
}

static void a_peer_not_told_of_before_began_at_zero(void **state)
{
	(void)state;
	look(&first, "public_key=" ANA "\ndrop=allowed-ips:1\nroams=0\n");
	look(&first, "public_key=" ANA "\ndrop=allowed-ips:1\nroams=0\n"
		     "public_key=" BOB "\ndrop=allowed-ips:4\nroams=0\n");
	assert_recorded("\"user\":\"bob\"", "\"peer\":\"phone\"", "\"session\":null",
			"\"packets\":4");
	assert_nothing();
}

static void a_counter_that_went_back_began_again(void **state)
{
	(void)state;
	look(&first, "public_key=" ANA "\ndrop=allowed-ips:900\nroams=0\n");
	look(&first, "public_key=" ANA "\ndrop=allowed-ips:2\nroams=0\n");
	assert_recorded("\"user\":\"ana\"", "\"packets\":2,");
	look(&first, "");
	look(&first, "public_key=" ANA "\ndrop=allowed-ips:1\nroams=0\n");
	assert_recorded("\"packets\":1,");
	assert_nothing();
}

static void another_engine_s_counters_began_at_zero(void **state)
{
	(void)state;
	look(&first, "public_key=" ANA "\ndrop=allowed-ips:2\nroams=0\n");
	look(&second, "public_key=" ANA "\ndrop=allowed-ips:3\nroams=0\n");
	assert_recorded("\"packets\":3,");
	sp_engine_stats_gone(&gate.engine.stats);
	look(&second, "public_key=" ANA "\ndrop=allowed-ips:4\nroams=0\n");
	assert_recorded("\"packets\":4,");
	assert_nothing();
}

static void an_engine_that_came_after_us_is_all_news(void **state)
{
	(void)state;
	sp_engine_stats_gone(&gate.engine.stats);
	look(&first, "public_key=" ANA "\ndrop=allowed-ips:2\nroams=0\n");
	assert_recorded("\"packets\":2,");
	assert_nothing();
}

static void a_stranger_s_packets_are_nobody_s(void **state)
{
	(void)state;
	look(&first, "");
	look(&first, "public_key=" NOBODY "\ndrop=allowed-ips:2\nroams=0\n");
	assert_nothing();
}

static void an_answer_that_fails_keeps_what_was_known(void **state)
{
	(void)state;
	look(&first, "public_key=" ANA "\ndrop=allowed-ips:2\nroams=0\n");
	look(&first, "public_key=" ANA "\ndrop=nonsense\n");
	assert_nothing();
	assert_true(gate.engine.stats.is_known);
	look(&first, "public_key=" ANA "\ndrop=allowed-ips:3\nroams=0\n");
	assert_recorded("\"packets\":1,");
	assert_nothing();
}

/* wireguard-go logs every request it does not know. */
static void an_engine_that_does_not_know_the_question_is_asked_once(void **state)
{
	(void)state;
	look(&first, NULL);
	look(&first, NULL);
	assert_int_equal(times_asked, 1);
	assert_false(gate.engine.stats.is_known);
	look(&second, "public_key=" ANA "\ndrop=allowed-ips:3\nroams=0\n");
	assert_int_equal(times_asked, 2);
	assert_recorded("\"packets\":3,");
	assert_nothing();
}

/* ---- roaming ---- */

static void a_new_address_is_recorded_without_any_counter(void **state)
{
	(void)state;
	look_at(&first, NULL, "192.0.2.11", "192.0.2.77");
	assert_recorded("\"event\":\"roam\"", "\"user\":\"ana\"", "\"src\":\"192.0.2.77\"",
			"\"sport\":4242", "\"packets\":1,");
	assert_nothing();
}

static void away_and_back_is_recorded_with_its_count(void **state)
{
	(void)state;
	look(&first, "public_key=" ANA "\nroams=3\n");
	look(&first, "public_key=" ANA "\nroams=5\n");
	assert_recorded("\"event\":\"roam\"", "\"user\":\"ana\"", "\"src\":\"192.0.2.11\"",
			"\"packets\":2,", "\"aggregated\":true");
	look_at(&first, "public_key=" ANA "\nroams=8\n", "192.0.2.11", "192.0.2.77");
	assert_recorded("\"src\":\"192.0.2.77\"", "\"packets\":3,");
	assert_nothing();
}

static void a_new_port_alone_is_no_move(void **state)
{
	(void)state;
	look(&first, "public_key=" ANA "\nroams=3\n");
	look(&first, "public_key=" ANA "\nroams=4\n");
	assert_nothing();
	look(&first, "public_key=" ANA "\nroams=1\n"); /* back: another one, once moved */
	assert_nothing();
}

/* ---- very many ---- */

static void news_are_found_among_thousands_in_any_order(void **state)
{
	enum { MANY = 20000 };
	struct sp_engine_stats stats = { 0 };
	struct sp_uapi_stats text[2] = { { 0 } };
	struct sp_engine_news *news = NULL;
	size_t count = 0;

	(void)state;
	for (int look_number = 0; look_number < 2; look_number++) {
		struct sp_uapi_stats *now = &text[look_number];

		now->peers = calloc(MANY, sizeof(*now->peers));
		now->peer_count = MANY;
		for (uint32_t i = 0; i < MANY; i++) { /* scattered, another way each time */
			uint32_t at = (i * (look_number ? 7919u : 104729u)) % MANY;

			memcpy(now->peers[i].public_key.bytes, &at, sizeof(at));
			now->peers[i].roams = 1 + (look_number && at == 12345 ? 2 : 0);
		}
		free(news);
		news = NULL;
		assert_int_equal(sp_engine_stats_take(&stats, &first, now, &news, &count), 0);
		assert_int_equal(now->peer_count, 0);
		assert_int_equal(count, look_number);
	}
	assert_int_equal(*(uint32_t *)news[0].public_key.bytes, 12345);
	assert_int_equal(news[0].roams, 2);
	assert_int_equal(sp_engine_stats_peer(&stats, news[0].public_key.bytes)->roams, 3);
	memset(news[0].public_key.bytes, 0xff, 32);
	assert_null(sp_engine_stats_peer(&stats, news[0].public_key.bytes));
	free(news);
	sp_engine_stats_done(&stats);
}

#define with_daemon(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_daemon(what_grew_is_recorded_with_the_person_s_name),
		with_daemon(a_peer_not_told_of_before_began_at_zero),
		with_daemon(a_counter_that_went_back_began_again),
		with_daemon(another_engine_s_counters_began_at_zero),
		with_daemon(an_engine_that_came_after_us_is_all_news),
		with_daemon(a_stranger_s_packets_are_nobody_s),
		with_daemon(an_answer_that_fails_keeps_what_was_known),
		with_daemon(an_engine_that_does_not_know_the_question_is_asked_once),
		with_daemon(a_new_address_is_recorded_without_any_counter),
		with_daemon(away_and_back_is_recorded_with_its_count),
		with_daemon(a_new_port_alone_is_no_move),
		cmocka_unit_test(news_are_found_among_thousands_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
