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

#include <errno.h>

#include "io/files/paths.h"
#include "plane/feature.h"
#include "policy/addresses/shares.h"
#include "policy/answer.h"
#include "policy/model.h"
#include "tables/tables.h"

/* An error in words: which step failed, on what. */
struct sp_plane_error {
	char text[512];
};

/* An open plane, and a revision that is staged or runs. Each plane has structs of its own, of which
 * these are the first members. */
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

/* What a guard drops, each kind with a counter of that name: X(identifier, "name", "meaning") */
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

/* What others see of a guard. A guard that is not made by nftables sets @name alone. */
struct sp_plane_guard_place {
	const char *name;      /* in messages: "table inet sallyport" */
	const char *nft_table; /* its name alone, by which the kernel tells of its changes */
	const char *nat;       /* in messages, of what nat_put makes */
	/* The guard samples each kind of drop, 100 a second, by NFLOG to this group. The prefix of
	 * a sample is the drop's name. A sample has @log_bytes bytes, from the IP header on. */
	uint16_t log_group, log_bytes;
};

/* ---- sessions ---- */

/* Where a session stands in one revision: the class and the netset of its packets, by address
 * family. */
/* What a revision translates. */
struct sp_plane_nat {
	const struct sp_policy *policy;
	const struct sp_gateway *gateway;
	const struct sp_silents *silents; /* new connections go to none of these */
	uint64_t number;                  /* the revision that judged the packets */
};

struct sp_plane_standing {
	uint64_t revision;
	uint32_t class_id[2], netset[2];
	uint32_t own_netset[2]; /* for packets from another device of its person */
};

/* a session stands in this many: in the running revision and in the staged one */
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

/* ---- the former revision ---- */

/* A commit may keep the revision that ran before, so that it can return in one step while the new
 * one is not confirmed, by another process (sallyport-watchdog) and without staging anything. From
 * the moment it has returned, commit, repair and mend_pins of a plane that is open give -ESTALE
 * until the plane has followed (follow_former). A plane that opens follows by itself. */

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

struct sp_plane_ban {
	struct sp_prefix prefix;
	uint64_t until_ns; /* boot time; 0: for good */
};

struct sp_plane_ops {
	const char *name;  /* as sallyport.yaml, status and --plane write it */
	uint32_t features; /* SP_PLANE_…: what of a policy it can enforce; see feature.h */
	struct sp_plane_guard_place guard;
	/* With ->judge, for people: what judges tests and questions ("the real programs"), and why
	 * it may be that it cannot ("the real programs need root and a kernel with BPF"). */
	const char *judges, *judge_needs;

	/* Make or adopt the state. If an apply was killed, undo it if it had not committed, else
	 * complete it. -EUCLEAN: the state has another shape, which @error names. One process at a
	 * time may have the running state open; closing the plane changes nothing in it. On 0
	 * @error may say why the state would end with this process. */
	int (*open)(const struct sp_plane_options *options, struct sp_plane **ret_plane,
		    struct sp_plane_error *error);
	void (*close)(struct sp_plane *plane);
	/* Remove every hook, then all state, of whichever version, then the guard: until the end
	 * each packet is judged or dropped. No process may have the plane open. Returns 0, also if
	 * there was nothing; -errno, and then the guard still stands. */
	int (*unload)(const struct sp_plane_options *options, struct sp_plane_error *error);
	/* The same for an open plane, which can only be closed afterwards. */
	int (*detach)(struct sp_plane *plane, struct sp_plane_error *error);
	/* Find an interface on which @hook was attached, without opening the plane. -ENOENT: there
	 * is none. */
	int (*find_interface)(const struct sp_plane_options *options, enum sp_hook hook,
			      char ret_name[16]);
	/* Would unload find anything but the guard? Does not open the plane. @ret_what says in
	 * words what unload takes away. */
	bool (*is_there)(const struct sp_plane_options *options, struct sp_plane_error *ret_what);

