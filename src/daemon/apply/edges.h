/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hours of rules. What a rule stops allowing ends in the kernel by itself, as a deadline; what
 * it begins to allow, or would deny, needs a revision of that moment. */
#ifndef SALLYPORT_DAEMON_EDGES_H
#define SALLYPORT_DAEMON_EDGES_H

struct sp_applies;

/* Every second: have a new revision made once the running one's answers are no longer those of
 * now. */
void sp_edges_tick(struct sp_applies *applies);
/* The clock was set: the deadlines of rules are other moments now. */
void sp_edges_clock_stepped(struct sp_applies *applies);

#endif
