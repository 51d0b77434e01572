/* SPDX-License-Identifier: GPL-3.0-or-later */
/* State maps of an older build, whose values are shorter than those of this build. They cannot be
 * adopted, and the older build's programs use them until ours are switched in. So all state maps
 * are made anew. Sessions and identities are copied at once and kept equal in both. Flows are
 * copied right before the switch; flows opened meanwhile are copied right after it. Until then a
 * new map is pinned as next_NAME, beside the former map: the programs that run decide which of the
 * two is in use. next_sp_flow is the first pin made and the last removed, so its presence tells
 * that a move was killed. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/array.h"
#include "plane/ebpf/pin.h"
#include "plane/ebpf/plane.h"

static const struct {
	const char *name;
	/* Copied. Any other map begins empty: its counts follow the flows, and datagrams under
	 * reassembly are lost. */
	bool is_copied;
} moved[] = {
	{ "sp_flow", true },      { "sp_session", true },      { "sp_ident", true },
	{ "sp_flow_use", false }, { "sp_flow_source", false }, { "sp_frag", false },
	{ "sp_janitor", false },
};

static int find_moved(const char *name)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(moved); i++)
		if (strcmp(moved[i].name, name) == 0)
			return (int)i;
	return -1;
}

bool sp_ebpf_former_has(const char *name)
{
	return find_moved(name) >= 0;
}

bool sp_ebpf_former_fits(const struct bpf_map *map, const struct bpf_map_info *info)
{
	int i = find_moved(bpf_map__name(map));

	if (i < 0 || !moved[i].is_copied)
		return i >= 0;
	return info->type == bpf_map__type(map) && info->key_size == bpf_map__key_size(map) &&
	       info->value_size <= bpf_map__value_size(map) &&
	       info->max_entries == bpf_map__max_entries(map);
}

void sp_ebpf_former_take(struct sp_ebpf *plane, const struct bpf_map_info *info, const char *name,
			 int fd)
{
	struct sp_ebpf_map *const places[] = { &plane->former.flow, &plane->former.session,
					       &plane->former.ident };
	int i = find_moved(name);

	if (!moved[i].is_copied) {
		close(fd);
		return;
	}
	*places[i] = (struct sp_ebpf_map){ .fd = fd,
					   .type = info->type,
					   .key_size = info->key_size,
					   .value_size = info->value_size,
					   .max_entries = info->max_entries };
	snprintf(places[i]->name, sizeof(places[i]->name), "%s", name);
}

/* ---- pins ---- */

static void pin_path(const char *pin_dir, const char *prefix, size_t i,
		     char path[SP_EBPF_PIN_PATH_MAX])
{
	snprintf(path, SP_EBPF_PIN_PATH_MAX, "%s/%s%s", pin_dir, prefix, moved[i].name);
}

static bool program_uses(int program, uint32_t map_id)
{
	__u32 ids[2 * SP_EBPF_MAPS_MAX], len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = { .nr_map_ids = SP_ARRAY_LEN(ids), .map_ids = (uintptr_t)ids };

	if (program < 0 || bpf_prog_get_info_by_fd(program, &info, &len) < 0)
		return false;
	for (__u32 i = 0; i < info.nr_map_ids && i < SP_ARRAY_LEN(ids); i++)
		if (ids[i] == map_id)
			return true;
	return false;
}

/* Does the running revision use the map that this descriptor holds? */
static bool is_run_with(const char *pin_dir, int map)
{
	int programs[SP_HOOK_PROGRAM_COUNT];
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	bool is_used = false;

	if (bpf_map_get_info_by_fd(map, &info, &len) < 0 ||
	    sp_ebpf_revision_open(pin_dir, sp_ebpf_running_read(pin_dir), programs) < 0)
		return false;
	for (unsigned hook = 1; hook < SP_HOOK_PROGRAM_COUNT; hook++) {
		is_used = is_used || program_uses(programs[hook], info.id);
		sp_closep(&programs[hook]);
	}
	return is_used;
}

/* The new pins take the lasting names, or go. */
static int end_pins(const char *pin_dir, bool is_committed)
{
	char from[SP_EBPF_PIN_PATH_MAX], to[SP_EBPF_PIN_PATH_MAX];

	for (size_t i = SP_ARRAY_LEN(moved); i-- > 0;) {
		pin_path(pin_dir, "next_", i, from);
		pin_path(pin_dir, "", i, to);
		if ((is_committed ? rename(from, to) : unlink(from)) < 0 && errno != ENOENT)
			return sp_errno();
	}
	return 0;
}

int sp_ebpf_former_settle(const struct sp_ebpf *plane, struct sp_plane_error *error)
{
	char path[SP_EBPF_PIN_PATH_MAX];
	__sp_close int fd = -1;
	int r;

	pin_path(plane->pin_dir, "next_", 0, path);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	r = end_pins(plane->pin_dir, is_run_with(plane->pin_dir, fd));
	return r < 0 ? sp_ebpf_fail(error, r, "%s: %s", path, sp_err_text(r)) : 0;
}

/* ---- sessions and identities ---- */

static struct sp_session *session_of(const struct sp_ebpf_sessions *sessions, uint32_t number)
{
	return (void *)(sessions->memory + (size_t)number * sessions->size);
}

static int copy_sessions(struct sp_ebpf *plane)
{
	const struct sp_ebpf_former *former = &plane->former;
	int r = sp_ebpf_sessions_map(&former->session, &plane->former.sessions);

	for (uint32_t number = 0; r == 0 && number < plane->sessions_max; number++) {
		struct sp_session *to = session_of(&plane->sessions, number);

		memcpy(to, session_of(&former->sessions, number), former->session.value_size);
		to->flows = to->parked_flows = 0; /* counted again as flows are copied */
	}
	return r;
}

