/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this folder share: the plane, a staged revision, and the seams between
 *
 *	translate.c  tables -> arrays to load (pure)
 *	nat_text.c   a policy's translations -> commands for nft (pure)
 *	nat_stands.c a connection's translation held to a policy (pure)
 *	image.c      the objects compiled in; object.c opens one, sets it, loads it
 *	state.c      state maps: made, adopted, written     seen.c  counters and events
 *	former.c     state maps of an older build: what is in them moves into this build's
 *	slots.c      which bucket of a session each limit has (pure)
 *	load.c       table maps and programs of a revision  scratch.c  the same, reused by judges
 *	hook.c       one hook: attach, compare-and-swap, remove
 *	pin.c        names under pin_dir                     entries.c every hook that is pinned
 *	switch.c     the sequence over all hooks             settle.c  the same after a crash
 *	kept.c       the revision that ran before, and its return
 *	repair.c     hooks that are not as the last switch left them
 *	unload.c     looking at hooks, taking all away
 *	lock.c       the second lock                         judge.c   frames without wires
 *	nat.c        the table that translates               nft.c     running nft's commands
 *	janitor.c    the timer that reclaims flows
 *	ban.c        the operator's list of bans
 *	ops.c        what plane/plane.h asks of a plane
 */
#ifndef SALLYPORT_PLANE_EBPF_PLANE_H
#define SALLYPORT_PLANE_EBPF_PLANE_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <sallyport/abi/testrun.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "plane/ebpf/ebpf.h"
#include "plane/ebpf/slots.h"
#include "plane/ebpf/translate.h"

/* ---- maps ---- */

#define SP_EBPF_MAPS_MAX 32

/* A state map, or one of the two maps of test runs. */
struct sp_ebpf_map {
	char name[16];
	int fd;
	enum bpf_map_type type;
	uint32_t key_size, value_size, max_entries;
};

/* Gets one element of a hash map, as a copy that is borrowed. Returns 0 to go on; -errno to end. */
typedef int (*sp_ebpf_walk_visit)(void *arg, const void *key, const void *value);
/* One step of a walk over a hash map: call @visit for up to 4096 elements. @walk is zeroed before
 * the first step. If @visit fails, the rest of the step is not visited.
 * Returns 1: there may be more; 0: the end; -ENOMEM; -errno of the map or of @visit. */
int sp_ebpf_walk(const struct sp_ebpf_map *map, struct sp_plane_walk *walk,
		 sp_ebpf_walk_visit visit, void *arg);

enum sp_ebpf_table {
	SP_EBPF_SRC,
	SP_EBPF_DST,
	SP_EBPF_FWD,
	SP_EBPF_SVC,
	SP_EBPF_PAIR,
	SP_EBPF_VERDICT,
	SP_EBPF_LIMIT,
	SP_EBPF_TABLE_COUNT
};

extern const char *const sp_ebpf_table_name[SP_EBPF_TABLE_COUNT];

/* ---- the plane ---- */

/* Sessions as the kernel has them, mapped. An older build's are shorter: a prefix of ours. */
struct sp_ebpf_sessions {
	char *memory;  /* NULL: there are none */
	uint32_t size; /* of one */
};

/* The maps of an older build, whose programs run until the first switch. */
struct sp_ebpf_former {
	bool is_there;
	struct sp_ebpf_map session, ident, flow;
	struct sp_ebpf_sessions sessions;
	int mover_fd; /* bpf/mover.bpf.c */
};

