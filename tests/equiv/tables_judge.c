/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plane made of nothing but the tables: docs/judgement.md for a packet nothing came before. */
#include "trial.h"

#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#include "net/packet.h"

static struct sp_answer answer(enum sp_verdict_action verdict, enum sp_reason reason, uint32_t rule)
{
	return (struct sp_answer){ .verdict = verdict, .reason = reason, .rule = rule };
}

static struct sp_answer deny(enum sp_reason reason)
{
	return answer(SP_DENY, reason, SP_RULE_NONE);
}

static struct sp_answer answer_of(const struct trial *trial, const struct sp_verdict *verdict)
{
	if (verdict->not_after_ns && trial->now_ns >= verdict->not_after_ns)
		return answer(SP_DENY, SP_REASON_DEADLINE, verdict->rule);
	return (struct sp_answer){
		.verdict = (enum sp_verdict_action)verdict->action,
		.reason = (enum sp_reason)verdict->reason,
		.rule = verdict->rule,
		.audit = { (enum sp_would)(verdict->would & SP_WOULD_MASK), verdict->audit_rule },
	};
}

static const struct sp_tables *tables_of(const struct trial *trial)
{
	return trial->read_back[trial->revision] ? trial->read_back[trial->revision]
						 : trial->tables[trial->revision];
}

static uint32_t slot_of(const struct sp_packet *packet)
{
	switch (packet->tuple.proto) {
	case IPPROTO_TCP:
		return SP_SVC_TCP + packet->tuple.destination_port;
	case IPPROTO_UDP:
		return SP_SVC_UDP + packet->tuple.destination_port;
	case IPPROTO_SCTP:
		return SP_SVC_SCTP + packet->tuple.destination_port;
	}
	if (packet->is_icmp)
		return (packet->is_v6 ? SP_SVC_ICMP6 : SP_SVC_ICMP) + packet->tuple.icmp_type;
	return SP_SVC_PROTO + packet->tuple.proto;
}

static bool is_icmp_reply(const struct sp_packet *packet)
{
	uint8_t type = packet->tuple.icmp_type;

	if (packet->is_v6)
		return type == 129;
	return type == 0 || type == 14 || type == 16 || type == 18;
}

/* What can only belong to a flow, and there is none. */
static bool needs_flow(const struct sp_packet *packet)
{
	if (packet->tuple.proto == IPPROTO_TCP) {
		uint8_t flags = packet->tcp_flags;

		return flags & 0x04 || (flags & 0x12) == 0x12;
	}
	return packet->is_icmp && (packet->is_icmp_error || is_icmp_reply(packet));
}

static const struct trial_session *session_of(const struct trial *trial, const struct sp_addr *addr,
					      uint32_t *ret_number)
{
	for (uint32_t n = 0; n < trial->session_count; n++) {
		const struct trial_session *session = &trial->sessions[n];
		const struct sp_identity *identity = &session->identity[trial->revision];

		if (!session->is_known)
			continue;
		for (unsigned family = 0; family < 2; family++)
			if (identity->has_address[family] &&
			    sp_addr_compare(&identity->addresses[family], addr) == 0) {
				*ret_number = n;
				return session;
			}
	}
	return NULL;
}

/* An end in the pool: its session, or why there is none. */
static bool has_session(const struct trial *trial, const struct sp_addr *addr,
			const struct trial_session **ret_session, struct sp_answer *ret_answer)
{
	uint32_t number = 0;

	*ret_session = session_of(trial, addr, &number);
	if (*ret_session && trial_is_alive(trial, number))
		return true;
	if (*ret_session && trial_is_parked(trial, number))
		*ret_answer = deny(SP_REASON_EXPIRED);
	else
		*ret_answer = deny(*ret_session ? SP_REASON_REVOKED : SP_REASON_NO_IDENTITY);
	return false;
}

static bool is_idle_limited(const struct trial *trial, const struct sp_addr *addr)
{
	uint32_t number;
	const struct trial_session *session = session_of(trial, addr, &number);

	return session && session->idle_ns;
}

static bool zone_of(enum sp_hook hook, const struct sp_src *src, unsigned *ret_zone)
{
	switch (hook) {
	case SP_HOOK_EDGE_IN:
		*ret_zone = SP_ZONE_EDGE;
		return true;
	case SP_HOOK_VPN_IN:
		*ret_zone = SP_ZONE_TUNNEL;
		return true;
	case SP_HOOK_INSIDE_IN:
		*ret_zone = SP_ZONE_INSIDE;
		return true;
	case SP_HOOK_VPN_OUT:
		*ret_zone = src->home == SP_HOME_UNKNOWN ? SP_ZONE_EDGE : src->home;
		return src->home != SP_HOME_SELF;
	default:
		return false;
	}
}

