/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events that got no record of their own, because their session, their source or all sources
 * together had used up their share of a second (bpf/lib/tally.h). Their exact numbers go on record
 * once a second, in `aggregated` records. */
#ifndef SALLYPORT_DAEMON_TALLY_H
#define SALLYPORT_DAEMON_TALLY_H

#include "audit/record.h"

struct sp_events;

/* Do one round. Counts that cannot be written, or are beyond the share of a round, are told in a
 * later round. */
void sp_tally_record(struct sp_events *events);

/* Whose it was and that it stands for many. */
void sp_tally_describe(const struct sp_tally *tally, struct sp_audit_record *record);

#endif
