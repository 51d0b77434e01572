/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ebpf plane: state maps and links pinned under <bpffs>/sallyport/v1/, programs and tables of
 * one revision, the second lock in nftables. A plane object is a handle: closing it changes
 * nothing in the kernel; opening adopts what is pinned.
 * All times are CLOCK_BOOTTIME ns. */
#ifndef SALLYPORT_PLANE_EBPF_H
#define SALLYPORT_PLANE_EBPF_H

#include "plane/plane.h"

struct sp_ebpf;

/* The points of a stage and a switch at which a crash leaves a different state behind. A test names
 * the point at which it kills the process. X(identifier, "name", "what has just been done") */
#define SP_EBPF_STEPS(X)                                                                           \
	X(TABLES, "tables", "the tables of the new revision are made and filled")                  \
	X(PROGRAMS, "programs", "its programs are loaded")                                         \
	X(PINNED, "pinned", "tables and programs are pinned, nothing runs them")                   \
	X(ATTACHED, "attached", "one new hook is attached and pinned as new")                      \
	X(SWITCHED, "switched", "one hook that ran the former revision runs the new one")          \
	X(COMMITTED, "committed", "the new revision is the running one")                           \
	X(CONFIRMED, "confirmed", "one new hook is pinned under its lasting name")                 \
	X(DROPPED, "dropped", "one hook of an interface no longer listed is removed")              \
	X(RETIRED, "retired", "the former revision is unpinned")

enum sp_ebpf_step {
#define X(id, name, text) SP_EBPF_STEP_##id,
	SP_EBPF_STEPS(X)
#undef X
		SP_EBPF_STEP_COUNT
};

#define SP_EBPF_AVOID_TCX 0x1u        /* attach as on a kernel before 6.6: clsact filters */
#define SP_EBPF_AVOID_NATIVE_XDP 0x2u /* attach as on a driver without XDP: generic */

struct sp_ebpf_options {
	const char *pin_dir;   /* …/sys/fs/bpf/sallyport/v1, made if absent; NULL: scratch,
				* nothing is pinned or attached */
	uint32_t sessions_max; /* 0: default 65536; scratch: 1024 */
	uint32_t flows_max;    /* 0: default 262144; scratch: 65536 */
	uint32_t events_bytes; /* 0: default 4 MiB; scratch: 64 KiB; a power of two, >= a page */
	uint32_t avoid;        /* SP_EBPF_AVOID_… */
	void (*step)(void *arg, enum sp_ebpf_step step); /* called after each step; NULL: none */
	void *step_arg;
};

/* Make or adopt the state maps. If an apply was killed before SP_EBPF_STEP_COMMITTED, what it left
 * is undone; if it was killed later, the rest of it is done now. Only one process at a time may
 * have a pin_dir open. *@ret_plane is the caller's: sp_ebpf_close. @error NULL is allowed.
 * Returns 0; -EUCLEAN a pinned map has another shape (@error names it); -ENOTSUP the pin_dir is on
 * no bpffs; -ENOMEM; another -errno of the kernel. */
int sp_ebpf_open(const struct sp_ebpf_options *options, struct sp_ebpf **ret_plane,
		 struct sp_plane_error *error);
/* Free the handle. What is pinned and attached stays as it is. Free the staged handles of @plane
 * first: afterwards they point at nothing. A scratch plane is emptied and may be kept for the next
 * sp_ebpf_open with the same sizes. NULL is allowed. */
void sp_ebpf_close(struct sp_ebpf *plane);

/* ---- revisions ---- */

struct sp_ebpf_staged; /* programs loaded with the tables of one revision, not attached */

/* Which interfaces take an address by DHCP (v4) or DHCPv6 (v6): their ifindexes; 0 in unused
 * elements. */
#define SP_EBPF_DHCP_MAX 8

struct sp_ebpf_dhcp {
	uint32_t v4[SP_EBPF_DHCP_MAX];
	uint32_t v6[SP_EBPF_DHCP_MAX];
};

/* Load every program with fresh tables for @revision, which is not 0. The tables have spare room
 * for the rows of later sign-ins. @dhcp NULL: no interface is a DHCP client; a scratch
 * plane ignores it. Nothing of @tables is kept. *@ret_staged is the caller's: sp_ebpf_staged_free.
 * Returns as sp_ebpf_stage_tables and sp_ebpf_stage_program, but 0 when all is loaded. */
