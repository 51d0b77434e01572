/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `nat` of a policy -> commands for nft. Pure: no I/O. docs/judgement.md, "Translation", says what
 * they do. */
#ifndef SALLYPORT_PLANE_EBPF_NAT_TEXT_H
#define SALLYPORT_PLANE_EBPF_NAT_TEXT_H

#include <stdint.h>

#include "policy/addresses/shares.h"
#include "policy/model.h"

#define SP_EBPF_NAT_TABLE "sallyport_nat"
/* conntrack's labels of a connection whose destination or source our chains translated */
#define SP_EBPF_NAT_DESTINATION_LABEL 83
#define SP_EBPF_NAT_SOURCE_LABEL 84

/* The table, which is made if it is not there, gets what @policy translates on @gateway for packets that
 * @revision judged. New connections go to no target among @silents. What the table has for revisions of
 * the other parity stays.
 * @ret_text is the caller's: free. Returns 0; -ENOMEM. */
int sp_ebpf_nat_text(const struct sp_policy *policy, const struct sp_gateway *gateway,
		     const struct sp_silents *silents, uint64_t revision, char **ret_text);

#endif
