/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <time.h>

#include "base/cleanup.h"
#include "../policy/hand.h"
#include "policy/answer.h"
#include "tables/tables.h"

SP_DEFINE_CLEANUP(struct sp_tables *, sp_tables_free);
#define __hand __sp_cleanup(hand_done)
#define __tables __sp_cleanup(sp_tables_freep)

static struct sp_tables *compile(const struct hand *hand)
{
	struct sp_tables *tables = NULL;

	assert_int_equal(sp_tables_compile(&hand->policy, &hand->gateway, &hand->facts, &tables),
			 0);
	return tables;
}

static const struct sp_src *src_of(const struct sp_tables *tables, const char *addr)
{
	const struct sp_addr parsed = hand_addr(addr);
	const struct sp_src *src = sp_tables_find_src(tables, &parsed);

	assert_non_null(src);
	return src;
}

static const struct sp_dst *dst_of(const struct sp_tables *tables, const char *addr)
{
	const struct sp_addr parsed = hand_addr(addr);
	const struct sp_dst *dst = sp_tables_find_dst(tables, &parsed);

	assert_non_null(dst);
	return dst;
}

/* What an address without a session gets. */
static struct sp_verdict ask(const struct sp_tables *tables, enum sp_zone zone, const char *from,
			     const char *to, uint32_t slot)
{
	return *sp_tables_decide(tables, src_of(tables, from)->class_id[zone],
				 dst_of(tables, to)->netset, slot);
}

static void assert_verdict(struct sp_verdict verdict, enum sp_verdict_action action,
			   enum sp_reason reason, uint32_t rule)
{
	assert_string_equal(sp_reason_name(verdict.reason), sp_reason_name(reason));
	assert_int_equal(verdict.action, action);
	assert_int_equal(verdict.rule, rule);
	assert_int_equal(verdict.audit_rule, SP_RULE_NONE);
	assert_int_equal(verdict.limit, 0);
	assert_int_equal(verdict.not_after_ns, 0);
}

#define assert_allow(verdict, rule) assert_verdict(verdict, SP_ALLOW, SP_REASON_POLICY, rule)
#define assert_deny(verdict, rule) assert_verdict(verdict, SP_DENY, SP_REASON_POLICY, rule)
#define assert_default(verdict) assert_verdict(verdict, SP_DENY, SP_REASON_DEFAULT, SP_RULE_DEFAULT)

static struct sp_identity person(const char *user, const uint32_t *roles, size_t role_count,
				 const char *v4, const char *v6)
{
	struct sp_identity identity = {
		.user = user, .idp = user ? "corp" : NULL, .roles = roles, .role_count = role_count
	};

	if (v4)
		identity.addresses[0] = hand_addr(v4), identity.has_address[0] = true;
	if (v6)
		identity.addresses[1] = hand_addr(v6), identity.has_address[1] = true;
	return identity;
}

/* ---- sources and destinations ---- */

static void empty_policy_denies_by_default(void **state)
{
	__hand struct hand hand = { 0 };
	__tables struct sp_tables *tables = compile(&hand);

	(void)state;
	assert_int_equal(tables->src_count, 2);
	assert_int_equal(tables->dst_count, 2);
	assert_int_equal(tables->class_count, 1);
	assert_int_equal(tables->netset_count, 1);
	assert_int_equal(tables->svcset_count, 1);
	assert_int_equal(tables->profile_count, 1);
	assert_int_equal(tables->pair_count, 0);
	assert_default(ask(tables, SP_ZONE_EDGE, "8.8.8.8", "10.0.0.1", SP_SVC_TCP + 80));
	assert_default(ask(tables, SP_ZONE_INSIDE, "2001:db8::1", "::1", SP_SVC_PROTO + 47));
}

static void prefix_edges_are_exact_in_both_families(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	hand_network(&hand, "office", "10.20.0.0/15 2001:db8:20::/47", "");
	hand_network(&hand, "db", "10.30.8.0/24 2001:db8:30:8::/64", "");
	hand_rule(&hand, SP_RULE_ALLOW, "r", "office", "db", "tcp/443");

	__tables struct sp_tables *tables = compile(&hand);
	static const struct {
		const char *from, *to;
		bool allowed;
	} cases[] = {
		{ "10.20.0.0", "10.30.8.0", true },
		{ "10.21.255.255", "10.30.8.255", true },
		{ "10.19.255.255", "10.30.8.0", false },
		{ "10.22.0.0", "10.30.8.0", false },
		{ "10.20.0.0", "10.30.7.255", false },
		{ "10.20.0.0", "10.30.9.0", false },
		{ "2001:db8:20::", "2001:db8:30:8::", true },
		{ "2001:db8:21:ffff:ffff:ffff:ffff:ffff", "2001:db8:30:8:ffff:ffff:ffff:ffff",
		  true },
		{ "2001:db8:1f:ffff:ffff:ffff:ffff:ffff", "2001:db8:30:8::", false },
		{ "2001:db8:22::", "2001:db8:30:8::", false },
		{ "2001:db8:20::", "2001:db8:30:7:ffff:ffff:ffff:ffff", false },
		{ "2001:db8:20::", "2001:db8:30:9::", false },
	};

	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_verdict verdict =
			ask(tables, SP_ZONE_INSIDE, cases[i].from, cases[i].to, SP_SVC_TCP + 443);

		if (cases[i].allowed)
			assert_allow(verdict, 1);
		else
			assert_default(verdict);
	}
	assert_int_equal(tables->class_count, 2);
	assert_int_equal(tables->netset_count, 2);
	assert_int_equal(tables->pair_count, 1);
}

