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
 * one to die at it; X(identifier, "name", "what has just been done"). */
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

/* Make or adopt the state maps. A pinned map of another shape: -EUCLEAN, named in @error; a pin_dir
 * that is on no bpffs: -ENOTSUP. What an apply that was killed left behind is undone when it died
 * before SP_EBPF_STEP_COMMITTED and completed when after. One process at a time may have a pin_dir
 * open. */
int sp_ebpf_open(const struct sp_ebpf_options *options, struct sp_ebpf **ret_plane,
		 struct sp_plane_error *error);
void sp_ebpf_close(struct sp_ebpf *plane);

/* ---- revisions ---- */

struct sp_ebpf_staged; /* programs loaded with the tables of one revision, not attached */

/* Which interfaces take an address by DHCP, family by family: ifindexes, 0 for the rest. */
#define SP_EBPF_DHCP_MAX 8

struct sp_ebpf_dhcp {
	uint32_t v4[SP_EBPF_DHCP_MAX];
	uint32_t v6[SP_EBPF_DHCP_MAX];
};

/* Load every program with fresh tables for @revision (spare room for rows of later sign-ins).
 * @dhcp NULL: no interface is a DHCP client. */
int sp_ebpf_stage(struct sp_ebpf *plane, const struct sp_tables *tables, uint64_t revision,
		  const struct sp_ebpf_dhcp *dhcp, struct sp_ebpf_staged **ret_staged,
		  struct sp_plane_error *error);
/* The same for a pinned plane in pieces, so that others are served in between: the tables, then a
 * program a call, which takes the kernel a tenth of a second and may be called in a thread while
 * another extends the tables. _program returns 1 there are more; 0 it is complete, which _complete
 * is called for then; -errno. */
int sp_ebpf_stage_tables(struct sp_ebpf *plane, const struct sp_tables *tables, uint64_t revision,
			 struct sp_ebpf_staged **ret_staged, struct sp_plane_error *error);
int sp_ebpf_stage_program(struct sp_ebpf_staged *staged, const struct sp_ebpf_dhcp *dhcp,
			  struct sp_plane_error *error);
void sp_ebpf_staged_complete(struct sp_ebpf_staged *staged);
void sp_ebpf_staged_free(struct sp_ebpf_staged *staged);
/* Push rows a sign-in appended to @tables; nothing points at them yet. Pushing twice does no harm.
 * -ENOSPC: no spare room (stage a new revision). -ESTALE: @staged was adopted; its rows are a
 * former daemon's and their numbers are not those of @tables (stage a new revision before the
 * first sign-in). */
int sp_ebpf_staged_extend(struct sp_ebpf_staged *staged, const struct sp_tables *tables);

/* Make the staged revision the running one: hooks of interfaces without a link are attached and
 * pinned (recorders first, edge-tc before edge-in), others switched by compare-and-swap (-EBUSY:
 * someone else changed one, named). An edge whose driver, MTU or kernel takes no XDP program runs
 * with edge-tc alone; so does one with somebody else's XDP program, but for the first revision
 * (-EBUSY). Links of interfaces not listed are removed last. Then the staged handle becomes the
 * running one's (sp_ebpf_running) and the plane's: it is not freed by the caller, and the former
 * one is gone. On error what was switched is switched back, what was attached is removed, and
 * @staged stays the caller's. On 0 @error may still say what could not be removed afterwards. A
 * handle that became the plane's may be given to sp_ebpf_staged_free, which leaves it alone.
 * Passing sp_ebpf_running() again attaches what is missing, such as a device that was re-made.
 * -ENODEV: a listed interface does not exist. */
int sp_ebpf_switch(struct sp_ebpf *plane, struct sp_ebpf_staged *staged,
		   const struct sp_plane_interface *interfaces, size_t interface_count,
		   struct sp_plane_error *error);
/* The revision the pinned links run, 0 if none. */
uint64_t sp_ebpf_running_revision(struct sp_ebpf *plane);
/* Its handle, the plane's own; NULL if none. */
struct sp_ebpf_staged *sp_ebpf_running(struct sp_ebpf *plane);

/* An interface that has a pin of @hook. Returns 0; -ENOENT none has; -errno. */
int sp_ebpf_find_interface(const char *pin_dir, enum sp_hook hook, char ret_name[16]);

/* Every pinned link, for status. Returns 0 with a malloc'ed array. */
int sp_ebpf_list_links(struct sp_ebpf *plane, struct sp_plane_hook **ret_links, size_t *ret_count);

/* Look at every hook the running revision has on @interfaces and put right what is not as the last
 * switch left it, with the programs that run; nothing is staged. About 20 us a hook. *@ret_faults:
 * malloc'ed, what was found. Returns 0; -EINVAL nothing runs; -errno the pins cannot be read. */
int sp_ebpf_repair(struct sp_ebpf *plane, const struct sp_plane_interface *interfaces,
		   size_t interface_count, struct sp_plane_fault **ret_faults, size_t *ret_count);

/* Are state, programs and the name of the running revision still pinned, so that the next daemon
 * finds them? What is not is pinned again. Returns 0 all was there; 1 it is again; -ENOTSUP the
 * bpffs is gone; -EINVAL nothing runs; -errno. */
