/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `tests`: the verdicts that the policy's author expects. They are only read here; src/judge runs
 * them. */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"
#include "policy/addresses/ranges.h"
#include "policy/checks/loader.h"
#include "yaml/value.h"

enum { FROM, ON, TO, SERVICE, SERVICES, AT, EXPECT, RULE };
static const struct sp_key test_keys[] = {
	[FROM] = { "from", SP_KEY_REQUIRED },
	[ON] = { "on", SP_KEY_OPTIONAL },
	[TO] = { "to", SP_KEY_REQUIRED },
	[SERVICE] = { "service", SP_KEY_OPTIONAL },
	[SERVICES] = { "services", SP_KEY_OPTIONAL },
	[AT] = { "at", SP_KEY_OPTIONAL },
	[EXPECT] = { "expect", SP_KEY_REQUIRED },
	[RULE] = { "rule", SP_KEY_OPTIONAL },
};

/* A test that says `only` says all that is allowed: no verdict, rule or service beside it. */
enum { ONLY = RULE + 1 };
static const struct sp_key only_keys[] = {
	[FROM] = { "from", SP_KEY_REQUIRED },
	[ON] = { "on", SP_KEY_OPTIONAL },
	[TO] = { "to", SP_KEY_OPTIONAL },
	[SERVICE] = { "service", SP_KEY_OPTIONAL },
	[SERVICES] = { "services", SP_KEY_OPTIONAL },
	[AT] = { "at", SP_KEY_OPTIONAL },
	[EXPECT] = { "expect", SP_KEY_OPTIONAL },
	[RULE] = { "rule", SP_KEY_OPTIONAL },
	[ONLY] = { "only", SP_KEY_REQUIRED },
};

/* A bound for all tests together: names and services can stand for much more than their own
 * length. */
#define DESTINATIONS_MAX 200000u

static void push_destination(struct sp_loader *loader, const struct sp_node *node,
			     struct sp_test *test, const struct sp_addr *addr)
{
	struct sp_addr *room;

	if (loader->test_destinations == DESTINATIONS_MAX) {
		sp_report(&loader->check, node,
			  "the tests name more than %u destinations; this is the first too many",
			  DESTINATIONS_MAX);
		loader->test_destinations++;
	}
	if (loader->test_destinations > DESTINATIONS_MAX)
		return;
	loader->test_destinations++;
	room = SP_ARRAY_PUSH(test->to, test->to_count);
	if (!room)
		loader->check.no_memory = true;
	else
		*room = *addr;
}

static bool is_other_idp(const struct sp_loader *loader, const struct sp_symbol *user,
			 const char *idp)
{
	const char *theirs = loader->policy->fixtures.sessions[user->index].idp;

	return !theirs || !idp || strcmp(theirs, idp) != 0;
}

/* Find the fixture session of a user, at @idp unless that is NULL; of several devices that of the first.
 * *@ret_other: a session of somebody else of this name, who is meant as well; else NULL. */
static const struct sp_symbol *find_person(struct sp_loader *loader, const char *user,
					   const char *idp, const struct sp_symbol **ret_other)
{
	const struct sp_symbol *symbol = sp_symbols_find(&loader->users, user), *found = NULL;
	const struct sp_symbol *end = symbol ? loader->users.items + loader->users.count : NULL;

	*ret_other = NULL;
	for (; symbol && symbol < end && !strcmp(symbol->name, user); symbol++) {
		const char *theirs = loader->policy->fixtures.sessions[symbol->index].idp;

		if (idp && (!theirs || strcmp(theirs, idp) != 0))
			continue;
		if (!found)
			found = symbol;
		else if (!*ret_other && is_other_idp(loader, found, theirs))
			*ret_other = symbol;
	}
	return found;
}

static void load_person(struct sp_loader *loader, const struct sp_node *user_node,
			const struct sp_node *idp_node, struct sp_test *test)
{
	const struct sp_symbols *const users[] = { &loader->users };
	const struct sp_fixture_session *sessions = loader->policy->fixtures.sessions;
	struct sp_check *check = &loader->check;
	const char *name = sp_read_text(check, user_node, "\"user\""), *idp = NULL;
	const struct sp_symbol *symbol, *other;

	if (!name || (idp_node && !(idp = sp_read_text(check, idp_node, "\"idp\""))))
		return;
	symbol = find_person(loader, name, idp, &other);
	if (!symbol && sp_symbols_find(&loader->users, name))
		sp_report(check, idp_node, "user %s has no session of %s in fixtures.sessions",
			  sp_show(name).quoted, sp_show(idp).quoted);
	else if (!symbol)
		sp_report(check, user_node, "user %s has no session in fixtures.sessions%s",
			  sp_show(name).quoted, sp_hint(check, name, users, 1).text);
	else if (other && !idp)
		sp_report(check, user_node,
			  "user %s has sessions on %s and %s, of %s and %s: write "
			  "{ user: …, idp: … }",
			  sp_show(name).quoted,
			  sp_show_line(check, user_node, sessions[symbol->index].place).text,
			  sp_show_line(check, user_node, sessions[other->index].place).text,
			  sessions[symbol->index].idp, sessions[other->index].idp);
	if (!symbol)
		return;
	test->from = SP_TEST_USER;
	test->session = symbol->index;
}

