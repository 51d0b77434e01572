/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop: epoll for descriptors, a short list for deadlines (there are tens of them, not
 * thousands). */
#include "io/loop/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "io/loop/clock.h"

#define ROUND_MAX 32

struct sp_loop {
	int epoll_fd;
	struct sp_timer *timers;
	/* of the present round; sp_loop_forget clears its entry */
	struct epoll_event round[ROUND_MAX];
	int round_count;
	bool is_ended;
};

SP_DEFINE_CLEANUP(struct sp_loop *, sp_loop_free);

int sp_loop_new(struct sp_loop **ret_loop)
{
	__sp_cleanup(sp_loop_freep) struct sp_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return sp_errno();
	*ret_loop = SP_TAKE_PTR(loop);
	return 0;
}

void sp_loop_free(struct sp_loop *loop)
{
	if (!loop)
		return;
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	free(loop);
}

int sp_loop_watch(struct sp_loop *loop, struct sp_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };
	int op = source->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (source->is_watched && source->events == events)
		return 0;
	if (epoll_ctl(loop->epoll_fd, op, source->fd, &event) < 0)
		return sp_errno();
	source->events = events;
	source->is_watched = true;
	return 0;
}

void sp_loop_forget(struct sp_loop *loop, struct sp_source *source)
{
	if (!source->is_watched)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->is_watched = false;
	for (int i = 0; i < loop->round_count; i++)
		if (loop->round[i].data.ptr == source)
			loop->round[i].data.ptr = NULL;
}

void sp_loop_at(struct sp_loop *loop, struct sp_timer *timer, uint64_t due_ns)
{
	timer->due_ns = due_ns ? due_ns : 1;
	if (timer->is_known)
		return;
	timer->next = loop->timers;
	loop->timers = timer;
	timer->is_known = true;
}

void sp_loop_in(struct sp_loop *loop, struct sp_timer *timer, uint64_t delay_ns)
{
	sp_loop_at(loop, timer, sp_clock_boottime_ns() + delay_ns);
}

void sp_loop_drop(struct sp_loop *loop, struct sp_timer *timer)
{
	timer->due_ns = 0;
	if (!timer->is_known)
		return;
	for (struct sp_timer **at = &loop->timers; *at; at = &(*at)->next) {
		if (*at == timer) {
			*at = timer->next;
			break;
		}
	}
	timer->is_known = false;
}

static uint64_t next_due(const struct sp_loop *loop)
{
	uint64_t due_ns = UINT64_MAX;

	for (const struct sp_timer *timer = loop->timers; timer; timer = timer->next)
		if (timer->due_ns && timer->due_ns < due_ns)
			due_ns = timer->due_ns;
	return due_ns;
}

/* Fire the timers that are due. A callback may drop any timer, so the search starts again after
 * each. A timer that a callback sets is later than @now_ns and waits for the next round. */
static void fire_timers(struct sp_loop *loop, uint64_t now_ns)
{
	struct sp_timer *timer = loop->timers;

	while (timer && !loop->is_ended) {
		if (!timer->due_ns || timer->due_ns > now_ns) {
			timer = timer->next;
			continue;
		}
		timer->due_ns = 0;
		timer->fire(timer->arg);
		timer = loop->timers;
	}
}

void sp_loop_end(struct sp_loop *loop)
{
	loop->is_ended = true;
}

int sp_loop_round(struct sp_loop *loop, uint64_t wait_max_ns)
{
	uint64_t now_ns = sp_clock_boottime_ns(), due_ns = next_due(loop), wait_ns = wait_max_ns;
	struct timespec wait;
	int count;

	if (due_ns <= now_ns)
		wait_ns = 0;
	else if (due_ns - now_ns < wait_ns)
		wait_ns = due_ns - now_ns;
	wait.tv_sec = (time_t)(wait_ns / SP_SECOND_NS);
	wait.tv_nsec = (long)(wait_ns % SP_SECOND_NS);
	count = epoll_pwait2(loop->epoll_fd, loop->round, ROUND_MAX, &wait, NULL);
	if (count < 0)
		return errno == EINTR ? 0 : sp_errno();
	loop->round_count = count;
	for (int i = 0; i < count && !loop->is_ended; i++) {
		struct sp_source *source = loop->round[i].data.ptr;

		if (source)
			source->ready(source->arg, loop->round[i].events);
	}
	loop->round_count = 0;
	fire_timers(loop, sp_clock_boottime_ns());
	return 0;
}
