/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One piece of work that takes too long for a loop, done in a thread of its own while the loop goes
 * on. The thread has the rights of the process as they are when it starts. What @work reads and
 * writes belongs to it from the start until @done is called: nothing here is locked. */
#ifndef SALLYPORT_IO_JOB_H
#define SALLYPORT_IO_JOB_H

#include <pthread.h>
#include <stdbool.h>

#include "io/loop/loop.h"

/* The caller's storage, at one place while the job is under way. */
struct sp_job {
	void (*work)(void *arg); /* in the thread */
	/* in a round of the loop, after the thread has ended; may start the job again */
	void (*done)(void *arg);
	void *arg;
	struct sp_loop *loop; /* this and what follows is the job's own */
	struct sp_source source;
	pthread_t thread;
	bool is_under_way;
};

/* Start it. Returns 0; -errno of the thread or its descriptor, and then neither function is
 * called. */
int sp_job_start(struct sp_job *job, struct sp_loop *loop);
/* Wait until the work is done, if it is under way; @done is not called any more. */
void sp_job_end(struct sp_job *job);

#endif
