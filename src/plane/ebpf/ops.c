/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The operations of plane/plane.h, each by functions of ebpf.h. Decisions are made there, none
 * here. */
#include "plane/ebpf/ops.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "io/files/paths.h"
#include "plane/ebpf/nat_text.h"
#include "plane/ebpf/plane.h"

static struct sp_ebpf *ebpf_of(struct sp_plane *plane)
{
	return (struct sp_ebpf *)plane;
}

static struct sp_ebpf_staged *staged_of(struct sp_plane_staged *staged)
{
	return (struct sp_ebpf_staged *)staged;
}

_Static_assert(offsetof(struct sp_ebpf, base) == 0 && offsetof(struct sp_ebpf_staged, base) == 0,
	       "what the casts rely on");

/* ---- the plane ---- */

static void step_passed(void *arg, enum sp_ebpf_step step)
{
	static const char *const names[] = {
#define X(id, name, text) [SP_EBPF_STEP_##id] = name,
		SP_EBPF_STEPS(X)
#undef X
	};
	const struct sp_ebpf *plane = arg;

	plane->passed(plane->passed_arg, names[step]);
}

/* Pins need a bpffs: one of the machine's, or, below a root, one that is mounted now. */
static int mount_pins(const struct sp_paths *paths, struct sp_plane_error *error)
{
	int r = sp_paths_mount_bpffs(paths, NULL);

	if (r < 0)
		snprintf(error->text, sizeof(error->text), "no bpffs at %s: %s", paths->bpffs_dir,
			 r == -ENOTTY ? "mount one: mount -t bpf bpf /sys/fs/bpf" : sp_err_text(r));
	return r;
}

static const char *pin_dir_of(const struct sp_plane_options *options)
{
	return options->paths ? options->paths->pin_dir : NULL;
}

static int ebpf_open(const struct sp_plane_options *options, struct sp_plane **ret_plane,
		     struct sp_plane_error *error)
{
	const struct sp_ebpf_options own = {
		.pin_dir = pin_dir_of(options),
		.sessions_max = options->sessions_max,
		.flows_max = options->flows_max,
		.events_bytes = options->events_bytes,
	};
	struct sp_ebpf *plane;
	int r = options->paths ? mount_pins(options->paths, error) : 0;

	if (r == 0)
		r = sp_ebpf_open(&own, &plane, error);
	if (r < 0)
		return r;
	if (options->paths && sp_paths_is_bpffs_private(options->paths))
		snprintf(error->text, sizeof(error->text),
			 "%.120s is mounted for this process alone: when it ends, so do all "
			 "programs, and nothing passes",
			 options->paths->bpffs_dir);
	plane->base.ops = &sp_ebpf_ops;
	plane->passed = options->step;
	plane->passed_arg = options->step_arg;
	plane->options.step = options->step ? step_passed : NULL;
	plane->options.step_arg = plane;
	*ret_plane = &plane->base;
	return 0;
}

static void ebpf_close(struct sp_plane *plane)
{
	sp_ebpf_close(ebpf_of(plane));
}

static int ebpf_unload(const struct sp_plane_options *options, struct sp_plane_error *error)
{
	return sp_ebpf_unload(pin_dir_of(options), error);
}

static int ebpf_detach(struct sp_plane *plane, struct sp_plane_error *error)
{
	return sp_ebpf_detach(ebpf_of(plane), error);
}

static int ebpf_find_interface(const struct sp_plane_options *options, enum sp_hook hook,
			       char ret_name[16])
{
	return sp_ebpf_find_interface(pin_dir_of(options), hook, ret_name);
}

static bool ebpf_is_there(const struct sp_plane_options *options, struct sp_plane_error *ret_what)
{
	const char *pin_dir = pin_dir_of(options);
	const bool is_there = access(pin_dir, F_OK) == 0;

	snprintf(ret_what->text, sizeof(ret_what->text), "every program and map pinned in %s%s",
		 pin_dir, is_there ? "" : " (there is none)");
	return is_there;
}

/* ---- revisions ---- */

/* The programs tell two revisions apart by the parity of the revision number. */
static uint64_t ebpf_next_revision(struct sp_plane *plane, uint64_t least)
{
	const uint64_t running = sp_ebpf_running_revision(ebpf_of(plane));

	return least + (running && !((running ^ least) & 1));
}

