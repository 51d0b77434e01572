/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the reference evaluator (reference*.c) have in common: its state. Private to
 * them. The words are those of docs/judgement.md. */
#ifndef SALLYPORT_REFERENCE_STATE_H
#define SALLYPORT_REFERENCE_STATE_H

#include "net/packet.h"
#include "reference/limit.h"
#include "reference/reference.h"

/* ---- a hash table of structs that start with a node and hold their key (reference_table.c)
 * ---- */

struct sp_ref_node {
	struct sp_ref_node *next;
	uint64_t hash;
	const void *key; /* inside the struct, of the table's key length */
};

struct sp_ref_table {
	struct sp_ref_node **buckets;
	size_t bucket_count, count, key_len;
};

/* The struct with this key, of the table's key length, or NULL. Borrowed. */
void *sp_ref_table_find(const struct sp_ref_table *table, const void *key);
/* The key must not be in the table yet. Returns 0; -ENOMEM. */
int sp_ref_table_add(struct sp_ref_table *table, struct sp_ref_node *node, const void *key);
/* Take @node, which is in the table, out of it; it is not freed. */
void sp_ref_table_remove(struct sp_ref_table *table, struct sp_ref_node *node);
/* Take out the nodes for which @is_over says so, and hand each to @release. */
void sp_ref_table_sweep(struct sp_ref_table *table, bool (*is_over)(void *arg, void *item),
			void (*release)(void *arg, void *item), void *arg);
/* Hand every node to @release (NULL: free) and free the table. */
void sp_ref_table_done(struct sp_ref_table *table, void (*release)(void *arg, void *item),
		       void *arg);

/* ---- state ---- */

struct sp_ref_session {
	struct sp_ref_node node; /* by number */
	uint32_t number;
	uint64_t epoch; /* 0: ended */
	uint64_t expires_ns, idle_ns, last_seen_ns;
	uint32_t flow_count;        /* originated with this epoch, but for */
	uint32_t parked_flow_count; /* those of reason `expired` */
	char *user, *idp;
	char **role_names; /* as given, for the next policy */
	size_t role_name_count;
	uint32_t *roles; /* those of the current policy */
	size_t role_count;
};

struct sp_ref_ident {
	struct sp_ref_node node; /* by address */
	struct sp_addr addr;
	uint32_t session;
	uint64_t epoch;
};

/* A source or destination as it was when something was recorded about it. */
struct sp_ref_end {
	bool is_pool_end;
	bool was_live, was_parked;
	uint32_t session; /* was_live or was_parked */
	uint64_t epoch;
};

struct sp_ref_flow_key {
	struct sp_addr lo, hi;
	uint16_t lo_port, hi_port;
	uint8_t proto;
	uint8_t asker; /* 0; of ICMP queries 1: lo, 2: hi */
	uint8_t zero[2];
};

struct sp_ref_flow {
	struct sp_ref_node node;
	struct sp_ref_flow_key key;
	struct sp_tuple tuple; /* of the original direction; ICMP: the query */
	enum sp_hook hook;
	enum sp_zone zone;
	struct sp_ref_end ends[2]; /* originator, responder */
	uint64_t revision, deadline_ns, last_seen_ns;
	enum sp_reason reason;
	uint32_t rule;
	uint32_t limit; /* in the policy of that revision; 0: none */
	struct sp_audit audit;
	bool is_own, is_forwarded, is_denied, is_answered, is_closing;
	struct sp_ref_source *sources[2]; /* that count it: the host, its network; or NULL */
};

/* The flows of one host, or of all in one network, on the edge or inside. */
struct sp_ref_source_key {
	struct sp_addr addr; /* without the bits the share does not go by */
	uint8_t zone;
	uint8_t is_network;
	uint8_t zero[6];
};

struct sp_ref_source {
	struct sp_ref_node node;
	struct sp_ref_source_key key;
	size_t flow_count;
};

struct sp_ref_frag_key {
	struct sp_addr source, destination;
	uint32_t id;
	uint8_t proto; /* 0 in IPv6 */
	uint8_t hook;
	uint8_t zero[2];
};

struct sp_ref_frag {
	struct sp_ref_node node;
	struct sp_ref_frag_key key;
	uint64_t first_ns, revision;
	struct sp_ref_end ends[2]; /* of the packet: source, destination */
	enum sp_reason reason;
	uint32_t rule;
	struct sp_audit audit;
	struct sp_ref_taker taker; /* of whose bucket later ones take */
	bool is_poisoned;
	size_t span_count;
	struct {
		uint32_t from, to;
	} spans[SP_FRAG_SPANS];
};

