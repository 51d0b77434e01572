/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

int sp_files_add(struct sp_files *files, const char *path, const char *text, size_t len)
{
	struct sp_file *file = SP_ARRAY_PUSH(files->list, files->count);

	if (!file)
		return -ENOMEM;
	file->path = strdup(path);
	file->text = calloc(1, len + 1);
	if (!file->path || !file->text)
		return -ENOMEM;
	if (len)
		memcpy(file->text, text, len);
	file->text_len = len;
	return 0;
}

int sp_files_add_fault(struct sp_files *files, const char *path, const char *fault)
{
	struct sp_file *file = SP_ARRAY_PUSH(files->list, files->count);

	if (!file)
		return -ENOMEM;
	file->path = strdup(path);
	file->fault = strdup(fault);
	return file->path && file->fault ? 0 : -ENOMEM;
}

void sp_files_done(struct sp_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->list[i].path);
		free(files->list[i].text);
		free(files->list[i].fault);
	}
	free(files->list);
	*files = (struct sp_files){ 0 };
}
