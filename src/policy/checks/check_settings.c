/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `settings`: what holds for the whole policy, said in one file. */
#include "base/array.h"
#include "policy/checks/loader.h"

enum { SELF, TIMEZONE, REJECT, LOG_DENY, LOG_ALLOW };
static const struct sp_key settings_keys[] = {
	[SELF] = { "self", SP_KEY_OPTIONAL },        [TIMEZONE] = { "timezone", SP_KEY_LATER },
	[REJECT] = { "reject", SP_KEY_LATER },       [LOG_DENY] = { "log-deny", SP_KEY_LATER },
	[LOG_ALLOW] = { "log-allow", SP_KEY_LATER },
};

static void load_self(struct sp_loader *loader, const struct sp_node *node)
{
	static const char *const words[] = { "open", "rules", NULL };
	struct sp_settings *settings = &loader->policy->settings;
	int word = sp_read_word(&loader->check, node, "\"self\"", words);

	settings->self_needs_rules = word == 1;
	settings->self_at = sp_place_of(node);
}

static void load_section(struct sp_loader *loader, const struct sp_node *section)
{
	const struct sp_node *values[SP_ARRAY_LEN(settings_keys)];

	if (sp_read_map(&loader->check, section, "\"settings\"", settings_keys,
			SP_ARRAY_LEN(settings_keys), values) < 0)
		return;
	if (section->count == 0)
		sp_report(&loader->check, section, "\"settings\" is empty: leave it out");
	if (values[SELF])
		load_self(loader, values[SELF]);
}

void sp_load_settings(struct sp_loader *loader)
{
	const struct sp_node *first = NULL;

	for (size_t i = 0; i < loader->part_count; i++) {
		const struct sp_node *section = loader->parts[i].values[SP_SECTION_SETTINGS];

		if (!section)
			continue;
		load_section(loader, section);
		if (first)
			sp_report(&loader->check, section,
				  "\"settings\" are given on %s already: one file says them",
				  sp_show_line(&loader->check, section, sp_place_of(first)).text);
		else
			first = section;
	}
}