struct sp_ref_ban {
	struct sp_prefix prefix;
	uint64_t until_ns; /* 0: for good */
};

struct sp_reference {
	const struct sp_policy *policy;
	const struct sp_gateway *gateway;
	struct sp_facts facts; /* of the moment the policy was set for */
	uint64_t revision;
	uint64_t
		next_try; /* revisions of tries, each another one, count down from the last number */
	struct sp_ref_table sessions, idents, flows, frags, sources, buckets;
	struct sp_ref_ban *bans; /* no two of one prefix */
	size_t ban_count;
	uint32_t flows_max, session_flows_max; /* 0: no bound */
	size_t part_flow_count[SP_FLOW_PART_COUNT];
};

/* now - since > span, as the page means it. */
static inline bool sp_ref_is_over(uint64_t now_ns, uint64_t since_ns, uint64_t span_ns)
{
	return now_ns > since_ns && now_ns - since_ns > span_ns;
}

static inline bool sp_ref_is_past(uint64_t now_ns, uint64_t instant_ns)
{
	return instant_ns && now_ns >= instant_ns;
}

/* ---- sessions (reference_session.c) ---- */

/* The live session of a tunnel address. Returns SP_REASON_NONE, or why it has none. */
enum sp_reason sp_ref_find_session(const struct sp_reference *reference, const struct sp_addr *addr,
				   uint64_t now_ns, struct sp_ref_session **ret_session);
/* Is it the address of a session that was not ended, and is past its end or silent for too long? */
bool sp_ref_is_parked(const struct sp_reference *reference, const struct sp_addr *addr,
		      uint64_t now_ns);
/* Record one end of a flow as it is now. Of an address outside the pools only that is recorded. */
struct sp_ref_end sp_ref_record_end(const struct sp_reference *reference,
				    const struct sp_addr *addr, bool is_pool_end, uint64_t now_ns);
/* Nothing has changed since it was recorded: no pool end, or live with the same epoch. */
bool sp_ref_end_is_unchanged(const struct sp_reference *reference, const struct sp_ref_end *end,
			     uint64_t now_ns);
/* Give every session the roles of @policy that have the names it was opened with. */
void sp_ref_sessions_remap_roles(struct sp_reference *reference, const struct sp_policy *policy);
/* Free every session and known address. */
void sp_ref_sessions_done(struct sp_reference *reference);

/* ---- addresses and rules (reference_rules.c) ---- */

/* Is it an address of the gateway? */
bool sp_ref_is_self(const struct sp_reference *reference, const struct sp_addr *addr);
/* Is it in a pool, and not the gateway's own? */
bool sp_ref_is_pool_end(const struct sp_reference *reference, const struct sp_addr *addr);
/* enum sp_zone, SP_HOME_SELF or SP_HOME_UNKNOWN */
int sp_ref_home(const struct sp_reference *reference, const struct sp_addr *addr);
/* The one interface its route leads to, when a route says where it is at home; 0: any. */
uint32_t sp_ref_home_interface(const struct sp_reference *reference, const struct sp_addr *addr);
/* Where parked people may go: the portal, the resolvers. */
bool sp_ref_is_parked_target(const struct sp_reference *reference, const struct sp_tuple *tuple);
/* Is it an address no packet from the edge may have? Never without `drop-bogons`. */
bool sp_ref_is_bogon(const struct sp_reference *reference, const struct sp_addr *addr);
/* Is it in a network whose packets the edge drops? */
bool sp_ref_is_listed(const struct sp_reference *reference, const struct sp_addr *addr);

/* Put the real destination into @tuple, address and port. Returns the index of the nat entry it goes by;
 * SP_REF_NO_NAT: none, and @tuple is as it was. */
uint32_t sp_ref_translate(const struct sp_reference *reference, struct sp_tuple *tuple);
/* The same by netmaps alone: what the gateway itself sends goes by no forward. */
uint32_t sp_ref_netmap(const struct sp_reference *reference, struct sp_tuple *tuple);
#define SP_REF_NO_NAT UINT32_MAX
/* The source that @addr stands for; most stand for themselves. */
struct sp_addr sp_ref_real_source(const struct sp_reference *reference, const struct sp_addr *addr);
/* The protect entry that matches [2], or NULL. */
const struct sp_rule *sp_ref_match_protect(const struct sp_reference *reference, enum sp_zone zone,
					   const struct sp_tuple *tuple);
