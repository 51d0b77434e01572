/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Run one frame through the real programs by BPF_PROG_TEST_RUN. */
#include <linux/pkt_cls.h>
#include <string.h>

#include "base/bytes.h"
#include "plane/ebpf/judge_parse.h"
#include "plane/ebpf/plane.h"

#define ETHERNET_LEN 14
#define NO_ANSWER 0xffffffffu
#define KERNEL_ENOTSUPP 524 /* the error for a program type that has no test runs */

/* The kernel's test run wants an Ethernet header, also where the wire has none. */
static void put_ethernet(uint8_t header[ETHERNET_LEN], const struct sp_frame *frame)
{
	uint16_t type = frame->len > 0 && frame->bytes[0] >> 4 == 6 ? 0x86dd : 0x0800;

	memset(header, 0, ETHERNET_LEN);
	header[0] = header[6] = 2; /* locally administered */
	header[11] = 1;
	sp_put_be16(header + 12, type);
}

static bool action_fits(enum sp_hook hook, uint32_t action, enum sp_verdict_action verdict)
{
	bool passes = action == TC_ACT_OK || action == (uint32_t)TC_ACT_UNSPEC;

	if (hook == SP_HOOK_EDGE_IN)
		passes = action == XDP_PASS;
	return passes == (verdict == SP_ALLOW);
}

static int run(struct sp_ebpf_staged *staged, enum sp_hook hook, const uint8_t *bytes, size_t len,
	       struct sp_answer *ret_answer)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes, .data_size_in = len, .repeat = 1);
	volatile struct sp_test_answer *answer = staged->plane->test_answer;

	answer->verdict = NO_ANSWER;
	if (bpf_prog_test_run_opts(staged->program[hook], &options) < 0)
		return sp_errno();
	if (answer->verdict == NO_ANSWER || !action_fits(hook, options.retval, answer->verdict))
		return -EPROTO;
	ret_answer->verdict = answer->verdict;
	ret_answer->reason = answer->reason;
	ret_answer->rule = answer->rule;
	ret_answer->audit.would = answer->would;
	ret_answer->audit.rule = answer->audit_rule;
	return 0;
}

/* Lay out the frame as a test run takes it: an Ethernet header first, in one page. */
static int prepare(const struct sp_frame *frame, uint8_t **ret_bytes, size_t *ret_len)
{
	size_t header = frame->is_ethernet ? 0 : ETHERNET_LEN;
	__sp_free uint8_t *bytes = malloc(frame->len + ETHERNET_LEN);
	size_t len = frame->len + header;

	if (!bytes)
		return -ENOMEM;
	if (header)
		put_ethernet(bytes, frame);
	if (frame->len > 0)
		memcpy(bytes + header, frame->bytes, frame->len);
	if (len > SP_EBPF_RUN_MAX) {
		int r = sp_ebpf_shorten(bytes, &len);

		if (r < 0)
			return r;
	}
	*ret_bytes = SP_TAKE_PTR(bytes);
	*ret_len = len;
	return 0;
}

int sp_ebpf_judge(struct sp_ebpf_staged *staged, enum sp_hook hook, const struct sp_frame *frame,
		  uint64_t now_ns, struct sp_answer *ret_answer)
{
	struct sp_test_input *input = staged->plane->test_input;
	__sp_free uint8_t *bytes = NULL;
	size_t len = 0;
	int r;

	if (!input || hook <= SP_HOOK_NONE || hook >= SP_HOOK_JUDGE_COUNT)
		return -EINVAL;
	/* The kernel never hands a frame that is not IP to a hook of bare IP. */
	if (!frame->is_ethernet &&
	    (frame->len == 0 || (frame->bytes[0] >> 4 != 4 && frame->bytes[0] >> 4 != 6)))
		return sp_ebpf_judge_parse(hook, frame, ret_answer);
	input->now_ns = now_ns;
	input->is_own = frame->is_own;
	input->is_dhcp_client = frame->is_dhcp_client;
	input->ifindex = frame->ifindex;
	input->mark = frame->mark;
	r = prepare(frame, &bytes, &len);
	if (r == 0)
		r = run(staged, hook, bytes, len, ret_answer);
	/* The frame is too long, and parsing denies it; or it is too short for the kernel to run.
	 * Only its headers matter. */
	if (r == -EBADMSG || r == -EINVAL)
		return sp_ebpf_judge_parse(hook, frame, ret_answer);
	return r == -KERNEL_ENOTSUPP ? -EOPNOTSUPP : r;
}
