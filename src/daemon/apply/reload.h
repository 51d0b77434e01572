/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading sallyport.yaml at the start, and again when asked or on SIGHUP. A file that is read again
 * takes effect whole or not at all. It is read by an apply of its own, beside the loop; that apply
 * then makes a revision of the running policy for what the file lists. */
#ifndef SALLYPORT_DAEMON_RELOAD_H
#define SALLYPORT_DAEMON_RELOAD_H

#include "daemon/apply/applies.h"

/* At the start: read it. @planes: those to choose from. Every fault goes into the log with its place. *@ret_machine is the caller's. Returns 0; -EINVAL it has faults;
 * -errno. */
int sp_reload_read_first(const struct sp_paths *paths, struct sp_plane_list planes,
			 struct sp_machine **ret_machine);

/* A file that is read again. */
struct sp_reload {
	char by[64];                /* who asked */
	struct sp_machine *machine; /* what the file says, until it is taken */
	struct sp_machine *former;  /* what was in force, since another is taken; else NULL */
	struct sp_diagnostics diagnostics; /* of the file */
	/* what the portal reads of it changed: it takes that when it starts again */
	bool is_portal_behind;
	char fault[256]; /* why it is not taken; empty: nothing is known against it */
};

/* @by goes into the log. Returns 0; -ENOMEM. */
int sp_reload_new(const char *by, struct sp_reload **ret_reload);
/* NULL is allowed. */
void sp_reload_free(struct sp_reload *reload);
/* Read the file. May run in a thread beside the loop: of @applies it reads what never changes, its
 * paths and its planes. Returns as sp_reload_read_first, and logs nothing. */
int sp_reload_read(struct sp_reload *reload, const struct sp_applies *applies);
/* Take the file that was read as the machine's file from now on, and put the interfaces that it
 * lists into the second lock. @read is the result of sp_reload_read; if it is an error, it is
 * returned again. Returns 0; -EOPNOTSUPP something in it takes a start of sallyportd; -errno of the
 * network. sp_reload_end follows in any case. */
int sp_reload_take(struct sp_applies *applies, struct sp_reload *reload, int read);
/* The apply is over, with @r and, if that is an error and @reload has no fault, with the words
 * @message. On an error what was in force before is again, and `status` warns. @client is answered;
 * NULL: a signal asked, and systemd is told. */
void sp_reload_end(struct sp_applies *applies, struct sp_reload *reload, struct sp_client *client,
		   int r, const char *message);
/* SIGHUP: read sallyport.yaml again, after the apply that is under way. The log says with what
 * result. */
void sp_reload_by_signal(struct sp_applies *applies);

#endif
