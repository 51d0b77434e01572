/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a plane is: the part that enforces revisions, holds sessions and counts what passed.
 * sallyportd and the judge know planes by this page alone; each plane is a folder beside it
 * (src/plane/ebpf) that fills one struct sp_plane_ops. planes.h lists those that were built.
 * docs/planes.md says how to add one.
 *
 * Applying is a transaction: stage (tables, then programs) changes nothing that a packet sees,
 * commit makes the staged revision the running one or leaves the former. What runs goes on without
 * the process that started it; open adopts it. All times are CLOCK_BOOTTIME ns. Functions that
 * return int give 0 or -errno, and words in @error where they take one. */
#ifndef SALLYPORT_PLANE_PLANE_H
#define SALLYPORT_PLANE_PLANE_H

#include "io/files/paths.h"
#include "plane/feature.h"
#include "policy/answer.h"
#include "policy/model.h"
#include "tables/tables.h"

/* An error in words for whoever handles it: which step, on what. */
struct sp_plane_error {
	char text[512];
};

/* A plane that is open, and a revision that is staged or runs: what they hold is their plane's own.
 * Each plane puts them first in structs of its own. */
struct sp_plane {
	const struct sp_plane_ops *ops;
};

struct sp_plane_staged {
	struct sp_plane *plane;
};

struct sp_plane_options {
	/* the gateway's folders, below which a plane finds again what runs; borrowed while it is
	 * open. NULL: a scratch plane, which judges frames and enforces nothing */
	const struct sp_paths *paths;
	uint32_t sessions_max; /* 0: the plane's own default, as below */
	uint32_t flows_max;
	uint32_t events_bytes;
	/* Called at each point of a stage and a commit at which a crash leaves another state
	 * behind; @step is its name. NULL: none. */
	void (*step)(void *arg, const char *step);
	void *step_arg;
};

/* ---- interfaces and hooks ---- */

struct sp_plane_interface {
	const char *name;
	uint32_t ifindex;
	enum sp_zone zone;
	bool is_bare;           /* carries bare IP, without Ethernet headers */
	bool is_dhcp_client[2]; /* takes an address by DHCP, by DHCPv6 */
};

/* One place at which packets are judged, for status. */
struct sp_plane_hook {
	enum sp_hook hook;
	char interface[16];
	uint32_t ifindex;  /* 0: the device is gone (once it is back, commit what runs) */
	uint32_t prog_id;  /* 0: nothing runs there */
	uint64_t revision; /* 0: what runs there is not of ours */
	/* how it is attached, in the plane's words: native, generic, tcx, clsact */
	char mode[16];
	bool is_alone; /* edge-tc: no edge-in runs on this interface */
};

enum sp_plane_fault_kind {
	SP_PLANE_HOOK_RIGHT,
	SP_PLANE_HOOK_MISSING,  /* detached, its pin removed, or its device is another one */
	SP_PLANE_HOOK_REPLACED, /* another program runs there */
	SP_PLANE_HOOK_BEHIND,   /* another program is asked first */
};

struct sp_plane_fault {
	enum sp_hook hook;
	char interface[16];
	enum sp_plane_fault_kind kind;
	uint32_t prog_id; /* the other program; 0: none */
	/* 0: it is as it should be again; -EBUSY: somebody else's program is there; -errno */
	int repair;
	struct sp_plane_error error;
};

/* ---- the guard: what no hook judged goes nowhere ---- */

/* The guard drops packets without the mark of a hook, but for what comes from lo and from the
 * interfaces named here as unmanaged or unlisted. An interface that is new, renamed or moved in is
 * closed until it is named. Nothing is forwarded between a listed interface and an unlisted one. */

enum sp_plane_guarded_kind {
	SP_PLANE_LISTED,    /* edge, inside or tunnel, there or not */
	SP_PLANE_UNMANAGED, /* not judged where it enters; reaches listed ones, whose hooks judge */
	SP_PLANE_UNLISTED,  /* not judged; reaches the gateway and other unlisted ones */
};

struct sp_plane_guarded {
	char name[16];
	enum sp_plane_guarded_kind kind;
	/* of a listed one: under a name that is open it stays closed; 0: it is not there */
	uint32_t ifindex;
};

