/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An audit record as a struct, and as the one JSON line it becomes (docs/audit.md).
 *
 * Every line has "v":1 and then every key of DESIGN's list in its order, absent values as null;
 * keys that belong to some records only (SP_AUDIT_EXTRAS below) stand between `bytes` and `prev`,
 * or not at all. A record borrows every pointer it holds. No I/O.
 */
#ifndef SALLYPORT_AUDIT_RECORD_H
#define SALLYPORT_AUDIT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <sallyport/abi/names.h>
#include <sallyport/abi/tables.h>

#include "audit/chain.h"
#include "base/cleanup.h"

/* X(identifier, "name", "meaning"). The first three are those of SP_EVENTS, with the same
 * numbers. */
#define SP_AUDIT_EVENTS(X)                                                                         \
	X(DENY, "deny", "a packet was denied")                                                     \
	X(ALLOW, "allow", "a flow was allowed, or a packet of a rule with log: all")               \
	X(FLOW_END, "flow-end", "a tracked flow ended")                                            \
	X(LIMIT, "limit", "a packet went beyond its rule's limit, and was denied")                 \
	X(SESSION_OPEN, "session-open", "a person signed in, or a machine's session began")        \
	X(SESSION_EXTEND, "session-extend", "a session's end was moved")                           \
	X(SESSION_CLOSE, "session-close", "a session ended: by its end, idleness or revocation")   \
	X(LOGIN_REFUSED, "login-refused", "a sign-in was refused")                                 \
	X(ROAM, "roam", "a peer changed its outer address")                                        \
	X(APPLY, "apply", "a revision was put into force")                                         \
	X(CONFIRM, "confirm", "an applied generation was confirmed")                               \
	X(REVERT, "revert", "an earlier generation was put back")                                  \
	X(START, "start", "the daemon started and took up this log")                               \
	X(GAP, "gap", "records were lost; `packets` is how many")                                  \
	X(DRIFT, "drift", "what was set was changed by another's hand, or status is degraded")     \
	X(DETACH, "detach", "the gateway was taken out of the way: nothing is judged any more")    \
	X(HEAD, "head", "how far packets.jsonl reaches: `verify` holds it to that")                \
	X(BAN, "ban", "a sender was banned; `message` is whom, and why")                           \
	X(UNBAN, "unban", "a ban ended: by hand, or (`by` null) by its time")                      \
	X(TARGET_DOWN, "target-down", "a target of a forward does not answer any more")            \
	X(TARGET_UP, "target-up", "a target of a forward answers again")

enum sp_audit_event {
	SP_AUDIT_NONE = 0,
#define X(id, name, text) SP_AUDIT_##id,
	SP_AUDIT_EVENTS(X)
#undef X
		SP_AUDIT_EVENT_COUNT
};
_Static_assert((int)SP_AUDIT_DENY == (int)SP_EVENT_DENY &&
		       (int)SP_AUDIT_ALLOW == (int)SP_EVENT_ALLOW &&
		       (int)SP_AUDIT_FLOW_END == (int)SP_EVENT_FLOW_END,
	       "kernel events keep their number");

#define SP_AUDIT_PORT_NONE (-1)
#define SP_AUDIT_PROTO_NONE (-1)
#define SP_AUDIT_VALUE_NONE (-1)

/* Start from SP_AUDIT_RECORD_INIT: everything absent. */
struct sp_audit_record {
	uint64_t seq;    /* from 1, without holes; the log writer sets it */
	int64_t time_ns; /* UTC since 1970 */
	enum sp_audit_event event;
	const char *boot; /* boot id; set by the log writer when NULL, as is gateway */
	const char *gateway;
	const char *generation;
	uint64_t revision; /* 0: absent */
	const char *user;
	const char *session; /* the session's id, as `session list` shows it */
	const char *const *roles;
	size_t role_count;
	bool has_roles; /* false: null; true with none: [] */
	const char *peer;
	bool has_src, has_dst;
	struct sp_addr src, dst;
	int sport, dport; /* host order, SP_AUDIT_PORT_NONE: absent; ICMP: identifier, 0 */
	int proto;        /* IP protocol number, SP_AUDIT_PROTO_NONE: absent */
	const char *iface;
	enum sp_hook hook;   /* SP_HOOK_NONE: absent */
	const char *verdict; /* "allow", "deny" or NULL */
	const char *rule;    /* name; NULL: no rule decided */
	const char *reason;  /* a packet's: of SP_REASONS; others: a word or two why (`revoked`) */
	bool has_counts;     /* packets and bytes mean something */
	uint64_t packets, bytes;

