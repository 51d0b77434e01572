/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Networks whose addresses the text does not have, since a file lists them or names have them; and
 * what fixtures say in their place. */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "net/addr.h"
#include "policy/checks/loader.h"
#include "yaml/value.h"

#define MAX_AGE_MOST_S (365 * INT64_C(86400))
#define FILE_LEN_MAX 255u
#define TTL_MIN_MOST_S (INT64_C(86400))
#define DNS_MAX_AGE_MOST_S (30 * INT64_C(86400))
#define DNS_TTL_MIN_S 60
#define DNS_MAX_AGE_S (INT64_C(86400))

/* A time span within bounds; @ret_s is left as it is where it was reported. */
static void read_span(struct sp_check *check, const struct sp_node *node, const char *what,
		      int64_t most_s, int64_t *ret_s)
{
	int64_t span_s;

	if (!node || sp_read_duration(check, node, what, &span_s) < 0)
		return;
	if (span_s < 1 || span_s > most_s)
		sp_report(check, node, "%s is from 1s to %lldd", what, (long long)(most_s / 86400));
	else
		*ret_s = span_s;
}

static const char *const folders[] = { "/etc/sallyport/", "/var/lib/sallyport/" };

static bool has_dots(const char *path)
{
	for (const char *part = path; *part;) {
		const size_t len = strcspn(part, "/");

		if ((len == 1 || len == 2) && strncmp(part, "..", len) == 0)
			return true;
		part += len + (part[len] == '/');
	}
	return false;
}

/* The gateway reads it again and again, from where its unit lets it read: so a path means the same
 * whoever applies the policy, and from wherever. */
static const char *read_file(struct sp_check *check, const struct sp_node *node)
{
	const char *text = sp_read_text(check, node, "\"file\"");
	bool is_allowed;

	if (!text)
		return NULL;
	is_allowed = *text != '/';
	for (size_t i = 0; i < SP_ARRAY_LEN(folders); i++)
		is_allowed |= strncmp(text, folders[i], strlen(folders[i])) == 0;
	if (strlen(text) > FILE_LEN_MAX || has_dots(text) || text[strlen(text) - 1] == '/' ||
	    strchr(text, '%'))
		sp_report(
			check, node,
			"%s is not the path of a file, as drop.netset: at most %u bytes, no \".\" "
			"nor \"..\" between slashes, no slash at the end, and no %%",
			sp_show(text).quoted, FILE_LEN_MAX);
	else if (!is_allowed)
		sp_report(check, node,
			  "%s: the gateway reads feeds below %s and %s alone; drop.netset means "
			  "/etc/sallyport/feeds/drop.netset",
			  sp_show(text).quoted, folders[0], folders[1]);
	else
		return text;
	return NULL;
}

void sp_load_file_network(struct sp_loader *loader, const struct sp_node *file,
			  const struct sp_node *max_age, const struct sp_node *on_stale,
			  struct sp_network *network)
{
	static const char *const words[] = {
#define X(id, word, text) word,
		SP_ON_STALES(X)
#undef X
			NULL,
	};
	struct sp_check *check = &loader->check;
	const char *path = file ? read_file(check, file) : NULL;
	int word = on_stale ? sp_read_word(check, on_stale, "\"on-stale\"", words) : -1;

	network->kind = SP_NETWORK_FEED;
	read_span(check, max_age, "\"max-age\"", MAX_AGE_MOST_S, &network->max_age_s);
	if (on_stale && !max_age)
		sp_report(check, on_stale,
			  "\"on-stale\" says nothing without \"max-age\": a feed of any age is "
			  "fresh");
	if (word >= 0)
		network->on_stale = (enum sp_on_stale)word;
	if (path)
		network->file = sp_copy_text(check, path);
}

/* ---- names ---- */

static void add_host(struct sp_loader *loader, const struct sp_node *item,
		     struct sp_network *network)
{
	struct sp_check *check = &loader->check;
	const char *name = sp_read_domain(check, item, "\"dns\"");
	char **room;

	if (!name)
		return;
	if (loader->hosts.count == SP_HOSTS_MAX) {
		sp_report(check, item,
			  "the networks by \"dns\" have more than %u names; this is the first too "
			  "many",
			  SP_HOSTS_MAX);
		return;
	}
	sp_symbols_add(check, &loader->hosts, item, (uint32_t)(network - loader->policy->networks));
	room = SP_ARRAY_PUSH(network->hosts, network->host_count);
	if (room)
		*room = sp_copy_text(check, name);
	else
		check->no_memory = true;
}

void sp_load_dns_network(struct sp_loader *loader, const struct sp_node *dns,
			 const struct sp_node *ttl_min, const struct sp_node *max_age,
			 struct sp_network *network)
{
	struct sp_check *check = &loader->check;

