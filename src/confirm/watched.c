/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "confirm/watched.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "io/files/files.h"
#include "json/strict.h"

#define FILE_MAX (16u << 10)

static json_t *to_json(const struct sp_window *window)
{
	json_t *list = json_array();

	for (size_t i = 0; i < window->pending.target_count; i++) {
		const struct sp_window_target *target = &window->targets[i];

		json_array_append_new(list, json_pack("{s:I, s:I, s:i}", "reached",
						      (json_int_t)target->reached, "failed",
						      (json_int_t)target->failed, "errno",
						      -target->failure));
	}
	return json_pack("{s:I, s:o}", "revision", (json_int_t)window->pending.revision, "probes",
			 list);
}

int sp_watched_write(const struct sp_paths *paths, const struct sp_window *window)
{
	__sp_json json_t *object = to_json(window);
	__sp_free char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	return text ? sp_file_replace(paths->watchdog_file, text, strlen(text), 0600, SP_UID_KEEP,
				      SP_GID_KEEP)
		    : -ENOMEM;
}

static int from_json(json_t *object, struct sp_watched *watched)
{
	json_int_t revision, reached, failed;
	json_t *list, *item;
	size_t i;
	int number;

	if (json_unpack(object, "{s:I, s:o !}", "revision", &revision, "probes", &list) < 0 ||
	    revision < 1 || json_array_size(list) > SP_TARGETS_MAX)
		return -EBADMSG;
	json_array_foreach(list, i, item) {
		if (json_unpack(item, "{s:I, s:I, s:i !}", "reached", &reached, "failed", &failed,
				"errno", &number) < 0 ||
		    reached < 0 || failed < 0 || number < 0)
			return -EBADMSG;
		watched->targets[i] = (struct sp_window_target){ .reached = (uint32_t)reached,
								 .failed = (uint32_t)failed,
								 .failure = -number };
	}
	watched->target_count = json_array_size(list);
	watched->revision = (uint64_t)revision;
	return 0;
}

int sp_watched_read(const struct sp_paths *paths, struct sp_watched *ret_watched)
{
	struct sp_watched watched = { 0 };
	__sp_json json_t *object = NULL;
	__sp_free char *text = NULL;
	char why[80];
	size_t len;
	int r = sp_file_read(paths->watchdog_file, FILE_MAX, &text, &len);

	if (r == 0)
		r = sp_strict_json_load(text, len, &object, why);
	if (r == 0)
		r = from_json(object, &watched);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_watched = watched;
	return 0;
}

int sp_watched_end(const struct sp_paths *paths)
{
	return unlink(paths->watchdog_file) < 0 && errno != ENOENT ? sp_errno() : 0;
}