static void load_from_map(struct sp_loader *loader, const struct sp_node *node,
			  struct sp_test *test)
{
	static const struct sp_key keys[] = { { "role", SP_KEY_OPTIONAL },
					      { "user", SP_KEY_OPTIONAL },
					      { "idp", SP_KEY_OPTIONAL } };
	const struct sp_symbols *const roles[] = { &loader->roles };
	const struct sp_node *values[SP_ARRAY_LEN(keys)];
	struct sp_check *check = &loader->check;
	struct sp_symbol *symbol;
	const char *name;

	if (sp_read_map(check, node, "\"from\" of a test", keys, SP_ARRAY_LEN(keys), values) != 0)
		return;
	if (node->count != 1 && !(node->count == 2 && values[1] && values[2])) {
		sp_report(check, node,
			  "a test comes from one: { role: … }, { user: … } or { user: …, idp: … }, "
			  "an address, anonymous or self");
		return;
	}
	if (values[0] && (name = sp_read_text(check, values[0], "\"role\""))) {
		symbol = sp_symbols_find(&loader->roles, name);
		if (!symbol) {
			sp_report(check, values[0], "unknown role %s%s", sp_show(name).quoted,
				  sp_hint(check, name, roles, 1).text);
			return;
		}
		symbol->is_used = true;
		test->from = SP_TEST_ROLE;
		test->role = symbol->index;
	} else if (values[1]) {
		load_person(loader, values[1], values[2], test);
	} else if (values[2]) {
		sp_report(check, node,
			  "\"idp\" says whose user is meant: write { user: …, idp: … }");
	}
}

static void load_from(struct sp_loader *loader, const struct sp_node *node, struct sp_test *test)
{
	struct sp_check *check = &loader->check;
	const char *text;

	if (node->kind == SP_NODE_MAP) {
		load_from_map(loader, node, test);
		return;
	}
	text = sp_read_text(check, node, "\"from\" of a test");
	if (!text)
		return;
	if (strcmp(text, "anonymous") == 0) {
		test->from = SP_TEST_ANONYMOUS;
	} else if (strcmp(text, "self") == 0) {
		test->from = SP_TEST_SELF;
	} else if (sp_symbols_find(&loader->roles, text)) {
		sp_report(check, node, "\"%s\" is a role; in a test write { role: %s }", text,
			  text);
	} else if (sp_symbols_find(&loader->users, text)) {
		sp_report(check, node, "%s is a user; in a test write { user: … }",
			  sp_show(text).quoted);
	} else if (sp_looks_like_address(text)) {
		test->from = SP_TEST_ADDRESS;
		sp_read_address(check, node, "\"from\"", &test->address);
	} else {
		sp_report(check, node,
			  "a test comes from { role: … }, { user: … }, an address, anonymous or "
			  "self, not from %s",
			  sp_show(text).quoted);
	}
}

/* The network with what the fixtures say it holds; NULL: nothing, reported, or no memory. */
static const struct sp_network *fill_network(struct sp_loader *loader, const struct sp_node *node,
					     uint32_t index)
{
	const struct sp_network *network = &loader->policy->networks[index];

	if (sp_network_is_fixed(network))
		return network;
	if (!loader->filled && sp_policy_fill_fixtures(loader->policy, &loader->filled) < 0) {
		loader->check.no_memory = true;
		return NULL;
	}
	if (loader->filled->networks[index].in_count)
		return &loader->filled->networks[index];
	if (network->kind == SP_NETWORK_DNS && network->host_count)
		sp_report(&loader->check, node,
			  "a test to %s needs to know an address of its name: fixtures: { dns: { "
			  "%s: 192.0.2.1 } }",
			  sp_show(network->name).quoted, network->hosts[0]);
	else if (network->kind == SP_NETWORK_FIXED || network->file) /* else reported */
		sp_report(&loader->check, node,
			  "a test to %s needs to know what its file holds: fixtures: { feeds: { "
			  "NAME: [192.0.2.0/24] } }",
			  sp_show(network->name).quoted);
	return NULL;
}

