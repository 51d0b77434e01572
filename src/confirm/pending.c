/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "confirm/pending.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "io/files/files.h"
#include "json/strict.h"

#define FILE_MAX (16u << 10)

const char *sp_pending_state_name(enum sp_pending_state state)
{
	static const char *const names[] = { "none", "pending", "reverting", "reverted",
					     "confirmed" };

	return names[state];
}

static const char *path_of(const struct sp_paths *paths, enum sp_pending_state state)
{
	const char *const list[] = { NULL, paths->pending_file, paths->reverting_file,
				     paths->reverted_file, paths->confirmed_file };

	return list[state];
}

/* ---- to JSON and back ---- */

static json_t *targets_to_json(const struct sp_pending *pending)
{
	json_t *list = json_array();

	for (size_t i = 0; i < pending->target_count; i++) {
		char text[SP_TARGET_TEXT_MAX];

		json_array_append_new(list,
				      json_string(sp_target_format(&pending->targets[i], text)));
	}
	return list;
}

static json_t *to_json(const struct sp_pending *pending)
{
	return json_pack("{s:I, s:s, s:I, s:s, s:I, s:I, s:s, s:s, s:o, s:b}", "revision",
			 (json_int_t)pending->revision, "generation", pending->generation, "former",
			 (json_int_t)pending->former, "former_generation",
			 pending->former_generation, "begun_boot_ns", (json_int_t)pending->begun_ns,
			 "deadline_boot_ns", (json_int_t)pending->deadline_ns, "boot_id",
			 pending->boot_id, "who", pending->who, "probes", targets_to_json(pending),
			 "probes_confirm", (int)pending->is_confirmed_by_targets);
}

static int take_targets(const json_t *list, struct sp_pending *pending, char why[80])
{
	const size_t count = json_array_size(list);

	if (!json_is_array(list) || count > SP_TARGETS_MAX) {
		snprintf(why, 80, "probes is no list of at most %u", SP_TARGETS_MAX);
		return -EBADMSG;
	}
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (sp_target_parse(text ? text : "", &pending->targets[i], why) < 0)
			return -EBADMSG;
	}
	pending->target_count = count;
	return 0;
}

/* Copy @text to a field of @size bytes. False: it has no room. */
static bool take_text(const char *text, char *to, size_t size)
{
	return snprintf(to, size, "%s", text) < (int)size;
}

static int from_json(json_t *object, struct sp_pending *ret_pending, char why[80])
{
	struct sp_pending pending = { 0 };
	const char *generation, *former_generation, *boot_id, *who;
	json_int_t revision, former, begun, deadline;
	json_t *targets;
	int by_targets, r;

	snprintf(why, 80, "a key is missing, is not known or has another kind of value");
	if (json_unpack(object, "{s:I, s:s, s:I, s:s, s:I, s:I, s:s, s:s, s:o, s:b !}", "revision",
			&revision, "generation", &generation, "former", &former,
			"former_generation", &former_generation, "begun_boot_ns", &begun,
			"deadline_boot_ns", &deadline, "boot_id", &boot_id, "who", &who, "probes",
			&targets, "probes_confirm", &by_targets) < 0)
		return -EBADMSG;
	r = take_targets(targets, &pending, why);
	if (r < 0)
		return r;
	snprintf(why, 80, "a number is below what it can be, or a text is too long");
	if (former < 1 || revision <= former || begun < 1 || deadline < begun ||
	    !take_text(generation, pending.generation, sizeof(pending.generation)) ||
	    !take_text(former_generation, pending.former_generation,
		       sizeof(pending.former_generation)) ||
	    !take_text(boot_id, pending.boot_id, sizeof(pending.boot_id)) ||
	    !take_text(who, pending.who, sizeof(pending.who)))
		return -EBADMSG;
	pending.revision = (uint64_t)revision;
	pending.former = (uint64_t)former;
	pending.begun_ns = (uint64_t)begun;
	pending.deadline_ns = (uint64_t)deadline;
	pending.is_confirmed_by_targets = by_targets;
	why[0] = '\0';
	*ret_pending = pending;
	return 0;
}

/* ---- the files ---- */

/* The latest state comes first: a file that was moved meanwhile is met under its later name. */
static const enum sp_pending_state latest_first[] = {
	SP_PENDING_CONFIRMED,
	SP_PENDING_REVERTED,
	SP_PENDING_REVERTING,
	SP_PENDING_OPEN,
};

#define STATES (sizeof(latest_first) / sizeof(latest_first[0]))

int sp_pending_begin(const struct sp_paths *paths, const struct sp_pending *pending)
{
	__sp_json json_t *object = to_json(pending);
	__sp_free char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < STATES; i++)
		if (access(path_of(paths, latest_first[i]), F_OK) == 0)
			return -EEXIST;
	return sp_file_replace(paths->pending_file, text, strlen(text), 0600, SP_UID_KEEP,
			       SP_GID_KEEP);
}

static int read_one(const char *path, struct sp_pending *ret_pending, char why[80])
{
	__sp_json json_t *object = NULL;
	__sp_free char *text = NULL;
	size_t len;
	int r = sp_file_read(path, FILE_MAX, &text, &len);

	if (r == 0)
		r = sp_strict_json_load(text, len, &object, why);
	return r < 0 ? r : from_json(object, ret_pending, why);
}

/* From the latest state to the earliest. */
static int read_any(const struct sp_paths *paths, enum sp_pending_state *ret_state,
		    struct sp_pending *ret_pending, char why[80])
{
	for (size_t i = 0; i < STATES; i++) {
		int r = read_one(path_of(paths, latest_first[i]), ret_pending, why);

		if (r == -ENOENT)
			continue;
		*ret_state = latest_first[i];
		return r;
	}
	*ret_state = SP_PENDING_NONE;
	return 0;
}

int sp_pending_read(const struct sp_paths *paths, enum sp_pending_state *ret_state,
		    struct sp_pending *ret_pending, char why[80])
{
	int r;

	*ret_pending = (struct sp_pending){ 0 };
	why[0] = '\0';
	/* A file may be moved to a later name between two looks, and then is under neither. */
	r = read_any(paths, ret_state, ret_pending, why);
	return *ret_state == SP_PENDING_NONE ? read_any(paths, ret_state, ret_pending, why) : r;
}

int sp_pending_move(const struct sp_paths *paths, enum sp_pending_state from,
		    enum sp_pending_state to)
{
	if (rename(path_of(paths, from), path_of(paths, to)) < 0)
		return sp_errno();
	return sp_dir_sync_parent(path_of(paths, to));
}

int sp_pending_end(const struct sp_paths *paths, enum sp_pending_state state)
{
	if (unlink(path_of(paths, state)) < 0 && errno != ENOENT)
		return sp_errno();
	return sp_dir_sync_parent(path_of(paths, state));
}
