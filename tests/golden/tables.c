/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tables.h"

#include <endian.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"
#include "policy/addresses/filled.h"
#include "policy/answer.h"
#include "tables/index.h"
#include "tables/tables.h"

SP_DEFINE_CLEANUP(struct sp_tables *, sp_tables_free);

static void put_rules(FILE *out, const struct sp_tables *tables, const uint64_t *set)
{
	const struct sp_policy *policy = tables->index->policy;
	bool any = false;

	for (size_t i = 0; i < policy->rule_count; i++) {
		if (!sp_bits_test(set, i))
			continue;
		fprintf(out, " %s", policy->rules[i].name);
		any = true;
	}
	fputs(any ? "\n" : " no rule\n", out);
}

static void put_sets(FILE *out, const struct sp_tables *tables, const char *what,
		     const struct sp_rule_sets *sets)
{
	for (uint32_t n = 0; n < sp_rule_sets_count(sets); n++) {
		fprintf(out, "%s %u:", what, n);
		put_rules(out, tables, sp_rule_sets_get(sets, n));
	}
}

static void put_src(FILE *out, const struct sp_tables *tables)
{
	static const char *const homes[] = {
		[SP_ZONE_EDGE] = "edge",       [SP_ZONE_INSIDE] = "inside",
		[SP_ZONE_TUNNEL] = "tunnel",   [SP_HOME_SELF] = "the gateway",
		[SP_HOME_UNKNOWN] = "unknown",
	};

	fprintf(out, "\n%zu sources: class on edge, inside, tunnel\n", tables->src_count);
	for (size_t i = 0; i < tables->src_count; i++) {
		const struct sp_src *src = &tables->src[i].value;
		char prefix[SP_PREFIX_TEXT_MAX];

		fprintf(out, "%-22s %u %u %u  home %s%s%s%s\n",
			sp_prefix_format(&tables->src[i].prefix, prefix),
			src->class_id[SP_ZONE_EDGE], src->class_id[SP_ZONE_INSIDE],
			src->class_id[SP_ZONE_TUNNEL], homes[src->home],
			src->flags & SP_SRC_PROTECT ? ", protect" : "",
			src->drop_reason ? ", " : "",
			src->drop_reason ? sp_reason_name(src->drop_reason) : "");
	}
}

static void put_dst(FILE *out, const struct sp_tables *tables)
{
	fprintf(out, "\n%zu destinations\n", tables->dst_count);
	for (size_t i = 0; i < tables->dst_count; i++) {
		const struct sp_dst *dst = &tables->dst[i].value;
		char prefix[SP_PREFIX_TEXT_MAX];

		sp_prefix_format(&tables->dst[i].prefix, prefix);
		if (dst->flags & SP_DST_POOL)
			fprintf(out, "%-22s the session's network set\n", prefix);
		else
			fprintf(out, "%-22s network set %u%s\n", prefix, dst->netset,
				dst->flags & SP_DST_SELF ? ", the gateway" : "");
	}
}

static void put_fwd(FILE *out, const struct sp_tables *tables)
{
	char addr[SP_ADDR_TEXT_MAX];

	if (tables->fwd_count)
		fprintf(out, "\n%zu forwarded\n", tables->fwd_count);
	for (size_t i = 0; i < tables->fwd_count; i++) {
		const struct sp_fwd_row *row = &tables->fwd[i];

		fprintf(out, "%s %s/%u: port %u, network set %u\n",
			sp_addr_format(&row->key.to, addr),
			row->key.proto == IPPROTO_TCP ? "tcp" : "udp", be16toh(row->key.port_be),
			be16toh(row->value.port_be), row->value.netset);
	}
}

/* The slots of one service set: tcp/22-80, icmp6/128, proto/47. */
static void put_slots(FILE *out, const struct sp_tables *tables, uint32_t svcset)
{
	static const struct {
		const char *name;
		uint32_t base, count;
	} parts[] = {
		{ "tcp", SP_SVC_TCP, 65536 },   { "udp", SP_SVC_UDP, 65536 },
		{ "sctp", SP_SVC_SCTP, 65536 }, { "icmp", SP_SVC_ICMP, 256 },
		{ "icmp6", SP_SVC_ICMP6, 256 }, { "proto", SP_SVC_PROTO, 256 },
	};

	for (size_t p = 0; p < SP_ARRAY_LEN(parts); p++) {
		const uint16_t *slot = tables->svc + parts[p].base;

		for (uint32_t from = 0, to; from < parts[p].count; from = to + 1) {
			to = from;
			if (slot[from] != svcset)
				continue;
			while (to + 1 < parts[p].count && slot[to + 1] == svcset)
				to++;
			fprintf(out, from == to ? "    %s/%u\n" : "    %s/%u-%u\n", parts[p].name,
				from, to);
		}
	}
}