	/* Extras: written only when present. */
	int icmp_type, icmp_code; /* `icmp_type`, `icmp_code`: SP_AUDIT_VALUE_NONE: absent */
	int tcp_flags;            /* `tcp_flags`, the flags byte */
	/* `audit`: {"rule": …, "would": …}: what a rule in mode audit would have said */
	const char *audit_rule, *audit_would;
	bool aggregated; /* `aggregated`: true: one record for many, exactly counted */
	/* `flows`: how many flows an aggregated record stands for; 0: absent */
	uint64_t flows;
	const char *limit;  /* `limit`, of limit: the name of the limit that was gone beyond */
	const char *ticket; /* `ticket`: that of the rule that decided */
	const char *idp;    /* `idp`: the provider of a sign-in */
	/* `real_dst`: where @dst leads to by the policy's translations; `real_dport`:
	 * SP_AUDIT_PORT_NONE: absent, as it is where the port stays as it was */
	bool has_real_dst;
	struct sp_addr real_dst;
	int real_dport;
	bool has_from;
	struct sp_addr from; /* `from`: the address a person signed in from, outside the tunnel */
	/* `put_back`, of drift: whether it is again as it was set */
	enum sp_audit_repair {
		SP_AUDIT_NO_REPAIR,
		SP_AUDIT_NOT_PUT_BACK,
		SP_AUDIT_PUT_BACK
	} repair;
	/* `head`, of start and head: {"seq": …, "hash": …}, where packets.jsonl stood; NULL: not
	 * told */
	const struct sp_chain_head *head;
	const char *by;      /* `by`: who asked: "uid 0 (root)", "portal" */
	const char *message; /* `message`: a sentence for people */
};

#define SP_AUDIT_RECORD_INIT                                                                       \
	{                                                                                          \
		.sport = SP_AUDIT_PORT_NONE,                                                       \
		.dport = SP_AUDIT_PORT_NONE,                                                       \
		.real_dport = SP_AUDIT_PORT_NONE,                                                  \
		.proto = SP_AUDIT_PROTO_NONE,                                                      \
		.icmp_type = SP_AUDIT_VALUE_NONE,                                                  \
		.icmp_code = SP_AUDIT_VALUE_NONE,                                                  \
		.tcp_flags = SP_AUDIT_VALUE_NONE,                                                  \
	}

/* Both translate "session-open" <-> SP_AUDIT_SESSION_OPEN. Name: NULL for SP_AUDIT_NONE; parse:
 * SP_AUDIT_NONE if unknown. */
const char *sp_audit_event_name(enum sp_audit_event event);
enum sp_audit_event sp_audit_event_parse(const char *name);

/* The event of a packet that was denied for @reason. */
enum sp_audit_event sp_audit_event_of_denial(enum sp_reason reason);

/* What senders of packets make, as many as they like: kept in a log of its own, so that it cannot
 * push out what people and administrators did. */
bool sp_audit_event_is_traffic(enum sp_audit_event event);

/* The hook of a name; SP_HOOK_NONE if unknown. */
enum sp_hook sp_audit_hook_parse(const char *name);

/* "tcp" "udp" "sctp" "icmp" "icmp6", else the number as text. @buf holds the number. */
const char *sp_audit_proto_name(int proto, char buf[8]);
/* The number of such a name, or -EINVAL. */
int sp_audit_proto_parse(const char *name);

/* Fill what the kernel's event says: time, revision, event, addresses, ports, proto, ICMP, TCP
 * flags, hook, verdict, reason, counts. Names (user, session, roles, peer, rule, iface, generation)
 * stay for the caller. @time_ns: the event's boot time already converted to UTC. An event of a kind
 * that this build does not know becomes SP_AUDIT_NONE, which no line can say.
 */
void sp_audit_record_from_event(const struct sp_event *event, int64_t time_ns,
				struct sp_audit_record *ret_record);

/* Write @record as one line, without a newline, @prev being the hash of the line before it.
 * Text that is not UTF-8 has its bytes above 0x7f replaced by '?': a record is never lost to a
 * strange name.
 * Returns 0 with a malloc'ed NUL-terminated line and its length; -EINVAL no event; -ENOMEM.
 */
int sp_audit_record_format(const struct sp_audit_record *record, const char prev[SP_CHAIN_HEX + 1],
			   char **ret_line, size_t *ret_len);

/* A line read back. `record` borrows from `json` and `roles`; of `head` the entry has a copy. */
struct sp_audit_entry {
	json_t *json;
	struct sp_audit_record record;
	char prev[SP_CHAIN_HEX + 1];
	const char **roles; /* what record.roles points to */
	bool has_head;
	struct sp_chain_head head; /* record.head is NULL here: an entry may be moved */
};

/* Read one line strictly: a JSON object of "v":1 whose keys have the types written above. What a
 * later build may write is let be: keys that this build does not know, and the names of an event
 * (SP_AUDIT_NONE) and of a hook (SP_HOOK_NONE).
 * Returns 0; -EBADMSG not such a line; -EPROTONOSUPPORT a newer "v"; -ENOMEM.
 */
int sp_audit_entry_parse(const char *line, size_t len, struct sp_audit_entry *ret_entry);
/* Free what the entry holds; it is empty afterwards, and may be done again. */
void sp_audit_entry_done(struct sp_audit_entry *entry);
#define __sp_audit_entry __sp_cleanup(sp_audit_entry_done)

#endif
