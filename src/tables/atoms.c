/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses are cut where a row of either table begins or ends; places between two cuts that both
 * tables answer alike share a number, their cell. Services likewise, by slots. A sender's answers
 * are then one comparison for each (cell of destinations, cell of services), and of cells of
 * destinations that lead to the same verdicts only the first is compared. */
#include "tables/atoms.h"

#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/bits.h"
#include "base/cleanup.h"
#include "net/addr.h"

/* Addresses from one cut to the next. */
struct place {
	struct sp_range range;
	const void *rows[SP_ATOMS_SIDES]; /* struct sp_dst or sp_src */
	uint32_t cell;
};

struct places {
	struct place *items;
	size_t count;
};

struct dst_cell {
	struct sp_dst dst[SP_ATOMS_SIDES];
	struct sp_addr
		forwarded; /* an address with ports of forwards is a cell of its own; else zero */
	bool is_v6;
};

struct svc_cell {
	uint16_t svcset[SP_ATOMS_SIDES];
	uint32_t slot;   /* a forward's port is a cell of its own; else 0 */
	bool is_opening; /* else only a protect entry lets it in */
};

struct svc_span {
	struct sp_slots slots;
	struct svc_cell key;
	uint32_t cell;
};

/* Of one family: ICMP has other types in the other. */
struct services {
	struct svc_span *spans;
	size_t span_count;
	struct svc_cell *cells;
	size_t cell_count;
};

struct sp_atoms {
	const struct sp_tables *tables[SP_ATOMS_SIDES];
	const struct sp_receiver *receivers;
	size_t receiver_count;
	struct places places;
	struct dst_cell *cells;
	size_t cell_count;
	struct services services[2];
};

void sp_atoms_free(struct sp_atoms *atoms)
{
	if (!atoms)
		return;
	free(atoms->places.items);
	free(atoms->cells);
	for (size_t family = 0; family < 2; family++) {
		free(atoms->services[family].spans);
		free(atoms->services[family].cells);
	}
	free(atoms);
}

SP_DEFINE_CLEANUP(struct sp_atoms *, sp_atoms_free);

/* ---- cuts ---- */

struct cuts {
	struct sp_addr *items;
	size_t count;
};

static void cuts_done(struct cuts *cuts)
{
	free(cuts->items);
}

static void places_done(struct places *places)
{
	free(places->items);
	*places = (struct places){ 0 };
}

static int cut_at(struct cuts *cuts, const struct sp_addr *addr)
{
	struct sp_addr *cut = SP_ARRAY_PUSH(cuts->items, cuts->count);

	if (!cut)
		return -ENOMEM;
	*cut = *addr;
	return 0;
}

/* Where a prefix begins, and what begins behind it. */
static int cut_around(struct cuts *cuts, const struct sp_prefix *prefix)
{
	static const struct sp_addr none;
	const struct sp_range range = sp_range_of(prefix);
	const struct sp_addr behind = sp_addr_next(range.last);
	int r = cut_at(cuts, &range.first);

	/* behind the last address there is the first one again, which is cut at anyway */
	return r < 0 || !sp_addr_compare(&behind, &none) ? r : cut_at(cuts, &behind);
}

static int compare_addresses(const void *left, const void *right)
{
	return sp_addr_compare(left, right);
}

static int cut_dst(struct cuts *cuts, const struct sp_tables *tables)
{
	int r = 0;

	for (size_t i = 0; i < tables->dst_count && r == 0; i++)
		r = cut_around(cuts, &tables->dst[i].prefix);
	return r;
}

static int cut_src(struct cuts *cuts, const struct sp_tables *tables)
{
	int r = 0;

	for (size_t i = 0; i < tables->src_count && r == 0; i++)
		r = cut_around(cuts, &tables->src[i].prefix);
	return r;
}

/* The places between cuts, each with its rows. There are cuts: of both default routes. */
static int make_places(const struct sp_tables *const tables[SP_ATOMS_SIDES], bool is_src,
		       struct places *places)
{
	__sp_cleanup(cuts_done) struct cuts cuts = { 0 };
	int r = 0;

