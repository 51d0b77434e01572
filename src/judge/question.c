/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From what a person asks to the packet and the hook that answer it. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "judge/judge.h"
#include "net/addr.h"
#include "policy/ranges.h"
#include "yaml/suggest.h"

#define ICMP_ECHO 8
#define ICMP6_ECHO 128

enum sp_hook sp_judge_hook_of_zone(enum sp_zone zone)
{
	switch (zone) {
	case SP_ZONE_EDGE:
		return SP_HOOK_EDGE_IN;
	case SP_ZONE_TUNNEL:
		return SP_HOOK_VPN_IN;
	default:
		return SP_HOOK_INSIDE_IN;
	}
}

static bool is_in_pool(const struct sp_gateway *gateway, const struct sp_addr *addr)
{
	for (size_t i = 0; i < gateway->pool_count; i++)
		if (sp_prefix_contains(&gateway->pool[i], addr))
			return true;
	return false;
}

enum sp_hook sp_judge_first_hook(const struct sp_gateway *gateway, const struct sp_addr *source)
{
	const struct sp_route *best = NULL;

	if (is_in_pool(gateway, source))
		return SP_HOOK_VPN_IN;
	for (size_t i = 0; i < gateway->route_count; i++) {
		const struct sp_route *route = &gateway->routes[i];

		if (sp_prefix_contains(&route->prefix, source) &&
		    (!best || route->prefix.prefix_len > best->prefix.prefix_len))
			best = route;
	}
	return sp_judge_hook_of_zone(best ? best->zone : SP_ZONE_INSIDE);
}

int sp_judge_hook_of_interface(const struct sp_gateway *gateway, const char *name,
			       enum sp_hook *ret_hook)
{
	for (size_t i = 0; i < gateway->interface_count; i++) {
		if (strcmp(gateway->interfaces[i].name, name))
			continue;
		*ret_hook = sp_judge_hook_of_zone(gateway->interfaces[i].zone);
		return 0;
	}
	return -ENOENT;
}

static bool is_named(const struct sp_policy *policy, const struct sp_addr *addr)
{
	for (size_t i = 0; i < policy->network_count; i++) {
		const struct sp_network *network = &policy->networks[i];

		if (network->is_builtin)
			continue;
		for (size_t j = 0; j < network->in_count; j++)
			if (sp_prefix_contains(&network->in[j], addr))
				return true;
	}
	return false;
}

struct sp_addr sp_judge_stranger(const struct sp_policy *policy, const struct sp_gateway *gateway,
				 bool is_v6)
{
	/* Global unicast of several regions: a policy that names them all has no strangers. */
	static const char *const candidates[2][4] = {
		{ "9.9.9.9", "77.1.2.3", "133.5.6.7", "200.3.4.5" },
		{ "2a00::99", "2400::99", "2600::99", "2800::99" },
	};
	struct sp_addr addr = { 0 };

	for (size_t i = 0; i < SP_ARRAY_LEN(candidates[0]); i++) {
		if (sp_addr_parse(candidates[is_v6][i], &addr) < 0)
			continue;
		if (!is_named(policy, &addr) && !is_in_pool(gateway, &addr))
			break;
	}
	return addr;
}

int sp_judge_spare_address(const struct sp_gateway *gateway, bool is_v6, uint32_t index,
			   struct sp_addr *ret_addr)
{
	for (size_t i = 0; i < gateway->pool_count; i++) {
		const struct sp_prefix *pool = &gateway->pool[i];
		struct sp_addr addr;
		uint64_t borrow = (uint64_t)index + 1; /* the last address may be a broadcast */

		memcpy(addr.b, pool->addr, sizeof(addr.b));
		if (sp_addr_is_v4(&addr) == is_v6)
			continue;
		for (uint32_t bit = pool->prefix_len; bit < 128; bit++)
			addr.b[bit / 8] |= 0x80 >> (bit % 8);
		for (int byte = 15; byte >= 0 && borrow; byte--) {
			const uint64_t value = addr.b[byte];
			const uint64_t part = borrow & 0xff;

			addr.b[byte] = value - part;
			borrow = (borrow >> 8) + (value < part);
		}
		if (!sp_prefix_contains(pool, &addr))
			return -ENOENT;
		*ret_addr = addr;
		return 0;
	}
	return -ENOENT;
}

