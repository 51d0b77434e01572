/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reference evaluator: docs/judgement.md executed plainly on the checked policy, with flow and
 * fragment state. Slow and obvious on purpose. Shares no code with the compiler or the programs. */
#ifndef SALLYPORT_REFERENCE_REFERENCE_H
#define SALLYPORT_REFERENCE_REFERENCE_H

#include "policy/answer.h"
#include "policy/facts.h"
#include "policy/model.h"

struct sp_reference;

/* @policy numbered; it and @gateway must outlive the evaluator until the next _set_policy. @facts is
 * copied. */
int sp_reference_new(const struct sp_policy *policy, const struct sp_gateway *gateway,
		     const struct sp_facts *facts, struct sp_reference **ret_reference);
/* Free it with its flows and sessions. NULL is allowed. */
void sp_reference_free(struct sp_reference *reference);

/* A new revision: flows and sessions stay, and keep those of their roles that the new policy has by
 * name. Revision 0 runs until the first call. */
void sp_reference_set_policy(struct sp_reference *reference, const struct sp_policy *policy,
			     const struct sp_gateway *gateway, const struct sp_facts *facts,
			     uint64_t revision);

/* Open (or replace) session @number. @identity is copied; role indices are those of the current
 * policy. @epoch > 0, never reused by another session. Idle time runs from its first packet.
 * Returns 0; -ENOMEM, and the session has ended. */
int sp_reference_open_session(struct sp_reference *reference, uint32_t number, uint64_t epoch,
			      const struct sp_identity *identity, uint64_t expires_ns,
			      uint64_t idle_ns);
/* Set when session @number ends (CLOCK_BOOTTIME); an end that has passed parks it. */
void sp_reference_extend_session(struct sp_reference *reference, uint32_t number,
				 uint64_t expires_ns);
/* End session @number: its addresses stay known (reason `expired`). */
void sp_reference_end_session(struct sp_reference *reference, uint32_t number);
/* Forget session @number: its addresses have no identity. */
void sp_reference_remove_session(struct sp_reference *reference, uint32_t number);

/* Drop what comes by the edge from @prefix until @until_ns (CLOCK_BOOTTIME; 0: for good); again: until
 * that moment. Returns 0; -ENOMEM. */
int sp_reference_ban(struct sp_reference *reference, const struct sp_prefix *prefix,
		     uint64_t until_ns);

/* Bounds of the flow table; 0: no bound. Without this call the table has none and a session has
 * SP_SESSION_FLOWS_MAX. What a parked session opens has a bound of its own, a quarter of that. */
void sp_reference_set_flow_bounds(struct sp_reference *reference, uint32_t flows_max,
				  uint32_t session_flows_max);

/* Judge one packet and change the flow state accordingly. Every packet gets an answer.
 * Returns 0; -EINVAL no such hook; -ENOMEM. */
int sp_reference_judge(struct sp_reference *reference, enum sp_hook hook,
		       const struct sp_frame *frame, uint64_t now_ns, struct sp_answer *ret_answer);
/* What @policy would say of the packet in place of the one that was set, which has the same roles,
 * networks and limits in the same places, and stays. A flow that is found is judged anew by it.
 * Returns as sp_reference_judge. */
int sp_reference_try(struct sp_reference *reference, const struct sp_policy *policy,
		     enum sp_hook hook, const struct sp_frame *frame, uint64_t now_ns,
		     struct sp_answer *ret_answer);

#endif
