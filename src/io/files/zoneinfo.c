/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/files/zoneinfo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "io/files/files.h"
#include "yaml/suggest.h"

#define FOLDER "/usr/share/zoneinfo/"
#define LIST FOLDER "tzdata.zi" /* what the files were made of; names every zone */
#define ZONE_BYTES_MAX (256u << 10)
#define LIST_BYTES_MAX (4u << 20)

/* ---- one zone ---- */

static bool is_of_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '+' || c == '-';
}

/* Parts that are not empty, with one / between them: none can lead out of the folder. */
static bool is_name(const char *name)
{
	size_t len = 0;

	for (; name[len]; len++) {
		const bool begins = len == 0 || name[len - 1] == '/';

		if (!is_of_name(name[len]) && (name[len] != '/' || begins))
			return false;
	}
	return len > 0 && len < SP_TIMEZONE_NAME_MAX && name[len - 1] != '/';
}

static int read_zone(const char *name, struct sp_timezone **ret_zone)
{
	char path[sizeof(FOLDER) + SP_TIMEZONE_NAME_MAX];
	__sp_free char *bytes = NULL;
	size_t len;
	int r;

	if (!is_name(name))
		return -EINVAL;
	if (strcmp(name, "UTC") == 0)
		return sp_timezone_utc(ret_zone);
	snprintf(path, sizeof(path), FOLDER "%s", name);
	r = sp_file_read(path, ZONE_BYTES_MAX, &bytes, &len);
	if (r == -ENOTDIR || r == -EISDIR || r == -EINVAL) /* below a zone; a region */
		return -ENOENT;
	if (r < 0)
		return r;
	return sp_timezone_read(name, (const uint8_t *)bytes, len, ret_zone);
}

/* ---- the nearest name ---- */

/* A line of the list, cut at its blanks in place: "Z Europe/Berlin 0:53:28 …", "L TARGET NAME". */
static const char *name_of_line(char *line)
{
	char *save = NULL;
	const char *kind = strtok_r(line, " ", &save);
	const char *first = strtok_r(NULL, " ", &save);

	if (kind && strcmp(kind, "Z") == 0)
		return first;
	return kind && strcmp(kind, "L") == 0 ? strtok_r(NULL, " ", &save) : NULL;
}

static bool find_nearest(const char *name, char ret_name[SP_TIMEZONE_NAME_MAX])
{
	__sp_free char *list = NULL;
	struct sp_nearest nearest;
	char *save = NULL;
	size_t len;

	if (sp_file_read(LIST, LIST_BYTES_MAX, &list, &len) < 0)
		return false;
	sp_nearest_init(&nearest, name);
	for (char *line = strtok_r(list, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *known = name_of_line(line);

		if (known && is_name(known))
			sp_nearest_offer(&nearest, known);
	}
	if (nearest.best)
		snprintf(ret_name, SP_TIMEZONE_NAME_MAX, "%s", nearest.best);
	return nearest.best;
}

const struct sp_timezone_source sp_zoneinfo = { read_zone, find_nearest };