static void except_is_taken_out_even_below_a_wider_in(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	hand_network(&hand, "db", "10.30.8.0/24 10.30.8.13", "10.30.8.12/30");
	hand_network(&hand, "hole", "10.30.8.14", "");
	hand_rule(&hand, SP_RULE_ALLOW, "db", "any", "db", "");
	hand_rule(&hand, SP_RULE_ALLOW, "hole", "any", "hole", "");

	__tables struct sp_tables *tables = compile(&hand);

	assert_allow(ask(tables, SP_ZONE_INSIDE, "1.1.1.1", "10.30.8.11", SP_SVC_TCP), 1);
	assert_default(ask(tables, SP_ZONE_INSIDE, "1.1.1.1", "10.30.8.12", SP_SVC_TCP));
	assert_default(ask(tables, SP_ZONE_INSIDE, "1.1.1.1", "10.30.8.13", SP_SVC_TCP));
	assert_allow(ask(tables, SP_ZONE_INSIDE, "1.1.1.1", "10.30.8.14", SP_SVC_TCP), 2);
	assert_default(ask(tables, SP_ZONE_INSIDE, "1.1.1.1", "10.30.8.15", SP_SVC_TCP));
	assert_allow(ask(tables, SP_ZONE_INSIDE, "1.1.1.1", "10.30.8.16", SP_SVC_TCP), 1);
}

static void whole_families_stay_apart(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	hand_network(&hand, "all6", "::/0", "");
	hand_network(&hand, "all4", "0.0.0.0/0", "");
	hand_rule(&hand, SP_RULE_ALLOW, "six", "all6", "all6", "");
	hand_rule(&hand, SP_RULE_ALLOW, "four", "all4", "all4", "");

	__tables struct sp_tables *tables = compile(&hand);

	assert_allow(ask(tables, SP_ZONE_EDGE, "2001::1", "2002::2", SP_SVC_UDP + 1), 1);
	assert_allow(ask(tables, SP_ZONE_EDGE, "1.1.1.1", "2.2.2.2", SP_SVC_UDP + 1), 2);
	assert_default(ask(tables, SP_ZONE_EDGE, "1.1.1.1", "2002::2", SP_SVC_UDP + 1));
	assert_int_equal(tables->src_count, 2);
}

static void rows_that_repeat_their_parent_are_left_out(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	hand_network(&hand, "ten", "10.0.0.0/8 10.1.0.0/16 10.1.2.3", "");
	hand_rule(&hand, SP_RULE_ALLOW, "r", "ten", "ten", "");

	__tables struct sp_tables *tables = compile(&hand);

	assert_int_equal(tables->src_count, 3);
	assert_int_equal(tables->dst_count, 3);
}

static void home_is_self_then_pool_then_longest_route(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	hand_pool(&hand, "100.64.0.0/16 fd00:64::/64");
	hand_self(&hand, "192.0.2.1");
	hand_self(&hand, "100.64.0.1");
	hand_route(&hand, "0.0.0.0/0", SP_ZONE_EDGE);
	hand_route(&hand, "10.0.0.0/8", SP_ZONE_INSIDE);
	hand_route(&hand, "10.9.0.0/16", SP_ZONE_EDGE);
	hand_route(&hand, "10.9.0.0/16", SP_ZONE_INSIDE);
	hand.gateway.routes[1].ifindex = 7;

	__tables struct sp_tables *tables = compile(&hand);

	assert_int_equal(src_of(tables, "192.0.2.1")->home, SP_HOME_SELF);
	assert_int_equal(src_of(tables, "192.0.2.2")->home, SP_ZONE_EDGE);
	assert_int_equal(src_of(tables, "100.64.0.1")->home, SP_HOME_SELF);
	assert_int_equal(src_of(tables, "100.64.0.2")->home, SP_ZONE_TUNNEL);
	assert_int_equal(src_of(tables, "fd00:64::2")->home, SP_ZONE_TUNNEL);
	assert_int_equal(src_of(tables, "fd00:65::2")->home, SP_HOME_UNKNOWN);
	assert_int_equal(src_of(tables, "10.8.255.255")->home, SP_ZONE_INSIDE);
	assert_int_equal(src_of(tables, "10.9.0.0")->home, SP_ZONE_EDGE);
	assert_int_equal(src_of(tables, "10.8.255.255")->ifindex, 7);
	assert_int_equal(src_of(tables, "10.9.0.0")->ifindex, 0);
	assert_int_equal(src_of(tables, "192.0.2.2")->ifindex, 0);
	assert_int_equal(dst_of(tables, "192.0.2.1")->flags, SP_DST_SELF);
	assert_int_equal(dst_of(tables, "100.64.0.1")->flags, SP_DST_SELF);
	assert_int_equal(dst_of(tables, "100.64.0.0")->flags, SP_DST_POOL);
	assert_int_equal(dst_of(tables, "100.65.0.0")->flags, 0);
	assert_int_equal(dst_of(tables, "fd00:64::")->flags, SP_DST_POOL);
}

static void resolvers_are_marked_wherever_they_live(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	hand_pool(&hand, "100.64.0.0/16 fd00:64::/64");
	hand_self(&hand, "192.0.2.1");
	hand_network(&hand, "servers", "10.30.0.0/16", "");
	hand_rule(&hand, SP_RULE_ALLOW, "any", "any", "servers", "");
	hand_parked(&hand, 8443, "10.30.0.53 9.9.9.9 2001:db8::53 192.0.2.1 100.64.0.9");

	__tables struct sp_tables *tables = compile(&hand);

	assert_int_equal(tables->portal_port, 8443);
	assert_int_equal(dst_of(tables, "10.30.0.53")->flags, SP_DST_RESOLVER);
	assert_int_equal(dst_of(tables, "10.30.0.53")->netset,
			 dst_of(tables, "10.30.0.52")->netset);
	assert_int_equal(dst_of(tables, "10.30.0.52")->flags, 0);
	assert_int_equal(dst_of(tables, "9.9.9.9")->flags, SP_DST_RESOLVER);
	assert_int_equal(dst_of(tables, "2001:db8::53")->flags, SP_DST_RESOLVER);
	assert_int_equal(dst_of(tables, "192.0.2.1")->flags, SP_DST_SELF | SP_DST_RESOLVER);
	assert_int_equal(dst_of(tables, "100.64.0.9")->flags, SP_DST_POOL | SP_DST_RESOLVER);
	assert_int_equal(dst_of(tables, "100.64.0.8")->flags, SP_DST_POOL);
}

