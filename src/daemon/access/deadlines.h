/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions over time: deadlines, idle limits, and how long an ended session is remembered. */
#ifndef SALLYPORT_DAEMON_DEADLINES_H
#define SALLYPORT_DAEMON_DEADLINES_H

struct sp_people;

/* Look at every session: park, end or forget the sessions whose time has come. Called once a
 * second. */
void sp_people_tick(struct sp_people *people);
/* Tell the kernel every deadline again, because the wall clock was set. */
void sp_people_reproject(struct sp_people *people);

#endif