	/* The first number from @least on that a revision staged beside the running one can
	 * have. */
	uint64_t (*next_revision)(struct sp_plane *plane, uint64_t least);
	/* Load @tables as @revision in one go: for a scratch plane, which has no interfaces. */
	int (*stage)(struct sp_plane *plane, const struct sp_tables *tables, uint64_t revision,
		     struct sp_plane_staged **ret_staged, struct sp_plane_error *error);
	/* The same in pieces, so that the caller can serve others in between. First stage_tables
	 * copies what is to be loaded for @interfaces; this is quick. Then stage_fill loads the
	 * copy, with spare room for rows of later sign-ins. Then each call of stage_program loads
	 * one program: it returns 1 if there are more, 0 if all are loaded, or -errno. After 0 the
	 * caller calls staged_complete. stage_fill and stage_program may run in a thread. Meanwhile
	 * another thread may append rows to @tables during stage_fill, which does not read them,
	 * and may call staged_extend during stage_program. */
	int (*stage_tables)(struct sp_plane *plane, const struct sp_tables *tables,
			    uint64_t revision, const struct sp_plane_interface *interfaces,
			    size_t interface_count, struct sp_plane_staged **ret_staged,
			    struct sp_plane_error *error);
	int (*stage_fill)(struct sp_plane_staged *staged, struct sp_plane_error *error);
	int (*stage_program)(struct sp_plane_staged *staged, struct sp_plane_error *error);
	void (*staged_complete)(struct sp_plane_staged *staged);
	/* Free the handle. A handle that the plane owns since its commit is left alone. */
	void (*staged_free)(struct sp_plane_staged *staged);
	/* Load the rows that a sign-in has appended to @tables; no session points at them yet. A
	 * second call for the same rows changes nothing. -ENOSPC: no spare room is left. -ESTALE:
	 * @staged was adopted, so its rows are those of a former process. After either error stage
	 * a new revision. */
	int (*staged_extend)(struct sp_plane_staged *staged, const struct sp_tables *tables);
	/* Make @staged the running revision on every listed interface; detach from other interfaces
	 * last. On 0 the plane owns @staged, and @error may name what could not be removed
	 * afterwards. On an error all changes are put back, and @staged stays the caller's. If
	 * @staged is the running revision, attach the hooks that are missing. -ENODEV: a listed
	 * interface does not exist; -EBUSY: somebody else's program is attached there. */
	int (*commit)(struct sp_plane *plane, struct sp_plane_staged *staged,
		      const struct sp_plane_interface *interfaces, size_t interface_count,
		      struct sp_plane_error *error);
	/* The running revision, 0 if none, and its handle, which the plane owns, NULL if none. */
	uint64_t (*running_revision)(struct sp_plane *plane);
	struct sp_plane_staged *(*running)(struct sp_plane *plane);

	/* The way back: see "the former revision" above. NULL all of them: the plane has none, and
	 * an apply that is to be confirmed is refused. */
	/* The next commit keeps what runs now, with its handle. Until it is dropped or has returned
	 * nothing is staged. -EINVAL: nothing runs; -EEXIST: one is kept; -EOPNOTSUPP: what runs
	 * cannot be kept, @error says why. */
	int (*keep_former)(struct sp_plane *plane, struct sp_plane_error *error);
	/* What is kept since a commit, the plane's own; NULL: nothing. It can be extended. */
	struct sp_plane_staged *(*former)(struct sp_plane *plane);
	/* It does not return. 0 also if nothing is kept; -ESTALE: it has returned. */
	int (*drop_former)(struct sp_plane *plane, struct sp_plane_error *error);
	/* Let it run again everywhere, without opening: any process may, and a plane that is open
	 * follows later. Asking again does no harm. 1: none is kept; -errno: ask again, what could
	 * return has. */
	int (*return_former)(const struct sp_plane_options *options, struct sp_plane_error *error);
	/* It has returned: it is the running one of @plane, and what ran meanwhile is gone. -ENOENT:
	 * none has returned. After another -errno @plane has followed all the same. */
	int (*follow_former)(struct sp_plane *plane, struct sp_plane_error *error);

	/* List every hook; *@ret_hooks is malloc'ed. */
	int (*list_hooks)(struct sp_plane *plane, struct sp_plane_hook **ret_hooks,
			  size_t *ret_count);
	/* Look at every hook of the running revision on @interfaces, and repair each hook that is
	 * not as the last commit left it. *@ret_faults is malloc'ed and lists what was wrong.
	 * -EINVAL: no revision runs. */
	int (*repair)(struct sp_plane *plane, const struct sp_plane_interface *interfaces,
		      size_t interface_count, struct sp_plane_fault **ret_faults,
		      size_t *ret_count);
	/* Make sure that the next process finds what it adopts. Returns 0: nothing was missing; 1:
	 * what was missing is back; -EINVAL: no revision runs; -ENOTSUP: the place for it is gone.
	 */
	int (*mend_pins)(struct sp_plane *plane, struct sp_plane_error *error);

