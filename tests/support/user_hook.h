/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What user_hook.c makes of each hook. */
#ifndef SALLYPORT_TEST_USER_HOOK_H
#define SALLYPORT_TEST_USER_HOOK_H

#include <linux/types.h>

struct sp_bytes;

/* The answer is in the map sp_test_answer. */
void user_edge_in(const struct sp_bytes *bytes, __u32 ifindex);
void user_edge_out(const struct sp_bytes *bytes, __u32 ifindex);
void user_vpn_in(const struct sp_bytes *bytes, __u32 ifindex);
void user_vpn_out(const struct sp_bytes *bytes, __u32 ifindex);
void user_inside_in(const struct sp_bytes *bytes, __u32 ifindex);
void user_inside_out(const struct sp_bytes *bytes, __u32 ifindex);

#endif
