/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/include.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "policy/checks/loader.h"
#include "yaml/load.h"

/* ---- names ---- */

/* Length of the folder part of @path, with its slash; 0: the current folder. */
static size_t folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

const char *sp_include_name(const struct sp_file *files, size_t n)
{
	const size_t len = folder_len(files[0].path);

	return strncmp(files[n].path, files[0].path, len) == 0 ? files[n].path + len
							       : files[n].path;
}

/* Write text into a pattern so that it only matches itself. */
static void put_escaped(struct sp_buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr("*?[\\", text[i]))
			sp_buf_put_char(out, '\\');
		sp_buf_put_char(out, text[i]);
	}
}

/* Where the last part of the path in the first @len bytes begins. */
static size_t last_part(const char *path, size_t start, size_t len)
{
	while (len > start && path[len - 1] != '/')
		len--;
	return len;
}

/* Leave out `.` and empty parts, and resolve `..` as far as there is a part before it. */
static void clean_path(char *path)
{
	const size_t start = *path == '/';
	size_t len = start, part_len;

	for (const char *part = path + start; *part; part += part_len + (part[part_len] == '/')) {
		const size_t last = last_part(path, start, len);
		const bool has_last = len > start && strncmp(path + last, "..", len - last) != 0;

		part_len = strcspn(part, "/");
		if (!part_len || (part_len == 1 && *part == '.'))
			continue;
		if (part_len == 2 && !strncmp(part, "..", 2) && has_last) {
			len = last > start ? last - 1 : start;
			continue;
		}
		if (len > start)
			path[len++] = '/';
		memmove(path + len, part, part_len);
		len += part_len;
	}
	path[len] = '\0';
}

/* The pattern of an item in the file @name, made relative as the names of files are. NULL: no
 * memory. */
static char *join(const struct sp_file *files, const char *name, const char *item)
{
	__sp_buf struct sp_buf out = SP_BUF_INIT;
	__sp_buf struct sp_buf folder = SP_BUF_INIT;
	char *pattern = NULL;

	put_escaped(&folder, files[0].path, folder_len(files[0].path));
	if (folder.len && *item == '/' && !strncmp(item, folder.data, folder.len))
		item += folder.len;
	else if (*item != '/')
		put_escaped(&out, name, folder_len(name));
	sp_buf_put(&out, item);
	if (folder.error || sp_buf_take(&out, &pattern) < 0)
		return NULL;
	clean_path(pattern);
	return pattern;
}

/* ---- for whoever reads the files ---- */

/* The items of `include`. NULL: there are none, or they cannot be read. */
static const struct sp_node *find_items(const struct sp_node *root)
{
	if (!root || root->kind != SP_NODE_MAP)
		return NULL;
	sp_map_for_each(key, value, root) {
		if (strcmp(key->text, "include") == 0)
			return value->kind == SP_NODE_BROKEN ? NULL : value;
	}
	return NULL;
}

static int add_pattern(const struct sp_file *files, size_t n, const char *item, char ***patterns,
		       size_t *count)
{
	__sp_free char *pattern = join(files, sp_include_name(files, n), item);
	__sp_buf struct sp_buf out = SP_BUF_INIT;
	char **room;

	if (!pattern)
		return -ENOMEM;
	if (*pattern != '/')
		put_escaped(&out, files[0].path, folder_len(files[0].path));
	sp_buf_put(&out, pattern);
	room = SP_ARRAY_PUSH(*patterns, *count);
	return room ? sp_buf_take(&out, room) : -ENOMEM;
}

int sp_include_patterns(const struct sp_file *files, size_t n, char ***ret_patterns,
			size_t *ret_count)
{
	static const char *const path = "";
	__sp_cleanup(sp_diagnostics_done) struct sp_diagnostics diagnostics = { 0 };
	__sp_cleanup(sp_document_done) struct sp_document document = { 0 };
	struct sp_check check = sp_check_of(&path, &diagnostics);
	const struct sp_node *items;
	char **patterns = NULL;
	size_t count = 0;
	int r = 0;

	*ret_patterns = NULL;
	*ret_count = 0;
	if (files[n].fault || !memmem(files[n].text, files[n].text_len, "include", 7))
		return 0;
	r = sp_yaml_read(&check, files[n].text, files[n].text_len, "", &document);
	if (r < 0)
		return r == -EINVAL ? 0 : r;
	items = find_items(document.root);
	if (!items)
		return 0;
	sp_for_each_item(item, items) {
		if (r == 0 && item->kind == SP_NODE_SCALAR && *item->text)
			r = add_pattern(files, n, item->text, &patterns, &count);
	}
	*ret_patterns = patterns;
	*ret_count = count;
	return r;
}

