/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/loop/job.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

static void *job_work(void *arg)
{
	struct sp_job *job = arg;

	job->work(job->arg);
	(void)eventfd_write(job->source.fd, 1);
	return NULL;
}

void sp_job_end(struct sp_job *job)
{
	if (!job->is_under_way)
		return;
	pthread_join(job->thread, NULL);
	sp_loop_forget(job->loop, &job->source);
	close(job->source.fd);
	job->is_under_way = false;
}

static void job_ended(void *arg, uint32_t events)
{
	struct sp_job *job = arg;

	(void)events;
	sp_job_end(job);
	job->done(job->arg);
}

int sp_job_start(struct sp_job *job, struct sp_loop *loop)
{
	__sp_close int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r;

	if (fd < 0)
		return sp_errno();
	job->loop = loop;
	job->source = (struct sp_source){ .fd = fd, .ready = job_ended, .arg = job };
	r = sp_loop_watch(loop, &job->source, EPOLLIN);
	if (r < 0)
		return r;
	r = -pthread_create(&job->thread, NULL, job_work, job);
	if (r < 0) {
		sp_loop_forget(loop, &job->source);
		return r;
	}
	job->is_under_way = true;
	(void)SP_TAKE_FD(fd);
	return 0;
}
