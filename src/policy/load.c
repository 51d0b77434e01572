/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/load.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "policy/addresses/special.h"
#include "policy/checks/loader.h"
#include "policy/include.h"
#include "yaml/load.h"

SP_DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free);

static const struct sp_key section_keys[] = {
#define X(id, key, need) [SP_SECTION_##id] = { key, SP_KEY_##need },
	SP_SECTIONS(X)
#undef X
};

/* Report names that are declared twice. @remark follows the message, or is "". */
static void report_doubles(struct sp_loader *loader, const struct sp_symbols *symbols,
			   const char *what, const char *remark)
{
	struct sp_check *check = &loader->check;

	for (size_t i = 1, first = 0; i < symbols->count; i++) {
		const struct sp_node *node = symbols->items[i].node;

		if (strcmp(symbols->items[i].name, symbols->items[first].name) != 0)
			first = i;
		else
			sp_report(check, node, "%s %s is there already, on %s%s", what,
				  sp_show(symbols->items[i].name).quoted,
				  sp_show_line(check, node, sp_place_of(symbols->items[first].node))
					  .text,
				  remark);
	}
}

/* Declare the keys of a section as names of one kind, and report bad ones.
 * @key   "roles", @what "role": for the messages. */
static void declare_names(struct sp_loader *loader, const struct sp_node *section, const char *key,
			  const char *what, struct sp_symbols *symbols)
{
	if (section->kind == SP_NODE_BROKEN)
		return;
	if (section->kind != SP_NODE_MAP || section->count == 0) {
		sp_report(&loader->check, section,
			  "\"%s\" is a mapping, { NAME: … }, with at least one %s", key, what);
		return;
	}
	sp_map_for_each(name, body, section) {
		sp_check_name(&loader->check, name, what);
		sp_symbols_add(&loader->check, symbols, name, (uint32_t)symbols->count);
	}
}

/* Declare the names of every file before any reference is checked: the place of a name does not
 * matter. */
static void declare_all(struct sp_loader *loader, enum sp_section section, const char *what,
			struct sp_symbols *symbols)
{
	for (size_t i = 0; i < loader->part_count; i++)
		if (loader->parts[i].values[section])
			declare_names(loader, loader->parts[i].values[section],
				      section_keys[section].name, what, symbols);
	sp_symbols_sort(symbols);
	report_doubles(loader, symbols, what, "");
}

static void load_all(struct sp_loader *loader, enum sp_section section,
		     void (*load)(struct sp_loader *loader, const struct sp_node *section))
{
	for (size_t i = 0; i < loader->part_count; i++)
		if (loader->parts[i].values[section])
			load(loader, loader->parts[i].values[section]);
}

/* `from` takes roles, lists of people and networks by name alone, so one name cannot be two. */
static void check_names_differ(struct sp_loader *loader, const struct sp_symbols *ones,
			       const char *what, const struct sp_symbols *others,
			       const char *other_what)
{
	for (size_t i = 0; i < ones->count; i++) {
		const struct sp_symbol *one = &ones->items[i];
		const struct sp_symbol *other = sp_symbols_find(others, one->name);
		const struct sp_node *later, *first;

		if (!other)
			continue;
		first = sp_node_compare(&one->node, &other->node) < 0 ? one->node : other->node;
		later = first == one->node ? other->node : one->node;
		sp_report(&loader->check, later,
			  "%s is both %s and %s (%s): \"from\" could not tell them apart",
			  sp_show(one->name).quoted, what, other_what,
			  sp_show_line(&loader->check, later, sp_place_of(first)).text);
	}
}

static int compare_rules(const void *a, const void *b)
{
	const struct sp_rule *left = a, *right = b;

	if (left->place.file != right->place.file)
		return left->place.file < right->place.file ? -1 : 1;
	if (left->place.line != right->place.line)
		return left->place.line < right->place.line ? -1 : 1;
	return left->place.column < right->place.column ? -1
							: left->place.column > right->place.column;
}

