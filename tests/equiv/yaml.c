/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A case as the files a person would write. */
#include "world.h"

#include <string.h>
#include <time.h>

#include "policy/answer.h"

static void put_word(FILE *out, const char *word)
{
	/* A colon means something to YAML; { user: x } is meant to. */
	fprintf(out, strchr(word, ':') && word[0] != '{' ? "\"%s\"" : "%s", word);
}

static void put_words(FILE *out, const struct words *words)
{
	if (words->count == 1) {
		put_word(out, words->item[0]);
		return;
	}
	fputc('[', out);
	for (uint32_t i = 0; i < words->count; i++) {
		fputs(i ? ", " : "", out);
		put_word(out, words->item[i]);
	}
	fputc(']', out);
}

static void put_time(FILE *out, const char *before, int64_t at_s, const char *after)
{
	const time_t at = (time_t)at_s;
	char text[32];
	struct tm tm;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &tm));
	fprintf(out, "%s\"%s\"%s", before, text, after);
}

static void put_schedules(FILE *out, const struct world_policy *policy)
{
	static const char days[7][4] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

	if (policy->schedule_count)
		fputs("schedules:\n", out);
	for (uint32_t i = 0; i < policy->schedule_count; i++) {
		const struct world_schedule *schedule = &policy->schedules[i];
		struct words words = { 0 };

		for (unsigned day = 0; day < 7; day++)
			if (schedule->days >> day & 1)
				words_add(&words, "%s", days[day]);
		fprintf(out, "  %s: { days: ", schedule->name);
		put_words(out, &words);
		fprintf(out, ", from: \"%02u:%02u\", to: \"%02u:%02u\"%s }\n",
			schedule->from_min / 60, schedule->from_min % 60, schedule->to_min / 60,
			schedule->to_min % 60,
			schedule->is_berlin ? ", timezone: Europe/Berlin" : "");
	}
}

static bool is_from_self(const struct world_rule *rule)
{
	for (uint32_t i = 0; i < rule->from.count; i++)
		if (strcmp(rule->from.item[i], "self") == 0)
			return true;
	return false;
}

static void put_rule(FILE *out, const struct world_policy *policy, const struct world_rule *rule)
{
	const bool can_be_limited =
		(rule->kind == SP_RULE_ALLOW && !is_from_self(rule) && !rule->is_audit) ||
		rule->kind == SP_RULE_EXPOSE;
	const char *limit =
		rule->is_limited && can_be_limited && policy->limit[0] ? ", limit: l0" : "";
	static const char *const logs[] = { "none", "new", "all" };
	bool is_edge = rule->kind == SP_RULE_EXPOSE || rule->kind == SP_RULE_PROTECT;
	const char *action = rule->kind == SP_RULE_ALLOW  ? "allow: { "
			     : rule->kind == SP_RULE_DENY ? "deny: { "
							  : "";

	fprintf(out, "  - { name: %s, %s", rule->name, action);
	if (rule->kind != SP_RULE_EXPOSE) {
		fputs("from: ", out);
		put_words(out, &rule->from);
		fputs(", ", out);
	}
	fputs("to: ", out);
	put_words(out, &rule->to);
	if (rule->services.count) {
		fputs(is_edge ? ", service: " : ", services: ", out);
		put_words(out, &rule->services);
	}
	if (is_edge) {
		fprintf(out, "%s }\n", limit);
		return;
	}
	fprintf(out, " }, log: %s%s", logs[rule->log], limit);
	if (rule->is_audit)
		fputs(", mode: audit", out);
	if (rule->when[0])
		fprintf(out, ", when: %s", rule->when);
	if (rule->expires_s)
		put_time(out, ", expires: ", rule->expires_s,
			 rule->kind == SP_RULE_DENY ? ", allow-expiring-deny: true" : "");
	fputs(" }\n", out);
}

static void put_rules(FILE *out, const struct world_policy *policy, const char *title, bool is_edge,
		      enum sp_rule_kind kind)
{
	bool any = false;

	for (uint32_t i = 0; i < policy->rule_count; i++) {
		const struct world_rule *rule = &policy->rules[i];
		bool rule_is_edge = rule->kind == SP_RULE_EXPOSE || rule->kind == SP_RULE_PROTECT;

		if (is_edge ? rule->kind != kind : rule_is_edge)
			continue;
		if (!any)
			fprintf(out, "%s\n", title);
		any = true;
		put_rule(out, policy, rule);
	}
}

static bool has_kind(const struct world_policy *policy, enum sp_rule_kind kind)
{
	for (uint32_t i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].kind == kind)
			return true;
	return false;
}

static void put_role(FILE *out, uint32_t n, const struct world_role *role)
{
	fprintf(out, "  r%u: { match: [ { idp: corp, group: g%u }", n, n);
	if (role->people != NOBODY)
		fprintf(out, ", { people: p%u }", role->people);
	if (role->user != NOBODY)
		fprintf(out, ", { idp: corp, user: u%u }", role->user);
	fputs(" ] }\n", out);
}

