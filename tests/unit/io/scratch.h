/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A folder that is gone after the test, and a namespace of one's own. */
#ifndef SALLYPORT_TESTS_IO_SCRATCH_H
#define SALLYPORT_TESTS_IO_SCRATCH_H

#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../support/folder.h"

static inline int scratch_remove_one(const char *path, const struct stat *st, int type,
				     struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* cmocka group setup and teardown: *state is the folder's path. */
static inline int scratch_make(void **state)
{
	char *path = malloc(TEST_FOLDER_SIZE);

	*state = path ? test_folder_make(path) : NULL;
	return *state ? 0 : -1;
}

static inline int scratch_remove(void **state)
{
	char *path = (char *)*state;

	nftw(path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(path);
	return 0;
}

/* `folder/name` in one of a few static buffers. */
static inline const char *scratch_path(void **state, const char *name)
{
	static char paths[8][512];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", (const char *)*state, name);
	return path;
}

/* Leave for network and mount namespaces of our own; the process ends as skipped where it may not. */
static inline void scratch_namespace(const char *name)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 &&
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		return;
	printf("skip: %s needs root for a network namespace of its own\n", name);
	exit(77);
}

#endif