/* The first address of each prefix that is not excepted. */
static void add_network(struct sp_loader *loader, const struct sp_node *node, uint32_t index,
			struct sp_test *test)
{
	const struct sp_network *network = fill_network(loader, node, index);
	__sp_cleanup(sp_ranges_done) struct sp_ranges ranges = { 0 };
	size_t had = test->to_count, work;

	if (loader->test_work_left == 0 || !network)
		return; /* reported */
	work = network->in_count + network->except_count;
	if (work >= loader->test_work_left) {
		sp_report(&loader->check, node,
			  "the networks of the tests have more than %u prefixes; this is the "
			  "first too many",
			  SP_TEST_WORK_MAX);
		loader->test_work_left = 0;
		return;
	}
	loader->test_work_left -= work;
	if (sp_ranges_make(network->in, network->in_count, network->except, network->except_count,
			   &ranges) < 0) {
		loader->check.no_memory = true;
		return;
	}
	for (size_t i = 0; i < network->in_count; i++) {
		struct sp_addr addr;

		if (sp_ranges_first_within(&ranges, &network->in[i], &addr) &&
		    (test->to_count == had ||
		     sp_addr_compare(&addr, &test->to[test->to_count - 1]) != 0))
			push_destination(loader, node, test, &addr);
	}
}

static void add_self(struct sp_loader *loader, const struct sp_node *node, struct sp_test *test)
{
	const struct sp_gateway *gateway = &loader->policy->fixtures.gateway;

	if (gateway->self_count == 0)
		sp_report(&loader->check, node,
			  "a test to self needs the gateway's addresses: fixtures: { self: "
			  "[192.0.2.1] }");
	for (size_t i = 0; i < gateway->self_count; i++)
		push_destination(loader, node, test, &gateway->self[i]);
}

/* What the gateway itself sends leaves it, and by no interface that one could name as the way
 * in. */
static void check_from_self(struct sp_loader *loader, const struct sp_node *node,
			    const struct sp_test *test)
{
	const struct sp_gateway *gateway = &loader->policy->fixtures.gateway;

	if (sp_has_key(node, "on"))
		sp_report(&loader->check, node,
			  "\"on\" names where a packet arrives, and from self it leaves: leave it "
			  "out");
	if (gateway->self_count == 0)
		sp_report(&loader->check, node,
			  "a test from self needs the gateway's addresses: fixtures: { self: "
			  "[192.0.2.1] }");
	for (size_t i = 0; i < test->to_count; i++)
		for (size_t j = 0; j < gateway->self_count; j++)
			if (!sp_addr_compare(&test->to[i], &gateway->self[j])) {
				sp_report(&loader->check, node,
					  "what the gateway sends to itself meets no rule: name "
					  "another destination");
				return;
			}
}

static void load_destination(struct sp_loader *loader, const struct sp_node *node,
			     struct sp_test *test)
{
	const struct sp_symbols *const tables[] = { &loader->networks };
	const struct sp_policy *policy = loader->policy;
	struct sp_check *check = &loader->check;
	const char *text = sp_read_text(check, node, "\"to\" of a test");
	struct sp_symbol *network;
	struct sp_prefix prefix;
	struct sp_addr addr;

	if (!text)
		return;
	network = sp_symbols_find(&loader->networks, text);
	if (network) {
		network->is_used = true;
		add_network(loader, node, network->index, test);
	} else if (strcmp(text, "self") == 0) {
		add_self(loader, node, test);
	} else if (strcmp(text, "internet") == 0) {
		add_network(loader, node, policy->internet, test);
	} else if (strcmp(text, "any") == 0) {
		sp_report(check, node, "a test goes to one place: name an address or a network");
	} else if (sp_symbols_find(&loader->roles, text)) {
		sp_report(check, node, "\"%s\" is a role; in a test name the address of a session",
			  text);
	} else if (!sp_looks_like_address(text)) {
		sp_report(check, node, "unknown network %s%s", sp_show(text).quoted,
			  sp_hint(check, text, tables, 1).text);
	} else if (sp_read_prefix(check, node, "address", &prefix) == 0) {
		memcpy(addr.b, prefix.addr, sizeof(addr.b));
		push_destination(loader, node, test, &addr);
	}
}

static void load_interface(struct sp_loader *loader, const struct sp_node *node,
			   struct sp_test *test)
{
	const struct sp_gateway *gateway = &loader->policy->fixtures.gateway;
	const char *text = sp_read_text(&loader->check, node, "\"on\"");
	char known[128] = "";