static int ebpf_stage(struct sp_plane *plane, const struct sp_tables *tables, uint64_t revision,
		      struct sp_plane_staged **ret_staged, struct sp_plane_error *error)
{
	struct sp_ebpf_staged *staged;
	int r = sp_ebpf_stage(ebpf_of(plane), tables, revision, NULL, &staged, error);

	if (r == 0)
		*ret_staged = &staged->base;
	return r;
}

/* The programs have room for some clients of each family. */
static void list_clients(const struct sp_plane_interface *interfaces, size_t count, int family,
			 uint32_t ret_clients[SP_EBPF_DHCP_MAX])
{
	size_t clients = 0;

	for (size_t i = 0; i < count && clients < SP_EBPF_DHCP_MAX; i++)
		if (interfaces[i].is_dhcp_client[family])
			ret_clients[clients++] = interfaces[i].ifindex;
}

/* Sessions have room for their classes in two revisions. */
static int refuse_third(struct sp_ebpf *plane, struct sp_plane_error *error)
{
	return plane->kept ? sp_ebpf_fail(error, -EBUSY,
					  "a revision is kept that may return: none is staged")
			   : 0;
}

static int ebpf_stage_tables(struct sp_plane *plane, const struct sp_tables *tables,
			     uint64_t revision, const struct sp_plane_interface *interfaces,
			     size_t interface_count, struct sp_plane_staged **ret_staged,
			     struct sp_plane_error *error)
{
	struct sp_ebpf_staged *staged;
	int r = refuse_third(ebpf_of(plane), error);

	if (r == 0)
		r = sp_ebpf_stage_tables(ebpf_of(plane), tables, revision, &staged, error);

	if (r < 0)
		return r;
	list_clients(interfaces, interface_count, 0, staged->dhcp.v4);
	list_clients(interfaces, interface_count, 1, staged->dhcp.v6);
	*ret_staged = &staged->base;
	return 0;
}

static int ebpf_stage_fill(struct sp_plane_staged *staged, struct sp_plane_error *error)
{
	return sp_ebpf_stage_fill(staged_of(staged), error);
}

static int ebpf_stage_program(struct sp_plane_staged *staged, struct sp_plane_error *error)
{
	return sp_ebpf_stage_program(staged_of(staged), &staged_of(staged)->dhcp, error);
}

static void ebpf_staged_complete(struct sp_plane_staged *staged)
{
	sp_ebpf_staged_complete(staged_of(staged));
}

static void ebpf_staged_free(struct sp_plane_staged *staged)
{
	sp_ebpf_staged_free(staged_of(staged));
}

static int ebpf_staged_extend(struct sp_plane_staged *staged, const struct sp_tables *tables)
{
	return sp_ebpf_staged_extend(staged_of(staged), tables);
}

static int ebpf_commit(struct sp_plane *plane, struct sp_plane_staged *staged,
		       const struct sp_plane_interface *interfaces, size_t interface_count,
		       struct sp_plane_error *error)
{
	return sp_ebpf_switch(ebpf_of(plane), staged_of(staged), interfaces, interface_count,
			      error);
}

static uint64_t ebpf_running_revision(struct sp_plane *plane)
{
	return sp_ebpf_running_revision(ebpf_of(plane));
}

static struct sp_plane_staged *ebpf_running(struct sp_plane *plane)
{
	struct sp_ebpf_staged *running = sp_ebpf_running(ebpf_of(plane));

	return running ? &running->base : NULL;
}

/* ---- the former revision ---- */

static int ebpf_keep_former(struct sp_plane *plane, struct sp_plane_error *error)
{
	return sp_ebpf_keep(ebpf_of(plane), error);
}

static struct sp_plane_staged *ebpf_former(struct sp_plane *plane)
{
	struct sp_ebpf_staged *kept = ebpf_of(plane)->kept;

	return kept ? &kept->base : NULL;
}

static int ebpf_drop_former(struct sp_plane *plane, struct sp_plane_error *error)
{
	return sp_ebpf_kept_drop(ebpf_of(plane), error);
}

static int ebpf_return_former(const struct sp_plane_options *options, struct sp_plane_error *error)
{
	return sp_ebpf_kept_return(pin_dir_of(options), error);
}

static int ebpf_follow_former(struct sp_plane *plane, struct sp_plane_error *error)
{
	return sp_ebpf_kept_follow(ebpf_of(plane), error);
}