/* Someone parked, on their way to the portal or a resolver. */
static bool is_parked_request(const struct trial *trial, enum sp_hook hook,
			      const struct sp_packet *packet)
{
	const struct sp_tables *tables = tables_of(trial);
	const struct sp_dst *dst = sp_tables_find_dst(tables, &packet->tuple.destination);
	uint32_t slot = slot_of(packet), number = 0;

	if (hook != SP_HOOK_VPN_IN || !session_of(trial, &packet->tuple.source, &number) ||
	    !trial_is_parked(trial, number))
		return false;
	if ((dst->flags & SP_DST_RESOLVER) && (slot == SP_SVC_TCP + 53 || slot == SP_SVC_UDP + 53))
		return true;
	return (dst->flags & SP_DST_SELF) && tables->portal_port &&
	       slot == SP_SVC_TCP + tables->portal_port;
}

/* The row of the forward that a packet is for; NULL: none. */
static const struct sp_fwd *find_forward(const struct sp_tables *tables,
					 const struct sp_packet *packet)
{
	const struct sp_fwd_key key = { .to = packet->tuple.destination,
					.port_be = htobe16(packet->tuple.destination_port),
					.proto = packet->tuple.proto };

	for (size_t i = 0; i < tables->fwd_count; i++)
		if (memcmp(&tables->fwd[i].key, &key, sizeof(key)) == 0)
			return &tables->fwd[i].value;
	return NULL;
}

/* [4] to [8]: both sessions, the edge's drops, the rules. */
static struct sp_answer judge_rules(const struct trial *trial, enum sp_hook hook, unsigned zone,
				    const struct sp_packet *packet)
{
	const struct sp_tables *tables = tables_of(trial);
	const struct sp_src *src = sp_tables_find_src(tables, &packet->tuple.source);
	const struct sp_dst *dst = sp_tables_find_dst(tables, &packet->tuple.destination);
	const struct sp_verdict *protect =
		sp_tables_decide(tables, src->class_id[zone], dst->netset, slot_of(packet));
	const struct trial_session *sender = NULL, *receiver;
	const struct sp_fwd *forward = find_forward(tables, packet);
	uint32_t class_id = src->class_id[zone], netset = forward ? forward->netset : dst->netset;
	uint32_t slot = forward ? (slot_of(packet) & ~0xffffu) + be16toh(forward->port_be)
				: slot_of(packet);
	bool is_parked = !forward && is_parked_request(trial, hook, packet);
	struct sp_answer refused;

	if (zone == SP_ZONE_TUNNEL && !is_parked) {
		if (!has_session(trial, &packet->tuple.source, &sender, &refused))
			return refused;
		class_id = sender->class_id[trial->revision][packet->is_v6];
	}
	if (dst->flags & SP_DST_POOL) {
		if (!has_session(trial, &packet->tuple.destination, &receiver, &refused))
			return refused;
		netset = sender && sender->person == receiver->person
				 ? receiver->own_netset[trial->revision][packet->is_v6]
				 : receiver->netset[trial->revision][packet->is_v6];
	}
	if (is_parked)
		return answer(SP_ALLOW, SP_REASON_EXPIRED, SP_RULE_NONE);
	if (hook == SP_HOOK_EDGE_IN && src->drop_reason != SP_REASON_NONE)
		return deny((enum sp_reason)src->drop_reason);
	if (protect->reason == SP_REASON_PROTECT) /* vpn-out: the others asked before */
		return answer_of(trial, protect);
	return answer_of(trial, sp_tables_decide(tables, class_id, netset, slot));
}

bool tables_judge(const struct trial *trial, enum sp_hook hook, const struct sp_frame *frame,
		  struct sp_answer *ret_answer)
{
	const struct sp_tables *tables = tables_of(trial);
	const struct sp_verdict *verdict;
	const struct sp_src *src;
	const struct sp_dst *dst;
	struct sp_packet packet;
	unsigned zone;

	sp_packet_parse(frame->bytes, frame->len, frame->is_ethernet, &packet);
	if (packet.kind != SP_PACKET_IP || frame->is_own || frame->mark ||
	    (packet.is_fragment && !packet.is_first_fragment) ||
	    is_idle_limited(trial, &packet.tuple.source) ||
	    is_idle_limited(trial, &packet.tuple.destination))
		return false;
	src = sp_tables_find_src(tables, &packet.tuple.source);
	dst = sp_tables_find_dst(tables, &packet.tuple.destination);
	if (!zone_of(hook, src, &zone))
		return false;
	if (hook != SP_HOOK_VPN_OUT) {
		if (src->home == SP_HOME_SELF ||
		    (src->home != zone &&
		     (src->home == SP_ZONE_TUNNEL || src->home == SP_ZONE_INSIDE)) ||
		    (src->home == zone && src->ifindex && frame->ifindex &&
		     src->ifindex != frame->ifindex)) {
			*ret_answer = deny(SP_REASON_SPOOFED);
			return true;
		}
		verdict = sp_tables_decide(tables, src->class_id[zone], dst->netset,
					   slot_of(&packet));
		if (verdict->reason == SP_REASON_PROTECT) {
			*ret_answer = answer_of(trial, verdict);
			return true;
		}
	}
	*ret_answer = needs_flow(&packet) ? deny(SP_REASON_NO_FLOW)
					  : judge_rules(trial, hook, zone, &packet);
	return true;
}
