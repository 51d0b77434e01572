/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What two tables decide differently: sets that are known, and the reference evaluator asked about
 * packets at and beside every end of what comes out, for policies drawn at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "../policy/hand.h"
#include "net/packet.h"
#include "policy/answer.h"
#include "reference/reference.h"
#include "tables/atoms.h"

#define PEOPLE 3
#define HOUR_NS (3600ull * 1000000000)

/* Two policies on one gateway, with the same people. */
struct pair {
	struct hand hands[SP_ATOMS_SIDES];
	struct sp_identity people[PEOPLE];
	uint32_t roles[PEOPLE];
	struct sp_tables *tables[SP_ATOMS_SIDES];
	struct sp_asker askers[PEOPLE][2][SP_ATOMS_SIDES]; /* by family, side */
	struct sp_receiver receivers[PEOPLE];
	struct sp_atoms *atoms;
};

static void make_gateway(struct hand *hand)
{
	hand_pool(hand, "100.64.0.0/16 fd00:64::/64");
	hand_self(hand, "192.0.2.1");
	hand_self(hand, "10.30.0.1");
	hand_self(hand, "2001:db8:ffff::1");
	hand_route(hand, "10.0.0.0/8", SP_ZONE_INSIDE);
	hand_route(hand, "2001:db8:30::/48", SP_ZONE_INSIDE);
	hand_route(hand, "0.0.0.0/1", SP_ZONE_EDGE);
	hand_route(hand, "192.0.0.0/3", SP_ZONE_EDGE);
	hand_route(hand, "2000::/3", SP_ZONE_EDGE);
	hand_role(hand, "engineer", "corp", "eng");
	hand_role(hand, "dba", "corp", "dba");
	hand_role(hand, "vendor", "partner", "vendors");
}

static void make_people(struct pair *pair)
{
	static const char *const names[PEOPLE] = { "ana", "dora", "bob" };

	for (uint32_t i = 0; i < PEOPLE; i++) {
		char v4[32], v6[32];

		snprintf(v4, sizeof(v4), "100.64.0.%u", i + 7);
		snprintf(v6, sizeof(v6), "fd00:64::%u", i + 7);
		pair->roles[i] = i;
		pair->people[i] = (struct sp_identity){
			.user = names[i],
			.idp = "corp",
			.roles = &pair->roles[i],
			.role_count = 1,
			.addresses = { hand_addr(v4), hand_addr(v6) },
			.has_address = { true, true },
		};
	}
}

static void add_person(struct pair *pair, size_t person, size_t side)
{
	struct sp_receiver *receiver = &pair->receivers[person];
	uint32_t class_id[2];

	assert_int_equal(sp_tables_add_identity(pair->tables[side], &pair->people[person], class_id,
						receiver->netset[side], NULL),
			 0);
	for (size_t family = 0; family < 2; family++) {
		receiver->is_there[side][family] = true;
		pair->askers[person][family][side] =
			sp_asker_of_session(pair->tables[side], class_id[family],
					    &pair->people[person].addresses[family]);
	}
}

static void pair_compile(struct pair *pair)
{
	for (size_t side = 0; side < SP_ATOMS_SIDES; side++) {
		assert_int_equal(sp_tables_compile(&pair->hands[side].policy,
						   &pair->hands[side].gateway,
						   &(struct sp_facts){ 0 }, &pair->tables[side]),
				 0);
		for (size_t person = 0; person < PEOPLE; person++)
			add_person(pair, person, side);
	}
	assert_int_equal(sp_atoms_new((const struct sp_tables *const *)pair->tables,
				      pair->receivers, PEOPLE, &pair->atoms),
			 0);
}

static void pair_done(struct pair *pair)
{
	sp_atoms_free(pair->atoms);
	for (size_t side = 0; side < SP_ATOMS_SIDES; side++) {
		sp_tables_free(pair->tables[side]);
		hand_done(&pair->hands[side]);
	}
}
#define __pair __sp_cleanup(pair_done)

static void pair_init(struct pair *pair)
{
	for (size_t side = 0; side < SP_ATOMS_SIDES; side++)
		make_gateway(&pair->hands[side]);
	make_people(pair);
}

/* ---- what is known ---- */

