/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/files/gather.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/files/source.h"
#include "io/files/files.h"
#include "json/text.h"
#include "policy/include.h"
#include "yaml/source.h"

struct patterns {
	char **list;
	size_t count;
};

static void patterns_done(struct patterns *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		free(patterns->list[i]);
	free(patterns->list);
}

static bool is_known(const struct sp_files *files, const char *path)
{
	for (size_t i = 0; i < files->count; i++)
		if (!strcmp(files->list[i].path, path))
			return true;
	return false;
}

static size_t count_bytes(const struct sp_files *files)
{
	size_t bytes = 0;

	for (size_t i = 0; i < files->count; i++)
		bytes += files->list[i].text_len;
	return bytes;
}

static int add_file(struct sp_files *files, const char *path)
{
	__sp_free char *text = NULL;
	size_t len = 0;
	int r = sp_file_read(path, SP_SOURCE_MAX, &text, &len);

	if (files->count == SP_POLICY_FILES_MAX)
		return sp_files_add_fault(files, path, "a policy has at most 256 files");
	if (r == -EFBIG)
		return sp_files_add_fault(files, path, "it is larger than 10 MB");
	if (r == -EINVAL)
		return sp_files_add_fault(files, path, "it is no regular file");
	if (r < 0)
		return sp_files_add_fault(files, path, sp_err_text(r));
	if (count_bytes(files) + len > SP_POLICY_BYTES_MAX)
		return sp_files_add_fault(files, path,
					  "with it, the files of the policy are larger than 16 MB");
	return sp_files_add(files, path, text, len);
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int follow_includes(struct sp_files *files, size_t n);

/* Each file a pattern finds, and what that one includes. */
static int add_found(struct sp_files *files, char *const *paths, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		if (files->count > SP_POLICY_FILES_MAX || is_known(files, paths[i]))
			continue;
		r = add_file(files, paths[i]);
		if (r == 0)
			r = follow_includes(files, files->count - 1);
	}
	return r;
}

static int follow_includes(struct sp_files *files, size_t n)
{
	__sp_cleanup(patterns_done) struct patterns patterns = { 0 };
	int r = sp_include_patterns(files->list, n, &patterns.list, &patterns.count);

	for (size_t i = 0; i < patterns.count && r == 0; i++) {
		__sp_cleanup(globfree) glob_t found = { 0 };
		const int failed = glob(patterns.list[i], GLOB_NOSORT, NULL, &found);

		if (failed == GLOB_NOSPACE)
			return -ENOMEM;
		if (failed || !found.gl_pathc)
			continue;
		qsort(found.gl_pathv, found.gl_pathc, sizeof(*found.gl_pathv), compare_paths);
		r = add_found(files, found.gl_pathv, found.gl_pathc);
	}
	return r;
}

int sp_cli_gather(const char *path, struct sp_files *ret_files)
{
	__sp_cleanup(sp_files_done) struct sp_files files = { 0 };
	__sp_free char *text = NULL;
	size_t len = 0;
	int r = sp_cli_read_text(path, &text, &len);

	if (r != SP_EXIT_OK)
		return r;
	r = sp_files_add(&files, sp_cli_file_name(path), text, len);
	if (r == 0)
		r = follow_includes(&files, 0);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "reading %s: %s", path, sp_err_text(r));
	*ret_files = files;
	files = (struct sp_files){ 0 };
	return SP_EXIT_OK;
}

int sp_cli_join_files(const struct sp_files *files, json_t *fields, struct sp_buf *text)
{
	json_t *list = json_array();

	for (size_t i = 0; i < files->count; i++) {
		const struct sp_file *file = &files->list[i];

		json_array_append_new(list,
				      json_pack("{s:o, s:I}", "path", sp_json_of_text(file->path),
						"bytes", (json_int_t)file->text_len));
		sp_buf_put_bytes(text, file->text ? file->text : "", file->text_len);
	}
	json_object_set_new(fields, "files", list);
	return text->error;
}
