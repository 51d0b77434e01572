/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sp-bench-udp: numbered UDP datagrams through a path, and which of them came out.
 *
 *	sp-bench-udp receive ADDRESS PORT		says "ready", counts until SIGTERM
 *	sp-bench-udp send ADDRESS PORT SIZE SECONDS RATE [BURST]	RATE in packets a second, 0: a flood;
 *					BURST of them at once, else as evenly as the timer lets us
 *
 * Each datagram carries its own number, so the receiver tells loss, repetition and reordering apart and
 * a repeated one is not counted as delivered. Both print one JSON object.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "datagram.h"

#define BATCH 64
#define SIZE_MAX_BYTES 1472
#define SEQUENCES_MAX (1u << 28) /* one bit each: 32 MiB, touched only as far as it is used */
/* A paced sender that lost its processor makes up for no more than a TUN's queue holds. */
#define BEHIND_MAX 384
#define SOCKET_BYTES (16 << 20)

static int fail(const char *what)
{
	return bench_fail("sp-bench-udp", what);
}

static int open_socket(void)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int bytes = SOCKET_BYTES;

	if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0 ||
			setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0))
		fprintf(stderr, "sp-bench-udp: small socket buffers: %s\n",
			sp_err_text(sp_errno()));
	return fd;
}

/* @count messages of @size bytes each, or room for as much. */
static void prepare(struct mmsghdr *messages, struct iovec *vectors,
		    uint8_t (*buffers)[SIZE_MAX_BYTES], size_t size)
{
	memset(messages, 0, BATCH * sizeof(*messages));
	for (size_t i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){ .iov_base = buffers[i], .iov_len = size };
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
}

/* How many to send now: a full batch in a flood, else what the rate has become due, once that is a burst. */
static size_t due_now(double rate, size_t burst, uint64_t elapsed_ns, uint64_t sent,
		      uint64_t *skipped)
{
	uint64_t due;

	if (rate <= 0)
		return BATCH;
	due = (uint64_t)((double)elapsed_ns * rate / 1e9);
	if (due < sent + *skipped + burst)
		return 0;
	due -= sent + *skipped;
	if (due > BEHIND_MAX) {
		*skipped += due - BEHIND_MAX;
		due = BEHIND_MAX;
	}
	return due < BATCH ? due : BATCH;
}

static int send_all(int fd, size_t size, double seconds, double rate, size_t burst)
{
	static uint8_t buffers[BATCH][SIZE_MAX_BYTES];
	const struct timespec pause = { .tv_nsec = 20000 };
	const uint64_t started_ns = bench_monotonic_ns();
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	uint64_t sent = 0, skipped = 0, refused = 0, elapsed_ns;

	prctl(PR_SET_TIMERSLACK, 1);
	prepare(messages, vectors, buffers, size);
	while ((elapsed_ns = bench_monotonic_ns() - started_ns) < (uint64_t)(seconds * 1e9) &&
	       !bench_is_over) {
		const size_t count = due_now(rate, burst, elapsed_ns, sent, &skipped);
		int done;

		if (!count) {
			nanosleep(&pause, NULL);
			continue;
		}
		for (size_t i = 0; i < count; i++)
			sp_put_be64(buffers[i], sent + i);
		done = sendmmsg(fd, messages, (unsigned)count, 0);
		if (done > 0)
			sent += (uint64_t)done;
		else if (errno == ECONNREFUSED || errno == ENOBUFS || errno == EAGAIN ||
			 errno == EINTR)
			refused++;
		else
			return fail("sendmmsg");
	}
	printf("{\"sent\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"refused\":%" PRIu64
	       ",\"seconds\":%.6f,\"pps\":%.0f}\n",
	       sent, skipped, refused, (double)elapsed_ns / 1e9,
	       (double)sent * 1e9 / (double)elapsed_ns);
	return 0;
}

struct tally {
	uint8_t *seen; /* a bit for each number */
	uint64_t received, repeated, late, foreign, greatest;
	uint64_t first_ns, last_ns;
};

static void count_one(struct tally *tally, const uint8_t *bytes, size_t len)
{
	const uint64_t number = len >= 8 ? sp_get_be64(bytes) : UINT64_MAX;
	const uint8_t bit = (uint8_t)(1u << (number & 7));

	if (number >= SEQUENCES_MAX) {
		tally->foreign++;
	} else if (tally->seen[number >> 3] & bit) {
		tally->repeated++;
	} else {
		tally->seen[number >> 3] |= bit;
		tally->received++;
		tally->late += number < tally->greatest;
		if (number > tally->greatest)
			tally->greatest = number;
	}
}

static int receive_all(int fd)
{
	static uint8_t buffers[BATCH][SIZE_MAX_BYTES];
	const struct timeval patience = { .tv_usec = 50000 };
	__sp_free uint8_t *seen = calloc(SEQUENCES_MAX / 8, 1);
	struct tally tally = { .seen = seen };
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	double seconds;

	if (!seen)
		return fail("memory");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return fail("SO_RCVTIMEO");
	prepare(messages, vectors, buffers, SIZE_MAX_BYTES);
	puts("ready");
	fflush(stdout);
	while (!bench_is_over) {
		const int count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);

		if (count < 0 && errno != EAGAIN && errno != EINTR)
			return fail("recvmmsg");
		if (count <= 0)
			continue;
		tally.last_ns = bench_monotonic_ns();
		if (!tally.first_ns)
			tally.first_ns = tally.last_ns;
		for (int i = 0; i < count; i++)
			count_one(&tally, buffers[i], messages[i].msg_len);
	}
	seconds = (double)(tally.last_ns - tally.first_ns) / 1e9;
	printf("{\"received\":%" PRIu64 ",\"repeated\":%" PRIu64 ",\"late\":%" PRIu64
	       ",\"foreign\":%" PRIu64 ",\"seconds\":%.6f,\"pps\":%.0f}\n",
	       tally.received, tally.repeated, tally.late, tally.foreign, seconds,
	       seconds > 0 ? (double)tally.received / seconds : 0);
	return 0;
}

static int usage(void)
{
	fputs("usage: sp-bench-udp receive ADDRESS PORT\n"
	      "       sp-bench-udp send ADDRESS PORT SIZE SECONDS RATE [BURST]\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	const bool is_sender = (argc == 7 || argc == 8) && !strcmp(argv[1], "send");
	struct sockaddr_in address;
	__sp_close int fd = -1;
	size_t size, burst;

	if ((!is_sender && (argc != 4 || strcmp(argv[1], "receive"))) ||
	    !bench_parse_address(argv[2], argv[3], &address))
		return usage();
	bench_end_on_signals();
	fd = open_socket();
	if (fd < 0)
		return fail("socket");
	if (!is_sender)
		return bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? fail("bind")
										  : receive_all(fd);
	size = strtoul(argv[4], NULL, 10);
	burst = argc > 7 ? strtoul(argv[7], NULL, 10) : 1;
	if (size < 8 || size > SIZE_MAX_BYTES || burst < 1 || burst > BATCH)
		return usage();
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return fail("connect");
	return send_all(fd, size, strtod(argv[5], NULL), strtod(argv[6], NULL), burst);
}