	for (size_t side = 0; side < SP_ATOMS_SIDES && r == 0; side++)
		r = is_src ? cut_src(&cuts, tables[side]) : cut_dst(&cuts, tables[side]);
	if (r < 0)
		return r;
	qsort(cuts.items, cuts.count, sizeof(*cuts.items), compare_addresses);
	for (size_t i = 0; i < cuts.count; i++) {
		struct place *place;

		if (i && !sp_addr_compare(&cuts.items[i], &cuts.items[i - 1]))
			continue;
		if (places->count)
			places->items[places->count - 1].range.last =
				sp_addr_previous(cuts.items[i]);
		place = SP_ARRAY_PUSH(places->items, places->count);
		if (!place)
			return -ENOMEM;
		place->range.first = cuts.items[i];
		memset(place->range.last.b, 0xff, sizeof(place->range.last.b));
		for (size_t side = 0; side < SP_ATOMS_SIDES; side++)
			place->rows[side] = is_src ? (const void *)sp_tables_find_src(
							     tables[side], &cuts.items[i])
						   : (const void *)sp_tables_find_dst(
							     tables[side], &cuts.items[i]);
	}
	return 0;
}

/* Add the addresses of a place behind those a set has. */
static int add_range(struct sp_ranges *ranges, const struct sp_range *range)
{
	struct sp_range *last = ranges->count ? &ranges->items[ranges->count - 1] : NULL;
	struct sp_addr behind = last ? sp_addr_next(last->last) : (struct sp_addr){ 0 };

	if (last && !sp_addr_compare(&behind, &range->first)) {
		last->last = range->last;
		return 0;
	}
	last = SP_ARRAY_PUSH(ranges->items, ranges->count);
	if (!last)
		return -ENOMEM;
	*last = *range;
	return 0;
}

/* ---- cells of destinations ---- */

static struct dst_cell dst_cell_of(const struct place *place)
{
	struct dst_cell cell = { .is_v6 = !sp_addr_is_v4(&place->range.first) };

	for (size_t side = 0; side < SP_ATOMS_SIDES; side++) {
		cell.dst[side] = *(const struct sp_dst *)place->rows[side];
		if (cell.dst[side].flags & SP_DST_FORWARD)
			cell.forwarded = place->range.first;
	}
	return cell;
}

static int compare_numbers(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int compare_dst_cells(const struct dst_cell *a, const struct dst_cell *b)
{
	int order = a->is_v6 - b->is_v6;

	if (!order)
		order = sp_addr_compare(&a->forwarded, &b->forwarded);
	for (size_t side = 0; side < SP_ATOMS_SIDES && !order; side++) {
		order = compare_numbers(a->dst[side].netset, b->dst[side].netset);
		if (!order)
			order = compare_numbers(a->dst[side].flags, b->dst[side].flags);
	}
	return order;
}

static int compare_places(const void *left, const void *right)
{
	const struct place *const *a = left, *const *b = right;
	const struct dst_cell first = dst_cell_of(*a), second = dst_cell_of(*b);

	return compare_dst_cells(&first, &second);
}

/* Give places that are judged alike one cell. */
static int number_places(struct sp_atoms *atoms)
{
	struct places *places = &atoms->places;
	__sp_free struct place **order = reallocarray(NULL, places->count, sizeof(struct place *));

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < places->count; i++)
		order[i] = &places->items[i];
	qsort(order, places->count, sizeof(struct place *), compare_places);
	for (size_t i = 0; i < places->count; i++) {
		if (!i || compare_places(&order[i - 1], &order[i])) {
			struct dst_cell *cell = SP_ARRAY_PUSH(atoms->cells, atoms->cell_count);

			if (!cell)
				return -ENOMEM;
			*cell = dst_cell_of(order[i]);
		}
		order[i]->cell = (uint32_t)(atoms->cell_count - 1);
	}
	return 0;
}

/* ---- cells of services ---- */

static uint32_t slot_of(const struct sp_fwd_key *key)
{
	return (key->proto == IPPROTO_TCP ? SP_SVC_TCP : SP_SVC_UDP) + be16toh(key->port_be);
}

static bool is_one_of(uint32_t type, const uint8_t *types, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (type == types[i])
			return true;
	return false;
}

