/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doctor's view of an engine's own words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "io/probe/probe_list.h"

#define HEAD "engine=sallyport-vpnd 0.1.0\naead=ipsec-mb\nqueues=2\n"
#define ON "offload=tun-checksum:on\noffload=tun-tso4:on\noffload=tun-tso6:on\noffload=udp-gro:on\n"
#define TAIL "bad_frames=0\nrefused_frames=0\nerrno=0\n\n"

static struct sp_probe_list list;

static void ask(int r, const char *text)
{
	__sp_uapi_stats struct sp_uapi_stats stats = { 0 };

	if (text)
		assert_int_equal(sp_uapi_parse_stats(text, strlen(text), &stats), 0);
	free(list.probes);
	list = (struct sp_probe_list){ 0 };
	sp_probe_engine_stats(&list, "vpn0", r, &stats);
	assert_int_equal(list.error, 0);
}

static const struct sp_probe *named(const char *name)
{
	for (size_t i = 0; i < list.count; i++)
		if (strcmp(list.probes[i].name, name) == 0)
			return &list.probes[i];
	return NULL;
}

static void nothing_is_missing_of_one_with_everything(void **state)
{
	(void)state;
	ask(0, HEAD "memory=locked\n" ON "offload=tun-uso:on\noffload=udp-segment:on\n" TAIL);
	assert_int_equal(list.count, 3);
	for (size_t i = 0; i < list.count; i++)
		assert_int_equal(list.probes[i].result, SP_PROBE_OK);
	assert_string_equal(named("engine-kind vpn0")->detail,
			    "sallyport-vpnd 0.1.0, ChaCha20-Poly1305 by ipsec-mb, 2 queues");
	assert_string_equal(named("engine-offloads vpn0")->detail, "all 6 are on");
}

static void each_offload_that_is_off_is_named_with_its_cost(void **state)
{
	(void)state;
	ask(0, HEAD "memory=locked\n" ON "offload=tun-uso:off\noffload=udp-segment:off\n" TAIL);
	assert_null(named("engine-offloads vpn0"));
	assert_null(named("tun-tso4 vpn0"));
	assert_int_equal(named("tun-uso vpn0")->result, SP_PROBE_MISSING);
	assert_non_null(strstr(named("tun-uso vpn0")->disables, "QUIC"));
	assert_int_equal(named("udp-segment vpn0")->result, SP_PROBE_MISSING);
	assert_non_null(strstr(named("udp-segment vpn0")->remedy, "Linux 4.18"));
}

static void every_offload_the_engine_has_is_known_here(void **state)
{
	static const char *const words[] = { "tun-checksum", "tun-tso4",    "tun-tso6",
					     "tun-uso",      "udp-segment", "udp-gro" };
	char text[256], name[64];

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		snprintf(text, sizeof(text), HEAD "memory=locked\noffload=%s:off\n" TAIL, words[i]);
		snprintf(name, sizeof(name), "%s vpn0", words[i]);
		ask(0, text);
		assert_non_null(named(name));
	}
}

static void pageable_memory_has_a_remedy(void **state)
{
	(void)state;
	ask(0, HEAD "memory=pageable\n" ON TAIL);
	assert_int_equal(named("engine-memory vpn0")->result, SP_PROBE_MISSING);
	assert_non_null(strstr(named("engine-memory vpn0")->remedy, "LimitMEMLOCK=infinity"));
}

static void another_engine_is_fine(void **state)
{
	(void)state;
	ask(-EOPNOTSUPP, NULL);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.probes[0].result, SP_PROBE_OK);
	assert_non_null(strstr(list.probes[0].detail, "not sallyport-vpnd"));
}

static void one_that_hangs_is_not_said_to_be_fine(void **state)
{
	(void)state;
	ask(-ETIMEDOUT, NULL);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.probes[0].result, SP_PROBE_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_missing_of_one_with_everything),
		cmocka_unit_test(each_offload_that_is_off_is_named_with_its_cost),
		cmocka_unit_test(every_offload_the_engine_has_is_known_here),
		cmocka_unit_test(pageable_memory_has_a_remedy),
		cmocka_unit_test(another_engine_is_fine),
		cmocka_unit_test(one_that_hangs_is_not_said_to_be_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