static void add_builtin_networks(struct sp_loader *loader)
{
	struct sp_policy *policy = loader->policy;

	policy->bogons = (uint32_t)policy->network_count;
	policy->internet = policy->bogons + 1;
	if (!SP_ARRAY_PUSH(policy->networks, policy->network_count) ||
	    !SP_ARRAY_PUSH(policy->networks, policy->network_count) ||
	    sp_special_networks(&policy->networks[policy->bogons],
				&policy->networks[policy->internet]) < 0)
		loader->check.no_memory = true;
}

#define NESTING_MAX 32u

bool sp_symbol_open(struct sp_loader *loader, const struct sp_node *item, const char *what,
		    struct sp_symbol *symbol)
{
	const char *name = symbol->name;

	if (symbol->state == SP_SYMBOL_OPEN)
		sp_report(&loader->check, item, "%s %s would be made of itself", what,
			  sp_show(name).quoted);
	else if (symbol->state == SP_SYMBOL_NEW && loader->nesting == NESTING_MAX)
		sp_report(&loader->check, item,
			  "%s %s: names stand for names for names, more than %u deep", what,
			  sp_show(name).quoted, NESTING_MAX);
	if (symbol->state != SP_SYMBOL_NEW || loader->nesting == NESTING_MAX)
		return false;
	symbol->state = SP_SYMBOL_OPEN;
	loader->nesting++;
	return true;
}

void sp_symbol_close(struct sp_loader *loader, struct sp_symbol *symbol)
{
	symbol->state = SP_SYMBOL_DONE;
	loader->nesting--;
}

/* The entry at place @from is now at @to. */
static void move_nat(struct sp_policy *policy, uint32_t from, uint32_t to)
{
	for (size_t i = 0; i < policy->rule_count; i++)
		for (size_t n = 0; n < policy->rules[i].to_count; n++)
			if (policy->rules[i].to[n].kind == SP_TO_NAT &&
			    policy->rules[i].to[n].index == from)
				policy->rules[i].to[n].index = to;
}

static void drop_disabled_nat(struct sp_policy *policy)
{
	size_t kept = 0;

	for (size_t i = 0; i < policy->nat_count; i++) {
		if (policy->nats[i].is_disabled) {
			move_nat(policy, (uint32_t)i, UINT32_MAX);
			sp_nat_done(&policy->nats[i]);
			continue;
		}
		if (kept < i)
			move_nat(policy, (uint32_t)i, (uint32_t)kept);
		policy->nats[kept++] = policy->nats[i];
	}
	policy->nat_count = kept;
}

/* Drop the rules that are disabled and were only checked. By now nobody uses the places of names in
 * the array. */
static void drop_disabled(struct sp_policy *policy)
{
	size_t kept = 0;

	for (size_t i = 0; i < policy->rule_count; i++) {
		if (policy->rules[i].is_disabled)
			sp_rule_done(&policy->rules[i]);
		else
			policy->rules[kept++] = policy->rules[i];
	}
	policy->disabled_count = policy->rule_count - kept;
	policy->rule_count = kept;
}

