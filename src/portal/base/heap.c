/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/base/heap.h"

#include <errno.h>
#include <stdlib.h>

int sp_heap_init(struct sp_heap *heap, size_t room)
{
	heap->items = calloc(room, sizeof(*heap->items));
	heap->room = room;
	heap->count = 0;
	return heap->items ? 0 : -ENOMEM;
}

void sp_heap_done(struct sp_heap *heap)
{
	free(heap->items);
	*heap = (struct sp_heap){ 0 };
}

static void put(struct sp_heap *heap, size_t place, struct sp_due *due)
{
	heap->items[place - 1] = due;
	due->place = place;
}

static void rise(struct sp_heap *heap, struct sp_due *due, size_t place)
{
	for (; place > 1 && heap->items[place / 2 - 1]->at_ns > due->at_ns; place /= 2)
		put(heap, place, heap->items[place / 2 - 1]);
	put(heap, place, due);
}

static void sink(struct sp_heap *heap, struct sp_due *due, size_t place)
{
	for (;;) {
		size_t child = place * 2;

		if (child > heap->count)
			break;
		if (child < heap->count &&
		    heap->items[child]->at_ns < heap->items[child - 1]->at_ns)
			child++;
		if (heap->items[child - 1]->at_ns >= due->at_ns)
			break;
		put(heap, place, heap->items[child - 1]);
		place = child;
	}
	put(heap, place, due);
}

static void heap_settle(struct sp_heap *heap, struct sp_due *due, size_t place)
{
	if (place > 1 && heap->items[place / 2 - 1]->at_ns > due->at_ns)
		rise(heap, due, place);
	else
		sink(heap, due, place);
}

void sp_heap_set(struct sp_heap *heap, struct sp_due *due, uint64_t at_ns)
{
	size_t place = due->place;

	due->at_ns = at_ns;
	if (at_ns != UINT64_MAX) {
		heap_settle(heap, due, place ? place : ++heap->count);
	} else if (place) {
		struct sp_due *last = heap->items[--heap->count];

		due->place = 0;
		if (last != due)
			heap_settle(heap, last, place);
	}
}

struct sp_due *sp_heap_first(const struct sp_heap *heap)
{
	return heap->count ? heap->items[0] : NULL;
}
