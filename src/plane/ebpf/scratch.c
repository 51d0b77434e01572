/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scratch planes: state and programs of their own, never pinned and never attached. To make one,
 * the kernel verifies every program again. So a process keeps closed planes: a closed plane is
 * emptied and waits for the next open of its sizes, and a freed revision leaves its programs on its
 * plane for the next tables. The programs are the real ones, loaded once for each size of
 * tables. */
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "plane/ebpf/plane.h"
#include "plane/ebpf/translate.h"

#define IDLE_PLANES_MAX 4
/* Programs for every combination of `struct fixed` where the portal has one port: two revisions, the
 * tunnel protected or not, a portal or none, rules from self or none, needed or not. */
#define IDLE_STAGED_MAX 32

static pthread_mutex_t idle_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sp_ebpf *idle_planes;
static unsigned idle_plane_count;

/* ---- emptying ---- */

/* Of a trie too. */
static int clear_hash(int fd, uint32_t key_size)
{
	char key[128];

	if (key_size > sizeof(key))
		return -E2BIG;
	while (bpf_map_get_next_key(fd, NULL, key) == 0)
		if (bpf_map_delete_elem(fd, key) < 0)
			return sp_errno();
	return errno == ENOENT ? 0 : sp_errno();
}

static int clear_array(const struct sp_ebpf_map *map)
{
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	int cpus = map->type == BPF_MAP_TYPE_PERCPU_ARRAY ? libbpf_num_possible_cpus() : 1;
	size_t size = (map->value_size + 7) / 8 * 8 * (size_t)(cpus > 0 ? cpus : 1);
	__sp_free char *zeros = calloc(map->max_entries, size);
	__sp_free uint32_t *keys = calloc(map->max_entries, sizeof(*keys));
	__u32 done = map->max_entries;

	if (!zeros || !keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < map->max_entries; i++)
		keys[i] = i;
	return bpf_map_update_batch(map->fd, keys, zeros, &done, &options) < 0 ? sp_errno() : 0;
}

/* An array with many elements, of 8 bytes each, that can be mapped: to write them one by one takes
 * milliseconds. */
static int clear_mapped(const struct sp_ebpf_map *map)
{
	const size_t size = (size_t)map->max_entries * sizeof(uint64_t);
	void *memory = sp_ebpf_mmap(map->fd, size, true);

	if (!memory)
		return sp_errno();
	memset(memory, 0, size);
	munmap(memory, size);
	return 0;
}

static int clear_map(struct sp_ebpf *plane, const struct sp_ebpf_map *map)
{
	if (strcmp(map->name, "sp_session") == 0) {
		memset(plane->sessions.memory, 0,
		       (size_t)plane->sessions_max * plane->sessions.size);
		return 0;
	}
	if (strncmp(map->name, "sp_limit_", 9) == 0)
		return clear_mapped(map);
	if (strcmp(map->name, "sp_tally") == 0) {
		memset(plane->tallies, 0, SP_TALLY_SLOTS * sizeof(*plane->tallies));
		return 0;
	}
	switch (map->type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LPM_TRIE:
		return clear_hash(map->fd, map->key_size);
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		return clear_array(map);
	case BPF_MAP_TYPE_RINGBUF:
		return sp_ebpf_ring_drain(plane);
	default:
		return -EOPNOTSUPP;
	}
}

/* ---- planes ---- */

static bool is_same_size(const struct sp_ebpf_options *a, const struct sp_ebpf_options *b)
{
	return a->sessions_max == b->sessions_max && a->flows_max == b->flows_max &&
	       a->events_bytes == b->events_bytes;
}

int sp_ebpf_scratch_open(const struct sp_ebpf_options *options, struct sp_ebpf **ret_plane)
{
	struct sp_ebpf **at, *found = NULL;

	pthread_mutex_lock(&idle_lock);
	for (at = &idle_planes; *at; at = &(*at)->next) {
		if (!is_same_size(&(*at)->options, options))
			continue;
		found = *at;
		*at = found->next;
		found->next = NULL;
		idle_plane_count--;
		break;
	}
	pthread_mutex_unlock(&idle_lock);
	if (!found)
		return -ENOENT;
	*ret_plane = found;
	return 0;
}

bool sp_ebpf_scratch_keep(struct sp_ebpf *plane)
{
	bool is_kept = false;

	for (size_t i = 0; i < plane->map_count; i++)
		if (clear_map(plane, &plane->maps[i]) < 0)
			return false;
	pthread_mutex_lock(&idle_lock);
	if (idle_plane_count < IDLE_PLANES_MAX) {
		plane->next = idle_planes;
		idle_planes = plane;
		idle_plane_count++;
		is_kept = true;
	}
	pthread_mutex_unlock(&idle_lock);
	return is_kept;
}

/* ---- revisions ---- */

/* What is fixed when programs are loaded, besides the sizes of the tables. */
struct fixed {
	uint64_t revision;
	bool protect_tunnel;
	uint16_t portal_port;
	uint32_t self_class;
	bool self_needs_rules;
};

