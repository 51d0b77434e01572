/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/resolve/resolve.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "io/loop/clock.h"
#include "net/addr.h"

#define UNDER_WAY_MAX 64u /* questions at once: no answer is lost for want of room in a socket */
#define TIMEOUT_MS 1200   /* of the first try; each further one waits twice as long */
#define TRIES 3
#define EDNS_BYTES 1232 /* no answer of that size is sent in fragments: DNS Flag Day 2020 */
#define WAIT_MS 200     /* @stop is looked at so often */
#define FAMILIES 2u

/* One question for one family. */
struct query {
	struct resolve *resolve;
	struct sp_dns_question *question;
	bool is_v6, is_done;
	int status; /* ARES_… */
};

struct resolve {
	ares_channel channel;
	struct query *queries;
	size_t count, begun, done;
	bool no_memory;
};

/* ---- answers ---- */

bool sp_dns_is_host(const struct sp_addr *addr)
{
	static const char *const texts[] = { "0.0.0.0/8",   "127.0.0.0/8", "169.254.0.0/16",
					     "224.0.0.0/4", "240.0.0.0/4", "::/96",
					     "fe80::/10",   "ff00::/8" };

	for (size_t i = 0; i < SP_ARRAY_LEN(texts); i++) {
		struct sp_prefix prefix;

		if (sp_prefix_parse(texts[i], &prefix) < 0 || sp_prefix_contains(&prefix, addr))
			return false;
	}
	return true;
}

/* Put it in its place, once. */
static void add_address(struct sp_dns_answer *answer, const struct sp_addr *addr, uint32_t ttl_s)
{
	size_t at = 0;

	if (answer->state != SP_DNS_GOOD || ttl_s < answer->ttl_s)
		answer->ttl_s = ttl_s;
	answer->state = SP_DNS_GOOD;
	while (at < answer->count && sp_addr_compare(&answer->addresses[at], addr) < 0)
		at++;
	if (at < answer->count && sp_addr_compare(&answer->addresses[at], addr) == 0)
		return;
	if (!sp_dns_is_host(addr) || answer->count == SP_DNS_ADDRESSES_MAX) {
		answer->left_out++;
		return;
	}
	memmove(&answer->addresses[at + 1], &answer->addresses[at],
		(answer->count - at) * sizeof(*answer->addresses));
	answer->addresses[at] = *addr;
	answer->count++;
}

/* RFC 2181, 8: a TTL with its first bit set is none. */
static uint32_t clean_ttl(int ttl)
{
	return ttl < 0 ? 0 : (uint32_t)ttl;
}

/* No answer has room for more: each takes 16 bytes at least of 64 KiB. */
#define RECORDS_MAX 4096

static int take_v4(struct sp_dns_answer *answer, const unsigned char *reply, int len)
{
	__sp_free struct ares_addrttl *records = calloc(RECORDS_MAX, sizeof(*records));
	int count = RECORDS_MAX, status;

	if (!records)
		return ARES_ENOMEM;
	status = ares_parse_a_reply(reply, len, NULL, records, &count);
	for (int i = 0; i < count && status == ARES_SUCCESS; i++) {
		const struct sp_addr addr = sp_addr_from_v4((const uint8_t *)&records[i].ipaddr);

		add_address(answer, &addr, clean_ttl(records[i].ttl));
	}
	return status;
}

static int take_v6(struct sp_dns_answer *answer, const unsigned char *reply, int len)
{
	__sp_free struct ares_addr6ttl *records = calloc(RECORDS_MAX, sizeof(*records));
	int count = RECORDS_MAX, status;

	if (!records)
		return ARES_ENOMEM;
	status = ares_parse_aaaa_reply(reply, len, NULL, records, &count);
	for (int i = 0; i < count && status == ARES_SUCCESS; i++) {
		struct sp_addr addr;

		memcpy(&addr, &records[i].ip6addr, sizeof(addr));
		if (sp_addr_is_v4(&addr)) /* a record of the other family says that, if any */
			answer->left_out++;
		else
			add_address(answer, &addr, clean_ttl(records[i].ttl));
	}
	return status;
}

static void answered(void *arg, int status, int timeouts, unsigned char *reply, int len)
{
	struct query *query = arg;
	struct sp_dns_answer *answer = &query->question->answer;

	(void)timeouts;
	if (status == ARES_SUCCESS)
		status = query->is_v6 ? take_v6(answer, reply, len) : take_v4(answer, reply, len);
	query->resolve->no_memory |= status == ARES_ENOMEM;
	query->status = status;
	query->is_done = true;
	query->resolve->done++;
}

/* ---- asking ---- */

static void ask_more(struct resolve *resolve)
{
	while (resolve->begun < resolve->count && resolve->begun - resolve->done < UNDER_WAY_MAX) {
		struct query *query = &resolve->queries[resolve->begun++];

		ares_query(resolve->channel, query->question->name, ns_c_in,
			   query->is_v6 ? ns_t_aaaa : ns_t_a, answered, query);
	}
}

