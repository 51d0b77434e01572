/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/init/init_plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"

#define V4_BITS 96u /* before an IPv4 address in 16 bytes */
#define ETHERNET 1u
#define POOL_BITS 20u /* 4094 devices */

static int __attribute__((format(printf, 2, 3))) plan_fail(char *problem, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(problem, SP_INIT_PROBLEM_MAX, format, args);
	va_end(args);
	return -EINVAL;
}

/* ---- pools ---- */

static struct sp_addr first_of(const struct sp_prefix *net)
{
	struct sp_addr addr;

	memcpy(addr.b, net->addr, sizeof(addr.b));
	return addr;
}

static bool is_v4_net(const struct sp_prefix *net)
{
	const struct sp_addr first = first_of(net);

	return net->prefix_len >= V4_BITS && sp_addr_is_v4(&first);
}

static bool prefixes_overlap(const struct sp_prefix *a, const struct sp_prefix *b)
{
	return sp_prefix_covers(a, b) || sp_prefix_covers(b, a);
}

static bool is_nearly_all(const struct sp_prefix *prefix)
{
	const bool is_v4 = is_v4_net(prefix);

	return prefix->prefix_len < (is_v4 ? V4_BITS + 8 : 4);
}

const struct sp_prefix *sp_init_find_overlap(const struct sp_init_facts *facts,
					     const struct sp_prefix *pool)
{
	for (size_t i = 0; i < facts->way_count; i++)
		if (!is_nearly_all(&facts->ways[i].to) &&
		    prefixes_overlap(&facts->ways[i].to, pool))
			return &facts->ways[i].to;
	return NULL;
}

static struct sp_prefix v4_prefix(uint32_t host_order, unsigned len)
{
	const uint8_t bytes[4] = { host_order >> 24, host_order >> 16, host_order >> 8,
				   host_order };
	const struct sp_addr addr = sp_addr_from_v4(bytes);
	struct sp_prefix prefix = { .prefix_len = V4_BITS + len };

	memcpy(prefix.addr, addr.b, sizeof(prefix.addr));
	return prefix;
}

/* Private ranges, in the order they are tried. Ranges that many people have at home are left out:
 * the first of 10/8, and those that Docker takes of 172.16/12. 100.64/10 belongs to carriers and
 * Tailscale: it comes last, and not if either is in use here. */
static const struct pool_range {
	uint32_t first;
	unsigned bits;
	uint32_t skipped;
	bool is_shared;
} pool_ranges[] = {
	{ 0x0a000000, 8, 256, false },
	{ 0xac100000, 12, 128, false },
	{ 0x64400000, 10, 0, true },
};

static bool pick_in_range(const struct sp_init_facts *facts, const struct pool_range *range,
			  uint32_t start, struct sp_prefix *ret_pool)
{
	const struct sp_prefix whole = v4_prefix(range->first, range->bits);
	const uint32_t count = (1u << (POOL_BITS - range->bits)) - range->skipped;

	if (range->is_shared && sp_init_find_overlap(facts, &whole))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t number = range->skipped + (start + i) % count;

		*ret_pool = v4_prefix(range->first + (number << (32 - POOL_BITS)), POOL_BITS);
		if (!sp_init_find_overlap(facts, ret_pool))
			return true;
	}
	return false;
}

static bool pick_v4(const struct sp_init_facts *facts, struct sp_prefix *ret_pool)
{
	uint32_t start;

	memcpy(&start, facts->seed, sizeof(start));
	for (size_t i = 0; i < SP_ARRAY_LEN(pool_ranges); i++)
		if (pick_in_range(facts, &pool_ranges[i], start % (1u << 30), ret_pool))
			return true;
	return false;
}

/* Source: RFC 4193, 3.1: fd, 40 random bits, and our subnet 0. */
static struct sp_prefix pick_v6(const struct sp_init_facts *facts)
{
	struct sp_prefix pool = { .prefix_len = 64 };

	pool.addr[0] = 0xfd;
	memcpy(pool.addr + 1, facts->seed + 4, 5);
	return pool;
}

/* ---- lists ---- */

static bool has_name(const struct sp_init_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(names->name[i], name))
			return true;
	return false;
}

