/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Turning a person's question into a packet and the hook that judges it. */
#include "judge/ask.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/addr.h"
#include "policy/addresses/ranges.h"
#include "policy/services/named_service.h"
#include "yaml/suggest.h"

#define ICMP_ECHO 8
#define ICMP6_ECHO 128
#define QUESTION_PORT 40000 /* the source port, or the identifier of an ICMP echo */

static int __attribute__((format(printf, 3, 4)))
fail(struct sp_ask_fault *fault, enum sp_ask_fault_kind kind, const char *format, ...)
{
	va_list args;

	fault->kind = kind;
	va_start(args, format);
	vsnprintf(fault->message, sizeof(fault->message), format, args);
	va_end(args);
	return -EINVAL;
}

/* `; did you mean "x"?`, or nothing. */
static const char *hint(const struct sp_nearest *near, char buf[300])
{
	if (!near->best)
		return "";
	snprintf(buf, 300, "; did you mean \"%.255s\"?", near->best);
	return buf;
}

/* ---- the destination ---- */

static int number_parse(const char *text, unsigned long max, unsigned long *ret_number)
{
	char *end;
	unsigned long number;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	number = strtoul(text, &end, 10);
	if (*end || number > max)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

/* Protocol by name, or `proto/N`. */
static int protocol_parse(const char *text, bool is_v6, struct sp_tuple *tuple)
{
	unsigned long number;

	if (!strcmp(text, "tcp"))
		tuple->proto = IPPROTO_TCP;
	else if (!strcmp(text, "udp"))
		tuple->proto = IPPROTO_UDP;
	else if (!strcmp(text, "sctp"))
		tuple->proto = IPPROTO_SCTP;
	else if (!strcmp(text, "icmp") || !strcmp(text, "icmp6"))
		tuple->proto = is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	else if (!strncmp(text, "proto/", 6) && number_parse(text + 6, 255, &number) == 0)
		tuple->proto = number;
	else
		return -EINVAL;
	if (tuple->proto == (is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		tuple->icmp_type = is_v6 ? ICMP6_ECHO : ICMP_ECHO;
	return 0;
}

/* Cut `text` into address, port and protocol in place; port and protocol may stay NULL. */
static int target_split(char *text, char **ret_address, char **ret_port, char **ret_protocol)
{
	char *slash = strchr(text, '/');
	char *colon;

	*ret_protocol = NULL;
	*ret_port = NULL;
	if (slash) {
		*slash = '\0';
		*ret_protocol = slash + 1;
	}
	if (text[0] == '[') {
		char *close = strchr(text, ']');

		if (!close)
			return -EINVAL;
		*close = '\0';
		*ret_address = text + 1;
		if (close[1] == ':')
			*ret_port = close + 2;
		else if (close[1])
			return -EINVAL;
		return 0;
	}
	*ret_address = text;
	colon = strchr(text, ':');
	if (colon && !strchr(colon + 1, ':')) { /* one colon: IPv4 with a port */
		*colon = '\0';
		*ret_port = colon + 1;
	}
	return 0;
}

static const struct sp_network *network_find(const struct sp_policy *policy, const char *name,
					     struct sp_nearest *near)
{
	sp_nearest_init(near, name);
	for (size_t i = 0; i < policy->network_count; i++) {
		const struct sp_network *network = &policy->networks[i];

		if (!network->name || network->is_builtin)
			continue;
		if (!strcmp(network->name, name))
			return network;
		sp_nearest_offer(near, network->name);
	}
	return NULL;
}

/* The first address of the network, of this family or else of the other. Returns 0; -ENOENT it has
 * none; -ENOMEM. */
static int network_first_address(const struct sp_network *network, bool is_v6,
				 struct sp_addr *ret_addr)
{
	__sp_cleanup(sp_ranges_done) struct sp_ranges ranges = { 0 };
	int r = sp_ranges_make(network->in, network->in_count, network->except,
			       network->except_count, &ranges);

	if (r < 0 || !ranges.count)
		return r < 0 ? r : -ENOENT;
	*ret_addr = ranges.items[0].first;
	for (size_t i = 0; i < ranges.count; i++)
		if (sp_addr_is_v4(&ranges.items[i].first) != is_v6) {
			*ret_addr = ranges.items[i].first;
			break;
		}
	return 0;
}

/* The address that @text is, or the first address of the network of that name. */
static int address_find(const struct sp_policy *policy, const char *text, bool prefers_v6,
			struct sp_addr *ret_addr, struct sp_ask_fault *fault)
{
	const struct sp_network *network;
	struct sp_nearest near;
	char buf[300];
	int r;

	if (sp_addr_parse(text, ret_addr) == 0)
		return 0;
	network = network_find(policy, text, &near);
	if (!network)
		return fail(fault, SP_ASK_MALFORMED,
			    "\"%.255s\" is no address, and no network of the policy%s", text,
			    hint(&near, buf));
	r = network_first_address(network, prefers_v6, ret_addr);
	return r == -ENOENT
		       ? fail(fault, SP_ASK_MALFORMED, "the network %.63s has no address", text)
		       : r;
}

bool sp_ask_service(const struct sp_service *service, bool is_v6, uint16_t port,
		    struct sp_tuple *tuple)
{
	tuple->source_port = port;
	switch (service->kind) {
	case SP_SERVICE_PORTS:
		tuple->proto = service->proto;
		tuple->destination_port = service->from;
		return true;
	case SP_SERVICE_ICMP:
	case SP_SERVICE_ICMP6:
		tuple->proto = is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		/* a service of all types: ask with an echo request */
		tuple->icmp_type = service->from == service->to ? service->from
				   : is_v6                      ? ICMP6_ECHO
								: ICMP_ECHO;
		tuple->destination_port = port;
		return is_v6 == (service->kind == SP_SERVICE_ICMP6);
	default:
		tuple->proto = service->proto;
		return true;
	}
}

/* A service by its name in the policy, or as rules write one: the first of its items that the
 * family has. */
static int service_fill(const struct sp_policy *policy, const char *text, struct sp_tuple *tuple,
			struct sp_ask_fault *fault)
{
	struct sp_service items[SP_SERVICE_ITEMS_MAX];
	char message[SP_SERVICE_MESSAGE_MAX] = "";
	const bool is_v6 = !sp_addr_is_v4(&tuple->destination);
	size_t count = 0;
	int r = sp_policy_find_service(policy, text, items, &count, message);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return fail(fault, SP_ASK_MALFORMED, "%s", message);
	for (size_t i = 0; i < count; i++)
		if (sp_ask_service(&items[i], is_v6, QUESTION_PORT, tuple))
			return 0;
	return fail(fault, SP_ASK_MALFORMED, "the service %.63s is nothing IPv%d has", text,
		    is_v6 ? 6 : 4);
}

/* `http`, `domain/udp`: what the policy's services do not name, as /etc/services has it. */
static int port_fill(const struct sp_policy *policy, const char *name, const char *protocol,
		     struct sp_tuple *tuple, struct sp_ask_fault *fault)
{
	const struct servent *known = NULL;
	bool is_policys = false;

	for (size_t i = 0; i < policy->service_count; i++)
		is_policys |= !strcmp(policy->services[i].name, name);
	if (!is_policys)
		known = getservbyname(name, protocol ? protocol : "tcp");
	if (is_policys && protocol)
		return fail(fault, SP_ASK_MALFORMED,
			    "the service %.63s of the policy says its protocol: leave /%.20s out",
			    name, protocol);
	if (!known)
		return service_fill(policy, name, tuple, fault);
	tuple->destination_port = ntohs((uint16_t)known->s_port);
	return protocol_parse(protocol ? protocol : "tcp", !sp_addr_is_v4(&tuple->destination),
			      tuple);
}

static bool has_ports(const struct sp_tuple *tuple)
{
	return tuple->proto == IPPROTO_TCP || tuple->proto == IPPROTO_UDP ||
	       tuple->proto == IPPROTO_SCTP;
}

static int protocol_fill(const char *port_text, const char *protocol, struct sp_tuple *tuple)
{
	const bool is_v6 = !sp_addr_is_v4(&tuple->destination);
	unsigned long port = 0;
	int r;

	if (port_text && (number_parse(port_text, 65535, &port) < 0 || port == 0))
		return -EINVAL;
	r = protocol_parse(protocol ? protocol : port_text ? "tcp" : "icmp", is_v6, tuple);
	if (r < 0 || has_ports(tuple) != (port_text != NULL))
		return -EINVAL;
	tuple->destination_port = (uint16_t)port;
	return 0;
}

/* `ADDR:PORT/tcp`, `git:ssh`, `git/icmp`; or `git` with a service beside it. */
static int target_read(const struct sp_policy *policy, const struct sp_ask *ask,
		       struct sp_tuple *tuple, struct sp_ask_fault *fault)
{
	__sp_free char *copy = strdup(ask->to);
	char *address, *port, *protocol;
	struct sp_addr source;
	const bool prefers_v6 = sp_addr_parse(ask->from, &source) == 0 && !sp_addr_is_v4(&source);
	bool is_named;
	int r;

	if (!copy)
		return -ENOMEM;
	if (target_split(copy, &address, &port, &protocol) < 0)
		return fail(fault, SP_ASK_MALFORMED, "%.255s has a bracket that does not end",
			    ask->to);
	r = address_find(policy, address, prefers_v6, &tuple->destination, fault);
	if (r < 0)
		return r;
	if (ask->service && (port || protocol))
		return fail(fault, SP_ASK_MALFORMED,
			    "%.255s names a port or protocol, and so does the service %.63s: write "
			    "one of them",
			    ask->to, ask->service);
	if (ask->service)
		return service_fill(policy, ask->service, tuple, fault);
	is_named = port && !(*port >= '0' && *port <= '9');
	r = is_named ? port_fill(policy, port, protocol, tuple, fault)
		     : protocol_fill(port, protocol, tuple);
	if (r == -EINVAL && !*fault->message)
		return fail(
			fault, SP_ASK_MALFORMED,
			"%.255s: write ADDR:PORT, ADDR:PORT/udp, [V6]:PORT, ADDR/icmp or "
			"ADDR/proto/N; ADDR may be a network of the policy, PORT a service of it",
			ask->to);
	return r;
}

/* ---- the source ---- */

static int role_open(const struct sp_asking *asking, const char *name, bool is_v6,
		     struct sp_asked *asked, struct sp_ask_fault *fault)
{
	const struct sp_policy *policy = asking->policy;
	struct sp_identity identity;
	struct sp_nearest near;
	char buf[300];
	uint32_t role;
	int r;

	sp_nearest_init(&near, name);
	for (role = 0; role < policy->role_count && strcmp(policy->roles[role].name, name); role++)
		sp_nearest_offer(&near, policy->roles[role].name);
	if (role == policy->role_count)
		return fail(fault, SP_ASK_UNKNOWN, "the policy has no role \"%.255s\"%s", name,
			    hint(&near, buf));
	r = sp_judge_open_stand_in(asking->judge, role, &identity);
	if (r < 0)
		return r;
	if (!identity.has_address[is_v6])
		return fail(fault, SP_ASK_FAMILY,
			    "the pool has no IPv%d prefix for a person of role %.63s",
			    is_v6 ? 6 : 4, name);
	asked->role = policy->roles[role].name;
	asked->tuple.source = identity.addresses[is_v6];
	return 0;
}

static int person_find(const struct sp_asking *asking, const struct sp_ask *ask, bool is_v6,
		       struct sp_asked *asked, struct sp_ask_fault *fault)
{
	const char *user = sp_ask_user(ask->from);
	struct sp_nearest near;
	char buf[300];
	const int r = asking->people->find(asking->people_arg, user, ask->idp, is_v6, asked);

	if (r == -EEXIST)
		return fail(fault, SP_ASK_AMBIGUOUS,
			    "people of several providers have the name %.255s; say whose (--idp)",
			    user);
	if (r == -EAFNOSUPPORT)
		return fail(fault, SP_ASK_FAMILY, "%.255s has no IPv%d address", user,
			    is_v6 ? 6 : 4);
	if (r != -ENOENT)
		return r;
	sp_nearest_init(&near, user);
	asking->people->offer(asking->people_arg, &near);
	return fail(fault, SP_ASK_UNKNOWN,
		    "%.255s is no address, no role:NAME, not anonymous, not self and %s%s", user,
		    asking->people->nobody, hint(&near, buf));
}

const struct sp_addr *sp_ask_self(const struct sp_gateway *gateway, bool is_v6)
{
	for (size_t i = 0; i < gateway->self_count; i++)
		if (sp_addr_is_v4(&gateway->self[i]) != is_v6)
			return &gateway->self[i];
	return NULL;
}

static int self_find(const struct sp_asking *asking, bool is_v6, struct sp_asked *asked,
		     struct sp_ask_fault *fault)
{
	const struct sp_gateway *gateway = asking->gateway;
	const struct sp_addr *source = sp_ask_self(gateway, is_v6);

	for (size_t i = 0; i < gateway->self_count; i++)
		if (!sp_addr_compare(&gateway->self[i], &asked->tuple.destination))
			return fail(
				fault, SP_ASK_MALFORMED,
				"the destination is the gateway's own address: what it sends to "
				"itself meets no rule");
	if (!source)
		return fail(fault, SP_ASK_FAMILY,
			    "no IPv%d address of the gateway is known; with FILE, fixtures.self "
			    "lists them",
			    is_v6 ? 6 : 4);
	asked->tuple.source = *source;
	asked->is_own = true;
	return 0;
}

static int source_find(const struct sp_asking *asking, const struct sp_ask *ask,
		       struct sp_asked *asked, struct sp_ask_fault *fault)
{
	struct sp_tuple *tuple = &asked->tuple;
	const bool is_v6 = !sp_addr_is_v4(&tuple->destination);

	if (!strncmp(ask->from, "role:", 5))
		return role_open(asking, ask->from + 5, is_v6, asked, fault);
	if (!strcmp(ask->from, "anonymous")) {
		tuple->source = sp_judge_stranger(asking->policy, asking->gateway, is_v6);
		return 0;
	}
	if (!strcmp(ask->from, "self"))
		return self_find(asking, is_v6, asked, fault);
	if (sp_addr_parse(ask->from, &tuple->source) < 0)
		return person_find(asking, ask, is_v6, asked, fault);
	if (sp_addr_is_v4(&tuple->source) == is_v6)
		return fail(fault, SP_ASK_FAMILY,
			    "%.60s and the destination are of different families", ask->from);
	return 0;
}

const char *sp_ask_user(const char *from)
{
	return strncmp(from, "user:", 5) ? from : from + 5;
}

int sp_ask_packet(const struct sp_asking *asking, const struct sp_ask *ask,
		  struct sp_asked *ret_asked, struct sp_ask_fault *fault)
{
	struct sp_asked asked = { 0 };
	int r;

	*fault = (struct sp_ask_fault){ 0 };
	r = target_read(asking->policy, ask, &asked.tuple, fault);
	if (r < 0)
		return r;
	asked.tuple.source_port = QUESTION_PORT;
	if (asked.tuple.proto == IPPROTO_ICMP || asked.tuple.proto == IPPROTO_ICMPV6)
		/* in an ICMP echo both ports are the identifier */
		asked.tuple.destination_port = QUESTION_PORT;
	r = source_find(asking, ask, &asked, fault);
	if (r == 0)
		*ret_asked = asked;
	return r;
}

static enum sp_ask_who who_of(const struct sp_ask *ask, const struct sp_asked *asked)
{
	if (asked->user || asked->role)
		return SP_ASK_PERSON;
	return strcmp(ask->from, "anonymous") ? SP_ASK_ADDRESS : SP_ASK_ANONYMOUS;
}

/* What the gateway itself sends meets the hook where it leaves. */
static void turn_own(struct sp_asked *asked)
{
	if (asked->is_own)
		asked->hook = sp_judge_way_out(asked->hook);
}

int sp_ask_hook(const struct sp_asking *asking, const struct sp_ask *ask, struct sp_asked *asked,
		struct sp_ask_fault *fault)
{
	const struct sp_gateway *gateway = asking->gateway;
	struct sp_nearest near;
	char buf[300];

	if (!ask->on) {
		asked->hook = asked->is_own
				      ? sp_judge_first_hook(gateway, &asked->tuple.destination)
				      : sp_ask_first_hook(gateway, who_of(ask, asked),
							  &asked->tuple.source);
		turn_own(asked);
		return 0;
	}
	if (sp_judge_hook_of_interface(gateway, ask->on, &asked->hook) == 0) {
		turn_own(asked);
		return 0;
	}
	sp_nearest_init(&near, ask->on);
	for (size_t i = 0; i < gateway->interface_count; i++)
		sp_nearest_offer(&near, gateway->interfaces[i].name);
	return fail(fault, SP_ASK_MALFORMED, "%.40s is no interface of %s%s", ask->on,
		    asking->interfaces, hint(&near, buf));
}

enum sp_hook sp_ask_first_hook(const struct sp_gateway *gateway, enum sp_ask_who who,
			       const struct sp_addr *source)
{
	switch (who) {
	case SP_ASK_PERSON:
		return SP_HOOK_VPN_IN;
	case SP_ASK_ANONYMOUS:
		return SP_HOOK_EDGE_IN;
	default:
		return sp_judge_first_hook(gateway, source);
	}
}
