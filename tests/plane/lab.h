/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A gateway of one's own for a test of the real kernel: namespaces that end with the process, a
 * bpffs, a TUN and two veth pairs.
 *
 *	       far (another network namespace)              gateway (the test's own)
 *	wan1 198.51.100.2/24 ───────────────────────── wan0 198.51.100.1/24   edge
 *	     2001:db8:51::2/64                              2001:db8:51::1/64
 *	lan1 10.20.0.2/16    ───────────────────────── lan0 10.20.0.1/16      inside
 *	     2001:db8:20::2/64                              2001:db8:20::1/64
 *	                     the test reads and writes vpn0 100.64.0.1/16     tunnel (TUN)
 *	                                                    fd00:64::1/64
 */
#ifndef SALLYPORT_TESTS_PLANE_LAB_H
#define SALLYPORT_TESTS_PLANE_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/types.h>
#include <cmocka.h>

#include "../support/folder.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "plane/ebpf/ebpf.h"
#include "policy/load.h"

struct lab {
	char folder[TEST_FOLDER_SIZE];
	char pin_dir[128]; /* on the bpffs, not there yet */
	int near_ns, far_ns;
	pid_t far_pid; /* holds the far namespace */
	int tun;       /* vpn0's end that the tunnel engine holds */
	struct sp_policy *policy;
	struct sp_tables *tables;
	struct sp_session ana; /* 100.64.0.7 and fd00:64::7, session 0 */
};

enum { LAB_WAN, LAB_LAN, LAB_VPN, LAB_INTERFACES };

/* cmocka group fixtures: `*state` is the lab. */
int lab_setup(void **state);
int lab_teardown(void **state);
/* cmocka test fixture: nothing is pinned, attached or locked. */
int lab_clean(void **state);

/* The interfaces as they are now. */
/* Somebody else changes what a pinned link runs: to this program of the revision @revision. */
void lab_change(const struct lab *lab, const char *pin, const char *program, uint64_t revision);
/* The second lock around wan0, lan0 and vpn0. */
void lab_lock(bool is_open);
void lab_interfaces(struct sp_plane_interface interfaces[LAB_INTERFACES]);

/* Run a shell command here, or in the far namespace; the test fails when it does. */
void lab_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
void lab_run_far(const struct lab *lab, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Its exit status. */
int lab_try(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An address of either family as the sockets below take it. */
struct sockaddr_in6 lab_address(const char *text, uint16_t port);
/* A UDP socket bound to @port (0: any) of every address of both families, here or far. */
int lab_udp(const struct lab *lab, bool is_far, uint16_t port);
/* Send, and wait for it to arrive, as long as a busy machine may need; or see it stay away for 300 ms. */
bool lab_passes(int from, const char *to, uint16_t port, int receiver);
bool lab_stops(int from, const char *to, uint16_t port, int receiver);
/* Just send; and wait until what was sent has been judged. */
void lab_send(int from, const char *to, uint16_t port);
void lab_settle(void);
/* Take the pin away that holds the program of an ingress @hook on @interface, and wait until the kernel has let go
 * of the program, which it does in its own time. */
void lab_unpin(const struct lab *lab, const char *hook, const char *interface);
/* Through the tunnel: a UDP packet from 100.64.0.7 into vpn0. */
bool lab_tunnel_passes(const struct lab *lab, const char *to, uint16_t port, int receiver);
bool lab_tunnel_stops(const struct lab *lab, const char *to, uint16_t port, int receiver);

/* Open the plane of this lab; the test fails with the error's words. */
struct sp_ebpf *lab_open(const struct lab *lab, uint32_t avoid);
struct sp_ebpf_staged *lab_stage(const struct lab *lab, struct sp_ebpf *plane, uint64_t revision);
/* Stage and switch on all interfaces. */
void lab_apply(const struct lab *lab, struct sp_ebpf *plane, uint64_t revision);
/* A loaded XDP program that is none of ours and passes everything. */
int lab_foreign_xdp(void);
/* Ana's session and identity. */
void lab_sign_in(const struct lab *lab, struct sp_ebpf *plane);

/* 0, or the test fails and says @error. */
#define lab_ok(r, error)                                                                           \
	do {                                                                                       \
		if ((r) != 0)                                                                      \
			fail_msg("%d: %s", (r), (error)->text);                                    \
	} while (0)

#endif
