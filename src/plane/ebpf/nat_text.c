/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One table with two base chains. Each of them sends a packet to the chain for the parity of the
 * revision that judged it, so both base chains are the same in every revision's text, and a
 * revision writes the chains of its own parity alone. */
#include "plane/ebpf/nat_text.h"

#include <netinet/in.h>
#include <string.h>

#include "base/array.h"
#include "base/str.h"
#include "net/addr.h"
#include "policy/addresses/ranges.h"
#include "policy/addresses/translation.h"

#define TABLE "inet " SP_EBPF_NAT_TABLE
/* before what others put at dstnat (-100) and srcnat (100) */
#define ARRIVING "type nat hook prerouting priority -105"
#define LEAVING "type nat hook postrouting priority 95"
/* Others' tables look at what they forward at priority 0. */
#define PASSING "type filter hook forward priority -5"
/* The second lock takes the mark off at -450. */
#define DELIVERED "type filter hook input priority -455"
#define IS_ODD "meta mark & 0xff000000 == 0x57000000"
#define IS_EVEN "meta mark & 0xff000000 == 0x5b000000"
_Static_assert(SP_MARK_MASK == 0xff000000u && SP_MARK_JUDGED_ODD == 0x57000000u &&
		       SP_MARK_JUDGED_EVEN == 0x5b000000u,
	       "as the rules say");
#define LABEL_DESTINATION "ct label set 83 "
#define LABEL_SOURCE "ct label set 84 "
#define HAS_DESTINATION "ct label 83"
_Static_assert(SP_EBPF_NAT_DESTINATION_LABEL == 83 && SP_EBPF_NAT_SOURCE_LABEL == 84,
	       "as the rules say");

struct family {
	bool is_v4;
	const char *name; /* of the keyword before saddr and daddr */
};

static const struct family families[] = { { true, "ip" }, { false, "ip6" } };

struct writer {
	const struct sp_policy *policy;
	const struct sp_gateway *gateway;
	const struct sp_silents *silents;
	const char *parity; /* "odd", "even": the end of our chains' names */
	struct sp_buf text;
};

/* ---- sets of addresses ---- */

/* Append what is in the network, and in no exception of it. */
static int list_network(const struct sp_network *network, struct sp_prefix **items, size_t *count)
{
	__sp_cleanup(sp_ranges_done) struct sp_ranges ranges = { 0 };
	int r = sp_ranges_make(network->in, network->in_count, network->except,
			       network->except_count, &ranges);

	return r < 0 ? r : sp_ranges_list(&ranges, items, count);
}

/* What of one family is in some of the networks. */
static int collect(const struct sp_policy *policy, const uint32_t *networks, size_t count,
		   bool is_v4, struct sp_ranges *ranges)
{
	__sp_free struct sp_prefix *items = NULL;
	size_t item_count = 0, kept = 0;
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = list_network(&policy->networks[networks[i]], &items, &item_count);
	for (size_t i = 0; i < item_count; i++)
		if (sp_prefix_is_v4(&items[i]) == is_v4)
			items[kept++] = items[i];
	return r < 0 ? r : sp_ranges_make(items, kept, NULL, 0, ranges);
}

static void put_range(const struct sp_range *range, const char *before, struct sp_buf *out)
{
	char first[SP_ADDR_TEXT_MAX], last[SP_ADDR_TEXT_MAX];

	sp_buf_printf(out, "%s%s", before, sp_addr_format(&range->first, first));
	if (sp_addr_compare(&range->first, &range->last) != 0)
		sp_buf_printf(out, "-%s", sp_addr_format(&range->last, last));
}

/* Write `ip saddr { 10.20.0.0-10.20.255.255 } `. Returns 1; 0 nothing of this family is in the
 * networks, and nothing was written; -ENOMEM. */
