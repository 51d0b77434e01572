/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "config/machine_portal.h"
#include "net/addr.h"
#include "policy/checks/gateway.h"
#include "yaml/load.h"
#include "yaml/value.h"

enum { VERSION, PLANE, INTERFACES, VPN, AUDIT, PORTAL, RESOLVER };
static const struct sp_key machine_keys[] = {
	[VERSION] = { "sallyport", SP_KEY_OPTIONAL },     [PLANE] = { "plane", SP_KEY_OPTIONAL },
	[INTERFACES] = { "interfaces", SP_KEY_REQUIRED }, [VPN] = { "vpn", SP_KEY_OPTIONAL },
	[AUDIT] = { "audit", SP_KEY_OPTIONAL },           [PORTAL] = { "portal", SP_KEY_OPTIONAL },
	[RESOLVER] = { "dns", SP_KEY_OPTIONAL },
};

enum { SERVERS };
static const struct sp_key resolver_keys[] = {
	[SERVERS] = { "servers", SP_KEY_REQUIRED },
};
#define SERVERS_MAX 8u

enum { EDGE, INSIDE, TUNNEL, UNMANAGED };
static const struct sp_key interface_keys[] = {
	[EDGE] = { "edge", SP_KEY_OPTIONAL },
	[INSIDE] = { "inside", SP_KEY_OPTIONAL },
	[TUNNEL] = { "tunnel", SP_KEY_OPTIONAL },
	[UNMANAGED] = { "unmanaged", SP_KEY_OPTIONAL },
};

enum { LISTEN, POOL, ENDPOINT, DNS, ROUTES, MTU, PARKED, UNUSED, ENGINE };
static const struct sp_key vpn_keys[] = {
	[LISTEN] = { "listen", SP_KEY_OPTIONAL },     [POOL] = { "pool", SP_KEY_OPTIONAL },
	[ENDPOINT] = { "endpoint", SP_KEY_OPTIONAL }, [DNS] = { "dns", SP_KEY_OPTIONAL },
	[ROUTES] = { "routes", SP_KEY_OPTIONAL },     [MTU] = { "mtu", SP_KEY_OPTIONAL },
	[PARKED] = { "parked", SP_KEY_OPTIONAL },     [UNUSED] = { "unused", SP_KEY_OPTIONAL },
	[ENGINE] = { "engine", SP_KEY_OPTIONAL },
};

enum { ONLY, EXCEPT };
static const struct sp_key routes_keys[] = {
	[ONLY] = { "only", SP_KEY_OPTIONAL },
	[EXCEPT] = { "except", SP_KEY_OPTIONAL },
};

enum { ROTATE, KEEP, MIN_AGE, PEOPLE };
static const struct sp_key audit_keys[] = {
	[ROTATE] = { "rotate", SP_KEY_OPTIONAL },
	[KEEP] = { "keep", SP_KEY_OPTIONAL },
	[MIN_AGE] = { "min-age", SP_KEY_OPTIONAL },
	[PEOPLE] = { "people", SP_KEY_OPTIONAL },
};
#define ROTATION_KEYS 2u /* how many of these keys each log has */

#define MTU_MIN 1280u /* RFC 8200, 5: a smaller MTU cannot carry IPv6 */
#define MTU_MAX 9000u
#define ENDPOINT_MAX 255u

struct run {
	struct sp_check check;
	struct sp_machine *machine;
};

static void load_plane(struct run *run, const struct sp_node *node)
{
	const char *name = sp_read_text(&run->check, node, "\"plane\"");

	if (!name)
		return;
	run->machine->plane = sp_copy_text(&run->check, name);
	run->machine->plane_place = (struct sp_place){ .line = node->line, .column = node->column };
}

static void load_interface_list(struct run *run, const struct sp_node *node, const char *what,
				enum sp_zone zone)
{
	if (sp_read_items(&run->check, node, what) < 0)
		return;
	sp_for_each_item(item, node)
		sp_read_interface(&run->check, item, zone, &run->machine->gateway);
}

