/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Diagnostics, tests and answers as JSON. check, apply, explain and the control socket call these
 * functions, so all have one shape (docs/control-socket.md). */
#ifndef SALLYPORT_JUDGE_DESCRIBE_H
#define SALLYPORT_JUDGE_DESCRIBE_H

#include "judge/trail.h"
#include "json/own.h"
#include "policy/addresses/shares.h"
#include "policy/addresses/translation.h"
#include "yaml/diagnostics.h"

/* A list: each with severity, file, line, column, message. The caller drops the reference. */
json_t *sp_describe_diagnostics(const struct sp_diagnostics *diagnostics);

/* List each test with its place, its words, what it expects and what was answered. A member that a
 * test lacks, because no packet fits the test, is null. The caller drops the reference. */
json_t *sp_describe_tests(const struct sp_policy *policy, const struct sp_test_result *results,
			  size_t count);

/* An answer of explain. All texts are borrowed; a NULL text or address, a number of -1 (@proto,
 * @port) or 0 is null. */
struct sp_explained {
	const char *verdict, *rule, *reason, *message, *plane, *hook;
	const char *file; /* where the rule stands */
	uint32_t line;
	const char *generation;
	uint64_t revision, session; /* 0 where no gateway runs */
	const struct sp_addr *source, *destination;
	/* that translates where it goes; NULL: none, and there is no such key */
	const struct sp_nat *nat;
	struct sp_destination real; /* to this one */
	/* the entry about the source, where the packet leaves by its interface; NULL as above */
	const struct sp_nat *masquerade;
	int proto, port;
	struct sp_silents silents; /* the targets of forwards that do not answer */
	const char *user;
	const char *role;               /* NULL: no key of that name */
	const char *limit;              /* the same: the limit of what is allowed */
	const char *ticket;             /* the same: that of the rule */
	struct sp_audit audit;          /* the same */
	const char *interface;          /* the same: one that is unlisted or unmanaged */
	const struct sp_trail *trail;   /* the same: why the answer is what it is */
	const struct sp_policy *policy; /* that the trail is of */
};

/* What a rule in audit would have answered, as {"rule", "would"}; the caller drops the reference.
 * NULL: nothing, or out of memory. */
json_t *sp_describe_audit(const struct sp_policy *policy, const struct sp_audit *audit);

/* What @judgement says of @tuple at @hook of @gateway, by @policy, in the rule's own words or those of its
 * reason. The fields of the asker (generation, revision, session, silents, user, role) stay as they are. */
void sp_explained_judge(struct sp_explained *explained, const struct sp_policy *policy,
			const struct sp_gateway *gateway, const struct sp_judgement *judgement,
			enum sp_hook hook, const struct sp_tuple *tuple);

/* The caller drops the reference. */
json_t *sp_describe_explained(const struct sp_explained *explained);

#endif
