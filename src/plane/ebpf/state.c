/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state maps. They are made and pinned once and adopted afterwards; sessions and identities are
 * written into them here. The compiled objects carry the definitions of bpf/maps.h, so none is
 * repeated here. */
#include <fcntl.h>
#include <linux/membarrier.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "plane/ebpf/plane.h"

#define PATH_MAX_HERE 512

const struct sp_ebpf_map *sp_ebpf_map_find(const struct sp_ebpf *plane, const char *name)
{
	for (size_t i = 0; i < plane->map_count; i++)
		if (strcmp(plane->maps[i].name, name) == 0)
			return &plane->maps[i];
	return NULL;
}

static int fd_of(const struct sp_ebpf *plane, const char *name)
{
	const struct sp_ebpf_map *map = sp_ebpf_map_find(plane, name);

	return map ? map->fd : -1;
}

static bool is_test_map(const char *name)
{
	return strncmp(name, "sp_test_", 8) == 0;
}

/* The map is made anew and stays unpinned until the programs of this build run. */
static bool is_moving(const struct sp_ebpf *plane, const char *name)
{
	return plane->former.is_there && sp_ebpf_former_has(name);
}

/* ---- making and adopting ---- */

/* The sizes the options decide. */
static void size_map(const struct sp_ebpf *plane, struct bpf_map *map)
{
	const char *name = bpf_map__name(map);

	if (strcmp(name, "sp_session") == 0)
		bpf_map__set_max_entries(map, plane->options.sessions_max);
	else if (strcmp(name, "sp_ident") == 0)
		bpf_map__set_max_entries(map, plane->options.sessions_max * 2);
	else if (strcmp(name, "sp_limit_holder") == 0)
		bpf_map__set_max_entries(map, plane->options.sessions_max * SP_LIMIT_SESSION_SLOTS);
	else if (strcmp(name, "sp_flow") == 0)
		bpf_map__set_max_entries(map, plane->options.flows_max);
	else if (strcmp(name, "sp_events") == 0)
		bpf_map__set_max_entries(map, plane->options.events_bytes);
	else if (is_test_map(name))
		bpf_map__set_map_flags(map, BPF_F_MMAPABLE);
}

static int remember_map(struct sp_ebpf *plane, const struct bpf_map *map, int fd)
{
	struct sp_ebpf_map *entry = &plane->maps[plane->map_count];

	if (plane->map_count == SP_EBPF_MAPS_MAX)
		return -E2BIG;
	snprintf(entry->name, sizeof(entry->name), "%s", bpf_map__name(map));
	entry->fd = fd;
	entry->type = bpf_map__type(map);
	entry->key_size = bpf_map__key_size(map);
	entry->value_size = bpf_map__value_size(map);
	entry->max_entries = bpf_map__max_entries(map);
	plane->map_count++;
	return 0;
}

static bool has_shape(const struct bpf_map *map, const struct bpf_map_info *info)
{
	return info->type == bpf_map__type(map) && info->key_size == bpf_map__key_size(map) &&
	       info->value_size == bpf_map__value_size(map) &&
	       info->max_entries == bpf_map__max_entries(map);
}

static int say_shape(const struct bpf_map *map, const struct bpf_map_info *info, const char *path,
		     struct sp_plane_error *error)
{
	return sp_ebpf_fail(
		error, -EUCLEAN,
		"%s has another shape (type %u, key %u, value %u, %u entries) than "
		"this version's (%u, %u, %u, %u): another version made it; " SP_EBPF_UNLOAD,
		path, info->type, info->key_size, info->value_size, info->max_entries,
		bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map),
		bpf_map__max_entries(map));
}

/* Look for a pinned map of this shape. Returns 0 with *ret_fd; -ENOENT none is pinned; -ESTALE a
 * pinned map is an older build's and its contents can move. With @moves such a map is handled as
 * absent: -ENOENT. */
static int adopt_map(struct sp_ebpf *plane, const struct bpf_map *map, const char *path, bool moves,
		     int *ret_fd, struct sp_plane_error *error)
{
	__sp_close int fd = bpf_obj_get(path);
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	if (fd < 0)
		return errno == ENOENT ? -ENOENT
				       : sp_ebpf_fail(error, sp_errno(), "%s: %s", path,
						      sp_err_text(sp_errno()));
	if (bpf_map_get_info_by_fd(fd, &info, &len) < 0)
		return sp_ebpf_fail(error, -EUCLEAN, "%s is not a map; " SP_EBPF_UNLOAD, path);
	if (moves && sp_ebpf_former_fits(map, &info)) {
		sp_ebpf_former_take(plane, &info, bpf_map__name(map), SP_TAKE_FD(fd));
		return -ENOENT;
	}
	if (!has_shape(map, &info))
		return sp_ebpf_former_fits(map, &info) ? -ESTALE
						       : say_shape(map, &info, path, error);
	*ret_fd = SP_TAKE_FD(fd);
	return 0;
}