/* Neither an answer nor an error: those belong to a flow, or to nothing. */
static bool is_opening(uint32_t slot)
{
	static const uint8_t v4[] = { 0, 14, 16, 18, 3, 4, 5, 11, 12 };
	static const uint8_t v6[] = { 129, 1, 2, 3, 4, 137 };

	if (slot >= SP_SVC_ICMP && slot < SP_SVC_ICMP6)
		return !is_one_of(slot - SP_SVC_ICMP, v4, sizeof(v4));
	if (slot >= SP_SVC_ICMP6 && slot < SP_SVC_PROTO)
		return !is_one_of(slot - SP_SVC_ICMP6, v6, sizeof(v6));
	return true;
}

/* Is there a packet of the family with this slot? Protocols with ports or types have theirs. */
static bool is_of_family(uint32_t slot, bool is_v6)
{
	static const uint8_t v4[] = { 6, 17, 132, 1 }, v6[] = { 6, 17, 132, 58 };

	if (slot < SP_SVC_ICMP)
		return true;
	if (slot < SP_SVC_PROTO)
		return is_v6 == (slot >= SP_SVC_ICMP6);
	return !is_one_of(slot - SP_SVC_PROTO, is_v6 ? v6 : v4, sizeof(v4));
}

bool sp_slot_opens(uint32_t slot, bool is_v6)
{
	return is_of_family(slot, is_v6) && is_opening(slot);
}

static bool starts_protocol(uint32_t slot)
{
	return slot == SP_SVC_TCP || slot == SP_SVC_UDP || slot == SP_SVC_SCTP ||
	       slot == SP_SVC_ICMP || slot == SP_SVC_ICMP6 || slot >= SP_SVC_PROTO;
}

static int compare_svc_cells(const struct svc_cell *a, const struct svc_cell *b)
{
	int order = a->is_opening - b->is_opening;

	if (!order)
		order = compare_numbers(a->slot, b->slot);
	for (size_t side = 0; side < SP_ATOMS_SIDES && !order; side++)
		order = compare_numbers(a->svcset[side], b->svcset[side]);
	return order;
}

/* The slots that some forward is about. */
static uint64_t *list_forwarded(const struct sp_atoms *atoms)
{
	uint64_t *bits = sp_bits_new(sp_bits_words(SP_SVC_SLOTS));

	for (size_t side = 0; bits && side < SP_ATOMS_SIDES; side++)
		for (size_t i = 0; i < atoms->tables[side]->fwd_count; i++)
			sp_bits_set(bits, slot_of(&atoms->tables[side]->fwd[i].key));
	return bits;
}

static int make_spans(const struct sp_atoms *atoms, bool is_v6, struct services *services)
{
	__sp_free uint64_t *forwarded = list_forwarded(atoms);
	struct svc_span *span = NULL;

	if (!forwarded)
		return -ENOMEM;
	for (uint32_t slot = 0; slot < SP_SVC_SLOTS; slot++) {
		const struct svc_cell key = { .svcset = { atoms->tables[0]->svc[slot],
							  atoms->tables[1]->svc[slot] },
					      .slot = sp_bits_test(forwarded, slot) ? slot : 0,
					      .is_opening = is_opening(slot) };

		if (!is_of_family(slot, is_v6)) {
			span = NULL;
			continue;
		}
		if (span && !starts_protocol(slot) && !compare_svc_cells(&span->key, &key)) {
			span->slots.last = slot;
			continue;
		}
		span = SP_ARRAY_PUSH(services->spans, services->span_count);
		if (!span)
			return -ENOMEM;
		*span = (struct svc_span){ .slots = { slot, slot }, .key = key };
	}
	return 0;
}

static int compare_spans(const void *left, const void *right)
{
	const struct svc_span *const *a = left, *const *b = right;

	return compare_svc_cells(&(*a)->key, &(*b)->key);
}

static int number_spans(struct services *services)
{
	__sp_free struct svc_span **order =
		reallocarray(NULL, services->span_count, sizeof(struct svc_span *));

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < services->span_count; i++)
		order[i] = &services->spans[i];
	qsort(order, services->span_count, sizeof(struct svc_span *), compare_spans);
	for (size_t i = 0; i < services->span_count; i++) {
		if (!i || compare_spans(&order[i - 1], &order[i])) {
			struct svc_cell *cell =
				SP_ARRAY_PUSH(services->cells, services->cell_count);

			if (!cell)
				return -ENOMEM;
			*cell = order[i]->key;
		}
		order[i]->cell = (uint32_t)(services->cell_count - 1);
	}
	return 0;
}

