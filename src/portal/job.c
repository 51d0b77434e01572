/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/job.h"

#include <errno.h>

#include "portal/portal.h"

static enum sp_fetch_job_queue queue_of(const struct sp_fetch_job *job)
{
	if (job->state == SP_JOB_FAILED)
		return SP_JOBS_FAILED;
	return job->is_low ? SP_JOBS_LOW : SP_JOBS_HIGH;
}

static void enqueue(struct sp_fetch_jobs *jobs, struct sp_fetch_job *job)
{
	const enum sp_fetch_job_queue queue = queue_of(job);

	job->next = NULL;
	job->previous = jobs->last[queue];
	if (jobs->last[queue])
		jobs->last[queue]->next = job;
	else
		jobs->first[queue] = job;
	jobs->last[queue] = job;
}

static void dequeue(struct sp_fetch_jobs *jobs, struct sp_fetch_job *job)
{
	const enum sp_fetch_job_queue queue = queue_of(job);

	if (job->previous)
		job->previous->next = job->next;
	else
		jobs->first[queue] = job->next;
	if (job->next)
		job->next->previous = job->previous;
	else
		jobs->last[queue] = job->previous;
	job->next = job->previous = NULL;
	job->state = SP_JOB_IDLE;
}

static bool has_room(const struct sp_fetch_jobs *jobs, bool is_low)
{
	return jobs->running < SP_JOBS_MAX && (!is_low || jobs->running_low < SP_JOBS_LOW_MAX);
}

static void start_waiting(struct sp_portal *portal);

static void job_end(struct sp_fetch_job *job)
{
	struct sp_fetch_jobs *jobs = &job->portal->jobs;

	job->state = SP_JOB_IDLE;
	jobs->running--;
	jobs->running_low -= job->is_low;
}

static void job_fetched(void *arg, const struct sp_http_reply *reply)
{
	struct sp_fetch_job *job = arg;
	struct sp_portal *portal = job->portal;

	job_end(job);
	job->done(job, reply);
	start_waiting(portal);
}

static void job_start(struct sp_fetch_job *job)
{
	struct sp_portal *portal = job->portal;
	struct sp_fetch_jobs *jobs = &portal->jobs;
	int r;

	job->state = SP_JOB_RUNS;
	jobs->running++;
	jobs->running_low += job->is_low;
	r = portal->outside->fetch(portal->outside_arg, &job->request, job->trust, job_fetched, job,
				   &job->id);
	sp_http_request_done(&job->request);
	if (r == 0)
		return;
	job_end(job);
	job->failure = r == -EINVAL ? "the address is not https, or the `ca` file cannot be read"
				    : "out of memory";
	job->state = SP_JOB_FAILED;
	enqueue(jobs, job);
}

static void start_waiting(struct sp_portal *portal)
{
	struct sp_fetch_jobs *jobs = &portal->jobs;

	for (enum sp_fetch_job_queue queue = SP_JOBS_HIGH; queue <= SP_JOBS_LOW; queue++) {
		while (jobs->first[queue] && has_room(jobs, queue == SP_JOBS_LOW)) {
			struct sp_fetch_job *job = jobs->first[queue];

			dequeue(jobs, job);
			job_start(job);
		}
	}
}

void sp_fetch_job_begin(struct sp_fetch_job *job, struct sp_http_request *request,
			const struct sp_fetch_trust *trust)
{
	struct sp_fetch_jobs *jobs = &job->portal->jobs;

	job->request = *request;
	*request = (struct sp_http_request){ 0 };
	job->trust = trust;
	job->state = SP_JOB_WAITS;
	if (has_room(jobs, job->is_low) && !jobs->first[queue_of(job)])
		job_start(job);
	else
		enqueue(jobs, job);
}

void sp_fetch_job_cancel(struct sp_fetch_job *job)
{
	struct sp_portal *portal = job->portal;

	if (job->state == SP_JOB_WAITS || job->state == SP_JOB_FAILED) {
		dequeue(&portal->jobs, job);
		sp_http_request_done(&job->request);
	} else if (job->state == SP_JOB_RUNS) {
		portal->outside->cancel(portal->outside_arg, job->id);
		job_end(job);
		start_waiting(portal);
	}
}

void sp_fetch_jobs_run(struct sp_portal *portal)
{
	struct sp_fetch_job *job;

	while ((job = portal->jobs.first[SP_JOBS_FAILED])) {
		const struct sp_http_reply reply = { .is_unsent = true, .failure = job->failure };

		dequeue(&portal->jobs, job);
		job->done(job, &reply);
	}
}
