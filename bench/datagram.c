/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datagram.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"

volatile sig_atomic_t bench_is_over;

static void on_signal(int signal_number)
{
	(void)signal_number;
	bench_is_over = 1;
}

void bench_end_on_signals(void)
{
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
}

uint64_t bench_monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int bench_fail(const char *program, const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program, what, sp_err_text(sp_errno()));
	return 1;
}

bool bench_parse_address(const char *address, const char *port, struct sockaddr_in *ret_address)
{
	char *end;
	const unsigned long number = strtoul(port, &end, 10);

	*ret_address =
		(struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)number) };
	return *port && !*end && number > 0 && number < 65536 &&
	       inet_pton(AF_INET, address, &ret_address->sin_addr) == 1;
}