int sp_atoms_new(const struct sp_tables *const tables[SP_ATOMS_SIDES],
		 const struct sp_receiver *receivers, size_t receiver_count,
		 struct sp_atoms **ret_atoms)
{
	__sp_cleanup(sp_atoms_freep) struct sp_atoms *atoms = calloc(1, sizeof(*atoms));
	int r;

	if (!atoms)
		return -ENOMEM;
	for (size_t side = 0; side < SP_ATOMS_SIDES; side++)
		atoms->tables[side] = tables[side];
	atoms->receivers = receivers;
	atoms->receiver_count = receiver_count;
	r = make_places(tables, false, &atoms->places);
	if (r == 0)
		r = number_places(atoms);
	for (size_t family = 0; family < 2 && r == 0; family++) {
		r = make_spans(atoms, family == 1, &atoms->services[family]);
		if (r == 0)
			r = number_spans(&atoms->services[family]);
	}
	if (r < 0)
		return r;
	*ret_atoms = SP_TAKE_PTR(atoms);
	return 0;
}

/* ---- what a sender gets ---- */

/* A cell of destinations, or a receiver behind all cells, with the verdicts that decide. */
struct way {
	/* by side: the class's verdicts by service set; NULL: it is shut, or nobody is there */
	const struct sp_verdict *rules[SP_ATOMS_SIDES];
	const struct sp_verdict *protect[SP_ATOMS_SIDES];
	bool is_open
		[SP_ATOMS_SIDES]; /* what no rule means is allowed; one for all ways of a sender */
	size_t target;
	/* the address with ports of forwards that it leads to, and who asks; NULL: it has none */
	const struct sp_addr *forwarded;
	const struct sp_tables *const *tables;
	const struct sp_asker *askers;
};

static void look_up(const struct sp_tables *tables, const struct sp_asker *asker, uint32_t netset,
		    size_t side, struct way *way)
{
	if (!asker->is_shut)
		way->rules[side] = sp_tables_find_verdicts(tables, asker->class_id, netset);
	if (asker->protect_class)
		way->protect[side] = sp_tables_find_verdicts(tables, asker->protect_class, netset);
	way->is_open[side] = asker->is_self && !(tables->flags & SP_TABLES_SELF_RULES);
}

/* What the gateway sends to itself meets no rule, and an address of the pool is somebody's. */
static bool leads_there(const struct sp_dst *dst, const struct sp_asker *asker)
{
	return !(dst->flags & SP_DST_POOL) && !(asker->is_self && (dst->flags & SP_DST_SELF));
}

/* A person's own devices are met as such by that person alone. */
static bool meets(const struct sp_asker *asker, const struct sp_receiver *receiver)
{
	const bool is_same = receiver->person && receiver->person == asker->person;

	return receiver->is_own == is_same;
}

/* Is the target there, for the family? */
static bool find_way(const struct sp_atoms *atoms, const struct sp_asker *askers, bool is_v6,
		     size_t target, struct way *way)
{
	static const struct sp_addr none;

	*way = (struct way){ .target = target, .tables = atoms->tables, .askers = askers };
	if (target < atoms->cell_count && atoms->cells[target].is_v6 != is_v6)
		return false;
	if (target < atoms->cell_count &&
	    sp_addr_compare(&atoms->cells[target].forwarded, &none) != 0)
		way->forwarded = &atoms->cells[target].forwarded;
	for (size_t side = 0; side < SP_ATOMS_SIDES; side++) {
		const struct sp_tables *tables = atoms->tables[side];

		if (target < atoms->cell_count) {
			const struct sp_dst *dst = &atoms->cells[target].dst[side];

			if (leads_there(dst, &askers[side]))
				look_up(tables, &askers[side], dst->netset, side, way);
		} else {
			const struct sp_receiver *receiver =
				&atoms->receivers[target - atoms->cell_count];

			if (receiver->is_there[side][is_v6] && meets(&askers[side], receiver))
				look_up(tables, &askers[side], receiver->netset[side][is_v6], side,
					way);
		}
	}
	return true;
}

