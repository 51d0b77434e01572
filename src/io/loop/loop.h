/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One epoll loop, one thread. The caller owns each source and timer; nothing here owns a file
 * descriptor. Times are CLOCK_BOOTTIME nanoseconds, so that deadlines go on while the machine
 * sleeps. */
#ifndef SALLYPORT_IO_LOOP_H
#define SALLYPORT_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct sp_loop;

/* A watched file descriptor; the caller's storage, at one place while it is watched. */
struct sp_source {
	int fd;
	uint32_t events; /* EPOLL… asked for */
	void (*ready)(void *arg, uint32_t events);
	void *arg;
	bool is_watched;
};

/* A deadline that fires once; the callback may set it again. */
struct sp_timer {
	uint64_t due_ns; /* 0: not set */
	void (*fire)(void *arg);
	void *arg;
	struct sp_timer *next; /* every timer of the loop, set or not */
	bool is_known;
};

/* Returns 0; -ENOMEM; -errno of epoll_create1. */
int sp_loop_new(struct sp_loop **ret_loop);
/* Sources and timers are their owners' and stay as they are. NULL is allowed. */
void sp_loop_free(struct sp_loop *loop);

/* Watch, or watch for other events. Returns 0 or -errno of epoll_ctl. */
int sp_loop_watch(struct sp_loop *loop, struct sp_source *source, uint32_t events);
/* Safe at any time, also from a callback of the same round. */
void sp_loop_forget(struct sp_loop *loop, struct sp_source *source);

/* Set, or set anew, for @due_ns of CLOCK_BOOTTIME; a moment that has passed is due in the next
 * round. */
void sp_loop_at(struct sp_loop *loop, struct sp_timer *timer, uint64_t due_ns);
/* The same, @delay_ns from now. */
void sp_loop_in(struct sp_loop *loop, struct sp_timer *timer, uint64_t delay_ns);
/* Unset it and take it off the loop: its storage may go. */
void sp_loop_drop(struct sp_loop *loop, struct sp_timer *timer);

/* Make no callback from here on, not in this round either. */
void sp_loop_end(struct sp_loop *loop);

/* One round: wait for the first descriptor or deadline, at most @wait_max_ns, and call back.
 * Returns 0 or -errno of epoll_wait. */
int sp_loop_round(struct sp_loop *loop, uint64_t wait_max_ns);

#define SP_SECOND_NS 1000000000ull
#define SP_MS_NS 1000000ull
/* How long one callback works on what could wait: then the rest waits for the next round, so that
 * others are served in between. */
#define SP_LOOP_SLICE_NS (2 * SP_MS_NS)

#endif
