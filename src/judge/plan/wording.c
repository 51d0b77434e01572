/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "judge/plan/wording.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/bits.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "net/addr.h"

#define PREFIXES_OF_RANGE 3 /* more than these, and a range is easier to read */
#define SPANS_MAX 8         /* more than these, and what is left out is said where that is less */
#define SLOT_WORDS (SP_SVC_SLOTS / 64 + 1)

/* ---- words ---- */

void sp_name_list_done(struct sp_name_list *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->items[i]);
	free(words->items);
	*words = (struct sp_name_list){ 0 };
}

int sp_name_list_add(struct sp_name_list *words, const char *text)
{
	__sp_free char *copy = strdup(text);
	char **item = copy ? SP_ARRAY_PUSH(words->items, words->count) : NULL;

	if (!item)
		return -ENOMEM;
	*item = SP_TAKE_PTR(copy);
	return 0;
}

bool sp_name_list_equal(const struct sp_name_list *a, const struct sp_name_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

/* ---- addresses ---- */

/* A set that has a name. */
struct named {
	const char *name;
	struct sp_ranges ranges;
	long double size;
};

struct names {
	struct named *items;
	size_t count;
};

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		sp_ranges_done(&names->items[i].ranges);
	free(names->items);
}

static long double number_of(const struct sp_addr *addr)
{
	long double number = 0;

	for (size_t i = 0; i < sizeof(addr->b); i++)
		number = number * 256 + addr->b[i];
	return number;
}

static long double size_of(const struct sp_ranges *ranges)
{
	long double size = 0;

	for (size_t i = 0; i < ranges->count; i++)
		size += number_of(&ranges->items[i].last) - number_of(&ranges->items[i].first) + 1;
	return size;
}

/* Give a set a name, and take it over. One without addresses gets none. */
static int add_ranges(struct names *names, const char *name, struct sp_ranges *ranges)
{
	struct named *named = ranges->count ? SP_ARRAY_PUSH(names->items, names->count) : NULL;

	if (!named)
		return ranges->count ? -ENOMEM : 0;
	*named = (struct named){ name, *ranges, size_of(ranges) };
	*ranges = (struct sp_ranges){ 0 };
	return 0;
}

static bool is_among(const struct sp_prefix *prefix, unsigned families)
{
	return families & (sp_prefix_is_v4(prefix) ? SP_FAMILY_V4 : SP_FAMILY_V6);
}

/* What of @in is of the families, less @except. */
static int make_ranges(const struct sp_prefix *in, size_t in_count, const struct sp_prefix *except,
		       size_t except_count, unsigned families, struct sp_ranges *ranges)
{
	__sp_free struct sp_prefix *wanted = reallocarray(NULL, in_count + 1, sizeof(*wanted));
	size_t count = 0;

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < in_count; i++)
		if (is_among(&in[i], families))
			wanted[count++] = in[i];
	return sp_ranges_make(wanted, count, except, except_count, ranges);
}

/* The gateway's own addresses, and all that no session has: no pool, but what is the gateway's. */
static int add_self_and_any(struct names *names, const struct sp_gateway *gateway,
			    unsigned families)
{
	static const struct sp_prefix both[] = {
		{ .prefix_len = 96, .addr = { [10] = 0xff, 0xff } }, { .prefix_len = 0 }
	};
	__sp_cleanup(sp_ranges_done) struct sp_ranges whole = { 0 }, pool = { 0 }, any = { 0 };
	__sp_cleanup(sp_ranges_done) struct sp_ranges own = { 0 };
	__sp_free struct sp_prefix *self =
		reallocarray(NULL, gateway->self_count + 1, sizeof(*self));
	int r = self ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < gateway->self_count; i++) {
		self[i].prefix_len = 128;
		memcpy(self[i].addr, gateway->self[i].b, sizeof(self[i].addr));
	}
	if (r == 0)
		r = make_ranges(gateway->pool, gateway->pool_count, self, gateway->self_count,
				families, &pool);
	if (r == 0)
		r = make_ranges(both, SP_ARRAY_LEN(both), NULL, 0, families, &whole);
	if (r == 0)
		r = sp_ranges_subtract(&whole, &pool, &any);
	if (r == 0)
		r = add_ranges(names, "any", &any);
	if (r == 0)
		r = make_ranges(self, gateway->self_count, NULL, 0, families, &own);
	return r < 0 ? r : add_ranges(names, "self", &own);
}