static void load_sections(struct sp_loader *loader)
{
	struct sp_check *check = &loader->check;

	sp_load_settings(loader);
	if (check->no_memory)
		return;
	declare_all(loader, SP_SECTION_PEOPLE, "list of people", &loader->people);
	declare_all(loader, SP_SECTION_ROLES, "role", &loader->roles);
	declare_all(loader, SP_SECTION_NETWORKS, "network", &loader->networks);
	declare_all(loader, SP_SECTION_SERVICES, "service", &loader->services);
	declare_all(loader, SP_SECTION_LIMITS, "limit", &loader->limits);
	declare_all(loader, SP_SECTION_SCHEDULES, "schedule", &loader->schedules);
	check_names_differ(loader, &loader->roles, "a role", &loader->networks, "a network");
	check_names_differ(loader, &loader->people, "a list of people", &loader->networks,
			   "a network");
	check_names_differ(loader, &loader->people, "a list of people", &loader->roles, "a role");

	load_all(loader, SP_SECTION_SCHEDULES, sp_load_schedules);
	load_all(loader, SP_SECTION_ROLES, sp_load_roles);
	load_all(loader, SP_SECTION_PEOPLE, sp_add_people_providers);
	load_all(loader, SP_SECTION_NETWORKS, sp_load_networks);
	sp_resolve_networks(loader);
	sp_symbols_sort(&loader->hosts);
	report_doubles(loader, &loader->hosts, "the name", ": name that network instead");
	add_builtin_networks(loader);
	load_all(loader, SP_SECTION_SERVICES, sp_load_services);
	sp_resolve_services(loader);
	load_all(loader, SP_SECTION_LIMITS, sp_load_limits);
	if (check->no_memory)
		return;
	sp_load_fixtures(loader);
	sp_symbols_sort(&loader->providers);
	load_all(loader, SP_SECTION_PEOPLE, sp_load_people);
	load_all(loader, SP_SECTION_NAT, sp_load_nat);
	sp_symbols_sort(&loader->nats);
	report_doubles(loader, &loader->nats, "nat entry", "");
	sp_check_netmaps(loader);
	load_all(loader, SP_SECTION_EDGE, sp_load_edge);
	load_all(loader, SP_SECTION_PROTECT, sp_load_protect);
	load_all(loader, SP_SECTION_RULES, sp_load_rules);
	sp_symbols_sort(&loader->rules);
	report_doubles(loader, &loader->rules, "rule",
		       ": names of rules, expose and protect entries are unique");
	sp_check_forwards(loader);
	load_all(loader, SP_SECTION_TESTS, sp_load_tests);
	drop_disabled(loader->policy);
	drop_disabled_nat(loader->policy);
	if (!check->no_memory && check->diagnostics->error_count == 0)
		sp_lint(loader);
	if (loader->policy->rule_count > 1)
		qsort(loader->policy->rules, loader->policy->rule_count,
		      sizeof(*loader->policy->rules), compare_rules);
	if (!check->no_memory && check->diagnostics->error_count == 0)
		sp_check_limit_conflicts(loader);
}

/* SHA-256 over each file's name and bytes, each led by its length. The name is the path to it from
 * the first file's folder: the same content is the same generation wherever it lies. */
static int hash_files(struct sp_policy *policy)
{
	__sp_cleanup(EVP_MD_CTX_freep) EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool ok = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; i < policy->file_count && ok; i++) {
		const struct sp_file *file = &policy->files[i];
		const char *name = sp_include_name(policy->files, i);
		uint8_t len_be[8];

		sp_put_be64(len_be, strlen(name));
		ok = EVP_DigestUpdate(hash, len_be, sizeof(len_be)) == 1 &&
		     EVP_DigestUpdate(hash, name, strlen(name)) == 1;
		sp_put_be64(len_be, file->text_len);
		ok = ok && EVP_DigestUpdate(hash, len_be, sizeof(len_be)) == 1 &&
		     EVP_DigestUpdate(hash, file->text, file->text_len) == 1;
	}
	ok = ok && EVP_DigestFinal_ex(hash, policy->generation, NULL) == 1;
	return ok ? 0 : -ENOMEM;
}

/* Keep the file's text: explain quotes it, and the daemon stores it. */
static int add_file(struct sp_policy *policy, const struct sp_file *source)
{
	struct sp_file *file = SP_ARRAY_PUSH(policy->files, policy->file_count);

	if (!file)
		return -ENOMEM;
	file->path = strdup(source->path);
	file->text = malloc(source->text_len + 1);
	file->fault = source->fault ? strdup(source->fault) : NULL;
	if (!file->path || !file->text || (source->fault && !file->fault))
		return -ENOMEM;
	if (source->text_len > 0)
		memcpy(file->text, source->text, source->text_len);
	file->text[source->text_len] = '\0';
	file->text_len = source->text_len;
	return 0;
}

static int add_files(struct sp_policy *policy, const struct sp_file *files, size_t count)
{
	int r = 0;

	policy->paths = calloc(count, sizeof(*policy->paths));
	if (!policy->paths)
		return -ENOMEM;
	for (size_t i = 0; i < count && r == 0; i++) {
		r = add_file(policy, &files[i]);
		if (r == 0)
			policy->paths[i] = policy->files[i].path;
	}
	return r;
}

