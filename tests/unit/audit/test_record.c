/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/record.h"
#include "base/array.h"
#include "net/addr.h"

static struct sp_addr addr(const char *text)
{
	struct sp_addr parsed;

	assert_int_equal(sp_addr_parse(text, &parsed), 0);
	return parsed;
}

static const char *const roles[] = { "engineer", "on-call" };

static struct sp_audit_record full_record(void)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;

	record.seq = 17;
	record.time_ns = 1795230600123456789;
	record.event = SP_AUDIT_DENY;
	record.boot = "b0";
	record.gateway = "gate";
	record.generation = "9f3c2e000000";
	record.revision = 4;
	record.user = "ana";
	record.session = "s-1";
	record.roles = roles;
	record.role_count = 2;
	record.has_roles = true;
	record.peer = "ana-laptop";
	record.has_src = record.has_dst = true;
	record.src = addr("100.64.0.7");
	record.dst = addr("10.30.9.4");
	record.sport = 40000;
	record.dport = 22;
	record.proto = IPPROTO_TCP;
	record.iface = "vpn0";
	record.hook = SP_HOOK_VPN_IN;
	record.verdict = "deny";
	record.rule = "payroll-closed";
	record.reason = "policy";
	record.has_counts = true;
	record.packets = 1;
	record.bytes = 60;
	return record;
}

#define ZEROS SP_CHAIN_GENESIS

static void line_has_the_keys_in_the_order_of_the_design(void **state)
{
	struct sp_audit_record record = full_record();
	__sp_free char *line = NULL;
	size_t len;

	(void)state;
	record.tcp_flags = 2;
	assert_int_equal(sp_audit_record_format(&record, ZEROS, &line, &len), 0);
	assert_int_equal(len, strlen(line));
	assert_string_equal(
		line,
		"{\"v\":1,\"seq\":17,\"time\":\"2026-11-21T03:10:00.123456789Z\",\"boot\":\"b0\","
		"\"gateway\":\"gate\",\"generation\":\"9f3c2e000000\",\"revision\":4,"
		"\"event\":\"deny\",\"user\":\"ana\",\"session\":\"s-1\","
		"\"roles\":[\"engineer\",\"on-call\"],\"peer\":\"ana-laptop\","
		"\"src\":\"100.64.0.7\",\"sport\":40000,\"dst\":\"10.30.9.4\",\"dport\":22,"
		"\"proto\":\"tcp\",\"iface\":\"vpn0\",\"hook\":\"vpn-in\",\"verdict\":\"deny\","
		"\"rule\":\"payroll-closed\",\"reason\":\"policy\",\"packets\":1,\"bytes\":60,"
		"\"tcp_flags\":2,\"prev\":\"" ZEROS "\"}");
}

static void absent_values_are_null_and_extras_are_left_out(void **state)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	__sp_free char *line = NULL;
	size_t len;

	(void)state;
	record.seq = 1;
	record.event = SP_AUDIT_START;
	assert_int_equal(sp_audit_record_format(&record, ZEROS, &line, &len), 0);
	assert_string_equal(
		line,
		"{\"v\":1,\"seq\":1,\"time\":\"1970-01-01T00:00:00.000000000Z\",\"boot\":null,"
		"\"gateway\":null,\"generation\":null,\"revision\":null,\"event\":\"start\","
		"\"user\":null,\"session\":null,\"roles\":null,\"peer\":null,\"src\":null,"
		"\"sport\":null,\"dst\":null,\"dport\":null,\"proto\":null,\"iface\":null,"
		"\"hook\":null,\"verdict\":null,\"rule\":null,\"reason\":null,\"packets\":null,"
		"\"bytes\":null,\"prev\":\"" ZEROS "\"}");
}

static void assert_same_text(const char *a, const char *b)
{
	if (a && b)
		assert_string_equal(a, b);
	else
		assert_true(a == b);
}

