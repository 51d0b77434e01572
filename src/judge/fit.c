/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Warn of policies that leave people without what they need. The reference evaluator answers for a
 * device's first packets, and the gateway will answer the same. */
#include "judge/fit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "judge/judge.h"
#include "net/addr.h"
#include "reference/reference.h"
#include "yaml/diagnostics.h"

#define NOW_NS 1000000000ull
#define SOURCE_PORT 40000
#define ROLES_MAX 1000 /* for how many roles the resolvers are tried */
#define ROLES_NAMED_MAX 4
#define DNS_PORT 53

/* A port of the gateway that people need. */
struct door {
	const char *what, *harm, *name;
	uint8_t proto;
	uint16_t port;
};

struct run {
	const struct sp_fit *fit;
	/* a copy of @fit's gateway, which borrows from it, with an address added */
	struct sp_gateway gateway;
	struct sp_addr stand_in;
	struct sp_reference *reference;
	struct sp_diagnostics *diagnostics;
	uint16_t next_port; /* each question is a new flow */
	uint64_t epoch;
};

int sp_fit_say(const struct sp_fit *fit, struct sp_diagnostics *diagnostics,
	       enum sp_severity severity, struct sp_place place, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = sp_diagnostics_add(diagnostics, severity, fit->policy->paths[place.file], place, format,
			       args);
	va_end(args);
	return r;
}

static int ask(struct run *run, enum sp_hook hook, struct sp_tuple *tuple,
	       struct sp_answer *ret_answer)
{
	const bool is_ethernet = hook != SP_HOOK_VPN_IN;
	uint8_t bytes[128];
	struct sp_frame frame = { .bytes = bytes, .is_ethernet = is_ethernet };

	tuple->source_port = run->next_port++;
	frame.len = sp_packet_build(tuple, is_ethernet, bytes);
	return sp_reference_judge(run->reference, hook, &frame, NOW_NS, ret_answer);
}

/* ---- doors: ports of the gateway itself ---- */

static bool has_zone(const struct sp_gateway *gateway, enum sp_zone zone)
{
	for (size_t i = 0; i < gateway->interface_count; i++)
		if (gateway->interfaces[i].zone == zone)
			return true;
	return false;
}

/* Is a stranger allowed at this port of one of the gateway's addresses? @ret_answer: the answer for
 * the address asked last. */
static int ask_door(struct run *run, const struct door *door, bool *ret_is_open,
		    struct sp_answer *ret_answer)
{
	const enum sp_hook hook =
		has_zone(&run->gateway, SP_ZONE_EDGE) ? SP_HOOK_EDGE_IN : SP_HOOK_INSIDE_IN;
	bool is_open = false;
	int r = 0;

	for (size_t i = 0; i < run->gateway.self_count && !is_open && r == 0; i++) {
		const struct sp_addr *self = &run->gateway.self[i];
		struct sp_tuple tuple = {
			.source = sp_judge_stranger(run->fit->policy, &run->gateway,
						    !sp_addr_is_v4(self)),
			.destination = *self,
			.destination_port = door->port,
			.proto = door->proto,
		};

		r = ask(run, hook, &tuple, ret_answer);
		is_open = r == 0 && ret_answer->verdict == SP_ALLOW;
	}
	*ret_is_open = is_open;
	return r;
}

static bool is_in_some(const struct sp_prefix *prefixes, size_t count, const struct sp_addr *addr)
{
	for (size_t i = 0; i < count; i++)
		if (sp_prefix_contains(&prefixes[i], addr))
			return true;
	return false;
}

static bool is_in_network(const struct sp_network *network, const struct sp_addr *addr)
{
	return is_in_some(network->in, network->in_count, addr) &&
	       !is_in_some(network->except, network->except_count, addr);
}