static void loader_done(struct sp_loader *loader)
{
	sp_symbols_done(&loader->people);
	sp_symbols_done(&loader->roles);
	sp_symbols_done(&loader->networks);
	sp_symbols_done(&loader->hosts);
	sp_symbols_done(&loader->services);
	sp_symbols_done(&loader->limits);
	sp_symbols_done(&loader->schedules);
	sp_symbols_done(&loader->rules);
	sp_symbols_done(&loader->nats);
	sp_symbols_done(&loader->users);
	sp_symbols_done(&loader->providers);
	for (size_t i = 0; i < loader->part_count; i++)
		sp_document_done(&loader->parts[i].document);
	free(loader->parts);
	sp_policy_free(loader->filled);
	sp_policy_free(loader->policy);
}

/* Returns 0; -EINVAL there is nothing of it that could be checked (reported); -ENOMEM. */
static int read_part(struct sp_loader *loader, size_t n)
{
	const struct sp_file *file = &loader->policy->files[n];
	struct sp_check *check = &loader->check;
	struct sp_part *part = &loader->parts[n];
	int r;

	check->file = (uint16_t)n;
	if (file->fault)
		return 0; /* reported where the file is included */
	r = sp_yaml_read(check, file->text, file->text_len,
			 "the file is empty; a policy begins with \"sallyport: 1\"",
			 &part->document);
	if (r < 0)
		return r;
	r = sp_read_map(check, part->document.root, "a policy", section_keys,
			SP_ARRAY_LEN(section_keys), part->values);
	if (r < 0)
		return r;
	sp_read_version(check, part->document.root, part->values[SP_SECTION_VERSION]);
	return 0;
}

/* Read every file, and check that no file of the policy is missing. If one is, names in it would be
 * unknown, so nothing further is reported. Returns 0; -EINVAL, reported; -ENOMEM. */
static int read_parts(struct sp_loader *loader)
{
	size_t before;
	int result = 0;

	loader->parts = calloc(loader->policy->file_count, sizeof(*loader->parts));
	if (!loader->parts)
		return -ENOMEM;
	loader->part_count = loader->policy->file_count;
	for (size_t i = 0; i < loader->part_count; i++) {
		int r = read_part(loader, i);

		if (r == -ENOMEM)
			return r;
		result = r < 0 ? r : result;
	}
	loader->check.file = 0;
	before = loader->check.diagnostics->error_count;
	sp_check_includes(loader);
	return loader->check.diagnostics->error_count > before ? -EINVAL : result;
}

int sp_policy_load(const char *path, const char *text, size_t len, struct sp_policy **ret_policy,
		   struct sp_diagnostics *diagnostics)
{
	const struct sp_file file = { .path = (char *)path, .text = (char *)text, .text_len = len };

	return sp_policy_load_files(&file, 1, NULL, ret_policy, diagnostics);
}

int sp_policy_load_files(const struct sp_file *files, size_t file_count,
			 const struct sp_timezone_source *zones, struct sp_policy **ret_policy,
			 struct sp_diagnostics *diagnostics)
{
	__sp_cleanup(loader_done) struct sp_loader loader = { .zones = zones,
							      .test_work_left = SP_TEST_WORK_MAX };
	int r;

	loader.policy = calloc(1, sizeof(*loader.policy));
	if (!loader.policy)
		return -ENOMEM;
	r = add_files(loader.policy, files, file_count);
	if (r < 0)
		return r;
	loader.check = sp_check_of(loader.policy->paths, diagnostics);
	r = read_parts(&loader);
	if (r == 0)
		load_sections(&loader);
	loader.check.no_memory |= r == -ENOMEM;
	r = sp_yaml_finish(&loader.check);
	if (r == 0)
		r = hash_files(loader.policy);
	if (r < 0)
		return r;
	*ret_policy = SP_TAKE_PTR(loader.policy);
	return 0;
}
