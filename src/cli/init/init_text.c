/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plan as sallyport.yaml and policy.yaml. */
#include "cli/init/init_plan.h"

#include "base/str.h"

static void put_names(struct sp_buf *out, const struct sp_init_names *names)
{
	sp_buf_put(out, "[");
	for (size_t i = 0; i < names->count; i++)
		sp_buf_printf(out, "%s\"%s\"", i ? ", " : "", names->name[i]);
	sp_buf_put(out, "]");
}

static void put_nets(struct sp_buf *out, const struct sp_init_nets *nets)
{
	char text[SP_PREFIX_TEXT_MAX];

	sp_buf_put(out, "[");
	for (size_t i = 0; i < nets->count; i++)
		sp_buf_printf(out, "%s\"%s\"", i ? ", " : "",
			      sp_prefix_format(&nets->net[i], text));
	sp_buf_put(out, "]");
}

static void put_network(struct sp_buf *out, const char *name, const struct sp_init_nets *nets,
			const char *comment)
{
	if (nets->count == 0)
		return;
	sp_buf_printf(out, "  # %s\n  %s: ", comment, name);
	put_nets(out, nets);
	sp_buf_put(out, "\n");
}

/* ---- sallyport.yaml ---- */

static void put_interfaces(struct sp_buf *out, const struct sp_init_plan *plan)
{
	sp_buf_put(out, "interfaces:\n  edge: ");
	put_names(out, &plan->edge);
	if (plan->inside.count) {
		sp_buf_put(out, "\n  inside: ");
		put_names(out, &plan->inside);
	}
	sp_buf_put(out, "\n  tunnel: " SP_INIT_TUNNEL "\n");
	for (size_t i = 0; i < plan->left_out.count; i++)
		sp_buf_printf(out,
			      "  # %s is in no list: closed towards those that are. unmanaged: "
			      "[\"%s\"] lets it reach them, unjudged.\n",
			      plan->left_out.name[i], plan->left_out.name[i]);
}

static void put_vpn(struct sp_buf *out, const struct sp_init_plan *plan)
{
	char text[SP_ADDR_TEXT_MAX];

	sp_buf_printf(out, "vpn:\n  listen: %u\n", plan->tunnel_port);
	sp_buf_put(out, "  # Addresses of people's devices. A machine inside whose default gateway "
			"is another one than\n"
			"  # this needs a route to them, by this machine.\n  pool: ");
	put_nets(out, &plan->pool);
	sp_buf_printf(out, "\n  endpoint: \"%s\"\n", plan->host);
	if (plan->dns_count == 0)
		return;
	sp_buf_put(out, "  dns: [");
	for (size_t i = 0; i < plan->dns_count; i++)
		sp_buf_printf(out, "%s\"%s\"", i ? ", " : "", sp_addr_format(&plan->dns[i], text));
	sp_buf_put(out, "]\n");
}

int sp_init_write_machine(const struct sp_init_plan *plan, char **ret_text)
{
	__sp_buf struct sp_buf out = SP_BUF_INIT;
	const char *any = plan->has_v6 ? "[::]" : "0.0.0.0";

	sp_buf_put(&out, "# This machine, as sallyport init found it. What else may stand here: "
			 "sallyportd(8).\n"
			 "# Who may reach what stands in policy.yaml.\nsallyport: 1\n");
	put_interfaces(&out, plan);
	put_vpn(&out, plan);
	sp_buf_printf(&out, "portal:\n  listen: \"%s:%u\"\n  url: \"https://%s", any,
		      plan->portal_port, plan->host);
	if (plan->portal_port != 443)
		sp_buf_printf(&out, ":%u", plan->portal_port);
	sp_buf_put(&out, "\"\n");
	return sp_buf_take(&out, ret_text);
}

/* ---- policy.yaml ---- */

static void put_head(struct sp_buf *out)
{
	sp_buf_put(out, "# Who may reach what through this gateway, as sallyport init began it. "
			"The language:\n"
			"# sallyport-policy(5). Before it is applied: sallyport check FILE "
			"--gateway sallyport.yaml\n"
			"sallyport: 1\n\n"
			"# Whoever signs in and is in this group of the gateway's own users. Roles "
			"of other providers: idp.d/.\n"
			"roles:\n  staff: { match: {idp: local, group: staff} }\n");
}

