/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the measurements by datagrams (rtt.c, udp.c) share: the end, the clock, the other side's address. */
#ifndef SALLYPORT_BENCH_DATAGRAM_H
#define SALLYPORT_BENCH_DATAGRAM_H

#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Set once SIGTERM or SIGINT came, after bench_end_on_signals. */
extern volatile sig_atomic_t bench_is_over;
void bench_end_on_signals(void);

/* CLOCK_MONOTONIC. */
uint64_t bench_monotonic_ns(void);

/* An IPv4 address and a port. Returns false: they are none. */
bool bench_parse_address(const char *address, const char *port, struct sockaddr_in *ret_address);

/* Print the last error of a system call. Returns an exit code. */
int bench_fail(const char *program, const char *what);

#endif
