/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ask the judges the same question: always the reference evaluator, and each plane that the caller
 * names, on a scratch plane of its own, if the kernel allows. All judges see the same policy,
 * gateway, sessions and packets in the same order, so their flow states agree too. A disagreement
 * is an error of ours and is reported, never hidden. Used by explain, replay, check and apply. */
#ifndef SALLYPORT_JUDGE_H
#define SALLYPORT_JUDGE_H

#include "base/cleanup.h"
#include "net/packet.h"
#include "plane/choice.h"
#include "policy/answer.h"
#include "policy/facts.h"
#include "policy/model.h"

struct sp_judge;

#define SP_JUDGE_REFERENCE "reference" /* the name of the reference where planes are named */

/* The planes asked besides the reference. */
struct sp_judge_planes {
	const struct sp_plane_ops *const *items;
	size_t count; /* 0: the reference alone; at most SP_PLANES_MAX */
	/* one that cannot judge here, or lacks what the policy needs, is an error; else it is left
	 * out */
	bool is_needed;
};

/* Make a judge without sessions, for the moment of @facts, which is copied. The rules of @policy are
 * numbered; @policy and @gateway outlive the judge. @error is not NULL. *@ret_judge is the caller's: sp_judge_free.
 * Returns 0; -EPERM, -EOPNOTSUPP or another -errno of a plane that is needed (@error says why);
 * -E2BIG the policy needs more table rows than there can be; -ENOMEM. */
int sp_judge_new(const struct sp_policy *policy, const struct sp_gateway *gateway,
		 const struct sp_facts *facts, const struct sp_judge_planes *planes,
		 struct sp_judge **ret_judge, struct sp_plane_error *error);
/* Free the judge with its scratch planes and sessions. NULL is allowed. */
void sp_judge_free(struct sp_judge *judge);
SP_DEFINE_CLEANUP(struct sp_judge *, sp_judge_free);

/* Returns the name of the judge whose answers count: the first plane asked, or SP_JUDGE_REFERENCE
 * if no plane is asked. Borrowed. */
const char *sp_judge_plane(const struct sp_judge *judge);
/* Why a plane is not asked, for people: that only the reference was asked for, or why the last
 * plane that was left out cannot judge here. "" when every plane is asked. Belongs to @judge. */
const char *sp_judge_why_not(const struct sp_judge *judge);
/* Whether a name that sp_judge_plane, ->plane of a judgement or sp_judge_run_tests gave is a
 * plane's. */
bool sp_judge_is_plane(const char *name);

/* Returns a constant text for an -errno @r of this header: what is too much, and what to do. */
const char *sp_judge_fault(int r);

/* Open a session in every judge, which lasts until the first of its roles expires. Its number is
 * the count of those opened before (from 0). Returns
 * 0; -E2BIG tables are full; -EUSERS no more sessions than the policy has people and roles, and
 * 4096 at least; -EEXIST one of its addresses is taken; -ENOSPC, -ENOMEM. */
int sp_judge_open_session(struct sp_judge *judge, const struct sp_identity *identity,
			  uint32_t *ret_number);
/* Open a session of a person of @role and nothing else, at addresses of the pool that no session
 * has. @ret_identity: its addresses alone. Returns as sp_judge_open_session. */
int sp_judge_open_stand_in(struct sp_judge *judge, uint32_t role, struct sp_identity *ret_identity);
/* Let the time of session @number be up: its packets are `expired`, but for those to the portal and
 * the resolvers. Returns 0; -ENOENT no such session was opened; -errno of a plane. */
int sp_judge_park_session(struct sp_judge *judge, uint32_t number);
/* End session @number: its packets are `expired`. Returns 0; -ENOENT no such session was opened;
 * -errno of a plane. */
int sp_judge_end_session(struct sp_judge *judge, uint32_t number);
/* End session @number of @person, who has no role: as ended, or as past its time where a role of
 * theirs has expired. Returns as sp_judge_end_session. */
int sp_judge_end_roleless(struct sp_judge *judge, const struct sp_person *person, uint32_t number);
/* Ban what comes by the edge from @prefix, for good. Returns 0; -ENOMEM; -errno of a plane. */
int sp_judge_ban(struct sp_judge *judge, const struct sp_prefix *prefix);
/* Open every session of the policy's fixtures, in order. A person without a role gets a session
 * that has ended. Returns 0; -errno as sp_judge_open_session. */
