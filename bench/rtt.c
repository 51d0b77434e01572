/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sp-bench-rtt: one UDP datagram at a time, there and back, and how long each took.
 *
 *	sp-bench-rtt echo ADDRESS PORT			says "ready", sends back what comes until SIGTERM
 *	sp-bench-rtt ping ADDRESS PORT SIZE SECONDS	prints one JSON object with percentiles
 *
 * Both sides sleep in the kernel between datagrams: waking them is part of what a person feels.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/array.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "datagram.h"

#define SIZE_MAX_BYTES 1472

static int fail(const char *what)
{
	return bench_fail("sp-bench-rtt", what);
}

static int echo(int fd)
{
	uint8_t bytes[SIZE_MAX_BYTES];

	puts("ready");
	fflush(stdout);
	while (!bench_is_over) {
		struct sockaddr_in from;
		socklen_t from_len = sizeof(from);
		const ssize_t len =
			recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_len);

		if (len < 0 && errno != EAGAIN && errno != EINTR)
			return fail("recvfrom");
		if (len >= 0 &&
		    sendto(fd, bytes, (size_t)len, 0, (struct sockaddr *)&from, from_len) < 0 &&
		    errno != EINTR && errno != ENOBUFS && errno != ECONNREFUSED)
			return fail("sendto");
	}
	return 0;
}

/* Wait for the answer that carries @number. Returns 0; -ETIMEDOUT it was lost; -errno. */
static int await_answer(int fd, uint64_t number)
{
	uint8_t bytes[SIZE_MAX_BYTES];

	for (;;) {
		const ssize_t len = recv(fd, bytes, sizeof(bytes), 0);

		if (len >= 8 && sp_get_be64(bytes) == number)
			return 0;
		if (len < 0 && errno == EAGAIN)
			return -ETIMEDOUT;
		if (len < 0 && errno != ECONNREFUSED)
			return sp_errno();
	}
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double percentile_us(const uint64_t *sorted_ns, size_t count, double percent)
{
	const size_t place = (size_t)(percent / 100 * (double)(count - 1) + 0.5);

	return (double)sorted_ns[place] / 1000;
}

static void print_result(uint64_t *times_ns, size_t count, size_t lost)
{
	qsort(times_ns, count, sizeof(*times_ns), compare);
	printf("{\"count\":%zu,\"lost\":%zu,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,"
	       "\"p999_us\":%.1f,\"max_us\":%.1f}\n",
	       count, lost, percentile_us(times_ns, count, 50), percentile_us(times_ns, count, 90),
	       percentile_us(times_ns, count, 99), percentile_us(times_ns, count, 99.9),
	       percentile_us(times_ns, count, 100));
}

static int ping(int fd, size_t size, double seconds)
{
	const uint64_t started_ns = bench_monotonic_ns();
	__sp_free uint64_t *times_ns = NULL;
	uint8_t bytes[SIZE_MAX_BYTES] = { 0 };
	size_t count = 0, lost = 0;

	while (bench_monotonic_ns() - started_ns < (uint64_t)(seconds * 1e9) && !bench_is_over) {
		const uint64_t sent_ns = bench_monotonic_ns();
		uint64_t *time_ns;
		int r;

		sp_put_be64(bytes, count + lost);
		if (send(fd, bytes, size, 0) < 0 && errno != ECONNREFUSED && errno != ENOBUFS)
			return fail("send");
		r = await_answer(fd, count + lost);
		if (r == -ETIMEDOUT) {
			lost++;
			continue;
		}
		if (r < 0)
			return fail("recv");
		time_ns = SP_ARRAY_PUSH(times_ns, count);
		if (!time_ns)
			return fail("memory");
		*time_ns = bench_monotonic_ns() - sent_ns;
	}
	if (!count) {
		fputs("sp-bench-rtt: no answer came back\n", stderr);
		return 1;
	}
	print_result(times_ns, count, lost);
	return 0;
}

static int usage(void)
{
	fputs("usage: sp-bench-rtt echo ADDRESS PORT\n"
	      "       sp-bench-rtt ping ADDRESS PORT SIZE SECONDS\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	const struct timeval patience = { .tv_usec = 200000 };
	const bool is_client = argc == 6 && !strcmp(argv[1], "ping");
	struct sockaddr_in address;
	__sp_close int fd = -1;
	size_t size;

	if ((!is_client && (argc != 4 || strcmp(argv[1], "echo"))) ||
	    !bench_parse_address(argv[2], argv[3], &address))
		return usage();
	bench_end_on_signals();
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return fail("socket");
	if (!is_client)
		return bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? fail("bind")
										  : echo(fd);
	size = strtoul(argv[4], NULL, 10);
	if (size < 8 || size > SIZE_MAX_BYTES)
		return usage();
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return fail("connect");
	return ping(fd, size, strtod(argv[5], NULL));
}