static int copy_identities(struct sp_ebpf *plane)
{
	struct sp_addr addr, next;
	void *at = NULL;

	/* No other process writes this map, so no key disappears during the walk. */
	while (bpf_map_get_next_key(plane->former.ident.fd, at, &next) == 0) {
		struct sp_ident ident = { 0 };

		addr = next;
		at = &addr;
		if (bpf_map_lookup_elem(plane->former.ident.fd, &addr, &ident) < 0 ||
		    bpf_map_update_elem(plane->ident_fd, &addr, &ident, BPF_ANY) < 0)
			return sp_errno();
	}
	return errno == ENOENT ? 0 : sp_errno();
}

static int load_mover(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	__sp_cleanup(bpf_object__closep) struct bpf_object *object = NULL;
	const void *bytes;
	size_t len;
	int r = sp_ebpf_image_mover(&bytes, &len);

	if (r == 0)
		r = sp_ebpf_object_open(bytes, len, "mover", &object, error);
	if (r == 0)
		r = sp_ebpf_object_set(object, "sp_flow_max", &plane->options.flows_max,
				       sizeof(uint32_t));
	if (r == 0)
		r = sp_ebpf_object_reuse(object, plane, NULL, error);
	if (r == 0)
		r = sp_ebpf_object_load(object, "mover", error);
	if (r < 0)
		return r;
	plane->former.mover_fd = dup(bpf_program__fd(bpf_object__next_program(object, NULL)));
	return plane->former.mover_fd < 0 ? sp_errno() : 0;
}

int sp_ebpf_former_open(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	int r = 0;

	plane->former.mover_fd = -1;
	if (!plane->former.session.name[0] || !plane->former.ident.name[0] ||
	    !plane->former.flow.name[0])
		return sp_ebpf_fail(
			error, -EUCLEAN,
			"%s has some maps of another version, but not all; " SP_EBPF_UNLOAD,
			plane->pin_dir);
	r = copy_sessions(plane);
	if (r == 0)
		r = copy_identities(plane);
	if (r < 0)
		return sp_ebpf_fail(error, r, "copying the sessions of another version: %s",
				    sp_err_text(r));
	return load_mover(plane, error);
}

void sp_ebpf_former_close(struct sp_ebpf *plane)
{
	struct sp_ebpf_former *former = &plane->former;
	struct sp_ebpf_map *const maps[] = { &former->flow, &former->session, &former->ident };

	if (!former->is_there)
		return;
	if (former->sessions.memory)
		munmap(former->sessions.memory,
		       (size_t)former->sessions.size * plane->sessions_max);
	for (size_t i = 0; i < SP_ARRAY_LEN(maps); i++)
		if (maps[i]->name[0])
			close(maps[i]->fd);
	if (former->mover_fd > 0)
		close(former->mover_fd);
	*former = (struct sp_ebpf_former){ 0 };
}

/* ---- flows ---- */

static int move_flow(void *arg, const void *key, const void *value)
{
	const struct sp_ebpf_former *former = arg;
	struct sp_moved_flow moved_flow = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &moved_flow,
		    .ctx_size_in = sizeof(moved_flow));

	memcpy(&moved_flow.key, key, sizeof(moved_flow.key));
	memcpy(&moved_flow.flow, value, former->flow.value_size);
	return bpf_prog_test_run_opts(former->mover_fd, &options) < 0 ? sp_errno() : 0;
}

static int move_flows(struct sp_ebpf_former *former)
{
	struct sp_plane_walk walk = { 0 };
	int r;

	do
		r = sp_ebpf_walk(&former->flow, &walk, move_flow, former);
	while (r > 0);
	return r;
}

/* ---- around a switch ---- */

int sp_ebpf_former_stage(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	char path[SP_EBPF_PIN_PATH_MAX];
	int r = 0;

	if (!plane->former.is_there)
		return 0;
	for (size_t i = 0; r == 0 && i < SP_ARRAY_LEN(moved); i++) {
		pin_path(plane->pin_dir, "next_", i, path);
		if (bpf_obj_pin(sp_ebpf_map_find(plane, moved[i].name)->fd, path) < 0)
			r = sp_errno();
	}
	if (r == 0)
		r = move_flows(&plane->former);
	return r < 0 ? sp_ebpf_fail(error, r, "moving the flows of another version: %s",
				    sp_err_text(r))
		     : 0;
}

void sp_ebpf_former_unstage(struct sp_ebpf *plane)
{
	if (plane->former.is_there)
		end_pins(plane->pin_dir, false);
}

/* The former programs noted in their own sessions map when each session was last heard. */
static void take_last_seen(struct sp_ebpf *plane)
{
	struct sp_session session;

	for (uint32_t number = 0; number < plane->sessions_max; number++)
		if (sp_ebpf_session_get(plane, number, &session) == 0)
			__atomic_store_n(&session_of(&plane->sessions, number)->last_seen_ns,
					 session.last_seen_ns, __ATOMIC_RELAXED);
}

int sp_ebpf_former_leave(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	int r;

	if (!plane->former.is_there)
		return 0;
	sp_ebpf_wait_programs(plane);
	r = move_flows(&plane->former);
	take_last_seen(plane);
	if (r == 0)
		r = end_pins(plane->pin_dir, true);
	sp_ebpf_former_close(plane);
	return r < 0 ? sp_ebpf_fail(error, r,
				    "the revision runs, but moving what an older version left: %s",
				    sp_err_text(r))
		     : 0;
}
