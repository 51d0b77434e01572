/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "policy/checks/loader.h"
#include "yaml/value.h"

enum {
	NAME,
	ALLOW,
	DENY,
	REASON,
	LOG,
	ENABLED,
	LIMIT,
	WHEN,
	EXPIRES,
	ALLOW_EXPIRING,
	MODE,
	TICKET
};
static const struct sp_key rule_keys[] = {
	[NAME] = { "name", SP_KEY_REQUIRED },
	[ALLOW] = { "allow", SP_KEY_OPTIONAL },
	[DENY] = { "deny", SP_KEY_OPTIONAL },
	[REASON] = { "reason", SP_KEY_OPTIONAL },
	[LOG] = { "log", SP_KEY_OPTIONAL },
	[ENABLED] = { "enabled", SP_KEY_OPTIONAL },
	[LIMIT] = { "limit", SP_KEY_OPTIONAL },
	[WHEN] = { "when", SP_KEY_OPTIONAL },
	[EXPIRES] = { "expires", SP_KEY_OPTIONAL },
	[ALLOW_EXPIRING] = { "allow-expiring-deny", SP_KEY_OPTIONAL },
	[MODE] = { "mode", SP_KEY_OPTIONAL },
	[TICKET] = { "ticket", SP_KEY_OPTIONAL },
};

enum { FROM, TO, SERVICES };
static const struct sp_key body_keys[] = {
	[FROM] = { "from", SP_KEY_REQUIRED },
	[TO] = { "to", SP_KEY_REQUIRED },
	[SERVICES] = { "services", SP_KEY_OPTIONAL },
};

#define REASON_MAX 256u
#define TICKET_MAX 128u

struct sp_rule *sp_add_rule(struct sp_loader *loader, const struct sp_node *node,
			    const struct sp_node *name, enum sp_rule_kind kind)
{
	struct sp_check *check = &loader->check;
	struct sp_policy *policy = loader->policy;
	struct sp_rule *rule;

	if (policy->rule_count == SP_RULE_MAX - 1) {
		sp_report(check, node,
			  "more than %u rules, expose and protect entries; this is the first "
			  "too many",
			  SP_RULE_MAX - 1);
		return NULL;
	}
	rule = SP_ARRAY_PUSH(policy->rules, policy->rule_count);
	if (!rule) {
		check->no_memory = true;
		return NULL;
	}
	rule->kind = kind;
	rule->place = sp_place_of(node);
	rule->log = kind == SP_RULE_DENY ? loader->log_deny : loader->log_allow;
	if (name && sp_check_name(check, name, "rule") == 0) {
		rule->name = sp_copy_text(check, name->text);
		sp_symbols_add(check, &loader->rules, name, (uint32_t)policy->rule_count - 1);
	}
	return rule;
}

void sp_load_log(struct sp_loader *loader, const struct sp_node *node, struct sp_rule *rule)
{
	static const char *const words[] = { "none", "new", "all", NULL };
	int word = sp_read_word(&loader->check, node, "\"log\"", words);

	if (word >= 0)
		rule->log = (enum sp_log)word; /* the words are in the order of the enum */
}

void sp_load_enabled(struct sp_loader *loader, const struct sp_node *node, bool *is_disabled)
{
	static const char *const words[] = { "true", "false", NULL };
	int word = sp_read_word(&loader->check, node, "\"enabled\"", words);

	*is_disabled = word == 1;
}

static bool is_line(struct sp_loader *loader, const struct sp_node *node, const char *what)
{
	for (const char *c = node->text; *c; c++) {
		if ((unsigned char)*c < 0x20) {
			sp_report(&loader->check, node, "%s is one line of text", what);
			return false;
		}
	}
	return true;
}

static void load_reason(struct sp_loader *loader, const struct sp_node *node, struct sp_rule *rule)
{
	const char *text = sp_read_text(&loader->check, node, "\"reason\"");

	if (!text)
		return;
	if (strlen(text) > REASON_MAX) {
		sp_report(&loader->check, node,
			  "\"reason\" has %zu bytes; at most %u are told to a person", strlen(text),
			  REASON_MAX);
		return;
	}
	if (is_line(loader, node, "\"reason\""))
		rule->reason = sp_copy_text(&loader->check, text);
}

static void load_ticket(struct sp_loader *loader, const struct sp_node *node, struct sp_rule *rule)
{
	const char *text = sp_read_text(&loader->check, node, "\"ticket\"");

	if (!text)
		return;
	if (!*text || strlen(text) > TICKET_MAX)
		sp_report(&loader->check, node, "\"ticket\" is a text of 1 to %u bytes, not %zu",
			  TICKET_MAX, strlen(text));
	else if (is_line(loader, node, "\"ticket\""))
		rule->ticket = sp_copy_text(&loader->check, text);
}

static void load_when(struct sp_loader *loader, const struct sp_node *node, struct sp_rule *rule)
{
	const struct sp_symbols *const tables[] = { &loader->schedules };
	struct sp_check *check = &loader->check;
	const char *name = sp_read_text(check, node, "\"when\"");
	struct sp_symbol *symbol = name ? sp_symbols_find(&loader->schedules, name) : NULL;

	if (name && !symbol)
		sp_report(check, node, "unknown schedule %s%s", sp_show(name).quoted,
			  sp_hint(check, name, tables, 1).text);
	if (!symbol)
		return;
	symbol->is_used = true;
	rule->when = &loader->policy->schedules[symbol->index];
}