static void bogons_less_what_the_edge_trusts(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	hand.policy.bogons = hand_network(&hand, "bogons", "10.0.0.0/8 ::/8", "10.5.0.0/16");
	hand_prefixes("10.7.0.0/24", &hand.gateway.edge_trust, &hand.gateway.edge_trust_count);
	for (int drop = 0; drop < 2; drop++) {
		hand.policy.drop_bogons = drop;

		__tables struct sp_tables *tables = compile(&hand);
		uint8_t bogon = drop ? SP_REASON_BOGON : SP_REASON_NONE;

		assert_int_equal(src_of(tables, "10.6.255.255")->drop_reason, bogon);
		assert_int_equal(src_of(tables, "::")->drop_reason, bogon);
		assert_int_equal(src_of(tables, "10.5.1.1")->drop_reason, SP_REASON_NONE);
		assert_int_equal(src_of(tables, "10.7.0.255")->drop_reason, SP_REASON_NONE);
		assert_int_equal(src_of(tables, "10.7.1.0")->drop_reason, bogon);
		assert_int_equal(src_of(tables, "11.0.0.0")->drop_reason, SP_REASON_NONE);
		assert_int_equal(src_of(tables, "0.0.0.0")->drop_reason, SP_REASON_NONE);
	}
}

/* ---- kinds of rules ---- */

static void deny_beats_allow_and_the_first_of_each_is_named(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	hand_network(&hand, "a", "10.1.0.0/16", "");
	hand_rule(&hand, SP_RULE_ALLOW, "one", "a", "any", "tcp/1-100")->log = SP_LOG_NONE;
	hand_rule(&hand, SP_RULE_ALLOW, "two", "any", "any", "tcp/50-200")->log = SP_LOG_ALL;
	hand_rule(&hand, SP_RULE_DENY, "three", "any", "a", "tcp/80")->log = SP_LOG_NONE;
	hand_rule(&hand, SP_RULE_DENY, "four", "a", "any", "tcp/80");

	__tables struct sp_tables *tables = compile(&hand);
	struct sp_verdict verdict;

	verdict = ask(tables, SP_ZONE_INSIDE, "10.1.1.1", "9.9.9.9", SP_SVC_TCP + 49);
	assert_allow(verdict, 1);
	assert_int_equal(verdict.log, SP_LOG_NONE);
	verdict = ask(tables, SP_ZONE_INSIDE, "10.1.1.1", "9.9.9.9", SP_SVC_TCP + 50);
	assert_allow(verdict, 1);
	assert_int_equal(verdict.log, SP_LOG_ALL);
	assert_allow(ask(tables, SP_ZONE_INSIDE, "10.2.1.1", "9.9.9.9", SP_SVC_TCP + 50), 2);
	verdict = ask(tables, SP_ZONE_INSIDE, "10.2.1.1", "10.1.0.0", SP_SVC_TCP + 80);
	assert_deny(verdict, 3);
	assert_int_equal(verdict.log, SP_LOG_NONE);
	verdict = ask(tables, SP_ZONE_INSIDE, "10.1.1.1", "10.1.0.0", SP_SVC_TCP + 80);
	assert_deny(verdict, 3);
	assert_int_equal(verdict.log, SP_LOG_ALL);
	assert_deny(ask(tables, SP_ZONE_INSIDE, "10.1.1.1", "9.9.9.9", SP_SVC_TCP + 80), 4);
	verdict = ask(tables, SP_ZONE_INSIDE, "10.1.1.1", "9.9.9.9", SP_SVC_TCP + 201);
	assert_default(verdict);
	assert_int_equal(verdict.log, SP_LOG_ALL);
}

static void audit_rule(struct hand *hand, enum sp_rule_kind kind, const char *name, const char *to,
		       const char *services, enum sp_log log)
{
	struct sp_rule *rule = hand_rule(hand, kind, name, "any", to, services);

	rule->is_audit = true;
	rule->log = log;
}

/* Beside each verdict stands what the rules in audit would have said, and it is logged where that is
 * another answer. */
static void a_rule_in_audit_decides_nothing_and_is_noted(void **state)
{
	static const struct {
		const char *to;
		uint16_t port;
		enum sp_verdict_action action;
		uint32_t rule;
		enum sp_log log;
		uint8_t would;
		uint32_t audit_rule;
	} cases[] = {
		{ "9.9.9.9", 22, SP_ALLOW, 1, SP_LOG_NONE, SP_WOULD_NOTHING, SP_RULE_NONE },
		{ "9.9.9.9", 23, SP_ALLOW, 1, SP_LOG_NEW, SP_WOULD_DENY | SP_WOULD_LOGGED, 3 },
		{ "9.9.9.9", 24, SP_ALLOW, 1, SP_LOG_NONE, SP_WOULD_DENY, 4 },
		{ "9.9.9.9", 25, SP_ALLOW, 1, SP_LOG_NONE, SP_WOULD_ALLOW | SP_WOULD_LOGGED, 5 },
		{ "9.9.9.9", 99, SP_DENY, 0, SP_LOG_ALL, SP_WOULD_ALLOW | SP_WOULD_LOGGED, 6 },
		{ "10.1.0.1", 99, SP_DENY, 2, SP_LOG_NONE, SP_WOULD_NOTHING, SP_RULE_NONE },
		{ "10.1.0.1", 23, SP_DENY, 2, SP_LOG_NONE, SP_WOULD_DENY | SP_WOULD_LOGGED, 3 },
	};
	__hand struct hand hand = { 0 };

	(void)state;
	hand.policy.settings.is_default_silent = true;
	hand_network(&hand, "a", "10.1.0.0/16", "");
	hand_rule(&hand, SP_RULE_ALLOW, "yes", "any", "any", "tcp/1-50")->log = SP_LOG_NONE;
	hand_rule(&hand, SP_RULE_DENY, "no", "any", "a", "")->log = SP_LOG_NONE;
	audit_rule(&hand, SP_RULE_DENY, "d1", "any", "tcp/23", SP_LOG_NEW);
	audit_rule(&hand, SP_RULE_DENY, "d2", "any", "tcp/23-24", SP_LOG_NONE);
	audit_rule(&hand, SP_RULE_ALLOW, "a1", "any", "tcp/24-25", SP_LOG_NEW);
	audit_rule(&hand, SP_RULE_ALLOW, "a2", "any", "tcp/25 tcp/99", SP_LOG_NEW);

	__tables struct sp_tables *tables = compile(&hand);

	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		const struct sp_verdict verdict = ask(tables, SP_ZONE_INSIDE, "10.2.1.1",
						      cases[i].to, SP_SVC_TCP + cases[i].port);

		assert_int_equal(verdict.action, cases[i].action);
		assert_int_equal(verdict.rule, cases[i].rule);
		assert_int_equal(verdict.log, cases[i].log);
		assert_int_equal(verdict.would, cases[i].would);
		assert_int_equal(verdict.audit_rule, cases[i].audit_rule);
	}
}