enum sp_plane_guard_state {
	SP_PLANE_GUARD_CLOSED, /* nothing is forwarded at all: no revision runs yet */
	/* nor here; and the interfaces named are all that is behind it, the tunnel: before anything
	 * was ever applied */
	SP_PLANE_GUARD_TUNNEL,
	SP_PLANE_GUARD_OPEN, /* what hooks judged is forwarded */
};

struct sp_plane_guard {
	struct sp_plane_guarded *names;
	size_t count;
	enum sp_plane_guard_state state;
	bool is_anew; /* whatever stands in its place goes first; the counters begin again */
};

/* What it drops, each with a counter of that name: X(identifier, "name", "meaning") */
#define SP_PLANE_DROPS(X)                                                                          \
	X(UNJUDGED, "unjudged", "no hook judged it")                                               \
	X(UNLISTED, "unlisted", "it was to go between a listed interface and one in no list")      \
	X(ASTRAY, "astray",                                                                        \
	  "it answers what the gateway forwarded, and was to be delivered to it")                  \
	X(CLOSED, "closed", "it was to be forwarded while no policy runs")

enum sp_plane_drop {
#define X(id, name, text) SP_PLANE_DROP_##id,
	SP_PLANE_DROPS(X)
#undef X
		SP_PLANE_DROP_COUNT
};

/* Room for drops in what is kept: one more changes no shape. */
#define SP_PLANE_DROP_SLOTS 16u
_Static_assert((unsigned)SP_PLANE_DROP_COUNT <= SP_PLANE_DROP_SLOTS, "the room of kept drops");

/* What of a guard others meet. A guard that is none of nftables leaves the rest zero. */
struct sp_plane_guard_place {
	const char *name;      /* in messages: "table inet sallyport" */
	const char *nft_table; /* its name alone, by which the kernel tells of its changes */
	/* It samples each kind of drop, 100 a second, by NFLOG to this group. The prefix is the
	 * drop's name. A sample has this many bytes, from the IP header on. */
	uint16_t log_group, log_bytes;
};

/* ---- sessions ---- */

/* Where a session stands in one revision: what its address family's packets are of. */
struct sp_plane_standing {
	uint64_t revision;
	uint32_t class_id[2], netset[2];
	uint32_t own_netset[2]; /* for packets from another device of its person */
};

/* that a session stands in: the one that runs and the one that is staged */
#define SP_PLANE_REVISIONS_MAX 2

struct sp_plane_session {
	uint64_t epoch;      /* 0: ended */
	uint64_t person;     /* one number for all sessions of a person; 0: a machine's */
	uint64_t expires_ns; /* 0: never */
	bool is_parked;      /* its time is up, whatever expires_ns says */
	uint64_t idle_ns;    /* 0: no limit */
	uint64_t last_seen_ns;
	struct sp_plane_standing in[SP_PLANE_REVISIONS_MAX];
	size_t count;   /* of them */
	uint32_t flows; /* that are its own; the plane counts them */
};

/* ---- walks and callbacks ---- */

/* How far a walk over the flow table has come; zeroed: it begins. */
struct sp_plane_walk {
	uint32_t place;
	bool is_begun;
};

typedef void (*sp_plane_flow_visit)(void *arg, const struct sp_flow_key *key,
				    const struct sp_flow *flow);
typedef int (*sp_plane_event_fn)(void *arg, const struct sp_event *event);

/* ---- the operations ---- */

struct sp_plane_ops {
	const char *name;  /* as sallyport.yaml, status and --plane write it */
	uint32_t features; /* SP_PLANE_…: what of a policy it can enforce; see feature.h */
	struct sp_plane_guard_place guard;
	/* With ->judge, for people: what judges tests and questions ("the real programs"), and why
	 * it may be that it cannot ("the real programs need root and a kernel with BPF"). */
	const char *judges, *judge_needs;

	/* Make or adopt the state, and settle what an apply that was killed left: undone when it
	 * died before its commit, completed when after. State of another shape: -EUCLEAN, named in
	 * @error. One process at a time may have what runs open. Closing changes nothing of it. On
	 * 0 @error may say why what runs would end with this process. */
	int (*open)(const struct sp_plane_options *options, struct sp_plane **ret_plane,
		    struct sp_plane_error *error);
	void (*close)(struct sp_plane *plane);
	/* Take away every hook, then all state, whichever version made it, then the guard: what
	 * passes is judged or dropped until all is away. Nobody may have it open. 0 also if there
	 * was nothing; -errno, and then the guard still stands. */
	int (*unload)(const struct sp_plane_options *options, struct sp_plane_error *error);
	/* The same for an open plane, which can only be closed then. */
	int (*detach)(struct sp_plane *plane, struct sp_plane_error *error);
	/* An interface on which @hook was attached, without opening. -ENOENT: there is none. */
	int (*find_interface)(const struct sp_plane_options *options, enum sp_hook hook,
			      char ret_name[16]);
	/* Whether unload would find anything but the guard, without opening. What it takes away, in
	 * words, is in @ret_what. */
	bool (*is_there)(const struct sp_plane_options *options, struct sp_plane_error *ret_what);