static void assert_range(const struct sp_range *range, const char *first, const char *last)
{
	char text[SP_ADDR_TEXT_MAX];

	assert_string_equal(sp_addr_format(&range->first, text), first);
	assert_string_equal(sp_addr_format(&range->last, text), last);
}

static void one_service_more_is_one_block(void **state)
{
	__pair struct pair pair = { 0 };
	__sp_cleanup(sp_atoms_blocks_done) struct sp_atoms_blocks blocks = { 0 };

	(void)state;
	pair_init(&pair);
	for (size_t side = 0; side < SP_ATOMS_SIDES; side++) {
		hand_network(&pair.hands[side], "git", "10.30.40.4/31 10.30.40.6/31", "");
		hand_rule(&pair.hands[side], SP_RULE_ALLOW, "web", "role:2", "git", "tcp/80");
	}
	hand_rule(&pair.hands[SP_ATOMS_AFTER], SP_RULE_ALLOW, "ssh", "role:2", "git", "tcp/22");
	pair_compile(&pair);
	assert_int_equal(sp_atoms_differ(pair.atoms, pair.askers[2][0], false, &blocks), 0);
	assert_int_equal(blocks.count, 1);
	assert_true(blocks.items[0].is_gained);
	assert_int_equal(blocks.items[0].to.count, 1);
	assert_range(&blocks.items[0].to.items[0], "10.30.40.4", "10.30.40.7");
	assert_int_equal(blocks.items[0].receiver_count, 0);
	assert_int_equal(blocks.items[0].slot_count, 1);
	assert_int_equal(blocks.items[0].slots[0].first, SP_SVC_TCP + 22);
	assert_int_equal(blocks.items[0].slots[0].last, SP_SVC_TCP + 22);
	sp_atoms_blocks_done(&blocks);
	assert_int_equal(sp_atoms_differ(pair.atoms, pair.askers[2][1], true, &blocks), 0);
	assert_int_equal(blocks.count, 0); /* no address of git is one of IPv6 */
	assert_int_equal(sp_atoms_differ(pair.atoms, pair.askers[0][0], false, &blocks), 0);
	assert_int_equal(blocks.count, 0); /* nor is ana of the role */
}

static void an_earlier_deny_hides_a_rule_that_says_the_same(void **state)
{
	__pair struct pair pair = { 0 };
	__sp_cleanup(sp_atoms_blocks_done) struct sp_atoms_blocks blocks = { 0 };

	(void)state;
	pair_init(&pair);
	for (size_t side = 0; side < SP_ATOMS_SIDES; side++) {
		hand_network(&pair.hands[side], "db", "10.30.8.0/24", "");
		hand_network(&pair.hands[side], "closed", "10.30.8.0/25", "");
		hand_rule(&pair.hands[side], SP_RULE_DENY, "no", "any", "closed", "");
	}
	hand_rule(&pair.hands[SP_ATOMS_BEFORE], SP_RULE_ALLOW, "db", "role:1", "db", "tcp/5432");
	pair_compile(&pair);
	assert_int_equal(sp_atoms_differ(pair.atoms, pair.askers[1][0], false, &blocks), 0);
	assert_int_equal(blocks.count, 1);
	assert_false(blocks.items[0].is_gained);
	assert_int_equal(blocks.items[0].to.count, 1);
	assert_range(&blocks.items[0].to.items[0], "10.30.8.128", "10.30.8.255");
}

static void people_are_destinations_of_their_own(void **state)
{
	__pair struct pair pair = { 0 };
	__sp_cleanup(sp_atoms_blocks_done) struct sp_atoms_blocks blocks = { 0 };

	(void)state;
	pair_init(&pair);
	hand_rule(&pair.hands[SP_ATOMS_AFTER], SP_RULE_ALLOW, "help", "role:0", "role:1", "tcp/22");
	pair_compile(&pair);
	assert_int_equal(sp_atoms_differ(pair.atoms, pair.askers[0][1], true, &blocks), 0);
	assert_int_equal(blocks.count, 1);
	assert_int_equal(blocks.items[0].to.count, 0);
	assert_int_equal(blocks.items[0].receiver_count, 1);
	assert_int_equal(blocks.items[0].receivers[0], 1);
}

