/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One case, put before the judges packet by packet: the reference with its flow state, the real
 * programs with theirs, the same compiled for user space with theirs, and, where a packet's answer follows from the rules alone, the compiled
 * tables against a second reference that never saw a packet before. */
#ifndef SALLYPORT_EQUIV_TRIAL_H
#define SALLYPORT_EQUIV_TRIAL_H

#include "plane/ebpf/ebpf.h"
#include "policy/answer.h"
#include "reference/reference.h"
#include "support/frames.h"
#include "support/user_judge.h"
#include "tables/tables.h"
#include "world.h"

/* Bugs that can be put into the compiled tables; the judges must tell. */
enum plant {
	PLANT_NONE,
	PLANT_PREFIX,  /* every IPv4 destination prefix one bit longer */
	PLANT_SWAPPED, /* allow and deny of rules swapped */
	PLANT_EXCEPT,  /* `except` ignored */
	PLANT_IPV6,    /* IPv6 prefixes cut to /64 */
	PLANT_RANGE,   /* the last port of a range left out */
	PLANT_PARKED,  /* every destination a resolver for parked people */
	PLANT_COUNT
};

const char *plant_name(enum plant plant);
/* sp_tables_compile, with the bug in it if that is where it goes. */
int plant_compile(enum plant plant, const struct sp_policy *policy,
		  const struct sp_gateway *gateway, const struct sp_facts *facts,
		  struct sp_tables **ret_tables);
/* The bugs that go into finished tables. */
void plant_tables(enum plant plant, struct sp_tables *tables);

/* A session as the tables' judge sees it. */
struct trial_session {
	struct sp_identity identity[2]; /* by revision: roles are numbered by policy */
	uint64_t epoch;                 /* 0: not open */
	bool is_known;                  /* its addresses still say who they were */
	bool is_over;                   /* told to the second reference */
	uint64_t expires_ns, idle_ns;
	uint64_t person;                       /* the same for all of one person */
	uint32_t class_id[2][2], netset[2][2]; /* [revision][family] */
	uint32_t own_netset[2][2];             /* likewise */
};

struct trial {
	const struct equiv_case *test;
	struct sp_policy *policy[2];
	struct sp_gateway gateway[2];
	struct sp_facts facts[2];
	struct sp_tables *tables[2];
	struct sp_tables *read_back[2]; /* in some cases: the same, written to .sptab and read */
	struct trial_session sessions[SESSIONS_MAX];
	uint32_t session_count;
	struct sp_reference *reference, *alone;
	struct sp_ebpf *plane; /* NULL: not asked */
	struct sp_ebpf_staged *staged[2];
	struct user_judge *user;
	struct user_revision *user_revision[2];
	unsigned revision; /* 0, then 1; the judges call them 1 and 2 */
	uint64_t now_ns, alone_ns, next_epoch;
};

/* Seconds of CPU time by part, summed over trials. */
struct trial_seconds {
	double make, load, compile, stage, reference, tables, ebpf, user;
};
extern struct trial_seconds trial_seconds;
double cpu_seconds(void);

/* @with_ebpf  ask the real programs too.
 * Returns 0; -EINVAL the policy text is refused (@why); other -errno (@why). */
int trial_open(const struct equiv_case *test, bool with_ebpf, enum plant plant, struct trial *trial,
	       struct sp_plane_error *why);
void trial_close(struct trial *trial);

/* What became of one step. */
struct trial_outcome {
	bool is_packet;
	enum sp_hook hook;
	struct test_frame frame;
	struct sp_answer reference, user;
	const char
		*user_wrong; /* what the programs in user space did wrong with the packet; NULL */
	bool has_ebpf;
	struct sp_answer ebpf;
	bool has_tables; /* the tables alone can tell, and so can a reference without flows */
	struct sp_answer tables, alone;
};

/* Returns 0 (look whether they agree); -errno with @why when a judge could not answer. */
int trial_step(struct trial *trial, const struct step *step, struct trial_outcome *ret_outcome,
	       struct sp_plane_error *why);

static inline bool outcome_agrees(const struct trial_outcome *outcome)
{
	return sp_answer_equal(&outcome->reference, &outcome->user) && !outcome->user_wrong &&
	       (!outcome->has_ebpf || sp_answer_equal(&outcome->reference, &outcome->ebpf)) &&
	       (!outcome->has_tables || sp_answer_equal(&outcome->alone, &outcome->tables));
}

/* What a reference that never saw a packet would say about this one (as in a step) in this
 * revision, everybody being signed in. Not to be mixed with trial_step. */
struct sp_answer trial_guess(void *trial, unsigned revision, const char *packet);

/* tables_judge.c: what the tables say about a packet that nothing came before. False: they cannot
 * tell. */
bool tables_judge(const struct trial *trial, enum sp_hook hook, const struct sp_frame *frame,
		  struct sp_answer *ret_answer);
/* Is session @n alive now? Or parked: past its end, but not ended? */
bool trial_is_alive(const struct trial *trial, uint32_t n);
bool trial_is_parked(const struct trial *trial, uint32_t n);

#endif
