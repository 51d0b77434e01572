/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which records an operator asked for. All given conditions must hold; none given matches every
 * record. No I/O.
 */
#ifndef SALLYPORT_AUDIT_QUERY_H
#define SALLYPORT_AUDIT_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/record.h"

/* X(key, "value shape"): the conditions, as options (`--since 10m`) and as keys of the audit.query
 * op. */
#define SP_AUDIT_QUERY_KEYS(X)                                                                     \
	X("user", "a name")                                                                        \
	X("idp", "a provider's name")                                                              \
	X("session", "a session's id")                                                             \
	X("verdict", "allow or deny")                                                              \
	X("rule", "a rule's name; none: no rule decided")                                          \
	X("reason", "a reason")                                                                    \
	X("hook", "one of edge-in edge-tc edge-out vpn-in vpn-out inside-in inside-out lock")      \
	X("event", "a kind of record, or several with commas")                                     \
	X("src", "an address or prefix")                                                           \
	X("dst", "an address or prefix")                                                           \
	X("since", "a time (RFC 3339), or how long ago: 90s 10m 2h 7d")                            \
	X("until", "a time (RFC 3339), or how long ago")                                           \
	X("after_seq", "the number of a record of audit.jsonl, or 0")                              \
	X("after_packets_seq", "the number of a record of packets.jsonl, or 0")

#define SP_AUDIT_QUERY_TEXT_MAX 256

struct sp_audit_query {
	char idp[SP_AUDIT_QUERY_TEXT_MAX];
	char user[SP_AUDIT_QUERY_TEXT_MAX], session[SP_AUDIT_QUERY_TEXT_MAX];
	char rule[SP_AUDIT_QUERY_TEXT_MAX], reason[SP_AUDIT_QUERY_TEXT_MAX];
	char verdict[8];
	enum sp_hook hook; /* SP_HOOK_NONE: any */
	uint32_t events;   /* bit 1 << enum sp_audit_event; 0: all */
	bool has_src, has_dst;
	struct sp_prefix src, dst;
	bool has_since, has_until;
	int64_t since_ns, until_ns; /* since <= time < until */
	/* Where to resume, by log: [0] audit.jsonl, [1] packets.jsonl (sp_audit_event_is_traffic).
	 * With either, a log that has none is not asked. */
	bool has_after[2];
	uint64_t after_seq[2];
};

/* Set one condition from text. @now_ns: UTC, what "ago" counts from.
 * Returns 0; -ENOENT no such key; -EINVAL the value has not the key's shape (sp_audit_query_shape
 * says it);
 * -ENAMETOOLONG.
 */
int sp_audit_query_set(struct sp_audit_query *query, const char *key, const char *value,
		       int64_t now_ns);

/* The shape of a key's value for messages, NULL for an unknown key. */
const char *sp_audit_query_shape(const char *key);

/* Does the record meet every condition? A condition on a value the record does not have is not
 * met. */
bool sp_audit_query_matches(const struct sp_audit_query *query,
			    const struct sp_audit_record *record);

#endif
