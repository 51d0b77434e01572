/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The operator's bans: senders that are dropped on the edge, by hand or by what reads logs. The
 * database has them with their ends in UTC; the plane has them with the same moments as boot time,
 * projected again when the clock is set. A ban is in the kernel before anybody is told of it.
 *
 * The plane asks the longest prefix alone. So what stands there for a prefix ends as late as any
 * ban around it. */
#ifndef SALLYPORT_DAEMON_BANS_H
#define SALLYPORT_DAEMON_BANS_H

#include "daemon/store/store.h"
#include "io/loop/loop.h"

struct sp_plane;
struct sp_recorder;

#define SP_BAN_REASON_MAX 200u
#define SP_BAN_SHORTEST_V4 8u
#define SP_BAN_SHORTEST_V6 16u

struct sp_bans {
	/* what they stand on, lent by the daemon */
	struct sp_loop *loop;
	struct sp_store *store;
	struct sp_plane *plane;
	struct sp_recorder *recorder;

	struct sp_ban_row **rows; /* by prefix; a wider one before those within */
	size_t count;
	uint32_t of_length[129]; /* how many have this prefix length */
	struct sp_timer ended;   /* set for the first end */
	struct sp_timer again;   /* set while rows from `next` on wait to be projected */
	size_t next;
};

/* Read them from the database, and let the plane have these and no others; or, where the database
 * @is_new_store, take into it those that the plane still has: who lost a database does not let in
 * whom it had banned. Returns 0; -errno of the database or the plane. */
int sp_bans_load(struct sp_bans *bans, bool is_new_store);
/* Free what it holds. What the plane has stays. */
void sp_bans_done(struct sp_bans *bans);
/* The clock was set. */
void sp_bans_reproject(struct sp_bans *bans);

/* NULL: it is not banned by this very prefix. */
const struct sp_ban_row *sp_bans_find(const struct sp_bans *bans, const struct sp_prefix *prefix);
/* A ban of @addr whose end has not come at @at_s, Unix time; NULL: there is none. */
const struct sp_ban_row *sp_bans_holding(const struct sp_bans *bans, const struct sp_addr *addr,
					 int64_t at_s);
/* The first one behind @after, which need not be there still; NULL: the first of all. Returns NULL
 * when there is none. */
const struct sp_ban_row *sp_bans_next(const struct sp_bans *bans, const struct sp_prefix *after);
/* Ban @row->prefix, or give the ban there another end and reason; @row is copied. Returns 0; -ERANGE
 * the prefix is so wide that nobody can mean it; -ENOSPC there are SP_BANS_MAX; -EROFS it holds, and
 * will not outlive a restart of the machine: the database failed; -ENOMEM; another -errno of the
 * plane. */
int sp_bans_put(struct sp_bans *bans, const struct sp_ban_row *row);
/* End the ban of this very prefix. @by: who asked. Returns 0; -ENOENT it is not banned; -errno of the
 * database or the plane: it holds on. */
int sp_bans_remove(struct sp_bans *bans, const struct sp_prefix *prefix, const char *by);

#endif