/* @value  NULL: the file gives none. */
static void load_tunnel(struct run *run, const struct sp_node *node, const struct sp_node *value)
{
	struct sp_gateway *gateway = &run->machine->gateway;
	struct sp_node name = { .text = "vpn0", .line = node->line, .column = node->column };
	const size_t had = gateway->interface_count;
	const char *tunnel;

	if (value)
		name = *value;
	else if (sp_has_key(node, "tunnel"))
		return;
	tunnel = sp_read_text(&run->check, &name, "\"tunnel\"");
	if (tunnel)
		sp_read_interface(&run->check, &name, SP_ZONE_TUNNEL, gateway);
	if (gateway->interface_count > had)
		run->machine->tunnel = sp_copy_text(&run->check, tunnel);
}

static bool is_unmanaged(const struct sp_machine *machine, const char *name)
{
	for (size_t i = 0; i < machine->unmanaged_count; i++)
		if (strcmp(machine->unmanaged[i], name) == 0)
			return true;
	return false;
}

static void load_unmanaged(struct run *run, const struct sp_node *node)
{
	struct sp_machine *machine = run->machine;

	if (sp_read_items(&run->check, node, "\"unmanaged\"") < 0)
		return;
	sp_for_each_item(item, node) {
		const char *name = sp_read_interface_name(&run->check, item, &machine->gateway);
		char **room;

		if (!name)
			continue;
		if (is_unmanaged(machine, name)) {
			sp_report(&run->check, item, "interface \"%s\" stands here twice", name);
			continue;
		}
		if (machine->unmanaged_count == SP_INTERFACES_MAX) {
			sp_report(&run->check, item,
				  "more than %d unmanaged interfaces; this is the first too many",
				  SP_INTERFACES_MAX);
			return;
		}
		room = SP_ARRAY_PUSH(machine->unmanaged, machine->unmanaged_count);
		if (!room) {
			run->check.no_memory = true;
			return;
		}
		*room = sp_copy_text(&run->check, name);
		if (!*room) {
			machine->unmanaged_count--;
			return;
		}
	}
}

static void load_interfaces(struct run *run, const struct sp_node *node)
{
	const struct sp_node *values[SP_ARRAY_LEN(interface_keys)];
	int r;

	r = sp_read_map(&run->check, node, "\"interfaces\"", interface_keys,
			SP_ARRAY_LEN(interface_keys), values);
	if (r < 0)
		return;
	if (r == 0 && !sp_has_key(node, "edge") && !sp_has_key(node, "inside"))
		sp_report(&run->check, node,
			  "\"interfaces\" needs \"edge\" or \"inside\": { edge: [wan0], inside: "
			  "[lan0], tunnel: vpn0 }");
	if (values[EDGE])
		load_interface_list(run, values[EDGE], "\"edge\"", SP_ZONE_EDGE);
	if (values[INSIDE])
		load_interface_list(run, values[INSIDE], "\"inside\"", SP_ZONE_INSIDE);
	load_tunnel(run, node, values[TUNNEL]);
	if (values[UNMANAGED])
		load_unmanaged(run, values[UNMANAGED]);
}

/* Load the endpoint, to which clients connect: host or host:port, [IPv6] or [IPv6]:port. */
static void load_endpoint(struct run *run, const struct sp_node *node)
{
	const char *text = sp_read_text(&run->check, node, "\"endpoint\"");
	const char *port;
	size_t host_len;

	if (!text)
		return;
	if (*text == '[') {
		host_len = strcspn(text, "]") + 1;
		port = host_len <= strlen(text) ? text + host_len : "?";
	} else {
		host_len = strcspn(text, ":");
		port = text + host_len;
	}
	if (*text == '['
		    ? strspn(text + 1, "0123456789abcdefABCDEF:.") + 2 != host_len
		    : host_len == 0 ||
			      strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789-._") < host_len ||
			      strchr(port + (*port == ':'), ':')) {
		sp_report(&run->check, node,
			  "\"endpoint\" is a host, with a port if you like, as gate.example.org, "
			  "192.0.2.1:51820 or \"[2001:db8::1]:51820\", not %s",
			  sp_show(text).quoted);
		return;
	}
	if (*port) {
		unsigned long number = 0;

		for (const char *c = port + 1; *c >= '0' && *c <= '9' && number < 100000; c++)
			number = number * 10 + (unsigned long)(*c - '0');
		if (*port != ':' || port[1] == '0' ||
		    strspn(port + 1, "0123456789") != strlen(port + 1) || number < 1 ||
		    number > 65535) {
			sp_report(&run->check, node,
				  "\"endpoint\" %s: a port is a number from 1 to 65535",
				  sp_show(text).quoted);
			return;
		}
	}
	if (strlen(text) > ENDPOINT_MAX)
		sp_report(&run->check, node, "\"endpoint\" has more than %u bytes", ENDPOINT_MAX);
	run->machine->endpoint = sp_copy_text(&run->check, text);
}

