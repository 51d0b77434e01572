/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "policy/checks/loader.h"
#include "yaml/value.h"

enum { MATCH, SESSION, REQUIRE, EXPIRES, MAX_DEVICES };
static const struct sp_key role_keys[] = {
	[MATCH] = { "match", SP_KEY_REQUIRED },
	[SESSION] = { "session", SP_KEY_OPTIONAL },
	[REQUIRE] = { "require", SP_KEY_LATER },
	[EXPIRES] = { "expires", SP_KEY_OPTIONAL },
	[MAX_DEVICES] = { "max-devices", SP_KEY_OPTIONAL },
};

enum { MAX, IDLE, WARN };
static const struct sp_key session_keys[] = {
	[MAX] = { "max", SP_KEY_OPTIONAL },
	[IDLE] = { "idle", SP_KEY_OPTIONAL },
	[WARN] = { "warn", SP_KEY_OPTIONAL },
};

enum { IDP, GROUP, USER, PEOPLE, PEER_KEY, ATTR };
static const struct sp_key match_keys[] = {
	[IDP] = { "idp", SP_KEY_OPTIONAL },           [GROUP] = { "group", SP_KEY_OPTIONAL },
	[USER] = { "user", SP_KEY_OPTIONAL },         [PEOPLE] = { "people", SP_KEY_OPTIONAL },
	[PEER_KEY] = { "peer-key", SP_KEY_OPTIONAL }, [ATTR] = { "attr", SP_KEY_LATER },
};

static void read_group(struct sp_loader *loader, const struct sp_node *node,
		       struct sp_role_match *match)
{
	struct sp_check *check = &loader->check;
	const char *group = sp_read_group(check, node, "group");

	if (!group)
		return;
	if (strchr(group, '*')) {
		sp_report(
			check, node,
			"group %s would be a group of that very name: there are no patterns, and "
			"none that is everybody's; name each group in a match of its own: match: [ "
			"{idp: corp, group: eng}, {idp: corp, group: ops} ]",
			sp_show(group).quoted);
		return;
	}
	if (!strcasecmp(group, "any"))
		sp_warn(check, node,
			"group %s is taken as a group of that very name, and none is everybody's; "
			"name each group in a match of its own",
			sp_show(group).quoted);
	match->group = sp_copy_text(check, group);
}

static void read_user(struct sp_loader *loader, const struct sp_node *node,
		      struct sp_role_match *match)
{
	const char *user = sp_read_user(&loader->check, node, "user");

	match->kind = SP_MATCH_USER;
	if (user)
		match->user = sp_copy_text(&loader->check, user);
}

/* By the provider's word: a group, or the person's name. */
static void read_idp_match(struct sp_loader *loader, const struct sp_node *node,
			   const struct sp_node *const *values, struct sp_role_match *match)
{
	struct sp_check *check = &loader->check;
	const bool has_idp = sp_has_key(node, "idp");
	const bool has_group = sp_has_key(node, "group"), has_user = sp_has_key(node, "user");

	if (!has_idp && has_user)
		sp_report(check, node, "a match by \"user\" needs \"idp\" too");
	else if (!has_idp)
		sp_report(check, node,
			  "a match needs \"idp\" with \"group\" or \"user\", or "
			  "\"people\", or \"peer-key\"");
	else if (values[IDP] && sp_check_name(check, values[IDP], "identity provider") == 0) {
		match->idp = sp_copy_text(check, values[IDP]->text);
		sp_symbols_add(check, &loader->providers, values[IDP], 0);
	}
	if (has_group && has_user)
		sp_report(check, node,
			  "a match is by \"group\" or by \"user\", not both: write two matches");
	else if (!has_group && !has_user && has_idp)
		sp_report(check, node, "a match by \"idp\" needs \"group\" or \"user\" too");
	else if (values[GROUP])
		read_group(loader, values[GROUP], match);
	else if (values[USER])
		read_user(loader, values[USER], match);
}

static void read_people_match(struct sp_loader *loader, const struct sp_node *node,
			      const struct sp_node *value, struct sp_role_match *match)
{
	const struct sp_symbol *list;

	if (node->count != 1)
		sp_report(&loader->check, node,
			  "a match by \"people\" stands alone, since the list says whose people "
			  "they are: write two matches");
	match->kind = SP_MATCH_PEOPLE;
	list = value ? sp_find_people(loader, value) : NULL;
	if (list)
		match->people = list->index;
}

