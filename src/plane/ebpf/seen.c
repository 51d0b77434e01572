/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Read what the programs counted and recorded. */
#include <string.h>
#include <sys/mman.h>

#include "plane/ebpf/plane.h"

/* ---- counters ---- */

/* Sum @count elements of a per-CPU array of __u64 fields. @ret_sums: count * fields. */
static int sum_percpu(int fd, uint32_t count, size_t fields, uint64_t *ret_sums)
{
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	int cpus = libbpf_num_possible_cpus();
	__sp_free uint64_t *values = NULL;
	__sp_free uint32_t *keys = NULL;
	uint32_t next = 0;
	__u32 got = count;

	if (cpus < 0)
		return cpus;
	values = calloc((size_t)count * cpus, fields * sizeof(*values));
	keys = calloc(count, sizeof(*keys));
	if (!values || !keys)
		return -ENOMEM;
	if (bpf_map_lookup_batch(fd, NULL, &next, keys, values, &got, &options) < 0 &&
	    errno != ENOENT)
		return sp_errno();
	memset(ret_sums, 0, count * fields * sizeof(*ret_sums));
	for (uint32_t i = 0; i < got; i++)
		for (int cpu = 0; cpu < cpus; cpu++)
			for (size_t field = 0; field < fields; field++)
				ret_sums[keys[i] * fields + field] +=
					values[((size_t)i * cpus + cpu) * fields + field];
	return 0;
}

int sp_ebpf_counters(struct sp_ebpf *plane, struct sp_counter *ret_counters)
{
	return sum_percpu(plane->counter_fd, SP_COUNTER_SLOTS,
			  sizeof(*ret_counters) / sizeof(uint64_t), (uint64_t *)ret_counters);
}

int sp_ebpf_rule_counters(struct sp_ebpf *plane, struct sp_counter *ret_rules, uint32_t count)
{
	if (count == 0 || count > SP_RULE_MAX)
		return -ERANGE;
	return sum_percpu(plane->rule_counter_fd, count, sizeof(*ret_rules) / sizeof(uint64_t),
			  (uint64_t *)ret_rules);
}

int sp_ebpf_event_stats(struct sp_ebpf *plane, struct sp_event_stats *ret_stats)
{
	return sum_percpu(plane->event_stats_fd, 1, sizeof(*ret_stats) / sizeof(uint64_t),
			  (uint64_t *)ret_stats);
}

int sp_ebpf_samples(struct sp_ebpf *plane, struct sp_sample *ret_samples)
{
	return sum_percpu(plane->sample_fd, SP_SAMPLE_SLOTS,
			  sizeof(*ret_samples) / sizeof(uint64_t), (uint64_t *)ret_samples);
}

/* The kernel writes `events` last, under its lock. A slot with events to tell is given to no other
 * sender. */
bool sp_ebpf_tally_read(const struct sp_ebpf *plane, uint32_t index, struct sp_tally *ret_tally)
{
	const struct sp_tally *slot = &plane->tallies[index];
	const uint64_t events = __atomic_load_n(&slot->events, __ATOMIC_ACQUIRE);

	if (events == slot->told || __atomic_load_n(&slot->lock, __ATOMIC_ACQUIRE))
		return false;
	*ret_tally = *(const volatile struct sp_tally *)slot;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return !__atomic_load_n(&slot->lock, __ATOMIC_ACQUIRE) &&
	       __atomic_load_n(&slot->events, __ATOMIC_ACQUIRE) == events &&
	       ret_tally->events == events;
}

void sp_ebpf_tally_tell(struct sp_ebpf *plane, uint32_t index, const struct sp_tally *tally)
{
	struct sp_tally *slot = &plane->tallies[index];

	slot->told_packets = tally->packets;
	slot->told_bytes = tally->bytes;
	__atomic_store_n(&slot->told, tally->events, __ATOMIC_RELEASE);
}

int sp_ebpf_flow_use(struct sp_ebpf *plane, struct sp_flow_use *ret_use, uint32_t *ret_max)
{
	const struct sp_ebpf_map *map = sp_ebpf_map_find(plane, "sp_flow_use");

	*ret_max = plane->options.flows_max;
	return bpf_map_lookup_elem(map->fd, &(uint32_t){ 0 }, ret_use) < 0 ? sp_errno() : 0;
}

#define FLOWS_AT_ONCE 4096u

int sp_ebpf_walk(const struct sp_ebpf_map *map, struct sp_plane_walk *walk,
		 sp_ebpf_walk_visit visit, void *arg)
{
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	__sp_free char *keys = calloc(FLOWS_AT_ONCE, map->key_size);
	__sp_free char *values = calloc(FLOWS_AT_ONCE, map->value_size);
	__u32 got = FLOWS_AT_ONCE;
	int at_end, r = 0;

	if (!keys || !values)
		return -ENOMEM;
	at_end = bpf_map_lookup_batch(map->fd, walk->is_begun ? &walk->place : NULL, &walk->place,
				      keys, values, &got, &options);
	if (at_end < 0 && at_end != -ENOENT)
		return at_end;
	walk->is_begun = true;
	for (__u32 i = 0; r == 0 && i < got; i++)
		r = visit(arg, keys + (size_t)i * map->key_size,
			  values + (size_t)i * map->value_size);
	return r < 0 ? r : at_end == 0;
}

/* Present a visitor of this build's flows as a visitor of keys and values. */
struct flow_visit {
	sp_plane_flow_visit visit;
	void *arg;
};