/* The forward that the port is one of. What the gateway itself sends goes by none. */
static const struct sp_fwd *find_forward(const struct way *way, size_t side,
					 const struct svc_cell *service)
{
	const struct sp_tables *tables = way->tables[side];

	if (!way->forwarded || !service->slot || way->askers[side].is_self)
		return NULL;
	for (size_t i = 0; i < tables->fwd_count; i++)
		if (slot_of(&tables->fwd[i].key) == service->slot &&
		    sp_addr_compare(&tables->fwd[i].key.to, way->forwarded) == 0)
			return &tables->fwd[i].value;
	return NULL;
}

static bool is_forwarded(const struct way *way, size_t side, const struct svc_cell *service,
			 const struct sp_fwd *fwd)
{
	const struct sp_tables *tables = way->tables[side];
	const uint32_t base = service->slot >= SP_SVC_UDP ? SP_SVC_UDP : SP_SVC_TCP;

	return !way->askers[side].is_shut &&
	       sp_tables_decide(tables, way->askers[side].class_id, fwd->netset,
				base + be16toh(fwd->port_be))
			       ->action == SP_ALLOW;
}

static bool is_allowed(const struct way *way, size_t side, const struct svc_cell *service)
{
	const uint16_t svcset = service->svcset[side];
	const struct sp_fwd *fwd = find_forward(way, side, service);

	if (way->protect[side] && way->protect[side][svcset].reason == SP_REASON_PROTECT)
		return true;
	if (fwd)
		return is_forwarded(way, side, service, fwd);
	if (!way->rules[side] || !service->is_opening)
		return false;
	return way->rules[side][svcset].action == SP_ALLOW ||
	       (way->is_open[side] && way->rules[side][svcset].reason == SP_REASON_DEFAULT);
}

static int compare_ways(const void *left, const void *right)
{
	const struct way *a = left, *b = right;
	int order = (a->forwarded > b->forwarded) - (a->forwarded < b->forwarded);

	for (size_t side = 0; side < SP_ATOMS_SIDES && !order; side++) {
		order = (a->rules[side] > b->rules[side]) - (a->rules[side] < b->rules[side]);
		if (!order)
			order = (a->protect[side] > b->protect[side]) -
				(a->protect[side] < b->protect[side]);
	}
	return order;
}

/* A block while its targets are gathered. */
struct draft {
	bool is_gained;
	uint64_t *services; /* bits of cells */
	uint64_t *targets;  /* bits of ways' targets */
};

struct drafts {
	struct draft *items;
	size_t count;
	size_t service_words, target_words;
};

static void drafts_done(struct drafts *drafts)
{
	for (size_t i = 0; i < drafts->count; i++) {
		free(drafts->items[i].services);
		free(drafts->items[i].targets);
	}
	free(drafts->items);
}

/* The draft of these services, made where there is none. NULL: no memory. */
static struct draft *draft_of(struct drafts *drafts, bool is_gained, const uint64_t *services)
{
	const size_t size = drafts->service_words * sizeof(*services);
	struct draft *draft;

	for (size_t i = 0; i < drafts->count; i++) {
		draft = &drafts->items[i];
		if (draft->is_gained == is_gained && !memcmp(draft->services, services, size))
			return draft;
	}
	draft = SP_ARRAY_PUSH(drafts->items, drafts->count);
	if (!draft)
		return NULL;
	draft->is_gained = is_gained;
	draft->services = sp_bits_new(drafts->service_words);
	draft->targets = sp_bits_new(drafts->target_words);
	if (!draft->services || !draft->targets)
		return NULL;
	memcpy(draft->services, services, size);
	return draft;
}

