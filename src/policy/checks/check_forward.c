/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `forward` of nat entries: ports of the gateway that are somebody else's. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "net/addr.h"
#include "policy/checks/loader.h"
#include "policy/addresses/translation.h"
#include "policy/services/service.h"
#include "yaml/value.h"

enum { TO, TARGET, FROM, CHECK };
static const struct sp_key forward_keys[] = {
	[TO] = { "to", SP_KEY_REQUIRED },
	[TARGET] = { "target", SP_KEY_REQUIRED },
	[FROM] = { "from", SP_KEY_OPTIONAL },
	[CHECK] = { "check", SP_KEY_OPTIONAL },
};

/* ---- texts of two parts ---- */

/* @item as two nodes, before and behind the last colon; brackets around the first are taken off. The
 * first is borrowed from *@ret_text, the caller's to free. Returns 0; -EINVAL there is no colon;
 * -ENOMEM. */
static int split(struct sp_loader *loader, const struct sp_node *item, char **ret_text,
		 struct sp_node ret_parts[2])
{
	char *text = sp_copy_text(&loader->check, item->text);
	char *colon = text ? strrchr(text, ':') : NULL;

	*ret_text = text;
	if (!text)
		return -ENOMEM;
	if (!colon || colon == text || !colon[1])
		return -EINVAL;
	*colon = '\0';
	ret_parts[0] = ret_parts[1] = *item;
	ret_parts[0].text = text;
	ret_parts[1].text = colon + 1;
	if (text[0] == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		ret_parts[0].text = text + 1;
	}
	return 0;
}

/* ---- to ---- */

/* One that a packet can be sent to, and on to? */
static bool is_of_a_host(const struct sp_addr *addr)
{
	static const struct sp_addr unspecified_v6, loopback_v6 = { .b = { [15] = 1 } };

	if (!sp_addr_is_v4(addr))
		return addr->b[0] != 0xff && !(addr->b[0] == 0xfe && (addr->b[1] & 0xc0) == 0x80) &&
		       sp_addr_compare(addr, &unspecified_v6) != 0 &&
		       sp_addr_compare(addr, &loopback_v6) != 0;
	return addr->b[12] != 0 && addr->b[12] != 127 && addr->b[12] < 224;
}

static void check_address(struct sp_loader *loader, const struct sp_node *at,
			  const struct sp_addr *addr)
{
	char text[SP_ADDR_TEXT_MAX];

	if (!is_of_a_host(addr))
		sp_report(&loader->check, at,
			  "%s is not the address of a host: a forward leads from one to one",
			  sp_addr_format(addr, text));
}

static void read_to_address(struct sp_loader *loader, const struct sp_node *node,
			    struct sp_forward *forward)
{
	if (sp_read_address(&loader->check, node, "address", &forward->to) == 0)
		check_address(loader, node, &forward->to);
}

static void read_service(struct sp_loader *loader, const struct sp_node *node,
			 struct sp_forward *forward)
{
	struct sp_service read[2];
	size_t count;

	if (sp_read_service(&loader->check, node, read, &count) < 0)
		return;
	if (count != 1 || read[0].kind != SP_SERVICE_PORTS || read[0].from != read[0].to ||
	    (read[0].proto != IPPROTO_TCP && read[0].proto != IPPROTO_UDP)) {
		sp_report(&loader->check, node,
			  "%s: a forward is of one port of TCP or UDP, as tcp/8080",
			  sp_show(node->text).quoted);
		return;
	}
	forward->proto = read[0].proto;
	forward->port = read[0].from;
}

static void read_to(struct sp_loader *loader, const struct sp_node *node,
		    struct sp_forward *forward)
{
	__sp_free char *text = NULL;
	struct sp_node parts[2];

	if (!sp_read_text(&loader->check, node, "\"to\""))
		return;
	if (split(loader, node, &text, parts) < 0) {
		sp_report(&loader->check, node,
			  "\"to\" of a forward is an interface or an address, and a service: "
			  "\"wan0:tcp/8080\", \"192.0.2.1:tcp/443\", \"[2001:db8::1]:tcp/443\"");
		return;
	}
	if (sp_looks_like_address(parts[0].text))
		read_to_address(loader, &parts[0], forward);
	else
		forward->interface = sp_read_nat_interface(loader, &parts[0]);
	read_service(loader, &parts[1], forward);
}