int sp_ebpf_stage(struct sp_ebpf *plane, const struct sp_tables *tables, uint64_t revision,
		  const struct sp_ebpf_dhcp *dhcp, struct sp_ebpf_staged **ret_staged,
		  struct sp_plane_error *error);
/* Stage a revision of a pinned plane in pieces, so that the caller can serve others in between.
 * This piece takes what is to be loaded; nothing is in the kernel yet, and only the services of
 * @tables are still read. Then call sp_ebpf_stage_fill, then sp_ebpf_stage_program until it returns
 * 0, then sp_ebpf_staged_complete. @ret_staged is the caller's: sp_ebpf_staged_free.
 * Returns 0; -EINVAL @revision is 0, or the tables contradict themselves; -ENOSPC the tables have
 * no room; -ENOMEM. */
int sp_ebpf_stage_tables(struct sp_ebpf *plane, const struct sp_tables *tables, uint64_t revision,
			 struct sp_ebpf_staged **ret_staged, struct sp_plane_error *error);
/* Make the tables and fill them. A thread may call this while another thread appends rows to the
 * tables that were taken: sp_ebpf_staged_extend loads those afterwards. The step SP_EBPF_STEP_TABLES
 * is passed by whoever calls this. Returns 0; -EIO no random number; -ENOMEM; -errno of the kernel,
 * which refuses a table. */
int sp_ebpf_stage_fill(struct sp_ebpf_staged *staged, struct sp_plane_error *error);
/* Load one program that @staged does not have yet. The kernel takes about 0.1 s for it. A thread
 * may call this while another thread extends the tables. @dhcp NULL: no interface is a DHCP client.
 * Returns 1 there are more programs to load; 0 @staged has all its programs; -ENOENT this build has
 * no such program, or the plane lacks one of its maps; -EIO no random number; -errno of the kernel,
 * which refuses the program. */
int sp_ebpf_stage_program(struct sp_ebpf_staged *staged, const struct sp_ebpf_dhcp *dhcp,
			  struct sp_plane_error *error);
/* Pass the step SP_EBPF_STEP_PROGRAMS. Call it once, after sp_ebpf_stage_program returned 0. */
void sp_ebpf_staged_complete(struct sp_ebpf_staged *staged);
/* Free the tables and programs of @staged; a scratch plane keeps some of its programs for the next
 * sp_ebpf_stage. Leaves the handle alone that sp_ebpf_switch made the plane's own. NULL is allowed.
 */
void sp_ebpf_staged_free(struct sp_ebpf_staged *staged);
/* Push the rows that a sign-in appended to @tables; no session uses them yet. A second push does no
 * harm. Returns 0; -ENOSPC no spare room: stage a new revision; -ESTALE @staged was adopted, so its
 * rows are a former daemon's, with other numbers than in @tables: stage a new revision before the
 * first sign-in; -EINVAL the tables contradict themselves; -ENOMEM; -errno of a map. */
int sp_ebpf_staged_extend(struct sp_ebpf_staged *staged, const struct sp_tables *tables);

/* Make the staged revision the running one.
 * A hook of an interface without a link is attached and pinned; recorders come first, and edge-tc
 * before edge-in. Every other hook is switched by compare-and-swap. An edge whose driver, MTU or
 * kernel takes no XDP program runs with edge-tc alone. So does an edge with somebody else's XDP
 * program, unless this is the first revision. Links of interfaces not listed are removed last.
 * On 0 @staged is the running handle (sp_ebpf_running) and belongs to the plane, and the former
 * handle is gone. The caller may still give @staged to sp_ebpf_staged_free, which leaves it alone.
 * @error may say what could not be removed afterwards. On an error what was switched is switched
 * back, what was attached is removed, and @staged stays the caller's.
 * With sp_ebpf_running() as @staged, this attaches what is missing, such as the hooks of a device
 * that was made again.
 * Returns 0; -ENODEV a listed interface does not exist; -EBUSY someone else changed a hook, or has
 * a program there (@error names it); -EINVAL a scratch plane, or a revision that is not after the
 * running one; -ENOMEM; another -errno. */
