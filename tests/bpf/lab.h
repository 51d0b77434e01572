/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The programs alone, on tables filled by hand: one world every test shares.
 *
 *	edge     the default route; 192.168.0.0/16 is a bogon there
 *	inside   10.30.0.0/16, 10.20.0.0/16, 2001:db8:30::/48; 10.20.1.0/28 is protected to self, ssh
 *	tunnel   100.64.0.0/16, fd00:64::/64: ana .7 (both families), bob .8, carol .9 (no rights)
 *	self     192.0.2.1, 2001:db8:ff::1; the portal is tcp/8443 there
 *	resolvers 10.30.0.53, 2001:db8:30::53, and bob
 *
 *	ana -> servers 10.30.0.0/16: ssh, web, ping, dns; payroll 10.30.9.4: denied; -> bob: ssh
 *	inside -> bob: ssh          stranger -> self: udp/51820 (expose)
 *
 * A lab ends the test program when the kernel refuses something. */
#ifndef SALLYPORT_TESTS_BPF_LAB_H
#define SALLYPORT_TESTS_BPF_LAB_H

#include <stdbool.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sallyport/abi/names.h>
#include <sallyport/abi/tables.h>
#include <sallyport/abi/testrun.h>

#include "support/frames.h"

enum lab_rule {
	RULE_SSH = 10,
	RULE_WEB,
	RULE_PING,
	RULE_DNS,
	RULE_PAYROLL,
	RULE_PEER,
	RULE_OFFICE,
	RULE_EXPOSE,
	RULE_ADMIN,
	RULE_REPORT, /* an ICMP message that makes no flow */
};

enum lab_session { ANA = 1, BOB, CAROL };

#define EPOCH_OF(session) (100 + (uint64_t)(session))
#define SECOND UINT64_C(1000000000)
#define LAB_START (1000 * SECOND)

#define LAB_TABLES 6

struct lab_options {
	uint32_t flows_max;    /* 0: 4096 */
	uint32_t events_bytes; /* 0: 4 MiB */
	uint32_t refuses;      /* SP_REFUSE_…: how denials are answered */
	bool is_live;          /* the real clock; no answer is written */
	uint32_t slice;        /* of the janitor; 0: its own */
	bool is_on_tun; /* the programs of the tunnel are attached to a TUN, not run by a test run */
};

struct lab {
	struct lab_options options;
	uint64_t revision;
	uint64_t now_ns; /* the clock of test runs */
	bool is_own, is_dhcp_client;
	uint32_t mark; /* of forwarded packets on egress hooks */
	struct bpf_object
		*objects[SP_HOOK_COUNT]; /* NULL: nothing asked for the hook's program yet */
	struct bpf_object *janitor;
	struct bpf_object *state; /* the object whose state maps all share */
	int tables[LAB_TABLES];
	struct sp_session *sessions;
	uint32_t profiles;
};

/* Revision 1, everybody signed in. */
void lab_open(struct lab *lab, const struct lab_options *options);
void lab_close(struct lab *lab);
/* Programs of another revision, on fresh tables of the same rules, with the same state. */
void lab_renew(struct lab *lab, uint64_t revision);

/* The descriptor of the hook's program. The first call of a revision loads the program: the kernel takes 0.1 s to verify
 * each, and most tests run one or two of the six. */
int lab_program(struct lab *lab, enum sp_hook hook);

/* A map's descriptor by name, of the state or of the revision. */
int lab_map(struct lab *lab, const char *name);

/* ---- tables and sessions ---- */

/* What @session (or "stranger", "office" …: see lab.c) may do changes in the running revision. */
void lab_set_verdict(struct lab *lab, enum lab_rule rule, enum sp_verdict_action action,
		     enum sp_log log, uint64_t not_after_ns);
/* What @rule allows has the limit @number (1 to 3), with these terms. */
void lab_set_limit(struct lab *lab, enum lab_rule rule, uint32_t number,
		   const struct sp_limit_terms *terms);
void lab_sign_in(struct lab *lab, enum lab_session session, uint64_t epoch);

/* ---- judging ---- */

struct lab_answer {
	uint32_t verdict, reason, rule;
	uint32_t action; /* XDP_… or TC_ACT_… */
	uint32_t mark;
	uint8_t bytes[TEST_FRAME_MAX]; /* the frame as the program left it */
	size_t len;
};

void lab_judge(struct lab *lab, enum sp_hook hook, const char *frame,
	       struct lab_answer *ret_answer);
/* The same packet @times over, without a look at the answers. Returns ns a packet. */
uint32_t lab_repeat(struct lab *lab, enum sp_hook hook, const char *frame, uint32_t times);

/* A packet and what it must get. */
struct step {
	uint32_t after_s; /* the clock moves first */
	enum sp_hook hook;
	const char *frame;
	enum sp_verdict_action verdict;
	enum sp_reason reason;
	uint32_t rule;
	bool is_own; /* sent by the gateway (egress) */
};

/* Run them in order; a step that gets something else fails the test and is printed. */
void lab_run(struct lab *lab, const struct step *steps, size_t count);
#define LAB_RUN(lab, steps) lab_run(lab, steps, sizeof(steps) / sizeof((steps)[0]))

/* ---- what was seen ---- */

struct sp_counter lab_counter(struct lab *lab, enum sp_hook hook, enum sp_verdict_action verdict,
			      enum sp_reason reason);
struct sp_counter lab_rule_counter(struct lab *lab, uint32_t rule);
struct sp_event_stats lab_event_stats(struct lab *lab);
uint32_t lab_flow_count(struct lab *lab);
uint64_t lab_part_flows(struct lab *lab, enum sp_flow_part part);
/* All that sources are counted with: twice for each flow, as a host's and as its network's. */
uint64_t lab_source_counts(struct lab *lab);
/* The only flow there is. */
struct sp_flow lab_flow(struct lab *lab);
/* Take all events; at most @max are kept. Returns how many there were. */
size_t lab_events(struct lab *lab, struct sp_event *ret_events, size_t max);

#endif
