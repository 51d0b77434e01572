/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/control/works.h"

#include <stddef.h>

static void works_run_first(void *arg)
{
	struct sp_work *work = ((struct sp_works *)arg)->first;

	work->run(work->arg);
}

/* Take the first one out, which has run or is unwanted. */
static void works_finish_first(struct sp_works *works)
{
	struct sp_work *work = works->first;

	works->first = work->next;
	if (!work->is_unwanted && work->answer)
		work->answer(work->arg);
	work->free(work->arg);
}

static void works_ran(void *arg);

static void works_go_on(struct sp_works *works)
{
	while (works->first && !works->job.is_under_way) {
		works->job.work = works_run_first;
		works->job.done = works_ran;
		works->job.arg = works;
		if (!works->first->is_unwanted) {
			if (!works->is_ending && sp_job_start(&works->job, works->loop) == 0)
				return;
			works_run_first(works);
		}
		works_finish_first(works);
	}
}

static void works_ran(void *arg)
{
	works_finish_first(arg);
	works_go_on(arg);
}

void sp_works_put(struct sp_works *works, struct sp_work *work)
{
	struct sp_work **at = &works->first;

	while (*at)
		at = &(*at)->next;
	work->next = NULL;
	work->is_unwanted = false;
	*at = work;
	works_go_on(works);
}

void sp_works_forget(struct sp_works *works, const struct sp_client *client)
{
	for (struct sp_work *work = works->first; work; work = work->next)
		if (work->client == client)
			work->is_unwanted = true;
}

void sp_works_end(struct sp_works *works)
{
	const bool is_under_way = works->job.is_under_way;

	sp_job_end(&works->job);
	for (struct sp_work *work = works->first; work; work = work->next)
		work->is_unwanted = work->client != NULL;
	works->is_ending = true;
	if (is_under_way)
		works_finish_first(works);
	works_go_on(works);
}