static void line_read_back_is_the_record(void **state)
{
	const struct sp_chain_head head = { 40, ZEROS };
	struct sp_audit_record record = full_record();
	__sp_free char *line = NULL, *again = NULL;
	__sp_audit_entry struct sp_audit_entry entry = { 0 };
	size_t len;

	(void)state;
	record.proto = IPPROTO_ICMPV6;
	record.src = addr("fd00:64::7");
	record.icmp_type = 128;
	record.icmp_code = 0;
	record.audit_rule = "egress-cut";
	record.audit_would = "deny";
	record.aggregated = true;
	record.idp = "corp";
	record.has_from = true;
	record.from = addr("198.51.100.7");
	record.head = &head;
	record.by = "uid 0 (root)";
	record.message = "two\nlines, a \"quote\" and a tab\t";
	assert_int_equal(sp_audit_record_format(&record, ZEROS, &line, &len), 0);
	assert_null(strchr(line, '\n'));
	assert_int_equal(sp_audit_entry_parse(line, len, &entry), 0);
	assert_string_equal(entry.prev, ZEROS);
	assert_same_text(entry.record.message, record.message);
	assert_same_text(entry.record.audit_would, "deny");
	assert_same_text(entry.record.idp, "corp");
	assert_true(entry.has_head);
	assert_int_equal(entry.head.seq, 40);
	assert_string_equal(entry.head.hash, ZEROS);
	entry.record.head = &entry.head;
	assert_true(entry.record.has_from);
	assert_memory_equal(&entry.record.from, &record.from, sizeof(record.from));
	assert_int_equal(entry.record.hook, SP_HOOK_VPN_IN);
	assert_int_equal(entry.record.role_count, 2);
	assert_memory_equal(&entry.record.src, &record.src, sizeof(record.src));
	assert_int_equal(sp_audit_record_format(&entry.record, entry.prev, &again, &len), 0);
	assert_string_equal(again, line);
}

static void every_event_name_reads_back(void **state)
{
	(void)state;
	for (int event = 1; event < SP_AUDIT_EVENT_COUNT; event++) {
		struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
		__sp_audit_entry struct sp_audit_entry entry = { 0 };
		__sp_free char *line = NULL;
		size_t len;

		record.seq = 1;
		record.event = (enum sp_audit_event)event;
		assert_int_equal(sp_audit_event_parse(sp_audit_event_name(record.event)), event);
		assert_int_equal(sp_audit_record_format(&record, ZEROS, &line, &len), 0);
		assert_int_equal(sp_audit_entry_parse(line, len, &entry), 0);
		assert_int_equal(entry.record.event, event);
		assert_false(entry.record.has_roles);
		assert_int_equal(entry.record.sport, SP_AUDIT_PORT_NONE);
	}
	assert_int_equal(sp_audit_event_parse("denied"), SP_AUDIT_NONE);
	assert_null(sp_audit_event_name(SP_AUDIT_NONE));
	assert_null(sp_audit_event_name(SP_AUDIT_EVENT_COUNT));
}

static void name_that_is_not_utf8_does_not_cost_the_record(void **state)
{
	struct sp_audit_record record = full_record();
	__sp_free char *line = NULL;
	size_t len;

	(void)state;
	record.user = "ren\xe9\"";
	record.peer = "ren\xc3\xa9";
	assert_int_equal(sp_audit_record_format(&record, ZEROS, &line, &len), 0);
	assert_non_null(strstr(line, "\"user\":\"ren?\\\"\""));
	assert_non_null(strstr(line, "\"peer\":\"ren\xc3\xa9\""));
}

static void record_without_an_event_is_refused(void **state)
{
	struct sp_audit_record record = SP_AUDIT_RECORD_INIT;
	char *line = NULL;
	size_t len;

	(void)state;
	assert_int_equal(sp_audit_record_format(&record, ZEROS, &line, &len), -EINVAL);
	assert_null(line);
}

/* Replace the first @from in the line by @to and read it. */
static int parse_changed(const char *from, const char *to)
{
	struct sp_audit_record record = full_record();
	__sp_audit_entry struct sp_audit_entry entry = { 0 };
	__sp_free char *line = NULL;
	char changed[2048];
	size_t len;
	char *at;

	assert_int_equal(sp_audit_record_format(&record, ZEROS, &line, &len), 0);
	at = strstr(line, from);
	assert_non_null(at);
	snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - line), line, to,
		 at + strlen(from));
	return sp_audit_entry_parse(changed, strlen(changed), &entry);
}

