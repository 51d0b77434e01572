/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `limits`, and the `limit` of a rule or an expose entry. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "policy/checks/loader.h"
#include "yaml/value.h"

/* By enum sp_limit_unit first. */
enum { PACKETS, BYTES, CONNECTIONS, BURST, KEY };
static const struct sp_key limit_keys[] = {
	[PACKETS] = { "packets", SP_KEY_OPTIONAL },
	[BYTES] = { "bytes", SP_KEY_OPTIONAL },
	[CONNECTIONS] = { "connections", SP_KEY_OPTIONAL },
	[BURST] = { "burst", SP_KEY_OPTIONAL },
	[KEY] = { "key", SP_KEY_OPTIONAL },
};

#define FRAME_BYTES 1514u /* the longest on Ethernet */
#define BURST_MOST_S UINT64_C(86400)

/* The key of the rate; -EINVAL: there is none, or several (reported). */
static int find_unit(struct sp_check *check, const struct sp_node *body)
{
	int unit = -EINVAL;

	for (int i = PACKETS; i <= CONNECTIONS; i++) {
		if (!sp_has_key(body, limit_keys[i].name))
			continue;
		if (unit >= 0) {
			sp_report(check, body,
				  "a limit counts \"%s\" or \"%s\", not both: write two limits",
				  limit_keys[unit].name, limit_keys[i].name);
			return -EINVAL;
		}
		unit = i;
	}
	if (unit < 0)
		sp_report(check, body,
			  "a limit needs \"packets\", \"bytes\" or \"connections\": "
			  "{ packets: 20000/s }");
	return unit;
}

/* One second's worth, and a packet at least. */
static uint64_t default_burst(const struct sp_limit *limit)
{
	const uint64_t second = (limit->rate + limit->period_s - 1) / limit->period_s;
	const uint64_t least = limit->unit == SP_LIMIT_BYTES ? FRAME_BYTES : 1;

	return second > least ? second : least;
}

static void load_burst(struct sp_check *check, const struct sp_node *node, struct sp_limit *limit)
{
	uint64_t burst;

	if (limit->unit == SP_LIMIT_BYTES) {
		if (sp_read_size(check, node, "\"burst\"", &burst) < 0)
			return;
		if (burst < FRAME_BYTES) {
			sp_report(check, node,
				  "\"burst\" %s is less than one packet: at least %u bytes",
				  sp_show(node->text).quoted, FRAME_BYTES);
			return;
		}
	} else if (sp_read_number(check, node, "\"burst\"", 1, SP_RATE_UNITS_MAX, &burst) < 0) {
		return;
	}
	if (burst * limit->period_s > limit->rate * BURST_MOST_S) {
		sp_report(check, node,
			  "\"burst\" %s is more than a day of this rate: it would be no limit",
			  sp_show(node->text).quoted);
		return;
	}
	limit->burst = burst;
}

/* `source/24`. Returns its bits; 0: it is none. */
static uint8_t source_bits_of(const char *text)
{
	static const char prefix[] = "source/";
	char *end;
	long bits;

	if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	text += sizeof(prefix) - 1;
	if (*text < '1' || *text > '9')
		return 0;
	bits = strtol(text, &end, 10);
	return *end == '\0' && bits >= 8 && bits <= 32 ? (uint8_t)bits : 0;
}

static void load_key(struct sp_check *check, const struct sp_node *node, struct sp_limit *limit)
{
	static const char *const words[] = {
		[SP_LIMIT_BY_SESSION] = "session",
		[SP_LIMIT_BY_SOURCE] = "source",
		[SP_LIMIT_BY_RULE] = "rule",
		NULL,
	};
	int word;

	if (node->kind == SP_NODE_SCALAR && strchr(node->text, '/')) {
		limit->key = SP_LIMIT_BY_SOURCE;
		limit->source_bits = source_bits_of(node->text);
		if (!limit->source_bits)
			sp_report(check, node,
				  "\"key\" %s: a source counts by 8 to 32 leading bits, as "
				  "source/24 (IPv6: 32 more)",
				  sp_show(node->text).quoted);
		return;
	}
	word = sp_read_word(check, node, "\"key\"", words);
	if (word >= 0)
		limit->key = (enum sp_limit_key)word;
}

static void load_terms(struct sp_check *check, const struct sp_node *body, struct sp_limit *limit)
{
	const struct sp_node *values[SP_ARRAY_LEN(limit_keys)];
	struct sp_unit_rate rate;
	int unit, r;

	r = sp_read_map(check, body, "a limit", limit_keys, SP_ARRAY_LEN(limit_keys), values);
	if (r < 0)
		return;
	if (values[KEY])
		load_key(check, values[KEY], limit);
	unit = r == 0 ? find_unit(check, body) : -EINVAL;
	if (unit < 0 || !values[unit] ||
	    sp_read_rate(check, values[unit], limit_keys[unit].name, unit == BYTES, &rate) < 0)
		return;
	limit->unit = (enum sp_limit_unit)unit;
	limit->rate = rate.units;
	limit->period_s = rate.period_s;
	limit->burst = default_burst(limit);
	if (values[BURST])
		load_burst(check, values[BURST], limit);
}

/* Each session has room for so many buckets. */
static void check_slots(struct sp_loader *loader, const struct sp_node *name)
{
	size_t count = 0;

	for (size_t i = 0; i < loader->policy->limit_count; i++)
		count += loader->policy->limits[i].key == SP_LIMIT_BY_SESSION;
	if (count == SP_LIMIT_SESSION_SLOTS + 1 &&
	    loader->policy->limits[loader->policy->limit_count - 1].key == SP_LIMIT_BY_SESSION)
		sp_report(&loader->check, name,
			  "more than %u limits by session; this is the first too many",
			  SP_LIMIT_SESSION_SLOTS);
}

void sp_load_limits(struct sp_loader *loader, const struct sp_node *section)
{
	if (section->kind != SP_NODE_MAP)
		return; /* reported when the names were declared */
	sp_map_for_each(name, body, section) {
		struct sp_limit *limit;

		if (loader->policy->limit_count == SP_LIMITS_MAX) {
			sp_report(&loader->check, name,
				  "more than %u limits; this is the first too many", SP_LIMITS_MAX);
			return;
		}
		limit = SP_ARRAY_PUSH(loader->policy->limits, loader->policy->limit_count);
		if (!limit) {
			loader->check.no_memory = true;
			return;
		}
		limit->name = sp_copy_text(&loader->check, name->text);
		limit->place = sp_place_of(name);
		load_terms(&loader->check, body, limit);
		check_slots(loader, name);
	}
}

void sp_load_limit(struct sp_loader *loader, const struct sp_node *node, struct sp_rule *rule)
{
	const struct sp_symbols *const tables[] = { &loader->limits };
	const char *name = sp_read_text(&loader->check, node, "\"limit\"");
	struct sp_symbol *symbol = name ? sp_symbols_find(&loader->limits, name) : NULL;

	if (!name)
		return;
	if (!symbol) {
		sp_report(&loader->check, node, "unknown limit %s%s", sp_show(name).quoted,
			  sp_hint(&loader->check, name, tables, 1).text);
		return;
	}
	symbol->is_used = true;
	if (rule->kind == SP_RULE_DENY)
		sp_report(&loader->check, node,
			  "a deny lets nothing pass, so there is nothing to limit: leave \"limit\" "
			  "out");
	else
		rule->limit = symbol->index + 1;
}
