/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One revision in the kernel: its table maps, filled and frozen, and the programs that use them. */
#include <fcntl.h>
#include <limits.h>
#include <net/ethernet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/array.h"
#include "plane/ebpf/plane.h"

#define SVC_ELEMS (SP_SVC_SLOTS / SP_SVC_PER_ELEM)

void *sp_ebpf_mmap(int fd, size_t size, bool is_writable)
{
	void *memory;

	if (fd < 0) {
		errno = ENOENT;
		return NULL;
	}
	memory = mmap(NULL, size, is_writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd,
		      0);
	return memory == MAP_FAILED ? NULL : memory;
}

uint32_t sp_ebpf_program_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (fd < 0 || bpf_prog_get_info_by_fd(fd, &info, &len) < 0)
		return 0;
	return info.id;
}

/* ---- the handle ---- */

struct sp_ebpf_staged *sp_ebpf_staged_alloc(struct sp_ebpf *plane, uint64_t revision)
{
	struct sp_ebpf_staged *staged = calloc(1, sizeof(*staged));

	if (!staged)
		return NULL;
	staged->base.plane = &plane->base;
	staged->plane = plane;
	staged->revision = revision;
	for (int table = 0; table < SP_EBPF_TABLE_COUNT; table++)
		staged->table[table] = -1;
	for (int hook = 0; hook < SP_HOOK_PROGRAM_COUNT; hook++)
		staged->program[hook] = -1;
	return staged;
}

void sp_ebpf_staged_close(struct sp_ebpf_staged *staged)
{
	if (!staged)
		return;
	for (int table = 0; table < SP_EBPF_TABLE_COUNT; table++)
		sp_closep(&staged->table[table]);
	for (int hook = 0; hook < SP_HOOK_PROGRAM_COUNT; hook++)
		sp_closep(&staged->program[hook]);
	free(staged->svc_held);
	free(staged->limit);
	sp_ebpf_arrays_done(&staged->arrays);
	free(staged);
}

/* ---- tables ---- */

static int create(const char *name, enum bpf_map_type type, uint32_t key_size, uint32_t value_size,
		  uint32_t max_entries, uint32_t flags, int *ret_fd, struct sp_plane_error *error)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags | BPF_F_RDONLY_PROG);
	int fd = bpf_map_create(type, name, key_size, value_size, max_entries, &options);

	if (fd < 0)
		return sp_ebpf_fail(error, sp_errno(), "table %s of %u entries: %s", name,
				    max_entries, sp_err_text(sp_errno()));
	*ret_fd = fd;
	return 0;
}