static void read_key_match(struct sp_loader *loader, const struct sp_node *node,
			   const struct sp_node *value, struct sp_role_match *match)
{
	match->kind = SP_MATCH_PEER_KEY;
	if (sp_has_key(node, "idp") || sp_has_key(node, "group") || sp_has_key(node, "user"))
		sp_report(&loader->check, node,
			  "a match is by \"idp\" and \"group\" or \"user\", or by \"peer-key\", "
			  "not both: write two matches");
	if (value)
		sp_read_key(&loader->check, value, "peer-key", match->peer_key);
	/* the form in which devices are enrolled: X25519 ignores this bit */
	match->peer_key[31] &= 0x7f;
}

static void read_match(struct sp_loader *loader, const struct sp_node *node, struct sp_role *role)
{
	const struct sp_node *values[SP_ARRAY_LEN(match_keys)];
	struct sp_check *check = &loader->check;
	struct sp_role_match *match;

	if (sp_read_map(check, node, "a match", match_keys, SP_ARRAY_LEN(match_keys), values) !=
		    0 ||
	    sp_has_key(node, "attr"))
		return;
	match = SP_ARRAY_PUSH(role->matches, role->match_count);
	if (!match)
		check->no_memory = true;
	else if (sp_has_key(node, "people"))
		read_people_match(loader, node, values[PEOPLE], match);
	else if (sp_has_key(node, "peer-key"))
		read_key_match(loader, node, values[PEER_KEY], match);
	else
		read_idp_match(loader, node, values, match);
}

static void read_span(struct sp_check *check, const struct sp_node *node, const char *what,
		      int64_t *ret_seconds)
{
	int64_t seconds;

	if (!node || sp_read_duration(check, node, what, &seconds) < 0)
		return;
	if (seconds < SP_SESSION_LEAST_S || seconds > SP_SESSION_MOST_S)
		sp_report(check, node, "%s is from 1m to 30d, not %s", what,
			  sp_show(node->text).quoted);
	else
		*ret_seconds = seconds;
}

static void read_session(struct sp_check *check, const struct sp_node *node, struct sp_role *role)
{
	const struct sp_node *values[SP_ARRAY_LEN(session_keys)];
	const int64_t default_s = SP_SESSION_DEFAULT_MAX_S;

	if (sp_read_map(check, node, "\"session\"", session_keys, SP_ARRAY_LEN(session_keys),
			values) < 0)
		return;
	if (!node->count)
		sp_report(check, node,
			  "\"session\" says nothing: give it max, idle or warn, or leave it out");
	read_span(check, values[MAX], "\"max\"", &role->max_s);
	read_span(check, values[IDLE], "\"idle\"", &role->idle_s);
	read_span(check, values[WARN], "\"warn\"", &role->warn_s);
	if (role->warn_s && role->warn_s >= (role->max_s ? role->max_s : default_s))
		sp_report(check, values[WARN],
			  "\"warn\" %s is no warning: a session of this role lasts %s",
			  sp_show(values[WARN]->text).quoted,
			  role->max_s ? values[MAX]->text : "10h");
}

static void read_max_devices(struct sp_check *check, const struct sp_node *node,
			     struct sp_role *role)
{
	uint64_t count;

	if (sp_read_number(check, node, "\"max-devices\"", 1, SP_DEVICES_MAX, &count) == 0)
		role->max_devices = (uint32_t)count;
}

void sp_load_roles(struct sp_loader *loader, const struct sp_node *section)
{
	struct sp_check *check = &loader->check;

	if (section->kind != SP_NODE_MAP)
		return; /* reported when the names were declared */
	sp_map_for_each(name, body, section) {
		const struct sp_node *values[SP_ARRAY_LEN(role_keys)];
		struct sp_role *role =
			SP_ARRAY_PUSH(loader->policy->roles, loader->policy->role_count);

		if (!role) {
			check->no_memory = true;
			return;
		}
		role->name = sp_copy_text(check, name->text);
		role->place = sp_place_of(name);
		if (sp_read_map(check, body, "a role", role_keys, SP_ARRAY_LEN(role_keys), values) <
		    0)
			continue;
		if (values[SESSION])
			read_session(check, values[SESSION], role);
		if (values[EXPIRES])
			sp_load_expires(loader, values[EXPIRES], &role->expires_s);
		if (values[MAX_DEVICES])
			read_max_devices(check, values[MAX_DEVICES], role);
		if (!values[MATCH] || sp_read_items(check, values[MATCH], "\"match\"") < 0)
			continue;
		sp_for_each_item(item, values[MATCH])
			read_match(loader, item, role);
	}
}