static void load_dns(struct run *run, const struct sp_node *node)
{
	if (sp_read_items(&run->check, node, "\"dns\"") < 0)
		return;
	sp_for_each_item(item, node) {
		struct sp_addr addr, *room;

		if (sp_read_address(&run->check, item, "\"dns\"", &addr) < 0)
			continue;
		room = SP_ARRAY_PUSH(run->machine->dns, run->machine->dns_count);
		if (!room) {
			run->check.no_memory = true;
			return;
		}
		*room = addr;
	}
}

/* An address, with a port where it is another than 53. */
static int read_server(struct run *run, const struct sp_node *item, struct sp_addr *ret_addr,
		       uint16_t *ret_port)
{
	const char *text = item->kind == SP_NODE_SCALAR ? item->text : "";
	const char *colon = strchr(text, ':');

	if (*text == '[' || (colon && !strchr(colon + 1, ':')))
		return sp_machine_read_address_port(&run->check, item, "\"servers\"",
						    "\"10.30.0.53:5353\" or \"[2001:db8::53]:53\"",
						    ret_addr, ret_port);
	*ret_port = 53;
	return sp_read_address(&run->check, item, "\"servers\"", ret_addr);
}

static void load_resolver(struct run *run, const struct sp_node *node)
{
	const struct sp_node *values[SP_ARRAY_LEN(resolver_keys)];
	__sp_buf struct sp_buf out = SP_BUF_INIT;
	size_t count = 0;

	if (sp_read_map(&run->check, node, "\"dns\"", resolver_keys, SP_ARRAY_LEN(resolver_keys),
			values) < 0 ||
	    !values[SERVERS] || sp_read_items(&run->check, values[SERVERS], "\"servers\"") < 0)
		return;
	sp_for_each_item(item, values[SERVERS]) {
		char text[SP_ADDR_TEXT_MAX];
		struct sp_addr addr;
		uint16_t port;

		if (read_server(run, item, &addr, &port) < 0)
			continue;
		if (count++ == SERVERS_MAX) {
			sp_report(&run->check, item, "\"servers\" has at most %u", SERVERS_MAX);
			return;
		}
		sp_addr_format(&addr, text);
		sp_buf_printf(&out, sp_addr_is_v4(&addr) ? "%s%s:%u" : "%s[%s]:%u",
			      count > 1 ? "," : "", text, port);
	}
	run->check.no_memory |= sp_buf_take(&out, &run->machine->dns_servers) < 0;
}

/* Add the name of a network of the policy, or of a built-in one. */
static void add_route_name(struct run *run, const struct sp_node *item, const char *text,
			   char ***names, size_t *count)
{
	char **room;

	if (strcmp(text, "internet") != 0 && strcmp(text, "any") != 0 &&
	    sp_check_name(&run->check, item, "network") < 0)
		return;
	room = SP_ARRAY_PUSH(*names, *count);
	if (room)
		*room = sp_copy_text(&run->check, text);
	else
		run->check.no_memory = true;
}

static void load_route_names(struct run *run, const struct sp_node *node)
{
	struct sp_machine *machine = run->machine;

	if (sp_read_items(&run->check, node, "\"routes\"") < 0)
		return;
	sp_for_each_item(item, node) {
		const char *text = sp_read_text(&run->check, item, "a route");

		if (!text)
			continue;
		if (sp_looks_like_address(text)) {
			sp_report(&run->check, item,
				  "\"routes\" names networks of the policy, not prefixes: give %s "
				  "a name there",
				  sp_show(text).quoted);
			continue;
		}
		add_route_name(run, item, text, &machine->routes, &machine->route_name_count);
	}
}

/* Load the destinations that stay out of the tunnel: names of networks, or prefixes, since the
 * places where people are have no name in a policy. */