static void reader_refuses_values_of_the_wrong_type(void **state)
{
	static const char *const rows[][2] = {
		{ "\"seq\":17", "\"seq\":\"17\"" },
		{ "\"seq\":17", "\"seq\":0" },
		{ "\"seq\":17", "\"seq\":-1" },
		{ "\"seq\":17", "\"seq\":17,\"seq\":18" },
		{ "\"event\":\"deny\"", "\"event\":\"\"" },
		{ "\"event\":\"deny\"", "\"event\":7" },
		{ "\"event\":\"deny\"", "\"event\":null" },
		{ "\"time\":\"2026", "\"time\":\"26" },
		{ "\"dport\":22", "\"dport\":65536" },
		{ "\"dport\":22", "\"dport\":22.0" },
		{ "\"src\":\"100.64.0.7\"", "\"src\":\"100.64.0.07\"" },
		{ "\"src\":\"100.64.0.7\"", "\"src\":7" },
		{ "\"proto\":\"tcp\"", "\"proto\":\"256\"" },
		{ "\"proto\":\"tcp\"", "\"proto\":\"tpc\"" },
		{ "\"hook\":\"vpn-in\"", "\"hook\":7" },
		{ "[\"engineer\"", "[1" },
		{ "[\"engineer\",\"on-call\"]", "\"engineer\"" },
		{ "\"prev\":\"0", "\"prev\":\"g" },
		{ "\"prev\":\"0", "\"prev\":\"" },
		{ "{\"v\":1", "[{\"v\":1" },
		{ "\"v\":1", "\"v\":true" },
		{ "\"user\":\"ana\"", "\"user\":\"a\\u0000a\"" },
	};

	(void)state;
	assert_int_equal(parse_changed("\"user\":\"ana\"", "\"user\":\"bob\""), 0);
	assert_int_equal(parse_changed("\"v\":1", "\"v\":1,\"later\":[1,{}]"), 0);
	assert_int_equal(parse_changed("\"v\":1", "\"v\":2"), -EPROTONOSUPPORT);
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++)
		assert_int_equal(parse_changed(rows[i][0], rows[i][1]), -EBADMSG);
}

static void kernel_event_becomes_a_record(void **state)
{
	struct sp_event event = {
		.time_ns = 5,
		.revision = 9,
		.packets = 1,
		.bytes = 84,
		.saddr = addr("100.64.0.8"),
		.daddr = addr("10.30.0.2"),
		.rule = 3,
		.sport_be = htons(77),
		.dport_be = 0,
		.kind = SP_EVENT_DENY,
		.hook = SP_HOOK_VPN_IN,
		.verdict = SP_DENY,
		.reason = SP_REASON_NO_IDENTITY,
		.proto = IPPROTO_ICMP,
		.icmp_type = 8,
		.is_ip = 1,
	};
	struct sp_audit_record record;

	(void)state;
	sp_audit_record_from_event(&event, 1234, &record);
	assert_int_equal(record.event, SP_AUDIT_DENY);
	assert_int_equal(record.time_ns, 1234);
	assert_int_equal(record.sport, 77);
	assert_int_equal(record.dport, 0);
	assert_int_equal(record.icmp_type, 8);
	assert_int_equal(record.tcp_flags, SP_AUDIT_VALUE_NONE);
	assert_string_equal(record.verdict, "deny");
	assert_string_equal(record.reason, "no-identity");
	assert_null(record.rule);
	assert_true(record.has_counts && record.packets == 1 && record.bytes == 84);

	event.proto = IPPROTO_GRE;
	sp_audit_record_from_event(&event, 1234, &record);
	assert_int_equal(record.sport, SP_AUDIT_PORT_NONE);
	assert_int_equal(record.icmp_type, SP_AUDIT_VALUE_NONE);

	event.is_ip = 0;
	sp_audit_record_from_event(&event, 1234, &record);
	assert_false(record.has_src || record.has_dst);
	assert_int_equal(record.proto, SP_AUDIT_PROTO_NONE);

	event.kind = event.hook = event.verdict = event.reason =
		255; /* not of this program's time */
	sp_audit_record_from_event(&event, 1234, &record);
	assert_int_equal(record.event, SP_AUDIT_NONE);
	assert_int_equal(record.hook, SP_HOOK_NONE);
	assert_null(record.verdict);
	assert_null(record.reason);
}

static void protocols_are_named_or_numbered(void **state)
{
	char buf[8];

	(void)state;
	for (int proto = 0; proto < 256; proto++)
		assert_int_equal(sp_audit_proto_parse(sp_audit_proto_name(proto, buf)), proto);
	assert_string_equal(sp_audit_proto_name(58, buf), "icmp6");
	assert_string_equal(sp_audit_proto_name(47, buf), "47");
	assert_int_equal(sp_audit_proto_parse(""), -EINVAL);
	assert_int_equal(sp_audit_proto_parse("-1"), -EINVAL);
	assert_int_equal(sp_audit_proto_parse("0x1"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_has_the_keys_in_the_order_of_the_design),
		cmocka_unit_test(absent_values_are_null_and_extras_are_left_out),
		cmocka_unit_test(line_read_back_is_the_record),
		cmocka_unit_test(every_event_name_reads_back),
		cmocka_unit_test(name_that_is_not_utf8_does_not_cost_the_record),
		cmocka_unit_test(record_without_an_event_is_refused),
		cmocka_unit_test(reader_refuses_values_of_the_wrong_type),
		cmocka_unit_test(kernel_event_becomes_a_record),
		cmocka_unit_test(protocols_are_named_or_numbered),
	};

	return cmocka_run_group_tests_name("audit/record", tests, NULL, NULL);
}