static void answers_and_errors_are_no_service_of_a_rule(void **state)
{
	__pair struct pair pair = { 0 };
	__sp_cleanup(sp_atoms_blocks_done) struct sp_atoms_blocks blocks = { 0 };

	(void)state;
	pair_init(&pair);
	hand_network(&pair.hands[SP_ATOMS_AFTER], "one", "10.30.1.1/32", "");
	hand_rule(&pair.hands[SP_ATOMS_AFTER], SP_RULE_ALLOW, "ping", "role:0", "one", "icmp/0-8");
	pair_compile(&pair);
	assert_int_equal(sp_atoms_differ(pair.atoms, pair.askers[0][0], false, &blocks), 0);
	assert_int_equal(blocks.count, 1);
	assert_int_equal(blocks.items[0].slot_count, 2); /* not 0, 3, 4, 5 */
	assert_int_equal(blocks.items[0].slots[0].first, SP_SVC_ICMP + 1);
	assert_int_equal(blocks.items[0].slots[0].last, SP_SVC_ICMP + 2);
	assert_int_equal(blocks.items[0].slots[1].first, SP_SVC_ICMP + 6);
	assert_int_equal(blocks.items[0].slots[1].last, SP_SVC_ICMP + 8);
}

/* ---- at random, against the reference ---- */

static uint64_t draw_state;

static uint32_t draw(uint32_t below)
{
	draw_state = draw_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(draw_state >> 33) % below;
}

static const char *draw_word(const char *const *words, size_t count)
{
	return words[draw((uint32_t)count)];
}

static void draw_networks(struct hand *hand)
{
	static const char *const prefixes[] = {
		"10.30.0.0/16",     "10.30.8.0/24",
		"10.30.8.12/30",    "10.0.0.0/8",
		"100.64.0.8/31",    "198.51.100.0/24",
		"2001:db8:30::/48", "2001:db8:30:8::/64",
		"2001:db8::/32",    "203.0.113.7/32",
		"fd00:64::8/127",   "192.0.2.0/24",
		"0.0.0.0/0",        "::/0",
		"10.31.255.255/32", "8.0.0.0/7",
	};
	char name[8], in[128];

	for (unsigned i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		snprintf(in, sizeof(in), "%s %s", draw_word(prefixes, SP_ARRAY_LEN(prefixes)),
			 draw_word(prefixes, SP_ARRAY_LEN(prefixes)));
		hand_network(hand, name, in,
			     draw(2) ? draw_word(prefixes, SP_ARRAY_LEN(prefixes)) : "");
	}
	hand->policy.bogons = hand_network(hand, "bogons",
					   "0.0.0.0/8 ::/128 198.51.100.0/24 2001:db8:99::/48", "");
	hand->policy.drop_bogons = draw(2);
}

static void draw_rule(struct hand *hand, unsigned number)
{
	static const char *const from[] = { "any", "role:0", "role:1", "role:2", "user:ana",
					    "n0",  "n1",     "n2",     "n3",     "signed-in" };
	static const char *const to[] = { "any", "self", "role:1", "role:2",   "n0",
					  "n1",  "n2",   "n3",     "signed-in" };
	static const char *const services[] = { "",         "tcp/22",     "tcp/20-25 udp/53",
						"icmp/8",   "icmp/3",     "icmp6/128 icmp6/1",
						"proto/47", "proto/6",    "sctp/9",
						"proto/58", "udp/0-65535" };
	const uint32_t kind = draw(8);
	const char *service = draw_word(services, SP_ARRAY_LEN(services));
	char name[8];

	snprintf(name, sizeof(name), "r%u", number);
	if (kind == 0)
		hand_rule(hand, SP_RULE_EXPOSE, name, "any", "self", service);
	else if (kind == 1)
		hand_rule(hand, SP_RULE_PROTECT, name, from[5 + draw(4)], "self", service);
	else
		hand_rule(hand, kind < 4 ? SP_RULE_DENY : SP_RULE_ALLOW, name,
			  draw_word(from, SP_ARRAY_LEN(from)), draw_word(to, SP_ARRAY_LEN(to)),
			  service);
}

static void draw_forward(struct hand *hand, bool is_v6)
{
	static const char *const services[] = { "tcp/22", "tcp/23", "udp/53" };
	static const char *const to[2][2] = { { "192.0.2.1", "192.0.2.9" },
					      { "2001:db8:ffff::1", "2a00::1" } };
	static const char *const targets[2][2] = { { "10.30.8.12", "203.0.113.7" },
						   { "2001:db8:30:8::1", "2001:db8:30:9::1" } };

	hand_forward(hand, is_v6 ? "f6" : "f4", draw(2) ? "any" : "role:1", to[is_v6][draw(2)],
		     draw(2) ? 22 : 53, targets[is_v6][draw(2)],
		     draw_word(services, SP_ARRAY_LEN(services)));
}

