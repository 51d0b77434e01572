/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why an answer is what it is: the hooks a packet passes, why its sender has their roles, what would
 * match if the rule that decided did not exist, and which rules come nearest where none matches. The
 * reference is asked, with policies that lack a rule or have one alone. */
#ifndef SALLYPORT_JUDGE_TRAIL_H
#define SALLYPORT_JUDGE_TRAIL_H

#include "json/own.h"
#include "judge/judge.h"

/* The packet that was judged, and whose it is. All is borrowed. */
struct sp_trail_asked {
	enum sp_hook hook;
	const struct sp_tuple *tuple;
	bool is_own;
	uint32_t ifindex;               /* where it comes by; 0: whichever its source asks for */
	uint64_t now_ns;                /* CLOCK_BOOTTIME */
	int64_t now_s;                  /* Unix time, of the same moment */
	const struct sp_person *person; /* whose session sends it; NULL: no session does */
	const char *role;               /* that its sender stands for; NULL: for none */
};

struct sp_trail_role {
	const struct sp_role *role;
	const struct sp_role_match *match; /* that fits; NULL: it was asked for by its name */
};

/* What of a rule does not match. */
enum sp_rule_part { SP_PART_FROM, SP_PART_TO, SP_PART_SERVICES, SP_PART_TIME, SP_PART_COUNT };

struct sp_trail_near {
	const struct sp_rule *rule;
	enum sp_rule_part part; /* that alone */
};

#define SP_TRAIL_HOOKS_MAX 3
#define SP_TRAIL_NEAR_MAX 3

/* Its texts are the policy's. */
struct sp_trail {
	enum sp_hook hooks[SP_TRAIL_HOOKS_MAX]; /* in the order it passes them */
	size_t hook_count;
	struct sp_trail_role *roles;
	size_t role_count;
	bool has_rule;              /* a rule of the policy decided, and */
	struct sp_answer otherwise; /* this would be the answer without it */
	/* of a denial by default: the first rules that would allow it, but for one part */
	struct sp_trail_near near[SP_TRAIL_NEAR_MAX];
	size_t near_count;
};

/* Find it, behind a judgement of the same packet: @answer. The judge's flows are of no use
 * afterwards. Returns 0; -ENOMEM. */
int sp_trail_make(struct sp_judge *judge, const struct sp_policy *policy,
		  const struct sp_gateway *gateway, const struct sp_trail_asked *asked,
		  const struct sp_answer *answer, struct sp_trail *ret_trail);
/* Free what it holds; empty afterwards. */
void sp_trail_done(struct sp_trail *trail);
/* As docs/control-socket.md has it. The caller drops the reference. */
json_t *sp_trail_describe(const struct sp_trail *trail, const struct sp_policy *policy);

#endif
