/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A change of access, as a value: whose access it is, what becomes of it, why, and who asked. One
 * function takes it through the database, the kernel, the audit log and the tunnel's peers, in the
 * order that the table in change.c gives for its kind:
 *
 * - Access that is given is in the database first and in the kernel last.
 * - Access that is taken leaves the kernel first, of every session meant, and everything slow
 *   comes after.
 *
 * So a crash on the way leaves nobody with more than was recorded. Nothing else writes a session
 * or a device to the database, or a session to the kernel. */
#ifndef SALLYPORT_DAEMON_CHANGE_H
#define SALLYPORT_DAEMON_CHANGE_H

#include "daemon/people/people.h"
#include "daemon/revisions/revision.h"

/* Where a step of a change takes effect. */
enum sp_change_place {
	SP_CHANGE_IN_REVISIONS, /* rows of the tables, at which nothing points yet */
	SP_CHANGE_IN_DATABASE,
	SP_CHANGE_IN_KERNEL,
	SP_CHANGE_ON_RECORD,
	SP_CHANGE_IN_MEMORY, /* people's own memory, and who is told of the change */
	SP_CHANGE_AT_PEERS,
};

enum sp_change_kind {
	/* Given. The first step that fails is the last; a session that is in the database by then
	 * ends, as `failed`. */
	/* @live is new, and so may @device be. Every other session of the device ends, as
	 * @former_why says. -EAGAIN: sp_revisions_add_session. */
	SP_CHANGE_OPEN,
	SP_CHANGE_EXTEND, /* the limits in @row, no shorter than those of @live */
	/* @next has the same roles by other groups: @live takes its texts, and @next the old
	 * ones */
	SP_CHANGE_GROUPS,
	SP_CHANGE_KEEP, /* write what else changed in @live's row; nobody's access changes */
	/* at start: @live, known to the database, into a kernel that may not know it */
	SP_CHANGE_RESTORE,
	SP_CHANGE_ENROL, /* @device is new; it gives no access before it has a session */
	SP_CHANGE_PROVE, /* @device's holder has its private key, as @proof showed: nobody's access
			  * changes, and nobody else can claim the key from here on */
	/* Taken. Every step is made, whatever fails. */
	SP_CHANGE_SHORTEN, /* the limits in @row, shorter than those of @live */
	SP_CHANGE_PARK,    /* its deadline or its silence came at @since_ns: it may come back from
			    * inside */
	SP_CHANGE_END,     /* for good: every session that is meant */
	/* @live has ended long ago: its addresses and its slot are free. It is freed. */
	SP_CHANGE_FORGET,
	/* the wall clock was set: the limits of @live, unchanged, into the kernel */
	SP_CHANGE_PROJECT,
	/* @device goes: its sessions end, its addresses are held for a while, and it is freed. A
	 * database that does not forget it keeps it known (@is_kept). */
	SP_CHANGE_REMOVE,
	SP_CHANGE_COUNT
};

/* Whether a session is one of those meant. */
typedef bool (*sp_change_test)(const void *arg, const struct sp_live *live);

struct sp_change {
	enum sp_change_kind kind;
	struct sp_live *live; /* the session; NULL with @is_meant */
	/* for END: those of the list that have not ended; NULL: @live alone */
	sp_change_test is_meant;
	const void *arg;            /* of @is_meant */
	const char *why;            /* on record; NULL: nothing to say */
	const char *by;             /* who asked for the change; NULL: nobody did */
	const struct sp_addr *from; /* where the person is; NULL: not known */
	const char *former_why;     /* OPEN: `replaced` or `groups-changed` */
	uint64_t last_seen_ns;      /* OPEN: boot time from which its silence is counted */
	/* EXTEND, SHORTEN, KEEP; its texts are @live's from then on */
	const struct sp_session_row *row;
	bool is_recorded;     /* EXTEND, SHORTEN: as session-extend */
	struct sp_live *next; /* GROUPS */
	int64_t since_ns;     /* PARK: UTC */
	bool is_fresh_plane;  /* RESTORE: the kernel knows no session yet */
	/* ENROL, PROVE, REMOVE; OPEN: that of @live, NULL: known and proven or not as before */
	struct sp_device *device;
	const char
		*proof; /* PROVE, OPEN: what showed the private key, for the log; NULL: nothing */
	void (*ended)(void *arg, const struct sp_live *live); /* END: called after each; NULL */
	void *ended_arg;

	struct sp_standings standings; /* OPEN: where @live stands */
	/* set to the step made last, which is the one that failed */
	enum sp_change_place place;
	/* set: by OPEN and ENROL, @live and @device are in the database and are people's, whatever
	 * failed; by REMOVE, @device still is */
	bool is_kept;
	/* set by END and REMOVE: boot time when the kernel had been told of the last session */
	uint64_t cut_ns;
	size_t count; /* set: how many sessions were meant */
};

/* Make a change. Returns 0 or -errno of the first step that failed. A database that does not take
 * the end of a session is only said in the log: the kernel's word is what the next start goes
 * by. */
int sp_people_change(struct sp_people *people, struct sp_change *change);

/* End one session. @why: revoked, replaced, no-role, removed, groups-changed, unused, failed. 0 or
 * -errno of the kernel. */
int sp_session_end(struct sp_people *people, struct sp_live *live, const char *why, const char *by);

#endif