static void add_name(struct sp_init_names *names, const char *name)
{
	if (names->count < SP_INIT_NAMES_MAX && !has_name(names, name))
		snprintf(names->name[names->count++], IFNAMSIZ, "%s", name);
}

/* Leave out a prefix that lies in another one of the list. */
static void add_net(struct sp_init_nets *nets, const struct sp_prefix *net)
{
	size_t kept = 0;

	for (size_t i = 0; i < nets->count; i++)
		if (sp_prefix_covers(&nets->net[i], net))
			return;
	for (size_t i = 0; i < nets->count; i++)
		if (!sp_prefix_covers(net, &nets->net[i]))
			nets->net[kept++] = nets->net[i];
	nets->count = kept;
	if (nets->count < SP_INIT_NETS_MAX)
		nets->net[nets->count++] = *net;
}

/* The next of @text's words by commas, into @word. */
static bool next_word(const char **text, char *word, size_t size)
{
	const size_t len = strcspn(*text, ",");
	size_t from = 0, to = len < size ? len : size - 1;

	if (!**text)
		return false;
	while (from < to && (*text)[from] == ' ')
		from++;
	while (to > from && (*text)[to - 1] == ' ')
		to--;
	memcpy(word, *text + from, to - from);
	word[to - from] = '\0';
	*text += len + ((*text)[len] == ',');
	return true;
}

/* ---- interfaces ---- */

/* Docker calls a network's bridge br- and 12 hexadecimal digits. */
static bool is_docker_bridge(const char *name)
{
	return !strncmp(name, "br-", 3) && strlen(name) == 15 &&
	       strspn(name + 3, "0123456789abcdef") == 12;
}