int sp_ebpf_switch(struct sp_ebpf *plane, struct sp_ebpf_staged *staged,
		   const struct sp_plane_interface *interfaces, size_t interface_count,
		   struct sp_plane_error *error);
/* The revision that the pinned links run; 0: none. */
uint64_t sp_ebpf_running_revision(struct sp_ebpf *plane);
/* The handle of the running revision. It stays the plane's own. NULL: none runs. */
struct sp_ebpf_staged *sp_ebpf_running(struct sp_ebpf *plane);

/* Let the next switch keep the revision that runs now, so that it can return: its programs stay
 * pinned, its handle open. Until _drop or _follow nothing is staged.
 * Returns 0; -EINVAL nothing runs; -EEXIST one is kept; -EOPNOTSUPP what runs is of an older build;
 * -errno of a pin. */
int sp_ebpf_keep(struct sp_ebpf *plane, struct sp_plane_error *error);
/* The kept revision does not return. Returns 0, also when none is kept; -ESTALE it has returned;
 * -errno of the pin. */
int sp_ebpf_kept_drop(struct sp_ebpf *plane, struct sp_plane_error *error);
/* Let the kept revision run again at every hook pinned in @pin_dir. A plane may have that open, in
 * this process or another: it follows later. Asking again does no harm.
 * Returns 0; 1 none is kept; -EUCLEAN its programs are not all there; -errno of a hook or a pin: ask
 * again, what could return has. */
int sp_ebpf_kept_return(const char *pin_dir, struct sp_plane_error *error);
/* The kept revision has returned: it is the running one of @plane from now on, and the one that ran
 * meanwhile is gone. Returns 0; -ENOENT none has returned; -errno of a hook, and @plane has followed
 * all the same. */
int sp_ebpf_kept_follow(struct sp_ebpf *plane, struct sp_plane_error *error);

/* Find an interface that has a pin of @hook, whichever comes first. No plane need be open.
 * Returns 0; -ENOENT no interface has, or there is no @pin_dir; another -errno: @pin_dir cannot be
 * read. */
int sp_ebpf_find_interface(const char *pin_dir, enum sp_hook hook, char ret_name[16]);

/* List every pinned link, for status. *@ret_links is malloc'ed, also when there is none.
 * Returns 0; -EINVAL a scratch plane; -ENOMEM; -errno the pins cannot be read. */
int sp_ebpf_list_links(struct sp_ebpf *plane, struct sp_plane_hook **ret_links, size_t *ret_count);

/* Look at every hook that the running revision has on @interfaces. Repair, with the programs that
 * run, each hook that is not as the last switch left it; nothing is staged. Takes about 20 us a
 * hook. *@ret_faults is malloc'ed and holds what was found; NULL when *@ret_count is 0.
 * Returns 0; -EINVAL nothing runs, or a scratch plane; -ENOMEM; -errno the pins cannot be read. */
int sp_ebpf_repair(struct sp_ebpf *plane, const struct sp_plane_interface *interfaces,
		   size_t interface_count, struct sp_plane_fault **ret_faults, size_t *ret_count);

/* Pin again what is no longer pinned of the state, the programs and the name of the running
 * revision, so that the next daemon finds them. Returns 0 all was still pinned; 1 all is pinned
 * again; -ENOTSUP the bpffs is gone; -EINVAL nothing runs; -errno. */
int sp_ebpf_mend_pins(struct sp_ebpf *plane, struct sp_plane_error *error);

/* Remove every hook, then everything pinned in @pin_dir, whichever version made it, then the second
 * lock. In this order a packet is judged or dropped until all is removed. No plane may have
 * @pin_dir open. Returns 0, also if there was nothing; -errno, and then the lock still stands. */
int sp_ebpf_unload(const char *pin_dir, struct sp_plane_error *error);
/* sp_ebpf_unload for an open plane, which can only be closed afterwards. Returns as sp_ebpf_unload;
 * -EINVAL a scratch plane. */
int sp_ebpf_detach(struct sp_ebpf *plane, struct sp_plane_error *error);

/* The table of the second lock, and its samples (struct sp_plane_guard_place). */
#define SP_EBPF_LOCK_TABLE "sallyport"
#define SP_EBPF_LOCK_LOG_GROUP 23057
#define SP_EBPF_LOCK_LOG_BYTES 128