/* ---- hooks and the guard ---- */

static int ebpf_list_hooks(struct sp_plane *plane, struct sp_plane_hook **ret_hooks,
			   size_t *ret_count)
{
	return sp_ebpf_list_links(ebpf_of(plane), ret_hooks, ret_count);
}

static int ebpf_repair(struct sp_plane *plane, const struct sp_plane_interface *interfaces,
		       size_t interface_count, struct sp_plane_fault **ret_faults,
		       size_t *ret_count)
{
	return sp_ebpf_repair(ebpf_of(plane), interfaces, interface_count, ret_faults, ret_count);
}

static int ebpf_mend_pins(struct sp_plane *plane, struct sp_plane_error *error)
{
	return sp_ebpf_mend_pins(ebpf_of(plane), error);
}

/* The guard belongs to the network namespace, so it is put and read without an open plane. */
static int ebpf_guard_put(struct sp_plane *plane, const struct sp_plane_guard *guard,
			  struct sp_plane_error *error)
{
	(void)plane;
	return sp_ebpf_lock(guard, error);
}

static int ebpf_guard_counters(struct sp_plane *plane,
			       struct sp_counter ret_counters[SP_PLANE_DROP_COUNT])
{
	(void)plane;
	return sp_ebpf_lock_counters(ret_counters);
}

static int ebpf_guard_read(struct sp_plane *plane, char **ret_text)
{
	(void)plane;
	return sp_ebpf_lock_read(ret_text);
}

static int ebpf_nat_put(struct sp_plane *plane, const struct sp_plane_nat *nat, bool is_anew,
			struct sp_plane_error *error)
{
	(void)plane;
	return sp_ebpf_nat_put(nat, is_anew, error);
}

static int ebpf_nat_read(struct sp_plane *plane, char **ret_text)
{
	(void)plane;
	return sp_ebpf_nat_read(ret_text);
}

static int ebpf_nat_try(struct sp_plane *plane, const struct sp_policy *policy,
			struct sp_plane_error *error)
{
	(void)plane;
	return sp_ebpf_nat_try(policy, error);
}

static int ebpf_nat_settle(struct sp_plane *plane, const struct sp_policy *policy,
			   const struct sp_gateway *gateway, size_t *ret_ended,
			   struct sp_plane_error *error)
{
	(void)plane;
	return sp_ebpf_nat_settle(policy, gateway, ret_ended, error);
}

/* ---- sessions ---- */

/* Element 0 of the sessions belongs to no session: its epoch holds the birth of the maps. */
static int ebpf_get_birth(struct sp_plane *plane, uint64_t *ret_birth)
{
	struct sp_session nobody;
	int r = sp_ebpf_session_get(ebpf_of(plane), 0, &nobody);

	if (r == 0)
		*ret_birth = nobody.epoch;
	return r;
}

static int ebpf_set_birth(struct sp_plane *plane, uint64_t birth)
{
	return sp_ebpf_session_put(ebpf_of(plane), 0, &(struct sp_session){ .epoch = birth });
}

/* The programs take a deadline that is past, and not 0, for a session that is over. */
#define LONG_AGO_NS 1

static void put_standing(struct sp_session *session, const struct sp_plane_standing *standing)
{
	memcpy(session->class_id[standing->revision & 1], standing->class_id,
	       sizeof(standing->class_id));
	memcpy(session->netset[standing->revision & 1], standing->netset, sizeof(standing->netset));
	memcpy(session->own_netset[standing->revision & 1], standing->own_netset,
	       sizeof(standing->own_netset));
}

static uint32_t ebpf_session_limit(struct sp_plane *plane)
{
	return ebpf_of(plane)->sessions_max;
}

static int ebpf_session_put(struct sp_plane *plane, uint32_t number,
			    const struct sp_plane_session *session)
{
	struct sp_session own = {
		.epoch = session->epoch,
		.person = session->person,
		.expires_ns = session->is_parked ? LONG_AGO_NS : session->expires_ns,
		.idle_ns = session->idle_ns,
		.last_seen_ns = session->last_seen_ns,
	};

	if (!number)
		return -ERANGE;
	for (size_t i = 0; i < session->count; i++)
		put_standing(&own, &session->in[i]);
	return sp_ebpf_session_put(ebpf_of(plane), number, &own);
}

