/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the forms of explain: ops_explain.c answers a question, ops_explain_unjudged.c a
 * question about a place where no hook judges, ops_explain_record.c a record of the audit log. */
#ifndef SALLYPORT_DAEMON_EXPLAIN_H
#define SALLYPORT_DAEMON_EXPLAIN_H

#include "daemon/ops/ops.h"
#include "judge/describe.h"

/* What is asked, from either form. */
struct sp_question {
	struct sp_ops *ops;
	struct sp_client *client;
	const struct sp_policy *policy;
	uint64_t revision;
	char generation[13];
	struct sp_judge_planes planes;
	struct sp_judge *judge;
	enum sp_hook hook;
	uint32_t ifindex; /* where it arrives; 0: whichever its source asks for */
	/* unlisted or unmanaged, where it arrives; NULL: a listed one */
	const struct sp_host_interface *entry;
	struct sp_tuple tuple;
	int tcp_flags; /* -1: those of a new connection */
	bool is_own;
	const char *role;        /* its sender stands for; the policy's text; NULL: none */
	char *user;              /* whose packet it is; NULL: no person's */
	uint64_t session;        /* 0: none */
	bool is_parked;          /* whose time is up, and whose peer is still there */
	struct sp_policy *owned; /* a former generation's */
};

/* The machine as what runs knows it: a change that is not staged yet is not in force. */
const struct sp_gateway *sp_question_gateway(const struct sp_question *question);
/* Make the judges of question->policy. -errno: the client was told. */
int sp_question_prepare(struct sp_question *question);
/* Put a session into them, in this state. Parked and ended ones keep their addresses: their packets
 * are `expired`. */
int sp_question_open(struct sp_question *question, const struct sp_live *live,
		     enum sp_live_state state);
/* Whose packet it is, if that is not known yet. @live may be NULL. */
void sp_question_whose(struct sp_question *question, const struct sp_live *live);
/* Judge the packet a host would send for @tuple, with other TCP flags unless -1. */
int sp_question_judge(struct sp_question *question, enum sp_hook hook, const struct sp_tuple *tuple,
		      int tcp_flags, bool is_own, struct sp_judgement *ret_judgement);
/* False, and the client told, if the judges differ: never hidden. */
bool sp_question_agree(const struct sp_question *question, const struct sp_judgement *judgement);
/* The answer; its texts are those of @question and @judgement, and last as long. */
struct sp_explained sp_question_explained(const struct sp_question *question,
					  const struct sp_judgement *judgement);
/* The same as JSON; the caller drops the reference. */
json_t *sp_question_describe(const struct sp_question *question,
			     const struct sp_judgement *judgement);

/* Does the packet come by an interface no hook is on: @on, or the one its source is at home at? */
bool sp_question_enter(struct sp_question *question, const char *on);
/* What becomes of it there; NULL: vpn-out judges it. */
json_t *sp_question_describe_unjudged(const struct sp_question *question);
/* What a hook said, unless the packet would leave by an interface that is closed. */
json_t *sp_question_describe_way_out(const struct sp_question *question,
				     const struct sp_judgement *judgement);

/* Answer one record of the audit log. */
void sp_question_answer_record(struct sp_question *question, json_t *json);

#endif