struct sp_ebpf {
	struct sp_plane base;           /* first */
	char *pin_dir;                  /* NULL: scratch */
	struct sp_ebpf_options options; /* with defaults filled in; its pin_dir is ours */
	/* ops.c: who is told of steps by their names */
	void (*passed)(void *arg, const char *step);
	void *passed_arg;
	struct sp_ebpf_map maps[SP_EBPF_MAPS_MAX];
	size_t map_count;
	struct sp_ebpf_sessions sessions;
	struct sp_ebpf_former former;
	uint32_t sessions_max;
	struct sp_tally *tallies;      /* the kernel's array, mapped */
	__u64 *holder_buckets;         /* the same: SP_LIMIT_SESSION_SLOTS a session */
	struct sp_ebpf_slots slots;    /* whose these are; of the revision that runs */
	__u64 *rule_buckets;           /* the same: one for each rule that has a limit by rule */
	__u64 rule_limit[SP_RULE_MAX]; /* whose these are, by sp_limit_terms.id */
	struct sp_ban_use *ban_use;    /* the kernel's element, mapped */
	int ban_fd;
	int ident_fd, flow_fd, counter_fd, rule_counter_fd, event_stats_fd, events_fd, sample_fd;
	struct sp_ebpf_ring *ring;        /* NULL until events are taken */
	struct sp_test_input *test_input; /* scratch: the kernel's element, mapped */
	struct sp_test_answer *test_answer;
	struct sp_ebpf_staged *running; /* NULL: none */
	struct sp_ebpf_staged *kept;    /* kept.c; NULL: none is kept */
	bool keeps_next;                /* the next switch keeps what runs now */
	struct sp_ebpf_staged *idle;    /* scratch: loaded programs waiting for other tables */
	struct sp_ebpf *next;           /* in the list of idle scratch planes */
	bool is_opening;
};

struct sp_ebpf_staged {
	struct sp_plane_staged base; /* first */
	struct sp_ebpf *plane;
	uint64_t revision;
	int table[SP_EBPF_TABLE_COUNT];
	int program[SP_HOOK_PROGRAM_COUNT]; /* by enum sp_hook; edge-tc: not of a scratch plane */
	uint32_t program_id[SP_HOOK_PROGRAM_COUNT];
	uint64_t token[3];      /* what edge-in tells edge-tc: of this load */
	uint32_t svcset_stride; /* sp_svcset_count of the programs: >= that of the tables */
	uint32_t profile_capacity;
	uint32_t pair_capacity;
	uint32_t limit_capacity;
	struct sp_ebpf_slots slots;   /* which of a session's buckets its limits have */
	struct sp_limit_terms *limit; /* NULL where is_adopted */
	size_t limit_count;
	bool protect_tunnel;
	uint32_t self_class;   /* of what the gateway itself sends */
	bool self_needs_rules; /* SP_TABLES_SELF_RULES */
	uint32_t refuse;       /* SP_REFUSE_…: how people are told; a scratch plane tells nobody */
	uint16_t portal_port;
	uint32_t profile_count; /* pushed so far */
	size_t pair_count;
	struct sp_svc_elem *svc_held; /* what the table svc holds */
	struct sp_ebpf_arrays arrays; /* what is to be loaded, until it is */
	struct sp_ebpf_dhcp dhcp;     /* ops.c: whom its programs are to be loaded for */
	bool is_adopted;              /* its rows are a former daemon's: programs only */
	struct sp_ebpf_staged *next;
};

SP_DEFINE_CLEANUP(struct sp_ebpf *, sp_ebpf_close);
SP_DEFINE_CLEANUP(struct sp_ebpf_staged *, sp_ebpf_staged_free);
SP_DEFINE_CLEANUP(struct bpf_object *, bpf_object__close);
/* Close the tables and programs of @staged and free it, also when it is of a scratch plane. NULL is
 * allowed. */
void sp_ebpf_staged_close(struct sp_ebpf_staged *staged);
SP_DEFINE_CLEANUP(struct sp_ebpf_staged *, sp_ebpf_staged_close);

static inline void sp_ebpf_step(const struct sp_ebpf *plane, enum sp_ebpf_step step)
{
	if (plane->options.step)
		plane->options.step(plane->options.step_arg, step);
}

/* What to do about pins of another version. */
#define SP_EBPF_UNLOAD                                                                             \
	"sallyportd --unload --yes takes away what it left, and then sallyportd starts"

