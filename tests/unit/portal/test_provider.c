/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of idp.d: taken, refused, changed, gone; and what `status` hears of it. */
#include "desk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static const json_t *reported(size_t at)
{
	desk->is_gate_there = true;
	desk_pass(0);
	return json_array_get(json_object_get(desk_asked("portal.report"), "providers"), at);
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "(null)";
}

static void a_wrong_file_is_named_and_what_runs_goes_on(void **state)
{
	(void)state;
	desk_local();
	assert_int_equal(desk_offer("local", "type: local\nusers: { ana: { groups: [eng], colour: red } }\n"), -EINVAL);
	assert_non_null(sp_idp_user(sp_provider_find(desk, "local")->idp, "eve")); /* as before */
	assert_string_equal(text(reported(0), "state"), "failed");
	assert_non_null(strstr(text(reported(0), "error"), "/idp.d/local.yaml:2:"));
	desk_reply("");
	desk_local(); /* put right */
	assert_string_equal(text(reported(0), "state"), "ok");
	desk_reply("");
	desk_nothing_asked();
}

static void one_that_was_never_right_takes_nobody(void **state)
{
	(void)state;
	assert_int_equal(desk_offer("corp", "type: oidc\n"), -EINVAL);
	assert_null(sp_provider_find(desk, "corp"));
	assert_string_equal(text(reported(0), "state"), "failed");
	desk_reply("");
	desk_answered(desk_call("/api/v1/device/start", NULL, "{\"idp\":\"corp\"," DESK_DEVICE "}"), 404, "no-such-provider");
}

static void a_secret_that_cannot_be_read_refuses_the_file(void **state)
{
	(void)state;
	assert_int_equal(desk_offer("corp", DESK_CORP "client-secret-file: lost.secret\n"), -EINVAL);
	assert_non_null(strstr(text(reported(0), "error"), "/idp.d/lost.secret: No such file"));
	desk_reply("");
	assert_int_equal(desk_offer("corp", DESK_CORP "client-secret-file: corp.secret\n"), 0);
}

static void a_file_that_did_not_change_disturbs_nothing(void **state)
{
	const struct sp_provider *before;

	(void)state;
	desk_corp();
	before = sp_provider_find(desk, "corp");
	assert_int_equal(desk_offer("corp", DESK_CORP), 0);
	assert_ptr_equal(sp_provider_find(desk, "corp"), before);
	desk_nothing_fetched();
	assert_int_equal(desk_offer("corp", DESK_CORP "groups-claim: roles\n"), 0);
	assert_ptr_not_equal(sp_provider_find(desk, "corp"), before);
	assert_int_equal(desk_fetches(), 1); /* it begins anew */
}

static void one_without_a_file_is_gone(void **state)
{
	(void)state;
	desk_local();
	desk_corp();
	sp_providers_begin(desk);
	desk_local();
	sp_providers_end(desk);
	assert_null(sp_provider_find(desk, "corp"));
	assert_non_null(sp_provider_find(desk, "local"));
}

static void several_are_listed_by_name_with_their_states(void **state)
{
	struct sp_exchange *exchange;
	const json_t *list;

	(void)state;
	desk_local();
	assert_int_equal(desk_offer("corp", DESK_CORP), 0);
	desk_unreachable(LAB_ISSUER "/.well-known/openid-configuration");
	assert_int_equal(desk_offer("alpha", DESK_CORP), 0);
	exchange = desk_call("/api/v1/providers", NULL, NULL);
	list = json_object_get(desk_answer(exchange, 200, NULL), "providers");
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(text(json_array_get(list, 0), "name"), "alpha");
	assert_string_equal(text(json_array_get(list, 0), "state"), "starting");
	assert_string_equal(text(json_array_get(list, 1), "state"), "unreachable");
	assert_string_equal(text(json_array_get(list, 1), "method"), "device");
	assert_string_equal(text(json_array_get(list, 2), "method"), "password");
	assert_string_equal(text(json_array_get(list, 2), "state"), "ok");
	desk_end(exchange);
}

/* Its flows are of the provider as it was; they end by themselves. */
static void a_provider_that_changes_during_a_sign_in_leaves_nothing_behind(void **state)
{
	struct sp_exchange *exchange;

	(void)state;
	desk_corp();
	exchange = desk_call("/api/v1/device/start", NULL, "{\"idp\":\"corp\"," DESK_DEVICE "}");
	desk_fetched(LAB_ISSUER "/device", 200, LAB_CODE);
	desk_answered(exchange, 200, NULL);
	assert_int_equal(desk_offer("corp", DESK_CORP "groups-claim: roles\n"), 0);
	sp_providers_begin(desk);
	sp_providers_end(desk);
	assert_int_equal(sp_grants_count(desk->grants), 1);
	desk_pass(600);
	desk_pass(600);
	assert_int_equal(sp_grants_count(desk->grants), 0);
	desk_reply("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, desk_start, desk_stop)
		T(a_wrong_file_is_named_and_what_runs_goes_on),
		T(one_that_was_never_right_takes_nobody),
		T(a_secret_that_cannot_be_read_refuses_the_file),
		T(a_file_that_did_not_change_disturbs_nothing),
		T(one_without_a_file_is_gone),
		T(several_are_listed_by_name_with_their_states),
		T(a_provider_that_changes_during_a_sign_in_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