/* The guard: the second lock, table `inet sallyport` of this network namespace, before conntrack.
 * One transaction; calling it again replaces the rules, its counters go on. Name an interface here
 * before its programs are attached. A name nftables cannot take: -EINVAL if listed or unmanaged; an
 * unlisted one stays closed. -EOPNOTSUPP: this kernel's nftables lacks what it needs. 1: it lacks
 * logging alone; what is dropped is counted, not sampled. */
int sp_ebpf_lock(const struct sp_plane_guard *lock, struct sp_plane_error *error);

/* Read what the second lock dropped since its table was made. Returns 0; -ENOENT there is no such
 * table; -errno. */
int sp_ebpf_lock_counters(struct sp_counter ret_counters[SP_PLANE_DROP_COUNT]);
/* Read what `nft -s list table inet sallyport` prints, as malloc'ed text. It has no counters, so
 * the same rules give the same text. Returns 0; -ENOENT there is no such table; -errno. */
int sp_ebpf_lock_read(char **ret_text);

/* ---- sessions ---- */

/* Write session @number whole: times, both slots of class and network set, counts of flows. The
 * epoch is stored last. Call sp_ebpf_ident_put for its addresses afterwards.
 * Returns 0; -ERANGE @number is not below sessions_max. */
int sp_ebpf_session_put(struct sp_ebpf *plane, uint32_t number, const struct sp_session *session);
/* Copy session @number as the kernel has it. The programs may write to it meanwhile: its
 * last_seen_ns and its counts of flows are those of this moment.
 * Returns 0; -ERANGE @number is not below sessions_max. */
int sp_ebpf_session_get(struct sp_ebpf *plane, uint32_t number, struct sp_session *ret_session);
/* Write where session @number stands in a revision that is being staged: that goes to the spare
 * slot, (revision & 1). @person is the number its person had before, or gets now.
 * Returns 0; -ERANGE @number is not below sessions_max. */
int sp_ebpf_session_stage(struct sp_ebpf *plane, uint32_t number, uint64_t person,
			  const struct sp_plane_standing *standing);
/* End session @number by one 8-byte store: the next packet of either direction is denied.
 * Returns 0; -ERANGE @number is not below sessions_max. */
int sp_ebpf_session_end(struct sp_ebpf *plane, uint32_t number);
/* Set the first instant at which session @number has expired; 0: never. An earlier instant than
 * before is allowed. Returns 0; -ERANGE @number is not below sessions_max. */
int sp_ebpf_session_extend(struct sp_ebpf *plane, uint32_t number, uint64_t expires_ns);
/* Set the longest silence that session @number may have; 0: no limit.
 * Returns 0; -ERANGE @number is not below sessions_max. */
int sp_ebpf_session_set_idle(struct sp_ebpf *plane, uint32_t number, uint64_t idle_ns);
/* Set when session @number was heard last. The programs write this field too, at most once a
 * second. The later store of the two stays. Returns 0; -ERANGE @number is not below
 * sessions_max. */
int sp_ebpf_session_set_seen(struct sp_ebpf *plane, uint32_t number, uint64_t last_seen_ns);
/* Wait until every program that ran when this was called has ended. Afterwards no program uses what
 * it read of the maps before the call. Takes 0.1 ms on an idle machine, tens of ms on a busy one.
 */
void sp_ebpf_wait_programs(struct sp_ebpf *plane);
/* Let packets from @addr be those of session number @session, as long as the session has @epoch. A
 * former identity of @addr is replaced. @session is not checked.
 * Returns 0; -E2BIG the map has no room (2 * sessions_max addresses); -errno of the map. */
int sp_ebpf_ident_put(struct sp_ebpf *plane, const struct sp_addr *addr, uint32_t session,
		      uint64_t epoch);
/* Remove the identity of @addr. Returns 0, also when @addr has none; -errno of the map. */
int sp_ebpf_ident_remove(struct sp_ebpf *plane, const struct sp_addr *addr);

/* ---- what was seen ---- */

/* Sum the counters over all CPUs. @ret_counters has SP_COUNTER_SLOTS elements.
 * Returns 0; -ENOMEM; -errno of the map. */
int sp_ebpf_counters(struct sp_ebpf *plane, struct sp_counter *ret_counters);
/* Sum the counters of the rules 0 to @count - 1 over all CPUs. @ret_rules has @count elements.
 * Returns 0; -ERANGE @count is 0 or above SP_RULE_MAX; -ENOMEM; -errno of the map. */
