/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps that the table in change.c puts in order. Each takes one change a step further, for one
 * session: @live, which is NULL where the change is of a device alone. Each returns 0; -errno: of the
 * database, of the plane, or -ENOMEM. */
#ifndef SALLYPORT_DAEMON_CHANGE_STEPS_H
#define SALLYPORT_DAEMON_CHANGE_STEPS_H

#include "daemon/change/change.h"

/* ---- into the database: change_database.c ---- */

/* That @change->device is proven, if @change->proof shows it and it was not. */
int sp_change_keep_proof(struct sp_people *people, struct sp_change *change, struct sp_live *live);
/* A new session, with its epoch, and with its device if that is new. Takes both into @people. */
int sp_change_keep_new(struct sp_people *people, struct sp_change *change, struct sp_live *live);
/* A new device. Takes it into @people. */
int sp_change_keep_device(struct sp_people *people, struct sp_change *change, struct sp_live *live);
/* The device goes. Its addresses are nobody else's for as long as what is still on its way could
 * reach them. */
int sp_change_forget_device(struct sp_people *people, struct sp_change *change,
			    struct sp_live *live);
/* The limits and texts in @change->row. */
int sp_change_keep_row(struct sp_people *people, struct sp_change *change, struct sp_live *live);
/* The groups of @change->next. */
int sp_change_keep_groups(struct sp_people *people, struct sp_change *change, struct sp_live *live);
/* That the session is closed, and why. Returns 0 always: a database that does not take it is said in
 * the log. */
int sp_change_keep_end(struct sp_people *people, struct sp_change *change, struct sp_live *live);
/* The device is not @people's any more; the caller frees it. */
void sp_change_drop_device(struct sp_people *people, const struct sp_device *device);

/* ---- into the kernel: change_kernel.c ---- */

/* Rows of the session's class in every revision there is. -EAGAIN: sp_revisions_add_session. */
int sp_change_add_rows(struct sp_people *people, struct sp_change *change, struct sp_live *live);
/* The session's addresses. */
int sp_change_put_identities(struct sp_people *people, struct sp_change *change,
			     struct sp_live *live);
/* The session, with its class, and then its addresses. */
int sp_change_put_session(struct sp_people *people, struct sp_change *change, struct sp_live *live);
/* A session of the database, after a start. Without a class: the next revision brings it, and no
 * running revision has it. */
int sp_change_put_back(struct sp_people *people, struct sp_change *change, struct sp_live *live);
/* The deadline and the idle limit of @change->row, which @live has from then on; NULL: those of
 * @live. */
int sp_change_project_limits(struct sp_people *people, struct sp_change *change,
			     struct sp_live *live);
/* The roles of @change->next's groups. @live has the new groups before it is staged: a revision being
 * staged has read the former ones. */
int sp_change_stage_groups(struct sp_people *people, struct sp_change *change,
			   struct sp_live *live);
/* The session has no access from here on. */
int sp_change_cut_session(struct sp_people *people, struct sp_change *change, struct sp_live *live);
/* The session is parked. The kernel has refused it since that very moment; from here on it refuses
 * for good. */
int sp_change_expire_session(struct sp_people *people, struct sp_change *change,
			     struct sp_live *live);
/* The session's addresses, unless a newer session has them, and its slot are free. */
int sp_change_let_go(struct sp_people *people, struct sp_change *change, struct sp_live *live);

/* ---- on record, to the peers, and in memory: change_memory.c ---- */

/* session-open. */
int sp_change_record_open(struct sp_people *people, struct sp_change *change, struct sp_live *live);
/* session-extend, if @change is to be recorded. */
int sp_change_record_extend(struct sp_people *people, struct sp_change *change,
			    struct sp_live *live);
/* session-close. The close of a parked session is on record already. */
int sp_change_record_close(struct sp_people *people, struct sp_change *change,
			   struct sp_live *live);
/* The engine is told of the session's device. */
int sp_change_tell_peers(struct sp_people *people, struct sp_change *change, struct sp_live *live);
/* The engine is told of @change->device. */
int sp_change_tell_peers_of_device(struct sp_people *people, struct sp_change *change,
				   struct sp_live *live);
/* @change->device is proven from now on, if @change->proof shows it and it was not. */
int sp_change_note_proof(struct sp_people *people, struct sp_change *change, struct sp_live *live);
/* @change->device is freed, unless the database keeps it. */
int sp_change_free_device(struct sp_people *people, struct sp_change *change, struct sp_live *live);
/* @live is parked. */
int sp_change_park_in_memory(struct sp_people *people, struct sp_change *change,
			     struct sp_live *live);
/* @live has ended: its connections are over, or go on with the session that replaced it. */
int sp_change_end_in_memory(struct sp_people *people, struct sp_change *change,
			    struct sp_live *live);
/* @live is freed. */
int sp_change_free_slot(struct sp_people *people, struct sp_change *change, struct sp_live *live);

#endif