	/* Put up the guard, in one transaction. A second call replaces its rules; its counters go
	 * on. Name an interface here before a commit attaches to it. Returns 1: the kernel lacks
	 * sampling alone; -EINVAL: the guard cannot take a name; -EOPNOTSUPP: the kernel lacks what
	 * the guard needs. */
	int (*guard_put)(struct sp_plane *plane, const struct sp_plane_guard *guard,
			 struct sp_plane_error *error);
	/* Read what the guard has dropped since it was put up first. -ENOENT: there is no guard. */
	int (*guard_counters)(struct sp_plane *plane,
			      struct sp_counter ret_counters[SP_PLANE_DROP_COUNT]);
	/* Read the rules of the guard as malloc'ed text; equal rules give equal texts. -ENOENT:
	 * there is no guard. */
	int (*guard_read)(struct sp_plane *plane, char **ret_text);

	/* Put what a revision translates, in one transaction; for any other revision all stays as it
	 * is. So it is put before that revision is committed, and again when a target of it falls
	 * silent or answers again. @is_anew: whatever stands in its place goes first, and nothing of
	 * another revision is kept. 0 also if nothing is to be translated. A plane without
	 * SP_PLANE_NAT has none of nat_…. */
	int (*nat_put)(struct sp_plane *plane, const struct sp_plane_nat *nat, bool is_anew,
		       struct sp_plane_error *error);
	/* It as malloc'ed text, the same for the same translations. -ENOENT: it is not there. */
	int (*nat_read)(struct sp_plane *plane, char **ret_text);
	/* Can this machine translate that? Changes nothing. */
	int (*nat_try)(struct sp_plane *plane, const struct sp_policy *policy,
		       struct sp_plane_error *error);
	/* After a commit: end the connections whose translation is not @policy's any more. nat_try
	 * and this may run beside the loop. */
	int (*nat_settle)(struct sp_plane *plane, const struct sp_policy *policy,
			  const struct sp_gateway *gateway, size_t *ret_ended,
			  struct sp_plane_error *error);

	/* Read the number that set_birth wrote last. It is kept with the state and ends with the
	 * state. 0: none was written. */
	int (*get_birth)(struct sp_plane *plane, uint64_t *ret_birth);
	int (*set_birth)(struct sp_plane *plane, uint64_t birth);

	/* Sessions have numbers from 1 to below session_limit. session_put writes a whole session
	 * but ->flows; write its identities afterwards. session_get reads all but ->in. */
	uint32_t (*session_limit)(struct sp_plane *plane);
	int (*session_put)(struct sp_plane *plane, uint32_t number,
			   const struct sp_plane_session *session);
	int (*session_get)(struct sp_plane *plane, uint32_t number,
			   struct sp_plane_session *ret_session);
	/* Write where the session stands in a revision that is being staged. @person as in
	 * session_put: a former build may not have written it. */
	int (*session_stage)(struct sp_plane *plane, uint32_t number, uint64_t person,
			     const struct sp_plane_standing *standing);
	/* Park the session for good: from now on it reaches the portal and the resolvers alone. */
	int (*session_park)(struct sp_plane *plane, uint32_t number);
	/* End the session by one store: the next packet of either direction is denied. */
	int (*session_end)(struct sp_plane *plane, uint32_t number);
	int (*session_extend)(struct sp_plane *plane, uint32_t number, uint64_t expires_ns);
	int (*session_set_idle)(struct sp_plane *plane, uint32_t number, uint64_t idle_ns);
	int (*session_set_seen)(struct sp_plane *plane, uint32_t number, uint64_t seen_ns);
	/* The operator's bans: what comes from @prefix by an edge interface is dropped, flows that
	 * are under way too, until @until_ns (0: for good). Of nested prefixes the longest is asked
	 * alone. Putting again moves its end. -ENOSPC: SP_BANS_MAX are there. _remove: 0 also when
	 * it was not there. _list: all that are there, malloc'ed. */
	int (*ban_put)(struct sp_plane *plane, const struct sp_prefix *prefix, uint64_t until_ns);
	int (*ban_remove)(struct sp_plane *plane, const struct sp_prefix *prefix);
	int (*ban_list)(struct sp_plane *plane, struct sp_plane_ban **ret_bans, size_t *ret_count);
	int (*ident_put)(struct sp_plane *plane, const struct sp_addr *addr, uint32_t session,
			 uint64_t epoch);
	int (*ident_remove)(struct sp_plane *plane, const struct sp_addr *addr);
	/* Wait until every packet that is being judged at the call has been judged: afterwards
	 * nothing uses what was read before the call. */
	void (*settle)(struct sp_plane *plane);