static bool names_self(const struct run *run, const struct sp_rule *rule)
{
	for (size_t i = 0; i < rule->to_count; i++) {
		const struct sp_to *to = &rule->to[i];

		if (to->kind == SP_TO_SELF || to->kind == SP_TO_ANY)
			return true;
		for (size_t j = 0; to->kind == SP_TO_NETWORK && j < run->fit->gateway->self_count;
		     j++)
			if (is_in_network(&run->fit->policy->networks[to->index],
					  &run->fit->gateway->self[j]))
				return true;
	}
	return false;
}

static bool has_service(const struct sp_rule *rule, const struct door *door)
{
	for (size_t i = 0; i < rule->service_count; i++) {
		const struct sp_service *service = &rule->services[i];

		if (service->proto == door->proto &&
		    (service->kind == SP_SERVICE_PROTO ||
		     (service->kind == SP_SERVICE_PORTS && service->from <= door->port &&
		      door->port <= service->to)))
			return true;
	}
	return rule->service_count == 0;
}

/* Is the port open to some people, if not to all? Then the author decided so. A deny from any opens
 * it to nobody. */
static bool is_open_to_some(const struct run *run, const struct door *door, bool is_denied)
{
	const struct sp_policy *policy = run->fit->policy;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct sp_rule *rule = &policy->rules[i];

		if (rule->kind != SP_RULE_DENY && !rule->is_audit &&
		    (!is_denied || rule->kind == SP_RULE_PROTECT) && names_self(run, rule) &&
		    has_service(rule, door))
			return true;
	}
	return false;
}

/* Where an entry would be added: at the entries that there are, else at the beginning of the
 * file. */
static struct sp_place place_of_doors(const struct sp_policy *policy)
{
	for (size_t i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].kind == SP_RULE_EXPOSE)
			return policy->rules[i].place;
	return (struct sp_place){ .line = 1, .column = 1 };
}

static int check_door(struct run *run, const struct door *door)
{
	const struct sp_policy *policy = run->fit->policy;
	const char *proto = door->proto == IPPROTO_UDP ? "udp" : "tcp";
	struct sp_answer answer = { 0 };
	const struct sp_rule *deny;
	bool is_open;
	int r = ask_door(run, door, &is_open, &answer);

	if (r < 0 || is_open)
		return r;
	deny = sp_policy_rule(policy, answer.rule);
	if (is_open_to_some(run, door, deny && deny->kind == SP_RULE_DENY))
		return 0;
	if (deny && deny->kind == SP_RULE_DENY)
		return sp_fit_say(run->fit, run->diagnostics, SP_WARNING, deny->place,
				  "the %s is closed: deny \"%s\" covers %s/%u of the gateway "
				  "itself, so %s; narrow its \"to\" or \"services\"",
				  door->what, deny->name, proto, door->port, door->harm);
	return sp_fit_say(run->fit, run->diagnostics, SP_WARNING, place_of_doors(policy),
			  "the %s is closed: nothing lets %s/%u in to the gateway itself, so %s; "
			  "add to \"expose\" of \"edge\": {name: %s, to: self, service: %s/%u}",
			  door->what, proto, door->port, door->harm, door->name, proto, door->port);
}

static bool is_loopback(const struct sp_addr *addr)
{
	static const struct sp_addr v6 = { .b = { [15] = 1 } };

	return sp_addr_is_v4(addr) ? addr->b[12] == 127 : sp_addr_compare(addr, &v6) == 0;
}

static int check_doors(struct run *run)
{
	const struct sp_machine *machine = run->fit->machine;
	const struct door tunnel = { "tunnel", "no device can connect", "tunnel", IPPROTO_UDP,
				     machine->listen_port };
	const struct door portal = { "portal", "nobody can sign in", "portal", IPPROTO_TCP,
				     machine->portal_port };
	int r = 0;

	if (run->fit->policy->role_count) /* without roles nobody uses the tunnel */
		r = check_door(run, &tunnel);
	if (r == 0 && machine->has_portal && !is_loopback(&machine->portal_listen))
		r = check_door(run, &portal);
	return r;
}

/* ---- resolvers ---- */

