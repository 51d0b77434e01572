/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A question about a packet, as a person asks it: who, to what, arriving where. Here it becomes the
 * packet and the hook that answer it, the same for explain with a file, for the daemon's explain
 * and for the tests of a policy. */
#ifndef SALLYPORT_JUDGE_ASK_H
#define SALLYPORT_JUDGE_ASK_H

#include "judge/judge.h"
#include "yaml/suggest.h"

/* The words of a question. All are borrowed. */
struct sp_ask {
	const char *
		from; /* a user's name, `user:NAME`, `role:NAME`, an address, `anonymous`, `self` */
	const char *idp; /* whose user; NULL: the only one of that name */
	/* `ADDR:PORT[/tcp]`, `ADDR/icmp`, `ADDR/proto/N`; ADDR may be a network's name of the
	 * policy, PORT a service's name of it, else a well-known one's */
	const char *to;
	/* with only an address or network in @to: a service's name, or `tcp/443`; or NULL */
	const char *service;
	/* the interface it arrives on (from `self`: leaves by); NULL: where its source (from
	 * `self`: its destination) is at home */
	const char *on;
};

/* The packet. */
struct sp_asked {
	struct sp_tuple tuple;
	enum sp_hook hook;
	bool is_own;      /* the gateway itself sends it; ->hook is where it leaves */
	const char *user; /* set by the people's find; borrowed; NULL: nobody is named */
	const char *role; /* of a person who stands for a role; the policy's text; NULL: none */
};

/* The people who can be asked about by name. */
struct sp_ask_people {
	/* Set ret_asked->tuple.source to the address of a family, and ->user. Returns 0; -ENOENT
	 * nobody has the name; -EEXIST people of several providers have it; -EAFNOSUPPORT no
	 * address of the family; or another -errno. */
	int (*find)(void *arg, const char *user, const char *idp, bool is_v6,
		    struct sp_asked *ret_asked);
	/* Offer every name there is. */
	void (*offer)(void *arg, struct sp_nearest *near);
	const char *nobody; /* "nobody who was signed in lately" */
};

/* What a question is asked of. */
struct sp_asking {
	const struct sp_policy *policy;
	const struct sp_gateway *gateway;
	struct sp_judge *judge;
	const char *interfaces; /* where interfaces are listed, for a message: "sallyport.yaml" */
	const struct sp_ask_people *people;
	void *people_arg;
};

enum sp_ask_fault_kind {
	SP_ASK_NO_FAULT,
	SP_ASK_MALFORMED, /* to, service or on cannot be meant */
	SP_ASK_UNKNOWN,   /* no such user or role */
	SP_ASK_AMBIGUOUS, /* a user's name that several have */
	SP_ASK_FAMILY,    /* source and destination share no address family */
};

/* Why there is no packet: one line, with the nearest name where one is near. */
struct sp_ask_fault {
	enum sp_ask_fault_kind kind;
	char message[640];
};

/* Make the packet; a role's stand-in is opened in the judge. Returns 0, ->hook not set yet; -EINVAL
 * with @fault; -errno of opening a session, without (sp_judge_fault). */
int sp_ask_packet(const struct sp_asking *asking, const struct sp_ask *ask,
		  struct sp_asked *ret_asked, struct sp_ask_fault *fault);
/* Find the hook it meets first. Returns 0; -EINVAL with @fault: no such interface. */
int sp_ask_hook(const struct sp_asking *asking, const struct sp_ask *ask, struct sp_asked *asked,
		struct sp_ask_fault *fault);

/* ---- its parts, for the tests of a policy ---- */

/* The user's name in a question's `from`: `user:ana` and `ana` both give `ana`. Points into
 * @from. */
const char *sp_ask_user(const char *from);
/* Protocol, ports and ICMP type of a service's first packet, from @port (or with that identifier).
 * False: the family has no such service. */
bool sp_ask_service(const struct sp_service *service, bool is_v6, uint16_t port,
		    struct sp_tuple *tuple);
/* The first of the gateway's addresses of a family. NULL: it has none. */
const struct sp_addr *sp_ask_self(const struct sp_gateway *gateway, bool is_v6);
enum sp_ask_who { SP_ASK_ADDRESS, SP_ASK_PERSON, SP_ASK_ANONYMOUS };
/* The hook that a packet meets first: a person's comes from the tunnel (vpn-in), an anonymous one
 * from the edge (edge-in), another from where @source is at home (sp_judge_first_hook). Only
 * SP_ASK_ADDRESS needs @source. */
enum sp_hook sp_ask_first_hook(const struct sp_gateway *gateway, enum sp_ask_who who,
			       const struct sp_addr *source);

#endif