/* ---- for the loader ---- */

/* A walk from the first file to the files that each includes. */
struct walk {
	struct sp_loader *loader;
	const struct sp_file *files;
	size_t count;
	enum { NOT_SEEN, OPEN, DONE } * states; /* by file */
	size_t *open; /* the files from the first one to the present one */
	size_t depth;
};

/* `policy.yaml includes a.yaml, which includes policy.yaml` */
static void report_loop(struct walk *walk, const struct sp_node *item, size_t file)
{
	__sp_buf struct sp_buf chain = SP_BUF_INIT;
	size_t from = 0;

	while (walk->open[from] != file)
		from++;
	for (size_t i = from; i < walk->depth; i++)
		sp_buf_printf(&chain, "%s%.80s", i == from ? "" : ", which includes ",
			      sp_include_name(walk->files, walk->open[i]));
	sp_report(&walk->loader->check, item,
		  "a loop of \"include\": %s, which includes %.80s again", sp_buf_get(&chain),
		  sp_include_name(walk->files, file));
}

static void visit(struct walk *walk, size_t file);

static void meet(struct walk *walk, const struct sp_node *item, size_t file)
{
	const char *fault = walk->files[file].fault;

	if (walk->states[file] == OPEN)
		report_loop(walk, item, file);
	else if (walk->states[file] == NOT_SEEN && fault)
		sp_report(&walk->loader->check, item, "cannot read %s: %s",
			  sp_show(walk->files[file].path).quoted, fault);
	if (walk->states[file] == NOT_SEEN)
		visit(walk, file);
}

static void visit_item(struct walk *walk, const struct sp_node *item, size_t from)
{
	struct sp_check *check = &walk->loader->check;
	const char *text = sp_read_text(check, item, "an item of \"include\"");
	__sp_free char *pattern =
		text ? join(walk->files, sp_include_name(walk->files, from), text) : NULL;
	bool is_found = false;

	if (!text)
		return;
	if (!pattern) {
		check->no_memory = true;
		return;
	}
	for (size_t i = 0; i < walk->count; i++) {
		if (fnmatch(pattern, sp_include_name(walk->files, i), FNM_PATHNAME | FNM_PERIOD) !=
		    0)
			continue;
		is_found = true;
		meet(walk, item, i);
	}
	if (!is_found)
		sp_report(check, item,
			  "%s: no such file, seen from the folder that this file lies in",
			  sp_show(text).quoted);
}

static void visit(struct walk *walk, size_t file)
{
	const struct sp_node *items = walk->loader->parts[file].values[SP_SECTION_INCLUDE];

	walk->states[file] = OPEN;
	walk->open[walk->depth++] = file;
	if (items && sp_read_items(&walk->loader->check, items, "\"include\"") == 0) {
		sp_for_each_item(item, items)
			visit_item(walk, item, file);
	}
	walk->depth--;
	walk->states[file] = DONE;
}

void sp_check_includes(struct sp_loader *loader)
{
	const struct sp_policy *policy = loader->policy;
	struct walk walk = { .loader = loader,
			     .files = policy->files,
			     .count = loader->part_count };
	__sp_free void *states = calloc(walk.count, sizeof(*walk.states));
	__sp_free size_t *open = calloc(walk.count, sizeof(*open));

	if (!states || !open) {
		loader->check.no_memory = true;
		return;
	}
	walk.states = states;
	walk.open = open;
	visit(&walk, 0);
	for (size_t i = 1; i < walk.count; i++) {
		const struct sp_node start = { .file = (uint16_t)i, .line = 1, .column = 1 };

		if (walk.states[i] == NOT_SEEN)
			sp_report(&loader->check, &start, "no file of this policy includes it");
	}
}
