/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far back the audit logs reach, and an alarm when rotation took away what is younger than
 * asked for (audit.min-age). And how far packets.jsonl reaches, noted in audit.jsonl: so `audit
 * verify` misses it. */
#ifndef SALLYPORT_DAEMON_HISTORY_H
#define SALLYPORT_DAEMON_HISTORY_H

#include <stdbool.h>

struct sp_audit_record;
struct sp_chain_head;
struct sp_recorder;

/* Once a second. @is_last: the daemon ends, what is to be told is told now. */
void sp_history_check(struct sp_recorder *recorder, bool is_last);
/* Where packets.jsonl stands, for @record to note; what it has is on the disk then. */
void sp_history_note(struct sp_recorder *recorder, struct sp_audit_record *record,
		     struct sp_chain_head *ret_head);

#endif
