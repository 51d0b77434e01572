/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The programs of bpf/ compiled for user space, one object each (user_program.c). */
#ifndef SALLYPORT_TEST_USER_PROGRAM_H
#define SALLYPORT_TEST_USER_PROGRAM_H

struct sp_bytes;

/* Each returns XDP_… or TC_ACT_…, as in the kernel. */
int sp_edge_in(struct sp_bytes *ctx);
int sp_edge_tc(struct sp_bytes *ctx);
int sp_edge_out(struct sp_bytes *ctx);
int sp_vpn_in(struct sp_bytes *ctx);
int sp_vpn_out(struct sp_bytes *ctx);
int sp_inside_in(struct sp_bytes *ctx);

#endif