	/* The first number from @least on that a revision staged beside the running one can
	 * have. */
	uint64_t (*next_revision)(struct sp_plane *plane, uint64_t least);
	/* Load @tables as @revision in one go: for a scratch plane, which has no interfaces. */
	int (*stage)(struct sp_plane *plane, const struct sp_tables *tables, uint64_t revision,
		     struct sp_plane_staged **ret_staged, struct sp_plane_error *error);
	/* The same in pieces, so that others are served in between. _tables takes a copy of what is
	 * to be loaded for @interfaces, which is short; _fill loads that, with spare room for rows
	 * of later sign-ins; then comes a program a call. _fill and _program may be called in a
	 * thread: during _fill another appends rows to @tables, which are not looked for, and
	 * during _program another extends what is loaded. _program returns 1 there are more; 0 it
	 * has them all, and _complete is called then; -errno. */
	int (*stage_tables)(struct sp_plane *plane, const struct sp_tables *tables,
			    uint64_t revision, const struct sp_plane_interface *interfaces,
			    size_t interface_count, struct sp_plane_staged **ret_staged,
			    struct sp_plane_error *error);
	int (*stage_fill)(struct sp_plane_staged *staged, struct sp_plane_error *error);
	int (*stage_program)(struct sp_plane_staged *staged, struct sp_plane_error *error);
	void (*staged_complete)(struct sp_plane_staged *staged);
	/* Leaves the handle alone that became the plane's own by a commit. */
	void (*staged_free)(struct sp_plane_staged *staged);
	/* Push rows a sign-in appended to @tables; nothing points at them yet. Pushing twice does
	 * no harm. -ENOSPC: no spare room. -ESTALE: @staged was adopted, and its rows are a former
	 * process's. After either: stage a new revision. */
	int (*staged_extend)(struct sp_plane_staged *staged, const struct sp_tables *tables);
	/* Make @staged the running revision on every listed interface, and let go of interfaces not
	 * listed, last. Then it is the plane's own. On error what was changed is put back, and
	 * @staged stays the caller's. On 0
	 * @error may still say what could not be removed afterwards. With the running one itself it
	 * attaches what is missing. -ENODEV: a listed interface does not exist; -EBUSY: somebody
	 * else's program is there. */
	int (*commit)(struct sp_plane *plane, struct sp_plane_staged *staged,
		      const struct sp_plane_interface *interfaces, size_t interface_count,
		      struct sp_plane_error *error);
	/* The revision that runs, 0 if none; its handle, the plane's own, NULL if none. */
	uint64_t (*running_revision)(struct sp_plane *plane);
	struct sp_plane_staged *(*running)(struct sp_plane *plane);

	/* Every hook, malloc'ed. */
	int (*list_hooks)(struct sp_plane *plane, struct sp_plane_hook **ret_hooks,
			  size_t *ret_count);
	/* Look at every hook the running revision has on @interfaces and put right what is not as
	 * the last commit left it. *@ret_faults: malloc'ed, what was found. -EINVAL: nothing
	 * runs. */
	int (*repair)(struct sp_plane *plane, const struct sp_plane_interface *interfaces,
		      size_t interface_count, struct sp_plane_fault **ret_faults,
		      size_t *ret_count);
	/* Is what the next process adopts still where it looks? 0 all was there; 1 it is again;
	 * -EINVAL nothing runs; -ENOTSUP there is no place for it any more. */
	int (*mend_pins)(struct sp_plane *plane, struct sp_plane_error *error);