/* Adopt the pinned maps of one object and mark its other maps for creation. Returns how many are to
 * be created, or -errno. */
static int adopt_maps(struct sp_ebpf *plane, struct bpf_object *object,
		      struct sp_plane_error *error)
{
	struct bpf_map *map;
	int missing = 0;

	bpf_object__for_each_map(map, object) {
		__sp_close int fd = -1;
		char path[PATH_MAX_HERE];
		int r;

		bpf_map__set_autocreate(map, false);
		if (sp_ebpf_map_is_private(map) || sp_ebpf_table_of(bpf_map__name(map)) >= 0 ||
		    sp_ebpf_map_find(plane, bpf_map__name(map)))
			continue;
		size_map(plane, map);
		if (plane->pin_dir && !is_test_map(bpf_map__name(map))) {
			snprintf(path, sizeof(path), "%s/%s", plane->pin_dir, bpf_map__name(map));
			r = adopt_map(plane, map, path, is_moving(plane, bpf_map__name(map)), &fd,
				      error);
			if (r == 0)
				r = remember_map(plane, map, SP_TAKE_FD(fd));
			else if (r == -ENOENT)
				r = 1;
			if (r < 0)
				return r;
			if (r == 0)
				continue;
		}
		bpf_map__set_autocreate(map, true);
		missing++;
	}
	return missing;
}

/* Take the maps that the load made, and pin them. */
static int keep_maps(struct sp_ebpf *plane, struct bpf_object *object, struct sp_plane_error *error)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		__sp_close int fd = -1;
		char path[PATH_MAX_HERE];
		int r;

		if (!bpf_map__autocreate(map))
			continue;
		fd = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return sp_errno();
		if (plane->pin_dir && !is_test_map(bpf_map__name(map)) &&
		    !is_moving(plane, bpf_map__name(map))) {
			snprintf(path, sizeof(path), "%s/%s", plane->pin_dir, bpf_map__name(map));
			if (bpf_obj_pin(fd, path) < 0)
				return sp_ebpf_fail(error, sp_errno(), "%s: %s", path,
						    sp_err_text(sp_errno()));
		}
		r = remember_map(plane, map, SP_TAKE_FD(fd));
		if (r < 0)
			return r;
	}
	return 0;
}

/* An object loaded without its programs gives its maps alone, with the type information that some
 * maps need. */
static int open_maps_of(struct sp_ebpf *plane, const void *bytes, size_t len, const char *name,
			struct sp_plane_error *error)
{
	__sp_cleanup(bpf_object__closep) struct bpf_object *object = NULL;
	struct bpf_program *program;
	int r;

	r = sp_ebpf_object_open(bytes, len, name, &object, error);
	if (r < 0)
		return r;
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, false);
	r = adopt_maps(plane, object, error);
	if (r <= 0)
		return r;
	r = sp_ebpf_object_load(object, name, error);
	if (r < 0)
		return r;
	return keep_maps(plane, object, error);
}

int sp_ebpf_sessions_map(const struct sp_ebpf_map *map, struct sp_ebpf_sessions *ret_sessions)
{
	/* The value size as an array map keeps it: rounded up to 8 bytes. */
	const uint32_t size = (map->value_size + 7) & ~7u;
	void *memory = sp_ebpf_mmap(map->fd, (size_t)size * map->max_entries, true);

	if (!memory)
		return sp_errno();
	*ret_sessions = (struct sp_ebpf_sessions){ memory, size };
	return 0;
}