/* The largest first, so that a name stands for as much as one can. */
static int compare_names(const void *left, const void *right)
{
	const struct named *a = left, *b = right;

	if (a->size != b->size)
		return a->size < b->size ? 1 : -1;
	return strcmp(a->name, b->name);
}

static int collect_names(const struct sp_wording *wording, unsigned families, struct names *names)
{
	const struct sp_policy *policy = wording->policy;
	int r = add_self_and_any(names, wording->gateway, families);

	for (size_t i = 0; i < policy->network_count && r == 0; i++) {
		__sp_cleanup(sp_ranges_done) struct sp_ranges ranges = { 0 };
		const struct sp_network *network = &policy->networks[i];

		if (!network->name)
			continue;
		r = make_ranges(network->in, network->in_count, network->except,
				network->except_count, families, &ranges);
		if (r == 0)
			r = add_ranges(names, network->name, &ranges);
	}
	if (r == 0)
		qsort(names->items, names->count, sizeof(*names->items), compare_names);
	return r;
}

static int add_prefix(struct sp_name_list *words, const struct sp_prefix *prefix)
{
	char text[SP_PREFIX_TEXT_MAX];
	struct sp_addr addr;

	if (prefix->prefix_len < 128)
		return sp_name_list_add(words, sp_prefix_format(prefix, text));
	memcpy(addr.b, prefix->addr, sizeof(addr.b));
	return sp_name_list_add(words, sp_addr_format(&addr, text));
}

static int add_range(struct sp_name_list *words, const struct sp_range *range)
{
	const struct sp_ranges one = { (struct sp_range *)range, 1 };
	__sp_free struct sp_prefix *prefixes = NULL;
	char first[SP_ADDR_TEXT_MAX], last[SP_ADDR_TEXT_MAX], text[2 * SP_ADDR_TEXT_MAX + 2];
	size_t count = 0;
	int r = sp_ranges_list(&one, &prefixes, &count);

	if (r == 0 && count > PREFIXES_OF_RANGE) {
		snprintf(text, sizeof(text), "%s-%s", sp_addr_format(&range->first, first),
			 sp_addr_format(&range->last, last));
		return sp_name_list_add(words, text);
	}
	for (size_t i = 0; i < count && r == 0; i++)
		r = add_prefix(words, &prefixes[i]);
	return r;
}

/* Take the named set out of what is left to say. */
static int take_out(struct sp_ranges *left, const struct named *named)
{
	struct sp_ranges rest = { 0 };
	int r = sp_ranges_subtract(left, &named->ranges, &rest);

	if (r < 0)
		return r;
	sp_ranges_done(left);
	*left = rest;
	return 0;
}

/* What no name stands for, the families one by one: a range is of one. */
static int add_rest(const struct sp_ranges *left, struct sp_name_list *words)
{
	static const struct sp_prefix mapped = { .prefix_len = 96, .addr = { [10] = 0xff, 0xff } };
	struct sp_range v4 = sp_range_of(&mapped);
	const struct sp_ranges all_v4 = { &v4, 1 };
	__sp_cleanup(sp_ranges_done) struct sp_ranges in_v6 = { 0 }, in_v4 = { 0 };
	int r = sp_ranges_subtract(left, &all_v4, &in_v6);

	if (r == 0)
		r = sp_ranges_subtract(left, &in_v6, &in_v4);
	for (size_t i = 0; i < in_v4.count && r == 0; i++)
		r = add_range(words, &in_v4.items[i]);
	for (size_t i = 0; i < in_v6.count && r == 0; i++)
		r = add_range(words, &in_v6.items[i]);
	return r;
}