/* A deny that ends by itself opens what it closed while nobody looks: whoever means that says so. */
static void check_expiring_deny(struct sp_loader *loader, const struct sp_node *const *values,
				bool is_deny)
{
	static const char *const words[] = { "true", NULL };
	struct sp_check *check = &loader->check;
	const struct sp_node *key = values[ALLOW_EXPIRING];

	if (key)
		sp_read_word(check, key, "\"allow-expiring-deny\"", words);
	if (key && (!is_deny || !values[EXPIRES]))
		sp_report(
			check, key,
			"\"allow-expiring-deny\" is for a deny that has \"expires\": leave it out");
	else if (is_deny && values[EXPIRES] && !key)
		sp_report(
			check, values[EXPIRES],
			"a deny that expires opens by itself what it closed: if that is meant, add "
			"allow-expiring-deny: true");
}

static void load_body(struct sp_loader *loader, const struct sp_node *node, struct sp_rule *rule)
{
	const struct sp_node *values[SP_ARRAY_LEN(body_keys)];
	const char *what = rule->kind == SP_RULE_ALLOW ? "\"allow\"" : "\"deny\"";

	if (sp_read_map(&loader->check, node, what, body_keys, SP_ARRAY_LEN(body_keys), values) < 0)
		return;
	if (values[FROM])
		sp_load_from(loader, values[FROM], rule);
	if (values[TO])
		sp_load_to(loader, values[TO], rule);
	if (values[SERVICES])
		sp_load_service_items(loader, values[SERVICES], &rule->services,
				      &rule->service_count);
}

/* What a rule in audit would say is there to be read: it is recorded whatever the settings want of
 * rules that decide. */
static void load_mode(struct sp_loader *loader, const struct sp_node *const *values,
		      struct sp_rule *rule)
{
	static const char *const words[] = { "enforce", "audit", NULL };
	struct sp_check *check = &loader->check;

	rule->is_audit = sp_read_word(check, values[MODE], "\"mode\"", words) == 1;
	if (!rule->is_audit)
		return;
	if (!values[LOG])
		rule->log = SP_LOG_NEW;
	if (values[LIMIT])
		sp_report(
			check, values[LIMIT],
			"a rule with mode: audit lets nothing pass, so there is nothing to limit: "
			"leave \"limit\" out until it decides");
}

/* What the gateway itself sends is open by default: the end of a deny, or its beginning, has no
 * deadline in the tables. */
static void load_times(struct sp_loader *loader, const struct sp_node *const *values,
		       struct sp_rule *rule)
{
	const struct sp_node *node = values[WHEN] ? values[WHEN] : values[EXPIRES];

	if (values[WHEN])
		load_when(loader, values[WHEN], rule);
	if (values[EXPIRES])
		sp_load_expires(loader, values[EXPIRES], &rule->expires_s);
	for (size_t i = 0; node && i < rule->from_count; i++)
		if (rule->from[i].kind == SP_FROM_SELF)
			sp_report(&loader->check, node,
				  "\"when\" and \"expires\" of a rule from self are not supported "
				  "yet: such a rule is always in force");
}

static void load_rule(struct sp_loader *loader, const struct sp_node *node)
{
	const struct sp_node *values[SP_ARRAY_LEN(rule_keys)];
	struct sp_check *check = &loader->check;
	struct sp_rule *rule;
	bool is_deny;
	int r = sp_read_map(check, node, "a rule", rule_keys, SP_ARRAY_LEN(rule_keys), values);

	if (r < 0)
		return;
	is_deny = sp_has_key(node, "deny");
	if (is_deny && sp_has_key(node, "allow")) {
		sp_report(check, node,
			  "a rule has \"allow\" or \"deny\", not both: write two rules");
		return;
	}
	if (r == 0 && !is_deny && !sp_has_key(node, "allow"))
		sp_report(check, node,
			  "a rule needs \"allow\" or \"deny\": { name: …, allow: { from: …, to: … "
			  "} }");
	rule = sp_add_rule(loader, node, values[NAME], is_deny ? SP_RULE_DENY : SP_RULE_ALLOW);
	if (!rule)
		return;
	if (values[ALLOW] || values[DENY])
		load_body(loader, values[is_deny ? DENY : ALLOW], rule);
	if (values[REASON])
		load_reason(loader, values[REASON], rule);
	if (values[TICKET])
		load_ticket(loader, values[TICKET], rule);
	if (values[LOG])
		sp_load_log(loader, values[LOG], rule);
	if (values[LIMIT])
		sp_load_limit(loader, values[LIMIT], rule);
	if (values[ENABLED])
		sp_load_enabled(loader, values[ENABLED], &rule->is_disabled);
	if (values[MODE])
		load_mode(loader, values, rule);
	load_times(loader, values, rule);
	check_expiring_deny(loader, values, is_deny);
}

void sp_load_rules(struct sp_loader *loader, const struct sp_node *section)
{
	if (sp_read_list(&loader->check, section, "\"rules\"") < 0)
		return;
	for (const struct sp_node *node = section->first; node; node = node->next)
		load_rule(loader, node);
}