/* The second policy has most of the rules of the first. */
static void draw_pair(struct pair *pair)
{
	const uint64_t networks = draw_state;
	const unsigned rules = 3 + draw(6);
	uint64_t rule_state;

	pair_init(pair);
	for (size_t side = 0; side < SP_ATOMS_SIDES; side++) {
		draw_state = networks;
		draw_networks(&pair->hands[side]);
	}
	rule_state = draw_state;
	for (size_t side = 0; side < SP_ATOMS_SIDES; side++) {
		draw_state = rule_state;
		for (unsigned i = 0; i < rules; i++)
			draw_rule(&pair->hands[side], i);
		if (draw(2))
			draw_forward(&pair->hands[side], false);
		for (unsigned i = 0; i < side * 2; i++)
			draw_rule(&pair->hands[side], rules + i);
		if (draw(2))
			draw_forward(&pair->hands[side], true);
	}
}

/* Both policies' reference evaluators, with the people signed in. */
struct judges {
	struct sp_reference *references[SP_ATOMS_SIDES];
	uint64_t now_ns;
	uint16_t port;
};

static void judges_done(struct judges *judges)
{
	for (size_t side = 0; side < SP_ATOMS_SIDES; side++)
		sp_reference_free(judges->references[side]);
}

static void judges_init(struct judges *judges, const struct pair *pair)
{
	*judges = (struct judges){ .now_ns = HOUR_NS, .port = 20000 };
	for (size_t side = 0; side < SP_ATOMS_SIDES; side++) {
		assert_int_equal(
			sp_reference_new(&pair->hands[side].policy, &pair->hands[side].gateway,
					 &(struct sp_facts){ 0 }, &judges->references[side]),
			0);
		sp_reference_set_flow_bounds(judges->references[side], 1u << 20, 4096);
		for (uint32_t i = 0; i < PEOPLE; i++)
			assert_int_equal(sp_reference_open_session(judges->references[side], i,
								   i + 1, &pair->people[i], 0, 0),
					 0);
	}
}

/* False: no packet that opens anything has this slot and these ends, or IPv6 reads the number as
 * one of its own headers'. */
static bool fill_tuple(uint32_t slot, uint16_t port, struct sp_tuple *tuple)
{
	static const uint8_t headers[] = { 0, 43, 44, 51, 60 };
	const bool is_v6 = !sp_addr_is_v4(&tuple->source);

	tuple->source_port = tuple->destination_port = port;
	if (slot < SP_SVC_ICMP) {
		tuple->proto = slot < SP_SVC_UDP ? 6 : slot < SP_SVC_SCTP ? 17 : 132;
		tuple->destination_port = (uint16_t)(slot % 65536);
		return true;
	}
	if (slot < SP_SVC_PROTO) {
		tuple->proto = is_v6 ? 58 : 1;
		tuple->icmp_type = (uint8_t)(slot - (is_v6 ? SP_SVC_ICMP6 : SP_SVC_ICMP));
		return is_v6 == (slot >= SP_SVC_ICMP6);
	}
	tuple->proto = (uint8_t)(slot - SP_SVC_PROTO);
	if (tuple->proto == 6 || tuple->proto == 17 || tuple->proto == 132 ||
	    tuple->proto == (is_v6 ? 58 : 1))
		return false;
	for (size_t i = 0; is_v6 && i < sizeof(headers); i++)
		if (tuple->proto == headers[i])
			return false;
	return true;
}

static bool is_allowed(struct judges *judges, size_t side, enum sp_hook hook,
		       const struct sp_tuple *tuple)
{
	const bool is_ethernet = hook != SP_HOOK_VPN_IN;
	uint8_t bytes[128];
	const struct sp_frame frame = { .bytes = bytes,
					.len = sp_packet_build(tuple, is_ethernet, bytes),
					.is_ethernet = is_ethernet };
	struct sp_answer answer;

	assert_int_equal(
		sp_reference_judge(judges->references[side], hook, &frame, judges->now_ns, &answer),
		0);
	return answer.verdict == SP_ALLOW;
}

