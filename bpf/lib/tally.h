/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Limits for records. In each second the first few of each session or source address get a record,
 * as long as the rate for all together has room. All others are counted: in the slot of their key,
 * or, if the table has no slot for the key, by hook, kind and reason. */
#ifndef SALLYPORT_BPF_TALLY_H
#define SALLYPORT_BPF_TALLY_H

#include "lib/sum.h"
#include "maps.h"

#define SP_TALLY_SECOND_NS 1000000000ull
#define SP_TALLY_LOCK_TRIES 64

_Static_assert(SP_SAMPLE_INDEX(SP_HOOK_COUNT, 0, 0) <= SP_SAMPLE_SLOTS && SP_REASON_COUNT <= 64,
	       "sp_sample has room for every hook and reason");

/* An event that may get a record of its own. */
struct sp_tally_case {
	struct sp_tally_key key;
	__u64 now_ns;
	__u64 packets;
	__u64 bytes;
	__u32 region;     /* enum sp_tally_region */
	__u32 is_counted; /* it is counted in any case, and gets no record */
};

/* The region of the key of a source address. A stranger's IPv6 address is cut to its /64. */
SP_INLINE __u32 sp_tally_region_of(struct sp_tally_key *key)
{
	if (key->hook != SP_HOOK_EDGE_IN)
		return SP_TALLY_ADDRESSES;
	if (key->source.q[0])
		key->source.q[1] = 0;
	return SP_TALLY_STRANGERS;
}

/* ---- rates ---- */

SP_INLINE __u32 sp_tally_rate_of_one(__u32 kind)
{
	switch (kind) {
#define X(id, one, addresses, sessions)                                                            \
	case SP_TALLY_##id:                                                                        \
		return one;
		SP_TALLY_RATES(X)
#undef X
	}
	return 0;
}

SP_INLINE __u32 sp_tally_rate_of_all(__u32 kind, int is_session)
{
	switch (kind) {
#define X(id, one, addresses, sessions)                                                            \
	case SP_TALLY_##id:                                                                        \
		return is_session ? sessions : addresses;
		SP_TALLY_RATES(X)
#undef X
	}
	return 0;
}

SP_INLINE struct sp_sample *sp_tally_all(__u32 hook, __u32 kind, __u32 reason)
{
	__u32 index = SP_SAMPLE_INDEX(hook, kind, reason);

	return bpf_map_lookup_elem(&sp_sample, &index);
}

/* Is there room for a record of this kind in this second's limit for all senders together? */
SP_INLINE int sp_tally_all_take(struct sp_sample *all, __u32 kind, int is_session, __u64 now_ns)
{
	if (!all)
		return 0;
	if (now_ns - all->window_ns >= SP_TALLY_SECOND_NS) {
		all->window_ns = now_ns;
		all->taken[0] = 0;
		all->taken[1] = 0;
	}
	if (all->taken[is_session] >= sp_tally_rate_of_all(kind, is_session))
		return 0;
	all->taken[is_session]++;
	return 1;
}

/* The same for the hook, kind and reason of @one. */
SP_INLINE int sp_tally_all_take_one(const struct sp_tally_case *one)
{
	return sp_tally_all_take(sp_tally_all(one->key.hook, one->key.kind, one->key.reason),
				 one->key.kind, one->region == SP_TALLY_SESSIONS, one->now_ns);
}

SP_INLINE void sp_tally_all_count(struct sp_sample *all, __u64 packets, __u64 bytes)
{
	if (!all)
		return;
	all->packets += packets;
	all->bytes += bytes;
	all->events++;
}

SP_INLINE void sp_tally_note_sampled(void)
{
	struct sp_event_stats *stats = bpf_map_lookup_elem(&sp_event_stats, &(__u32){ 0 });

	if (stats)
		stats->sampled++;
}

/* May an event without a key have a record? Returns 1; 0: no, and it was counted. */
SP_INLINE int sp_tally_take_nobodys(__u32 hook, __u32 kind, __u32 reason, __u64 now_ns, __u64 bytes)
{
	struct sp_sample *all = sp_tally_all(hook, kind, reason);

	if (sp_tally_all_take(all, kind, 0, now_ns))
		return 1;
	sp_tally_all_count(all, 1, bytes);
	sp_tally_note_sampled();
	return 0;
}

/* ---- slots ---- */

SP_INLINE int sp_tally_is(const struct sp_tally *slot, const struct sp_tally_key *key)
{
	const __u64 *a = (const __u64 *)&slot->key, *b = (const __u64 *)key;

	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
}