int sp_judge_open_fixtures(struct sp_judge *judge);

struct sp_judge_answer {
	const char *plane;
	struct sp_answer answer;
};

struct sp_judgement {
	struct sp_answer answer; /* of the first plane asked, else of the reference */
	struct sp_answer reference;
	struct sp_judge_answer planes[SP_PLANES_MAX]; /* one a plane asked, in their order */
	size_t plane_count;
	const char *plane; /* whose ->answer is: as sp_judge_plane */
	bool disagree;     /* a plane with the reference */
};

/* Ask every judge about one frame on @hook. @now_ns  the time of the frame, above 0.
 * Returns 0 (look at ->disagree); -errno of a judge that could not answer. */
int sp_judge_frame(struct sp_judge *judge, enum sp_hook hook, const struct sp_frame *frame,
		   uint64_t now_ns, struct sp_judgement *ret_judgement);
/* Build the packet that a host sends to open @tuple, and judge it on @hook. @is_own: the gateway
 * itself sends it, and @hook is where it leaves. Returns as sp_judge_frame. */
int sp_judge_tuple(struct sp_judge *judge, enum sp_hook hook, const struct sp_tuple *tuple,
		   bool is_own, uint64_t now_ns, struct sp_judgement *ret_judgement);

/* What the reference would say of one frame by @policy, which has the roles, networks and limits of
 * the judge's own in the same places. Returns as sp_judge_frame. */
int sp_judge_try(struct sp_judge *judge, const struct sp_policy *policy, enum sp_hook hook,
		 const struct sp_frame *frame, uint64_t now_ns, struct sp_answer *ret_answer);

/* ---- questions ---- */

/* The hook where a packet from @source first meets us: pool -> vpn-in, else by the longest route,
 * else inside-in. */
enum sp_hook sp_judge_first_hook(const struct sp_gateway *gateway, const struct sp_addr *source);
/* The hook where packets leave to where @in has them from: vpn-out for vpn-in, and so on. */
enum sp_hook sp_judge_way_out(enum sp_hook in);
/* Find the hook that packets from the interface @name meet first. Returns 0; -ENOENT @gateway has
 * no such interface. */
int sp_judge_hook_of_interface(const struct sp_gateway *gateway, const char *name,
			       enum sp_hook *ret_hook);
/* A source nobody named: global unicast, in no network of the policy, not in the pool. */
struct sp_addr sp_judge_stranger(const struct sp_policy *policy, const struct sp_gateway *gateway,
				 bool is_v6);
/* A person (a machine, where the role is for those alone) of the role *@role (borrowed) and nothing
 * else, at the spare addresses of @index. */
void sp_judge_stand_in(const struct sp_policy *policy, const struct sp_gateway *gateway,
		       const uint32_t *role, uint32_t index, struct sp_identity *ret_identity);

/* ---- the policy's tests ---- */

#define SP_TEST_DIFFERS_MAX 512

struct sp_test_result {
	const struct sp_test *test;
	bool passed;
	struct sp_tuple tuple; /* of the case shown: the first that failed, else the last */
	struct sp_judgement judgement;
	char differs[SP_TEST_DIFFERS_MAX]; /* `only`: "tcp/23 to git is allowed too"; else "" */
};

#define SP_TEST_WORDS_MAX 640
/* What was asked, in the test's own words: "role engineer to git tcp/80". Returns @buf. */
const char *sp_judge_test_words(const struct sp_policy *policy, const struct sp_test_result *result,
				char buf[SP_TEST_WORDS_MAX]);

/* Run them all in fresh judges, each test at its `at`, else at the time of the fixtures, else at the
 * moment of @facts. @ret_results malloc'ed, one a test.
 * Returns 0 whatever the results; -errno when they could not be run. */
int sp_judge_run_tests(const struct sp_policy *policy, const struct sp_gateway *gateway,
		       const struct sp_facts *facts, const struct sp_judge_planes *planes,
		       struct sp_test_result **ret_results, size_t *ret_count,
		       const char **ret_plane, struct sp_plane_error *error);

#endif
