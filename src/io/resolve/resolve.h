/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking DNS servers for the addresses of names and how long they count. By c-ares, which matches
 * answers to questions by id, port, server and name, asks again by TCP what was cut, and follows
 * CNAMEs. No file of hosts is asked, and no search domain tried. Waits: for a thread beside the
 * loop. */
#ifndef SALLYPORT_IO_RESOLVE_H
#define SALLYPORT_IO_RESOLVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/abi/tables.h>

/* Of one name, both families together. */
#define SP_DNS_ADDRESSES_MAX 256u

/* X(identifier, "word", "meaning"): what became of asking for a name. */
#define SP_DNS_STATES(X)                                                                           \
	X(NEW, "new", "it was not asked for yet")                                                  \
	X(GOOD, "good", "it was answered with addresses")                                          \
	X(NO_NAME, "no-name", "there is no such name")                                             \
	X(NO_ADDRESS, "no-address", "the name has no address of either family")                    \
	X(FAILED, "failed", "no server gave an answer that can be used")

enum sp_dns_state {
#define X(id, word, text) SP_DNS_##id,
	SP_DNS_STATES(X)
#undef X
		SP_DNS_STATE_COUNT
};

struct sp_dns_answer {
	enum sp_dns_state state;
	struct sp_addr addresses[SP_DNS_ADDRESSES_MAX]; /* in order, each once */
	size_t count;                                   /* 0 unless GOOD */
	size_t left_out; /* addresses beyond these, and ones that name no host */
	uint32_t ttl_s;  /* the shortest of them, CNAMEs included */
	char fault[128]; /* FAILED: why. GOOD: why one family failed; else "" */
};

struct sp_dns_question {
	const char *name;            /* as sp_read_domain takes it */
	struct sp_dns_answer answer; /* what became of it */
};

/* Ask for all of them, within @within_ms. What has no answer by then, or when @stop becomes true,
 * FAILED.
 * @servers  "10.0.0.53,[2001:db8::1]:5353" as ares_set_servers_ports_csv(3) takes it; NULL: those of
 *           /etc/resolv.conf, which is read anew each time.
 * @stop     NULL is allowed.
 * Returns 0; -ENOMEM. */
int sp_resolve(const char *servers, struct sp_dns_question *questions, size_t count,
	       unsigned within_ms, const atomic_bool *stop);

/* Whether the address can be one of a host elsewhere: not "this network", loopback, link-local,
 * multicast nor reserved (RFC 6890). */
bool sp_dns_is_host(const struct sp_addr *addr);

/* The word of a state. */
const char *sp_dns_state_word(enum sp_dns_state state);

#endif