static void put_networks(struct sp_buf *out, const struct sp_init_plan *plan)
{
	sp_buf_put(out, "\nnetworks:\n");
	put_network(out, "admins", &plan->admins,
		    plan->is_admin_guessed ? "From where ssh to this machine stays open. Nobody "
					     "said: from the nearest networks."
					   : "From where ssh to this machine stays open.");
	put_network(out, "inside", &plan->inside_nets, "Behind the inner interfaces.");
	put_network(out, "upstream", &plan->upstream,
		    "Beyond the outer interface, this side of the internet.");
}

static void put_openings(struct sp_buf *out, const struct sp_init_plan *plan)
{
	sp_buf_printf(out,
		      "\n# What this machine offers to anyone.\nedge:\n  drop: bogons\n  expose:\n"
		      "    - { name: tunnel, to: self, service: udp/%u }\n"
		      "    - { name: portal, to: self, service: tcp/%u }\n",
		      plan->tunnel_port, plan->portal_port);
	sp_buf_printf(out,
		      "\n# Stays open whatever the rules say.\nprotect:\n"
		      "  - { name: admin-ssh, from: admins, to: self, service: tcp/%u }\n",
		      plan->ssh_port);
}

static void put_rules(struct sp_buf *out, const struct sp_init_plan *plan)
{
	const bool has_inside = plan->inside_nets.count > 0,
		   has_upstream = plan->upstream.count > 0;

	sp_buf_printf(out,
		      "\n# Any deny that matches wins, else any allow; what none allows is "
		      "refused.\nrules:\n"
		      "  - { name: staff-in, allow: {from: staff, to: %s} }\n",
		      has_inside     ? "inside"
		      : has_upstream ? "upstream"
				     : "internet");
	if (!has_inside)
		return;
	sp_buf_put(out, "\n  # As before this machine was a gateway of people: inside reaches what "
			"is outside, ");
	sp_buf_printf(out,
		      "and each other\n  # by way of it.\n  - { name: inside-out, allow: {from: "
		      "inside, to: [internet%s]} }\n",
		      has_upstream ? ", upstream" : "");
	if (plan->inside_nets.count > 1)
		sp_buf_put(out, "  - { name: inside-inside, allow: {from: inside, to: inside} }\n");
	sp_buf_printf(
		out,
		"  - name: inside-gateway\n    allow:\n      from: inside\n      to: self\n"
		"      services: [icmp/echo, icmp6/echo, udp/53, tcp/53, udp/67, udp/123, tcp/%u]\n"
		"  - name: inside-dhcp                           # who has no address yet\n    "
		"allow:\n"
		"      from: [0.0.0.0, \"fe80::/10\"]\n      to: [255.255.255.255, \"ff02::1:2\"]\n"
		"      services: [udp/67, udp/547]\n",
		plan->portal_port);
}

/* The fixtures with which the policy's tests run while no gateway does. */
static void put_tests(struct sp_buf *out, const struct sp_init_plan *plan)
{
	if (plan->inside_nets.count == 0)
		return;
	sp_buf_put(out, "\nfixtures:\n  pool: ");
	put_nets(out, &plan->pool);
	sp_buf_put(out, "\n  interfaces: {");
	for (size_t i = 0; i < plan->edge.count; i++)
		sp_buf_printf(out, " \"%s\": edge,", plan->edge.name[i]);
	for (size_t i = 0; i < plan->inside.count; i++)
		sp_buf_printf(out, " \"%s\": inside,", plan->inside.name[i]);
	sp_buf_put(
		out,
		" " SP_INIT_TUNNEL
		": tunnel }\n\n# Run by check and by apply, which refuses when one fails.\ntests:\n"
		"  - { from: {role: staff}, to: inside, service: tcp/443, expect: allow, rule: "
		"staff-in }\n"
		"  - { from: anonymous, to: inside, service: tcp/443, expect: deny }\n");
}

int sp_init_write_policy(const struct sp_init_plan *plan, char **ret_text)
{
	__sp_buf struct sp_buf out = SP_BUF_INIT;

	put_head(&out);
	put_networks(&out, plan);
	put_openings(&out, plan);
	put_rules(&out, plan);
	put_tests(&out, plan);
	return sp_buf_take(&out, ret_text);
}