/* ---- target ---- */

/* Returns 0; -EINVAL reported; -ENOMEM. */
static int read_target(struct sp_loader *loader, const struct sp_node *node,
		       struct sp_addr *ret_addr, uint16_t *ret_port)
{
	__sp_free char *text = NULL;
	struct sp_node parts[2];
	uint64_t port;

	if (!sp_read_text(&loader->check, node, "a target"))
		return -EINVAL;
	if (split(loader, node, &text, parts) < 0) {
		sp_report(&loader->check, node,
			  "a target is an address and a port: \"10.30.2.9:80\", "
			  "\"[2001:db8::9]:80\"");
		return -EINVAL;
	}
	if (sp_read_address(&loader->check, &parts[0], "address", ret_addr) < 0 ||
	    sp_read_number(&loader->check, &parts[1], "a target's port", 1, UINT16_MAX, &port) < 0)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	check_address(loader, node, ret_addr);
	return 0;
}

/* Is there room for the target beside those before it? */
static bool fits(struct sp_loader *loader, const struct sp_node *at,
		 const struct sp_forward *forward, const struct sp_addr *target, uint16_t port)
{
	char text[SP_ADDR_TEXT_MAX];

	sp_addr_format(target, text);
	if (!forward->target_count)
		return true;
	if (forward->target_count == SP_FORWARD_TARGETS_MAX)
		sp_report(&loader->check, at,
			  "a forward has at most %u targets; this is the first too many",
			  SP_FORWARD_TARGETS_MAX);
	else if (sp_addr_is_v4(target) != sp_forward_is_v4(forward))
		sp_report(&loader->check, at,
			  "the targets are of two families: a packet stays in its own; write a "
			  "forward for IPv4 and one for IPv6");
	else if (sp_forward_leads_to(forward, target))
		sp_report(&loader->check, at, "%s is a target twice", text);
	else if (port != forward->target_port)
		sp_report(&loader->check, at,
			  "the targets have ports %u and %u: rules are asked about one port, so "
			  "all targets of a forward have the same",
			  forward->target_port, port);
	else
		return true;
	return false;
}

/* The order in the file means nothing: the targets stand in that of their addresses. */
static void add_target(struct sp_forward *forward, const struct sp_addr *target, uint16_t port)
{
	size_t at = forward->target_count++;

	for (; at > 0 && sp_addr_compare(&forward->targets[at - 1], target) > 0; at--)
		forward->targets[at] = forward->targets[at - 1];
	forward->targets[at] = *target;
	forward->target_port = port;
}

static void read_targets(struct sp_loader *loader, const struct sp_node *node,
			 struct sp_forward *forward)
{
	if (sp_read_items(&loader->check, node, "\"target\"") < 0)
		return;
	sp_for_each_item(item, node) {
		struct sp_addr target;
		uint16_t port;

		if (read_target(loader, item, &target, &port) == 0 &&
		    fits(loader, item, forward, &target, port))
			add_target(forward, &target, port);
	}
}

static void read_check(struct sp_loader *loader, const struct sp_node *node,
		       struct sp_forward *forward)
{
	const char *text = sp_read_text(&loader->check, node, "\"check\"");

	if (!text)
		return;
	if (strcmp(text, "tcp") != 0)
		sp_report(&loader->check, node,
			  "%s: targets are checked by connecting to their port, as \"check: tcp\"",
			  sp_show(text).quoted);
	else if (forward->proto == IPPROTO_UDP)
		sp_report(&loader->check, node,
			  "a forward of UDP has no \"check\": a port of UDP does not say whether "
			  "anybody listens");
	else
		forward->is_checked = true;
}

static void check_families(struct sp_loader *loader, const struct sp_node *at,
			   const struct sp_forward *forward)
{
	if (!forward->interface && sp_addr_is_v4(&forward->to) != sp_forward_is_v4(forward))
		sp_report(&loader->check, at,
			  "the addresses of \"to\" and \"target\" are of two families: a packet "
			  "stays in its own");
}