static bool has_address(const struct sp_atoms_block *block, const struct pair *pair,
			const struct sp_addr *addr)
{
	for (size_t i = 0; i < block->to.count; i++)
		if (sp_addr_compare(&block->to.items[i].first, addr) <= 0 &&
		    sp_addr_compare(&block->to.items[i].last, addr) >= 0)
			return true;
	for (size_t i = 0; i < block->receiver_count; i++)
		for (size_t family = 0; family < 2; family++)
			if (!sp_addr_compare(&pair->people[block->receivers[i]].addresses[family],
					     addr))
				return true;
	return false;
}

static bool has_slot(const struct sp_atoms_block *block, uint32_t slot)
{
	for (size_t i = 0; i < block->slot_count; i++)
		if (block->slots[i].first <= slot && slot <= block->slots[i].last)
			return true;
	return false;
}

/* +1 gained, -1 lost, 0 the same. */
static int said(const struct sp_atoms_blocks *blocks, const struct pair *pair,
		const struct sp_addr *addr, uint32_t slot)
{
	for (size_t i = 0; i < blocks->count; i++)
		if (has_address(&blocks->items[i], pair, addr) && has_slot(&blocks->items[i], slot))
			return blocks->items[i].is_gained ? 1 : -1;
	return 0;
}

/* Addresses and slots to ask about. */
struct probes {
	struct sp_addr *addresses;
	size_t address_count;
	uint32_t *slots;
	size_t slot_count;
};

static void probes_done(struct probes *probes)
{
	free(probes->addresses);
	free(probes->slots);
}

static void probe_address(struct probes *probes, struct sp_addr addr, bool is_v6)
{
	static const uint8_t zeros[12];

	/* neither the other family's, nor what nobody can send to */
	if (sp_addr_is_v4(&addr) == is_v6 || (is_v6 && !memcmp(addr.b, zeros, sizeof(zeros))))
		return;
	*(struct sp_addr *)SP_ARRAY_PUSH(probes->addresses, probes->address_count) = addr;
}

static void probe_slot(struct probes *probes, uint32_t slot)
{
	if (slot < SP_SVC_SLOTS)
		*(uint32_t *)SP_ARRAY_PUSH(probes->slots, probes->slot_count) = slot;
}

static void make_probes(const struct pair *pair, const struct sp_atoms_blocks *blocks, bool is_v6,
			struct probes *probes)
{
	static const char *const addresses[] = {
		"10.30.8.11",       "10.30.8.12",       "10.30.8.15",       "10.30.8.16",
		"10.30.0.1",        "10.29.0.1",        "192.0.2.1",        "192.0.2.9",
		"198.51.100.3",     "100.64.0.200",     "9.9.9.9",          "203.0.113.7",
		"2001:db8:30:8::1", "2001:db8:30:9::1", "2001:db8:ffff::1", "fd00:64::99",
		"2a00::1",
	};
	static const uint32_t slots[] = {
		SP_SVC_TCP + 22,  SP_SVC_TCP + 19,    SP_SVC_UDP + 53,   SP_SVC_SCTP + 9,
		SP_SVC_ICMP + 8,  SP_SVC_ICMP + 3,    SP_SVC_ICMP + 0,   SP_SVC_ICMP6 + 128,
		SP_SVC_ICMP6 + 1, SP_SVC_ICMP6 + 129, SP_SVC_PROTO + 47, SP_SVC_PROTO + 58,
		SP_SVC_PROTO + 1, SP_SVC_PROTO + 50,
	};

	for (size_t i = 0; i < SP_ARRAY_LEN(addresses); i++)
		probe_address(probes, hand_addr(addresses[i]), is_v6);
	for (size_t i = 0; i < PEOPLE; i++)
		probe_address(probes, pair->people[i].addresses[is_v6], is_v6);
	for (size_t i = 0; i < SP_ARRAY_LEN(slots); i++)
		probe_slot(probes, slots[i]);
	for (size_t i = 0; i < blocks->count; i++) {
		const struct sp_atoms_block *block = &blocks->items[i];

		for (size_t n = 0; n < block->to.count && n < 4; n++) {
			const struct sp_range *range = &block->to.items[n];

			probe_address(probes, range->first, is_v6);
			probe_address(probes, range->last, is_v6);
			probe_address(probes, sp_addr_previous(range->first), is_v6);
			probe_address(probes, sp_addr_next(range->last), is_v6);
		}
		for (size_t n = 0; n < block->slot_count && n < 4; n++) {
			probe_slot(probes, block->slots[n].first);
			probe_slot(probes, block->slots[n].last);
			probe_slot(probes, block->slots[n].first - 1);
			probe_slot(probes, block->slots[n].last + 1);
		}
	}
}

