/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The programs' own parser (bpf/lib/parse.h) compiled for user space, for what the kernel will not
 * test-run: frames shorter than their headers, and frames too long for a page. */
#ifndef SALLYPORT_PLANE_EBPF_JUDGE_PARSE_H
#define SALLYPORT_PLANE_EBPF_JUDGE_PARSE_H

#include "policy/answer.h"

/* The longest frame every kernel test-runs in one piece. */
#define SP_EBPF_RUN_MAX 3500u

/* The answer to a frame that parsing alone decides. -EIO: it does not. */
int sp_ebpf_judge_parse(enum sp_hook hook, const struct sp_frame *frame,
			struct sp_answer *ret_answer);

/* Cut the payload of a well-formed packet and make its lengths fit: no rule looks at a payload.
 * @bytes,@len  an Ethernet frame, changed in place.
 * Returns 0; -EBADMSG parsing denies it; -EMSGSIZE its length matters (a fragment, an ICMP error)
 * or its headers alone are too long. */
int sp_ebpf_shorten(uint8_t *bytes, size_t *len);

#endif