static void put_people(FILE *out, uint32_t n, uint32_t users)
{
	const char *comma = "";

	fprintf(out, "  p%u: [ ", n);
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		if (!(users >> i & 1))
			continue;
		fprintf(out, "%s{ user: u%u, idp: corp }", comma, i);
		comma = ", ";
	}
	fputs(" ]\n", out);
}

/* A single address, as 10.0.0.1, 10.0.0.1/32 or 2001:db8::1/128. */
static bool is_host(const char *word)
{
	const char *length = strchr(word, '/');

	return !length || strcmp(length, strchr(word, ':') ? "/128" : "/32") == 0;
}

/* Of a listed network: what a file has of it, or its hosts, which a name has. */
static struct words origin_words(const struct world_network *network, bool is_of_names)
{
	struct words words = { 0 };

	for (uint32_t i = 0; i < network->in.count; i++) {
		const char *word = network->in.item[i];

		if (is_host(word) != is_of_names)
			continue;
		if (is_of_names)
			words_add(&words, "%.*s", (int)strcspn(word, "/"), word);
		else
			words_add(&words, "%s", word);
	}
	return words;
}

static void put_origins(FILE *out, const struct world_network *network)
{
	if (!network->is_listed)
		return;
	if (origin_words(network, false).count)
		fprintf(out, "  %s-list: { file: %s.netset }\n", network->name, network->name);
	if (origin_words(network, true).count)
		fprintf(out, "  %s-name: { dns: %s.example.org }\n", network->name, network->name);
}

static void put_origin_names(FILE *out, const struct world_network *network)
{
	struct words words = { 0 };

	if (origin_words(network, false).count)
		words_add(&words, "%s-list", network->name);
	if (origin_words(network, true).count)
		words_add(&words, "%s-name", network->name);
	put_words(out, &words);
}

static void put_names(FILE *out, const struct world_policy *policy)
{
	fputs("sallyport: 1\n", out);
	if (policy->self_needs_rules)
		fputs("settings: { self: rules }\n", out);
	fputs("roles:\n", out);
	for (uint32_t i = 0; i < policy->role_count; i++)
		put_role(out, i, &policy->roles[i]);
	if (policy->people_count)
		fputs("people:\n", out);
	for (uint32_t i = 0; i < policy->people_count; i++)
		put_people(out, i, policy->people[i]);
	if (policy->network_count)
		fputs("networks:\n", out);
	for (uint32_t i = 0; i < policy->network_count; i++) {
		const struct world_network *network = &policy->networks[i];

		put_origins(out, network);
		fprintf(out, "  %s: { in: ", network->name);
		if (network->is_listed)
			put_origin_names(out, network);
		else
			put_words(out, &network->in);
		if (policy->networks[i].except.count) {
			fputs(", except: ", out);
			put_words(out, &policy->networks[i].except);
		}
		fputs(" }\n", out);
	}
	if (policy->service_count)
		fputs("services:\n", out);
	for (uint32_t i = 0; i < policy->service_count; i++) {
		fprintf(out, "  %s: ", policy->services[i].name);
		put_words(out, &policy->services[i].items);
		fputc('\n', out);
	}
	if (policy->limit[0])
		fprintf(out, "limits:\n  l0: { %s }\n", policy->limit);
}

/* What the files hold, or @is_of_names: which addresses the names have. */
static void put_held(FILE *out, const struct world_policy *policy, bool is_of_names)
{
	bool is_first = true;

	for (uint32_t i = 0; i < policy->network_count; i++) {
		const struct world_network *network = &policy->networks[i];
		const struct words words = origin_words(network, is_of_names);

		if (!network->is_listed || !words.count)
			continue;
		if (is_first)
			fputs(is_of_names ? "  dns:\n" : "  feeds:\n", out);
		fprintf(out, is_of_names ? "    %s.example.org: " : "    %s-list: ", network->name);
		put_words(out, &words);
		fputc('\n', out);
		is_first = false;
	}
}

static void put_drops(FILE *out, const struct world_policy *policy)
{
	const bool has_list = policy->drop < policy->network_count;
	const bool has_trust = policy->trust < policy->network_count;

	if (policy->drop_bogons || has_list || has_trust || has_kind(policy, SP_RULE_EXPOSE))
		fputs("edge:\n", out);
	if (policy->drop_bogons || has_list)
		fprintf(out, "  drop: [%s%s%s]\n", policy->drop_bogons ? "bogons" : "",
			policy->drop_bogons && has_list ? ", " : "",
			has_list ? policy->networks[policy->drop].name : "");
	if (has_trust)
		fprintf(out, "  trust: %s\n", policy->networks[policy->trust].name);
}