static void expose_is_for_the_edge_and_a_deny_to_self_beats_it(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	hand_self(&hand, "192.0.2.1");
	hand_rule(&hand, SP_RULE_EXPOSE, "portal", "", "self", "tcp/443");
	hand_network(&hand, "bad", "198.51.100.0/24", "");
	hand_rule(&hand, SP_RULE_DENY, "bad", "bad", "self", "");
	hand_rule(&hand, SP_RULE_ALLOW, "ok", "any", "self", "tcp/443");

	__tables struct sp_tables *tables = compile(&hand);

	assert_verdict(ask(tables, SP_ZONE_EDGE, "8.8.8.8", "192.0.2.1", SP_SVC_TCP + 443),
		       SP_ALLOW, SP_REASON_EXPOSE, 1);
	assert_allow(ask(tables, SP_ZONE_INSIDE, "8.8.8.8", "192.0.2.1", SP_SVC_TCP + 443), 3);
	assert_deny(ask(tables, SP_ZONE_EDGE, "198.51.100.7", "192.0.2.1", SP_SVC_TCP + 443), 2);
	assert_default(ask(tables, SP_ZONE_EDGE, "8.8.8.8", "192.0.2.2", SP_SVC_TCP + 443));
}

static void protect_holds_on_the_interface_that_routes_to_the_source(void **state)
{
	__hand struct hand hand = { 0 };
	const uint32_t ssh = SP_SVC_TCP + 22;

	(void)state;
	hand_self(&hand, "192.0.2.1");
	hand_pool(&hand, "100.64.0.0/16");
	hand_route(&hand, "10.0.0.0/8", SP_ZONE_INSIDE);
	hand_route(&hand, "203.0.113.0/24", SP_ZONE_EDGE);
	hand_network(&hand, "admin", "10.1.0.0/16 203.0.113.5 198.51.100.9 100.64.0.7", "");
	hand_rule(&hand, SP_RULE_DENY, "no", "any", "any", "");
	hand_rule(&hand, SP_RULE_PROTECT, "ssh", "admin", "self", "tcp/22");

	__tables struct sp_tables *tables = compile(&hand);
	static const struct {
		const char *from;
		bool holds[3]; /* by zone */
	} cases[] = {
		{ "10.1.2.3", { [SP_ZONE_INSIDE] = true } },
		{ "203.0.113.5", { [SP_ZONE_EDGE] = true } },
		{ "198.51.100.9", { [SP_ZONE_EDGE] = true, [SP_ZONE_INSIDE] = true } },
		{ "100.64.0.7", { [SP_ZONE_TUNNEL] = true } },
		{ "100.64.0.8", { false } },
		{ "10.2.0.0", { false } },
	};

	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		bool any = false;

		for (unsigned zone = 0; zone < SP_ZONE_COUNT; zone++) {
			struct sp_verdict verdict =
				ask(tables, zone, cases[i].from, "192.0.2.1", ssh);

			any |= cases[i].holds[zone];
			if (cases[i].holds[zone])
				assert_verdict(verdict, SP_ALLOW, SP_REASON_PROTECT, 2);
			else if (zone == SP_ZONE_TUNNEL)
				assert_default(verdict);
			else
				assert_deny(verdict, 1);
		}
		assert_int_equal(src_of(tables, cases[i].from)->flags, any ? SP_SRC_PROTECT : 0);
	}
	assert_int_equal(tables->flags, SP_TABLES_PROTECT_TUNNEL);
	assert_deny(ask(tables, SP_ZONE_INSIDE, "10.1.2.3", "192.0.2.2", ssh), 1);
	assert_deny(ask(tables, SP_ZONE_INSIDE, "10.1.2.3", "192.0.2.1", ssh + 1), 1);
}

static void without_protect_in_the_pool_the_tunnel_flag_is_off(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	hand_pool(&hand, "100.64.0.0/16");
	hand_network(&hand, "admin", "100.64.0.0/15", "100.64.0.0/16");
	hand_rule(&hand, SP_RULE_PROTECT, "ssh", "admin", "self", "tcp/22");

	__tables struct sp_tables *tables = compile(&hand);

	assert_int_equal(tables->flags, 0);
	assert_int_equal(src_of(tables, "100.65.0.0")->flags, SP_SRC_PROTECT);
}

/* ---- services ---- */