/* Is the slot free? It is when its second is over and user space has read all its counts. */
SP_INLINE int sp_tally_is_free(const struct sp_tally *slot, __u64 now_ns)
{
	return now_ns >= slot->window_ns + SP_TALLY_SECOND_NS &&
	       *(volatile __u64 *)&slot->events == *(volatile __u64 *)&slot->told;
}

/* Returns 0: another CPU keeps the lock for too long; else 1. */
SP_INLINE int sp_tally_lock(struct sp_tally *slot)
{
	for (int i = 0; i < SP_TALLY_LOCK_TRIES; i++)
		if (!__sync_val_compare_and_swap(&slot->lock, 0, 1))
			return 1;
	return 0;
}

SP_INLINE void sp_tally_unlock(struct sp_tally *slot)
{
	__sync_lock_test_and_set(&slot->lock, 0);
}

/* Lock the slot at @index if it belongs to the key. With @to_take, a free slot is given to the key.
 * NULL: neither. *@is_busy: another CPU kept the slot locked, for this key or to give it to one. */
SP_SUBPROGRAM struct sp_tally *sp_tally_try(const struct sp_tally_case *one, __u32 index,
					    int to_take, int *is_busy)
{
	struct sp_tally *slot = bpf_map_lookup_elem(&sp_tally, &index);

	if (!slot ||
	    !(sp_tally_is(slot, &one->key) || (to_take && sp_tally_is_free(slot, one->now_ns))))
		return NULL;
	if (!sp_tally_lock(slot)) {
		*is_busy = 1;
		return NULL;
	}
	/* another CPU may have given the slot to the same key meanwhile */
	if (sp_tally_is(slot, &one->key))
		return slot;
	if (!to_take || !sp_tally_is_free(slot, one->now_ns)) {
		sp_tally_unlock(slot);
		return NULL;
	}
	slot->key = one->key;
	slot->taken = 0;
	slot->events = 0;
	slot->packets = 0;
	slot->bytes = 0;
	slot->told_packets = 0;
	slot->told_bytes = 0;
	slot->told = 0;
	/* Written last: a CPU that finds the slot taken also finds its key. */
	__sync_lock_test_and_set(&slot->window_ns, one->now_ns);
	return slot;
}

/* Find the key's slot and lock it. NULL: all slots of the bucket belong to other keys, or
 * (*@is_busy) another CPU kept a slot locked that may be the key's. In that case the key gets no
 * second slot, which would have records of its own. */
SP_INLINE struct sp_tally *sp_tally_find(const struct sp_tally_case *one, int *is_busy)
{
	__u64 sum = sp_key_sum_seeded(&one->key, sizeof(one->key) / 8, sp_seed);
	__u32 base = (one->region * SP_TALLY_BUCKETS + sum % SP_TALLY_BUCKETS) * SP_TALLY_WAYS;

	for (int to_take = 0; to_take < 2; to_take++)
		for (__u32 i = 0; i < SP_TALLY_WAYS; i++) {
			struct sp_tally *slot = sp_tally_try(one, base + i, to_take, is_busy);

			if (slot || *is_busy)
				return slot;
		}
	return NULL;
}

/* Is there room for a record in this second, for the key and for all together? If not, the event is
 * counted. */
SP_INLINE int sp_tally_slot_takes(struct sp_tally *slot, const struct sp_tally_case *one)
{
	if (one->now_ns >= slot->window_ns + SP_TALLY_SECOND_NS) {
		slot->window_ns = one->now_ns;
		slot->taken = 0;
	}
	if (!one->is_counted && slot->taken < sp_tally_rate_of_one(one->key.kind) &&
	    sp_tally_all_take_one(one)) {
		slot->taken++;
		return 1;
	}
	slot->packets += one->packets;
	slot->bytes += one->bytes;
	slot->events++;
	return 0;
}

/* May the event have a record? Returns 1; 0: no, and it was counted. */
SP_GLOBAL int sp_tally_take(const struct sp_tally_case *one)
{
	struct sp_tally *slot;
	int takes, is_busy = 0;

	if (!one || one->region >= SP_TALLY_REGION_COUNT)
		return 0;
	slot = sp_tally_find(one, &is_busy);
	if (slot) {
		takes = sp_tally_slot_takes(slot, one);
		sp_tally_unlock(slot);
	} else {
		takes = !is_busy && !one->is_counted && sp_tally_all_take_one(one);
		if (!takes)
			sp_tally_all_count(
				sp_tally_all(one->key.hook, one->key.kind, one->key.reason),
				one->packets, one->bytes);
	}
	if (!takes)
		sp_tally_note_sampled();
	return takes;
}

#endif