static void put_svc(FILE *out, const struct sp_tables *tables)
{
	fprintf(out, "\n%u service sets\n", tables->svcset_count);
	for (uint32_t s = 0; s < tables->svcset_count; s++) {
		fprintf(out, "service set %u:", s);
		put_rules(out, tables, sp_rule_sets_get(&tables->index->svcsets, s));
		put_slots(out, tables, s);
	}
}

static void put_verdicts(FILE *out, const struct sp_tables *tables)
{
	static const char *const logs[] = { "none", "new", "all" };
	const struct sp_policy *policy = tables->index->policy;

	fprintf(out, "\n%zu pairs; any other has profile 0\n", tables->pair_count);
	for (size_t i = 0; i < tables->pair_count; i++)
		fprintf(out, "class %u to network set %u: profile %u\n",
			tables->pair[i].key.class_id, tables->pair[i].key.netset,
			tables->pair[i].profile);
	fprintf(out, "\n%u profiles\n", tables->profile_count);
	for (uint32_t p = 0; p < tables->profile_count; p++) {
		fprintf(out, "profile %u:", p);
		put_rules(out, tables, sp_rule_sets_get(&tables->index->profiles, p));
		for (uint32_t s = 0; s < tables->svcset_count; s++) {
			const struct sp_verdict *verdict =
				&tables->verdict[p * tables->svcset_count + s];

			fprintf(out, "    service set %u: %s %s, %s, log %s\n", s,
				sp_verdict_name(verdict->action), sp_reason_name(verdict->reason),
				sp_policy_rule_name(policy, verdict->rule), logs[verdict->log]);
		}
	}
}

static int put_people(FILE *out, struct sp_tables *tables, const struct sp_policy *policy)
{
	const struct sp_fixtures *fixtures = &policy->fixtures;

	for (size_t i = 0; i < fixtures->session_count; i++) {
		const struct sp_fixture_session *session = &fixtures->sessions[i];
		const struct sp_person person = sp_fixture_person(session);
		struct sp_identity identity = { .user = session->user, .idp = session->idp };
		__sp_free uint32_t *roles = NULL;
		uint32_t class_id[2], netset[2], own[2];
		int r = sp_policy_match_roles(policy, &person, policy->fixtures.now_s, &roles,
					      &identity.role_count);

		if (r < 0)
			return r;
		identity.roles = roles;
		memcpy(identity.addresses, session->addresses, sizeof(identity.addresses));
		memcpy(identity.has_address, session->has_address, sizeof(identity.has_address));
		r = sp_tables_add_identity(tables, &identity, class_id, netset, own);
		if (r < 0)
			return r;
		fprintf(out, "%s: class %u in IPv4, %u in IPv6; network set %u, %u", session->user,
			class_id[0], class_id[1], netset[0], netset[1]);
		if (memcmp(own, netset, sizeof(own)) != 0)
			fprintf(out, ", from their own devices %u, %u", own[0], own[1]);
		fputc('\n', out);
	}
	return 0;
}

int print_tables(struct sp_policy *text, FILE *out)
{
	__sp_cleanup(sp_policy_freep) struct sp_policy *policy = NULL;
	__sp_cleanup(sp_tables_freep) struct sp_tables *tables = NULL;
	const struct sp_facts facts = { 0 };
	int r = sp_policy_number_rules(text, NULL, NULL);

	if (r == 0)
		r = sp_policy_fill_fixtures(text, &policy);
	if (r == 0)
		r = sp_tables_compile(policy, &policy->fixtures.gateway, &facts, &tables);
	if (r == 0)
		r = put_people(out, tables, policy);
	if (r < 0)
		return r;
	if (tables->flags & SP_TABLES_PROTECT_TUNNEL)
		fputs("protect entries reach into the pool\n", out);
	if (tables->self_class || tables->flags & SP_TABLES_SELF_RULES)
		fprintf(out, "the gateway itself: class %u%s\n", tables->self_class,
			tables->flags & SP_TABLES_SELF_RULES ? ", needs an allow" : "");
	if (tables->flags & SP_TABLES_REJECT)
		fprintf(out, "who is refused is told %s\n",
			tables->flags & SP_TABLES_REJECT_DROP ? "nothing" : "by ICMP alone");
	put_sets(out, tables, "class", &tables->index->classes);
	put_sets(out, tables, "network set", &tables->index->netsets);
	put_src(out, tables);
	put_dst(out, tables);
	put_fwd(out, tables);
	put_svc(out, tables);
	put_verdicts(out, tables);
	return 0;
}