static int ask_resolver(struct run *run, uint32_t role, const struct sp_addr *resolver,
			bool *ret_is_reached)
{
	const bool is_v6 = !sp_addr_is_v4(resolver);
	struct sp_tuple tuple = { .destination = *resolver,
				  .destination_port = DNS_PORT,
				  .proto = IPPROTO_UDP };
	struct sp_answer answer = { 0 };
	struct sp_identity identity;
	int r;

	sp_judge_stand_in(run->fit->policy, &run->gateway, &role, 0, &identity);
	*ret_is_reached = false;
	if (!identity.has_address[is_v6])
		return 0; /* the pool has no address of that family */
	tuple.source = identity.addresses[is_v6];
	r = sp_reference_open_session(run->reference, 0, ++run->epoch, &identity, UINT64_MAX, 0);
	if (r == 0)
		r = ask(run, SP_HOOK_VPN_IN, &tuple, &answer);
	*ret_is_reached = r == 0 && answer.verdict == SP_ALLOW;
	return r;
}

static void name_role(struct sp_buf *names, size_t count, const char *name)
{
	if (count < ROLES_NAMED_MAX)
		sp_buf_printf(names, "%s%s", count ? ", " : "", name);
}

static int check_resolver(struct run *run, const struct sp_addr *resolver)
{
	const struct sp_policy *policy = run->fit->policy;
	__sp_buf struct sp_buf names = SP_BUF_INIT;
	struct sp_place first = { 0 };
	char address[SP_ADDR_TEXT_MAX];
	size_t count = 0;
	int r = 0;

	for (uint32_t i = 0; i < policy->role_count && i < ROLES_MAX && r == 0; i++) {
		bool is_reached = true;

		if (sp_role_is_of_people(&policy->roles[i]))
			r = ask_resolver(run, i, resolver, &is_reached);
		if (is_reached)
			continue;
		if (!count)
			first = policy->roles[i].place;
		name_role(&names, count++, policy->roles[i].name);
	}
	if (r < 0 || !count)
		return r;
	if (names.error)
		return names.error;
	if (count > ROLES_NAMED_MAX)
		sp_buf_printf(&names, ", …");
	sp_addr_format(resolver, address);
	return sp_fit_say(
		run->fit, run->diagnostics, SP_WARNING, first,
		"%s of %s cannot ask %s, which \"dns\" of \"vpn\" hands to every device: no name "
		"resolves there while the tunnel is up; add a rule: {name: names, allow: {from: "
		"[%s], to: \"%s\", services: [udp/53, tcp/53]}}",
		count == 1 ? "people" : "people of several roles, each", sp_buf_get(&names),
		address, sp_buf_get(&names), address);
}

static int check_resolvers(struct run *run)
{
	int r = 0;

	for (size_t i = 0; i < run->fit->machine->dns_count && r == 0; i++)
		r = check_resolver(run, &run->fit->machine->dns[i]);
	return r;
}

/* ---- all of it ---- */

static int prepare(struct run *run)
{
	run->gateway = *run->fit->gateway;
	if (!run->gateway.self_count) {
		if (sp_addr_parse("192.0.2.1", &run->stand_in) < 0)
			return -EINVAL;
		run->gateway.self = &run->stand_in;
		run->gateway.self_count = 1;
	}
	return sp_reference_new(run->fit->policy, &run->gateway, run->fit->facts, &run->reference);
}

static int look(struct run *run)
{
	int r = prepare(run);

	if (r == 0)
		r = check_doors(run);
	if (r == 0)
		r = check_resolvers(run);
	sp_reference_free(run->reference);
	return r;
}

int sp_judge_fit(const struct sp_fit *fit, struct sp_diagnostics *diagnostics)
{
	struct run run = { .fit = fit, .diagnostics = diagnostics, .next_port = SOURCE_PORT };
	int r = look(&run);

	if (r == 0)
		r = sp_fit_people(fit, diagnostics);
	if (r == 0)
		r = sp_fit_nat(fit, diagnostics);
	sp_diagnostics_sort(diagnostics);
	return r;
}