/* Words for @error (may be NULL); gives @r back: `return sp_ebpf_fail(error, r, "…", …)`. */
int sp_ebpf_fail(struct sp_plane_error *error, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Every public function that has an @error begins with _begin, which empties the text, and ends
 * with _end, which puts words there if @r is a failure and no words are there yet. NULL is
 * allowed. */
static inline void sp_ebpf_begin(struct sp_plane_error *error)
{
	if (error)
		error->text[0] = '\0';
}

static inline int sp_ebpf_end(struct sp_plane_error *error, int r)
{
	return r < 0 && error && !error->text[0]
		       ? sp_ebpf_fail(error, r, "programs and maps: %s", sp_err_text(r))
		       : r;
}

/* ---- image.c: the objects, as bytes ---- */

/* The object of a hook; edge_out serves inside-out too. Returns 0; -ENOENT no such hook. */
int sp_ebpf_image(enum sp_hook hook, const void **ret_bytes, size_t *ret_len);
/* The object that reclaims expired flows. */
int sp_ebpf_image_janitor(const void **ret_bytes, size_t *ret_len);
/* The object that moves flows out of an older build's table. */
int sp_ebpf_image_mover(const void **ret_bytes, size_t *ret_len);

/* ---- object.c ---- */

/* Open an object without loading it. @bytes outlive the call only. @name is for error texts.
 * *@ret_object is the caller's: bpf_object__close. Returns 0; -errno of libbpf. */
int sp_ebpf_object_open(const void *bytes, size_t len, const char *name,
			struct bpf_object **ret_object, struct sp_plane_error *error);
/* Set one load-time setting (maps.h) of an object that is not loaded. Returns 0; -ENOENT the object
 * has no setting of that name; -EMSGSIZE the setting has another size. */
int sp_ebpf_object_set(struct bpf_object *object, const char *name, const void *value, size_t size);
/* The enum sp_ebpf_table of the map called @map_name; -1: it is not one of the tables. */
int sp_ebpf_table_of(const char *map_name);
/* Whether every loaded object has a map of its own under this name (maps.h), neither shared nor
 * pinned. */
bool sp_ebpf_map_is_private(const struct bpf_map *map);
/* Load the object. @name is for error texts, which end with the verifier's last words. Returns 0;
 * -errno of the kernel. */
int sp_ebpf_object_load(struct bpf_object *object, const char *name, struct sp_plane_error *error);
/* Let the object use the state maps of @plane and, when @staged is not NULL, the tables of that
 * revision; without @staged no tables are made. Returns 0; -ENOENT the plane lacks a map that the
 * object needs; another -errno of libbpf. */
int sp_ebpf_object_reuse(struct bpf_object *object, const struct sp_ebpf *plane,
			 const struct sp_ebpf_staged *staged, struct sp_plane_error *error);

/* ---- state.c ---- */

/* Make or adopt the state maps of @plane, pin those that are new, and map sessions and tallies. If
 * an older build's maps are pinned, it opens these too (plane->former). On an error the caller runs
 * sp_ebpf_state_close.
 * Returns 0; -EUCLEAN a pin is no map, or a map of another shape that cannot move; -E2BIG more maps
 * than SP_EBPF_MAPS_MAX; -ENOMEM; another -errno of the kernel. */
int sp_ebpf_state_open(struct sp_ebpf *plane, struct sp_plane_error *error);
/* The size of plane->holder_buckets. */
static inline size_t sp_ebpf_holder_bytes(const struct sp_ebpf *plane)
{
	return (size_t)plane->options.sessions_max * SP_LIMIT_SESSION_SLOTS * sizeof(__u64);
}
/* The programs of a revision with these slots run alone: where another limit took a slot, every
 * session's bucket is full, and so is that of a rule with another limit. */
void sp_ebpf_limits_switched(struct sp_ebpf *plane, const struct sp_ebpf_slots *slots,
			     const struct sp_limit_terms *terms, size_t count);
/* The buckets are those of these limits already, and stay as they are. */
void sp_ebpf_limits_adopted(struct sp_ebpf *plane, const struct sp_ebpf_slots *slots,
			    const struct sp_limit_terms *terms, size_t count);
/* Unmap and close the state maps and those of a former build. Pins stay. Allowed after a
 * sp_ebpf_state_open that failed half-way. */
void sp_ebpf_state_close(struct sp_ebpf *plane);
/* Pin each state map that is no longer pinned. *@is_changed is set to true when there was one, else
 * left as it is. Returns 0; -errno of the pin. */
int sp_ebpf_state_pin(struct sp_ebpf *plane, bool *is_changed);
/* Map the memory of an array of sessions. The caller unmaps it. Returns 0; -errno of mmap(2). */
int sp_ebpf_sessions_map(const struct sp_ebpf_map *map, struct sp_ebpf_sessions *ret_sessions);
/* The state map called @name, such as "sp_flow"; it belongs to @plane. NULL: it has none. */
const struct sp_ebpf_map *sp_ebpf_map_find(const struct sp_ebpf *plane, const char *name);

/* ---- former.c: docs/adr/0013-room-in-pinned-maps.md ---- */

/* After a crash: complete a move that was committed, undo a move that was not. Returns 0, also when
 * there was no move; -errno of a pin. */
int sp_ebpf_former_settle(const struct sp_ebpf *plane, struct sp_plane_error *error);
/* Whether the map of this name is one of those that are made anew together. */
bool sp_ebpf_former_has(const char *name);
/* Whether the contents of the pinned map that @info describes can move into @map. */
bool sp_ebpf_former_fits(const struct bpf_map *map, const struct bpf_map_info *info);
/* Keep the pinned map @name, which a new map replaces. @info describes it. @fd becomes the plane's.
 * sp_ebpf_former_has(@name) is true. */
void sp_ebpf_former_take(struct sp_ebpf *plane, const struct bpf_map_info *info, const char *name,
			 int fd);
/* Copy sessions and identities; from here on every change reaches the maps of both builds.
 * Returns 0; -EUCLEAN only some of a former build's maps are there; -errno. */
int sp_ebpf_former_open(struct sp_ebpf *plane, struct sp_plane_error *error);
/* Unmap and close the former build's maps. Does nothing when there is no former build. */
void sp_ebpf_former_close(struct sp_ebpf *plane);
/* Around a switch. Each does nothing when there is no former build.
 * _stage pins the new maps beside the former ones and copies the flows. _unstage removes those pins
 * again. _leave, once this build's programs run, copies the flows that came since, puts the new
 * pins in place of the former ones and closes the former maps.
 * _stage and _leave return 0; -ENOMEM; another -errno of a map or a pin. */
int sp_ebpf_former_stage(struct sp_ebpf *plane, struct sp_plane_error *error);
void sp_ebpf_former_unstage(struct sp_ebpf *plane);
int sp_ebpf_former_leave(struct sp_ebpf *plane, struct sp_plane_error *error);

/* ---- janitor.c ---- */

/* Arm the timer that reclaims expired flows. If it is armed already, this build's program goes
 * on in place of the former. Returns 0; -EIO no random number, or the program fails; another -errno
 * of the kernel. */
int sp_ebpf_janitor_arm(struct sp_ebpf *plane, struct sp_plane_error *error);

/* ---- load.c ---- */

struct sp_ebpf_arrays;

/* A handle for @revision of @plane, without tables and programs (all descriptors -1). The caller's:
 * sp_ebpf_staged_close. NULL: no memory. */
struct sp_ebpf_staged *sp_ebpf_staged_alloc(struct sp_ebpf *plane, uint64_t revision);
/* Make the empty tables of @staged. Its svcset_stride and its capacities are set.
 * @src_max, @dst_max  entries the tables src and dst have room for, at least 1.
 * Returns 0; -ENOMEM; another -errno of the kernel. On an error the tables made so far stay with
 * @staged. */
int sp_ebpf_tables_create(struct sp_ebpf_staged *staged, uint32_t src_max, uint32_t dst_max,
			  struct sp_plane_error *error);
/* Write all of @arrays to the tables of @staged, of which src, dst and pair are empty. Nothing of
 * @arrays is kept. Returns 0; -ENOSPC more rows than a table has room for; -ENOMEM; another -errno
 * of a map. */
int sp_ebpf_tables_fill(struct sp_ebpf_staged *staged, const struct sp_ebpf_arrays *arrays,
			struct sp_plane_error *error);
/* Load the programs that @staged does not have yet, @programs_max at most. @dhcp NULL: no interface
 * is a DHCP client. Returns 1 there are more; 0 @staged has all; -errno. */
int sp_ebpf_programs_load(struct sp_ebpf_staged *staged, const struct sp_ebpf_dhcp *dhcp,
			  unsigned programs_max, struct sp_plane_error *error);
/* Map @size bytes of an array map, shared with the kernel. NULL: it failed, and errno says why. */
void *sp_ebpf_mmap(int fd, size_t size, bool is_writable);
/* The id of a program, 0 if @fd is none. */
uint32_t sp_ebpf_program_id(int fd);

/* ---- scratch.c ---- */

/* Take a closed scratch plane of the sizes in @options, which are filled in, out of those that
 * wait. *@ret_plane is the caller's: sp_ebpf_close. Returns 0; -ENOENT none waits: make one. */
int sp_ebpf_scratch_open(const struct sp_ebpf_options *options, struct sp_ebpf **ret_plane);
/* Empty the state maps of @plane and keep it for sp_ebpf_scratch_open. True: @plane is no longer
 * the caller's. False: it is not kept (a map could not be emptied, or four planes wait already):
 * the caller frees it. */
bool sp_ebpf_scratch_keep(struct sp_ebpf *plane);
/* sp_ebpf_stage for a scratch plane: uses loaded programs again where their sizes and settings fit,
 * with other tables. *@ret_staged is the caller's: sp_ebpf_staged_free.
 * Returns 0; -EINVAL the tables contradict themselves; -ENOSPC no room; -ENOMEM; another -errno of
 * the kernel. */
int sp_ebpf_scratch_stage(struct sp_ebpf *plane, const struct sp_tables *tables, uint64_t revision,
			  struct sp_ebpf_staged **ret_staged, struct sp_plane_error *error);

/* ---- switch.c ---- */

/* Hooks in the order they are attached in. */
extern const enum sp_hook sp_ebpf_attach_order[];
extern const unsigned int sp_ebpf_attach_count;
/* Whether an interface of this zone gets @hook. A bare edge (is_bare) gets no edge-in. */
bool sp_ebpf_has_hook(const struct sp_plane_interface *interface, enum sp_hook hook);

/* ---- kept.c ---- */

/* Whether the kept revision runs again, by what is pinned; @plane does not know it yet then: see
 * sp_ebpf_kept_follow. */
bool sp_ebpf_kept_has_returned(const struct sp_ebpf *plane);
/* @former ran until now, and stays. It becomes the plane's own. */
void sp_ebpf_kept_take(struct sp_ebpf *plane, struct sp_ebpf_staged *former);

/* ---- settle.c, lock.c ---- */

/* Adopt the revision that runs; undo or complete what a killed switch left. Returns 0; -EUCLEAN the
 * running revision's programs are not all pinned; another -errno. */
int sp_ebpf_settle(struct sp_ebpf *plane, struct sp_plane_error *error);
/* Remove the second lock. */
int sp_ebpf_unlock(struct sp_plane_error *error);

/* ---- nat.c ---- */

/* Put what a revision translates, beside what the table has for another one; @is_anew: in place of
 * the whole table. Returns 0; as sp_ebpf_nft_run. */
int sp_ebpf_nat_put(const struct sp_plane_nat *nat, bool is_anew, struct sp_plane_error *error);
/* The table as text, the same for the same rules. The caller's: free. Returns 0; -ENOENT there is
 * none; as sp_ebpf_nft_run. */
int sp_ebpf_nat_read(char **ret_text);
/* Would nftables take it? Returns as sp_ebpf_nft_run. */
int sp_ebpf_nat_try(const struct sp_policy *policy, struct sp_plane_error *error);
/* End the connections that an entry of ours translates otherwise than @policy would. Returns 0;
 * -errno. */
int sp_ebpf_nat_settle(const struct sp_policy *policy, const struct sp_gateway *gateway,
		       size_t *ret_ended, struct sp_plane_error *error);
/* Remove the table. Returns 0, also when there was none; as sp_ebpf_nft_run. */
int sp_ebpf_nat_remove(struct sp_plane_error *error);

/* ---- nft.c ---- */

/* Run commands for nft as one transaction. @table is for error texts, "inet sallyport".
 * @flags       NFT_CTX_OUTPUT_…
 * @ret_output  what nft prints, the caller's: free. NULL: not wanted.
 * Returns 0; -ENOMEM; -EPERM; -EOPNOTSUPP what the commands speak of is not there, or this kernel
 * lacks what they need; -EIO nftables refuses them otherwise. */
int sp_ebpf_nft_run(const char *table, const char *commands, unsigned flags, char **ret_output,
		    struct sp_plane_error *error);
/* Have the kernel look at the commands, and change nothing. Returns as sp_ebpf_nft_run. */
int sp_ebpf_nft_try(const char *table, const char *commands, struct sp_plane_error *error);

/* ---- seen.c ---- */

/* Unmap the ring of events and free it. Events that were not taken stay in the kernel's ring. NULL
 * is allowed. */
void sp_ebpf_ring_close(struct sp_ebpf_ring *ring);
/* Drop every event that was not taken. Returns 0; -ENOMEM or -errno: the ring cannot be mapped. */
int sp_ebpf_ring_drain(struct sp_ebpf *plane);

#endif
