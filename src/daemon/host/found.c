/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/host/found.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "io/files/files.h"
#include "io/loop/clock.h"

#define LINE_MAX 256

static int make_path(const struct sp_paths *paths, char **ret_path)
{
	return sp_str_format(ret_path, "%s/forwarding-found", paths->run_dir);
}

/* "BOOT NAMESPACE ": the boot and the network namespace that the text is about. */
static int format_validity(char text[LINE_MAX])
{
	char boot[SP_BOOT_ID_MAX];
	struct stat seen;
	int r = sp_clock_boot_id(boot);

	if (r == 0 && stat("/proc/self/ns/net", &seen) < 0)
		r = sp_errno();
	if (r == 0)
		snprintf(text, LINE_MAX, "%s %" PRIuMAX " ", boot, (uintmax_t)seen.st_ino);
	return r;
}

int sp_found_read(const struct sp_paths *paths, struct sp_forwarding *ret_forwarding)
{
	__sp_free char *path = NULL, *text = NULL;
	char validity[LINE_MAX];
	unsigned int ipv4, ipv6;
	size_t len;
	int r = make_path(paths, &path);

	if (r == 0)
		r = format_validity(validity);
	if (r == 0)
		r = sp_file_read(path, LINE_MAX, &text, &len);
	if (r < 0)
		return r;
	if (strncmp(text, validity, strlen(validity)) != 0 ||
	    sscanf(text + strlen(validity), "%u %u", &ipv4, &ipv6) != 2)
		return -ENOENT;
	*ret_forwarding = (struct sp_forwarding){ .ipv4 = ipv4, .ipv6 = ipv6 };
	return 0;
}

int sp_found_note(const struct sp_paths *paths)
{
	__sp_free char *path = NULL;
	struct sp_forwarding found;
	char text[LINE_MAX];
	size_t len;
	int r;

	if (sp_found_read(paths, &found) == 0)
		return 0;
	r = sp_forwarding_get(&found);
	if (r == 0)
		r = make_path(paths, &path);
	if (r == 0)
		r = format_validity(text);
	if (r < 0)
		return r;
	len = strlen(text);
	snprintf(text + len, sizeof(text) - len, "%d %d\n", found.ipv4, found.ipv6);
	return sp_file_replace(path, text, strlen(text), 0600, SP_UID_KEEP, SP_GID_KEEP);
}

void sp_found_forget(const struct sp_paths *paths)
{
	__sp_free char *path = NULL;

	if (make_path(paths, &path) == 0)
		(void)unlink(path);
}
