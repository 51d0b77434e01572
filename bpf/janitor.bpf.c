/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The janitor: a timer in the kernel that sweeps the flow table and ends what is over. Run the
 * program once (BPF_PROG_TEST_RUN) to arm it; from then on it needs nobody: the timer lives as long
 * as its map is pinned, and holds its program. Run again, it goes on with the newer program.
 *
 * A sweep is made in slices, one each time the timer fires, because a timer keeps its CPU from
 * packets while it runs. A slice looks at no more than sp_slice flows. The kernel's walk over a
 * hash map begins at the first element each time, so a slice passes by those that were looked at
 * before without reading them. What comes and goes between two slices moves the others: one that is
 * missed is looked at in the next sweep. */
#include "lib/flow_end.h"

#define SP_CLOCK_BOOTTIME 7
#define SP_EBUSY 16

/* A flow whose session ended is kept this long, so that its person can sign in again. */
#define SP_JANITOR_PARTED_NS (60 * SP_NS_PER_S)

#define SP_JANITOR_GAP_NS 1000000ull /* between two slices */

SP_SETTING __u32 sp_slice = 16384;

/* What the sweep under way has found so far. There is one timer and one program, so nothing else
 * reads or writes this. */
struct {
	__u64 kept, removed, took_ns;
} sp_swept;

/* A slice. */
struct sp_sweep {
	__u64 now_ns;
	__u64 passed;    /* elements the walk came by, looked at or not */
	__u64 from, end; /* those to look at */
	__u64 removed;
};

SP_INLINE int sp_janitor_has_parted(__u32 number, __u64 epoch)
{
	struct sp_session *session;

	if (number == SP_SESSION_NONE)
		return 0;
	session = bpf_map_lookup_elem(&sp_session, &number);
	return !session || session->epoch != epoch;
}

SP_INLINE int sp_janitor_is_over(const struct sp_flow_key *key, const struct sp_flow *flow,
				 __u64 now_ns)
{
	__u64 silent_ns = now_ns > flow->last_seen_ns ? now_ns - flow->last_seen_ns : 0;

	if (silent_ns > sp_flow_idle_ns(key, flow->flags))
		return 1;
	return silent_ns > SP_JANITOR_PARTED_NS &&
	       (sp_janitor_has_parted(flow->session[0], flow->epoch[0]) ||
		sp_janitor_has_parted(flow->session[1], flow->epoch[1]));
}

static long sp_janitor_visit(void *map, struct sp_flow_key *key, struct sp_flow *flow,
			     struct sp_sweep *sweep)
{
	struct sp_flow_key own_key;
	struct sp_flow copy;

	(void)map;
	if (sweep->passed == sweep->end)
		return 1;
	if (sweep->passed++ < sweep->from)
		return 0;
	if (!sp_janitor_is_over(key, flow, sweep->now_ns))
		return 0;
	own_key = *key;
	copy = *flow;
	if (copy.key_sum == sp_flow_sum(&own_key))
		sweep->removed += sp_flow_end(&own_key, flow, &copy, sweep->now_ns);
	return 0;
}

SP_INLINE void sp_janitor_end_sweep(struct sp_janitor *janitor)
{
	janitor->sweeps++;
	janitor->flows = sp_swept.kept;
	janitor->removed += sp_swept.removed;
	janitor->took_ns = sp_swept.took_ns;
	sp_swept.kept = 0;
	sp_swept.removed = 0;
	sp_swept.took_ns = 0;
}

static int sp_janitor_sweep(void *map, int *index, struct sp_janitor *janitor)
{
	struct sp_sweep sweep = {
		.now_ns = bpf_ktime_get_boot_ns(),
		.from = sp_swept.kept,
		.end = sp_swept.kept + sp_slice,
	};

	(void)map;
	(void)index;
	bpf_for_each_map_elem(&sp_flow, sp_janitor_visit, &sweep, 0);
	sp_swept.removed += sweep.removed;
	sp_swept.took_ns += bpf_ktime_get_boot_ns() - sweep.now_ns;
	sp_swept.kept = sweep.passed - sweep.removed;
	if (sweep.passed == sweep.end) { /* there may be more */
		bpf_timer_start(&janitor->timer, SP_JANITOR_GAP_NS, 0);
		return 0;
	}
	sp_janitor_end_sweep(janitor);
	bpf_timer_start(&janitor->timer, janitor->period_ns ?: SP_JANITOR_PERIOD_NS, 0);
	return 0;
}

SEC("syscall")
int sp_janitor_arm(void *ctx)
{
	struct sp_janitor *janitor = bpf_map_lookup_elem(&sp_janitor, &(__u32){ 0 });
	long r;

	(void)ctx;
	if (!janitor)
		return -1;
	r = bpf_timer_init(&janitor->timer, &sp_janitor, SP_CLOCK_BOOTTIME);
	if (r && r != -SP_EBUSY) /* busy: armed before */
		return (int)r;
	r = bpf_timer_set_callback(&janitor->timer, sp_janitor_sweep);
	if (r)
		return (int)r;
	return (int)bpf_timer_start(&janitor->timer, janitor->period_ns ?: SP_JANITOR_PERIOD_NS, 0);
}

char sp_license[] SEC("license") = "Dual BSD/GPL";