/* Compare the services of a way, of which @count in a row lead to the same verdicts. */
static int compare_services(const struct services *services, const struct way *ways, size_t count,
			    bool is_gained, uint64_t *scratch, struct drafts *drafts)
{
	struct draft *draft;
	bool is_any = false;

	memset(scratch, 0, drafts->service_words * sizeof(*scratch));
	for (size_t i = 0; i < services->cell_count; i++) {
		const bool was = is_allowed(ways, SP_ATOMS_BEFORE, &services->cells[i]);
		const bool is = is_allowed(ways, SP_ATOMS_AFTER, &services->cells[i]);

		if (was == is || is != is_gained)
			continue;
		sp_bits_set(scratch, i);
		is_any = true;
	}
	if (!is_any)
		return 0;
	draft = draft_of(drafts, is_gained, scratch);
	if (!draft)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		sp_bits_set(draft->targets, ways[i].target);
	return 0;
}

static int compare_all(const struct services *services, struct way *ways, size_t count,
		       struct drafts *drafts)
{
	__sp_free uint64_t *scratch = sp_bits_new(drafts->service_words);
	size_t next;
	int r = 0;

	if (!scratch)
		return -ENOMEM;
	qsort(ways, count, sizeof(*ways), compare_ways);
	for (size_t i = 0; i < count && r == 0; i = next) {
		for (next = i + 1; next < count && !compare_ways(&ways[i], &ways[next]); next++)
			;
		r = compare_services(services, &ways[i], next - i, true, scratch, drafts);
		if (r == 0)
			r = compare_services(services, &ways[i], next - i, false, scratch, drafts);
	}
	return r;
}

/* ---- blocks ---- */

static int fill_slots(const struct services *services, const struct draft *draft,
		      struct sp_atoms_block *block)
{
	for (size_t i = 0; i < services->span_count; i++) {
		const struct svc_span *span = &services->spans[i];
		struct sp_slots *last =
			block->slot_count ? &block->slots[block->slot_count - 1] : NULL;

		if (!sp_bits_test(draft->services, span->cell))
			continue;
		if (last && last->last + 1 == span->slots.first &&
		    !starts_protocol(span->slots.first)) {
			last->last = span->slots.last;
			continue;
		}
		last = SP_ARRAY_PUSH(block->slots, block->slot_count);
		if (!last)
			return -ENOMEM;
		*last = span->slots;
	}
	return 0;
}

static int fill_block(const struct sp_atoms *atoms, const struct services *services,
		      const struct draft *draft, struct sp_atoms_block *block)
{
	int r = fill_slots(services, draft, block);

	block->is_gained = draft->is_gained;
	for (size_t i = 0; i < atoms->places.count && r == 0; i++)
		if (sp_bits_test(draft->targets, atoms->places.items[i].cell))
			r = add_range(&block->to, &atoms->places.items[i].range);
	for (size_t i = 0; i < atoms->receiver_count && r == 0; i++) {
		uint32_t *receiver;

		if (!sp_bits_test(draft->targets, atoms->cell_count + i))
			continue;
		receiver = SP_ARRAY_PUSH(block->receivers, block->receiver_count);
		if (!receiver)
			return -ENOMEM;
		*receiver = (uint32_t)i;
	}
	return r;
}

void sp_atoms_blocks_done(struct sp_atoms_blocks *blocks)
{
	for (size_t i = 0; i < blocks->count; i++) {
		sp_ranges_done(&blocks->items[i].to);
		free(blocks->items[i].receivers);
		free(blocks->items[i].slots);
	}
	free(blocks->items);
	*blocks = (struct sp_atoms_blocks){ 0 };
}

int sp_atoms_differ(const struct sp_atoms *atoms, const struct sp_asker askers[SP_ATOMS_SIDES],
		    bool is_v6, struct sp_atoms_blocks *ret_blocks)
{
	const struct services *services = &atoms->services[is_v6];
	const size_t targets = atoms->cell_count + atoms->receiver_count;
	__sp_free struct way *ways = reallocarray(NULL, targets, sizeof(struct way));
	__sp_cleanup(drafts_done) struct drafts drafts = {
		.service_words = sp_bits_words(services->cell_count),
		.target_words = sp_bits_words(targets),
	};
	__sp_cleanup(sp_atoms_blocks_done) struct sp_atoms_blocks blocks = { 0 };
	size_t count = 0;
	int r;

	if (!ways)
		return -ENOMEM;
	for (size_t target = 0; target < targets; target++)
		count += find_way(atoms, askers, is_v6, target, &ways[count]);
	r = compare_all(services, ways, count, &drafts);
	for (size_t i = 0; i < drafts.count && r == 0; i++) {
		struct sp_atoms_block *block = SP_ARRAY_PUSH(blocks.items, blocks.count);

		r = block ? fill_block(atoms, services, &drafts.items[i], block) : -ENOMEM;
	}
	if (r < 0)
		return r;
	*ret_blocks = blocks;
	blocks = (struct sp_atoms_blocks){ 0 };
	return 0;
}

