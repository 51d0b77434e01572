/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Networks whose addresses the text does not have, since a file lists them; and what fixtures say in
 * their place. */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "net/addr.h"
#include "policy/checks/loader.h"
#include "yaml/value.h"

#define MAX_AGE_MOST_S (365 * INT64_C(86400))
#define FILE_LEN_MAX 255u

/* A time span within bounds; @ret_s is left as it is where it was reported. */
static void read_max_age(struct sp_check *check, const struct sp_node *node, int64_t *ret_s)
{
	int64_t span_s;

	if (!node || sp_read_duration(check, node, "\"max-age\"", &span_s) < 0)
		return;
	if (span_s < 1 || span_s > MAX_AGE_MOST_S)
		sp_report(check, node, "\"max-age\" is from 1s to %lldd",
			  (long long)(MAX_AGE_MOST_S / 86400));
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
	read_max_age(check, max_age, &network->max_age_s);
	if (on_stale && !max_age)
		sp_report(check, on_stale,
			  "\"on-stale\" says nothing without \"max-age\": a feed of any age is "
			  "fresh");
	if (word >= 0)
		network->on_stale = (enum sp_on_stale)word;
	if (path)
		network->file = sp_copy_text(check, path);
}

/* ---- fixtures ---- */

static void load_feed_items(struct sp_loader *loader, const struct sp_node *node,
			    struct sp_fixture_feed *feed)
{
	if (sp_read_items(&loader->check, node, "the prefixes of a feed") < 0)
		return;
	sp_for_each_item(item, node) {
		struct sp_prefix prefix, *room;

		if (sp_read_prefix(&loader->check, item, "address", &prefix) < 0)
			continue;
		room = SP_ARRAY_PUSH(feed->in, feed->count);
		if (!room) {
			loader->check.no_memory = true;
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

void sp_load_fixture_feeds(struct sp_loader *loader, const struct sp_node *node)
{
	struct sp_fixtures *fixtures = &loader->policy->fixtures;
	struct sp_check *check = &loader->check;

	if (node->kind == SP_NODE_BROKEN)
		return;
	if (node->kind != SP_NODE_MAP || node->count == 0) {
		sp_report(check, node, "\"feeds\" is a mapping, { drop: [198.51.100.0/24] }");
		return;
	}
	sp_map_for_each(key, value, node) {
		const struct sp_symbol *symbol = find_feed(loader, key);
		struct sp_fixture_feed *feed;

		if (!symbol)
			continue;
		feed = SP_ARRAY_PUSH(fixtures->feeds, fixtures->feed_count);
		if (!feed) {
			check->no_memory = true;
			return;
		}
		feed->place = sp_place_of(key);
		feed->network = symbol->index;
		load_feed_items(loader, value, feed);
	}
}