static void service_slots(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	hand_rule(&hand, SP_RULE_ALLOW, "web", "any", "any", "tcp/80 tcp/80-90 udp/0-9 sctp/65535");
	hand_rule(&hand, SP_RULE_ALLOW, "ping", "any", "any", "icmp/8 icmp6/128-129");
	hand_rule(&hand, SP_RULE_ALLOW, "gre", "any", "any", "proto/47 proto/1 proto/58 proto/17");
	hand_rule(&hand, SP_RULE_ALLOW, "sctp", "any", "any", "proto/132");

	__tables struct sp_tables *tables = compile(&hand);
	static const struct {
		uint32_t slot, rule;
	} cases[] = {
		{ SP_SVC_TCP + 79, 0 },     { SP_SVC_TCP + 80, 1 },     { SP_SVC_TCP + 90, 1 },
		{ SP_SVC_TCP + 91, 0 },     { SP_SVC_TCP + 65535, 0 },  { SP_SVC_UDP + 0, 1 },
		{ SP_SVC_UDP + 9, 1 },      { SP_SVC_UDP + 10, 3 },     { SP_SVC_UDP + 65535, 3 },
		{ SP_SVC_SCTP + 65534, 4 }, { SP_SVC_SCTP + 65535, 1 }, { SP_SVC_ICMP + 7, 3 },
		{ SP_SVC_ICMP + 8, 2 },     { SP_SVC_ICMP + 255, 3 },   { SP_SVC_ICMP6 + 127, 3 },
		{ SP_SVC_ICMP6 + 128, 2 },  { SP_SVC_ICMP6 + 129, 2 },  { SP_SVC_PROTO + 1, 3 },
		{ SP_SVC_PROTO + 6, 0 },    { SP_SVC_PROTO + 17, 3 },   { SP_SVC_PROTO + 46, 0 },
		{ SP_SVC_PROTO + 47, 3 },   { SP_SVC_PROTO + 58, 3 },   { SP_SVC_PROTO + 132, 4 },
		{ SP_SVC_PROTO + 255, 0 },
	};

	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_verdict verdict =
			ask(tables, SP_ZONE_INSIDE, "1.1.1.1", "2.2.2.2", cases[i].slot);

		if (cases[i].rule)
			assert_allow(verdict, cases[i].rule);
		else
			assert_default(verdict);
	}
	/* none, web, web+gre, gre, sctp, web+sctp, ping+gre */
	assert_int_equal(tables->svcset_count, 7);
}

static void a_rule_without_services_matches_every_slot(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	hand_rule(&hand, SP_RULE_ALLOW, "all", "any", "any", "");

	__tables struct sp_tables *tables = compile(&hand);

	assert_int_equal(tables->svcset_count, 1);
	for (uint32_t slot = 0; slot < SP_SVC_SLOTS; slot++)
		assert_int_equal(tables->svc[slot], 0);
	assert_allow(ask(tables, SP_ZONE_EDGE, "1.1.1.1", "2.2.2.2", SP_SVC_PROTO + 6), 1);
}

/* ---- identities ---- */

static void people(struct hand *hand)
{
	hand_pool(hand, "100.64.0.0/16 fd00:64::/64");
	hand_role(hand, "engineer", "corp", "eng");
	hand_role(hand, "dba", "corp", "dba");
	hand_network(hand, "db", "10.30.8.0/24 2001:db8:30::/48", "");
	hand_network(hand, "labpool", "100.64.1.0/24", "");
	hand_rule(hand, SP_RULE_ALLOW, "eng", "role:0", "db", "tcp/22");
	hand_rule(hand, SP_RULE_ALLOW, "dba", "role:1", "db", "tcp/5432");
	hand_rule(hand, SP_RULE_DENY, "mallory", "user:mallory", "any", "");
	hand_rule(hand, SP_RULE_ALLOW, "lab", "labpool", "db", "udp/53");
	hand_rule(hand, SP_RULE_ALLOW, "callback", "db", "role:1", "tcp/9");
	hand_rule(hand, SP_RULE_ALLOW, "peers", "role:0", "labpool", "tcp/7");
}

static void roles_users_and_pool_networks_make_the_class(void **state)
{
	__hand struct hand hand = { 0 };
	const uint32_t both[] = { 0, 1 };
	uint32_t class_id[2], netset[2], db;

	(void)state;
	people(&hand);

	__tables struct sp_tables *tables = compile(&hand);
	struct sp_identity ana = person("ana", both, 2, "100.64.1.255", "fd00:64::7");
	struct sp_identity bob = person("bob", both + 1, 1, "100.64.2.0", NULL);
	struct sp_identity mallory = person("mallory", both, 1, "100.64.2.1", NULL);

	assert_int_equal(sp_tables_add_identity(tables, &ana, class_id, netset, NULL), 0);
	db = dst_of(tables, "10.30.8.9")->netset;
	assert_allow(*sp_tables_decide(tables, class_id[0], db, SP_SVC_TCP + 22), 1);
	assert_allow(*sp_tables_decide(tables, class_id[0], db, SP_SVC_TCP + 5432), 2);
	assert_allow(*sp_tables_decide(tables, class_id[0], db, SP_SVC_UDP + 53), 4);
	assert_default(*sp_tables_decide(tables, class_id[1], db, SP_SVC_UDP + 53));
	assert_allow(*sp_tables_decide(tables,
				       src_of(tables, "10.30.8.9")->class_id[SP_ZONE_INSIDE],
				       netset[1], SP_SVC_TCP + 9),
		     5);

	assert_int_equal(sp_tables_add_identity(tables, &bob, class_id, netset, NULL), 0);
	assert_int_equal(class_id[1], 0);
	assert_int_equal(netset[1], 0);
	assert_default(*sp_tables_decide(tables, class_id[0], db, SP_SVC_TCP + 22));
	assert_allow(*sp_tables_decide(tables, class_id[0], db, SP_SVC_TCP + 5432), 2);

	assert_int_equal(sp_tables_add_identity(tables, &mallory, class_id, netset, NULL), 0);
	assert_deny(*sp_tables_decide(tables, class_id[0], db, SP_SVC_TCP + 22), 3);
}