/* ---- the entry ---- */

static void add_any(struct sp_loader *loader, struct sp_rule *rule)
{
	struct sp_from *any = SP_ARRAY_PUSH(rule->from, rule->from_count);

	if (any)
		any->kind = SP_FROM_ANY;
	else
		loader->check.no_memory = true;
}

static void read_from(struct sp_loader *loader, const struct sp_node *node, struct sp_rule *rule)
{
	sp_load_from(loader, node, rule);
	for (size_t i = 0; i < rule->from_count; i++)
		if (rule->from[i].kind == SP_FROM_SELF)
			sp_report(&loader->check, node,
				  "what the gateway itself sends is not translated: \"self\" "
				  "cannot stand in \"from\" of a forward");
}

/* What the entry allows: what it forwards, and only that. */
static void add_ends(struct sp_loader *loader, uint32_t nat, struct sp_rule *rule)
{
	const struct sp_forward *forward = &loader->policy->nats[nat].forward;
	struct sp_to *to = SP_ARRAY_PUSH(rule->to, rule->to_count);
	struct sp_service *service = SP_ARRAY_PUSH(rule->services, rule->service_count);

	if (!to || !service) {
		loader->check.no_memory = true;
		return;
	}
	*to = (struct sp_to){ .kind = SP_TO_NAT, .index = nat };
	*service = (struct sp_service){ .kind = SP_SERVICE_PORTS,
					.proto = forward->proto,
					.from = forward->target_port,
					.to = forward->target_port };
}

void sp_load_forward(struct sp_loader *loader, const struct sp_node *node, uint32_t nat,
		     struct sp_rule *rule)
{
	const struct sp_node *values[SP_ARRAY_LEN(forward_keys)];
	struct sp_forward *forward = &loader->policy->nats[nat].forward;

	loader->policy->nats[nat].kind = SP_NAT_FORWARD;
	if (sp_read_map(&loader->check, node, "\"forward\"", forward_keys,
			SP_ARRAY_LEN(forward_keys), values) < 0)
		return;
	if (values[TO])
		read_to(loader, values[TO], forward);
	if (values[TARGET])
		read_targets(loader, values[TARGET], forward);
	if (values[CHECK])
		read_check(loader, values[CHECK], forward);
	if (forward->port && forward->target_port)
		check_families(loader, values[TO], forward);
	if (values[FROM])
		read_from(loader, values[FROM], rule);
	else
		add_any(loader, rule);
	add_ends(loader, nat, rule);
}

/* ---- among each other, and the gateway ---- */

static bool is_whole(const struct sp_nat *nat)
{
	return nat->kind == SP_NAT_FORWARD && nat->name && nat->forward.port &&
	       nat->forward.target_port;
}

/* Can a packet be for both? An interface may have every address, of the target's family. */
static bool meet(const struct sp_forward *a, const struct sp_forward *b)
{
	if (a->proto != b->proto || a->port != b->port ||
	    sp_forward_is_v4(a) != sp_forward_is_v4(b))
		return false;
	if (a->interface && b->interface)
		return !strcmp(a->interface, b->interface);
	return a->interface || b->interface || sp_addr_compare(&a->to, &b->to) == 0;
}

static void check_gateway(struct sp_loader *loader, const struct sp_nat *nat)
{
	const struct sp_node at = sp_node_at(&nat->place);
	const struct sp_addr *addr;
	char text[SP_ADDR_TEXT_MAX];
	/* the machine's own addresses: judge/fit_nat.c */
	const char *clash =
		sp_forward_clash(&nat->forward, &loader->policy->fixtures.gateway, &addr);

	if (clash)
		sp_report(&loader->check, &at, "forward \"%s\": %s is %s", nat->name,
			  sp_addr_format(addr, text), clash);
}