static int parse_number(const char *text, unsigned long max, unsigned long *ret_number)
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
static int parse_protocol(const char *text, bool is_v6, struct sp_tuple *tuple)
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
	else if (!strncmp(text, "proto/", 6) && parse_number(text + 6, 255, &number) == 0)
		tuple->proto = number;
	else
		return -EINVAL;
	if (tuple->proto == (is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		tuple->icmp_type = is_v6 ? ICMP6_ECHO : ICMP_ECHO;
	return 0;
}

/* Cut `text` into address, port and protocol in place; port and protocol may stay NULL. */
static int split_target(char *text, char **ret_address, char **ret_port, char **ret_protocol)
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

int sp_judge_parse_target(const char *text, struct sp_tuple *ret_tuple)
{
	__sp_free char *copy = strdup(text);
	struct sp_tuple tuple = { 0 };
	char *address, *port_text, *protocol;
	unsigned long port = 0;
	bool is_v6, has_ports;
	int r;

	if (!copy)
		return -ENOMEM;
	r = split_target(copy, &address, &port_text, &protocol);
	if (r < 0)
		return r;
	r = sp_addr_parse(address, &tuple.destination);
	if (r < 0)
		return r;
	is_v6 = !sp_addr_is_v4(&tuple.destination);
	if (port_text && (parse_number(port_text, 65535, &port) < 0 || port == 0))
		return -EINVAL;
	r = parse_protocol(protocol ? protocol : port_text ? "tcp" : "icmp", is_v6, &tuple);
	if (r < 0)
		return r;
	has_ports = tuple.proto == IPPROTO_TCP || tuple.proto == IPPROTO_UDP ||
		    tuple.proto == IPPROTO_SCTP;
	if (has_ports != (port_text != NULL))
		return -EINVAL;
	tuple.destination_port = port;
	*ret_tuple = tuple;
	return 0;
}

static const struct sp_network *find_network(const struct sp_policy *policy, const char *name,
					     const char **ret_near)
{
	struct sp_nearest near;

	sp_nearest_init(&near, name);
	for (size_t i = 0; i < policy->network_count; i++) {
		const struct sp_network *network = &policy->networks[i];

		if (!network->name || network->is_builtin)
			continue;
		if (!strcmp(network->name, name))
			return network;
		sp_nearest_offer(&near, network->name);
	}
	*ret_near = near.best;
	return NULL;
}

/* Its first address of the family, or of the other. Returns 0; -ENOENT it has none; -ENOMEM. */
static int first_address(const struct sp_network *network, bool is_v6, struct sp_addr *ret_addr)
{
	__sp_cleanup(sp_ranges_done) struct sp_ranges ranges = { 0 };
	int r = sp_ranges_make(network->in, network->in_count, network->except, network->except_count, &ranges);

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

/* ":http/tcp" -> ":80/tcp"; what has no name in it stays. Returns 0; -EINVAL no such service; -ENOMEM. */
static int number_service(const char *rest, char **ret_rest)
{
	const size_t len = *rest == ':' ? strcspn(rest + 1, "/") : 0;
	__sp_free char *name = strndup(rest + (len ? 1 : 0), len);
	const char *protocol = len && rest[1 + len] ? rest + 2 + len : "tcp";
	const struct servent *service;

	if (!name)
		return -ENOMEM;
	if (!len || (*name >= '0' && *name <= '9'))
		return sp_str_format(ret_rest, "%s", rest);
	service = getservbyname(name, protocol);
	if (!service)
		return -EINVAL;
	return sp_str_format(ret_rest, ":%u/%s", ntohs((uint16_t)service->s_port), protocol);
}

int sp_judge_name_target(const struct sp_policy *policy, const char *text, bool prefers_v6,
			 struct sp_tuple *ret_tuple, const char **ret_near)
{
	__sp_free char *name = strndup(text, strcspn(text, ":/")), *rest = NULL, *target = NULL;
	const struct sp_network *network;
	char address[SP_ADDR_TEXT_MAX];
	struct sp_addr addr;
	bool is_bare;
	int r;

	*ret_near = NULL;
	if (!name)
		return -ENOMEM;
	if (sp_judge_parse_target(text, ret_tuple) == 0)
		return 0;
	network = find_network(policy, name, ret_near);
	if (!network)
		return -ENOENT;
	r = first_address(network, prefers_v6, &addr);
	if (r == 0)
		r = number_service(text + strlen(name), &rest);
	if (r < 0)
		return r;
	is_bare = sp_addr_is_v4(&addr) || *rest != ':';
	sp_addr_format(&addr, address);
	r = sp_str_format(&target, "%s%s%s%s", is_bare ? "" : "[", address, is_bare ? "" : "]", rest);
	return r < 0 ? r : sp_judge_parse_target(target, ret_tuple);
}