static int map_memory(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	int r;

	plane->ident_fd = fd_of(plane, "sp_ident");
	plane->flow_fd = fd_of(plane, "sp_flow");
	plane->counter_fd = fd_of(plane, "sp_counter");
	plane->rule_counter_fd = fd_of(plane, "sp_rule_counter");
	plane->event_stats_fd = fd_of(plane, "sp_event_stats");
	plane->events_fd = fd_of(plane, "sp_events");
	plane->sample_fd = fd_of(plane, "sp_sample");
	plane->ban_fd = fd_of(plane, "sp_ban");
	plane->sessions_max = plane->options.sessions_max;
	r = sp_ebpf_sessions_map(sp_ebpf_map_find(plane, "sp_session"), &plane->sessions);
	if (r < 0)
		return sp_ebpf_fail(error, r, "mapping the sessions: %s", sp_err_text(r));
	plane->tallies = sp_ebpf_mmap(fd_of(plane, "sp_tally"),
				      SP_TALLY_SLOTS * sizeof(*plane->tallies), true);
	if (!plane->tallies)
		return sp_ebpf_fail(error, sp_errno(), "mapping what was counted: %s",
				    sp_err_text(sp_errno()));
	plane->holder_buckets =
		sp_ebpf_mmap(fd_of(plane, "sp_limit_holder"), sp_ebpf_holder_bytes(plane), true);
	plane->rule_buckets = sp_ebpf_mmap(fd_of(plane, "sp_limit_rule"),
					   SP_RULE_MAX * sizeof(*plane->rule_buckets), true);
	if (!plane->holder_buckets || !plane->rule_buckets)
		return sp_ebpf_fail(error, sp_errno(), "mapping the buckets of limits: %s",
				    sp_err_text(sp_errno()));
	plane->ban_use = sp_ebpf_mmap(fd_of(plane, "sp_ban_use"), sizeof(*plane->ban_use), true);
	if (!plane->ban_use)
		return sp_ebpf_fail(error, sp_errno(), "mapping the number of bans: %s",
				    sp_err_text(sp_errno()));
	if (plane->pin_dir)
		return 0;
	plane->test_input =
		sp_ebpf_mmap(fd_of(plane, "sp_test_input"), sizeof(*plane->test_input), true);
	plane->test_answer =
		sp_ebpf_mmap(fd_of(plane, "sp_test_answer"), sizeof(*plane->test_answer), true);
	if (!plane->test_input || !plane->test_answer)
		return sp_ebpf_fail(error, sp_errno(), "mapping the maps of test runs: %s",
				    sp_err_text(sp_errno()));
	return 0;
}

static int open_maps(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	const void *bytes;
	size_t len;
	int r;

	for (unsigned hook = 1; hook < SP_HOOK_PROGRAM_COUNT; hook++) {
		r = sp_ebpf_image(hook, &bytes, &len);
		if (r == 0)
			r = open_maps_of(plane, bytes, len, sp_hook_name(hook), error);
		if (r < 0)
			return r;
	}
	if (plane->pin_dir && sp_ebpf_image_janitor(&bytes, &len) == 0)
		return open_maps_of(plane, bytes, len, "janitor", error);
	return 0;
}

static void close_maps(struct sp_ebpf *plane)
{
	for (size_t i = 0; i < plane->map_count; i++)
		close(plane->maps[i].fd);
	plane->map_count = 0;
}

int sp_ebpf_state_open(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	int r = plane->pin_dir ? sp_ebpf_former_settle(plane, error) : 0;

	if (r == 0)
		r = open_maps(plane, error);
	if (r == -ESTALE) {
		close_maps(plane);
		plane->former.is_there = true;
		r = open_maps(plane, error);
	}
	if (r == 0)
		r = map_memory(plane, error);
	if (r == 0 && plane->former.is_there)
		r = sp_ebpf_former_open(plane, error);
	return r;
}

void sp_ebpf_state_close(struct sp_ebpf *plane)
{
	if (plane->sessions.memory)
		munmap(plane->sessions.memory, (size_t)plane->sessions.size * plane->sessions_max);
	if (plane->tallies)
		munmap(plane->tallies, SP_TALLY_SLOTS * sizeof(*plane->tallies));
	if (plane->holder_buckets)
		munmap(plane->holder_buckets, sp_ebpf_holder_bytes(plane));
	if (plane->rule_buckets)
		munmap(plane->rule_buckets, SP_RULE_MAX * sizeof(*plane->rule_buckets));
	if (plane->ban_use)
		munmap(plane->ban_use, sizeof(*plane->ban_use));
	if (plane->test_input)
		munmap(plane->test_input, sizeof(*plane->test_input));
	if (plane->test_answer)
		munmap(plane->test_answer, sizeof(*plane->test_answer));
	sp_ebpf_former_close(plane);
	close_maps(plane);
}

/* While an older build's programs run, the next daemon has to find that build's maps. */
static int fd_to_pin(const struct sp_ebpf *plane, const struct sp_ebpf_map *map)
{
	const struct sp_ebpf_map *const formers[] = { &plane->former.session, &plane->former.ident,
						      &plane->former.flow };

	for (size_t i = 0; plane->former.is_there && i < SP_ARRAY_LEN(formers); i++)
		if (strcmp(formers[i]->name, map->name) == 0)
			return formers[i]->fd;
	return map->fd;
}