/* A machine has a role and signs in nowhere; a person who stands for a role has no name. */
static void signed_in_are_people_and_no_machines(void **state)
{
	__hand struct hand hand = { 0 };
	const uint32_t engineer[] = { 0 };
	uint32_t class_id[2], netset[2], machine[2], machine_netset[2];

	(void)state;
	hand_pool(&hand, "100.64.0.0/16");
	hand_role(&hand, "engineer", "corp", "eng");
	hand_network(&hand, "db", "10.30.8.0/24", "");
	hand_rule(&hand, SP_RULE_ALLOW, "staff", "signed-in", "db", "tcp/22");
	hand_rule(&hand, SP_RULE_ALLOW, "calls", "db", "signed-in", "tcp/9");

	__tables struct sp_tables *tables = compile(&hand);
	struct sp_identity ana = person("ana", NULL, 0, "100.64.1.1", NULL);
	struct sp_identity anybody = person("", engineer, 1, "100.64.1.2", NULL);
	struct sp_identity bot = person("bot", engineer, 1, "100.64.1.3", NULL);
	const uint32_t db = dst_of(tables, "10.30.8.9")->netset;
	const uint32_t from_db = src_of(tables, "10.30.8.9")->class_id[SP_ZONE_INSIDE];

	bot.user = bot.idp = NULL;
	assert_int_equal(sp_tables_add_identity(tables, &ana, class_id, netset, NULL), 0);
	assert_int_equal(sp_tables_add_identity(tables, &bot, machine, machine_netset, NULL), 0);
	assert_allow(*sp_tables_decide(tables, class_id[0], db, SP_SVC_TCP + 22), 1);
	assert_allow(*sp_tables_decide(tables, from_db, netset[0], SP_SVC_TCP + 9), 2);
	assert_default(*sp_tables_decide(tables, machine[0], db, SP_SVC_TCP + 22));
	assert_default(*sp_tables_decide(tables, from_db, machine_netset[0], SP_SVC_TCP + 9));
	assert_int_equal(sp_tables_add_identity(tables, &anybody, machine, machine_netset, NULL),
			 0);
	assert_int_equal(machine[0], class_id[0]);
	/* nobody on another interface is signed in */
	assert_default(ask(tables, SP_ZONE_EDGE, "1.1.1.1", "10.30.8.9", SP_SVC_TCP + 22));
}

static void people_of_a_list_are_they_at_their_provider_alone(void **state)
{
	__hand struct hand hand = { 0 };
	const uint32_t engineer[] = { 0 };
	uint32_t class_id[2], netset[2], other[2], other_netset[2];

	(void)state;
	hand_pool(&hand, "100.64.0.0/16");
	hand_people(&hand, "oncall", "ana@corp bob@corp");
	hand_role(&hand, "engineer", "corp", "eng");
	hand_network(&hand, "db", "10.30.8.0/24", "");
	hand_rule(&hand, SP_RULE_ALLOW, "staff", "people:0", "db", "tcp/22");
	hand_rule(&hand, SP_RULE_ALLOW, "calls", "db", "people:0", "tcp/9");

	__tables struct sp_tables *tables = compile(&hand);
	struct sp_identity bob = person("bob", NULL, 0, "100.64.1.1", NULL);
	struct sp_identity other_bob = person("bob", engineer, 1, "100.64.1.2", NULL);
	struct sp_identity anybody = person("", engineer, 1, "100.64.1.3", NULL);
	const uint32_t db = dst_of(tables, "10.30.8.9")->netset;
	const uint32_t from_db = src_of(tables, "10.30.8.9")->class_id[SP_ZONE_INSIDE];

	other_bob.idp = "partner";
	assert_int_equal(sp_tables_add_identity(tables, &bob, class_id, netset, NULL), 0);
	assert_int_equal(sp_tables_add_identity(tables, &other_bob, other, other_netset, NULL), 0);
	assert_allow(*sp_tables_decide(tables, class_id[0], db, SP_SVC_TCP + 22), 1);
	assert_allow(*sp_tables_decide(tables, from_db, netset[0], SP_SVC_TCP + 9), 2);
	assert_default(*sp_tables_decide(tables, other[0], db, SP_SVC_TCP + 22));
	assert_default(*sp_tables_decide(tables, from_db, other_netset[0], SP_SVC_TCP + 9));
	/* who stands for a role has no name, so is on no list */
	assert_int_equal(sp_tables_add_identity(tables, &anybody, class_id, netset, NULL), 0);
	assert_int_equal(class_id[0], other[0]);
}

static void own_devices_are_reached_by_their_person_alone(void **state)
{
	__hand struct hand hand = { 0 };
	const uint32_t engineer[] = { 0 };
	uint32_t class_id[2], netset[2], own[2], bot_own[2], bot_netset[2];

	(void)state;
	hand_pool(&hand, "100.64.0.0/16");
	hand_role(&hand, "engineer", "corp", "eng");
	hand_rule(&hand, SP_RULE_ALLOW, "mine", "signed-in", "own-devices", "tcp/22");
	hand_rule(&hand, SP_RULE_ALLOW, "web", "signed-in", "role:0", "tcp/80");

	__tables struct sp_tables *tables = compile(&hand);
	struct sp_identity ana = person("ana", engineer, 1, "100.64.1.1", NULL);
	struct sp_identity bot = person("bot", engineer, 1, "100.64.1.3", NULL);

	bot.user = bot.idp = NULL;
	assert_int_equal(sp_tables_add_identity(tables, &ana, class_id, netset, own), 0);
	assert_allow(*sp_tables_decide(tables, class_id[0], own[0], SP_SVC_TCP + 22), 1);
	assert_allow(*sp_tables_decide(tables, class_id[0], own[0], SP_SVC_TCP + 80), 2);
	assert_default(*sp_tables_decide(tables, class_id[0], netset[0], SP_SVC_TCP + 22));
	assert_allow(*sp_tables_decide(tables, class_id[0], netset[0], SP_SVC_TCP + 80), 2);
	/* a machine is nobody's device */
	assert_int_equal(sp_tables_add_identity(tables, &bot, class_id, bot_netset, bot_own), 0);
	assert_memory_equal(bot_own, bot_netset, sizeof(bot_own));
}

