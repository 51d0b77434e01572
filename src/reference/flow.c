/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Flows of the reference evaluator. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "net/addr.h"
#include "reference/state.h"

#define SECOND_NS 1000000000ull
#define TCP_IDLE_NS (7200 * SECOND_NS)
#define TCP_UNANSWERED_NS (60 * SECOND_NS)
#define TCP_CLOSING_NS (30 * SECOND_NS)
#define ICMP_IDLE_NS (30 * SECOND_NS)
#define OTHER_IDLE_NS (180 * SECOND_NS)
#define OTHER_UNANSWERED_NS (30 * SECOND_NS)
#define TCP_DENIED_NS (7800 * SECOND_NS)

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* ---- what can be in a flow ---- */

static bool is_icmp(const struct sp_tuple *tuple)
{
	return tuple->proto == (sp_addr_is_v4(&tuple->source) ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

static bool is_icmp_query(const struct sp_tuple *tuple)
{
	uint8_t type = tuple->icmp_type;

	if (!is_icmp(tuple))
		return false;
	if (!sp_addr_is_v4(&tuple->source))
		return type == 128;
	return type == 8 || type == 13 || type == 15 || type == 17;
}

/* The type of the query that a reply answers. */
static uint8_t query_of(const struct sp_tuple *reply)
{
	if (!sp_addr_is_v4(&reply->source))
		return 128;
	return reply->icmp_type == 0 ? 8 : reply->icmp_type - 1;
}

bool sp_ref_is_icmp_reply(const struct sp_tuple *tuple)
{
	uint8_t type = tuple->icmp_type;

	if (!is_icmp(tuple))
		return false;
	if (!sp_addr_is_v4(&tuple->source))
		return type == 129;
	return type == 0 || type == 14 || type == 16 || type == 18;
}

static bool makes_flow(const struct sp_tuple *tuple)
{
	return !is_icmp(tuple) || is_icmp_query(tuple) || sp_ref_is_icmp_reply(tuple);
}

static bool is_later_fragment(const struct sp_packet *pkt)
{
	return pkt->is_fragment && !pkt->is_first_fragment;
}

bool sp_ref_can_open(const struct sp_packet *pkt)
{
	uint8_t flags = pkt->tcp_flags;

	if (is_later_fragment(pkt) || !makes_flow(&pkt->tuple) || sp_ref_is_icmp_reply(&pkt->tuple))
		return false;
	if (pkt->tuple.proto != IPPROTO_TCP)
		return true;
	return !(flags & TCP_RST) && !((flags & TCP_SYN) && (flags & TCP_ACK));
}

/* ---- keys ---- */

static struct sp_ref_flow_key key_of(const struct sp_tuple *tuple)
{
	struct sp_ref_flow_key key = { .proto = tuple->proto };
	int order = sp_addr_compare(&tuple->source, &tuple->destination);
	bool source_is_lo =
		order < 0 || (order == 0 && tuple->source_port <= tuple->destination_port);

	key.lo = source_is_lo ? tuple->source : tuple->destination;
	key.hi = source_is_lo ? tuple->destination : tuple->source;
	key.lo_port = source_is_lo ? tuple->source_port : tuple->destination_port;
	key.hi_port = source_is_lo ? tuple->destination_port : tuple->source_port;
	if (is_icmp(tuple)) {
		/* Of a query to one's own address the asker is the same end in both directions. */
		bool asker_is_lo = order == 0 || source_is_lo == is_icmp_query(tuple);

		key.asker = asker_is_lo ? 1 : 2;
	}
	return key;
}

static bool is_reply_direction(const struct sp_ref_flow *flow, const struct sp_tuple *tuple)
{
	if (is_icmp(tuple))
		return sp_ref_is_icmp_reply(tuple);
	return sp_addr_compare(&flow->tuple.source, &tuple->source) != 0 ||
	       flow->tuple.source_port != tuple->source_port;
}

/* ---- time ---- */

static uint64_t idle_ns(const struct sp_ref_flow *flow)
{
	if (flow->tuple.proto == IPPROTO_TCP) {
		if (flow->is_denied)
			return flow->is_answered ? TCP_DENIED_NS : TCP_UNANSWERED_NS;
		if (flow->is_closing)
			return TCP_CLOSING_NS;
		return flow->is_answered ? TCP_IDLE_NS : TCP_UNANSWERED_NS;
	}
	if (is_icmp(&flow->tuple))
		return ICMP_IDLE_NS;
	return flow->is_answered || flow->is_denied ? OTHER_IDLE_NS : OTHER_UNANSWERED_NS;
}

static bool is_idle(const struct sp_ref_flow *flow, uint64_t now_ns)
{
	return sp_ref_is_over(now_ns, flow->last_seen_ns, idle_ns(flow));
}

/* ---- finding ---- */

struct sp_ref_flow *sp_ref_find_flow(const struct sp_reference *reference,
				     const struct sp_tuple *tuple, const struct sp_packet *pkt,
				     uint64_t now_ns, bool *ret_is_reply)
{
	struct sp_ref_flow_key key = key_of(tuple);
	struct sp_ref_flow *flow;
	bool is_reply;

	if (!makes_flow(tuple))
		return NULL;
	flow = sp_ref_table_find(&reference->flows, &key);
	if (!flow || is_idle(flow, now_ns))
		return NULL;
	is_reply = is_reply_direction(flow, tuple);
	if (is_icmp(tuple) &&
	    flow->tuple.icmp_type != (is_reply ? query_of(tuple) : tuple->icmp_type))
		return NULL;
	if (pkt && (pkt->tcp_flags & TCP_SYN) && !(pkt->tcp_flags & TCP_ACK) &&
	    (is_reply || flow->is_closing))
		return NULL; /* a new connection between the same ports */
	if (ret_is_reply)
		*ret_is_reply = is_reply;
	return flow;
}

void sp_ref_touch_flow(struct sp_ref_flow *flow, const struct sp_packet *pkt, bool is_reply,
		       uint64_t now_ns)
{
	flow->last_seen_ns = now_ns;
	if (is_reply)
		flow->is_answered = true;
	if (pkt->tcp_flags & (TCP_FIN | TCP_RST))
		flow->is_closing = true;
}

bool sp_ref_is_unruled(const struct sp_ref_flow *flow)
{
	return flow->is_own || flow->is_forwarded;
}

/* Is this one of [4]'s reasons for a deny? They may change without a new revision or epoch. */
static bool is_about_sessions(enum sp_reason reason)
{
	return reason == SP_REASON_EXPIRED || reason == SP_REASON_REVOKED ||
	       reason == SP_REASON_NO_IDENTITY;
}

bool sp_ref_flow_is_fresh(const struct sp_reference *reference, const struct sp_ref_flow *flow,
			  uint64_t now_ns)
{
	/* Where rules are timed, each packet asks them: what they said stands for no time. */
	return !is_about_sessions(flow->reason) && flow->revision == reference->revision &&
	       !sp_policy_is_timed(reference->policy) &&
	       sp_ref_end_is_unchanged(reference, &flow->ends[0], now_ns) &&
	       sp_ref_end_is_unchanged(reference, &flow->ends[1], now_ns) &&
	       !sp_ref_is_past(now_ns, flow->deadline_ns);
}

/* ---- recording ---- */

static struct sp_ref_session *originator_session(const struct sp_reference *reference,
						 const struct sp_ref_flow *flow)
{
	const struct sp_ref_end *end = &flow->ends[0];
	struct sp_ref_session *session;

	if ((!end->was_live && !end->was_parked) || sp_ref_is_unruled(flow))
		return NULL;
	if (!end->was_live && flow->reason != SP_REASON_EXPIRED)
		return NULL;
	session = sp_ref_table_find(&reference->sessions, &end->session);
	return session && session->epoch == end->epoch ? session : NULL;
}

static bool is_of_parked(const struct sp_ref_flow *flow)
{
	return flow->reason == SP_REASON_EXPIRED && !flow->is_denied;
}

static uint32_t *count_of(struct sp_ref_session *session, const struct sp_ref_flow *flow)
{
	return is_of_parked(flow) ? &session->parked_flow_count : &session->flow_count;
}

static void count_flow(struct sp_reference *reference, const struct sp_ref_flow *flow)
{
	struct sp_ref_session *session = originator_session(reference, flow);

	if (session)
		++*count_of(session, flow);
}

static void uncount_flow(struct sp_reference *reference, const struct sp_ref_flow *flow)
{
	struct sp_ref_session *session = originator_session(reference, flow);

	if (session)
		--*count_of(session, flow);
}

/* ---- parts and sources ---- */

static enum sp_flow_part part_of(const struct sp_ref_flow *flow)
{
	if (flow->is_own)
		return SP_FLOW_PART_OWN;
	if (flow->hook == SP_HOOK_EDGE_IN)
		return SP_FLOW_PART_EDGE;
	if (flow->hook == SP_HOOK_INSIDE_IN)
		return SP_FLOW_PART_INSIDE;
	return flow->hook == SP_HOOK_VPN_IN ? SP_FLOW_PART_TUNNEL : SP_FLOW_PART_LEAVING;
}

/* How many leading bits of the source's address make the host or network that has a share. */
static unsigned source_bits(const struct sp_ref_flow *flow, bool is_network)
{
	if (sp_addr_is_v4(&flow->tuple.source))
		return is_network ? 96 + 24 : 128;
	if (flow->hook == SP_HOOK_EDGE_IN)
		return is_network ? 48 : 64;
	return is_network ? 64 : 128;
}

static struct sp_ref_source_key source_key(const struct sp_ref_flow *flow, bool is_network)
{
	struct sp_ref_source_key key = {
		.addr = flow->tuple.source,
		.zone = flow->hook == SP_HOOK_EDGE_IN ? SP_ZONE_EDGE : SP_ZONE_INSIDE,
		.is_network = is_network,
	};

	for (unsigned byte = source_bits(flow, is_network) / 8; byte < sizeof(key.addr); byte++)
		((uint8_t *)&key.addr)[byte] = 0;
	return key;
}

static bool has_source_share(const struct sp_ref_flow *flow)
{
	return part_of(flow) == SP_FLOW_PART_EDGE || part_of(flow) == SP_FLOW_PART_INSIDE;
}

static int add_source(struct sp_reference *reference, const struct sp_ref_source_key *key,
		      struct sp_ref_source **ret_source)
{
	struct sp_ref_source *source = sp_ref_table_find(&reference->sources, key);
	int r;

	if (!source) {
		source = calloc(1, sizeof(*source));
		if (!source)
			return -ENOMEM;
		source->key = *key;
		r = sp_ref_table_add(&reference->sources, &source->node, &source->key);
		if (r < 0) {
			free(source);
			return r;
		}
	}
	source->flow_count++;
	*ret_source = source;
	return 0;
}

static void drop_sources(struct sp_reference *reference, struct sp_ref_flow *flow)
{
	for (int i = 0; i < 2; i++) {
		struct sp_ref_source *source = flow->sources[i];

		flow->sources[i] = NULL;
		if (!source || --source->flow_count > 0)
			continue;
		sp_ref_table_remove(&reference->sources, &source->node);
		free(source);
	}
}

static int take_sources(struct sp_reference *reference, struct sp_ref_flow *flow)
{
	int r = 0;

	for (int i = 0; i < 2 && r == 0 && has_source_share(flow); i++) {
		const struct sp_ref_source_key key = source_key(flow, i);

		r = add_source(reference, &key, &flow->sources[i]);
	}
	if (r < 0)
		drop_sources(reference, flow);
	return r;
}

static void release_flow(void *arg, void *item)
{
	struct sp_reference *reference = arg;
	struct sp_ref_flow *flow = item;

	reference->part_flow_count[part_of(flow)]--;
	drop_sources(reference, flow);
	uncount_flow(reference, flow);
	free(flow);
}

/* Take the flow out of the table and every count, and free it. */
static void delete_flow(struct sp_reference *reference, struct sp_ref_flow *flow)
{
	sp_ref_table_remove(&reference->flows, &flow->node);
	release_flow(reference, flow);
}

static uint64_t end_expires_ns(const struct sp_reference *reference, const struct sp_ref_end *end)
{
	const struct sp_ref_session *session;

	if (!end->was_live)
		return 0;
	session = sp_ref_table_find(&reference->sessions, &end->session);
	return session ? session->expires_ns : 0;
}

static void record(struct sp_reference *reference, struct sp_ref_flow *flow,
		   const struct sp_answer *answer, uint64_t now_ns)
{
	const struct sp_addr *addr[2] = { &flow->tuple.source, &flow->tuple.destination };

	flow->revision = reference->revision;
	flow->reason = answer->reason;
	flow->rule = answer->rule;
	flow->audit = answer->audit;
	flow->limit = answer->verdict == SP_ALLOW ? answer->limit : 0;
	flow->deadline_ns = 0;
	for (int i = 0; i < 2; i++) {
		bool is_pool_end = sp_ref_is_pool_end(reference, addr[i]) ||
				   (i == 0 && flow->hook == SP_HOOK_VPN_IN);
		struct sp_ref_end end = sp_ref_record_end(reference, addr[i], is_pool_end, now_ns);
		uint64_t expires_ns;

		/* a denied flow keeps the session it had, unless another live session has the
		 * address now */
		if (answer->verdict == SP_ALLOW || end.was_live)
			flow->ends[i] = end;
		expires_ns = end_expires_ns(reference, &flow->ends[i]);
		if (expires_ns && (!flow->deadline_ns || expires_ns < flow->deadline_ns))
			flow->deadline_ns = expires_ns;
	}
}

void sp_ref_renew_flow(struct sp_reference *reference, struct sp_ref_flow *flow,
		       const struct sp_answer *answer, uint64_t now_ns)
{
	uncount_flow(reference, flow);
	record(reference, flow, answer, now_ns);
	flow->is_denied = answer->verdict == SP_DENY;
	count_flow(reference, flow);
}

/* ---- bounds ---- */

struct sweep {
	struct sp_reference *reference;
	const struct sp_ref_flow *keep;
	uint64_t now_ns;
};

static bool sweep_is_over(void *arg, void *item)
{
	const struct sweep *sweep = arg;

	return item != sweep->keep && is_idle(item, sweep->now_ns);
}

static void sweep_release(void *arg, void *item)
{
	const struct sweep *sweep = arg;

	release_flow(sweep->reference, item);
}

static bool has_session_share(const struct sp_reference *reference, const struct sp_ref_flow *flow,
			      const struct sp_ref_flow *replaced)
{
	struct sp_ref_session *session = originator_session(reference, flow);
	uint32_t max = reference->session_flows_max, count;

	if (!session || !max)
		return true;
	count = *count_of(session, flow);
	if (replaced && originator_session(reference, replaced) == session &&
	    count_of(session, replaced) == count_of(session, flow))
		count--;
	return count < (is_of_parked(flow) ? max / 4 : max);
}

/* Has the flow's source room for one more? A host may have one thirty-second of the table, and a
 * network six. */
static bool has_source_room(const struct sp_reference *reference, const struct sp_ref_flow *flow,
			    const struct sp_ref_flow *replaced, bool is_network)
{
	const struct sp_ref_source_key key = source_key(flow, is_network);
	const struct sp_ref_source *source = sp_ref_table_find(&reference->sources, &key);
	uint64_t max = (uint64_t)reference->flows_max * (is_network ? 6 : 1) / 32;
	size_t count = source ? source->flow_count : 0;

	if (source && replaced && replaced->sources[is_network] == source)
		count--;
	return count < (max ? max : 1);
}

/* Has the flow's part room for one more? An eighth of the table is reserved for each part, and no
 * part has more than half. */
static bool has_part_room(const struct sp_reference *reference, const struct sp_ref_flow *flow,
			  const struct sp_ref_flow *replaced)
{
	size_t kept = reference->flows_max / 8, taken = 0, mine = 0;

	for (unsigned part = 0; part < SP_FLOW_PART_COUNT; part++) {
		size_t count = reference->part_flow_count[part];

		if (replaced && part_of(replaced) == part)
			count--;
		if (part_of(flow) == part)
			mine = count;
		taken += count < kept ? kept : count;
	}
	return mine < kept || (mine < reference->flows_max / 2 && taken < reference->flows_max);
}

/* Why there is no room for @flow in place of @replaced, or SP_REASON_NONE. */
static enum sp_reason lacks_room(const struct sp_reference *reference,
				 const struct sp_ref_flow *flow, const struct sp_ref_flow *replaced)
{
	if (!has_session_share(reference, flow, replaced))
		return SP_REASON_FLOW_LIMIT;
	if (!reference->flows_max)
		return SP_REASON_NONE;
	for (int i = 0; i < 2 && has_source_share(flow); i++)
		if (!has_source_room(reference, flow, replaced, i))
			return SP_REASON_FLOW_LIMIT;
	return has_part_room(reference, flow, replaced) ? SP_REASON_NONE : SP_REASON_FLOW_FULL;
}

/* Find out whether there is room, and remove idle flows first if there is not. */
static enum sp_reason make_room(struct sp_reference *reference, const struct sp_ref_flow *flow,
				const struct sp_ref_flow *replaced, uint64_t now_ns)
{
	struct sweep sweep = { .reference = reference, .keep = replaced, .now_ns = now_ns };

	if (lacks_room(reference, flow, replaced) == SP_REASON_NONE)
		return SP_REASON_NONE;
	sp_ref_table_sweep(&reference->flows, sweep_is_over, sweep_release, &sweep);
	return lacks_room(reference, flow, replaced);
}

int sp_ref_open_flow(struct sp_reference *reference, enum sp_hook hook, enum sp_zone zone,
		     const struct sp_packet *pkt, const struct sp_answer *answer,
		     enum sp_ref_kind kind, uint64_t now_ns, enum sp_reason *ret_refused)
{
	struct sp_ref_flow *flow = calloc(1, sizeof(*flow)), *replaced;
	enum sp_reason refused;
	int r;

	if (!flow)
		return -ENOMEM;
	flow->tuple = pkt->tuple;
	flow->key = key_of(&flow->tuple);
	flow->hook = hook;
	flow->zone = zone;
	flow->is_own = kind == SP_REF_OWN;
	flow->is_forwarded = kind == SP_REF_FORWARDED;
	record(reference, flow, answer, now_ns);
	sp_ref_touch_flow(flow, pkt, false, now_ns);

	replaced = sp_ref_table_find(&reference->flows, &flow->key);
	refused = make_room(reference, flow, replaced, now_ns);
	if (refused != SP_REASON_NONE) {
		free(flow);
		*ret_refused = refused;
		return 0;
	}
	if (replaced)
		delete_flow(reference, replaced);
	r = take_sources(reference, flow);
	if (r == 0)
		r = sp_ref_table_add(&reference->flows, &flow->node, &flow->key);
	if (r < 0) {
		drop_sources(reference, flow);
		free(flow);
		return r;
	}
	count_flow(reference, flow);
	reference->part_flow_count[part_of(flow)]++;
	*ret_refused = SP_REASON_NONE;
	return 0;
}

static void free_flow(void *arg, void *item)
{
	(void)arg;
	free(item);
}

void sp_ref_flows_done(struct sp_reference *reference)
{
	sp_ref_table_done(&reference->flows, free_flow, NULL);
	sp_ref_table_done(&reference->sources, NULL, NULL);
}