int sp_ebpf_tables_create(struct sp_ebpf_staged *staged, uint32_t src_max, uint32_t dst_max,
			  struct sp_plane_error *error)
{
	const struct {
		enum bpf_map_type type;
		uint32_t key_size, value_size, max_entries, flags;
	} shapes[SP_EBPF_TABLE_COUNT] = {
		[SP_EBPF_SRC] = { BPF_MAP_TYPE_LPM_TRIE, sizeof(struct sp_prefix),
				  sizeof(struct sp_src), src_max, BPF_F_NO_PREALLOC },
		[SP_EBPF_DST] = { BPF_MAP_TYPE_LPM_TRIE, sizeof(struct sp_prefix),
				  sizeof(struct sp_dst), dst_max, BPF_F_NO_PREALLOC },
		[SP_EBPF_FWD] = { BPF_MAP_TYPE_HASH, sizeof(struct sp_fwd_key),
				  sizeof(struct sp_fwd), SP_TABLES_FWD_MAX, BPF_F_NO_PREALLOC },
		[SP_EBPF_SVC] = { BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), sizeof(struct sp_svc_elem),
				  SVC_ELEMS, 0 },
		[SP_EBPF_PAIR] = { BPF_MAP_TYPE_HASH, sizeof(struct sp_pair_key), sizeof(uint32_t),
				   staged->pair_capacity, BPF_F_NO_PREALLOC },
		[SP_EBPF_VERDICT] = { BPF_MAP_TYPE_ARRAY, sizeof(uint32_t),
				      sizeof(struct sp_verdict),
				      staged->profile_capacity * staged->svcset_stride, 0 },
		[SP_EBPF_LIMIT] = { BPF_MAP_TYPE_ARRAY, sizeof(uint32_t),
				    sizeof(struct sp_limit_terms), staged->limit_capacity, 0 },
	};

	staged->svc_held = calloc(SVC_ELEMS, sizeof(*staged->svc_held));
	if (!staged->svc_held)
		return -ENOMEM;
	for (int table = 0; table < SP_EBPF_TABLE_COUNT; table++) {
		int r = create(sp_ebpf_table_name[table], shapes[table].type,
			       shapes[table].key_size, shapes[table].value_size,
			       shapes[table].max_entries, shapes[table].flags,
			       &staged->table[table], error);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Write all elements in one call if the kernel can, else one by one. */
static int push(int fd, const void *keys, size_t key_size, const void *values, size_t value_size,
		size_t count)
{
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	__u32 done = count;

	if (count == 0 || bpf_map_update_batch(fd, keys, values, &done, &options) == 0)
		return 0;
	if (errno == E2BIG || errno == ENOSPC || errno == ENOMEM)
		return errno == ENOMEM ? -ENOMEM : -ENOSPC;
	for (size_t i = 0; i < count; i++)
		if (bpf_map_update_elem(fd, (const char *)keys + i * key_size,
					(const char *)values + i * value_size, BPF_ANY) < 0)
			return errno == E2BIG ? -ENOSPC : sp_errno();
	return 0;
}

/* Elements first, first + 1, … of an array map. */
static int push_array(int fd, uint32_t first, const void *values, size_t value_size, size_t count)
{
	__sp_free uint32_t *keys = calloc(count ? count : 1, sizeof(*keys));

	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		keys[i] = first + i;
	return push(fd, keys, sizeof(*keys), values, value_size, count);
}

/* Write only the runs of elements that differ from the map: few of its 49 344 elements are in
 * use. */
static int push_svc(struct sp_ebpf_staged *staged, const struct sp_svc_elem *svc)
{
	struct sp_svc_elem *held = staged->svc_held;

	for (size_t from = 0, to; from < SVC_ELEMS; from = to) {
		int r;

		to = from + 1;
		if (memcmp(&svc[from], &held[from], sizeof(*svc)) == 0)
			continue;
		while (to < SVC_ELEMS && memcmp(&svc[to], &held[to], sizeof(*svc)) != 0)
			to++;
		r = push_array(staged->table[SP_EBPF_SVC], from, &svc[from], sizeof(*svc),
			       to - from);
		if (r < 0)
			return r;
		memcpy(&held[from], &svc[from], (to - from) * sizeof(*svc));
	}
	return 0;
}

static int push_verdicts(struct sp_ebpf_staged *staged, const struct sp_ebpf_arrays *arrays)
{
	return push_array(staged->table[SP_EBPF_VERDICT],
			  arrays->profile_first * staged->svcset_stride, arrays->verdict,
			  sizeof(*arrays->verdict),
			  (size_t)arrays->profile_count * staged->svcset_stride);
}

/* Write verdicts before the pairs that lead to them. */
static int push_rows(struct sp_ebpf_staged *staged, const struct sp_ebpf_arrays *arrays)
{
	int r = push_verdicts(staged, arrays);

	if (r < 0)
		return r;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	r = push(staged->table[SP_EBPF_PAIR], arrays->pair_keys, sizeof(*arrays->pair_keys),
		 arrays->pair_profiles, sizeof(*arrays->pair_profiles), arrays->pair_count);
	if (r < 0)
		return r;
	staged->profile_count = arrays->profile_first + arrays->profile_count;
	staged->pair_count += arrays->pair_count;
	return 0;
}

int sp_ebpf_tables_fill(struct sp_ebpf_staged *staged, const struct sp_ebpf_arrays *arrays,
			struct sp_plane_error *error)
{
	int r;

	r = push(staged->table[SP_EBPF_SRC], arrays->src_keys, sizeof(*arrays->src_keys),
		 arrays->src_values, sizeof(*arrays->src_values), arrays->src_count);
	if (r == 0)
		r = push(staged->table[SP_EBPF_DST], arrays->dst_keys, sizeof(*arrays->dst_keys),
			 arrays->dst_values, sizeof(*arrays->dst_values), arrays->dst_count);
	if (r == 0)
		r = push(staged->table[SP_EBPF_FWD], arrays->fwd_keys, sizeof(*arrays->fwd_keys),
			 arrays->fwd_values, sizeof(*arrays->fwd_values), arrays->fwd_count);
	if (r == 0)
		r = push_svc(staged, arrays->svc);
	if (r == 0)
		r = push_array(staged->table[SP_EBPF_LIMIT], 0, arrays->limit,
			       sizeof(*arrays->limit), arrays->limit_count);
	staged->pair_count = 0;
	if (r == 0)
		r = push_rows(staged, arrays);
	if (r < 0)
		return sp_ebpf_fail(error, r, "filling the tables of revision %llu: %s",
				    (unsigned long long)staged->revision, sp_err_text(r));
	return 0;
}

/* Freeze the maps: no later error in user space can change them. The limits are not frozen: of a
 * frozen array with several elements the verifier refuses a read at a fixed place (-ENOTSUPP). */
static int freeze(struct sp_ebpf_staged *staged, struct sp_plane_error *error)
{
	static const enum sp_ebpf_table frozen[] = { SP_EBPF_SRC, SP_EBPF_DST, SP_EBPF_FWD,
						     SP_EBPF_SVC };

	for (size_t i = 0; i < sizeof(frozen) / sizeof(frozen[0]); i++)
		if (bpf_map_freeze(staged->table[frozen[i]]) < 0)
			return sp_ebpf_fail(error, sp_errno(), "freezing %s: %s",
					    sp_ebpf_table_name[frozen[i]], sp_err_text(sp_errno()));
	return 0;
}

int sp_ebpf_staged_extend(struct sp_ebpf_staged *staged, const struct sp_tables *tables)
{
	__sp_cleanup(sp_ebpf_arrays_done) struct sp_ebpf_arrays arrays = { 0 };
	const struct sp_ebpf_room room = {
		.svcset_stride = staged->svcset_stride,
		.profiles = staged->profile_capacity,
		.pairs = staged->pair_capacity,
		.limits = staged->limit_capacity,
	};
	int r;

	if (staged->is_adopted)
		return -ESTALE;
	r = sp_ebpf_translate(tables, &room, staged->pair_count, staged->profile_count, &arrays);
	return r < 0 ? r : push_rows(staged, &arrays);
}

/* ---- programs ---- */

struct setting {
	const char *name;
	const void *value;
	size_t size;
};

static int set_all(struct bpf_object *object, const char *name, const struct setting *settings,
		   size_t count, struct sp_plane_error *error)
{
	for (size_t i = 0; i < count; i++) {
		int r = sp_ebpf_object_set(object, settings[i].name, settings[i].value,
					   settings[i].size);

		if (r < 0)
			return sp_ebpf_fail(error, r, "%s: setting %s: %s", name, settings[i].name,
					    sp_err_text(r));
	}
	return 0;
}

/* Only where the policy speaks of what the gateway itself sends: programs without these settings
 * do for every other policy. */
static int set_self(struct bpf_object *object, const char *name,
		    const struct sp_ebpf_staged *staged, struct sp_plane_error *error)
{
	const uint32_t needs_rules = staged->self_needs_rules;
	const struct setting settings[] = {
		{ "sp_self_class", &staged->self_class, sizeof(staged->self_class) },
		{ "sp_self_needs_rules", &needs_rules, sizeof(needs_rules) },
	};

	if (!staged->self_class && !staged->self_needs_rules)
		return 0;
	return set_all(object, name, settings, SP_ARRAY_LEN(settings), error);
}

static int set_object(struct bpf_object *object, enum sp_hook hook,
		      const struct sp_ebpf_staged *staged, const struct sp_ebpf_dhcp *dhcp,
		      struct sp_plane_error *error)
{
	static const struct sp_ebpf_dhcp nobody;
	const struct sp_ebpf_dhcp *clients = dhcp ? dhcp : &nobody;
	bool is_scratch = !staged->plane->pin_dir;
	const uint32_t protect_tunnel = staged->protect_tunnel, portal_port = staged->portal_port;
	const uint32_t test = is_scratch, hook_number = hook;
	const uint32_t tunnel_link_len = is_scratch ? ETH_HLEN : 0;
	/* Whether the policy translates or not: `passing` drops by these marks what a former netmap
	 * would still translate. A scratch plane's programs serve several revisions, and nobody
	 * translates behind them. */
	const uint32_t judged_mark =
		is_scratch ? SP_MARK_JUDGED : SP_MARK_JUDGED_BY(staged->revision);
	uint64_t seed = 0;
	const struct setting settings[] = {
		{ "sp_revision", &staged->revision, sizeof(staged->revision) },
		{ "sp_svcset_count", &staged->svcset_stride, sizeof(uint32_t) },
		{ "sp_profile_count", &staged->profile_capacity, sizeof(uint32_t) },
		{ "sp_protect_tunnel", &protect_tunnel, sizeof(protect_tunnel) },
		{ "sp_flow_max", &staged->plane->options.flows_max, sizeof(uint32_t) },
		{ "sp_portal_port", &portal_port, sizeof(portal_port) },
		{ "sp_test", &test, sizeof(test) },
		{ "sp_tunnel_link_len", &tunnel_link_len, sizeof(tunnel_link_len) },
		{ "sp_refuse", &staged->refuse, sizeof(staged->refuse) },
		{ "sp_dhcp_ifindex", clients->v4, sizeof(clients->v4) },
		{ "sp_dhcp6_ifindex", clients->v6, sizeof(clients->v6) },
		{ "sp_recorder_hook", &hook_number, sizeof(hook_number) },
		{ "sp_seed", &seed, sizeof(seed) },
		{ "sp_token", staged->token, sizeof(staged->token) },
		{ "sp_judged_mark", &judged_mark, sizeof(judged_mark) },
	};

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return sp_ebpf_fail(error, -EIO, "no random number for the programs");
	return set_all(object, sp_hook_name(hook), settings, sizeof(settings) / sizeof(settings[0]),
		       error);
}

static int load_program(struct sp_ebpf_staged *staged, enum sp_hook hook,
			const struct sp_ebpf_dhcp *dhcp, struct sp_plane_error *error)
{
	__sp_cleanup(bpf_object__closep) struct bpf_object *object = NULL;
	struct bpf_program *program;
	const void *bytes;
	size_t len;
	int fd, r;

	r = sp_ebpf_image(hook, &bytes, &len);
	if (r < 0)
		return sp_ebpf_fail(error, r, "%s: this build has no program for it",
				    sp_hook_name(hook));
	r = sp_ebpf_object_open(bytes, len, sp_hook_name(hook), &object, error);
	if (r == 0)
		r = set_object(object, hook, staged, dhcp, error);
	if (r == 0)
		r = set_self(object, sp_hook_name(hook), staged, error);
	if (r == 0)
		r = sp_ebpf_object_reuse(object, staged->plane, staged, error);
	if (r == 0)
		r = sp_ebpf_object_load(object, sp_hook_name(hook), error);
	if (r < 0)
		return r;
	program = bpf_object__next_program(object, NULL);
	if (!program)
		return sp_ebpf_fail(error, -ENOENT, "%s: its object holds no program",
				    sp_hook_name(hook));
	fd = fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return sp_errno();
	staged->program[hook] = fd;
	staged->program_id[hook] = sp_ebpf_program_id(fd);
	return 0;
}

int sp_ebpf_programs_load(struct sp_ebpf_staged *staged, const struct sp_ebpf_dhcp *dhcp,
			  unsigned programs_max, struct sp_plane_error *error)
{
	const unsigned end = staged->plane->pin_dir ? SP_HOOK_PROGRAM_COUNT : SP_HOOK_JUDGE_COUNT;

	for (unsigned hook = 1; hook < end; hook++) {
		int r;

		if (staged->program[hook] >= 0)
			continue;
		if (!programs_max--)
			return 1;
		r = load_program(staged, hook, dhcp, error);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- staging ---- */

/* A sender that hands packets straight to an edge interface, such as a container behind a veth,
 * must not know the token that edge-in hands to edge-tc. The token is never 0, because empty
 * metadata reads as 0. */
static int make_tokens(struct sp_ebpf_staged *staged, struct sp_plane_error *error)
{
	if (getrandom(staged->token, sizeof(staged->token), 0) != sizeof(staged->token))
		return sp_ebpf_fail(error, sp_errno(), "the tokens of edge-in: %s",
				    sp_err_text(sp_errno()));
	for (size_t i = 0; i < sizeof(staged->token) / sizeof(staged->token[0]); i++)
		staged->token[i] |= 1;
	return 0;
}

static uint32_t how_to_refuse(const struct sp_ebpf_staged *staged, const struct sp_tables *tables)
{
	if (!staged->plane->pin_dir || tables->flags & SP_TABLES_REJECT_DROP)
		return SP_REFUSE_NOBODY;
	return tables->flags & SP_TABLES_REJECT_ICMP ? SP_REFUSE_BY_ICMP : SP_REFUSE_BY_RESET;
}

/* What is to be loaded, with nothing in the kernel yet. */
static int take_tables(struct sp_ebpf *plane, const struct sp_tables *tables, uint64_t revision,
		       struct sp_ebpf_staged **ret_staged, struct sp_plane_error *error)
{
	__sp_cleanup(sp_ebpf_staged_closep) struct sp_ebpf_staged *staged = NULL;
	const struct sp_ebpf_room room = sp_ebpf_room_exact(tables);
	int r;

	if (revision == 0)
		return sp_ebpf_fail(error, -EINVAL, "0 is no revision");
	staged = sp_ebpf_staged_alloc(plane, revision);
	if (!staged)
		return -ENOMEM;
	r = sp_ebpf_translate(tables, &room, 0, 0, &staged->arrays);
	if (r < 0)
		return sp_ebpf_fail(error, r, "translating the tables: %s", sp_err_text(r));
	r = sp_ebpf_slots_assign(&plane->slots, staged->arrays.limit, staged->arrays.limit_count,
				 &staged->slots);
	if (r < 0)
		return sp_ebpf_fail(error, r, "the limits by session: %s", sp_err_text(r));
	staged->svcset_stride = room.svcset_stride;
	staged->profile_capacity = room.profiles;
	staged->pair_capacity = room.pairs;
	staged->limit_capacity = room.limits;
	staged->protect_tunnel = tables->flags & SP_TABLES_PROTECT_TUNNEL;
	staged->self_class = tables->self_class;
	staged->self_needs_rules = tables->flags & SP_TABLES_SELF_RULES;
	staged->portal_port = tables->portal_port;
	staged->refuse = how_to_refuse(staged, tables);
	*ret_staged = SP_TAKE_PTR(staged);
	return 0;
}

static int fill_tables(struct sp_ebpf_staged *staged, struct sp_plane_error *error)
{
	struct sp_ebpf_arrays *arrays = &staged->arrays;
	int r = make_tokens(staged, error);

	if (r == 0)
		r = sp_ebpf_tables_create(staged, arrays->src_count, arrays->dst_count, error);
	if (r == 0)
		r = sp_ebpf_tables_fill(staged, arrays, error);
	if (r == 0)
		r = freeze(staged, error);
	if (r < 0)
		return r;
	staged->limit = SP_TAKE_PTR(arrays->limit);
	staged->limit_count = arrays->limit_count;
	sp_ebpf_arrays_done(arrays);
	sp_ebpf_step(staged->plane, SP_EBPF_STEP_TABLES);
	return 0;
}

int sp_ebpf_stage_tables(struct sp_ebpf *plane, const struct sp_tables *tables, uint64_t revision,
			 struct sp_ebpf_staged **ret_staged, struct sp_plane_error *error)
{
	sp_ebpf_begin(error);
	return sp_ebpf_end(error, take_tables(plane, tables, revision, ret_staged, error));
}

int sp_ebpf_stage_fill(struct sp_ebpf_staged *staged, struct sp_plane_error *error)
{
	sp_ebpf_begin(error);
	return sp_ebpf_end(error, fill_tables(staged, error));
}

int sp_ebpf_stage_program(struct sp_ebpf_staged *staged, const struct sp_ebpf_dhcp *dhcp,
			  struct sp_plane_error *error)
{
	int r;

	sp_ebpf_begin(error);
	r = sp_ebpf_programs_load(staged, dhcp, 1, error);
	return r > 0 ? r : sp_ebpf_end(error, r);
}

void sp_ebpf_staged_complete(struct sp_ebpf_staged *staged)
{
	sp_ebpf_step(staged->plane, SP_EBPF_STEP_PROGRAMS);
}

static int stage_live(struct sp_ebpf *plane, const struct sp_tables *tables, uint64_t revision,
		      const struct sp_ebpf_dhcp *dhcp, struct sp_ebpf_staged **ret_staged,
		      struct sp_plane_error *error)
{
	__sp_cleanup(sp_ebpf_staged_closep) struct sp_ebpf_staged *staged = NULL;
	int r = take_tables(plane, tables, revision, &staged, error);

	if (r == 0)
		r = fill_tables(staged, error);
	if (r == 0)
		r = sp_ebpf_programs_load(staged, dhcp, UINT_MAX, error);
	if (r < 0)
		return r;
	sp_ebpf_step(plane, SP_EBPF_STEP_PROGRAMS);
	*ret_staged = SP_TAKE_PTR(staged);
	return 0;
}

int sp_ebpf_stage(struct sp_ebpf *plane, const struct sp_tables *tables, uint64_t revision,
		  const struct sp_ebpf_dhcp *dhcp, struct sp_ebpf_staged **ret_staged,
		  struct sp_plane_error *error)
{
	int r;

	sp_ebpf_begin(error);
	if (revision == 0)
		r = sp_ebpf_fail(error, -EINVAL, "0 is no revision");
	else if (!plane->pin_dir)
		r = sp_ebpf_scratch_stage(plane, tables, revision, ret_staged, error);
	else
		r = stage_live(plane, tables, revision, dhcp, ret_staged, error);
	return sp_ebpf_end(error, r);
}