int sp_wording_addresses(const struct sp_wording *wording, const struct sp_ranges *addresses,
			 unsigned families, struct sp_name_list *words)
{
	static const struct sp_ranges nothing;
	__sp_cleanup(sp_ranges_done) struct sp_ranges left = { 0 };
	__sp_cleanup(names_done) struct names names = { 0 };
	int r = sp_ranges_subtract(addresses, &nothing, &left);

	if (r == 0 && left.count)
		r = collect_names(wording, families, &names);
	for (size_t i = 0; i < names.count && r == 0; i++) {
		if (!sp_ranges_contain(&left, &names.items[i].ranges))
			continue;
		r = sp_name_list_add(words, names.items[i].name);
		if (r == 0)
			r = take_out(&left, &names.items[i]);
	}
	return r < 0 ? r : add_rest(&left, words);
}

/* ---- services ---- */

static const struct protocol {
	const char *name;
	uint32_t first, last;
} protocols[] = {
	{ "tcp", SP_SVC_TCP, SP_SVC_UDP - 1 },       { "udp", SP_SVC_UDP, SP_SVC_SCTP - 1 },
	{ "sctp", SP_SVC_SCTP, SP_SVC_ICMP - 1 },    { "icmp", SP_SVC_ICMP, SP_SVC_ICMP6 - 1 },
	{ "icmp6", SP_SVC_ICMP6, SP_SVC_PROTO - 1 }, { "proto", SP_SVC_PROTO, SP_SVC_SLOTS - 1 },
};

static const struct protocol *protocol_of(uint32_t slot)
{
	const struct protocol *protocol = protocols;

	while (slot > protocol->last)
		protocol++;
	return protocol;
}

static void set_slots(uint64_t *bits, uint32_t first, uint32_t last)
{
	for (uint32_t slot = first; slot <= last; slot++)
		sp_bits_set(bits, slot);
}

static uint8_t number_of_protocol(const struct protocol *protocol)
{
	static const uint8_t numbers[] = { 6, 17, 132, 1, 58 };

	return numbers[protocol - protocols];
}

/* The slots of a service, as the tables have them. */
static void set_service(uint64_t *bits, const struct sp_service *service)
{
	const struct protocol *protocol = protocols;

	if (service->kind == SP_SERVICE_PROTO) {
		sp_bits_set(bits, SP_SVC_PROTO + service->proto);
		for (; protocol->first < SP_SVC_PROTO; protocol++)
			if (number_of_protocol(protocol) == service->proto)
				set_slots(bits, protocol->first, protocol->last);
		return;
	}
	if (service->kind == SP_SERVICE_ICMP)
		protocol = protocol_of(SP_SVC_ICMP);
	else if (service->kind == SP_SERVICE_ICMP6)
		protocol = protocol_of(SP_SVC_ICMP6);
	else
		while (number_of_protocol(protocol) != service->proto)
			protocol++;
	set_slots(bits, protocol->first + service->from, protocol->first + service->to);
}

static void keep_opening(uint64_t *bits, bool is_v6)
{
	for (uint32_t slot = 0; slot < SP_SVC_SLOTS; slot++)
		if (sp_bits_test(bits, slot) && !sp_slot_opens(slot, is_v6))
			sp_bits_flip(bits, slot);
}

static bool is_within(const uint64_t *inner, const uint64_t *outer)
{
	for (size_t i = 0; i < SLOT_WORDS; i++)
		if (inner[i] & ~outer[i])
			return false;
	return true;
}

static bool is_empty(const uint64_t *bits)
{
	return sp_bits_next(bits, SLOT_WORDS, 0) == SLOT_WORDS * 64;
}

static void take_bits(uint64_t *left, const uint64_t *bits)
{
	for (size_t i = 0; i < SLOT_WORDS; i++)
		left[i] &= ~bits[i];
}

/* The first span of set slots of one protocol at or behind @from. */
static bool next_span(const uint64_t *bits, uint32_t from, struct sp_slots *ret_span)
{
	const size_t first = sp_bits_next(bits, SLOT_WORDS, from);

	if (first >= SP_SVC_SLOTS)
		return false;
	ret_span->first = ret_span->last = (uint32_t)first;
	while (ret_span->last < protocol_of((uint32_t)first)->last &&
	       sp_bits_test(bits, ret_span->last + 1))
		ret_span->last++;
	return true;
}