static int put_set(const struct writer *writer, const struct family *family, const char *field,
		   const uint32_t *networks, size_t count, struct sp_buf *out)
{
	__sp_cleanup(sp_ranges_done) struct sp_ranges ranges = { 0 };
	int r = collect(writer->policy, networks, count, family->is_v4, &ranges);

	if (r < 0 || !ranges.count)
		return r;
	sp_buf_printf(out, "%s %s ", family->name, field);
	for (size_t i = 0; i < ranges.count; i++)
		put_range(&ranges.items[i], i ? ", " : "{ ", out);
	sp_buf_put(out, " } ");
	return out->error ? -ENOMEM : 1;
}

/* ---- masquerade ---- */

/* Write the conditions of an entry that are about addresses, as put_set. */
static int put_ends(const struct writer *writer, const struct family *family,
		    const struct sp_masquerade *masquerade, struct sp_buf *out)
{
	int r = put_set(writer, family, "saddr", masquerade->from, masquerade->from_count, out);

	if (r > 0 && masquerade->to_count)
		r = put_set(writer, family, "daddr", masquerade->to, masquerade->to_count, out);
	return r;
}

/* TCP and UDP get a port in the entry's range; all else keeps what it has, if that is free. */
static int put_masquerade(struct writer *writer, const struct family *family,
			  const struct sp_nat *nat)
{
	const struct sp_masquerade *masquerade = &nat->masquerade;
	__sp_buf struct sp_buf match = SP_BUF_INIT;
	int r;

	sp_buf_printf(&match, "add rule " TABLE " leaving_%s oifname \"%s\" ", writer->parity,
		      masquerade->out);
	r = put_ends(writer, family, masquerade, &match);
	if (r <= 0)
		return r;
	sp_buf_printf(&writer->text,
		      "%smeta l4proto { tcp, udp } " LABEL_SOURCE "masquerade to :%u",
		      sp_buf_get(&match), masquerade->first_port);
	if (masquerade->first_port < masquerade->last_port)
		sp_buf_printf(&writer->text, "-%u", masquerade->last_port);
	return sp_buf_printf(&writer->text,
			     " comment \"%s\"\n%s" LABEL_SOURCE "masquerade comment \"%s\"\n",
			     nat->name, sp_buf_get(&match), nat->name);
}

/* ---- netmap ---- */

/* What stands behind "dnat ip " or "snat ip ": of one address nft takes no prefix. */
static void put_target(const struct sp_prefix *prefix, struct sp_buf *out)
{
	char text[SP_PREFIX_TEXT_MAX];

	sp_prefix_format(prefix, text);
	if (prefix->prefix_len == 128)
		*strchr(text, '/') = '\0';
	sp_buf_printf(out, "%s %s", prefix->prefix_len == 128 ? "to" : "prefix to", text);
}

/* Write a rule that translates what has @field in @from. */
static void put_mapping(struct writer *writer, const char *chain, const char *field,
			const char *action, const struct sp_prefix *from,
			const struct sp_prefix *to)
{
	const char *family = sp_prefix_is_v4(from) ? "ip" : "ip6";
	char text[SP_PREFIX_TEXT_MAX];

	sp_buf_printf(&writer->text, "add rule " TABLE " %s_%s %s %s %s %s %s ", chain,
		      writer->parity, family, field, sp_prefix_format(from, text), action, family);
	put_target(to, &writer->text);
}

/* What goes to `outside` goes to `inside`; what comes from there has an address of `outside`; and
 * what goes from one to the other is let pass. */
static int put_netmap(struct writer *writer, const struct sp_nat *nat)
{
	const struct sp_netmap *netmap = &nat->netmap;
	const char *family = sp_prefix_is_v4(&netmap->inside) ? "ip" : "ip6";
	char outside[SP_PREFIX_TEXT_MAX], inside[SP_PREFIX_TEXT_MAX];

	put_mapping(writer, "arriving", "daddr", LABEL_DESTINATION "dnat", &netmap->outside,
		    &netmap->inside);
	sp_buf_printf(&writer->text, " comment \"%s\"\n", nat->name);
	put_mapping(writer, "leaving", "saddr", LABEL_SOURCE "snat", &netmap->inside,
		    &netmap->outside);
	return sp_buf_printf(
		&writer->text,
		" comment \"%s\"\nadd rule " TABLE " passing_%s ct original %s daddr %s "
		"ct reply %s saddr %s return comment \"%s\"\n",
		nat->name, writer->parity, family, sp_prefix_format(&netmap->outside, outside),
		family, sp_prefix_format(&netmap->inside, inside), nat->name);
}

