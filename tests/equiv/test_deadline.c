/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A verdict's last instant, in the compiled tables and the real programs. No policy can say it yet,
 * so it is written into the verdict rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "plane/ebpf/ebpf.h"
#include "policy/load.h"
#include "support/frames.h"
#include "tables/tables.h"

#define LAST_NS UINT64_C(2000000000000)

static const char text[] =
	"sallyport: 1\n"
	"rules:\n"
	"  - { name: web, allow: { from: 10.1.0.0/16, to: 10.2.0.0/16, services: tcp/80 } }\n"
	"  - { name: dns, allow: { from: 10.1.0.0/16, to: 10.2.0.0/16, services: udp/53 } }\n";

struct deadline {
	struct sp_policy *policy;
	struct sp_tables *tables;
	struct sp_ebpf *plane;
	struct sp_ebpf_staged *staged;
};

static void deadline_close(struct deadline *deadline)
{
	if (deadline->staged)
		sp_ebpf_staged_free(deadline->staged);
	if (deadline->plane)
		sp_ebpf_close(deadline->plane);
	sp_tables_free(deadline->tables);
	sp_policy_free(deadline->policy);
}

/* The rule `web` ends at LAST_NS. */
static void deadline_open(struct deadline *deadline)
{
	const struct sp_ebpf_options options = { .sessions_max = 64,
						 .flows_max = 4096,
						 .events_bytes = 65536 };
	struct sp_diagnostics diagnostics = { 0 };
	const struct sp_facts facts = { 0 };
	struct sp_plane_error why = { "" };
	size_t count;

	assert_int_equal(sp_policy_load("policy.yaml", text, sizeof(text) - 1, &deadline->policy,
					&diagnostics),
			 0);
	sp_diagnostics_done(&diagnostics);
	assert_int_equal(sp_policy_number_rules(deadline->policy, NULL, NULL), 0);
	assert_int_equal(sp_tables_compile(deadline->policy, &deadline->policy->fixtures.gateway,
					   &facts, &deadline->tables),
			 0);
	count = (size_t)deadline->tables->profile_count * deadline->tables->svcset_count;
	for (size_t i = 0; i < count; i++)
		if (deadline->tables->verdict[i].rule == 1)
			deadline->tables->verdict[i].not_after_ns = LAST_NS;
	if (sp_ebpf_open(&options, &deadline->plane, &why) < 0 ||
	    sp_ebpf_stage(deadline->plane, deadline->tables, 1, NULL, &deadline->staged, &why) < 0)
		fail_msg("%s", why.text);
}

static void assert_answer(struct deadline *deadline, const char *packet, uint64_t now_ns,
			  enum sp_verdict_action verdict, enum sp_reason reason)
{
	struct test_frame frame;
	struct sp_frame view;
	struct sp_answer answer;

	test_frame_make(&frame, packet);
	view = test_frame_view(&frame);
	assert_int_equal(sp_ebpf_judge(deadline->staged, SP_HOOK_INSIDE_IN, &view, now_ns, &answer),
			 0);
	assert_string_equal(sp_reason_name(answer.reason), sp_reason_name(reason));
	assert_int_equal(answer.verdict, verdict);
}

static void a_verdict_ends_at_its_last_instant(void **state)
{
	__sp_cleanup(deadline_close) struct deadline deadline = { 0 };
	const char *packet = "10.1.0.1:1000 > 10.2.0.1:80 tcp eth";

	(void)state;
	deadline_open(&deadline);
	assert_answer(&deadline, packet, LAST_NS, SP_DENY, SP_REASON_DEADLINE);
	assert_answer(&deadline, packet, LAST_NS - 1, SP_ALLOW, SP_REASON_POLICY);
	assert_answer(&deadline, "10.1.0.1:1001 > 10.2.0.1:80 tcp eth", LAST_NS + 1, SP_DENY,
		      SP_REASON_DEADLINE);
}

static void a_live_flow_ends_with_its_verdict_in_both_directions(void **state)
{
	static const char *const late[] = { "10.1.0.1:1000 > 10.2.0.1:80 tcp A eth",
					    "10.2.0.1:80 > 10.1.0.1:1000 tcp PA payload=9 eth" };

	(void)state;
	for (int direction = 0; direction < 2; direction++) {
		__sp_cleanup(deadline_close) struct deadline deadline = { 0 };

		deadline_open(&deadline);
		assert_answer(&deadline, "10.1.0.1:1000 > 10.2.0.1:80 tcp eth", LAST_NS - 30,
			      SP_ALLOW, SP_REASON_POLICY);
		assert_answer(&deadline, "10.2.0.1:80 > 10.1.0.1:1000 tcp SA eth", LAST_NS - 20,
			      SP_ALLOW, SP_REASON_REPLY);
		assert_answer(&deadline, "10.1.0.1:1000 > 10.2.0.1:80 tcp A eth", LAST_NS - 1,
			      SP_ALLOW, SP_REASON_POLICY);
		assert_answer(&deadline, late[direction], LAST_NS, SP_DENY, SP_REASON_DEADLINE);
	}
}

static void other_rules_go_on(void **state)
{
	__sp_cleanup(deadline_close) struct deadline deadline = { 0 };

	(void)state;
	deadline_open(&deadline);
	assert_answer(&deadline, "10.1.0.1:1000 > 10.2.0.1:53 udp eth", LAST_NS + 1, SP_ALLOW,
		      SP_REASON_POLICY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_verdict_ends_at_its_last_instant),
		cmocka_unit_test(a_live_flow_ends_with_its_verdict_in_both_directions),
		cmocka_unit_test(other_rules_go_on),
	};

	if (geteuid() != 0) {
		puts("skipped: loading programs needs root");
		return 77;
	}
	return cmocka_run_group_tests_name("deadline", tests, NULL, NULL);
}