	if (!text)
		return;
	for (size_t i = 0; i < gateway->interface_count; i++) {
		if (strcmp(gateway->interfaces[i].name, text) == 0) {
			test->interface = sp_copy_text(&loader->check, text);
			return;
		}
		if (strlen(known) + 20 < sizeof(known)) {
			strcat(known, i ? ", " : "");
			strcat(known, gateway->interfaces[i].name);
		}
	}
	sp_report(&loader->check, node, "unknown interface %s; fixtures.interfaces has %s",
		  sp_show(text).quoted, known);
}

static void load_rule_name(struct sp_loader *loader, const struct sp_node *node,
			   struct sp_test *test)
{
	const struct sp_symbols *const tables[] = { &loader->rules };
	const char *text = sp_read_text(&loader->check, node, "\"rule\"");
	const struct sp_symbol *rule = text ? sp_symbols_find(&loader->rules, text) : NULL;

	if (!text)
		return;
	if (strcmp(text, "default") != 0 && !rule) {
		sp_report(&loader->check, node, "unknown rule %s%s", sp_show(text).quoted,
			  sp_hint(&loader->check, text, tables, 1).text);
		return;
	}
	if (rule && loader->policy->rules[rule->index].is_disabled) {
		sp_report(&loader->check, node,
			  "rule %s decides nothing: it has enabled: false, on %s",
			  sp_show(text).quoted,
			  sp_show_line(&loader->check, node, sp_place_of(rule->node)).text);
		return;
	}
	test->rule = sp_copy_text(&loader->check, text);
}

static void load_test_services(struct sp_loader *loader, const struct sp_node *node,
			       const struct sp_node *const *values, struct sp_test *test)
{
	const struct sp_node *services = values[SERVICE] ? values[SERVICE] : values[SERVICES];
	const bool has_one = sp_has_key(node, "service"), has_many = sp_has_key(node, "services");

	if (has_one && has_many)
		sp_report(&loader->check, node,
			  "\"service\" and \"services\" mean the same: write one of them");
	else if (services)
		sp_load_service_items(loader, services, &test->services, &test->service_count);
	else if (!has_one && !has_many)
		sp_report(&loader->check, node, "a test needs \"service\", as tcp/443");
}

/* ---- only ---- */

/* What an item of `only` allows: from any. NULL: no memory. */
static struct sp_rule *add_only(struct sp_loader *loader, const struct sp_node *node,
				struct sp_test *test)
{
	struct sp_rule *rule = SP_ARRAY_PUSH(test->only, test->only_count);
	struct sp_from *from = rule ? SP_ARRAY_PUSH(rule->from, rule->from_count) : NULL;

	if (!from) {
		loader->check.no_memory = true;
		return NULL;
	}
	from->kind = SP_FROM_ANY;
	rule->kind = SP_RULE_ALLOW;
	rule->place = sp_place_of(node);
	rule->number = (uint32_t)test->only_count;
	if (test->only_count == SP_RULE_MAX)
		sp_report(&loader->check, node, "\"only\" has %u items or more", SP_RULE_MAX);
	return rule;
}

/* { to: git, services: [ssh, tcp/443] }; without services: every protocol. */
static void load_only_item(struct sp_loader *loader, const struct sp_node *node,
			   struct sp_test *test)
{
	static const struct sp_key keys[] = { { "to", SP_KEY_REQUIRED },
					      { "services", SP_KEY_OPTIONAL } };
	const struct sp_node *values[SP_ARRAY_LEN(keys)];
	struct sp_rule *rule;

	if (node->kind != SP_NODE_MAP) {
		sp_report(
			&loader->check, node,
			"an item of \"only\" is { to: …, services: … }; services alone stand there "
			"where the test has \"to\"");
		return;
	}
	if (sp_read_map(&loader->check, node, "an item of \"only\"", keys, SP_ARRAY_LEN(keys),
			values) < 0)
		return;
	rule = add_only(loader, node, test);
	if (rule && values[0])
		sp_load_to(loader, values[0], rule);
	if (rule && values[1])
		sp_load_service_items(loader, values[1], &rule->services, &rule->service_count);
}

/* The services of `only` beside `to`: of these destinations exactly these services. */
static void load_only_services(struct sp_loader *loader, const struct sp_node *node,
			       const struct sp_node *to, struct sp_test *test)
{
	struct sp_rule *rule = add_only(loader, node, test);

	test->is_within = true;
	if (!rule)
		return;
	sp_load_to(loader, to, rule);
	if (!test->is_nothing)
		sp_load_service_items(loader, node, &rule->services, &rule->service_count);
}

