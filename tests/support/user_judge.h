/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The programs, run in user space: the text of bpf compiled for here, over maps in plain memory that
 * are filled as the kernel's are. No kernel, no rights, and a sanitizer looks on. Not for threads. */
#ifndef SALLYPORT_TEST_USER_JUDGE_H
#define SALLYPORT_TEST_USER_JUDGE_H

#include <stdint.h>

#include "net/addr.h"
#include "policy/answer.h"
#include "tables/tables.h"

struct user_judge;
struct user_revision;

/* A judge without flows and sessions. @flows_max: room in the flow table. Never NULL. */
struct user_judge *user_judge_new(uint32_t flows_max);
void user_judge_free(struct user_judge *judge);

/* The tables of one revision, which its number tells from others; they may be freed then. One revision serves any
 * number of judges. Returns 0; -errno of sp_ebpf_translate. */
int user_revision_new(const struct sp_tables *tables, uint64_t number,
		      struct user_revision **ret_revision);
/* The same tables as another revision. */
void user_revision_set_number(struct user_revision *revision, uint64_t number);
void user_revision_free(struct user_revision *revision);

/* Session @number (below 64) as the programs have it, to be written. */
struct sp_session *user_judge_session(struct user_judge *judge, uint32_t number);
/* Every limit's bucket of session @number is full: another session begins there. */
void user_judge_fill_buckets(struct user_judge *judge, uint32_t number);
void user_judge_put_ident(struct user_judge *judge, const struct sp_addr *addr, uint32_t session,
			  uint64_t epoch);
void user_judge_remove_ident(struct user_judge *judge, const struct sp_addr *addr);

/* Ban what comes by the edge from @prefix until @until_ns; 0: for good. */
void user_judge_ban(struct user_judge *judge, const struct sp_prefix *prefix, uint64_t until_ns);

/* What @hook says to @frame at @now_ns (not 0).
 * @ret_wrong  NULL, or what the programs did with the packet that does not go with that answer. */
struct sp_answer user_judge_ask(struct user_judge *judge, const struct user_revision *revision,
				enum sp_hook hook, const struct sp_frame *frame, uint64_t now_ns,
				const char **ret_wrong);

#endif