static void put_fixtures(FILE *out, const struct world *world)
{
	fputs("fixtures:\n", out);
	if (world->now_s)
		put_time(out, "  now: ", world->now_s, "\n");
	fputs("  pool: ", out);
	put_words(out, &world->pool);
	if (world->self.count) {
		fputs("\n  self: ", out);
		put_words(out, &world->self);
	}
	fputs(world->session_count ? "\n  sessions:\n" : "\n", out);
	for (uint32_t i = 0; i < world->session_count; i++) {
		const struct world_session *session = &world->sessions[i];
		struct words words = { 0 };

		fprintf(out, "    - { user: u%u, idp: corp, groups: ", session->user);
		for (unsigned n = 0; n < ROLES_MAX; n++)
			if (session->groups >> n & 1)
				words_add(&words, "g%u", n);
		put_words(out, &words);
		words.count = 0;
		for (unsigned family = 0; family < 2; family++)
			if (session->address[family][0])
				words_add(&words, "%s", session->address[family]);
		fputs(", address: ", out);
		put_words(out, &words);
		fputs(" }\n", out);
	}
}

bool world_has_forwards(const struct world_policy *policy)
{
	return policy->forward_count && !has_kind(policy, SP_RULE_PROTECT);
}

static void put_forward(FILE *out, const struct world_forward *forward, uint32_t n)
{
	fprintf(out, "  - { name: f%u, forward: { to: \"%s%s%s:%s/%u\", target: [", n,
		strchr(forward->to, ':') ? "[" : "", forward->to,
		strchr(forward->to, ':') ? "]" : "", forward->is_udp ? "udp" : "tcp",
		forward->port);
	for (uint32_t i = 0; i < forward->target_count; i++)
		fprintf(out, "%s\"%s%s%s:%u\"", i ? ", " : "", forward->is_v6 ? "[" : "",
			forward->targets[i], forward->is_v6 ? "]" : "", forward->target_port);
	fputs("]", out);
	if (forward->from[0])
		fprintf(out, ", from: %s", forward->from);
	fputs(" } }\n", out);
}

void world_print_policy(const struct world *world, unsigned revision, FILE *out)
{
	const struct world_policy *policy = &world->policy[revision];

	put_names(out, policy);
	put_schedules(out, policy);
	put_drops(out, policy);
	put_rules(out, policy, "  expose:", true, SP_RULE_EXPOSE);
	put_rules(out, policy, "protect:", true, SP_RULE_PROTECT);
	put_rules(out, policy, "rules:", false, SP_RULE_ALLOW);
	if (policy->netmap_count || world_has_forwards(policy))
		fputs("nat:\n", out);
	for (uint32_t i = 0; i < policy->netmap_count; i++)
		fprintf(out, "  - { name: m%u, netmap: { outside: \"%s\", inside: \"%s\" } }\n", i,
			policy->netmaps[i].outside, policy->netmaps[i].inside);
	for (uint32_t i = 0; world_has_forwards(policy) && i < policy->forward_count; i++)
		put_forward(out, &policy->forwards[i], i);
	put_fixtures(out, world);
	put_held(out, policy, false);
	put_held(out, policy, true);
}

void world_print_rest(const struct equiv_case *test, FILE *out)
{
	const struct world *world = &test->world;

	fprintf(out, "# seed %llu; the lines below are what policy.yaml has no words for\n",
		(unsigned long long)test->seed);
	for (uint32_t i = 0; i < world->route_count; i++) {
		const struct world_route *route = &world->routes[i];

		fprintf(out, "route %s %s%s", route->prefix, sp_zone_name(route->zone),
			route->is_absent[0]   ? " next"
			: route->is_absent[1] ? " first"
					      : "");
		if (route->ifindex)
			fprintf(out, " by %u", route->ifindex);
		fputc('\n', out);
	}
	if (world_has_parked(world))
		fprintf(out, "portal %u%s\n", world->portal_port,
			world->is_parked_absent[0]   ? " next"
			: world->is_parked_absent[1] ? " first"
						     : "");
	for (uint32_t i = 0; i < world->resolvers.count; i++)
		fprintf(out, "resolver %s\n", world->resolvers.item[i]);
	for (uint32_t i = 0; i < world->trust.count; i++)
		fprintf(out, "trust %s\n", world->trust.item[i]);
	for (uint32_t i = 0; i < world->session_count; i++)
		if (world->sessions[i].expires_ns || world->sessions[i].idle_ns)
			fprintf(out, "session %u expires %llu ms idle %llu ms\n", i,
				(unsigned long long)world->sessions[i].expires_ns / 1000000,
				(unsigned long long)world->sessions[i].idle_ns / 1000000);
	if (world->flows_max)
		fprintf(out, "flows %u\n", world->flows_max);
	if (world->session_flows_max)
		fprintf(out, "session-flows %u\n", world->session_flows_max);
}