/* Ask both references about every probe; counts the answers that differ. */
static size_t ask_probes(const struct pair *pair, const struct sp_asker *askers,
			 const struct sp_addr *source, enum sp_hook hook)
{
	const bool is_v6 = !sp_addr_is_v4(source);
	__sp_cleanup(sp_atoms_blocks_done) struct sp_atoms_blocks blocks = { 0 };
	__sp_cleanup(probes_done) struct probes probes = { 0 };
	__sp_cleanup(judges_done) struct judges judges;
	size_t differ = 0;

	judges_init(&judges, pair);
	assert_int_equal(sp_atoms_differ(pair->atoms, askers, is_v6, &blocks), 0);
	make_probes(pair, &blocks, is_v6, &probes);
	for (size_t a = 0; a < probes.address_count; a++) {
		for (size_t s = 0; s < probes.slot_count; s++) {
			struct sp_tuple tuple = { .source = *source,
						  .destination = probes.addresses[a] };
			bool was, is;

			if (!fill_tuple(probes.slots[s], judges.port++, &tuple))
				continue;
			judges.now_ns += 3 * HOUR_NS; /* no flow is left */
			was = is_allowed(&judges, SP_ATOMS_BEFORE, hook, &tuple);
			is = is_allowed(&judges, SP_ATOMS_AFTER, hook, &tuple);
			differ += was != is;
			if (said(&blocks, pair, &tuple.destination, probes.slots[s]) != is - was) {
				char from[SP_ADDR_TEXT_MAX], to[SP_ADDR_TEXT_MAX];

				print_error("%s to %s, slot %u: was %d, is %d\n",
					    sp_addr_format(source, from),
					    sp_addr_format(&tuple.destination, to), probes.slots[s],
					    was, is);
				fail();
			}
		}
	}
	return differ;
}

static size_t ask_sources(const struct pair *pair)
{
	__sp_cleanup(sp_atoms_sources_done) struct sp_atoms_sources sources = { 0 };
	static const uint8_t zeros[12];
	size_t differ = 0;

	assert_int_equal(
		sp_atoms_find_sources((const struct sp_tables *const *)pair->tables, &sources), 0);
	for (size_t i = 0; i < sources.count; i++) {
		const struct sp_atoms_source *source = &sources.items[i];
		const struct sp_range *range =
			&source->from.items[draw((uint32_t)source->from.count)];
		const struct sp_addr *addr = draw(2) ? &range->first : &range->last;

		if (source->is_v6 && !memcmp(addr->b, zeros, sizeof(zeros)))
			continue; /* no packet has such a source */
		differ += ask_probes(pair, source->askers, addr,
				     source->zone == SP_ZONE_EDGE ? SP_HOOK_EDGE_IN
								  : SP_HOOK_INSIDE_IN);
	}
	return differ;
}

static void the_reference_says_the_same(void **state)
{
	size_t differ = 0;

	(void)state;
	for (unsigned world = 0; world < 40; world++) {
		__pair struct pair pair = { 0 };

		draw_state = world + 1;
		draw_pair(&pair);
		pair_compile(&pair);
		for (size_t person = 0; person < PEOPLE; person++)
			for (size_t family = 0; family < 2; family++)
				differ += ask_probes(&pair, pair.askers[person][family],
						     &pair.people[person].addresses[family],
						     SP_HOOK_VPN_IN);
		differ += ask_sources(&pair);
	}
	assert_true(differ > 1000); /* else nothing was compared */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_service_more_is_one_block),
		cmocka_unit_test(an_earlier_deny_hides_a_rule_that_says_the_same),
		cmocka_unit_test(people_are_destinations_of_their_own),
		cmocka_unit_test(answers_and_errors_are_no_service_of_a_rule),
		cmocka_unit_test(the_reference_says_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