	/* Put the guard, in one transaction; again: its rules are replaced, its counters go on. An
	 * interface is named here before it is committed. -EINVAL: a name it cannot take;
	 * -EOPNOTSUPP: this kernel lacks what it needs. 1: it lacks sampling alone. */
	int (*guard_put)(struct sp_plane *plane, const struct sp_plane_guard *guard,
			 struct sp_plane_error *error);
	/* What it dropped since it was put first. -ENOENT: it is not there. */
	int (*guard_counters)(struct sp_plane *plane,
			      struct sp_counter ret_counters[SP_PLANE_DROP_COUNT]);
	/* Its rules as malloc'ed text, the same for the same rules. -ENOENT: it is not there. */
	int (*guard_read)(struct sp_plane *plane, char **ret_text);

	/* What set_birth wrote last: it is as old as the state, and gone with it. 0: nothing was
	 * written. */
	int (*get_birth)(struct sp_plane *plane, uint64_t *ret_birth);
	int (*set_birth)(struct sp_plane *plane, uint64_t birth);

	/* Sessions, by number from 1 to below session_limit. _put writes a whole one, but for ->flows;
	 * then come its identities. _get gives all but ->in. */
	uint32_t (*session_limit)(struct sp_plane *plane);
	int (*session_put)(struct sp_plane *plane, uint32_t number,
			   const struct sp_plane_session *session);
	int (*session_get)(struct sp_plane *plane, uint32_t number,
			   struct sp_plane_session *ret_session);
	/* Where it stands in a revision that is being staged. @person as in session_put: a former
	 * build may not have said it. */
	int (*session_stage)(struct sp_plane *plane, uint32_t number, uint64_t person,
			     const struct sp_plane_standing *standing);
	/* Its time is up, for good: it reaches the portal and the resolvers alone. */
	int (*session_park)(struct sp_plane *plane, uint32_t number);
	/* One store: the next packet of either direction is denied. */
	int (*session_end)(struct sp_plane *plane, uint32_t number);
	int (*session_extend)(struct sp_plane *plane, uint32_t number, uint64_t expires_ns);
	int (*session_set_idle)(struct sp_plane *plane, uint32_t number, uint64_t idle_ns);
	int (*session_set_seen)(struct sp_plane *plane, uint32_t number, uint64_t seen_ns);
	int (*ident_put)(struct sp_plane *plane, const struct sp_addr *addr, uint32_t session,
			 uint64_t epoch);
	int (*ident_remove)(struct sp_plane *plane, const struct sp_addr *addr);
	/* Until every packet that was being judged when this was called has been: what was read
	 * before is not used any more. */
	void (*settle)(struct sp_plane *plane);

	/* @ret_counters has SP_COUNTER_SLOTS elements; @ret_rules @count, from rule 0; @ret_samples
	 * SP_SAMPLE_SLOTS: what got no record of its own and has no slot of its key. */
	int (*counters)(struct sp_plane *plane, struct sp_counter *ret_counters);
	int (*rule_counters)(struct sp_plane *plane, struct sp_counter *ret_rules, uint32_t count);
	int (*event_stats)(struct sp_plane *plane, struct sp_event_stats *ret_stats);
	int (*samples)(struct sp_plane *plane, struct sp_sample *ret_samples);
	/* What got none and is told by whose it was: a copy of slot @index < SP_TALLY_SLOTS. false:
	 * nothing there to tell, or it is being written: ask again. _tell: all that is in the copy
	 * was told. */
	bool (*tally_read)(struct sp_plane *plane, uint32_t index, struct sp_tally *ret_tally);
	void (*tally_tell)(struct sp_plane *plane, uint32_t index, const struct sp_tally *tally);
	/* Take up to @max events; one is given up only after @take returned 0 for it. Returns the
	 * number taken or -errno from @take. Call it on a timer. */
	int (*take_events)(struct sp_plane *plane, size_t max, sp_plane_event_fn take, void *arg);

	/* The next few thousand flows, denied ones included; one may end while it is looked at. 1:
	 * call again for more; 0: these were the last. */
	int (*flow_some)(struct sp_plane *plane, struct sp_plane_walk *walk,
			 sp_plane_flow_visit visit, void *arg);
	int (*flow_count)(struct sp_plane *plane, uint32_t *ret_count);
	/* How many flows each part of the table has, and how many the table can have; 0: the plane
	 * has no such table. */
	int (*flow_use)(struct sp_plane *plane, struct sp_flow_use *ret_use, uint32_t *ret_max);

