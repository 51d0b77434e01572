/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scratch planes: the real programs answer about frames, and what one plane saw no other knows. */
#include "lab.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "net/addr.h"
#include "net/packet.h"
#include "plane/ebpf/plane.h"
#include "tables/tables.h"

#define NOW 1000000000000ull

static const uint8_t ana[] = { 100, 64, 0, 7 }, desk[] = { 10, 20, 0, 2 },
		     server[] = { 10, 30, 0, 1 }, stranger[] = { 203, 0, 113, 9 };

static uint32_t rule_number(const struct lab *lab, const char *name)
{
	for (size_t i = 0; i < lab->policy->rule_count; i++)
		if (strcmp(lab->policy->rules[i].name, name) == 0)
			return lab->policy->rules[i].number;
	fail_msg("no rule %s", name);
	return 0;
}

static struct sp_ebpf *open_scratch(const struct lab *lab, uint64_t revision,
				    struct sp_ebpf_staged **ret_staged)
{
	const struct sp_ebpf_options options = { 0 };
	struct sp_plane_error error = { "" };
	struct sp_ebpf *plane = NULL;

	lab_ok(sp_ebpf_open(&options, &plane, &error), &error);
	lab_ok(sp_ebpf_stage(plane, lab->tables, revision, NULL, ret_staged, &error), &error);
	return plane;
}

static void close_scratch(struct sp_ebpf *plane, struct sp_ebpf_staged *staged)
{
	sp_ebpf_staged_free(staged);
	sp_ebpf_close(plane);
}

static struct sp_tuple udp(const uint8_t from[4], uint16_t from_port, const uint8_t to[4],
			   uint16_t to_port)
{
	return (struct sp_tuple){
		.source = sp_addr_from_v4(from),
		.destination = sp_addr_from_v4(to),
		.source_port = from_port,
		.destination_port = to_port,
		.proto = IPPROTO_UDP,
	};
}

static struct sp_answer judge(struct sp_ebpf_staged *staged, enum sp_hook hook,
			      const struct sp_tuple *tuple)
{
	bool is_ethernet = hook != SP_HOOK_VPN_IN && hook != SP_HOOK_VPN_OUT;
	struct sp_answer answer = { 0 };
	uint8_t bytes[128];
	struct sp_frame frame = { .bytes = bytes, .is_ethernet = is_ethernet };

	frame.len = sp_packet_build(tuple, is_ethernet, bytes);
	assert_int_equal(sp_ebpf_judge(staged, hook, &frame, NOW, &answer), 0);
	return answer;
}