static int ebpf_session_get(struct sp_plane *plane, uint32_t number,
			    struct sp_plane_session *ret_session)
{
	struct sp_session own;
	int r = sp_ebpf_session_get(ebpf_of(plane), number, &own);

	if (r < 0)
		return r;
	*ret_session = (struct sp_plane_session){
		.epoch = own.epoch,
		.person = own.person,
		.expires_ns = own.expires_ns,
		.is_parked = own.expires_ns == LONG_AGO_NS,
		.idle_ns = own.idle_ns,
		.last_seen_ns = own.last_seen_ns,
		.flows = own.flows + own.parked_flows,
	};
	return 0;
}

static int ebpf_session_stage(struct sp_plane *plane, uint32_t number, uint64_t person,
			      const struct sp_plane_standing *standing)
{
	return sp_ebpf_session_stage(ebpf_of(plane), number, person, standing);
}

static int ebpf_session_park(struct sp_plane *plane, uint32_t number)
{
	return sp_ebpf_session_extend(ebpf_of(plane), number, LONG_AGO_NS);
}

static int ebpf_session_end(struct sp_plane *plane, uint32_t number)
{
	return sp_ebpf_session_end(ebpf_of(plane), number);
}

static int ebpf_session_extend(struct sp_plane *plane, uint32_t number, uint64_t expires_ns)
{
	return sp_ebpf_session_extend(ebpf_of(plane), number, expires_ns);
}

static int ebpf_session_set_idle(struct sp_plane *plane, uint32_t number, uint64_t idle_ns)
{
	return sp_ebpf_session_set_idle(ebpf_of(plane), number, idle_ns);
}

static int ebpf_session_set_seen(struct sp_plane *plane, uint32_t number, uint64_t seen_ns)
{
	return sp_ebpf_session_set_seen(ebpf_of(plane), number, seen_ns);
}

static int ebpf_ident_put(struct sp_plane *plane, const struct sp_addr *addr, uint32_t session,
			  uint64_t epoch)
{
	return sp_ebpf_ident_put(ebpf_of(plane), addr, session, epoch);
}

static int ebpf_ident_remove(struct sp_plane *plane, const struct sp_addr *addr)
{
	return sp_ebpf_ident_remove(ebpf_of(plane), addr);
}

static void ebpf_settle(struct sp_plane *plane)
{
	sp_ebpf_wait_programs(ebpf_of(plane));
}

/* ---- what was seen ---- */

static int ebpf_counters(struct sp_plane *plane, struct sp_counter *ret_counters)
{
	return sp_ebpf_counters(ebpf_of(plane), ret_counters);
}

static int ebpf_rule_counters(struct sp_plane *plane, struct sp_counter *ret_rules, uint32_t count)
{
	return sp_ebpf_rule_counters(ebpf_of(plane), ret_rules, count);
}

static int ebpf_event_stats(struct sp_plane *plane, struct sp_event_stats *ret_stats)
{
	return sp_ebpf_event_stats(ebpf_of(plane), ret_stats);
}

static int ebpf_samples(struct sp_plane *plane, struct sp_sample *ret_samples)
{
	return sp_ebpf_samples(ebpf_of(plane), ret_samples);
}

static bool ebpf_tally_read(struct sp_plane *plane, uint32_t index, struct sp_tally *ret_tally)
{
	return sp_ebpf_tally_read(ebpf_of(plane), index, ret_tally);
}

static void ebpf_tally_tell(struct sp_plane *plane, uint32_t index, const struct sp_tally *tally)
{
	sp_ebpf_tally_tell(ebpf_of(plane), index, tally);
}

static int ebpf_take_events(struct sp_plane *plane, size_t max, sp_plane_event_fn take, void *arg)
{
	return sp_ebpf_take_events(ebpf_of(plane), max, take, arg);
}

static int ebpf_flow_some(struct sp_plane *plane, struct sp_plane_walk *walk,
			  sp_plane_flow_visit visit, void *arg)
{
	return sp_ebpf_flow_some(ebpf_of(plane), walk, visit, arg);
}

static int ebpf_flow_count(struct sp_plane *plane, uint32_t *ret_count)
{
	return sp_ebpf_flow_count(ebpf_of(plane), ret_count);
}