static void the_gateway_is_meant_by_rules_from_self_alone(void **state)
{
	__hand struct hand hand = { 0 };

	(void)state;
	hand_network(&hand, "db", "10.30.8.0/24", "");
	hand_rule(&hand, SP_RULE_ALLOW, "names", "self", "any", "udp/53");
	hand_rule(&hand, SP_RULE_DENY, "closed", "any", "db", "tcp/22");
	hand_rule(&hand, SP_RULE_DENY, "no-mail", "self db", "any", "tcp/25");
	hand.policy.settings.self_needs_rules = true;

	__tables struct sp_tables *tables = compile(&hand);
	const uint32_t db = dst_of(tables, "10.30.8.9")->netset;

	assert_true(tables->flags & SP_TABLES_SELF_RULES);
	assert_int_not_equal(tables->self_class, 0);
	assert_allow(*sp_tables_decide(tables, tables->self_class, db, SP_SVC_UDP + 53), 1);
	assert_deny(*sp_tables_decide(tables, tables->self_class, db, SP_SVC_TCP + 25), 3);
	/* any is everybody else */
	assert_default(*sp_tables_decide(tables, tables->self_class, db, SP_SVC_TCP + 22));
	assert_default(ask(tables, SP_ZONE_EDGE, "1.1.1.1", "8.8.8.8", SP_SVC_UDP + 53));
}

static void peers_are_judged_whoever_signed_in_first(void **state)
{
	const uint32_t engineer[] = { 0 };

	(void)state;
	for (int order = 0; order < 2; order++) {
		__hand struct hand hand = { 0 };
		uint32_t sender[2], receiver[2], unused[2];

		people(&hand);

		__tables struct sp_tables *tables = compile(&hand);
		struct sp_identity ana = person("ana", engineer, 1, "100.64.2.1", NULL);
		struct sp_identity lab = person("lab", NULL, 0, "100.64.1.1", NULL);

		for (int step = 0; step < 2; step++) {
			if (step == order)
				assert_int_equal(
					sp_tables_add_identity(tables, &ana, sender, unused, NULL),
					0);
			else
				assert_int_equal(sp_tables_add_identity(tables, &lab, unused,
									receiver, NULL),
						 0);
		}
		assert_allow(*sp_tables_decide(tables, sender[0], receiver[0], SP_SVC_TCP + 7), 6);
	}
}

static void identities_only_append_rows_and_repeat_none(void **state)
{
	__hand struct hand hand = { 0 };
	const uint32_t roles[] = { 0, 1 };
	uint32_t class_id[2], netset[2], again[2], netset_again[2];

	(void)state;
	people(&hand);

	__tables struct sp_tables *tables = compile(&hand);
	struct sp_identity ana = person("ana", roles, 2, "100.64.1.1", "fd00:64::7");
	struct sp_identity eve = person("eve", roles, 2, "100.64.1.2", "fd00:64::8");
	size_t pairs = tables->pair_count;
	__sp_free struct sp_pair_row *old = calloc(pairs + 1, sizeof(*old));

	memcpy(old, tables->pair, pairs * sizeof(*old));
	assert_int_equal(sp_tables_add_identity(tables, &ana, class_id, netset, NULL), 0);
	assert_true(tables->pair_count > pairs);
	assert_memory_equal(old, tables->pair, pairs * sizeof(*old));
	pairs = tables->pair_count;
	assert_int_equal(sp_tables_add_identity(tables, &eve, again, netset_again, NULL), 0);
	assert_int_equal(tables->pair_count, pairs);
	assert_memory_equal(class_id, again, sizeof(again));
	assert_memory_equal(netset, netset_again, sizeof(netset));
	for (size_t i = 0; i < pairs; i++)
		for (size_t n = 0; n < i; n++)
			assert_false(memcmp(&tables->pair[i].key, &tables->pair[n].key,
					    sizeof(struct sp_pair_key)) == 0);
}

/* ---- bounds ---- */

/* Rules that all differ in port: service sets fill up. */
static void too_many_service_sets_are_refused(void **state)
{
	__hand struct hand hand = { 0 };
	struct sp_tables *tables = NULL;
	char service[16];

	(void)state;
	for (unsigned i = 0; i < SP_TABLES_SVCSET_MAX - 1; i++) {
		snprintf(service, sizeof(service), "tcp/%u", i + 1);
		hand_rule(&hand, SP_RULE_ALLOW, "r", "any", "any", service);
	}
	assert_int_equal(sp_tables_compile(&hand.policy, &hand.gateway, &hand.facts, &tables), 0);
	assert_int_equal(tables->svcset_count, SP_TABLES_SVCSET_MAX);
	sp_tables_free(tables);
	tables = NULL;
	hand_rule(&hand, SP_RULE_ALLOW, "r", "any", "any", "tcp/65535");
	assert_int_equal(sp_tables_compile(&hand.policy, &hand.gateway, &hand.facts, &tables),
			 -E2BIG);
	assert_null(tables);
}

/* The verdict table has room for 256 profiles of 4096 service sets: the identity that needs one
 * more leaves nothing behind. */