/* Wait for sockets, and at most until the next try is due. */
static void wait_once(struct resolve *resolve)
{
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
	struct pollfd fds[ARES_GETSOCK_MAXNUM];
	struct timeval most = { .tv_usec = WAIT_MS * 1000 }, room;
	const int bits = ares_getsock(resolve->channel, sockets, ARES_GETSOCK_MAXNUM);
	const struct timeval *wait = ares_timeout(resolve->channel, &most, &room);
	nfds_t count = 0;

	for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		const bool reads = ARES_GETSOCK_READABLE(bits, i);
		const bool writes = ARES_GETSOCK_WRITABLE(bits, i);

		if (reads || writes)
			fds[count++] = (struct pollfd){ .fd = sockets[i],
							.events = (short)((reads ? POLLIN : 0) |
									  (writes ? POLLOUT : 0)) };
	}
	poll(fds, count, (int)(wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1));
	for (nfds_t i = 0; i < count; i++)
		if (fds[i].revents)
			ares_process_fd(resolve->channel,
					fds[i].revents & ~POLLOUT ? fds[i].fd : ARES_SOCKET_BAD,
					fds[i].revents & POLLOUT ? fds[i].fd : ARES_SOCKET_BAD);
	ares_process_fd(resolve->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void ask_all(struct resolve *resolve, unsigned within_ms, const atomic_bool *stop)
{
	const uint64_t end_ns = sp_clock_boottime_ns() + within_ms * UINT64_C(1000000);

	ask_more(resolve);
	while (resolve->done < resolve->count && !(stop && atomic_load(stop)) &&
	       sp_clock_boottime_ns() < end_ns) {
		wait_once(resolve);
		ask_more(resolve);
	}
	ares_cancel(resolve->channel);
}

/* What the two families together say. */
static void conclude(const struct query queries[FAMILIES])
{
	struct sp_dns_answer *answer = &queries[0].question->answer;
	bool has_failed = false, is_name = false;

	for (unsigned i = 0; i < FAMILIES; i++) {
		const int status = queries[i].is_done && queries[i].status != ARES_ECANCELLED
					   ? queries[i].status
					   : ARES_ETIMEOUT;

		is_name |= status == ARES_SUCCESS || status == ARES_ENODATA;
		if (status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND)
			continue;
		has_failed = true;
		if (*answer->fault)
			continue;
		snprintf(answer->fault, sizeof(answer->fault), "%s: %s",
			 queries[i].is_v6 ? "IPv6" : "IPv4", ares_strerror(status));
	}
	if (answer->count)
		return;
	answer->state = has_failed ? SP_DNS_FAILED : is_name ? SP_DNS_NO_ADDRESS : SP_DNS_NO_NAME;
}

static int make_queries(struct resolve *resolve, struct sp_dns_question *questions, size_t count)
{
	resolve->queries = calloc(count * FAMILIES + 1, sizeof(*resolve->queries));
	if (!resolve->queries)
		return -ENOMEM;
	resolve->count = count * FAMILIES;
	for (size_t i = 0; i < resolve->count; i++) {
		struct sp_dns_question *question = &questions[i / FAMILIES];

		if (i % FAMILIES == 0)
			question->answer = (struct sp_dns_answer){ 0 };
		resolve->queries[i] = (struct query){ .resolve = resolve,
						      .question = question,
						      .is_v6 = i % FAMILIES != 0 };
	}
	return 0;
}

static void library_init(void)
{
	ares_library_init(ARES_LIB_INIT_ALL);
}

/* Returns ARES_… */
static int open_channel(const char *servers, ares_channel *ret_channel)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct ares_options options = { .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
						 ARES_FLAG_EDNS,
					.timeout = TIMEOUT_MS,
					.tries = TRIES,
					.ednspsz = EDNS_BYTES,
					.lookups = (char *)"b" };
	int status;

	pthread_once(&once, library_init);
	status = ares_init_options(ret_channel, &options,
				   ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
					   ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS);
	if (status != ARES_SUCCESS || !servers)
		return status;
	status = ares_set_servers_ports_csv(*ret_channel, servers);
	if (status != ARES_SUCCESS)
		ares_destroy(*ret_channel);
	return status;
}

int sp_resolve(const char *servers, struct sp_dns_question *questions, size_t count,
	       unsigned within_ms, const atomic_bool *stop)
{
	struct resolve resolve = { 0 };
	int r = make_queries(&resolve, questions, count), status;

	if (r < 0)
		return r;
	status = open_channel(servers, &resolve.channel);
	if (status == ARES_SUCCESS) {
		ask_all(&resolve, within_ms, stop);
		ares_destroy(resolve.channel);
	}
	for (size_t i = 0; i < resolve.count; i++)
		if (status != ARES_SUCCESS) {
			resolve.queries[i].is_done = true;
			resolve.queries[i].status = status;
		}
	for (size_t i = 0; i < resolve.count; i += FAMILIES)
		conclude(&resolve.queries[i]);
	free(resolve.queries);
	return resolve.no_memory || status == ARES_ENOMEM ? -ENOMEM : 0;
}

const char *sp_dns_state_word(enum sp_dns_state state)
{
	static const char *const words[] = {
#define X(id, word, text) word,
		SP_DNS_STATES(X)
#undef X
	};

	return words[state];
}