static void load_route_holes(struct run *run, const struct sp_node *node)
{
	struct sp_machine *machine = run->machine;

	if (sp_read_items(&run->check, node, "\"except\"") < 0)
		return;
	sp_for_each_item(item, node) {
		const char *text = sp_read_text(&run->check, item, "a route");
		struct sp_prefix prefix, *room;

		if (!text)
			continue;
		if (!sp_looks_like_address(text)) {
			add_route_name(run, item, text, &machine->route_holes,
				       &machine->route_hole_count);
			continue;
		}
		if (sp_read_prefix(&run->check, item, "\"except\"", &prefix) < 0)
			continue;
		room = SP_ARRAY_PUSH(machine->route_except, machine->route_except_count);
		if (room)
			*room = prefix;
		else
			run->check.no_memory = true;
	}
}

static void load_routes(struct run *run, const struct sp_node *node)
{
	const struct sp_node *values[SP_ARRAY_LEN(routes_keys)];

	if (node->kind != SP_NODE_MAP) {
		load_route_names(run, node);
		return;
	}
	if (sp_read_map(&run->check, node, "\"routes\"", routes_keys, SP_ARRAY_LEN(routes_keys),
			values) < 0)
		return;
	if (values[ONLY])
		load_route_names(run, values[ONLY]);
	if (values[EXCEPT])
		load_route_holes(run, values[EXCEPT]);
}

static void load_engine(struct run *run, const struct sp_node *node)
{
	static const char *const words[] = {
		[SP_VPN_USERSPACE] = "userspace",
		[SP_VPN_KERNEL] = "kernel",
		[SP_VPN_AUTO] = "auto",
		NULL,
	};
	int word = sp_read_word(&run->check, node, "\"engine\"", words);

	if (word >= 0)
		run->machine->engine = (enum sp_vpn_engine)word;
}

static void load_vpn(struct run *run, const struct sp_node *node)
{
	const struct sp_node *values[SP_ARRAY_LEN(vpn_keys)];
	struct sp_machine *machine = run->machine;
	uint64_t number;

	if (sp_read_map(&run->check, node, "\"vpn\"", vpn_keys, SP_ARRAY_LEN(vpn_keys), values) < 0)
		return;
	if (values[LISTEN] &&
	    sp_read_number(&run->check, values[LISTEN], "\"listen\"", 1, 65535, &number) == 0)
		machine->listen_port = (uint16_t)number;
	if (values[POOL])
		sp_read_pool(&run->check, values[POOL], &machine->gateway);
	if (values[ENDPOINT])
		load_endpoint(run, values[ENDPOINT]);
	if (values[DNS])
		load_dns(run, values[DNS]);
	if (values[ROUTES])
		load_routes(run, values[ROUTES]);
	if (values[MTU] &&
	    sp_read_number(&run->check, values[MTU], "\"mtu\"", MTU_MIN, MTU_MAX, &number) == 0)
		machine->mtu = (uint32_t)number;
	if (values[PARKED])
		sp_read_duration(&run->check, values[PARKED], "\"parked\"", &machine->parked_s);
	if (values[UNUSED])
		sp_read_duration(&run->check, values[UNUSED], "\"unused\"", &machine->unused_s);
	if (values[ENGINE])
		load_engine(run, values[ENGINE]);
}

/* Load how one of the audit logs is rotated. */
static void load_rotation(struct run *run, const struct sp_node *const *values, uint64_t *ret_bytes,
			  uint32_t *ret_keep)
{
	uint64_t number;

	if (values[ROTATE] &&
	    sp_read_size(&run->check, values[ROTATE], "\"rotate\"", &number) == 0) {
		*ret_bytes = number;
		if (number < 64000)
			sp_report(&run->check, values[ROTATE], "\"rotate\" is at least 64KB");
	}
	if (values[KEEP] &&
	    sp_read_number(&run->check, values[KEEP], "\"keep\"", 1, 10000, &number) == 0)
		*ret_keep = (uint32_t)number;
}

static void load_audit(struct run *run, const struct sp_node *node)
{
	const struct sp_node *values[SP_ARRAY_LEN(audit_keys)], *people[ROTATION_KEYS];
	struct sp_machine *machine = run->machine;

	if (sp_read_map(&run->check, node, "\"audit\"", audit_keys, SP_ARRAY_LEN(audit_keys),
			values) < 0)
		return;
	load_rotation(run, values, &machine->audit_rotate_bytes, &machine->audit_keep);
	if (values[MIN_AGE])
		sp_read_duration(&run->check, values[MIN_AGE], "\"min-age\"",
				 &machine->audit_min_age_s);
	if (values[PEOPLE] && sp_read_map(&run->check, values[PEOPLE], "\"people\"", audit_keys,
					  ROTATION_KEYS, people) == 0)
		load_rotation(run, people, &machine->audit_people_rotate_bytes,
			      &machine->audit_people_keep);
}