int sp_ebpf_rule_counters(struct sp_ebpf *plane, struct sp_counter *ret_rules, uint32_t count);
/* Sum over all CPUs how many events the programs attempted to record, lost and sampled.
 * Returns 0; -ENOMEM; -errno of the map. */
int sp_ebpf_event_stats(struct sp_ebpf *plane, struct sp_event_stats *ret_stats);
/* Call @visit for the next 4096 flows of the table at most, denied ones included. @walk is zeroed
 * before the first call. A flow may end while @visit looks at its copy.
 * Returns 1: call again for more; 0: these were the last; -ENOMEM; -errno of the map. */
int sp_ebpf_flow_some(struct sp_ebpf *plane, struct sp_plane_walk *walk, sp_plane_flow_visit visit,
		      void *arg);
/* Count the flows by a walk over the whole table. Returns 0; -ENOMEM; -errno of the map; on an
 * error *@ret_count stays as it was. */
int sp_ebpf_flow_count(struct sp_ebpf *plane, uint32_t *ret_count);
/* How many flows each part of the table has, and how many the table can have. Returns 0; -errno. */
int sp_ebpf_flow_use(struct sp_ebpf *plane, struct sp_flow_use *ret_use, uint32_t *ret_max);

/* Drop what comes from @prefix on the edge until @until_ns (0: for good); again: until another
 * moment. Returns 0; -ENOSPC SP_BANS_MAX are there; -ENOMEM; another -errno of the map. */
int sp_ebpf_ban_put(struct sp_ebpf *plane, const struct sp_prefix *prefix, uint64_t until_ns);
/* End it. Returns 0, also when it was not there; -errno of the map. */
int sp_ebpf_ban_remove(struct sp_ebpf *plane, const struct sp_prefix *prefix);
/* All that are there, the ones that are over too. *@ret_bans is malloc'ed. Returns 0; -ENOMEM;
 * -EOVERFLOW somebody changes them; another -errno of the map. */
int sp_ebpf_ban_list(struct sp_ebpf *plane, struct sp_plane_ban **ret_bans, size_t *ret_count);

/* Sum over all CPUs what got no record of its own and has no slot of its key. @ret_samples has
 * SP_SAMPLE_SLOTS elements; their windows mean nothing.
 * Returns 0; -ENOMEM; -errno of the map. */
int sp_ebpf_samples(struct sp_ebpf *plane, struct sp_sample *ret_samples);
/* Copy the tally in slot @index, which is below SP_TALLY_SLOTS: what got no record of its own,
 * counted by whose it was. False: the slot has nothing that was not told yet, or a program writes
 * to it at this moment (ask again later); then *@ret_tally means nothing. */
bool sp_ebpf_tally_read(const struct sp_ebpf *plane, uint32_t index, struct sp_tally *ret_tally);
/* Note that all that @tally holds was told. @tally is the copy that sp_ebpf_tally_read gave of slot
 * @index. */
void sp_ebpf_tally_tell(struct sp_ebpf *plane, uint32_t index, const struct sp_tally *tally);

/* Take up to @max events out of the ring; the consumer position moves only after @take returned 0
 * for each. No wake-up comes: call it on a timer. Returns the number taken; -errno from @take;
 * -ENOMEM or -errno: the ring cannot be mapped. */
int sp_ebpf_take_events(struct sp_ebpf *plane, size_t max, sp_plane_event_fn take, void *arg);

/* ---- judging without wires (explain, replay, policy tests, equiv) ---- */

/* Judge one frame with the real programs of @staged on a scratch plane (BPF_PROG_TEST_RUN). What
 * the kernel will not run (frames shorter than headers) goes through bpf/lib/parse.h compiled here.
 * @now_ns > 0. -EINVAL: @staged is not of a scratch plane. -EMSGSIZE: a fragment larger than the
 * kernel test-runs (about 3.5 KB). -EPROTO: the program's action contradicts its answer.
 * -EOPNOTSUPP: this kernel cannot. */
int sp_ebpf_judge(struct sp_ebpf_staged *staged, enum sp_hook hook, const struct sp_frame *frame,
		  uint64_t now_ns, struct sp_answer *ret_answer);

#endif
