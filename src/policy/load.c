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
#include "yaml/load.h"

SP_DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free);

enum {
	VERSION,
	ROLES,
	NETWORKS,
	SERVICES,
	EDGE,
	PROTECT,
	RULES,
	FIXTURES,
	TESTS,
	INCLUDE,
	SETTINGS,
	LIMITS,
	SCHEDULES,
	NAT,
};
static const struct sp_key policy_keys[] = {
	[VERSION] = { "sallyport", SP_KEY_OPTIONAL }, [ROLES] = { "roles", SP_KEY_OPTIONAL },
	[NETWORKS] = { "networks", SP_KEY_OPTIONAL }, [SERVICES] = { "services", SP_KEY_OPTIONAL },
	[EDGE] = { "edge", SP_KEY_OPTIONAL },         [PROTECT] = { "protect", SP_KEY_OPTIONAL },
	[RULES] = { "rules", SP_KEY_OPTIONAL },       [FIXTURES] = { "fixtures", SP_KEY_OPTIONAL },
	[TESTS] = { "tests", SP_KEY_OPTIONAL },       [INCLUDE] = { "include", SP_KEY_LATER },
	[SETTINGS] = { "settings", SP_KEY_LATER },    [LIMITS] = { "limits", SP_KEY_LATER },
	[SCHEDULES] = { "schedules", SP_KEY_LATER },  [NAT] = { "nat", SP_KEY_LATER },
};

static void report_doubles(struct sp_loader *loader, const struct sp_symbols *symbols,
			   const char *what)
{
	for (size_t i = 1, first = 0; i < symbols->count; i++) {
		if (strcmp(symbols->items[i].name, symbols->items[first].name) != 0)
			first = i;
		else
			sp_report(&loader->check, symbols->items[i].node,
				  "%s \"%s\" is there already, on line %u: names of rules, expose "
				  "and protect entries are unique",
				  what, symbols->items[i].name, symbols->items[first].node->line);
	}
}

/* Declare the keys of a section as names of one kind, and report bad and double ones.
 * @what  "role", for the messages. */
static void declare_names(struct sp_loader *loader, const struct sp_node *section, const char *what,
			  struct sp_symbols *symbols)
{
	uint32_t index = 0;

	if (section->kind == SP_NODE_BROKEN)
		return;
	if (section->kind != SP_NODE_MAP || section->count == 0) {
		sp_report(&loader->check, section,
			  "\"%ss\" is a mapping, { NAME: … }, with at least one %s", what, what);
		return;
	}
	sp_map_for_each(name, body, section) {
		sp_check_name(&loader->check, name, what);
		sp_symbols_add(&loader->check, symbols, name, index++);
	}
	sp_symbols_sort(symbols);
}

/* `from` takes roles and networks by name alone, so one name cannot be both. */
static void check_roles_are_not_networks(struct sp_loader *loader)
{
	for (size_t i = 0; i < loader->roles.count; i++) {
		const struct sp_symbol *role = &loader->roles.items[i];
		const struct sp_symbol *network = sp_symbols_find(&loader->networks, role->name);
		const struct sp_node *later, *first;

		if (!network)
			continue;
		first = role->node->line <= network->node->line ? role->node : network->node;
		later = first == role->node ? network->node : role->node;
		sp_report(&loader->check, later,
			  "%s is both a role and a network (line %u): \"from\" could "
			  "not tell them apart",
			  sp_show(role->name).quoted, first->line);
	}
}