static struct sp_ebpf_staged *take_idle(struct sp_ebpf *plane, const struct sp_ebpf_room *room,
					const struct fixed *fixed)
{
	for (struct sp_ebpf_staged **at = &plane->idle; *at; at = &(*at)->next) {
		struct sp_ebpf_staged *staged = *at;

		if (staged->revision != fixed->revision ||
		    staged->protect_tunnel != fixed->protect_tunnel ||
		    staged->portal_port != fixed->portal_port ||
		    staged->self_class != fixed->self_class ||
		    staged->self_needs_rules != fixed->self_needs_rules ||
		    staged->svcset_stride != room->svcset_stride ||
		    staged->profile_capacity != room->profiles ||
		    staged->pair_capacity != room->pairs || staged->limit_capacity != room->limits)
			continue;
		*at = staged->next;
		staged->next = NULL;
		return staged;
	}
	return NULL;
}

static int empty_tables(const struct sp_ebpf_staged *staged)
{
	int r = clear_hash(staged->table[SP_EBPF_SRC], sizeof(struct sp_prefix));

	if (r == 0)
		r = clear_hash(staged->table[SP_EBPF_DST], sizeof(struct sp_prefix));
	if (r == 0)
		r = clear_hash(staged->table[SP_EBPF_FWD], sizeof(struct sp_fwd_key));
	if (r == 0)
		r = clear_hash(staged->table[SP_EBPF_PAIR], sizeof(struct sp_pair_key));
	return r;
}

static int load_idle(struct sp_ebpf *plane, const struct sp_ebpf_room *room,
		     const struct fixed *fixed, struct sp_ebpf_staged **ret_staged,
		     struct sp_plane_error *error)
{
	__sp_cleanup(sp_ebpf_staged_closep) struct sp_ebpf_staged *staged =
		sp_ebpf_staged_alloc(plane, fixed->revision);
	int r;

	if (!staged)
		return -ENOMEM;
	staged->svcset_stride = room->svcset_stride;
	staged->profile_capacity = room->profiles;
	staged->pair_capacity = room->pairs;
	staged->limit_capacity = room->limits;
	staged->protect_tunnel = fixed->protect_tunnel;
	staged->portal_port = fixed->portal_port;
	staged->self_class = fixed->self_class;
	staged->self_needs_rules = fixed->self_needs_rules;
	r = sp_ebpf_tables_create(staged, SP_TABLES_PAIR_MAX, SP_TABLES_PAIR_MAX, error);
	if (r == 0)
		r = sp_ebpf_programs_load(staged, NULL, UINT_MAX, error);
	if (r < 0)
		return r;
	*ret_staged = SP_TAKE_PTR(staged);
	return 0;
}

int sp_ebpf_scratch_stage(struct sp_ebpf *plane, const struct sp_tables *tables, uint64_t revision,
			  struct sp_ebpf_staged **ret_staged, struct sp_plane_error *error)
{
	__sp_cleanup(sp_ebpf_arrays_done) struct sp_ebpf_arrays arrays = { 0 };
	__sp_cleanup(sp_ebpf_staged_closep) struct sp_ebpf_staged *staged = NULL;
	struct sp_ebpf_room room = sp_ebpf_room_rounded(tables);
	struct sp_ebpf_slots slots;
	const struct fixed fixed = {
		.revision = revision,
		.protect_tunnel = tables->flags & SP_TABLES_PROTECT_TUNNEL,
		.portal_port = tables->portal_port,
		.self_class = tables->self_class,
		.self_needs_rules = tables->flags & SP_TABLES_SELF_RULES,
	};
	int r;

	r = sp_ebpf_translate(tables, &room, 0, 0, &arrays);
	if (r < 0)
		return sp_ebpf_fail(error, r, "translating the tables: %s", sp_err_text(r));
	r = sp_ebpf_slots_assign(&plane->slots, arrays.limit, arrays.limit_count, &slots);
	if (r < 0)
		return sp_ebpf_fail(error, r, "the limits by session: %s", sp_err_text(r));
	staged = take_idle(plane, &room, &fixed);
	r = staged ? empty_tables(staged) : load_idle(plane, &room, &fixed, &staged, error);
	if (r == 0)
		r = sp_ebpf_tables_fill(staged, &arrays, error);
	if (r < 0)
		return r;
	sp_ebpf_limits_switched(plane, &slots, arrays.limit, arrays.limit_count);
	*ret_staged = SP_TAKE_PTR(staged);
	return 0;
}

void sp_ebpf_staged_free(struct sp_ebpf_staged *staged)
{
	struct sp_ebpf_staged **at;
	unsigned count = 1;

	if (!staged || staged == staged->plane->running || staged == staged->plane->kept)
		return;
	if (staged->plane->pin_dir) {
		sp_ebpf_staged_close(staged);
		return;
	}
	staged->next = staged->plane->idle;
	staged->plane->idle = staged;
	for (at = &staged->next; *at && count < IDLE_STAGED_MAX; at = &(*at)->next)
		count++;
	sp_ebpf_staged_close(*at); /* the plane that has been unused for longest */
	*at = NULL;
}