/* A packet is translated once. */
static void check_netmap(struct sp_loader *loader, const struct sp_nat *nat,
			 const struct sp_nat *netmap)
{
	const struct sp_node at = sp_node_at(&nat->place);
	const struct sp_addr *addr = NULL;
	char text[SP_ADDR_TEXT_MAX];

	if (netmap->kind != SP_NAT_NETMAP || !netmap->name || !netmap->netmap.inside.prefix_len)
		return;
	if (!nat->forward.interface &&
	    sp_prefix_contains(&netmap->netmap.outside, &nat->forward.to))
		addr = &nat->forward.to;
	for (size_t i = 0; !addr && i < nat->forward.target_count; i++)
		if (sp_prefix_contains(&netmap->netmap.outside, &nat->forward.targets[i]))
			addr = &nat->forward.targets[i];
	if (!addr)
		return;
	sp_report(&loader->check, &at,
		  "forward \"%s\": %s is in \"outside\" of netmap \"%s\", and a packet is "
		  "translated once",
		  nat->name, sp_addr_format(addr, text), netmap->name);
}

static bool is_about(const struct sp_rule *rule, const struct sp_forward *forward)
{
	for (size_t i = 0; i < rule->service_count; i++) {
		const struct sp_service *service = &rule->services[i];

		if (service->proto == forward->proto &&
		    (service->kind == SP_SERVICE_PROTO ||
		     (service->kind == SP_SERVICE_PORTS && service->from <= forward->port &&
		      forward->port <= service->to)))
			return true;
	}
	return rule->service_count == 0;
}

/* A protect entry is asked about the packet as it is: what it lets through would go elsewhere. */
static void check_protect(struct sp_loader *loader, const struct sp_nat *nat)
{
	const struct sp_policy *policy = loader->policy;
	const struct sp_node at = sp_node_at(&nat->place);

	for (size_t i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].kind == SP_RULE_PROTECT && policy->rules[i].name &&
		    is_about(&policy->rules[i], &nat->forward))
			sp_report(
				&loader->check, &at,
				"protect entry \"%s\" keeps this port of the gateway open, and the "
				"forward would send it elsewhere: take another port",
				policy->rules[i].name);
}

static void check_pair(struct sp_loader *loader, const struct sp_nat *earlier,
		       const struct sp_nat *nat)
{
	const struct sp_node at = sp_node_at(&nat->place);

	if (is_whole(earlier) && meet(&earlier->forward, &nat->forward))
		sp_report(&loader->check, &at, "forwards \"%s\" and \"%s\" are of the same packets",
			  earlier->name, nat->name);
}

/* The first entry that goes beyond a bound is reported, and no later one. */
static void check_bounds(struct sp_loader *loader)
{
	const struct sp_policy *policy = loader->policy;
	size_t shared = 0, checked = 0;

	for (size_t n = 0; n < policy->nat_count; n++) {
		const struct sp_nat *nat = &policy->nats[n];
		const struct sp_node at = sp_node_at(&nat->place);
		const bool was_shared_in = shared <= SP_SHARED_FORWARDS_MAX;
		const bool was_checked_in = checked <= SP_CHECKED_TARGETS_MAX;

		shared += nat->forward.target_count > 1;
		checked += nat->forward.is_checked ? nat->forward.target_count : 0;
		if (was_shared_in && shared > SP_SHARED_FORWARDS_MAX)
			sp_report(&loader->check, &at,
				  "more than %d forwards have several targets; this is the first "
				  "too many",
				  SP_SHARED_FORWARDS_MAX);
		if (was_checked_in && checked > SP_CHECKED_TARGETS_MAX)
			sp_report(&loader->check, &at,
				  "more than %u targets have \"check\"; those of this forward are "
				  "the first too many",
				  SP_CHECKED_TARGETS_MAX);
	}
}

void sp_check_forwards(struct sp_loader *loader)
{
	const struct sp_policy *policy = loader->policy;

	check_bounds(loader);
	for (size_t n = 0; n < policy->nat_count; n++) {
		const struct sp_nat *nat = &policy->nats[n];

		if (!is_whole(nat))
			continue;
		check_gateway(loader, nat);
		check_protect(loader, nat);
		for (size_t i = 0; i < policy->nat_count; i++)
			check_netmap(loader, nat, &policy->nats[i]);
		for (size_t i = 0; i < n; i++)
			check_pair(loader, &policy->nats[i], nat);
	}
}