static int compare_rules(const void *a, const void *b)
{
	const struct sp_rule *left = a, *right = b;

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

static void load_sections(void *arg, const struct sp_node *root)
{
	struct sp_loader *loader = arg;
	const struct sp_node *values[SP_ARRAY_LEN(policy_keys)];
	struct sp_check *check = &loader->check;

	if (sp_read_map(check, root, "a policy", policy_keys, SP_ARRAY_LEN(policy_keys), values) <
	    0)
		return;
	sp_read_version(check, root, values[VERSION]);
	if (values[ROLES])
		declare_names(loader, values[ROLES], "role", &loader->roles);
	if (values[NETWORKS])
		declare_names(loader, values[NETWORKS], "network", &loader->networks);
	if (values[SERVICES])
		declare_names(loader, values[SERVICES], "service", &loader->services);
	check_roles_are_not_networks(loader);

	if (values[ROLES])
		sp_load_roles(loader, values[ROLES]);
	if (values[NETWORKS])
		sp_load_networks(loader, values[NETWORKS]);
	add_builtin_networks(loader);
	if (values[SERVICES])
		sp_load_services(loader, values[SERVICES]);
	if (check->no_memory)
		return;
	sp_load_fixtures(loader, values[FIXTURES]);
	sp_symbols_sort(&loader->providers);
	if (values[EDGE])
		sp_load_edge(loader, values[EDGE]);
	if (values[PROTECT])
		sp_load_protect(loader, values[PROTECT]);
	if (values[RULES])
		sp_load_rules(loader, values[RULES]);
	sp_symbols_sort(&loader->rules);
	report_doubles(loader, &loader->rules, "rule");
	if (values[TESTS])
		sp_load_tests(loader, values[TESTS]);
	if (!check->no_memory && check->diagnostics->error_count == 0)
		sp_lint(loader);
	if (loader->policy->rule_count > 1)
		qsort(loader->policy->rules, loader->policy->rule_count,
		      sizeof(*loader->policy->rules), compare_rules);
}

/* SHA-256 over each file's name and bytes, each led by its length. Of the first file only the last
 * part of the path counts: the same content is the same generation wherever it lies. */
static int hash_files(struct sp_policy *policy)
{
	__sp_cleanup(EVP_MD_CTX_freep) EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool ok = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; i < policy->file_count && ok; i++) {
		const struct sp_file *file = &policy->files[i];
		const char *slash = strrchr(file->path, '/');
		const char *name = i == 0 && slash ? slash + 1 : file->path;
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

/* The text is kept: explain quotes it, the daemon stores it. */
static int add_file(struct sp_policy *policy, const char *path, const char *text, size_t len)
{
	struct sp_file *file = SP_ARRAY_PUSH(policy->files, policy->file_count);

	if (!file)
		return -ENOMEM;
	file->path = strdup(path);
	file->text = malloc(len + 1);
	if (!file->path || !file->text)
		return -ENOMEM;
	if (len > 0)
		memcpy(file->text, text, len);
	file->text[len] = '\0';
	file->text_len = len;
	return 0;
}

static void loader_done(struct sp_loader *loader)
{
	sp_symbols_done(&loader->roles);
	sp_symbols_done(&loader->networks);
	sp_symbols_done(&loader->services);
	sp_symbols_done(&loader->rules);
	sp_symbols_done(&loader->users);
	sp_symbols_done(&loader->providers);
	sp_policy_free(loader->policy);
}

static const struct sp_yaml_kind policy_kind = {
	.check_root = load_sections,
	.empty = "the file is empty; a policy begins with \"sallyport: 1\"",
};

int sp_policy_load(const char *path, const char *text, size_t len, struct sp_policy **ret_policy,
		   struct sp_diagnostics *diagnostics)
{
	const struct sp_file file = { .path = (char *)path, .text = (char *)text, .text_len = len };

	return sp_policy_load_files(&file, 1, ret_policy, diagnostics);
}

int sp_policy_load_files(const struct sp_file *files, size_t file_count,
			 struct sp_policy **ret_policy, struct sp_diagnostics *diagnostics)
{
	__sp_cleanup(loader_done) struct sp_loader loader = {
		.check = sp_check_of(files[0].path, diagnostics),
		.test_work_left = SP_TEST_WORK_MAX,
	};
	int r;

	loader.policy = calloc(1, sizeof(*loader.policy));
	if (!loader.policy)
		return -ENOMEM;
	r = sp_yaml_load(&policy_kind, &loader.check, files[0].text, files[0].text_len, &loader);
	for (size_t i = 0; i < file_count && r == 0; i++)
		r = add_file(loader.policy, files[i].path, files[i].text, files[i].text_len);
	if (r == 0)
		r = hash_files(loader.policy);
	if (r < 0)
		return r;
	*ret_policy = SP_TAKE_PTR(loader.policy);
	return 0;
}