static size_t count_spans(const uint64_t *bits)
{
	struct sp_slots span = { 0 };
	size_t count = 0;

	for (uint32_t from = 0; next_span(bits, from, &span); from = span.last + 1)
		count++;
	return count;
}

static int add_span(struct sp_name_list *words, const struct sp_slots *span)
{
	const struct protocol *protocol = protocol_of(span->first);
	const uint32_t first = span->first - protocol->first, last = span->last - protocol->first;
	char text[40];

	if (first == last)
		snprintf(text, sizeof(text), "%s/%u", protocol->name, first);
	else
		snprintf(text, sizeof(text), "%s/%u-%u", protocol->name, first, last);
	return sp_name_list_add(words, text);
}

/* Protocols that are there whole, by their names alone; what the family has not is not missed. */
static int add_protocols(uint64_t *left, bool is_v6, struct sp_name_list *words)
{
	int r = 0;

	for (size_t i = 0; i < SP_ARRAY_LEN(protocols) && r == 0; i++) {
		uint64_t whole[SLOT_WORDS] = { 0 };

		set_slots(whole, protocols[i].first, protocols[i].last);
		keep_opening(whole, is_v6);
		if (is_empty(whole) || !is_within(whole, left))
			continue;
		take_bits(left, whole);
		r = sp_name_list_add(words, protocols[i].first == SP_SVC_PROTO ? "other protocols"
									       : protocols[i].name);
	}
	return r;
}

static int add_named_services(const struct sp_policy *policy, uint64_t *left, bool is_v6,
			      struct sp_name_list *words)
{
	int r = 0;

	for (size_t i = 0; i < policy->service_count && r == 0; i++) {
		const struct sp_named_service *service = &policy->services[i];
		uint64_t bits[SLOT_WORDS] = { 0 };

		for (size_t n = 0; n < service->count; n++)
			set_service(bits, &service->items[n]);
		keep_opening(bits, is_v6);
		if (is_empty(bits) || !is_within(bits, left))
			continue;
		take_bits(left, bits);
		r = sp_name_list_add(words, service->name);
	}
	return r;
}

static int add_slots(const struct sp_policy *policy, uint64_t *left, bool is_v6,
		     struct sp_name_list *words)
{
	struct sp_slots span = { 0 };
	int r = add_protocols(left, is_v6, words);

	if (r == 0)
		r = add_named_services(policy, left, is_v6, words);
	for (uint32_t from = 0; r == 0 && next_span(left, from, &span); from = span.last + 1)
		r = add_span(words, &span);
	return r;
}

/* "everything but tcp/25, udp/53", as one word: what is listed is not in the set. */
static int add_all_but(const struct sp_policy *policy, uint64_t *rest, bool is_v6,
		       struct sp_name_list *words)
{
	__sp_cleanup(sp_name_list_done) struct sp_name_list left_out = { 0 };
	__sp_buf struct sp_buf text = SP_BUF_INIT;
	int r = add_slots(policy, rest, is_v6, &left_out);

	for (size_t i = 0; i < left_out.count && r == 0; i++)
		r = sp_buf_printf(&text, "%s%s", i ? ", " : "everything but ", left_out.items[i]);
	return r < 0 ? r : sp_name_list_add(words, sp_buf_get(&text));
}

int sp_wording_services(const struct sp_wording *wording, const struct sp_slots *slots,
			size_t count, bool is_v6, struct sp_name_list *words)
{
	uint64_t left[SLOT_WORDS] = { 0 }, rest[SLOT_WORDS] = { 0 };

	for (size_t i = 0; i < count; i++)
		set_slots(left, slots[i].first, slots[i].last);
	set_slots(rest, 0, SP_SVC_SLOTS - 1);
	keep_opening(rest, is_v6);
	if (is_within(rest, left))
		return sp_name_list_add(words, "everything");
	take_bits(rest, left);
	if (count > SPANS_MAX && count_spans(rest) < count)
		return add_all_but(wording->policy, rest, is_v6, words);
	return add_slots(wording->policy, left, is_v6, words);
}