int sp_ebpf_mend_pins(struct sp_ebpf *plane, struct sp_plane_error *error);

/* Take away every hook, then everything pinned in @pin_dir, whichever version made it, then the
 * second lock: so what passes is judged or dropped until all is away. No plane may have it open.
 * Returns 0 (also if there was nothing); -errno, and then the lock still stands. */
int sp_ebpf_unload(const char *pin_dir, struct sp_plane_error *error);
/* The same for an open plane; it can only be closed then. */
int sp_ebpf_detach(struct sp_ebpf *plane, struct sp_plane_error *error);

/* The guard: the second lock, table `inet sallyport` of this network namespace, before conntrack.
 * One transaction; calling it again replaces the rules, its counters go on. Name an interface here
 * before its programs are attached. A name nftables cannot take: -EINVAL if listed or unmanaged; an
 * unlisted one stays closed. -EOPNOTSUPP: this kernel's nftables lacks what it needs. 1: it lacks
 * logging alone; what is dropped is counted, not sampled. */
int sp_ebpf_lock(const struct sp_plane_guard *lock, struct sp_plane_error *error);

/* What it dropped since it was made. -ENOENT: the table is not there. */
int sp_ebpf_lock_counters(struct sp_counter ret_counters[SP_PLANE_DROP_COUNT]);
/* What `nft -s list table inet sallyport` says now, in malloc'ed text: no counters, so the same
 * rules give the same text. Returns 0; -ENOENT there is no such table; -errno. */
int sp_ebpf_lock_read(char **ret_text);

/* ---- sessions ---- */

/* Write a whole session (number < sessions_max), then its addresses' identities. */
int sp_ebpf_session_put(struct sp_ebpf *plane, uint32_t number, const struct sp_session *session);
int sp_ebpf_session_get(struct sp_ebpf *plane, uint32_t number, struct sp_session *ret_session);
/* The spare slot's class and network set, for a revision being staged. */
int sp_ebpf_session_stage(struct sp_ebpf *plane, uint32_t number, uint64_t revision,
			  const uint32_t class_id[2], const uint32_t netset[2]);
/* One 8-byte store: the next packet of either direction is denied. */
int sp_ebpf_session_end(struct sp_ebpf *plane, uint32_t number);
int sp_ebpf_session_extend(struct sp_ebpf *plane, uint32_t number, uint64_t expires_ns);
int sp_ebpf_session_set_idle(struct sp_ebpf *plane, uint32_t number, uint64_t idle_ns);
/* The programs write it too, a second after the last time at the soonest: whichever store is the
 * later stays. */
int sp_ebpf_session_set_seen(struct sp_ebpf *plane, uint32_t number, uint64_t last_seen_ns);
/* Until every program that ran when this was called has ended: what they had read of the maps is
 * not used any more. 0.1 ms on an idle machine, tens of ms on a busy one. */
void sp_ebpf_wait_programs(struct sp_ebpf *plane);
int sp_ebpf_ident_put(struct sp_ebpf *plane, const struct sp_addr *addr, uint32_t session,
		      uint64_t epoch);
int sp_ebpf_ident_remove(struct sp_ebpf *plane, const struct sp_addr *addr);

/* ---- what was seen ---- */

/* Sums over CPUs. @ret_counters has SP_COUNTER_SLOTS elements; @ret_rules count elements from rule
 * 0. */
int sp_ebpf_counters(struct sp_ebpf *plane, struct sp_counter *ret_counters);
int sp_ebpf_rule_counters(struct sp_ebpf *plane, struct sp_counter *ret_rules, uint32_t count);
int sp_ebpf_event_stats(struct sp_ebpf *plane, struct sp_event_stats *ret_stats);
/* The next 4096 flows of the table, denied ones included; one may be ended while it is looked at.
 * Returns 1: call again for more; 0: these were the last; -ENOMEM; -errno of the map. */
int sp_ebpf_flow_some(struct sp_ebpf *plane, struct sp_plane_walk *walk, sp_plane_flow_visit visit,
		      void *arg);
int sp_ebpf_flow_count(struct sp_ebpf *plane, uint32_t *ret_count);
/* How many flows each part of the table has, and how many the table can have. Returns 0; -errno. */
int sp_ebpf_flow_use(struct sp_ebpf *plane, struct sp_flow_use *ret_use, uint32_t *ret_max);

/* What got no record of its own and has no slot of its key: @ret_samples has SP_SAMPLE_SLOTS
 * elements; their windows mean nothing. */
int sp_ebpf_samples(struct sp_ebpf *plane, struct sp_sample *ret_samples);
/* What got none and is told by whose it was: a copy of slot @index < SP_TALLY_SLOTS. false: nothing
 * there to tell, or the kernel is at it: ask again. */
bool sp_ebpf_tally_read(const struct sp_ebpf *plane, uint32_t index, struct sp_tally *ret_tally);
/* All that is in the copy @tally of slot @index was told. */
void sp_ebpf_tally_tell(struct sp_ebpf *plane, uint32_t index, const struct sp_tally *tally);

/* Take up to @max events out of the ring; the consumer position moves only after @take returned 0
 * for each. No wake-up comes: call it on a timer. Returns the number taken or -errno from @take. */
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
