/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What judging one packet gives, from whichever judge: reference, tables, ebpf, netfilter. */
#ifndef SALLYPORT_POLICY_ANSWER_H
#define SALLYPORT_POLICY_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/abi/names.h>
#include <sallyport/abi/tables.h>

#include "net/reason.h"

/* A packet as a judge takes it. */
struct sp_frame {
	const uint8_t *bytes;
	size_t len;
	bool is_ethernet;    /* false: bare IP */
	bool is_own;         /* sent by the gateway itself (egress hooks) */
	uint32_t ifindex;    /* the interface it comes by; 0: whichever its source asks for */
	bool is_dhcp_client; /* the interface takes an address of the packet's family by DHCP */
	/* forwarded, egress hooks: SP_MARK_… of the hook it came by; 0: none */
	uint32_t mark;
};

/* What a rule with `mode: audit` would have answered. */
struct sp_audit {
	enum sp_would would; /* without flags */
	uint32_t rule;       /* that would say so: its number */
};

struct sp_answer {
	enum sp_verdict_action verdict;
	enum sp_reason reason;
	uint32_t rule; /* number; SP_RULE_DEFAULT, SP_RULE_NONE */
	/* of an allow by rules: as in sp_rule, asked already; the reference alone tells it */
	uint32_t limit;
	struct sp_audit audit;
};

static inline bool sp_audit_equal(const struct sp_audit *a, const struct sp_audit *b)
{
	return a->would == b->would && (a->would == SP_WOULD_NOTHING || a->rule == b->rule);
}

static inline bool sp_answer_equal(const struct sp_answer *a, const struct sp_answer *b)
{
	return a->verdict == b->verdict && a->reason == b->reason && a->rule == b->rule &&
	       sp_audit_equal(&a->audit, &b->audit);
}

/* Each gives the name in a closed list of <sallyport/abi/names.h>, a constant text; "?" beyond its
 * end. */
const char *sp_hook_name(unsigned hook);
const char *sp_zone_name(unsigned zone);
const char *sp_verdict_name(unsigned verdict);
/* Likewise the verdict that a rule in audit would have given; NULL: none would. */
const char *sp_would_name(unsigned would);

/* Each reads such a name. Returns 0; -EINVAL it is none of the list's. */
int sp_hook_parse(const char *text, enum sp_hook *ret_hook);

#endif