	/* Judge one frame on a scratch plane, without wires. @now_ns > 0. -EINVAL: not of a scratch
	 * plane; -EMSGSIZE: a frame larger than it can judge; -EPROTO: what it did contradicts its
	 * answer; -EOPNOTSUPP: this kernel cannot. NULL: it judges none, and the reference answers
	 * alone. */
	int (*judge)(struct sp_plane_staged *staged, enum sp_hook hook,
		     const struct sp_frame *frame, uint64_t now_ns, struct sp_answer *ret_answer);
};

/* ---- calling them ---- */

static inline void sp_plane_close(struct sp_plane *plane)
{
	plane->ops->close(plane);
}

static inline int sp_plane_detach(struct sp_plane *plane, struct sp_plane_error *error)
{
	return plane->ops->detach(plane, error);
}

static inline uint64_t sp_plane_next_revision(struct sp_plane *plane, uint64_t least)
{
	return plane->ops->next_revision(plane, least);
}

static inline uint32_t sp_plane_session_limit(struct sp_plane *plane)
{
	return plane->ops->session_limit(plane);
}

static inline int sp_plane_stage(struct sp_plane *plane, const struct sp_tables *tables,
				 uint64_t revision, struct sp_plane_staged **ret_staged,
				 struct sp_plane_error *error)
{
	return plane->ops->stage(plane, tables, revision, ret_staged, error);
}

static inline int sp_plane_stage_tables(struct sp_plane *plane, const struct sp_tables *tables,
					uint64_t revision,
					const struct sp_plane_interface *interfaces,
					size_t interface_count, struct sp_plane_staged **ret_staged,
					struct sp_plane_error *error)
{
	return plane->ops->stage_tables(plane, tables, revision, interfaces, interface_count,
					ret_staged, error);
}

static inline int sp_plane_stage_fill(struct sp_plane_staged *staged, struct sp_plane_error *error)
{
	return staged->plane->ops->stage_fill(staged, error);
}

static inline int sp_plane_stage_program(struct sp_plane_staged *staged,
					 struct sp_plane_error *error)
{
	return staged->plane->ops->stage_program(staged, error);
}

static inline void sp_plane_staged_complete(struct sp_plane_staged *staged)
{
	staged->plane->ops->staged_complete(staged);
}

static inline void sp_plane_staged_free(struct sp_plane_staged *staged)
{
	if (staged)
		staged->plane->ops->staged_free(staged);
}

static inline int sp_plane_staged_extend(struct sp_plane_staged *staged,
					 const struct sp_tables *tables)
{
	return staged->plane->ops->staged_extend(staged, tables);
}

static inline int sp_plane_commit(struct sp_plane *plane, struct sp_plane_staged *staged,
				  const struct sp_plane_interface *interfaces,
				  size_t interface_count, struct sp_plane_error *error)
{
	return plane->ops->commit(plane, staged, interfaces, interface_count, error);
}

static inline uint64_t sp_plane_running_revision(struct sp_plane *plane)
{
	return plane->ops->running_revision(plane);
}

static inline struct sp_plane_staged *sp_plane_running(struct sp_plane *plane)
{
	return plane->ops->running(plane);
}

static inline int sp_plane_list_hooks(struct sp_plane *plane, struct sp_plane_hook **ret_hooks,
				      size_t *ret_count)
{
	return plane->ops->list_hooks(plane, ret_hooks, ret_count);
}

static inline int sp_plane_repair(struct sp_plane *plane,
				  const struct sp_plane_interface *interfaces,
				  size_t interface_count, struct sp_plane_fault **ret_faults,
				  size_t *ret_count)
{
	return plane->ops->repair(plane, interfaces, interface_count, ret_faults, ret_count);
}

static inline int sp_plane_mend_pins(struct sp_plane *plane, struct sp_plane_error *error)
{
	return plane->ops->mend_pins(plane, error);
}

static inline int sp_plane_guard_put(struct sp_plane *plane, const struct sp_plane_guard *guard,
				     struct sp_plane_error *error)
{
	return plane->ops->guard_put(plane, guard, error);
}

static inline int sp_plane_guard_counters(struct sp_plane *plane,
					  struct sp_counter ret_counters[SP_PLANE_DROP_COUNT])
{
	return plane->ops->guard_counters(plane, ret_counters);
}

static inline int sp_plane_guard_read(struct sp_plane *plane, char **ret_text)
{
	return plane->ops->guard_read(plane, ret_text);
}

static inline int sp_plane_get_birth(struct sp_plane *plane, uint64_t *ret_birth)
{
	return plane->ops->get_birth(plane, ret_birth);
}