/* What the rules are asked about. */
struct sp_ref_case {
	enum sp_zone zone;
	const struct sp_tuple *tuple;
	const struct sp_ref_session *sender, *receiver; /* live ones of pool ends, or NULL */
};
/* [6]-[8] */
struct sp_answer sp_ref_match_rules(const struct sp_reference *reference,
				    const struct sp_ref_case *asked, uint64_t now_ns);

/* The same for what the gateway itself sends, which rules from self alone speak of. @is_known: the
 * destination is no pool end, or that of @receiver; else no rule means it. */
struct sp_answer sp_ref_match_self(const struct sp_reference *reference,
				   const struct sp_tuple *tuple,
				   const struct sp_ref_session *receiver, bool is_known);

/* ---- time (hours.c); instants are seconds of Unix time ---- */

/* Is the rule in force? */
bool sp_ref_is_in_force(const struct sp_rule *rule, int64_t at_s);
/* The second a boot time is in. Counted from the moment the policy was set for: what the clock was
 * set to meanwhile needs a new one. */
int64_t sp_ref_second(const struct sp_reference *reference, uint64_t now_ns);
/* The hours of schedules are looked at for eight days. */
#define SP_REF_AHEAD_S (INT64_C(8) * 86400)
/* The first instant after @after_s at which some rule may come into force or go out of it:
 * schedules do so when a minute begins. */
int64_t sp_ref_next_look(const struct sp_reference *reference, int64_t after_s);

/* ---- flows (reference_flow.c) ---- */

enum sp_ref_kind {
	SP_REF_JUDGED,    /* by rules, or protect */
	SP_REF_OWN,       /* the gateway itself sent the packet */
	SP_REF_FORWARDED, /* a path that NAT made */
};

/* May this packet open a flow? No later fragment, no ICMP message but a query, no TCP reset or
 * SYN-ACK. */
bool sp_ref_can_open(const struct sp_packet *pkt);
/* Is it an ICMP or ICMPv6 message that answers a query? */
bool sp_ref_is_icmp_reply(const struct sp_tuple *tuple);
/* The flow that is there for a packet's tuple, or NULL. @pkt: NULL for a quoted tuple, which has no
 * flags; @ret_is_reply may be NULL. */
struct sp_ref_flow *sp_ref_find_flow(const struct sp_reference *reference,
				     const struct sp_tuple *tuple, const struct sp_packet *pkt,
				     uint64_t now_ns, bool *ret_is_reply);
/* An allowed packet of the flow. */
void sp_ref_touch_flow(struct sp_ref_flow *flow, const struct sp_packet *pkt, bool is_reply,
		       uint64_t now_ns);
/* No rule speaks for it. */
bool sp_ref_is_unruled(const struct sp_ref_flow *flow);
/* Is the answer recorded with the flow still the current one? */
bool sp_ref_flow_is_fresh(const struct sp_reference *reference, const struct sp_ref_flow *flow,
			  uint64_t now_ns);
/* Record that @answer is the current one about the flow: a deny makes it a denied one. */
void sp_ref_renew_flow(struct sp_reference *reference, struct sp_ref_flow *flow,
		       const struct sp_answer *answer, uint64_t now_ns);
/* Open a flow for the packet, in place of what its key has. @ret_refused: SP_REASON_NONE, or
 * FLOW_LIMIT or FLOW_FULL and nothing is changed. Returns 0; -ENOMEM. */
int sp_ref_open_flow(struct sp_reference *reference, enum sp_hook hook, enum sp_zone zone,
		     const struct sp_packet *pkt, const struct sp_answer *answer,
		     enum sp_ref_kind kind, uint64_t now_ns, enum sp_reason *ret_refused);
/* Free every flow and every source's count. */
void sp_ref_flows_done(struct sp_reference *reference);

/* ---- fragments (reference_fragment.c) ---- */

/* Judge a fragment by those before it. Returns true with an answer, and of an allow who is still to
 * be asked; false for a first fragment that
 * is to be judged as every packet. */
bool sp_ref_judge_fragment(struct sp_reference *reference, enum sp_hook hook,
			   const struct sp_packet *pkt, uint64_t now_ns,
			   struct sp_answer *ret_answer, struct sp_ref_taker *ret_taker);
/* An allowed first fragment; what comes behind takes as @taker. Returns 0; -ENOMEM. */
int sp_ref_remember_fragment(struct sp_reference *reference, enum sp_hook hook,
			     const struct sp_packet *pkt, const struct sp_answer *answer,
			     const struct sp_ref_taker *taker, uint64_t now_ns);
/* Free every remembered fragment. */
void sp_ref_frags_done(struct sp_reference *reference);

#endif