/* ---- forward ---- */

/* Write `192.0.2.9:80`. */
static void put_one_target(const struct sp_forward *forward, struct sp_buf *out)
{
	const bool is_v4 = sp_forward_is_v4(forward);
	char target[SP_ADDR_TEXT_MAX];

	sp_addr_format(&forward->targets[0], target);
	sp_buf_printf(out, "%s%s%s:%u", is_v4 ? "" : "[", target, is_v4 ? "" : "]",
		      forward->target_port);
}

/* Write `jhash ip saddr mod 1024 seed 0x5a11 map { 0-3 : 10.30.2.9 . 80, … }`: the target of each
 * slot, neighbours with the same in one. */
static void put_shares(const struct sp_forward *forward, uint32_t silent, struct sp_buf *out)
{
	uint8_t owners[SP_SHARES_SLOTS];
	char target[SP_ADDR_TEXT_MAX];
	uint32_t first = 0;

	sp_shares_make(forward, silent, owners);
	sp_buf_printf(out, "jhash %s saddr mod %u seed 0x%x map { ",
		      sp_forward_is_v4(forward) ? "ip" : "ip6", SP_SHARES_SLOTS, SP_SHARES_SEED);
	for (uint32_t slot = 1; slot <= SP_SHARES_SLOTS; slot++) {
		if (slot < SP_SHARES_SLOTS && owners[slot] == owners[first])
			continue;
		sp_buf_printf(out, "%s%u", first ? ", " : "", first);
		if (slot - 1 > first)
			sp_buf_printf(out, "-%u", slot - 1);
		sp_buf_printf(out, " : %s . %u",
			      sp_addr_format(&forward->targets[owners[first]], target),
			      forward->target_port);
		first = slot;
	}
	sp_buf_put(out, " }");
}

/* Write `10.30.2.9`, `{ 10.30.2.9, 10.30.2.10 }`. */
static void put_addresses(const struct sp_addr *addrs, size_t count, struct sp_buf *out)
{
	const char *before = count > 1 ? "{ " : "";
	char text[SP_ADDR_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		sp_buf_printf(out, "%s%s", before, sp_addr_format(&addrs[i], text));
		before = ", ";
	}
	sp_buf_put(out, count > 1 ? " }" : "");
}

/* One rule for all addresses of `to`: the map of slots is long. Where no target answers nothing is
 * translated, and the rule of `delivered` drops it. */
static void put_arriving(struct writer *writer, const struct sp_nat *nat,
			 const struct sp_addr *addrs, size_t count)
{
	const struct sp_forward *forward = &nat->forward;
	const char *family = sp_forward_is_v4(forward) ? "ip" : "ip6";
	const uint32_t silent = sp_shares_silent(forward, writer->silents);

	if (!count || silent == (1u << forward->target_count) - 1)
		return;
	sp_buf_printf(&writer->text, "add rule " TABLE " arriving_%s %s daddr ", writer->parity,
		      family);
	put_addresses(addrs, count, &writer->text);
	sp_buf_printf(&writer->text, " %s dport %u " LABEL_DESTINATION "dnat %s to ",
		      forward->proto == IPPROTO_TCP ? "tcp" : "udp", forward->port, family);
	if (forward->target_count == 1)
		put_one_target(forward, &writer->text);
	else
		put_shares(forward, silent, &writer->text);
	sp_buf_printf(&writer->text, " comment \"%s\"\n", nat->name);
}

/* What has got the address and port of a target may pass, also to one that does not answer now: a
 * connection stays with its own. What has not is of a connection that is older than the forward:
 * judged as for the targets, it goes nowhere else. */