static int visit_flow(void *arg, const void *key, const void *value)
{
	const struct flow_visit *flow_visit = arg;

	flow_visit->visit(flow_visit->arg, key, value);
	return 0;
}

int sp_ebpf_flow_some(struct sp_ebpf *plane, struct sp_plane_walk *walk, sp_plane_flow_visit visit,
		      void *arg)
{
	struct flow_visit flow_visit = { visit, arg };

	return sp_ebpf_walk(sp_ebpf_map_find(plane, "sp_flow"), walk, visit_flow, &flow_visit);
}

static void count_flow(void *arg, const struct sp_flow_key *key, const struct sp_flow *flow)
{
	(void)key;
	(void)flow;
	++*(uint32_t *)arg;
}

int sp_ebpf_flow_count(struct sp_ebpf *plane, uint32_t *ret_count)
{
	struct sp_plane_walk walk = { 0 };
	uint32_t count = 0;
	int r;

	do
		r = sp_ebpf_flow_some(plane, &walk, count_flow, &count);
	while (r > 0);

	if (r == 0)
		*ret_count = count;
	return r;
}

/* ---- events ----
 * libbpf's reader moves on even when its callback fails, so the ring is read here: a record is
 * given back to the kernel only after it was taken. The position lives in the kernel, so a new
 * daemon goes on where the former stopped. Source: kernel/bpf/ringbuf.c,
 * Documentation/bpf/ringbuf.rst. */

struct sp_ebpf_ring {
	size_t page;
	size_t size;             /* of the data; a power of two */
	unsigned long *consumer; /* the page of the consumer's position, which we write */
	/* The page of the producer's position, then the data, mapped twice in a row. */
	unsigned long *producer;
	const char *data;
};

void sp_ebpf_ring_close(struct sp_ebpf_ring *ring)
{
	if (!ring)
		return;
	if (ring->consumer)
		munmap(ring->consumer, ring->page);
	if (ring->producer)
		munmap(ring->producer, ring->page + 2 * ring->size);
	free(ring);
}

SP_DEFINE_CLEANUP(struct sp_ebpf_ring *, sp_ebpf_ring_close);

static int open_ring(struct sp_ebpf *plane)
{
	__sp_cleanup(sp_ebpf_ring_closep) struct sp_ebpf_ring *ring = NULL;
	const struct sp_ebpf_map *map = sp_ebpf_map_find(plane, "sp_events");
	void *memory;

	if (plane->ring)
		return 0;
	ring = calloc(1, sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	ring->page = sysconf(_SC_PAGESIZE);
	ring->size = map->max_entries;
	memory = mmap(NULL, ring->page, PROT_READ | PROT_WRITE, MAP_SHARED, plane->events_fd, 0);
	if (memory == MAP_FAILED)
		return sp_errno();
	ring->consumer = memory;
	memory = mmap(NULL, ring->page + 2 * ring->size, PROT_READ, MAP_SHARED, plane->events_fd,
		      ring->page);
	if (memory == MAP_FAILED)
		return sp_errno();
	ring->producer = memory;
	ring->data = (const char *)memory + ring->page;
	plane->ring = SP_TAKE_PTR(ring);
	return 0;
}

/* The record at @position. Returns its length with the header; 0: the record is still being
 * written. */
static size_t record_at(const struct sp_ebpf_ring *ring, unsigned long position,
			const char **ret_sample, uint32_t *ret_len)
{
	const char *at = ring->data + (position & (ring->size - 1));
	uint32_t header = __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_ACQUIRE);
	uint32_t len = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

	if (header & BPF_RINGBUF_BUSY_BIT)
		return 0;
	*ret_sample = header & BPF_RINGBUF_DISCARD_BIT ? NULL : at + BPF_RINGBUF_HDR_SZ;
	*ret_len = len;
	return ((size_t)len + BPF_RINGBUF_HDR_SZ + 7) & ~(size_t)7;
}

/* Hand on a record of @len bytes as this build's: what a shorter one lacks is zero. */
static int take_record(const char *sample, uint32_t len, sp_plane_event_fn take, void *arg)
{
	struct sp_event event = { 0 };

	memcpy(&event, sample, len < sizeof(event) ? len : sizeof(event));
	return take(arg, &event);
}

int sp_ebpf_take_events(struct sp_ebpf *plane, size_t max, sp_plane_event_fn take, void *arg)
{
	unsigned long position;
	size_t taken = 0;
	int r = open_ring(plane);

	if (r < 0)
		return r;
	position = *plane->ring->consumer; /* nobody else writes it */
	while (taken < max && position < __atomic_load_n(plane->ring->producer, __ATOMIC_ACQUIRE)) {
		const char *sample;
		uint32_t len;
		size_t whole = record_at(plane->ring, position, &sample, &len);

		if (whole == 0)
			break;
		if (sample && len >= SP_EVENT_LEAST) {
			r = take_record(sample, len, take, arg);
			if (r < 0)
				return r;
			taken++;
		}
		position += whole;
		__atomic_store_n(plane->ring->consumer, position, __ATOMIC_RELEASE);
	}
	return taken > INT32_MAX ? INT32_MAX : (int)taken;
}

int sp_ebpf_ring_drain(struct sp_ebpf *plane)
{
	int r = open_ring(plane);

	if (r < 0)
		return r;
	__atomic_store_n(plane->ring->consumer,
			 __atomic_load_n(plane->ring->producer, __ATOMIC_ACQUIRE),
			 __ATOMIC_RELEASE);
	return 0;
}