static void load_sections(void *arg, const struct sp_node *root)
{
	struct run *run = arg;
	const struct sp_node *values[SP_ARRAY_LEN(machine_keys)];

	if (sp_read_map(&run->check, root, "a machine file", machine_keys,
			SP_ARRAY_LEN(machine_keys), values) < 0)
		return;
	sp_read_version(&run->check, root, values[VERSION]);
	if (values[PLANE])
		load_plane(run, values[PLANE]);
	if (values[INTERFACES])
		load_interfaces(run, values[INTERFACES]);
	if (values[VPN])
		load_vpn(run, values[VPN]);
	if (values[AUDIT])
		load_audit(run, values[AUDIT]);
	if (values[PORTAL])
		sp_machine_read_portal(&run->check, values[PORTAL], run->machine);
	if (values[RESOLVER])
		load_resolver(run, values[RESOLVER]);
}

/* Set what parked people reach: the portal and the resolvers. Without parking nobody needs them. */
static int set_parked(struct sp_machine *machine)
{
	struct sp_gateway *gateway = &machine->gateway;

	if (!machine->parked_s)
		return 0;
	gateway->portal_port = machine->portal_port;
	for (size_t i = 0; i < machine->dns_count; i++) {
		struct sp_addr *resolver =
			SP_ARRAY_PUSH(gateway->resolvers, gateway->resolver_count);

		if (!resolver)
			return -ENOMEM;
		*resolver = machine->dns[i];
	}
	return 0;
}

/* Set the defaults of what the file leaves out. */
static int set_defaults(struct sp_machine *machine)
{
	if (!machine->plane)
		machine->plane = strdup("auto");
	if (machine->gateway.pool_count == 0 && sp_default_pool(&machine->gateway) < 0)
		return -ENOMEM;
	return machine->plane ? 0 : -ENOMEM;
}

void sp_machine_free(struct sp_machine *machine)
{
	if (!machine)
		return;
	free(machine->plane);
	sp_gateway_done(&machine->gateway);
	free(machine->tunnel);
	for (size_t i = 0; i < machine->unmanaged_count; i++)
		free(machine->unmanaged[i]);
	free(machine->unmanaged);
	free(machine->endpoint);
	free(machine->dns);
	free(machine->dns_servers);
	for (size_t i = 0; i < machine->route_name_count; i++)
		free(machine->routes[i]);
	free(machine->routes);
	for (size_t i = 0; i < machine->route_hole_count; i++)
		free(machine->route_holes[i]);
	free(machine->route_holes);
	free(machine->route_except);
	free(machine->portal_url);
	free(machine->portal_cert);
	free(machine->portal_key);
	free(machine->portal_user);
	free(machine);
}

SP_DEFINE_CLEANUP(struct sp_machine *, sp_machine_free);

static const struct sp_yaml_kind machine_kind = {
	.check_root = load_sections,
	.empty = "the file is empty; a machine file begins with \"sallyport: 1\"",
};

int sp_machine_load(const char *path, const char *text, size_t len, struct sp_machine **ret_machine,
		    struct sp_diagnostics *diagnostics)
{
	__sp_cleanup(sp_machine_freep) struct sp_machine *machine = calloc(1, sizeof(*machine));
	struct run run = { .check = sp_check_of(&path, diagnostics), .machine = machine };
	int r;

	if (!machine)
		return -ENOMEM;
	machine->listen_port = 51820;
	machine->mtu = 1420;
	machine->parked_s = 24 * 3600;
	machine->unused_s = 30 * 60;
	machine->audit_rotate_bytes = 100000000;
	machine->audit_keep = 10;
	machine->audit_people_rotate_bytes = 100000000;
	machine->audit_people_keep = 10;
	machine->audit_min_age_s = 24 * 3600;
	r = sp_yaml_load(&machine_kind, &run.check, text, len, &run);
	if (r == 0)
		r = set_defaults(machine);
	if (r == 0)
		r = set_parked(machine);
	if (r < 0)
		return r;
	*ret_machine = SP_TAKE_PTR(machine);
	return 0;
}