static void put_forward_to(struct writer *writer, const struct sp_nat *nat,
			   const struct sp_addr *addr)
{
	const struct sp_forward *forward = &nat->forward;
	const char *family = sp_addr_is_v4(addr) ? "ip" : "ip6";
	const char *proto = forward->proto == IPPROTO_TCP ? "tcp" : "udp";
	static const char *const ends[] = { "delivered", "beside" };
	char to[SP_ADDR_TEXT_MAX];

	sp_addr_format(addr, to);
	sp_buf_printf(&writer->text,
		      "add rule " TABLE " passing_%s meta l4proto %s ct original %s daddr %s "
		      "ct original proto-dst %u %s daddr ",
		      writer->parity, proto, family, to, forward->port, family);
	put_addresses(forward->targets, forward->target_count, &writer->text);
	sp_buf_printf(&writer->text, " %s dport %u return comment \"%s\"\n", proto,
		      forward->target_port, nat->name);
	for (size_t i = 0; i < SP_ARRAY_LEN(ends); i++)
		sp_buf_printf(&writer->text,
			      "add rule " TABLE " %s_%s %s daddr %s %s dport %u drop "
			      "comment \"%s\"\n",
			      ends[i], writer->parity, family, to, proto, forward->port, nat->name);
}

static int put_forward(struct writer *writer, const struct sp_nat *nat)
{
	__sp_free struct sp_addr *addrs = NULL;
	size_t count;
	int r = sp_forward_list(&nat->forward, writer->gateway, &addrs, &count);

	if (r < 0)
		return r;
	put_arriving(writer, nat, addrs, count);
	for (size_t i = 0; i < count; i++)
		put_forward_to(writer, nat, &addrs[i]);
	return 0;
}

static int put_nat(struct writer *writer, const struct sp_nat *nat)
{
	int r = 0;

	if (nat->kind == SP_NAT_NETMAP)
		return put_netmap(writer, nat);
	if (nat->kind == SP_NAT_FORWARD)
		return put_forward(writer, nat);
	for (size_t i = 0; i < SP_ARRAY_LEN(families) && r >= 0; i++)
		r = put_masquerade(writer, &families[i], nat);
	return r < 0 ? r : 0;
}

/* ---- the table ---- */

struct base_chain {
	const char *name, *place;
	const char *condition; /* of all its rules */
};

static const struct base_chain base_chains[] = {
	{ "arriving", ARRIVING, "" }, { "passing", PASSING, HAS_DESTINATION " " },
	{ "beside", PASSING, "" },    { "delivered", DELIVERED, "" },
	{ "leaving", LEAVING, "" },
};

/* Chains are made before they are flushed, so that the first text and every later one do the
 * same. */
static void put_chain(struct writer *writer, const struct base_chain *chain)
{
	const char *name = chain->name;

	sp_buf_printf(&writer->text,
		      "add chain " TABLE " %s { %s; policy accept; }\n"
		      "add chain " TABLE " %s_odd\n"
		      "add chain " TABLE " %s_even\n"
		      "flush chain " TABLE " %s\n"
		      "add rule " TABLE " %s %s" IS_ODD " jump %s_odd\n"
		      "add rule " TABLE " %s %s" IS_EVEN " jump %s_even\n"
		      "flush chain " TABLE " %s_%s\n",
		      name, chain->place, name, name, name, name, chain->condition, name, name,
		      chain->condition, name, name, writer->parity);
}

int sp_ebpf_nat_text(const struct sp_policy *policy, const struct sp_gateway *gateway,
		     const struct sp_silents *silents, uint64_t revision, char **ret_text)
{
	struct writer writer = { .policy = policy,
				 .gateway = gateway,
				 .silents = silents,
				 .parity = revision & 1 ? "odd" : "even" };
	int r = 0;

	sp_buf_put(&writer.text, "add table " TABLE "\n");
	for (size_t i = 0; i < SP_ARRAY_LEN(base_chains); i++)
		put_chain(&writer, &base_chains[i]);
	for (size_t i = 0; i < policy->nat_count && r == 0; i++)
		r = put_nat(&writer, &policy->nats[i]);
	/* judged as for another destination than it has had since its connection began */
	sp_buf_printf(&writer.text, "add rule " TABLE " passing_%s drop\n", writer.parity);
	if (r == 0)
		r = sp_buf_take(&writer.text, ret_text);
	sp_buf_done(&writer.text);
	return r;
}