	network->kind = SP_NETWORK_DNS;
	network->ttl_min_s = DNS_TTL_MIN_S;
	network->max_age_s = DNS_MAX_AGE_S;
	read_span(check, ttl_min, "\"ttl-min\"", TTL_MIN_MOST_S, &network->ttl_min_s);
	read_span(check, max_age, "\"max-age\"", DNS_MAX_AGE_MOST_S, &network->max_age_s);
	if (network->max_age_s < 2 * network->ttl_min_s)
		sp_report(check, max_age ? max_age : ttl_min,
			  "\"max-age\" is at least twice \"ttl-min\", which is %llds: else an "
			  "address is forgotten before its name is asked again",
			  (long long)network->ttl_min_s);
	if (!dns || sp_read_items(check, dns, "\"dns\"") < 0)
		return;
	sp_for_each_item(item, dns)
		add_host(loader, item, network);
}

/* ---- fixtures ---- */

static void load_items(struct sp_loader *loader, const struct sp_node *node,
		       struct sp_fixture_held *held, bool is_of_addresses)
{
	struct sp_check *check = &loader->check;

	if (sp_read_items(check, node,
			  is_of_addresses ? "the addresses of a name" : "the prefixes of a feed") <
	    0)
		return;
	sp_for_each_item(item, node) {
		struct sp_prefix prefix = { .prefix_len = 128 }, *room;
		struct sp_addr addr;

		if (is_of_addresses ? sp_read_address(check, item, "an address", &addr) < 0
				    : sp_read_prefix(check, item, "address", &prefix) < 0)
			continue;
		if (is_of_addresses)
			memcpy(prefix.addr, &addr, sizeof(prefix.addr));
		room = SP_ARRAY_PUSH(held->in, held->count);
		if (!room) {
			check->no_memory = true;
			return;
		}
		*room = prefix;
	}
}

/* The network by file of this name; NULL: reported. */
static const struct sp_symbol *find_feed(struct sp_loader *loader, const struct sp_node *key)
{
	const struct sp_symbols *const tables[] = { &loader->networks };
	const struct sp_symbol *symbol = sp_symbols_find(&loader->networks, key->text);

	if (!symbol)
		sp_report(&loader->check, key, "unknown network %s%s", sp_show(key->text).quoted,
			  sp_hint(&loader->check, key->text, tables, 1).text);
	else if (loader->policy->networks[symbol->index].kind != SP_NETWORK_FEED)
		sp_report(&loader->check, key,
			  "network %s is none by \"file\": what it holds is said elsewhere",
			  sp_show(key->text).quoted);
	else
		return symbol;
	return NULL;
}

/* The name of a network by DNS; NULL: reported. */
static const struct sp_symbol *find_host(struct sp_loader *loader, const struct sp_node *key)
{
	const struct sp_symbols *const tables[] = { &loader->hosts };
	const struct sp_symbol *symbol = sp_symbols_find(&loader->hosts, key->text);

	if (!symbol)
		sp_report(&loader->check, key, "no network is made of the name %s%s",
			  sp_show(key->text).quoted,
			  sp_hint(&loader->check, key->text, tables, 1).text);
	return symbol;
}

/* @example: of the mapping, for the message. */
static void load_held(struct sp_loader *loader, const struct sp_node *node, bool is_of_addresses,
		      const char *example)
{
	struct sp_fixtures *fixtures = &loader->policy->fixtures;
	struct sp_check *check = &loader->check;

	if (node->kind == SP_NODE_BROKEN)
		return;
	if (node->kind != SP_NODE_MAP || node->count == 0) {
		sp_report(check, node, "\"%s\" is a mapping, %s", is_of_addresses ? "dns" : "feeds",
			  example);
		return;
	}
	sp_map_for_each(key, value, node) {
		const struct sp_symbol *symbol =
			is_of_addresses ? find_host(loader, key) : find_feed(loader, key);
		struct sp_fixture_held *held;

		if (!symbol)
			continue;
		held = SP_ARRAY_PUSH(fixtures->held, fixtures->held_count);
		if (!held) {
			check->no_memory = true;
			return;
		}
		held->place = sp_place_of(key);
		held->network = symbol->index;
		load_items(loader, value, held, is_of_addresses);
	}
}

void sp_load_fixture_feeds(struct sp_loader *loader, const struct sp_node *node)
{
	load_held(loader, node, false, "{ drop: [198.51.100.0/24] }");
}

void sp_load_fixture_dns(struct sp_loader *loader, const struct sp_node *node)
{
	load_held(loader, node, true, "{ git.corp.example: 10.30.2.9 }");
}