static int ebpf_flow_use(struct sp_plane *plane, struct sp_flow_use *ret_use, uint32_t *ret_max)
{
	return sp_ebpf_flow_use(ebpf_of(plane), ret_use, ret_max);
}

static int ebpf_ban_put(struct sp_plane *plane, const struct sp_prefix *prefix, uint64_t until_ns)
{
	return sp_ebpf_ban_put(ebpf_of(plane), prefix, until_ns);
}

static int ebpf_ban_remove(struct sp_plane *plane, const struct sp_prefix *prefix)
{
	return sp_ebpf_ban_remove(ebpf_of(plane), prefix);
}

static int ebpf_ban_list(struct sp_plane *plane, struct sp_plane_ban **ret_bans, size_t *ret_count)
{
	return sp_ebpf_ban_list(ebpf_of(plane), ret_bans, ret_count);
}

static int ebpf_judge(struct sp_plane_staged *staged, enum sp_hook hook,
		      const struct sp_frame *frame, uint64_t now_ns, struct sp_answer *ret_answer)
{
	return sp_ebpf_judge(staged_of(staged), hook, frame, now_ns, ret_answer);
}

const struct sp_plane_ops sp_ebpf_ops = {
	.name = "ebpf",
	.features = SP_PLANE_ALL,
	.guard = { .name = "table inet " SP_EBPF_LOCK_TABLE,
		   .nft_table = SP_EBPF_LOCK_TABLE,
		   .nat = "table inet " SP_EBPF_NAT_TABLE,
		   .log_group = SP_EBPF_LOCK_LOG_GROUP,
		   .log_bytes = SP_EBPF_LOCK_LOG_BYTES },
	.judges = "the real programs",
	.judge_needs = "the real programs need root and a kernel with BPF",
	.open = ebpf_open,
	.close = ebpf_close,
	.unload = ebpf_unload,
	.detach = ebpf_detach,
	.find_interface = ebpf_find_interface,
	.is_there = ebpf_is_there,
	.next_revision = ebpf_next_revision,
	.stage = ebpf_stage,
	.stage_tables = ebpf_stage_tables,
	.stage_fill = ebpf_stage_fill,
	.stage_program = ebpf_stage_program,
	.staged_complete = ebpf_staged_complete,
	.staged_free = ebpf_staged_free,
	.staged_extend = ebpf_staged_extend,
	.commit = ebpf_commit,
	.running_revision = ebpf_running_revision,
	.running = ebpf_running,
	.keep_former = ebpf_keep_former,
	.former = ebpf_former,
	.drop_former = ebpf_drop_former,
	.return_former = ebpf_return_former,
	.follow_former = ebpf_follow_former,
	.list_hooks = ebpf_list_hooks,
	.repair = ebpf_repair,
	.mend_pins = ebpf_mend_pins,
	.guard_put = ebpf_guard_put,
	.guard_counters = ebpf_guard_counters,
	.guard_read = ebpf_guard_read,
	.nat_put = ebpf_nat_put,
	.nat_read = ebpf_nat_read,
	.nat_try = ebpf_nat_try,
	.nat_settle = ebpf_nat_settle,
	.get_birth = ebpf_get_birth,
	.set_birth = ebpf_set_birth,
	.session_limit = ebpf_session_limit,
	.session_put = ebpf_session_put,
	.session_get = ebpf_session_get,
	.session_stage = ebpf_session_stage,
	.session_park = ebpf_session_park,
	.session_end = ebpf_session_end,
	.session_extend = ebpf_session_extend,
	.session_set_idle = ebpf_session_set_idle,
	.session_set_seen = ebpf_session_set_seen,
	.ban_put = ebpf_ban_put,
	.ban_remove = ebpf_ban_remove,
	.ban_list = ebpf_ban_list,
	.ident_put = ebpf_ident_put,
	.ident_remove = ebpf_ident_remove,
	.settle = ebpf_settle,
	.counters = ebpf_counters,
	.rule_counters = ebpf_rule_counters,
	.event_stats = ebpf_event_stats,
	.samples = ebpf_samples,
	.tally_read = ebpf_tally_read,
	.tally_tell = ebpf_tally_tell,
	.take_events = ebpf_take_events,
	.flow_some = ebpf_flow_some,
	.flow_count = ebpf_flow_count,
	.flow_use = ebpf_flow_use,
	.judge = ebpf_judge,
};
