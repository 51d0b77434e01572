/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A revision is a policy made ready to run: checked, numbered, compiled for the machine as it was
 * then. The kernel has up to two: the one that runs, and one that is staged and runs next. A
 * session that comes to be has to be known to both, which is what sp_revisions_add_session is for;
 * sessions.c and apply.c stand on this. */
#ifndef SALLYPORT_DAEMON_REVISION_H
#define SALLYPORT_DAEMON_REVISION_H

#include <stdbool.h>

#include "daemon/revisions/routes.h"
#include "plane/plane.h"
#include "policy/load.h"
#include "tables/tables.h"

struct sp_revision {
	uint64_t number;           /* 0: not given yet */
	struct sp_policy *policy;  /* held: revisions of one generation share it, or its text */
	struct sp_gateway gateway; /* its own copy: tables refer to it */
	struct sp_facts facts;     /* of the moment it is compiled for */
	struct sp_tables *tables;
	/* what the plane made of the tables; NULL: nothing yet, or the plane's own, as it is once
	 * the revision runs */
	struct sp_plane_staged *loaded;
	bool is_filled; /* the plane has the rows of the tables; what is appended goes there too */
	char generation[13];
	int64_t applied_ns; /* UTC: when this generation was applied */
	char *who;
	struct sp_routes routes; /* what people's tunnels carry */
};

/* Take the policy over. Returns 0; -ENOMEM (the policy is then freed). */
int sp_revision_new(struct sp_policy *policy, const struct sp_gateway *gateway,
		    const struct sp_facts *facts, struct sp_revision **ret_revision);
/* Give the tables of @revision room for the rows that the tables of @former, of the same policy,
 * have by now, and for those that found no room there. */
void sp_revision_expect(struct sp_revision *revision, const struct sp_revision *former);
/* Free it with its tables, and give up its policy. NULL is allowed. */
void sp_revision_free(struct sp_revision *revision);
static inline void sp_revision_freep(struct sp_revision **revision)
{
	sp_revision_free(*revision);
}

/* The revisions the kernel has. */
struct sp_revisions {
	struct sp_plane *plane;
	struct sp_revision *running; /* NULL: none, or one whose policy cannot be read */
	/* on its way: whoever signs in is added to it too; NULL: none */
	struct sp_revision *staged;
	/* ran before, and may return: the same; then none is staged; NULL: none */
	struct sp_revision *former;
};

/* Where a session stands in each. */
struct sp_standings {
	struct sp_plane_standing in[SP_PLANE_REVISIONS_MAX];
	size_t count;
};

struct sp_live;
struct sp_people;
struct sp_host;

/* Add the rows a session needs to every revision the kernel has, and say where it stands in each.
 * Nothing points at the rows yet. Adding it again gives the same. Returns 0; -ENOENT no revision
 * runs; -EAGAIN one has no room for the rows, a new revision has: make one and ask once more;
 * -ENOMEM; -errno of the plane. */
int sp_revisions_add_session(struct sp_revisions *revisions, const struct sp_live *live,
			     struct sp_standings *ret_standings);
/* The session's groups changed and its classes in the running revision did not: the staged one
 * learns of it, if there is one. Returns 0 or -errno. */
int sp_revisions_stage_session(struct sp_revisions *revisions, const struct sp_live *live);
/* Into the parts of a session of the kernel that are a revision's. */
void sp_standings_put(const struct sp_standings *standings, struct sp_plane_session *session);

/* From now on @revision is the staged one, and no more the caller's. */
void sp_revisions_stage(struct sp_revisions *revisions, struct sp_revision *revision);
/* Give every open session of @people its class in the staged one: from slot *@slot on, until
 * @until_ns (boot time) or a little longer. Returns 1 some are left, and *@slot is where to go on; 0
 * all have it; -E2BIG the tables are full; -errno. */
int sp_revisions_stage_people(struct sp_revisions *revisions, const struct sp_people *people,
			      uint32_t *slot, uint64_t until_ns);
/* Hand its tables to the plane, for the interfaces of @host. sp_plane_stage_fill of ->loaded comes
 * next. Returns 0; -errno, @error says of what. */
int sp_revisions_stage_tables(struct sp_revisions *revisions, const struct sp_host *host,
			      struct sp_plane_error *error);
/* The tables are filled: load the rows that were appended meanwhile too. Returns 0; -EAGAIN more
 * were appended than there is room for; -errno of the plane. */
int sp_revisions_filled(struct sp_revisions *revisions);
/* The staged one runs: it is the running one. The one before it is gone; @keeps: it is the former
 * one, which the plane keeps. */
void sp_revisions_switched(struct sp_revisions *revisions, bool keeps);
/* The former one runs again, and the plane has followed it. Does nothing if there is none. */
void sp_revisions_returned(struct sp_revisions *revisions);
/* The former one does not return. */
void sp_revisions_drop_former(struct sp_revisions *revisions);
/* Give the staged one up, if there is one. */
void sp_revisions_drop_staged(struct sp_revisions *revisions);
/* Give up the staged revision and free the running one. The kernel keeps what runs. */
void sp_revisions_done(struct sp_revisions *revisions);

/* The 12 hex digits shown. Returns @buf. */
char *sp_generation_format(const uint8_t generation[32], char buf[13]);

#endif
