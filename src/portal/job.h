/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exchanges with providers, in turn: a bounded number at once, and new sign-ins never all of
 * them, so that a flood of those holds up neither the ones under way nor the providers' keys. */
#ifndef SALLYPORT_PORTAL_JOB_H
#define SALLYPORT_PORTAL_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "portal/outside.h"

#define SP_JOBS_MAX 60u /* of the fetcher's 64 */
#define SP_JOBS_LOW_MAX 30u

struct sp_portal;

/* The owner's storage; zeroed before its first use. */
struct sp_fetch_job {
	struct sp_portal *portal;
	void (*done)(struct sp_fetch_job *job, const struct sp_http_reply *reply);
	enum { SP_JOB_IDLE, SP_JOB_WAITS, SP_JOB_RUNS, SP_JOB_FAILED } state;
	bool is_low;         /* a new sign-in, or a refresh */
	const char *failure; /* why it could not even begin; static */
	struct sp_http_request request;
	const struct sp_fetch_trust *trust;
	uint64_t id;
	struct sp_fetch_job *next, *previous;
};

enum sp_fetch_job_queue { SP_JOBS_HIGH, SP_JOBS_LOW, SP_JOBS_FAILED, SP_JOBS_QUEUES };

struct sp_fetch_jobs {
	struct sp_fetch_job *first[SP_JOBS_QUEUES], *last[SP_JOBS_QUEUES];
	unsigned int running, running_low;
};

/* Begin now or in turn; @request is taken over, @trust borrowed. @job's portal, done and is_low
 * are set. done comes later, once. */
void sp_fetch_job_begin(struct sp_fetch_job *job, struct sp_http_request *request,
			const struct sp_fetch_trust *trust);
/* End it, at any state: done does not come any more. */
void sp_fetch_job_cancel(struct sp_fetch_job *job);
/* Tell those whose exchange could not begin. */
void sp_fetch_jobs_run(struct sp_portal *portal);

#endif