/* Nothing stands beside `only` that says what is expected of one packet. */
static void refuse_others(struct sp_loader *loader, const struct sp_node *node)
{
	static const int others[] = { SERVICE, SERVICES, EXPECT, RULE };

	for (size_t i = 0; i < SP_ARRAY_LEN(others); i++)
		if (sp_has_key(node, only_keys[others[i]].name))
			sp_report(&loader->check, node,
				  "\"only\" says all that is allowed: \"%s\" does not stand beside "
				  "it",
				  only_keys[others[i]].name);
}

static void load_only(struct sp_loader *loader, const struct sp_node *node, struct sp_test *test)
{
	const struct sp_node *values[SP_ARRAY_LEN(only_keys)];
	struct sp_check *check = &loader->check;

	test->is_only = true;
	if (sp_read_map(check, node, "a test", only_keys, SP_ARRAY_LEN(only_keys), values) < 0)
		return;
	refuse_others(loader, node);
	if (values[FROM])
		load_from(loader, values[FROM], test);
	if (values[AT])
		sp_load_time(loader, values[AT], "\"at\"", &test->at_s);
	if (test->from == SP_TEST_SELF)
		sp_report(check, values[FROM] ? values[FROM] : node,
			  "\"only\" does not speak of what the gateway itself sends: ask with "
			  "\"service\" and \"expect\"");
	if (values[ON])
		load_interface(loader, values[ON], test);
	if (values[TO] && values[TO]->kind == SP_NODE_SCALAR)
		test->to_text = sp_copy_text(check, values[TO]->text);
	test->is_nothing = values[ONLY] && values[ONLY]->kind == SP_NODE_SCALAR &&
			   !strcmp(values[ONLY]->text, "none");
	if (values[TO] && values[ONLY])
		load_only_services(loader, values[ONLY], values[TO], test);
	else if (values[ONLY] && !test->is_nothing &&
		 sp_read_list(check, values[ONLY], "\"only\"") >= 0)
		for (const struct sp_node *item = values[ONLY]->first; item; item = item->next)
			load_only_item(loader, item, test);
}

/* A test of one packet for each destination and service. */
static void load_packets(struct sp_loader *loader, const struct sp_node *node, struct sp_test *test)
{
	static const char *const verdicts[] = {
#define X(id, name, text) name,
		SP_VERDICTS(X)
#undef X
			NULL,
	};
	const struct sp_node *values[SP_ARRAY_LEN(test_keys)];
	struct sp_check *check = &loader->check;
	int r = sp_read_map(check, node, "a test", test_keys, SP_ARRAY_LEN(test_keys), values);

	if (r < 0)
		return;
	if (values[FROM])
		load_from(loader, values[FROM], test);
	if (values[TO] && values[TO]->kind == SP_NODE_SCALAR)
		test->to_text = sp_copy_text(check, values[TO]->text);
	if (values[ON])
		load_interface(loader, values[ON], test);
	if (values[TO] && sp_read_items(check, values[TO], "\"to\"") == 0) {
		sp_for_each_item(item, values[TO])
			load_destination(loader, item, test);
	}
	if (test->from == SP_TEST_SELF)
		check_from_self(loader, node, test);
	if (r == 0)
		load_test_services(loader, node, values, test);
	if (values[AT])
		sp_load_time(loader, values[AT], "\"at\"", &test->at_s);
	if (values[EXPECT]) {
		int verdict = sp_read_word(check, values[EXPECT], "\"expect\"", verdicts);

		test->expect = verdict < 0 ? SP_DENY : (enum sp_verdict_action)verdict;
	}
	if (values[RULE])
		load_rule_name(loader, values[RULE], test);
}

static void load_test(struct sp_loader *loader, const struct sp_node *node)
{
	struct sp_test *test = SP_ARRAY_PUSH(loader->policy->tests, loader->policy->test_count);

	if (!test) {
		loader->check.no_memory = true;
		return;
	}
	test->place = sp_place_of(node);
	test->at_s = INT64_MIN;
	if (node->kind == SP_NODE_MAP && sp_has_key(node, "only"))
		load_only(loader, node, test);
	else
		load_packets(loader, node, test);
}

void sp_load_tests(struct sp_loader *loader, const struct sp_node *section)
{
	if (sp_read_list(&loader->check, section, "\"tests\"") < 0)
		return;
	for (const struct sp_node *node = section->first; node; node = node->next)
		load_test(loader, node);
}