bool sp_init_is_others(const char *name, uint16_t type)
{
	static const char *const prefixes[] = { "docker", "virbr",   "vnet",      "veth",
						"cni",    "flannel", "cali",      "lxc",
						"lxdbr",  "podman",  "tailscale", "zt" };

	if (type != ETHERNET || is_docker_bridge(name))
		return true;
	for (size_t i = 0; i < SP_ARRAY_LEN(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static const struct sp_init_link *find_link(const struct sp_init_facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->link_count; i++)
		if (!strcmp(facts->links[i].name, name))
			return &facts->links[i];
	return NULL;
}

static void list_links(const struct sp_init_facts *facts, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < facts->link_count && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? ", " : "",
					 facts->links[i].name);
}

static int read_names(const struct sp_init_facts *facts, const char *option, const char *text,
		      struct sp_init_names *names, char *problem)
{
	char word[64], there[200];

	while (next_word(&text, word, sizeof(word))) {
		if (!find_link(facts, word)) {
			list_links(facts, there, sizeof(there));
			return plan_fail(
				problem,
				"--%s %s: there is no such interface that is up; there are: %s",
				option, word, *there ? there : "none");
		}
		add_name(names, word);
	}
	return names->count ? 0 : plan_fail(problem, "--%s: no interface is named", option);
}

static void add_ways_out(const struct sp_init_facts *facts, bool is_others,
			 struct sp_init_names *names)
{
	for (size_t i = 0; i < facts->link_count; i++)
		if (facts->links[i].leads_out && facts->links[i].is_others == is_others)
			add_name(names, facts->links[i].name);
}

static int choose_edge(const struct sp_init_facts *facts, const char *wish,
		       struct sp_init_plan *plan, char *problem)
{
	char there[200];

	if (wish)
		return read_names(facts, "edge", wish, &plan->edge, problem);
	add_ways_out(facts, false, &plan->edge);
	if (plan->edge.count == 0) /* a dial-up line (PPP) */
		add_ways_out(facts, true, &plan->edge);
	list_links(facts, there, sizeof(there));
	return plan->edge.count ? 0
				: plan_fail(problem,
					    "no default route says which interface leads to the "
					    "internet: name it with --edge; there are: %s",
					    *there ? there : "none that is up");
}

static bool is_link_local(const struct sp_prefix *prefix)
{
	const uint8_t *bytes = prefix->addr;

	if (is_v4_net(prefix))
		return (bytes[12] == 169 && bytes[13] == 254) || bytes[12] >= 224;
	return bytes[0] == 0xff || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

static bool has_address(const struct sp_init_facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->way_count; i++)
		if (facts->ways[i].is_address && !is_link_local(&facts->ways[i].to) &&
		    !strcmp(facts->ways[i].iface, name))
			return true;
	return false;
}

static int choose_inside(const struct sp_init_facts *facts, const char *wish,
			 struct sp_init_plan *plan, char *problem)
{
	if (wish && !strcmp(wish, "none"))
		return 0;
	if (wish)
		return read_names(facts, "inside", wish, &plan->inside, problem);
	for (size_t i = 0; i < facts->link_count; i++) {
		const struct sp_init_link *link = &facts->links[i];

		if (has_name(&plan->edge, link->name) || !has_address(facts, link->name))
			continue;
		add_name(link->is_others ? &plan->left_out : &plan->inside, link->name);
	}
	if (plan->inside.count)
		return 0;
	return plan_fail(
		problem,
		"there is no inner interface beside %s: a gateway stands between two networks. "
		"Set the second one up and give it an address, or name it with --inside; with "
		"one interface alone say --inside none: people then reach what lies on %s's "
		"own network",
		plan->edge.name[0], plan->edge.name[0]);
}

static int choose_interfaces(const struct sp_init_facts *facts, const struct sp_init_wishes *wishes,
			     struct sp_init_plan *plan, char *problem)
{
	int r = choose_edge(facts, wishes->edge, plan, problem);

	if (r == 0)
		r = choose_inside(facts, wishes->inside, plan, problem);
	for (size_t i = 0; r == 0 && i < plan->inside.count; i++)
		if (has_name(&plan->edge, plan->inside.name[i]))
			return plan_fail(problem,
					 "%s cannot be an outer and an inner interface at once",
					 plan->inside.name[i]);
	return r;
}

/* ---- networks ---- */

static void sort_ways(const struct sp_init_facts *facts, struct sp_init_plan *plan)
{
	for (size_t i = 0; i < facts->way_count; i++) {
		const struct sp_init_way *way = &facts->ways[i];

		if (is_nearly_all(&way->to) || is_link_local(&way->to))
			continue;
		if (has_name(&plan->inside, way->iface))
			add_net(&plan->inside_nets, &way->to);
		else if (has_name(&plan->edge, way->iface))
			add_net(&plan->upstream, &way->to);
	}
}

static bool is_in(const struct sp_init_nets *nets, const struct sp_addr *addr)
{
	for (size_t i = 0; i < nets->count; i++)
		if (sp_prefix_contains(&nets->net[i], addr))
			return true;
	return false;
}

/* Find a resolver that people can be allowed to reach: one behind an inner interface. */
static void choose_dns(const struct sp_init_facts *facts, struct sp_init_plan *plan)
{
	for (size_t i = 0; i < facts->resolver_count; i++)
		if (plan->dns_count < SP_ARRAY_LEN(plan->dns) &&
		    is_in(&plan->inside_nets, &facts->resolvers[i]))
			plan->dns[plan->dns_count++] = facts->resolvers[i];
}

static int read_prefixes(const char *option, const char *text, struct sp_init_nets *nets,
			 char *problem)
{
	char word[SP_PREFIX_TEXT_MAX], meant[SP_PREFIX_TEXT_MAX];
	struct sp_prefix prefix;

	while (next_word(&text, word, sizeof(word))) {
		int r = sp_prefix_parse(word, &prefix);

		if (r == -EBADMSG)
			return plan_fail(problem, "--%s %s has host bits set: is %s meant?", option,
					 word, sp_prefix_format(&prefix, meant));
		if (r < 0)
			return plan_fail(
				problem,
				"--%s %s: that is no network, such as 10.30.0.0/16 or fd00:30::/64",
				option, word);
		add_net(nets, &prefix);
	}
	return nets->count ? 0 : plan_fail(problem, "--%s: no network is named", option);
}

static int choose_admins(const struct sp_init_facts *facts, const char *wish,
			 struct sp_init_plan *plan, char *problem)
{
	plan->ssh_port = facts->ssh_port;
	if (wish)
		return read_prefixes("admin-from", wish, &plan->admins, problem);
	if (facts->has_admin) {
		struct sp_prefix alone = { .prefix_len = 128 };

		memcpy(alone.addr, facts->admin.b, sizeof(alone.addr));
		add_net(&plan->admins, &alone);
		return 0;
	}
	plan->is_admin_guessed = true;
	plan->admins = plan->inside.count ? plan->inside_nets : plan->upstream;
	return plan->admins.count
		       ? 0
		       : plan_fail(problem,
				   "nothing says from where you administer this machine: name "
				   "it with --admin-from, such as --admin-from 192.0.2.0/28");
}

static int choose_pool(const struct sp_init_facts *facts, const char *wish,
		       struct sp_init_plan *plan, char *problem)
{
	char pool_text[SP_PREFIX_TEXT_MAX], used_text[SP_PREFIX_TEXT_MAX];
	struct sp_prefix picked;
	int r = wish ? read_prefixes("pool", wish, &plan->pool, problem) : 0;

	if (!wish) {
		if (pick_v4(facts, &picked))
			add_net(&plan->pool, &picked);
		picked = pick_v6(facts);
		add_net(&plan->pool, &picked);
	}
	for (size_t i = 0; r == 0 && i < plan->pool.count; i++) {
		const struct sp_prefix *used = sp_init_find_overlap(facts, &plan->pool.net[i]);

		if (used)
			return plan_fail(problem,
					 "the pool %s collides with %s, which this machine has or "
					 "routes to: take one nobody uses, with --pool",
					 sp_prefix_format(&plan->pool.net[i], pool_text),
					 sp_prefix_format(used, used_text));
	}
	return r;
}

/* ---- the name ---- */

static const struct sp_addr *find_outer_address(const struct sp_init_facts *facts,
						const struct sp_init_plan *plan)
{
	const struct sp_addr *found = NULL;

	for (size_t i = 0; i < facts->way_count; i++) {
		const struct sp_init_way *way = &facts->ways[i];

		if (!way->is_address || !has_name(&plan->edge, way->iface) ||
		    is_link_local(&way->to))
			continue;
		if (!found || (sp_addr_is_v4(&way->own) && !sp_addr_is_v4(found)))
			found = &way->own;
	}
	return found;
}

static int choose_host(const struct sp_init_facts *facts, const char *wish,
		       struct sp_init_plan *plan, char *problem)
{
	char text[SP_ADDR_TEXT_MAX];
	const struct sp_addr *outer = find_outer_address(facts, plan);
	struct sp_addr addr;

	if (!wish && !outer)
		return plan_fail(
			problem,
			"%s has no address people could connect to: name this machine with "
			"--portal-name",
			plan->edge.name[0]);
	if (!wish)
		wish = sp_addr_format(outer, text);
	if (!*wish || strlen(wish) > 253 ||
	    strspn(wish, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:") !=
		    strlen(wish))
		return plan_fail(
			problem,
			"--portal-name is a host's name or address, such as gate.example.org");
	if (strchr(wish, ':') && sp_addr_parse(wish, &addr) < 0)
		return plan_fail(problem,
				 "--portal-name %s: that is no address, and a name has no colon",
				 wish);
	snprintf(plan->host, sizeof(plan->host), strchr(wish, ':') ? "[%s]" : "%s", wish);
	return 0;
}

int sp_init_plan_make(const struct sp_init_facts *facts, const struct sp_init_wishes *wishes,
		      struct sp_init_plan *ret_plan, char problem[SP_INIT_PROBLEM_MAX])
{
	struct sp_init_plan plan = { .tunnel_port = facts->tunnel_port,
				     .portal_port = facts->portal_port };
	int r = choose_interfaces(facts, wishes, &plan, problem);

	if (r < 0)
		return r;
	sort_ways(facts, &plan);
	for (size_t i = 0; i < facts->way_count; i++)
		plan.has_v6 |= facts->ways[i].is_address && !sp_addr_is_v4(&facts->ways[i].own);
	choose_dns(facts, &plan);
	r = choose_admins(facts, wishes->admin_from, &plan, problem);
	if (r == 0)
		r = choose_pool(facts, wishes->pool, &plan, problem);
	if (r == 0)
		r = choose_host(facts, wishes->portal_name, &plan, problem);
	if (r == 0)
		*ret_plan = plan;
	return r;
}