int sp_ebpf_state_pin(struct sp_ebpf *plane, bool *is_changed)
{
	char path[PATH_MAX_HERE];

	for (size_t i = 0; i < plane->map_count; i++) {
		snprintf(path, sizeof(path), "%s/%s", plane->pin_dir, plane->maps[i].name);
		if (is_test_map(plane->maps[i].name) || access(path, F_OK) == 0)
			continue;
		if (bpf_obj_pin(fd_to_pin(plane, &plane->maps[i]), path) < 0)
			return sp_errno();
		*is_changed = true;
	}
	return 0;
}

/* ---- sessions: the kernel reads them at any moment, so every store it may see is one of 8 bytes
 * ---- */

static void store(__u64 *to, __u64 value, int order)
{
	__atomic_store_n(to, value, order);
}

/* Write both families at once: a reader takes the pair of its own revision, never half of it. */
static void store_pair(__u32 to[2], const uint32_t from[2])
{
	__u64 both;

	memcpy(&both, from, sizeof(both));
	store((__u64 *)(void *)to, both, __ATOMIC_RELAXED);
}

/* Element @number of this build's array (@i 0) or of the former build's (@i 1), which is shorter.
 * NULL: there is none. Each change is made in both arrays, because programs of either build may
 * run. */
static struct sp_session *session_at(const struct sp_ebpf *plane, int i, uint32_t number)
{
	const struct sp_ebpf_sessions *sessions =
		i == 0 ? &plane->sessions : &plane->former.sessions;

	return sessions->memory ? (void *)(sessions->memory + (size_t)number * sessions->size)
				: NULL;
}

#define FOR_EACH_COPY(to, i, plane, number)                                                        \
	for (int i = 0; i < 2; i++)                                                                \
		for (struct sp_session *to = session_at(plane, i, number); to; to = NULL)

static void write_session(struct sp_session *to, const struct sp_session *session)
{
	/* Readers look at the epoch before and after: 0 while the rest is written. */
	store(&to->epoch, 0, __ATOMIC_SEQ_CST);
	atomic_thread_fence(memory_order_seq_cst);
	store(&to->expires_ns, session->expires_ns, __ATOMIC_RELAXED);
	store(&to->idle_ns, session->idle_ns, __ATOMIC_RELAXED);
	store(&to->last_seen_ns, session->last_seen_ns, __ATOMIC_RELAXED);
	store(&to->person, session->person, __ATOMIC_RELAXED);
	for (int slot = 0; slot < 2; slot++) {
		store_pair(to->class_id[slot], session->class_id[slot]);
		store_pair(to->netset[slot], session->netset[slot]);
		store_pair(to->own_netset[slot], session->own_netset[slot]);
	}
	__atomic_store_n(&to->flows, session->flows, __ATOMIC_RELAXED);
	__atomic_store_n(&to->parked_flows, session->parked_flows, __ATOMIC_RELAXED);
	store(&to->epoch, session->epoch, __ATOMIC_RELEASE);
}

static void fill_buckets(struct sp_ebpf *plane, uint32_t number)
{
	__u64 *buckets = plane->holder_buckets + (size_t)number * SP_LIMIT_SESSION_SLOTS;

	for (unsigned slot = 0; slot < SP_LIMIT_SESSION_SLOTS; slot++)
		store(&buckets[slot], 0, __ATOMIC_RELAXED);
}

static void switch_rules(struct sp_ebpf *plane, const struct sp_limit_terms *terms, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const __u32 rule = terms[i].slot;

		if (terms[i].key != SP_LIMIT_BY_RULE || plane->rule_limit[rule] == terms[i].id)
			continue;
		store(&plane->rule_buckets[rule], 0, __ATOMIC_RELAXED);
	}
}

void sp_ebpf_limits_adopted(struct sp_ebpf *plane, const struct sp_ebpf_slots *slots,
			    const struct sp_limit_terms *terms, size_t count)
{
	memset(plane->rule_limit, 0, sizeof(plane->rule_limit));
	for (size_t i = 0; i < count; i++)
		if (terms[i].key == SP_LIMIT_BY_RULE && terms[i].slot < SP_RULE_MAX)
			plane->rule_limit[terms[i].slot] = terms[i].id;
	plane->slots = *slots;
}