static void an_identity_beyond_the_bounds_leaves_the_tables_as_they_were(void **state)
{
	__hand struct hand hand = { 0 };
	const uint32_t limit = SP_TABLES_VERDICT_MAX / SP_TABLES_SVCSET_MAX;
	uint32_t class_id[2] = { 77, 77 }, netset[2] = { 77, 77 };
	char service[16];
	uint32_t added = 0;
	int r = 0;

	(void)state;
	hand_pool(&hand, "100.64.0.0/16");
	for (unsigned i = 0; i < SP_TABLES_SVCSET_MAX - 1; i++) {
		snprintf(service, sizeof(service), "tcp/%u", i + 1);
		snprintf(hand_rule(&hand, SP_RULE_ALLOW, "rule-of-somebody", "role:0", "any",
				   service)
				 ->name,
			 16, "r%u", i);
		hand.policy.rules[i].from[0].index = i;
	}

	__tables struct sp_tables *tables = compile(&hand);

	for (uint32_t i = 0; i < limit; i++) {
		struct sp_identity identity = person("x", &i, 1, "100.64.0.5", NULL);
		struct sp_tables before = *tables;

		class_id[0] = class_id[1] = netset[0] = netset[1] = 77;
		r = sp_tables_add_identity(tables, &identity, class_id, netset, NULL);
		if (r == 0) {
			added++;
			continue;
		}
		assert_int_equal(r, -E2BIG);
		assert_int_equal(class_id[0], 77);
		assert_int_equal(netset[1], 77);
		assert_int_equal(tables->class_count, before.class_count);
		assert_int_equal(tables->netset_count, before.netset_count);
		assert_int_equal(tables->profile_count, before.profile_count);
		assert_int_equal(tables->pair_count, before.pair_count);
		break;
	}
	assert_int_equal(added, limit - 1);
	assert_int_equal(r, -E2BIG);
	/* Known combinations still find their rows. */
	struct sp_identity first = person("x", (uint32_t[]){ 0 }, 1, "100.64.0.6", NULL);

	assert_int_equal(sp_tables_add_identity(tables, &first, class_id, netset, NULL), 0);
	assert_allow(*sp_tables_decide(tables, class_id[0], dst_of(tables, "8.8.8.8")->netset,
				       SP_SVC_TCP + 1),
		     1);
}

static void unnumbered_rules_are_refused(void **state)
{
	__hand struct hand hand = { 0 };
	struct sp_tables *tables = NULL;

	(void)state;
	hand_rule(&hand, SP_RULE_ALLOW, "r", "any", "any", "")->number = 0;
	assert_int_equal(sp_tables_compile(&hand.policy, &hand.gateway, &hand.facts, &tables),
			 -EINVAL);
	hand.policy.rules[0].number = SP_RULE_MAX;
	assert_int_equal(sp_tables_compile(&hand.policy, &hand.gateway, &hand.facts, &tables),
			 -EINVAL);
	assert_null(tables);
}

/* Ten thousand rules over a hundred thousand prefixes. Prints what it took; fails when something
 * became quadratic. */
static void ten_thousand_rules_compile_in_seconds(void **state)
{
	__hand struct hand hand = { 0 };
	struct timespec begin, end;
	char from[32], to[32], text[400], service[16];
	double seconds;

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		size_t len = 0;

		for (unsigned n = 0; n < 20; n++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u.%u.%u.%u/32",
						n ? " " : "", 10 + n, i >> 8, i & 255, n * 8);
		snprintf(from, sizeof(from), "n%u", i);
		hand_network(&hand, from, text, "");
	}
	for (unsigned i = 0; i < 10000; i++) {
		struct sp_rule *rule;

		snprintf(service, sizeof(service), "tcp/%u", 1 + i % 50);
		rule = hand_rule(&hand, i % 4 ? SP_RULE_ALLOW : SP_RULE_DENY, "rule", "any", "any",
				 service);
		rule->from[0] = (struct sp_from){ SP_FROM_NETWORK, i % 5000, NULL };
		rule->to[0] = (struct sp_to){ SP_TO_NETWORK, (i * 7 + 3) % 5000 };
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);

	__tables struct sp_tables *tables = compile(&hand);

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
	print_message("%zu rules, %zu src rows, %u classes, %zu pairs, %u profiles: %.2f s\n",
		      hand.policy.rule_count, tables->src_count, tables->class_count,
		      tables->pair_count, tables->profile_count, seconds);
	assert_true(seconds < 15);
	snprintf(from, sizeof(from), "10.%u.%u.0", 0, 1);
	snprintf(to, sizeof(to), "11.%u.%u.8", 0, 10);
	assert_allow(ask(tables, SP_ZONE_INSIDE, from, to, SP_SVC_TCP + 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_policy_denies_by_default),
		cmocka_unit_test(prefix_edges_are_exact_in_both_families),
		cmocka_unit_test(except_is_taken_out_even_below_a_wider_in),
		cmocka_unit_test(whole_families_stay_apart),
		cmocka_unit_test(rows_that_repeat_their_parent_are_left_out),
		cmocka_unit_test(home_is_self_then_pool_then_longest_route),
		cmocka_unit_test(resolvers_are_marked_wherever_they_live),
		cmocka_unit_test(bogons_less_what_the_edge_trusts),
		cmocka_unit_test(deny_beats_allow_and_the_first_of_each_is_named),
		cmocka_unit_test(a_rule_in_audit_decides_nothing_and_is_noted),
		cmocka_unit_test(expose_is_for_the_edge_and_a_deny_to_self_beats_it),
		cmocka_unit_test(protect_holds_on_the_interface_that_routes_to_the_source),
		cmocka_unit_test(without_protect_in_the_pool_the_tunnel_flag_is_off),
		cmocka_unit_test(service_slots),
		cmocka_unit_test(a_rule_without_services_matches_every_slot),
		cmocka_unit_test(roles_users_and_pool_networks_make_the_class),
		cmocka_unit_test(signed_in_are_people_and_no_machines),
		cmocka_unit_test(people_of_a_list_are_they_at_their_provider_alone),
		cmocka_unit_test(own_devices_are_reached_by_their_person_alone),
		cmocka_unit_test(the_gateway_is_meant_by_rules_from_self_alone),
		cmocka_unit_test(peers_are_judged_whoever_signed_in_first),
		cmocka_unit_test(identities_only_append_rows_and_repeat_none),
		cmocka_unit_test(too_many_service_sets_are_refused),
		cmocka_unit_test(an_identity_beyond_the_bounds_leaves_the_tables_as_they_were),
		cmocka_unit_test(unnumbered_rules_are_refused),
		cmocka_unit_test(ten_thousand_rules_compile_in_seconds),
	};

	return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
