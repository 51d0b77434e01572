/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deadlines of many, the earliest first: a binary heap of pointers, each knowing its place in
 * it. */
#ifndef SALLYPORT_PORTAL_HEAP_H
#define SALLYPORT_PORTAL_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* A member of the object that waits for a time; zeroed before its first use. */
struct sp_due {
	uint64_t at_ns; /* UINT64_MAX: never */
	size_t place;   /* 1…; 0: not in the heap */
};

struct sp_heap {
	struct sp_due **items;
	size_t count, room;
};

/* Make room for @room of them, once. Returns 0; -ENOMEM. */
int sp_heap_init(struct sp_heap *heap, size_t room);
/* Free the room of the heap. The objects in it belong to the caller. */
void sp_heap_done(struct sp_heap *heap);
/* Put in, or move, or (UINT64_MAX) take out. The room given is never exceeded by the caller. */
void sp_heap_set(struct sp_heap *heap, struct sp_due *due, uint64_t at_ns);
/* The earliest; NULL: none. */
struct sp_due *sp_heap_first(const struct sp_heap *heap);

#endif