void sp_ebpf_limits_switched(struct sp_ebpf *plane, const struct sp_ebpf_slots *slots,
			     const struct sp_limit_terms *terms, size_t count)
{
	switch_rules(plane, terms, count);
	for (unsigned slot = 0; slot < SP_LIMIT_SESSION_SLOTS; slot++) {
		if (plane->slots.id[slot] == slots->id[slot])
			continue;
		for (size_t number = 0; number < plane->sessions_max; number++)
			store(&plane->holder_buckets[number * SP_LIMIT_SESSION_SLOTS + slot], 0,
			      __ATOMIC_RELAXED);
	}
	sp_ebpf_limits_adopted(plane, slots, terms, count);
}

int sp_ebpf_session_put(struct sp_ebpf *plane, uint32_t number, const struct sp_session *session)
{
	if (number >= plane->sessions_max)
		return -ERANGE;
	/* another session begins with full buckets */
	if (session_at(plane, 0, number)->epoch != session->epoch)
		fill_buckets(plane, number);
	FOR_EACH_COPY(to, i, plane, number)
	write_session(to, session);
	return 0;
}

int sp_ebpf_session_get(struct sp_ebpf *plane, uint32_t number, struct sp_session *ret_session)
{
	const struct sp_session *former;

	if (number >= plane->sessions_max)
		return -ERANGE;
	memset(ret_session, 0, sizeof(*ret_session));
	memcpy(ret_session, session_at(plane, 0, number), plane->sessions.size);
	former = session_at(plane, 1, number);
	if (former && former->last_seen_ns > ret_session->last_seen_ns)
		ret_session->last_seen_ns = former->last_seen_ns;
	return 0;
}

int sp_ebpf_session_stage(struct sp_ebpf *plane, uint32_t number, uint64_t person,
			  const struct sp_plane_standing *standing)
{
	const unsigned slot = standing->revision & 1;

	if (number >= plane->sessions_max)
		return -ERANGE;
	FOR_EACH_COPY(to, i, plane, number)
	{
		store(&to->person, person, __ATOMIC_RELAXED);
		store_pair(to->class_id[slot], standing->class_id);
		store_pair(to->netset[slot], standing->netset);
		store_pair(to->own_netset[slot], standing->own_netset);
	}
	return 0;
}

int sp_ebpf_session_end(struct sp_ebpf *plane, uint32_t number)
{
	if (number >= plane->sessions_max)
		return -ERANGE;
	FOR_EACH_COPY(to, i, plane, number)
	store(&to->epoch, 0, __ATOMIC_SEQ_CST);
	return 0;
}

int sp_ebpf_session_extend(struct sp_ebpf *plane, uint32_t number, uint64_t expires_ns)
{
	if (number >= plane->sessions_max)
		return -ERANGE;
	FOR_EACH_COPY(to, i, plane, number)
	store(&to->expires_ns, expires_ns, __ATOMIC_RELEASE);
	return 0;
}

int sp_ebpf_session_set_idle(struct sp_ebpf *plane, uint32_t number, uint64_t idle_ns)
{
	if (number >= plane->sessions_max)
		return -ERANGE;
	FOR_EACH_COPY(to, i, plane, number)
	store(&to->idle_ns, idle_ns, __ATOMIC_RELEASE);
	return 0;
}

int sp_ebpf_session_set_seen(struct sp_ebpf *plane, uint32_t number, uint64_t last_seen_ns)
{
	if (number >= plane->sessions_max)
		return -ERANGE;
	FOR_EACH_COPY(to, i, plane, number)
	store(&to->last_seen_ns, last_seen_ns, __ATOMIC_RELEASE);
	return 0;
}

void sp_ebpf_wait_programs(struct sp_ebpf *plane)
{
	(void)plane;
	/* Wait for a grace period of RCU, in which running programs end. A kernel with nohz_full
	 * refuses; there no program takes as long as the next step. */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
		usleep(1000);
}

int sp_ebpf_ident_put(struct sp_ebpf *plane, const struct sp_addr *addr, uint32_t session,
		      uint64_t epoch)
{
	const struct sp_ident ident = { .addr = *addr, .epoch = epoch, .session = session };

	if (plane->former.is_there &&
	    bpf_map_update_elem(plane->former.ident.fd, addr, &ident, BPF_ANY) < 0)
		return sp_errno();
	return bpf_map_update_elem(plane->ident_fd, addr, &ident, BPF_ANY) < 0 ? sp_errno() : 0;
}

int sp_ebpf_ident_remove(struct sp_ebpf *plane, const struct sp_addr *addr)
{
	if (plane->former.is_there && bpf_map_delete_elem(plane->former.ident.fd, addr) < 0 &&
	    errno != ENOENT)
		return sp_errno();
	if (bpf_map_delete_elem(plane->ident_fd, addr) < 0 && errno != ENOENT)
		return sp_errno();
	return 0;
}
