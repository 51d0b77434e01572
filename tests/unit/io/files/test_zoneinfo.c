/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "io/files/zoneinfo.h"

SP_DEFINE_CLEANUP(struct sp_timezone *, sp_timezone_free);

static void skip_without_data(void)
{
	if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) < 0)
		skip();
}

static void names_that_lead_elsewhere_are_none(void **state)
{
	static const char *const names[] = {
		"",
		"/",
		"/etc/localtime",
		"../../../etc/passwd",
		"Europe/../Europe/Berlin",
		"Europe//Berlin",
		"Europe/",
		"./UTC",
		"tzdata.zi",
		"Europe/Berlin ",
		"Europe/B\nrlin",
		"a123456789b123456789c123456789d123456789e123456789f123456789g123",
	};
	struct sp_timezone *zone = NULL;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(names); i++)
		assert_int_equal(sp_zoneinfo.read(names[i], &zone), -EINVAL);
	assert_null(zone);
}

static void utc_needs_no_file(void **state)
{
	__sp_cleanup(sp_timezone_freep) struct sp_timezone *zone = NULL;

	(void)state;
	assert_int_equal(sp_zoneinfo.read("UTC", &zone), 0);
	assert_int_equal(sp_timezone_offset(zone, 1795435200), 0);
}

static void a_zone_is_read_and_a_region_is_none(void **state)
{
	__sp_cleanup(sp_timezone_freep) struct sp_timezone *berlin = NULL;
	struct sp_timezone *none = NULL;

	(void)state;
	skip_without_data();
	assert_int_equal(sp_zoneinfo.read("Europe/Berlin", &berlin), 0);
	assert_string_equal(sp_timezone_name(berlin), "Europe/Berlin");
	assert_int_equal(sp_timezone_offset(berlin, 1795435200), 3600);
	assert_int_equal(sp_zoneinfo.read("Europe", &none), -ENOENT);
	assert_int_equal(sp_zoneinfo.read("Europe/Berlin/Mitte", &none), -ENOENT);
	assert_int_equal(sp_zoneinfo.read("Europe/Bielefeld", &none), -ENOENT);
}

static void the_nearest_name_is_found(void **state)
{
	char name[SP_TIMEZONE_NAME_MAX];

	(void)state;
	if (access("/usr/share/zoneinfo/tzdata.zi", R_OK) < 0)
		skip();
	assert_true(sp_zoneinfo.find_nearest("Europe/Berlni", name));
	assert_string_equal(name, "Europe/Berlin");
	assert_false(sp_zoneinfo.find_nearest("Middle-earth/Bree", name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_lead_elsewhere_are_none),
		cmocka_unit_test(utc_needs_no_file),
		cmocka_unit_test(a_zone_is_read_and_a_region_is_none),
		cmocka_unit_test(the_nearest_name_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