	/* @ret_counters has SP_COUNTER_SLOTS elements. @ret_rules has @count elements, from rule 0
	 * on. @ret_samples has SP_SAMPLE_SLOTS elements: packets that got no record of their own
	 * and have no slot by their key. */
	int (*counters)(struct sp_plane *plane, struct sp_counter *ret_counters);
	int (*rule_counters)(struct sp_plane *plane, struct sp_counter *ret_rules, uint32_t count);
	int (*event_stats)(struct sp_plane *plane, struct sp_event_stats *ret_stats);
	int (*samples)(struct sp_plane *plane, struct sp_sample *ret_samples);
	/* Packets that got no record of their own, counted by whose they were. tally_read copies
	 * slot @index, which is below SP_TALLY_SLOTS; false: the slot has nothing new, or is being
	 * written, so ask again. tally_tell says that all in the copy is on record. */
	bool (*tally_read)(struct sp_plane *plane, uint32_t index, struct sp_tally *ret_tally);
	void (*tally_tell)(struct sp_plane *plane, uint32_t index, const struct sp_tally *tally);
	/* Take up to @max events. An event is removed only after @take returned 0 for it. Returns
	 * the number taken or -errno from @take. Call it on a timer. */
	int (*take_events)(struct sp_plane *plane, size_t max, sp_plane_event_fn take, void *arg);

	/* Visit the next few thousand flows, denied ones too; a flow may end during the visit.
	 * Returns 1: call again for more; 0: these were the last. */
	int (*flow_some)(struct sp_plane *plane, struct sp_plane_walk *walk,
			 sp_plane_flow_visit visit, void *arg);
	int (*flow_count)(struct sp_plane *plane, uint32_t *ret_count);
	/* How many flows each part of the table has, and how many the table can have; 0: the plane
	 * has no such table. */
	int (*flow_use)(struct sp_plane *plane, struct sp_flow_use *ret_use, uint32_t *ret_max);

	/* Judge one frame on a scratch plane, without wires. @now_ns > 0. -EINVAL: @staged is of no
	 * scratch plane; -EMSGSIZE: the frame is larger than the plane can judge; -EPROTO: what the
	 * plane did with the frame contradicts its answer; -EOPNOTSUPP: this kernel cannot. A plane
	 * that judges no frames has NULL here: the reference answers alone. */
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

static inline bool sp_plane_can_return(const struct sp_plane_ops *ops)
{
	return ops->keep_former != NULL;
}

static inline int sp_plane_keep_former(struct sp_plane *plane, struct sp_plane_error *error)
{
	return plane->ops->keep_former(plane, error);
}

static inline struct sp_plane_staged *sp_plane_former(struct sp_plane *plane)
{
	return plane->ops->former ? plane->ops->former(plane) : NULL;
}

static inline int sp_plane_drop_former(struct sp_plane *plane, struct sp_plane_error *error)
{
	return plane->ops->drop_former ? plane->ops->drop_former(plane, error) : 0;
}

static inline int sp_plane_follow_former(struct sp_plane *plane, struct sp_plane_error *error)
{
	return plane->ops->follow_former ? plane->ops->follow_former(plane, error) : -ENOENT;
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

static inline int sp_plane_nat_put(struct sp_plane *plane, const struct sp_plane_nat *nat,
				   bool is_anew, struct sp_plane_error *error)
{
	return plane->ops->nat_put ? plane->ops->nat_put(plane, nat, is_anew, error) : 0;
}

static inline int sp_plane_nat_read(struct sp_plane *plane, char **ret_text)
{
	return plane->ops->nat_read ? plane->ops->nat_read(plane, ret_text) : -ENOENT;
}

static inline int sp_plane_nat_try(struct sp_plane *plane, const struct sp_policy *policy,
				   struct sp_plane_error *error)
{
	return plane->ops->nat_try ? plane->ops->nat_try(plane, policy, error) : 0;
}

static inline int sp_plane_nat_settle(struct sp_plane *plane, const struct sp_policy *policy,
				      const struct sp_gateway *gateway, size_t *ret_ended,
				      struct sp_plane_error *error)
{
	*ret_ended = 0;
	return plane->ops->nat_settle
		       ? plane->ops->nat_settle(plane, policy, gateway, ret_ended, error)
		       : 0;
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

static inline int sp_plane_ban_put(struct sp_plane *plane, const struct sp_prefix *prefix,
				   uint64_t until_ns)
{
	return plane->ops->ban_put(plane, prefix, until_ns);
}

static inline int sp_plane_ban_remove(struct sp_plane *plane, const struct sp_prefix *prefix)
{
	return plane->ops->ban_remove(plane, prefix);
}

static inline int sp_plane_ban_list(struct sp_plane *plane, struct sp_plane_ban **ret_bans,
				    size_t *ret_count)
{
	return plane->ops->ban_list(plane, ret_bans, ret_count);
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