#define assert_answer(answer, v, r, n)                                                             \
	do {                                                                                       \
		const struct sp_answer got = (answer);                                             \
		assert_string_equal(sp_reason_name(got.reason), sp_reason_name(SP_REASON_##r));    \
		assert_int_equal(got.verdict, SP_##v);                                             \
		assert_int_equal(got.rule, n);                                                     \
	} while (0)

static void every_hook_answers(void **state)
{
	const struct lab *lab = *state;
	struct sp_ebpf_staged *staged;
	struct sp_ebpf *plane = open_scratch(lab, 3, &staged);
	struct sp_tuple out = udp(ana, 5000, server, 9000), back = udp(server, 9000, ana, 5000);
	struct sp_tuple web = udp(ana, 5000, server, 80), in = udp(desk, 5000, server, 9000);
	struct sp_tuple knock = udp(stranger, 5000, (const uint8_t[]){ 198, 51, 100, 1 }, 9000);

	lab_sign_in(lab, plane);
	assert_answer(judge(staged, SP_HOOK_VPN_OUT, &back), DENY, DEFAULT, SP_RULE_DEFAULT);
	assert_answer(judge(staged, SP_HOOK_VPN_IN, &out), ALLOW, POLICY,
		      rule_number(lab, "eng-any"));
	assert_answer(judge(staged, SP_HOOK_VPN_OUT, &back), ALLOW, REPLY,
		      rule_number(lab, "eng-any"));
	assert_answer(judge(staged, SP_HOOK_VPN_IN, &web), DENY, DEFAULT, SP_RULE_DEFAULT);
	assert_answer(judge(staged, SP_HOOK_INSIDE_IN, &in), ALLOW, POLICY,
		      rule_number(lab, "office-any"));
	assert_answer(judge(staged, SP_HOOK_EDGE_IN, &knock), ALLOW, EXPOSE,
		      rule_number(lab, "echo"));
	assert_int_equal(judge(staged, SP_HOOK_EDGE_OUT, &in).verdict, SP_ALLOW);
	assert_int_equal(judge(staged, SP_HOOK_INSIDE_OUT, &out).verdict, SP_ALLOW);
	assert_int_equal(sp_ebpf_session_end(plane, 0), 0);
	assert_answer(judge(staged, SP_HOOK_VPN_IN, &out), DENY, REVOKED, SP_RULE_NONE);
	close_scratch(plane, staged);
}

static void frames_too_short_for_the_kernel_are_judged_by_its_parser(void **state)
{
	static const uint8_t zeros[64];
	static const uint8_t v4[40] = { 0x45, 0, 0, 40 }, v6[40] = { 0x60 }, v5[20] = { 0x50 };
	static const uint8_t arp[60] = { [12] = 8, [13] = 6 }, ip[60] = { [12] = 8, [14] = 0x45 };
	static const struct {
		enum sp_hook hook;
		const uint8_t *bytes;
		size_t len;
		enum sp_verdict_action verdict;
		enum sp_reason reason;
	} cases[] = {
		{ SP_HOOK_VPN_IN, zeros, 0, SP_DENY, SP_REASON_TRUNCATED },
		{ SP_HOOK_VPN_IN, v4, 1, SP_DENY, SP_REASON_TRUNCATED },
		{ SP_HOOK_VPN_IN, v4, 19, SP_DENY, SP_REASON_TRUNCATED },
		{ SP_HOOK_VPN_IN, v4, 20, SP_DENY, SP_REASON_TRUNCATED },
		{ SP_HOOK_VPN_IN, v6, 39, SP_DENY, SP_REASON_TRUNCATED },
		{ SP_HOOK_VPN_IN, v5, 1, SP_DENY, SP_REASON_MALFORMED },
		{ SP_HOOK_VPN_IN, v5, 20, SP_DENY, SP_REASON_MALFORMED },
		{ SP_HOOK_VPN_OUT, v4, 3, SP_DENY, SP_REASON_TRUNCATED },
		{ SP_HOOK_EDGE_IN, zeros, 0, SP_DENY, SP_REASON_TRUNCATED },
		{ SP_HOOK_EDGE_IN, zeros, 13, SP_DENY, SP_REASON_TRUNCATED },
		{ SP_HOOK_EDGE_IN, zeros, 14, SP_DENY, SP_REASON_ETHERTYPE },
		{ SP_HOOK_EDGE_IN, zeros, 60, SP_DENY, SP_REASON_ETHERTYPE },
		{ SP_HOOK_EDGE_IN, arp, 14, SP_ALLOW, SP_REASON_ETHERTYPE },
		{ SP_HOOK_EDGE_IN, arp, 60, SP_ALLOW, SP_REASON_ETHERTYPE },
		{ SP_HOOK_EDGE_IN, ip, 15, SP_DENY, SP_REASON_TRUNCATED },
		{ SP_HOOK_INSIDE_IN, zeros, 5, SP_DENY, SP_REASON_TRUNCATED },
		{ SP_HOOK_INSIDE_IN, arp, 14, SP_ALLOW, SP_REASON_ETHERTYPE },
		{ SP_HOOK_INSIDE_IN, arp, 42, SP_ALLOW, SP_REASON_ETHERTYPE },
		{ SP_HOOK_INSIDE_IN, ip, 20, SP_DENY, SP_REASON_TRUNCATED },
	};
	const struct lab *lab = *state;
	struct sp_ebpf_staged *staged;
	struct sp_ebpf *plane = open_scratch(lab, 3, &staged);

	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		bool is_bare = cases[i].hook == SP_HOOK_VPN_IN || cases[i].hook == SP_HOOK_VPN_OUT;
		struct sp_frame frame = { cases[i].bytes, cases[i].len, !is_bare, false, false };
		struct sp_answer answer;

		assert_int_equal(sp_ebpf_judge(staged, cases[i].hook, &frame, NOW, &answer), 0);
		if (answer.verdict != cases[i].verdict || answer.reason != cases[i].reason ||
		    answer.rule != SP_RULE_NONE)
			fail_msg("case %zu: %s %s %u", i, sp_verdict_name(answer.verdict),
				 sp_reason_name(answer.reason), answer.rule);
	}
	close_scratch(plane, staged);
}

/* A packet of @len bytes on the tunnel. */
static int judge_long(struct sp_ebpf_staged *staged, uint8_t proto, uint16_t port, uint16_t len,
		      uint16_t fragment, struct sp_answer *ret_answer)
{
	struct sp_tuple tuple = udp(ana, 5000, server, port);
	__sp_free uint8_t *bytes = calloc(1, 65536);
	struct sp_frame frame = { .bytes = bytes, .len = len };

	tuple.proto = proto;
	sp_packet_build(&tuple, false, bytes);
	bytes[2] = len >> 8;
	bytes[3] = len;
	bytes[6] = fragment >> 8;
	bytes[7] = fragment;
	if (proto == IPPROTO_UDP) {
		bytes[24] = (len - 20) >> 8;
		bytes[25] = len - 20;
	}
	return sp_ebpf_judge(staged, SP_HOOK_VPN_IN, &frame, NOW, ret_answer);
}

static void frames_longer_than_a_page_are_judged(void **state)
{
	static const uint16_t lengths[] = { 1400, 3485, 3486, 3487, 3500, 4096, 9000, 65535 };
	const struct lab *lab = *state;
	struct sp_ebpf_staged *staged;
	struct sp_ebpf *plane = open_scratch(lab, 3, &staged);
	struct sp_answer answer;

	lab_sign_in(lab, plane);
	for (size_t i = 0; i < SP_ARRAY_LEN(lengths); i++) {
		assert_int_equal(judge_long(staged, IPPROTO_UDP, 9000, lengths[i], 0, &answer), 0);
		assert_answer(answer, ALLOW, POLICY, rule_number(lab, "eng-any"));
		assert_int_equal(judge_long(staged, IPPROTO_UDP, 9001, lengths[i], 0, &answer), 0);
		assert_answer(answer, DENY, DEFAULT, SP_RULE_DEFAULT);
		assert_int_equal(judge_long(staged, IPPROTO_TCP, 9000, lengths[i], 0, &answer), 0);
		assert_answer(answer, DENY, DEFAULT, SP_RULE_DEFAULT);
	}
	/* A middle fragment must end on a multiple of 8 and may not end past 65535. */
	assert_int_equal(judge_long(staged, IPPROTO_UDP, 9000, 5001, 0x2001, &answer), 0);
	assert_answer(answer, DENY, MALFORMED, SP_RULE_NONE);
	assert_int_equal(judge_long(staged, IPPROTO_UDP, 9000, 5020, 0x2001, &answer), -EMSGSIZE);
	close_scratch(plane, staged);
}

static void closed_plane_is_forgotten(void **state)
{
	const struct lab *lab = *state;
	struct sp_tuple out = udp(ana, 5000, server, 9000), back = udp(server, 9000, ana, 5000);
	struct sp_counter *counters = calloc(SP_COUNTER_SLOTS, sizeof(*counters)), rules[16];

	for (int round = 0; round < 3; round++) {
		struct sp_ebpf_staged *staged;
		struct sp_ebpf *plane = open_scratch(lab, 3, &staged);
		struct sp_event_stats stats;
		uint32_t flows;

		assert_answer(judge(staged, SP_HOOK_VPN_IN, &out), DENY, NO_IDENTITY, SP_RULE_NONE);
		lab_sign_in(lab, plane);
		assert_answer(judge(staged, SP_HOOK_VPN_OUT, &back), DENY, DEFAULT,
			      SP_RULE_DEFAULT);
		assert_answer(judge(staged, SP_HOOK_VPN_IN, &out), ALLOW, POLICY,
			      rule_number(lab, "eng-any"));
		assert_int_equal(sp_ebpf_flow_count(plane, &flows), 0);
		assert_int_equal(flows, 1);
		assert_int_equal(sp_ebpf_rule_counters(plane, rules, 16), 0);
		assert_int_equal(rules[rule_number(lab, "eng-any")].packets, 1);
		assert_int_equal(sp_ebpf_counters(plane, counters), 0);
		assert_int_equal(
			counters[SP_COUNTER_INDEX(SP_HOOK_VPN_IN, SP_ALLOW, SP_REASON_POLICY)]
				.packets,
			1);
		assert_int_equal(sp_ebpf_event_stats(plane, &stats), 0);
		assert_int_equal(stats.attempted, 3);
		close_scratch(plane, staged);
	}
	free(counters);
}

/* The same policy with one rule's service turned from UDP to TCP. */
static void programs_get_other_tables(void **state)
{
	static const char text[] = "sallyport: 1\n"
				   "networks: { office: 10.20.0.0/16 }\n"
				   "rules: [ {name: office-tcp, allow: {from: office, to: any, "
				   "services: [tcp/9000]}} ]\n"
				   "fixtures: { self: [198.51.100.1] }\n";
	struct lab *lab = *state, other = *lab;
	const struct sp_facts facts = { 0 };
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_tuple in = udp(desk, 5000, server, 9000);

	assert_int_equal(sp_policy_load("p", text, strlen(text), &other.policy, &diagnostics), 0);
	sp_diagnostics_done(&diagnostics);
	assert_int_equal(sp_policy_number_rules(other.policy, NULL, NULL), 0);
	assert_int_equal(sp_tables_compile(other.policy, &other.policy->fixtures.gateway, &facts,
					   &other.tables),
			 0);
	for (int round = 0; round < 3; round++) {
		struct sp_ebpf_staged *staged;
		struct sp_ebpf *plane = open_scratch(lab, 3, &staged);

		assert_answer(judge(staged, SP_HOOK_INSIDE_IN, &in), ALLOW, POLICY,
			      rule_number(lab, "office-any"));
		close_scratch(plane, staged);
		plane = open_scratch(&other, 3, &staged);
		in.proto = IPPROTO_TCP;
		assert_answer(judge(staged, SP_HOOK_INSIDE_IN, &in), ALLOW, POLICY,
			      rule_number(&other, "office-tcp"));
		in.proto = IPPROTO_UDP;
		assert_answer(judge(staged, SP_HOOK_INSIDE_IN, &in), DENY, DEFAULT,
			      SP_RULE_DEFAULT);
		close_scratch(plane, staged);
	}
	sp_tables_free(other.tables);
	sp_policy_free(other.policy);
}

static void two_revisions_share_the_flows_of_a_plane(void **state)
{
	const struct lab *lab = *state;
	struct sp_plane_error error = { "" };
	struct sp_ebpf_staged *former, *next;
	struct sp_ebpf *plane = open_scratch(lab, 3, &former);
	struct sp_tuple out = udp(ana, 5000, server, 9000), back = udp(server, 9000, ana, 5000);

	lab_sign_in(lab, plane);
	lab_ok(sp_ebpf_stage(plane, lab->tables, 4, NULL, &next, &error), &error);
	assert_answer(judge(former, SP_HOOK_VPN_IN, &out), ALLOW, POLICY,
		      rule_number(lab, "eng-any"));
	assert_answer(judge(next, SP_HOOK_VPN_OUT, &back), ALLOW, REPLY,
		      rule_number(lab, "eng-any"));
	sp_ebpf_staged_free(next);
	close_scratch(plane, former);
}

static void signing_in_pushes_rows(void **state)
{
	struct lab *lab = *state;
	const uint32_t no_roles[1] = { 0 };
	const struct sp_facts facts = { 0 };
	struct sp_identity machine = { .roles = no_roles,
				       .role_count = 0,
				       .has_address = { true } };
	struct sp_session session = { .epoch = 42 };
	const struct sp_addr address = sp_addr_from_v4((const uint8_t[]){ 100, 64, 0, 8 });
	struct sp_tables *tables = NULL, *kept = lab->tables;
	struct sp_ebpf_staged *staged;
	struct sp_ebpf *plane;
	struct sp_tuple out = udp((const uint8_t[]){ 100, 64, 0, 8 }, 5000, server, 9000);
	uint32_t class_id[2], netset[2];

	assert_int_equal(
		sp_tables_compile(lab->policy, &lab->policy->fixtures.gateway, &facts, &tables), 0);
	lab->tables = tables; /* without ana's rows */
	plane = open_scratch(lab, 3, &staged);
	machine.role_count = 1;
	machine.addresses[0] = address;
	assert_int_equal(sp_tables_add_identity(tables, &machine, class_id, netset, NULL), 0);
	assert_int_equal(sp_ebpf_staged_extend(staged, tables), 0);
	assert_int_equal(sp_ebpf_staged_extend(staged, tables), 0);
	memcpy(session.class_id[1], class_id, sizeof(class_id));
	memcpy(session.netset[1], netset, sizeof(netset));
	assert_int_equal(sp_ebpf_session_put(plane, 1, &session), 0);
	assert_int_equal(sp_ebpf_ident_put(plane, &address, 1, session.epoch), 0);
	assert_answer(judge(staged, SP_HOOK_VPN_IN, &out), ALLOW, POLICY,
		      rule_number(lab, "eng-any"));
	close_scratch(plane, staged);
	sp_tables_free(tables);
	lab->tables = kept;
}

/* What makes staging again quick. */
static void staging_again_loads_no_program(void **state)
{
	const struct lab *lab = *state;
	uint32_t loaded[SP_HOOK_PROGRAM_COUNT];

	for (int i = 0; i < 3; i++) {
		struct sp_ebpf_staged *staged;
		struct sp_ebpf *plane = open_scratch(lab, 3, &staged);

		if (i == 0)
			memcpy(loaded, staged->program_id, sizeof(loaded));
		assert_int_not_equal(staged->program_id[SP_HOOK_VPN_IN], 0);
		assert_memory_equal(staged->program_id, loaded, sizeof(loaded));
		close_scratch(plane, staged);
	}
}

static void attached_plane_judges_no_frames(void **state)
{
	const struct lab *lab = *state;
	struct sp_ebpf *plane = lab_open(lab, 0);
	struct sp_ebpf_staged *staged = lab_stage(lab, plane, 1);
	struct sp_frame frame = { .bytes = (const uint8_t *)"", .len = 0 };
	struct sp_answer answer;

	assert_int_equal(sp_ebpf_judge(staged, SP_HOOK_VPN_IN, &frame, NOW, &answer), -EINVAL);
	sp_ebpf_staged_free(staged);
	sp_ebpf_close(plane);
	assert_int_equal(lab_clean(state), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_hook_answers),
		cmocka_unit_test(frames_too_short_for_the_kernel_are_judged_by_its_parser),
		cmocka_unit_test(frames_longer_than_a_page_are_judged),
		cmocka_unit_test(closed_plane_is_forgotten),
		cmocka_unit_test(programs_get_other_tables),
		cmocka_unit_test(two_revisions_share_the_flows_of_a_plane),
		cmocka_unit_test(signing_in_pushes_rows),
		cmocka_unit_test(staging_again_loads_no_program),
		cmocka_unit_test(attached_plane_judges_no_frames),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