static inline int sp_plane_set_birth(struct sp_plane *plane, uint64_t birth)
{
	return plane->ops->set_birth(plane, birth);
}

static inline int sp_plane_session_put(struct sp_plane *plane, uint32_t number,
				       const struct sp_plane_session *session)
{
	return plane->ops->session_put(plane, number, session);
}

static inline int sp_plane_session_get(struct sp_plane *plane, uint32_t number,
				       struct sp_plane_session *ret_session)
{
	return plane->ops->session_get(plane, number, ret_session);
}

static inline int sp_plane_session_stage(struct sp_plane *plane, uint32_t number, uint64_t person,
					 const struct sp_plane_standing *standing)
{
	return plane->ops->session_stage(plane, number, person, standing);
}

static inline int sp_plane_session_park(struct sp_plane *plane, uint32_t number)
{
	return plane->ops->session_park(plane, number);
}

static inline int sp_plane_session_end(struct sp_plane *plane, uint32_t number)
{
	return plane->ops->session_end(plane, number);
}

static inline int sp_plane_session_extend(struct sp_plane *plane, uint32_t number,
					  uint64_t expires_ns)
{
	return plane->ops->session_extend(plane, number, expires_ns);
}

static inline int sp_plane_session_set_idle(struct sp_plane *plane, uint32_t number,
					    uint64_t idle_ns)
{
	return plane->ops->session_set_idle(plane, number, idle_ns);
}

static inline int sp_plane_session_set_seen(struct sp_plane *plane, uint32_t number,
					    uint64_t seen_ns)
{
	return plane->ops->session_set_seen(plane, number, seen_ns);
}

static inline int sp_plane_ident_put(struct sp_plane *plane, const struct sp_addr *addr,
				     uint32_t session, uint64_t epoch)
{
	return plane->ops->ident_put(plane, addr, session, epoch);
}

static inline int sp_plane_ident_remove(struct sp_plane *plane, const struct sp_addr *addr)
{
	return plane->ops->ident_remove(plane, addr);
}

static inline void sp_plane_settle(struct sp_plane *plane)
{
	plane->ops->settle(plane);
}

static inline int sp_plane_counters(struct sp_plane *plane, struct sp_counter *ret_counters)
{
	return plane->ops->counters(plane, ret_counters);
}

static inline int sp_plane_rule_counters(struct sp_plane *plane, struct sp_counter *ret_rules,
					 uint32_t count)
{
	return plane->ops->rule_counters(plane, ret_rules, count);
}

static inline int sp_plane_event_stats(struct sp_plane *plane, struct sp_event_stats *ret_stats)
{
	return plane->ops->event_stats(plane, ret_stats);
}

static inline int sp_plane_samples(struct sp_plane *plane, struct sp_sample *ret_samples)
{
	return plane->ops->samples(plane, ret_samples);
}

static inline bool sp_plane_tally_read(struct sp_plane *plane, uint32_t index,
				       struct sp_tally *ret_tally)
{
	return plane->ops->tally_read(plane, index, ret_tally);
}

static inline void sp_plane_tally_tell(struct sp_plane *plane, uint32_t index,
				       const struct sp_tally *tally)
{
	plane->ops->tally_tell(plane, index, tally);
}

static inline int sp_plane_take_events(struct sp_plane *plane, size_t max, sp_plane_event_fn take,
				       void *arg)
{
	return plane->ops->take_events(plane, max, take, arg);
}

static inline int sp_plane_flow_some(struct sp_plane *plane, struct sp_plane_walk *walk,
				     sp_plane_flow_visit visit, void *arg)
{
	return plane->ops->flow_some(plane, walk, visit, arg);
}

static inline int sp_plane_flow_count(struct sp_plane *plane, uint32_t *ret_count)
{
	return plane->ops->flow_count(plane, ret_count);
}

static inline int sp_plane_flow_use(struct sp_plane *plane, struct sp_flow_use *ret_use,
				    uint32_t *ret_max)
{
	return plane->ops->flow_use(plane, ret_use, ret_max);
}

static inline int sp_plane_judge(struct sp_plane_staged *staged, enum sp_hook hook,
				 const struct sp_frame *frame, uint64_t now_ns,
				 struct sp_answer *ret_answer)
{
	return staged->plane->ops->judge(staged, hook, frame, now_ns, ret_answer);
}

#endif