/* ---- senders ---- */

static uint32_t protect_class(const struct sp_src *src, enum sp_zone zone)
{
	return src->flags & SP_SRC_PROTECT ? src->class_id[zone] : 0;
}

struct sp_asker sp_asker_of_session(const struct sp_tables *tables, uint32_t class_id,
				    const struct sp_addr *address)
{
	const struct sp_src *src = sp_tables_find_src(tables, address);

	return (struct sp_asker){ .class_id = class_id,
				  .protect_class = protect_class(src, SP_ZONE_TUNNEL) };
}

struct sp_asker sp_asker_of_self(const struct sp_tables *tables)
{
	return (struct sp_asker){ .class_id = tables->self_class, .is_self = true };
}

static struct sp_asker asker_of_source(const struct sp_src *src, enum sp_zone zone)
{
	return (struct sp_asker){ .class_id = src->class_id[zone],
				  .protect_class = protect_class(src, zone),
				  .is_shut = zone == SP_ZONE_EDGE && src->drop_reason };
}

static bool is_heard_on(const struct sp_src *src, enum sp_zone zone)
{
	return src->home == zone || src->home == SP_HOME_UNKNOWN;
}

static bool same_source(const struct sp_atoms_source *a, const struct sp_atoms_source *b)
{
	if (a->zone != b->zone || a->is_v6 != b->is_v6)
		return false;
	for (size_t side = 0; side < SP_ATOMS_SIDES; side++)
		if (a->askers[side].class_id != b->askers[side].class_id ||
		    a->askers[side].protect_class != b->askers[side].protect_class ||
		    a->askers[side].is_shut != b->askers[side].is_shut)
			return false;
	return true;
}

/* The addresses of a place on a zone, with those that are judged as they are. */
static int add_source(const struct place *place, enum sp_zone zone,
		      struct sp_atoms_sources *sources)
{
	struct sp_atoms_source source = { .zone = zone,
					  .is_v6 = !sp_addr_is_v4(&place->range.first) };
	struct sp_atoms_source *room = NULL;
	bool is_heard = false;

	for (size_t side = 0; side < SP_ATOMS_SIDES; side++) {
		const struct sp_src *src = place->rows[side];

		source.askers[side] = is_heard_on(src, zone) ? asker_of_source(src, zone)
							     : (struct sp_asker){ .is_shut = true };
		is_heard |= is_heard_on(src, zone);
	}
	for (size_t i = 0; i < sources->count && !room; i++)
		if (same_source(&sources->items[i], &source))
			room = &sources->items[i];
	if (!is_heard)
		return 0;
	if (!room) {
		room = SP_ARRAY_PUSH(sources->items, sources->count);
		if (!room)
			return -ENOMEM;
		*room = source;
	}
	return add_range(&room->from, &place->range);
}

void sp_atoms_sources_done(struct sp_atoms_sources *sources)
{
	for (size_t i = 0; i < sources->count; i++)
		sp_ranges_done(&sources->items[i].from);
	free(sources->items);
	*sources = (struct sp_atoms_sources){ 0 };
}

int sp_atoms_find_sources(const struct sp_tables *const tables[SP_ATOMS_SIDES],
			  struct sp_atoms_sources *ret_sources)
{
	__sp_cleanup(sp_atoms_sources_done) struct sp_atoms_sources sources = { 0 };
	__sp_cleanup(places_done) struct places places = { 0 };
	int r = make_places(tables, true, &places);

	for (size_t i = 0; i < places.count && r == 0; i++) {
		r = add_source(&places.items[i], SP_ZONE_EDGE, &sources);
		if (r == 0)
			r = add_source(&places.items[i], SP_ZONE_INSIDE, &sources);
	}
	if (r < 0)
		return r;
	*ret_sources = sources;
	sources = (struct sp_atoms_sources){ 0 };
	return 0;
}
