/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport-watchdog: it waits beside sallyportd, and lets the former revision return when an apply
 * is not confirmed in time. It needs neither sallyportd nor a disk for that: it reads and renames a
 * file in /run, and the kernel has both revisions. Nobody starts it for an apply; it runs always,
 * and an apply that finds none is refused. */
#ifndef SALLYPORT_WATCHDOG_WATCHDOG_H
#define SALLYPORT_WATCHDOG_WATCHDOG_H

#include "confirm/window.h"
#include "plane/plane.h"
#include "watchdog/probing.h"

struct sp_watchdog {
	struct sp_loop *loop;
	const struct sp_paths *paths;
	/* As return_former of plane/plane.h. */
	int (*return_former)(void *arg, struct sp_plane_error *error);
	/* A step is done: "watched", "claimed", "returned", "reverted", "confirmed". */
	void (*passed)(void *arg, const char *step);
	void *arg;

	/* Its own. */
	char boot_id[SP_BOOT_ID_MAX];
	bool is_watching;
	struct sp_window window; /* of what it watches */
	struct sp_probing probing;
	struct sp_timer timer;
	struct sp_source folder; /* tells of the files in run_dir */
	char trouble[320];       /* what was said last; it is not said again every second */
};

/* Begin: it looks in the next round, whenever a file of the folder changes, and every second.
 * Returns 0; -errno of the folder or of the boot's id. */
int sp_watchdog_begin(struct sp_watchdog *watchdog);
/* Look now at what is pending, and do what is due. */
void sp_watchdog_look(struct sp_watchdog *watchdog);
/* End. What is pending stays so, for the next one. */
void sp_watchdog_end(struct sp_watchdog *watchdog);

#endif
