/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A folder of a test's own, where temporary files go on this machine. */
#ifndef SALLYPORT_TESTS_SUPPORT_FOLDER_H
#define SALLYPORT_TESTS_SUPPORT_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEST_FOLDER_SIZE 64

/* Below $TMPDIR, or below /tmp where that is not set or is so long that no socket's name fits behind it.
 * Fills @ret_path (TEST_FOLDER_SIZE bytes). Returns it, or NULL. */
static inline char *test_folder_make(char *ret_path)
{
	static const char name[] = "/sp-test-XXXXXX";
	const char *place = getenv("TMPDIR");

	if (!place || *place != '/' || strlen(place) + sizeof(name) > TEST_FOLDER_SIZE)
		place = "/tmp";
	snprintf(ret_path, TEST_FOLDER_SIZE, "%s%s", place, name);
	return mkdtemp(ret_path);
}

#endif
