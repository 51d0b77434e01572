/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by question.c, which takes a question through the thread, and the forms of explain:
 * ops_explain.c answers a question about a packet, ops_explain_unjudged.c one about a place where no
 * hook judges, ops_explain_record.c a record of the audit log. */
#ifndef SALLYPORT_DAEMON_EXPLAIN_H
#define SALLYPORT_DAEMON_EXPLAIN_H

#include "audit/record.h"
#include "daemon/control/works.h"
#include "daemon/ops/ops.h"
#include "judge/ask.h"
#include "judge/describe.h"

/* Whom a question names. */
struct sp_question_named {
	char *user; /* NULL: nobody has the name */
	struct sp_addr addresses[2];
	bool has_address[2];
	char *nearest; /* of all names; NULL: none is near */
};

/* The session of one end of a packet. */
struct sp_question_end {
	struct sp_live *live; /* a copy; NULL: there is none */
	enum sp_live_state state;
};

/* What is asked, from either form. The judge grows with the policy and the roles of the sessions, so
 * that all that is done with it is done in a thread: first it is made, and the packet with it; then
 * the loop looks up the sessions and the interfaces of that packet; then it is judged. */
struct sp_question {
	struct sp_work making, judging;
	bool is_handed_on; /* from making to judging */
	struct sp_ops *ops;
	struct sp_client *client;
	json_t *json;      /* of the request, whose texts are borrowed */
	struct sp_ask ask; /* of the first form */
	struct sp_question_named named;
	struct sp_asked asked;
	struct sp_ask_fault fault;
	bool is_of_record;
	struct sp_audit_entry recorded; /* of the other form */
	struct sp_policy *policy;       /* held; NULL: made of @files */
	struct sp_files files;          /* of a former generation */
	/* The machine as what runs knows it: a change that is not staged yet is not in force. */
	struct sp_gateway gateway;
	int made; /* what making the policy and the judge returned; ->error says of what */
	struct sp_plane_error error;
	int read;   /* what making the packet returned; ->fault says of what */
	int judged; /* what judging it returned */
	struct sp_judgement judgement;
	struct sp_trail trail;          /* of that, of the first form */
	struct sp_question_end ends[2]; /* sender, receiver */
	bool has_opening; /* another packet has opened its flow, and is judged first */
	uint64_t revision;
	char generation[13];
	struct sp_judge_planes planes;
	int64_t at_s;          /* asked about; INT64_MIN: now */
	struct sp_facts facts; /* the moment, since making began */
	struct sp_judge *judge;
	enum sp_hook hook;
	uint32_t ifindex; /* where it arrives; 0: whichever its source asks for */
	/* unlisted or unmanaged, where it arrives; NULL: a listed one */
	const struct sp_host_interface *entry;
	struct sp_tuple tuple;
	int tcp_flags; /* -1: those of a new connection */
	bool is_own;
	const char *role; /* its sender stands for; the policy's text; NULL: none */
	char *user;       /* whose packet it is; NULL: no person's */
	bool is_banned;   /* its sender, by this one */
	struct sp_prefix ban;
	char ban_words[256]; /* whom it holds, until when and why */
	uint64_t session;    /* 0: none */
	bool is_parked;      /* whose time is up, and whose peer is still there */
};

/* Make its judge, and answer. Takes it over and returns 0; -ENOMEM: the client was told. */
int sp_question_put(struct sp_question *question);
/* Free it; a judge it has is freed in the thread. NULL is allowed. @arg is a struct sp_question. */
void sp_question_free(void *arg);
/* Whose packet it is, if that is not known yet. @live may be NULL. */
void sp_question_whose(struct sp_question *question, const struct sp_live *live);
/* Judge the packet a host would send for @tuple, with other TCP flags unless -1. */
int sp_question_judge(struct sp_question *question, enum sp_hook hook, const struct sp_tuple *tuple,
		      int tcp_flags, bool is_own, struct sp_judgement *ret_judgement);
/* Judge the packet that opened the flow of this one, in the thread. */
int sp_question_judge_opening(struct sp_question *question);
/* The answer; its texts are those of @question and @judgement, and last as long. */
struct sp_explained sp_question_explained(const struct sp_question *question,
					  const struct sp_judgement *judgement);
/* The same as JSON; the caller drops the reference. */
json_t *sp_question_describe(const struct sp_question *question,
			     const struct sp_judgement *judgement);

/* Does the packet come by an interface no hook is on: @on, or the one its source is at home at? */
bool sp_question_enter(struct sp_question *question, const char *on);
/* Does what the gateway itself sends leave by an interface no hook is on: @on, or the one its
 * destination is at home at? */
bool sp_question_leave(struct sp_question *question, const char *on);
/* What becomes of it there; NULL: vpn-out judges it. */
json_t *sp_question_describe_unjudged(const struct sp_question *question);
/* What a hook said, unless the packet would leave by an interface that is closed. */
json_t *sp_question_describe_way_out(const struct sp_question *question,
				     const struct sp_judgement *judgement);

/* Read one record of the audit log, and find its policy or the files of it. Returns 0; -errno: the
 * client was answered, and there is nothing to judge. */
int sp_question_read_record(struct sp_question *question, json_t *json);
/* Make the packet that is asked about, in the thread. */
void sp_question_make_packet(struct sp_question *question);
/* Look up the sessions, the interfaces and the hook of the packet. False: the client was answered,
 * and there is nothing to judge. */
bool sp_question_prepare_packet(struct sp_question *question);
/* Look up what the judge has to know of that record. False: the client was answered, and there is
 * nothing to judge. */
bool sp_question_prepare_record(struct sp_question *question);
/* Answer it by the judgement. */
void sp_question_answer_record(struct sp_question *question);

#endif
